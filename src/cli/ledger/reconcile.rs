//! `dateline ledger reconcile`: what was sent that the ledger does not know of?

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use indicatif::ProgressBar;
use jiff::Timestamp;
use serde::Serialize;

use super::evidence;
use crate::cli::context::Open;
use crate::cli::{CliError, Ctx, Exit, Format, output};
use crate::dispatch::{self, Looked, Route};
use crate::ledger::{Cause, DeliveryId, FoundSent, Ledger, Reply};
use crate::newsroom::ChannelKind;

/// See [`super::Command::Reconcile`].
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A relay's mail log, a list of Message-IDs, or the export of another ledger (`dateline log --format jsonl`)
    #[arg(long, value_name = "FILE")]
    evidence: Vec<PathBuf>,

    /// Do not ask the channels
    #[arg(long)]
    offline: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// So many deliveries are looked at before what was found is recorded.
const PAGE: u32 = 500;

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    /// Why everything is held, if it is.
    held: Option<String>,
    /// Recorded as sent because the evidence names them.
    by_evidence: u64,
    /// Recorded as sent because the destination has them.
    by_looking: u64,
    /// The destination does not have them.
    absent: u64,
    /// Nothing shows whether they were sent; by channel.
    in_doubt: BTreeMap<String, u64>,
    /// Mails in the evidence that belong to no delivery of this ledger.
    unmatched: u64,
}

/// Runs `dateline ledger reconcile`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let mut keys = HashSet::new();
    for path in &args.evidence {
        let file =
            File::open(path).map_err(|error| CliError::usage(format!("`{}`: {error}", path.display())))?;
        evidence::read(BufReader::new(file), &mut keys)?;
    }
    let report = ctx.block_on(reconcile(ctx, &open, args, keys))?;
    match args.format {
        Format::Json => output::print_json(&serde_json::to_value(&report)?)?,
        Format::Human => output::print(&human(&report))?,
    }
    let clear = report.in_doubt.is_empty() && report.absent == 0 && report.unmatched == 0;
    Ok(if clear { Exit::Done } else { Exit::Refused })
}

async fn reconcile(
    ctx: &Ctx,
    open: &Open,
    args: &Args,
    mut keys: HashSet<String>,
) -> Result<Report, CliError> {
    let ledger = open.ledger(ctx).await?;
    let hold = ledger.holds().await?.into_iter().find(|hold| hold.cause == Cause::Restored);
    // Of a ledger that forgot nothing only what is open is in doubt.
    let before = hold.as_ref().map_or(Timestamp::MIN, |hold| hold.since);
    let mut report = Report { held: hold.map(|hold| hold.reason), ..Report::default() };
    let mut routes = Routes { open, asked: !args.offline, known: BTreeMap::new() };
    let bar = ProgressBar::new_spinner().with_message("deliveries looked at");
    let mut after = DeliveryId(0);
    loop {
        let suspects = ledger.suspects(before, after, PAGE).await?;
        let Some(last) = suspects.last() else { break };
        after = last.claim.delivery;
        let mut found = Vec::new();
        for suspect in &suspects {
            bar.inc(1);
            let delivery = suspect.claim.delivery;
            if keys.remove(&suspect.claim.wire_key) {
                report.by_evidence += 1;
                let text = "the evidence of `dateline ledger reconcile` names it".to_owned();
                let reply = Reply { text, ..Reply::default() };
                found.push(FoundSent { delivery, remote_id: None, url: None, reply });
                continue;
            }
            let looked = match routes.get(&suspect.channel) {
                Some(route) => dispatch::look(&ledger, &ctx.clock, route, suspect).await?,
                None => Looked::CannotTell,
            };
            match looked {
                Looked::Sent(seen) => {
                    report.by_looking += 1;
                    found.push(seen);
                }
                Looked::Absent => report.absent += 1,
                Looked::CannotTell => *report.in_doubt.entry(suspect.channel.clone()).or_default() += 1,
            }
        }
        ledger.found_sent(found, &ctx.user(), ctx.clock.now()).await?;
    }
    report.unmatched = unmatched(&ledger, keys).await?;
    bar.finish_and_clear();
    ledger.close(ctx.clock.now()).await?;
    Ok(report)
}

/// How many of `keys` no delivery has.
async fn unmatched(ledger: &Ledger, mut keys: HashSet<String>) -> Result<u64, CliError> {
    let mut after = DeliveryId(0);
    while !keys.is_empty() {
        let page = ledger.log(None, after, 5_000).await?;
        let Some(last) = page.last() else { break };
        after = last.delivery;
        for entry in &page {
            keys.remove(&entry.message_id);
        }
    }
    Ok(keys.len() as u64)
}

/// Channels that can be asked, opened when they are first needed.
struct Routes<'a> {
    open: &'a Open,
    asked: bool,
    known: BTreeMap<String, Option<Route>>,
}

impl Routes<'_> {
    fn get(&mut self, channel: &str) -> Option<&Route> {
        // Neither a relay nor Amazon SES can be asked what it took.
        let mail = self
            .open
            .config
            .channels
            .get(channel)
            .is_none_or(|config| matches!(config.kind(), ChannelKind::Smtp | ChannelKind::Ses));
        if !self.asked || mail {
            return None;
        }
        self.known
            .entry(channel.to_owned())
            .or_insert_with(|| match self.open.route(channel) {
                Ok(route) => Some(route),
                Err(error) => {
                    output::note(format_args!("{channel} cannot be asked: {}", error.message));
                    None
                }
            })
            .as_ref()
    }
}

fn human(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |count: u64, words: &str| {
        if count > 0 {
            text.push_str(&format!("{count:>8}  {words}\n"));
        }
    };
    line(report.by_evidence, "recorded as sent: the evidence names them");
    line(report.by_looking, "recorded as sent: the destination has them");
    line(report.absent, "were not sent: the destination does not have them");
    for (channel, count) in &report.in_doubt {
        line(*count, &format!("in doubt on {channel}: nothing shows whether they were sent"));
    }
    line(
        report.unmatched,
        "mails in the evidence belong to no delivery here: issue their releases while the hold stands \
         (`dateline issue SLUG --late`), then reconcile again",
    );
    if text.is_empty() {
        text.push_str("Nothing is in doubt.\n");
    }
    match &report.held {
        Some(reason) => {
            text.push_str(&format!(
                "\nEverything is held: {reason}.\n`dateline resume --after-restore` goes on.\n"
            ));
        }
        None => text.push_str("\nThe ledger is not held for a restore.\n"),
    }
    text
}
