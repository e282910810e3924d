//! What is wrong, where, and what to do about it; and the forms in which that is told.
//!
//! A [`Finding`] is data. [`human`] shows it to people as compilers do, [`json`] to programs,
//! [`github`] to a pull request, [`sarif`] to code scanning. No form fails, whatever the
//! findings and texts hold: control characters are made visible, spans that do not fit are
//! moved to the nearest character that exists.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::Serialize;

mod github;
mod human;
mod json;
mod nearest;
mod sarif;

pub use github::github;
pub use human::human;
pub use json::json;
pub use nearest::nearest;
pub use sarif::sarif;

/// How many findings one file may give: who has this many mends some and looks again, and a file
/// made to have millions costs no more than one.
pub const MOST: usize = 100;

/// The texts that findings point into, by path.
pub type Texts<'a> = BTreeMap<&'a str, &'a str>;

/// What a rule looks for and what to do about it, for the forms that list rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Explanation {
    /// The rule's stable name: the `code` of its findings.
    pub code: &'static str,
    /// How much its findings matter.
    pub severity: Severity,
    /// What it looks for, in one sentence.
    pub summary: &'static str,
    /// What to do, in one sentence.
    pub remedy: &'static str,
}

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the release goes out as it stands.
    Warning,
    /// The release cannot be planned until this is mended; others are not touched.
    Error,
}

/// One thing that somebody should look at, in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Path below the newsroom, with `/` on every system.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Stable name of the rule, for example `embargo-after-publish`.
    pub code: &'static str,
    /// Whether it stops the release.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The bytes of the file that the caret points at.
    #[serde(skip)]
    pub span: Range<usize>,
    /// Whether the bytes at `span` must not be shown: they hold a secret.
    #[serde(skip)]
    pub covered: bool,
}

impl Finding {
    /// A finding about `span` of `text`, the whole content of `file`.
    pub fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        severity: Severity,
        code: &'static str,
        message: impl Into<String>,
    ) -> Finding {
        let (line, column) = position(text, span.start);
        Finding {
            file: file.to_owned(),
            line,
            column,
            code,
            severity,
            message: message.into(),
            hint: None,
            span,
            covered: false,
        }
    }

    /// An error; see [`Finding::new`].
    pub fn error(
        file: &str,
        text: &str,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Finding {
        Finding::new(file, text, span, Severity::Error, code, message)
    }

    /// A warning; see [`Finding::new`].
    pub fn warning(
        file: &str,
        text: &str,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
    ) -> Finding {
        Finding::new(file, text, span, Severity::Warning, code, message)
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Finding {
        self.hint = Some(hint.into());
        self
    }
}

impl Severity {
    /// The word in every form.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// How many of `findings` are errors, and how many are warnings.
pub fn count(findings: &[Finding]) -> (usize, usize) {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    (errors, findings.len() - errors)
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = self.severity.as_str();
        let Finding { file, line, column, code, message, .. } = self;
        write!(f, "{file}:{line}:{column}: {severity}[{code}]: {message}")?;
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Line and column (both from 1, the column in characters) of byte `offset` of `text`.
pub fn position(text: &str, offset: usize) -> (u32, u32) {
    let offset = text.floor_char_boundary(offset.min(text.len()));
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before[start..].chars().count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Characters that a terminal would obey instead of showing: C0 and C1 controls (without tab
/// and line feed), and those that turn the direction of the text.
pub fn is_unsafe(character: char) -> bool {
    (character.is_control() && character != '\n' && character != '\t')
        || matches!(character,
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// The start of a text that may be long or strange, fit for a message.
pub fn shown(text: &str) -> String {
    let mut short: String =
        text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}

/// `text` with `\u{1b}` instead of every character that a terminal or a log would obey.
fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_unsafe(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// `span` moved onto characters of `text`: in bounds, in order, on boundaries.
fn fit(text: &str, span: &Range<usize>) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.clamp(start, text.len()));
    start..end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        for (text, offset, expected) in [
            ("", 0, (1, 1)),
            ("abc", 3, (1, 4)),
            ("a\nbc", 2, (2, 1)),
            ("å\nöä", 5, (2, 2)),
            ("å", 1, (1, 1)),
            ("a", 99, (1, 2)),
        ] {
            assert_eq!(position(text, offset), expected, "{text:?} at {offset}");
        }
    }
}
