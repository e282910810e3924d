//! A block of HTML as Markdown.
//!
//! The HTML is first made well-formed and reduced to the tags that Markdown has words for; what is
//! left is written tag by tag, and then read back: if a character is not what it was, the block is
//! written again with fewer marks, in the end as plain paragraphs.

mod level;
mod table;
mod token;

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::words::{escape, target, title};
use level::lowered;
pub use level::{subscript, superscript};
use table::Table;
use token::{Token, attribute, tokens, unescape};

/// Tags that Markdown has words for, and tags that keep words apart.
const KEPT: &[&str] = &[
    "p",
    "div",
    "blockquote",
    "footer",
    "header",
    "main",
    "section",
    "article",
    "aside",
    "nav",
    "address",
    "figure",
    "figcaption",
    "details",
    "summary",
    "center",
    "dl",
    "dt",
    "dd",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "a",
    "b",
    "strong",
    "i",
    "em",
    "cite",
    "code",
    "pre",
    "br",
    "hr",
    "img",
    "s",
    "del",
    "table",
    "caption",
    "thead",
    "tbody",
    "tfoot",
    "tr",
    "td",
    "th",
    "sup",
    "sub",
];

/// The Markdown of a block of HTML: no characters of its text are lost or added.
pub fn markdown(html: &str) -> String {
    let clean = ammonia::Builder::default()
        .tags(KEPT.iter().copied().collect::<HashSet<_>>())
        .link_rel(None)
        .url_relative(ammonia::UrlRelative::PassThrough)
        .clean(html)
        .to_string();
    let mut text = String::new();
    for token in tokens(&clean) {
        match token {
            Token::Text(more) => text.push_str(more),
            Token::Tag(tag) if tag.starts_with("img") => {
                text.push_str(&attribute(tag, "src").and(attribute(tag, "alt")).unwrap_or_default());
            }
            Token::Tag(_) => {}
        }
    }
    let expected = bare(&unescape(&text));
    let mut written = String::new();
    for marks in [Marks::All, Marks::Blocks, Marks::None] {
        let mut writer = Writer::new(marks);
        for token in tokens(&clean) {
            match token {
                Token::Text(text) => writer.text(&unescape(text)),
                Token::Tag(tag) => writer.tag(tag),
            }
        }
        writer.out.trim().clone_into(&mut written);
        if read_back(&written) == expected {
            break;
        }
    }
    written
}

/// The characters of `text` that are seen.
fn bare(text: &str) -> String {
    let raised = text.chars().map(|c| lowered(c).unwrap_or(c));
    raised.filter(|c| !c.is_whitespace() && !c.is_control()).collect()
}

fn read_back(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut text = String::new();
    for event in Parser::new_ext(markdown, options) {
        match event {
            Event::Text(more) | Event::Code(more) => text.push_str(&more),
            // What is HTML again would be lost later.
            Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) => text.push('\u{fffc}'),
            _ => {}
        }
    }
    bare(&text)
}

/// How much of the structure is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    All,
    /// Without links, emphasis and tables.
    Blocks,
    /// Paragraphs alone.
    None,
}

struct Writer {
    marks: Marks,
    out: String,
    /// What stands in front of lines: for the next line, and for those after it.
    margins: Vec<(String, String)>,
    lists: Vec<Option<u32>>,
    /// Nothing of the block in the making is written yet.
    fresh: bool,
    /// Marks of emphasis that wait for their first word.
    waiting: Vec<&'static str>,
    links: Vec<Option<String>>,
    pre: Option<String>,
    raised: Option<fn(char) -> Option<char>>,
    table: Option<Table>,
}

impl Writer {
    fn new(marks: Marks) -> Writer {
        Writer {
            marks,
            out: String::new(),
            margins: Vec::new(),
            lists: Vec::new(),
            fresh: true,
            waiting: Vec::new(),
            links: Vec::new(),
            pre: None,
            raised: None,
            table: None,
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(code) = &mut self.pre {
            code.push_str(text);
            return;
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let at_end = self.out.is_empty() || self.out.ends_with(char::is_whitespace);
        if text.starts_with(char::is_whitespace) && !self.fresh && !at_end {
            self.out.push(' ');
        }
        if words.is_empty() {
            return;
        }
        let opens = self.fresh;
        self.begin();
        let marked = !self.waiting.is_empty();
        for mark in std::mem::take(&mut self.waiting) {
            self.out.push_str(mark);
        }
        let raised: Option<String> = self.raised.and_then(|raise| words.chars().map(raise).collect());
        match raised {
            Some(raised) => self.out.push_str(&raised),
            None => self.out.push_str(&escape(&words, opens && !marked)),
        }
        if text.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }

    /// Ends the block in the making.
    fn end(&mut self) {
        self.out.truncate(self.out.trim_end_matches(' ').len());
        self.fresh = true;
    }

    /// Begins a block, if none is begun.
    fn begin(&mut self) {
        if !self.fresh {
            return;
        }
        self.fresh = false;
        if !self.out.is_empty() {
            let margin: String = self.margins.iter().map(|(_, rest)| rest.as_str()).collect();
            // A list item's first line stands apart from what comes before the item.
            let margin: String = match self.margins.iter().position(|(next, rest)| next != rest) {
                Some(first) => self.margins[..first].iter().map(|(_, rest)| rest.as_str()).collect(),
                None => margin,
            };
            self.out.push('\n');
            self.out.push_str(margin.trim_end());
            self.out.push('\n');
        }
        self.margin();
    }

    fn margin(&mut self) {
        for (next, rest) in &mut self.margins {
            self.out.push_str(next);
            next.clone_from(rest);
        }
    }

    fn mark(&mut self, mark: &'static str, closing: bool) {
        if self.marks != Marks::All {
            return;
        }
        if !closing {
            self.waiting.push(mark);
        } else if self.waiting.pop().is_none() {
            let kept = self.out.trim_end_matches(' ').len();
            let space = kept < self.out.len();
            self.out.truncate(kept);
            self.out.push_str(mark);
            if space {
                self.out.push(' ');
            }
        }
    }

    fn tag(&mut self, tag: &str) {
        let closing = tag.starts_with('/');
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        match (name.as_str(), closing) {
            ("pre", false) => {
                let outer = self.pre.take().map(|code| code + "\n");
                self.pre = Some(outer.unwrap_or_default());
            }
            ("pre", true) => self.code(),
            _ if self.pre.is_some() => {}
            ("b" | "strong", _) => self.mark("**", closing),
            ("i" | "em" | "cite", _) => self.mark("*", closing),
            ("s" | "del", _) => self.mark("~~", closing),
            ("sup", false) => self.raised = Some(superscript),
            ("sub", false) => self.raised = Some(subscript),
            ("sup" | "sub", true) => self.raised = None,
            ("code", _) => {}
            ("hr", _) => {
                self.end();
                self.begin();
                self.out.push_str("* * *");
                self.end();
            }
            ("a", _) => self.link(tag, closing),
            ("img", _) => self.image(tag),
            ("table" | "tr" | "td" | "th", _) if self.marks == Marks::All => self.table(&name, closing),
            _ if self.marks == Marks::None => self.end(),
            ("blockquote", false) => {
                self.end();
                self.margins.push(("> ".to_owned(), "> ".to_owned()));
            }
            ("ul", false) => {
                self.end();
                self.lists.push(None);
            }
            ("ol", false) => {
                self.end();
                self.lists.push(Some(0));
            }
            ("ul" | "ol", true) => {
                self.end();
                self.lists.pop();
            }
            ("li", false) => {
                self.end();
                let mark = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{number}. ")
                    }
                    _ => "- ".to_owned(),
                };
                let rest = " ".repeat(mark.len());
                self.margins.push((mark, rest));
            }
            ("blockquote" | "li", true) => {
                self.end();
                self.margins.pop();
            }
            ("h1" | "h2" | "h3" | "h4" | "h5" | "h6", false) => {
                self.end();
                self.begin();
                let level = name[1..].parse().unwrap_or(2);
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            _ => self.end(),
        }
    }

    fn link(&mut self, tag: &str, closing: bool) {
        if self.marks != Marks::All {
            return;
        }
        if closing {
            if let Some(Some(address)) = self.links.pop() {
                self.out.push_str(&format!("]({})", target(&address)));
            }
            return;
        }
        let address = attribute(tag, "href");
        if address.is_some() {
            self.begin();
            for mark in std::mem::take(&mut self.waiting) {
                self.out.push_str(mark);
            }
            self.out.push('[');
        }
        self.links.push(address);
    }

    fn image(&mut self, tag: &str) {
        let Some(src) = attribute(tag, "src") else { return };
        let alt = attribute(tag, "alt").unwrap_or_default();
        let alt = escape(&alt.split_whitespace().collect::<Vec<_>>().join(" "), false);
        let words = title(&attribute(tag, "title").unwrap_or_default());
        self.begin();
        self.out.push_str(&format!("![{alt}]({}{words})", target(&src)));
    }

    /// A block of code, as it is.
    fn code(&mut self) {
        let Some(code) = self.pre.take() else { return };
        self.end();
        let code = code.trim_matches('\n');
        if code.trim().is_empty() {
            return;
        }
        let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat((longest + 1).max(3));
        self.begin();
        self.out.push_str(&fence);
        for line in code.lines().chain([fence.as_str()]) {
            self.out.push('\n');
            self.margin();
            self.out.push_str(line);
        }
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_markdown_and_no_word_is_lost() {
        for (html, expected) in [
            ("<p>One <b>two</b> <a href=\"/x\">three</a></p>", "One **two** [three](/x)"),
            (
                "<div class=\"quote\">\n<blockquote><p>Well said.</p>\n<footer>&mdash; <cite>A. B.</cite>, CEO</footer></blockquote>\n</div>",
                "> Well said.\n>\n> — *A. B.*, CEO",
            ),
            (
                "<figure><img src=\"a b.png\" alt=\"A [big] car\"><figcaption>The car</figcaption></figure>",
                "![A \\[big\\] car](<a b.png>)\n\nThe car",
            ),
            (
                "<ul><li>a<ol><li>b</li></ol></li><li><p>c</p><p>d</p></li></ul>",
                "- a\n\n  1. b\n\n- c\n\n  d",
            ),
            ("<dl><dt>Range</dt><dd>620 km</dd></dl>", "Range\n\n620 km"),
            ("<p>10<sup>6</sup> CO<sub>2</sub> the 5<sup>th</sup></p>", "10⁶ CO₂ the 5th"),
            ("<p><b> bold </b>x<i></i></p>", "**bold** x"),
            ("<p>a<b>\"b\"</b>c</p>", "a\"b\"c"),
            ("<p>1. 2 * 3 * 4 &lt;b&gt; [x](y)</p>", "1\\. 2 \\* 3 \\* 4 \\<b> \\[x\\](y)"),
            ("<pre><code>a  *b*\n``` c\n</code></pre>", "````\na  *b*\n``` c\n````"),
            (
                "<table><caption>Prices</caption><tr><th>A</th><th>B</th></tr><tr><td>1|2</td></tr></table>",
                "Prices\n\n| A | B |\n| --- | --- |\n| 1\\|2 |  |",
            ),
            ("<blockquote><pre>x\n\ny</pre></blockquote>", "> ```\n> x\n> \n> y\n> ```"),
            ("<a name=\"top\"></a><p>Text<br>more</p>", "Text\n\nmore"),
            ("<script>alert(1)</script>", ""),
        ] {
            assert_eq!(markdown(html), expected, "{html:?}");
        }
    }
}
