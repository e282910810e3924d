//! `dateline dispatch` through Amazon SES and Postmark, or what stands for them here: what arrives, what is recorded, and what
//! becomes of a mail whose answer was lost or whose process died.

mod postmark;
mod server;
mod ses;

use std::process::Output;

use dateline::clock::Clock;
use dateline::ledger::{DeliveryId, LogEntry};
use jiff::SignedDuration;

use crate::daemon::room::{Room, command, texts};
use postmark::Postmark;
use server::Fault;
use ses::Ses;

/// A newsroom whose `relay` is this, with a release that is due to three journalists, issued.
fn room(channel: &str) -> Room {
    let room = Room::new(9);
    let settings = room.read("dateline.yaml");
    let (head, rest) = settings.split_once("  relay:\n").unwrap();
    let (_, tail) = rest.split_once("  newsroom:").unwrap();
    room.write("dateline.yaml", &format!("{head}  relay:\n{channel}  newsroom:{tail}"));
    room.write("audiences/public.yaml", "name: Public\nchannels: [archive]\n");
    let publish = Clock::system().now() - SignedDuration::from_secs(2);
    room.release("aster", publish, "", "Words.");
    let path = "releases/2026/aster.md";
    room.write(path, &room.read(path).replacen("[press, public]", "[press]", 1));
    room.commit("due");
    assert_eq!(dateline(&room, &["issue"], None).status.code(), Some(0));
    room
}

const SENDER: &str = "    from: Halden Motors Press <press@halden.example>\n    postal_address: \"Box 1961, Göteborg\"\n    \
                      unsubscribe_url: https://u.halden.example/u\n    limits: { connections: 1 }\n";

fn with_ses(ses: &Ses) -> Room {
    room(&format!(
        "    kind: ses\n    region: eu-north-1\n    endpoint: http://127.0.0.1:{}\n    access_key_id: {{ env: ROOM_KEY }}\n    \
         secret_access_key: {{ env: ROOM_SECRET }}\n    configuration_set: press\n{SENDER}",
        ses.server.port
    ))
}

fn with_postmark(postmark: &Postmark) -> Room {
    room(&format!(
        "    kind: postmark\n    endpoint: http://127.0.0.1:{}\n    token: {{ env: ROOM_TOKEN }}\n{SENDER}",
        postmark.server.port
    ))
}

/// Runs a command with the room's secrets; it dies at `crash`, if that is named.
fn dateline(room: &Room, arguments: &[&str], crash: Option<&str>) -> Output {
    let mut command = command(room.dir(), arguments);
    command.env("ROOM_KEY", ses::KEY).env("ROOM_SECRET", ses::SECRET).env("ROOM_TOKEN", postmark::TOKEN);
    if let Some(crash) = crash {
        command.env("DATELINE_CRASH", crash);
    }
    let output = command.output().unwrap();
    let (out, error) = texts(&output);
    for secret in [ses::SECRET, postmark::TOKEN] {
        assert!(!out.contains(secret) && !error.contains(secret), "{out}{error}");
    }
    output
}

fn dispatch(room: &Room) -> String {
    tokio::task::block_in_place(|| {
        let (out, error) = texts(&dateline(room, &["dispatch"], None));
        out + &error
    })
}

async fn log(room: &Room) -> Vec<LogEntry> {
    room.ledger().await.log(Some("aster"), DeliveryId(0), 100).await.unwrap()
}

/// Nobody twice.
fn once(mut recipients: Vec<String>, expected: usize) {
    recipients.sort();
    let all = recipients.len();
    recipients.dedup();
    assert_eq!((recipients.len(), all), (expected, expected), "{recipients:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ses_takes_signed_letters_and_its_names_are_kept() {
    let ses = Ses::start(&[]).await;
    let room = tokio::task::block_in_place(|| with_ses(&ses));
    let said = dispatch(&room);
    assert_eq!(room.states().await, "3 sent", "{said}");
    let taken = ses.taken();
    once(taken.iter().map(|mail| mail.to.clone()).collect(), 3);
    for entry in log(&room).await {
        let mail = taken.iter().find(|mail| Some(&mail.id) == entry.remote_id.as_ref()).unwrap();
        let raw = String::from_utf8_lossy(&mail.raw);
        // Our own Message-ID, which SES replaces, and the tag that its events bring back, name the same delivery.
        assert!(raw.contains(&format!("Message-ID: <{}@halden.example>", mail.delivery)), "{raw}");
        assert!(raw.contains("List-Unsubscribe-Post: List-Unsubscribe=One-Click"), "{raw}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postmark_takes_letters_part_by_part() {
    let postmark = Postmark::start(&[]).await;
    let room = tokio::task::block_in_place(|| with_postmark(&postmark));
    let said = dispatch(&room);
    assert_eq!(room.states().await, "3 sent", "{said}");
    once(postmark.recipients(), 3);
    for entry in log(&room).await {
        let taken = postmark.taken();
        let mail =
            taken.iter().find(|mail| mail["MessageID"].as_str() == entry.remote_id.as_deref()).unwrap();
        assert_eq!(mail["Subject"], "The canary headline");
        assert!(mail["TextBody"].as_str().unwrap().contains("Words."));
        assert!(mail["HtmlBody"].as_str().unwrap().contains("<p"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_ses_stays_unknown_and_is_not_sent_again() {
    for fault in [Fault::LostAfter, Fault::LostBefore, Fault::BrokenAfter, Fault::GarbageAfter] {
        let ses = Ses::start(&[fault]).await;
        let room = tokio::task::block_in_place(|| with_ses(&ses));
        for _ in 0..2 {
            dispatch(&room);
            assert_eq!(room.states().await, "2 sent, 1 unknown", "{fault:?}");
        }
        let expected = if fault == Fault::LostBefore { 2 } else { 3 };
        once(ses.taken().iter().map(|mail| mail.to.clone()).collect(), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_of_postmark_is_looked_up() {
    for fault in [Fault::LostAfter, Fault::BrokenAfter, Fault::GarbageAfter] {
        let postmark = Postmark::start(&[fault]).await;
        let room = tokio::task::block_in_place(|| with_postmark(&postmark));
        dispatch(&room);
        assert_eq!(room.states().await, "3 sent", "{fault:?}");
        once(postmark.recipients(), 3);
        let names: Vec<Option<String>> = log(&room).await.into_iter().map(|entry| entry.remote_id).collect();
        assert!(names.iter().all(Option::is_some), "{names:?}");
    }
    // What it does not show may show later: for ten minutes nothing is sent again.
    let postmark = Postmark::start(&[Fault::LostBefore]).await;
    let room = tokio::task::block_in_place(|| with_postmark(&postmark));
    dispatch(&room);
    assert_eq!(room.states().await, "2 sent, 1 unknown");
    once(postmark.recipients(), 2);
}

#[cfg(feature = "crashpoints")]
#[tokio::test(flavor = "multi_thread")]
async fn a_death_between_request_and_answer_sends_nothing_twice() {
    for (point, of_ses, of_postmark) in [
        // It provably never left.
        ("P1", "3 sent", "3 sent"),
        // It left, and its answer was not read.
        ("P3", "2 sent, 1 unknown", "3 sent"),
        // Its answer was read.
        ("P4", "3 sent", "3 sent"),
    ] {
        use std::os::unix::process::ExitStatusExt as _;
        let ses = Ses::start(&[]).await;
        let room = tokio::task::block_in_place(|| {
            let room = with_ses(&ses);
            assert_eq!(dateline(&room, &["dispatch"], Some(point)).status.signal(), Some(9));
            room
        });
        let said = dispatch(&room);
        assert_eq!(room.states().await, of_ses, "{point}: {said}");
        once(ses.taken().iter().map(|mail| mail.to.clone()).collect(), 3);

        let postmark = Postmark::start(&[]).await;
        let room = tokio::task::block_in_place(|| {
            let room = with_postmark(&postmark);
            assert_eq!(dateline(&room, &["dispatch"], Some(point)).status.signal(), Some(9));
            room
        });
        let said = dispatch(&room);
        assert_eq!(room.states().await, of_postmark, "{point}: {said}");
        once(postmark.recipients(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_leaves_in_a_second_than_ses_allows() {
    let ses = Ses::allowing(1, &[]).await;
    let room = tokio::task::block_in_place(|| with_ses(&ses));
    dispatch(&room);
    assert_eq!(room.states().await, "3 sent");
    let taken = ses.taken();
    let apart: Vec<_> = taken.windows(2).map(|two| two[1].at.duration_since(two[0].at).as_millis()).collect();
    assert_eq!(apart.len(), 2);
    // A machine under load may make the first late and the next on time.
    assert!(taken[2].at.duration_since(taken[0].at).as_millis() >= 1_500, "{apart:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_may_not_send_holds_the_channel_and_nobody_fails() {
    let ses = Ses::start(&[]).await;
    *ses.refuses.lock().unwrap() = Some((400, "SendingPausedException", "Email sending is paused."));
    let room = tokio::task::block_in_place(|| with_ses(&ses));
    dispatch(&room);
    assert_eq!(room.states().await, "3 scheduled");
    let (status, _) = tokio::task::block_in_place(|| texts(&dateline(&room, &["status"], None)));
    assert!(status.contains("SendingPausedException"), "{status}");
    *ses.refuses.lock().unwrap() = None;
    tokio::task::block_in_place(|| {
        assert_eq!(dateline(&room, &["resume", "--channel", "relay"], None).status.code(), Some(0));
    });
    assert!(ses.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_postmark_knows_as_dead_is_suppressed() {
    let postmark = Postmark::start(&[]).await;
    postmark.inactive.lock().unwrap().push("bo@radio.example");
    let room = tokio::task::block_in_place(|| with_postmark(&postmark));
    dispatch(&room);
    assert_eq!(room.states().await, "2 sent, 1 failed");
    let suppressed = room.ledger().await.counts().await.unwrap().suppressions;
    assert_eq!(suppressed, 1);
}
