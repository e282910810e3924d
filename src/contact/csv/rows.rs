//! Records into contacts.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher as _;
use std::io::BufRead;

use jiff::civil::Date;

use super::columns::{Column, columns};
use super::records::{Cell, Record, Records};
use super::{Options, RowProblem};
use crate::contact::{Basis, BasisError, Contact, ContactId, EmailAddress};

/// The contacts of a file, in its order; a row that is not taken is `Err`, and the next one is read.
pub struct Rows<R> {
    records: Records<R>,
    columns: Vec<Column>,
    options: Options,
    line: u64,
    /// Hash of a normalised address -> its first line. A clash of hashes among a million rows has a chance of
    /// one in thirty million, and would be reported as a duplicate.
    seen: HashMap<u64, u64>,
    hasher: RandomState,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn read(reader: R, options: Options) -> Result<Rows<R>, RowProblem> {
        let mut records = Records::open(reader)?;
        let header = records.next().unwrap_or_else(|| {
            Err(RowProblem::new(1, 1, "the file is empty")
                .hint("the first line must name the columns: `email,name,language,…`"))
        })?;
        let columns = columns(&header, &options)?;
        let (seen, hasher) = (HashMap::new(), RandomState::new());
        Ok(Rows { records, columns, options, line: header.line, seen, hasher })
    }

    /// The line of the row that was read last.
    pub fn line(&self) -> u64 {
        self.line
    }

    fn contact(&mut self, record: &Record) -> Result<Contact, RowProblem> {
        let at = |cell: &Cell, message: String| RowProblem::new(record.line, cell.column, message);
        let [wanted, found] = [self.columns.len(), record.cells.len()];
        if found < wanted || record.cells.iter().skip(wanted).any(|cell| !cell.text.trim().is_empty()) {
            let column = record.cells.get(wanted).map_or(1, |cell| cell.column);
            return Err(RowProblem::new(
                record.line,
                column,
                format!("the row has {found} cells, the header {wanted}"),
            )
            .hint("put a cell that holds the separator into quotes"));
        }
        self.line = record.line;
        let mut row = Row::default();
        for (column, cell) in self.columns.iter().zip(&record.cells) {
            let text = clean(&cell.text);
            if let Some(control) = text.chars().find(|c| is_control(*c)) {
                return Err(at(cell, format!("there is a control character ({})", control.escape_unicode()))
                    .hint("remove it; a cell has one line"));
            }
            if text.is_empty() {
                continue;
            }
            row.take(column, text).map_err(|(message, hint)| at(cell, message).hint(hint))?;
        }
        let Some(email) = row.email else {
            return Err(RowProblem::new(record.line, 1, "the row has no address")
                .hint("fill in `email` or remove the row"));
        };
        let consent = self.options.consent(row.basis, row.source, row.date).map_err(|missing| {
            RowProblem::new(
                record.line,
                1,
                format!("the row does not say why we may write: `{missing}` is missing"),
            )
            .hint("fill in `basis`, `source` and `date`, or give --basis, --source and --date for all rows")
        })?;
        match self.seen.entry(self.hasher.hash_one(email.normalized())) {
            Entry::Vacant(entry) => entry.insert(record.line),
            Entry::Occupied(entry) => {
                let message = format!("the same address as in line {}", entry.get());
                return Err(RowProblem::new(record.line, 1, message).hint("remove one of the two rows"));
            }
        };
        let names = [row.first.take(), row.last.take()].into_iter().flatten().collect::<Vec<_>>();
        Ok(Contact {
            email,
            consent,
            name: row.contact.name.or_else(|| (!names.is_empty()).then(|| names.join(" "))),
            ..row.contact
        })
    }
}

impl<R: BufRead> Iterator for Rows<R> {
    type Item = Result<Contact, RowProblem>;

    fn next(&mut self) -> Option<Result<Contact, RowProblem>> {
        let record = self.records.next()?;
        Some(record.and_then(|record| self.contact(&record)))
    }
}

/// A row as far as it is read.
struct Row {
    email: Option<EmailAddress>,
    first: Option<String>,
    last: Option<String>,
    basis: Option<Basis>,
    source: Option<String>,
    date: Option<Date>,
    contact: Contact,
}

impl Default for Row {
    fn default() -> Row {
        let nobody = EmailAddress { local: String::new(), domain: String::new() };
        Row {
            email: None,
            first: None,
            last: None,
            basis: None,
            source: None,
            date: None,
            contact: Contact {
                id: ContactId(0),
                email: nobody,
                name: None,
                language: None,
                timezone: None,
                embargo_ok: false,
                tags: Vec::new(),
                fields: std::collections::BTreeMap::new(),
                consent: None,
            },
        }
    }
}

impl Row {
    /// Takes one cell that is not empty; fails with a message and a hint.
    fn take(&mut self, column: &Column, text: &str) -> Result<(), (String, String)> {
        let fail = |message: String, hint: &str| Err((message, hint.to_owned()));
        // Names stand in mail headers. What could end a header there, or turn its text around, has no place in one.
        if matches!(column, Column::Name | Column::FirstName | Column::LastName)
            && let Some(c) =
                crate::yaml::forbidden(text).or_else(|| text.chars().find(|c| *c == '\n' || *c == '\t'))
        {
            let message =
                format!("the name holds the character U+{:04X}, which is not visible", u32::from(c));
            return fail(message, "remove it");
        }
        match column {
            Column::Email => match text.parse() {
                Ok(email) => self.email = Some(email),
                Err(error) => return fail(error.to_string(), "write it as `name@host.example`"),
            },
            Column::Name => self.contact.name = Some(text.to_owned()),
            Column::FirstName => self.first = Some(text.to_owned()),
            Column::LastName => self.last = Some(text.to_owned()),
            Column::Language => match text.parse() {
                Ok(language) => self.contact.language = Some(language),
                Err(error) => return fail(error.to_string(), "leave it empty for the newsroom's language"),
            },
            Column::Timezone => {
                if jiff::tz::TimeZone::get(text).is_err() {
                    return fail(
                        format!("`{text}` is no time zone"),
                        "write an IANA name such as `Europe/Stockholm`, or leave it empty",
                    );
                }
                self.contact.timezone = Some(text.to_owned());
            }
            Column::Tags => self.contact.tags = values(text),
            Column::EmbargoOk => match text.to_lowercase().as_str() {
                "yes" | "y" | "true" | "1" => self.contact.embargo_ok = true,
                "no" | "n" | "false" | "0" => self.contact.embargo_ok = false,
                _ => {
                    return fail("this is neither yes nor no".to_owned(), "write `yes`, `no` or nothing");
                }
            },
            Column::Field(key) => {
                self.contact.fields.insert(key.clone(), values(text));
            }
            Column::Basis => match text.parse() {
                Ok(basis) => self.basis = Some(basis),
                Err(error) => {
                    let error: BasisError = error;
                    let all = Basis::ALL.map(Basis::as_str).join("`, `");
                    return fail(error.to_string(), &format!("write one of `{all}`"));
                }
            },
            Column::Source => self.source = Some(text.to_owned()),
            Column::Date => match text.parse() {
                Ok(date) => self.date = Some(date),
                Err(_) => return fail(format!("`{text}` is no date"), "write it as `2026-12-01`"),
            },
            Column::Ignored => {}
            Column::Nothing => {
                return fail("the column of this cell has no name".to_owned(), "name it in the first line");
            }
        }
        Ok(())
    }
}

/// The values of a cell, parted by `;`.
fn values(text: &str) -> Vec<String> {
    text.split(';').map(|value| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// A cell without the space around it and without the apostrophe that [`super::write`] puts before formulas.
fn clean(text: &str) -> &str {
    let text = text.trim();
    match text.strip_prefix('\'') {
        Some(rest) if super::write::is_formula(rest) => rest,
        _ => text,
    }
}

/// Control characters, and the two line separators that some programs take for line ends.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
