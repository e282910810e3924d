//! What a release is: a Markdown file, its front matter, and its translations.
//!
//! [`parse`] reads one file and never fails: what is wrong with it comes back as
//! findings beside whatever could be understood. [`crate::newsroom`] puts the
//! files of one slug together into a [`Release`] and resolves its times.

mod body;
mod cache;
mod front_matter;
pub mod length;
mod names;
mod parallel;
mod parse;
mod place;
mod raw;
mod time;

use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use body::{Block, Body, Rule};
pub use cache::{Cache, Parsed};
pub(crate) use cache::{Whole, beside, find};
pub use front_matter::{Correction, CorrectionClass, Event, FrontMatter, Medium, Variant};
pub use names::Memo;
pub(crate) use parallel::in_parallel;
pub use parse::{MAX_BYTES, parse};
pub(crate) use place::is_release;
pub(crate) use place::reserved;
pub use place::{Place, join, place};
pub use raw::schema;
pub use time::{TimeError, WallTime, zone_named};

use crate::language::Language;

/// One Markdown file, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Path below the newsroom: `releases/2026/aster-ev/index.sv.md`.
    pub path: String,
    /// The whole file, as it stands in git.
    pub text: Arc<str>,
    /// The slug, from the path.
    pub slug: String,
    /// The language in the path (`sv` of `aster-ev.sv.md`); nothing for the original.
    pub translation: Option<Language>,
    /// What the front matter says.
    pub front: FrontMatter,
    /// The bytes of `text` between the two `---` lines.
    pub front_span: Range<usize>,
    /// The Markdown after it.
    pub body: Body,
    /// What [`File::text_name`] and [`File::words_name`] remember.
    pub memo: Memo,
}

/// Whether a release may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being written: checked and previewed, never issued.
    #[default]
    Draft,
    /// May be issued.
    Approved,
    /// Stopped while somebody checks; who has it is asked not to use it.
    Held,
    /// Withdrawn for good.
    Killed,
}

/// How the pictures of a mail reach its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Images {
    /// The mail program fetches them from the newsroom site: small mails, and nothing to see before the embargo.
    #[default]
    Link,
    /// They travel inside of the mail: seen at once, also before the embargo, and every mail is heavier by them.
    Inline,
}

/// What an item is to those who receive it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    /// The release itself.
    #[default]
    Original,
    /// A new text for those who have an older one.
    Correction,
    /// Do not use it while we check.
    Hold,
    /// It is withdrawn.
    Kill,
}

impl Notice {
    /// The word in commands, JSON and the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Notice::Original => "original",
            Notice::Correction => "correction",
            Notice::Hold => "hold",
            Notice::Kill => "kill",
        }
    }
}

/// One release: the original and its translations, with times resolved.
///
/// Only releases without errors become one of these, so what is here can be planned.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// Its name everywhere.
    pub slug: String,
    /// When it becomes public; drafts may not have it yet.
    pub publish: Option<Timestamp>,
    /// Before this instant no public channel shows it. Never after `publish`.
    pub embargo: Option<Timestamp>,
    /// After this instant it is not sent any more.
    pub expires: Option<Timestamp>,
    /// The three times as they were written: what they stay, whatever becomes of a zone's rules.
    pub times: String,
    /// Whether it may leave.
    pub status: Status,
    /// Why it is held or killed.
    pub reason: Option<String>,
    /// Keys of `audiences/`, most important first: who matches several gets the first.
    pub audiences: Vec<String>,
    /// Keys of the newsroom's press contacts.
    pub contacts: Vec<String>,
    /// Keys of the newsroom's boilerplate.
    pub boilerplate: Vec<String>,
    /// Subjects.
    pub tags: Vec<String>,
    /// What happens where and when, for advisories: start and end, resolved.
    pub event: Option<(Timestamp, Option<Timestamp>)>,
    /// What was corrected.
    pub correction: Option<Correction>,
    /// The folder that relative paths in it start from: `releases/2026/aster-ev`.
    pub folder: String,
    /// Original first, then translations by language.
    pub texts: Vec<Text>,
}

impl Release {
    /// The text for a reader of `language`: that language, else its base language, else the original.
    pub fn text(&self, language: &Language) -> &Text {
        self.texts
            .iter()
            .find(|text| text.language == *language)
            .or_else(|| self.texts.iter().find(|text| text.language.base() == language.base()))
            .unwrap_or(&self.texts[0])
    }

    /// What the release is as it stands: killed, held, corrected, or itself.
    pub fn notice(&self) -> Notice {
        match (self.status, &self.correction) {
            (Status::Killed, _) => Notice::Kill,
            (Status::Held, _) => Notice::Hold,
            (_, Some(_)) => Notice::Correction,
            _ => Notice::Original,
        }
    }

    /// The language the release was written in.
    pub fn original(&self) -> &Text {
        &self.texts[0]
    }
}

/// A release in one language.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Its language.
    pub language: Language,
    /// The file it came from.
    pub file: Arc<File>,
    /// The headline.
    pub title: String,
    /// The place in the dateline.
    pub dateline: Option<String>,
    /// Pictures and sound, in order; a translation without its own takes the original's.
    pub media: Vec<Medium>,
    /// Files beside the release that go with mails; a translation without its own takes the original's.
    pub attachments: Vec<String>,
}

/// What one audience on one channel sees instead of the release's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words<'a> {
    /// The headline.
    pub title: &'a str,
    /// The line below it.
    pub subtitle: Option<&'a str>,
    /// One or two sentences for previews, feeds and social networks.
    pub summary: Option<&'a str>,
    /// The mail's subject; the title where nothing is said.
    pub subject: Option<&'a str>,
    /// The text for social networks.
    pub social: Option<&'a str>,
    /// The name of a template instead of the audience's.
    pub template: Option<&'a str>,
}

impl Text {
    /// The words for `audience` on `channel`: of the variants that apply, `audience/channel` wins
    /// over `audience`, that over `channel`, that over the release.
    pub fn words(&self, audience: &str, channel: &str) -> Words<'_> {
        let front = &self.file.front;
        let pair = format!("{audience}/{channel}");
        let layers = [pair.as_str(), audience, channel];
        let layers: Vec<&Variant> =
            layers.iter().filter_map(|key| front.variants.get(*key).map(Box::as_ref)).collect();
        Words {
            title: pick(&layers, |v| v.title.as_ref().map(|s| s.value.as_str()), None).unwrap_or(&self.title),
            subtitle: pick(&layers, |v| v.subtitle.as_ref().map(|s| s.value.as_str()), front.subtitle_str()),
            summary: pick(&layers, |v| v.summary.as_ref().map(|s| s.value.as_str()), front.summary_str()),
            subject: pick(&layers, |v| v.subject.as_ref().map(|s| s.value.as_str()), front.subject_str()),
            social: pick(&layers, |v| v.social.as_ref().map(|s| s.value.as_str()), front.social_str()),
            template: pick(&layers, |v| v.template.as_ref().map(|s| s.value.as_str()), None),
        }
    }
}

/// The first of the variants that has the field, else the release's own.
fn pick<'a>(
    layers: &[&'a Variant],
    field: impl Fn(&'a Variant) -> Option<&'a str>,
    own: Option<&'a str>,
) -> Option<&'a str> {
    layers.iter().find_map(|variant| field(variant)).or(own)
}

#[cfg(test)]
mod tests;
