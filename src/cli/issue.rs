//! `dateline issue`: freeze what is approved into the ledger.

use super::{CliError, Ctx, Exit, Format, output};
use crate::daemon::{self, Options, Report};
use crate::load;

/// Freeze what is approved and due to be scheduled into the ledger
///
/// Issues from a commit, never from files that are not committed. The daemon does the same for each
/// commit of its branch.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this release
    slug: Option<String>,

    /// The commit
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    at: String,

    /// Also send what is first seen long after its time
    #[arg(long)]
    late: bool,

    /// Also move what was issued for another instant than its words mean now, because the rules of a time zone changed
    #[arg(long)]
    moved: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline issue`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let git = open.git_dir()?;
    let revision = load::resolve(&git, &args.at)?;
    let newsroom = load::commit(&git, &revision)?;
    super::context::refuse_broken(&newsroom)?;
    if let Some(slug) = args.slug.as_ref().filter(|slug| !newsroom.releases.contains_key(*slug)) {
        return Err(CliError::refused(format!("there is no release `{slug}` without errors at {revision}"))
            .hint("`dateline check` says what is wrong; commit first, for only commits are issued"));
    }
    let report = ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let by = ctx.user();
        let options = Options { late: args.late, moved: args.moved, only: args.slug.as_deref(), by: &by };
        let report = daemon::issue(&ledger, &newsroom, ctx.clock.now(), options).await?;
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(report)
    })?;
    match args.format {
        Format::Json => output::print_json(&json(&revision, &report))?,
        Format::Human => output::print(&human(&revision, &report))?,
    }
    Ok(if report.failed.is_empty() && report.moved.is_empty() { Exit::Done } else { Exit::Refused })
}

fn json(revision: &str, report: &Report) -> serde_json::Value {
    let issued: Vec<_> = report
        .issued
        .iter()
        .map(|(slug, issued)| serde_json::json!({ "slug": slug, "issued": issued }))
        .collect();
    let failed: Vec<_> = report
        .failed
        .iter()
        .map(|failed| serde_json::json!({ "slug": failed.slug, "error": failed.error }))
        .collect();
    serde_json::json!({ "revision": revision, "releases": issued, "failed": failed, "moved": report.moved })
}

fn human(revision: &str, report: &Report) -> String {
    let mut text = String::new();
    for (slug, issued) in &report.issued {
        let parts = [
            (issued.created, "new"),
            (issued.superseded, "replaced by the newer text"),
            (issued.cancelled, "cancelled"),
            (issued.notices, "notices to those who have an older text"),
            (issued.suppressed, "left out: must not be contacted"),
            (issued.open, "wait for an outcome"),
        ];
        let parts: Vec<String> = parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        text.push_str(&format!("{slug}: {}\n", parts.join(", ")));
    }
    for failed in &report.failed {
        text.push_str(&format!("{}: not issued: {}\n", failed.slug, failed.error));
    }
    for moved in &report.moved {
        text.push_str(&format!("{moved}\n"));
    }
    if report.issued.is_empty() && report.failed.is_empty() && report.moved.is_empty() {
        text.push_str("Nothing to issue: the ledger holds everything as it is.\n");
    }
    text.push_str(&format!("at {}\n", &revision[..revision.len().min(12)]));
    text
}
