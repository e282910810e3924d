//! What is wrong, where, and what to do about it.

use std::fmt;
use std::ops::Range;

use serde::Serialize;

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

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
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
