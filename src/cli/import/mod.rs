//! `dateline import`: other people's files become releases. Nothing is lost; what did not fit is reported.

mod convert;
mod front;
mod html;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{CliError, Ctx, Exit, Format, output};
use crate::load;
use convert::{Converted, Defaults};

/// Turn Markdown with front matter from Hugo, Jekyll, Zola or Eleventy into releases
///
/// Writes `releases/YEAR/SLUG.md` (a folder where there are pictures) and never overwrites a file. Keys,
/// shortcodes and pictures that have no place in a release are kept as comments in its front matter and
/// reported. What is dated in the future becomes a draft.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to read, with everything below it
    dir: PathBuf,

    /// Address that links beginning with `/` are completed with
    #[arg(long, value_name = "URL")]
    site: Option<String>,

    /// Audiences of the imported releases [default: all]
    #[arg(long, value_delimiter = ',')]
    audiences: Vec<String>,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What became of one file.
struct Line {
    from: String,
    outcome: Result<String, String>,
    notes: Vec<String>,
}

/// Runs `dateline import`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    let newsroom = load::work_tree(&dir)?;
    let audiences = match args.audiences.as_slice() {
        [] => newsroom.audiences.keys().cloned().collect(),
        given => given.to_vec(),
    };
    let defaults = Defaults {
        audiences,
        contacts: newsroom.contacts.keys().take(1).cloned().collect(),
        boilerplate: newsroom.boilerplate.keys().take(1).cloned().collect(),
        site: args.site.clone(),
        now: ctx.clock.now(),
    };
    let mut files = Vec::new();
    walk(&args.dir, &mut files)?;
    files.sort();
    let mut taken: BTreeSet<String> = newsroom.sources.iter().map(|source| source.path.clone()).collect();
    let mut lines = Vec::new();
    for file in files {
        let from = file.strip_prefix(&args.dir).unwrap_or(&file).to_string_lossy().replace('\\', "/");
        let outcome = one(&dir, &args.dir, &file, &from, &defaults, &mut taken, args.dry_run);
        let (outcome, notes) = match outcome {
            Ok((path, notes)) => (Ok(path), notes),
            Err(error) => (Err(error), Vec::new()),
        };
        lines.push(Line { from, outcome, notes });
    }
    report(&lines, args)?;
    Ok(if lines.iter().all(|line| line.outcome.is_ok()) { Exit::Done } else { Exit::Refused })
}

fn one(
    dir: &Path,
    root: &Path,
    file: &Path,
    from: &str,
    defaults: &Defaults,
    taken: &mut BTreeSet<String>,
    dry_run: bool,
) -> Result<(String, Vec<String>), String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    let parts = front::split(&text)?.ok_or("it has no front matter")?;
    let find = |source: &str| picture(root, file, source).is_some();
    let converted = convert::convert(from, &parts, defaults, &find)?;
    let Converted { slug, translation, year, text, pictures, notes } = converted;
    let suffix = translation.map(|language| format!(".{language}")).unwrap_or_default();
    let folder = format!("releases/{year}/{slug}");
    let path = if pictures.is_empty() {
        format!("{folder}{suffix}.md")
    } else {
        format!("{folder}/index{suffix}.md")
    };
    if !taken.insert(path.clone()) || dir.join(&path).exists() {
        return Err(format!("`{path}` exists already"));
    }
    if !dry_run {
        let target = dir.join(&path);
        let parent = target.parent().unwrap_or(dir);
        std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
        for (source, name) in &pictures {
            if let Some(found) = picture(root, file, source) {
                std::fs::copy(found, parent.join(name)).map_err(|error| error.to_string())?;
            }
        }
        std::fs::write(&target, text).map_err(|error| error.to_string())?;
    }
    Ok((path, notes))
}

/// Where the picture `source` is: beside the text, below the folder, or below its `static`, `assets` or `public`.
fn picture(root: &Path, file: &Path, source: &str) -> Option<PathBuf> {
    if source.contains("://") || source.starts_with("//") || source.split('/').any(|part| part == "..") {
        return None;
    }
    let below = source.trim_start_matches('/');
    let mut places = vec![root.join(below)];
    if let (false, Some(parent)) = (source.starts_with('/'), file.parent()) {
        places.insert(0, parent.join(below));
    }
    for base in [Some(root), root.parent(), root.parent().and_then(Path::parent)].into_iter().flatten() {
        places.extend(["static", "assets", "public"].map(|name| base.join(name).join(below)));
    }
    places.into_iter().find(|place| std::fs::symlink_metadata(place).is_ok_and(|meta| meta.is_file()))
}

/// Every Markdown file below `dir` that is an item; symbolic links are not followed.
fn walk(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let entries = std::fs::read_dir(dir).map_err(|error| {
        CliError::usage(format!("cannot read `{}`: {error}", dir.display()))
            .hint("give the folder with the Markdown files")
    })?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') && name != "node_modules" {
            walk(&path, files)?;
        } else if kind.is_file() {
            let markdown =
                [".md", ".markdown"].iter().any(|extension| name.to_ascii_lowercase().ends_with(extension));
            // `_index.md` is a section of a site, and a README is about the folder.
            if markdown && !name.starts_with("_index.") && !name.to_ascii_lowercase().starts_with("readme.") {
                files.push(path);
            }
        }
    }
    Ok(())
}

fn report(lines: &[Line], args: &Args) -> Result<(), CliError> {
    let imported = lines.iter().filter(|line| line.outcome.is_ok()).count();
    if args.format == Format::Json {
        let files: Vec<serde_json::Value> = lines
            .iter()
            .map(|line| {
                serde_json::json!({
                    "from": line.from,
                    "to": line.outcome.as_ref().ok(),
                    "error": line.outcome.as_ref().err(),
                    "notes": line.notes,
                })
            })
            .collect();
        output::print_json(&serde_json::json!({
            "files": files, "imported": imported, "refused": lines.len() - imported,
        }))?;
        return Ok(());
    }
    let mut text = String::new();
    for line in lines {
        match &line.outcome {
            Ok(to) => text.push_str(&format!("{} -> {to}\n", line.from)),
            Err(error) => text.push_str(&format!("{}: not imported: {error}\n", line.from)),
        }
        for note in &line.notes {
            text.push_str(&format!("    {note}\n"));
        }
    }
    let verb = if args.dry_run { "would be imported" } else { "imported" };
    text.push_str(&format!("{imported} {verb}, {} refused\n", lines.len() - imported));
    output::print(&text)?;
    Ok(())
}
