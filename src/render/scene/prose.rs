//! Markdown of a release as its readers get it, made once for all who get the same.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use super::Scene;
use crate::digest::Fields;
use crate::render::Look;
use crate::render::look::look;
use crate::render::markdown::{self, SafeHtml};
use crate::render::memo::Memo;

/// What the editions of one newsroom have in common.
pub(in crate::render) struct Shelf {
    prose: Memo<Prose>,
    looks: Memo<Look>,
}

impl Shelf {
    pub fn new() -> Shelf {
        Shelf { prose: Memo::new(), looks: Memo::new() }
    }
}

/// Markdown, read and written in every form.
pub(in crate::render) struct Prose {
    markdown: String,
    dateline: Option<String>,
    pictures: bool,
    /// As safe HTML.
    pub html: SafeHtml,
    /// As plain text with numbered links, and their addresses.
    plain: String,
    links: Vec<String>,
    /// The words of the first paragraph.
    first: Option<String>,
}

impl Scene<'_> {
    /// Reads Markdown of this release; `pictures` says whether addresses of what is not public yet may be shown.
    pub fn prose(&self, markdown: &str, dateline: Option<&str>, pictures: bool) -> Arc<Prose> {
        // Where links lead follows from the release, the language and the year of its page.
        let mut key = Fields::default();
        key.text(&self.release.slug).text(self.language().as_str()).text(&self.path).text(markdown);
        let shown = if pictures {
            "pictures"
        } else if self.carries_pictures() {
            "carried"
        } else {
            ""
        };
        key.text(dateline.unwrap_or_default()).text(shown);
        let Ok(prose) = self.shelf.prose.get(key.name(), || {
            let events = self.events(markdown, dateline, pictures);
            let mut links = Vec::new();
            Ok::<_, Infallible>(Arc::new(Prose {
                html: markdown::sanitize(&markdown::raw_html(&events)),
                plain: markdown::plain(&events, &mut links),
                links,
                first: markdown::first_paragraph(&events),
                markdown: markdown.to_owned(),
                dateline: dateline.map(str::to_owned),
                pictures,
            }))
        });
        prose
    }

    /// `prose` as plain text; its links are numbered on from those of `links`.
    pub fn plain<'p>(&self, prose: &'p Prose, links: &mut Vec<String>) -> Cow<'p, str> {
        if links.is_empty() {
            links.clone_from(&prose.links);
        } else if !prose.links.is_empty() {
            let events = self.events(&prose.markdown, prose.dateline.as_deref(), prose.pictures);
            return Cow::Owned(markdown::plain(&events, links));
        }
        Cow::Borrowed(&prose.plain)
    }

    /// One or two sentences, from the front matter or the first paragraph.
    pub fn summary(&self, prose: &Prose) -> String {
        self.summary_or(|| prose.first.clone())
    }

    /// The summary of a text that is not shown itself.
    pub fn summary_alone(&self) -> String {
        self.summary_or(|| markdown::first_paragraph(&self.events(&self.markdown(), None, false)))
    }

    fn summary_or(&self, first: impl FnOnce() -> Option<String>) -> String {
        match self.words.summary {
            Some(summary) => summary.trim().to_owned(),
            None => first().map(|text| super::shorten(&text, 240)).unwrap_or_default(),
        }
    }

    /// How the newsroom looks in this language.
    pub fn look(&self) -> Arc<Look> {
        let mut key = Fields::default();
        key.text(self.language().as_str());
        let make = || Ok::<_, Infallible>(Arc::new(look(self.newsroom, self.language())));
        let Ok(look) = self.shelf.looks.get(key.name(), make);
        look
    }
}
