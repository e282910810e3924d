//! Why a node cannot be read, as serde hands it upwards.

use std::fmt;
use std::ops::Range;

use serde::de;

use super::super::tree::Node;
use crate::finding::{nearest, shown};

#[derive(Debug)]
pub struct Problem {
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
    pub span: Option<Range<usize>>,
    /// The node that is struck out.
    pub id: Option<u32>,
    /// Follows from something that was reported already.
    pub silent: bool,
    /// The key that a struct lacks.
    pub missing: Option<&'static str>,
}

/// Boxed, because serde moves it through every level.
#[derive(Debug)]
pub struct Error(pub Box<Problem>);

impl Error {
    pub fn new(code: &'static str, message: String) -> Error {
        let problem =
            Problem { code, message, hint: None, span: None, id: None, silent: false, missing: None };
        Error(Box::new(problem))
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says where, unless something deeper has said so.
    pub fn at(mut self, node: &Node<'_>) -> Error {
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
