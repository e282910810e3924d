//! An account on Threads (developers.facebook.com/docs/threads).
//!
//! A post is made in two steps: a container, which nobody sees and which ends after a day, and its publication. Only the second is
//! looked up after a lost answer: Threads takes no idempotency key, so from the second attempt on the account's own posts and answers
//! are looked at first ([`super::timeline`]). Threads fetches pictures itself, from the page of the release, so that goes first.
//!
//! Posts are not edited by the API: a correction or a hold answers the first post, with the link; a kill deletes.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::graph::{self, Graph};
use super::hook::alt;
use super::http::{self, Patience};
use super::timeline::{self, Account, Draft, Seen, Standing, Uploads};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};
use crate::digest::Digest;
use crate::language::Language;
use crate::render::{Asset, path_escape};

/// The most pages of the account's posts that are looked at.
const PAGES: usize = 10;
const FIELDS: &str = "id,text,permalink";
/// How often a container is asked for, and how long between two times. Threads recommends half a minute for all of it; the next
/// attempt goes on with the same container.
const LOOKS: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(500);

/// An account on Threads.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThreadsConfig {
    /// A long-lived access token of the account, with `threads_basic`, `threads_content_publish`, `threads_delete` and
    /// `threads_manage_replies`. It ends after 60 days.
    pub token: SecretRef,
    /// The application's secret: with it every call carries its proof.
    pub app_secret: Option<SecretRef>,
    /// The address of the API with its version.
    #[serde(default = "endpoint")]
    pub endpoint: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

fn endpoint() -> String {
    "https://graph.threads.net/v1.0".to_owned()
}

settings!(ThreadsConfig, secrets(token app_secret), addresses(endpoint));

/// An account on Threads.
pub struct Threads {
    graph: Graph,
    /// Containers that are not published yet, by what is in them.
    containers: Uploads,
    patience: Patience,
}

impl Adapter for Threads {
    type Config = ThreadsConfig;

    fn open(config: &ThreadsConfig, setup: &Setup<'_>) -> Result<Threads, String> {
        let secret = setup.secrets.get("app_secret");
        let graph = Graph::open(&config.endpoint, setup.needed("token")?, secret, setup.patience)?;
        Ok(Threads { graph, containers: Uploads::default(), patience: setup.patience })
    }
}

fn standing(value: &Value) -> Option<Standing> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(Standing { id: graph::id(value)?, text: text("text").unwrap_or_default(), url: text("permalink") })
}

impl Threads {
    /// Makes a container, or goes on with the one that an earlier attempt made, and waits until it is ready.
    async fn container(&self, members: &[(&str, &str)], now: Timestamp) -> Result<String, Failure> {
        let fields: Vec<&[u8]> =
            members.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_bytes()]).collect();
        let key = Digest::of_fields(&fields);
        let id = match self.containers.known(key) {
            Some(id) => id,
            None => {
                let said = self.graph.ask(self.graph.form("me/threads", members), now).await?;
                let said = said.ok_or_else(missing)?;
                graph::id(&said).ok_or_else(|| Failure::again("the answer names no container"))?
            }
        };
        self.containers.note(key, &id);
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            let request = self.graph.request(Method::GET, &id, &[("fields", "status,error_message")]);
            let said = self.graph.ask(request, now).await?.unwrap_or_default();
            let why = said["error_message"].as_str().unwrap_or("no reason given");
            match said["status"].as_str() {
                Some("FINISHED") => return Ok(id),
                // The picture could not be fetched, or is none: the page may not be there yet.
                Some("ERROR") => {
                    self.containers.forget(&id);
                    return Err(Failure::again(format!("Threads cannot process it: {why}")));
                }
                // PUBLISHED is none of ours: what was published is found in the account's posts.
                Some("EXPIRED" | "PUBLISHED") | None => {
                    self.containers.forget(&id);
                    return Err(Failure::again("the container is used up"));
                }
                Some(_) => {}
            }
        }
        let reply = Reply::note("Threads is still processing it");
        Err(Failure::Later { reply, retry_after: Some(Duration::from_secs(15)) })
    }

    /// One of the account's lists since an instant; whether it was seen to its end.
    async fn list(
        &self,
        path: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<(Vec<Standing>, bool), Failure> {
        let (mut posts, mut after) = (Vec::new(), None::<String>);
        let since = since.as_second().to_string();
        for _ in 0..PAGES {
            let mut members = vec![("fields", FIELDS), ("since", since.as_str()), ("limit", "100")];
            members.extend(after.as_deref().map(|after| ("after", after)));
            let said = self.graph.ask(self.graph.request(Method::GET, path, &members), now).await?;
            let said = said.ok_or_else(missing)?;
            let data = said["data"].as_array().ok_or_else(|| Failure::again("the answer is no list"))?;
            posts.extend(data.iter().filter_map(standing));
            after = said.pointer("/paging/cursors/after").and_then(Value::as_str).map(str::to_owned);
            // A page without a cursor, or an empty one, is the last.
            if data.is_empty() || after.is_none() {
                return Ok((posts, true));
            }
        }
        Ok((posts, false))
    }
}

#[async_trait]
impl Account for Threads {
    fn is_id(&self, id: &str) -> bool {
        graph::is_id(id)
    }

    async fn newest(&self, since: Timestamp, now: Timestamp) -> Result<Seen, Failure> {
        let (answers, all_answers) = self.list("me/replies", since, now).await?;
        let (mut posts, all_posts) = self.list("me/threads", since, now).await?;
        // Posts before answers: the list is from the newest to the oldest.
        let mut all = answers;
        all.append(&mut posts);
        Ok(Seen { posts: all, whole: all_answers && all_posts })
    }

    async fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Standing>, Failure> {
        let request = self.graph.request(Method::GET, id, &[("fields", FIELDS)]);
        Ok(self.graph.ask(request, now).await?.as_ref().and_then(standing))
    }

    /// The address at which Threads finds the picture: beside the page of the release.
    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure> {
        Ok(format!("{}{}", parcel.social()?.url, path_escape(&asset.name)))
    }

    async fn create(&self, draft: Draft<'_>, parcel: &Parcel) -> Result<Standing, Failure> {
        let now = parcel.now;
        let mut members = vec![("text", draft.post.text.clone())];
        match draft.pictures {
            [] => members.push(("media_type", "TEXT".to_owned())),
            [(asset, address)] => members.extend([
                ("media_type", "IMAGE".to_owned()),
                ("image_url", address.clone()),
                ("alt_text", alt(&asset.alt)),
            ]),
            many => {
                let mut children = Vec::new();
                for (asset, address) in many {
                    let alt = alt(&asset.alt);
                    let members = [
                        ("media_type", "IMAGE"),
                        ("is_carousel_item", "true"),
                        ("image_url", address.as_str()),
                        ("alt_text", &alt),
                    ];
                    children.push(self.container(&members, now).await?);
                }
                members.extend([("media_type", "CAROUSEL".to_owned()), ("children", children.join(","))]);
            }
        }
        members.extend(draft.answers.map(|id| ("reply_to_id", id.to_owned())));
        let members: Vec<(&str, &str)> =
            members.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let container = self.container(&members, now).await?;
        let request = self.graph.form("me/threads_publish", &[("creation_id", &container)]);
        let said = self.graph.once(request, now).await;
        // Whatever became of it, what is in it is not published a second time.
        self.containers.forget(&container);
        let children = members.iter().find(|(name, _)| *name == "children");
        children.into_iter().flat_map(|(_, ids)| ids.split(',')).for_each(|id| self.containers.forget(id));
        let id = graph::id(&said?)
            .ok_or_else(|| Failure::Unknown { reply: Reply::note("the answer names no post") })?;
        let url = self.standing(&id, now).await.ok().flatten().and_then(|standing| standing.url);
        Ok(Standing { id, text: draft.post.text.clone(), url })
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let said = self.graph.ask(self.graph.request(Method::DELETE, id, &[]), now).await?;
        match said {
            Some(said) if said["success"] != json!(true) => {
                Err(Failure::again("Threads does not say that the post was deleted"))
            }
            _ => Ok(()),
        }
    }
}

fn missing() -> Failure {
    Failure::HoldChannel { reply: Reply::note("there is no account of Threads that the token may post to") }
}

#[async_trait]
impl Channel for Threads {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        timeline::deliver(self, parcel, gate).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        timeline::probe(self, parcel).await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let what = |what: &str| format!("threads: {what}");
        let bad = |what: String, seen: String, hint: &str| Diagnosis {
            what,
            good: false,
            seen,
            hint: Some(hint.to_owned()),
        };
        let now = match http::date(self.graph.endpoint().clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(seen) => return vec![bad(what("account"), seen, "look at the channel's `endpoint`")],
        };
        let request = self.graph.request(Method::GET, "me", &[("fields", "username")]);
        let account = match self.graph.ask(request, now).await.and_then(|said| said.ok_or_else(missing)) {
            Ok(said) => {
                let seen = format!("@{}", said["username"].as_str().unwrap_or("?"));
                Diagnosis { what: what("account"), good: true, seen, hint: None }
            }
            Err(failure) => {
                bad(what("account"), failure.to_string(), "look at the channel's `token` and its rights")
            }
        };
        let fields = [("fields", "quota_usage,config")];
        let request = self.graph.request(Method::GET, "me/threads_publishing_limit", &fields);
        let quota = self.graph.ask(request, now).await.ok().flatten().unwrap_or_default();
        let number = |at: &str| quota.pointer(at).and_then(Value::as_u64);
        let mut seen = vec![account];
        if let (Some(used), Some(most)) =
            (number("/data/0/quota_usage"), number("/data/0/config/quota_total"))
        {
            let words = format!("{used} of {most} posts of this day are used");
            seen.push(Diagnosis { what: what("limit"), good: used < most, seen: words, hint: None });
        }
        seen.push(self.graph.examine_token("threads", None, now).await);
        seen
    }
}
