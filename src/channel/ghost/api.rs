//! The calls of Ghost's Admin API that we use.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::channel::http::{self, Answer, Client, Lost, Patience, below};
use crate::channel::{Diagnosis, Failure, Reply, refused};
use crate::render::Asset;

/// How long a token is good: five minutes at the most (ghost.org/docs/admin-api/#token-generation).
const LIFE: i64 = 290;

/// The site, seen by one integration.
pub struct Api {
    client: Client,
    site: Url,
    id: String,
    key: hmac::Key,
    patience: Patience,
}

/// A post, as far as we look at it.
#[derive(Debug, Clone, Deserialize)]
pub struct Post {
    pub id: String,
    pub status: String,
    pub updated_at: String,
    #[serde(default)]
    pub url: String,
}

#[derive(Deserialize)]
struct Posts {
    posts: Vec<Post>,
}

/// Whether `id` can be a post's: an ObjectId.
pub fn is_id(id: &str) -> bool {
    id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl Api {
    pub fn open(site: &str, key: &SecretString, patience: Patience) -> Result<Api, String> {
        let site: Url =
            site.parse().map_err(|error| format!("the channel's `url` is no address: {error}"))?;
        let client = Client::trusted(&site, patience)?;
        let wrong = || "the key of a Ghost integration is `ID:SECRET`, both in hexadecimal".to_owned();
        let (id, secret) = key.expose_secret().split_once(':').ok_or_else(wrong)?;
        let bytes = unhex(secret).filter(|bytes| bytes.len() >= 16).ok_or_else(wrong)?;
        client.hide(key.expose_secret());
        client.hide(secret);
        Ok(Api { client, site, id: id.to_owned(), key: hmac::Key::new(hmac::HMAC_SHA256, &bytes), patience })
    }

    /// A token for requests around `now`.
    fn token(&self, now: Timestamp) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(&json!({ "alg": "HS256", "typ": "JWT", "kid": self.id }));
        let claims =
            part(&json!({ "iat": now.as_second(), "exp": now.as_second() + LIFE, "aud": "/admin/" }));
        let signed = format!("{head}.{claims}");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes())))
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        now: Timestamp,
    ) -> reqwest::RequestBuilder {
        let mut url = below(&self.site, &format!("ghost/api/admin/{path}"));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let token = self.token(now);
        self.client.hide(&token);
        self.client
            .request(method, url)
            .header("authorization", format!("Ghost {token}"))
            .header("accept-version", "v5.0")
    }

    /// Every post with this internal tag, whatever its status.
    pub async fn find(&self, tag: &str, now: Timestamp) -> Result<Vec<Post>, Failure> {
        let filter = format!("tag:hash-{tag}");
        let query = [("filter", filter.as_str()), ("limit", "5"), ("formats", "html")];
        let answer = self
            .client
            .send(self.request(Method::GET, "posts/", &query, now))
            .await
            .map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(refusal(&answer, now).repeatable(answer.wait(now)));
        }
        answer.json::<Posts>().map(|found| found.posts).map_err(Failure::again)
    }

    /// A post, if it stands.
    pub async fn post(&self, id: &str, now: Timestamp) -> Result<Option<Post>, Failure> {
        let request = self.request(Method::GET, &format!("posts/{id}/"), &[("formats", "html")], now);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 => answer.json::<Posts>().map(|mut found| found.posts.pop()).map_err(Failure::again),
            404 => Ok(None),
            _ => Err(refusal(&answer, now).repeatable(answer.wait(now))),
        }
    }

    /// Makes a post. What becomes of a lost answer is unknown.
    pub async fn create(&self, post: &Value, now: Timestamp) -> Result<Post, Failure> {
        self.write(Method::POST, "posts/", post, now).await
    }

    /// Changes the version of a post that `post` names in `updated_at`.
    pub async fn update(&self, id: &str, post: &Value, now: Timestamp) -> Result<Post, Failure> {
        self.write(Method::PUT, &format!("posts/{id}/"), post, now).await
    }

    async fn write(&self, method: Method, path: &str, post: &Value, now: Timestamp) -> Result<Post, Failure> {
        let request =
            self.request(method, path, &[("source", "html")], now).json(&json!({ "posts": [post] }));
        let answer = self.client.send(request).await.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, now));
        }
        // It was done, so what cannot be read must be looked up.
        let read = answer.json::<Posts>().ok().and_then(|mut found| found.posts.pop());
        read.filter(|post| is_id(&post.id))
            .ok_or_else(|| Failure::Unknown { reply: Reply::note("the answer names no post") })
    }

    /// Uploads a picture and gives its address. May be repeated: what no post shows, nobody finds.
    pub async fn upload(&self, asset: &Asset, name: &str, now: Timestamp) -> Result<String, Failure> {
        let end = asset.name.rsplit('.').next().unwrap_or("bin");
        let part = Part::bytes(asset.bytes.to_vec())
            .file_name(format!("{name}.{end}"))
            .mime_str(&asset.media_type)
            .map_err(|_| refused(format!("{}: `{}` is no media type", asset.name, asset.media_type)))?;
        let form = Form::new().part("file", part).text("purpose", "image");
        let request = self.request(Method::POST, "images/upload/", &[], now).multipart(form);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(refusal(&answer, now).repeatable(answer.wait(now)));
        }
        let said: Value = answer.json().map_err(Failure::again)?;
        let url = said.pointer("/images/0/url").and_then(Value::as_str);
        url.map(str::to_owned).ok_or_else(|| Failure::again("the answer names no picture"))
    }

    /// Whether the key is good and may see posts. A token must be of the site's time, so that is asked for.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let what = "ghost: key".to_owned();
        let hint = || Some("make a custom integration and take its Admin API key".to_owned());
        let now = match http::date(self.site.clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(why) => {
                let hint = Some("look at the channel's `url`".to_owned());
                return vec![Diagnosis { what, good: false, seen: why, hint }];
            }
        };
        let answer = self.client.send(self.request(Method::GET, "posts/", &[("limit", "1")], now)).await;
        vec![match answer.map_err(Lost::repeatable) {
            Ok(answer) if answer.good() => {
                Diagnosis { what, good: true, seen: "posts can be read".to_owned(), hint: None }
            }
            Ok(answer) => {
                Diagnosis { what, good: false, seen: refusal(&answer, now).to_string(), hint: hint() }
            }
            Err(failure) => Diagnosis { what, good: false, seen: failure.to_string(), hint: hint() },
        }]
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// What an answer means that is not 2xx (ghost.org/docs/admin-api/#errors). 409 is an edit that met another one: the next
/// attempt reads the post again. 404 is an address without the API.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match answer.status {
        409 => Failure::Later { reply: answer.reply(), retry_after: None },
        404 => Failure::HoldChannel { reply: answer.reply() },
        _ => answer.failure(now),
    }
}
