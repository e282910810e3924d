//! What is kept of the other side's words.

use std::borrow::Cow;

use super::{Outcome, Reply};

/// The word under which an outcome is kept, and the other side's words.
pub(super) fn words(outcome: &Outcome) -> (&'static str, &Reply) {
    const NOTHING: &Reply = &Reply { code: None, enhanced: None, text: String::new() };
    match outcome {
        Outcome::Sent { reply, .. } => ("sent", reply),
        Outcome::Later { reply, .. } => ("later", reply),
        Outcome::Failed { reply, .. } => ("failed", reply),
        Outcome::Unknown { reply } => ("unknown", reply),
        Outcome::NotSent => ("not-sent", NOTHING),
    }
}

/// Replies quote the address they refuse. Results are never changed, so an address in one could not be erased: it is
/// masked before it is kept.
pub(super) fn without_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mask = |word: &str| match word.find('@') {
        None => word.to_owned(),
        Some(at) => {
            let name = |c: char| !c.is_whitespace() && !"<>()[]\"',;:".contains(c);
            let start = word[..at].char_indices().rev().find(|(_, c)| !name(*c));
            let start = start.map_or(0, |(i, c)| i + c.len_utf8());
            format!("{}…{}", &word[..start], &word[at..])
        }
    };
    Cow::Owned(text.split(' ').map(mask).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_kept_without_addresses() {
        for (text, expected) in [
            ("5.1.1 <jane@paper.example>: user unknown", "5.1.1 <…@paper.example>: user unknown"),
            ("jane@paper.example", "…@paper.example"),
            ("to=jane.roe@a.example, x", "…@a.example, x"),
            ("ok", "ok"),
            ("", ""),
        ] {
            assert_eq!(without_addresses(text), expected);
        }
    }
}
