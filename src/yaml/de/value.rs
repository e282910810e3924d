//! One node as the value that a type asks for.

use serde::de::{self, Visitor};

use super::super::SPANNED;
use super::super::tree::{Key, Node, Value};
use super::Reader;
use super::access::{Choice, Entries, Items, Parts};
use super::error::Error;
use crate::finding::shown;

/// One node, ready to be read.
#[derive(Clone, Copy)]
pub struct De<'r, 'a> {
    pub reader: &'r Reader,
    pub node: &'r Node<'a>,
    pub key: Option<&'r str>,
}

impl<'r, 'a> De<'r, 'a> {
    /// What a message calls the value.
    fn name(&self) -> String {
        self.key.map_or_else(|| "this".to_owned(), |key| format!("`{}`", shown(key)))
    }

    pub fn wrong(&self, what: &str, hint: &str) -> Error {
        Error::new("value", format!("{} must be {what}", self.name())).hint(hint).at(self.node)
    }

    fn empty(&self) -> Error {
        Error::new("empty-value", format!("{} has no value", self.name()))
            .hint("write one (in quotation marks if it begins with `#`), or remove the line")
            .at(self.node)
    }

    /// The text of a scalar, whatever YAML would make of it.
    fn scalar(&self, what: &str, hint: &str) -> Result<(&'r str, bool), Error> {
        match &self.node.value {
            Value::Scalar { text, plain } if *plain && is_null(text) => Err(self.empty()),
            Value::Scalar { text, plain } => Ok((text.as_ref(), *plain)),
            _ => Err(self.wrong(what, hint)),
        }
    }

    fn integer<T: std::str::FromStr>(&self) -> Result<T, Error> {
        let wrong = || self.wrong("a whole number", "write digits alone, such as `3`");
        let (text, plain) = self.scalar("a whole number", "write digits alone, such as `3`")?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        let good = plain
            && !digits.is_empty()
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (digits == "0" || !digits.starts_with('0'));
        if !good {
            return Err(wrong());
        }
        text.parse().map_err(|_| wrong())
    }

    fn boolean(&self) -> Result<bool, Error> {
        let hint = "write `true` or `false`, without quotation marks";
        match self.scalar("`true` or `false`", hint)? {
            ("true", true) => Ok(true),
            ("false", true) => Ok(false),
            _ => Err(self.wrong("`true` or `false`", hint)),
        }
    }

    fn entries(&self) -> Result<&'r [(Key<'a>, Node<'a>)], Error> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries),
            Value::Scalar { text, plain: true } if is_null(text) => Err(self.empty()),
            _ => {
                Err(self.wrong("a group of keys", "write `key: value` lines below it, two spaces further in"))
            }
        }
    }

    fn struck(&self, field: &str) -> bool {
        matches!(&self.node.value, Value::Map(entries)
            if entries.iter().any(|(key, value)| key.text == field && !self.reader.reads(value)))
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit(self.integer::<$type>()?).map_err(|error: Error| error.at(self.node))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for De<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.value {
            Value::Map(_) => self.deserialize_map(visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Broken => visitor.visit_unit(),
            Value::Scalar { text, plain } => {
                if !plain {
                    visitor.visit_str(text)
                } else if is_null(text) {
                    return Err(self.empty());
                } else if let Ok(value) = self.boolean() {
                    visitor.visit_bool(value)
                } else if let Ok(value) = self.integer::<i64>() {
                    visitor.visit_i64(value)
                } else {
                    visitor.visit_str(text)
                }
            }
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.boolean()?).map_err(|error: Error| error.at(self.node))
    }

    integers! {
        deserialize_i8 visit_i8 i8, deserialize_i16 visit_i16 i16, deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64, deserialize_u8 visit_u8 u8, deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32, deserialize_u64 visit_u64 u64
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (text, plain) = self.scalar("a number", "write it like `1.5`")?;
        let number = text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        match text.parse::<f64>() {
            Ok(value) if plain && number && value.is_finite() => {
                visitor.visit_f64(value).map_err(|error: Error| error.at(self.node))
            }
            _ => Err(self.wrong("a number", "write it like `1.5`")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (text, _) = self.scalar("text", "write it on the same line, or as a `>` block")?;
        visitor.visit_str(text).map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    // A key that is written has a value: empty is an error of the type inside.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == SPANNED {
            visitor.visit_seq(Parts { span: self.node.span.clone(), inner: Some(self), next: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
        .map_err(|error| error.at(self.node))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let items = match &self.node.value {
            Value::List(items) => items,
            Value::Scalar { text, plain: true } if is_null(text) => return Err(self.empty()),
            _ => return Err(self.wrong("a list", "write it in brackets, such as `[one, two]`")),
        };
        visitor
            .visit_seq(Items { reader: self.reader, items: items.iter() })
            .map_err(|error| error.at(self.node))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let rest = self.entries()?.iter();
        visitor
            .visit_map(Entries { reader: self.reader, rest, value: None, fields: None })
            .map_err(|error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let rest = self.entries()?.iter();
        visitor.visit_map(Entries { reader: self.reader, rest, value: None, fields: Some(fields) }).map_err(
            |mut error: Error| {
                if error.0.id.is_none() && error.0.missing.is_some_and(|field| self.struck(field)) {
                    error.0.silent = true;
                }
                error.at(self.node)
            },
        )
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let words = variants.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        if let Value::Map(entries) = &self.node.value
            && let [(key, value)] = entries.as_slice()
        {
            let inner = De { reader: self.reader, node: value, key: Some(&key.text) };
            visitor.visit_enum(Choice { name: &key.text, inner: Some(inner) })
        } else {
            let (name, _) = self.scalar(&format!("one of {words}"), "write one of them")?;
            visitor.visit_enum(Choice { name, inner: None })
        }
        .map_err(|error| error.at(self.node))
    }
}
