//! What signatures cost: mails of 30 KiB over four connections, unsigned, signed at send and signed ahead, beside Postfix's own
//! `smtp-source` in the same run and what the processors can sign at all; to Postfix's `smtp-sink`, and to a sink that reads fast.
//!
//! Signing alone has all processors to itself; a mail that is signed at send leaves them to its sink as well. So there are two
//! ratios: to signing alone, and to what the processors allow, which is as many mails as they can sign, write and receive when
//! each step costs what it does without the others: processor time of signing, of the unsigned mail's sender, and of its sink.
//!
//! `cargo bench --bench signing` (Debian: `apt-get install postfix` for `smtp-source` and `smtp-sink`). The ledger has no part in it:
//! `guarantees` measures that.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a bench that cannot go on must fail"
)]

#[path = "guarantees/sink.rs"]
mod fast;

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

/// Where mails go.
enum Sink {
    Postfix(Child, u16),
    Fast(fast::Sink),
}

impl Sink {
    fn postfix() -> Option<Sink> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let sink = Command::new("/usr/sbin/smtp-sink")
            .args(["-u", "nobody", "-8", &format!("127.0.0.1:{port}"), "1000"])
            .stdout(Stdio::null())
            .spawn()
            .ok()?;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Sink::Postfix(sink, port))
    }

    fn port(&self) -> u16 {
        match self {
            Sink::Postfix(_, port) => *port,
            Sink::Fast(sink) => sink.address.port(),
        }
    }

    /// Its processor time until now.
    fn spent(&self) -> Duration {
        let child = match self {
            Sink::Postfix(child, _) => child,
            Sink::Fast(sink) => &sink.child,
        };
        spent(&child.id().to_string())
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        if let Sink::Postfix(child, _) = self {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The processor time of a process until now, all threads together (Linux; the kernel counts in hundredths of a second).
fn spent(process: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    let ticks: u64 =
        fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

/// What one way took.
#[derive(Clone, Copy)]
struct Cost {
    /// Mails a second.
    rate: f64,
    /// Processor time for each mail in microseconds: ours, and the sink's.
    own: f64,
    sink: f64,
}

impl Cost {
    fn of(sink: Option<&Sink>, work: impl FnOnce()) -> Cost {
        let both = || (spent("self"), sink.map_or(Duration::ZERO, Sink::spent));
        let (own, theirs) = both();
        let begun = Instant::now();
        work();
        let rate = MAILS as f64 / begun.elapsed().as_secs_f64();
        let (own_now, theirs_now) = both();
        let each = |time: Duration| time.as_secs_f64() * 1e6 / MAILS as f64;
        Cost { rate, own: each(own_now - own), sink: each(theirs_now - theirs) }
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

fn send(sink: &Sink, smtp: Smtp, parcels: Vec<Parcel>) -> Cost {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (smtp, parcels, next) = (Arc::new(smtp), Arc::new(parcels), Arc::new(AtomicUsize::new(0)));
    let work = async {
        let mut workers = tokio::task::JoinSet::new();
        // As many for each connection as dispatch has carriers: one talks, one stands in line with its mail ready, one makes the next.
        for _ in 0..3 * CONNECTIONS {
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
    };
    Cost::of(Some(sink), || runtime.block_on(work))
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Signs with all processors together, and does nothing else.
fn sign(smtp: &Smtp, parcels: &[Parcel]) -> (Cost, Vec<Option<Arc<[u8]>>>) {
    let mut made = Vec::new();
    let cost = Cost::of(None, || {
        made = std::thread::scope(|scope| {
            let work = |share: &'_ [Parcel]| {
                share.iter().map(|parcel| smtp.ahead(parcel).map(Into::into)).collect::<Vec<_>>()
            };
            let shares: Vec<_> = parcels
                .chunks(parcels.len().div_ceil(processors()))
                .map(|share| scope.spawn(move || work(share)))
                .collect();
            shares.into_iter().flat_map(|share| share.join().unwrap()).collect()
        });
    });
    (cost, made)
}

/// Mails a second that smtp-source sends; nothing where there is none.
fn source(sink: &Sink) -> Option<f64> {
    let begun = Instant::now();
    let done = Command::new("/usr/sbin/smtp-source")
        .args(["-s", &CONNECTIONS.to_string(), "-m", &MAILS.to_string(), "-l", &SIZE.to_string()])
        .args(["-f", "press@news.halden.example", "-t", "jane@paper.example"])
        .arg(format!("127.0.0.1:{}", sink.port()))
        .status()
        .ok()?;
    done.success().then(|| MAILS as f64 / begun.elapsed().as_secs_f64())
}

/// The middle of some numbers.
fn median(of: &[Round], pick: impl Fn(&Round) -> f64) -> f64 {
    let mut numbers: Vec<f64> = of.iter().map(pick).collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

struct Round {
    theirs: Option<f64>,
    unsigned: Cost,
    alone: Cost,
    at_send: Cost,
    ahead: Cost,
}

impl Round {
    /// Mails a second that the processors allow.
    fn allowed(&self) -> f64 {
        processors() as f64 * 1e6 / (self.alone.own + self.unsigned.own + self.unsigned.sink)
    }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    if words.iter().any(|word| word == "--test") {
        return;
    }
    if words.iter().any(|word| word == "--sink") {
        fast::run(Duration::ZERO).unwrap();
        return;
    }
    let keys =
        [key(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]), key(&["-algorithm", "ed25519"])];
    println!(
        "{MAILS} mails of {SIZE} bytes, {CONNECTIONS} connections, {} processors; medians of five rounds",
        processors()
    );
    let sinks = [
        ("smtp-sink", Sink::postfix()),
        ("fast sink", fast::Sink::start(Duration::ZERO).ok().map(Sink::Fast)),
    ];
    for (name, sink) in sinks {
        let Some(sink) = sink else {
            eprintln!("no {name}: apt-get install postfix");
            continue;
        };
        let open =
            |count: usize| Smtp::open_signing(&config(sink.port(), count), None, &keys[..count]).unwrap();
        let rounds: Vec<Round> = (0..5)
            .map(|_| {
                let theirs = source(&sink);
                let unsigned = send(&sink, open(0), parcels());
                let (alone, made) = sign(&open(2), &parcels());
                let at_send = send(&sink, open(2), parcels());
                let mut ahead = parcels();
                ahead.iter_mut().zip(made).for_each(|(parcel, made)| parcel.ahead = made);
                let ahead = send(&sink, open(2), ahead);
                Round { theirs, unsigned, alone, at_send, ahead }
            })
            .collect();
        println!("to {name}:");
        let cost = |what: &str, pick: fn(&Round) -> Cost| {
            let [rate, own, sink] = [
                median(&rounds, |round| pick(round).rate),
                median(&rounds, |round| pick(round).own),
                median(&rounds, |round| pick(round).sink),
            ];
            println!(
                "  {what:<22} {rate:>6.0} a second; {own:>4.0} µs of processor time, the sink {sink:.0} µs"
            );
        };
        cost("unsigned", |round| round.unsigned);
        cost("signing alone", |round| round.alone);
        cost("signed at send", |round| round.at_send);
        cost("signed ahead", |round| round.ahead);
        if rounds.iter().all(|round| round.theirs.is_some()) {
            let theirs = |round: &Round| round.theirs.unwrap();
            println!(
                "  smtp-source            {:>6.0} a second; unsigned {:.2} times that, signed ahead {:.2} times",
                median(&rounds, theirs),
                median(&rounds, |round| round.unsigned.rate / theirs(round)),
                median(&rounds, |round| round.ahead.rate / theirs(round)),
            );
        }
        println!(
            "  at send: {:.2} of signing alone; {:.2} of the {:.0} a second that the processors allow",
            median(&rounds, |round| round.at_send.rate / round.alone.rate),
            median(&rounds, |round| round.at_send.rate / round.allowed()),
            median(&rounds, Round::allowed),
        );
    }
}
