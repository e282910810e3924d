//! A room on Matrix (spec.matrix.org/latest/client-server-api).
//!
//! Each event is sent under a name of ours (`txnId`), by which a server knows a repetition for some time. Each also
//! carries the delivery's key, by which it is found among the room's messages. A correction replaces the text, a kill replaces it by the
//! notice and removes the picture, a hold is an answer. Rooms must not be encrypted: we have no keys.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::http::{Answer, Client, Lost, below};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};
use crate::language::Language;
use crate::release::Notice;
use crate::render::{Asset, Chat};

/// Where an event carries the delivery's key.
const KEY: &str = "dateline.delivery";
/// How far the server's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);
/// How many pages of the room's messages are looked at.
const PAGES: usize = 10;

/// A room on Matrix.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MatrixConfig {
    /// The account's homeserver: `https://matrix.halden.example`.
    pub server: String,
    /// The account's access token.
    pub token: SecretRef,
    /// The room's id: `!abc:halden.example`. The account has joined it.
    pub room: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(
    MatrixConfig,
    secrets(token),
    addresses(server),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        if self.room.starts_with('!') && self.room.len() <= 255 {
            return Vec::new();
        }
        vec![(
            "room",
            "this is no id of a room",
            "write it as the room's settings show it: `\"!abc:halden.example\"`",
        )]
    }
);

/// A room on Matrix.
pub struct Matrix {
    client: Client,
    server: Url,
    token: SecretString,
    room: String,
}

#[derive(Deserialize)]
struct Sent {
    event_id: String,
}

#[derive(Deserialize)]
struct Page {
    chunk: Vec<Event>,
    end: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(default, rename = "event_id")]
    id: String,
    #[serde(default)]
    origin_server_ts: i64,
    #[serde(default)]
    content: Value,
}

impl Adapter for Matrix {
    type Config = MatrixConfig;

    fn open(config: &MatrixConfig, setup: &Setup<'_>) -> Result<Matrix, String> {
        let server: Url = config
            .server
            .parse()
            .map_err(|error| format!("the channel's `server` is no address: {error}"))?;
        let client = Client::trusted(&server, setup.patience)?;
        let token = setup.needed("token")?;
        client.hide(token.expose_secret());
        Ok(Matrix { client, server, token, room: config.room.clone() })
    }
}

impl Matrix {
    fn request(&self, method: Method, steps: &[&str]) -> reqwest::RequestBuilder {
        let mut url = below(&self.server, "_matrix");
        if let Ok(mut path) = url.path_segments_mut() {
            path.extend(steps);
        }
        self.client.request(method, url).bearer_auth(self.token.expose_secret())
    }

    fn room(&self, method: Method, steps: &[&str]) -> reqwest::RequestBuilder {
        self.request(method, &[&["client", "v3", "rooms", &self.room], steps].concat())
    }

    /// Sends an event under a name of ours.
    async fn send(&self, content: &Value, name: &str, now: Timestamp) -> Result<String, Failure> {
        let request = self.room(Method::PUT, &["send", "m.room.message", name]).json(content);
        let answer = self.client.send(request).await.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, now));
        }
        let sent: Sent = answer.json().map_err(|why| Failure::Unknown { reply: Reply::note(why) })?;
        if is_event(&sent.event_id) {
            return Ok(sent.event_id);
        }
        Err(Failure::Unknown { reply: Reply::note("the event's name is none") })
    }

    /// Uploads a picture. May be repeated: what no event names, nobody sees.
    async fn upload(&self, asset: &Asset, now: Timestamp) -> Result<String, Failure> {
        let mut request = self.request(Method::POST, &["media", "v3", "upload"]);
        request = request.header("content-type", &asset.media_type).body(asset.bytes.to_vec());
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(refusal(&answer, now).repeatable(answer.wait(now)));
        }
        let said: Value = answer.json().map_err(Failure::again)?;
        let uri = said["content_uri"].as_str().filter(|uri| uri.starts_with("mxc://"));
        uri.map(str::to_owned).ok_or_else(|| Failure::again("the answer names no picture"))
    }

    /// Takes an event's content away. May be repeated.
    async fn redact(&self, event: &str, parcel: &Parcel) -> Result<(), Failure> {
        let name = format!("{}-redact", parcel.wire_key);
        let request = self.room(Method::PUT, &["redact", event, &name]).json(&json!({}));
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if answer.good() || answer.status == 404 {
            Ok(())
        } else {
            Err(refusal(&answer, parcel.now).repeatable(answer.wait(parcel.now)))
        }
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let since = parcel.due.checked_sub(SKEW).unwrap_or(parcel.due).as_millisecond();
        let mut from: Option<String> = None;
        for _ in 0..PAGES {
            let request = self.room(Method::GET, &["messages"]);
            let (client, built) = request.build_split();
            let mut built = built.map_err(|error| Failure::again(error.without_url().to_string()))?;
            built.url_mut().query_pairs_mut().append_pair("dir", "b").append_pair("limit", "100");
            if let Some(from) = &from {
                built.url_mut().query_pairs_mut().append_pair("from", from);
            }
            let request = reqwest::RequestBuilder::from_parts(client, built);
            let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
            if !answer.good() {
                return Err(refusal(&answer, parcel.now).repeatable(answer.wait(parcel.now)));
            }
            let page: Page = answer.json().map_err(Failure::again)?;
            let ours = |event: &&Event| event.content[KEY] == parcel.wire_key.as_str() && is_event(&event.id);
            if let Some(event) = page.chunk.iter().find(ours) {
                // An edit's own name is nothing; what it edited keeps its name.
                let edited = event.content.pointer("/m.relates_to/event_id").and_then(Value::as_str);
                let id = edited.unwrap_or(&event.id).to_owned();
                return Ok(Probe::Arrived(receipt(&id, None, "found in the room")));
            }
            let old = page.chunk.iter().any(|event| event.origin_server_ts < since);
            match page.end {
                Some(end) if !old && !page.chunk.is_empty() => from = Some(end),
                _ => return Ok(Probe::Absent),
            }
        }
        Ok(Probe::CannotTell)
    }
}

/// What an answer means that is not 2xx (spec.matrix.org/latest/client-server-api/#standard-error-response): 401, 403 and 404 speak of
/// the token, of the account's rights in the room, and of the room; `M_TOO_LARGE` and the like of the message.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match answer.failure(now) {
        Failure::Refused { reply, .. } if answer.status == 404 => Failure::HoldChannel { reply },
        Failure::Later { reply, retry_after: None } => {
            let said: Value = answer.json().unwrap_or_default();
            let wait = said["retry_after_ms"]
                .as_u64()
                .map(|ms| std::time::Duration::from_millis(ms.clamp(1_000, 86_400_000)));
            Failure::Later { reply, retry_after: wait }
        }
        other => other,
    }
}

/// Whether `id` can be an event's, and stand in an address.
fn is_event(id: &str) -> bool {
    id.len() <= 255
        && id
            .strip_prefix('$')
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic() && b != b','))
}

/// The text as an event: plain, and as the little HTML that rooms show. Nobody is called by it.
fn text(chat: &Chat, key: &str) -> Value {
    let paragraphs: String = chat.paragraphs().map(|text| format!("<p>{}</p>", escaped(text))).collect();
    let link = |url| format!("<p><a href=\"{}\">{}</a></p>", escaped(url), escaped(&chat.more));
    let link = chat.link().map(link).unwrap_or_default();
    let html = format!("<p><strong>{}</strong></p>{paragraphs}{link}", escaped(&chat.headline()));
    json!({
        "msgtype": "m.text",
        "body": chat.plain(),
        "format": "org.matrix.custom.html",
        "formatted_body": html,
        "m.mentions": {},
        KEY: key,
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn receipt(text: &str, picture: Option<&str>, words: &str) -> Receipt {
    let id = picture.map_or_else(|| text.to_owned(), |picture| format!("{text},{picture}"));
    Receipt { remote_id: Some(id), url: None, reply: Reply::note(words) }
}

#[async_trait]
impl Channel for Matrix {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (chat, picture) = parcel.chat()?;
        let known: Vec<&str> =
            parcel.previous_id().unwrap_or_default().split(',').filter(|id| is_event(id)).collect();
        let mut content = text(chat, &parcel.wire_key);
        gate.begin().await?;
        let key = &parcel.wire_key;
        let Some(&event) = known.first() else {
            // The picture is taken in first, so that the room does not wait for it between the two.
            let uploaded = match picture {
                Some(asset) => Some((asset, self.upload(asset, parcel.now).await?)),
                None => None,
            };
            let text = self.send(&content, &format!("{key}-text"), parcel.now).await?;
            let Some((asset, uri)) = uploaded else { return Ok(receipt(&text, None, "posted")) };
            let image = json!({
                "msgtype": "m.image",
                "body": asset.alt,
                "url": uri,
                "info": { "mimetype": asset.media_type, "size": asset.bytes.len() },
            });
            // What people came for is there; that the picture is missing is no reason to say it again.
            let image = self.send(&image, &format!("{key}-image"), parcel.now).await.ok();
            return Ok(receipt(&text, image.as_deref(), "posted"));
        };
        if parcel.notice == Notice::Hold {
            content["m.relates_to"] = json!({ "m.in_reply_to": { "event_id": event } });
            let answer = self.send(&content, &format!("{key}-text"), parcel.now).await?;
            return Ok(parcel.still(receipt(&answer, None, "answered")));
        }
        let mut edit = content.clone();
        edit["body"] = json!(format!("* {}", chat.plain()));
        edit["m.new_content"] = content;
        edit["m.relates_to"] = json!({ "rel_type": "m.replace", "event_id": event });
        self.send(&edit, &format!("{key}-text"), parcel.now).await?;
        let picture = known.get(1).copied();
        if let (Notice::Kill, Some(picture)) = (parcel.notice, picture) {
            self.redact(picture, parcel).await?;
            return Ok(receipt(event, None, "replaced by the notice"));
        }
        Ok(receipt(event, picture, "edited"))
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        // A kill that broke off may have left the picture: doing it all again does no harm.
        if parcel.notice == Notice::Kill && parcel.previous_id().is_some() {
            return Probe::Absent;
        }
        self.look(parcel).await.unwrap_or(Probe::CannotTell).map(|receipt| parcel.still(receipt))
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let ask = async |request: reqwest::RequestBuilder| match self
            .client
            .send(request)
            .await
            .map_err(Lost::repeatable)
        {
            Ok(answer) if answer.good() => Ok(answer.json::<Value>().unwrap_or_default()),
            Ok(answer) => Err(refusal(&answer, Timestamp::UNIX_EPOCH)),
            Err(failure) => Err(failure),
        };
        let one = |what: &str, good: bool, seen: String, hint: &str| Diagnosis {
            what: format!("matrix: {what}"),
            good,
            seen,
            hint: (!good).then(|| hint.to_owned()),
        };
        let account = ask(self.request(Method::GET, &["client", "v3", "account", "whoami"])).await;
        let hint = "make a new access token for the account";
        let mut seen = vec![match &account {
            Ok(said) => one("account", true, said["user_id"].as_str().unwrap_or("?").to_owned(), hint),
            Err(failure) => one("account", false, failure.to_string(), hint),
        }];
        let joined = ask(self.request(Method::GET, &["client", "v3", "joined_rooms"])).await;
        let member = joined.as_ref().is_ok_and(|said| {
            said["joined_rooms"]
                .as_array()
                .is_some_and(|rooms| rooms.iter().any(|room| *room == self.room.as_str()))
        });
        let words = if member { "joined" } else { "the account is not in it" };
        seen.push(one("room", member, words.to_owned(), "invite the account to the room and let it join"));
        if member && ask(self.room(Method::GET, &["state", "m.room.encryption"])).await.is_ok() {
            let hint = "use a room without encryption; it cannot be switched off in this one";
            seen.push(one("room", false, "the room is encrypted, and we have no keys".to_owned(), hint));
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::scripted::{Act, Asked, Counting, Scripted};
    use crate::channel::suite::room::{self, follow, message, shown, with_picture};

    fn taken(asked: &Asked) -> Act {
        match asked.path.split('/').nth(2) {
            Some("media") => Act::json(200, &json!({ "content_uri": "mxc://halden.example/picture" })),
            _ if asked.path.ends_with("-image") => Act::json(200, &json!({ "event_id": "$image" })),
            _ => Act::json(200, &json!({ "event_id": "$text" })),
        }
    }

    async fn bench() -> (Scripted, Box<dyn Channel>) {
        let server = Scripted::start(|asked, _| taken(asked)).await;
        let channel = room::MATRIX.open(&server.url);
        (server, channel)
    }

    #[tokio::test]
    async fn a_picture_comes_after_the_words_and_goes_with_a_kill() {
        let (server, channel) = bench().await;
        let outcome = shown(&channel.deliver(&with_picture(), &Counting::open()).await);
        assert_eq!(outcome, "sent $text,$image");
        let asked = server.asked();
        assert_eq!(asked[2].json()["body"], "The Aster EV on a coast road");
        let kill = follow(message(), Notice::Kill, "$text,$image");
        assert_eq!(shown(&channel.deliver(&kill, &Counting::open()).await), "sent $text");
        let asked = server.asked();
        let edit = asked[3].json();
        assert_eq!(edit["m.relates_to"], json!({ "rel_type": "m.replace", "event_id": "$text" }));
        assert_eq!(edit["m.new_content"]["body"], message().chat().unwrap().0.plain());
        assert!(asked[4].path.contains("/redact/$image/"), "{}", asked[4].path);
    }

    #[tokio::test]
    async fn a_message_whose_answer_was_lost_is_found_in_the_room() {
        let event = |key: &str, at: &str| {
            let at: Timestamp = at.parse().unwrap();
            json!({"event_id": "$e", "origin_server_ts": at.as_millisecond(), "content": {KEY: key}})
        };
        let ours = || event(&message().wire_key, "2026-12-01T08:00:01Z");
        let other = || event("another", "2026-12-01T08:00:01Z");
        let old = || event("another", "2026-11-30T08:00:01Z");
        let found = Probe::Arrived(receipt("$e", None, "found in the room"));
        for (first, second, expected) in [
            (json!({"chunk": [other(), ours()]}), json!({}), found.clone()),
            (json!({"chunk": [other()], "end": "t2"}), json!({"chunk": [ours()]}), found),
            (json!({"chunk": [other()], "end": "t2"}), json!({"chunk": [old()], "end": "t3"}), Probe::Absent),
            (json!({"chunk": []}), json!({}), Probe::Absent),
            (json!({"chunk": [other()], "end": "t2"}), json!({}), Probe::CannotTell),
            (
                json!({"chunk": [other()], "end": "t2"}),
                json!({"chunk": [other()], "end": "t2"}),
                Probe::CannotTell,
            ),
        ] {
            let server = Scripted::start(move |asked, _| {
                Act::json(200, if asked.path.contains("from=t2") { &second } else { &first })
            })
            .await;
            assert_eq!(room::MATRIX.open(&server.url).probe(&message()).await, expected);
        }
    }
}
