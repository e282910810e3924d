//! From nodes to values, with serde, and every wrong value reported.
//!
//! serde stops at the first error. So a wrong node is reported, struck out, and the type is read
//! again without it, until it reads or too little is left. Right texts are read once.

mod access;
mod error;
mod value;

use std::cell::RefCell;
use std::collections::HashSet;

use serde::de::DeserializeOwned;

use super::tree::{Node, Tree, Value};
use crate::finding::{Finding, MOST};

use error::{Error, Problem};
use value::De;

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
