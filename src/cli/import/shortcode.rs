//! What is for other programs alone: Hugo's shortcodes, Liquid, containers, attribute lists.
//!
//! Taken out of the text and handed back, so that nothing is lost; what they enclose stays. Code stays
//! as it is. Those that have an equal in Markdown become that: figures, highlighted code, references.

use std::fmt::Write as _;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The body without shortcodes and Liquid, and each of them in one line.
pub fn take(body: &str) -> (String, Vec<String>) {
    let mut kept = Vec::new();
    (codes(body, &mut kept), kept)
}

/// The body without containers and attribute lists; for Markdown without HTML.
pub fn take_marks(body: &str) -> (String, Vec<String>) {
    let mut kept = Vec::new();
    (lines(body, &mut kept), kept)
}

/// Where code stands.
fn code(body: &str) -> Vec<Range<usize>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut fenced = false;
    let mut ranges = Vec::new();
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                fenced = matches!(kind, CodeBlockKind::Fenced(_));
                // Indented lines may be the inside of a shortcode that spans lines.
                if fenced {
                    ranges.push(range);
                }
            }
            Event::End(TagEnd::CodeBlock) => fenced = false,
            Event::Code(_) if !fenced => ranges.push(range),
            _ => {}
        }
    }
    ranges
}

/// One piece of another program's language.
struct Piece<'a> {
    inner: &'a str,
    end: usize,
    liquid: bool,
}

fn piece(rest: &str) -> Option<Piece<'_>> {
    for (open, close) in [("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}")] {
        if let Some(after) = rest.strip_prefix(open) {
            let end = after.find(close)?;
            if after[..end].contains("{{") {
                return None;
            }
            let inner = after[..end].trim_matches(|c: char| c.is_whitespace() || c == '-');
            return Some(Piece { inner, end: open.len() + end + close.len(), liquid: open == "{%" });
        }
    }
    None
}

/// The name of what a piece closes.
fn closed<'a>(piece: &Piece<'a>) -> Option<&'a str> {
    let named = piece.inner.strip_prefix('/');
    named.or_else(|| piece.inner.strip_prefix("end").filter(|_| piece.liquid)).map(str::trim)
}

fn codes(body: &str, kept: &mut Vec<String>) -> String {
    let code = code(body);
    let mut out = String::with_capacity(body.len());
    let mut opened = Vec::new();
    let mut at = 0;
    while let Some(open) = body[at..].find('{').map(|open| at + open) {
        out.push_str(&body[at..open]);
        at = open;
        if let Some(range) = code.iter().find(|range| range.contains(&open)) {
            let end = range.end.max(open + 1);
            out.push_str(&body[open..end]);
            at = end;
            continue;
        }
        let rest = &body[open..];
        if let Some(found) = piece(rest).filter(|found| !found.inner.starts_with("/*")) {
            at += found.end;
            let name = found.inner.split([' ', '\n', '\t', '(']).next().unwrap_or_default();
            let arguments = found.inner[name.len()..].trim();
            match name {
                "highlight" => {
                    let (close, tail) =
                        if found.liquid { ("{% endhighlight", "%}") } else { ("{{< /highlight", ">}}") };
                    if let Some(end) = body[at..].find(close) {
                        let language = arguments.split_whitespace().next().unwrap_or_default();
                        let text = body[at..at + end].trim_matches('\n');
                        let _ = write!(out, "```{language}\n{text}\n```\n");
                        let rest = &body[at + end..];
                        at += end + rest.find(tail).map_or(rest.len(), |end| end + tail.len());
                    }
                }
                "comment" if found.liquid => {
                    if let Some(end) = body[at..].find("{% endcomment %}") {
                        kept.push(format!("comment: {}", body[at..at + end].trim()));
                        at += end + "{% endcomment %}".len();
                    }
                }
                "figure" if !found.liquid => figure(&body[open..at], arguments, &body[at..], &mut out, kept),
                "ref" | "relref" if !found.liquid => out.push_str(arguments.trim_matches(['"', '`', ' '])),
                "link" | "post_url" if found.liquid => {
                    out.push_str(arguments);
                    if !arguments.contains('.') {
                        out.push_str(".md");
                    }
                }
                // What closes was reported when it opened, if it did.
                _ if closed(&found).is_some_and(|closed| opened.contains(&closed)) => {}
                _ => kept.push(format!("shortcode: {}", &body[open..at])),
            }
            opened.push(name);
            continue;
        }
        if let Some(text) = rest.strip_prefix("{{").and_then(|rest| rest.split("}}").next()) {
            let end = open + 4 + text.len();
            let inner = text.trim_matches(|c: char| c.is_whitespace() || c == '-');
            let first = inner.split('|').next().unwrap_or_default().trim();
            let quoted = |quote| first.strip_prefix(quote).and_then(|first| first.strip_suffix(quote));
            let calls = first.ends_with(')')
                && first.split('(').next().is_some_and(|name| {
                    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.:".contains(c))
                });
            if end <= body.len() && !text.contains('\n') {
                if let Some(text) = quoted('"').or_else(|| quoted('\'')).filter(|_| inner.contains('|')) {
                    out.push_str(text);
                    at = end;
                    continue;
                }
                if matches!(first, "site.url" | "site.baseurl") && body[end..].starts_with('/') {
                    at = end;
                    continue;
                }
                if calls {
                    kept.push(format!("shortcode: {}", &body[open..end]));
                    at = end;
                    continue;
                }
            }
        }
        out.push('{');
        at += 1;
    }
    out.push_str(&body[at..]);
    out
}

/// Hugo's `figure` as HTML, which is then rewritten as any other.
fn figure(source: &str, arguments: &str, after: &str, out: &mut String, kept: &mut Vec<String>) {
    let values = arguments_of(arguments);
    let value = |key: &str| values.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
    let Some(src) = value("src") else {
        kept.push(format!("shortcode: {source}"));
        return;
    };
    let safe = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let caption: Vec<String> = ["title", "caption", "attr"].into_iter().filter_map(value).map(safe).collect();
    if values.iter().any(|(name, _)| !["src", "alt", "title", "caption", "attr"].contains(&name.as_str())) {
        kept.push(format!("shortcode: {source}"));
    }
    let alt = safe(value("alt").unwrap_or_default());
    let _ = write!(out, "<figure><img src=\"{}\" alt=\"{alt}\">", safe(src));
    if !caption.is_empty() {
        let _ = write!(out, "<figcaption>{}</figcaption>", caption.join(" "));
    }
    out.push_str("</figure>");
    if after.starts_with('\n') {
        out.push('\n');
    }
}

/// `a="b c" d=e` as pairs.
fn arguments_of(text: &str) -> Vec<(String, String)> {
    let mut values = Vec::new();
    let mut rest = text.trim_end_matches('/').trim();
    while let Some((name, after)) = rest.split_once('=') {
        let name = name.split_whitespace().next_back().unwrap_or_default().to_owned();
        let (value, left) = match after.chars().next() {
            Some(quote @ ('"' | '\'' | '`')) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            _ => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        values.push((name, value.to_owned()));
        rest = left.trim_start();
    }
    values
}

/// Lines and ends of lines: `::: tip`, `{: .class}`, `## Title {#id}`.
fn lines(body: &str, kept: &mut Vec<String>) -> String {
    let code = code(body);
    let mut out = String::with_capacity(body.len());
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let inside = |place: usize| code.iter().any(|range| range.contains(&place));
        let words = line.trim_start_matches(|c: char| c.is_whitespace() || ">-*+".contains(c));
        let lead = line.len() - words.len();
        if inside(start + lead) || words.is_empty() {
            out.push_str(line);
            continue;
        }
        if let Some(after) = words.strip_prefix(":::") {
            let after = after.trim_start_matches(':').trim();
            let title = after.split_once(char::is_whitespace).map_or("", |(_, title)| title.trim());
            if !after.is_empty() {
                kept.push(format!("container: {}", words.trim()));
            }
            // What is a block for some program is a paragraph for all.
            let quote = line[..lead].trim_end();
            let _ = writeln!(out, "{quote}");
            if !title.is_empty() {
                let _ = writeln!(out, "{}{title}\n{quote}", &line[..lead]);
            }
            continue;
        }
        out.push_str(&attributes(line, start, &inside, kept));
    }
    out
}

/// A line without attribute lists.
fn attributes(line: &str, start: usize, inside: &dyn Fn(usize) -> bool, kept: &mut Vec<String>) -> String {
    let heading = line.trim_start().starts_with('#');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(open) = rest.find('{') {
        let place = line.len() - rest.len() + open;
        let list = &rest[open..];
        let end =
            list[1..].find(['{', '}']).filter(|end| list[1 + end..].starts_with('}')).map(|end| end + 2);
        let of_kramdown = list.starts_with("{:") && !list.starts_with("{:}");
        let of_heading = heading
            && (list.starts_with("{#") || list.starts_with("{."))
            && end.is_some_and(|end| list[end..].trim().is_empty());
        match end.filter(|_| (of_kramdown || of_heading) && !inside(start + place)) {
            Some(end) => {
                out.push_str(rest[..open].trim_end_matches(|c| heading && c == ' '));
                kept.push(format!("attributes: {}", &list[..end]));
                rest = &list[end..];
            }
            None => {
                out.push_str(&rest[..=open]);
                rest = &list[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_programs_words_are_taken_out_and_kept() {
        for (body, expected, report) in [
            ("A {{< x \"y\" >}} b\n", "A  b\n", "shortcode: {{< x \"y\" >}}"),
            ("{{% note %}}\nInner\n{{% /note %}}\n", "\nInner\n\n", "shortcode: {{% note %}}"),
            ("{{< card\n  title=\"T\"\n>}}\nB\n", "\nB\n", "shortcode: {{< card\n  title=\"T\"\n>}}"),
            ("`{{< x >}}` and\n\n```\n{% y %}\n```\n", "`{{< x >}}` and\n\n```\n{% y %}\n```\n", ""),
            (
                "{{< figure src=\"/a.png\" alt=\"A\" caption=\"The <car>\" >}}\nText\n",
                "<figure><img src=\"/a.png\" alt=\"A\"><figcaption>The &lt;car></figcaption></figure>\n\nText\n",
                "",
            ),
            ("[x]({{< ref \"b.md\" >}})\n", "[x](b.md)\n", ""),
            ("[x]({% post_url 2024-01-01-b %})\n", "[x](2024-01-01-b.md)\n", ""),
            ("[x]({{ site.baseurl }}/b) {{ '/c' | relative_url }}\n", "[x](/b) /c\n", ""),
            ("{% highlight go %}\na := `b`\n{% endhighlight %}\n", "```go\na := `b`\n```\n\n", ""),
            ("{% if a %}Yes{% endif %}\n", "Yes\n", "shortcode: {% if a %}"),
            ("{% comment %} ask Ada {% endcomment %}B\n", "B\n", "comment: ask Ada"),
            ("{{ youtube(id=\"1\") }}\n", "\n", "shortcode: {{ youtube(id=\"1\") }}"),
            ("Costs {{ price }} and {a}\n", "Costs {{ price }} and {a}\n", ""),
            ("::: tip Good to know\nB\n:::\n", "\nGood to know\n\nB\n\n", "container: ::: tip Good to know"),
            (
                "## T {#t}\n{: .big}\n[a](b){:target=\"_blank\"} {x}\n",
                "## T\n\n[a](b) {x}\n",
                "attributes: {#t}|attributes: {: .big}|attributes: {:target=\"_blank\"}",
            ),
        ] {
            let (found, mut kept) = take(body);
            let (found, more) = take_marks(&found);
            kept.extend(more);
            assert_eq!((found.as_str(), kept.join("|").as_str()), (expected, report), "{body:?}");
        }
    }
}
