//! What the process before left under way, and what this one could not record: told to the ledger as soon as it can be.

use std::path::Path;

use jiff::SignedDuration;

use super::breadcrumb::{Breadcrumbs, Crumb, Proof, Slot, Verdict};
use super::{Inner, doubt, lock};
use crate::clock;
use crate::ledger::{Claim, Crash, LedgerError, Outcome, Reply};

/// So many daemons on one machine, at most, leave breadcrumbs in one folder.
const FILES: u32 = 64;
/// A try that was refused, or is to be repeated, is repeated after this where the answer's own wish was lost.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// An attempt whose outcome is known here and not on disk.
pub struct Open {
    /// The claim under which it was made.
    pub claim: Claim,
    /// What became of it.
    pub outcome: Outcome,
    /// Its breadcrumb stays as long as the ledger does not know.
    #[expect(dead_code, reason = "it is held for its drop")]
    pub slot: Option<Slot>,
}

/// What the process before left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Attempts that provably never left.
    pub not_sent: u64,
    /// Attempts whose answer had been read.
    pub answered: u64,
    /// Attempts of which nobody knows.
    pub unknown: u64,
    /// Deliveries that are quarantined because the process died of them.
    pub quarantined: u64,
}

/// Reads the breadcrumbs in `file`, tells the ledger what they prove, gives up the rest, and leaves breadcrumbs there from now on.
pub async fn begin(inner: &Inner, file: &Path) -> Result<(Breadcrumbs, Recovered), LedgerError> {
    // Where the system does not name its start, nothing that was left is believed.
    let boot = clock::boot_id().unwrap_or_else(|| format!("{} {}", inner.owner, inner.clock.now()));
    // Nor where somebody put another ledger beside the file.
    let boot = format!("{boot} {}", inner.ledger.lineage());
    let mut files: Vec<Breadcrumbs> = Vec::new();
    let mut found = Vec::new();
    // Several daemons on one machine may share the folder: each has the first file that nobody else has, and
    // whoever comes looks also at those of daemons that did not come back.
    for number in 1..=FILES {
        let mut path = file.to_owned();
        if number > 1 {
            path.set_extension(number.to_string());
            if !files.is_empty() && !path.exists() {
                break;
            }
        }
        match Breadcrumbs::open(&path, &boot) {
            Ok((crumbs, left)) => {
                files.push(crumbs);
                found.extend(left);
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(source) => return Err(LedgerError::Io { path, source }),
        }
    }
    let Some(crumbs) = files.first().cloned() else { return Err(LedgerError::Locked(file.to_owned())) };
    if !found.is_empty() {
        crumbs.be_wary();
    }
    let recovered = tell(inner, &found).await?;
    // Only now: if this process dies before, the next one reads them again, and nothing is counted twice.
    for crumbs in files {
        crumbs.clear().map_err(|source| LedgerError::Io { path: file.to_owned(), source })?;
    }
    if recovered != Recovered::default() {
        let Recovered { not_sent, answered, unknown, quarantined } = recovered;
        tracing::warn!(
            not_sent,
            answered,
            unknown,
            quarantined,
            "the process before was ended in the middle of its work"
        );
    }
    Ok((crumbs, recovered))
}

/// Tells the ledger what crumbs prove. Whatever they do not prove is given up, and only then: what can be known is never unknown.
async fn tell(inner: &Inner, found: &[Crumb]) -> Result<Recovered, LedgerError> {
    let mut recovered = Recovered::default();
    for crumb in found {
        let count = match crumb.proof() {
            Proof::NotSent => &mut recovered.not_sent,
            Proof::Answered(_) => &mut recovered.answered,
            Proof::Nothing => &mut recovered.unknown,
        };
        *count += 1;
    }
    let (sure, known): (Vec<&Crumb>, Vec<&Crumb>) = found.iter().partition(|crumb| is_sure(crumb));
    prove(inner, &known).await?;
    inner.ledger.give_up_left(inner.clock.now()).await?;
    if !sure.is_empty() {
        // What the destination calls them did not fit: it is asked.
        doubt::look(inner, &sure.iter().map(|crumb| crumb.delivery).collect()).await?;
        prove(inner, &sure).await?;
    }
    let guilty = |crumb: &Crumb| {
        let guilt = crumb.guilt();
        (guilt > 0).then_some(Crash { delivery: crumb.delivery, epoch: crumb.epoch, guilt })
    };
    let crashes = found.iter().filter_map(guilty).collect();
    let quarantined = inner.ledger.crashed(crashes, inner.clock.now()).await?;
    for delivery in &quarantined {
        tracing::error!(
            delivery = delivery.0,
            "quarantined: the process died of it again; `dateline resolve` decides"
        );
    }
    recovered.quarantined = quarantined.len() as u64;
    Ok(recovered)
}

/// Hands the ledger what crumbs prove.
async fn prove(inner: &Inner, crumbs: &[&Crumb]) -> Result<(), LedgerError> {
    let now = inner.clock.now();
    let known = |crumb: &&Crumb| Some((crumb.delivery, crumb.epoch, outcome(crumb, now)?));
    let known: Vec<_> = crumbs.iter().filter_map(known).collect();
    if !known.is_empty() {
        inner.ledger.evidence(known, now).await?;
    }
    Ok(())
}

/// Taken, under a name that did not fit.
fn is_sure(crumb: &Crumb) -> bool {
    matches!(crumb.proof(), Proof::Answered(Verdict::Sent { longer: true, .. }))
}

fn outcome(crumb: &Crumb, now: jiff::Timestamp) -> Option<Outcome> {
    let reply = |text: &str| Reply { code: crumb.code, enhanced: None, text: text.to_owned() };
    let later = |wait: SignedDuration| now.checked_add(wait).unwrap_or(now);
    match crumb.proof() {
        Proof::Nothing => None,
        Proof::NotSent => Some(Outcome::NotSent),
        Proof::Answered(verdict) => match verdict {
            Verdict::None => None,
            Verdict::Sent { remote_id, .. } => Some(Outcome::Sent {
                remote_id,
                url: None,
                reply: reply("taken; the answer's words were lost with the process"),
            }),
            Verdict::Later(wait) => {
                let asked = wait.and_then(|wait| SignedDuration::try_from(wait).ok()).unwrap_or_default();
                Some(Outcome::Later {
                    due: later(asked.max(AGAIN_AFTER)),
                    reply: reply("not taken; the answer's words were lost with the process"),
                })
            }
            Verdict::Refused(suppress) => Some(Outcome::Failed {
                reply: reply("refused; the answer's words were lost with the process"),
                suppress,
            }),
        },
    }
}

/// Records what could not be recorded when it happened.
pub async fn settle_open(inner: &Inner) -> Result<(), LedgerError> {
    loop {
        let open = std::mem::take(&mut *lock(&inner.open));
        if open.is_empty() {
            return Ok(());
        }
        let known = |open: &Open| (open.claim.delivery, open.claim.epoch, open.outcome.clone());
        let settled = inner.ledger.evidence(open.iter().map(known).collect(), inner.clock.now()).await;
        if let Err(error) = settled {
            lock(&inner.open).extend(open);
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::breadcrumb::Phase;
    use super::*;
    use crate::ledger::{DeliveryId, Epoch};

    fn check(phase: Phase, verdict: Verdict, expected: &str) {
        let crumb = Crumb { phase, verdict, code: Some(250), ..Crumb::new(DeliveryId(1), Epoch(1), false) };
        let now: jiff::Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let seen = match outcome(&crumb, now) {
            None => "nothing".to_owned(),
            Some(Outcome::NotSent) => "not sent".to_owned(),
            Some(Outcome::Sent { remote_id, reply, .. }) => {
                format!("sent {} {:?}", remote_id.unwrap_or_default(), reply.code)
            }
            Some(Outcome::Later { due, .. }) => format!("later by {} s", due.duration_since(now).as_secs()),
            Some(Outcome::Failed { suppress, .. }) => format!("failed {suppress}"),
            Some(Outcome::Unknown { .. }) => "unknown".to_owned(),
        };
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_crumb_becomes_what_it_proves() {
        check(Phase::Filling, Verdict::None, "not sent");
        check(Phase::Asked, Verdict::None, "not sent");
        check(Phase::About, Verdict::None, "nothing");
        check(Phase::Written, Verdict::None, "nothing");
        check(Phase::Answered, Verdict::None, "nothing");
        let id = Some("4ABC".to_owned());
        check(Phase::Answered, Verdict::Sent { remote_id: id, longer: false }, "sent 4ABC Some(250)");
        check(Phase::Answered, Verdict::Sent { remote_id: None, longer: true }, "sent  Some(250)");
        check(Phase::Answered, Verdict::Later(None), "later by 60 s");
        check(Phase::Answered, Verdict::Later(Some(Duration::from_mins(5))), "later by 300 s");
        check(Phase::Answered, Verdict::Refused(true), "failed true");
    }
}
