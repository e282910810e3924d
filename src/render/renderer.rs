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
    templates: Templates,
    maker: Maker,
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

    fn of(newsroom: Source<'a>) -> Renderer<'a> {
        let templates = Templates::new(&newsroom.files, &newsroom.timezone);
        let mut fields: Vec<&[u8]> = vec![newsroom.config_text.as_bytes()];
        for (path, bytes) in &newsroom.files {
            if path.starts_with("templates/") {
                fields.push(bytes);
            }
        }
        let maker = Maker::new(&Digest::of_fields(&fields));
        Renderer { newsroom, templates, maker, shelf: Shelf::new() }
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
