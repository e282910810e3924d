//! Two editions beside each other: today's for two audiences, or today's against what was issued or committed.

mod diff;

use serde::Serialize;

use super::edition::{Rendered, text};
use crate::render::Content;
use diff::Pair;

/// A comparison, for the page.
#[derive(Debug, Serialize)]
pub struct Comparison {
    left: Side,
    right: Side,
    /// Whether one side is older than the other.
    history: bool,
    /// How many paragraphs differ.
    differ: usize,
    pairs: Vec<Pair>,
}

/// What one side is.
#[derive(Debug, Serialize)]
pub struct Side {
    /// `Bloggers on relay, English`, `As it was issued on …`.
    pub label: String,
    /// The language, for the reader of the page.
    pub language: String,
}

/// Compares the words of two editions.
pub fn compare(left: &Rendered, right: &Rendered, labels: (String, String), history: bool) -> Comparison {
    let pairs = diff::compare(&paragraphs(left), &paragraphs(right));
    let side =
        |rendered: &Rendered, label| Side { label, language: rendered.edition.request.language.to_string() };
    Comparison {
        left: side(left, labels.0),
        right: side(right, labels.1),
        history,
        differ: pairs.iter().filter(|pair| !pair.same).count(),
        pairs,
    }
}

/// Subject or headline first, then the text, a paragraph each; lines that were broken for width are whole again.
fn paragraphs(rendered: &Rendered) -> Vec<String> {
    let edition = &rendered.edition;
    let mut all = Vec::new();
    match &edition.content {
        Content::Mail(mail) => all.push(mail.subject.clone()),
        Content::Social(_) => {}
        _ => all.push(edition.title.clone()),
    }
    all.extend(whole(&text(rendered).unwrap_or_default()));
    all
}

/// The paragraphs of a plain text.
fn whole(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines().map(str::trim) {
        let rule = !line.is_empty() && line.chars().all(|sign| "-=_*~ ".contains(sign));
        let item = ["- ", "* ", "• ", "> "].iter().any(|sign| line.starts_with(sign));
        match all.last_mut().filter(|_| open && !line.is_empty() && !rule && !item) {
            Some(paragraph) => {
                paragraph.push(' ');
                paragraph.push_str(line);
            }
            None if !line.is_empty() && !rule => all.push(line.to_owned()),
            None => {}
        }
        open = !line.is_empty() && !rule;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_are_whole_again_and_rules_are_no_text() {
        for (text, expected) in [
            ("", vec![]),
            ("One\ntwo\n\nThree", vec!["One two", "Three"]),
            ("Title\n-----\nText\n  more", vec!["Title", "Text more"]),
            ("- a\n- b\n  c\n> d", vec!["- a", "- b c", "> d"]),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }
}
