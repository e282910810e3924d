//! From the events of the parser to nodes; what YAML can do and nobody here needs is refused.

use std::ops::Range;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, Span};

use super::super::forbidden;
use super::{Key, MAX_DEPTH, MAX_NODES, Node, Value};
use crate::finding::{Finding, MOST, shown};

/// Reading ends here; why is in the findings.
pub struct Stop;

pub struct Builder<'a> {
    pub parser: Parser<'a, granit_parser::StrInput<'a>>,
    pub file: &'a str,
    pub text: &'a str,
    pub offset: usize,
    pub findings: Vec<Finding>,
    pub nodes: u32,
}

impl<'a> Builder<'a> {
    pub(super) fn document(&mut self) -> Result<Node<'a>, Stop> {
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

    pub fn error(&self, span: Range<usize>, code: &'static str, message: impl Into<String>) -> Finding {
        Finding::error(self.file, self.text, span, code, message)
    }

    fn bytes(&self, span: &Span) -> Range<usize> {
        let range = span.byte_range().unwrap_or(0..0);
        self.offset + range.start..self.offset + range.end
    }
}
