//! What the preview may be told beside the files: the contact book, and what was issued. To be read, never written.
//!
//! The preview itself opens no database; whoever starts it may hand it one of these. Without one it shows
//! the files alone, and readers are made up.

use std::sync::Arc;

use jiff::Timestamp;

use crate::contact::{Contact, ContactId};
use crate::digest::Digest;
use crate::language::Language;
use crate::plan::Held;
use crate::release::Notice;
use crate::render::Edition;

/// The record, to be read. Every call may block; errors are words for the editor.
pub trait Records: Send + Sync {
    /// Contacts whose name, address or fields hold all of `words`, at most `limit`.
    fn find(&self, words: &str, limit: usize) -> Result<Vec<Contact>, String>;

    /// The contact with this number.
    fn contact(&self, id: ContactId) -> Result<Option<Contact>, String>;

    /// Every contact, one by one.
    fn each(&self, see: &mut dyn FnMut(&Contact)) -> Result<(), String>;

    /// What planning needs to know of what was issued; `recent` as well of the mails of the last seven days.
    fn held(&self, recent: bool) -> Result<Held, String>;

    /// What was issued of a release, newest first.
    fn issued(&self, slug: &str) -> Result<Vec<Issued>, String>;

    /// A frozen edition.
    fn edition(&self, sha: Digest) -> Result<Arc<Edition>, String>;
}

/// A part of a release as it was issued.
#[derive(Debug, Clone)]
pub struct Issued {
    /// 1 for the first time.
    pub seq: i64,
    /// When.
    pub at: Timestamp,
    /// What it was.
    pub notice: Notice,
    /// The commit it was made from.
    pub revision: String,
    /// The audience.
    pub audience: String,
    /// The channel.
    pub channel: String,
    /// The language.
    pub language: Language,
    /// A copy before the embargo.
    pub advance: bool,
    /// The frozen edition.
    pub edition: Digest,
}
