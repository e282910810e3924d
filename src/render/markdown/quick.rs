//! The quick way through the list: HTML as pulldown-cmark writes it, held against the list in one pass.
//!
//! [`clean`] knows plain forms alone: the tags and attributes that come of Markdown, each in a place where
//! HTML lets it stand. At anything else it gives up, and an HTML parser takes the text apart. What it does
//! let through is byte for byte what that parser would make of it; a test holds the two against each other.

/// The tags that may stand here, with what may stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Holds blocks and words: a quotation, an item, a footnote, and the text as a whole.
    Flow,
    /// Holds words: a paragraph, a heading, a cell.
    Words,
    /// Stands among words and holds words.
    Inline,
    /// Holds items, rows or cells, with nothing but white space between them.
    Frame,
}

/// How deep elements may stand in each other here.
const MAX_DEPTH: usize = 40;

/// What [`clean`] knows of one tag.
struct Rule {
    name: &'static str,
    kind: Kind,
    /// Whether it stands where blocks stand.
    block: bool,
    /// The one tag that it may stand in, if there is but one.
    within: &'static [&'static str],
}

#[rustfmt::skip]
const RULES: [Rule; 26] = [
    Rule { name: "p", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "a", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "li", kind: Kind::Flow, block: true, within: &["ul", "ol"] },
    Rule { name: "td", kind: Kind::Words, block: true, within: &["tr"] },
    Rule { name: "strong", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "em", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "tr", kind: Kind::Frame, block: true, within: &["tbody", "thead"] },
    Rule { name: "h2", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "h3", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "h4", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "h5", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "h6", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "ul", kind: Kind::Frame, block: true, within: &[] },
    Rule { name: "ol", kind: Kind::Frame, block: true, within: &[] },
    Rule { name: "th", kind: Kind::Words, block: true, within: &["tr"] },
    Rule { name: "blockquote", kind: Kind::Flow, block: true, within: &[] },
    Rule { name: "code", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "pre", kind: Kind::Words, block: true, within: &[] },
    Rule { name: "del", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "sup", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "table", kind: Kind::Frame, block: true, within: &[] },
    Rule { name: "thead", kind: Kind::Frame, block: true, within: &["table"] },
    Rule { name: "tbody", kind: Kind::Frame, block: true, within: &["table"] },
    Rule { name: "div", kind: Kind::Flow, block: true, within: &[] },
    Rule { name: "br", kind: Kind::Inline, block: false, within: &[] },
    Rule { name: "img", kind: Kind::Inline, block: false, within: &[] },
];

/// The safe form of `html`; nothing where it holds anything but the plain forms.
pub(super) fn clean(html: &str) -> Option<String> {
    let mut reader = Reader { rest: html, out: String::with_capacity(html.len() + 64), open: Vec::new() };
    while !reader.rest.is_empty() {
        match reader.rest.as_bytes().first() {
            Some(b'<') => reader.tag()?,
            _ => reader.text()?,
        }
    }
    reader.open.is_empty().then_some(reader.out)
}

struct Reader<'h> {
    rest: &'h str,
    out: String,
    open: Vec<&'static Rule>,
}

impl<'h> Reader<'h> {
    fn kind(&self) -> Kind {
        self.open.last().map_or(Kind::Flow, |rule| rule.kind)
    }

    /// The words up to the next tag.
    fn text(&mut self) -> Option<()> {
        let end = self.rest.bytes().position(|byte| byte == b'<').unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        if self.kind() == Kind::Frame && !text.bytes().all(|byte| byte == b'\n') {
            return None;
        }
        // A line break right behind `<pre>` is no part of the text.
        if self.open.last().is_some_and(|rule| rule.name == "pre") {
            return None;
        }
        escaped(text, false, &mut self.out)
    }

    fn tag(&mut self) -> Option<()> {
        if let Some(rest) = self.rest.strip_prefix("</") {
            let rule = self.open.pop()?;
            self.rest = rest.strip_prefix(rule.name)?.strip_prefix('>')?;
            self.out.push_str("</");
            self.out.push_str(rule.name);
            self.out.push('>');
            return Some(());
        }
        let inside = self.rest.get(1..)?;
        if let Some(rest) = inside.strip_prefix("hr />") {
            if self.kind() != Kind::Flow {
                return None;
            }
            self.rest = rest;
            self.out.push_str("<hr>");
            return Some(());
        }
        let end = inside.bytes().position(|byte| !byte.is_ascii_alphanumeric())?;
        let (name, rest) = inside.split_at(end);
        self.rest = rest;
        let rule = RULES.iter().find(|rule| rule.name == name)?;
        self.place(rule)?;
        self.out.push('<');
        self.out.push_str(name);
        match name {
            "a" => {
                self.address("href")?;
                self.maybe("title")?;
            }
            "img" => {
                self.address("src")?;
                self.attribute("alt")?;
                self.maybe("title")?;
                self.rest = self.rest.strip_prefix(" /")?;
            }
            "br" => self.rest = self.rest.strip_prefix(" /")?,
            "ol" if self.rest.starts_with(' ') => {
                let value = self.value("start")?;
                if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                self.put("start", value)?;
            }
            "td" | "th" if self.rest.starts_with(' ') => {
                let style = match self.value("style")? {
                    "text-align: left" => "text-align:left",
                    "text-align: center" => "text-align:center",
                    "text-align: right" => "text-align:right",
                    _ => return None,
                };
                self.put("style", style)?;
            }
            // The language of code is not kept.
            "code" if self.rest.starts_with(' ') => {
                escaped(self.value("class")?, true, &mut String::new())?;
            }
            "div" => {
                let class = self.value("class").filter(|class| *class == "footnote")?;
                self.put("class", class)?;
            }
            _ => {}
        }
        self.rest = self.rest.strip_prefix('>')?;
        self.out.push('>');
        if !matches!(name, "br" | "img") {
            self.open.push(rule);
        }
        Some(())
    }

    /// Whether the tag may stand here; where it may not, a parser would move it.
    fn place(&self, rule: &Rule) -> Option<()> {
        let parent = self.open.last().map_or("", |parent| parent.name);
        let fits = match (self.kind(), rule.block) {
            (_, true) if !rule.within.is_empty() => rule.within.contains(&parent),
            (Kind::Flow, _) => true,
            (Kind::Words | Kind::Inline, false) => parent != "pre" || rule.name == "code",
            _ => false,
        };
        // A link in a link ends the outer one, and a parser counts elements of one kind.
        let alike = self.open.iter().filter(|open| open.name == rule.name && !rule.block).count();
        let most = if rule.name == "a" { 1 } else { 3 };
        (fits && alike < most && self.open.len() < MAX_DEPTH).then_some(())
    }

    /// The value of the attribute that comes next, as it is written.
    fn value(&mut self, name: &str) -> Option<&'h str> {
        let rest = self.rest.strip_prefix(' ')?.strip_prefix(name)?.strip_prefix("=\"")?;
        let (value, rest) = rest.split_once('"')?;
        self.rest = rest;
        Some(value)
    }

    fn put(&mut self, name: &str, value: &str) -> Option<()> {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escaped(value, true, &mut self.out)?;
        self.out.push('"');
        Some(())
    }

    fn attribute(&mut self, name: &str) -> Option<()> {
        let value = self.value(name)?;
        self.put(name, value)
    }

    fn maybe(&mut self, name: &str) -> Option<()> {
        let next = self.rest.strip_prefix(' ').is_some_and(|rest| rest.starts_with(name));
        if next { self.attribute(name) } else { Some(()) }
    }

    /// An address that a reader's program may follow.
    fn address(&mut self, name: &str) -> Option<()> {
        let value = self.value(name)?;
        let plain = value.replace("&#x27;", "'").replace("&amp;", "&");
        let url = url::Url::parse(&plain).ok()?;
        if !matches!(url.scheme(), "http" | "https" | "mailto" | "tel") {
            return None;
        }
        self.put(name, value)
    }
}

/// Appends `text` in the one form that a parser's writer would give it.
fn escaped(text: &str, attribute: bool, out: &mut String) -> Option<()> {
    let mut from = 0;
    let mut at = 0;
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'&' => {
                let rest = &text[at..];
                let kept = if attribute { 4 } else { 3 };
                let kept =
                    ["&amp;", "&lt;", "&gt;", "&quot;"].iter().take(kept).find(|e| rest.starts_with(**e));
                match kept {
                    Some(entity) => entity.len(),
                    None if attribute => {
                        let entity = ["&#39;", "&#x27;"].into_iter().find(|e| rest.starts_with(*e))?;
                        out.push_str(&text[from..at]);
                        out.push('\'');
                        from = at + entity.len();
                        entity.len()
                    }
                    None => return None,
                }
            }
            0xc2 if bytes.get(at + 1) == Some(&0xa0) => {
                out.push_str(&text[from..at]);
                out.push_str("&nbsp;");
                from = at + 2;
                2
            }
            b'<' | b'>' | b'\r' | 0..=8 | 11 | 12 | 14..=31 | 127 => return None,
            // A byte order mark, among much else.
            0xef if text[at..].starts_with('\u{feff}') => return None,
            _ => 1,
        };
    }
    out.push_str(&text[from..]);
    Some(())
}
