//! A Mastodon account, or one on a server that speaks Mastodon's API.
//!
//! Each status carries an `Idempotency-Key`, which the server remembers for an hour
//! (docs.joinmastodon.org/methods/statuses) and some servers ignore. So from the second attempt on
//! the account's own statuses are looked at first, and what stands there is not posted again. When
//! the first attempt is 45 minutes old the key is not relied on any more: either the look-up is
//! complete, or the outcome stays unknown.
//!
//! Pictures are uploaded before the first status, so that a thread is not interrupted by one.
//! A correction edits the statuses in place; where the server cannot edit, it is a reply.
//! A kill deletes them; a hold is a reply.

mod api;
mod find;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use secrecy::SecretString;
use serde_json::json;
use url::Url;

use super::config::{MastodonConfig, Visibility};
use super::http::Patience;
use super::{Channel, Diagnosis, Failure, Gate, Mark, Parcel, Probe, Receipt, Reply, refused};
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::{Asset, Post, Social};
use api::{Api, Status};
use find::Found;

/// From this age on the server may have forgotten the first attempt's key.
const KEY_LIFE: SignedDuration = SignedDuration::from_mins(45);
/// How often a picture that is being processed is asked for, and how long between two times.
const LOOKS: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(250);
/// The most pictures of a status.
const PICTURES: usize = 4;

/// A Mastodon account.
pub struct Mastodon {
    api: Api,
    visibility: Visibility,
    /// Uploaded pictures that no status has yet, by content and description.
    uploaded: Mutex<HashMap<Digest, String>>,
}

impl Mastodon {
    /// Opens the account that `token` belongs to. Nothing is sent yet.
    pub fn open(config: &MastodonConfig, token: &SecretString) -> Result<Mastodon, String> {
        Mastodon::with(config, token, Patience::default())
    }

    fn with(config: &MastodonConfig, token: &SecretString, patience: Patience) -> Result<Mastodon, String> {
        let server: Url = config
            .server
            .parse()
            .map_err(|error| format!("the channel's `server` is no address: {error}"))?;
        let api = Api::new(server, token.clone(), patience)?;
        Ok(Mastodon { api, visibility: config.visibility, uploaded: Mutex::default() })
    }

    /// The picture's id on the server, once it can be attached.
    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure> {
        let key = Digest::of_fields(&[&asset.sha.0, asset.alt.as_bytes()]);
        let known = self.uploaded.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let (id, mut ready) = match known {
            Some(id) => (id, false),
            None => self.api.upload(asset, parcel.now).await?,
        };
        self.uploaded.lock().unwrap_or_else(PoisonError::into_inner).insert(key, id.clone());
        for look in 0..LOOKS {
            if ready {
                return Ok(id);
            }
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            ready = self
                .api
                .is_ready(&id, parcel.now)
                .await
                .inspect_err(|_| self.forget(std::slice::from_ref(&id)))?;
        }
        if ready {
            return Ok(id);
        }
        let reply = Reply::note(format!("{} is still being processed there", asset.name));
        Err(Failure::Later { reply, retry_after: Some(Duration::from_secs(10)) })
    }

    /// A picture serves one status, and one that the server does not know serves none.
    fn forget(&self, ids: &[String]) {
        self.uploaded.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, known| !ids.contains(known));
    }

    async fn upload_all(&self, post: &Post, parcel: &Parcel) -> Result<Vec<String>, Failure> {
        let mut ids = Vec::new();
        for index in post.images.iter().take(PICTURES) {
            let asset = parcel
                .edition
                .assets
                .get(*index)
                .ok_or_else(|| refused("a picture of the post is missing"))?;
            ids.push(self.upload(asset, parcel).await?);
        }
        Ok(ids)
    }

    fn body(
        &self,
        post: &Post,
        media: &[String],
        answers: Option<&str>,
        parcel: &Parcel,
    ) -> serde_json::Value {
        let mut body = json!({
            "status": post.text,
            "visibility": self.visibility.as_str(),
            "language": parcel.edition.request.language.base(),
        });
        if !media.is_empty() {
            body["media_ids"] = json!(media);
        }
        if let Some(id) = answers {
            body["in_reply_to_id"] = json!(id);
        }
        body
    }

    /// Posts what is not there yet. `answers` is the status that the first one replies to.
    async fn post(
        &self,
        social: &Social,
        answers: Option<String>,
        parcel: &Parcel,
        gate: &dyn Gate,
    ) -> Result<Receipt, Failure> {
        let mut there = vec![None; social.posts.len()];
        let old = parcel.attempt > 1 && parcel.now.duration_since(parcel.due) >= KEY_LIFE;
        if parcel.attempt > 1 {
            let Found { posts, complete } = self.api.find(social, parcel).await?;
            if posts.iter().all(Option::is_some) {
                return Ok(receipt(&posts.into_iter().flatten().collect::<Vec<_>>()));
            }
            if old && !complete {
                return Err(Failure::Unknown {
                    reply: Reply::note("the account's statuses do not say whether it was posted"),
                });
            }
            there = posts;
        }
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let mut media = Vec::new();
        for (post, there) in social.posts.iter().zip(&there) {
            media.push(if there.is_none() { self.upload_all(post, parcel).await? } else { Vec::new() });
        }
        let mut statuses: Vec<Status> = Vec::new();
        let edition = parcel.edition.sha();
        for (at, ((post, media), there)) in social.posts.iter().zip(&media).zip(there).enumerate() {
            if let Some(status) = there {
                statuses.push(status);
                continue;
            }
            let before = statuses.last().map(|status| status.id.as_str()).or(answers.as_deref());
            let body = self.body(post, media, before, parcel);
            let key = key(parcel, edition, at, old);
            let status = self.api.post(&body, &key, before.is_some(), parcel.now).await?;
            self.forget(media);
            statuses.push(status);
        }
        Ok(receipt(&statuses))
    }

    /// Edits the statuses that stand there into the new text.
    async fn correct(
        &self,
        social: &Social,
        ids: &[String],
        parcel: &Parcel,
        gate: &dyn Gate,
    ) -> Result<Receipt, Failure> {
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let mut statuses: Vec<Status> = Vec::new();
        for (at, post) in social.posts.iter().enumerate() {
            let media = self.upload_all(post, parcel).await?;
            let status = if let Some(id) = ids.get(at) {
                let Some(status) =
                    self.api.edit(id, &self.body(post, &media, None, parcel), parcel.now).await?
                else {
                    // It cannot be edited: a reply if it still stands, a new thread if it is gone.
                    let answers = self.api.status(id, parcel.now).await?.map(|status| status.id);
                    return self.post(social, answers, parcel, &Opened).await;
                };
                status
            } else {
                let before = statuses.last().map(|status| status.id.as_str());
                let key = key(parcel, parcel.edition.sha(), at, false);
                let body = self.body(post, &media, before, parcel);
                self.api.post(&body, &key, before.is_some(), parcel.now).await?
            };
            self.forget(&media);
            statuses.push(status);
        }
        for id in ids.iter().skip(social.posts.len()).rev() {
            self.api.delete(id, parcel.now).await?;
        }
        Ok(receipt(&statuses))
    }

    /// Deletes the statuses, the last one first.
    async fn withdraw(&self, ids: &[String], parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        if ids.is_empty() {
            return Err(refused("it is not known what was posted, so nothing can be deleted"));
        }
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        for id in ids.iter().rev() {
            self.api.delete(id, parcel.now).await?;
        }
        Ok(Receipt { remote_id: Some(ids.join(",")), url: None, reply: Reply::note("deleted") })
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let social = parcel.social()?;
        let ids = previous(parcel);
        if !ids.is_empty() && matches!(parcel.notice, Notice::Kill | Notice::Correction) {
            let mut statuses = Vec::new();
            for id in &ids {
                statuses.extend(self.api.status(id, parcel.now).await?);
            }
            if parcel.notice == Notice::Kill {
                // Deleting again is safe, so what stands may be deleted again.
                return Ok(if statuses.is_empty() { Probe::Arrived(gone(&ids)) } else { Probe::Absent });
            }
            let edited = statuses.len() == social.posts.len()
                && statuses.iter().zip(&social.posts).all(|(status, post)| status.says(&post.text));
            if edited {
                return Ok(Probe::Arrived(receipt(&statuses)));
            }
        }
        let Found { posts, complete } = self.api.find(social, parcel).await?;
        if posts.iter().all(Option::is_some) {
            return Ok(Probe::Arrived(receipt(&posts.into_iter().flatten().collect::<Vec<_>>())));
        }
        // A part of a thread is completed by the next attempt, which finds that part again.
        Ok(if complete { Probe::Absent } else { Probe::CannotTell })
    }
}

/// A gate that was asked already.
struct Opened;

#[async_trait]
impl Gate for Opened {
    async fn open(&self) -> bool {
        true
    }
}

/// The ids of what this parcel corrects or withdraws.
fn previous(parcel: &Parcel) -> Vec<String> {
    let ids = parcel.previous.as_ref().and_then(|previous| previous.remote_id.as_deref()).unwrap_or_default();
    ids.split(',').filter(|id| api::is_id(id)).map(str::to_owned).collect()
}

/// The key of the status number `at`. It says what is posted, because the server does not look.
fn key(parcel: &Parcel, edition: Digest, at: usize, old: bool) -> String {
    let number = at.to_string();
    let round = if old { "2" } else { "1" };
    Digest::of_fields(&[parcel.wire_key.as_bytes(), &edition.0, number.as_bytes(), round.as_bytes()])
        .to_string()
}

fn receipt(statuses: &[Status]) -> Receipt {
    let ids: Vec<&str> = statuses.iter().map(|status| status.id.as_str()).collect();
    Receipt {
        remote_id: Some(ids.join(",")),
        url: statuses.first().and_then(|status| status.url.clone()),
        reply: Reply::note(if ids.len() == 1 {
            "posted".to_owned()
        } else {
            format!("posted as {}", ids.len())
        }),
    }
}

fn gone(ids: &[String]) -> Receipt {
    Receipt { remote_id: Some(ids.join(",")), url: None, reply: Reply::note("deleted") }
}

#[async_trait]
impl Channel for Mastodon {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        // What is sent was made when the edition was frozen.
        gate.mark(Mark::Filled);
        let social = parcel.social()?;
        let ids = previous(parcel);
        match parcel.notice {
            Notice::Kill => self.withdraw(&ids, parcel, gate).await,
            Notice::Correction if !ids.is_empty() => self.correct(social, &ids, parcel, gate).await,
            Notice::Hold => Ok(parcel.beside(self.post(social, ids.into_iter().next(), parcel, gate).await?)),
            Notice::Original | Notice::Correction => {
                self.post(social, ids.into_iter().next(), parcel, gate).await
            }
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        let seen = self.look(parcel).await.unwrap_or(Probe::CannotTell);
        seen.map(|receipt| if parcel.notice == Notice::Hold { parcel.beside(receipt) } else { receipt })
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.api.examine().await
    }
}

#[cfg(test)]
mod tests;
