//! The name of everything that a release's editions are rendered from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, DigestError};

/// What a release's editions are rendered from, under four names, so that a plan can tell
/// a new text from a new template.
///
/// The ledger keeps it as one text (`Display`, `FromStr`) and hands it back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source {
    /// All of it: equal here means that nothing has to be done.
    pub all: Digest,
    /// What readers would call the text: a change after sending needs a correction.
    pub words: Digest,
    /// What pages look like: their templates, the newsroom's name, colours, standing paragraphs.
    pub look: Digest,
    /// The correction's note and class; nothing where none is written.
    pub correction: Option<Digest>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.all, self.words, self.look)?;
        self.correction.iter().try_for_each(|correction| write!(f, ":{correction}"))
    }
}

impl FromStr for Source {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Source, DigestError> {
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or(DigestError)?.parse();
        let (all, words, look) = (next()?, next()?, next()?);
        let correction = parts.next().map(str::parse).transpose()?;
        if parts.next().is_some() {
            return Err(DigestError);
        }
        Ok(Source { all, words, look, correction })
    }
}

impl TryFrom<String> for Source {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Source, DigestError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_back_as_it_was_written() {
        let [all, words, look, note] = ["a", "b", "c", "d"].map(|text| Digest::of(text.as_bytes()));
        for correction in [None, Some(note)] {
            let source = Source { all, words, look, correction };
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        for bad in ["", "a:b:c", &format!("{all}:{words}"), &format!("{all}:{all}:{all}:{all}:{all}")] {
            assert_eq!(bad.parse::<Source>(), Err(DigestError), "{bad}");
        }
    }
}
