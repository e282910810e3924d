//! A Bluesky account, on any atproto PDS.
//!
//! Every post is a record whose key and `createdAt` come from the delivery, so that writing it
//! again writes the same record and changes nothing; what stands under the key says whether it
//! arrived. The key is a TID (atproto.com/specs/tid) in the parcel's wire key; the posts of a
//! thread follow it, a microsecond apart.
//!
//! Posts are not edited, because apps do not show it: a correction or a hold is a reply to the
//! first post, a kill deletes the records.

mod record;
mod session;

use async_trait::async_trait;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::{Value, json};

use super::config::BlueskyConfig;
use super::http::{Answer, Lost, Patience, below, is_loopback};
use super::{Channel, Diagnosis, Failure, Gate, Mark, Parcel, Probe, Receipt, Reply, refused};
use crate::release::Notice;
use crate::render::{Asset, Post, Social};
use record::{COLLECTION, Uri};
use session::{Session, Xrpc};

/// The most bytes of a picture (`app.bsky.embed.images`).
const PICTURE: usize = 2_000_000;
/// The most bytes of the picture on a link card (`app.bsky.embed.external`).
const THUMB: usize = 1_000_000;

/// A Bluesky account.
pub struct Bluesky {
    xrpc: Xrpc,
}

/// A record as a strong reference names it.
#[derive(Debug, Clone, Deserialize)]
struct Written {
    uri: String,
    cid: String,
}

#[derive(Deserialize)]
struct Stored {
    cid: Option<String>,
    value: Value,
}

impl Bluesky {
    /// Opens the account; `password` is an app password. Nothing is sent yet.
    pub fn open(config: &BlueskyConfig, password: &SecretString) -> Result<Bluesky, String> {
        Bluesky::with(config, password, Patience::default())
    }

    fn with(config: &BlueskyConfig, password: &SecretString, patience: Patience) -> Result<Bluesky, String> {
        let server = config
            .server
            .parse()
            .map_err(|error| format!("the channel's `server` is no address: {error}"))?;
        let handle = config.handle.trim_start_matches('@').to_owned();
        Ok(Bluesky { xrpc: Xrpc::new(server, handle, password.clone(), patience)? })
    }

    /// Where people see a post.
    fn page(&self, session: &Session, rkey: &str) -> String {
        let path = format!("profile/{}/post/{rkey}", session.handle);
        if is_loopback(&self.xrpc.server) {
            return below(&self.xrpc.server, &path).into();
        }
        format!("https://bsky.app/{path}")
    }

    /// The record at `uri`, if there is one.
    async fn get(&self, uri: &Uri, parcel: &Parcel) -> Result<Option<Stored>, Failure> {
        let mut url = self.xrpc.url("com.atproto.repo.getRecord");
        url.query_pairs_mut()
            .append_pair("repo", &uri.did)
            .append_pair("collection", COLLECTION)
            .append_pair("rkey", &uri.rkey);
        let (_, answer) =
            self.xrpc.call(parcel.now, |_| self.xrpc.client.request(Method::GET, url.clone())).await?;
        let answer = answer.map_err(Lost::repeatable)?;
        if answer.good() {
            return answer.json().map(Some).map_err(Failure::again);
        }
        if answer.status == 404 || session::error(&answer) == "RecordNotFound" {
            return Ok(None);
        }
        Err(answer.repeatable(parcel.now))
    }

    /// Uploads a picture and gives its reference. The server names it by content: may be repeated.
    async fn upload(&self, asset: &Asset, most: usize, parcel: &Parcel) -> Result<Value, Failure> {
        if asset.bytes.len() > most {
            return Err(refused(format!(
                "{} has {} bytes, and Bluesky takes {most}",
                asset.name,
                asset.bytes.len()
            )));
        }
        let request = || {
            let url = self.xrpc.url("com.atproto.repo.uploadBlob");
            let request = self.xrpc.client.request(Method::POST, url);
            request.header("content-type", &asset.media_type).body(asset.bytes.to_vec())
        };
        let (_, answer) = self.xrpc.call(parcel.now, |_| request()).await?;
        let answer = answer.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(answer.repeatable(parcel.now));
        }
        let mut body: Value = answer.json().map_err(Failure::again)?;
        match body["blob"].take() {
            blob @ Value::Object(_) => Ok(blob),
            _ => Err(Failure::again("the answer names no blob")),
        }
    }

    /// What a post carries: its pictures, or a card for the release.
    async fn embed(&self, social: &Social, post: &Post, parcel: &Parcel) -> Result<Option<Value>, Failure> {
        if post.images.is_empty() {
            if !record::links(social, post) {
                return Ok(None);
            }
            let thumb = match parcel.edition.assets.iter().find(|asset| record::is_thumb(asset, THUMB)) {
                Some(asset) => Some(self.upload(asset, THUMB, parcel).await?),
                None => None,
            };
            return Ok(Some(record::card(social, &parcel.edition.title, thumb)));
        }
        let mut images = Vec::new();
        for index in post.images.iter().take(record::PICTURES) {
            let asset = parcel
                .edition
                .assets
                .get(*index)
                .ok_or_else(|| refused("a picture of the post is missing"))?;
            images.push(record::image(asset, &self.upload(asset, PICTURE, parcel).await?));
        }
        Ok(Some(json!({ "$type": "app.bsky.embed.images", "images": images })))
    }

    async fn put(&self, uri: &Uri, record: &Value, parcel: &Parcel) -> Result<Written, Failure> {
        let url = self.xrpc.url("com.atproto.repo.putRecord");
        let body = json!({
            "repo": uri.did, "collection": COLLECTION, "rkey": uri.rkey, "validate": true, "record": record,
        });
        let (_, answer) = self
            .xrpc
            .call(parcel.now, |_| self.xrpc.client.request(Method::POST, url.clone()).json(&body))
            .await?;
        let answer = answer.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, parcel));
        }
        // It was taken, so what cannot be read must be looked up.
        let written: Written = answer.json().map_err(|why| Failure::Unknown { reply: Reply::note(why) })?;
        if written.uri == uri.to_string() {
            return Ok(written);
        }
        Err(Failure::Unknown { reply: Reply::note("the server says that it wrote another record") })
    }

    /// What a reply to the first of `uris` refers to: its thread and itself.
    async fn answers(&self, uris: &[Uri], parcel: &Parcel) -> Result<Option<Value>, Failure> {
        let Some(uri) = uris.first() else { return Ok(None) };
        let Some(Stored { cid: Some(cid), value }) = self.get(uri, parcel).await? else { return Ok(None) };
        let parent = json!({ "uri": uri.to_string(), "cid": cid });
        let root = value.pointer("/reply/root").cloned().unwrap_or_else(|| parent.clone());
        Ok(Some(json!({ "root": root, "parent": parent })))
    }

    async fn post(
        &self,
        social: &Social,
        uris: &[Uri],
        parcel: &Parcel,
        gate: &dyn Gate,
    ) -> Result<Receipt, Failure> {
        for post in &social.posts {
            record::facets(post).map_err(refused)?;
        }
        let session = self.xrpc.session(parcel.now).await?;
        let mut reply = self.answers(uris, parcel).await?;
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let mut embeds = Vec::new();
        for post in &social.posts {
            embeds.push(self.embed(social, post, parcel).await?);
        }
        let keys = record::rkeys(parcel, social.posts.len());
        let mut written: Vec<Written> = Vec::new();
        for (at, ((post, embed), rkey)) in social.posts.iter().zip(embeds).zip(&keys).enumerate() {
            let uri = Uri { did: session.did.clone(), rkey: rkey.clone() };
            let record = record::post(post, at, embed, reply.as_ref(), parcel).map_err(refused)?;
            let done = self.put(&uri, &record, parcel).await?;
            let parent = json!({ "uri": done.uri, "cid": done.cid });
            let root = reply.as_ref().map_or_else(|| parent.clone(), |reply| reply["root"].clone());
            reply = Some(json!({ "root": root, "parent": parent }));
            written.push(done);
        }
        Ok(self.receipt(&session, written.iter().map(|done| done.uri.as_str()), &keys))
    }

    fn receipt<'a>(
        &self,
        session: &Session,
        uris: impl Iterator<Item = &'a str>,
        keys: &[String],
    ) -> Receipt {
        Receipt {
            remote_id: Some(uris.collect::<Vec<_>>().join(",")),
            url: keys.first().map(|rkey| self.page(session, rkey)),
            reply: Reply::note(if keys.len() == 1 {
                "posted".to_owned()
            } else {
                format!("posted as {}", keys.len())
            }),
        }
    }

    async fn withdraw(&self, uris: &[Uri], parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        if uris.is_empty() {
            return Err(refused("it is not known what was posted, so nothing can be deleted"));
        }
        let session = self.xrpc.session(parcel.now).await?;
        if uris.iter().any(|uri| uri.did != session.did) {
            let words = format!("it was posted by another account than {}", session.handle);
            return Err(Failure::HoldChannel { reply: Reply::note(words) });
        }
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        for uri in uris.iter().rev() {
            let url = self.xrpc.url("com.atproto.repo.deleteRecord");
            let body = json!({ "repo": uri.did, "collection": COLLECTION, "rkey": uri.rkey });
            let request = || self.xrpc.client.request(Method::POST, url.clone()).json(&body);
            let (_, answer) = self.xrpc.call(parcel.now, |_| request()).await?;
            let answer = answer.map_err(Lost::repeatable)?;
            if !answer.good() {
                return Err(answer.repeatable(parcel.now));
            }
        }
        Ok(gone(uris))
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let social = parcel.social()?;
        if parcel.notice == Notice::Kill {
            let uris = previous(parcel);
            for uri in &uris {
                if self.get(uri, parcel).await?.is_some() {
                    return Ok(Probe::Absent);
                }
            }
            return Ok(if uris.is_empty() { Probe::CannotTell } else { Probe::Arrived(gone(&uris)) });
        }
        let session = self.xrpc.session(parcel.now).await?;
        let keys = record::rkeys(parcel, social.posts.len());
        let mut uris = Vec::new();
        for (at, (post, rkey)) in social.posts.iter().zip(&keys).enumerate() {
            let uri = Uri { did: session.did.clone(), rkey: rkey.clone() };
            match self.get(&uri, parcel).await? {
                // What is missing is written by the next attempt, and what stands is left as it is.
                None => return Ok(Probe::Absent),
                Some(stored) if record::is_post(&stored.value, post, at, parcel) => {
                    uris.push(uri.to_string());
                }
                // Somebody has written something else under our key: a person must look.
                Some(_) => return Ok(Probe::CannotTell),
            }
        }
        Ok(Probe::Arrived(self.receipt(&session, uris.iter().map(String::as_str), &keys)))
    }
}

fn previous(parcel: &Parcel) -> Vec<Uri> {
    let uris =
        parcel.previous.as_ref().and_then(|previous| previous.remote_id.as_deref()).unwrap_or_default();
    uris.split(',').filter_map(Uri::parse).collect()
}

fn gone(uris: &[Uri]) -> Receipt {
    let uris: Vec<String> = uris.iter().map(Uri::to_string).collect();
    Receipt { remote_id: Some(uris.join(",")), url: None, reply: Reply::note("deleted") }
}

/// What an answer to putRecord means. `InvalidSwap` says that the repository moved under the
/// request: nobody knows what stands under the key.
fn refusal(answer: &Answer, parcel: &Parcel) -> Failure {
    match session::error(answer).as_str() {
        "InvalidSwap" => Failure::Unknown { reply: answer.reply() },
        _ => answer.failure(parcel.now),
    }
}

#[async_trait]
impl Channel for Bluesky {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        // What is sent was made when the edition was frozen.
        gate.mark(Mark::Filled);
        let social = parcel.social()?;
        let uris = previous(parcel);
        match parcel.notice {
            Notice::Kill => self.withdraw(&uris, parcel, gate).await,
            Notice::Original | Notice::Correction | Notice::Hold => {
                Ok(parcel.beside(self.post(social, &uris, parcel, gate).await?))
            }
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        let seen = self.look(parcel).await.unwrap_or(Probe::CannotTell);
        seen.map(|receipt| parcel.beside(receipt))
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.xrpc.examine().await
    }
}

#[cfg(test)]
mod tests;
