//! Contacts as CSV (RFC 4180 and what spreadsheets make of it): streamed, with a problem for each row that is not taken.
//!
//! The first line names the columns. `email` must be there; `name`, `language`, `timezone`, `tags`, `embargo_ok`, and `basis`,
//! `source` and `date` of the consent are known, under some other names too; every other column becomes a field that
//! audiences can choose by. [`Options`] maps columns of other names, and says what rows without a consent are given.
//! Several values in a cell are parted by `;`. Memory grows by some twenty bytes a row, for finding duplicates.

mod columns;
mod options;
mod records;
mod rows;
mod write;

use std::fmt;
use std::io::BufRead;

use serde::Serialize;

pub use options::{Options, OptionsError};
pub use rows::Rows;
pub use write::{Writer, write};

/// Why a row, or the whole file, is not taken. It never holds an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RowProblem {
    /// Line, from 1.
    pub line: u64,
    /// Column in characters, from 1.
    pub column: u64,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

impl RowProblem {
    fn new(line: u64, column: u64, message: impl Into<String>) -> RowProblem {
        RowProblem { line, column, message: message.into(), hint: None }
    }

    #[must_use]
    fn hint(mut self, hint: impl Into<String>) -> RowProblem {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for RowProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n  hint: {hint}"))
    }
}

impl std::error::Error for RowProblem {}

/// Reads the header; the iterator then gives the contacts.
///
/// The separator (comma, semicolon or tab) is found in the header. The file's problems are `Err`: no header, no column
/// `email`, two columns of one name, UTF-16.
pub fn read<R: BufRead>(reader: R) -> Result<Rows<R>, RowProblem> {
    Rows::read(reader, Options::default())
}

/// As [`read`], with columns of other names, and with what is asked of every row.
pub fn read_with<R: BufRead>(reader: R, options: Options) -> Result<Rows<R>, RowProblem> {
    Rows::read(reader, options)
}

#[cfg(test)]
mod tests;
