//! A Telegram channel or group, as a bot (core.telegram.org/bots/api).
//!
//! A message has a name: a correction edits it, a kill turns it into the notice (and takes the picture away, by posting the notice
//! and deleting the message), a hold is an answer to it. Bots cannot look at what they wrote, so whether a message arrived
//! whose answer was lost is known to readers alone.

use std::time::Duration;

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
use super::config::{Limits, OnUnknown, SecretRef};
use super::hook::cut;
use super::http::{Answer, Client, Lost, below};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::language::Language;
use crate::release::Notice;
use crate::render::{Asset, Chat};

/// The most characters of a message, and of what stands below a picture.
const TEXT: usize = 4_096;
const CAPTION: usize = 1_024;
/// The most bytes of a picture (core.telegram.org/bots/api#sending-files).
const PICTURE: usize = 10_000_000;

/// A channel or group of Telegram.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TelegramConfig {
    /// The bot's token, as BotFather gave it.
    pub token: SecretRef,
    /// Where it writes: `@haldenmotors`, or the number of a private channel or group.
    pub room: String,
    /// Another address of the API, such as that of a server of your own.
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
    "https://api.telegram.org".to_owned()
}

settings!(
    TelegramConfig,
    secrets(token),
    addresses(endpoint),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let name = self.room.strip_prefix('@').is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if name || self.room.parse::<i64>().is_ok() {
            return Vec::new();
        }
        vec![(
            "room",
            "this is no channel of Telegram",
            "write `\"@name\"`, or the number of a private channel in quotation marks",
        )]
    }
);

/// A bot in a channel or group.
pub struct Telegram {
    client: Client,
    endpoint: Url,
    token: SecretString,
    room: String,
}

#[derive(Deserialize)]
struct Said<T> {
    ok: bool,
    result: Option<T>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "message_id")]
    id: u64,
    chat: Room,
    /// There where it has a picture.
    photo: Option<Value>,
}

#[derive(Deserialize)]
struct Room {
    username: Option<String>,
}

impl Adapter for Telegram {
    type Config = TelegramConfig;

    fn open(config: &TelegramConfig, setup: &Setup<'_>) -> Result<Telegram, String> {
        let endpoint: Url = config
            .endpoint
            .parse()
            .map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let token = setup.needed("token")?;
        client.hide(token.expose_secret());
        // What stands before the colon is the bot's public number.
        token.expose_secret().split(':').skip(1).for_each(|secret| client.hide(secret));
        Ok(Telegram { client, endpoint, token, room: config.room.clone() })
    }
}

impl Telegram {
    fn request(&self, method: Method, call: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, below(&self.endpoint, &format!("bot{}/{call}", self.token.expose_secret())))
    }

    /// The message of `parcel`, to be sent.
    fn sending(&self, parcel: &Parcel) -> Result<reqwest::RequestBuilder, Failure> {
        let (chat, picture) = parcel.chat()?;
        let answered =
            parcel.previous_id().filter(|id| parcel.notice == Notice::Hold && message_id(id).is_some());
        let reply = answered
            .and_then(message_id)
            .map(|(id, _)| json!({ "message_id": id, "allow_sending_without_reply": true }));
        let Some(picture) = picture.filter(|picture| picture.bytes.len() <= PICTURE) else {
            let mut body = json!({ "chat_id": self.room, "text": text(chat, TEXT), "parse_mode": "HTML" });
            if let Some(reply) = reply {
                body["reply_parameters"] = reply;
            }
            return Ok(self.request(Method::POST, "sendMessage").json(&body));
        };
        let part = photo(picture)?;
        let mut form = Form::new()
            .text("chat_id", self.room.clone())
            .text("caption", text(chat, CAPTION))
            .text("parse_mode", "HTML")
            .part("photo", part);
        if let Some(reply) = reply {
            form = form.text("reply_parameters", reply.to_string());
        }
        Ok(self.request(Method::POST, "sendPhoto").multipart(form))
    }

    /// Edits the message of an earlier delivery; nothing if it is gone, or is of another kind than the new one. May be
    /// repeated: "message is not modified" says that it was done.
    async fn edit(&self, id: u64, pictured: bool, parcel: &Parcel) -> Result<Option<Receipt>, Failure> {
        let (chat, picture) = parcel.chat()?;
        if pictured && picture.is_none() {
            return Ok(None);
        }
        let (call, key, most) = if pictured {
            ("editMessageCaption", "caption", CAPTION)
        } else {
            ("editMessageText", "text", TEXT)
        };
        let body =
            json!({ "chat_id": self.room, "message_id": id, "parse_mode": "HTML", key: text(chat, most) });
        let answer =
            self.client.send(self.request(Method::POST, call).json(&body)).await.map_err(Lost::repeatable)?;
        let words = answer.reply().text;
        if answer.status == 400 && words.contains("message is not modified") {
            return Ok(Some(Receipt {
                remote_id: parcel.previous_id().map(str::to_owned),
                url: None,
                reply: Reply::note("edited"),
            }));
        }
        if answer.status == 400 && (words.contains("not found") || words.contains("can't be edited")) {
            return Ok(None);
        }
        if !answer.good() {
            return Err(refusal(&answer, parcel.now).repeatable(answer.wait(parcel.now)));
        }
        message(&answer).map(Some).map_err(Failure::again)
    }

    /// Deletes a message; one that is gone is gone, and one older than two days cannot be (core.telegram.org/bots/api#deletemessage).
    async fn delete(&self, id: u64, now: Timestamp) -> Result<(), Failure> {
        let body = json!({ "chat_id": self.room, "message_id": id });
        let answer = self
            .client
            .send(self.request(Method::POST, "deleteMessage").json(&body))
            .await
            .map_err(Lost::repeatable)?;
        if answer.good() || (answer.status == 400 && answer.reply().text.contains("not found")) {
            return Ok(());
        }
        Err(refusal(&answer, now).repeatable(answer.wait(now)))
    }
}

fn photo(picture: &Asset) -> Result<Part, Failure> {
    Part::bytes(picture.bytes.to_vec())
        .file_name("picture")
        .mime_str(&picture.media_type)
        .map_err(|_| refused(format!("{}: `{}` is no media type", picture.name, picture.media_type)))
}

/// The message in the little HTML that Telegram knows (core.telegram.org/bots/api#html-style), no longer than `most` characters;
/// they are counted without the marks.
fn text(chat: &Chat, most: usize) -> String {
    let headline = cut(&chat.headline(), 200);
    let left = most.saturating_sub(headline.encode_utf16().count() + chat.more.encode_utf16().count() + 10);
    let paragraphs = cut(&chat.paragraphs().collect::<Vec<_>>().join("\n\n"), left);
    let gap = if paragraphs.is_empty() { "" } else { "\n\n" };
    let link =
        |url| format!("\n\n<a href=\"{}\">{}</a>", escaped(url).replace('"', "&quot;"), escaped(&chat.more));
    let link = chat.link().map(link).unwrap_or_default();
    format!("<b>{}</b>{gap}{}{link}", escaped(&headline), escaped(&paragraphs))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Reads what [`message`] writes: the number, and whether the message has a picture.
fn message_id(id: &str) -> Option<(u64, bool)> {
    let (number, pictured) = id.strip_suffix("+photo").map_or((id, false), |number| (number, true));
    Some((number.parse().ok()?, pictured))
}

fn message(answer: &Answer) -> Result<Receipt, String> {
    let said: Said<Message> = answer.json()?;
    let Some(message) = said.result.filter(|_| said.ok) else {
        return Err("the answer names no message".to_owned());
    };
    let id = message.id;
    let remote_id = if message.photo.is_some() { format!("{id}+photo") } else { id.to_string() };
    let good = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let url = message.chat.username.filter(good).map(|name| format!("https://t.me/{name}/{id}"));
    Ok(Receipt { remote_id: Some(remote_id), url, reply: Reply::note("posted") })
}

/// What an answer means that is not 2xx (core.telegram.org/api/errors; core.telegram.org/bots/api#responseparameters). 404 is a token
/// that is none; a 400 that speaks of the chat or of rights is ours to mend, any other is the message's.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    let said: Value = answer.json().unwrap_or_default();
    let reply = answer.reply();
    match answer.status {
        404 => Failure::HoldChannel { reply },
        400 if ["chat not found", "not enough rights", "have no rights", "bot is not a member"]
            .iter()
            .any(|w| reply.text.contains(w)) =>
        {
            Failure::HoldChannel { reply }
        }
        429 => {
            let seconds = said["parameters"]["retry_after"]
                .as_u64()
                .map(|seconds| Duration::from_secs(seconds.clamp(1, 86_400)));
            Failure::Later { reply, retry_after: seconds.or_else(|| answer.wait(now)) }
        }
        400 => Failure::Refused { reply, suppress: false },
        _ => answer.failure(now),
    }
}

#[async_trait]
impl Channel for Telegram {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let sending = self.sending(parcel)?;
        let known = parcel.previous_id().and_then(message_id);
        gate.begin().await?;
        let known = known.filter(|_| matches!(parcel.notice, Notice::Correction | Notice::Kill));
        if let Some((id, pictured)) = known
            && let Some(receipt) = self.edit(id, pictured, parcel).await?
        {
            return Ok(receipt);
        }
        // The message with the picture goes first: if the notice were not taken, at least nothing withdrawn would stand there.
        if let Some((id, _)) = known.filter(|_| parcel.notice == Notice::Kill) {
            self.delete(id, parcel.now).await?;
        }
        let answer = self.client.send(sending).await.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, parcel.now));
        }
        let receipt = message(&answer).map_err(|why| Failure::Unknown { reply: Reply::note(why) })?;
        Ok(parcel.still(receipt))
    }

    async fn probe(&self, _: &Parcel) -> Probe {
        Probe::CannotTell
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let mut seen = Vec::new();
        for (what, call, hint) in [
            ("telegram: token", "getMe", "take the bot's token from BotFather"),
            ("telegram: channel", "getChat", "make the bot an administrator of the channel"),
        ] {
            let request = self.request(Method::POST, call).json(&json!({ "chat_id": self.room }));
            let found = match self.client.send(request).await.map_err(Lost::repeatable) {
                Ok(answer) if answer.good() => Ok(answer.json::<Value>().unwrap_or_default()),
                Ok(answer) => Err(refusal(&answer, Timestamp::UNIX_EPOCH)),
                Err(failure) => Err(failure),
            };
            seen.push(match found {
                Ok(said) => {
                    let result = &said["result"];
                    let name = result["username"].as_str().or(result["title"].as_str()).unwrap_or("?");
                    Diagnosis { what: what.to_owned(), good: true, seen: name.to_owned(), hint: None }
                }
                Err(failure) => Diagnosis {
                    what: what.to_owned(),
                    good: false,
                    seen: failure.to_string(),
                    hint: Some(hint.to_owned()),
                },
            });
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::scripted::{Act, Counting, Scripted};
    use crate::channel::suite::room::{self, chat, follow, message, shown, with_picture};

    fn taken(asked: &crate::channel::scripted::Asked) -> Act {
        let mut result = json!({ "message_id": 12, "chat": { "id": -100 } });
        if asked.path.ends_with("sendPhoto") {
            result["photo"] = json!([]);
        }
        Act::json(200, &json!({ "ok": true, "result": result }))
    }

    fn error(status: u16, words: &str) -> Act {
        Act::json(status, &json!({ "ok": false, "error_code": status, "description": words }))
    }

    /// What a notice about the message `id` comes to if edits are answered so, and the calls that are made.
    async fn check(parcel: Parcel, notice: Notice, id: &str, edit: Option<Act>, expected: &str, calls: &str) {
        let server = Scripted::start(move |asked, _| match (&edit, asked.path.contains("/edit")) {
            (Some(act), true) => act.clone(),
            _ => taken(asked),
        })
        .await;
        let outcome = shown(
            &room::TELEGRAM.open(&server.url).deliver(&follow(parcel, notice, id), &Counting::open()).await,
        );
        assert!(outcome.starts_with(expected), "{calls}: {outcome}");
        let asked = server.asked();
        let seen: Vec<&str> = asked.iter().filter_map(|asked| asked.path.rsplit('/').next()).collect();
        assert_eq!(seen.join(" "), calls);
    }

    #[tokio::test]
    async fn what_stands_there_is_edited_or_replaced() {
        use Notice::{Correction, Hold, Kill};
        check(message(), Correction, "7", None, "sent 12", "editMessageText").await;
        check(message(), Kill, "7", None, "sent 12", "editMessageText").await;
        check(message(), Hold, "7", None, "sent 7", "sendMessage").await;
        let same =
            error(400, "Bad Request: message is not modified: specified new message content is the same");
        check(message(), Kill, "7", Some(same), "sent 7", "editMessageText").await;
        check(with_picture(), Correction, "7+photo", None, "sent 12", "editMessageCaption").await;
        // A message with a picture becomes one without by being replaced.
        check(message(), Kill, "7+photo", None, "sent 12", "deleteMessage sendMessage").await;
        let gone = error(400, "Bad Request: message to edit not found");
        check(with_picture(), Correction, "7", Some(gone), "sent 12+photo", "editMessageText sendPhoto")
            .await;
        check(message(), Kill, "7", Some(Act::Close), "later", "editMessageText").await;
        check(message(), Kill, "7", Some(error(502, "Bad Gateway")), "later: 502", "editMessageText").await;
    }

    #[tokio::test]
    async fn each_error_has_its_meaning() {
        for (status, words, expected) in [
            (400, "Bad Request: chat not found", "the channel refuses us"),
            (
                400,
                "Bad Request: need administrator rights: not enough rights to post",
                "the channel refuses us",
            ),
            (400, "Bad Request: can't parse entities", "refused: 400 Bad Request: can't parse"),
            (401, "Unauthorized", "the channel refuses us: 401"),
            (403, "Forbidden: bot was kicked from the channel chat", "the channel refuses us: 403"),
            (404, "Not Found", "the channel refuses us: 404"),
        ] {
            let server = Scripted::start(move |_, _| error(status, words)).await;
            let outcome =
                shown(&room::TELEGRAM.open(&server.url).deliver(&message(), &Counting::open()).await);
            assert!(outcome.starts_with(expected), "{words}: {outcome}");
        }
        let slow =
            json!({ "ok": false, "description": "Too Many Requests", "parameters": { "retry_after": 35 } });
        let server = Scripted::start(move |_, _| Act::json(429, &slow)).await;
        let failure =
            room::TELEGRAM.open(&server.url).deliver(&message(), &Counting::open()).await.unwrap_err();
        let Failure::Later { retry_after, .. } = failure else { panic!("{failure}") };
        assert_eq!(retry_after, Some(Duration::from_secs(35)));
    }

    #[test]
    fn marks_are_ours_alone_and_lengths_are_kept() {
        let shown = text(&chat("R&D <b>", &"ä".repeat(5_000)), CAPTION);
        assert!(
            shown.starts_with("<b>R&amp;D &lt;b&gt;</b>\n\nä") && shown.ends_with(">Read more</a>"),
            "{shown}"
        );
        let plain = shown.replace("<b>", "").replace("</b>", "").replace("</a>", "").replace("&amp;", "&");
        assert!(plain.split("<a href").next().unwrap().chars().count() <= CAPTION);
    }
}
