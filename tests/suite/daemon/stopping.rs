//! Asked to stop, it is gone soon, whatever hangs; asked to hold, nothing more leaves.

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use jiff::SignedDuration;

use super::process::Process;
use super::room::{Room, mails_with, relay, settings, until};

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_while_a_fetch_hangs_and_leaves_no_ssh_behind() {
    let relay = relay(&Clock::system()).await;
    let room = Room::new(relay.smtp_port());
    // An `ssh` that never answers, and says who it is.
    let bin = tempfile::tempdir().unwrap();
    let (ssh, pid) = (bin.path().join("ssh"), bin.path().join("pid"));
    std::fs::write(&ssh, format!("#!/bin/sh\necho $$ > {}\nexec sleep 600\n", pid.display())).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    let git = "poll: 1h, remote: \"ssh://git.halden.test/newsroom\"";
    room.write("dateline.yaml", &settings(relay.smtp_port(), git));
    room.commit("a remote");
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let daemon = Process::start_with(&room, &[], &[("PATH", path.as_str())]);
    let ssh: u32 = until("the ssh", || std::fs::read_to_string(&pid).ok()?.trim().parse().ok()).await;
    let before = Instant::now();
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    until("the end of ssh", || {
        let stat = std::fs::read_to_string(format!("/proc/{ssh}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_hangs_delays_nothing_that_is_due() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", clock.now() + SignedDuration::from_secs(4), "", "Words.");
    // An `ssh` that fails at first, and hangs from the second time on.
    let bin = tempfile::tempdir().unwrap();
    let (ssh, times) = (bin.path().join("ssh"), bin.path().join("times"));
    let script = "#!/bin/sh\necho x >> TIMES\ntest $(wc -l < TIMES) -gt 1 && exec sleep 600\nexit 1\n";
    std::fs::write(&ssh, script.replace("TIMES", &times.display().to_string())).unwrap();
    std::fs::set_permissions(&ssh, std::fs::Permissions::from_mode(0o755)).unwrap();
    tokio::task::block_in_place(|| room.run(&["issue"], 0));
    let git = "poll: 1s, remote: \"ssh://git.halden.test/newsroom\"";
    room.write("dateline.yaml", &settings(relay.smtp_port(), git));
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let daemon = Process::start_with(&room, &[], &[("PATH", path.as_str())]);
    let hangs = || std::fs::read_to_string(&times).unwrap_or_default().lines().count() > 1;
    until("a fetch that hangs", || hangs().then_some(())).await;
    until("the mails", || (mails_with(&relay, "Words.").len() == 3).then_some(())).await;
    let (status, log) = daemon.end().await;
    assert_eq!(status.code(), Some(0), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_holds_stops_while_it_is_being_sent() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let many: Vec<String> = (0..600).map(|n| format!("p{n}@paper{}.example", n % 3)).collect();
    room.people(&many.iter().map(String::as_str).collect::<Vec<_>>());
    room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Words.");
    let daemon = Process::start(&room, &[]);
    until("the first mails", || (relay.mails().len() > 3).then_some(())).await;
    let scopes =
        [&["--channel", "relay"][..], &["--release", "aster"], &[], &["--destination", "paper0.example"]];
    let ledger = room.ledger().await;
    let mut stopped = 0;
    for round in 0..12 {
        let scope = scopes[round % 4];
        tokio::task::block_in_place(|| room.run(&[&["hold"][..], scope].concat(), 0));
        // Acknowledged. The newest attempt of what is covered, by the ledger's own numbers …
        let newest = |log: Vec<dateline::ledger::LogEntry>| {
            let covered = |entry: &&dateline::ledger::LogEntry| {
                entry.channel == "relay"
                    && (round % 4 != 3 || entry.recipient.to_string().ends_with("@paper0.example"))
            };
            let attempts = log.iter().filter(covered).flat_map(|entry| &entry.attempts);
            attempts.map(|attempt| attempt.attempt).max()
        };
        let read = || ledger.log(None, dateline::ledger::DeliveryId(0), 5_000);
        let acknowledged = newest(read().await.unwrap());
        let waits = room.states().await.contains("scheduled");
        tokio::time::sleep(Duration::from_millis(60)).await;
        // … is the newest as long as the hold stands.
        assert_eq!(newest(read().await.unwrap()), acknowledged, "round {round}: {scope:?}");
        stopped += u32::from(waits);
        tokio::task::block_in_place(|| room.run(&[&["resume"][..], scope].concat(), 0));
    }
    assert!(stopped > 0, "everything had been sent before the first hold");
    until("the rest", || (relay.mails().len() == 603).then_some(())).await;
    let (status, _) = daemon.end().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_answers_this_machine_alone() {
    let room = Room::new(9);
    let daemon = Process::start(&room, &[]);
    daemon.follows(&room.head()).await;
    for path in ["GET /readyz", "GET /metrics", "GET /healthz"] {
        assert_eq!(daemon.ask_as(path, "evil.example").await.0, 421, "{path}");
        assert_eq!(daemon.ask_as(path, "localhost:80").await.0, 200, "{path}");
    }
    daemon.end().await;
}
