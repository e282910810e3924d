//! A page on Facebook (developers.facebook.com/docs/pages-api/posts).
//!
//! Facebook takes no idempotency key. From the second attempt on the page's own feed is looked at first ([`super::timeline`]); an
//! answer that speaks of a duplicate (506) is looked up and never taken for a refusal. Pictures are uploaded unpublished; until a post
//! shows them nobody sees them. Facebook's own scheduling is not used.
//!
//! A correction or a hold edits the words of the post, a kill deletes it.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::graph::{self, Graph};
use super::http::{self, Patience};
use super::timeline::{self, Account, Draft, Seen, Standing};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::language::Language;
use crate::render::{Asset, Post};

/// The most bytes of a picture (developers.facebook.com/docs/graph-api/reference/page/photos: 10 MB).
const PICTURE: usize = 10_000_000;
/// The most pages of the feed that are looked at, and how many posts each holds.
const PAGES: usize = 10;
const FIELDS: &str = "id,message,permalink_url";

/// A page on Facebook.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FacebookConfig {
    /// The page's number.
    pub page: String,
    /// A page access token, with `pages_manage_posts` and `pages_read_engagement`.
    pub token: SecretRef,
    /// The application's number: with it and `app_secret` `dateline doctor` says when the token ends.
    pub app_id: Option<String>,
    /// The application's secret: with it every call carries its proof.
    pub app_secret: Option<SecretRef>,
    /// The address of the API with its version; Meta keeps each for two years.
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
    "https://graph.facebook.com/v24.0".to_owned()
}

settings!(
    FacebookConfig,
    secrets(token app_secret),
    addresses(endpoint),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        if graph::is_id(&self.page) {
            return Vec::new();
        }
        vec![("page", "this is no number of a page", "take it from the page's About, Page transparency, in quotation marks")]
    }
);

/// A page on Facebook.
pub struct Facebook {
    graph: Graph,
    page: String,
    app_id: Option<String>,
    patience: Patience,
}

impl Adapter for Facebook {
    type Config = FacebookConfig;

    fn open(config: &FacebookConfig, setup: &Setup<'_>) -> Result<Facebook, String> {
        let secret = setup.secrets.get("app_secret");
        let graph = Graph::open(&config.endpoint, setup.needed("token")?, secret, setup.patience)?;
        let (page, app_id) = (config.page.clone(), config.app_id.clone());
        Ok(Facebook { graph, page, app_id, patience: setup.patience })
    }
}

fn standing(value: &Value) -> Option<Standing> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    Some(Standing {
        id: graph::id(value)?,
        text: text("message").unwrap_or_default(),
        url: text("permalink_url"),
    })
}

fn page(id: &str) -> String {
    format!("https://www.facebook.com/{id}")
}

#[async_trait]
impl Account for Facebook {
    fn is_id(&self, id: &str) -> bool {
        graph::is_id(id)
    }

    fn edits(&self) -> bool {
        true
    }

    async fn newest(&self, since: Timestamp, now: Timestamp) -> Result<Seen, Failure> {
        let (path, since) = (format!("{}/feed", self.page), since.as_second().to_string());
        let (mut seen, mut after) = (Seen::default(), None::<String>);
        for _ in 0..PAGES {
            let mut members = vec![("fields", FIELDS), ("since", since.as_str()), ("limit", "100")];
            members.extend(after.as_deref().map(|after| ("after", after)));
            let said = self.graph.ask(self.graph.request(Method::GET, &path, &members), now).await?;
            let said = said.ok_or_else(|| missing(&self.page))?;
            let data = said["data"].as_array().ok_or_else(|| Failure::again("the answer is no feed"))?;
            seen.posts.extend(data.iter().filter_map(standing));
            // Without the address of another page this was the last one.
            let next = said.pointer("/paging/next").is_some();
            after = said.pointer("/paging/cursors/after").and_then(Value::as_str).map(str::to_owned);
            if !next || after.is_none() {
                seen.whole = !next;
                break;
            }
        }
        Ok(seen)
    }

    async fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Standing>, Failure> {
        let request = self.graph.request(Method::GET, id, &[("fields", FIELDS)]);
        Ok(self.graph.ask(request, now).await?.as_ref().and_then(standing))
    }

    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure> {
        if asset.bytes.len() > PICTURE {
            let size = asset.bytes.len();
            return Err(refused(format!("{} has {size} bytes, and Facebook takes {PICTURE}", asset.name)));
        }
        let part = Part::bytes(asset.bytes.to_vec())
            .file_name("picture")
            .mime_str(&asset.media_type)
            .map_err(|_| refused(format!("{}: `{}` is no media type", asset.name, asset.media_type)))?;
        let form = Form::new()
            .text("published", "false")
            .text("alt_text_custom", asset.alt.clone())
            .part("source", part);
        let request = self.graph.request(Method::POST, &format!("{}/photos", self.page), &[]).multipart(form);
        let said = self.graph.ask(request, parcel.now).await?.ok_or_else(|| missing(&self.page))?;
        graph::id(&said).ok_or_else(|| Failure::again("the answer names no picture"))
    }

    async fn create(&self, draft: Draft<'_>, parcel: &Parcel) -> Result<Standing, Failure> {
        if draft.answers.is_some() {
            return Err(refused("a page on Facebook knows no threads: shorten the text"));
        }
        let pictures: Vec<Value> = draft.pictures.iter().map(|(_, id)| json!({ "media_fbid": id })).collect();
        let pictures = json!(pictures).to_string();
        let mut members = vec![("message", draft.post.text.as_str())];
        let link = draft.post.facets.iter().rev().find(|facet| !facet.target.starts_with('#'));
        match (draft.pictures, link) {
            ([], Some(link)) => members.push(("link", &link.target)),
            ([], None) => {}
            _ => members.push(("attached_media", &pictures)),
        }
        let request = self.graph.form(&format!("{}/feed", self.page), &members);
        let said = self.graph.once(request, parcel.now).await?;
        let id = graph::id(&said)
            .ok_or_else(|| Failure::Unknown { reply: Reply::note("the answer names no post") })?;
        Ok(Standing { url: Some(page(&id)), id, text: draft.post.text.clone() })
    }

    async fn edit(&self, id: &str, post: &Post, parcel: &Parcel) -> Result<Option<Standing>, Failure> {
        let said = self.graph.ask(self.graph.form(id, &[("message", &post.text)]), parcel.now).await?;
        match said {
            Some(said) if said["success"] == json!(true) => {
                Ok(Some(Standing { id: id.to_owned(), text: post.text.clone(), url: Some(page(id)) }))
            }
            Some(_) => Err(Failure::again("Facebook does not say that the post was edited")),
            None => Ok(None),
        }
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let said = self.graph.ask(self.graph.request(Method::DELETE, id, &[]), now).await?;
        match said {
            Some(said) if said["success"] != json!(true) => {
                Err(Failure::again("Facebook does not say that the post was deleted"))
            }
            _ => Ok(()),
        }
    }
}

fn missing(page: &str) -> Failure {
    Failure::HoldChannel { reply: Reply::note(format!("there is no page {page} that the token may post to")) }
}

#[async_trait]
impl Channel for Facebook {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        timeline::deliver(self, parcel, gate).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        timeline::probe(self, parcel).await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let what = "facebook: page".to_owned();
        let hint = |words: &str| Some(words.to_owned());
        let now = match http::date(self.graph.endpoint().clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(seen) => {
                return vec![Diagnosis {
                    what,
                    good: false,
                    seen,
                    hint: hint("look at the channel's `endpoint`"),
                }];
            }
        };
        let request = self.graph.request(Method::GET, &self.page, &[("fields", "name")]);
        let page = match self.graph.ask(request, now).await {
            Ok(Some(said)) => {
                let seen = said["name"].as_str().unwrap_or("?").to_owned();
                Diagnosis { what, good: true, seen, hint: None }
            }
            Ok(None) => {
                let hint = hint("look at the channel's `page` and `token`");
                Diagnosis { what, good: false, seen: "there is no such page".to_owned(), hint }
            }
            Err(failure) => {
                let hint = hint("look at the token's rights (pages_manage_posts, pages_read_engagement)");
                Diagnosis { what, good: false, seen: failure.to_string(), hint }
            }
        };
        let token = self.graph.examine_token("facebook", self.app_id.as_deref(), now).await;
        vec![page, token]
    }
}
