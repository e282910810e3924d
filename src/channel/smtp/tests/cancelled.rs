//! Futures that are dropped at every point, and bytes that come one at a time.

use std::sync::Mutex;

use super::super::scripted::{Cut, Dribble, play};
use super::super::session::Session;
use super::super::wire::Stream;
use super::*;

/// The mail after a cancelled one is sent on its own answer alone: the fault that made other clients report
/// the `354` of one mail as the success of the next.
#[tokio::test]
async fn a_cancelled_mail_never_lends_its_answer_to_the_next() {
    let mut whole = false;
    for polls in 1.. {
        let server = Honest::start().await;
        let smtp = relay(server.port);
        // A first mail, so that the cut one uses a connection that was idle.
        let first = shown(&smtp.deliver(&jane("first@halden.example"), &Counting::open()).await);
        assert_eq!(first, "sent: 250 2.0.0 <first@halden.example>");

        let (parcel, gate) = (jane("cut@halden.example"), Counting::open());
        let cut = Cut { future: Box::pin(smtp.deliver(&parcel, &gate)), polls }.await;
        whole = cut.is_some();

        let next = shown(&smtp.deliver(&jane("next@halden.example"), &Counting::open()).await);
        assert_eq!(next, "sent: 250 2.0.0 <next@halden.example>", "after {polls} polls");
        let took = server.took();
        assert_eq!(took.iter().filter(|id| id.contains("next")).count(), 1, "after {polls} polls");
        if took.iter().any(|id| id.contains("cut")) {
            assert_eq!(gate.count(), 1, "nothing arrives that the gate was not asked for");
        }
        if whole {
            break;
        }
    }
    assert!(whole);
}

const DIALOGUE: &str = "S 220-relay\nS 220 ready\nC EHLO\nS 250-relay\nS 250-AUTH PLAIN\nS 250 PIPELINING\nC AUTH PLAIN AHByZXNzAHNlc2FtZQ==\nS 235 ok\nC MAIL\nC RCPT\nC DATA\nS 250 ok\nS 250 ok\nS 354 go\nB\nS 250-queued\nS 250 as 1\nC QUIT\n";

fn to_jane(session: &Session) -> Result<envelope::Envelope, Trouble> {
    let (from, to) = ("press@halden.example".parse().unwrap(), "jane@paper.example".parse().unwrap());
    envelope::Envelope::new(&from, &to, 9, session.extensions())
}

async fn dialogue(stream: Box<dyn Stream>) -> Result<String, Trouble> {
    let mut session = Session::greet(stream, "dateline.test", Timeouts::default()).await?;
    session.auth("press", &SecretString::from("sesame")).await?;
    session.envelope(&to_jane(&session)?).await?;
    assert!(!session.is_ready());
    session.body(b"one\r\n.\r\n.two\r\n", true, async {}).await.0?;
    assert!(!session.is_ready());
    let reply = session.dot(None, || {}).await?;
    assert!(session.is_ready());
    session.quit().await;
    Ok(reply.text())
}

#[tokio::test]
async fn a_byte_at_a_time_both_ways_is_a_dialogue_all_the_same() {
    let (ours, theirs) = tokio::io::duplex(64);
    let heard = Mutex::new(Vec::new());
    let note = |line| heard.lock().unwrap().push(line);
    let (said, ()) = tokio::join!(
        dialogue(Box::new(Dribble::new(ours))),
        play(Box::new(Dribble::new(theirs)), DIALOGUE, &note)
    );
    assert_eq!(said.unwrap(), "queued as 1");
    let heard = heard.into_inner().unwrap();
    assert_eq!(heard[5..], ["3 lines", ".", "QUIT", "-"], "{heard:?}");
}

/// Cuts the dialogue after every poll: with a byte at a time, at every byte.
#[tokio::test]
async fn a_dialogue_that_is_cut_ends_no_message() {
    for polls in 1.. {
        let (ours, theirs) = tokio::io::duplex(64);
        let heard = Mutex::new(Vec::new());
        let note = |line| heard.lock().unwrap().push(line);
        let future = Box::pin(dialogue(Box::new(Dribble::new(ours))));
        let (said, ()) = tokio::join!(Cut { future, polls }, play(Box::new(theirs), DIALOGUE, &note));
        let heard = heard.into_inner().unwrap();
        let ended = heard.iter().any(|line| line == ".");
        match said {
            Some(said) => {
                assert_eq!(said.unwrap(), "queued as 1");
                assert!(ended);
                break;
            }
            // Cut after the dot: the relay has it, and whoever cut must call it unknown.
            None if ended => assert!(heard.contains(&"3 lines".to_owned()), "{polls}: {heard:?}"),
            None => assert_eq!(heard.last().map(String::as_str), Some("-"), "{heard:?}"),
        }
    }
}

/// Everything the relay says, cut short at every byte: sent only if the answer to the dot is whole.
#[tokio::test]
async fn a_relay_that_falls_silent_at_any_byte_is_never_believed_too_early() {
    let replies: [&[u8]; 6] = [
        b"220 relay\r\n",
        b"250-relay\r\n250 AUTH PLAIN\r\n",
        b"235 ok\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"354 go\r\n",
    ];
    let last: &[u8] = b"250-queued\r\n250 as 1\r\n";
    let before: usize = replies.iter().map(|reply| reply.len()).sum();
    for most in 0..=before + last.len() {
        let (ours, theirs) = tokio::io::duplex(256);
        let (said, ()) = tokio::join!(dialogue(Box::new(ours)), answer(theirs, &replies, last, most));
        match said {
            Ok(text) => assert_eq!((text.as_str(), most), ("queued as 1", before + last.len())),
            Err(trouble) => {
                let unknown = matches!(classify::failure(&trouble), Failure::Unknown { .. });
                assert_eq!(unknown, most >= before, "{most}: {trouble:?}");
            }
        }
    }
}

/// Says one reply to each thing it hears, and no more than `most` bytes in all.
async fn answer(mut stream: tokio::io::DuplexStream, replies: &[&[u8]], last: &[u8], mut most: usize) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut heard = [0; 256];
    for (number, reply) in replies.iter().enumerate() {
        if number > 0 {
            let _ = stream.read(&mut heard).await;
        }
        let part = &reply[..reply.len().min(most)];
        most -= part.len();
        let _ = stream.write_all(part).await;
        if part.len() < reply.len() {
            return;
        }
    }
    let mut message = Vec::new();
    while !message.ends_with(b"\r\n.\r\n") || message.ends_with(b"\r\n..\r\n") {
        match stream.read(&mut heard).await {
            Ok(read) if read > 0 => message.extend_from_slice(&heard[..read]),
            _ => return,
        }
    }
    let _ = stream.write_all(&last[..last.len().min(most)]).await;
}

/// The intent lasts half a minute only, so it is not asked for while a long mail crawls over a slow link.
#[tokio::test]
async fn the_gate_is_asked_beside_the_last_block_and_not_before() {
    use crate::channel::smtp::wire::BLOCK;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    for (length, blocks_before) in [(1, 0), (BLOCK, 0), (BLOCK + 1, 1), (3 * BLOCK, 2)] {
        let (ours, mut theirs) = tokio::io::duplex(1_000);
        let asked = std::sync::atomic::AtomicBool::new(false);
        let sending = async {
            let mut session =
                Session::greet(Box::new(ours), "dateline.test", Timeouts::default()).await.unwrap();
            let message = vec![b'x'; length];
            let meanwhile = async { asked.store(true, std::sync::atomic::Ordering::SeqCst) };
            session.body(&message, false, meanwhile).await
        };
        let hearing = async {
            let mut head = [0; 1_000];
            theirs.write_all(b"220 relay\r\n").await.unwrap();
            assert!(theirs.read(&mut head).await.unwrap() > 0);
            theirs.write_all(b"250 relay\r\n").await.unwrap();
            let mut early = vec![0; (blocks_before * BLOCK).saturating_sub(2_000)];
            theirs.read_exact(&mut early).await.unwrap();
            let before = asked.load(std::sync::atomic::Ordering::SeqCst);
            let mut rest = vec![0; length - early.len()];
            theirs.read_exact(&mut rest).await.unwrap();
            (before, theirs)
        };
        let ((sent, seen), (before, _theirs)) = tokio::join!(sending, hearing);
        assert!(sent.is_ok() && seen.is_some() && asked.into_inner(), "{length}");
        assert!(!before || blocks_before == 0, "{length}: asked before the last block");
    }
}

#[tokio::test]
async fn a_mail_that_breaks_off_before_its_last_block_asks_for_nothing() {
    use crate::channel::smtp::wire::BLOCK;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (ours, mut theirs) = tokio::io::duplex(1_000);
    let sending = async {
        let mut session = Session::greet(Box::new(ours), "dateline.test", Timeouts::default()).await.unwrap();
        session.body(&vec![b'x'; 2 * BLOCK], false, async { panic!("it was asked") }).await
    };
    let hanging_up = async {
        let mut some = [0; 5_000];
        theirs.write_all(b"220 relay\r\n").await.unwrap();
        assert!(theirs.read(&mut some).await.unwrap() > 0);
        theirs.write_all(b"250 relay\r\n").await.unwrap();
        theirs.read_exact(&mut some).await.unwrap();
        drop(theirs);
    };
    let ((sent, seen), ()) = tokio::join!(sending, hanging_up);
    assert!(sent.is_err() && seen.is_none());
}

/// Whether `leave` was done with a session only when the server, which said `words` to its command, had hung up.
async fn waited(leave: impl AsyncFnOnce(Session), words: &[u8]) -> bool {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (ours, mut theirs) = tokio::io::duplex(1_000);
    let hung_up = std::sync::atomic::AtomicBool::new(false);
    let leaving = async {
        leave(Session::greet(Box::new(ours), "dateline.test", Timeouts::default()).await.unwrap()).await;
        hung_up.load(std::sync::atomic::Ordering::SeqCst)
    };
    let hearing = async {
        let mut some = [0; 100];
        theirs.write_all(b"220 relay\r\n").await.unwrap();
        assert!(theirs.read(&mut some).await.unwrap() > 0);
        theirs.write_all(b"250 relay\r\n").await.unwrap();
        assert!(theirs.read(&mut some).await.unwrap() > 0);
        theirs.write_all(words).await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        hung_up.store(true, std::sync::atomic::Ordering::SeqCst);
        drop(theirs);
    };
    tokio::join!(leaving, hearing).0
}

/// Before that the server still counts the connection, and a new one would be one too many.
#[tokio::test]
async fn a_connection_is_left_when_the_server_has_hung_up_and_not_at_its_good_bye() {
    assert!(waited(Session::quit, b"221 bye\r\n").await);
    let refused = async |mut session: Session| {
        assert!(session.envelope(&to_jane(&session).unwrap()).await.is_err());
    };
    assert!(waited(refused, b"421 4.3.2 too busy\r\n").await);
}
