//! Each provider's requests, signed with keys of the test's own: taken in, refused, repeated.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::ToSpan as _;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::json;

use super::*;
use crate::intake::config::SesConfig;
use crate::token::Purpose;

fn now() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

/// The token of delivery 7.
fn token() -> String {
    let key = crate::token::TokenKey::derive(b"hooks");
    key.mint(Purpose::Bounce, 7, &Digest::of(b"delivery")).to_string()
}

fn told(read: Result<Vec<Reading>, Wrong>) -> String {
    match read {
        Ok(readings) => {
            let one = |reading: &Reading| {
                let token = reading.token.map_or("nobody".to_owned(), |token| token.row().to_string());
                let enhanced = reading.words.enhanced.clone().unwrap_or_default();
                format!("{} {token} {enhanced}", reading.class).trim_end().to_owned()
            };
            readings.iter().map(one).collect::<Vec<_>>().join(", ")
        }
        Err(Wrong::Signature(why) | Wrong::Form(why)) => format!("refused: {why}"),
        Err(Wrong::Later(why)) => format!("later: {why}"),
    }
}

fn post<'a>(header: &'a (dyn Fn(&str) -> Option<String> + Send + Sync), body: &'a [u8]) -> Post<'a> {
    Post { header, body }
}

const NO_HEADERS: &(dyn Fn(&str) -> Option<String> + Send + Sync) = &|_| None;

#[test]
fn mailgun_signs_a_time_and_a_token() {
    let hook = mailgun::Mailgun::new(&SecretString::from("key-123"));
    let signed = |event: Value, key: &str, at: Timestamp| {
        let (time, random) = (at.as_second().to_string(), "50-random-characters");
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key.as_bytes());
        let tag = ring::hmac::sign(&key, format!("{time}{random}").as_bytes());
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        json!({ "signature": { "timestamp": time, "token": random, "signature": hex }, "event-data": event })
            .to_string()
    };
    let check = |event: Value, expected: &str| {
        let body = signed(event, "key-123", now());
        assert_eq!(told(hook.read(post(NO_HEADERS, body.as_bytes()), now())), expected);
    };
    let variables = json!({ "dateline": token() });
    let failed = |severity: &str, reason: &str, code: u64, message: &str| {
        json!({
            "event": "failed", "id": "e1", "severity": severity, "reason": reason, "recipient": "victim@other.example",
            "delivery-status": { "code": code, "message": message }, "user-variables": variables,
        })
    };
    check(failed("permanent", "bounce", 550, "5.1.1 The email account does not exist"), "no-mailbox 7 5.1.1");
    check(failed("permanent", "bounce", 552, "mailbox full"), "mailbox-full 7");
    check(
        failed("permanent", "suppress-bounce", 605, "Not delivering to previously bounced address"),
        "no-mailbox 7",
    );
    check(failed("permanent", "espblock", 550, "5.7.1 blocked"), "policy 7 5.7.1");
    check(failed("temporary", "generic", 450, "4.7.1 greylisted"), "delayed 7 4.7.1");
    check(json!({ "event": "complained", "id": "e2", "user-variables": variables }), "complaint 7");
    check(json!({ "event": "unsubscribed", "id": "e3", "user-variables": variables }), "unsubscribe 7");
    check(
        json!({ "event": "delivered", "id": "e4", "envelope": { "sender": format!("b+{}@bounce.example", token()) } }),
        "delivered 7",
    );
    check(json!({ "event": "opened", "id": "e5" }), "");
    check(
        json!({ "event": "complained", "id": "e6", "recipient": "victim@other.example" }),
        "complaint nobody",
    );
    check(json!({ "event": "complained" }), "refused: no id");
    let event = json!({ "event": "complained", "id": "e7" });
    for (body, expected) in [
        (signed(event.clone(), "another key", now()), "refused: the signature is not good"),
        (signed(event.clone(), "key-123", now() - 6.minutes()), "refused: it is too old"),
        (signed(event.clone(), "key-123", now() + 6.minutes()), "refused: it is too old"),
        (event.to_string(), "refused: no signature"),
        ("{".to_owned(), "refused: no JSON"),
    ] {
        assert_eq!(told(hook.read(post(NO_HEADERS, body.as_bytes()), now())), expected);
    }
}

#[test]
fn sendgrid_signs_time_and_body() {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let mut spki = vec![
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    ];
    spki.extend_from_slice(pair.public_key().as_ref());
    let hook = sendgrid::Sendgrid::new(&BASE64.encode(&spki)).unwrap();
    let ask = |body: &str, signed: &str, at: Timestamp| {
        let time = at.as_second().to_string();
        let signature = pair.sign(&random, format!("{time}{signed}").as_bytes()).unwrap();
        let signature = BASE64.encode(signature.as_ref());
        let header = move |name: &str| match name {
            "x-twilio-email-event-webhook-signature" => Some(signature.clone()),
            "x-twilio-email-event-webhook-timestamp" => Some(time.clone()),
            _ => None,
        };
        told(hook.read(post(&header, body.as_bytes()), now()))
    };
    let events = json!([
        { "sg_event_id": "1", "event": "bounce", "type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 unknown", "dateline": token() },
        { "sg_event_id": "2", "event": "bounce", "type": "blocked", "status": "5.7.1", "reason": "550 listed at Spamhaus", "dateline": token() },
        { "sg_event_id": "3", "event": "dropped", "reason": "Bounced Address", "dateline": token() },
        { "sg_event_id": "4", "event": "deferred", "response": "450 later", "dateline": token() },
        { "sg_event_id": "5", "event": "spamreport", "dateline": token() },
        { "sg_event_id": "6", "event": "delivered", "response": "250 OK", "dateline": "nonsense" },
        { "sg_event_id": "7", "event": "click" },
        { "event": "bounce" },
    ])
    .to_string();
    let expected =
        "no-mailbox 7 5.1.1, policy 7 5.7.1, no-mailbox 7, delayed 7, complaint 7, delivered nobody";
    assert_eq!(ask(&events, &events, now()), expected);
    assert_eq!(ask(&events, "[]", now()), "refused: the signature is not good");
    assert_eq!(ask(&events, &events, now() - 301.seconds()), "refused: it is too old");
    assert_eq!(ask("{}", "{}", now()), "refused: no list of events");
    assert_eq!(told(hook.read(post(NO_HEADERS, b"[]"), now())), "refused: no signature");
    for key in ["", "AAAA", "no base64!"] {
        assert!(sendgrid::Sendgrid::new(key).is_err());
    }
}

#[test]
fn postmark_knows_a_name_and_a_password() {
    let hook = postmark::Postmark::new("hook", &SecretString::from("s3cret"));
    let ask = |authorization: Option<String>, event: Value| {
        let header = move |name: &str| if name == "authorization" { authorization.clone() } else { None };
        told(hook.read(post(&header, event.to_string().as_bytes())))
    };
    let good = || Some(format!("Basic {}", BASE64.encode("hook:s3cret")));
    let bounce = |kind: &str, details: &str| {
        json!({
            "RecordType": "Bounce", "ID": 42, "Type": kind, "MessageID": "m", "Details": details, "Email": "victim@x.example",
            "Metadata": { "dateline": token() },
        })
    };
    for (event, expected) in [
        (bounce("HardBounce", "smtp;550 5.1.1 The email account does not exist"), "no-mailbox 7 5.1.1"),
        (bounce("HardBounce", "smtp;550 5.7.1 blocked using Spamhaus"), "policy 7 5.7.1"),
        (bounce("SoftBounce", "smtp;552 5.2.2 mailbox full"), "mailbox-full 7 5.2.2"),
        (bounce("SoftBounce", "unable to deliver"), "expired 7"),
        (bounce("Transient", ""), "delayed 7"),
        (bounce("DnsError", ""), "no-domain 7"),
        (bounce("SpamNotification", ""), "policy 7"),
        (bounce("AutoResponder", ""), "automatic 7"),
        (bounce("Unknown", ""), "unclear 7"),
        (json!({ "RecordType": "SpamComplaint", "Metadata": { "dateline": token() } }), "complaint 7"),
        (json!({ "RecordType": "Delivery", "Metadata": { "dateline": token() } }), "delivered 7"),
        (
            json!({ "RecordType": "SubscriptionChange", "SuppressSending": true, "SuppressionReason": "ManualSuppression",
                    "Metadata": { "dateline": token() } }),
            "unsubscribe 7",
        ),
        (json!({ "RecordType": "Open" }), ""),
        (json!({}), "refused: no RecordType"),
    ] {
        assert_eq!(ask(good(), event.clone()), expected, "{event}");
    }
    let refused = "refused: the name or the password is not the agreed one";
    for wrong in [None, Some("Basic".to_owned()), Some(format!("Basic {}", BASE64.encode("hook:wrong")))] {
        assert_eq!(ask(wrong, bounce("HardBounce", "")), refused);
    }
}

/// Amazon, as far as the test needs it.
struct Amazon {
    pair: RsaKeyPair,
    asked: Arc<AtomicUsize>,
    page: Arc<Mutex<Result<Vec<u8>, String>>>,
}

impl Amazon {
    fn new() -> Amazon {
        let key: String = include_str!("keys/sns-test-key.txt").split_whitespace().collect();
        Amazon {
            pair: RsaKeyPair::from_pkcs8(&BASE64.decode(key).unwrap()).unwrap(),
            asked: Arc::default(),
            page: Arc::new(Mutex::new(Ok(include_bytes!("keys/sns-test.pem").to_vec()))),
        }
    }

    fn fetch(&self) -> Fetch {
        let (asked, page) = (Arc::clone(&self.asked), Arc::clone(&self.page));
        Arc::new(move |_| {
            asked.fetch_add(1, Ordering::SeqCst);
            let page = page.lock().unwrap().clone();
            Box::pin(async move { page })
        })
    }

    /// A message as SNS signs it.
    fn message(&self, kind: &str, change: impl FnOnce(&mut Value)) -> String {
        let mut message = json!({
            "Type": kind, "MessageId": "id-1", "TopicArn": "arn:aws:sns:eu-north-1:1:bounces",
            "Message": "{}", "Timestamp": "2026-12-01T07:59:50.000Z", "SignatureVersion": "2",
            "SigningCertURL": "https://sns.eu-north-1.amazonaws.com/SimpleNotificationService-1.pem",
        });
        if kind != "Notification" {
            message["Token"] = json!("t");
            message["SubscribeURL"] =
                json!("https://sns.eu-north-1.amazonaws.com/?Action=ConfirmSubscription");
        }
        change(&mut message);
        let names: &[&str] = if kind == "Notification" {
            &["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
        } else {
            &["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
        };
        let signed: String = names
            .iter()
            .filter_map(|name| Some(format!("{name}\n{}\n", message.get(name)?.as_str()?)))
            .collect();
        let mut signature = vec![0; self.pair.public().modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).unwrap();
        message["Signature"] = json!(BASE64.encode(signature));
        message.to_string()
    }
}

fn ses(confirm: bool) -> ses::Ses {
    ses::Ses::new(&SesConfig { topics: vec!["arn:aws:sns:eu-north-1:1:bounces".to_owned()], confirm })
}

async fn ask(hook: &ses::Ses, amazon: &Amazon, body: &str) -> String {
    match hook.read(post(NO_HEADERS, body.as_bytes()), now(), &amazon.fetch()).await {
        Ok(Events::Some(readings)) => told(Ok(readings)),
        Ok(Events::Confirm(url)) => format!("confirm {url}"),
        Err(wrong) => told(Err(wrong)),
    }
}

#[tokio::test]
async fn amazon_signs_with_a_certificate_of_its_own() {
    let amazon = Amazon::new();
    let hook = ses(false);
    let event = |event: Value| {
        amazon.message("Notification", |message| message["Message"] = json!(event.to_string()))
    };
    let bounce = |kind: &str, sub: &str, status: &str, words: &str| {
        json!({
            "notificationType": "Bounce",
            "bounce": { "bounceType": kind, "bounceSubType": sub, "bouncedRecipients": [
                { "emailAddress": "victim@x.example", "action": "failed", "status": status, "diagnosticCode": words } ] },
            "mail": { "source": format!("b+{}@bounce.example", token()) },
        })
    };
    for (body, expected) in [
        (
            event(bounce("Permanent", "General", "5.1.1", "smtp; 550 5.1.1 user unknown")),
            "no-mailbox 7 5.1.1",
        ),
        (
            event(bounce("Permanent", "General", "5.7.1", "smtp; 550 5.7.1 blocked using Spamhaus")),
            "policy 7 5.7.1",
        ),
        (event(bounce("Permanent", "OnAccountSuppressionList", "", "")), "no-mailbox 7"),
        (event(bounce("Transient", "MailboxFull", "5.2.2", "")), "mailbox-full 7 5.2.2"),
        (event(bounce("Transient", "General", "4.4.7", "smtp; 554 4.4.7 expired")), "expired 7 4.4.7"),
        (event(bounce("Transient", "General", "", "")), "automatic 7"),
        (event(bounce("Undetermined", "Undetermined", "", "")), "unclear 7"),
        (
            event(
                json!({ "eventType": "Complaint", "complaint": {}, "mail": { "tags": { "dateline": [token()] } } }),
            ),
            "complaint 7",
        ),
        (
            event(
                json!({ "eventType": "Delivery", "delivery": { "smtpResponse": "250 2.0.0 OK" }, "mail": { "headers": [
                { "name": "List-Unsubscribe", "value": format!("<mailto:b+{}@x.example>", token()) } ] } }),
            ),
            "delivered 7 2.0.0",
        ),
        (event(json!({ "eventType": "Open" })), ""),
        (amazon.message("Notification", |message| message["Message"] = json!("a test from the console")), ""),
        (amazon.message("Notification", |message| message["Subject"] = json!("with a subject")), ""),
    ] {
        assert_eq!(ask(&hook, &amazon, &body).await, expected, "{body}");
    }
    assert_eq!(amazon.asked.load(Ordering::SeqCst), 1, "the certificate is remembered");
    for (body, expected) in [
        (
            amazon.message("Notification", |message| {
                message["TopicArn"] = json!("arn:aws:sns:eu-north-1:666:evil");
            }),
            "refused: the topic is not configured",
        ),
        (
            amazon.message("Notification", |message| message["Timestamp"] = json!("2026-12-01T05:00:00Z")),
            "refused: it is too old",
        ),
        (
            amazon.message("Notification", |message| {
                message["SigningCertURL"] = json!("https://evil.example/x.pem");
            }),
            "refused: its certificate is not Amazon's",
        ),
        (
            amazon.message("Notification", |_| {}).replace("id-1", "id-2"),
            "refused: the signature is not good",
        ),
        (
            amazon.message("Notification", |message| message["SignatureVersion"] = json!("1")),
            "refused: the signature is not good",
        ),
        (
            amazon.message("SubscriptionConfirmation", |_| {}),
            "refused: subscriptions are not confirmed; set `confirm: true`",
        ),
        ("[]".to_owned(), "refused: no TopicArn"),
    ] {
        assert_eq!(ask(&hook, &amazon, &body).await, expected, "{body}");
    }
    let confirmed = ask(&ses(true), &amazon, &amazon.message("SubscriptionConfirmation", |_| {})).await;
    assert_eq!(confirmed, "confirm https://sns.eu-north-1.amazonaws.com/?Action=ConfirmSubscription");
    let elsewhere = amazon.message("SubscriptionConfirmation", |message| {
        message["SubscribeURL"] = json!("https://evil.example/");
    });
    assert_eq!(ask(&ses(true), &amazon, &elsewhere).await, "refused: its address is not Amazon's");
}

#[tokio::test]
async fn without_its_certificate_amazon_is_asked_to_come_again() {
    let amazon = Amazon::new();
    *amazon.page.lock().unwrap() = Err("no network".to_owned());
    let body = amazon.message("Notification", |_| {});
    let expected = "later: Amazon's certificate cannot be fetched: no network";
    assert_eq!(ask(&ses(false), &amazon, &body).await, expected);
    *amazon.page.lock().unwrap() = Ok(b"no certificate".to_vec());
    assert_eq!(ask(&ses(false), &amazon, &body).await, "refused: its certificate cannot be read");
}

#[test]
fn the_same_event_has_the_same_digest_and_another_has_another() {
    let event = |id: &str| reading("ses", &[id], Class::Complaint, None, Reply::default()).digest;
    assert_eq!(event("1"), event("1"));
    assert_ne!(event("1"), event("2"));
    assert_ne!(event("1"), reading("mailgun", &["1"], Class::Complaint, None, Reply::default()).digest);
}
