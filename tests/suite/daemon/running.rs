//! The program itself: signals, HTTP, one at a time, and what it says.

use dateline::clock::Clock;
use jiff::SignedDuration;

use super::process::Process;
use super::room::{Room, command, mails_with, relay, texts, until};

const CANARIES: [&str; 5] = ["canary headline", "canary summary", "canary.person", "Jo Roe", "rätt lösen"];

#[tokio::test(flavor = "multi_thread")]
async fn it_looks_at_once_when_it_is_asked_to_and_tells_no_secrets() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let daemon = Process::start(&room, &[]);
    daemon.follows(&room.head()).await;
    assert_eq!(daemon.ask("GET /healthz", "").await, (200, "ok\n".to_owned()));

    // An hour lies between two looks: only a nudge can be the reason for these.
    let commit = room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Words.");
    daemon.signal("HUP");
    daemon.follows(&commit).await;
    until("the mails", || (mails_with(&relay, "Words.").len() == 3).then_some(())).await;

    let commit = room.release("lux", clock.now() + SignedDuration::from_hours(1), "", "Later.");
    for header in ["Origin: http://evil.example\r\n", "Sec-Fetch-Site: cross-site\r\n"] {
        assert_eq!(daemon.ask("POST /nudge", &format!("{header}Content-Length: 0\r\n")).await.0, 403);
    }
    assert_eq!(daemon.ask("GET /nudge", "").await.0, 405);
    assert_ne!(daemon.ready().await["revision"], commit);
    assert_eq!(daemon.ask("POST /nudge", "Content-Length: 0\r\n").await.0, 202);
    daemon.follows(&commit).await;

    // A text that cannot be issued is reported without its words.
    let broken =
        room.release("bad", clock.now() + SignedDuration::from_hours(1), "", "Canary headline [TBC].");
    daemon.signal("HUP");
    daemon.follows(&broken).await;
    let (status, ready) = daemon.ask("GET /readyz", "").await;
    assert_eq!(status, 200);
    assert!(ready.contains("bad is not issued: releases/2026/bad.md:"), "{ready}");

    // Metrics and `status` are one.
    let (status, metrics) = daemon.ask("GET /metrics", "").await;
    assert_eq!(status, 200);
    let said: serde_json::Value =
        serde_json::from_str(&room.run(&["status", "--format", "json"], 0).0).unwrap();
    let mut counts = std::collections::BTreeMap::<(String, String), u64>::new();
    for release in said["releases"].as_array().unwrap() {
        for (channel, states) in release["channels"].as_object().unwrap() {
            for (state, count) in states.as_object().unwrap() {
                *counts.entry((channel.clone(), state.clone())).or_default() += count.as_u64().unwrap();
            }
        }
    }
    let lines: Vec<String> = counts
        .iter()
        .map(|((channel, state), count)| {
            format!("dateline_deliveries{{channel=\"{channel}\",state=\"{state}\"}} {count}")
        })
        .collect();
    let mut measured: Vec<&str> =
        metrics.lines().filter(|line| line.starts_with("dateline_deliveries{")).collect();
    measured.sort_unstable();
    assert_eq!(measured, lines);
    assert_eq!(counts.values().sum::<u64>(), 10);

    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert_eq!(room.states().await, "5 scheduled, 5 sent");
    let log = log.join("\n");
    assert!(log.contains("c…@magazine.example") && log.contains("stopped"), "{log}");
    for canary in CANARIES {
        for (place, text) in [("log", &log), ("metrics", &metrics), ("readyz", &ready)] {
            assert!(
                !text.to_lowercase().contains(&canary.to_lowercase()),
                "{canary} is in the {place}: {text}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn once_looks_sends_and_ends() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Words.");
    let (_, log) = tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 0));
    assert_eq!(mails_with(&relay, "Words.").len(), 3, "{log}");
    tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 0));
    assert_eq!(relay.mails().len(), 3);
    // What it could not do is an exit code, for whoever runs it from cron.
    room.release("bad", clock.now(), "", "Words [TBC].");
    let (_, log) = tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 1));
    assert!(log.contains("bad is not issued: releases/2026/bad.md:"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_daemon_on_a_ledger() {
    let relay = relay(&Clock::system()).await;
    let room = Room::new(relay.smtp_port());
    let first = Process::start(&room, &[]);
    first.follows(&room.head()).await;
    for arguments in [&["daemon", "--listen", "127.0.0.1:0"][..], &["dispatch"]] {
        let output = command(room.dir(), arguments).output().unwrap();
        let (_, error) = texts(&output);
        assert_eq!(output.status.code(), Some(3), "{error}");
        assert!(error.contains("another process holds"), "{error}");
    }
    // Whoever only looks and decides may come in.
    room.run(&["status"], 0);
    room.run(&["hold", "--release", "aster"], 0);
    let (status, _) = first.end().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn its_http_is_for_this_machine_alone() {
    let room = Room::new(9);
    let (_, error) = room.run(&["daemon", "--listen", "0.0.0.0:0"], 2);
    assert!(error.contains("not a loopback address"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (_, error) = room.run(&["daemon", "--listen", &address], 3);
    assert!(error.contains("--listen"), "{error}");
}
