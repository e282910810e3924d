//! The process ends at each named place, and the next one knows what there is to know (the table of crash points).

mod hook;
pub mod relay;
mod report;

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use dateline::clock::Clock;
use dateline::ledger::{DeliveryId, LogEntry};
use jiff::SignedDuration;

use crate::daemon::inside::Inside;
use crate::daemon::process::Process;
use crate::daemon::room::{Room, at, command, settings, texts, until};
use hook::Hook;
use relay::{Answer, Relay, header};

/// A newsroom with one release that is due: three mails over one connection, or one webhook.
fn room(relay: u16, hook: u16) -> Room {
    let room = Room::new(relay);
    let one = "    tls: none\n    limits: { connections: 1 }\n";
    let hook = format!(
        " hook: {{ kind: webhook, url: \"http://127.0.0.1:{hook}/\", secret: {{ env: ROOM_HOOK }}, allow_private: true }}\nledger:"
    );
    let text = settings(relay, "poll: 1h").replacen("    tls: none\n", one, 1).replacen(
        "ledger:",
        &format!(" {hook}"),
        1,
    );
    room.write("dateline.yaml", &text);
    room.write("audiences/public.yaml", "name: Public\nchannels: [hook]\n");
    room.commit("settings");
    room
}

fn due(room: &Room, audience: &str) {
    let publish = Clock::system().now() - SignedDuration::from_secs(2);
    room.release("aster", publish, "", "Words.");
    let path = "releases/2026/aster.md";
    room.write(path, &room.read(path).replacen("[press, public]", &format!("[{audience}]"), 1));
    room.commit("due");
}

fn start(room: &Room, arguments: &[&str], crash: Option<&str>) -> Child {
    let mut command = command(room.dir(), arguments);
    if let Some(crash) = crash {
        command.env("DATELINE_CRASH", crash);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Runs a command that dies at `point`.
fn dies(room: &Room, arguments: &[&str], point: &str) {
    let output = start(room, arguments, Some(point)).wait_with_output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{point}: {:?}", texts(&output));
}

/// Runs a command to its end.
fn lives(room: &Room, arguments: &[&str]) -> String {
    let output = start(room, arguments, None).wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "{:?}", texts(&output));
    let (out, error) = texts(&output);
    out + &error
}

async fn log(room: &Room) -> Vec<LogEntry> {
    room.ledger().await.log(Some("aster"), DeliveryId(0), 100).await.unwrap()
}

/// What is recorded of each try that is not simply sent: `1 unknown, not-sent (late)`.
fn tries(log: &[LogEntry]) -> Vec<String> {
    let mut all = Vec::new();
    for attempt in log.iter().flat_map(|entry| &entry.attempts) {
        let results: Vec<String> = attempt
            .results
            .iter()
            .map(|result| format!("{}{}", result.outcome, if result.late { " (late)" } else { "" }))
            .collect();
        let results = results.join(", ");
        if results != "sent" {
            all.push(format!("{} {results}", attempt.no));
        }
    }
    all
}

/// The process dies at `point` while it sends three mails; `states` after the next one, and what is recorded beside `sent`.
async fn mail(point: &str, answers: &[Answer], states: &str, recorded: &[&str], taken: usize) {
    let relay = Relay::start(answers).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], point);
        lives(&room, &["dispatch"]);
    });
    assert_eq!(room.states().await, states, "{point}");
    let log = log(&room).await;
    assert_eq!(tries(&log), recorded, "{point}");
    let recipients = relay.recipients();
    assert_eq!(recipients.len(), taken, "{point}: {recipients:?}");
    assert!(
        recipients.windows(2).all(|two| two[0] != two[1]),
        "{point}: somebody got it twice: {recipients:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_order_is_on_disk_nothing_has_happened() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| dies(&room, &["issue"], "S0"));
    assert_eq!(room.states().await, "");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        lives(&room, &["dispatch"]);
    });
    assert_eq!(room.states().await, "3 sent");
    assert_eq!(relay.mails().len(), 3);
}

/// The process dies at `point` while more than one of three mails is worked on and none is between its dot and its answer. Whether intents
/// that were asked for ahead come to disk before it dies is chance: those mails have not left, and the next process knows. What it can know
/// is not even unknown for a moment.
async fn beside(point: &str, answers: &[Answer]) {
    let relay = Relay::start(answers).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], point);
        lives(&room, &["dispatch"]);
    });
    assert_eq!(room.states().await, "3 sent", "{point}");
    let tries = tries(&log(&room).await);
    assert!(tries.iter().all(|one| one == "1 not-sent"), "{point}: {tries:?}");
    assert_eq!(relay.recipients().len(), 3, "{point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_intent_nothing_was_tried() {
    for point in ["S1", "S2", "S3"] {
        mail(point, &[], "3 sent", &[], 3).await;
    }
    // The first mail was answered and may not be on record; nothing more comes from the relay, so the second is not at its dot.
    beside("S2:3", &[Answer::LastWords("250 2.0.0 queued as 4F3\r\n")]).await;
    beside("S3:2", &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_the_dot_it_provably_never_left() {
    beside("S4:2", &[]).await;
    mail("S5", &[], "3 sent", &["1 not-sent"], 3).await;
    mail("S5:3", &[], "3 sent", &["1 not-sent"], 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_dot_without_an_answer_nobody_knows() {
    mail("S6", &[], "2 sent, 1 unknown", &["1 unknown"], 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_read_is_not_lost() {
    mail("S7", &[], "3 sent", &[], 3).await;
    mail("S7:3", &[], "3 sent", &[], 3).await;
    beside("S8", &[Answer::LastWords("250 2.0.0 queued as 4F3\r\n")]).await;
    let no = [Answer::Say("550 no such user here\r\n")];
    mail("S9", &no, "2 sent, 1 failed", &["1 failed"], 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_now_that_was_read_is_a_retry() {
    let later = [Answer::Say("451 4.3.0 later\r\n")];
    mail("S9", &later, "1 scheduled, 2 sent", &["1 later"], 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_relay_gave_is_kept_over_a_death() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], "S7");
        lives(&room, &["dispatch"]);
    });
    let log = log(&room).await;
    assert!(log.iter().all(|entry| entry.remote_id.as_deref() == Some("4F3")), "{log:#?}");
}

/// Without the power the page cache is gone; what the file says is then of another start of the machine, or nothing.
#[tokio::test(flavor = "multi_thread")]
async fn breadcrumbs_of_another_start_of_the_machine_say_nothing() {
    for (what, damage) in [
        ("gone", (|bytes: &mut Vec<u8>| bytes.clear()) as fn(&mut Vec<u8>)),
        ("torn", |bytes| bytes.iter_mut().skip(20).step_by(64).for_each(|byte| *byte ^= 1)),
        ("another start", |bytes| {
            for slot in bytes.chunks_exact_mut(64) {
                slot[4] ^= 1;
                let sum = crc32fast::hash(&slot[..60]);
                slot[60..].copy_from_slice(&sum.to_be_bytes());
            }
        }),
    ] {
        let relay = Relay::start(&[]).await;
        let room = room(relay.port, 9);
        due(&room, "press");
        tokio::task::block_in_place(|| {
            lives(&room, &["issue"]);
            dies(&room, &["dispatch"], "S5");
            let path = room.dir().join("state/breadcrumbs");
            let mut bytes = std::fs::read(&path).unwrap();
            damage(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            lives(&room, &["dispatch"]);
        });
        assert_eq!(room.states().await, "2 sent, 1 unknown", "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_process_dies_of_twice_is_quarantined_and_the_others_go_on() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    let said = tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        // Nothing is known of the relay yet, so nothing leaves in rounds.
        dies(&room, &["dispatch"], "S2");
        dies(&room, &["dispatch"], "S2");
        lives(&room, &["dispatch"])
    });
    assert_eq!(room.states().await, "2 sent, 1 quarantined", "{said}");
    assert_eq!(relay.mails().len(), 2);
    let (listed, _) = tokio::task::block_in_place(|| room.run(&["resolve"], 1));
    assert!(listed.contains("quarantined"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_dies_of_in_rounds_is_named_by_the_process_that_follows() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    let people: Vec<String> = (0..400).map(|n| format!("p{n}@paper.example")).collect();
    room.people(&people.iter().map(String::as_str).collect::<Vec<_>>());
    due(&room, "press");
    // The deliveries of slots that say: its bytes are being made, or (up to phase 3) it has not left yet.
    let named = |phases: std::ops::RangeInclusive<u8>| -> Vec<Vec<u8>> {
        let crumbs = std::fs::read(room.dir().join("state/breadcrumbs")).unwrap();
        let named = crumbs.chunks_exact(64).filter(|slot| slot[0] != 0 && phases.contains(&slot[1]));
        named.map(|slot| slot[12..20].to_vec()).collect()
    };
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], "S2:100");
        assert!(named(1..=1).is_empty(), "nobody is suspected for the first death");
        dies(&room, &["dispatch"], "S2:100");
        assert!(!named(1..=1).is_empty(), "whom it died of the second time is known");
        let suspects = named(1..=3);
        dies(&room, &["dispatch"], "S2");
        let [first] = &named(1..=1)[..] else { panic!("it was not alone") };
        assert!(suspects.contains(first), "suspects go first");
        lives(&room, &["dispatch"]);
    });
    // Of one mail for each death it may be unknown whether the relay took it: the one that was at its dot.
    let states = room.states().await;
    assert!(!states.contains("quarantined") && !states.contains("scheduled"), "{states}");
    let recipients: std::collections::BTreeSet<String> = relay.recipients().into_iter().collect();
    assert_eq!(recipients.len(), relay.mails().len(), "nobody got it twice");
    assert!(recipients.len() >= 401, "{states}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_point_of_a_request_leaves_one_post() {
    // Where it was sent, and how often the receiver got it (it drops what it has seen). What a destination calls it may be too long for a
    // breadcrumb: then it is known to be there, and asked for its name.
    for (point, recorded, times) in [
        ("P1", &["1 not-sent"][..], 1),
        ("F1", &["1 not-sent"], 1),
        ("K1", &["1 not-sent"], 1),
        ("P3", &["1 unknown, not-sent (late)"], 2),
        ("F2", &["1 unknown, not-sent (late)"], 2),
        ("K2", &["1 unknown, not-sent (late)"], 2),
        ("P4", &["1 unknown, sent (late)"], 1),
        ("K4", &["1 unknown, sent (late)"], 1),
    ] {
        let hook = Hook::start().await;
        let room = room(9, hook.port);
        due(&room, "public");
        tokio::task::block_in_place(|| {
            lives(&room, &["issue"]);
            dies(&room, &["dispatch"], point);
            lives(&room, &["dispatch"]);
        });
        assert_eq!(room.states().await, "1 sent", "{point}");
        assert_eq!(tries(&log(&room).await), recorded, "{point}");
        let ids = hook.ids();
        assert_eq!(ids.len(), times, "{point}: {ids:?}");
        assert!(ids.windows(2).all(|two| two[0] == two[1]), "{point}: {ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_mail_was_not_marked_is_taken_in_once() {
    report::taken_in_once("S11").await;
}

#[test]
fn every_point_is_tried() {
    let source = include_str!("mod.rs");
    for point in dateline::crashpoint::POINTS {
        assert!(source.contains(&format!("\"{}", point.name)), "{} is not tried", point.name);
    }
}

#[test]
fn a_point_that_does_not_exist_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let output = command(folder.path(), &["status"]).env("DATELINE_CRASH", "S99").output().unwrap();
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("S99") && error.contains("S0, S1"), "{error}");
}

/// A paused process must not write a dot that was allowed to it half a minute ago: others may have given it up meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_sleeps_between_intent_and_dot_does_not_send() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| lives(&room, &["issue"]));
    let child = start(&room, &["dispatch"], Some("S5:1:stop"));
    let stat = format!("/proc/{}/stat", child.id());
    until("that it stops", || {
        let text = std::fs::read_to_string(&stat).unwrap();
        text.rsplit_once(") ").unwrap().1.starts_with('T').then_some(())
    })
    .await;
    // Real time: what is measured is the machine's own clock.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let asleep = log(&room).await;
    assert_eq!(asleep.iter().filter(|entry| !entry.attempts.is_empty()).count(), 1);
    assert!(relay.mails().is_empty());
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-CONT", &pid]).status().unwrap().success());
    let output = tokio::task::block_in_place(|| child.wait_with_output().unwrap());
    assert!(output.status.success(), "{:?}", texts(&output));
    assert_eq!(room.states().await, "3 sent");
    assert_eq!(tries(&log(&room).await), ["1 not-sent"]);
    assert_eq!(relay.mails().len(), 3);
}

/// Both copies of a mail whose answer was lost are the same to the last byte, so that a reader's program can fold them.
#[tokio::test(flavor = "multi_thread")]
async fn the_second_copy_is_the_first_byte_for_byte() {
    let relay = Relay::start(&[Answer::HangUp]).await;
    let room = Room::new(relay.port);
    let rule = "    tls: none\n    limits: { connections: 1 }\n    on_unknown: resend_once\n";
    room.write("dateline.yaml", &room.read("dateline.yaml").replacen("    tls: none\n", rule, 1));
    room.write("audiences/public.yaml", "name: Public\nchannels: [archive]\n");
    let clock = Clock::fixed(at(-60));
    room.release("aster", at(0), "", "Words.");
    let inside = Inside::start(&room, &clock).await;
    inside.reach(&room, at(1), "3 sent, 1 unknown").await;
    assert_eq!(relay.mails().len(), 3);
    inside.reach(&room, at(902), "4 sent").await;
    let mails = relay.mails();
    assert_eq!(mails.len(), 4);
    let id = header(&mails[3], "Message-ID");
    let first = mails.iter().find(|mail| header(mail, "Message-ID") == id).unwrap();
    assert_eq!(String::from_utf8_lossy(first), String::from_utf8_lossy(&mails[3]));
    inside.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_list_and_decide() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], "S6");
        lives(&room, &["dispatch"]);
        let (said, _) = room.run(&["status"], 1);
        assert!(said.contains("1 deliver"), "{said}");
        let (listed, _) = room.run(&["resolve", "--format", "json"], 1);
        let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
        let all = listed["deliveries"].as_array().unwrap();
        assert_eq!((all.len(), &all[0]["state"]), (1, &serde_json::json!("unknown")));
        let (nothing, _) = room.run(&["resolve", "--state", "parked", "--as", "sent"], 0);
        assert_eq!(nothing, "Nothing of that is open.\n");
        let (_, error) = room.run(&["resolve", "--as", "sent"], 2);
        assert!(error.contains("--release SLUG"), "{error}");
        let decide =
            ["resolve", "--release", "aster", "--as", "sent", "--evidence", "relay log", "--format", "json"];
        let (decided, _) = room.run(&decide, 0);
        let decided: serde_json::Value = serde_json::from_str(&decided).unwrap();
        assert_eq!(decided["decided"][0]["state"], "sent");
        assert_eq!(room.run(&["resolve"], 0).0, "Every outcome is known.\n");
    });
    assert_eq!(room.states().await, "3 sent");
    assert_eq!(tries(&log(&room).await), ["1 unknown, decided sent (late)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_watches_the_daemon_sees_what_needs_a_person() {
    let relay = Relay::start(&[]).await;
    let room = room(relay.port, 9);
    due(&room, "press");
    tokio::task::block_in_place(|| {
        lives(&room, &["issue"]);
        dies(&room, &["dispatch"], "S6");
    });
    let daemon = Process::start(&room, &[]);
    daemon.follows(&room.head()).await;
    let (status, ready) = daemon.ask("GET /readyz", "").await;
    assert!(status == 200 && ready.contains("1 unknown: deliveries that left without an answer"), "{ready}");
    let (_, metrics) = daemon.ask("GET /metrics", "").await;
    for line in ["dateline_deliveries{channel=\"relay\",state=\"unknown\"} 1", "dateline_problems 1"] {
        assert!(metrics.lines().any(|found| found == line), "{metrics}");
    }
    daemon.end().await;
}
