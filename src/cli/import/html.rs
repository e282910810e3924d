//! HTML inside Markdown, as Markdown: Dateline drops raw HTML, and no word may be lost with it.
//!
//! The HTML is first made well-formed and reduced to the tags that Markdown has words for; what is
//! left is written tag by tag. Layout (classes, columns, boxes) is what is given up.

use std::collections::HashSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A body without raw HTML, and what was in the way.
pub struct Rewritten {
    /// Markdown alone.
    pub body: String,
    /// How many stretches of HTML became Markdown.
    pub stretches: usize,
}

/// Rewrites the HTML in `body`; Markdown outside it is left byte for byte.
pub fn rewrite(body: &str) -> Rewritten {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut out = String::with_capacity(body.len());
    let mut at = 0;
    let mut stretches = 0;
    let mut block: Option<usize> = None;
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        match event {
            Event::Start(Tag::HtmlBlock) => block = Some(range.start),
            Event::End(TagEnd::HtmlBlock) => {
                let start = block.take().unwrap_or(range.start).max(at);
                out.push_str(&body[at..start]);
                let markdown = markdown(&body[start..range.end]);
                if !markdown.trim().is_empty() {
                    out.push_str(markdown.trim());
                    out.push_str("\n\n");
                }
                at = range.end;
                stretches += 1;
            }
            Event::InlineHtml(html) if range.start >= at => {
                out.push_str(&body[at..range.start]);
                out.push_str(inline(&html));
                at = range.end;
                stretches += 1;
            }
            _ => {}
        }
    }
    out.push_str(&body[at..]);
    Rewritten { body: out, stretches }
}

/// One inline tag as Markdown; tags that carry no words vanish, comments too.
fn inline(html: &str) -> &'static str {
    let name: String =
        html.trim_start_matches(['<', '/']).chars().take_while(char::is_ascii_alphanumeric).collect();
    match name.to_ascii_lowercase().as_str() {
        "b" | "strong" => "**",
        "i" | "em" | "cite" => "*",
        "s" | "del" => "~~",
        "br" => "\\\n",
        _ => "",
    }
}

/// Tags that Markdown has words for.
const KEPT: &[&str] = &[
    "p",
    "div",
    "blockquote",
    "footer",
    "figcaption",
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
    "td",
    "th",
    "tr",
];

fn markdown(html: &str) -> String {
    let clean = ammonia::Builder::default()
        .tags(KEPT.iter().copied().collect::<HashSet<_>>())
        .link_rel(None)
        .url_relative(ammonia::UrlRelative::PassThrough)
        .clean(html)
        .to_string();
    let mut writer = Writer { out: String::new(), quote: 0, links: Vec::new(), lists: Vec::new() };
    let mut rest = clean.as_str();
    while let Some(open) = rest.find('<') {
        writer.text(&rest[..open]);
        // The sanitiser escapes every `<` and `>` that is not a tag's own.
        let Some(close) = rest[open..].find('>') else { break };
        writer.tag(&rest[open + 1..open + close]);
        rest = &rest[open + close + 1..];
    }
    writer.text(rest);
    writer.out.trim().to_owned()
}

struct Writer {
    out: String,
    quote: usize,
    links: Vec<String>,
    lists: Vec<Option<u32>>,
}

impl Writer {
    fn text(&mut self, text: &str) {
        let text = unescape(text);
        let mut words = text.split_whitespace().peekable();
        if words.peek().is_none() {
            if !text.is_empty() && !self.out.ends_with(char::is_whitespace) && !self.out.is_empty() {
                self.out.push(' ');
            }
            return;
        }
        if text.starts_with(char::is_whitespace)
            && !self.out.is_empty()
            && !self.out.ends_with(char::is_whitespace)
        {
            self.out.push(' ');
        }
        self.out.push_str(&words.collect::<Vec<_>>().join(" "));
        if text.ends_with(char::is_whitespace) {
            self.out.push(' ');
        }
    }

    fn paragraph(&mut self) {
        let trimmed = self.out.trim_end_matches([' ', '\n', '>']).len();
        self.out.truncate(trimmed);
        if trimmed > 0 {
            self.out.push('\n');
            self.out.push_str(&"> ".repeat(self.quote));
            self.out.push('\n');
        }
        self.out.push_str(&"> ".repeat(self.quote));
    }

    fn tag(&mut self, tag: &str) {
        let closing = tag.starts_with('/');
        let name: String =
            tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        match (name.as_str(), closing) {
            ("b" | "strong", _) => self.out.push_str("**"),
            ("i" | "em" | "cite", _) => self.out.push('*'),
            ("s" | "del", _) => self.out.push_str("~~"),
            ("code", _) => self.out.push('`'),
            ("br", _) => self.paragraph(),
            ("hr", _) => {
                self.paragraph();
                self.out.push_str("---");
                self.paragraph();
            }
            ("a", false) => {
                self.links.push(attribute(tag, "href").unwrap_or_default());
                self.out.push('[');
            }
            ("a", true) => {
                let target = self.links.pop().unwrap_or_default();
                self.out.push_str(&format!("]({target})"));
            }
            ("img", _) => {
                let alt = attribute(tag, "alt").unwrap_or_default();
                if let Some(src) = attribute(tag, "src") {
                    self.out.push_str(&format!("![{}]({src})", alt.trim()));
                }
            }
            ("blockquote", false) => {
                self.quote += 1;
                self.paragraph();
            }
            ("blockquote", true) => {
                self.quote = self.quote.saturating_sub(1);
                self.paragraph();
            }
            ("ul", false) => self.lists.push(None),
            ("ol", false) => self.lists.push(Some(0)),
            ("ul" | "ol", true) => {
                self.lists.pop();
                self.paragraph();
            }
            ("li", false) => {
                self.paragraph();
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        self.out.push_str(&format!("{number}. "));
                    }
                    _ => self.out.push_str("- "),
                }
            }
            (heading, false) if heading.len() == 2 && heading.starts_with('h') => {
                self.paragraph();
                let level = heading[1..].parse().unwrap_or(2);
                self.out.push_str(&"#".repeat(level));
                self.out.push(' ');
            }
            ("td" | "th", _) => self.out.push(' '),
            _ => self.paragraph(),
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let end = tag[start..].find('"')?;
    Some(unescape(&tag[start..start + end]))
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_markdown_and_no_word_is_lost() {
        for (html, expected) in [
            ("Plain *text* stays.\n", "Plain *text* stays.\n"),
            ("<p>One <b>two</b> <a href=\"/x\">three</a></p>\n", "One **two** [three](/x)\n\n"),
            (
                "<div class=\"quote\">\n<blockquote><p>Well said.</p>\n<footer>&mdash; <cite>A. B.</cite>, CEO</footer></blockquote>\n</div>\n\nAfter.\n",
                "> Well said.\n> \n> — *A. B.*, CEO\n\n\nAfter.\n",
            ),
            (
                "<figure><img src=\"a.png\" alt=\"A car\"><figcaption>The car</figcaption></figure>\n",
                "![A car](a.png)\n\nThe car\n\n",
            ),
            ("<ul><li>a</li><li>b</li></ul>\n", "- a\n\n- b\n\n"),
            (
                "Text with <em>inline</em><br>tags <span class=x>kept</span>.\n",
                "Text with *inline*\\\ntags kept.\n",
            ),
            ("<script>alert(1)</script>\n\nText\n", "\nText\n"),
            ("```html\n<p>code</p>\n```\n", "```html\n<p>code</p>\n```\n"),
            ("<!-- note -->\n\nText\n", "\nText\n"),
        ] {
            assert_eq!(rewrite(html).body, expected, "{html:?}");
        }
    }
}
