//! What an email template is given, and what stands in for the texts that it never sees.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;

use super::super::Slot;
use super::super::scene::Prose;

/// What belongs in one place of the template.
pub(super) enum Field<'a> {
    /// Text, to be escaped.
    Text(Cow<'a, str>),
    /// HTML that is safe already.
    Html(Arc<Prose>),
    /// What differs by recipient.
    Slot(Slot),
}

/// The fields of one mail, by name, in the order in which they were put.
#[derive(Default)]
pub(super) struct Fields<'a>(Vec<(Cow<'static, str>, Field<'a>)>);

/// One value that a template can name.
pub(super) enum Datum<'a> {
    /// There is none, so that a template can ask.
    Nothing,
    Flag(bool),
    /// Words that the template may look at.
    Words(Cow<'a, str>),
    /// The place of a field, by its name.
    Place(Cow<'static, str>),
    List(Vec<Datum<'a>>),
    Group(Data<'a>),
}

/// Values by name.
#[derive(Default)]
pub(super) struct Data<'a>(Vec<(&'static str, Datum<'a>)>);

impl<'a> Fields<'a> {
    /// A place for text; nothing where there is none.
    pub(super) fn text(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        value: Option<impl Into<Cow<'a, str>>>,
    ) -> Datum<'a> {
        let value = match value.map(Into::into) {
            Some(Cow::Borrowed(text)) => Cow::Borrowed(text.trim()),
            Some(Cow::Owned(text)) if text.trim().len() == text.len() => Cow::Owned(text),
            Some(Cow::Owned(text)) => Cow::Owned(text.trim().to_owned()),
            None => return Datum::Nothing,
        };
        if value.is_empty() { Datum::Nothing } else { self.put(name.into(), Field::Text(value)) }
    }

    /// A place for HTML.
    pub(super) fn html(&mut self, name: impl Into<Cow<'static, str>>, value: &Arc<Prose>) -> Datum<'a> {
        if value.html.is_empty() {
            Datum::Nothing
        } else {
            self.put(name.into(), Field::Html(Arc::clone(value)))
        }
    }

    /// A place for a slot.
    pub(super) fn slot(&mut self, name: &'static str, slot: Slot) -> Datum<'a> {
        self.put(name.into(), Field::Slot(slot))
    }

    fn put(&mut self, name: Cow<'static, str>, field: Field<'a>) -> Datum<'a> {
        self.0.push((name.clone(), field));
        Datum::Place(name)
    }

    /// Where the field `name` stands.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|(known, _)| known == name)
    }

    /// The field that stands at `place`.
    pub(super) fn at(&self, place: usize) -> Option<&Field<'a>> {
        self.0.get(place).map(|(_, field)| field)
    }
}

impl<'a> Data<'a> {
    pub(super) fn put(&mut self, name: &'static str, datum: Datum<'a>) {
        self.0.push((name, datum));
    }

    pub(super) fn words(&mut self, name: &'static str, words: impl Into<Cow<'a, str>>) {
        self.put(name, Datum::Words(words.into()));
    }

    pub(super) fn flag(&mut self, name: &'static str, flag: bool) {
        self.put(name, Datum::Flag(flag));
    }

    /// What a template is given; `mark` begins each place.
    pub(super) fn value(&self, mark: &str) -> Value {
        let entries = self.0.iter().map(|(name, datum)| ((*name).to_owned(), datum.value(mark)));
        Value::Object(entries.collect())
    }

    /// Appends a name of everything that makes a difference to a template: which places there are, and those
    /// words whose name is `read`.
    pub(super) fn name(&self, read: &dyn Fn(&str) -> bool, out: &mut Vec<u8>) {
        for (name, datum) in &self.0 {
            datum.name(name, read, out);
        }
        out.push(0xfe);
    }
}

impl Datum<'_> {
    fn value(&self, mark: &str) -> Value {
        match self {
            Datum::Nothing => Value::Null,
            Datum::Flag(flag) => Value::Bool(*flag),
            Datum::Words(words) => Value::String(words.clone().into_owned()),
            Datum::Place(name) => Value::String(format!("{mark}{name}_")),
            Datum::List(list) => Value::Array(list.iter().map(|datum| datum.value(mark)).collect()),
            Datum::Group(data) => data.value(mark),
        }
    }

    // No text has the bytes that stand between the values.
    fn name(&self, name: &str, read: &dyn Fn(&str) -> bool, out: &mut Vec<u8>) {
        match self {
            Datum::Nothing => out.push(0xf8),
            Datum::Flag(flag) => out.push(if *flag { 0xf9 } else { 0xfa }),
            Datum::Words(words) => {
                if read(name) {
                    out.extend_from_slice(words.as_bytes());
                }
                out.push(0xfb);
            }
            Datum::Place(place) => {
                out.extend_from_slice(place.as_bytes());
                out.push(0xfc);
            }
            Datum::List(list) => {
                for datum in list {
                    datum.name(name, read, out);
                }
                out.push(0xfd);
            }
            Datum::Group(data) => data.name(read, out),
        }
    }
}
