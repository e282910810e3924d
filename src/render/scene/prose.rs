//! Markdown of a release as its readers get it, made once for all who get the same.

use std::borrow::Cow;
use std::cell::Cell;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Scene;
use crate::language::Language;
use crate::render::Look;
use crate::render::look::look;
use crate::render::markdown::{self, SafeHtml};
use crate::render::memo::Memo;

/// What the editions of one newsroom have in common.
pub(in crate::render) struct Shelf {
    /// By everything that makes a difference to it.
    prose: Memo<Vec<u8>, Prose>,
    /// By the Markdown alone, where nothing else makes a difference.
    anywhere: Arc<Memo<String, Prose>>,
    looks: Arc<Memo<Language, Look>>,
    /// How many texts were read so far.
    count: Arc<AtomicU64>,
}

impl Shelf {
    pub fn new() -> Shelf {
        Shelf { prose: Memo::new(), anywhere: Arc::default(), looks: Arc::default(), count: Arc::default() }
    }

    /// A shelf for other releases of a newsroom with the same settings and templates. Numbers go on, so that what is
    /// kept by the number of a text is never taken for another's.
    pub fn next(&self) -> Shelf {
        Shelf {
            prose: Memo::new(),
            anywhere: Arc::clone(&self.anywhere),
            looks: Arc::clone(&self.looks),
            count: Arc::clone(&self.count),
        }
    }
}

/// Markdown, read and written in every form.
pub(in crate::render) struct Prose {
    markdown: String,
    dateline: Option<String>,
    pictures: bool,
    /// Whether it depends on where it stands: it has pictures, or links to other releases.
    tied: bool,
    /// Names it among all that its newsroom's renderer reads.
    pub number: u64,
    /// As safe HTML.
    pub html: SafeHtml,
    /// As plain text with numbered links, and their addresses.
    plain: String,
    links: Vec<String>,
    /// The words of the first paragraph.
    first: Option<String>,
}

impl<'a> Scene<'a> {
    /// The body that this reader gets, which is empty where a release is stopped; `pictures` says whether addresses
    /// of what is not public yet may be shown.
    pub fn body(&self, pictures: bool) -> Arc<Prose> {
        let shown = self.shows_body();
        let dateline = self.dateline().filter(|_| shown);
        // The blocks that the reader gets name their text.
        let mut key = self.prose_key(dateline.as_deref(), pictures);
        if shown {
            let (audience, channel) = (&self.request.audience, &self.request.channel);
            key.extend(
                self.text.file.body.blocks.iter().map(|block| u8::from(block.admits(audience, channel))),
            );
            key.push(2);
        }
        let Ok(prose) = self.shelf.prose.get(key.as_slice(), || {
            let markdown = if shown { self.markdown() } else { String::new() };
            Ok::<_, Infallible>(Arc::new(self.read(markdown, dateline, pictures)))
        });
        prose
    }

    /// A standing paragraph.
    pub fn standing(&self, markdown: &str, pictures: bool) -> Arc<Prose> {
        if let Some(known) = self.shelf.anywhere.find(markdown) {
            return known;
        }
        let mut key = self.prose_key(None, pictures);
        key.push(3);
        key.extend_from_slice(markdown.as_bytes());
        let Ok(prose) = self.shelf.prose.get(key.as_slice(), || {
            Ok::<_, Infallible>(Arc::new(self.read(markdown.to_owned(), None, pictures)))
        });
        if !prose.tied {
            self.shelf.anywhere.put(markdown.to_owned(), Arc::clone(&prose));
        }
        prose
    }

    /// What makes a difference to how Markdown is read: where links lead follows from the release, the language and the year
    /// of its page.
    fn prose_key(&self, dateline: Option<&str>, pictures: bool) -> Vec<u8> {
        let shown = if pictures {
            "pictures"
        } else if self.carries_pictures() {
            "carried"
        } else {
            ""
        };
        let mut key = Vec::with_capacity(160);
        for part in
            [&self.release.slug, self.language().as_str(), &self.path, dateline.unwrap_or_default(), shown]
        {
            key.extend_from_slice(part.as_bytes());
            // No text has this byte.
            key.push(0xff);
        }
        key
    }

    fn read(&self, markdown: String, dateline: Option<String>, pictures: bool) -> Prose {
        let tied = Cell::new(false);
        let events = self.events(&markdown, dateline.as_deref(), pictures, &tied);
        let mut links = Vec::new();
        let html = markdown::sanitize(&markdown::raw_html(&events));
        let plain = markdown::plain(&events, &mut links);
        let first = markdown::first_paragraph(&events);
        drop(events);
        let number = self.shelf.count.fetch_add(1, Ordering::Relaxed);
        Prose { markdown, dateline, pictures, tied: tied.get(), number, html, plain, links, first }
    }

    /// `prose` as plain text; its links are numbered on from those of `links`.
    pub fn plain<'p>(&self, prose: &'p Prose, links: &mut Vec<String>) -> Cow<'p, str> {
        if links.is_empty() {
            links.clone_from(&prose.links);
        } else if !prose.links.is_empty() {
            let tied = Cell::new(false);
            let events = self.events(&prose.markdown, prose.dateline.as_deref(), prose.pictures, &tied);
            return Cow::Owned(markdown::plain(&events, links));
        }
        Cow::Borrowed(&prose.plain)
    }

    /// One or two sentences, from the front matter or the first paragraph.
    pub fn summary(&self, prose: &Prose) -> Cow<'a, str> {
        self.summary_or(|| prose.first.clone())
    }

    /// The summary of a text that is not shown itself.
    pub fn summary_alone(&self) -> Cow<'a, str> {
        let tied = Cell::new(false);
        self.summary_or(|| markdown::first_paragraph(&self.events(&self.markdown(), None, false, &tied)))
    }

    fn summary_or(&self, first: impl FnOnce() -> Option<String>) -> Cow<'a, str> {
        match self.words.summary {
            Some(summary) => Cow::Borrowed(summary.trim()),
            None => Cow::Owned(first().map(|text| super::shorten(&text, 240)).unwrap_or_default()),
        }
    }

    /// How the newsroom looks in this language.
    pub fn look(&self) -> Arc<Look> {
        let make = || Ok::<_, Infallible>(Arc::new(look(self.newsroom, self.language())));
        let Ok(look) = self.shelf.looks.get(self.language(), make);
        look
    }
}
