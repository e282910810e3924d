//! CSS set inline in release text, quickly.
//!
//! Where a style sheet tells elements apart by nothing but their tags, classes, the elements around them and
//! whether they are empty, an element's `style` follows from its tag and those around it. So the inliner is
//! asked once for each such row of tags (there are a few dozen), and texts get its answers. A style sheet that
//! looks at more (neighbours, attributes, the first of its kind) is left to the inliner, text by text.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The most rows of tags that are remembered; a text with more of them is left to the inliner.
const MOST: usize = 2_000;

/// One style sheet's answers.
pub(super) struct Stylist {
    /// The style sheet; nothing if it looks at more than rows of tags.
    css: Option<String>,
    rows: Mutex<Rows>,
}

#[derive(Default)]
struct Rows {
    known: Vec<Row>,
    /// By the row around it, its own tag as it is told apart, and whether it is empty.
    places: HashMap<(usize, String, bool), usize>,
}

/// An element and the elements around it.
struct Row {
    /// The opening tags from the outermost on.
    tags: Vec<String>,
    /// What the last of them becomes, without its `>`.
    styled: String,
}

impl Stylist {
    pub(super) fn new(css: &str) -> Stylist {
        Stylist { css: looks_at_rows(css).then(|| css.to_owned()), rows: Mutex::default() }
    }

    /// `html`, of plain forms alone, as a `div` of class `release` with its styles set; nothing if that is a
    /// matter for the inliner.
    pub(super) fn apply(&self, html: &str, inliner: &css_inline::CSSInliner<'_>) -> Option<String> {
        let css = self.css.as_ref()?;
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = String::with_capacity(html.len() * 2);
        let root = rows.row(None, "<div class=\"release\"", html.is_empty(), css, inliner)?;
        out.push_str(&rows.known.get(root)?.styled);
        out.push('>');
        let mut open = vec![root];
        let mut rest = html;
        while let Some(at) = rest.find('<') {
            let (text, tag) = rest.split_at(at);
            out.push_str(text);
            // No `>` stands in an attribute: the safe form writes `&gt;`.
            let end = tag.find('>')?;
            let (tag, more) = (tag.get(..end)?, tag.get(end + 1..)?);
            rest = more;
            if tag.starts_with("</") {
                open.pop();
                out.push_str(tag);
                out.push('>');
                continue;
            }
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let void = matches!(name, "<br" | "<hr" | "<img");
            // Addresses and words make no difference; a class or a style does.
            let told_apart = if matches!(name, "<a" | "<img" | "<ol") { name } else { tag };
            let empty = void || rest.starts_with("</");
            let row = rows.row(Some(*open.last()?), told_apart, empty, css, inliner)?;
            let styled = rows.known.get(row)?.styled.as_str();
            if told_apart.len() == tag.len() {
                out.push_str(styled);
            } else {
                // Its own attributes stand before the style; the inliner writes `<` and `>` in them as they are.
                out.push_str(name);
                out.push(' ');
                out.push_str(&attributes.replace("&lt;", "<").replace("&gt;", ">"));
                out.push_str(styled.get(name.len()..)?);
            }
            out.push('>');
            if !void {
                open.push(row);
            }
        }
        out.push_str(rest);
        out.push_str("</div>");
        Some(out)
    }
}

impl Rows {
    /// The row of `tag` inside of the row `around`.
    fn row(
        &mut self,
        around: Option<usize>,
        tag: &str,
        empty: bool,
        css: &str,
        inliner: &css_inline::CSSInliner<'_>,
    ) -> Option<usize> {
        let key = (around.unwrap_or(usize::MAX), tag.to_owned(), empty);
        if let Some(known) = self.places.get(&key) {
            return Some(*known);
        }
        if self.known.len() >= MOST {
            return None;
        }
        let mut tags = match around {
            Some(around) => self.known.get(around)?.tags.clone(),
            None => Vec::new(),
        };
        tags.push(tag.to_owned());
        let styled = ask(&tags, empty, css, inliner)?;
        self.known.push(Row { tags, styled });
        self.places.insert(key, self.known.len() - 1);
        Some(self.known.len() - 1)
    }
}

/// What the inliner makes of the last of `tags`, which stand in each other.
fn ask(tags: &[String], empty: bool, css: &str, inliner: &css_inline::CSSInliner<'_>) -> Option<String> {
    let mut html = String::new();
    for tag in tags {
        html.push_str(tag);
        html.push('>');
    }
    let name = |tag: &str| tag.split(' ').next().unwrap_or(tag).get(1..).unwrap_or_default().to_owned();
    // Something that may stand there: a parser moves words out of a table.
    let inside = match tags.last().map(|tag| name(tag)).unwrap_or_default().as_str() {
        _ if empty => "",
        "table" => "<tbody></tbody>",
        "thead" | "tbody" => "<tr></tr>",
        "tr" => "<td></td>",
        _ => "x",
    };
    html.push_str(inside);
    for tag in tags.iter().rev().map(|tag| name(tag)) {
        if !matches!(tag.as_str(), "br" | "hr" | "img") {
            html.push_str("</");
            html.push_str(&tag);
            html.push('>');
        }
    }
    let styled = inliner.inline_fragment(&html, css).ok()?;
    let mut rest = styled.as_str();
    let mut last = None;
    for tag in tags {
        // Between opening tags there is nothing, and each is the one that was asked for.
        let end = rest.find('>')?;
        let whole = rest.get(..end)?;
        let as_asked = whole.strip_prefix('<')?.strip_prefix(name(tag).as_str())?;
        if !as_asked.is_empty() && !as_asked.starts_with(' ') {
            return None;
        }
        last = Some(whole);
        rest = rest.get(end + 1..)?;
    }
    // A `>` in a value would have ended the tag too early.
    let behind = match inside {
        "" => rest.is_empty() || rest.starts_with("</"),
        "x" => rest.starts_with("x</"),
        tag => rest.starts_with(tag.get(..3).unwrap_or(tag)),
    };
    last.filter(|_| behind).map(str::to_owned)
}

/// Whether the rules of `css` look at nothing but tags, classes, the elements around, and emptiness.
fn looks_at_rows(css: &str) -> bool {
    let mut bare = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(start) = rest.find("/*") {
        let (before, comment) = rest.split_at(start);
        bare.push_str(before);
        let Some(end) = comment.find("*/") else { return false };
        rest = comment.get(end + 2..).unwrap_or_default();
    }
    bare.push_str(rest);
    let mut selector_from = 0;
    for (at, sign) in bare.char_indices() {
        if sign == '{' {
            let selector = bare.get(selector_from..at).unwrap_or_default().trim();
            let plain = selector.replace(":empty", "").replace(":root", "");
            let known = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "-_.#,>*".contains(c);
            if !selector.starts_with('@') && !plain.chars().all(known) {
                return false;
            }
        }
        if matches!(sign, '{' | '}' | ';') {
            selector_from = at + 1;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::markdown;

    const CSS: &str = "a { color: #0b5d6b; } /* .x:hover {} */\n.release p, p > em { margin: 0 0 18px; }\n\
        .release td { padding: 8px } .release th:empty { padding-top: 0 } td { text-align: right; color: red }\n\
        .release blockquote p { font: Georgia, 'Times New Roman', serif } .release .footnote p { display: inline }\n\
        li p { margin: 0 } ul ul { margin: 1px } .release { line-height: 1.6 } li > ol { color: blue !important }\n\
        @media (max-width: 480px) { .release p { margin: 1px !important; } } * { box-sizing: border-box }\n\
        img { width: 100%; border: 0 } pre code { color: black } code { color: gray } hr { border: 0 } br { clear: both }";

    fn inliner() -> css_inline::CSSInliner<'static> {
        css_inline::CSSInliner::options().load_remote_stylesheets(false).keep_at_rules(true).build()
    }

    #[test]
    fn texts_get_what_the_inliner_would_give_them() {
        let inliner = inliner();
        let stylist = Stylist::new(CSS);
        for text in [
            "<p>Words &amp; <em>more</em>&nbsp;<strong><em>words</em></strong></p>\n",
            "<p><a href=\"https://halden.example/?a&amp;b\" title=\"&lt;b&gt; &quot;c&quot; &amp;lt;\">x</a><br>\n<em>y</em></p>",
            "<blockquote>\n<p>Quoted</p>\n<ul>\n<li>a</li>\n<li><p>b</p>\n<ol start=\"7\"><li></li></ol></li></ul></blockquote>",
            "<table><thead><tr><th></th><th style=\"text-align:left\">a</th></tr></thead><tbody>\n\
             <tr><td style=\"text-align:center\"><em>1</em></td><td></td></tr>\n</tbody></table>",
            "<p><img src=\"https://halden.example/x.png\" alt=\"A &gt; B\"></p><hr>",
            "<pre><code>a\n  b</code></pre><div class=\"footnote\"><sup>1</sup> \n<p>Note</p></div>",
            "",
        ] {
            let expected =
                inliner.inline_fragment(&format!("<div class=\"release\">{text}</div>"), CSS).unwrap();
            assert_eq!(stylist.apply(text, &inliner).as_deref(), Some(expected.as_str()), "{text}");
        }
    }

    #[test]
    fn style_sheets_that_look_at_more_are_left_to_the_inliner() {
        for (css, expected) in [
            (CSS, true),
            ("", true),
            (":root { a: b } #outlook a { c: d }", true),
            ("p + p { a: b }", false),
            ("p ~ p { a: b }", false),
            ("p:first-child { a: b }", false),
            ("a[href] { a: b }", false),
            ("@media print { p:not(.x) { a: b } }", false),
            ("p { a: \"{\"; } b:hover { c: d }", false),
            ("p /* a", false),
        ] {
            assert_eq!(looks_at_rows(css), expected, "{css}");
            assert_eq!(Stylist::new(css).apply("<p>a</p>", &inliner()).is_some(), expected, "{css}");
        }
    }

    const MARKDOWN: [&str; 22] = [
        "a",
        " ",
        "\n",
        "\n\n",
        "*",
        "**",
        "`",
        "> ",
        "- ",
        "1. ",
        "## ",
        "[b](https://a.example/?x=1&y 'T<>')",
        "![c](https://a.example/x.png)",
        "\n\n| a | |\n|-|:-:|\n|  | b |\n",
        "&lt;",
        "<",
        "[^1]",
        "\n\n[^1]: n",
        "~~",
        "\n---\n",
        "\n```\n",
        "\u{a0}",
    ];

    proptest::proptest! {
        #[test]
        fn so_do_any_texts(picks in proptest::collection::vec(0..MARKDOWN.len(), 0..40)) {
            let text: String = picks.iter().map(|pick| MARKDOWN[*pick]).collect();
            let any = |address: &str| Some(address.to_owned());
            let rules = markdown::Rules { link: &any, image: &any, dateline: None };
            let html = markdown::sanitize(&markdown::raw_html(&markdown::events(&text, &rules)));
            if html.plain {
                let inliner = inliner();
                let expected = inliner.inline_fragment(&format!("<div class=\"release\">{}</div>", &*html), CSS).unwrap();
                proptest::prop_assert_eq!(Stylist::new(CSS).apply(&html, &inliner), Some(expected));
            }
        }
    }
}
