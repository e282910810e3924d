//! How a file is read whose columns have other names, and what its rows are given that it does not say.

use jiff::civil::Date;

use super::columns::same;
use crate::contact::{Basis, Consent};

/// How a file is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which column (second) is which field (first); a field that is empty for a column that is left out.
    map: Vec<(String, String)>,
    /// Whether a row without a consent is refused.
    pub needs_consent: bool,
    /// The basis of rows that name none.
    pub basis: Option<Basis>,
    /// The source of rows that name none.
    pub source: Option<String>,
    /// The date of rows that name none.
    pub date: Option<Date>,
}

/// A mapping that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// It has no `=` with something on both sides.
    #[error("`{0}` maps nothing; write FIELD=COLUMN, such as `name=Full name`")]
    Form(String),
    /// A field or a column is named twice.
    #[error("`{0}` is mapped twice")]
    Twice(String),
}

impl Options {
    /// Reads `FIELD=COLUMN`.
    pub fn map(&mut self, text: &str) -> Result<(), OptionsError> {
        let (field, column) = text
            .split_once('=')
            .map(|(field, column)| (field.trim(), column.trim()))
            .filter(|(field, column)| !field.is_empty() && !column.is_empty())
            .ok_or_else(|| OptionsError::Form(text.to_owned()))?;
        if self.map.iter().any(|(known, _)| same(known, field)) {
            return Err(OptionsError::Twice(field.to_owned()));
        }
        self.add(field, column)
    }

    /// Leaves a column out: what nobody needs is not kept.
    pub fn ignore(&mut self, column: &str) -> Result<(), OptionsError> {
        self.add("", column)
    }

    fn add(&mut self, field: &str, column: &str) -> Result<(), OptionsError> {
        if self.map.iter().any(|(_, known)| same(known, column)) {
            return Err(OptionsError::Twice(column.to_owned()));
        }
        self.map.push((field.to_owned(), column.to_owned()));
        Ok(())
    }

    /// The columns that must be there.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.map.iter().map(|(_, column)| column.as_str())
    }

    /// The field that a column is mapped to: an empty one where it is left out, nothing where its own name counts.
    pub(super) fn field(&self, column: &str) -> Option<&str> {
        let (field, _) = self.map.iter().find(|(_, known)| same(known, column))?;
        Some(field)
    }

    /// The consent of a row that says this of it; the name of what is missing where there is none.
    pub(super) fn consent(
        &self,
        basis: Option<Basis>,
        source: Option<String>,
        date: Option<Date>,
    ) -> Result<Option<Consent>, &'static str> {
        let all = (basis.or(self.basis), source.or_else(|| self.source.clone()), date.or(self.date));
        match all {
            (Some(basis), Some(source), Some(date)) => Ok(Some(Consent { basis, source, date })),
            (None, None, None) if !self.needs_consent => Ok(None),
            (None, ..) => Err("basis"),
            (_, None, _) => Err("source"),
            (.., None) => Err("date"),
        }
    }
}
