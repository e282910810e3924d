//! What signatures cost: mails of 30 KiB over four connections to Postfix's `smtp-sink`, unsigned, signed at send and signed ahead, beside
//! Postfix's own `smtp-source` in the same run and what the processors can sign at all.
//!
//! `cargo bench --bench signing` (Debian: `apt-get install postfix` for `smtp-source` and `smtp-sink`). The ledger has no part in it:
//! `guarantees` measures that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a bench that cannot go on must fail"
)]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dateline::channel::config::{DkimConfig, Limits, OnUnknown, SmtpConfig, Tls};
use dateline::channel::smtp::Smtp;
use dateline::channel::{Channel, Gate, Parcel, Recipient};
use dateline::digest::Digest;
use dateline::release::Notice;
use dateline::render::{Content, Edition, Mail, Piece, Slot};
use dateline::secret::SecretRef;
use secrecy::SecretString;

const MAILS: usize = 4_000;
const SIZE: usize = 30 * 1024;
const CONNECTIONS: u32 = 4;

struct Open;

#[async_trait]
impl Gate for Open {
    async fn open(&self) -> bool {
        true
    }
}

struct Sink(Child, u16);

impl Sink {
    fn start() -> Option<Sink> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let sink = Command::new("/usr/sbin/smtp-sink")
            .args(["-u", "nobody", "-8", &format!("127.0.0.1:{port}"), "1000"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Sink(sink, port))
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(port: u16, keys: usize) -> SmtpConfig {
    let key = |selector: &str| DkimConfig {
        selector: selector.to_owned(),
        domain: None,
        key: SecretRef::Env("X".to_owned()),
    };
    let text = serde_json::json!({
        "host": "127.0.0.1", "port": port, "from": "Halden Motors Press <press@news.halden.example>",
    });
    let mut config: SmtpConfig = serde_json::from_value(text).unwrap();
    config.tls = Tls::None;
    config.limits =
        Limits { connections: Some(CONNECTIONS), per_connection: Some(1_000_000), ..Limits::default() };
    config.on_unknown = OnUnknown::Hold;
    config.dkim = ["rsa", "ed25519"].iter().take(keys).map(|selector| key(selector)).collect();
    config
}

fn key(kind: &[&str]) -> SecretString {
    let made = Command::new("openssl").arg("genpkey").args(kind).stderr(Stdio::null()).output().unwrap();
    String::from_utf8(made.stdout).unwrap().into()
}

/// A mail of [`SIZE`] bytes with what differs by recipient.
fn edition() -> Arc<Edition> {
    let text = |text: &str| Piece::Literal(text.to_owned());
    let line = "The Aster EV goes 620 km on one charge, and orders open on 8 December in 12.\r\n";
    let body = line.repeat(SIZE / line.len());
    let mail = Mail {
        subject: "Aster EV goes 620 km on one charge".to_owned(),
        from: "press@news.halden.example".parse().unwrap(),
        unsubscribe_url: Some("https://news.halden.example/u".to_owned()),
        unsubscribe_mailto: None,
        pieces: vec![
            text("From: \"Halden Motors Press\" <press@news.halden.example>\r\nTo: "),
            Piece::Slot(Slot::To),
            text(
                "\r\nSubject: Aster EV goes 620 km on one charge\r\nDate: Tue, 1 Dec 2026 09:00:00 +0100\r\nMessage-ID: <",
            ),
            Piece::Slot(Slot::MessageId),
            text(">\r\n"),
            Piece::Slot(Slot::ListUnsubscribe),
            text(
                "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nDear ",
            ),
            Piece::Slot(Slot::NameText),
            text("\r\n"),
            Piece::Literal(body),
        ],
    };
    Arc::new(Edition {
        request: serde_json::from_value(serde_json::json!({
            "slug": "aster-ev", "digest_of": [], "notice": "original", "audience": "bloggers", "channel": "relay",
            "language": "en", "advance": false, "test": false, "date": "2026-12-01T08:00:00Z",
        }))
        .unwrap(),
        title: "Aster".to_owned(),
        content: Content::Mail(mail),
        assets: Vec::new(),
    })
}

fn parcels() -> Vec<Parcel> {
    let (edition, due) = (edition(), "2026-12-01T08:00:00Z".parse().unwrap());
    let parcel = |number: usize| {
        let key = Digest::of(&number.to_be_bytes());
        Parcel {
            key,
            wire_key: key.to_string()[..32].to_owned(),
            edition: Arc::clone(&edition),
            notice: Notice::Original,
            recipient: Recipient::Mailbox {
                email: format!("jane{number}@paper.example").parse().unwrap(),
                name: Some(format!("Jane Roe {number}")),
                token: "a".repeat(26),
                bounce: None,
            },
            due,
            now: due,
            attempt: 1,
            previous: None,
            ahead: None,
        }
    };
    (0..MAILS).map(parcel).collect()
}

/// Mails a second.
fn send(smtp: Smtp, parcels: Vec<Parcel>) -> f64 {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (smtp, parcels, next) = (Arc::new(smtp), Arc::new(parcels), Arc::new(AtomicUsize::new(0)));
    let begun = Instant::now();
    runtime.block_on(async {
        let mut workers = tokio::task::JoinSet::new();
        // One more than there are connections fills a mail while the others talk.
        for _ in 0..=CONNECTIONS {
            let (smtp, parcels, next) = (Arc::clone(&smtp), Arc::clone(&parcels), Arc::clone(&next));
            workers.spawn(async move {
                while let Some(parcel) = parcels.get(next.fetch_add(1, Ordering::Relaxed)) {
                    smtp.deliver(parcel, &Open).await.unwrap();
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done.unwrap();
        }
    });
    MAILS as f64 / begun.elapsed().as_secs_f64()
}

/// Mails a second whose signatures all processors together can make.
fn sign(smtp: &Smtp, parcels: &[Parcel]) -> (f64, Vec<Option<Arc<[u8]>>>) {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let begun = Instant::now();
    let made: Vec<Option<Arc<[u8]>>> = std::thread::scope(|scope| {
        let work = |share: &'_ [Parcel]| {
            share.iter().map(|parcel| smtp.ahead(parcel).map(Into::into)).collect::<Vec<_>>()
        };
        let shares: Vec<_> = parcels
            .chunks(parcels.len().div_ceil(threads))
            .map(|share| scope.spawn(move || work(share)))
            .collect();
        shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
    });
    (parcels.len() as f64 / begun.elapsed().as_secs_f64(), made)
}

fn source(port: u16) -> f64 {
    let begun = Instant::now();
    let done = Command::new("/usr/sbin/smtp-source")
        .args(["-s", &CONNECTIONS.to_string(), "-m", &MAILS.to_string(), "-l", &SIZE.to_string()])
        .args(["-f", "press@news.halden.example", "-t", "jane@paper.example", &format!("127.0.0.1:{port}")])
        .status()
        .unwrap();
    assert!(done.success());
    MAILS as f64 / begun.elapsed().as_secs_f64()
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let Some(sink) = Sink::start() else {
        eprintln!("no smtp-sink: apt-get install postfix");
        return;
    };
    let keys =
        [key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), key(&["-algorithm", "ed25519"])];
    let open = |count: usize| Smtp::open_signing(&config(sink.1, count), None, &keys[..count]).unwrap();
    println!("{MAILS} mails of {SIZE} bytes, {CONNECTIONS} connections, mails a second; three rounds");
    for _ in 0..3 {
        let theirs = source(sink.1);
        let unsigned = send(open(0), parcels());
        let (alone, made) = sign(&open(2), &parcels());
        let at_send = send(open(2), parcels());
        let mut ahead = parcels();
        ahead.iter_mut().zip(made).for_each(|(parcel, made)| parcel.ahead = made);
        let ahead = send(open(2), ahead);
        println!(
            "smtp-source {theirs:.0}; unsigned {unsigned:.0} ({:.2}x); signing alone {alone:.0}; RSA and Ed25519 at send \
             {at_send:.0} ({:.2} of signing alone); signed ahead {ahead:.0} ({:.2}x smtp-source)",
            unsigned / theirs,
            at_send / alone,
            ahead / theirs,
        );
    }
}
