//! `dateline resolve`: decide the deliveries whose outcome is unknown.

use clap::ValueEnum;

use super::{CliError, Ctx, Exit, Format, output};
use crate::ledger::{Decision, DeliveryId, Reply};

/// List or decide the deliveries of which nobody knows whether they arrived
///
/// Without a delivery it lists them with what is known. Look at the relay's log or the account, then say
/// what you found; the decision and your name are recorded.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The delivery's number, as the list shows it
    delivery: Option<i64>,

    /// What is to be recorded
    #[arg(long = "as", value_enum, requires = "delivery")]
    outcome: Option<Verdict>,

    /// How you know
    #[arg(long, default_value = "decided by hand")]
    evidence: String,

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

/// Runs `dateline resolve`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    ctx.block_on(async {
        let ledger = open.ledger(ctx).await?;
        let Some(delivery) = args.delivery else {
            let entries = ledger.unresolved(DeliveryId(0), 1_000).await?;
            match args.format {
                Format::Json => output::print_json(&serde_json::json!({ "deliveries": entries }))?,
                Format::Human if entries.is_empty() => output::print("Every outcome is known.\n")?,
                Format::Human => {
                    let mut text = String::new();
                    for entry in &entries {
                        let id = entry.delivery.0;
                        text.push_str(&format!(
                            "{id}  {}\n",
                            super::log::line(entry, &open.newsroom.timezone)
                        ));
                    }
                    text.push_str(
                        "\nDecide with `dateline resolve NUMBER --as sent|resend|failed --evidence TEXT`.\n",
                    );
                    output::print(&text)?;
                }
            }
            return Ok(if entries.is_empty() { Exit::Done } else { Exit::Refused });
        };
        let decision = match args.outcome {
            Some(Verdict::Sent) => Decision::Sent,
            Some(Verdict::Resend) => Decision::Resend,
            Some(Verdict::Failed) => Decision::Failed,
            None => {
                return Err(CliError::usage("say what is to be recorded").hint("--as sent, resend or failed"));
            }
        };
        let evidence = Reply { code: None, enhanced: None, text: args.evidence.clone() };
        let now = ctx.clock.now();
        let state = ledger.resolve(DeliveryId(delivery), decision, &ctx.user(), evidence, now).await?;
        ledger.close(now).await?;
        output::say(format_args!("{delivery} is {state}"))?;
        Ok(Exit::Done)
    })
}
