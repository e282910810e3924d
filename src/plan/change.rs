//! What changed between the ledger's edition of a release and the newsroom's.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Crowd, HeldGroup, HeldRelease, Source};
use crate::contact::ContactId;
use crate::language::Language;
use crate::release::Notice;

/// The difference between what the ledger holds of a release and what stands in git.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
    /// The ledger has nothing of it.
    New,
    /// Nothing differs.
    Same,
    /// Something differs.
    Changed {
        /// A correction that the receivers have not seen; whether it is minor.
        corrected: Option<bool>,
        /// Languages in which the words differ and somebody has the old ones, without a new correction.
        blocked: BTreeSet<Language>,
        /// Why those are blocked.
        reason: String,
        /// Pages look different.
        look: bool,
        /// The release was held, and no longer is.
        released: bool,
    },
}

impl Change {
    /// Compares; `minor` is the class of the release's correction, `slugs` names what to edit.
    pub(super) fn between(
        held: Option<&HeldRelease>,
        source: &Source,
        minor: bool,
        what_to_edit: &str,
    ) -> Change {
        let Some(held) = held.filter(|held| !held.groups.is_empty()) else { return Change::New };
        let Some(before) = &held.source else {
            // Without a source nothing can be compared; whatever waits is written anew.
            return Change::Changed {
                corrected: None,
                blocked: BTreeSet::new(),
                reason: String::new(),
                look: true,
                released: false,
            };
        };
        if before.all == source.all && before.words == source.words && before.look == source.look {
            return Change::Same;
        }
        let reached: u64 = held.groups.iter().map(|group| group.sent + group.open).sum();
        let corrected =
            (reached > 0 && source.correction.is_some() && source.correction != before.correction)
                .then_some(minor);
        let mut blocked = BTreeSet::new();
        if corrected.is_none() {
            let reached = held.groups.iter().filter(|group| group.sent + group.open > 0);
            let differs = |language: &Language| {
                before.words.get(language).is_some_and(|words| source.words.get(language) != Some(words))
            };
            blocked
                .extend(reached.map(|group| &group.language).filter(|language| differs(language)).cloned());
        }
        let reason = if held.notice == Notice::Kill && reached > 0 {
            blocked.extend(source.words.keys().cloned());
            "it was killed, and those who have it were told; write a new release".to_owned()
        } else if source.correction.is_some() {
            format!(
                "{reached} have the old words, and the correction's note went out already; write in `note:` of {what_to_edit} what changed this time"
            )
        } else {
            format!(
                "{reached} have the old words; add `correction:` with a `note:` that says what changed to {what_to_edit}"
            )
        };
        Change::Changed {
            corrected,
            blocked,
            reason,
            look: before.look != source.look,
            released: held.notice == Notice::Hold,
        }
    }

    /// The instant for which `held` was issued, where the same words mean `publish` now and something waits: the rules of a
    /// time zone changed. Where it `may` move, that is a change like others.
    pub(super) fn moved(&mut self, held: &HeldRelease, publish: Timestamp, may: bool) -> Option<Timestamp> {
        let waits = held.groups.iter().any(|group| group.waiting > 0);
        let from = held.publish.filter(|from| *from != publish && waits && *self == Change::Same)?;
        if may {
            *self = Change::Changed {
                corrected: None,
                blocked: BTreeSet::new(),
                reason: String::new(),
                look: false,
                released: false,
            };
        }
        Some(from)
    }

    /// Forbids nothing: what stops a release must not fail because its words changed as well.
    pub(super) fn never_mind(&mut self) {
        if let Change::Changed { blocked, .. } = self {
            blocked.clear();
        }
    }

    /// Why nothing of `language` may change, if it may not.
    pub(super) fn forbids(&self, language: &Language) -> Option<&str> {
        match self {
            Change::Changed { blocked, reason, .. } if blocked.contains(language) => Some(reason),
            _ => None,
        }
    }
}

/// What the ledger holds of one audience, channel, language and kind of copy, whenever it is due.
#[derive(Debug, Clone, Default)]
pub(super) struct Part<'a> {
    pub(super) groups: Vec<&'a HeldGroup>,
    pub(super) waiting: u64,
    pub(super) open: u64,
    pub(super) sent: u64,
}

impl<'a> Part<'a> {
    pub(super) fn of(groups: impl IntoIterator<Item = &'a HeldGroup>) -> Part<'a> {
        let mut part = Part::default();
        for group in groups {
            part.waiting += group.waiting;
            part.open += group.open;
            part.sent += group.sent;
            part.groups.push(group);
        }
        part
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many have it, or may have it.
    pub(super) fn reached(&self) -> u64 {
        self.sent + self.open
    }

    /// The instants after `now` at which something leaves.
    pub(super) fn times(&self, now: Timestamp) -> BTreeSet<Timestamp> {
        let waits = self.groups.iter().filter(|group| group.waiting > 0);
        waits.map(|group| group.due).filter(|due| *due > now).collect()
    }

    /// How many wait for an instant after `now`.
    pub(super) fn ahead(&self, now: Timestamp) -> u64 {
        self.groups.iter().filter(|group| group.due > now).map(|group| group.waiting).sum()
    }

    /// Whether those who wait for an instant after `now` are those of `to`; nothing where the ledger does not know who they are.
    pub(super) fn is_for(&self, to: &BTreeMap<Timestamp, Vec<ContactId>>, now: Timestamp) -> Option<bool> {
        let mut waiting: BTreeMap<Timestamp, Crowd> = BTreeMap::new();
        for group in self.groups.iter().filter(|group| group.due > now && group.waiting > 0) {
            let crowd = waiting.entry(group.due).or_default();
            *crowd = crowd.and(group.crowd?);
        }
        let wanted = to.iter().filter(|(due, contacts)| **due > now && !contacts.is_empty());
        let wanted: BTreeMap<Timestamp, Crowd> =
            wanted.map(|(due, contacts)| (*due, Crowd::of(contacts))).collect();
        Some(waiting == wanted)
    }

    /// Whether everything that was due at `due` has left or ended.
    pub(super) fn finished(&self, due: Timestamp, now: Timestamp) -> bool {
        due <= now && self.groups.iter().any(|group| group.due == due && group.waiting == 0)
    }
}

impl HeldGroup {
    /// How many deliveries there are.
    pub(super) fn all(&self) -> u64 {
        self.waiting + self.open + self.sent + self.ended
    }
}
