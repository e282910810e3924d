//! From text to a tree of nodes that know their bytes.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::DeserializeOwned;
use serde_saphyr::granit_parser::{self, ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};

use super::{MAX_BYTES, de, forbidden};
use crate::finding::{Finding, MOST};

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

/// Reading ends here; why is in the findings.
struct Stop;

struct Builder<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    file: &'a str,
    text: &'a str,
    offset: usize,
    findings: Vec<Finding>,
    nodes: u32,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node<'a>, Stop> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::StreamStart | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                Event::DocumentStart(..) => {
                    if root.is_some() {
                        let span = self.bytes(&span);
                        let finding = self.error(
                            span,
                            "yaml-document",
                            "a second document begins here; one file holds one",
                        );
                        self.findings
                            .push(finding.hint("remove the line `---` or `...` and what follows it"));
                        return Err(Stop);
                    }
                }
                event => root = Some(self.node(event, &span, 0, None)?),
            }
        }
        let empty = Node { id: 0, span: self.offset..self.offset, value: Value::Map(Vec::new()) };
        Ok(match root {
            Some(Node { value: Value::Scalar { plain: true, .. }, span, .. }) if span.is_empty() => empty,
            Some(root) => root,
            None => empty,
        })
    }

    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Stop> {
        match self.parser.next() {
            None => Ok(None),
            Some(Ok(pair)) => Ok(Some(pair)),
            Some(Err(error)) => {
                let finding = self.syntax(&error);
                self.findings.push(finding);
                Err(Stop)
            }
        }
    }

    /// The next event inside a value; the parser closes what it opened, or errs.
    fn inside(&mut self) -> Result<(Event<'a>, Span), Stop> {
        self.next()?.ok_or(Stop)
    }

    fn node(
        &mut self,
        event: Event<'a>,
        at: &Span,
        depth: usize,
        key: Option<&Range<usize>>,
    ) -> Result<Node<'a>, Stop> {
        let mut span = self.bytes(at);
        let id = self.nodes;
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            let message = if depth > MAX_DEPTH {
                format!("values are nested more than {MAX_DEPTH} deep here")
            } else {
                format!("there are more than {MAX_NODES} values here")
            };
            let finding = self.error(span, "too-large", message);
            self.findings.push(finding.hint("this is more than any file of a newsroom needs"));
            return Err(Stop);
        }
        let value = match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self.decorated(anchor, tag.is_some(), at, &span)? {
                    Value::Broken
                } else {
                    let plain = style == ScalarStyle::Plain;
                    if plain && at.is_empty() {
                        span = key.cloned().unwrap_or(span);
                    } else {
                        self.look_at(&text, plain, &span)?;
                    }
                    Value::Scalar { text, plain }
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                let broken = self.decorated(anchor, tag.is_some(), at, &span)?;
                let mut items: Vec<Node<'a>> = Vec::new();
                loop {
                    let (event, at) = self.inside()?;
                    if matches!(event, Event::SequenceEnd) {
                        break;
                    }
                    let item = self.node(event, &at, depth + 1, None)?;
                    span.end = span.end.max(item.span.end);
                    items.push(item);
                }
                if broken { Value::Broken } else { Value::List(items) }
            }
            Event::MappingStart(_, anchor, tag) => {
                let broken = self.decorated(anchor, tag.is_some(), at, &span)?;
                let entries = self.entries(depth, &mut span)?;
                if broken { Value::Broken } else { Value::Map(entries) }
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let finding = self.error(
                    span.clone(),
                    "yaml-alias",
                    "`*` at the start of a value repeats another value in YAML; aliases are not allowed",
                );
                self.push(finding.hint("put the text in quotation marks"))?;
                Value::Broken
            }
            _ => Value::Broken,
        };
        Ok(Node { id, span, value })
    }

    fn entries(&mut self, depth: usize, span: &mut Range<usize>) -> Result<Vec<(Key<'a>, Node<'a>)>, Stop> {
        let mut entries: Vec<(Key<'a>, Node<'a>)> = Vec::new();
        loop {
            let (event, at) = self.inside()?;
            if matches!(event, Event::MappingEnd) {
                return Ok(entries);
            }
            let key = self.node(event, &at, depth + 1, None)?;
            let (event, at) = self.inside()?;
            let value = self.node(event, &at, depth + 1, Some(&key.span))?;
            span.end = span.end.max(value.span.end);
            let Value::Scalar { text, plain } = key.value else {
                if !matches!(key.value, Value::Broken) {
                    let finding = self.error(key.span, "yaml-key", "a key must be one word");
                    self.push(finding)?;
                }
                continue;
            };
            if plain && text == "<<" {
                let finding = self.error(key.span, "yaml-merge", "merge keys (`<<`) are not allowed");
                self.push(finding.hint("write the keys out"))?;
                continue;
            }
            if entries.iter().any(|(earlier, _)| earlier.text == text) {
                let finding =
                    self.error(key.span, "duplicate-key", format!("`{}` is written twice", shown(&text)));
                self.push(finding.hint("keep the one that is right and remove the other"))?;
                continue;
            }
            entries.push((Key { text, span: key.span }, value));
        }
    }

    /// Reports an anchor or a tag on a value.
    fn decorated(&mut self, anchor: usize, tag: bool, at: &Span, span: &Range<usize>) -> Result<bool, Stop> {
        if tag {
            let span = at.tag_span().map_or_else(|| span.clone(), |tag| self.bytes(&tag));
            let finding = self.error(
                span,
                "yaml-tag",
                "`!` at the start of a value gives it a type in YAML; tags are not allowed",
            );
            self.push(finding.hint("put the text in quotation marks"))?;
        } else if anchor != 0 {
            let finding = self.error(
                span.clone(),
                "yaml-anchor",
                "`&` at the start of a value names it in YAML; anchors are not allowed",
            );
            self.push(finding.hint("put the text in quotation marks"))?;
        }
        Ok(tag || anchor != 0)
    }

    /// Reports characters that nobody sees, and text that YAML takes for a comment.
    fn look_at(&mut self, text: &str, plain: bool, span: &Range<usize>) -> Result<(), Stop> {
        if let Some(c) = forbidden(text) {
            let message = format!("the text holds the invisible character U+{:04X}", u32::from(c));
            let finding = self.error(span.clone(), "control-character", message);
            self.push(finding.hint("remove it; write the text on one line, or as `>` block"))?;
        }
        if plain && let Some(rest) = self.text.get(span.end..) {
            let line = rest.lines().next().unwrap_or_default();
            let comment = line.trim_start();
            let glued = comment.strip_prefix('#').is_some_and(|c| c.starts_with(char::is_alphanumeric));
            if glued && comment.len() < line.len() {
                let word = comment.split_whitespace().next().unwrap_or(comment);
                let start = span.end + (line.len() - comment.len());
                let message = format!("`{}` begins a comment: it and what follows is not read", shown(word));
                let span = start..start + word.len();
                let finding = Finding::warning(self.file, self.text, span, "comment-in-text", message);
                self.push(finding.hint("put the whole value in quotation marks, or a space after the `#`"))?;
            }
        }
        Ok(())
    }

    fn push(&mut self, finding: Finding) -> Result<(), Stop> {
        self.findings.push(finding);
        if self.findings.len() < MOST { Ok(()) } else { Err(Stop) }
    }

    fn error(&self, span: Range<usize>, code: &'static str, message: impl Into<String>) -> Finding {
        Finding::error(self.file, self.text, span, code, message)
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        self.offset + range.start..self.offset + range.end
    }

    fn syntax(&self, error: &ScanError) -> Finding {
        let at = self.offset + error.marker().byte_offset().unwrap_or(0);
        let (code, message, hint) = match error.kind() {
            ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabInPlainScalar => (
                "yaml-tab",
                "there is a tab here; YAML wants spaces".to_owned(),
                "use two spaces instead of the tab",
            ),
            ErrorKind::UnclosedQuotedScalar => (
                "yaml-quote",
                "a quotation mark opens here and is never closed".to_owned(),
                "add the closing mark; write `\\\"` for a mark inside the text",
            ),
            ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => (
                "yaml-quote",
                "a text in quotation marks seems to go on here".to_owned(),
                "add the closing mark in the line above; write `\\\"` for a mark inside the text",
            ),
            ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => (
                "yaml-quote",
                "there is more text after the closing quotation mark".to_owned(),
                "put the whole value in one pair of marks: \"…\", with `\\\"` for a mark inside it",
            ),
            ErrorKind::UnknownQuotedScalarEscape | ErrorKind::InvalidQuotedScalarHexEscape => (
                "yaml-quote",
                "a backslash inside double quotation marks begins an escape, and this one does not exist"
                    .to_owned(),
                "write `\\\\` for a backslash, or use single quotation marks",
            ),
            ErrorKind::UnclosedFlowCollection { open } => {
                ("yaml-bracket", format!("`{open}` is opened and never closed"), "add the closing bracket")
            }
            ErrorKind::UnexpectedEofFlowSequence | ErrorKind::ExpectedFlowSequenceSeparator => (
                "yaml-bracket",
                "a list in brackets is not closed, or lacks a comma".to_owned(),
                "write it like `[trade-media, bloggers]`",
            ),
            ErrorKind::UnexpectedEofFlowMapping | ErrorKind::ExpectedFlowMappingSeparator => (
                "yaml-bracket",
                "a mapping in curly brackets is not closed, or lacks a comma".to_owned(),
                "write it like `{per_week: 3}`",
            ),
            ErrorKind::MappingValueNotAllowed | ErrorKind::MappingKeyNotAllowed => (
                "yaml-colon",
                "a second `: ` on one line cannot be read".to_owned(),
                "put the value in quotation marks: `title: \"One: two\"`",
            ),
            ErrorKind::UnexpectedCharacter { character } => (
                "yaml-character",
                format!("a value cannot begin with `{}`", character.escape_default()),
                "put the value in quotation marks",
            ),
            ErrorKind::DirectiveDisallowed => {
                ("yaml-directive", "a line that begins with `%` is not allowed".to_owned(), "remove the line")
            }
            ErrorKind::RecursionLimitExceeded => (
                "too-large",
                format!("values are nested more than {MAX_DEPTH} deep here"),
                "this is more than any file of a newsroom needs",
            ),
            ErrorKind::InvalidIndentation
            | ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::SimpleKeyExpected
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::BlockSequenceEntryNotAllowed => (
                "yaml-indent",
                "this line fits neither as `key: value` nor as part of what stands above it".to_owned(),
                "look for a missing `: `, or for spaces at the start of the line that differ from its neighbours'",
            ),
            other => (
                "yaml-syntax",
                format!("this is no YAML: {other}"),
                "look at the quotation marks, brackets and spaces of this line and the one above",
            ),
        };
        self.error(at..at, code, message).hint(hint)
    }
}

/// The start of a text that may be long or strange, fit for a message.
pub(super) fn shown(text: &str) -> String {
    let short: String = text.chars().take(60).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if short.len() < text.len() && text.chars().count() > 60 { format!("{short}…") } else { short }
}
