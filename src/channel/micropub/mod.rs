//! A site that speaks Micropub (w3.org/TR/micropub), as many personal and IndieWeb sites do.
//!
//! A post is made in one request, after its pictures were taken in by the site's media endpoint; an update edits it. Micropub knows no
//! repetition, so each post carries the delivery's key in a comment of its text; a later attempt looks among the site's newest posts
//! for it, where the site lists them (`q=source`, an extension). Where it does not, a lost answer stays unknown.
//!
//! The leading picture is the post's `photo` with its description (w3.org/TR/micropub/#uploading-a-photo-with-alt-text). Sites that know photos
//! without descriptions alone refuse the whole post; there the picture stands in the text.
//!
//! Errors are as HTTP has them (w3.org/TR/micropub/#error-response): 401 and 403 speak of the token and its scope, 404 of the endpoint, 400 of
//! the request.
//!
//! A hold or kill leaves the address, where the notice stands alone.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::adapter::{Adapter, Setup, settings};
use super::article::{self, Picture, marker, twice};
use super::config::{Limits, OnUnknown, SecretRef};
use super::http::{Answer, Client, Lost};
use super::{Channel, Diagnosis, Examination, Failure, Gate, Parcel, Probe, Receipt, Reply, expiry, refused};
use crate::language::Language;
use crate::release::Notice;
use crate::render::{Asset, Page};

/// How many of the site's newest posts are looked at.
const NEWEST: &str = "50";

/// A site that speaks Micropub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MicropubConfig {
    /// The site's Micropub endpoint.
    pub endpoint: String,
    /// The access token, with the scopes `create`, `update` and `media`.
    pub token: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(MicropubConfig, secrets(token), addresses(endpoint));

/// A site that speaks Micropub.
pub struct Micropub {
    client: Client,
    endpoint: Url,
    token: SecretString,
}

/// What a look among the site's newest posts comes to.
enum Found {
    /// None of them carries the key.
    Nothing,
    /// One does, at this address.
    At(String),
    /// The site does not list its posts.
    Unlisted,
}

impl Adapter for Micropub {
    type Config = MicropubConfig;

    fn open(config: &MicropubConfig, setup: &Setup<'_>) -> Result<Micropub, String> {
        let endpoint: Url = config
            .endpoint
            .parse()
            .map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let token = setup.needed("token")?;
        client.hide(token.expose_secret());
        Ok(Micropub { client, endpoint, token })
    }
}

impl Micropub {
    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url).bearer_auth(self.token.expose_secret())
    }

    /// Asks the endpoint something; it is not changed by it.
    async fn ask(&self, query: &[(&str, &str)]) -> Result<Answer, Failure> {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().extend_pairs(query);
        let request = self.request(Method::GET, url).header("accept", "application/json");
        self.client.send(request).await.map_err(Lost::repeatable)
    }

    /// Looks for the one post that carries `key` among the newest.
    async fn find(&self, key: &str, now: Timestamp) -> Result<Found, Failure> {
        let answer = self.ask(&[("q", "source"), ("limit", NEWEST)]).await?;
        if matches!(answer.status, 400 | 501) {
            return Ok(Found::Unlisted);
        }
        if !answer.good() {
            return Err(answer.of_address(now).repeatable(answer.wait(now)));
        }
        let said: Value = answer.json().map_err(Failure::again)?;
        let Some(items) = said["items"].as_array() else { return Ok(Found::Unlisted) };
        let ours = |item: &&Value| item["properties"]["content"].to_string().contains(&marker(key));
        let mut found = items
            .iter()
            .filter(ours)
            .filter_map(|item| item.pointer("/properties/url/0").and_then(Value::as_str));
        match (found.next(), found.next()) {
            (None, _) => Ok(Found::Nothing),
            (Some(url), None) => {
                self.absolute(url).map(Found::At).ok_or_else(|| Failure::again("the post has no address"))
            }
            (Some(_), Some(_)) => Err(twice()),
        }
    }

    /// An address that the site gave, which may be relative (RFC 9110 10.2.2).
    fn absolute(&self, url: &str) -> Option<String> {
        let url = self.endpoint.join(url).ok()?;
        matches!(url.scheme(), "http" | "https").then(|| url.into())
    }

    /// Where something is that was made (201, 202).
    fn location(&self, answer: &Answer) -> Option<String> {
        self.absolute(answer.headers.get("location")?.to_str().ok()?)
    }

    /// Where pictures go, if the site has a place for them. It must be https as well, or this machine: the token goes there.
    async fn media_endpoint(&self, now: Timestamp) -> Result<Option<Url>, Failure> {
        let answer = self.ask(&[("q", "config")]).await?;
        if !answer.good() {
            return Err(answer.of_address(now).repeatable(answer.wait(now)));
        }
        let said: Value = answer.json().map_err(Failure::again)?;
        let url: Option<Url> = said["media-endpoint"].as_str().and_then(|url| self.endpoint.join(url).ok());
        Ok(url.filter(|url| url.origin() == self.endpoint.origin() || url.scheme() == "https"))
    }

    /// Uploads a picture and gives its address. May be repeated: what no post shows, nobody finds.
    async fn upload(
        &self,
        endpoint: &Url,
        asset: &Asset,
        name: &str,
        now: Timestamp,
    ) -> Result<String, Failure> {
        let end = asset.name.rsplit('.').next().unwrap_or("bin");
        let part = Part::bytes(asset.bytes.to_vec())
            .file_name(format!("{name}.{end}"))
            .mime_str(&asset.media_type)
            .map_err(|_| refused(format!("{}: `{}` is no media type", asset.name, asset.media_type)))?;
        let request = self.request(Method::POST, endpoint.clone()).multipart(Form::new().part("file", part));
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(answer.of_address(now).repeatable(answer.wait(now)));
        }
        self.location(&answer).ok_or_else(|| Failure::again("the answer does not say where the picture is"))
    }

    async fn pictures(&self, page: &Page, parcel: &Parcel) -> Result<Vec<Picture>, Failure> {
        let shown = article::shown(page, &parcel.edition.assets);
        if shown.is_empty() {
            return Ok(Vec::new());
        }
        let Some(endpoint) = self.media_endpoint(parcel.now).await? else { return Ok(Vec::new()) };
        let mut pictures = Vec::new();
        for (at, asset) in shown.into_iter().enumerate() {
            let name = article::file_name(&parcel.wire_key, asset);
            match self.upload(&endpoint, asset, &name, parcel.now).await {
                Ok(url) => pictures.push(Picture::new(page, asset, &url, at)),
                // Many sites take pictures alone; the post stands without recordings and documents.
                Err(Failure::Refused { .. }) if !asset.media_type.starts_with("image/") => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(pictures)
    }

    /// Sends what `body` makes of the pictures. A site that refuses it (400) has done nothing: it may be one that knows no descriptions, so it
    /// gets the same with the picture in the text.
    async fn write(
        &self,
        mut pictures: Vec<Picture>,
        body: impl Fn(&[Picture]) -> Value,
    ) -> Result<Answer, Lost> {
        let send =
            |body: Value| self.client.send(self.request(Method::POST, self.endpoint.clone()).json(&body));
        let answer = send(body(&pictures)).await?;
        if answer.status != 400 || !pictures.iter().any(|picture| picture.leads) {
            return Ok(answer);
        }
        for picture in &mut pictures {
            picture.leads = false;
        }
        send(body(&pictures)).await
    }

    async fn publish(&self, page: &Page, parcel: &Parcel) -> Result<Receipt, Failure> {
        // Where posts are not listed, whoever lets it be tried again knows that none stands there.
        if parcel.attempt > 1
            && let Found::At(url) = self.find(&parcel.wire_key, parcel.now).await?
        {
            return Ok(receipt(&url, "found on the site"));
        }
        let mut known = parcel.previous_id().map(str::to_owned);
        if let (None, Some(previous)) = (&known, &parcel.previous)
            && let Found::At(url) = self.find(&previous.wire_key, parcel.now).await?
        {
            known = Some(url);
        }
        if known.is_none() && matches!(parcel.notice, Notice::Hold | Notice::Kill) {
            return Err(refused("it is not known what was published"));
        }
        let pictures = self.pictures(page, parcel).await?;
        let Some(url) = known else {
            let body = |pictures: &[Picture]| json!({ "type": ["h-entry"], "properties": properties(page, parcel, pictures) });
            let answer = self.write(pictures, body).await.map_err(Lost::failure)?;
            if !answer.good() {
                return Err(answer.of_address(parcel.now));
            }
            let made = self.location(&answer);
            return made.map(|url| receipt(&url, "published")).ok_or_else(|| Failure::Unknown {
                reply: Reply::note("the answer does not say where the post is"),
            });
        };
        let body = |pictures: &[Picture]| {
            let mut replaced = properties(page, parcel, pictures);
            if let Some(object) = replaced.as_object_mut() {
                object.remove("mp-slug");
                object.entry("photo").or_insert_with(|| json!([]));
            }
            json!({ "action": "update", "url": url, "replace": replaced })
        };
        // An update may be repeated.
        let answer = self.write(pictures, body).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(answer.of_address(parcel.now).repeatable(answer.wait(parcel.now)));
        }
        Ok(receipt(self.location(&answer).as_deref().unwrap_or(&url), "edited"))
    }
}

/// What the post holds (w3.org/TR/micropub/#create, microformats.org/wiki/h-entry).
fn properties(page: &Page, parcel: &Parcel, pictures: &[Picture]) -> Value {
    let html = format!("<!-- {} -->\n{}", marker(&parcel.wire_key), article::content(page, parcel, pictures));
    let mut properties = json!({
        "name": [article::title(page, parcel.notice)],
        "summary": [page.entry.summary],
        "content": [{ "html": html }],
        "category": page.entry.tags,
        "mp-slug": [page.entry.slug],
    });
    let leading: Vec<Value> = pictures
        .iter()
        .filter(|picture| picture.leads)
        .map(|picture| json!({ "value": picture.url, "alt": picture.alt }))
        .collect();
    if !leading.is_empty() {
        properties["photo"] = json!(leading);
    }
    properties
}

fn receipt(url: &str, words: &str) -> Receipt {
    Receipt { remote_id: Some(url.to_owned()), url: Some(url.to_owned()), reply: Reply::note(words) }
}

#[async_trait]
impl Channel for Micropub {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let page = parcel.page()?;
        gate.begin().await?;
        self.publish(page, parcel).await
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        match self.find(&parcel.wire_key, parcel.now).await {
            Ok(Found::At(url)) => Probe::Arrived(receipt(&url, "found on the site")),
            Ok(Found::Nothing) => Probe::Absent,
            Ok(Found::Unlisted) | Err(_) => Probe::CannotTell,
        }
    }

    /// Many sites give out tokens that say themselves until when they are good.
    async fn examine_names(&self, how: &Examination) -> Vec<Diagnosis> {
        let until = expiry::of_jwt(self.token.expose_secret());
        let forecast = |until: Timestamp| {
            expiry::forecast(
                "micropub: token's end",
                until.duration_since(how.now),
                "make a new token on the site",
            )
        };
        until.map(forecast).into_iter().collect()
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let what = "micropub: endpoint".to_owned();
        vec![match self.media_endpoint(Timestamp::UNIX_EPOCH).await {
            Ok(media) => {
                let seen =
                    if media.is_some() { "takes posts and pictures" } else { "takes posts, no pictures" };
                Diagnosis { what, good: true, seen: seen.to_owned(), hint: None }
            }
            Err(failure) => Diagnosis {
                what,
                good: false,
                seen: failure.to_string(),
                hint: Some("look at the channel's `endpoint` and `token` (create, update, media)".to_owned()),
            },
        }]
    }
}

#[cfg(test)]
mod tests;
