//! A zone whose rules change between issue and the due time.

use std::path::Path;

use dateline::clock::Clock;
use jiff::ToSpan as _;

use super::room::{Room, command, texts};

/// A folder of zones in which Stockholm has the rules of `like`.
fn zones(like: &str) -> Option<tempfile::TempDir> {
    let real = Path::new("/usr/share/zoneinfo").join(like);
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("Europe")).unwrap();
    std::fs::copy(real, folder.path().join("Europe/Stockholm")).ok()?;
    Some(folder)
}

fn run(room: &Room, zones: &tempfile::TempDir, arguments: &[&str], code: i32) -> String {
    let output = command(room.dir(), arguments).env("TZDIR", zones.path()).output().unwrap();
    let (out, error) = texts(&output);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{error}");
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_issued_by_the_old_rules_waits_for_a_person() {
    let (Some(old), Some(new)) = (zones("Europe/Stockholm"), zones("Asia/Tokyo")) else {
        eprintln!("skipped: this machine has no zones");
        return;
    };
    let room = Room::new(1);
    let publish = Clock::system().now() + 48.hours();
    room.release("aster", publish, "", "Words.");
    run(&room, &old, &["issue"], 0);
    run(&room, &old, &["issue"], 0);
    let issued = room.states().await;

    // The machine's rules are renewed. Nothing of the release changed, and nobody is asked twice.
    for _ in 0..2 {
        let said = run(&room, &new, &["issue"], 1);
        assert!(
            said.contains("aster is held: the rules of its time zone changed") && said.contains("--moved"),
            "{said}"
        );
    }
    let said = run(&room, &new, &["status"], 0);
    assert!(said.contains("HELD  release aster"), "{said}");
    assert_eq!(room.states().await, issued);
    let plan: serde_json::Value =
        serde_json::from_str(&run(&room, &new, &["plan", "--format", "json"], 0)).unwrap();
    let planned = &plan["releases"][0];
    assert_ne!(planned["moved_from"], planned["publish"]);
    assert!(planned["moved_from"].is_string(), "{planned}");

    // Who decides for the instant of the issue is not asked again, also not for the next order.
    run(&room, &new, &["resume", "--release", "aster"], 0);
    run(&room, &new, &["issue"], 0);
    assert!(!run(&room, &new, &["status"], 0).contains("HELD"));

    // Who decides for what is written moves it.
    run(&room, &new, &["issue", "aster", "--moved"], 0);
    let plan: serde_json::Value =
        serde_json::from_str(&run(&room, &new, &["plan", "--format", "json"], 0)).unwrap();
    let planned = &plan["releases"][0];
    assert!(planned["moved_from"].is_null(), "{planned}");
    assert!(
        planned["deliveries"].as_array().unwrap().iter().all(|group| group["action"] == "none"),
        "{planned}"
    );
    let due = planned["deliveries"][0]["due"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(publish.duration_since(due) >= jiff::SignedDuration::from_hours(7), "{due}");
    let entries = room.ledger().await.audit(0, 99).await.unwrap();
    assert!(entries[0].detail.contains("\"zones\":\""), "{}", entries[0].detail);
}
