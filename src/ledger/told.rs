//! What the audit chain tells, held against what the tables hold: who approved which order with which parts, what is held,
//! who must not be contacted. So a row that was edited or deleted behind the ledger's back shows.
//!
//! It is told entry by entry, then row by row; what is left at the end is gone from the tables.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{AuditEntry, Cause};
use crate::digest::Digest;

/// What the chain told so far.
#[derive(Debug, Default)]
pub(super) struct Told {
    orders: BTreeMap<(String, i64), Order>,
    holds: Vec<Held>,
    /// By address: why, and since when.
    suppressed: BTreeMap<String, (String, i64)>,
}

#[derive(Debug)]
struct Order {
    by: String,
    /// Nothing in entries that are older than the seal.
    seal: Option<Digest>,
}

/// A hold, as the chain or a row has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) scope: String,
    /// Operators' and releases' holds are told apart by their reason alone.
    pub(super) cause: Option<Cause>,
    pub(super) reason: String,
    pub(super) by: String,
    /// Microseconds.
    pub(super) since: i64,
}

/// The details that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Detail {
    seq: i64,
    seal: Option<Digest>,
    reason: String,
    cause: Option<Cause>,
    since: Option<Timestamp>,
    notice: Option<String>,
}

/// The reason of a hold that follows the release's status.
pub(super) const BY_STATUS: &str = "the release is held";

impl Told {
    /// Takes in the next entry of the chain.
    pub(super) fn entry(&mut self, entry: &AuditEntry) {
        // What cannot be read tells nothing; the chain's own seal says whether it was changed.
        let detail: Detail = serde_json::from_str(&entry.detail).unwrap_or_default();
        match entry.action.as_str() {
            "issue" => {
                let order = Order { by: entry.by.clone(), seal: detail.seal };
                self.orders.insert((entry.subject.clone(), detail.seq), order);
            }
            "hold" => self.holds.push(Held {
                scope: entry.subject.clone(),
                cause: detail.cause,
                reason: detail.reason,
                by: entry.by.clone(),
                since: detail.since.unwrap_or(entry.at).as_microsecond(),
            }),
            "resume" => self.holds.retain(|held| {
                let by_status = held.reason == BY_STATUS;
                held.scope != entry.subject
                    || held.cause != detail.cause
                    || (detail.notice.is_some() && !by_status)
            }),
            "suppress" => {
                self.suppressed.insert(entry.subject.clone(), (detail.reason, entry.at.as_microsecond()));
            }
            "unsuppress" => {
                self.suppressed.remove(&entry.subject);
            }
            _ => {}
        }
    }

    /// A complete order stands in the tables, approved by `by`, sealed as `seal`; says what is wrong with it.
    pub(super) fn order(&mut self, release: &str, seq: i64, by: &str, seal: &Digest) -> Option<String> {
        let what = match self.orders.remove(&(release.to_owned(), seq)) {
            None => "is not in the audit chain",
            Some(order) if order.by != by => "was approved by somebody else",
            Some(order) if order.seal.is_some_and(|told| told != *seal) => "is not what was issued",
            Some(_) => return None,
        };
        Some(format!("order {seq} of {release} {what}"))
    }

    /// A hold stands in the tables; says what is wrong with it.
    pub(super) fn hold(&mut self, held: &Held) -> Option<String> {
        match self.holds.iter().position(|told| told == held) {
            Some(at) => {
                self.holds.remove(at);
                None
            }
            None => Some(format!("the hold of {} is not as it was set", held.scope)),
        }
    }

    /// An address is suppressed in the tables; says what is wrong with that.
    pub(super) fn suppressed(&mut self, address: &Digest, reason: &str, since: i64) -> Option<String> {
        match self.suppressed.remove(&address.to_string()) {
            Some((why, at)) if why == reason && at == since => None,
            _ => Some(format!("address {} is suppressed otherwise than was recorded", address.short())),
        }
    }

    /// What the chain told of and no table has.
    pub(super) fn missing(self) -> Vec<String> {
        let orders = self.orders.keys().map(|(release, seq)| format!("order {seq} of {release} is gone"));
        let holds = self.holds.iter().map(|held| format!("the hold of {} is gone", held.scope));
        let suppressed = self.suppressed.keys().map(|address| {
            format!("address {} is not suppressed any more", address.get(..12).unwrap_or(address))
        });
        orders.chain(holds).chain(suppressed).collect()
    }
}

/// The seal of an order: every column of its row and of its parts' rows, as texts.
pub(super) fn seal(rows: &[Vec<String>]) -> Digest {
    let fields: Vec<&[u8]> = rows.iter().flatten().map(String::as_bytes).collect();
    Digest::of_fields(&fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(by: &str, action: &str, subject: &str, detail: &str) -> AuditEntry {
        AuditEntry {
            seq: 1,
            at: Timestamp::UNIX_EPOCH,
            by: by.to_owned(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail: detail.to_owned(),
            hash: Digest([0; 32]),
        }
    }

    fn told(entries: &[(&str, &str, &str, &str)]) -> Told {
        let mut told = Told::default();
        for (by, action, subject, detail) in entries {
            told.entry(&entry(by, action, subject, detail));
        }
        told
    }

    #[test]
    fn a_hold_ends_with_what_ends_it() {
        let plain = r#"{"reason":"a doubt"}"#;
        let status = r#"{"reason":"the release is held"}"#;
        let clock = r#"{"reason":"a step","cause":"clock","since":"1970-01-01T00:00:00Z"}"#;
        for (entries, left) in [
            (vec![("ada", "hold", "release aster", plain)], 1),
            (vec![("ada", "hold", "release aster", plain), ("ada", "resume", "release aster", "{}")], 0),
            (vec![("ada", "hold", "release aster", plain), ("ada", "resume", "release lux", "{}")], 1),
            (
                vec![
                    ("ada", "hold", "release aster", plain),
                    ("ada", "hold", "release aster", status),
                    ("ada", "resume", "release aster", r#"{"notice":"original"}"#),
                ],
                1,
            ),
            (vec![("ada", "hold", "everything", clock), ("ada", "resume", "everything", "{}")], 1),
            (
                vec![
                    ("ada", "hold", "everything", clock),
                    ("ada", "hold", "everything", plain),
                    ("ada", "resume", "everything", r#"{"cause":"clock","evidence":"x"}"#),
                ],
                1,
            ),
        ] {
            assert_eq!(told(&entries).missing().len(), left, "{entries:?}");
        }
    }
}
