//! YAML as Dateline reads it: strict, with findings instead of errors.
//!
//! Unknown and duplicate keys, aliases, anchors, tags, merge keys, a second document, YAML 1.1
//! booleans and numbers, empty values and control characters are refused. Input is capped before
//! the parser sees it (64 KiB, 16 levels, 10,000 nodes), so that no text costs more than
//! milliseconds. What can still be read beside a wrong value is read: [`read_all`] gives every
//! finding of one text, not just the first.
//!
//! The text becomes a [`Tree`] whose nodes know their bytes; types are read from the tree with
//! serde. `Option` means that a key may be left out, never that it may be empty.

mod de;
mod period;
mod tree;

use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

pub use period::{Period, PeriodError};
pub use tree::Tree;

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
/// Spans come out in bytes of the whole file. The error is the first of [`read_all`]'s.
pub fn read<T: DeserializeOwned>(file: &str, text: &str, range: Range<usize>) -> Result<T, Finding> {
    let (value, mut findings) = read_all(file, text, range);
    let error = findings.iter().position(|finding| finding.severity == crate::finding::Severity::Error);
    match (value, error) {
        (Some(value), None) => Ok(value),
        (_, Some(at)) => Err(findings.swap_remove(at)),
        (None, None) => Err(Finding::error(file, text, 0..0, "yaml", "this cannot be read")),
    }
}

/// Reads the YAML that stands at `range` of `text` with everything that is wrong in it.
///
/// A wrong value is left out as if its key were not there, so the rest can be used; the value is
/// nothing where that leaves too little. An error among the findings says that something was
/// left out.
pub fn read_all<T: DeserializeOwned>(
    file: &str,
    text: &str,
    range: Range<usize>,
) -> (Option<T>, Vec<Finding>) {
    let (tree, mut findings) = Tree::parse(file, text, range);
    let Some(tree) = tree else { return (None, findings) };
    let (value, more) = tree.read(&[]);
    findings.extend(more);
    findings.sort_by_key(|finding| finding.span.start);
    (value, findings)
}

/// The name under which a [`Spanned`] asks our deserializer for its span.
const SPANNED: &str = "\0dateline::yaml::Spanned";

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpannedVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            // Any other format has no spans to give.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<Spanned<T>, D::Error> {
                Ok(Spanned { value: T::deserialize(inner)?, span: 0..0 })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Spanned<T>, A::Error> {
                let missing = || serde::de::Error::custom("a span is missing");
                let start: usize = parts.next_element()?.ok_or_else(missing)?;
                let end: usize = parts.next_element()?.ok_or_else(missing)?;
                let value = parts.next_element()?.ok_or_else(missing)?;
                Ok(Spanned { value, span: start..end })
            }
        }

        deserializer.deserialize_newtype_struct(SPANNED, SpannedVisitor(PhantomData))
    }
}

impl<T: schemars::JsonSchema> schemars::JsonSchema for Spanned<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}

/// A mapping with free keys, in the order and with the places in which they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct Map<V>(pub Vec<(Spanned<String>, V)>);

impl<V> Default for Map<V> {
    fn default() -> Map<V> {
        Map(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for MapVisitor<V> {
            type Value = Map<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("keys and values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<V>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Map(entries))
            }
        }

        deserializer.deserialize_map(MapVisitor(PhantomData))
    }
}

impl<V: schemars::JsonSchema> schemars::JsonSchema for Map<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("MapOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <std::collections::BTreeMap<String, V>>::json_schema(generator)
    }
}

/// A value that somebody else reads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Anything)
    }
}

impl schemars::JsonSchema for Anything {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!(true)
    }
}

/// The first character that has no place in a text which people read and mail headers carry:
/// control characters except newline and tab, line and paragraph separators, and the controls that
/// turn the writing direction.
pub fn forbidden(text: &str) -> Option<char> {
    text.chars().find(|c| match c {
        '\n' | '\t' => false,
        '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => true,
        _ => c.is_control(),
    })
}

#[cfg(test)]
mod tests;
