//! A report on its way from a Maildir into the ledger, when the process ends in between.

use dateline::clock::Clock;
use jiff::SignedDuration;

use super::{dies, lives};
use crate::daemon::process::Process;
use crate::daemon::room::{Room, relay, settings, until};

const BOUNCE: &str = "Return-Path: <>\nFrom: MAILER-DAEMON@mail.paper.example\nTo: {SENDER}\n\
    Subject: Undelivered Mail Returned to Sender\n\
    Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\
    Content-Type: message/delivery-status\n\nReporting-MTA: dns; mail.paper.example\n\n\
    Final-Recipient: rfc822; bo@radio.example\nAction: failed\nStatus: 5.1.1\n\
    Diagnostic-Code: smtp; 550 5.1.1 unknown\n\n--b--\n";
const ANSWER: &str = "Return-Path: <ann@paper.example>\nFrom: Ann Lind <ann@paper.example>\nTo: {SENDER}\n\
    Subject: Re: The canary headline\nContent-Type: text/plain\n\nMay I drive it?\n";

/// Puts a mail into the Maildir.
fn put(room: &Room, name: &str, template: &str, sender: &str) {
    room.write(&format!("bounces/new/{name}"), &template.replace("{SENDER}", sender));
}

async fn counts(room: &Room) -> Vec<String> {
    let counts = room.ledger().await.report_counts().await.unwrap();
    counts.classes.iter().map(|(class, n)| format!("{n} {class}")).collect()
}

pub async fn taken_in_once(point: &str) {
    let clock = Clock::system();
    let catcher = relay(&clock).await;
    let room = Room::new(catcher.smtp_port());
    let text = settings(catcher.smtp_port(), "poll: 1h").replacen(
        "    tls: none\n",
        "    tls: none\n    bounce_domain: bounce.halden.example\n",
        1,
    ) + "intake:\n  sources:\n    local: { kind: maildir, dir: bounces }\n";
    room.write("dateline.yaml", &text);
    room.write("audiences/public.yaml", "name: Public\nchannels: [archive]\n");
    for folder in ["new", "cur", "tmp"] {
        room.write(&format!("bounces/{folder}/.keep"), "");
    }
    room.commit("settings");
    room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Words.");
    tokio::task::block_in_place(|| lives(&room, &["issue"]));
    tokio::task::block_in_place(|| lives(&room, &["dispatch"]));
    assert_eq!(room.states().await, "4 sent");
    // Each mail left as from an address of its own.
    let mails = catcher.mails();
    let sender = |to: &str| mails.iter().find(|mail| mail.to == [to]).unwrap().from.clone();
    let (bo, ann) = (sender("bo@radio.example"), sender("ann@paper.example"));
    assert!(bo.starts_with("b+") && bo.ends_with("@bounce.halden.example") && bo != ann, "{bo}");

    put(&room, "1.bounce", BOUNCE, &bo);
    tokio::task::block_in_place(|| dies(&room, &["daemon", "--listen", "127.0.0.1:0"], point));
    assert_eq!(counts(&room).await, ["1 no-mailbox"], "it is on record");
    assert!(room.dir().join("bounces/new/1.bounce").exists(), "and not marked");
    assert_eq!(room.states().await, "3 sent, 1 bounced");
    assert_eq!(room.ledger().await.suppressions().await.unwrap().len(), 1);

    // The next one hands it in again, which changes nothing; and an answer reaches the desk, once.
    let daemon = Process::start(&room, &[]);
    until("that it is marked", || room.dir().join("bounces/cur/1.bounce:2,S").exists().then_some(())).await;
    put(&room, "2.answer", ANSWER, &ann);
    put(&room, "3.answer", ANSWER, &ann);
    put(&room, "4.forged", BOUNCE, "b+aaaaaaaaaaaaaaaaaaaaaaaaaa@bounce.halden.example");
    until("that the answer is at the desk", || (catcher.mails().len() == mails.len() + 1).then_some(()))
        .await;
    until("that all are marked", || room.dir().join("bounces/cur/4.forged:2,S").exists().then_some(())).await;
    let forwarded = catcher.mails().pop().unwrap();
    let text = String::from_utf8(forwarded.message.clone()).unwrap();
    assert_eq!(
        (forwarded.to.as_slice(), forwarded.from.as_str()),
        (&["press@halden.example".to_owned()][..], "press@halden.example")
    );
    for part in [
        "> May I drive it?",
        "Reply-To: ann@paper.example",
        "X-Dateline-Forwarded: aster",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(counts(&room).await, ["2 no-mailbox", "1 reply"]);
    assert_eq!(room.states().await, "3 sent, 1 bounced");
    let (status, log) = daemon.end().await;
    assert!(status.success(), "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("ann@") || line.contains("bo@")), "{log:#?}");
    assert_eq!(catcher.mails().len(), mails.len() + 1);
}
