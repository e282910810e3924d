//! The Markdown of a release, and the blocks in it that only some readers get.

use std::ops::Range;

use crate::finding::{Finding, MOST, nearest, shown};
use crate::yaml::Spanned;

/// The body: stretches of Markdown, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Body {
    /// The bytes of the file that the body takes.
    pub span: Range<usize>,
    /// What it is made of.
    pub blocks: Vec<Block>,
}

/// A stretch of Markdown with the rule that says who reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The bytes of the file, without the `:::` lines.
    pub span: Range<usize>,
    /// Who reads it; nothing for everybody.
    pub rule: Option<Rule>,
}

/// Who reads a block; the names are audiences or channels.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// `::: only A B`
    Only(Vec<Spanned<String>>),
    /// `::: except A B`
    Except(Vec<Spanned<String>>),
}

impl Rule {
    /// Whether a reader in `audience` on `channel` gets the block.
    pub fn admits(&self, audience: &str, channel: &str) -> bool {
        let names = |list: &[Spanned<String>]| list.iter().any(|n| n.value == audience || n.value == channel);
        match self {
            Rule::Only(list) => names(list),
            Rule::Except(list) => !names(list),
        }
    }
}

impl Block {
    /// Whether a reader in `audience` on `channel` gets it.
    pub fn admits(&self, audience: &str, channel: &str) -> bool {
        self.rule.as_ref().is_none_or(|rule| rule.admits(audience, channel))
    }
}

impl Body {
    /// The Markdown that a reader in `audience` on `channel` gets; `text` is the whole file.
    pub fn markdown(&self, text: &str, audience: &str, channel: &str) -> String {
        let mut markdown = String::with_capacity(self.span.len());
        for block in &self.blocks {
            if block.admits(audience, channel) {
                markdown.push_str(&text[block.span.clone()]);
                if !markdown.ends_with('\n') {
                    markdown.push('\n');
                }
            }
        }
        markdown
    }
}

/// Reads the Markdown at `span` of `text`, the whole content of the file at `path`.
///
/// A line that was perhaps meant to limit its readers but cannot be read is an error, never text:
/// it must not happen that everybody gets what was meant for a few.
pub(super) fn read(path: &str, text: &str, span: Range<usize>) -> (Body, Vec<Finding>) {
    let mut reader =
        Reader { path, text, findings: Vec::new(), blocks: Vec::new(), start: span.start, open: None };
    let mut fence: Option<Fence> = None;
    let mut at = span.start;
    for line in text.get(span.clone()).unwrap_or_default().split_inclusive('\n') {
        let lines = at..at + line.len();
        at = lines.end;
        let bare = line.trim_end();
        if let Some(open) = &mut fence {
            if open.closes(bare) {
                fence = None;
            } else if bare.trim_start().starts_with(":::") {
                open.hides.get_or_insert(lines.start..lines.start + bare.len());
            }
            continue;
        }
        fence = Fence::opens(bare);
        if fence.is_none() {
            reader.line(bare, lines);
        }
    }
    if let Some(hidden) = fence.and_then(|fence| fence.hides) {
        let message = "this line is inside a code block that is never closed";
        reader.error(
            hidden,
            "block-in-code",
            message,
            "close the code block with the same marks that open it",
        );
    }
    reader.end(span.end);
    (Body { span, blocks: reader.blocks }, reader.findings)
}

/// Fenced code, in which nothing is looked for (CommonMark 0.31, 4.5).
struct Fence {
    mark: char,
    length: usize,
    /// The first line in it that looks like the edge of a block.
    hides: Option<Range<usize>>,
}

impl Fence {
    fn opens(line: &str) -> Option<Fence> {
        let (mark, length, rest) = Fence::marks(line)?;
        // Backticks in the rest make it code within a line.
        (mark == '~' || !rest.contains('`')).then_some(Fence { mark, length, hides: None })
    }

    fn closes(&self, line: &str) -> bool {
        Fence::marks(line).is_some_and(|(mark, length, rest)| {
            mark == self.mark && length >= self.length && rest.trim().is_empty()
        })
    }

    fn marks(line: &str) -> Option<(char, usize, &str)> {
        let bare = line.trim_start_matches(' ');
        let mark = bare.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let rest = bare.trim_start_matches(mark);
        let length = bare.len() - rest.len();
        (length >= 3 && line.len() - bare.len() <= 3).then_some((mark, length, rest))
    }
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    findings: Vec<Finding>,
    blocks: Vec<Block>,
    /// Where the present stretch begins.
    start: usize,
    /// The rule of the block that is open, and its first line.
    open: Option<(Rule, Range<usize>)>,
}

impl Reader<'_> {
    fn line(&mut self, bare: &str, lines: Range<usize>) {
        let inner = bare.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
        let indent = bare.len() - inner.len();
        let here = lines.start + indent..lines.start + bare.len();
        let Some(words) = inner.strip_prefix(":::") else {
            let first = inner.trim_start_matches([':', '\u{ff1a}']);
            let nearly = first.len() < inner.len()
                && first.split_whitespace().next().is_some_and(|word| matches!(word, "only" | "except"));
            if nearly {
                self.error(
                    here,
                    "block-mark",
                    "a block begins with three colons",
                    "write `::: only AUDIENCE`",
                );
            }
            return;
        };
        if indent > 0 {
            let message = "a `:::` line must stand at the start of its line";
            self.error(
                here,
                "block-indented",
                message,
                "remove what stands before it, or put code into a fenced block",
            );
            return;
        }
        let word = words.split_whitespace().next();
        match word {
            None => self.close(here, &lines),
            Some(word) => self.opening(word, words, here, &lines),
        }
    }

    fn close(&mut self, here: Range<usize>, lines: &Range<usize>) {
        if self.open.is_none() {
            self.error(here, "block-end", "no block is open that this could end", "remove the line");
            return;
        }
        self.end_stretch(lines.start);
        self.open = None;
        self.start = lines.end;
    }

    fn opening(&mut self, word: &str, words: &str, here: Range<usize>, lines: &Range<usize>) {
        if let Some((_, first)) = &self.open {
            if self.findings.len() < MOST {
                let (line, _) = crate::finding::position(self.text, first.start);
                let message = format!("the block of line {line} is still open here; blocks do not nest");
                self.error(here, "block-nested", message, "end it with a line `:::` first");
            }
            return;
        }
        let names_start = here.end - words.len();
        let names: Vec<Spanned<String>> = words
            .split_whitespace()
            .skip(1)
            .map(|name| {
                // Both are parts of the same line.
                let start = names_start + (name.as_ptr().addr() - words.as_ptr().addr());
                Spanned { value: name.to_owned(), span: start..start + name.len() }
            })
            .collect();
        if names.is_empty() && matches!(word, "only" | "except") {
            let message = format!("`::: {word}` names nobody");
            self.error(here.clone(), "block-names", message, format!("write `::: {word} AUDIENCE`"));
        }
        for name in &names {
            if !name
                .value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
            {
                let message = format!("`{}` is no name of an audience or channel", shown(&name.value));
                self.error(
                    name.span.clone(),
                    "block-names",
                    message,
                    "write the names with spaces between them",
                );
            }
        }
        let rule = match word {
            "except" => Rule::Except(names),
            "only" => Rule::Only(names),
            other => {
                let hint = match nearest(other, ["only", "except"]) {
                    Some(word) => format!("did you mean `::: {word}`?"),
                    None => "write `::: only AUDIENCE` or `::: except AUDIENCE`".to_owned(),
                };
                let message = format!("`::: {}` is no kind of block", shown(other));
                self.error(here.clone(), "block-word", message, hint);
                // Whoever was meant: nobody gets it by mistake.
                Rule::Only(Vec::new())
            }
        };
        self.end_stretch(lines.start);
        self.open = Some((rule, here));
        self.start = lines.end;
    }

    fn end_stretch(&mut self, end: usize) {
        if self.start < end {
            let rule = self.open.as_ref().map(|(rule, _)| rule.clone());
            self.blocks.push(Block { span: self.start..end, rule });
        }
    }

    fn end(&mut self, end: usize) {
        if let Some((_, first)) = &self.open {
            let first = first.clone();
            self.error(first, "block-open", "this block is never ended", "end it with a line `:::`");
        }
        self.end_stretch(end);
    }

    fn error(
        &mut self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.findings.len() < MOST {
            self.findings.push(Finding::error(self.path, self.text, span, code, message).hint(hint));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body as lines `rule|text`, then its findings as `line:column code`.
    fn look(text: &str) -> String {
        let (body, findings) = read("x.md", text, 0..text.len());
        let names = |list: &[Spanned<String>]| {
            list.iter()
                .map(|name| {
                    assert_eq!(text[name.span.clone()], name.value);
                    name.value.as_str()
                })
                .collect::<Vec<_>>()
                .join("+")
        };
        let mut lines: Vec<String> = Vec::new();
        for block in &body.blocks {
            let rule = match &block.rule {
                None => "all".to_owned(),
                Some(Rule::Only(list)) => format!("only {}", names(list)),
                Some(Rule::Except(list)) => format!("except {}", names(list)),
            };
            lines.push(format!("{rule}|{}", text[block.span.clone()].trim().replace('\n', "/")));
        }
        lines.extend(findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)));
        lines.join(" ; ")
    }

    #[test]
    fn blocks_and_what_is_wrong_with_them() {
        for (text, expected) in [
            ("", ""),
            ("a\n", "all|a"),
            ("a\n::: only x y\nb\n:::\nc\n", "all|a ; only x+y|b ; all|c"),
            ("a\r\n::: except x\r\nb\r\n:::\r\nc", "all|a ; except x|b ; all|c"),
            (":::only x\nb\n:::   \n", "only x|b"),
            ("```\n::: only x\n```\n", "all|```/::: only x/```"),
            ("~~~ yaml\n::: only x\n```\n:::\n~~~~\n", "all|~~~ yaml/::: only x/```/:::/~~~~"),
            ("``` a`b\n::: only x\nc\n:::\n", "all|``` a`b ; only x|c"),
            ("    ```\n::: only x\nc\n:::\n", "all|``` ; only x|c"),
            ("::: only x\nb\n", "only x|b ; 1:1 block-open"),
            ("::: only x\n::: only y\nb\n:::\n", "only x|::: only y/b ; 2:1 block-nested"),
            ("a\n:::\n", "all|a/::: ; 2:1 block-end"),
            ("::: onyl x\nb\n:::\n", "only |b ; 1:1 block-word"),
            ("::: warning\nb\n:::\n", "only |b ; 1:1 block-word"),
            (":::: only x\nb\n:::\n", "only |b ; 1:1 block-word"),
            ("::: only\nb\n:::\n", "only |b ; 1:1 block-names"),
            ("::: only x, y\nb\n:::\n", "only x,+y|b ; 1:10 block-names"),
            ("  ::: only x\nb\n", "all|::: only x/b ; 1:3 block-indented"),
            ("> ::: only x\n", "all|> ::: only x ; 1:3 block-indented"),
            ("- ::: only x\n", "all|- ::: only x ; 1:3 block-indented"),
            (":: only x\nb\n", "all|:: only x/b ; 1:1 block-mark"),
            ("::：only x\nb\n", "all|::：only x/b ; 1:1 block-mark"),
            (": only a definition\n", "all|: only a definition ; 1:1 block-mark"),
            ("time: only x\n", "all|time: only x"),
            ("```\n::: only x\nb\n", "all|```/::: only x/b ; 2:1 block-in-code"),
            ("::: only x\n```\n:::\n", "only x|```/::: ; 3:1 block-in-code ; 1:1 block-open"),
        ] {
            assert_eq!(look(text), expected, "{text:?}");
        }
    }

    #[test]
    fn each_reader_gets_the_right_stretches() {
        let text = "a\n::: only x\nb\n:::\n::: except x relay\nc\n:::\nd";
        let (body, _) = read("x.md", text, 0..text.len());
        for (audience, channel, expected) in
            [("x", "site", "a\nb\nd\n"), ("y", "site", "a\nc\nd\n"), ("y", "relay", "a\nd\n")]
        {
            assert_eq!(body.markdown(text, audience, channel), expected, "{audience}/{channel}");
        }
    }
}
