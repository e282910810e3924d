//! A named group: a rule over contacts, its channels, its times and limits.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::contact::Contact;
use crate::language::Language;
use crate::yaml::Spanned;

mod parse;
mod rule;
mod times;

pub use parse::parse;
pub use rule::{Expression, RuleError};
pub use times::{Digest, Slots, Window, Zone};

/// One file of `audiences/`.
#[derive(Debug, Clone)]
pub struct Audience {
    /// Its key: the file's name without `.yaml`.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Keys of the newsroom's channels.
    pub channels: Vec<Spanned<String>>,
    /// Who belongs to it; nothing for an audience that only has public channels.
    pub members: Option<Expression>,
    /// Languages it is written to, most wanted first; empty for all.
    pub languages: Vec<Language>,
    /// How long before the embargo those flagged `embargo_ok` get a copy.
    pub advance: SignedDuration,
    /// When mail may leave.
    pub window: Option<Window>,
    /// The only instants at which mail leaves.
    pub slots: Option<Slots>,
    /// A round-up instead of single mails.
    pub digest: Option<Digest>,
    /// The most mails a recipient gets in seven days.
    pub per_week: Option<u32>,
}

impl Audience {
    /// Whether `contact` belongs to it.
    pub fn admits(&self, contact: &Contact) -> bool {
        self.members.as_ref().is_some_and(|rule| rule.matches(contact))
    }

    /// The earliest instant at or after `ready` at which mail to a reader in `zone` may leave.
    ///
    /// Slots first, then the window: with both, the first slot inside the window.
    /// Returns nothing when no such instant comes within a year.
    pub fn due(
        &self,
        ready: jiff::Timestamp,
        newsroom: &TimeZone,
        recipient: &TimeZone,
    ) -> Option<jiff::Timestamp> {
        times::due(self, ready, newsroom, recipient)
    }
}
