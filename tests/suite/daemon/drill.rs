//! The restore drill of `docs/operating.md`, with the program itself; and a clock that is set wrong from outside.

use std::process::Command;

use dateline::clock::Clock;
use jiff::SignedDuration;

use super::process::Process;
use super::room::{Room, mails_with, relay, until};

fn run(room: &Room, arguments: &[&str], code: i32) -> (String, String) {
    tokio::task::block_in_place(|| room.run(arguments, code))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_put_back_reconciled_and_nobody_gets_anything_twice() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Aster.");
    run(&room, &["issue"], 0);
    let copy = room.dir().join("state/copy.db").display().to_string();
    let (said, _) = run(&room, &["ledger", "backup", &copy], 0);
    assert!(said.contains("verified"), "{said}");
    // After the copy was made, one more release is issued, and both are sent.
    room.release("lux", clock.now() - SignedDuration::from_secs(2), "", "Lux.");
    run(&room, &["daemon", "--once"], 0);
    assert_eq!(relay.mails().len(), 6);
    let (log, _) = run(&room, &["log", "--format", "jsonl"], 0);
    run(&room, &["ledger", "verify"], 0);

    // The disk is gone; the copy and the relay's log are there.
    let (said, _) = run(&room, &["ledger", "restore", &copy], 0);
    assert!(said.contains("Everything is held"), "{said}");
    let (said, _) = run(&room, &["status"], 0);
    assert!(said.contains("HELD") && said.contains("`dateline resume --after-restore` ends it"), "{said}");
    run(&room, &["daemon", "--once"], 1);
    run(&room, &["dispatch"], 0);
    assert_eq!(relay.mails().len(), 6, "nothing leaves while the hold stands");

    // The relay lost one of the lines; another is of somebody else.
    let ids: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|entry| entry["channel"] == "relay")
        .map(|entry| entry["message_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 6);
    let mut lines: Vec<String> = ids[1..]
        .iter()
        .map(|id| {
            format!("Dec  1 09:00:03 mx postfix/cleanup[7]: 4F3: message-id=<{id}@news.halden.example>")
        })
        .collect();
    lines.push("Dec  1 09:00:04 mx postfix/cleanup[7]: 4F4: message-id=<x@elsewhere.example>".to_owned());
    room.write("state/mail.log", &lines.join("\n"));
    let evidence = room.dir().join("state/mail.log").display().to_string();
    let reconcile = ["ledger", "reconcile", "--evidence", &evidence, "--format", "json"];
    let (said, _) = run(&room, &reconcile, 1);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&said["by_evidence"], &said["in_doubt"]["relay"]), (&5.into(), &1.into()), "{said}");
    assert_eq!(said["unmatched"], 0, "{said}");
    let (_, error) = run(&room, &["resume", "--after-restore"], 1);
    assert!(error.contains("--set-aside") && error.contains("--send-waiting"), "{error}");
    run(&room, &["resume", "--after-restore", "--set-aside"], 0);
    run(&room, &["daemon", "--once"], 0);
    assert_eq!(relay.mails().len(), 6, "nobody got anything twice");
    run(&room, &["ledger", "verify"], 0);
    let states = room.states().await;
    assert!(states.contains("quarantined") && !states.contains("scheduled"), "{states}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wall_clock_of_the_whole_process_is_set_forward() {
    let installed =
        Command::new("sh").args(["-c", "ls /usr/lib/*/faketime/libfaketime.so.1"]).output().unwrap();
    let library = String::from_utf8_lossy(&installed.stdout).trim().to_owned();
    if library.is_empty() {
        eprintln!("skipped: libfaketime is not installed (Debian: faketime)");
        return;
    }
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", clock.now() + SignedDuration::from_hours(1), "", "Words.");
    room.write("faked", "+0");
    let faked = room.dir().join("faked").display().to_string();
    let variables = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME_TIMESTAMP_FILE", faked.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    let daemon = Process::start_with(&room, &[], &variables);
    daemon.follows(&room.head()).await;
    assert_eq!(daemon.ready().await["problems"], serde_json::json!([]));
    room.write("faked", "+1d");
    let before = std::time::Instant::now();
    daemon.says(&["the clock was set forward"]).await;
    assert!(before.elapsed() < std::time::Duration::from_secs(5), "{:?}", before.elapsed());
    // What the clock says is written before the hold is.
    while !daemon.ready().await["problems"].to_string().contains("resume --clock") {
        assert!(before.elapsed() < std::time::Duration::from_secs(60), "no hold came of it");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // A few seconds of a day that is not there yet: nothing leaves.
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert!(relay.mails().is_empty());
    assert_eq!(room.states().await, "5 scheduled");
    // Killed in doubt and started with the wrong clock: it knows what it was held against.
    daemon.signal("KILL");
    drop(daemon);
    tokio::task::block_in_place(|| room.run(&["resume"], 1));
    let daemon = Process::start_with(&room, &[], &variables);
    daemon.follows(&room.head()).await;
    assert!(daemon.ready().await["problems"].to_string().contains("resume --clock"));
    assert!(relay.mails().is_empty());
    // It is right again.
    room.write("faked", "+0");
    until("no alarm", || {
        let log = daemon.log().join("\n");
        (log.contains("believed again") || log.contains("vouched for")).then_some(())
    })
    .await;
    assert!(mails_with(&relay, "Words.").is_empty());
    daemon.end().await;
}
