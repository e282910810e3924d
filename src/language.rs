//! The language of a text or of a reader.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// The most bytes of a tag: `fil-PH`.
const MOST: usize = 6;

/// A language tag such as `en`, `sv` or `pt-BR` (BCP 47: language, optional region).
///
/// It stands in every part of every plan, so it is no text on the heap.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Language {
    /// The tag, and zeros behind it: so the order is that of texts.
    tag: [u8; MOST],
    length: u8,
}

impl Language {
    /// English, where nothing else is said.
    pub fn english() -> Language {
        Language { tag: *b"en\0\0\0\0", length: 2 }
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        let tag = self.tag.get(..usize::from(self.length)).unwrap_or_default();
        // Only ASCII ever comes in.
        std::str::from_utf8(tag).unwrap_or_default()
    }

    /// The tag without its region: `pt` of `pt-BR`.
    pub fn base(&self) -> &str {
        let tag = self.as_str();
        tag.split_once('-').map_or(tag, |(base, _)| base)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Language").field(&self.as_str()).finish()
    }
}

impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
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
        let wrong = || LanguageError(text.to_owned());
        if !good {
            return Err(wrong());
        }
        let mut tag = [0; MOST];
        tag.get_mut(..text.len()).ok_or_else(wrong)?.copy_from_slice(text.as_bytes());
        Ok(Language { tag, length: u8::try_from(text.len()).map_err(|_| wrong())? })
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
        language.as_str().to_owned()
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
        f.write_str(self.as_str())
    }
}
