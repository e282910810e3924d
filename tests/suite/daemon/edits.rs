//! Time, and what is committed before and after something left. The clock is the test's.

use dateline::clock::Clock;

use super::inside::Inside;
use super::room::{Room, at, mails_with, nine, relay};

const PEOPLE: [&str; 3] = ["ann@paper.example", "bo@radio.example", "canary.person@magazine.example"];

#[tokio::test(flavor = "multi_thread")]
async fn a_release_leaves_at_its_minute_and_not_before() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let daemon = Inside::start(&room, &clock).await;
    let commit = room.release("aster", nine(), "", "The first words.");
    assert_eq!(daemon.look_at(at(-59)).await.revision, Some(commit));
    assert_eq!(room.states().await, "5 scheduled");
    daemon.look_at(nine() - jiff::SignedDuration::from_millis(1)).await;
    assert_eq!(room.states().await, "5 scheduled");
    assert!(relay.mails().is_empty() && room.read("site/index.html").is_empty());
    daemon.reach(&room, nine(), "5 sent").await;
    assert_eq!(mails_with(&relay, "The first words."), PEOPLE);
    assert!(relay.mails().iter().all(|mail| mail.at == nine()));
    assert!(room.read("archive/aster/en/public/edition.txt").contains("The first words."));
    let tally = daemon.end().await;
    assert_eq!(tally.values().sum::<u64>(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_edit_before_the_minute_only_the_new_text_leaves() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "The first words.");
    let daemon = Inside::start(&room, &clock).await;
    assert_eq!(room.states().await, "5 scheduled");
    room.release("aster", nine(), "", "The second words.");
    daemon.look_at(at(-1)).await;
    daemon.reach(&room, nine(), "5 sent, 5 superseded").await;
    assert_eq!(mails_with(&relay, "The second words."), PEOPLE);
    assert_eq!(relay.mails().len(), 3);
    assert!(room.read("archive/aster/en/public/edition.txt").contains("The second words."));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_itself_can_be_moved_before_it_comes() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    room.release("aster", at(600), "", "Words.");
    daemon.look_at(at(-1)).await;
    daemon.look_at(at(599)).await;
    assert!(relay.mails().is_empty());
    daemon.reach(&room, at(600), "5 sent, 5 superseded").await;
    assert_eq!(mails_with(&relay, "Words."), PEOPLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_or_a_hold_before_the_minute_stops_it() {
    for (more, expected) in [
        ("status: killed\nreason: The figures are wrong.\n", "5 sent, 5 cancelled"),
        ("status: draft\n", "5 sent, 5 cancelled"),
        ("status: held\nreason: A figure is in doubt.\n", "5 sent, 5 cancelled"),
        // Without a reason the file has an error, and what it wants is clear all the same.
        ("status: held\n", "5 scheduled, 5 sent"),
    ] {
        let clock = Clock::fixed(at(-60));
        let relay = relay(&clock).await;
        let room = Room::new(relay.smtp_port());
        room.release("aster", nine(), "", "Words.");
        let daemon = Inside::start(&room, &clock).await;
        room.release("aster", nine(), more, "Words.");
        // What is due a second later shows that its time has come and gone.
        room.release("lux", at(1), "", "Light.");
        daemon.look_at(at(-1)).await;
        daemon.reach(&room, at(2), expected).await;
        assert_eq!(mails_with(&relay, "Light."), PEOPLE, "{more}");
        assert_eq!(relay.mails().len(), 3, "{more}");
        assert!(!room.dir().join("archive/aster").exists(), "{more}");
        if more == "status: held\n" {
            room.release("aster", nine(), "", "Words.");
            daemon.look_at(at(60)).await;
            daemon.reach(&room, at(61), "10 sent").await;
            assert_eq!(mails_with(&relay, "Words."), PEOPLE);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_is_corrected_held_and_killed_for_those_who_have_it() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.run(&["suppress", "bo@radio.example"], 0);
    room.release("aster", nine(), "", "It goes 600 km.");
    let daemon = Inside::start(&room, &clock).await;
    daemon.reach(&room, nine(), "4 sent").await;
    let receivers = ["ann@paper.example", "canary.person@magazine.example"];
    assert_eq!(mails_with(&relay, "It goes 600 km."), receivers);

    // Words that change without a correction are not sent, and somebody is told.
    room.release("aster", nine(), "", "It goes 620 km.");
    daemon.look_at(at(1800)).await;
    assert_eq!(room.states().await, "4 sent");

    // The newcomer has nothing to correct.
    room.people(&["newcomer@paper.example"]);
    let correction = "correction:\n  note: The range is 620 km, not 600 km.\n  class: material\n";
    room.release("aster", nine(), correction, "It goes 620 km.");
    daemon.look_at(at(7200)).await;
    daemon.reach(&room, at(7201), "8 sent").await;
    assert_eq!(mails_with(&relay, "not 600 km"), receivers);
    let page = page(&room);
    assert!(page.contains("It goes 620 km.") && page.contains("not 600 km"), "{page}");

    room.release(
        "aster",
        nine(),
        &format!("status: held\nreason: A figure is in doubt.\n{correction}"),
        "It goes 620 km.",
    );
    daemon.look_at(at(7300)).await;
    daemon.reach(&room, at(7301), "12 sent").await;
    let held = relay.mails().len();
    assert_eq!(held, 6, "each of the two is asked to stop using it");

    let killed = format!("status: killed\nreason: There is no such car.\n{correction}");
    room.release("aster", nine(), &killed, "It goes 620 km.");
    daemon.look_at(at(7400)).await;
    daemon.reach(&room, at(7401), "16 sent").await;
    assert_eq!(mails_with(&relay, "There is no such car."), receivers);
    let page = self::page(&room);
    assert!(page.contains("There is no such car.") && !page.contains("It goes 620 km."), "{page}");
    assert!(mails_with(&relay, "").iter().all(|to| to != "bo@radio.example"));
    daemon.end().await;
}

fn page(room: &Room) -> String {
    let pages = walk(&room.dir().join("site"));
    let page = pages.into_iter().find(|path| {
        path.ends_with("index.html") && path.components().any(|part| part.as_os_str() == "aster")
    });
    std::fs::read_to_string(page.expect("the release has a page")).unwrap()
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.is_symlink() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_deleted_while_it_waits_holds_its_release_until_it_is_back() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("lux", at(1), "", "Light.");
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    room.git(&["rm", "--quiet", "releases/2026/aster.md"]);
    room.commit("gone");
    let health = daemon.look_at(at(-30)).await;
    assert!(health.problems[0].starts_with("aster is held: its file is gone from git"), "{health:?}");
    daemon.reach(&room, at(30), "5 scheduled, 5 sent").await;
    assert_eq!(mails_with(&relay, "Words.").len(), 0);
    room.release("aster", nine(), "", "Words.");
    let health = daemon.look_at(at(60)).await;
    assert_eq!(health.problems, Vec::<String>::new());
    daemon.reach(&room, at(61), "10 sent").await;
    assert_eq!(mails_with(&relay, "Words."), PEOPLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_resumes_leaves_without_a_look_at_git() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    room.run(&["hold", "--channel", "relay", "--reason", "being moved"], 0);
    daemon.reach(&room, at(1), "3 scheduled, 2 sent").await;
    room.run(&["resume", "--channel", "relay"], 0);
    daemon.reach(&room, at(20), "5 sent").await;
    assert_eq!(mails_with(&relay, "Words."), PEOPLE);
}
