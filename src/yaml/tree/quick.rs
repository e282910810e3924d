//! The quick way to a tree: the plain forms that nearly every front matter is written in, in one pass.
//!
//! [`read`] knows `key: value` lines, values on one line with or without quotation marks, lists in brackets or
//! with dashes, groups of keys below a key, and folded texts of whole lines. At anything else, and at everything that
//! is worth a finding, it gives up, and the parser takes the text apart. The tree that it does give is the
//! parser's, node by node; a test holds the two against each other.

use std::borrow::Cow;
use std::ops::Range;

use super::super::forbidden;
use super::{Key, Node, Value};

/// Deeper than any file of a newsroom, and far from the parser's own limit.
const MAX_DEPTH: usize = 6;
/// So many values at the most; the parser's limit is five times as many.
const MAX_NODES: u32 = 2_000;

/// The tree of `yaml`, whose first byte is the file's byte `offset`; nothing where it holds anything but plain forms.
pub(super) fn read(yaml: &str, offset: usize) -> Option<Node<'_>> {
    // A remark may be meant as text, and whatever nobody sees is a finding.
    let odd = |byte: u8| matches!(byte, 0..=9 | 11..=31 | 127 | b'#');
    if yaml.is_empty() || yaml.bytes().any(odd) || !yaml.is_ascii() && forbidden(yaml).is_some() {
        return None;
    }
    let mut reader = Reader { yaml, at: 0, offset, nodes: 0 };
    let root = reader.group(0, 0, None)?;
    (reader.at == yaml.len()).then_some(root)
}

struct Reader<'a> {
    yaml: &'a str,
    /// The first byte of the next line.
    at: usize,
    offset: usize,
    nodes: u32,
}

/// A line without its indentation and the spaces at its end.
#[derive(Clone, Copy)]
struct Line<'a> {
    indent: usize,
    words: &'a str,
    /// Where the words begin.
    start: usize,
    /// The first byte of the line behind it.
    next: usize,
}

impl<'a> Reader<'a> {
    /// The next line; nothing at the end. An empty one is not plain.
    fn line(&self) -> Option<Line<'a>> {
        let rest = self.yaml.get(self.at..)?;
        let end = rest.bytes().position(|byte| byte == b'\n').unwrap_or(rest.len());
        let whole = rest.get(..end)?;
        let bare = whole.trim_start_matches(' ');
        let words = bare.trim_end_matches(' ');
        let indent = whole.len() - bare.len();
        let next = self.at + (end + 1).min(rest.len());
        (!words.is_empty()).then_some(Line { indent, words, start: self.at + indent, next })
    }

    /// Whether the next line stands further in than `indent`.
    fn deeper(&self, indent: usize) -> bool {
        self.line().is_some_and(|line| line.indent > indent)
    }

    fn number(&mut self) -> Option<u32> {
        let id = self.nodes;
        self.nodes += 1;
        (self.nodes < MAX_NODES).then_some(id)
    }

    fn span(&self, start: usize, length: usize) -> Range<usize> {
        self.offset + start..self.offset + start + length
    }

    /// The keys that stand `indent` spaces in, the first of which may stand behind a dash: then it is `first`.
    fn group(&mut self, indent: usize, depth: usize, first: Option<Line<'a>>) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let id = self.number()?;
        let mut entries: Vec<(Key<'a>, Node<'a>)> = Vec::new();
        let mut span = 0..0;
        let mut given = first;
        loop {
            let line = match given.take() {
                Some(line) => line,
                None if self.at == self.yaml.len() => break,
                None => match self.line()? {
                    line if line.indent < indent => break,
                    line if line.indent > indent => return None,
                    line => line,
                },
            };
            let colon = line.words.bytes().position(|byte| byte == b':')?;
            let (name, rest) = line.words.split_at(colon);
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'.' | b'-');
            if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.bytes().all(plain) {
                return None;
            }
            if entries.iter().any(|(key, _)| key.text == name) {
                return None;
            }
            self.number()?;
            let key = Key { text: Cow::Borrowed(name), span: self.span(line.start, name.len()) };
            self.at = line.next;
            let value = match rest.strip_prefix(": ") {
                Some(value) => {
                    let words = value.trim_start_matches(' ');
                    self.value(words, line.start + line.words.len() - words.len(), indent)?
                }
                None if rest == ":" => self.below(indent, depth)?,
                None => return None,
            };
            if entries.is_empty() {
                span = key.span.clone();
            }
            span.end = span.end.max(value.span.end);
            entries.push((key, value));
        }
        (!entries.is_empty()).then_some(Node { id, span, value: Value::Map(entries) })
    }

    /// What stands below a key that is `indent` spaces in: a list or a group.
    fn below(&mut self, indent: usize, depth: usize) -> Option<Node<'a>> {
        let line = self.line()?;
        if line.words.starts_with("- ") && line.indent >= indent {
            return self.list(line.indent, depth + 1, line.indent == indent);
        }
        if line.indent > indent { self.group(line.indent, depth + 1, None) } else { None }
    }

    /// Items behind dashes that stand `indent` spaces in. Where the key above stands as far in, the parser gives the list
    /// the place of its first item.
    fn list(&mut self, indent: usize, depth: usize, flush: bool) -> Option<Node<'a>> {
        if depth > MAX_DEPTH {
            return None;
        }
        let id = self.number()?;
        let mut items: Vec<Node<'a>> = Vec::new();
        let mut span = 0..0;
        while self.at < self.yaml.len() {
            let line = self.line()?;
            if line.indent > indent {
                return None;
            }
            let Some(words) = line.words.strip_prefix("- ").filter(|_| line.indent == indent) else { break };
            if words.starts_with(' ') {
                return None;
            }
            let start = line.start + 2;
            let is_group =
                words.split_once(':').is_some_and(|(_, rest)| rest.is_empty() || rest.starts_with(' '));
            let quoted = words.starts_with(['"', '\'', '[']);
            let item = if is_group && !quoted {
                self.group(
                    indent + 2,
                    depth + 1,
                    Some(Line { indent: indent + 2, words, start, next: line.next }),
                )?
            } else {
                self.at = line.next;
                self.value(words, start, indent)?
            };
            if items.is_empty() {
                span = if flush { item.span.clone() } else { self.span(line.start, 1) };
            }
            span.end = span.end.max(item.span.end);
            items.push(item);
        }
        (!items.is_empty()).then_some(Node { id, span, value: Value::List(items) })
    }

    /// The value `words` at byte `start`, whose key or dash stands `indent` spaces in; the next line is behind it.
    fn value(&mut self, words: &'a str, start: usize, indent: usize) -> Option<Node<'a>> {
        let first = words.bytes().next()?;
        let node = match first {
            b'"' | b'\'' => {
                let quote = char::from(first);
                let text = words.strip_prefix(quote)?.strip_suffix(quote)?;
                if text.contains(['\\', quote]) {
                    return None;
                }
                self.scalar(Cow::Borrowed(text), false, self.span(start, words.len()))?
            }
            b'[' => self.row(words, start)?,
            b'>' => return self.folded(words, indent),
            _ => {
                if !plain(words) || words.ends_with(':') || words.contains(": ") {
                    return None;
                }
                self.scalar(Cow::Borrowed(words), true, self.span(start, words.len()))?
            }
        };
        // What stands further in would go on with it.
        if self.deeper(indent) { None } else { Some(node) }
    }

    fn scalar(&mut self, text: Cow<'a, str>, plain: bool, span: Range<usize>) -> Option<Node<'a>> {
        Some(Node { id: self.number()?, span, value: Value::Scalar { text, plain } })
    }

    /// A list in brackets, of words without quotation marks.
    fn row(&mut self, words: &'a str, start: usize) -> Option<Node<'a>> {
        let id = self.number()?;
        let inside = words.strip_prefix('[')?.strip_suffix(']')?;
        if inside.contains(['[', ']', '{', '}', ':', '"', '\'']) {
            return None;
        }
        let mut items = Vec::new();
        let mut at = start + 1;
        for part in inside.split(',') {
            let bare = part.trim_start_matches(' ');
            let item = bare.trim_end_matches(' ');
            if !plain(item) {
                return None;
            }
            let span = self.span(at + part.len() - bare.len(), item.len());
            items.push(self.scalar(Cow::Borrowed(item), true, span)?);
            at += part.len() + 1;
        }
        let mut span = self.span(start, 1);
        span.end = span.end.max(items.last()?.span.end);
        Some(Node { id, span, value: Value::List(items) })
    }

    /// A text below `>` or `>-`: lines that become one.
    fn folded(&mut self, words: &'a str, indent: usize) -> Option<Node<'a>> {
        let end = match words {
            ">-" => "",
            ">" => "\n",
            _ => return None,
        };
        let first = self.line().filter(|line| line.indent > indent)?;
        let mut text = Cow::Borrowed(first.words);
        let mut last = first;
        let mut stop;
        loop {
            // Spaces at the end of a line would be text.
            let whole = self.yaml.get(last.start..last.next)?;
            if whole.trim_end_matches('\n').len() != last.words.len() {
                return None;
            }
            self.at = last.next;
            stop = last.next;
            if self.at == self.yaml.len() {
                break;
            }
            match self.line()? {
                line if line.indent <= indent => {
                    // The parser counts the indentation of the next line.
                    stop = line.start;
                    break;
                }
                line if line.indent == first.indent => {
                    let text = text.to_mut();
                    text.push(' ');
                    text.push_str(line.words);
                    last = line;
                }
                _ => return None,
            }
        }
        if !end.is_empty() {
            text.to_mut().push_str(end);
        }
        let span = self.span(first.start, stop - first.start);
        self.scalar(text, false, span)
    }
}

/// Whether `words` begin as a text without quotation marks may.
fn plain(words: &str) -> bool {
    !words.is_empty()
        && !words.starts_with([
            '-', '?', ':', ',', '[', ']', '{', '}', '&', '*', '!', '|', '>', '\'', '"', '%', '@', '`', '.',
        ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Tree;
    use super::*;

    /// A tree as text, with ids, spans and styles.
    fn told(node: &Node<'_>) -> String {
        let inside = match &node.value {
            Value::Scalar { text, plain } => format!("{text:?}{}", if *plain { "p" } else { "q" }),
            Value::List(items) => items.iter().map(told).collect::<Vec<_>>().join(", "),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| format!("{:?}@{:?}={}", key.text, key.span, told(value)))
                .collect::<Vec<_>>()
                .join(", "),
            Value::Broken => "broken".to_owned(),
        };
        format!("{}@{:?}({inside})", node.id, node.span)
    }

    /// Whether there is a quick way; it must lead where the parser's leads.
    #[track_caller]
    fn same(yaml: &str) -> bool {
        let Some(quick) = read(yaml, 4) else { return false };
        let text = format!("---\n{yaml}");
        let (tree, findings) = Tree::thoroughly("x.md", &text, 4..text.len());
        assert_eq!(findings, [], "{yaml:?}");
        assert_eq!(told(&quick), told(&tree.unwrap().root), "{yaml:?}");
        true
    }

    #[test]
    fn plain_forms_go_the_quick_way() {
        for yaml in [
            "title: Aster",
            "title: Aster\n",
            "title:   Aster EV goes 620 km, on one charge [new] \nsubtitle: Åäö — \"so\"\n",
            "a: \"x: y\"\nb: 'x [y'\nc: \"\"\n",
            "publish: 2026-12-01T09:00[Europe/Stockholm]\nstatus: approved\n",
            "tags: [ev]\naudiences: [a, b-c ,  d]\n",
            "summary: >-\n  One line.\ntitle: x\n",
            "summary: >\n  One line,\n  and more.\n",
            "summary: >-\n  One line,\n  and more.",
            "summary: >\n    One line",
            "place:\n  town: Lund\n  street: x\ntitle: y\n",
            "variants:\n  bloggers:\n    title: x\n  mastodon:\n    social: \"y\"\n",
            "media:\n  - file: a.svg\n    alt: x\n  - file: b.svg\ntitle: y\n",
            "media:\n- file: a.svg\n  alt: x\n- file: b.svg\n",
            "tags:\n  - one\n  - \"two: x\"\n  - 'three'\n  - [a, b]\n",
            "tags:\n- one\n- two\ntitle: x\n",
            "a:\n  - b:\n      c: d\n    e: f\n",
            "a: >-\n  b\nc:\n  d: >-\n    e\n    f\n  g: h\n",
        ] {
            assert!(same(yaml), "{yaml:?}");
        }
    }

    #[test]
    fn anything_else_goes_the_long_way() {
        for yaml in [
            "",
            "\n",
            "title: a # b\n",
            "title: a\n\nb: c\n",
            "title:\n",
            "title: a\n  b\n",
            "title: \"a\n  b\"\n",
            "title: \"a\\n\"\n",
            "title: 'it''s'\n",
            "title: a: b\n",
            "title: a:\n",
            "title: &a b\n",
            "title: !a b\n",
            "title: *a\n",
            "title: | \n  a\n",
            "title: {a: b}\n",
            "title: []\n",
            "title: [a, ]\n",
            "title: [\"a\"]\n",
            "title: - a\n",
            "title: .inf\n",
            "title: a\ntitle: b\n",
            "\ttitle: a\n",
            "title: a\r\n",
            "title: a\u{85}b\n",
            "---\ntitle: a\n",
            "title: a\n---\n",
            "title: a\n...\n",
            "%YAML 1.2\n",
            "? a\n: b\n",
            "- a\n",
            "a: >-\n  b\n    c\n",
            "a: >-\n  b \n",
            "a: >2\n  b\n",
            "a: b\n c: d\n",
            "a:\n  b: c\n d: e\n",
            "a:\n  - b\n c\n",
            "<<: a\n",
            "\"a\": b\n",
            "a : b\n",
        ] {
            assert!(!same(yaml), "{yaml:?}");
        }
    }

    const PARTS: [&str; 34] = [
        "a", "b", "title", ":", ": ", "\n", "\n", "\n", "\n  ", "\n    ", "\n- ", "\n  - ", " ", "  ", "[",
        "]", ", ", "\"", "'", ">-\n  ", ">\n  ", "- ", "-", "é", "x y", "1.5", "a: b", "\nc: ", "\n  d: ",
        "{", "}", "~", "|\n  ", "\\",
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn any_text_is_the_same_on_both_ways(picks in proptest::collection::vec(0..PARTS.len(), 0..24)) {
            let text: String = picks.iter().map(|pick| PARTS[*pick]).collect();
            same(&text);
            same(&format!("k: v\n{text}"));
            same(&format!("k:\n  a: {text}"));
            same(&format!("k:\n  - a: {text}"));
        }
    }
}
