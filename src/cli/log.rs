//! `dateline log`: deliveries and attempts, oldest first.

use clap::ValueEnum;

use super::{CliError, Ctx, Exit, output};
use crate::ledger::{DeliveryId, LogEntry};

/// Deliveries and attempts; `--format jsonl` is the export
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only this release
    slug: Option<String>,

    /// The form: for people (addresses masked), or one JSON object a line (addresses in full)
    #[arg(long, value_enum, default_value_t)]
    format: Lines,
}

/// The form of a long list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Lines {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    #[value(alias = "json")]
    Jsonl,
}

/// Deliveries read at a time: a million are never held in memory.
const PAGE: u32 = 1_000;

/// Runs `dateline log`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let mut after = DeliveryId(0);
        loop {
            let page = ledger.log(args.slug.as_deref(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.delivery;
            let mut text = String::new();
            for entry in &page {
                match args.format {
                    Lines::Jsonl => text.push_str(&serde_json::to_string(entry)?),
                    Lines::Human => text.push_str(&line(entry, &open.newsroom.timezone)),
                }
                text.push('\n');
            }
            output::print(&text)?;
        }
        match &args.slug {
            Some(slug) if after == DeliveryId(0) => {
                Err(CliError::refused(format!("the ledger holds nothing of `{slug}`"))
                    .hint("`dateline status` lists what it holds"))
            }
            _ => Ok(Exit::Done),
        }
    })
}

pub fn line(entry: &LogEntry, zone: &jiff::tz::TimeZone) -> String {
    let time = |at: jiff::Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let mut text = format!(
        "{}  {:<11} {} {} by {} to {}",
        time(entry.sent_at.unwrap_or(entry.due)),
        entry.state.to_string(),
        entry.release,
        entry.notice.as_str(),
        entry.channel,
        entry.recipient.masked(),
    );
    if let Some(url) = &entry.url {
        text.push_str(&format!("  {url}"));
    }
    for attempt in &entry.attempts {
        for result in &attempt.results {
            let late = if result.late { " (late)" } else { "" };
            text.push_str(&format!(
                "\n    try {} at {}: {}{late}: {}",
                attempt.no,
                time(attempt.at),
                result.outcome,
                result.reply
            ));
        }
    }
    text
}
