//! What is sent to chats, read by the vendors' own libraries, and our webhooks, believed by the reference library
//! (`tests/endpoints/payloads.sh`). They must also be able to say no.

use std::process::Command;
use std::sync::Arc;

use dateline::channel::config::ChannelConfig;
use dateline::channel::{self, Channel, Parcel};
use dateline::render::{Chat, Content};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::networks::{gate, given, parcel};

/// A receiver of one message, which it gives back.
async fn receiver() -> (String, tokio::task::JoinHandle<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook/secret", listener.local_addr().unwrap());
    let taking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
            let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            if let Ok(body) = serde_json::from_slice(&bytes[head + 4..]) {
                let answer = "{\"id\":\"1310000000000000002\"}";
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
                stream.write_all(answer.as_bytes()).await.unwrap();
                return body;
            }
        }
    });
    (url, taking)
}

fn messages() -> Vec<Parcel> {
    let long = "Så långt går Aster EV 👨‍👩‍👧‍👦 på en laddning & <b>mer</b> *än* [så](x). ";
    let chat = |title: &str, text: &str, label: Option<&str>, picture: bool| Chat {
        label: label.map(str::to_owned),
        title: title.to_owned(),
        text: text.to_owned(),
        note: label.map(|_| "It goes 610 km, not 620.".to_owned()),
        url: "https://news.halden.example/2026/aster-ev/".to_owned(),
        picture: picture.then(|| "https://news.halden.example/2026/aster-ev/front.png".to_owned()),
        more: "Read more".to_owned(),
        organization: "Halden Motors".to_owned(),
        accent: "#b5431f".to_owned(),
        test: false,
    };
    let now = "2026-12-01T08:00:00Z".parse().unwrap();
    [
        chat("It goes 620 km", "A family car.", None, true),
        chat("It goes 620 km", "A family car.", Some("Correction"), false),
        chat("It goes 620 km", "", Some("Withdrawn"), false),
        chat(&long.repeat(10), &long.repeat(100), Some("Correction"), false),
    ]
    .into_iter()
    .map(|chat| {
        let pictured = chat.picture.is_some();
        let mut parcel = parcel("chat", Content::Chat(chat), now);
        if !pictured {
            Arc::make_mut(&mut parcel.edition).assets.clear();
        }
        parcel
    })
    .collect()
}

fn judged(programs: &str, kind: &str, body: &Value) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.json");
    std::fs::write(&file, body.to_string()).unwrap();
    let script = |name: &str| format!("{}/tests/endpoints/payloads/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut command = if kind == "python" { Command::new("python3") } else { Command::new("node") };
    match kind {
        "python" => command.arg(script("check.py")).arg(programs),
        kind => command.arg(script("check.cjs")).arg(programs).arg(kind),
    };
    let output = command.arg(&file).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

async fn check(kind: &str, open: fn(Value) -> ChannelConfig, spoil: fn(&mut Value)) {
    let Some([programs]) = given(["PAYLOADS_PROGRAMS"]) else { return };
    for (at, message) in messages().into_iter().enumerate() {
        if kind == "discord" && !message.edition.assets.is_empty() {
            continue;
        }
        let (url, taking) = receiver().await;
        let secrets = channel::Secrets::none().with("webhook", url.as_str());
        let config = open(json!({ "webhook": { "env": "H" } }));
        let channel: Box<dyn Channel> = channel::open(&config, std::path::Path::new("."), &secrets).unwrap();
        let _ = channel.deliver(&message, &gate()).await;
        let mut body = taking.await.unwrap();
        tokio::task::block_in_place(|| {
            judged(&programs, kind, &body).unwrap_or_else(|error| panic!("{kind} {at}: {error}\n{body:#}"));
            spoil(&mut body);
            assert!(judged(&programs, kind, &body).is_err(), "{kind} {at} can say no: {body:#}");
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn discords_builders_take_our_embeds() {
    let open = |keys| ChannelConfig::Discord(serde_json::from_value(keys).unwrap());
    check("discord", open, |body| body["embeds"][0]["title"] = json!("x".repeat(257))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn adaptive_cards_take_our_cards() {
    let open = |keys| ChannelConfig::Teams(serde_json::from_value(keys).unwrap());
    check("teams", open, |body| body["attachments"][0]["content"]["body"][0]["size"] = json!("Enormous"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slacks_types_take_our_blocks() {
    let open = |keys| ChannelConfig::Slack(serde_json::from_value(keys).unwrap());
    check("slack", open, |body| body["blocks"][0]["text"]["type"] = json!("mrkdwn")).await;
}

const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"];

/// What the reference library gets: the request of a webhook that was signed with `secrets` at `now`.
async fn webhook(secrets: &str, now: jiff::Timestamp) -> Value {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let taking = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut bytes = Vec::new();
        loop {
            assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
            let text = String::from_utf8(bytes.clone()).unwrap();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let headers: std::collections::BTreeMap<String, String> = head
                .lines()
                .filter_map(|line| line.split_once(": "))
                .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
                .collect();
            if body.len() == headers["content-length"].parse::<usize>().unwrap() {
                stream.write_all(b"HTTP/1.1 204 No\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                return json!({ "headers": headers, "body": body });
            }
        }
    });
    let config = json!({ "url": url, "secret": { "env": "S" }, "allow_private": true });
    let config = ChannelConfig::Webhook(serde_json::from_value(config).unwrap());
    let channel =
        channel::open(&config, std::path::Path::new("."), &channel::Secrets::none().with("secret", secrets))
            .unwrap();
    let event = json!({ "event": "release.published", "title": "Så långt går Aster EV: 620 km" });
    channel.deliver(&parcel("event", Content::Json(event), now), &gate()).await.unwrap();
    taking.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn three_libraries_believe_our_webhooks_and_no_others() {
    let Some([programs]) = given(["PAYLOADS_PROGRAMS"]) else { return };
    let now = dateline::clock::Clock::system().now();
    let old = now - jiff::SignedDuration::from_mins(10);
    let both = SECRETS.join(" ");
    // During a rotation both keys sign, and whoever has either believes.
    for (signed, known, at, tampered, believed) in [
        (SECRETS[0], SECRETS[0], now, false, true),
        (both.as_str(), SECRETS[0], now, false, true),
        (both.as_str(), SECRETS[1], now, false, true),
        (SECRETS[0], SECRETS[1], now, false, false),
        (SECRETS[0], SECRETS[0], now, true, false),
        (SECRETS[0], SECRETS[0], old, false, false),
    ] {
        let mut request = webhook(signed, at).await;
        request["secret"] = json!(known);
        if tampered {
            request["body"] = json!(request["body"].as_str().unwrap().replace("620", "720"));
        }
        for library in ["webhook", "svix", "python"] {
            let judged = tokio::task::block_in_place(|| judged(&programs, library, &request));
            assert_eq!(judged.is_ok(), believed, "{library}: {signed} {known} {at} {tampered}: {judged:?}");
        }
    }
}
