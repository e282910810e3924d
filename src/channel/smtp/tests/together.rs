//! The envelope of a mail that leaves in the write that ends the mail before it: one round trip for each mail, and every way in which the
//! one could be taken for the other.

use std::sync::Arc;

use super::*;

/// Says yes once another letter stands in line.
struct OnceFollowed(Arc<Smtp>);

#[async_trait]
impl Gate for OnceFollowed {
    async fn open(&self) -> bool {
        while self.0.pool.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        true
    }
}

/// Sends two mails at once over one connection whose relay, having heard the dot of the first and the whole envelope of the second,
/// goes on with `script`; a second connection is as it should be. Both outcomes, and what each connection heard after the first envelope.
async fn two(script: &str, gate: &dyn Gate) -> ([String; 2], Vec<Vec<String>>) {
    let first = format!("{PIPELINING}{ENVELOPE}B\nC MAIL\nC RCPT\nC DATA\n{script}");
    let good = format!("{PIPELINING}{ENVELOPE}B\nS 250 anew");
    let server = Relay::start(&[&first, &good]).await;
    let smtp = Arc::new(relay(server.port));
    let (one, other) = (jane("1@halden.example"), jane("2@halden.example"));
    let followed = OnceFollowed(Arc::clone(&smtp));
    let leader = smtp.deliver(&one, &followed);
    let follower = async {
        while smtp.pool.in_use() == 0 {
            tokio::task::yield_now().await;
        }
        smtp.deliver(&other, gate).await
    };
    let (one, other) = tokio::join!(leader, follower);
    assert_eq!((smtp.pool.waiting(), smtp.pool.in_use()), (0, 0), "{script}");
    ([shown(&one), shown(&other)], server.heard())
}

#[tokio::test]
async fn the_next_envelope_leaves_with_the_dot_and_each_mail_has_its_own_answer() {
    let good = "S 250 ok\nS 250 ok\nS 354 go\nB\nS 250 two";
    let plain = format!("C RSET\nS 250 ok\nC MAIL\nC RCPT\nC DATA\n{good}");
    for (script, one, other, connections) in [
        (format!("S 250 one\n{good}"), "sent: 250 one", "sent: 250 two", 1),
        (format!("S 554 5.7.1 no\n{good}"), "the destination refuses us: 554 5.7.1 no", "sent: 250 two", 1),
        // The first mail's trouble is its own.
        (format!("S 451 4.3.0 full\n{good}"), "later: 451 4.3.0 full", "sent: 250 anew", 2),
        ("S 421 4.3.2 bye\nX".to_owned(), "later: 421 4.3.2 bye", "sent: 250 anew", 2),
        ("X".to_owned(), "outcome unknown: final dot: the server closed", "sent: 250 anew", 2),
        ("H".to_owned(), "outcome unknown: final dot: no answer", "sent: 250 anew", 2),
        ("S 99 x".to_owned(), "outcome unknown: final dot", "sent: 250 anew", 2),
        ("S 2500 x".to_owned(), "sent: final dot: taken, but", "sent: 250 anew", 2),
        // So is the second's.
        ("S 250 one\nX".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        ("S 250 one\nS 421 bye\nX".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        ("S 250 one\nH".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        ("S 250 one\nS 250 ok\nX".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        ("S 250 one\nS 250 ok\nS 250 ok\nH".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        (
            "S 250 one\nS 250 ok\nS 550 5.1.1 unknown\nS 554 no valid\nC RSET\nS 250 ok".to_owned(),
            "sent: 250 one",
            "suppress: 550 5.1.1 unknown",
            1,
        ),
        (
            "S 250 one\nS 250 ok\nS 550 5.1.1 unknown\nS 354 go".to_owned(),
            "sent: 250 one",
            "suppress: 550",
            1,
        ),
        // One reply too many: everything is one off, and nothing is believed.
        (
            "S 250 one\nS 250 one more\nS 250 ok\nS 250 ok\nS 354 go".to_owned(),
            "sent: 250 one",
            "sent: 250 anew",
            2,
        ),
        ("S 250 one\nS 354 go\nS 250 ok".to_owned(), "sent: 250 one", "sent: 250 anew", 2),
        // A server that does not know how to do this: the envelope is sent again, by itself.
        (
            format!("S 250 one\nS 503 5.5.1 pipelining\nS 503 no\nS 503 no\n{plain}"),
            "sent: 250 one",
            "sent: 250 two",
            1,
        ),
        (format!("S 250 one\nS 250 ok\nS 250 ok\nS 554 sync\n{plain}"), "sent: 250 one", "sent: 250 two", 1),
    ] {
        let (outcomes, heard) = two(&script, &Counting::open()).await;
        assert!(outcomes[0].starts_with(one) && outcomes[1].starts_with(other), "{script}\n{outcomes:?}");
        assert_eq!(heard.len(), connections, "{script}\n{heard:?}");
        assert!(!heard.concat().iter().any(|line| line.starts_with('!')), "{script}\n{heard:?}");
    }
}

#[tokio::test]
async fn a_letter_whose_gate_stays_closed_ends_the_connection_without_its_dot() {
    let (outcomes, heard) = two("S 250 one\nS 250 ok\nS 250 ok\nS 354 go\nB", &Counting::closed()).await;
    assert_eq!(outcomes, ["sent: 250 one", "not sent: the gate was closed"]);
    assert_eq!(heard.len(), 1);
    assert_eq!(
        heard[0][4..9],
        ["7 lines", ".", "MAIL FROM:<press@halden.example>", "RCPT TO:<jane@paper.example>", "DATA"]
    );
    // The second mail may have been there; its dot was not.
    assert!(!heard[0][9..].iter().any(|line| line == "."), "{heard:?}");
}

#[tokio::test]
async fn whoever_goes_away_takes_nobody_with_it() {
    // The leader is cancelled while it waits for the answer to its dot; the follower while it waits for its turn.
    for leader_goes in [true, false] {
        let first = format!(
            "{PIPELINING}{ENVELOPE}B\nC MAIL\nC RCPT\nC DATA\nN dot\n{}",
            if leader_goes { "H" } else { "S 250 one" }
        );
        let good = format!("{PIPELINING}{ENVELOPE}B\nS 250 anew");
        let server = Relay::start(&[&first, &good]).await;
        let smtp = Arc::new(relay(server.port));
        let (one, other, third) =
            (jane("1@halden.example"), jane("2@halden.example"), jane("3@halden.example"));
        let (followed, open) = (OnceFollowed(Arc::clone(&smtp)), Counting::open());
        let dotted = || async {
            while !server.heard().concat().iter().any(|line| line == "dot") {
                tokio::task::yield_now().await;
            }
        };
        let leader = async {
            if leader_goes {
                tokio::select! { _ = smtp.deliver(&one, &followed) => panic!("no answer came"), () = dotted() => {} }
            } else {
                assert_eq!(shown(&smtp.deliver(&one, &followed).await), "sent: 250 one");
            }
        };
        let follower = async {
            while smtp.pool.in_use() == 0 {
                tokio::task::yield_now().await;
            }
            if leader_goes {
                assert_eq!(shown(&smtp.deliver(&other, &open).await), "sent: 250 anew");
            } else {
                let mut going = Box::pin(smtp.deliver(&other, &open));
                tokio::select! { _ = &mut going => panic!("it had no turn"), () = dotted() => {} }
            }
        };
        tokio::join!(leader, follower);
        if !leader_goes {
            assert_eq!(shown(&smtp.deliver(&third, &open).await), "sent: 250 anew");
        }
        assert_eq!((smtp.pool.waiting(), smtp.pool.in_use()), (0, 0));
    }
}

/// As fast as it was, the relay is asked for its gate while the letter stands in line, and no longer once it has become slow.
#[tokio::test]
async fn letters_for_a_fast_relay_ask_early_and_those_for_a_slow_one_late() {
    for (took, asked) in [(Duration::from_millis(3), 1), (Duration::from_millis(300), 0)] {
        let server = Honest::start().await;
        let smtp = Arc::new(relay(server.port));
        smtp.pool.took(took);
        for (connections, ahead) in [(0, 64), (1, 64), (4, 64), (16, 16), (200, 4)] {
            smtp.limit(connections);
            assert_eq!(smtp.line(), if asked == 1 { ahead } else { 1 }, "over {connections}");
        }
        smtp.limit(0);
        let gate = Arc::new(Counting::open());
        let (held, own) = (Arc::clone(&smtp), Arc::clone(&gate));
        let sent =
            tokio::spawn(async move { shown(&held.deliver(&jane("k@halden.example"), own.as_ref()).await) });
        while smtp.pool.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!((gate.count(), server.connections()), (asked, 0));
        assert_eq!(smtp.limit(1), Some(1));
        assert_eq!(sent.await.unwrap(), "sent: 250 2.0.0 <k@halden.example>");
        assert_eq!(gate.count(), 1);
    }
}

#[tokio::test]
async fn many_letters_share_few_connections_and_each_is_taken_once() {
    let server = Honest::start().await;
    let mut config = config(server.port);
    config.limits.connections = Some(3);
    config.limits.per_connection = Some(7);
    let smtp = Arc::new(Smtp::open_with(&config, None, &[], SHORT).unwrap());
    let mut sent = tokio::task::JoinSet::new();
    for n in 0..200 {
        let smtp = Arc::clone(&smtp);
        sent.spawn(async move {
            let id = format!("{n}@halden.example");
            let outcome = smtp.deliver(&jane(&id), &Counting::open()).await;
            assert_eq!(shown(&outcome), format!("sent: 250 2.0.0 <{id}>"));
            assert!(smtp.pool.in_use() <= 3);
        });
    }
    while let Some(done) = sent.join_next().await {
        done.unwrap();
    }
    let mut took = server.took();
    took.sort();
    took.dedup();
    assert_eq!(took.len(), 200);
    assert!(server.connections() >= 200 / 7, "{}", server.connections());
}

/// A gate that takes its time, and notes whether it was heard to its end.
#[derive(Default)]
struct Thoughtful(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Gate for Thoughtful {
    async fn open(&self) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        self.0.fetch_add(1, Ordering::SeqCst);
        true
    }
}

/// Else an intent would be on disk of which nobody knows.
#[tokio::test]
async fn a_question_that_was_asked_early_is_heard_to_its_end_whatever_becomes_of_the_mail() {
    for (script, expected) in [
        ("S 250 ok\nS 550 5.1.1 no\nS 554 no\nC RSET\nS 250 ok", "suppress: 550"),
        ("X", "later: MAIL"),
        (&format!("{ENVELOPE}S 451 4.4.2 timeout\nX"), "later: 451 4.4.2 timeout"),
        (&format!("{ENVELOPE}B\nS 250 ok"), "sent: 250 ok"),
    ] {
        let server = Relay::start(&[&format!("{PIPELINING}{script}")]).await;
        let smtp = relay(server.port);
        smtp.pool.took(Duration::from_millis(1));
        let gate = Thoughtful::default();
        let outcome = shown(&smtp.deliver(&jane("k@halden.example"), &gate).await);
        assert!(outcome.starts_with(expected), "{script}: {outcome}");
        assert_eq!(gate.0.load(Ordering::SeqCst), 2, "{script}");
    }
}
