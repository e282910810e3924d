//! From nodes to values, with serde, and every wrong value reported.
//!
//! serde stops at the first error. So a wrong node is reported, struck out, and the type is read
//! again without it, until it reads or too little is left. Right texts are read once.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::SPANNED;
use super::tree::{Key, Node, Tree, Value, shown};
use crate::finding::{Finding, MOST, nearest};

pub(super) fn read<T: DeserializeOwned>(
    tree: &Tree<'_>,
    node: &Node<'_>,
    skip: &[&str],
    strict: bool,
) -> (Option<T>, Vec<Finding>) {
    let reader = Reader { struck: RefCell::default(), problems: RefCell::default(), strict };
    if let Value::Map(entries) = &node.value {
        let skipped = entries.iter().filter(|(key, _)| skip.contains(&key.text.as_ref()));
        reader.struck.borrow_mut().extend(skipped.map(|(_, value)| value.id));
    }
    let value = loop {
        match T::deserialize(De { reader: &reader, node, key: None }) {
            Ok(value) => break Some(value),
            Err(Error(mut problem)) => {
                let id = problem.id.unwrap_or(node.id);
                problem.span.get_or_insert_with(|| node.span.clone());
                if !problem.silent {
                    reader.problems.borrow_mut().push(*problem);
                }
                // Every round reads all of it again: a text made of errors ends here.
                let enough = reader.problems.borrow().len() >= MOST;
                if id == node.id || enough || !reader.struck.borrow_mut().insert(id) {
                    break None;
                }
            }
        }
    };
    let findings = reader.problems.into_inner().into_iter().map(|problem| {
        let span = problem.span.unwrap_or(0..0);
        let finding = Finding::error(tree.file, tree.text, span, problem.code, problem.message);
        match problem.hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        }
    });
    (value, findings.collect())
}

struct Reader {
    /// Nodes that were reported, or are not to be read.
    struck: RefCell<HashSet<u32>>,
    problems: RefCell<Vec<Problem>>,
    /// Whether unknown keys are reported.
    strict: bool,
}

impl Reader {
    fn reads(&self, node: &Node<'_>) -> bool {
        !matches!(node.value, Value::Broken) && !self.struck.borrow().contains(&node.id)
    }
}

#[derive(Debug)]
struct Problem {
    code: &'static str,
    message: String,
    hint: Option<String>,
    span: Option<Range<usize>>,
    /// The node that is struck out.
    id: Option<u32>,
    /// Follows from something that was reported already.
    silent: bool,
    /// The key that a struct lacks.
    missing: Option<&'static str>,
}

/// Boxed, because serde moves it through every level.
#[derive(Debug)]
struct Error(Box<Problem>);

impl Error {
    fn new(code: &'static str, message: String) -> Error {
        let problem =
            Problem { code, message, hint: None, span: None, id: None, silent: false, missing: None };
        Error(Box::new(problem))
    }

    fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says where, unless something deeper has said so.
    fn at(mut self, node: &Node<'_>) -> Error {
        if self.0.id.is_none() {
            self.0.span.get_or_insert_with(|| node.span.clone());
            self.0.id = Some(node.id);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Error {
        Error::new("value", message.to_string())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Error {
        let list = expected.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
        let error = Error::new("value", format!("`{}` is none of {list}", shown(variant)));
        match nearest(variant, expected.iter().copied()) {
            Some(word) => error.hint(format!("did you mean `{word}`?")),
            None => error,
        }
    }

    fn missing_field(field: &'static str) -> Error {
        let mut error = Error::new("missing-key", format!("`{field}` is missing"));
        error.0.missing = Some(field);
        error.hint(format!("add a line `{field}: …`"))
    }
}

/// One node, ready to be read.
#[derive(Clone, Copy)]
struct De<'r, 'a> {
    reader: &'r Reader,
    node: &'r Node<'a>,
    key: Option<&'r str>,
}

impl<'r, 'a> De<'r, 'a> {
    /// What a message calls the value.
    fn name(&self) -> String {
        self.key.map_or_else(|| "this".to_owned(), |key| format!("`{}`", shown(key)))
    }

    fn wrong(&self, what: &str, hint: &str) -> Error {
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

/// The start, the end and the value of a [`super::Spanned`].
struct Parts<'r, 'a> {
    span: Range<usize>,
    inner: Option<De<'r, 'a>>,
    next: u8,
}

impl<'de> SeqAccess<'de> for Parts<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next += 1;
        let number = |value: usize| -> U64Deserializer<Error> { (value as u64).into_deserializer() };
        match self.next {
            1 => seed.deserialize(number(self.span.start)).map(Some),
            2 => seed.deserialize(number(self.span.end)).map(Some),
            _ => self.inner.take().map(|inner| seed.deserialize(inner)).transpose(),
        }
    }
}

struct Items<'r, 'a> {
    reader: &'r Reader,
    items: std::slice::Iter<'r, Node<'a>>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        match self.items.find(|node| self.reader.reads(node)) {
            Some(node) => seed
                .deserialize(De { reader: self.reader, node, key: None })
                .map(Some)
                .map_err(|error| error.at(node)),
            None => Ok(None),
        }
    }
}

struct Entries<'r, 'a> {
    reader: &'r Reader,
    rest: std::slice::Iter<'r, (Key<'a>, Node<'a>)>,
    value: Option<De<'r, 'a>>,
    /// The keys that a struct knows.
    fields: Option<&'static [&'static str]>,
}

impl Entries<'_, '_> {
    fn unknown(&self, key: &Key<'_>, value: &Node<'_>, fields: &'static [&'static str]) {
        let enough = self.reader.problems.borrow().len() >= MOST;
        if !self.reader.strict || enough || !self.reader.struck.borrow_mut().insert(value.id) {
            return;
        }
        let hint = match nearest(&key.text, fields.iter().copied()) {
            Some(field) => format!("did you mean `{field}`?"),
            None => format!("the keys here are {}", fields.join(", ")),
        };
        self.reader.problems.borrow_mut().push(Problem {
            code: "unknown-key",
            message: format!("there is no key `{}` here", shown(&key.text)),
            hint: Some(hint),
            span: Some(key.span.clone()),
            id: None,
            silent: false,
            missing: None,
        });
    }
}

impl<'de> MapAccess<'de> for Entries<'_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        while let Some((key, value)) = self.rest.next() {
            if let Some(fields) = self.fields
                && !fields.contains(&key.text.as_ref())
            {
                self.unknown(key, value, fields);
                continue;
            }
            if !self.reader.reads(value) {
                continue;
            }
            self.value = Some(De { reader: self.reader, node: value, key: Some(&key.text) });
            return seed.deserialize(KeyDe(key)).map(Some).map_err(|mut error| {
                error.0.span.get_or_insert_with(|| key.span.clone());
                error.at(value)
            });
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value).map_err(|error| error.at(value.node)),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

struct KeyDe<'r, 'a>(&'r Key<'a>);

impl<'de> de::Deserializer<'de> for KeyDe<'_, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_str(&self.0.text)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == SPANNED {
            visitor.visit_seq(KeyParts { key: self.0, next: 0 })
        } else {
            visitor.visit_newtype_struct(self)
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(Choice { name: &self.0.text, inner: None })
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

struct KeyParts<'r, 'a> {
    key: &'r Key<'a>,
    next: u8,
}

impl<'de> SeqAccess<'de> for KeyParts<'_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.next += 1;
        let number = |value: usize| -> U64Deserializer<Error> { (value as u64).into_deserializer() };
        match self.next {
            1 => seed.deserialize(number(self.key.span.start)).map(Some),
            2 => seed.deserialize(number(self.key.span.end)).map(Some),
            _ => seed.deserialize(KeyDe(self.key)).map(Some),
        }
    }
}

/// A word of an enum, or the one key of a mapping that says which.
struct Choice<'r, 'a> {
    name: &'r str,
    inner: Option<De<'r, 'a>>,
}

impl<'de, 'r, 'a> EnumAccess<'de> for Choice<'r, 'a> {
    type Error = Error;
    type Variant = Chosen<'r, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Chosen<'r, 'a>), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Chosen(self.inner)))
    }
}

struct Chosen<'r, 'a>(Option<De<'r, 'a>>);

impl<'r, 'a> Chosen<'r, 'a> {
    fn inner(self) -> Result<De<'r, 'a>, Error> {
        self.0.ok_or_else(|| Error::new("value", "this word needs a value of its own".to_owned()))
    }
}

impl<'de> VariantAccess<'de> for Chosen<'_, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None => Ok(()),
            Some(inner) => Err(inner.wrong("a word alone", "write the word without anything below it")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.inner()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_seq(self.inner()?, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        de::Deserializer::deserialize_struct(self.inner()?, "", fields, visitor)
    }
}
