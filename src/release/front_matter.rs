//! The keys of a release's front matter, each with where it was written.

use std::collections::BTreeMap;

use crate::language::Language;
use crate::release::{Images, Status, WallTime};
use crate::yaml::Spanned;

/// The front matter as it was written; nothing is resolved or filled in.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrontMatter {
    /// The headline.
    pub title: Option<Spanned<String>>,
    /// The line below it.
    pub subtitle: Option<Spanned<String>>,
    /// The word above it: `Media advisory`.
    pub kicker: Option<Spanned<String>>,
    /// One or two sentences.
    pub summary: Option<Spanned<String>>,
    /// The mail's subject, where it is not the title.
    pub subject: Option<Spanned<String>>,
    /// The text for social networks.
    pub social: Option<Spanned<String>>,
    /// The place that opens the body.
    pub dateline: Option<Spanned<String>>,
    /// When it becomes public.
    pub publish: Option<Spanned<WallTime>>,
    /// Before this no public channel shows it.
    pub embargo: Option<Spanned<WallTime>>,
    /// After this it is not sent any more.
    pub expires: Option<Spanned<WallTime>>,
    /// Whether it may leave.
    pub status: Option<Spanned<Status>>,
    /// Why it is held or killed.
    pub reason: Option<Spanned<String>>,
    /// The language of this file.
    pub language: Option<Spanned<Language>>,
    /// Who gets it.
    pub audiences: Option<Spanned<Vec<Spanned<String>>>>,
    /// Whom the press may ask.
    pub contacts: Option<Spanned<Vec<Spanned<String>>>>,
    /// Standing paragraphs.
    pub boilerplate: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who wrote it: `Name, role`.
    pub byline: Option<Spanned<String>>,
    /// Subjects.
    pub tags: Option<Spanned<Vec<Spanned<String>>>>,
    /// Pictures and sound.
    pub media: Vec<Medium>,
    /// Files that go with its mails.
    pub attachments: Option<Spanned<Vec<Spanned<String>>>>,
    /// Whether its mails carry their pictures.
    pub images: Option<Spanned<Images>>,
    /// What happens where and when.
    pub event: Option<Spanned<Event>>,
    /// What was corrected.
    pub correction: Option<Spanned<Correction>>,
    /// Other words for an audience, a channel, or `audience/channel`.
    /// Boxed: a map makes room for eleven at once.
    pub variants: BTreeMap<String, Box<Variant>>,
    /// Where the keys of `variants` stand.
    pub variant_keys: Vec<Spanned<String>>,
}

fn text(value: Option<&Spanned<String>>) -> Option<&str> {
    value.map(|spanned| spanned.value.as_str())
}

impl FrontMatter {
    /// The subtitle's text.
    pub fn subtitle_str(&self) -> Option<&str> {
        text(self.subtitle.as_ref())
    }

    /// The summary's text.
    pub fn summary_str(&self) -> Option<&str> {
        text(self.summary.as_ref())
    }

    /// The subject's text.
    pub fn subject_str(&self) -> Option<&str> {
        text(self.subject.as_ref())
    }

    /// The social text.
    pub fn social_str(&self) -> Option<&str> {
        text(self.social.as_ref())
    }
}

/// A picture or a recording that belongs to a release.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Medium {
    /// File beside the release.
    pub file: Spanned<String>,
    /// What it shows, for those who cannot see it.
    pub alt: Option<Spanned<String>>,
    /// The words below it.
    pub caption: Option<Spanned<String>>,
    /// Whose work it is.
    pub credit: Option<Spanned<String>>,
    /// The name of a recording.
    pub title: Option<Spanned<String>>,
    /// How long a recording is: `24:10`.
    pub duration: Option<Spanned<String>>,
}

/// What happens where and when; becomes a calendar attachment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Event {
    /// When it begins.
    pub starts: Option<Spanned<WallTime>>,
    /// When it ends.
    pub ends: Option<Spanned<WallTime>>,
    /// Where.
    pub place: Option<Spanned<String>>,
    /// The street.
    pub address: Option<Spanned<String>>,
    /// Where to register.
    pub url: Option<Spanned<String>>,
}

/// What a correction says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Correction {
    /// One or two sentences that recipients read.
    pub note: Option<Spanned<String>>,
    /// How much it matters.
    pub class: CorrectionClass,
}

/// How much a correction matters.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum CorrectionClass {
    /// A fact was wrong: everybody who has the old text is told.
    #[default]
    Material,
    /// A slip: pages and posts that can be edited are, and nobody is mailed.
    Minor,
}

/// Other words for some of the readers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Variant {
    /// The headline.
    pub title: Option<Spanned<String>>,
    /// The line below it.
    pub subtitle: Option<Spanned<String>>,
    /// One or two sentences.
    pub summary: Option<Spanned<String>>,
    /// The mail's subject.
    pub subject: Option<Spanned<String>>,
    /// The text for social networks.
    pub social: Option<Spanned<String>>,
    /// The name of a template.
    pub template: Option<Spanned<String>>,
}
