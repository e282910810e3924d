//! `dateline dispatch`: send what is due.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{CliError, Ctx, Exit, Format, output, progress};
use crate::daemon::Watch;
use crate::dispatch::{Dispatch, Tally};
use crate::ledger::{Cause, Ledger, Scope, State};

/// Send what is due, until nothing is
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Keep going: send whatever becomes due, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// The form of the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline dispatch`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let open = ctx.open()?;
    let tally = ctx.block_on(async {
        let ledger = open.ledger_for_dispatch(ctx).await?;
        let routes = open.routes()?;
        // The clock is judged before anything can leave.
        let mut watch = Watch::new(
            ctx.clock.clone(),
            ledger.clone(),
            &open.ledger_folder(),
            open.config.clock.clone(),
            super::witnesses::of(&open.config.clock)?,
        );
        for problem in [watch.tick().await?, held(&ledger).await?].into_iter().flatten() {
            output::note(problem);
        }
        let waiting = ledger.next_due(ctx.clock.now()).await?.len();
        let shown = progress::Deliveries::new(waiting > 0);
        let observer = {
            let shown = shown.clone();
            Arc::new(move |event| shown.show(&event))
        };
        let dispatch = Dispatch::new(ledger.clone(), routes, ctx.clock.clone(), ctx.owner(), observer);
        open.begin(&dispatch).await?;
        let stop = CancellationToken::new();
        super::signals::stop_on(&stop);
        let ahead = args.watch.then(|| {
            let (dispatch, stop) = (dispatch.clone(), stop.clone());
            tokio::spawn(async move { dispatch.work_ahead(&stop).await })
        });
        let mut tally = dispatch.drain(&stop).await?;
        while args.watch && !stop.is_cancelled() {
            let Some(due) = ledger.next_due(ctx.clock.now()).await?.into_iter().map(|(_, at)| at).min()
            else {
                let poll = ctx.clock.now() + jiff::SignedDuration::from_secs(5);
                tokio::select! { () = ctx.clock.sleep_until(poll) => {}, () = stop.cancelled() => {} }
                continue;
            };
            if let Some(problem) = watch.tick().await? {
                output::note(problem);
            }
            // What is due already and did not leave is held or out of reach.
            let due = due.max(ctx.clock.now() + jiff::SignedDuration::from_secs(1));
            tokio::select! { () = ctx.clock.sleep_until(due) => {}, () = stop.cancelled() => {} }
            for (state, count) in dispatch.drain(&stop).await? {
                *tally.entry(state).or_default() += count;
            }
        }
        if let Some(ahead) = ahead {
            ahead.abort();
        }
        shown.finish();
        ledger.close(ctx.clock.now()).await?;
        Ok::<_, CliError>(tally)
    })?;
    match args.format {
        Format::Json => output::print_json(&serde_json::to_value(&tally)?)?,
        Format::Human => output::print(&summary(&tally))?,
    }
    Ok(exit(&tally))
}

/// Why nothing leaves at all.
async fn held(ledger: &Ledger) -> Result<Option<String>, CliError> {
    let holds = ledger.holds().await?;
    let all = holds.iter().find(|hold| hold.scope == Scope::Everything && hold.cause != Cause::Clock);
    Ok(all.map(|hold| format!("Everything is held: {}; {} ends it.", hold.reason, hold.ended_by())))
}

/// One line for people.
pub fn summary(tally: &Tally) -> String {
    if tally.is_empty() {
        return "Nothing is due.\n".to_owned();
    }
    let parts: Vec<String> = tally.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{}\n", parts.join(", "))
}

/// Whether a person should look.
pub fn exit(tally: &Tally) -> Exit {
    let bad = [State::Failed, State::Unknown, State::Parked, State::Quarantined, State::Expired];
    if bad.iter().any(|state| tally.contains_key(state)) { Exit::Refused } else { Exit::Done }
}
