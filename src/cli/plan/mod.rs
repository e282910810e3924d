//! `dateline plan`: what would be delivered, to whom and when, and what is left out.

mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeSet;

use super::{CliError, Ctx, Exit, Format, output};
use crate::finding::Severity;
use crate::{daemon, load, plan};

use table::table;

/// Show who gets what, when, by which channel, who is left out and why
///
/// Nothing is written. The plan is made of the files as they are, against what the ledger holds.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this release
    slug: Option<String>,

    /// Of this commit instead of the files as they are
    #[arg(long, value_name = "REV")]
    at: Option<String>,

    /// As `issue --late` would do it
    #[arg(long)]
    late: bool,

    /// Also what is done and what is blocked for long
    #[arg(long)]
    all: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline plan`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let committed = match &args.at {
        Some(revision) => {
            let git = open.git_dir()?;
            Some(load::commit(&git, &load::resolve(&git, revision)?)?)
        }
        None => None,
    };
    let newsroom = committed.as_ref().unwrap_or(&open.newsroom);
    if let Some(slug) = &args.slug {
        super::known_release(newsroom, slug)?;
    }
    let mut plan = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        Ok(daemon::plan(&ledger, newsroom, ctx.clock.now(), args.late).await?)
    })?;
    if let Some(slug) = &args.slug {
        plan.releases.retain(|planned| planned.slug == *slug || planned.digest_of.contains(slug));
    }
    match args.format {
        Format::Json => output::print_json(&plan::json(&plan))?,
        Format::Human => {
            let everything = args.all || args.slug.is_some();
            output::write(|out| table(out, &plan, newsroom, output::width(), everything))?;
        }
    }
    let broken: BTreeSet<&str> = newsroom
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.file.as_str())
        .collect();
    if !broken.is_empty() {
        eprintln!("{} files have errors and are not planned; `dateline check` says which.", broken.len());
    }
    let exit = if broken.is_empty() { Exit::Done } else { Exit::Refused };
    // The program ends here: the system takes all of it back at once, which is faster than taking it apart.
    std::mem::forget((plan, committed, open));
    Ok(exit)
}
