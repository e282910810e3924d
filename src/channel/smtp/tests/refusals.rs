//! Relays that refuse before there is a mail, and addresses that they cannot take.

use super::*;

/// Sends one mail to a relay that follows `script` from its greeting on.
async fn meet(script: &str, to: &str, expected: &str) {
    let server = Relay::start(&[script]).await;
    let gate = Counting::open();
    let outcome =
        shown(&relay(server.port).deliver(&letter("k@halden.example", to, "Hello\r\n"), &gate).await);
    assert!(outcome.starts_with(expected), "{script}\n{outcome}");
    assert_eq!(gate.count(), usize::from(expected.starts_with("sent")), "{script}");
    assert!(!server.heard().concat().iter().any(|line| line.starts_with('!')), "{:?}", server.heard());
}

#[tokio::test]
async fn greetings() {
    for (script, expected) in [
        ("X", "later: greeting: the server closed the connection"),
        ("H", "later: greeting: no answer for"),
        ("S 421 4.7.0 too many connections\nX", "later: 421 4.7.0"),
        ("S 450 later", "later: 450"),
        ("S 554 5.7.1 no", "the channel refuses us: 554 5.7.1 no"),
        ("S 521 no mail here", "the channel refuses us: 521"),
        ("S 354 go", "later: greeting: answered with 354"),
        ("S HTTP/1.1 400 Bad Request", "later: greeting: not a reply"),
        ("S SSH-2.0-OpenSSH_9.2", "later: greeting: not a reply"),
        // It talks before it is asked.
        ("S 220 relay\nS 250 relay", "later: EHLO: the server spoke out of turn"),
        ("S 220 relay\nC EHLO\nS 502 5.5.1 no", "the channel refuses us: 502"),
        ("S 220 relay\nC EHLO\nX", "later: EHLO: the server closed the connection"),
    ] {
        // Whether the early word is there when EHLO leaves is a race that either end of the check sees.
        let expected = if script.ends_with("S 250 relay") { "later: " } else { expected };
        meet(script, "jane@paper.example", expected).await;
    }
}

#[tokio::test]
async fn an_unreachable_relay_is_for_later() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let outcome = shown(&relay(port).deliver(&jane("k@halden.example"), &Counting::open()).await);
    assert!(outcome.starts_with("later: connecting: "), "{outcome}");
}

#[tokio::test]
async fn the_size_is_compared_before_anything_is_sent() {
    let hello = |size: &str| format!("S 220 relay\nC EHLO\nS 250-relay\nS 250 SIZE {size}\n");
    let rest = "C MAIL FROM:<press@halden.example> SIZE=\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 ok\n";
    meet(&hello("10"), "jane@paper.example", "the channel refuses us: MAIL: the mail has ").await;
    for size in ["0", "100000", "", "many"] {
        meet(&format!("{}{rest}", hello(size)), "jane@paper.example", "sent: 250 ok").await;
    }
    let late = "C MAIL\nS 250 ok\nC RCPT\nS 250 ok\nC DATA\nS 354 go\nB\nS 552 5.3.4 message too big";
    let server = Relay::start(&[&format!("{}{late}", hello("0"))]).await;
    let outcome = shown(&relay(server.port).deliver(&jane("k@halden.example"), &Counting::open()).await);
    assert!(outcome.starts_with("the channel refuses us: 552 5.3.4"), "{outcome}");
}

#[tokio::test]
async fn letters_beyond_ascii_need_smtputf8() {
    let jorg = "j\u{f6}rg@paper.example";
    let hello = "S 220 relay\nC EHLO\nS 250-relay\nS 250 8BITMIME\nC QUIT\n";
    meet(hello, jorg, "refused: 5.6.7 MAIL: the address has letters").await;
    let hello = "S 220 relay\nC EHLO\nS 250-relay\nS 250-8BITMIME\nS 250 SMTPUTF8\n";
    let rest = "C MAIL FROM:<press@halden.example> SMTPUTF8 BODY=8BITMIME\nS 250 ok\nC RCPT TO:<j\u{f6}rg@paper.example>\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 ok";
    meet(&format!("{hello}{rest}"), jorg, "sent: 250 ok").await;
    let rest = "C MAIL FROM:<press@halden.example>\nS 250 ok\nC RCPT TO:<jane@xn--bcher-kva.example>\nS 250 ok\nC DATA\nS 354 go\nB\nS 250 ok";
    meet(&format!("{hello}{rest}"), "jane@b\u{fc}cher.example", "sent: 250 ok").await;
}

#[tokio::test]
async fn pipelining_that_is_a_lie_harms_nobody() {
    // The relay throws away what came together with MAIL, as one that flushes its input does.
    check("S 250 ok\nH", "later: RCPT: no answer for", 0).await;
}

#[tokio::test]
async fn a_relay_that_hangs_up_in_the_middle_of_a_message_is_heard() {
    let big = letter("k@halden.example", "jane@paper.example", &"0123456789\r\n".repeat(400_000));
    let script = format!("{PIPELINING}{ENVELOPE}C From\nS 552 5.3.4 too big\nX");
    let server = Relay::start(&[&script]).await;
    let gate = Counting::open();
    let outcome = relay(server.port).deliver(&big, &gate).await;
    // The operating system may throw the last words away with the connection; unknown it is never.
    assert!(matches!(outcome, Err(Failure::HoldChannel { .. } | Failure::Later { .. })), "{outcome:?}");
    assert_eq!(gate.count(), 0);
}

#[tokio::test]
async fn the_wrong_content_is_refused_without_a_connection() {
    let smtp = relay(9);
    let wrong = parcel(Content::Json(serde_json::Value::Null), Vec::new());
    let nobody = Parcel { recipient: Recipient::Account, ..jane("k@halden.example") };
    for parcel in [wrong, nobody] {
        let outcome = smtp.deliver(&parcel, &Counting::open()).await;
        assert!(matches!(outcome, Err(Failure::Refused { suppress: false, .. })), "{outcome:?}");
    }
}
