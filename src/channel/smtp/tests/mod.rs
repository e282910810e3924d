//! The adapter against relays that misbehave in every way that was seen or can be thought of.

mod cancelled;
mod refusals;
mod secure;
mod together;
mod weather;

use std::time::Duration;

use super::scripted::{Honest, Relay};
use super::trouble::Timeouts;
use super::*;
use crate::channel::Recipient;
use crate::channel::config::{Limits, OnUnknown, Tls};
use crate::channel::scripted::{Counting, parcel};
use crate::render::{Content, Mail, Piece, Slot};

/// Limits that are long for a relay on loopback and short for a test.
const SHORT: Timeouts = {
    let limit = Duration::from_millis(150);
    Timeouts { connect: limit, greeting: limit, command: limit, data: limit, block: limit, dot: limit }
};

fn config(port: u16) -> SmtpConfig {
    SmtpConfig {
        host: "127.0.0.1".to_owned(),
        port: Some(port),
        tls: Tls::None,
        username: None,
        password: None,
        ca_file: None,
        from: "Halden Motors Press <press@halden.example>".to_owned(),
        reply_to: None,
        images: crate::release::Images::Link,
        postal_address: None,
        list_id: None,
        unsubscribe_url: None,
        unsubscribe_mailto: None,
        bounce_domain: None,
        provider: None,
        dkim: Vec::new(),
        sends_from: Vec::new(),
        max_size: None,
        helo: Some("dateline.test".to_owned()),
        language: None,
        limits: Limits { connections: Some(1), ..Limits::default() },
        on_unknown: OnUnknown::Hold,
    }
}

fn relay(port: u16) -> Smtp {
    Smtp::open_with(&config(port), None, &[], SHORT).unwrap()
}

/// A mail with this body to this address, known by `id`.
fn letter(id: &str, to: &str, body: &str) -> Parcel {
    let text = |text: &str| Piece::Literal(text.to_owned());
    let mail = Mail {
        subject: "Aster EV goes 620 km on one charge".to_owned(),
        from: "press@halden.example".parse().unwrap(),
        unsubscribe_url: None,
        unsubscribe_mailto: None,
        pieces: vec![
            text("From: Halden Motors Press <press@halden.example>\r\nTo: "),
            Piece::Slot(Slot::To),
            text(
                "\r\nSubject: Aster EV goes 620 km on one charge\r\nDate: Tue, 1 Dec 2026 08:00:00 +0000\r\nMessage-ID: <",
            ),
            Piece::Slot(Slot::MessageId),
            text(">\r\n\r\n"),
            text(body),
        ],
    };
    let recipient = Recipient::Mailbox {
        email: to.parse().unwrap(),
        name: None,
        token: "t0ken".to_owned(),
        bounce: None,
    };
    // The right part is the sender's domain.
    let wire_key = id.strip_suffix("@halden.example").unwrap().to_owned();
    Parcel { wire_key, recipient, ..parcel(Content::Mail(mail), Vec::new()) }
}

fn jane(id: &str) -> Parcel {
    letter(id, "jane@paper.example", "Hello\r\n")
}

/// The outcome in one line.
fn shown(outcome: &Result<Receipt, Failure>) -> String {
    match outcome {
        Ok(receipt) => format!("sent: {}", receipt.reply),
        Err(Failure::Refused { reply, suppress: true }) => format!("suppress: {reply}"),
        Err(failure) => failure.to_string(),
    }
}

const PIPELINING: &str =
    "S 220 relay\nC EHLO dateline.test\nS 250-relay\nS 250 PIPELINING\nC MAIL\nC RCPT\nC DATA\n";

/// Sends one mail to a relay that follows `script` after PIPELINING's DATA, and one more if the relay is
/// meant to hear it. The outcome begins with `expected`, and the gate was asked `gates` times.
async fn check(script: &str, expected: &str, gates: usize) {
    let server = Relay::start(&[&format!("{PIPELINING}{script}")]).await;
    let gate = Counting::open();
    let outcome = shown(&relay(server.port).deliver(&jane("k@halden.example"), &gate).await);
    assert!(outcome.starts_with(expected), "{script}\n{outcome}");
    assert_eq!(gate.count(), gates, "{script}\n{outcome}");
    assert!(!server.heard().concat().iter().any(|line| line.starts_with('!')), "{:?}", server.heard());
}

const ENVELOPE: &str = "S 250 ok\nS 250 ok\nS 354 go\n";

#[tokio::test]
async fn only_a_clear_answer_to_the_dot_is_an_outcome() {
    for (answer, expected) in [
        ("S 250 2.0.0 Ok: queued as 4XYZ", "sent: 250 2.0.0 Ok: queued as 4XYZ"),
        // RFC 5321 §4.2: the text may be missing. Bytes that are not UTF-8 are still an answer.
        ("S 250", "sent: 250 "),
        ("S 250-one\nS 250 two", "sent: 250 one two"),
        ("S 251 will forward", "sent: 251"),
        // Garbage, where the first digit tells (RFC 5321 §4.3.2), and where it does not.
        ("S 2500 ok", "sent: final dot: taken, but not a reply"),
        ("S 250-a\nS 251 b", "sent: final dot: taken, but lines of one reply disagree"),
        ("S 4500 x", "later: final dot"),
        ("S 5500 x", "refused: final dot"),
        ("S 250-a\nS 550 b", "outcome unknown"),
        ("S 99 x", "outcome unknown"),
        ("S ", "outcome unknown"),
        ("S ok", "outcome unknown"),
        ("S 354 go on", "outcome unknown"),
        ("s 250-a\\r\\n\nX", "outcome unknown"),
        ("s 25\nX", "outcome unknown"),
        ("X", "outcome unknown: final dot: the server closed the connection"),
        ("H", "outcome unknown: final dot: no answer for"),
        // Clear refusals.
        ("S 451 4.3.0 queue file write error", "later: 451 4.3.0 queue file write error"),
        ("S 421 4.3.2 shutting down\nX", "later: 421 4.3.2 shutting down"),
        ("S 554 5.7.1 spam", "the destination refuses us: 554 5.7.1 spam"),
        ("S 552 5.3.4 too big", "the channel refuses us: 552 5.3.4"),
        ("S 550 \u{1b}[31m用户不存在", "refused: 550 \u{fffd}[31m用户不存在"),
    ] {
        check(&format!("{ENVELOPE}B\n{answer}"), expected, 1).await;
    }
}

#[tokio::test]
async fn before_the_dot_nothing_is_unknown() {
    for (script, expected) in [
        ("X", "later: MAIL: the server closed the connection"),
        ("H", "later: MAIL: no answer for"),
        ("S 250 ok\nX", "later: RCPT: the server closed the connection"),
        ("S 250 ok\nS 250 ok\nX", "later: DATA: the server closed the connection"),
        ("S 250 ok\nS 250 ok\nH", "later: DATA: no answer for"),
        // H33: replies out of place, lines that disagree, no code, no text.
        ("S 250 ok\nS 354 go\nS 354 go", "later: RCPT: answered with 354 go"),
        ("S 354 go\nS 250 ok\nS 354 go", "later: MAIL: answered with 354 go"),
        ("S 250 ok\nS 250 ok\nS 250 ok", "later: DATA: answered with 250 ok"),
        ("S 250-a\nS 251 b", "later: MAIL: lines of one reply disagree"),
        ("S 2500 ok", "later: MAIL: not a reply"),
        ("S 99 x", "later: MAIL: not a reply"),
        ("S ", "later: MAIL: not a reply"),
        ("S 250 ok\nS 421 4.3.2 bye\nX", "later: 421 4.3.2 bye"),
        ("S 450 4.1.8 sender domain\nS 503 no\nS 503 no", "later: 450 4.1.8"),
        ("S 553 5.1.7 sender\nS 503 5.5.1 no\nS 503 5.5.1 no", "the channel refuses us: 553 5.1.7"),
        ("S 250 ok\nS 550 5.1.1 unknown\nS 554 5.5.1 no valid recipients", "suppress: 550 5.1.1 unknown"),
        ("S 250 ok\nS 550 unknown\nS 503 5.5.1 no", "refused: 550 unknown"),
        ("S 250 ok\nS 450 5.1.1 odd\nS 503 5.5.1 no", "later: 450 5.1.1 odd"),
        // A wrong 2yz sits in front of the answers: everything is one off, and nothing is believed.
        ("S 250 ok\nS 250 ok\nS 250 early\nS 354 go", "later: DATA: answered with 250 early"),
    ] {
        check(script, expected, 0).await;
    }
}

#[tokio::test]
async fn a_2yz_that_was_there_before_the_dot_does_not_count() {
    check(&format!("{ENVELOPE}S 250 2.0.0 queued"), "later: message: the server spoke out of turn", 0).await;

    // It comes while the gate is thinking.
    let mail = letter("k@halden.example", "jane@paper.example", "Hello\r\nend\r\n");
    for (words, expected) in [
        ("S 250 2.0.0 queued", "later: message: the server spoke out of turn"),
        ("S 451 4.4.2 timeout", "later: 451 4.4.2 timeout"),
        ("S 552 5.3.4 too big\nN x\nX", "the channel refuses us: 552 5.3.4 too big"),
        ("N x\nX", "later: message: the server closed the connection"),
    ] {
        let server = Relay::start(&[&format!("{PIPELINING}{ENVELOPE}M\n{words}\nN x\nH")]).await;
        let outcome = shown(&relay(server.port).deliver(&mail, &Slow(&server)).await);
        assert!(outcome.starts_with(expected), "{words}: {outcome}");
    }
}

/// A gate that opens once the relay has noted `x`, and what it said before has arrived.
struct Slow<'a>(&'a Relay);

#[async_trait]
impl Gate for Slow<'_> {
    async fn open(&self) -> bool {
        while !self.0.heard().concat().iter().any(|line| line == "x") {
            tokio::task::yield_now().await;
        }
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        true
    }
}

#[tokio::test]
async fn a_closed_gate_lets_no_dot_out() {
    let script = format!("{PIPELINING}{ENVELOPE}B");
    let server = Relay::start(&[&script]).await;
    let gate = Counting::closed();
    let outcome = relay(server.port).deliver(&jane("k@halden.example"), &gate).await;
    assert_eq!(outcome, Err(Failure::GateClosed));
    assert_eq!(gate.count(), 1);
    // The whole message was there, the dot was not, and no QUIT or RSET came instead of it.
    let heard = server.ended(1).await.concat();
    assert_eq!(heard[4..], ["7 lines", "-"], "{heard:?}");
}

#[tokio::test]
async fn one_connection_carries_many_mails_and_survives_refusals() {
    let mail = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\nS 250 queued as A1\n";
    let refused = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 550 5.1.1 no\nS 554 5.5.1 no valid recipients\nC RSET\nS 250 ok\n";
    let dropped = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\nS 554 5.7.1 no\n";
    let script =
        format!("S 220 relay\nC EHLO\nS 250-relay\nS 250 PIPELINING\n{mail}{refused}{mail}{dropped}{mail}");
    let server = Relay::start(&[&script]).await;
    let smtp = relay(server.port);
    let mut outcomes = Vec::new();
    for number in 0..5 {
        let gate = Counting::open();
        outcomes.push(shown(&smtp.deliver(&jane(&format!("{number}@halden.example")), &gate).await));
    }
    assert_eq!(
        outcomes,
        [
            "sent: 250 queued as A1",
            "suppress: 550 5.1.1 no",
            "sent: 250 queued as A1",
            "the destination refuses us: 554 5.7.1 no",
            "sent: 250 queued as A1"
        ]
    );
    let heard = server.heard();
    assert_eq!(heard.len(), 1, "one connection was enough");
    assert!(!heard[0].iter().any(|line| line.starts_with('!')), "{heard:?}");
}

#[tokio::test]
async fn a_354_for_nobody_gets_no_message_at_all() {
    let refused = format!("{PIPELINING}S 250 ok\nS 550 5.1.1 no\nS 354 go anyway\nB\nS 250 an empty mail");
    let good = format!("{PIPELINING}{ENVELOPE}B\nS 250 ok");
    let server = Relay::start(&[&refused, &good]).await;
    let smtp = relay(server.port);
    let gate = Counting::open();
    let outcome = shown(&smtp.deliver(&jane("1@halden.example"), &gate).await);
    assert_eq!(outcome, "suppress: 550 5.1.1 no");
    assert_eq!(gate.count(), 0);
    let heard = server.ended(1).await.concat();
    assert_eq!(heard[4..], ["0 lines", "-"], "no dot, no QUIT: {heard:?}");
    assert!(shown(&smtp.deliver(&jane("2@halden.example"), &gate).await).starts_with("sent"));
}

#[tokio::test]
async fn without_pipelining_each_command_waits_for_its_reply() {
    let script = "S 220 relay\nC EHLO\nS 250 relay\nC MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 ok\n\
                  C MAIL\nS 250 ok\nC RCPT\nS 550 no\nC RSET\nS 250 ok\nC MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 554 no\nC RSET\nS 250";
    let server = Relay::start(&[script]).await;
    let smtp = relay(server.port);
    for expected in ["sent: 250 ok", "refused: 550 no", "refused: 554 no"] {
        assert_eq!(shown(&smtp.deliver(&jane("k@halden.example"), &Counting::open()).await), expected);
    }
    let heard = server.heard().concat();
    assert!(!heard.iter().any(|line| line.starts_with('!')), "{heard:?}");
}

#[tokio::test]
async fn an_idle_connection_that_is_gone_is_no_attempt() {
    let first = format!("{PIPELINING}{ENVELOPE}B\nS 250 one\n");
    let second = format!("{PIPELINING}{ENVELOPE}B\nS 250 two\n");
    for end in [
        "X",
        "S 421 4.4.2 idle for too long\nX",
        "S 250 what is this\n",
        "C MAIL\nX",
        "C MAIL\nC RCPT\nC DATA\nS 421 4.4.2 bye\nX",
    ] {
        let server = Relay::start(&[&format!("{first}{end}"), &second]).await;
        let smtp = relay(server.port);
        let gate = Counting::open();
        assert_eq!(shown(&smtp.deliver(&jane("1@halden.example"), &gate).await), "sent: 250 one");
        assert_eq!(shown(&smtp.deliver(&jane("2@halden.example"), &gate).await), "sent: 250 two", "{end}");
        assert_eq!(gate.count(), 2);
    }
}

#[tokio::test]
async fn a_connection_carries_no_more_than_it_may() {
    let mail = "C MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\nS 250 ok\n";
    let script = format!("S 220 relay\nC EHLO\nS 250-relay\nS 250 PIPELINING\n{mail}{mail}C QUIT\n");
    let server = Relay::start(&[&script, &script]).await;
    let mut config = config(server.port);
    config.limits.per_connection = Some(2);
    let smtp = Smtp::open_with(&config, None, &[], SHORT).unwrap();
    for _ in 0..4 {
        assert_eq!(shown(&smtp.deliver(&jane("k@halden.example"), &Counting::open()).await), "sent: 250 ok");
    }
    assert_eq!(server.ended(2).await.iter().filter(|lines| lines.contains(&"QUIT".to_owned())).count(), 2);
}

#[tokio::test]
async fn a_connection_that_nobody_used_for_a_minute_says_good_bye() {
    let script = "S 220 relay\nC EHLO\nS 250 relay\nC MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 ok\nC QUIT\n";
    let server = Relay::start(&[script, script]).await;
    let smtp = relay(server.port);
    assert_eq!(shown(&smtp.deliver(&jane("1@halden.example"), &Counting::open()).await), "sent: 250 ok");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    assert_eq!(shown(&smtp.deliver(&jane("2@halden.example"), &Counting::open()).await), "sent: 250 ok");
    smtp.rest().await;
    assert_eq!(server.ended(2).await.iter().filter(|lines| lines.contains(&"QUIT".to_owned())).count(), 2);
}

#[tokio::test]
async fn there_are_never_more_connections_than_allowed() {
    let server = Honest::start().await;
    let smtp = relay(server.port);
    let gate = Counting::open();
    let parcels: Vec<Parcel> = (0..20).map(|n| jane(&format!("{n}@halden.example"))).collect();
    let mut sent = tokio::task::JoinSet::new();
    let (smtp, gate) = (std::sync::Arc::new(smtp), std::sync::Arc::new(gate));
    for parcel in parcels {
        let (smtp, gate) = (std::sync::Arc::clone(&smtp), std::sync::Arc::clone(&gate));
        sent.spawn(async move { shown(&smtp.deliver(&parcel, gate.as_ref()).await) });
    }
    while let Some(outcome) = sent.join_next().await {
        assert!(outcome.unwrap().starts_with("sent"));
    }
    assert_eq!(server.took().len(), 20);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn what_is_not_clean_does_not_reach_the_socket() {
    let server = Relay::start(&[&format!("{PIPELINING}{ENVELOPE}B\nS 250 ok")]).await;
    let smtp = relay(server.port);
    for body in [
        "a\n.\nMAIL FROM:<evil@z.example>\r\n",
        "a\rb\r\n",
        "caf\u{e9}\r\n",
        "a\0b\r\n",
        "no end",
        &"x".repeat(1500),
    ] {
        let gate = Counting::open();
        let outcome =
            shown(&smtp.deliver(&letter("k@halden.example", "jane@paper.example", body), &gate).await);
        assert!(outcome.starts_with("broken: not sent, because"), "{outcome}");
        assert_eq!(gate.count(), 0);
    }
    assert_eq!(server.heard().len(), 0, "nobody even connected");
    let small = SmtpConfig { max_size: Some(300), ..config(server.port) };
    let small = Smtp::open_with(&small, None, &[], SHORT).unwrap();
    let outcome = shown(
        &small
            .deliver(
                &letter("k@halden.example", "jane@paper.example", &"x\r\n".repeat(99)),
                &Counting::open(),
            )
            .await,
    );
    assert!(
        outcome.starts_with("refused: not sent, because it has ")
            && outcome.ends_with("`max_size` allows 300"),
        "{outcome}"
    );

    // Dots at line starts are doubled and arrive as they were.
    let mail = letter("k@halden.example", "jane@paper.example", "one\r\n.\r\n.two\r\n");
    assert_eq!(shown(&smtp.deliver(&mail, &Counting::open()).await), "sent: 250 ok");
    assert_eq!(server.heard().concat()[4..], ["9 lines", "."]);
}
