//! What stands inside a node: the items of a list, the keys of a mapping, the word of an enum.

use std::ops::Range;

use serde::de::value::{StrDeserializer, U64Deserializer};
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::super::SPANNED;
use super::super::tree::{Key, Node};
use super::Reader;
use super::error::{Error, Problem};
use super::value::De;
use crate::finding::{MOST, nearest, shown};

/// The start, the end and the value of a [`super::Spanned`].
pub struct Parts<'r, 'a> {
    pub span: Range<usize>,
    pub inner: Option<De<'r, 'a>>,
    pub next: u8,
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

pub struct Items<'r, 'a> {
    pub reader: &'r Reader,
    pub items: std::slice::Iter<'r, Node<'a>>,
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

pub struct Entries<'r, 'a> {
    pub reader: &'r Reader,
    pub rest: std::slice::Iter<'r, (Key<'a>, Node<'a>)>,
    pub value: Option<De<'r, 'a>>,
    /// The keys that a struct knows.
    pub fields: Option<&'static [&'static str]>,
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
pub struct Choice<'r, 'a> {
    pub name: &'r str,
    pub inner: Option<De<'r, 'a>>,
}

impl<'de, 'r, 'a> EnumAccess<'de> for Choice<'r, 'a> {
    type Error = Error;
    type Variant = Chosen<'r, 'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Chosen<'r, 'a>), Error> {
        let name: StrDeserializer<'_, Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Chosen(self.inner)))
    }
}

pub struct Chosen<'r, 'a>(Option<De<'r, 'a>>);

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
