//! YAML as Dateline reads it: one set of strict options, findings instead of errors.
//!
//! Unknown and duplicate keys, aliases, merge keys, tags, a second document and
//! YAML 1.1 booleans are refused; input is capped before the parser sees it.

use std::ops::Range;

use serde::de::DeserializeOwned;

use crate::finding::Finding;

/// A value and the bytes of the file that it was written in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands, in bytes of the whole file.
    pub span: Range<usize>,
}

/// The most bytes that one YAML text may have.
pub const MAX_BYTES: usize = 64 * 1024;

/// Reads the YAML that stands at `range` of `text`, the whole content of `file`.
///
/// Spans come out in bytes of the whole file.
pub fn read<T: DeserializeOwned>(file: &str, text: &str, range: Range<usize>) -> Result<T, Finding> {
    let _ = (file, text, range);
    Err(Finding::error(file, text, 0..0, "yaml", "not built yet"))
}
