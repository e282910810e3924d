//! Postmark, by its API.
//!
//! What it promises:
//! - the mail is composed and looked at as for a relay ([`super::letter`]), then taken apart ([`parts`]): Postmark takes no
//!   message as a whole, so its parts and header fields are named one by one. It keeps our Message-ID
//!   (`X-PM-KeepID`), so corrections stand in the thread of what they correct;
//! - the gate is asked before the first byte of the request's body; a mail counts as taken only by a 200 with `ErrorCode` 0 and
//!   a MessageID; whatever else may have happened after that byte is [`Failure::Unknown`];
//! - the token is never repeated in what is reported.
//!
//! Postmark takes no idempotency key, but it can be asked for the mails with a piece of metadata: each carries the delivery's wire
//! key, and [`Channel::probe`] looks for it. It finds what is not older than the server's retention (45 days, if nobody
//! changed it). Tracking of opens and links is switched off for each mail.

mod classify;
mod doctor;
mod parts;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::config::PostmarkConfig;
use super::http::{Answer, Client, Lost, Patience, below};
use super::letter::{self, Names};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};

/// The most bytes of a mail, attachments included: postmarkapp.com/developer/user-guide/send-email-with-api
const MOST: usize = 10_000_000;

/// A server of Postmark, and one of its message streams.
pub struct Postmark {
    client: Client,
    endpoint: Url,
    token: SecretString,
    stream: String,
}

/// postmarkapp.com/developer/api/email-api
#[derive(Deserialize)]
struct Sent {
    #[serde(rename = "ErrorCode")]
    code: u32,
    #[serde(rename = "MessageID", default)]
    id: String,
    #[serde(rename = "Message", default)]
    words: String,
}

/// postmarkapp.com/developer/api/messages-api, "Outbound message search"
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Found {
    total_count: u64,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "MessageID")]
    id: String,
    #[serde(rename = "Status", default)]
    status: String,
    #[serde(rename = "Metadata", default)]
    metadata: std::collections::BTreeMap<String, String>,
}

impl Postmark {
    /// Opens the server that `token` belongs to. Nothing is sent yet.
    pub fn open(config: &PostmarkConfig, token: &SecretString) -> Result<Postmark, String> {
        Postmark::with(config, token, Patience::default())
    }

    fn with(config: &PostmarkConfig, token: &SecretString, patience: Patience) -> Result<Postmark, String> {
        let endpoint: Url = config
            .endpoint
            .parse()
            .map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, patience)?;
        client.hide(token.expose_secret());
        Ok(Postmark { client, endpoint, token: token.clone(), stream: config.stream.clone() })
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client
            .request(method, url)
            .header("accept", "application/json")
            .header("x-postmark-server-token", self.token.expose_secret())
    }

    async fn get(&self, url: Url, now: Timestamp) -> Result<Answer, Failure> {
        let answer = self.client.send(self.request(Method::GET, url)).await.map_err(Lost::repeatable)?;
        if answer.good() { Ok(answer) } else { Err(classify::failure(&answer, now)) }
    }

    /// The mails that carry this delivery's key.
    async fn look(&self, parcel: &Parcel) -> Result<Probe, Failure> {
        let mut url = below(&self.endpoint, "/messages/outbound");
        url.query_pairs_mut()
            .append_pair("count", "10")
            .append_pair("offset", "0")
            .append_pair("messagestream", &self.stream)
            .append_pair(&format!("metadata_{}", parts::DELIVERY), &parcel.wire_key);
        let answer = self.get(url, parcel.now).await?;
        let found: Found = answer.json().map_err(Failure::again)?;
        let ours = |message: &&Message| {
            message.metadata.get(parts::DELIVERY) == Some(&parcel.wire_key) && is_id(&message.id)
        };
        Ok(match found.messages.iter().find(ours) {
            Some(message) => {
                let reply = Reply::note(format!("{} as {}", message.status, message.id));
                Probe::Arrived(Receipt { remote_id: Some(message.id.clone()), url: None, reply })
            }
            None if found.total_count == 0 && found.messages.is_empty() => Probe::Absent,
            // Whoever shows other mails than those that were asked for does not say that ours is not there.
            None => Probe::CannotTell,
        })
    }
}

/// Whether `id` can be a MessageID of Postmark.
fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

#[async_trait]
impl Channel for Postmark {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (mail, email) = letter::parts(parcel)?;
        letter::ascii(mail, email, "Postmark")?;
        let (names, own, stream) = (Names::ours(parcel, mail), parcel.clone(), self.stream.clone());
        let body = super::fill(move || {
            let (message, _) = letter::compose(&own, &names)?;
            letter::fits(message.len(), MOST, "Postmark")?;
            parts::body(&own, &message, &stream)
        })
        .await?;
        let request = self
            .request(Method::POST, below(&self.endpoint, "/email"))
            .header("content-type", "application/json")
            .body(body);
        gate.begin().await?;
        let answer = self.client.send(request).await.map_err(Lost::of_provider)?;
        if !answer.good() {
            return Err(classify::failure(&answer, parcel.now));
        }
        match answer.json::<Sent>() {
            Ok(sent) if sent.code == 0 && is_id(&sent.id) => {
                let reply = Reply::new(answer.status, None, &format!("{} as {}", sent.words, sent.id));
                Ok(Receipt { remote_id: Some(sent.id), url: None, reply })
            }
            Ok(sent) if sent.code != 0 => Err(classify::failure(&answer, parcel.now)),
            Ok(_) => Err(Failure::Unknown { reply: Reply::note("the answer's MessageID is none") }),
            Err(why) => Err(Failure::Unknown { reply: Reply::note(why) }),
        }
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        self.look(parcel).await.unwrap_or(Probe::CannotTell)
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        doctor::examine(self).await
    }
}
