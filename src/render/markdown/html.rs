//! Safe HTML from events: written by pulldown-cmark, then held against a short list.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::LazyLock;

use pulldown_cmark::{Event, Tag, TagEnd};

use super::quick;

/// Everything that may stand in a release. Nothing that runs, loads, embeds or posts.
const TAGS: [&str; 31] = [
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "div",
    "em",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "img",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
    "figure",
    "figcaption",
    "sub",
    "span",
];

static LIST: LazyLock<ammonia::Builder<'static>> = LazyLock::new(|| {
    let mut builder = ammonia::Builder::empty();
    builder
        .tags(TAGS.into_iter().collect())
        .clean_content_tags(["script", "style"].into_iter().collect())
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href", "title"])),
            ("img", HashSet::from(["src", "alt", "title"])),
            ("ol", HashSet::from(["start"])),
            ("td", HashSet::from(["style"])),
            ("th", HashSet::from(["style"])),
        ]))
        .filter_style_properties(HashSet::from(["text-align"]))
        .add_allowed_classes("div", ["footnote"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(None);
    builder
});

/// Writes `events` as HTML that is not yet held against the list.
pub(in crate::render) fn raw_html(events: &[Event<'_>]) -> String {
    let mapped = events.iter().map(|event| match event {
        Event::FootnoteReference(number) => Event::InlineHtml(format!("<sup>{number}</sup>").into()),
        Event::Start(Tag::FootnoteDefinition(number)) => {
            Event::Html(format!("<div class=\"footnote\"><sup>{number}</sup> ").into())
        }
        Event::End(TagEnd::FootnoteDefinition) => Event::Html("</div>\n".into()),
        other => other.clone(),
    });
    let mut html = String::with_capacity(8 * 1024);
    pulldown_cmark::html::push_html(&mut html, mapped);
    without_empty_heads(html)
}

/// A table whose columns have no names is Markdown's only way to write one without a head: then it has none. A corner
/// that names nothing is no head, or a screen reader would announce it (WCAG 2.2, technique H63).
fn without_empty_heads(html: String) -> String {
    const OPEN: &str = "<thead><tr>";
    const CLOSE: &str = "</tr></thead>";
    if !html.contains("></th>") {
        return html;
    }
    let mut out = String::with_capacity(html.len());
    let mut rest = html.as_str();
    while let Some(at) = rest.find(OPEN) {
        let (before, head) = rest.split_at(at);
        let Some(end) = head.find(CLOSE) else { break };
        out.push_str(before);
        let cells: Vec<&str> = head[OPEN.len()..end].split_inclusive("</th>").collect();
        let empty = |cell: &&str| cell.ends_with("></th>") && cell.matches('<').count() == 2;
        if !cells.iter().all(empty) {
            out.push_str(OPEN);
            for cell in cells {
                if empty(&cell) {
                    out.push_str(&cell.replacen("<th", "<td", 1).replace("</th>", "</td>"));
                } else {
                    out.push_str(cell);
                }
            }
            out.push_str(CLOSE);
        }
        rest = &head[end + CLOSE.len()..];
    }
    out.push_str(rest);
    out
}

/// HTML that holds nothing but text, structure, links and pictures.
pub(in crate::render) struct SafeHtml {
    text: String,
    /// Whether it has the plain forms alone: every element is closed, and stands where HTML lets it stand.
    pub plain: bool,
}

impl Deref for SafeHtml {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// Leaves nothing but text, structure, links and pictures.
pub(in crate::render) fn sanitize(html: &str) -> SafeHtml {
    match quick::clean(html) {
        Some(text) => SafeHtml { text, plain: true },
        None => SafeHtml { text: thorough(html), plain: false },
    }
}

fn thorough(html: &str) -> String {
    LIST.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::render::markdown::{Rules, events};

    /// The quick way and the long way give the same; says whether there was a quick one.
    fn same(markdown: &str, dateline: Option<&str>) -> bool {
        let link = |address: &str| (!address.starts_with('.')).then(|| address.to_owned());
        let rules = Rules { link: &link, image: &link, dateline };
        let raw = raw_html(&events(markdown, &rules));
        let quick = quick::clean(&raw);
        if let Some(quick) = &quick {
            assert_eq!(*quick, thorough(&raw), "{raw}");
            // What is clean stays as it is.
            assert_eq!(thorough(quick), *quick);
        }
        quick.is_some()
    }

    #[test]
    fn what_markdown_writes_goes_the_quick_way() {
        for markdown in [
            "",
            "Words, *more* **words**, `code` & <b>none</b>.",
            "# One\n\n## Two\n\n> Quoted\n> twice\n>\n> - a\n> - b\n\n---\n\nBroken  \nline\u{a0}here",
            "1. a\n2. b\n\n   c\n   - d\n     1. e\n\n7. x",
            "| a | b | c |\n|:--|:-:|--:|\n| 1 | *2* | `3` |\n|  |  | [x](https://halden.example/?a=1&b='2') |",
            "```rust\nfn main() { \"x\" < 3 }\n```\n\n    indented\n",
            "[a](https://halden.example \"It's \\\"so\\\" <b>\") ![b's \"c\"](https://halden.example/x.png 'T&T') <a@b.example>",
            "A note[^1] and another[^2].\n\n[^1]: First *words*.\n[^2]: Second.\n\n    More.",
            "- [ ] ~~gone~~ ***both***",
        ] {
            assert!(same(markdown, None), "{markdown}");
            assert!(same(markdown, Some("GOTHENBURG, 1 December 2026")), "{markdown}");
        }
    }

    #[test]
    fn anything_else_goes_the_long_way() {
        for html in [
            "<p>a",
            "a</p>",
            "<p><p>a</p></p>",
            "<p><ul></ul></p>",
            "<h1>a</h1>",
            "<p class=\"x\">a</p>",
            "<P>a</P>",
            "<p>a & b</p>",
            "<p>&copy;</p>",
            "<p>a > b</p>",
            "<p>a\rb</p>",
            "<p>a\0b</p>",
            "<table>a</table>",
            "<td>a</td>",
            "<tr></tr>",
            "<a>a</a>",
            "<a href=\"x\">a</a>",
            "<a href=\"javascript:x\">a</a>",
            "<li>a</li>",
            "<a href=\"https://a.example\"><em><a href=\"https://b.example\">b</a></em></a>",
            "<script>x</script>",
            "<pre>\na</pre>",
            "<p><!-- x --></p>",
            "<img src=\"https://a.example\" alt=\"\">",
            "<ol start=\"x\"></ol>",
            "<a href=\"https://a.example\" onclick=\"x\">a</a>",
            "<div>a</div>",
            "<div class=\"release\">a</div>",
            "<td style=\"color: red\">a</td>",
            "<em><p>a</p></em>",
            "\u{feff}<p>a</p>",
        ] {
            assert_eq!(quick::clean(html), None, "{html}");
        }
    }

    const WORDS: [&str; 46] = [
        "a",
        " ",
        "\n",
        "\n\n",
        "*",
        "**",
        "_",
        "`",
        "```",
        "> ",
        "- ",
        "1. ",
        "7) ",
        "# ",
        "## ",
        "[",
        "]",
        "(",
        ")",
        "](https://a.example)",
        "![",
        "](https://a.example/x.png)",
        "|",
        "\n|-|:-:|\n",
        "<b>",
        "</b>",
        "<!--",
        "<",
        ">",
        "&",
        "&amp;",
        "\"",
        "'",
        "\\",
        "[^1]",
        "[^1]: ",
        "~~",
        "---\n",
        "    ",
        "\t",
        "\u{a0}",
        "é",
        "https://a.example",
        "<a@b.example>",
        "\r\n",
        "\0",
    ];

    proptest! {
        #[test]
        fn any_text_is_the_same_on_both_ways(text in any::<String>()) {
            same(&text, None);
        }

        #[test]
        fn so_are_near_markdowns(picks in proptest::collection::vec(0..WORDS.len(), 0..60), deep in 0..50_usize) {
            let text: String = picks.iter().map(|pick| WORDS[*pick]).collect();
            same(&text, Some("GOTHENBURG, 1 December 2026"));
            same(&format!("{}{text}", "> ".repeat(deep)), None);
            same(&format!("{}{text}", "- ".repeat(deep)), None);
            same(&format!("{}{text}{}", "*a **b ".repeat(deep), "**c*".repeat(deep)), None);
        }
    }
}
