//! Findings for people: the source line, a caret under the exact words, the hint.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Finding, Severity, Texts, count, fit, is_unsafe, visible};

/// The most characters of a line that are shown; of a longer one, a window around the span.
const WINDOW: usize = 110;
/// The most lines of a span that are shown.
const LINES: usize = 4;

/// Every finding with its source line and a caret, then one line that counts them.
///
/// `texts` holds the files; a finding in another one is shown without its line. Colours only
/// with `color`.
pub fn human(findings: &[Finding], texts: &Texts<'_>, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(WINDOW * 4);
    let mut output = String::new();
    // No excerpt may show a secret, whichever finding it belongs to.
    let mut safe: BTreeMap<&str, String> = BTreeMap::new();
    for finding in findings.iter().filter(|finding| finding.covered) {
        let file = finding.file.as_str();
        let Some(text) = texts.get(file) else { continue };
        let text = safe.get(file).map_or(*text, String::as_str);
        let text = covered(text, &finding.span);
        safe.insert(file, text);
    }
    for finding in findings {
        let file = finding.file.as_str();
        let text = safe.get(file).map(String::as_str).or_else(|| texts.get(file).copied());
        let source = text.map(|text| Excerpt::of(text, &finding.span));
        let report = renderer.render(&[group(finding, source.as_ref())]);
        // The renderer would count the column in the excerpt, not in the line.
        let (title, rest) = report.split_once('\n').unwrap_or((&report, ""));
        let gutter = source.map_or(0, |excerpt| excerpt.gutter());
        let arrow = if color { "\u{1b}[1;94m-->\u{1b}[0m" } else { "-->" };
        let Finding { file, line, column, .. } = finding;
        let _ =
            write!(output, "{title}\n{:gutter$}{arrow} {}:{line}:{column}\n{rest}\n\n", "", visible(file));
    }
    output.push_str(&tally(findings));
    output.push('\n');
    output
}

fn group<'a>(finding: &'a Finding, source: Option<&'a Excerpt>) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(one_line(&finding.message)).id(finding.code));
    if let Some(excerpt) = source {
        group = group.element(
            Snippet::source(excerpt.text.as_str())
                .line_start(excerpt.line)
                .annotation(AnnotationKind::Primary.span(excerpt.span.clone())),
        );
    }
    if let Some(hint) = &finding.hint {
        group = group.element(Level::HELP.with_name("hint").message(one_line(hint)));
    }
    group
}

/// `text` with the letters of `span` as bullets, but for the first few; offsets stay.
fn covered(text: &str, span: &Range<usize>) -> String {
    const SHOWN: usize = 4;
    let span = fit(text, span);
    let mut secret = String::with_capacity(span.len());
    for (at, character) in text[span.clone()].char_indices() {
        if at < SHOWN || character == '\n' || character == '\r' {
            secret.push(character);
        } else {
            // As many bytes as before, so that the span still fits.
            secret.extend(std::iter::repeat_n('*', character.len_utf8()));
        }
    }
    format!("{}{secret}{}", &text[..span.start], &text[span.end..])
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', " ")
}

fn tally(findings: &[Finding]) -> String {
    let (errors, warnings) = count(findings);
    let number = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => "No findings.".to_owned(),
        (0, warnings) => format!("{}.", number(warnings, "warning")),
        (errors, 0) => format!("{}.", number(errors, "error")),
        (errors, warnings) => format!("{}, {}.", number(errors, "error"), number(warnings, "warning")),
    }
}

/// The lines of a text that a span touches, cut to what a terminal can show, and the span in them.
#[derive(Debug, PartialEq)]
struct Excerpt {
    text: String,
    /// The number of the first line.
    line: usize,
    span: Range<usize>,
}

impl Excerpt {
    fn of(text: &str, span: &Range<usize>) -> Excerpt {
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
    fn gutter(&self) -> usize {
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

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(text: &str, span: Range<usize>, expected: &Expect) {
        let findings = [Finding::error("releases/a.md", text, span, "secret", "there").hint("away")];
        expected.assert_eq(&human(&findings, &Texts::from([("releases/a.md", text)]), false));
    }

    #[test]
    fn the_caret_stands_under_the_words() {
        check(
            "---\ntitle: Aster\n---\n",
            11..16,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:2:8
                  |
                2 | title: Aster
                  |        ^^^^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            "a\n\tåäö 日本 here\r\nb",
            17..21,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:2:9
                  |
                2 |     åäö 日本 here
                  |              ^^^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            "",
            0..0,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:1
                  |
                1 |
                  | ^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            "abc",
            3..3,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:4
                  |
                1 | abc
                  |    ^
                  |
                  = hint: away

                1 error.
            "#]],
        );
    }

    #[test]
    fn several_lines_are_bracketed_and_many_are_cut() {
        check(
            "one\ntwo\nthree\n",
            1..9,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:2
                  |
                1 |   one
                  |  __^
                2 | | two
                3 | | three
                  | |_^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            "1\n2\n3\n4\n5\n6\n7\n",
            0..13,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:1
                  |
                1 | / 1
                2 | | 2
                3 | | 3
                4 | | 4
                  | |_^
                  |
                  = hint: away

                1 error.
            "#]],
        );
    }

    #[test]
    fn what_a_terminal_would_obey_is_made_visible() {
        check(
            "a \u{1b}[31mred\u{9b}2J \u{202e}x\u{0}y\rz",
            14..17,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:14
                  |
                1 | a �[31mred�2J �x�y�z
                  |              ^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        let finding = Finding::warning("a\u{1b}.md", "x", 0..1, "secret", "m\u{7}\nn").hint("h\u{1b}");
        expect![[r#"
            warning[secret]: m\u{7} n
            --> a\u{1b}.md:1:1
             |
             = hint: h\u{1b}

            1 warning.
        "#]]
        .assert_eq(&human(&[finding], &Texts::new(), false));
    }

    #[test]
    fn of_a_long_line_a_window_is_shown() {
        let long = format!("{} needle {}", "hay ".repeat(5000), "straw ".repeat(5000));
        let at = long.find("needle").unwrap();
        check(
            &long,
            at..at + 6,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:20002
                  |
                1 | …ay hay hay hay hay hay hay hay hay hay hay hay hay  needle straw straw straw straw straw straw straw straw str…
                  |                                                      ^^^^^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            &long,
            0..long.len(),
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:1
                  |
                1 | hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay hay ha…
                  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
        check(
            &"日".repeat(300),
            0..3,
            &expect![[r#"
                error[secret]: there
                 --> releases/a.md:1:1
                  |
                1 | 日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日日…
                  | ^^
                  |
                  = hint: away

                1 error.
            "#]],
        );
    }

    #[test]
    fn spans_that_do_not_fit_are_moved() {
        for text in ["", "å", "日本\n\u{1f468}\u{200d}\u{1f469}", "\r\n\r\n", "\n", "a\u{300}\u{301}"] {
            for start in 0..text.len() + 3 {
                for end in 0..text.len() + 3 {
                    let findings = [Finding::error("a", text, start..end, "secret", "m")];
                    let texts = Texts::from([("a", text)]);
                    assert!(human(&findings, &texts, start % 2 == 0).contains("secret"));
                }
            }
        }
    }

    #[test]
    fn colours_come_only_when_asked() {
        let findings = [Finding::error("a", "text", 0..4, "secret", "m")];
        let texts = Texts::from([("a", "text")]);
        assert!(human(&findings, &texts, true).contains('\u{1b}'));
        assert!(!human(&findings, &texts, false).contains('\u{1b}'));
        assert_eq!(human(&[], &texts, false), "No findings.\n");
    }
}
