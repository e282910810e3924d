//! A blog on Ghost, by its Admin API (ghost.org/docs/admin-api) with the key of a custom integration.
//!
//! What it promises is what [`super::wordpress`] does: nothing is there before its time; a post is made as a draft and published as
//! the last step; it is there once. The delivery's key is an internal tag of the post, which readers do not see and by which a
//! later attempt finds what an earlier one made. Edits name the version that they are based on, so none overwrites a person's.
//!
//! Ghost's own mails are never asked for. Its API deletes no pictures: after a kill they are still at their addresses, which nobody guesses.

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

/// A blog on Ghost.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GhostConfig {
    /// The site's address, as its administrators see it.
    pub url: String,
    /// The Admin API key of a custom integration (Settings, Integrations).
    pub key: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(GhostConfig, secrets(key), addresses(url));

/// A blog on Ghost.
pub struct Ghost {
    api: Api,
}

impl Adapter for Ghost {
    type Config = GhostConfig;

    fn open(config: &GhostConfig, setup: &Setup<'_>) -> Result<Ghost, String> {
        Ok(Ghost { api: Api::open(&config.url, &setup.needed("key")?, setup.patience)? })
    }
}

impl Ghost {
    /// The one post that carries `key`.
    async fn find(&self, key: &str, parcel: &Parcel) -> Result<Option<Post>, Failure> {
        let mut found = self.api.find(&marker(key), parcel.now).await?;
        match (found.pop(), found.is_empty()) {
            (post, true) => Ok(post),
            (_, false) => Err(twice()),
        }
    }

    /// The post that this parcel corrects or withdraws, if it is still there.
    async fn previous(&self, parcel: &Parcel) -> Result<Option<Post>, Failure> {
        let Some(previous) = &parcel.previous else { return Ok(None) };
        if let Some(id) = parcel.previous_id().filter(|id| api::is_id(id))
            && let Some(post) = self.api.post(id, parcel.now).await?
        {
            return Ok(Some(post));
        }
        self.find(&previous.wire_key, parcel).await
    }

    async fn draft(&self, page: &Page, parcel: &Parcel) -> Result<Option<Post>, Failure> {
        if parcel.attempt > 1
            && let Some(post) = self.find(&parcel.wire_key, parcel).await?
        {
            return Ok(Some(post));
        }
        if let Some(post) = self.previous(parcel).await? {
            return Ok(Some(post));
        }
        if matches!(parcel.notice, Notice::Hold | Notice::Kill) {
            let unknown = parcel.previous.is_none();
            return if unknown { Err(refused("it is not known what was published")) } else { Ok(None) };
        }
        let mut body = body(page, parcel, &[]);
        body["status"] = json!("draft");
        body["slug"] = json!(page.entry.slug);
        self.api.create(&body, parcel.now).await.map(Some)
    }

    async fn publish(&self, page: &Page, parcel: &Parcel) -> Result<Receipt, Failure> {
        let Some(post) = self.draft(page, parcel).await? else {
            return Ok(Receipt { reply: Reply::note("it is gone already"), ..Receipt::default() });
        };
        let mut pictures = Vec::new();
        for (at, asset) in article::shown(page, &parcel.edition.assets).into_iter().enumerate() {
            if asset.media_type.starts_with("image/") {
                let name = article::file_name(&post.id, asset);
                let url = self.api.upload(asset, &name, parcel.now).await?;
                pictures.push(Picture::new(page, asset, &url, at));
            }
        }
        let mut body = body(page, parcel, &pictures);
        body["status"] = json!("published");
        body["updated_at"] = json!(post.updated_at);
        let post = self.api.update(&post.id, &body, parcel.now).await?;
        if post.status != "published" {
            let words = format!("the post is `{}`: may the integration publish?", post.status);
            return Err(Failure::HoldChannel { reply: Reply::note(words) });
        }
        Ok(receipt(&post))
    }
}

/// The members of a post (ghost.org/docs/admin-api/posts/creating-a-post). The text is one card of HTML, which Ghost shows as it
/// is; else it would make its own of it and lose some.
fn body(page: &Page, parcel: &Parcel, pictures: &[Picture]) -> Value {
    let html = article::content(page, parcel, pictures);
    let leads = pictures.iter().find(|picture| picture.leads);
    let mut tags: Vec<Value> = page.entry.tags.iter().map(|name| json!({ "name": name })).collect();
    tags.push(json!({ "name": format!("#{}", marker(&parcel.wire_key)) }));
    json!({
        "title": article::title(page, parcel.notice),
        "html": format!("<!--kg-card-begin: html-->\n{html}\n<!--kg-card-end: html-->"),
        "custom_excerpt": super::hook::cut(&page.entry.summary, 300),
        "feature_image": leads.map(|picture| &picture.url),
        "feature_image_alt": leads.map(|picture| super::hook::cut(&picture.alt, 190)),
        "tags": tags,
    })
}

fn receipt(post: &Post) -> Receipt {
    Receipt { remote_id: Some(post.id.clone()), url: Some(post.url.clone()), reply: Reply::note("published") }
}

#[async_trait]
impl Channel for Ghost {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let page = parcel.page()?;
        gate.begin().await?;
        self.publish(page, parcel).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        match self.find(&parcel.wire_key, parcel).await {
            Ok(Some(post)) if post.status == "published" => Probe::Arrived(receipt(&post)),
            // A draft is gone on with.
            Ok(Some(_) | None) => Probe::Absent,
            Err(_) => Probe::CannotTell,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.api.examine().await
    }
}

#[cfg(test)]
mod tests;
