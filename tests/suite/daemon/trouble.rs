//! A bad world outside: each trouble says what to do, and nothing is lost.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use dateline::clock::Clock;
use jiff::SignedDuration;

use super::room::{Room, command, mails_with, relay, settings, texts};

/// A room with one release that is due.
fn due(port: u16) -> Room {
    let room = Room::new(port);
    room.release("aster", Clock::system().now() - SignedDuration::from_secs(2), "", "Words.");
    room
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_out_of_reach_is_tried_again_later() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let room = due(port);
    let (_, log) = tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 0));
    assert!(log.contains("refused") && log.contains("relay"), "{log}");
    assert_eq!(room.states().await, "3 scheduled, 2 sent", "{log}");
    let (said, _) = room.run(&["doctor", "--resolver", "127.0.0.1:1"], 1);
    assert!(said.contains("BAD  relay") && said.contains("hint:"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_holds_the_channel_and_fails_nobody() {
    let relay = relay(&Clock::system()).await;
    let room = due(relay.smtp_port());
    let run = |password: &str| {
        let mut command = command(room.dir(), &["daemon", "--once"]);
        tokio::task::block_in_place(|| command.env("ROOM_PASSWORD", password).output().unwrap())
    };
    let (_, log) = texts(&run("wrong"));
    assert!(log.contains("535") && !log.contains("wrong\""), "{log}");
    assert_eq!(room.states().await, "3 scheduled, 2 sent", "{log}");
    let (said, _) = room.run(&["status"], 0);
    assert!(said.contains("HELD") && said.contains("channel relay"), "{said}");
    // Mended, resumed: everybody gets it, once.
    room.run(&["resume", "--channel", "relay"], 0);
    let ledger = room.ledger().await;
    let next = ledger.next_due(Clock::system().now()).await.unwrap();
    assert_eq!(next.len(), 1);
    assert!(relay.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_secret_is_named_before_anything_leaves() {
    let relay = relay(&Clock::system()).await;
    let room = due(relay.smtp_port());
    for arguments in [&["daemon", "--once"][..], &["dispatch"]] {
        let output = command(room.dir(), arguments).env_remove("ROOM_PASSWORD").output().unwrap();
        let (_, error) = texts(&output);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("ROOM_PASSWORD is not set; set it"), "{error}");
    }
    assert!(room.read("site/index.html").is_empty());
    tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 0));
    assert_eq!(mails_with(&relay, "Words.").len(), 3);
}

#[test]
fn a_ledger_that_cannot_be_written_is_said() {
    // Root may write everywhere, so something that is no folder stands in the way as well.
    let room = Room::new(9);
    std::fs::write(room.dir().join("blocked"), "").unwrap();
    let yaml = settings(9, "poll: 1h").replace("folder: state", "folder: blocked/state");
    room.write("dateline.yaml", &yaml);
    for arguments in [&["daemon", "--once"][..], &["status"], &["plan"], &["issue"]] {
        let (_, error) = room.run(arguments, 3);
        assert!(error.contains("blocked") && error.contains("check that the folder"), "{error}");
    }
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !root {
        let locked = room.dir().join("locked");
        std::fs::create_dir(&locked).unwrap();
        std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o500)).unwrap();
        room.write("dateline.yaml", &yaml.replace("blocked/state", "locked/state"));
        let (_, error) = room.run(&["daemon", "--once"], 3);
        assert!(error.contains("locked") && error.contains("check that the folder"), "{error}");
    }
}

/// A small file system of its own in `dir`; none where this process may not mount.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(dir: std::path::PathBuf) -> Option<Small> {
        std::fs::create_dir_all(&dir).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&dir).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Small(dir))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_nothing_leaves_that_cannot_be_recorded() {
    let relay = relay(&Clock::system()).await;
    let room = due(relay.smtp_port());
    let Some(disk) = Small::mount(room.dir().join("small")) else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    let yaml = settings(relay.smtp_port(), "poll: 1h").replace("folder: state", "folder: small/state");
    room.write("dateline.yaml", &yaml);
    room.people(&["ann@paper.example", "bo@radio.example"]);
    // Whatever is free is taken, in ever smaller pieces.
    let filler = disk.0.join("filler");
    let mut size = 1 << 20;
    let mut file = std::fs::File::create(&filler).unwrap();
    while size > 0 {
        if std::io::Write::write_all(&mut file, &vec![0; size]).is_err() {
            size /= 2;
        }
    }
    let output = tokio::task::block_in_place(|| command(room.dir(), &["daemon", "--once"]).output().unwrap());
    let (_, error) = texts(&output);
    assert_ne!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("full") || error.contains("No space left"), "{error}");
    assert!(relay.mails().is_empty(), "{error}");
    // With room again, everything is there and leaves once.
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    tokio::task::block_in_place(|| room.run(&["daemon", "--once"], 0));
    assert_eq!(mails_with(&relay, "Words."), ["ann@paper.example", "bo@radio.example"]);
}
