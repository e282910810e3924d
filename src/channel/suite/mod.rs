//! What every way of sending mail by a provider's API holds to, whatever the provider: for the adapters' tests.
//!
//! A [`Provider`] says how its adapter is opened, and what a good answer looks like; the servers follow the providers'
//! published contracts, and none of them is the provider itself.

pub mod network;
pub mod room;
pub mod site;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use url::Url;

use super::http::Patience;
use super::scripted::{Act, Counting, Scripted, parcel};
use super::{Channel, Failure, Parcel, Previous, Receipt, Recipient};
use crate::release::Notice;
use crate::render::{Content, Mail, Piece, Slot};

/// Short for a test, and long for loopback.
pub const SHORT: Patience =
    Patience { connect: Duration::from_millis(500), whole: Duration::from_millis(900) };

/// One provider.
pub struct Provider {
    /// Its adapter, speaking to this address. Its token is `geheim-token`.
    pub open: fn(&Url) -> Box<dyn Channel>,
    /// The answer to a mail that was taken.
    pub taken: fn() -> Act,
    /// What it is called from then on.
    pub id: &'static str,
    /// An answer of its own to a request that comes too fast.
    pub too_fast: fn() -> Act,
    /// The most bytes of a mail.
    pub most: usize,
}

/// A mail with text, HTML, a picture in it and a calendar, as they are composed, to this address.
pub fn letter(to: &str) -> Parcel {
    letter_with(to, "Hello,=20\r\n\r\nit goes 620=C2=A0km.\r\n.\r\n")
}

fn letter_with(to: &str, text: &str) -> Parcel {
    let literal = |text: &str| Piece::Literal(text.to_owned());
    let mail = Mail {
        subject: "Aster EV: 620\u{a0}km".to_owned(),
        from: "press@halden.example".parse().unwrap(),
        unsubscribe_url: Some("https://u.halden.example/u".to_owned()),
        unsubscribe_mailto: Some("leave@halden.example".parse().unwrap()),
        pieces: vec![
            literal("From: \"Halden Motors, Press\" <press@halden.example>\r\nTo: "),
            Piece::Slot(Slot::To),
            literal(
                "\r\nReply-To: <desk@halden.example>\r\nSubject: =?utf-8?q?Aster_EV=3A_620=C2=A0km?=\r\n",
            ),
            literal("Date: Tue, 01 Dec 2026 09:00:00 +0100\r\nMessage-ID: <"),
            Piece::Slot(Slot::MessageId),
            literal(">\r\n"),
            Piece::Slot(Slot::References),
            literal("List-Id: \"Halden Motors, Press\" <press.halden.example>\r\n"),
            Piece::Slot(Slot::ListUnsubscribe),
            literal("Feedback-ID: aster-ev:press:original:halden\r\nMIME-Version: 1.0\r\n"),
            literal("Content-Type: multipart/mixed;\r\n boundary=\"=_mix\"\r\n\r\n--=_mix\r\n"),
            literal("Content-Type: multipart/alternative;\r\n boundary=\"=_alt\"\r\n\r\n--=_alt\r\n"),
            literal("Content-Type: text/plain; charset=utf-8\r\n"),
            literal("Content-Transfer-Encoding: quoted-printable\r\n\r\n"),
            literal(text),
            literal(
                "--=_alt\r\nContent-Type: multipart/related; type=\"text/html\";\r\n boundary=\"=_rel\"\r\n\r\n",
            ),
            literal("--=_rel\r\nContent-Type: text/html; charset=utf-8\r\n"),
            literal("Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>Hello, "),
            Piece::Slot(Slot::NameHtml),
            literal("</p>\r\n--=_rel\r\nContent-Type: image/png; name=\"aster.png\"\r\n"),
            literal(
                "Content-ID: <p1@halden.example>\r\nContent-Disposition: inline; filename=\"aster.png\"\r\n",
            ),
            literal("Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n--=_rel--\r\n"),
            literal("--=_alt--\r\n--=_mix\r\n"),
            literal("Content-Type: text/calendar; charset=utf-8; method=PUBLISH;\r\n name=\"event.ics\"\r\n"),
            literal("Content-Disposition: attachment; filename=\"event.ics\"\r\n"),
            literal("Content-Transfer-Encoding: base64\r\n\r\nQkVHSU46VkNBTEVOREFSDQo=\r\n--=_mix--\r\n"),
        ],
    };
    let recipient = Recipient::Mailbox {
        email: to.parse().unwrap(),
        name: Some("Jörg \"J\" Roe".to_owned()),
        token: "aaaaaaaaagfc6t2y7vpgxyqmum".to_owned(),
        bounce: Some("aaaaaaaaahp74wpiict7jhnyfu".to_owned()),
    };
    let wire_key = "k3y".repeat(10) + "ab";
    Parcel { wire_key, recipient, ..parcel(Content::Mail(mail), Vec::new()) }
}

/// The same as a correction of what the provider called `remote_id`.
pub fn correction(remote_id: &str) -> Parcel {
    let previous = Previous { remote_id: Some(remote_id.to_owned()), wire_key: "earlier".to_owned() };
    Parcel { notice: Notice::Correction, previous: Some(previous), ..letter("joerg@paper.example") }
}

/// The outcome in one line, with the time it is to be left alone.
pub fn shown(outcome: &Result<Receipt, Failure>) -> String {
    match outcome {
        Ok(receipt) => format!("sent {}", receipt.remote_id.as_deref().unwrap_or("-")),
        Err(Failure::PauseChannel { reply, retry_after: Some(wait) }) => {
            format!("pause {} s: {reply}", wait.as_secs())
        }
        Err(Failure::PauseChannel { reply, .. }) => format!("pause: {reply}"),
        Err(Failure::Refused { reply, suppress: true }) => format!("suppress: {reply}"),
        Err(failure) => failure.to_string(),
    }
}

impl Provider {
    /// What one attempt comes to if the server does `act`, which it is asked for exactly once.
    pub async fn outcome(&self, act: Act) -> String {
        let server = Scripted::start(move |_, _| act.clone()).await;
        let gate = Counting::open();
        let outcome = (self.open)(&server.url).deliver(&letter("joerg@paper.example"), &gate).await;
        assert_eq!((server.asked().len(), gate.count()), (1, 1), "{outcome:?}");
        let shown = shown(&outcome);
        assert!(!shown.contains("geheim"), "{shown}");
        shown
    }

    /// As [`Provider::outcome`]; it begins with `expected`.
    pub async fn check(&self, act: Act, expected: &str) {
        let outcome = self.outcome(act).await;
        assert!(outcome.starts_with(expected), "{outcome}\nis not: {expected}");
    }

    /// The whole suite.
    pub async fn holds(&self) {
        self.takes().await;
        self.never_guesses().await;
        self.breaks_off_at_every_byte().await;
        self.asks_before_it_speaks().await;
        self.knows_what_cannot_leave().await;
        self.says_the_same_again().await;
    }

    async fn takes(&self) {
        self.check((self.taken)(), &format!("sent {}", self.id)).await;
        let too_fast = (self.too_fast)().with("retry-after", "77");
        self.check(too_fast, "pause 77 s: 429").await;
        self.check(Act::text(429, "slow down"), "pause").await;
    }

    /// The server may have applied the request in each of these cases, and some did.
    async fn never_guesses(&self) {
        let unknown = "outcome unknown";
        for act in [
            Act::Close,
            Act::Hang,
            Act::Flood,
            Act::text(200, ""),
            Act::text(200, "<html>Welcome to our network</html>"),
            Act::text(200, "{}"),
            Act::text(200, "[]"),
            Act::json(200, &serde_json::json!({"MessageId": "", "MessageID": "", "ErrorCode": 0})),
            Act::json(200, &serde_json::json!({"MessageId": "a\r\nb", "MessageID": 7, "ErrorCode": 0})),
            Act::text(500, ""),
            Act::text(502, "<html>"),
            Act::text(503, "geheim-token"),
            Act::text(504, ""),
            Act::Raw(b"HTTP/1.1 2".to_vec()),
            Act::Raw(b"\0\xff\xfe garbage\r\n\r\n".to_vec()),
        ] {
            self.check(act, unknown).await;
        }
        let elsewhere = Scripted::start(|_, _| Act::text(200, "")).await;
        let away = Act::text(307, "").with("location", elsewhere.url.as_str());
        self.check(away, "the channel refuses us").await;
        assert!(elsewhere.asked().is_empty());
        self.check(Act::text(403, "<html>geheim-token</html>"), "the channel refuses us").await;
        self.check(Act::text(404, ""), "the channel refuses us").await;
    }

    async fn breaks_off_at_every_byte(&self) {
        let Act::Answer(status, headers, body) = (self.taken)() else { panic!("no answer") };
        let mut whole = format!("HTTP/1.1 {status} OK\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            whole.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut whole = (whole + "\r\n").into_bytes();
        whole.extend_from_slice(&body);
        let length = whole.len();
        let served = Arc::new(AtomicUsize::new(0));
        let server = {
            let (served, whole) = (Arc::clone(&served), whole);
            Scripted::start(move |_, _| Act::Raw(whole[..served.load(Ordering::SeqCst)].to_vec())).await
        };
        let channel = (self.open)(&server.url);
        for cut in 0..=length {
            served.store(cut, Ordering::SeqCst);
            let outcome = shown(&channel.deliver(&letter("joerg@paper.example"), &Counting::open()).await);
            let expected = if cut < length { "outcome unknown" } else { "sent" };
            assert!(outcome.starts_with(expected), "cut at {cut} of {length}: {outcome}");
        }
    }

    async fn asks_before_it_speaks(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        let gate = Counting::closed();
        let outcome = (self.open)(&server.url).deliver(&letter("joerg@paper.example"), &gate).await;
        assert_eq!(outcome, Err(Failure::GateClosed));
        assert_eq!((server.asked().len(), gate.count()), (0, 1));
        // Nobody there: it did not leave, and it is no recipient's fault.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let outcome = (self.open)(&nobody).deliver(&letter("joerg@paper.example"), &Counting::open()).await;
        assert!(matches!(outcome, Err(Failure::PauseChannel { .. })), "{outcome:?}");
    }

    async fn knows_what_cannot_leave(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        let channel = (self.open)(&server.url);
        let line = "x".repeat(70) + "\r\n";
        let large = letter_with("joerg@paper.example", &line.repeat(self.most / line.len() + 1));
        let account = Parcel { recipient: Recipient::Account, ..letter("joerg@paper.example") };
        let json = Parcel {
            recipient: letter("joerg@paper.example").recipient,
            ..parcel(Content::Json(serde_json::json!({})), Vec::new())
        };
        let bare = letter_with("joerg@paper.example", "a\n.\nMAIL FROM:<evil@z.example>\r\n");
        for (parcel, expected) in [
            (letter("jörg@paper.example"), "refused: 5.6.7 the address has letters"),
            (large, "the channel refuses us: the mail has"),
            (account, "refused: the delivery names no mailbox"),
            (json, "refused: the edition is not a mail"),
            (bare, "broken: not sent, because line"),
        ] {
            let gate = Counting::open();
            let outcome = shown(&channel.deliver(&parcel, &gate).await);
            assert!(outcome.starts_with(expected), "{outcome}\nis not: {expected}");
            assert_eq!(gate.count(), 0, "{expected}");
        }
        assert!(server.asked().is_empty());
    }

    async fn says_the_same_again(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        let channel = (self.open)(&server.url);
        let first = letter("joerg@paper.example");
        let again =
            Parcel { attempt: 2, now: first.now + jiff::SignedDuration::from_mins(20), ..first.clone() };
        for parcel in [&first, &again] {
            channel.deliver(parcel, &Counting::open()).await.unwrap();
        }
        let asked = server.asked();
        assert_eq!(asked[0].body, asked[1].body);
        // An internationalised domain travels as ASCII (RFC 5891).
        channel.deliver(&letter("joerg@bücher.example"), &Counting::open()).await.unwrap();
        let text = String::from_utf8(server.asked()[2].body.clone()).unwrap();
        assert!(text.contains("joerg@xn--bcher-kva.example"), "{text}");
    }
}
