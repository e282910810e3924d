//! Markdown as Dateline reads it: one stream of safe events, from which HTML and text are written.
//!
//! Raw HTML never gets through: inline tags are dropped and their text stays, a block of HTML
//! becomes a paragraph of its text. Links and pictures go through [`Rules`], so no address
//! that nobody resolved reaches a reader. Nesting beyond [`MAX_DEPTH`] is flattened; the words stay.

mod html;
mod lines;
mod plain;
mod quick;

use pulldown_cmark::{CowStr, Event, HeadingLevel, LinkType, Options, Parser, Tag, TagEnd};

pub(super) use html::{SafeHtml, raw_html, sanitize};
pub(super) use lines::{WIDTH, breadth, wrap};
pub(super) use plain::plain;

/// How deep elements may stand in each other.
const MAX_DEPTH: usize = 32;

/// What becomes of addresses, and what is put in front.
pub(super) struct Rules<'a> {
    /// The address of a link; nothing to keep its words alone.
    pub link: &'a dyn Fn(&str) -> Option<String>,
    /// The address of a picture; nothing to show its alternative text.
    pub image: &'a dyn Fn(&str) -> Option<String>,
    /// The dateline: stands in front of the first paragraph, unless the text has it already.
    pub dateline: Option<&'a str>,
}

/// Reads `markdown`.
///
/// What comes out holds no HTML, only links and pictures that `rules` allowed, headings from
/// the second level down, and footnotes that are numbered in the order of their references.
pub(super) fn events<'a>(markdown: &'a str, rules: &Rules<'_>) -> Vec<Event<'a>> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut cleaner = Cleaner { rules, out: Vec::new(), kept: Vec::new(), notes: Vec::new(), block: None };
    for event in Parser::new_ext(markdown, options) {
        cleaner.event(event);
    }
    let mut events = cleaner.out;
    join_lines(&mut events);
    order_headings(&mut events);
    if let Some(dateline) = rules.dateline {
        open_with(&mut events, dateline);
    }
    events
}

struct Cleaner<'a, 'r> {
    rules: &'r Rules<'r>,
    out: Vec<Event<'a>>,
    /// For every open element, whether it was kept.
    kept: Vec<Kept>,
    /// Footnote labels in the order of their first mention.
    notes: Vec<CowStr<'a>>,
    /// A block of HTML in the making.
    block: Option<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kept {
    Yes,
    /// Its words alone.
    Words,
    /// Its words in brackets.
    Bracketed,
}

impl<'a> Cleaner<'a, '_> {
    fn event(&mut self, event: Event<'a>) {
        match event {
            Event::Start(Tag::HtmlBlock) => self.block = Some(String::new()),
            Event::End(TagEnd::HtmlBlock) => self.html_block(),
            Event::Html(html) => {
                if let Some(block) = &mut self.block {
                    block.push_str(&html);
                }
            }
            Event::InlineHtml(_) => {}
            Event::Start(tag) => self.start(tag),
            Event::End(end) => self.end(end),
            Event::FootnoteReference(label) => {
                let number = self.note(label);
                self.out.push(Event::FootnoteReference(number));
            }
            other => self.out.push(other),
        }
    }

    fn start(&mut self, tag: Tag<'a>) {
        if self.kept.len() >= MAX_DEPTH {
            self.kept.push(Kept::Words);
            return;
        }
        let (kept, tag) = match tag {
            Tag::Link { link_type, dest_url, title, id } => {
                let address = match link_type {
                    LinkType::Email if !dest_url.starts_with("mailto:") => format!("mailto:{dest_url}"),
                    _ => dest_url.to_string(),
                };
                match (self.rules.link)(&address) {
                    Some(url) => {
                        let link_type = LinkType::Inline;
                        (Kept::Yes, Tag::Link { link_type, dest_url: url.into(), title, id })
                    }
                    None => (Kept::Words, Tag::Emphasis),
                }
            }
            Tag::Image { link_type, dest_url, title, id } => {
                if let Some(url) = (self.rules.image)(&dest_url) {
                    (Kept::Yes, Tag::Image { link_type, dest_url: url.into(), title, id })
                } else {
                    // Empty, but it tells [`open_with`] what stands here.
                    self.out.push(Event::InlineHtml("".into()));
                    self.out.push(Event::Text("[".into()));
                    (Kept::Bracketed, Tag::Emphasis)
                }
            }
            Tag::FootnoteDefinition(label) => {
                let number = self.note(label);
                (Kept::Yes, Tag::FootnoteDefinition(number))
            }
            Tag::Heading { level, .. } => {
                (Kept::Yes, Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() })
            }
            other => (Kept::Yes, other),
        };
        self.kept.push(kept);
        if kept == Kept::Yes {
            self.out.push(Event::Start(tag));
        }
    }

    fn end(&mut self, end: TagEnd) {
        match self.kept.pop() {
            Some(Kept::Yes) => self.out.push(Event::End(end)),
            Some(Kept::Bracketed) => self.out.push(Event::Text("]".into())),
            // What stood apart must not run together.
            _ if !matches!(
                end,
                TagEnd::Link | TagEnd::Image | TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough
            ) =>
            {
                self.out.push(Event::SoftBreak);
            }
            _ => {}
        }
    }

    /// The number of the footnote `label`, as text.
    fn note(&mut self, label: CowStr<'a>) -> CowStr<'a> {
        let at = self.notes.iter().position(|known| *known == label).unwrap_or_else(|| {
            self.notes.push(label);
            self.notes.len() - 1
        });
        (at + 1).to_string().into()
    }

    fn html_block(&mut self) {
        let words = self.block.take().map(|block| words_of(&block)).unwrap_or_default();
        if !words.is_empty() {
            self.out.push(Event::Start(Tag::Paragraph));
            self.out.push(Event::Text(words.into()));
            self.out.push(Event::End(TagEnd::Paragraph));
        }
    }
}

/// The words of a piece of HTML, without what scripts and styles hold.
///
/// What comes out is text and escaped like any other, so a mistake here costs words, not safety.
/// One pass: an HTML parser takes quadratic time for elements that are never closed.
fn words_of(html: &str) -> String {
    let lower = html.to_ascii_lowercase();
    let mut words = String::new();
    let mut at = 0;
    while let Some(open) = html[at..].find('<').map(|open| at + open) {
        words.push_str(&html[at..open]);
        let rest = &html[open..];
        let length = if rest.starts_with("<!--") {
            rest.find("-->").map_or(rest.len(), |end| end + 3)
        } else if let Some(name) =
            ["script", "style"].iter().find(|name| lower[open + 1..].starts_with(*name))
        {
            let close = lower[open..].find(&format!("</{name}"));
            close.map_or(rest.len(), |close| close + tag_length(&rest[close..]))
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c)) {
            tag_length(rest)
        } else {
            0
        };
        // A tag between two words keeps them apart, as most block elements do.
        words.push(if length == 0 { '<' } else { ' ' });
        at = open + length.max(1);
    }
    words.push_str(&html[at..]);
    decoded(&words).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Text with its character references resolved: numbers, and the names that people write.
fn decoded(text: &str) -> String {
    const NAMES: [(&str, char); 22] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("mdash", '—'),
        ("ndash", '–'),
        ("hellip", '…'),
        ("lsquo", '‘'),
        ("rsquo", '’'),
        ("ldquo", '“'),
        ("rdquo", '”'),
        ("laquo", '«'),
        ("raquo", '»'),
        ("bull", '•'),
        ("middot", '·'),
        ("copy", '©'),
        ("reg", '®'),
        ("trade", '™'),
        ("euro", '€'),
        ("times", '×'),
    ];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let name: String = rest.chars().take(10).take_while(|c| *c != ';').collect();
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => digits.parse().ok(),
        });
        let named = NAMES.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
        let found = named.or(number.and_then(char::from_u32).filter(|c| !c.is_control()));
        match found.filter(|_| rest[name.len()..].starts_with(';')) {
            Some(c) => {
                out.push(c);
                rest = &rest[name.len() + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

/// The length of the tag that `text` begins with; a `>` in quotes does not end it.
fn tag_length(text: &str) -> usize {
    /// Beyond this a quote is taken for a slip, so that a wall of quotes stays cheap.
    const LONGEST: usize = 2_000;
    let mut quote = None;
    for (at, c) in text.char_indices().take(LONGEST) {
        match (quote, c) {
            (None, '>') => return at + 1,
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    text.find('>').map_or(text.len(), |end| end + 1)
}

/// A line that ends in the source between two characters of a script without spaces is no space.
fn join_lines(events: &mut Vec<Event<'_>>) {
    let unspaced = |around: &[Event<'_>]| {
        let [Event::Text(before), Event::SoftBreak, Event::Text(after)] = around else { return false };
        let edge = |c: Option<char>| c.is_some_and(lines::ideographic);
        edge(before.chars().next_back()) && edge(after.chars().next())
    };
    let joined: Vec<usize> =
        events.windows(3).enumerate().filter(|(_, around)| unspaced(around)).map(|(at, _)| at + 1).collect();
    for at in joined {
        if let Some(event) = events.get_mut(at) {
            *event = Event::Text("".into());
        }
    }
}

/// Headings begin at the second level (the first is the headline's) and go down one step at a time, as those who
/// hear a text find their way by them (WCAG 2.2, technique G141). What stands below stays below.
fn order_headings(events: &mut [Event<'_>]) {
    // Levels as written that are open, from the outermost on.
    let mut open: Vec<HeadingLevel> = Vec::new();
    let mut given = HeadingLevel::H2;
    for event in events {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                while open.last().is_some_and(|above| *above >= *level) {
                    open.pop();
                }
                open.push(*level);
                given = HeadingLevel::try_from(open.len() + 1).unwrap_or(HeadingLevel::H6);
                *level = given;
            }
            Event::End(TagEnd::Heading(level)) => *level = given,
            _ => {}
        }
    }
}

/// Puts the dateline in front of the first paragraph of words that stands by itself.
fn open_with(events: &mut Vec<Event<'_>>, dateline: &str) {
    let mut depth = 0_usize;
    let mut place = None;
    for (at, event) in events.iter().enumerate() {
        match event {
            Event::Start(Tag::Paragraph)
                if depth == 0
                    && !matches!(
                        events.get(at + 1),
                        Some(Event::Start(Tag::Image { .. }) | Event::InlineHtml(_))
                    ) =>
            {
                place = Some(at);
                break;
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let words = |text: &str| -> Vec<Event<'static>> {
        vec![
            Event::Start(Tag::Strong),
            Event::Text(text.to_owned().into()),
            Event::End(TagEnd::Strong),
            Event::Text(" — ".into()),
        ]
    };
    if let Some(at) = place {
        let place_name = dateline.split([',', '、', '，', '،']).next().unwrap_or(dateline).to_lowercase();
        if !opens_with_place(&opening(&events[at + 1..]), &place_name) {
            events.splice(at + 1..=at, words(dateline));
        }
    } else {
        let mut paragraph = vec![Event::Start(Tag::Paragraph)];
        paragraph.extend(words(dateline).into_iter().take(3));
        paragraph.push(Event::End(TagEnd::Paragraph));
        events.splice(0..0, paragraph);
    }
}

/// The first words of a paragraph.
fn opening(events: &[Event<'_>]) -> String {
    let mut text = String::new();
    for event in events {
        match event {
            Event::Text(more) => text.push_str(more),
            Event::SoftBreak | Event::HardBreak => text.push(' '),
            Event::End(TagEnd::Paragraph) => break,
            _ => {}
        }
        if text.len() > 200 {
            break;
        }
    }
    text
}

/// Whether a text opens with its own dateline: the place, then a comma, bracket or dash, and a
/// dash not far behind.
fn opens_with_place(text: &str, place: &str) -> bool {
    let text = text.trim_start().to_lowercase();
    let Some(rest) = text.strip_prefix(place) else { return false };
    let rest = rest.trim_start();
    let soon: String = rest.chars().take(60).collect();
    rest.starts_with([',', '、', '，', '،', '(', '（', '—', '–', '-', '/'])
        && soon.contains(['—', '–', '-', '/'])
}

/// The first paragraph's words, for summaries.
pub(super) fn first_paragraph(events: &[Event<'_>]) -> Option<String> {
    let mut paragraphs =
        events.iter().enumerate().filter(|(_, event)| **event == Event::Start(Tag::Paragraph));
    paragraphs.find_map(|(at, _)| {
        let mut text = String::new();
        for event in &events[at + 1..] {
            match event {
                Event::Text(more) | Event::Code(more) => text.push_str(more),
                Event::SoftBreak | Event::HardBreak => text.push(' '),
                Event::End(TagEnd::Paragraph) => break,
                _ => {}
            }
        }
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        (!text.is_empty()).then_some(text)
    })
}

#[cfg(test)]
mod tests;
