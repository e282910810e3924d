//! `dateline preview`: the editors' view in the browser.

mod record;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{CliError, Ctx, Exit};
use crate::load;
use crate::preview::export::{ExportError, Wish, export};
use crate::preview::{Options, Preview, PreviewError, Records};
use record::Record;

/// The port where nobody asks for another.
const PORT: u16 = 4680;

/// See every release, audience and channel in the browser while you write
///
/// Serves on this machine alone, shows what is wrong beside what its readers will see, and follows
/// every save. It cannot send or change anything: where there is a ledger, it reads the contact book and
/// what was issued, and writes nothing. Open the printed address; it is a new one after every start. Ctrl-C
/// ends it.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The port on 127.0.0.1 [default: 4680, or any that is free]
    #[arg(long)]
    port: Option<u16>,

    /// Open the browser
    #[arg(long)]
    open: bool,

    /// What opens a line that a finding points at: vscode, vscodium, cursor, zed, idea, sublime, none, or an address with {file},
    /// {line} and {column} in it
    #[arg(long, value_name = "EDITOR", default_value = "vscode", env = "DATELINE_EDITOR")]
    editor: String,

    /// Write a bundle of watermarked files into this folder instead, for a pull request: the releases that are to come and of the last
    /// week, with a PNG picture of every card where there is Chromium
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,

    /// With --export: only releases that differ from this commit
    #[arg(long, value_name = "REV", requires = "export")]
    since: Option<String>,

    /// With --export: take no pictures
    #[arg(long, requires = "export")]
    no_pictures: bool,

    /// With --export: these releases
    #[arg(requires = "export", value_name = "SLUG")]
    slugs: Vec<String>,

    /// Without the ledger: no contact book, nothing that was issued
    #[arg(long)]
    files_only: bool,
}

/// Runs `dateline preview`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    if let Some(out) = &args.export {
        return write_bundle(ctx, args, &dir, out);
    }
    // Deeply nested text is parsed and rendered by recursion.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build()?;
    let editor = editor(&args.editor)?;
    runtime.block_on(async {
        let records = if args.files_only { None } else { records(ctx).await };
        let stop = CancellationToken::new();
        super::signals::stop_on(&stop);
        let options = |port| Options {
            dir: dir.clone(),
            port,
            clock: ctx.clock.clone(),
            records: records.clone(),
            editor: editor.clone(),
        };
        let preview = match Preview::open(options(args.port.unwrap_or(PORT)), stop.clone()).await {
            Err(PreviewError::Port { .. }) if args.port.is_none() => Preview::open(options(0), stop).await?,
            other => other?,
        };
        let address = preview.address();
        super::output::print(&format!("{address}\n"))?;
        eprintln!("Serving {} on this machine alone; it cannot send. Ctrl-C ends it.", dir.display());
        if let Some(reason) = &preview.slow {
            eprintln!("The system tells of no changes ({reason}); they are looked for every two seconds.");
        }
        if args.open && !browse(&address) {
            eprintln!("No browser could be started; open the address above.");
        }
        preview.serve().await?;
        Ok(Exit::Done)
    })
}

/// Runs `dateline preview --export DIR`.
fn write_bundle(ctx: &Ctx, args: &Args, dir: &Path, out: &Path) -> Result<Exit, CliError> {
    let newsroom = Arc::new(load::work_tree(dir)?);
    super::context::refuse_broken(&newsroom)?;
    let absolute = std::path::absolute(dir)?;
    let wish = Wish {
        newsroom,
        out,
        slugs: &args.slugs,
        since: args.since.as_deref(),
        dir: &absolute,
        pictures: !args.no_pictures,
        now: ctx.clock.now(),
    };
    let done = export(&wish).map_err(|error| match error {
        ExportError::Nothing(_) => CliError::refused(error),
        ExportError::Write { .. } | ExportError::Random => CliError::outside(error),
    })?;
    super::output::print(&format!("{}\n", done.index.display()))?;
    eprintln!(
        "{} editions of {}, {} pictures. The names in it cannot be guessed; who gets the folder sees everything.",
        done.editions,
        done.releases.join(", "),
        done.pictures
    );
    if let Some(trouble) = done.trouble {
        eprintln!("{trouble}.");
    }
    Ok(Exit::Done)
}

/// The record where there is one; what stands in its way is told, and the files are shown without it.
async fn records(ctx: &Ctx) -> Option<Arc<dyn Records>> {
    match Record::open(ctx).await {
        Ok(Some(record)) => Some(Arc::new(record)),
        Ok(None) => None,
        Err(error) => {
            eprintln!("The ledger cannot be read, so there is no contact book here: {}", error.message);
            None
        }
    }
}

/// Editors that open a line by an address of their own.
const EDITORS: [(&str, &str); 6] = [
    ("vscode", "vscode://file{file}:{line}:{column}"),
    ("vscodium", "vscodium://file{file}:{line}:{column}"),
    ("cursor", "cursor://file{file}:{line}:{column}"),
    ("zed", "zed://file{file}:{line}:{column}"),
    ("idea", "idea://open?file={file}&line={line}&column={column}"),
    ("sublime", "subl://open?url=file://{file}&line={line}&column={column}"),
];

/// What opens a line; nothing for none.
fn editor(name: &str) -> Result<Option<String>, CliError> {
    if name == "none" {
        return Ok(None);
    }
    if let Some((_, address)) = EDITORS.iter().find(|(known, _)| *known == name) {
        return Ok(Some((*address).to_owned()));
    }
    // A page's address that runs a script is none of an editor's.
    let scheme = name.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    let good = scheme.is_some_and(|scheme| {
        scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
            && !["javascript", "data", "vbscript", "file", "blob", ""].contains(&scheme.as_str())
    });
    if good && name.contains("{file}") {
        return Ok(Some(name.to_owned()));
    }
    let known = EDITORS.map(|(name, _)| name).join(", ");
    Err(CliError::usage(format!("`{name}` is no editor")).hint(format!(
        "there are {known}, none, or an address such as `vscode://file{{file}}:{{line}}:{{column}}`"
    )))
}

/// Hands the address to the desktop's browser; whether that could be started.
fn browse(address: &str) -> bool {
    let opener = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let quiet = Stdio::null;
    Command::new(opener).arg(address).stdin(quiet()).stdout(quiet()).stderr(quiet()).spawn().is_ok()
}

impl From<PreviewError> for CliError {
    fn from(error: PreviewError) -> CliError {
        match error {
            PreviewError::Port { .. } => {
                CliError::outside(error).hint("choose another port with --port, or none for any that is free")
            }
            PreviewError::Load(_) | PreviewError::Random => CliError::outside(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_editor_is_known_or_has_an_address_of_its_own() {
        for (name, expected) in [
            ("vscode", Some(Some("vscode://file{file}:{line}:{column}"))),
            ("none", Some(None)),
            ("mine://open?f={file}", Some(Some("mine://open?f={file}"))),
            ("emacs", None),
            ("mine://open", None),
            ("javascript:alert('{file}')", None),
            ("JavaScript:{file}", None),
            (" javascript:{file}", None),
        ] {
            assert_eq!(editor(name).ok(), expected.map(|address| address.map(str::to_owned)), "{name}");
        }
    }
}
