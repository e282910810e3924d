//! `dateline init`: a newsroom to start from.

use std::path::{Path, PathBuf};

use super::{CliError, Ctx, Exit, output};

/// Start a newsroom
///
/// Writes a small, complete newsroom that `check`, `plan` and `preview` work on at once: mail goes
/// into a folder until you configure a relay. Existing files are never overwritten.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder; made if it does not exist
    dir: PathBuf,
}

/// What a new newsroom consists of. `RELEASE` stands for the first release, whose time depends on the day.
const FILES: &[(&str, &str)] = &[
    ("dateline.yaml", include_str!("dateline.yaml")),
    ("audiences/press.yaml", include_str!("press.yaml")),
    ("audiences/public.yaml", include_str!("public.yaml")),
    (
        ".gitignore",
        "# What Dateline writes here; the ledger is the record and is backed up, not committed.\n/state/\n/site/\n/archive/\n",
    ),
];

/// Runs `dateline init`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = &args.dir;
    if let Some((taken, _)) = FILES.iter().find(|(path, _)| dir.join(path).exists()) {
        return Err(CliError::refused(format!("`{}` exists already", dir.join(taken).display()))
            .hint("choose an empty folder, or add what is missing by hand"));
    }
    for (path, text) in FILES {
        write(&dir.join(path), text)?;
    }
    let publish = super::new::next_morning(&ctx.clock.now().to_zoned(jiff::tz::TimeZone::UTC));
    let release =
        include_str!("hello.md").replace("PUBLISH", &publish.strftime("%Y-%m-%dT%H:%M").to_string());
    write(&dir.join(format!("releases/{}/hello-world.md", publish.year())), &release)?;
    output::say(format_args!("{}", dir.display()))?;
    eprintln!(
        "Next:\n  cd {}\n  git init && git add -A && git commit -m 'A newsroom'\n  dateline check\n  dateline preview",
        dir.display()
    );
    Ok(Exit::Done)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut file = std::fs::File::create_new(path)?;
    std::io::Write::write_all(&mut file, text.as_bytes())
}
