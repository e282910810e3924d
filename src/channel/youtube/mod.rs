//! A channel on YouTube, by version 3 of its Data API (developers.google.com/youtube/v3).
//!
//! Nothing is there before its time. At its time the release's video is uploaded as private, gets its thumbnail and its captions,
//! and is made public as the last step. An upload that breaks off is gone on with, piece by piece.
//!
//! YouTube takes no idempotency key, so the delivery's key is a tag of the video, which its owner alone sees: from the second attempt
//! on the channel's uploads are looked through for it. Two videos with one key wait for a person.
//!
//! A correction edits title and description, a hold makes the video private, a kill deletes it. Uploads cost no money, but a day's
//! quota.

mod api;
#[cfg(test)]
mod tests;
mod upload;

use std::time::Duration;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;

use super::adapter::{Adapter, Setup, settings};
use super::article::{marker, twice};
use super::config::{Limits, OnUnknown, SecretRef};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::language::Language;
use crate::release::Notice;
use api::{Api, Privacy, Video, Words};
use upload::Sessions;

/// A channel on YouTube.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct YoutubeConfig {
    /// The application's OAuth 2.0 client id.
    pub client_id: String,
    /// Its client secret.
    pub client_secret: SecretRef,
    /// A refresh token of the channel's owner, with `youtube.upload` and `youtube.force-ssl`.
    pub refresh_token: SecretRef,
    /// The number of YouTube's category; 25 is news.
    #[serde(default = "category")]
    pub category: u32,
    /// Whether its videos are made for children, which the law wants to know.
    #[serde(default)]
    pub made_for_kids: bool,
    /// Another address of the API.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// Another address of the log-in.
    #[serde(default = "login")]
    pub login: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn category() -> u32 {
    25
}

fn endpoint() -> String {
    "https://www.googleapis.com".to_owned()
}

fn login() -> String {
    "https://oauth2.googleapis.com".to_owned()
}

settings!(YoutubeConfig, secrets(client_secret refresh_token), addresses(endpoint login));

/// A channel on YouTube.
pub struct Youtube {
    api: Api,
    sessions: Sessions,
}

impl Adapter for Youtube {
    type Config = YoutubeConfig;

    fn open(config: &YoutubeConfig, setup: &Setup<'_>) -> Result<Youtube, String> {
        Ok(Youtube { api: Api::open(config, setup)?, sessions: Sessions::default() })
    }
}

impl Youtube {
    /// The one video that carries `key`; an error where that cannot be known.
    async fn find(&self, key: &str, parcel: &Parcel) -> Result<Option<Video>, Failure> {
        let (mut found, whole) = self.api.find(&marker(key), parcel).await?;
        match (found.pop(), found.is_empty()) {
            (Some(_), false) => Err(twice()),
            (None, _) if !whole => Err(Failure::Unknown {
                reply: Reply::note("the channel's uploads do not say whether the video is there"),
            }),
            (video, _) => Ok(video),
        }
    }

    /// The video that this parcel corrects or withdraws, if it is still there.
    async fn previous(&self, parcel: &Parcel) -> Result<Option<Video>, Failure> {
        match parcel.previous_id().filter(|id| api::is_id(id)) {
            Some(id) => self.api.video(id, parcel.now).await,
            None => Ok(None),
        }
    }

    async fn publish(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let words = Words::of(parcel)?;
        let there = if parcel.attempt > 1 { self.find(&parcel.wire_key, parcel).await? } else { None };
        if let Some(video) = there.as_ref().filter(|video| video.privacy == Privacy::Public) {
            return Ok(receipt(&video.id, "published"));
        }
        let video = upload::video(parcel)?;
        gate.begin().await?;
        let id = match there {
            Some(video) => video.id,
            None => self.sessions.upload(&self.api, &words, video, parcel).await?,
        };
        self.api.dress(&id, parcel).await?;
        // What takes longer than the permission lasts is published by the next attempt, with a new one.
        if !gate.pass() {
            let reply = Reply::note("it is uploaded, and not public yet");
            return Err(Failure::Later { reply, retry_after: Some(Duration::from_secs(1)) });
        }
        self.api.show(&id, Privacy::Public, parcel.now).await?;
        Ok(receipt(&id, "published"))
    }

    async fn correct(&self, video: Video, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let words = Words::of(parcel)?;
        gate.begin().await?;
        self.api.rewrite(&video, &words, parcel.now).await?;
        self.api.show(&video.id, Privacy::Public, parcel.now).await?;
        Ok(receipt(&video.id, "edited"))
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let done = |done: bool, receipt: Receipt| if done { Probe::Arrived(receipt) } else { Probe::Absent };
        let id = parcel.previous_id().unwrap_or_default();
        let before = self.previous(parcel).await?;
        match (parcel.notice, before) {
            (Notice::Kill, None) if api::is_id(id) => Ok(Probe::Arrived(receipt(id, "deleted"))),
            (Notice::Hold, Some(video)) => {
                Ok(done(video.privacy != Privacy::Public, receipt(&video.id, "made private")))
            }
            (Notice::Correction, Some(video)) => {
                let same = Words::of(parcel)?.are_of(&video) && video.privacy == Privacy::Public;
                Ok(done(same, receipt(&video.id, "edited")))
            }
            (Notice::Kill, Some(_)) => Ok(Probe::Absent),
            (Notice::Kill | Notice::Hold, None) => Ok(Probe::CannotTell),
            (Notice::Original | Notice::Correction, _) => {
                Ok(match self.find(&parcel.wire_key, parcel).await? {
                    Some(video) => done(video.privacy == Privacy::Public, receipt(&video.id, "published")),
                    None => Probe::Absent,
                })
            }
        }
    }
}

fn receipt(id: &str, words: &str) -> Receipt {
    Receipt {
        remote_id: Some(id.to_owned()),
        url: Some(format!("https://www.youtube.com/watch?v={id}")),
        reply: Reply::note(words),
    }
}

#[async_trait]
impl Channel for Youtube {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        parcel.social()?;
        let id = parcel.previous_id().filter(|id| api::is_id(id));
        match (parcel.notice, id) {
            (Notice::Kill | Notice::Hold, None) => {
                Err(refused("it is not known what was published, so nothing can be withdrawn"))
            }
            (Notice::Kill, Some(id)) => {
                gate.begin().await?;
                self.api.delete(id, parcel.now).await?;
                Ok(Receipt { url: None, ..receipt(id, "deleted") })
            }
            (Notice::Hold, Some(id)) => {
                gate.begin().await?;
                self.api.show(id, Privacy::Private, parcel.now).await?;
                Ok(Receipt { url: None, ..receipt(id, "made private") })
            }
            (Notice::Original | Notice::Correction, Some(_)) => match self.previous(parcel).await? {
                Some(video) => self.correct(video, parcel, gate).await,
                None => self.publish(parcel, gate).await,
            },
            (Notice::Original | Notice::Correction, None) => self.publish(parcel, gate).await,
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        self.look(parcel).await.unwrap_or(Probe::CannotTell)
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        vec![self.api.examine().await]
    }
}
