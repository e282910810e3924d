//! `dateline resolve`: decide the deliveries whose outcome is unknown.

mod ask;

use std::io::{BufRead, IsTerminal as _};

use clap::ValueEnum;
use jiff::tz::TimeZone;

use super::{CliError, Ctx, Exit, Format, output};
use crate::ledger::{Decision, DeliveryId, Ledger, LedgerError, LogEntry, Reply, State};
use ask::{Answer, Choice};

/// Decide the deliveries of which nobody knows whether they arrived, or which Dateline broke off at
///
/// On a terminal it shows each with what is known, and asks. Elsewhere, and with `--list`, it lists them.
/// Look at the relay's log or the account, then say what you found; the decision and your name are recorded.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The deliveries' numbers, as the list shows them
    deliveries: Vec<i64>,

    /// What is to be recorded of them
    #[arg(long = "as", value_enum)]
    outcome: Option<Verdict>,

    /// How you know
    #[arg(long, default_value = "decided by hand")]
    evidence: String,

    /// Only those of this release
    #[arg(long, value_name = "SLUG")]
    release: Option<String>,

    /// Only those in this state
    #[arg(long, value_enum)]
    state: Option<Open>,

    /// List them, and ask nothing
    #[arg(long)]
    list: bool,

    /// The form of the list
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What a person found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Verdict {
    /// It arrived.
    Sent,
    /// It did not: send it again, the same bytes.
    Resend,
    /// Give it up.
    Failed,
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Decision {
        match verdict {
            Verdict::Sent => Decision::Sent,
            Verdict::Resend => Decision::Resend,
            Verdict::Failed => Decision::Failed,
        }
    }
}

/// A state that a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Open {
    /// The answer was lost; the destination is still being looked at.
    Unknown,
    /// Unknown, and nothing more can be found out.
    Parked,
    /// Dateline broke off at it, twice; it has not left.
    Quarantined,
}

impl From<Open> for State {
    fn from(open: Open) -> State {
        match open {
            Open::Unknown => State::Unknown,
            Open::Parked => State::Parked,
            Open::Quarantined => State::Quarantined,
        }
    }
}

/// Runs `dateline resolve`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let desk = Desk { ctx, ledger: &ledger, evidence: &args.evidence };
        let exit = match (args.outcome, args.deliveries.is_empty()) {
            (Some(verdict), false) => {
                let deliveries: Vec<DeliveryId> = args.deliveries.iter().copied().map(DeliveryId).collect();
                desk.decide_all(deliveries, verdict.into(), args.format).await?
            }
            (Some(verdict), true) => {
                if args.release.is_none() && args.state.is_none() {
                    return Err(CliError::usage("say which deliveries are meant")
                        .hint("their numbers, --release SLUG, or --state parked"));
                }
                let entries = entries(&ledger, args).await?;
                let deliveries = entries.iter().map(|entry| entry.delivery).collect();
                desk.decide_all(deliveries, verdict.into(), args.format).await?
            }
            (None, false) => {
                return Err(CliError::usage("say what is to be recorded").hint("--as sent, resend or failed"));
            }
            (None, true) => {
                let entries = entries(&ledger, args).await?;
                let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
                if terminal && !args.list && args.format == Format::Human && !entries.is_empty() {
                    desk.ask(&entries, &open.newsroom.timezone, &mut std::io::stdin().lock()).await?
                } else {
                    list(&entries, &open.newsroom.timezone, args.format)?
                }
            }
        };
        ledger.close(ctx.clock.now()).await?;
        Ok(exit)
    })
}

/// Everything that a person may decide, and that `args` means.
async fn entries(ledger: &Ledger, args: &Args) -> Result<Vec<LogEntry>, LedgerError> {
    const PAGE: u32 = 1_000;
    let meant = |entry: &LogEntry| {
        args.release.as_ref().is_none_or(|slug| *slug == entry.release)
            && args.state.is_none_or(|state| State::from(state) == entry.state)
    };
    let (mut all, mut after) = (Vec::new(), DeliveryId(0));
    loop {
        let page = ledger.unresolved(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.delivery;
        all.extend(page.into_iter().filter(meant));
    }
}

fn list(entries: &[LogEntry], zone: &TimeZone, format: Format) -> Result<Exit, CliError> {
    match format {
        Format::Json => output::print_json(&serde_json::json!({ "deliveries": entries }))?,
        Format::Human if entries.is_empty() => output::print("Every outcome is known.\n")?,
        Format::Human => {
            let mut text = String::new();
            for entry in entries {
                text.push_str(&format!("{}  {}\n", entry.delivery.0, super::log::line(entry, zone)));
            }
            text.push_str(
                "\nDecide with `dateline resolve NUMBER --as sent|resend|failed --evidence TEXT`, or on a \
                 terminal with `dateline resolve` alone.\n",
            );
            output::print(&text)?;
        }
    }
    Ok(if entries.is_empty() { Exit::Done } else { Exit::Refused })
}

struct Desk<'a> {
    ctx: &'a Ctx,
    ledger: &'a Ledger,
    evidence: &'a str,
}

impl Desk<'_> {
    async fn decide(&self, delivery: DeliveryId, decision: Decision) -> Result<State, LedgerError> {
        let evidence = Reply { code: None, enhanced: None, text: self.evidence.to_owned() };
        self.ledger.resolve(delivery, decision, &self.ctx.user(), evidence, self.ctx.clock.now()).await
    }

    /// Decides them all alike. The first that cannot be decided so ends it; those before it are decided.
    async fn decide_all(
        &self,
        deliveries: Vec<DeliveryId>,
        decision: Decision,
        format: Format,
    ) -> Result<Exit, CliError> {
        let mut decided = Vec::new();
        let mut refused = None;
        for delivery in deliveries {
            match self.decide(delivery, decision).await {
                Ok(state) => decided.push((delivery, state)),
                Err(error) => {
                    refused = Some(error);
                    break;
                }
            }
        }
        match format {
            Format::Json => {
                let decided: Vec<_> = decided
                    .iter()
                    .map(|(delivery, state)| serde_json::json!({ "delivery": delivery, "state": state }))
                    .collect();
                output::print_json(&serde_json::json!({ "decided": decided }))?;
            }
            Format::Human => {
                for (delivery, state) in &decided {
                    output::say(format_args!("{} is {state}", delivery.0))?;
                }
                if decided.is_empty() && refused.is_none() {
                    output::say("Nothing of that is open.")?;
                }
            }
        }
        refused.map_or(Ok(Exit::Done), |error| Err(error.into()))
    }

    /// Shows each and asks.
    async fn ask(
        &self,
        entries: &[LogEntry],
        zone: &TimeZone,
        input: &mut impl BufRead,
    ) -> Result<Exit, CliError> {
        let mut left = entries.len();
        let mut alike: Vec<(String, State, Choice)> = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let said = alike
                .iter()
                .find(|(release, state, _)| *release == entry.release && *state == entry.state)
                .map(|(.., choice)| *choice);
            let choice = match said {
                Some(choice) => choice,
                None => {
                    output::print(&ask::shown(entry, at + 1, entries.len(), zone))?;
                    match ask::answer(entry.state, input, output::print)? {
                        Answer::One(choice) => choice,
                        Answer::All(choice) => {
                            alike.push((entry.release.clone(), entry.state, choice));
                            choice
                        }
                        Answer::Quit => break,
                    }
                }
            };
            let Choice::Decide(decision) = choice else { continue };
            match self.decide(entry.delivery, decision).await {
                Ok(state) => {
                    left -= 1;
                    output::say(format_args!("{} is {state}", entry.delivery.0))?;
                }
                // Evidence may have come while the question stood.
                Err(error @ LedgerError::Refused(_)) => output::say(error)?,
                Err(error) => return Err(error.into()),
            }
        }
        if left == 0 {
            output::say("Every outcome is known.")?;
            return Ok(Exit::Done);
        }
        output::say(format_args!("{left} are left."))?;
        Ok(Exit::Refused)
    }
}
