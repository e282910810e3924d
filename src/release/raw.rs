//! The keys of the front matter as YAML has them, before their texts are looked at.
//!
//! The doc comments are what editors show beside a key: they end up in the JSON Schema.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::language::Language;
use crate::release::{CorrectionClass, Images, Status};
use crate::yaml::{Map, Spanned};

type Text = Option<Spanned<String>>;
type Names = Option<Spanned<Vec<Spanned<String>>>>;

/// The front matter of a release, between the two `---` lines.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dateline release")]
pub(super) struct Raw {
    /// The headline.
    pub title: Text,
    /// The line below the headline.
    pub subtitle: Text,
    /// The word above the headline, such as `Media advisory`.
    pub kicker: Text,
    /// One or two sentences for previews, feeds and social networks.
    pub summary: Text,
    /// The mail's subject, where it is not the title.
    pub subject: Text,
    /// The text for social networks.
    pub social: Text,
    /// The place that opens the body: `Gothenburg`.
    pub dateline: Text,
    /// When it becomes public: `2026-12-01T09:00[Europe/Stockholm]`. Without a zone, the newsroom's counts.
    pub publish: Text,
    /// Before this time no public channel shows it; `publish` where nothing is said.
    pub embargo: Text,
    /// After this time it is not sent any more.
    pub expires: Text,
    /// Whether it may leave: `draft`, `approved`, `held` or `killed`.
    pub status: Option<Spanned<Status>>,
    /// Why it is held or killed, in one sentence that recipients read.
    pub reason: Text,
    /// The language of this file; the newsroom's where nothing is said.
    pub language: Option<Spanned<Language>>,
    /// Who gets it: names of files in `audiences/`, most important first.
    pub audiences: Names,
    /// Whom the press may ask: keys of `contacts` in `dateline.yaml`.
    pub contacts: Names,
    /// Standing paragraphs: keys of `boilerplate` in `dateline.yaml`.
    pub boilerplate: Names,
    /// Who wrote it: `Name, role`.
    pub byline: Text,
    /// Subjects.
    pub tags: Names,
    /// Pictures and recordings.
    #[serde(default)]
    pub media: Vec<RawMedium>,
    /// Files beside the release that go with its mails: `[aster-data.pdf]`. 10 MB are the most together.
    pub attachments: Names,
    /// Whether mails carry their pictures (`inline`) or fetch them from the newsroom (`link`); the channel's own
    /// `images` where nothing is said.
    pub images: Option<Spanned<Images>>,
    /// What happens where and when; becomes a calendar attachment.
    pub event: Option<Spanned<RawEvent>>,
    /// What was corrected in a release that has gone out.
    pub correction: Option<Spanned<RawCorrection>>,
    /// Other words for some readers, by audience, channel, or `audience/channel`.
    #[serde(default)]
    pub variants: Map<RawVariant>,
}

/// A picture or a recording.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Medium")]
pub(super) struct RawMedium {
    /// A file beside the release.
    pub file: Spanned<String>,
    /// What it shows or sounds like, for those who cannot see or hear it.
    pub alt: Text,
    /// The words below it.
    pub caption: Text,
    /// Whose work it is.
    pub credit: Text,
    /// The name of a recording.
    pub title: Text,
    /// How long a recording is: `24:10`.
    pub duration: Text,
}

/// What happens where and when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Event")]
pub(super) struct RawEvent {
    /// When it begins: `2026-12-01T10:00[Europe/Stockholm]`.
    pub starts: Text,
    /// When it ends.
    pub ends: Text,
    /// Where.
    pub place: Text,
    /// The street.
    pub address: Text,
    /// Where to register or to follow it.
    pub url: Text,
}

/// What was corrected.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Correction")]
pub(super) struct RawCorrection {
    /// One or two sentences that recipients read.
    pub note: Text,
    /// `material`: everybody who has the old text is told. `minor`: pages and posts are edited, and nobody is mailed.
    #[serde(default)]
    pub class: CorrectionClass,
}

/// Other words for some of the readers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Variant")]
pub(super) struct RawVariant {
    /// The headline.
    pub title: Text,
    /// The line below it.
    pub subtitle: Text,
    /// One or two sentences.
    pub summary: Text,
    /// The mail's subject.
    pub subject: Text,
    /// The text for social networks.
    pub social: Text,
    /// The name of a template.
    pub template: Text,
}

/// The JSON Schema of a release's front matter.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Raw).to_value()
}
