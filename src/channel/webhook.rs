//! Signed webhooks after the Standard Webhooks specification (standardwebhooks.com).
//!
//! At-least-once is the contract: `webhook-id` is the delivery's own key and the same for every
//! attempt, and the receiver forgets what it has seen. So nothing is ever unknown here: whatever is
//! not 2xx is tried again, except 410, by which a receiver says that it wants no more, and 401 and
//! 403, which no repetition mends.

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::config::WebhookConfig;
use super::http::{Answer, Client, Patience, Walls};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, refused};
use crate::render::Content;

/// A receiver of signed webhooks.
pub struct Webhook {
    client: Client,
    url: Url,
    keys: Vec<hmac::Key>,
}

impl Webhook {
    /// Opens the channel.
    ///
    /// `secret` is `whsec_` and the key in base64; during a rotation several, with spaces between
    /// them, each of which signs. Without `allow_private` the receiver must be public: https on
    /// port 443 or 8443.
    pub fn open(config: &WebhookConfig, secret: &SecretString) -> Result<Webhook, String> {
        let url =
            config.url.parse().map_err(|error| format!("the webhook's `url` is no address: {error}"))?;
        Webhook::with(&url, secret, Patience::default(), Walls::system(config.allow_private))
    }

    fn with(url: &Url, secret: &SecretString, patience: Patience, walls: Walls) -> Result<Webhook, String> {
        let keys = keys(secret.expose_secret())?;
        let client = Client::guarded(url, patience, walls)?;
        // Addresses of webhooks are often their own password.
        if url.path() != "/" {
            client.hide(url.path());
        }
        Ok(Webhook { client, url: url.clone(), keys })
    }

    fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut content = format!("{id}.{timestamp}.").into_bytes();
        content.extend_from_slice(body);
        let signatures: Vec<String> = self
            .keys
            .iter()
            .map(|key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &content))))
            .collect();
        signatures.join(" ")
    }
}

fn keys(secret: &str) -> Result<Vec<hmac::Key>, String> {
    let wrong = || "the secret of a webhook is `whsec_` and 24 to 64 bytes in base64".to_owned();
    let keys: Vec<hmac::Key> = secret
        .split_whitespace()
        .map(|one| {
            let bytes =
                STANDARD.decode(one.strip_prefix("whsec_").ok_or_else(wrong)?).map_err(|_| wrong())?;
            if !(24..=64).contains(&bytes.len()) {
                return Err(wrong());
            }
            Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
        })
        .collect::<Result<_, String>>()?;
    if keys.is_empty() { Err(wrong()) } else { Ok(keys) }
}

/// The id of a delivery on the wire. A dot would make the signed text ambiguous.
fn id(parcel: &Parcel) -> String {
    if parcel.wire_key.is_empty() || parcel.wire_key.contains('.') || !parcel.wire_key.is_ascii() {
        parcel.key.to_string()
    } else {
        parcel.wire_key.clone()
    }
}

#[async_trait]
impl Channel for Webhook {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let Content::Json(payload) = &parcel.edition.content else {
            return Err(refused("a webhook takes JSON alone"));
        };
        let mut payload = payload.clone();
        if let (Some(previous), Some(event)) = (&parcel.previous, payload.as_object_mut()) {
            // The `webhook-id` under which the receiver has what this event corrects or withdraws.
            let id = previous.remote_id.as_ref().unwrap_or(&previous.wire_key);
            event.insert("supersedes".to_owned(), serde_json::json!(id));
        }
        let body = serde_json::to_vec(&payload).map_err(|error| refused(error.to_string()))?;
        let (id, timestamp) = (id(parcel), parcel.now.as_second());
        let request = self
            .client
            .request(reqwest::Method::POST, self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-signature", self.sign(&id, timestamp, &body))
            .header("webhook-timestamp", timestamp)
            .header("webhook-id", &id)
            .body(body);
        gate.begin().await?;
        let answer = self.client.send(request).await.map_err(super::http::Lost::repeatable)?;
        if answer.good() {
            return Ok(Receipt { remote_id: Some(id), url: None, reply: answer.reply() });
        }
        Err(failure(&answer, parcel))
    }

    async fn probe(&self, _: &Parcel) -> Probe {
        // Not known, and it does not matter: the receiver drops what it has seen.
        Probe::Absent
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let host = self.url.host_str().unwrap_or_default().to_owned();
        let port = self.url.port_or_known_default().unwrap_or(443);
        let found = tokio::net::lookup_host((host.as_str(), port)).await;
        let (good, seen) = match found {
            Ok(mut addresses) => (
                true,
                format!("{host} is {}", addresses.next().map_or_else(String::new, |a| a.ip().to_string())),
            ),
            Err(error) => (false, format!("{host}: {error}")),
        };
        let hint =
            (!good).then(|| "look at the `url` of the channel and at this machine's resolver".to_owned());
        vec![Diagnosis { what: "webhook: name".to_owned(), good, seen, hint }]
    }
}

/// Standard Webhooks, "Deliverability and reliability": 2xx alone is success, 3xx is a failure and
/// not followed, 410 means that the endpoint is to be disabled, the rest is retried.
fn failure(answer: &Answer, parcel: &Parcel) -> Failure {
    match answer.status {
        401 | 403 | 410 => Failure::HoldChannel { reply: answer.reply() },
        _ => Failure::Later { reply: answer.reply(), retry_after: answer.wait(parcel.now) },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::channel::scripted::{Act, Counting, Scripted, parcel};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn opened(url: &str, secret: &str, allow_private: bool) -> Result<Webhook, String> {
        let config = serde_json::json!({"url": url, "secret": {"env": "X"}, "allow_private": allow_private});
        Webhook::open(&serde_json::from_value(config).unwrap(), &secret.into())
    }

    fn open(url: &Url) -> Webhook {
        let patience = Patience { connect: Duration::from_millis(500), whole: Duration::from_millis(500) };
        Webhook::with(url, &SECRET.into(), patience, Walls::system(true)).unwrap()
    }

    fn event() -> Parcel {
        parcel(
            Content::Json(serde_json::json!({"type": "release.published", "data": {"slug": "aster-ev"}})),
            vec![],
        )
    }

    async fn check(act: Act, expected: &str) {
        let server = Scripted::start(move |_, _| act.clone()).await;
        let gate = Counting::open();
        let got = match open(&server.url).deliver(&event(), &gate).await {
            Ok(receipt) => format!("sent {}", receipt.reply),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(got, expected);
        assert_eq!((server.asked().len(), gate.count()), (1, 1), "{expected}");
    }

    #[tokio::test]
    async fn each_answer_has_its_meaning() {
        check(Act::text(200, "thanks"), "sent 200 thanks").await;
        check(Act::text(204, ""), "sent 204 ").await;
        check(Act::Raw(b"HTTP/1.1 202 A\r\ncontent-length: 9\r\n\r\n".to_vec()), "sent 202 ").await;
        check(Act::text(301, "").with("location", "https://other.example/"), "later: 301 ").await;
        check(Act::text(400, "odd"), "later: 400 odd").await;
        check(Act::text(401, "who?"), "the channel refuses us: 401 who?").await;
        check(Act::text(410, "gone"), "the channel refuses us: 410 gone").await;
        check(Act::text(429, "slow"), "later: 429 slow").await;
        check(Act::text(500, ""), "later: 500 ").await;
        check(Act::text(503, ""), "later: 503 ").await;
    }

    #[tokio::test]
    async fn a_lost_answer_is_tried_again_because_the_receiver_knows_the_id() {
        for act in [Act::Close, Act::Hang, Act::Raw(b"?".to_vec())] {
            let server = Scripted::start(move |_, _| act.clone()).await;
            let failure = open(&server.url).deliver(&event(), &Counting::open()).await.unwrap_err();
            assert!(matches!(failure, Failure::Later { .. }), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_closed_gate_sends_nothing() {
        let server = Scripted::start(|_, _| Act::text(200, "")).await;
        let failure = open(&server.url).deliver(&event(), &Counting::closed()).await.unwrap_err();
        assert_eq!((failure, server.asked().len()), (Failure::GateClosed, 0));
    }

    #[tokio::test]
    async fn attempts_differ_by_timestamp_and_signature_alone() {
        let server = Scripted::start(|_, _| Act::text(500, "")).await;
        let mut parcel = event();
        let webhook = open(&server.url);
        let _ = webhook.deliver(&parcel, &Counting::open()).await;
        parcel.now = "2026-12-01T08:05:00Z".parse().unwrap();
        parcel.attempt = 2;
        let _ = webhook.deliver(&parcel, &Counting::open()).await;
        let asked = server.asked();
        let of = |at: usize, name: &str| asked[at].headers[name].clone();
        assert_eq!(of(0, "webhook-id"), parcel.key.to_string());
        assert_eq!(of(0, "webhook-id"), of(1, "webhook-id"));
        assert_eq!(
            (of(0, "webhook-timestamp"), of(1, "webhook-timestamp")),
            ("1796112000".into(), "1796112300".into())
        );
        assert_ne!(of(0, "webhook-signature"), of(1, "webhook-signature"));
        assert_eq!(asked[0].body, asked[1].body);
    }

    /// The example of the specification's reference libraries.
    #[tokio::test]
    async fn the_signature_is_the_specifications() {
        let url: Url = "http://127.0.0.1:1/".parse().unwrap();
        let signature =
            open(&url).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = opened(url.as_str(), &format!("{SECRET} {SECRET}"), true).unwrap().sign("a", 1, b"");
        assert_eq!(both.split(' ').count(), 2);
    }

    #[test]
    fn a_secret_of_another_form_is_refused_without_being_repeated() {
        for secret in
            ["", "geheim", "whsec_", "whsec_!!geheim", "whsec_Z2VoZWlt", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]
        {
            let said = opened("https://hooks.example/", secret, false).err().unwrap();
            assert!(!said.contains("geheim") && said.contains("whsec_"), "{said}");
        }
    }

    #[tokio::test]
    async fn a_receiver_inside_is_refused() {
        for url in ["http://hooks.example/", "https://127.0.0.1/", "https://hooks.example:22/"] {
            assert!(opened(url, SECRET, false).is_err(), "{url}");
        }
        // `localhost` is a name like any other, and is found out when it is resolved.
        let webhook = opened("https://localhost/", SECRET, false).unwrap();
        let failure = webhook.deliver(&event(), &Counting::open()).await.unwrap_err();
        assert!(matches!(failure, Failure::HoldChannel { .. }), "{failure}");
    }
}
