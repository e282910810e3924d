//! Amazon SES, by version 2 of its API.
//!
//! What it promises:
//! - SES is given the very bytes that a relay would be ([`super::letter`]), as `Content.Raw`, for one recipient;
//! - the gate is asked before the first byte of the request's body; a mail counts as taken only by a 200 that names its
//!   MessageId; whatever else may have happened after that byte is [`Failure::Unknown`];
//! - requests are signed by [`sigv4`] with the time of the attempt; no secret is repeated in what is reported.
//!
//! SES takes no idempotency key and lets nobody search for a mail without its MessageId, so a lost answer stays unknown until an
//! event of SES names the delivery: every mail carries the tags `delivery` (the wire key) and `dateline` (the delivery's token),
//! which come back in each event (docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html).
//!
//! SES replaces `Message-ID` and `Date` (docs.aws.amazon.com/ses/latest/dg/header-fields.html). So a correction answers to
//! the name that SES gave the original, and SES signs with DKIM, not Dateline: a signature over either field would break.

mod account;
mod classify;
#[cfg(test)]
mod tests;

use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use reqwest::Method;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::config::SesConfig;
use super::http::{Answer, Client, Lost, Patience, below};
use super::letter::{self, Names};
use super::sigv4::{self, Credentials, Signed};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Receipt, Recipient, Reply, Secrets};
use crate::contact::EmailAddress;
use crate::render::Mail;
use account::Pace;

/// The most bytes of a message: docs.aws.amazon.com/ses/latest/dg/quotas.html, "Maximum message size".
const MOST: usize = 40_000_000;
/// The service's name in signatures.
const SERVICE: &str = "ses";
const SEND: &str = "/v2/email/outbound-emails";

/// An account of Amazon SES in one region.
pub struct Ses {
    client: Client,
    endpoint: Url,
    region: String,
    credentials: Credentials,
    configuration_set: Option<String>,
    from: String,
    patience: Patience,
    pace: Mutex<Pace>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    message_id: String,
}

impl Ses {
    /// Opens the account that the keys belong to. Nothing is sent yet.
    pub fn open(config: &SesConfig, secrets: &Secrets) -> Result<Ses, String> {
        Ses::with(config, secrets, Patience::default())
    }

    fn with(config: &SesConfig, secrets: &Secrets, patience: Patience) -> Result<Ses, String> {
        let needed = |name| secrets.needed(name).map_err(|error| error.to_string());
        let credentials = Credentials {
            key_id: needed("access_key_id")?,
            secret: needed("secret_access_key")?,
            token: secrets.get("session_token"),
        };
        let endpoint: Url = config
            .endpoint()
            .parse()
            .map_err(|error| format!("the channel's `region` or `endpoint` is none: {error}"))?;
        let client = Client::trusted(&endpoint, patience)?;
        client.hide(credentials.secret.expose_secret());
        if let Some(token) = &credentials.token {
            client.hide(token.expose_secret());
        }
        Ok(Ses {
            client,
            endpoint,
            region: config.region.clone(),
            credentials,
            configuration_set: config.configuration_set.clone(),
            from: config.from.clone(),
            patience,
            pace: Mutex::default(),
        })
    }

    /// Asks once. The path's segments are in percent form where they need it.
    async fn ask(&self, method: Method, path: &str, body: Vec<u8>, now: Timestamp) -> Result<Answer, Lost> {
        let url = below(&self.endpoint, path);
        let host = match (url.host_str().unwrap_or_default(), url.port()) {
            (host, Some(port)) => format!("{host}:{port}"),
            (host, None) => host.to_owned(),
        };
        let date = sigv4::date(now);
        let mut headers = vec![("content-type", "application/json"), ("host", &host), ("x-amz-date", &date)];
        let token = self.credentials.token.as_ref().map(|token| token.expose_secret().to_owned());
        if let Some(token) = &token {
            headers.push(("x-amz-security-token", token));
        }
        let signed = Signed {
            method: method.as_str(),
            path: url.path(),
            headers: &headers,
            body: &body,
            plain: false,
        };
        let authorization = sigv4::authorization(&self.credentials, &self.region, SERVICE, &signed, now);
        let mut request = self.client.request(method, url.clone()).header("authorization", authorization);
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, *value);
        }
        self.client.send(request.body(body)).await
    }

    /// Asks for what changes nothing, and reads the answer.
    async fn get(&self, path: &str, now: Timestamp) -> Result<Answer, Failure> {
        let answer = self.ask(Method::GET, path, Vec::new(), now).await.map_err(Lost::repeatable)?;
        if answer.good() { Ok(answer) } else { Err(classify::failure(&answer, now)) }
    }

    /// What the mail is called, and what it answers: SES gave the earlier one a name of its own.
    fn names(&self, parcel: &Parcel, mail: &Mail) -> Names {
        let mut names = Names::ours(parcel, mail);
        let given = parcel.previous.as_ref().and_then(|previous| previous.remote_id.as_deref());
        if let Some(id) = given.filter(|id| is_id(id)) {
            names.earlier = Some(message_id(id, &self.region));
        }
        names
    }
}

/// Whether `id` can be a MessageId of SES, and stand in a header.
fn is_id(id: &str) -> bool {
    (30..=100).contains(&id.len())
        && id.contains('-')
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The `Message-ID` that a mail leaves SES with. docs.aws.amazon.com/ses/latest/dg/send-email-concepts-email-format.html;
/// the oldest region has a name of its own.
fn message_id(id: &str, region: &str) -> String {
    match region {
        "us-east-1" => format!("{id}@email.amazonses.com"),
        region => format!("{id}@{region}.amazonses.com"),
    }
}

/// The request's body (docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html).
fn body(parcel: &Parcel, to: &EmailAddress, message: &[u8], configuration_set: Option<&str>) -> Vec<u8> {
    let mut tags = vec![json!({ "Name": "delivery", "Value": parcel.wire_key })];
    if let Recipient::Mailbox { bounce: Some(token), .. } = &parcel.recipient {
        tags.push(json!({ "Name": letter::REPORTED, "Value": token }));
    }
    let mut body = json!({
        "Content": { "Raw": { "Data": STANDARD.encode(message) } },
        "Destination": { "ToAddresses": [to.to_string()] },
        "EmailTags": tags,
    });
    if let Some(name) = configuration_set {
        body["ConfigurationSetName"] = json!(name);
    }
    body.to_string().into_bytes()
}

#[async_trait]
impl Channel for Ses {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (mail, email) = letter::parts(parcel)?;
        letter::ascii(mail, email, "Amazon SES")?;
        let (names, own, to) = (self.names(parcel, mail), parcel.clone(), email.clone());
        let set = self.configuration_set.clone();
        let body = super::fill(move || {
            let (message, _) = letter::compose(&own, &names)?;
            letter::fits(message.len(), MOST, "Amazon SES")?;
            Ok(body(&own, &to, &message, set.as_deref()))
        })
        .await?;
        gate.begin().await?;
        let answer = self.ask(Method::POST, SEND, body, parcel.now).await.map_err(Lost::of_provider)?;
        if !answer.good() {
            return Err(classify::failure(&answer, parcel.now));
        }
        match answer.json::<Sent>() {
            Ok(sent) if is_id(&sent.message_id) => {
                let reply = Reply::new(answer.status, None, &format!("taken as {}", sent.message_id));
                Ok(Receipt { remote_id: Some(sent.message_id), url: None, reply })
            }
            Ok(_) => Err(Failure::Unknown { reply: Reply::note("the answer's MessageId is none") }),
            Err(why) => Err(Failure::Unknown { reply: Reply::note(why) }),
        }
    }

    async fn pace(&self, now: Timestamp) -> Option<u32> {
        self.allowed(now).await
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        self.diagnose(crate::clock::Clock::system().now()).await
    }
}
