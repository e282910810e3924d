//! The lines of a text that a finding is about.

use std::ops::Range;

use super::super::{fit, is_unsafe};

/// The most characters of a line that are shown; of a longer one, a window around the span.
pub const WINDOW: usize = 110;

/// The most lines of a span that are shown.
const LINES: usize = 4;

/// The lines of a text that a span touches, cut to what a terminal can show, and the span in them.
#[derive(Debug, PartialEq)]
pub struct Excerpt {
    pub text: String,
    /// The number of the first line.
    pub line: usize,
    pub span: Range<usize>,
}

impl Excerpt {
    pub fn of(text: &str, span: &Range<usize>) -> Excerpt {
        let span = fit(text, span);
        let line = text[..span.start].bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
        let mut excerpt = Excerpt { text: String::new(), line, span: 0..0 };
        let mut at = start;
        let mut begun = false;
        for (number, full) in text[start..].split_inclusive('\n').enumerate() {
            if number > 0 && (at >= span.end || number == LINES) {
                break;
            }
            let shown = full.trim_end_matches(['\n', '\r']);
            let from = span.start.clamp(at, at + shown.len()) - at;
            let to = span.end.clamp(at + from, at + shown.len()) - at;
            if number > 0 {
                excerpt.text.push('\n');
            }
            let marked = excerpt.line_with(shown, from..to);
            if !begun {
                excerpt.span.start = marked.start;
                begun = true;
            }
            excerpt.span.end = marked.end;
            at += full.len();
        }
        excerpt
    }

    /// How many columns the number of the last line takes.
    pub fn gutter(&self) -> usize {
        (self.line + self.text.matches('\n').count()).to_string().len()
    }

    /// Adds `line`, made visible and cut around `mark`; returns where `mark` is now.
    fn line_with(&mut self, line: &str, mark: Range<usize>) -> Range<usize> {
        let window = window(line, &mark);
        if window.start > 0 {
            self.text.push('…');
        }
        let mut marked = self.text.len()..self.text.len();
        for (at, character) in line[window.clone()].char_indices() {
            let at = window.start + at;
            if at == mark.start {
                marked.start = self.text.len();
            }
            if at == mark.end {
                marked.end = self.text.len();
            }
            if is_unsafe(character) {
                // One column for one character, so that columns still count.
                self.text.push('\u{FFFD}');
            } else {
                self.text.push(character);
            }
        }
        if mark.start >= window.end {
            marked.start = self.text.len();
        }
        if mark.end >= window.end {
            marked.end = self.text.len();
        }
        if window.end < line.len() {
            self.text.push('…');
        }
        marked.start..marked.end.max(marked.start)
    }
}

/// The bytes of `line` to show: all, or [`WINDOW`] characters with `mark` in their middle.
fn window(line: &str, mark: &Range<usize>) -> Range<usize> {
    if line.len() <= WINDOW || line.chars().count() <= WINDOW {
        return 0..line.len();
    }
    let marked = line[mark.clone()].chars().take(WINDOW).count();
    let before = (WINDOW - marked) / 2;
    let start = line[..mark.start].char_indices().rev().take(before).last().map_or(mark.start, |(at, _)| at);
    let end = line[start..].char_indices().nth(WINDOW).map_or(line.len(), |(at, _)| start + at);
    start..end
}
