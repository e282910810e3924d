//! A Discord channel, by a webhook (discord.com/developers/docs/resources/webhook).
//!
//! A message has a name (`?wait=true`), so a correction edits it and a kill turns it into the notice; a hold is a message of its
//! own. Whether a message arrived whose answer was lost cannot be looked up: webhooks read only what they can name.

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown, SecretRef};
use super::hook::{self, Hook, cut, escaped};
use super::http::{Answer, Lost, below};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::language::Language;
use crate::release::Notice;
use crate::render::{Asset, Chat};

/// The most bytes of a file without a paid server (discord.com/developers/docs/reference#uploading-files).
const FILE: usize = 10_000_000;

/// A channel of Discord.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DiscordConfig {
    /// The address of the webhook, which is a secret.
    pub webhook: SecretRef,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived; `resend_once` where nothing is said.
    #[serde(default = "hook::resend_once")]
    pub on_unknown: OnUnknown,
}

settings!(DiscordConfig, secrets(webhook), addresses());

/// A channel of Discord.
pub struct Discord {
    hook: Hook,
}

#[derive(Deserialize)]
struct Message {
    id: String,
}

impl Adapter for Discord {
    type Config = DiscordConfig;

    fn open(_: &DiscordConfig, setup: &Setup<'_>) -> Result<Discord, String> {
        Ok(Discord { hook: Hook::open(&setup.needed("webhook")?, setup.patience)? })
    }
}

impl Discord {
    /// The address of a message; it stands in the thread that the webhook's address names, if it does.
    fn place(&self, id: &str) -> url::Url {
        let mut url = below(self.hook.url(), &format!("messages/{id}"));
        url.set_query(self.hook.url().query());
        url
    }

    /// The message of `parcel`, to be posted (without an id) or to replace the one called `id`.
    fn request(&self, parcel: &Parcel, id: Option<&str>) -> Result<reqwest::RequestBuilder, Failure> {
        let (chat, picture) = parcel.chat()?;
        let picture = picture.filter(|picture| picture.bytes.len() <= FILE);
        let body = body(chat, picture);
        let mut url = match id {
            Some(id) => self.place(id),
            None => self.hook.url().clone(),
        };
        url.query_pairs_mut().append_pair("wait", "true");
        let request = self.hook.request(if id.is_some() { Method::PATCH } else { Method::POST }, url);
        let Some(picture) = picture else { return Ok(request.json(&body)) };
        let part = Part::bytes(picture.bytes.to_vec())
            .file_name(file_name(picture))
            .mime_str(&picture.media_type)
            .map_err(|_| refused(format!("{}: `{}` is no media type", picture.name, picture.media_type)))?;
        Ok(request.multipart(Form::new().text("payload_json", body.to_string()).part("files[0]", part)))
    }
}

/// A name that an embed can refer to: letters, digits, dot, dash and underscore alone.
fn file_name(picture: &Asset) -> String {
    let end = picture.name.rsplit('.').next().filter(|end| end.bytes().all(|b| b.is_ascii_alphanumeric()));
    format!("picture.{}", end.unwrap_or("jpg"))
}

/// One embed, within discord.com/developers/docs/resources/message#embed-object-embed-limits; nobody is called by it.
fn body(chat: &Chat, picture: Option<&Asset>) -> Value {
    let paragraphs: Vec<String> = chat.paragraphs().map(|text| escaped(text, "\\*_~`|>#[]-")).collect();
    let color = u32::from_str_radix(chat.accent.trim_start_matches('#'), 16).unwrap_or(0);
    let mut embed = json!({
        "title": cut(&chat.headline(), 256),
        "description": cut(&paragraphs.join("\n\n"), 4_000),
        "color": color,
        "author": { "name": cut(&chat.organization, 256) },
    });
    if let Some(url) = chat.link() {
        embed["url"] = json!(url);
    }
    let mut attachments = Vec::new();
    if let Some(picture) = picture {
        embed["image"] = json!({ "url": format!("attachment://{}", file_name(picture)) });
        attachments
            .push(json!({ "id": 0, "filename": file_name(picture), "description": hook::alt(&picture.alt) }));
    }
    json!({ "embeds": [embed], "attachments": attachments, "allowed_mentions": { "parse": [] } })
}

/// What an answer means that is not 2xx; a 429 says how long in seconds, with a fraction
/// (discord.com/developers/docs/topics/rate-limits), and often in a header as well.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match answer.of_address(now) {
        Failure::Later { reply, retry_after: None } if answer.status == 429 => {
            let said: Value = answer.json().unwrap_or_default();
            let seconds =
                said["retry_after"].as_f64().filter(|seconds| seconds.is_finite() && *seconds > 0.0);
            let wait =
                seconds.map(|seconds| std::time::Duration::from_secs_f64(seconds.clamp(1.0, 86_400.0)));
            Failure::Later { reply, retry_after: wait }
        }
        other => other,
    }
}

fn is_id(id: &str) -> bool {
    (1..=20).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_digit())
}

fn message(answer: &Answer) -> Result<Receipt, String> {
    let Message { id } = answer.json()?;
    if !is_id(&id) {
        return Err("the message's id is none".to_owned());
    }
    Ok(Receipt { remote_id: Some(id), url: None, reply: Reply::note("posted") })
}

#[async_trait]
impl Channel for Discord {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let edits = matches!(parcel.notice, Notice::Correction | Notice::Kill);
        let edited = parcel.previous_id().filter(|id| edits && is_id(id));
        let request = self.request(parcel, edited)?;
        gate.begin().await?;
        if edited.is_some() {
            let answer = self.hook.send(request).await.map_err(Lost::repeatable)?;
            let code = answer.json::<Value>().unwrap_or_default()["code"].as_u64();
            match answer.status {
                200..=299 => {
                    return message(&answer).map_err(Failure::again);
                }
                // 10008, unknown message: somebody deleted it, so it is posted anew.
                404 if code == Some(10_008) => {}
                500.. => {
                    let (reply, retry_after) = (answer.reply(), answer.wait(parcel.now));
                    return Err(Failure::Later { reply, retry_after });
                }
                _ => return Err(refusal(&answer, parcel.now)),
            }
        }
        let answer = self.hook.send(self.request(parcel, None)?).await.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, parcel.now));
        }
        let receipt = message(&answer).map_err(|why| Failure::Unknown { reply: Reply::note(why) })?;
        Ok(parcel.still(receipt))
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        // What was posted can be found by its id alone, which the lost answer had. What edits may be done again.
        let edits = matches!(parcel.notice, Notice::Correction | Notice::Kill);
        let Some(id) = parcel.previous_id().filter(|id| edits && is_id(id)) else { return Probe::CannotTell };
        match self.hook.send(self.hook.request(Method::GET, self.place(id))).await {
            Ok(answer) if answer.good() => Probe::Absent,
            _ => Probe::CannotTell,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let what = "discord: webhook".to_owned();
        let answer = self.hook.send(self.hook.request(Method::GET, self.hook.url().clone())).await;
        vec![match answer {
            Ok(answer) if answer.good() => {
                let name =
                    answer.json::<Value>().unwrap_or_default()["name"].as_str().unwrap_or("?").to_owned();
                Diagnosis { what, good: true, seen: format!("the webhook `{name}`"), hint: None }
            }
            Ok(answer) => Diagnosis {
                what,
                good: false,
                seen: answer.reply().to_string(),
                hint: Some("make a new webhook in the channel's settings, Integrations".to_owned()),
            },
            Err(_) => self.hook.examine("discord").await,
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::scripted::{Act, Counting, Scripted};
    use crate::channel::suite::room::{self, chat, follow, message, shown, with_picture};

    const OLD: &str = "1310000000000000001";

    async fn check(notice: Notice, edit: Act, expected: &str, lines: &[&str]) {
        let server = Scripted::start(move |asked, _| match asked.method.as_str() {
            "POST" => (room::DISCORD.taken)(),
            _ => edit.clone(),
        })
        .await;
        let outcome =
            room::DISCORD.open(&server.url).deliver(&follow(message(), notice, OLD), &Counting::open()).await;
        assert!(shown(&outcome).starts_with(expected), "{outcome:?}");
        let path = "/services/geheim-token";
        let lines: Vec<String> = lines.iter().map(|line| line.replace("HOOK", path)).collect();
        assert_eq!(server.lines(), lines);
    }

    #[tokio::test]
    async fn what_stands_there_is_edited_and_what_is_gone_is_posted_anew() {
        let patch = "PATCH HOOK/messages/1310000000000000001?wait=true";
        let edited = || Act::json(200, &json!({ "id": OLD }));
        check(Notice::Correction, edited(), &format!("sent {OLD}"), &[patch]).await;
        check(Notice::Kill, edited(), &format!("sent {OLD}"), &[patch]).await;
        let new = format!("sent {}", room::DISCORD.id);
        // What a hold speaks of is what a later kill is about.
        check(Notice::Hold, edited(), &format!("sent {OLD}"), &["POST HOOK?wait=true"]).await;
        let gone = Act::json(404, &json!({ "message": "Unknown Message", "code": 10_008 }));
        check(Notice::Correction, gone, &new, &[patch, "POST HOOK?wait=true"]).await;
        let no_hook = Act::json(404, &json!({ "message": "Unknown Webhook", "code": 10_015 }));
        check(Notice::Correction, no_hook, "the channel refuses us: 404 Unknown Webhook", &[patch]).await;
        check(Notice::Kill, Act::Close, "later", &[patch]).await;
        check(Notice::Kill, Act::text(502, ""), "later: 502", &[patch]).await;
    }

    #[tokio::test]
    async fn a_picture_goes_with_its_description() {
        let server = Scripted::start(|_, _| (room::DISCORD.taken)()).await;
        room::DISCORD.open(&server.url).deliver(&with_picture(), &Counting::open()).await.unwrap();
        let asked = server.asked();
        let body = String::from_utf8_lossy(&asked[0].body);
        assert!(body.contains("\"description\":\"The Aster EV on a coast road\""), "{body}");
        assert!(body.contains("attachment://picture.jpg") && body.contains("JPEG"), "{body}");
    }

    #[test]
    fn lengths_are_kept_and_nobody_is_called() {
        let body = body(&chat(&"ä".repeat(300), &"@everyone *x* ".repeat(600)), None);
        let embed = &body["embeds"][0];
        assert_eq!(embed["title"].as_str().unwrap().chars().count(), 256);
        assert!(embed["description"].as_str().unwrap().chars().count() <= 4_000);
        assert_eq!(body["allowed_mentions"], json!({ "parse": [] }));
    }
}
