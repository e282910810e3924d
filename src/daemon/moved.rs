//! What was issued for an instant that its own words no longer mean, because the rules of a time zone changed.
//!
//! A government moves its clocks, the machine's time zone data follow, and `09:00 in Oslo` is another instant than the one for which
//! the release was issued. Neither may be taken for granted: the release is held, and a person says which one is meant. Who has
//! decided is not asked again.

use jiff::Timestamp;

use super::{BY, Options};
use crate::ledger::{Ledger, LedgerError, Scope};
use crate::plan::{Plan, Planned};

/// How the reason begins, by which the hold is known again.
const BEGINS: &str = "the rules of its time zone changed: ";

/// Holds what moved, or ends the hold of what was moved just now; says what waits for a person, in one sentence each.
pub(super) async fn hold(
    ledger: &Ledger,
    plan: &Plan,
    now: Timestamp,
    options: Options<'_>,
) -> Result<Vec<String>, LedgerError> {
    let mut waiting = Vec::new();
    let wanted = |planned: &&Planned| options.only.is_none_or(|only| only == planned.slug);
    for planned in plan.releases.iter().map(|planned| &**planned).filter(wanted) {
        let Some(from) = planned.moved_from else { continue };
        let slug = &planned.slug;
        let scope = Scope::Release(slug.clone());
        let reason =
            format!("{BEGINS}it was issued for {from}, and what is written means {} now", planned.publish);
        let held = ledger
            .holds()
            .await?
            .into_iter()
            .find(|hold| hold.scope == scope && hold.reason.starts_with(BEGINS));
        if options.moved {
            if held.is_some() {
                ledger.resume(&scope, options.by, now).await?;
            }
            continue;
        }
        if held.is_none() {
            if decided(ledger, &scope, &reason).await? {
                continue;
            }
            if ledger.hold(scope, &reason, BY, now).await? {
                tracing::error!(release = slug, reason, "it waits for a person");
            }
        }
        waiting.push(format!(
            "{slug} is held: {reason}; `dateline issue {slug} --moved` sends it then, `dateline resume --release {slug}` at the \
             instant for which it was issued"
        ));
    }
    Ok(waiting)
}

/// Whether it was held for this reason before: whoever resumed it has decided.
async fn decided(ledger: &Ledger, scope: &Scope, reason: &str) -> Result<bool, LedgerError> {
    let (subject, mut after) = (scope.to_string(), 0);
    loop {
        let entries = ledger.audit(after, 1_000).await?;
        let Some(last) = entries.last() else { return Ok(false) };
        after = last.seq;
        if entries
            .iter()
            .any(|entry| entry.action == "hold" && entry.subject == subject && entry.detail.contains(reason))
        {
            return Ok(true);
        }
    }
}
