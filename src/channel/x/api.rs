//! The calls of X's API that we use.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

use super::XConfig;
use crate::channel::adapter::Setup;
use crate::channel::hook::alt;
use crate::channel::http::{self, Answer, Client, Lost, Patience, below};
use crate::channel::oauth::{Login, Renewal};
use crate::channel::timeline::{Account, Draft, Seen, Standing, Uploads};
use crate::channel::{Diagnosis, Failure, Parcel, Reply, refused};
use crate::render::Asset;

/// How many bytes of a picture go in one request (docs.x.com/x-api/media/quickstart/media-upload-chunked: 5 MB at the most).
const CHUNK: usize = 4_000_000;
/// The most bytes of a picture, and of one that moves (docs.x.com/x-api/media/quickstart/best-practices).
const PICTURE: usize = 5_000_000;
const MOVING: usize = 15_000_000;
/// The most pages of the account's posts that are looked at; each holds a hundred.
const PAGES: usize = 10;
/// How often a picture that is being processed is asked for, and how long between two times.
const LOOKS: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(500);
/// What is asked of a post: all that makes its text what it was.
const FIELDS: &str = "created_at,entities,note_tweet";

/// The API, seen by one account.
pub struct Api {
    client: Client,
    endpoint: Url,
    login: Login,
    account: OnceCell<Me>,
    uploads: Uploads,
    patience: Patience,
}

#[derive(Debug, Clone, Deserialize)]
struct Me {
    id: String,
    username: String,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    data: Vec<Tweet>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Default, Deserialize)]
struct Meta {
    next_token: Option<String>,
}

#[derive(Deserialize)]
struct Tweet {
    id: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    entities: Entities,
    #[serde(rename = "note_tweet")]
    note: Option<Note>,
}

/// The whole of a text that is longer than 280.
#[derive(Deserialize)]
struct Note {
    text: String,
    #[serde(default)]
    entities: Entities,
}

#[derive(Default, Deserialize)]
struct Entities {
    #[serde(default)]
    urls: Vec<Link>,
}

#[derive(Deserialize)]
struct Link {
    url: String,
    expanded_url: Option<String>,
    media_key: Option<String>,
}

impl Api {
    pub fn open(config: &XConfig, setup: &Setup<'_>) -> Result<Api, String> {
        let endpoint: Url = config
            .endpoint
            .parse()
            .map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let login = Login::renewed(Renewal {
            endpoint: below(&endpoint, "2/oauth2/token"),
            client_id: config.client_id.clone(),
            client_secret: setup.secrets.get("client_secret"),
            refresh: setup.needed("refresh_token")?,
            kept: Some(setup.root.join(&config.tokens)),
            basic: true,
        });
        let (account, uploads) = (OnceCell::new(), Uploads::default());
        Ok(Api { client, endpoint, login, account, uploads, patience: setup.patience })
    }

    fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = below(&self.endpoint, path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn send(
        &self,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
    ) -> Result<Result<Answer, Lost>, Failure> {
        self.login.send(&self.client, now, request).await
    }

    /// A request that may be repeated at will; nothing where its thing is not there.
    async fn ask(
        &self,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
    ) -> Result<Option<Answer>, Failure> {
        self.login.ask(&self.client, now, request, refusal).await
    }

    async fn post(&self, path: &str, body: &Value, now: Timestamp) -> Result<Answer, Failure> {
        let request = || Ok(self.client.request(Method::POST, self.at(path, &[])).json(body));
        self.ask(now, request).await?.ok_or_else(|| Failure::again("X does not know the picture"))
    }

    async fn me(&self, now: Timestamp) -> Result<&Me, Failure> {
        let look = || async {
            let request = || Ok(self.client.request(Method::GET, self.at("2/users/me", &[])));
            let answer = self.ask(now, request).await?;
            let answer = answer.ok_or_else(|| Failure::HoldChannel {
                reply: Reply::new(404, None, "there is no API of X at the channel's `endpoint`"),
            })?;
            let me = answer.json::<Data<Me>>().map_err(Failure::again)?.data;
            let named = me.username.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if is_id(&me.id) && named { Ok(me) } else { Err(Failure::again("the account's id is none")) }
        };
        self.account.get_or_try_init(look).await
    }

    fn standing_of(me: &Me, tweet: Tweet) -> Standing {
        let url = Some(format!("https://x.com/{}/status/{}", me.username, tweet.id));
        let (text, entities) = match tweet.note {
            Some(note) => (note.text, note.entities),
            None => (tweet.text, tweet.entities),
        };
        Standing { id: tweet.id, text: written(&text, &entities), url }
    }

    /// Whether a picture has been processed.
    async fn processed(&self, said: &Value, id: &str, now: Timestamp) -> Result<bool, Failure> {
        match said.pointer("/data/processing_info/state").and_then(Value::as_str) {
            None | Some("succeeded") => Ok(true),
            Some("failed") => {
                self.uploads.forget(id);
                let why = said.pointer("/data/processing_info/error/message").and_then(Value::as_str);
                Err(refused(format!("X cannot process the picture: {}", why.unwrap_or("no reason given"))))
            }
            Some(_) => {
                tokio::time::sleep(BETWEEN).await;
                let query = [("command", "STATUS"), ("media_id", id)];
                let request = || Ok(self.client.request(Method::GET, self.at("2/media/upload", &query)));
                let answer = self.ask(now, request).await?;
                let answer = answer.ok_or_else(|| Failure::again("X has lost the picture"))?;
                let said: Value = answer.json().map_err(Failure::again)?;
                let state = said.pointer("/data/processing_info/state").and_then(Value::as_str);
                Ok(matches!(state, None | Some("succeeded")))
            }
        }
    }

    async fn send_bytes(&self, asset: &Asset, now: Timestamp) -> Result<(String, Value), Failure> {
        let moves = asset.media_type == "image/gif";
        let (category, most) = if moves { ("tweet_gif", MOVING) } else { ("tweet_image", PICTURE) };
        if asset.bytes.len() > most {
            let size = asset.bytes.len();
            return Err(refused(format!("{} has {size} bytes, and X takes {most}", asset.name)));
        }
        let begin = json!({
            "media_type": asset.media_type, "total_bytes": asset.bytes.len(), "media_category": category,
        });
        let answer = self.post("2/media/upload/initialize", &begin, now).await?;
        let id = answer.json::<Data<Named>>().map_err(Failure::again)?.data.id;
        if !is_id(&id) {
            return Err(Failure::again("the picture's id is none"));
        }
        for (at, chunk) in asset.bytes.chunks(CHUNK).enumerate() {
            let request = || {
                let part = Part::bytes(chunk.to_vec()).file_name("picture");
                let form = Form::new().text("segment_index", at.to_string()).part("media", part);
                let url = self.at(&format!("2/media/upload/{id}/append"), &[]);
                Ok(self.client.request(Method::POST, url).multipart(form))
            };
            self.ask(now, request).await?.ok_or_else(|| Failure::again("X has lost the picture"))?;
        }
        if !asset.alt.is_empty() {
            let body = json!({ "id": id, "metadata": { "alt_text": { "text": alt(&asset.alt) } } });
            self.post("2/media/metadata", &body, now).await?;
        }
        let ended = self.post(&format!("2/media/upload/{id}/finalize"), &json!({}), now).await?;
        Ok((id, ended.json().map_err(Failure::again)?))
    }

    /// The account, and whether its tokens can be kept.
    pub async fn examine(&self) -> Diagnosis {
        let what = "x: account".to_owned();
        let hint = |words: &str| Some(words.to_owned());
        let now = match http::date(self.endpoint.clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(seen) => {
                return Diagnosis { what, good: false, seen, hint: hint("look at the channel's `endpoint`") };
            }
        };
        match self.me(now).await {
            Ok(me) => Diagnosis { what, good: true, seen: format!("@{}", me.username), hint: None },
            Err(failure) => {
                let hint = hint(
                    "log in again for a new `refresh_token`; the folder of `tokens` must be Dateline's to write in",
                );
                Diagnosis { what, good: false, seen: failure.to_string(), hint }
            }
        }
    }
}

#[async_trait]
impl Account for Api {
    fn is_id(&self, id: &str) -> bool {
        is_id(id)
    }

    async fn newest(&self, since: Timestamp, now: Timestamp) -> Result<Seen, Failure> {
        let me = self.me(now).await?;
        let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let path = format!("2/users/{}/tweets", me.id);
        let (mut seen, mut next) = (Seen::default(), None::<String>);
        for _ in 0..PAGES {
            let mut query = vec![("max_results", "100"), ("start_time", &since), ("tweet.fields", FIELDS)];
            query.extend(next.as_deref().map(|next| ("pagination_token", next)));
            let request = || Ok(self.client.request(Method::GET, self.at(&path, &query)));
            let Some(answer) = self.ask(now, request).await? else { return Ok(seen) };
            let page: Page = answer.json().map_err(Failure::again)?;
            seen.posts.extend(page.data.into_iter().map(|tweet| Api::standing_of(me, tweet)));
            next = page.meta.next_token;
            if next.is_none() {
                seen.whole = true;
                break;
            }
        }
        Ok(seen)
    }

    async fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Standing>, Failure> {
        let me = self.me(now).await?;
        let url = self.at(&format!("2/tweets/{id}"), &[("tweet.fields", FIELDS)]);
        let request = || Ok(self.client.request(Method::GET, url.clone()));
        let Some(answer) = self.ask(now, request).await? else { return Ok(None) };
        let said: Value = answer.json().map_err(Failure::again)?;
        // A post that is gone is a 200 with `errors` and without `data`.
        let Some(data) = said.get("data").filter(|data| data.is_object()) else { return Ok(None) };
        let tweet = serde_json::from_value(data.clone())
            .map_err(|error| Failure::again(format!("the answer cannot be read: {error}")))?;
        Ok(Some(Api::standing_of(me, tweet)))
    }

    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure> {
        let key = Uploads::key(asset);
        let (id, mut said) = match self.uploads.known(key) {
            Some(id) => (id, json!({ "data": { "processing_info": { "state": "pending" } } })),
            None => self.send_bytes(asset, parcel.now).await?,
        };
        self.uploads.note(key, &id);
        for _ in 0..LOOKS {
            if self.processed(&said, &id, parcel.now).await.inspect_err(|_| self.uploads.forget(&id))? {
                return Ok(id);
            }
            said = json!({ "data": { "processing_info": { "state": "pending" } } });
        }
        let reply = Reply::note(format!("{} is still being processed there", asset.name));
        Err(Failure::Later { reply, retry_after: Some(Duration::from_secs(10)) })
    }

    async fn create(&self, draft: Draft<'_>, parcel: &Parcel) -> Result<Standing, Failure> {
        let me = self.me(parcel.now).await?;
        let mut body = json!({ "text": draft.post.text });
        if !draft.pictures.is_empty() {
            let ids: Vec<&str> = draft.pictures.iter().map(|(_, id)| id.as_str()).collect();
            body["media"] = json!({ "media_ids": ids });
            // A picture serves one post.
            for id in ids {
                self.uploads.forget(id);
            }
        }
        if let Some(id) = draft.answers {
            body["reply"] = json!({ "in_reply_to_tweet_id": id });
        }
        let request = || Ok(self.client.request(Method::POST, self.at("2/tweets", &[])).json(&body));
        let answer = self.send(parcel.now, request).await?.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, parcel.now));
        }
        // It was taken, so what cannot be read must be looked up.
        let unknown = |why: String| Failure::Unknown { reply: Reply::note(why) };
        let id = answer.json::<Data<Named>>().map_err(unknown)?.data.id;
        if !is_id(&id) {
            return Err(unknown("the id of the post is none".to_owned()));
        }
        let url = Some(format!("https://x.com/{}/status/{id}", me.username));
        Ok(Standing { id, text: draft.post.text.clone(), url })
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let request = || Ok(self.client.request(Method::DELETE, self.at(&format!("2/tweets/{id}"), &[])));
        let Some(answer) = self.ask(now, request).await? else { return Ok(()) };
        let said: Value = answer.json().map_err(Failure::again)?;
        if said.pointer("/data/deleted") == Some(&Value::Bool(true))
            || self.standing(id, now).await?.is_none()
        {
            return Ok(());
        }
        Err(refused(format!("X has not deleted post {id}: delete it by hand")))
    }
}

/// Whether `id` can be one: digits alone.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// A text as it was written: with the addresses for which X has put its own, without those of its pictures.
fn written(text: &str, entities: &Entities) -> String {
    let mut text = text.to_owned();
    for link in entities.urls.iter().filter(|link| !link.url.is_empty()) {
        let meant = match (&link.media_key, &link.expanded_url) {
            (None, Some(meant)) => meant,
            _ => "",
        };
        text = text.replacen(&link.url, meant, 1);
    }
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// What an answer means that is not 2xx (docs.x.com/x-api/fundamentals/response-codes-and-errors). 402 is an account without
/// credits, and 403 speaks of our rights or our money; only "duplicate content" says that the post may stand there already.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    let reply = answer.reply();
    match answer.status {
        402 => Failure::HoldChannel { reply },
        403 if reply.text.to_lowercase().contains("duplicate") => Failure::Unknown { reply },
        // Nothing is at fault with one delivery: the account may post again at the time that X names.
        429 => Failure::PauseChannel { reply, retry_after: answer.wait(now) },
        _ => answer.failure(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        fn check(text: &str, urls: Value, expected: &str) {
            let entities: Entities = serde_json::from_value(json!({ "urls": urls })).unwrap();
            assert_eq!(written(text, &entities), expected);
        }
        let link = |url: &str, meant: &str| json!({ "url": url, "expanded_url": meant });
        check("It goes 620 km", json!([]), "It goes 620 km");
        check("R&amp;D &lt;3 &amp;lt;", json!([]), "R&D <3 &lt;");
        check(
            "Read https://t.co/a and https://t.co/b",
            json!([
                link("https://t.co/a", "https://news.halden.example/a/"),
                link("https://t.co/b", "https://h.example/")
            ]),
            "Read https://news.halden.example/a/ and https://h.example/",
        );
        let picture = json!({ "url": "https://t.co/p", "expanded_url": "https://x.com/h/status/1/photo/1", "media_key": "3_1" });
        check("Look https://t.co/p", json!([picture]), "Look ");
    }
}
