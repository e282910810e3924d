//! Findings for people: the source line, a caret under the exact words, the hint.

mod excerpt;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::{Finding, Severity, Texts, count, fit, visible};

use excerpt::{Excerpt, WINDOW};

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

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod tests;
