//! Looking whether something arrived, without sending anything: for a ledger that may have forgotten.

use super::{Route, attempt, decide};
use crate::channel::Probe;
use crate::clock::Clock;
use crate::ledger::{FoundSent, Ledger, LedgerError, Suspect};

/// What a look came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// The destination has it.
    Sent(FoundSent),
    /// It does not.
    Absent,
    /// Nobody can know.
    CannotTell,
}

/// Asks the destination for one delivery.
pub async fn look(
    ledger: &Ledger,
    clock: &Clock,
    route: &Route,
    suspect: &Suspect,
) -> Result<Looked, LedgerError> {
    let edition = ledger.edition(suspect.claim.edition).await?;
    let parcel = attempt::parcel(ledger, &suspect.claim, edition, clock);
    Ok(match route.channel.probe(&parcel).await {
        Probe::Arrived(receipt) => Looked::Sent(FoundSent {
            delivery: suspect.claim.delivery,
            remote_id: receipt.remote_id,
            url: receipt.url,
            reply: decide::words(receipt.reply),
        }),
        Probe::Absent => Looked::Absent,
        Probe::CannotTell => Looked::CannotTell,
    })
}
