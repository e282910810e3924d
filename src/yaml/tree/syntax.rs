//! What the parser could not read, in words.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::MAX_DEPTH;
use super::builder::Builder;
use crate::finding::Finding;

impl Builder<'_> {
    pub(super) fn syntax(&self, error: &ScanError) -> Finding {
        let at = self.offset + error.marker().byte_offset().unwrap_or(0);
        let (code, message, hint) = match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar => (
                "yaml-tab",
                "there is a tab here; YAML wants spaces".to_owned(),
                "use two spaces instead of the tab",
            ),
            ErrorKind::UnclosedQuotedScalar => (
                "yaml-quote",
                "a quotation mark opens here and is never closed".to_owned(),
                "add the closing mark; write `\\\"` for a mark inside the text",
            ),
            ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => (
                "yaml-quote",
                "a text in quotation marks seems to go on here".to_owned(),
                "add the closing mark in the line above; write `\\\"` for a mark inside the text",
            ),
            ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => (
                "yaml-quote",
                "there is more text after the closing quotation mark".to_owned(),
                "put the whole value in one pair of marks: \"…\", with `\\\"` for a mark inside it",
            ),
            ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => (
                "yaml-quote",
                "a backslash inside double quotation marks begins an escape, and this one does not exist"
                    .to_owned(),
                "write `\\\\` for a backslash, or use single quotation marks",
            ),
            ErrorKind::UnclosedFlowCollection { open } => {
                ("yaml-bracket", format!("`{open}` is opened and never closed"), "add the closing bracket")
            }
            ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => (
                "yaml-bracket",
                "a list in brackets is not closed, or lacks a comma".to_owned(),
                "write it like `[trade-media, bloggers]`",
            ),
            ErrorKind::UnexpectedEofFlowMapping | ErrorKind::ExpectedFlowMappingSeparator => (
                "yaml-bracket",
                "a mapping in curly brackets is not closed, or lacks a comma".to_owned(),
                "write it like `{per_week: 3}`",
            ),
            ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed => (
                "yaml-colon",
                "a second `: ` on one line cannot be read".to_owned(),
                "put the value in quotation marks: `title: \"One: two\"`",
            ),
            ErrorKind::UnexpectedCharacter { character } => (
                "yaml-character",
                format!("a value cannot begin with `{}`", character.escape_default()),
                "put the value in quotation marks",
            ),
            ErrorKind::DirectiveDisallowed => {
                ("yaml-directive", "a line that begins with `%` is not allowed".to_owned(), "remove the line")
            }
            ErrorKind::RecursionLimitExceeded => (
                "too-large",
                format!("values are nested more than {MAX_DEPTH} deep here"),
                "this is more than any file of a newsroom needs",
            ),
            ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::BlockSequenceEntryNotAllowed => (
                "yaml-indent",
                "this line fits neither as `key: value` nor as part of what stands above it".to_owned(),
                "look for a missing `: `, or for spaces at the start of the line that differ from its neighbours'",
            ),
            other => (
                "yaml-syntax",
                format!("this is no YAML: {other}"),
                "look at the quotation marks, brackets and spaces of this line and the one above",
            ),
        };
        self.error(at..at, code, message).hint(hint)
    }
}
