//! `dateline schema`: JSON Schemas, for editors.

use std::path::PathBuf;

use super::{CliError, Exit, output};
use crate::config;

/// Print or write the JSON Schema of every file that people write
///
/// Editors with YAML support complete and check front matter with them; docs/editors.md shows how.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this one: dateline, release or audience
    which: Option<String>,

    /// Write `dateline.schema.json`, `release.schema.json`, `audience.schema.json` into this folder
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Runs `dateline schema`.
pub fn run(args: &Args) -> Result<Exit, CliError> {
    let mut schemas = config::schemas();
    if let Some(which) = &args.which {
        schemas.retain(|(name, _)| name == which);
        if schemas.is_empty() {
            return Err(CliError::usage(format!("there is no schema named `{which}`"))
                .hint("there are dateline, release and audience"));
        }
    }
    match &args.out {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            for (name, schema) in schemas {
                std::fs::write(dir.join(format!("{name}.schema.json")), format!("{schema:#}\n"))?;
            }
        }
        None if schemas.len() == 1 => output::print_json(&schemas[0].1)?,
        None => output::print_json(
            &schemas.into_iter().map(|(n, s)| (n.to_owned(), s)).collect::<serde_json::Map<_, _>>(),
        )?,
    }
    Ok(Exit::Done)
}
