use std::fmt::Write as _;

use expect_test::{Expect, expect};

use super::*;

const NO_LINKS: Rules<'static> = Rules { link: &|_| None, image: &|_| None, dateline: None };
const OPEN: Rules<'static> = Rules {
    link: &|address| {
        let good =
            ["https://", "http://", "mailto:", "tel:"].iter().any(|scheme| address.starts_with(scheme));
        good.then(|| address.to_owned())
    },
    image: &|address| (address == "a.png").then(|| "https://news.halden.example/a.png".to_owned()),
    dateline: None,
};

fn to_html(markdown: &str, rules: &Rules<'_>) -> String {
    sanitize(&raw_html(&events(markdown, rules))).to_string()
}

#[track_caller]
fn check_html(markdown: &str, expected: &str) {
    assert_eq!(to_html(markdown, &OPEN), expected, "{markdown:?}");
}

#[track_caller]
fn check_text(markdown: &str, expected: &Expect) {
    let mut links = Vec::new();
    let mut text = plain(&events(markdown, &OPEN), &mut links);
    for (at, link) in links.iter().enumerate() {
        let _ = write!(text, "\n[{}] {link}", at + 1);
    }
    text.push('\n');
    expected.assert_eq(&text);
}

#[test]
fn markdown_becomes_html() {
    for (markdown, expected) in [
        ("# One\n## Two", "<h2>One</h2>\n<h3>Two</h3>\n"),
        ("## Two", "<h2>Two</h2>\n"),
        ("###### Six\n# One", "<h2>Six</h2>\n<h2>One</h2>\n"),
        ("### A\n##### B\n### C\n#### D", "<h2>A</h2>\n<h3>B</h3>\n<h2>C</h2>\n<h3>D</h3>\n"),
        ("東京で\n発表した。\nAlso\nEnglish", "<p>東京で発表した。\nAlso\nEnglish</p>\n"),
        (
            "| | B |\n| - | -: |\n| 1 | 2 |\n",
            "<table><thead><tr><td></td><th style=\"text-align:right\">B</th></tr></thead><tbody>\n\
             <tr><td>1</td><td style=\"text-align:right\">2</td></tr>\n</tbody></table>\n",
        ),
        (
            "| | |\n| - | - |\n| 1 | 2 |\n",
            "<table><tbody>\n<tr><td>1</td><td>2</td></tr>\n</tbody></table>\n",
        ),
        ("a ~~b~~ **c**", "<p>a <del>b</del> <strong>c</strong></p>\n"),
        (
            "a[^x]\n\n[^x]: b",
            "<p>a<sup>1</sup></p>\n<div class=\"footnote\"><sup>1</sup> \n<p>b</p>\n</div>\n",
        ),
        ("<mail@halden.example>", "<p><a href=\"mailto:mail@halden.example\">mail@halden.example</a></p>\n"),
        ("![alt](a.png)", "<p><img src=\"https://news.halden.example/a.png\" alt=\"alt\"></p>\n"),
        (
            "|a|b|\n|-|-:|\n|1|2|",
            "<table><thead><tr><th>a</th><th style=\"text-align:right\">b</th></tr></thead>\
             <tbody>\n<tr><td>1</td><td style=\"text-align:right\">2</td></tr>\n</tbody></table>\n",
        ),
        ("3. c\n4. d", "<ol start=\"3\">\n<li>c</li>\n<li>d</li>\n</ol>\n"),
        ("{{ env.SMTP_PASSWORD }}", "<p>{{ env.SMTP_PASSWORD }}</p>\n"),
    ] {
        check_html(markdown, expected);
    }
}

/// H15 to H20 and their neighbours.
#[test]
fn nothing_that_runs_loads_or_leads_astray_gets_through() {
    for (markdown, expected) in [
        ("<script>alert(1)</script>", ""),
        ("a <script>alert(1)</script> b", "<p>a alert(1) b</p>\n"),
        ("<style>@import 'https://x.test'</style>\n\nb", "<p>b</p>\n"),
        ("<img src=x onerror=alert(1)>", ""),
        ("<svg onload=alert(1)><text>w</text></svg>", "<p>w</p>\n"),
        ("<iframe srcdoc='<script>1</script>'></iframe>", ""),
        ("<base href=\"https://evil.test/\">\n<meta http-equiv=refresh content=0>", ""),
        ("<form action=https://evil.test><b>words</b></form>", "<p>words</p>\n"),
        ("<div>\nwords &lt;b&gt; &amp; more\n</div>", "<p>words &lt;b&gt; &amp; more</p>\n"),
        ("<!-- hidden -->", ""),
        ("<div>1 < 2 <script>if (a<b) {}</SCRIPT> and <!-- > --> more</div>", "<p>1 &lt; 2 and more</p>\n"),
        (
            "<p>&mdash; a&#x6A; &#106;b &nosuch; &#0; & &amp;lt;</p>",
            "<p>— aj jb &amp;nosuch; &amp;#0; &amp; &amp;lt;</p>\n",
        ),
        ("<div>open <script>never closed</div>", "<p>open</p>\n"),
        ("[x](javascript:alert(1))", "<p>x</p>\n"),
        ("[x](JaVaScRiPt:alert(1))", "<p>x</p>\n"),
        ("[x](&#x6A;avascript:alert(1))", "<p>x</p>\n"),
        ("[x](data:text/html,1)", "<p>x</p>\n"),
        ("[x](//evil.test)", "<p>x</p>\n"),
        ("<javascript:alert(1)>", "<p>javascript:alert(1)</p>\n"),
        ("[x][a]\n\n[a]: javascript:alert(1) \"t\"", "<p>x</p>\n"),
        (
            "[x](https://h.test 'a\"onclick=\"b')",
            "<p><a href=\"https://h.test\" title=\"a&quot;onclick=&quot;b\">x</a></p>\n",
        ),
        ("![remote](https://169.254.169.254/x.png)", "<p>[remote]</p>\n"),
        ("![file](file:///etc/passwd)", "<p>[file]</p>\n"),
        ("![pixel](//localhost:6379)", "<p>[pixel]</p>\n"),
        ("```html\n<script>1</script>\n```", "<pre><code>&lt;script&gt;1&lt;/script&gt;\n</code></pre>\n"),
        ("`<b>`", "<p><code>&lt;b&gt;</code></p>\n"),
        ("<a href=\"https://x.test\" style=\"x\">words</a>", "<p>words</p>\n"),
    ] {
        check_html(markdown, expected);
    }
}

/// H24: what is nested without end is flattened, keeps its words, and takes no time.
#[test]
fn nesting_is_bounded() {
    let many = 5_000;
    for text in [
        ">".repeat(many) + "word",
        "[".repeat(many) + "word",
        "![".repeat(many) + "word",
        "*a ".repeat(many) + "word",
        "_a **b ".repeat(many) + "word",
        "[a](".repeat(many) + "word",
        "<a ".repeat(many) + "word",
        "`a ".repeat(many) + "word",
        "<div>".repeat(many) + "word",
        (0..400).fold(String::new(), |text, depth| text + &"  ".repeat(depth) + "- a\n") + "\nword",
        "|a".repeat(many) + "|\n" + &"|-".repeat(many) + "|\n|word|",
        "a[^1]\n\n".repeat(100) + &"[^1]: ".repeat(many) + "word",
    ] {
        let events = events(&text, &OPEN);
        let html = sanitize(&raw_html(&events)).to_string();
        let plain = plain(&events, &mut Vec::new());
        assert!(html.contains("word") && plain.contains("word"), "{text:.40}");
        let depth = html.split('<').fold((0_i32, 0_i32), |(now, most), tag| {
            let now = now
                + match tag {
                    tag if tag.starts_with('/') => -1,
                    tag if tag.starts_with("br") || tag.starts_with("img") || tag.starts_with("hr") => 0,
                    _ => 1,
                };
            (now, most.max(now))
        });
        assert!(depth.1 < 60, "{} levels: {:.40}", depth.1, text);
    }
}

#[test]
fn the_dateline_opens_the_first_paragraph() {
    for (markdown, expected) in [
        ("Text.", "<p><strong>OSLO, 1 May</strong> — Text.</p>\n"),
        ("## Head\n\nText.", "<h2>Head</h2>\n<p><strong>OSLO, 1 May</strong> — Text.</p>\n"),
        (
            "> Quote\n\nText.",
            "<blockquote>\n<p>Quote</p>\n</blockquote>\n<p><strong>OSLO, 1 May</strong> — Text.</p>\n",
        ),
        ("![a](a.png)\n\nText.", "<p>[a]</p>\n<p><strong>OSLO, 1 May</strong> — Text.</p>\n"),
        ("- item", "<p><strong>OSLO, 1 May</strong></p>\n<ul>\n<li>item</li>\n</ul>\n"),
        ("OSLO, 2 May – Text.", "<p>OSLO, 2 May – Text.</p>\n"),
        ("**Oslo** (Reuters) — Text.", "<p><strong>Oslo</strong> (Reuters) — Text.</p>\n"),
        ("Oslo is a city.", "<p><strong>OSLO, 1 May</strong> — Oslo is a city.</p>\n"),
        ("", "<p><strong>OSLO, 1 May</strong></p>\n"),
    ] {
        let rules = Rules { dateline: Some("OSLO, 1 May"), ..NO_LINKS };
        assert_eq!(to_html(markdown, &rules), expected, "{markdown:?}");
    }
}

#[test]
fn markdown_becomes_readable_text() {
    check_text(
        "# Title\n\nA paragraph with a [link](https://halden.example/a) and **bold** words that goes on until \
         the line is full.\nStill it.\n\n- one\n- two, with [the same](https://halden.example/a)\n  1. first\n  \
         2. second\n\n> A quote.\n>\n> Its end.\n\n```\ncode  here\n```\n\n---\n\nA note[^n]; ~~old~~ new, \
         <https://halden.example/b>.\n\n[^n]: The note.",
        &expect![[r#"
            Title
            =====

            A paragraph with a link [1] and bold words that goes on until the line
            is full. Still it.

            - one
            - two, with the same [1]
              1. first
              2. second

            > A quote.
            >
            > Its end.

                code  here

            * * *

            A note¹; ~~old~~ new, https://halden.example/b.

            ¹ The note.
            [1] https://halden.example/a
        "#]],
    );
}

#[test]
fn tables_are_set_in_columns_or_else_as_records() {
    check_text(
        "|Country|Cars|\n|-|-:|\n|Sweden|1,730|\n|Norway|[860](https://h.test)|",
        &expect![[r#"
        Country  Cars
        -------  -------
        Sweden   1,730
        Norway   860 [1]
        [1] https://h.test
    "#]],
    );
    let long = "word ".repeat(15);
    check_text(
        &format!("|Name|What|\n|-|-|\n|A|{long}|\n|B|{long}|"),
        &expect![[r#"
            Name: A
            What: word word word word word word word word word word word word word
            word word

            Name: B
            What: word word word word word word word word word word word word word
            word word
        "#]],
    );
}

#[test]
fn loose_lists_and_hard_breaks_keep_their_gaps() {
    check_text(
        "1. One\n\n   More.\n\n2. Two\n\nAfter  \nbreak.",
        &expect![[r#"
        1. One

           More.

        2. Two

        After
        break.
    "#]],
    );
}

#[test]
fn the_words_of_html_and_text_are_those_of_the_source() {
    let markdown = "# Ä title\n\nSome *words*, `code` and <b>more</b>.\n\n<div>In a block</div>\n\n* a\n  * b\n\n\
                    |x|y|\n|-|-|\n|1|2|\n\n> q\n\nEnd\\\nline &amp; <https://h.test/>\n";
    let expected = "Ä title Some words, code and more. In a block a b x y 1 2 q End line & https://h.test/";
    let events = events(markdown, &OPEN);
    let html = raw_html(&events);
    let from_html = html.replace('\n', " ").replace("</", " </").replace('<', "\n<");
    let from_html: String =
        from_html.split('\n').filter_map(|part| part.split_once('>').map(|(_, text)| text)).collect();
    let words = |text: &str| {
        let letters = |c: char| !c.is_alphanumeric();
        text.split(letters).filter(|word| !word.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(words(&from_html.replace("&amp;", "&")), words(expected));
    assert_eq!(words(&plain(&events, &mut Vec::new())), words(expected));
}
