//! From text to a tree of nodes that know their bytes.

mod builder;
mod quick;
mod syntax;

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{self, Parser};

use super::{MAX_BYTES, de};
use crate::finding::Finding;

use builder::Builder;

/// How deep values may be nested.
const MAX_DEPTH: usize = 16;
/// How many values one text may have.
const MAX_NODES: u32 = 10_000;

/// A parsed text: values, and where they stand.
#[derive(Debug)]
pub struct Tree<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
    pub(super) root: Node<'a>,
}

#[derive(Debug)]
pub(super) struct Node<'a> {
    /// Its number, in reading order.
    pub id: u32,
    /// Its bytes of the whole file; of a value that is not there, those of its key.
    pub span: Range<usize>,
    pub value: Value<'a>,
}

#[derive(Debug)]
pub(super) enum Value<'a> {
    Scalar {
        text: Cow<'a, str>,
        plain: bool,
    },
    List(Vec<Node<'a>>),
    Map(Vec<(Key<'a>, Node<'a>)>),
    /// Something that was refused and reported.
    Broken,
}

#[derive(Debug)]
pub(super) struct Key<'a> {
    pub text: Cow<'a, str>,
    pub span: Range<usize>,
}

impl<'a> Tree<'a> {
    /// Parses the YAML that stands at `range` of `text`, the whole content of `file`.
    ///
    /// The tree is nothing where the text is no YAML, or too much of it. An empty text is a
    /// mapping without keys.
    pub fn parse(file: &'a str, text: &'a str, range: Range<usize>) -> (Option<Tree<'a>>, Vec<Finding>) {
        let yaml = text.get(range.clone()).unwrap_or_default();
        if yaml.len() > MAX_BYTES {
            let message = format!("there are {} bytes here, but only {MAX_BYTES} are read", yaml.len());
            let finding = Finding::error(file, text, range.start..range.start, "too-large", message);
            return (None, vec![finding.hint("move long texts into the body, or into a file of their own")]);
        }
        match quick::read(yaml, range.start) {
            Some(root) => (Some(Tree { file, text, root }), Vec::new()),
            None => Tree::thoroughly(file, text, range),
        }
    }

    /// The tree as the parser gives it.
    fn thoroughly(file: &'a str, text: &'a str, range: Range<usize>) -> (Option<Tree<'a>>, Vec<Finding>) {
        let yaml = text.get(range.clone()).unwrap_or_default();
        let options = granit_parser::options! {
            disallow_directives: true,
            emit_unresolved_aliases: true,
            emit_comments: false,
        };
        let mut builder = Builder {
            parser: Parser::new_from_str_with_options(yaml, options),
            file,
            text,
            offset: range.start,
            findings: Vec::new(),
            nodes: 0,
        };
        let root = builder.document();
        (root.ok().map(|root| Tree { file, text, root }), builder.findings)
    }

    /// Reads a `T` from the whole tree, leaving out the top-level keys in `skip`.
    pub fn read<T: DeserializeOwned>(&self, skip: &[&str]) -> (Option<T>, Vec<Finding>) {
        de::read(self, &self.root, skip, true)
    }

    /// Reads a `T` from the value that the keys of `path` lead to, leaving out the keys in `skip`
    /// there; nothing, and no findings, where there is no such key.
    pub fn read_at<T: DeserializeOwned>(&self, path: &[&str], skip: &[&str]) -> (Option<T>, Vec<Finding>) {
        match self.node(path) {
            Some(node) => de::read(self, node, skip, true),
            None => (None, Vec::new()),
        }
    }

    /// Like [`Tree::read_at`], but keys that `T` does not know are passed over: somebody else
    /// reads and judges them.
    pub fn pick_at<T: DeserializeOwned>(&self, path: &[&str]) -> (Option<T>, Vec<Finding>) {
        match self.node(path) {
            Some(node) => de::read(self, node, &[], false),
            None => (None, Vec::new()),
        }
    }

    /// The keys of the mapping at `path`, in order, with their places.
    pub fn keys_at(&self, path: &[&str]) -> Vec<super::Spanned<String>> {
        match self.node(path).map(|node| &node.value) {
            Some(Value::Map(entries)) => entries
                .iter()
                .map(|(key, _)| super::Spanned {
                    value: key.text.clone().into_owned(),
                    span: key.span.clone(),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether something stands at `path`.
    pub fn has(&self, path: &[&str]) -> bool {
        self.node(path).is_some()
    }

    /// Where the value at `path` stands.
    pub fn span_at(&self, path: &[&str]) -> Option<Range<usize>> {
        self.node(path).map(|node| node.span.clone())
    }

    fn node(&self, path: &[&str]) -> Option<&Node<'a>> {
        path.iter().try_fold(&self.root, |node, step| match &node.value {
            Value::Map(entries) => entries.iter().find(|(key, _)| key.text == *step).map(|(_, value)| value),
            _ => None,
        })
    }
}
