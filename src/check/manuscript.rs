//! One file as the rules read it: pieces of plain text that know where they stand in the file.

use std::cell::OnceCell;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::dates::{Mention, dates};
use crate::release::{File, Rule as BlockRule};
use crate::yaml::Spanned;

/// A file, taken apart once for all rules.
pub(super) struct Manuscript<'a> {
    /// The file.
    pub file: &'a File,
    /// The language of its words, without region.
    pub language: &'a str,
    /// Its words, in the order of the file: front matter, then body.
    pub pieces: Vec<Piece<'a>>,
    /// Every link of the body.
    pub links: Vec<Reference>,
    /// Every picture of the body.
    pub images: Vec<Reference>,
    /// Raw HTML in the body.
    pub html: Vec<Range<usize>>,
}

/// A stretch of words that belong together: a headline, a paragraph, a cell.
pub(super) struct Piece<'a> {
    /// What it is.
    pub part: Part,
    /// The variant it belongs to, or nothing.
    pub variant: Option<&'a str>,
    /// Whether only some readers get it, for a `:::` block.
    pub limited: bool,
    /// The language of its words, without region.
    language: &'a str,
    /// The words, without markup.
    pub text: String,
    /// The words and numbers in `text`.
    pub tokens: Vec<Token>,
    /// Its dates, once a rule asked for them.
    dates: OnceCell<Vec<Mention>>,
    /// Where stretches of `text` stand in the file: (byte here, byte there).
    offsets: Vec<(usize, usize)>,
    /// The bytes of the file that all of it takes.
    pub span: Range<usize>,
}

/// What a piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Title,
    Subtitle,
    Kicker,
    Summary,
    Subject,
    Social,
    Caption,
    Alt,
    Heading,
    Paragraph,
    Code,
}

impl Part {
    /// Whether it stands in the front matter, in front of the text.
    pub fn is_head(self) -> bool {
        matches!(self, Part::Title | Part::Subtitle | Part::Summary | Part::Subject | Part::Social)
    }

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Part::Title => "title",
            Part::Subtitle => "subtitle",
            Part::Kicker => "kicker",
            Part::Summary => "summary",
            Part::Subject => "subject",
            Part::Social => "social text",
            Part::Caption => "caption",
            Part::Alt => "alt text",
            Part::Heading => "heading",
            Part::Paragraph | Part::Code => "text",
        }
    }
}

/// A word or a row of digits in a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub start: usize,
    pub end: usize,
    /// Digits, not letters.
    pub number: bool,
}

/// A link or a picture.
pub(super) struct Reference {
    /// Where it leads.
    pub target: String,
    /// Its words: the text of a link, the alternative text of a picture.
    pub words: String,
    /// The bytes of the file.
    pub span: Range<usize>,
}

impl<'a> Manuscript<'a> {
    /// Takes `file` apart; `language` is that of its words.
    pub fn of(file: &'a File, language: &'a str) -> Manuscript<'a> {
        let mut manuscript = Manuscript {
            file,
            language,
            pieces: Vec::with_capacity(32),
            links: Vec::new(),
            images: Vec::new(),
            html: Vec::new(),
        };
        manuscript.front();
        manuscript.body();
        manuscript
    }

    /// The pieces that are `part` of the release itself, not of a variant: at most one.
    pub fn own(&self, part: Part) -> Option<&Piece<'a>> {
        self.pieces.iter().find(|piece| piece.part == part && piece.variant.is_none())
    }

    fn front(&mut self) {
        let front = &self.file.front;
        self.field(Part::Title, None, front.title.as_ref());
        self.field(Part::Subtitle, None, front.subtitle.as_ref());
        self.field(Part::Kicker, None, front.kicker.as_ref());
        self.field(Part::Summary, None, front.summary.as_ref());
        self.field(Part::Subject, None, front.subject.as_ref());
        self.field(Part::Social, None, front.social.as_ref());
        for medium in &front.media {
            self.field(Part::Alt, None, medium.alt.as_ref());
            self.field(Part::Caption, None, medium.caption.as_ref());
        }
        for (key, variant) in &front.variants {
            self.field(Part::Title, Some(key), variant.title.as_ref());
            self.field(Part::Subtitle, Some(key), variant.subtitle.as_ref());
            self.field(Part::Summary, Some(key), variant.summary.as_ref());
            self.field(Part::Subject, Some(key), variant.subject.as_ref());
            self.field(Part::Social, Some(key), variant.social.as_ref());
        }
    }

    fn field(&mut self, part: Part, variant: Option<&'a str>, value: Option<&Spanned<String>>) {
        let Some(value) = value else { return };
        let mut piece = Piece::new(part, variant, self.language, false, value.span.clone());
        // A quoted or folded scalar is not written as it is read; its words are.
        let source = self.file.text.get(value.span.clone()).unwrap_or_default();
        let mut at = 0;
        let mut read = 0;
        for word in value.value.split_inclusive(char::is_whitespace) {
            let bare = word.trim_end();
            let found = source.get(at..).and_then(|rest| rest.find(bare)).map(|found| at + found);
            piece.offsets.push((read, value.span.start + found.unwrap_or(at)));
            at = found.unwrap_or(at) + if found.is_some() { bare.len() } else { 0 };
            read += word.len();
        }
        piece.text.clone_from(&value.value);
        self.pieces.push(piece.done());
    }

    fn body(&mut self) {
        let body = &self.file.body;
        let Some(source) = self.file.text.get(body.span.clone()) else { return };
        // The `:::` lines are blanked, so that offsets stay and paragraphs end there.
        let blanked = blank_outside(source, body.span.start, body.blocks.iter().map(|block| &block.span));
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
        let base = body.span.start;
        let mut open: Option<Piece<'a>> = None;
        let mut references: Vec<(bool, Reference)> = Vec::new();
        for (event, range) in Parser::new_ext(&blanked, options).into_offset_iter() {
            let span = base + range.start..base + range.end;
            match event {
                Event::Start(tag) => match tag {
                    Tag::Paragraph
                    | Tag::Heading { .. }
                    | Tag::CodeBlock(_)
                    | Tag::Item
                    | Tag::TableCell
                    | Tag::FootnoteDefinition(_) => {
                        self.close(&mut open);
                        let part = match tag {
                            Tag::Heading { .. } => Part::Heading,
                            Tag::CodeBlock(_) => Part::Code,
                            _ => Part::Paragraph,
                        };
                        open = Some(Piece::new(part, None, self.language, self.is_limited(span.start), span));
                    }
                    Tag::Link { dest_url, link_type, .. } => {
                        let target = match link_type {
                            LinkType::Email => format!("mailto:{dest_url}"),
                            _ => dest_url.into_string(),
                        };
                        references.push((false, Reference { target, words: String::new(), span }));
                    }
                    Tag::Image { dest_url, .. } => {
                        let target = dest_url.into_string();
                        references.push((true, Reference { target, words: String::new(), span }));
                    }
                    _ => {}
                },
                Event::End(
                    TagEnd::Paragraph
                    | TagEnd::Heading(_)
                    | TagEnd::CodeBlock
                    | TagEnd::Item
                    | TagEnd::TableCell
                    | TagEnd::FootnoteDefinition,
                ) => self.close(&mut open),
                Event::End(TagEnd::Link | TagEnd::Image) => match references.pop() {
                    Some((true, image)) => self.images.push(image),
                    Some((false, link)) => self.links.push(link),
                    None => {}
                },
                Event::Text(text) | Event::Code(text) => {
                    for (_, reference) in &mut references {
                        reference.words.push_str(&text);
                    }
                    let piece = open.get_or_insert_with(|| {
                        Piece::new(Part::Paragraph, None, self.language, false, span.clone())
                    });
                    piece.add(&text, &blanked, &range, base);
                }
                Event::SoftBreak | Event::HardBreak => {
                    if let Some(piece) = &mut open {
                        piece.add(" ", &blanked, &range, base);
                    }
                }
                Event::Html(_) | Event::InlineHtml(_) => self.html.push(span),
                _ => {}
            }
        }
        self.close(&mut open);
    }

    fn close(&mut self, open: &mut Option<Piece<'a>>) {
        if let Some(piece) = open.take()
            && !piece.text.trim().is_empty()
        {
            self.pieces.push(piece.done());
        }
    }

    fn is_limited(&self, at: usize) -> bool {
        let blocks = &self.file.body.blocks;
        let next = blocks.partition_point(|block| block.span.end <= at);
        blocks.get(next).is_some_and(|block| {
            block.span.contains(&at) && matches!(block.rule, Some(BlockRule::Only(_) | BlockRule::Except(_)))
        })
    }
}

/// `source` with everything outside `kept` as spaces; `base` is where `source` stands in its file.
fn blank_outside<'s, 'k>(
    source: &'s str,
    base: usize,
    kept: impl Iterator<Item = &'k Range<usize>> + Clone,
) -> std::borrow::Cow<'s, str> {
    let whole = base..base + source.len();
    if kept.clone().count() <= 1 && kept.clone().all(|span| *span == whole) {
        return source.into();
    }
    let mut blanked = String::with_capacity(source.len());
    let blank = |blanked: &mut String, text: &str| {
        blanked.extend(text.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
    };
    let mut at = 0;
    for span in kept {
        let (start, end) = (span.start.saturating_sub(base), span.end.saturating_sub(base));
        let (Some(gap), Some(block)) = (source.get(at..start), source.get(start..end)) else { continue };
        blank(&mut blanked, gap);
        blanked.push_str(block);
        at = end;
    }
    blank(&mut blanked, &source[at..]);
    blanked.into()
}

impl<'a> Piece<'a> {
    fn new(
        part: Part,
        variant: Option<&'a str>,
        language: &'a str,
        limited: bool,
        span: Range<usize>,
    ) -> Piece<'a> {
        let (text, tokens, offsets) = (String::new(), Vec::new(), Vec::new());
        Piece { part, variant, language, limited, text, tokens, dates: OnceCell::new(), offsets, span }
    }

    /// Every date in it; looked for once, however many rules ask.
    pub fn dates(&self) -> &[Mention] {
        self.dates.get_or_init(|| dates(self, self.language))
    }

    fn add(&mut self, text: &str, source: &str, range: &Range<usize>, base: usize) {
        // The range of code has its backticks in it; of other text it is the text.
        let lead = match source.get(range.clone()) {
            Some(written) if written.len() > text.len() => written.find(text).unwrap_or(0),
            _ => 0,
        };
        self.offsets.push((self.text.len(), base + range.start + lead));
        self.text.push_str(text);
    }

    fn done(mut self) -> Piece<'a> {
        self.tokens = tokens(&self.text);
        self
    }

    /// The bytes of the file where `range` of `text` stands.
    pub fn locate(&self, range: Range<usize>) -> Range<usize> {
        let place = |at: usize| {
            let next = self.offsets.partition_point(|(here, _)| *here <= at);
            self.offsets[..next].last().map_or(self.span.start, |(here, there)| there + (at - here))
        };
        let start = place(range.start).clamp(self.span.start, self.span.end);
        let end = if range.end > range.start { place(range.end - 1) + 1 } else { start };
        start..end.clamp(start, self.span.end)
    }

    /// The letters or digits of the token at `index`; empty beyond the last.
    pub fn word(&self, index: usize) -> &str {
        self.tokens.get(index).map_or("", |token| &self.text[token.start..token.end])
    }

    /// The number that the token at `index` is, if it is one of at most nine digits.
    pub fn number(&self, index: usize) -> Option<u32> {
        let token = self.tokens.get(index)?;
        if !token.number || token.end - token.start > 9 {
            return None;
        }
        self.text[token.start..token.end].parse().ok()
    }

    /// What stands between the token at `index` and the one before it (or the start).
    pub fn gap(&self, index: usize) -> &str {
        let start = index.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |t| t.end);
        let end = self.tokens.get(index).map_or(self.text.len(), |token| token.start);
        self.text.get(start..end).unwrap_or_default()
    }
}

/// Cuts `text` into runs of letters and runs of ASCII digits.
fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 6);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        let number = byte.is_ascii_digit();
        // Nearly all of it is ASCII, which needs no decoding.
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii() {
                if number != byte.is_ascii_digit() || !byte.is_ascii_alphanumeric() {
                    break;
                }
                at += 1;
            } else {
                let character = text[at..].chars().next().unwrap_or_default();
                if number || !(character.is_alphabetic() || is_mark(character)) {
                    break;
                }
                at += character.len_utf8();
            }
        }
        if at > start {
            tokens.push(Token { start, end: at, number });
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    tokens
}

/// Combining accents, which belong to the letter before them.
fn is_mark(character: char) -> bool {
    ('\u{300}'..='\u{36F}').contains(&character)
}
