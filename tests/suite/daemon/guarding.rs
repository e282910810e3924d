//! A clock that is wrong and a ledger that is new: nothing leaves that may not.

use std::time::Duration;

use dateline::clock::Clock;
use dateline::ledger::Cause;
use jiff::SignedDuration;

use super::inside::Inside;
use super::room::{Room, at, mails_with, nine, relay};

/// The causes of the holds on everything.
async fn causes(daemon: &Inside) -> Vec<Cause> {
    daemon.ledger.holds().await.unwrap().iter().map(|hold| hold.cause).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_forward_opens_no_embargo() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("lux", at(-30), "", "Light.");
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    daemon.reach(&room, at(-20), "5 scheduled, 5 sent").await;

    let before = std::time::Instant::now();
    clock.step(at(86_400));
    let health = daemon.healthy("the alarm", |health| health.problems.len() == 1).await;
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    let problem = &health.problems[0];
    assert!(problem.contains("the clock was set forward by 86420 s") && problem.contains("resume --clock"));
    assert_eq!(causes(&daemon).await, [Cause::Clock]);
    assert_eq!(room.states().await, "5 scheduled, 5 sent");
    // True time reaches nine; the clock is a day ahead, and nobody has vouched for it.
    clock.set(clock.reading().wall + SignedDuration::from_secs(60));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(room.states().await, "5 scheduled, 5 sent");
    assert!(mails_with(&relay, "Words.").is_empty());

    // It is set right again: no doubt remains, and what is due leaves, once.
    clock.step(at(41));
    daemon.healthy("no alarm", |health| health.problems.is_empty()).await;
    daemon.reach(&room, at(50), "10 sent").await;
    assert_eq!(mails_with(&relay, "Words.").len(), 3);
    assert_eq!(relay.mails().len(), 6);
    daemon.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_vouches_for_a_clock_that_was_put_right() {
    let clock = Clock::fixed(at(-7_200));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    // It had been an hour behind.
    clock.step(at(-3_600));
    daemon.healthy("the alarm", |health| !health.problems.is_empty()).await;
    let (said, _) = room.run(&["status"], 0);
    assert!(said.contains("HELD") && said.contains("`dateline resume --clock` ends it"), "{said}");
    let (_, error) = room.run(&["resume"], 1);
    assert!(error.contains("resume --clock"), "{error}");
    room.run(&["resume", "--clock"], 0);
    daemon.healthy("no alarm", |health| health.problems.is_empty()).await;
    daemon.reach(&room, nine(), "5 sent").await;
    assert_eq!(mails_with(&relay, "Words.").len(), 3);
    let (_, error) = room.run(&["resume", "--clock"], 1);
    assert!(error.contains("not in doubt"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_delays_and_nothing_is_sent_twice() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    daemon.reach(&room, nine(), "5 sent").await;
    clock.step(at(-3_600));
    daemon.healthy("the alarm", |health| !health.problems.is_empty()).await;
    clock.set(at(-3_000));
    clock.step(at(600));
    daemon.healthy("no alarm", |health| health.problems.is_empty()).await;
    daemon.reach(&room, at(700), "5 sent").await;
    assert_eq!(relay.mails().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_doubt_survives_a_restart() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    clock.step(at(3_600));
    daemon.healthy("the alarm", |health| !health.problems.is_empty()).await;
    daemon.end().await;
    // The next process knows only the wrong clock.
    let wrong = Clock::fixed(at(3_700));
    let daemon = Inside::start(&room, &wrong).await;
    let health = daemon.healthy("the alarm", |health| !health.problems.is_empty()).await;
    assert!(health.problems[0].contains("not public at 2026-12-01T07:59:00Z"), "{health:?}");
    assert_eq!(room.states().await, "5 scheduled");
    assert!(relay.mails().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_ledger_under_old_releases_asks_first() {
    // The ledger is made by the room, on the day that this test runs.
    let today = Clock::system().now();
    let clock = Clock::fixed(today);
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", today - SignedDuration::from_mins(20), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    let health = daemon.healthy("the alarm", |health| !health.problems.is_empty()).await;
    assert!(!health.ready && health.problems[0].contains("the ledger is new, and 1 releases"), "{health:?}");
    assert_eq!(causes(&daemon).await, [Cause::Restored]);
    clock.set(today + SignedDuration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(relay.mails().is_empty() && room.read("site/index.html").is_empty());
    let (_, error) = room.run(&["resume"], 1);
    assert!(error.contains("resume --after-restore"), "{error}");
    // It was due before the hold: that it was never sent must be said.
    let (_, error) = room.run(&["resume", "--after-restore"], 1);
    assert!(error.contains("deliveries were due before the hold"), "{error}");
    room.run(&["resume", "--after-restore", "--send-waiting"], 0);
    daemon.healthy("no alarm", |health| health.problems.is_empty()).await;
    daemon.reach(&room, today + SignedDuration::from_secs(60), "5 sent").await;
    daemon.end().await;
    let daemon = Inside::start(&room, &clock).await;
    assert_eq!(causes(&daemon).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_late_is_said_and_waits_also_after_a_restart() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let daemon = Inside::start(&room, &clock).await;
    clock.set(at(7_200));
    room.release("aster", nine(), "", "Words.");
    let health = daemon.look_at(at(7_201)).await;
    assert_eq!(health.late.len(), 1, "{health:?}");
    assert!(health.late[0].contains("`dateline issue aster --late` sends it"), "{health:?}");
    assert!(health.ready && health.problems.is_empty());
    daemon.end().await;
    let daemon = Inside::start(&room, &clock).await;
    assert_eq!(daemon.health.borrow().late.len(), 1);
    assert!(relay.mails().is_empty());
    // A kill is never late: nobody has it, and it is gone from the list.
    room.release("aster", nine(), "status: killed\nreason: It is wrong.\n", "Words.");
    assert_eq!(daemon.look_at(at(7_300)).await.late, Vec::<String>::new());
    daemon.end().await;
}
