//! A blog on WordPress, by its REST API (developer.wordpress.org/rest-api/reference/posts) with an application password.
//!
//! What it promises:
//! - nothing is there before the release is due: no draft, no scheduled post (WordPress publishes what is scheduled less than a
//!   minute ahead at once), no picture; and pictures have names that nobody guesses;
//! - a post appears whole: it is made as a draft, gets its pictures, and is published as the last step;
//! - it is there once. WordPress takes no key and makes `slug-2` of a repetition, so each post carries the delivery's key in a
//!   comment, by which a later attempt finds what an earlier one made, and goes on from there. Where it finds two, a person decides;
//! - a correction edits the post (its revisions are kept) and puts a dated note on top. A hold or kill leaves the address, where the
//!   notice stands alone; a kill removes the pictures.
//!
//! What fails before the post is published is tried again; when the answer to publishing is lost, the outcome is unknown until the
//! post is looked at.

mod api;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::article::{self, Picture, marker, twice};
use super::config::{Limits, OnUnknown, SecretRef};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::language::Language;
use crate::release::Notice;
use crate::render::Page;
use api::{Api, Post};

/// A blog on WordPress.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WordpressConfig {
    /// The site's address.
    pub url: String,
    /// The account that writes: an author or editor.
    pub username: String,
    /// An application password of that account (Users, Profile, Application Passwords).
    pub password: SecretRef,
    /// The ids of the categories that its posts are in.
    #[serde(default)]
    pub categories: Vec<u64>,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(WordpressConfig, secrets(password), addresses(url));

/// A blog on WordPress.
pub struct Wordpress {
    api: Api,
    categories: Vec<u64>,
}

impl Adapter for Wordpress {
    type Config = WordpressConfig;

    fn open(config: &WordpressConfig, setup: &Setup<'_>) -> Result<Wordpress, String> {
        let api = Api::open(&config.url, &config.username, setup.needed("password")?, setup.patience)?;
        Ok(Wordpress { api, categories: config.categories.clone() })
    }
}

/// What stands there of a delivery.
enum There {
    Nothing,
    One(Post),
    /// Somebody copied it, or two made it.
    Several,
}

impl Wordpress {
    /// What stands there that carries `key`.
    async fn find(&self, key: &str, parcel: &Parcel) -> Result<There, Failure> {
        let mut found = self.api.find(&marker(key), parcel.now).await?;
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => There::Nothing,
            (Some(post), true) => There::One(post),
            (Some(_), false) => There::Several,
        })
    }

    /// The post that this parcel corrects or withdraws, if it is still there.
    async fn previous(&self, parcel: &Parcel) -> Result<Option<Post>, Failure> {
        let Some(previous) = &parcel.previous else { return Ok(None) };
        if let Some(id) = parcel.previous_id().and_then(|id| id.parse().ok())
            && let Some(post) = self.api.post(id, parcel.now).await?
        {
            return Ok(Some(post));
        }
        match self.find(&previous.wire_key, parcel).await? {
            There::One(post) => Ok(Some(post)),
            There::Nothing => Ok(None),
            There::Several => Err(twice()),
        }
    }

    /// The post to work on: what an earlier attempt made, what is to be corrected, or a new draft. Nothing if it was deleted
    /// and there is nothing left to withdraw.
    async fn draft(&self, page: &Page, parcel: &Parcel) -> Result<Option<Post>, Failure> {
        if parcel.attempt > 1 {
            match self.find(&parcel.wire_key, parcel).await? {
                There::One(post) => return Ok(Some(post)),
                There::Several => return Err(twice()),
                There::Nothing => {}
            }
        }
        if let Some(post) = self.previous(parcel).await? {
            return Ok(Some(post));
        }
        if matches!(parcel.notice, Notice::Hold | Notice::Kill) {
            let unknown = parcel.previous.is_none();
            return if unknown { Err(refused("it is not known what was published")) } else { Ok(None) };
        }
        let mut body = self.body(page, parcel, (&[], 0));
        body["status"] = json!("draft");
        body["slug"] = json!(page.entry.slug);
        self.api.create(&body, parcel.now).await.map(Some)
    }

    fn body(&self, page: &Page, parcel: &Parcel, (pictures, featured): (&[Picture], u64)) -> Value {
        let mut body = json!({
            "title": article::title(page, parcel.notice),
            "content": content(page, parcel, pictures),
            "excerpt": page.entry.summary,
            "featured_media": featured,
        });
        if !self.categories.is_empty() {
            body["categories"] = json!(self.categories);
        }
        body
    }

    /// Uploads what the post shows, as far as it is not there already. Gives the id of the one that leads as well, or 0.
    async fn pictures(
        &self,
        page: &Page,
        parcel: &Parcel,
        post: &Post,
    ) -> Result<(Vec<Picture>, u64), Failure> {
        let shown = article::shown(page, &parcel.edition.assets);
        let there = if shown.is_empty() || (parcel.attempt == 1 && parcel.previous.is_none()) {
            Vec::new()
        } else {
            self.api.media(post.id, parcel.now).await?
        };
        let (mut pictures, mut featured) = (Vec::new(), 0);
        for (at, asset) in shown.into_iter().enumerate() {
            let name = article::file_name(&post.id.to_string(), asset);
            let medium = match there.iter().find(|medium| medium.slug == name) {
                Some(medium) => medium.clone(),
                None => self.api.upload(asset, &name, post.id, parcel.now).await?,
            };
            let picture = Picture::new(page, asset, &medium.source_url, at);
            if picture.leads {
                featured = medium.id;
            }
            pictures.push(picture);
        }
        Ok((pictures, featured))
    }

    async fn publish(&self, page: &Page, parcel: &Parcel) -> Result<Receipt, Failure> {
        let Some(post) = self.draft(page, parcel).await? else {
            return Ok(Receipt { reply: Reply::note("it is gone already"), ..Receipt::default() });
        };
        let (pictures, featured) = self.pictures(page, parcel, &post).await?;
        let mut body = self.body(page, parcel, (&pictures, featured));
        body["status"] = json!("publish");
        let post = self.api.update(post.id, &body, parcel.now).await?;
        if post.status != "publish" {
            let words = format!("the post {} is `{}`: may the account publish?", post.id, post.status);
            return Err(Failure::HoldChannel { reply: Reply::note(words) });
        }
        if parcel.notice == Notice::Kill {
            for medium in self.api.media(post.id, parcel.now).await? {
                if article::is_ours(&medium.slug) {
                    self.api.remove(medium.id, parcel.now).await?;
                }
            }
        }
        Ok(receipt(&post, "published"))
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        Ok(match self.find(&parcel.wire_key, parcel).await? {
            There::One(post) if post.status == "publish" && parcel.notice != Notice::Kill => {
                Probe::Arrived(receipt(&post, "published"))
            }
            // A draft is gone on with, and what is killed may be killed again.
            There::One(_) | There::Nothing => Probe::Absent,
            There::Several => Probe::CannotTell,
        })
    }
}

fn receipt(post: &Post, words: &str) -> Receipt {
    Receipt { remote_id: Some(post.id.to_string()), url: Some(post.link.clone()), reply: Reply::note(words) }
}

/// The text as one block of HTML, which WordPress shows as it is, with what a search finds it by in a comment.
fn content(page: &Page, parcel: &Parcel, pictures: &[Picture]) -> String {
    let html = article::content(page, parcel, pictures);
    format!("<!-- wp:html -->\n<!-- {} -->\n{html}\n<!-- /wp:html -->", marker(&parcel.wire_key))
}

#[async_trait]
impl Channel for Wordpress {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let page = parcel.page()?;
        gate.begin().await?;
        self.publish(page, parcel).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        self.look(parcel).await.unwrap_or(Probe::CannotTell)
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.api.examine().await
    }
}

#[cfg(test)]
mod tests;
