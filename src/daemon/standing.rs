//! What stands in the way of everything: the clock, and the holds that only a decision about the whole ledger ends.

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Desk, Watch, Watched};
use crate::ledger::{Cause, Hold, Ledger, LedgerError, Scope};
use crate::web::{Sending, Standing};

impl Desk {
    /// Looks at the clock and the holds once, and then every second on a task of its own.
    pub(super) async fn watch(
        &self,
        mut guard: Watch,
        nudges: mpsc::Receiver<()>,
        stop: &CancellationToken,
    ) -> Result<(JoinHandle<()>, Watched), LedgerError> {
        let (ledger, health) = (self.ledger.clone(), self.health.clone());
        let (beat, ticks) = watch::channel(0);
        let first = standing(&ledger, guard.tick().await?).await?;
        health.send_modify(|health| health.standing = first);
        let stop = stop.clone();
        let task = tokio::spawn(async move {
            let mut seconds = tokio::time::interval(std::time::Duration::from_secs(1));
            seconds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! { _ = seconds.tick() => {}, () = stop.cancelled() => return }
                let seen = match guard.tick().await {
                    Ok(clock) => standing(&ledger, clock).await,
                    Err(error) => Err(error),
                };
                // What the ledger cannot say is said by the loop, which needs it.
                let Ok(seen) = seen else { continue };
                let changed = health.send_if_modified(|health| {
                    let changed = health.standing != seen;
                    health.standing = seen;
                    changed
                });
                if changed {
                    beat.send_modify(|count| *count += 1);
                }
            }
        });
        Ok((task, Watched { nudges, ticks }))
    }
}

/// The holds that only a decision about the whole ledger ends, and what is wrong with the clock.
async fn standing(ledger: &Ledger, clock: Option<String>) -> Result<Standing, LedgerError> {
    let holds = ledger.holds().await?;
    let restored = holds.iter().find(|hold| hold.cause == Cause::Restored).map(|Hold { reason, .. }| {
        format!(
            "nothing leaves: {reason}; find out what was sent (`dateline ledger reconcile`), then \
             `dateline resume --after-restore`"
        )
    });
    let all = |cause| holds.iter().any(|hold| hold.scope == Scope::Everything && hold.cause == cause);
    let sending = if all(Cause::Restored) || all(Cause::Operator) {
        Sending::Nothing
    } else if all(Cause::Clock) {
        Sending::Public
    } else {
        Sending::Everything
    };
    let mut problems: Vec<String> = restored.iter().cloned().chain(clock).collect();
    let operator = |hold: &&Hold| hold.scope == Scope::Everything && hold.cause == Cause::Operator;
    problems.extend(holds.iter().find(operator).map(|hold| {
        format!("nothing leaves: {} holds everything: {}; `dateline resume` ends it", hold.by, hold.reason)
    }));
    Ok(Standing { restored: restored.is_some(), sending, problems })
}
