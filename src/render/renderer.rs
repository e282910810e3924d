//! One newsroom's renderer: templates compiled once, then any number of editions.

use std::ops::Deref;
use std::sync::Arc;

use super::mail::Maker;
use super::scene::{Scene, Shelf};
use super::templates::Templates;
use super::{Content, Edition, RenderError, Request, chat, json, mail, page, social};
use crate::digest::Digest;
use crate::newsroom::{Form, Newsroom};

/// Renders the editions of one newsroom. Compiling its templates is most of the cost of a first
/// edition, so whoever renders several makes one of these.
pub struct Renderer<'a> {
    newsroom: Source<'a>,
    /// Follows from the newsroom's settings and templates alone, as the maker does.
    templates: Arc<Templates>,
    maker: Arc<Maker>,
    shelf: Shelf,
}

/// A newsroom, lent or shared.
enum Source<'a> {
    Lent(&'a Newsroom),
    Shared(Arc<Newsroom>),
}

impl Deref for Source<'_> {
    type Target = Newsroom;

    fn deref(&self) -> &Newsroom {
        match self {
            Source::Lent(newsroom) => newsroom,
            Source::Shared(newsroom) => newsroom,
        }
    }
}

impl<'a> Renderer<'a> {
    /// Compiles the newsroom's templates. A broken template is an error of the editions that need it.
    pub fn new(newsroom: &'a Newsroom) -> Renderer<'a> {
        Renderer::of(Source::Lent(newsroom))
    }

    /// As [`Renderer::new`], for whoever keeps it beside its newsroom.
    pub fn shared(newsroom: Arc<Newsroom>) -> Renderer<'static> {
        Renderer::of(Source::Shared(newsroom))
    }

    /// A renderer of another look at the same newsroom. What was compiled is kept where settings and templates are the
    /// same; nothing that was made of a release is.
    #[must_use]
    pub fn next(&self, newsroom: Arc<Newsroom>) -> Renderer<'static> {
        if !same_looks(&self.newsroom, &newsroom) {
            return Renderer::shared(newsroom);
        }
        Renderer {
            newsroom: Source::Shared(newsroom),
            templates: Arc::clone(&self.templates),
            maker: Arc::clone(&self.maker),
            shelf: self.shelf.next(),
        }
    }

    fn of(newsroom: Source<'a>) -> Renderer<'a> {
        let templates = Templates::new(&newsroom.files, &newsroom.timezone);
        let mut fields: Vec<&[u8]> = vec![newsroom.config_text.as_bytes()];
        for (path, bytes) in &newsroom.files {
            if path.starts_with("templates/") {
                fields.push(bytes);
            }
        }
        let maker = Maker::new(&Digest::of_fields(&fields));
        Renderer { newsroom, templates: Arc::new(templates), maker: Arc::new(maker), shelf: Shelf::new() }
    }

    /// Renders one edition.
    pub fn edition(&self, request: &Request) -> Result<Edition, RenderError> {
        if !request.digest_of.is_empty() {
            return self.digest(request);
        }
        let scene = Scene::new(&self.newsroom, request, &request.slug, &self.shelf)?;
        let title = scene.words.title.to_owned();
        let (content, assets) = match scene.channel.kind.form() {
            Form::Mail => (Content::Mail(mail::compose(&scene, &self.templates, &self.maker)?), Vec::new()),
            Form::Page => {
                let (page, assets) = page::compose(&scene, &self.templates)?;
                (Content::Page(page), assets)
            }
            Form::Post => {
                let (social, assets) = social::compose(&scene, &self.templates)?;
                (Content::Social(social), assets)
            }
            Form::Chat => {
                let (chat, assets) = chat::compose(&scene)?;
                (Content::Chat(chat), assets)
            }
            Form::Data => {
                let (value, assets) = json::compose(&scene)?;
                (Content::Json(value), assets)
            }
        };
        Ok(Edition { request: request.clone(), title, content, assets })
    }

    fn digest(&self, request: &Request) -> Result<Edition, RenderError> {
        let scenes = request
            .digest_of
            .iter()
            .map(|slug| Scene::new(&self.newsroom, request, slug, &self.shelf))
            .collect::<Result<Vec<_>, _>>()?;
        if scenes.iter().any(|scene| !scene.channel.kind.is_mail()) {
            let channel = &request.channel;
            return Err(RenderError::Content(format!(
                "audience `{}` has a round-up, and `{channel}` is no mail channel; round-ups go by mail alone",
                request.audience
            )));
        }
        let mail = mail::compose_digest(&scenes, &self.templates, &self.maker)?;
        let title = mail.subject.clone();
        Ok(Edition { request: request.clone(), title, content: Content::Mail(mail), assets: Vec::new() })
    }
}

/// Whether two newsrooms have the same settings, templates and logo: all that templates are compiled with, and all that
/// the maker of mails knows beside them.
fn same_looks(a: &Newsroom, b: &Newsroom) -> bool {
    fn templates(newsroom: &Newsroom) -> impl Iterator<Item = (&String, &Arc<[u8]>)> {
        newsroom.files.iter().filter(|(path, _)| path.starts_with("templates/"))
    }
    a.config_text == b.config_text && templates(a).eq(templates(b))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// `newsroom` with another first word in every text.
    fn edited(newsroom: &Newsroom, word: &str) -> Newsroom {
        let mut files = newsroom.files.clone();
        for source in &newsroom.sources {
            let text = source.text.replacen("\n---\n", &format!("\n---\n{word} "), 1);
            files.insert(source.path.clone(), Arc::from(text.as_bytes()));
        }
        Newsroom::build(None, files)
    }

    #[test]
    fn what_is_kept_makes_no_difference() {
        let first = Arc::new(sample::aster());
        let mut renderer = Renderer::shared(Arc::clone(&first));
        for word in ["One", "Two", "One"] {
            let newsroom = Arc::new(edited(&first, word));
            renderer = renderer.next(Arc::clone(&newsroom));
            for channel in first.channels.keys() {
                let request = sample::request("aster-ev", channel);
                let fresh = Renderer::new(&newsroom).edition(&request);
                assert_eq!(renderer.edition(&request), fresh, "{word} {channel}");
                let Ok(Edition { content: Content::Mail(mail), .. }) = fresh else { continue };
                assert!(format!("{:?}", mail.pieces).contains(word), "{channel} lacks {word}");
            }
        }
        let mut other = Newsroom::clone(&first);
        other.config_text = Arc::from(format!("{}\n", other.config_text));
        assert!(!same_looks(&first, &other));
    }
}
