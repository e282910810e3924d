//! Who gets what, when, by which channel, who is left out and why. Pure.
//!
//! Planning is a fold: [`Planner::new`] looks at the newsroom and at what the ledger
//! [holds](Held), [`Planner::contact`] is fed the contact book one contact at a time,
//! and [`Planner::finish`] gives the [`Plan`]. Memory grows by eight bytes a recipient, and
//! by four a contact for every list of audiences that releases have.
//! Releases that are complete and unchanged, and those that come too late, cost next to nothing:
//! contacts are not looked at for the former, and only counted for the latter.
//!
//! What goes out, in short:
//!
//! - A contact gets a release once on a channel, for the first audience that has a text for them;
//!   an account, site or folder once in a language.
//! - What waits is replaced when its text changes. What was sent is never changed silently: new words
//!   are blocked until a `correction:` says what changed. A new template alone touches pages only.
//! - A release that is first seen long after its time is not sent by itself; pages and files are made.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::contact::{ContactId, Wishes};
use crate::language::Language;
use crate::release::Notice;

mod change;
mod crowd;
mod explain;
mod gather;
mod json;
mod known;
mod making;
mod planner;
mod round_up;
mod source;
mod stop;

pub use crowd::Crowd;
pub use explain::{Answer, Explanation, Outcome, explain};
pub use json::json;
pub use known::Known;
pub use planner::Planner;
pub use source::{Source, source};

/// What a group of deliveries is for the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// New.
    Create,
    /// Waiting, with an older text or other recipients: everything that waits of the same audience,
    /// channel, language and `advance` is replaced by what is planned. Whoever has it already
    /// is left out by the ledger. For [`Recipients::Receivers`] it is a page that is out already
    /// and is written again without a word about it.
    Update,
    /// Sent, with an older text: a correction follows (or a page or post is edited).
    Correct,
    /// Waiting: cancelled. Sent: a kill or hold notice follows.
    Kill,
    /// As the ledger has it.
    None,
    /// Would be sent, but something forbids it; the reason says what. What the ledger holds stays as it is.
    Blocked,
}

/// What would be delivered at one revision.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The commit; nothing for a work tree.
    pub revision: Option<String>,
    /// The instant it was made for.
    pub now: Timestamp,
    /// Releases, by due time, then slug.
    pub releases: Vec<Arc<Planned>>,
}

/// One release (or round-up) in a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The release; `digest/AUDIENCE/DATE` for a round-up.
    pub slug: String,
    /// The original's headline, for people.
    pub title: String,
    /// What those who have it already are told it is; see [`Planned::notice_of`].
    pub notice: Notice,
    /// When it becomes public.
    pub publish: Timestamp,
    /// After this nothing is sent. Later than the release says where a notice follows, or a page
    /// is written, after its time.
    pub expires: Timestamp,
    /// What waits was issued for this instant, and the same words mean another one now: the rules of a time zone changed.
    /// Nothing of it is moved without being asked ([`Planner::moved`]).
    pub moved_from: Option<Timestamp>,
    /// The releases that a round-up holds; empty for a single release.
    pub digest_of: Vec<String>,
    /// Names everything that the release's editions are rendered from.
    pub source: Arc<Source>,
    /// The parts.
    pub deliveries: Vec<Group>,
    /// Who is left out, and why.
    pub left_out: Vec<LeftOut>,
    /// The most mails that members of an audience get in seven days; asked again before each mail.
    pub limits: BTreeMap<String, u32>,
}

/// Deliveries that differ by recipient alone: one edition, one due time.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// A copy before the embargo, marked EMBARGOED.
    pub advance: bool,
    /// Whom it reaches.
    pub recipients: Recipients,
    /// When it leaves.
    pub due: Timestamp,
    /// What is done.
    pub action: Action,
    /// Why it is blocked, late, or different.
    pub reason: Option<String>,
}

/// Whom a group reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// Contacts, by the contact book's numbers.
    Contacts(Vec<ContactId>),
    /// The channel's own account or site, once.
    Account,
    /// Those who received the edition before, contacts or the channel's account; the ledger knows
    /// them, and this many they are. Where the outcome is open they are not counted.
    Receivers(u64),
    /// Those, about this many, whose delivery of an older text is under way or has an unknown outcome. Nothing is written for
    /// them now: whoever turns out to have nothing gets this instead of the older text.
    Open(u64),
    /// This many, not listed: nothing new is written for them (`none`, `blocked`, a cancelled wait).
    Number(u64),
}

impl Planned {
    /// Whether the ledger has something to do. Only such releases are handed to it: a release that is
    /// blocked for its words writes nothing at all, so that its `source` is not taken for issued.
    pub fn writes(&self) -> bool {
        self.deliveries.iter().any(|group| group.action.writes())
    }

    /// What `group`'s editions say of themselves: who has nothing yet gets the corrected text
    /// as an original, without a word of the correction; who has it is told.
    pub fn notice_of(&self, group: &Group) -> Notice {
        match group.recipients {
            Recipients::Receivers(_) => self.notice,
            Recipients::Contacts(_) | Recipients::Account | Recipients::Open(_) | Recipients::Number(_) => {
                Notice::Original
            }
        }
    }
}

impl Recipients {
    /// How many they are.
    pub fn count(&self) -> u64 {
        match self {
            Recipients::Contacts(list) => list.len() as u64,
            Recipients::Account => 1,
            Recipients::Receivers(count) | Recipients::Open(count) | Recipients::Number(count) => *count,
        }
    }
}

/// Contacts who match but are not sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The audience they match.
    pub audience: String,
    /// Why.
    pub reason: Why,
    /// Who; masked by whoever shows them.
    pub contacts: Vec<ContactId>,
}

/// Why a matching contact is left out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Why {
    /// Gets the release as a member of an audience named earlier.
    AlreadyBy(String),
    /// The address must not be contacted; the suppression's reason.
    Suppressed(String),
    /// Reads none of the languages the release and the audience have in common.
    Language,
    /// Picked on the preference page that they read other languages.
    OtherLanguages,
    /// Picked on the preference page that they want none of its topics.
    OtherTopics,
    /// Had as many mails in seven days as the audience allows.
    Limit(u32),
    /// The audience's window or slots leave no time before the release expires.
    NoTime,
}

/// What the ledger holds, as far as planning needs it.
#[derive(Debug, Clone, Default)]
pub struct Held {
    /// By slug.
    pub releases: BTreeMap<String, HeldRelease>,
    /// Mails of the last seven days by contact; only filled where an audience has a limit.
    pub recent: BTreeMap<ContactId, u32>,
    /// Suppressed contacts and the reason.
    pub suppressed: BTreeMap<ContactId, String>,
    /// What recipients picked on the preference page.
    pub wishes: BTreeMap<ContactId, Wishes>,
}

/// What the ledger holds of one release.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeldRelease {
    /// The newest notice that was issued.
    pub notice: Notice,
    /// What its editions were rendered from.
    pub source: Option<Source>,
    /// When it was to become public, as it was issued.
    pub publish: Option<Timestamp>,
    /// The parts, newest edition only.
    pub groups: Vec<HeldGroup>,
}

/// What the ledger holds of one part.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldGroup {
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// A copy before the embargo.
    pub advance: bool,
    /// When it leaves or left.
    pub due: Timestamp,
    /// Deliveries that have not started.
    pub waiting: u64,
    /// Deliveries that are under way or whose outcome is not known.
    pub open: u64,
    /// Deliveries that arrived, in this edition or an earlier one.
    pub sent: u64,
    /// Deliveries that ended otherwise.
    pub ended: u64,
    /// Names those for whom the waiting deliveries were ordered; nothing where the ledger does not know it.
    pub crowd: Option<Crowd>,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Why::AlreadyBy(audience) => write!(f, "get it as {audience}"),
            Why::Suppressed(reason) => write!(f, "must not be contacted: {reason}"),
            Why::Language => f.write_str("read none of its languages"),
            Why::OtherLanguages => f.write_str("chose other languages"),
            Why::OtherTopics => f.write_str("chose other topics"),
            Why::Limit(limit) => write!(f, "had {limit} or more mails in seven days"),
            Why::NoTime => f.write_str("have no window or slot before it expires"),
        }
    }
}

impl Action {
    /// Whether it changes the ledger.
    pub fn writes(self) -> bool {
        matches!(self, Action::Create | Action::Update | Action::Correct | Action::Kill)
    }

    /// The word in JSON and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Correct => "correct",
            Action::Kill => "kill",
            Action::None => "none",
            Action::Blocked => "blocked",
        }
    }
}

impl Plan {
    /// How many recipients each action reaches, and how many parts there are of it.
    pub fn totals(&self) -> BTreeMap<Action, (u64, usize)> {
        let mut totals: BTreeMap<Action, (u64, usize)> = BTreeMap::new();
        for group in self.releases.iter().flat_map(|planned| &planned.deliveries) {
            let total = totals.entry(group.action).or_default();
            total.0 += group.recipients.count();
            total.1 += 1;
        }
        totals
    }
}

#[cfg(test)]
mod tests;
