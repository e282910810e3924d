//! The language of a text or of a reader.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A language tag such as `en`, `sv` or `pt-BR` (BCP 47: language, optional region).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(String);

impl Language {
    /// English, where nothing else is said.
    pub fn english() -> Language {
        Language("en".to_owned())
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tag without its region: `pt` of `pt-BR`.
    pub fn base(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }
}

/// English, where nothing else is said.
impl Default for Language {
    fn default() -> Language {
        Language::english()
    }
}

/// The text is no language tag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no language tag; write one such as `en`, `sv` or `pt-BR`")]
pub struct LanguageError(String);

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Language, LanguageError> {
        let mut parts = text.split('-');
        let language = parts.next().unwrap_or_default();
        let region = parts.next();
        let good = (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_lowercase())
            && region
                .is_none_or(|region| region.len() == 2 && region.bytes().all(|b| b.is_ascii_uppercase()))
            && parts.next().is_none();
        if good { Ok(Language(text.to_owned())) } else { Err(LanguageError(text.to_owned())) }
    }
}

impl TryFrom<String> for Language {
    type Error = LanguageError;

    fn try_from(text: String) -> Result<Language, LanguageError> {
        text.parse()
    }
}

impl From<Language> for String {
    fn from(language: Language) -> String {
        language.0
    }
}

impl schemars::JsonSchema for Language {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Language".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A language tag: `en`, `sv`, `pt-BR`.",
            "pattern": "^[a-z]{2,3}(-[A-Z]{2})?$"
        })
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
