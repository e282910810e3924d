//! Readable plain text from events.
//!
//! Paragraphs are wrapped at [`WIDTH`], headings underlined, quotes and lists marked, tables set
//! in columns; links become numbers, and their addresses are collected for the end.

use std::fmt::Write as _;

use pulldown_cmark::{Event, HeadingLevel, Tag, TagEnd};

use super::lines::{WIDTH, breadth, each_line, wrap};

/// Writes `events` as text, without a newline at the end. The addresses of links are added to
/// `links`, and `[1]` in the text is the first of them.
pub(in crate::render) fn plain(events: &[Event<'_>], links: &mut Vec<String>) -> String {
    let mut writer = Writer::new(links);
    writer.out.reserve(4096);
    for event in events {
        writer.event(event);
    }
    writer.flush();
    writer.out.truncate(writer.out.trim_end().len());
    writer.out
}

struct Writer<'l> {
    out: String,
    links: &'l mut Vec<String>,
    /// The words of the block in the making; `\n` is a line break that was asked for.
    inline: String,
    /// What stands in front of lines: for the next line, and for those after it.
    margins: Vec<(String, String)>,
    /// The next number of every open list; nothing for bullets.
    lists: Vec<Option<u64>>,
    /// Where the words of every open link begin, and its address.
    open_links: Vec<(usize, String)>,
    /// The rows of a table in the making.
    table: Option<Vec<Vec<String>>>,
    /// A blank line is due before the next block.
    gap: bool,
    /// A block of code: line breaks stay, nothing is wrapped.
    code: bool,
    /// The line in the making.
    row: String,
}

impl<'l> Writer<'l> {
    fn new(links: &'l mut Vec<String>) -> Writer<'l> {
        Writer {
            out: String::new(),
            links,
            inline: String::new(),
            margins: Vec::new(),
            lists: Vec::new(),
            open_links: Vec::new(),
            table: None,
            gap: false,
            code: false,
            row: String::new(),
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(*end),
            Event::Text(text) | Event::Code(text) => self.inline.push_str(text),
            Event::SoftBreak => self.inline.push(' '),
            Event::HardBreak => self.inline.push('\n'),
            Event::FootnoteReference(number) => self.inline.push_str(&superscript(number)),
            Event::Rule => {
                self.flush();
                self.inline.push_str("* * *");
                self.block();
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => self.flush(),
            Tag::BlockQuote(_) => {
                self.flush();
                self.begin_block();
                self.margins.push(("> ".to_owned(), "> ".to_owned()));
            }
            Tag::CodeBlock(_) => {
                self.flush();
                self.code = true;
            }
            Tag::List(first) => {
                self.flush();
                self.gap |= self.lists.is_empty() && !self.out.is_empty();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.flush();
                self.begin_block();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        let mark = format!("{number}. ");
                        *number += 1;
                        mark
                    }
                    _ => "- ".to_owned(),
                };
                let rest = " ".repeat(mark.len());
                self.margins.push((mark, rest));
            }
            Tag::FootnoteDefinition(number) => {
                self.flush();
                self.begin_block();
                let mark = format!("{} ", superscript(number));
                let rest = " ".repeat(mark.chars().count());
                self.margins.push((mark, rest));
            }
            Tag::Table(_) => {
                self.flush();
                self.table = Some(Vec::new());
            }
            Tag::TableHead | Tag::TableRow => {
                if let Some(rows) = &mut self.table {
                    rows.push(Vec::new());
                }
            }
            Tag::Link { dest_url, .. } => self.open_links.push((self.inline.len(), dest_url.to_string())),
            Tag::Image { .. } => self.inline.push('['),
            Tag::Strikethrough => self.inline.push_str("~~"),
            _ => {}
        }
    }

    fn end(&mut self, end: TagEnd) {
        match end {
            TagEnd::Paragraph => self.block(),
            TagEnd::Heading(level) => {
                let mark = if level <= HeadingLevel::H2 { '=' } else { '-' };
                let words = std::mem::take(&mut self.inline);
                let lines = wrap(&words, self.width());
                let longest = lines.iter().map(|line| breadth(line)).max().unwrap_or(0);
                if longest > 0 {
                    self.inline = format!("{}\n{}", lines.join("\n"), mark.to_string().repeat(longest));
                    self.block();
                }
            }
            TagEnd::BlockQuote(_) => {
                self.flush();
                self.margins.pop();
                self.gap = true;
            }
            TagEnd::CodeBlock => {
                let code = std::mem::take(&mut self.inline);
                self.begin_block();
                for line in code.trim_end_matches('\n').split('\n') {
                    self.line(&format!("    {line}"));
                }
                self.code = false;
                self.gap = true;
            }
            TagEnd::List(_) => {
                self.flush();
                self.lists.pop();
                self.gap |= self.lists.is_empty();
            }
            TagEnd::Item | TagEnd::FootnoteDefinition => {
                self.flush();
                // An item without words still shows its mark.
                if self.margins.last().is_some_and(|(first, rest)| first != rest) {
                    self.line("");
                }
                self.margins.pop();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline).replace('\n', " ");
                if let Some(row) = self.table.as_mut().and_then(|rows| rows.last_mut()) {
                    row.push(cell.trim().to_owned());
                }
            }
            TagEnd::Table => self.end_table(),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.inline.push(']'),
            TagEnd::Strikethrough => self.inline.push_str("~~"),
            _ => {}
        }
    }

    fn end_link(&mut self) {
        let Some((start, url)) = self.open_links.pop() else { return };
        let words = self.inline.get(start..).unwrap_or_default();
        let shown = url.strip_prefix("mailto:").or(url.strip_prefix("tel:")).unwrap_or(&url);
        let bare = |text: &str| {
            let text = text.trim_end_matches('/');
            text.strip_prefix("https://").or(text.strip_prefix("http://")).unwrap_or(text).to_owned()
        };
        if bare(words) == bare(shown) {
            return;
        }
        let at = self.links.iter().position(|known| *known == url).unwrap_or_else(|| {
            self.links.push(url);
            self.links.len() - 1
        });
        let _ = write!(self.inline, " [{}]", at + 1);
    }

    fn end_table(&mut self) {
        let Some(rows) = self.table.take() else { return };
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
        let widths: Vec<usize> = (0..columns)
            .map(|column| rows.iter().map(|row| breadth(&cell(row, column))).max().unwrap_or(0))
            .collect();
        self.begin_block();
        if widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1) <= self.width() {
            for (at, row) in rows.iter().enumerate() {
                let padded: Vec<String> = widths
                    .iter()
                    .enumerate()
                    .map(|(c, width)| {
                        let words = cell(row, c);
                        let space = width.saturating_sub(breadth(&words));
                        words + &" ".repeat(space)
                    })
                    .collect();
                self.line(padded.join("  ").trim_end());
                if at == 0 {
                    let dashes: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                    self.line(&dashes.join("  "));
                }
            }
        } else {
            // Too wide for columns: one record after the other, every cell under its column's name.
            let head = rows.first().cloned().unwrap_or_default();
            for (at, row) in rows.iter().enumerate().skip(usize::from(rows.len() > 1)) {
                if at > 1 {
                    self.line("");
                }
                for column in 0..columns {
                    let name = if rows.len() > 1 { cell(&head, column) } else { String::new() };
                    let words = if name.is_empty() {
                        cell(row, column)
                    } else {
                        format!("{name}: {}", cell(row, column))
                    };
                    for line in wrap(&words, self.width()) {
                        self.line(&line);
                    }
                }
            }
        }
        self.gap = true;
    }

    /// Ends a block that a blank line follows.
    fn block(&mut self) {
        self.flush();
        self.gap = true;
    }

    fn begin_block(&mut self) {
        if self.gap && !self.out.is_empty() {
            let margin: String = self.margins.iter().map(|(_, rest)| rest.as_str()).collect();
            self.out.push_str(margin.trim_end());
            self.out.push('\n');
        }
        self.gap = false;
    }

    /// Writes the words collected so far, if there are any.
    fn flush(&mut self) {
        let words = std::mem::take(&mut self.inline);
        if self.table.is_some() {
            self.inline = words;
            return;
        }
        if words.trim().is_empty() {
            self.inline = words;
            self.inline.clear();
            return;
        }
        self.begin_block();
        let mut row = std::mem::take(&mut self.row);
        each_line(&words, self.width(), &mut row, |line| self.line(line));
        // Both have room for the next block.
        self.row = row;
        self.inline = words;
        self.inline.clear();
    }

    fn width(&self) -> usize {
        let margin: usize = self.margins.iter().map(|(_, rest)| rest.chars().count()).sum();
        WIDTH.saturating_sub(margin).max(24)
    }

    fn line(&mut self, text: &str) {
        let start = self.out.len();
        for (next, rest) in &mut self.margins {
            self.out.push_str(next);
            if next != rest {
                next.clone_from(rest);
            }
        }
        self.out.push_str(text);
        let kept = self.out[start..].trim_end().len();
        self.out.truncate(start + kept);
        self.out.push('\n');
    }
}

fn superscript(number: &str) -> String {
    let digit = |c: char| match c {
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' => '⁰',
        '4'..='9' => char::from_u32(0x2070 + u32::from(c) - u32::from('0')).unwrap_or(c),
        other => other,
    };
    number.chars().map(digit).collect()
}
