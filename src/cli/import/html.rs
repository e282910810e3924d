//! HTML inside Markdown, as Markdown: Dateline drops raw HTML, and no word may be lost with it.
//!
//! Blocks are written anew by [`write::markdown`]; tags inside a line become the marks that Markdown has
//! for them, or vanish. Markdown outside HTML stays byte for byte. Layout (classes, columns, boxes) is
//! given up; what loads or runs, comments and tooltips are handed back as `dropped`.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::words::{escape, target, title};
use super::write;

/// A body without raw HTML, and what was in the way.
pub struct Rewritten {
    /// Markdown alone.
    pub body: String,
    /// How many stretches of HTML became Markdown.
    pub stretches: usize,
    /// What has no place in Markdown, each in one line.
    pub dropped: Vec<String>,
}

/// Rewrites the HTML in `body`.
pub fn rewrite(body: &str) -> Rewritten {
    /// A tag that is gone can make other HTML of what follows; more often than this it does not.
    const PASSES: usize = 8;
    let mut whole = Rewritten { body: body.to_owned(), stretches: 0, dropped: Vec::new() };
    for _ in 0..PASSES {
        let pass = once(&whole.body);
        if pass.stretches == 0 {
            break;
        }
        whole.body = pass.body;
        whole.stretches += pass.stretches;
        whole.dropped.extend(pass.dropped);
    }
    whole
}

fn once(body: &str) -> Rewritten {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    let mut dropped = Vec::new();
    let mut stretches = 0;
    let mut block: Option<(usize, String)> = None;
    let mut line = Line::default();
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        match event {
            Event::Start(Tag::HtmlBlock) => block = Some((range.start, String::new())),
            Event::Html(html) => {
                if let Some((_, text)) = &mut block {
                    text.push_str(&html);
                }
            }
            Event::End(TagEnd::HtmlBlock) => {
                let Some((start, html)) = block.take() else { continue };
                lost(&html, &mut dropped);
                let margin = margin(body, start);
                edits.push((start..range.end, place(&write::markdown(&html), &margin, body, start)));
                stretches += 1;
            }
            Event::InlineHtml(html) => {
                lost(&html, &mut dropped);
                line.tags.push(Inline { range, html: html.to_string(), linked: line.linked > 0 });
                stretches += 1;
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => line.linked += 1,
            Event::End(TagEnd::Link | TagEnd::Image) => line.linked -= 1,
            Event::Start(Tag::TableCell | Tag::Heading { .. }) => line.flat = true,
            Event::End(TagEnd::Paragraph | TagEnd::TableCell | TagEnd::Heading(_) | TagEnd::Item) => {
                line.finish(body, &mut edits);
            }
            _ => {}
        }
    }
    line.finish(body, &mut edits);
    Rewritten { body: super::edit::apply(body, edits), stretches, dropped }
}

/// What stands in front of the lines of a block that begins at `start`: spaces, and `>` of quotes.
fn margin(body: &str, start: usize) -> String {
    let line = body[..start].rfind('\n').map_or(0, |at| at + 1);
    body[line..start].chars().map(|c| if c == '>' { '>' } else { ' ' }).collect()
}

/// `markdown` where a block of HTML stood.
fn place(markdown: &str, margin: &str, body: &str, start: usize) -> String {
    if markdown.is_empty() {
        return "\n".to_owned();
    }
    let line = body[..start].rfind('\n').map_or(0, |at| at + 1);
    let before = body[..line].trim_end_matches('\n');
    let before = before.rsplit('\n').next().unwrap_or(before);
    let goes_on = body[line..start].trim_matches([' ', '>', '\t']).is_empty()
        && !before.trim_matches([' ', '>', '\t']).is_empty()
        && !body[..line].ends_with("\n\n");
    let mut out = String::new();
    if goes_on {
        out.push_str(&format!("\n{margin}"));
    }
    out.push_str(&markdown.replace('\n', &format!("\n{margin}")));
    out.push_str(&format!("\n{}\n", margin.trim_end()));
    out
}

struct Inline {
    range: Range<usize>,
    html: String,
    /// It stands inside a Markdown link or picture.
    linked: bool,
}

impl Inline {
    fn name(&self) -> String {
        let name = self.html.trim_start_matches(['<', '/']);
        name.chars().take_while(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
    }

    fn closes(&self) -> bool {
        self.html.starts_with("</")
    }
}

/// The tags of one paragraph, heading or cell.
#[derive(Default)]
struct Line {
    tags: Vec<Inline>,
    /// It must stay on one line.
    flat: bool,
    linked: usize,
}

impl Line {
    fn finish(&mut self, body: &str, edits: &mut Vec<(Range<usize>, String)>) {
        let tags = std::mem::take(&mut self.tags);
        let flat = std::mem::take(&mut self.flat);
        let mut open: Vec<usize> = Vec::new();
        let mut marks: Vec<String> = vec![String::new(); tags.len()];
        let mut covered: Vec<Range<usize>> = Vec::new();
        for (at, tag) in tags.iter().enumerate() {
            let name = tag.name();
            match name.as_str() {
                "br" | "img" if tag.linked && name == "img" => {}
                "br" => marks[at] = line_break(body, tag.range.end, flat),
                "img" => marks[at] = image(&tag.html),
                _ if !tag.closes() => open.push(at),
                _ => {
                    let Some(partner) = open.iter().rposition(|open| tags[*open].name() == name) else {
                        continue;
                    };
                    let first = open[partner];
                    open.truncate(partner);
                    if let Some(text) = raised(body, &tags[first], tag) {
                        covered.push(tags[first].range.start..tag.range.end);
                        edits.push((tags[first].range.start..tag.range.end, text));
                    } else if let Some((opening, closing)) = pair(body, &tags[first], tag, &name) {
                        marks[first] = opening;
                        marks[at] = closing;
                    }
                }
            }
        }
        for (tag, mark) in tags.iter().zip(marks) {
            if !covered.iter().any(|range| range.contains(&tag.range.start)) {
                edits.push((tag.range.clone(), mark));
            }
        }
    }
}

/// `<sup>2</sup>` as `²`, where there is such a sign.
fn raised(body: &str, open: &Inline, close: &Inline) -> Option<String> {
    let sign = match open.name().as_str() {
        "sup" => write::superscript,
        "sub" => write::subscript,
        _ => return None,
    };
    let inner = body.get(open.range.end..close.range.start)?;
    if inner.is_empty() { None } else { inner.chars().map(sign).collect() }
}

/// The marks that stand for a pair of tags, if Markdown would read them there.
fn pair(body: &str, open: &Inline, close: &Inline, name: &str) -> Option<(String, String)> {
    let inner = body.get(open.range.end..close.range.start)?;
    if name == "a" {
        let address = attribute(&open.html, "href")?;
        let clear = !open.linked && !inner.contains(['[', ']', '<']) && !inner.trim().is_empty();
        return clear.then(|| ("[".to_owned(), format!("]({})", target(&address))));
    }
    let mark = match name {
        "b" | "strong" => "**",
        "i" | "em" | "cite" => "*",
        "s" | "del" => "~~",
        _ => return None,
    };
    let (first, last) = (inner.chars().next()?, inner.chars().next_back()?);
    let before = body[..open.range.start].chars().next_back().unwrap_or(' ');
    let rest = &body[close.range.end..];
    let after = if rest.starts_with("<br") { ' ' } else { rest.chars().next().unwrap_or(' ') };
    let word = char::is_alphanumeric;
    // CommonMark's rules for what opens and closes emphasis, on the safe side.
    let good = !inner.contains(['*', '<', '~', '_', '`', '[', ']', '\\'])
        && ![before, after].iter().any(|c| "*_~<>`\\[]".contains(*c))
        && (word(first) || (!first.is_whitespace() && !word(before)))
        && (word(last) || (!last.is_whitespace() && !word(after)));
    good.then(|| (mark.to_owned(), mark.to_owned()))
}

/// A line break, where one is asked for and Markdown can hold it.
fn line_break(body: &str, at: usize, flat: bool) -> String {
    let rest = &body[at..];
    let (line, below) = rest.split_once('\n').unwrap_or((rest, ""));
    let line = line.trim_start();
    let next = if line.is_empty() {
        below.lines().next().unwrap_or("").trim_matches([' ', '\t', '>'])
    } else {
        line
    };
    let digits = next.trim_start_matches(|c: char| c.is_ascii_digit());
    let opens_block = next.starts_with(['-', '+', '*', '#', '>', '=', '~', '`', ':', '|', '<', '['])
        || (digits.len() < next.len() && digits.starts_with(['.', ')']));
    let behind = body[..at].rfind('<').map_or("", |open| &body[..open]);
    if next.is_empty() || flat || opens_block || behind.ends_with('\\') {
        " ".to_owned()
    } else if line.is_empty() {
        "\\".to_owned()
    } else {
        "\\\n".to_owned()
    }
}

fn image(html: &str) -> String {
    let Some(src) = attribute(html, "src") else { return String::new() };
    let alt = attribute(html, "alt").unwrap_or_default();
    let alt = escape(&alt.split_whitespace().collect::<Vec<_>>().join(" "), false);
    format!("![{alt}]({}{})", target(&src), title(&attribute(html, "title").unwrap_or_default()))
}

/// The value of an attribute as people write it: in quotes of either kind, or in none.
fn attribute(html: &str, name: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let mut from = 0;
    loop {
        let at = from + lower.get(from..)?.find(name)?;
        from = at + name.len();
        let stands_alone = lower[..at].ends_with(|c: char| c.is_whitespace() || "\"'/".contains(c));
        let Some(value) = html[from..].trim_start().strip_prefix('=') else { continue };
        if !stands_alone {
            continue;
        }
        let value = value.trim_start();
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next().unwrap_or_default(),
            _ => value.split(|c: char| c.is_whitespace() || c == '>').next().unwrap_or_default(),
        };
        return Some(unescape(value));
    }
}

fn unescape(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&#39;", "'").replace("&apos;", "'").replace("&amp;", "&")
}

/// What loads, runs or is not seen, in one line each.
fn lost(html: &str, dropped: &mut Vec<String>) {
    const ACTIVE: [&str; 10] =
        ["iframe", "video", "audio", "source", "embed", "object", "script", "style", "form", "input"];
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        rest = &rest[open..];
        let end = if let Some(comment) = rest.strip_prefix("<!--") {
            let end = comment.find("-->").map_or(rest.len(), |end| end + 4);
            let words = comment.get(..end.saturating_sub(4)).unwrap_or(comment).trim();
            // These two mark where a summary ends.
            if !matches!(words, "more" | "excerpt" | "") {
                dropped.push(format!("comment: {words}"));
            }
            end
        } else {
            let name: String = rest[1..].chars().take_while(char::is_ascii_alphanumeric).collect();
            let name = name.to_ascii_lowercase();
            let end = rest.find('>').map_or(rest.len(), |end| end + 1);
            if matches!(name.as_str(), "script" | "style") {
                let close = rest.to_ascii_lowercase().find(&format!("</{name}")).unwrap_or(rest.len());
                dropped.push(format!("html: {}", &rest[..close.max(end)]));
                close.max(end)
            } else {
                if ACTIVE.contains(&name.as_str()) {
                    dropped.push(format!("html: {}", &rest[..end]));
                } else if let Some(words) =
                    attribute(&rest[..end], "title").filter(|_| !matches!(name.as_str(), "img" | ""))
                {
                    dropped.push(format!("title: {words}"));
                }
                end
            }
        };
        rest = &rest[end.max(1)..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_markdown_where_it_stands() {
        for (html, expected) in [
            ("Plain *text* stays.\n", "Plain *text* stays.\n"),
            ("<p>One</p>\n\nTwo\n", "One\n\n\nTwo\n"),
            ("Before\n<div>In *it*</div>\n\nAfter\n", "Before\n\nIn \\*it\\*\n\n\nAfter\n"),
            ("> A\n> <p>B\n> C</p>\n> \n> D\n", "> A\n> \n> B C\n>\n> \n> D\n"),
            ("- a\n\n  <p>b</p>\n\n- c\n", "- a\n\n  b\n\n\n- c\n"),
            ("With <em>inline</em><br>tags <span class=x>kept</span>.\n", "With *inline*\\\ntags kept.\n"),
            ("One<br>\ntwo<br />\n\nthree<br>- four\n", "One\\\ntwo \n\nthree - four\n"),
            ("# A<br>B\n", "# A B\n"),
            (
                "See <a href='/x y' class=z>this page</a>, <a name=\"t\">that</a>.\n",
                "See [this page](</x y>), that.\n",
            ),
            ("An <img src=\"a.png\" alt=\"[A] car\"/> here\n", "An ![\\[A\\] car](a.png) here\n"),
            ("10<sup>6</sup>, 5<sup>th</sup>, a<b>\"b\"</b>c\n", "10⁶, 5th, a\"b\"c\n"),
            ("```html\n<p>code</p>\n```\n", "```html\n<p>code</p>\n```\n"),
            ("<script>alert(1)</script>\n\nText\n", "\n\nText\n"),
        ] {
            assert_eq!(rewrite(html).body, expected, "{html:?}");
        }
    }

    #[test]
    fn what_has_no_place_is_handed_back() {
        for (html, expected) in [
            ("<!-- ask legal -->\n\nA <!-- more --> b\n", "comment: ask legal"),
            ("<iframe src=\"https://v.example/1\"></iframe>\n", "html: <iframe src=\"https://v.example/1\">"),
            ("<script>\nplot(1 < 2)\n</script>\n", "html: <script>\nplot(1 < 2)\n"),
            (
                "The <abbr title=\"World Health Organization\">WHO</abbr>\n",
                "title: World Health Organization",
            ),
            ("<p>5 < 6</p>\n", ""),
        ] {
            assert_eq!(rewrite(html).dropped.join("|"), expected, "{html:?}");
        }
    }
}
