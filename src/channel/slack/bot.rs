//! A bot in a channel (docs.slack.dev/reference/methods/chat.postMessage, chat.update, conversations.history).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::message;
use crate::channel::http::{Answer, Client, Lost, Patience, below};
use crate::channel::{Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, expiry};
use crate::release::Notice;

/// The name of our metadata.
const EVENT: &str = "dateline_delivery";
/// How far the server's clock may be behind ours, in seconds.
const SKEW: i64 = 600;
/// How many pages of the channel's history are looked at.
const PAGES: usize = 10;

/// A bot in one channel.
pub struct Bot {
    client: Client,
    endpoint: Url,
    room: String,
    token: SecretString,
}

/// What every method answers.
#[derive(Deserialize)]
struct Said {
    ok: bool,
    #[serde(default)]
    error: String,
    #[serde(default)]
    ts: String,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    response_metadata: Page,
}

#[derive(Deserialize, Default)]
struct Page {
    #[serde(default)]
    next_cursor: String,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    ts: String,
    #[serde(default)]
    metadata: Value,
}

/// Whether `room` is an id of a channel.
pub fn is_room(room: &str) -> bool {
    room.starts_with(['C', 'G', 'D'])
        && (6..=32).contains(&room.len())
        && room.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// The name of a message: seconds and microseconds.
fn is_ts(ts: &str) -> bool {
    ts.split_once('.').is_some_and(|(seconds, rest)| {
        [seconds, rest]
            .iter()
            .all(|part| (1..=16).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit()))
    })
}

/// What an answer that is not `ok` means; the methods' pages list their errors under "Errors". Where it is not known whether
/// something was done ("It's possible some aspect of the operation succeeded before the error was raised"), it is unknown.
fn failure(error: &str, reply: Reply, wait: Option<Duration>) -> Failure {
    match error {
        "ratelimited" | "rate_limited" => Failure::Later { reply, retry_after: wait },
        "fatal_error" | "internal_error" | "request_timeout" | "service_unavailable" | "" => {
            Failure::Unknown { reply }
        }
        "msg_too_long"
        | "invalid_blocks"
        | "invalid_blocks_format"
        | "no_text"
        | "too_many_attachments"
        | "markdown_text_conflict"
        | "metadata_too_large"
        | "invalid_metadata_format"
        | "cant_update_message"
        | "edit_window_closed" => Failure::Refused { reply, suppress: false },
        // All others speak of the token, of its rights, or of the channel: not_authed, invalid_auth, token_revoked, missing_scope,
        // channel_not_found, not_in_channel, is_archived, restricted_action and more that Slack adds.
        _ => Failure::HoldChannel { reply },
    }
}

impl Bot {
    pub fn open(endpoint: &str, room: &str, token: SecretString, patience: Patience) -> Result<Bot, String> {
        let endpoint: Url =
            endpoint.parse().map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, patience)?;
        client.hide(token.expose_secret());
        Ok(Bot { client, endpoint, room: room.to_owned(), token })
    }

    async fn call(&self, method: &str, body: Option<&Value>, query: &[(&str, &str)]) -> Result<Answer, Lost> {
        let mut url = below(&self.endpoint, method);
        url.query_pairs_mut().extend_pairs(query);
        if query.is_empty() {
            url.set_query(None);
        }
        let verb = if body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.client.request(verb, url).bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        self.client.send(request).await
    }

    /// What was said, if it was `ok`; otherwise the error's name and what it means.
    fn said(answer: &Answer, now: Timestamp) -> Result<Said, (String, Failure)> {
        if !answer.good() {
            return Err((String::new(), answer.failure(now)));
        }
        match answer.json::<Said>() {
            Ok(said) if said.ok => Ok(said),
            Ok(said) => {
                let failure = failure(&said.error, answer.reply(), answer.wait(now));
                Err((said.error, failure))
            }
            Err(why) => Err((String::new(), Failure::Unknown { reply: Reply::note(why) })),
        }
    }

    /// Does what `parcel` asks for, with the message `body`.
    pub async fn deliver(
        &self,
        mut body: Value,
        parcel: &Parcel,
        gate: &dyn Gate,
    ) -> Result<Receipt, Failure> {
        body["channel"] = json!(self.room);
        body["metadata"] = json!({ "event_type": EVENT, "event_payload": { "delivery": parcel.wire_key } });
        let known = parcel.previous_id().filter(|ts| is_ts(ts));
        gate.begin().await?;
        if let Some(ts) = known {
            if parcel.notice == Notice::Hold {
                body["thread_ts"] = json!(ts);
                body["reply_broadcast"] = json!(true);
            } else if let Some(receipt) = self.edit(&body, ts, parcel).await? {
                return Ok(receipt);
            }
        }
        let answer = self.call("chat.postMessage", Some(&body), &[]).await.map_err(Lost::failure)?;
        let said =
            Self::said(&answer, parcel.now).map_err(|(_, failure)| message::retried(failure, parcel))?;
        receipt(&said, "posted")
            .map(|receipt| parcel.still(receipt))
            .ok_or_else(|| Failure::Unknown { reply: Reply::note("the answer names no message") })
    }

    /// Edits the message `ts`; nothing if it is gone. May be repeated.
    async fn edit(&self, body: &Value, ts: &str, parcel: &Parcel) -> Result<Option<Receipt>, Failure> {
        let mut body = body.clone();
        body["ts"] = json!(ts);
        let answer = self.call("chat.update", Some(&body), &[]).await.map_err(Lost::repeatable)?;
        match Self::said(&answer, parcel.now) {
            Ok(said) => Ok(receipt(&said, "edited")),
            Err((error, _))
                if matches!(
                    error.as_str(),
                    "message_not_found" | "cant_update_message" | "edit_window_closed"
                ) =>
            {
                Ok(None)
            }
            Err((_, failure @ Failure::Unknown { .. })) => Err(failure.repeatable(answer.wait(parcel.now))),
            Err((_, failure)) => Err(message::retried(failure, parcel)),
        }
    }

    /// Looks for the message of `parcel` in the channel's history.
    pub async fn probe(&self, parcel: &Parcel) -> Probe {
        self.look(parcel).await.unwrap_or(Probe::CannotTell).map(|receipt| parcel.still(receipt))
    }

    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let oldest = parcel.due.as_second().saturating_sub(SKEW).to_string();
        // An edited message stands where it stood.
        let edited = parcel.previous_id().filter(|ts| is_ts(ts));
        let oldest = edited.unwrap_or(&oldest);
        let mut cursor = String::new();
        for _ in 0..PAGES {
            let query = [
                ("channel", self.room.as_str()),
                ("include_all_metadata", "true"),
                ("inclusive", "true"),
                ("limit", "200"),
                ("oldest", oldest),
                ("cursor", &cursor),
            ];
            let answer = self.call("conversations.history", None, &query).await.map_err(Lost::repeatable)?;
            let said = Self::said(&answer, parcel.now).map_err(|(_, failure)| failure)?;
            let ours = |message: &&Message| {
                message.metadata["event_type"] == EVENT
                    && message.metadata["event_payload"]["delivery"] == parcel.wire_key.as_str()
            };
            let found: Vec<&Message> = said.messages.iter().filter(ours).collect();
            match found.as_slice() {
                [] if said.response_metadata.next_cursor.is_empty() => return Ok(Probe::Absent),
                [] => cursor = said.response_metadata.next_cursor,
                [one, ..] if is_ts(&one.ts) => {
                    let (remote_id, reply) = (Some(one.ts.clone()), Reply::note("found in the channel"));
                    return Ok(Probe::Arrived(Receipt { remote_id, url: None, reply }));
                }
                _ => return Ok(Probe::CannotTell),
            }
        }
        Ok(Probe::CannotTell)
    }

    /// Whose token it is, and whether the channel's history can be read. Posts nothing.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let mut seen = Vec::new();
        for (what, method, query, hint) in [
            ("slack: token", "auth.test", vec![], "install the app in the workspace and take its bot token"),
            (
                "slack: channel",
                "conversations.history",
                vec![("channel", self.room.as_str()), ("limit", "1")],
                "invite the bot to the channel, and give it `channels:history` (`groups:history` for a private one)",
            ),
        ] {
            let answer = self.call(method, None, &query).await.map_err(Lost::repeatable);
            let found = answer.and_then(|answer| {
                Self::said(&answer, Timestamp::UNIX_EPOCH).map(|_| answer).map_err(|(_, failure)| failure)
            });
            let one = match found {
                Ok(answer) => {
                    let said: Value = answer.json().unwrap_or_default();
                    let words = match (said["user"].as_str(), said["team"].as_str()) {
                        (Some(user), Some(team)) => format!("{user} in {team}"),
                        _ => format!("{} can be read", self.room),
                    };
                    // Apps with token rotation say how long the token is good (docs.slack.dev/reference/methods/auth.test).
                    if let Some(left) = said["expires_in"].as_i64() {
                        let renew = "switch token rotation off for the app, or make a new token";
                        let left = jiff::SignedDuration::from_secs(left);
                        seen.push(expiry::forecast("slack: token's end", left, renew));
                    }
                    Diagnosis { what: what.to_owned(), good: true, seen: words, hint: None }
                }
                Err(failure) => Diagnosis {
                    what: what.to_owned(),
                    good: false,
                    seen: failure.to_string(),
                    hint: Some(hint.to_owned()),
                },
            };
            seen.push(one);
        }
        seen
    }
}

fn receipt(said: &Said, words: &str) -> Option<Receipt> {
    is_ts(&said.ts).then(|| Receipt {
        remote_id: Some(said.ts.clone()),
        url: None,
        reply: Reply::note(words),
    })
}
