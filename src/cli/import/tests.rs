//! Whatever the text: nothing panics, no word is lost, and what is written is a release.

use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser};

use super::convert::{Defaults, convert, place};
use super::links::Around;
use super::{front, html, identity, shortcode};

/// Markdown, HTML and what lies between, from pieces that meet in odd places.
fn text() -> impl Strategy<Value = String> {
    const PIECES: [&str; 62] = [
        "word",
        "Åäö",
        "東京",
        "🚗",
        " ",
        " ",
        " ",
        "\n",
        "\n",
        "\n\n",
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<em>",
        "</em>",
        "<a href=\"/x\">",
        "<a href='y z'>",
        "</a>",
        "<br>",
        "<br/>",
        "<div class=\"c\">\n",
        "</div>\n",
        "<blockquote>",
        "</blockquote>",
        "<ul><li>",
        "</li></ul>",
        "<table><tr><td>",
        "</td></tr></table>",
        "<pre>",
        "</pre>",
        "<img src=\"a.png\" alt=\"pic\">",
        "<sup>2</sup>",
        "<!-- note -->",
        "<iframe src=\"v\">",
        "&amp;",
        "&mdash;",
        "*",
        "**",
        "_",
        "`",
        "```\n",
        "> ",
        "- ",
        "1. ",
        "# ",
        "    ",
        "[link](/y)",
        "![alt](b.png)",
        "[ref]",
        "\n[ref]: /z\n",
        "{{< x >}}",
        "{{",
        "}}",
        "{% y %}",
        "::: only a\n",
        ":::\n",
        ": only",
        "|",
        "\\",
        "~~",
        "[^1]",
    ];
    prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

/// The words that Markdown shows, with those of its HTML blocks.
fn shown(markdown: &str) -> Vec<String> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut text = String::new();
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(more) | Event::Code(more) => text.push_str(&more),
            Event::Html(html) | Event::InlineHtml(html) => text.push_str(&html),
            _ => text.push(' '),
        }
    }
    words(&text)
}

/// Marks that are lost on the way are no words, and a raised digit is one.
fn words(text: &str) -> Vec<String> {
    text.replace('²', "2")
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How often every character that belongs to words stands in `text`.
fn letters(text: &str) -> std::collections::BTreeMap<char, usize> {
    let mut found = std::collections::BTreeMap::new();
    for c in text.replace('²', "2").chars().filter(|c| c.is_alphabetic() || *c == '🚗') {
        *found.entry(c).or_default() += 1;
    }
    found
}

/// `text` without what looks like a tag.
fn without_tags(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        out.push_str(&rest[..open]);
        let tag = rest[open + 1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match rest[open..].find('>').filter(|_| tag) {
            Some(end) => rest = &rest[open + end + 1..],
            None => {
                out.push('<');
                rest = &rest[open + 1..];
            }
        }
    }
    out + rest
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn front_matter_of_any_kind_is_read_or_refused(
        fence in "(---|\\+\\+\\+|---json|\\{)?", front in "[a-z:#\\[\\]{}\"' \n=*&!|>-]{0,60}", body in text(),
    ) {
        let whole = format!("{fence}\n{front}\n{fence}\n{body}");
        if let Ok(parts) = front::split(&whole) {
            prop_assert!(whole.ends_with(parts.body));
        }
    }

    #[test]
    fn no_word_outside_tags_is_lost(text in text()) {
        let found = html::rewrite(&text);
        let (have, want) = (letters(&found.body), letters(&without_tags(&text)));
        for (c, count) in want {
            // Entities become what they mean.
            if !"ampdsh".contains(c) {
                prop_assert!(have.get(&c).copied().unwrap_or(0) >= count, "{c}: {text:?} -> {:?}", found.body);
            }
        }
    }

    /// A second look finds nothing left to rewrite: no HTML stays behind to be dropped later.
    #[test]
    fn no_html_is_left(text in text()) {
        let found = html::rewrite(&text).body;
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        for event in Parser::new_ext(&found, options) {
            prop_assert!(!matches!(event, Event::Html(_) | Event::InlineHtml(_)), "{text:?} -> {found:?}");
        }
    }

    #[test]
    fn markdown_without_html_stays(text in text()) {
        let plain = without_tags(&text).replace('<', "");
        prop_assert_eq!(html::rewrite(&plain).body, plain);
    }

    #[test]
    fn what_is_taken_out_is_kept(text in text()) {
        let (body, kept) = shortcode::take(&text);
        let whole = format!("{body} {}", kept.join(" "));
        let (have, want) = (letters(&whole), letters(&text));
        for (c, count) in want {
            prop_assert!(have.get(&c).copied().unwrap_or(0) >= count, "{c}: {text:?} -> {whole:?}");
        }
    }

    #[test]
    fn what_is_written_is_a_release(title in "\\PC{0,40}", author in "\\PC{0,20}", body in text()) {
        let front = serde_json::json!({ "title": title, "author": author, "date": "2024-05-01", "x": author });
        let whole = format!("---json\n{front}\n---\n{body}");
        let parts = front::split(&whole).map_err(TestCaseError::fail)?;
        let english: crate::language::Language = "en".parse().unwrap();
        let name = identity::name("a.md", &std::collections::BTreeSet::new(), std::slice::from_ref(&english));
        let now = "2026-12-01T08:00:00Z".parse().unwrap();
        let defaults = Defaults { audiences: vec!["a".into()], contacts: vec![], boilerplate: vec![], now };
        let around = Around { find: &|_| false, page: &|_| None, site: Some("https://x.example"), beside: &[] };
        let place = place(&name, &parts.front, now).map_err(TestCaseError::fail)?;
        let found = convert(&name, &parts, &place, &defaults, &around);
        let (_, findings) = crate::release::parse("releases/2024/a.md", &found.text);
        prop_assert!(findings.is_empty(), "{:?}\n{}", findings, found.text);
        prop_assert!(shown(&found.text).len() >= words(&title).len());
    }
}

#[test]
fn what_closes_nothing_is_kept() {
    for (text, expected) in [
        ("{{</p>}}", &["shortcode: {{</p>}}"][..]),
        ("{% endif %}", &["shortcode: {% endif %}"]),
        ("{{< x >}}a{{< /x >}}", &["shortcode: {{< x >}}"]),
    ] {
        assert_eq!(shortcode::take(text).1, expected, "{text}");
    }
}
