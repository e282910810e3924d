//! What a newsroom says about its ledger: releases whose time was over before they were seen.
//!
//! The ledger finds out by itself when it is an older copy. That it is a new one, where there was another whose folder is
//! gone with its mark, only the newsroom can tell.

use jiff::{SignedDuration, Timestamp};

use super::BY;
use crate::ledger::{Cause, Ledger, LedgerError};
use crate::newsroom::Newsroom;
use crate::plan::{Action, Plan};
use crate::release::Status;

/// A release that is committed with the present time is as old as a ledger made in the same moment.
const SAME_MOMENT: SignedDuration = SignedDuration::from_secs(10);
/// So many names are told.
const NAMES: usize = 5;
/// Releases that are older than this are history, and nobody waits for them.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Holds a ledger that never issued anything, if releases became public before it was made: they may have been sent
/// from another. It is asked once; who has ended the hold has answered.
pub async fn check(ledger: &Ledger, newsroom: &Newsroom, now: Timestamp) -> Result<(), LedgerError> {
    let made = ledger.created_at().await?.checked_sub(SAME_MOMENT).unwrap_or(Timestamp::MIN);
    let older: Vec<&str> = newsroom
        .releases
        .values()
        .filter(|release| release.status == Status::Approved)
        .filter(|release| release.publish.is_some_and(|publish| publish <= now && publish < made))
        .map(|release| release.slug.as_str())
        .collect();
    if older.is_empty() || !ledger.held(false, now).await?.releases.is_empty() {
        return Ok(());
    }
    let mut after = 0;
    loop {
        let entries = ledger.audit(after, 1_000).await?;
        let Some(last) = entries.last() else { break };
        after = last.seq;
        if entries.iter().any(|entry| entry.detail.contains("\"cause\":\"restored\"")) {
            return Ok(());
        }
    }
    let names = older.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
    let more = if older.len() > NAMES { format!(" and {} more", older.len() - NAMES) } else { String::new() };
    let reason = format!(
        "the ledger is new, and {} releases became public before it was made ({names}{more}); if they were never sent \
         from here, nothing is to be reconciled",
        older.len()
    );
    if ledger.hold_all(Cause::Restored, &reason, BY, now, now).await? {
        tracing::error!(%reason, "nothing leaves; end it with `dateline resume --after-restore`");
    }
    Ok(())
}

/// The releases that wait for a person because they are late, in one sentence each.
pub fn late(newsroom: &Newsroom, plan: &Plan) -> Vec<String> {
    let recent = |publish: Timestamp| plan.now.duration_since(publish) <= RECENT;
    plan.releases
        .iter()
        .filter(|planned| recent(planned.publish) && newsroom.releases.contains_key(&planned.slug))
        .filter_map(|planned| {
            let reason = planned
                .deliveries
                .iter()
                .filter(|group| group.action == Action::Blocked)
                .filter_map(|group| group.reason.as_deref())
                .find_map(|reason| reason.strip_prefix("late: "))?;
            let passed = reason.split(';').next().unwrap_or(reason);
            Some(format!(
                "{} is {passed} and waits; `dateline issue {} --late` sends it",
                planned.slug, planned.slug
            ))
        })
        .collect()
}
