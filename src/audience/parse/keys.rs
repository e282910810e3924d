//! The keys of an audience's file.

use serde::Deserialize;

use crate::language::Language;
use crate::yaml::{Period, Spanned};

/// An audience: who gets what, by which channels, when.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Audience")]
pub struct File {
    /// Its name for people.
    pub name: Option<Spanned<String>>,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Keys of the channels in `dateline.yaml`, such as `[relay, newsroom]`.
    pub channels: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who belongs to it; an audience of public channels alone needs none.
    #[serde(default)]
    pub members: Option<Members>,
    /// Languages it is written to, most wanted first; all where nothing is said.
    #[serde(default)]
    pub languages: Vec<Spanned<Language>>,
    /// How long before the embargo those flagged `embargo_ok` get a copy: `48h`, `2d`, `90m`.
    #[serde(default)]
    pub advance: Option<Spanned<Period>>,
    /// When mail may leave.
    #[serde(default)]
    pub window: Option<Spanned<WindowKeys>>,
    /// Cron pattern of five fields in the newsroom's zone: the only times at which mail leaves.
    #[serde(default)]
    pub slots: Option<Spanned<String>>,
    /// A round-up instead of single mails.
    #[serde(default)]
    pub digest: Option<DigestKeys>,
    /// What a recipient can bear.
    #[serde(default)]
    pub limits: Option<Limits>,
}

/// Who belongs to an audience.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Members {
    /// A rule over contacts: `kind = blogger and (beat in [ev, family] or region = "EU")`.
    #[serde(rename = "where")]
    pub rule: Spanned<String>,
}

/// Hours of some weekdays.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowKeys {
    /// `Mon-Fri`, `Mon, Wed`; every day where nothing is said.
    #[serde(default)]
    pub days: Option<Spanned<String>>,
    /// `08:00-18:00`; the whole day where nothing is said.
    #[serde(default)]
    pub hours: Option<Spanned<String>>,
    /// Whose clock counts: `recipient` (the default), `newsroom`, or an IANA zone.
    #[serde(default)]
    pub zone: Option<Spanned<String>>,
}

/// A round-up.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DigestKeys {
    /// Cron pattern of five fields in the newsroom's zone.
    pub cron: Spanned<String>,
    /// The template that renders it; `digest` where nothing is said.
    #[serde(default)]
    pub template: Option<String>,
}

/// What a recipient can bear.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The most mails in seven days.
    #[serde(default)]
    pub per_week: Option<Spanned<u32>>,
}

/// The JSON Schema of an audience's file, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}
