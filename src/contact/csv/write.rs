//! Contacts out, in a form that a spreadsheet does not run and that [`super::read`] reads back as it was.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::contact::Contact;

const KNOWN: [&str; 9] =
    ["email", "name", "language", "timezone", "tags", "embargo_ok", "basis", "source", "date"];

/// Writes contacts one at a time.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    fields: Vec<String>,
}

impl<W: Write> Writer<W> {
    /// Writes the header: the known columns, then `fields`.
    pub fn new(mut out: W, fields: impl IntoIterator<Item = String>) -> io::Result<Writer<W>> {
        let fields: Vec<String> = fields.into_iter().collect();
        line(&mut out, KNOWN.into_iter().chain(fields.iter().map(String::as_str)))?;
        Ok(Writer { out, fields })
    }

    /// Writes one contact; fields that the header does not have are left out.
    pub fn contact(&mut self, contact: &Contact) -> io::Result<()> {
        let email = contact.email.to_string();
        let tags = contact.tags.join(";");
        let consent = contact.consent.as_ref();
        let date = consent.map(|consent| consent.date.to_string()).unwrap_or_default();
        let known = [
            email.as_str(),
            contact.name.as_deref().unwrap_or_default(),
            contact.language.as_ref().map_or("", |language| language.as_str()),
            contact.timezone.as_deref().unwrap_or_default(),
            &tags,
            if contact.embargo_ok { "yes" } else { "no" },
            consent.map_or("", |consent| consent.basis.as_str()),
            consent.map_or("", |consent| consent.source.as_str()),
            &date,
        ];
        let fields: Vec<String> = self
            .fields
            .iter()
            .map(|field| contact.fields.get(field).map(|values| values.join(";")).unwrap_or_default())
            .collect();
        line(&mut self.out, known.into_iter().chain(fields.iter().map(String::as_str)))
    }
}

/// Writes all of `contacts`, with every field that one of them has.
pub fn write<W: Write>(out: W, contacts: &[Contact]) -> io::Result<()> {
    let fields: BTreeSet<&String> = contacts.iter().flat_map(|contact| contact.fields.keys()).collect();
    let mut writer = Writer::new(out, fields.into_iter().cloned())?;
    contacts.iter().try_for_each(|contact| writer.contact(contact))
}

/// Whether a spreadsheet might run a cell that begins like this (OWASP, CSV injection; with the full-width forms).
pub(super) fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'])
        // So that a text that begins with our apostrophe comes back with it.
        || text.strip_prefix('\'').is_some_and(is_formula)
}

fn line<'a, W: Write>(out: &mut W, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        let guard = if is_formula(cell) { "'" } else { "" };
        let quote = cell.contains([',', ';', '"', '\n', '\r', '\t']) || cell.trim() != cell;
        if quote {
            write!(out, "\"{guard}{}\"", cell.replace('"', "\"\""))?;
        } else {
            write!(out, "{guard}{cell}")?;
        }
    }
    out.write_all(b"\r\n")
}
