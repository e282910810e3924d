//! A ledger that forgot what was sent must not send it again.

use std::path::Path;

use dateline::ledger::{
    Cause, DeliveryId, FoundSent, Intent, Ledger, LedgerError, Outcome, Scope, State, Stop,
};

use super::config;
use super::desk::{Desk, arrived, at, due, mail, order, reply};
use dateline::plan::Action;
use dateline::release::Notice;

/// A ledger with three contacts, of whom the first has `aster`; its folder.
async fn begun() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::with(Ledger::open_exclusive(&config(&folder), at(-7200)).await.unwrap(), 3).await;
    desk.original("aster", "v1", &[1, 2, 3]).await;
    let claims = desk.claim(at(0)).await;
    let attempt = desk.go(&claims[0], at(0)).await;
    desk.settle(attempt, arrived(), at(0)).await;
    desk.ledger.return_claims("desk", at(1)).await.unwrap();
    desk.ledger.close(at(1)).await.unwrap();
    folder
}

async fn open(folder: &tempfile::TempDir, now: i64) -> Desk {
    Desk { ledger: Ledger::open_exclusive(&config(folder), at(now)).await.unwrap() }
}

fn file(folder: &tempfile::TempDir, name: &str) -> std::path::PathBuf {
    config(folder).folder.join(name)
}

fn copy(from: &Path, to: &Path) {
    std::fs::copy(from, to).unwrap();
}

/// Nothing leaves, and only the right word ends that.
async fn is_held(desk: &Desk, reason: &str) {
    let holds = desk.ledger.holds().await.unwrap();
    assert!(holds.len() == 1 && holds[0].cause == Cause::Restored, "{holds:?}");
    assert!(holds[0].reason.contains(reason), "{holds:?}");
    assert_eq!(desk.claim(at(10)).await, []);
    assert!(!desk.ledger.resume(&Scope::Everything, "ada", at(11)).await.unwrap());
    assert_eq!(desk.claim(at(12)).await, []);
    assert_eq!(desk.ledger.next_due(at(12)).await.unwrap(), []);
}

#[tokio::test]
async fn an_older_copy_is_held_until_somebody_has_looked() {
    let folder = begun().await;
    let old = folder.path().join("old.db");
    copy(&file(&folder, "ledger.db"), &old);
    let desk = open(&folder, 2).await;
    assert_eq!(desk.send_all("relay", at(3)).await, 2);
    let newest = desk.ledger.log(None, DeliveryId(0), 9).await.unwrap()[2].attempts[0].attempt;
    desk.ledger.close(at(4)).await.unwrap();

    copy(&old, &file(&folder, "ledger.db"));
    // Whoever opens it first finds out, also without dispatching.
    let looker = Ledger::open(&config(&folder), at(5)).await.unwrap();
    assert_eq!(looker.holds().await.unwrap()[0].cause, Cause::Restored);
    looker.close(at(5)).await.unwrap();
    let desk = open(&folder, 6).await;
    is_held(&desk, "older copy of the ledger").await;
    is_held(&desk, "2 attempts are missing").await;
    desk.ledger.close(at(13)).await.unwrap();
    let desk = open(&folder, 14).await;
    is_held(&desk, "2 attempts are missing").await;
    assert!(file(&folder, "ledger.mark.before").exists(), "the evidence is kept");

    // Two wait that were due: one was found in the relay's log, the other is a person's to decide.
    assert_eq!(desk.ledger.in_doubt(at(14)).await.unwrap(), 2);
    let suspects = desk.ledger.suspects(at(14), DeliveryId(0), 10).await.unwrap();
    assert_eq!(suspects.iter().map(|s| s.state).collect::<Vec<_>>(), [State::Scheduled, State::Scheduled]);
    let found = |delivery| FoundSent { delivery, remote_id: None, url: None, reply: reply("in the log") };
    let both = vec![found(suspects[0].claim.delivery), found(suspects[0].claim.delivery)];
    assert_eq!(desk.ledger.found_sent(both, "ada", at(15)).await.unwrap(), 1);
    assert_eq!(desk.ledger.set_aside(at(14), "ada", at(15)).await.unwrap(), 1);
    assert_eq!(desk.ledger.in_doubt(at(14)).await.unwrap(), 0);
    assert_eq!(desk.rows("aster").await, ["c1 original sent", "c2 original sent", "c3 original quarantined"]);
    desk.is_sound().await;
    assert!(desk.ledger.resume_all(Cause::Restored, "ada", "the log", at(16)).await.unwrap());
    desk.original("lux", "v1", &[1]).await;
    let claims = desk.claim(at(17)).await;
    assert_eq!(claims.len(), 1);
    assert!(desk.go(&claims[0], at(17)).await > newest, "numbers of lost attempts are not given again");
    // What was set aside turns out to have been sent as well.
    let third = desk.ledger.suspects(at(14), DeliveryId(0), 10).await.unwrap()[0].claim.delivery;
    assert_eq!(desk.ledger.found_sent(vec![found(third)], "ada", at(18)).await.unwrap(), 1);
    desk.is_sound().await;
    desk.ledger.close(at(19)).await.unwrap();

    copy(&old, &file(&folder, "ledger.db"));
    is_held(&open(&folder, 20).await, "older copy").await;
}

#[tokio::test]
async fn a_ledger_that_is_gone_foreign_or_without_its_mark_is_held() {
    let other = begun().await;
    for (case, reason) in [
        ("gone", "the ledger is new, but there was one here with 1 attempts"),
        ("foreign", "another ledger than the one that was here"),
        ("unmarked", "`ledger.mark` is gone"),
        ("garbage", "`ledger.mark` is gone"),
    ] {
        let folder = begun().await;
        match case {
            "gone" => std::fs::remove_file(file(&folder, "ledger.db")).unwrap(),
            "foreign" => copy(&file(&other, "ledger.db"), &file(&folder, "ledger.db")),
            "unmarked" => std::fs::remove_file(file(&folder, "ledger.mark")).unwrap(),
            _ => std::fs::write(file(&folder, "ledger.mark"), "half").unwrap(),
        }
        is_held(&open(&folder, 2).await, reason).await;
    }
}

#[tokio::test]
async fn a_ledger_that_was_never_sent_from_needs_no_mark() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::with(Ledger::open(&config(&folder), at(-60)).await.unwrap(), 1).await;
    desk.original("aster", "v1", &[1]).await;
    // No clean end: nobody wrote a mark.
    drop(desk);
    let desk = open(&folder, 1).await;
    assert_eq!(desk.ledger.holds().await.unwrap(), []);
    assert_eq!(desk.send_all("relay", at(2)).await, 1);
    // Nor is one needed that is behind: the ledger may end at any moment.
    let mark = std::fs::read(file(&folder, "ledger.mark")).unwrap();
    desk.ledger.close(at(3)).await.unwrap();
    std::fs::write(file(&folder, "ledger.mark"), mark).unwrap();
    assert_eq!(open(&folder, 4).await.ledger.holds().await.unwrap(), []);
}

#[tokio::test]
async fn the_mark_follows_the_ledger_by_itself() {
    let folder = begun().await;
    let desk = open(&folder, 2).await;
    assert_eq!(desk.send_all("relay", at(3)).await, 2);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let mark = std::fs::read_to_string(file(&folder, "ledger.mark")).unwrap();
        if mark.contains("\"attempt\":3") {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "the mark stays at {mark}");
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_under_a_running_process_is_not_written_to() {
    let folder = begun().await;
    let desk = open(&folder, 2).await;
    let claims = desk.claim(at(3)).await;
    let new = folder.path().join("new.db");
    copy(&file(&folder, "ledger.db"), &new);
    std::fs::rename(&new, file(&folder, "ledger.db")).unwrap();
    let sha = dateline::digest::Digest::of(b"x");
    let batch = vec![(claims[0].delivery, claims[0].epoch, sha)];
    let error = desk.ledger.intent(batch, at(4)).await.unwrap_err().to_string();
    assert!(error.contains("was replaced while it was open"), "{error}");
}

#[tokio::test]
async fn a_clock_in_doubt_stops_what_is_not_yet_public_and_nothing_else() {
    let folder = begun().await;
    let desk = open(&folder, 2).await;
    let mut later = order("lux", Notice::Original, "v1", vec![mail(Action::Create, &[1])]);
    later.planned.publish = at(100);
    desk.issue(later).await;
    let hold = |since| desk.ledger.hold_all(Cause::Clock, "it stepped", "daemon", since, at(3));
    assert!(hold(at(50)).await.unwrap());
    assert!(!hold(at(60)).await.unwrap(), "the first doubt stays");
    // `aster` is public already; `lux` waits, although its deliveries are due.
    assert_eq!(desk.send_all("relay", at(4)).await, 2);
    assert_eq!(desk.rows("lux").await, ["c1 original scheduled"]);
    assert!(!desk.ledger.resume(&Scope::Everything, "ada", at(5)).await.unwrap());
    // What is claimed when the doubt comes is stopped as well.
    assert!(desk.ledger.resume_all(Cause::Clock, "ada", "looked", at(6)).await.unwrap());
    let claims = desk.claim(at(7)).await;
    assert_eq!(claims.len(), 1);
    hold(at(50)).await.unwrap();
    assert_eq!(desk.stop(&claims[0], at(8)).await, Stop::Held(Scope::Everything));
    desk.ledger.resume_all(Cause::Clock, "daemon", "two hosts agree", at(9)).await.unwrap();
    assert_eq!(desk.send_all("relay", at(10)).await, 1);
    // A kill always leaves.
    hold(due()).await.unwrap();
    let mut kill = order("lux", Notice::Kill, "v2", vec![mail(Action::Kill, &[])]);
    kill.planned.publish = at(100);
    desk.issue(kill).await;
    assert_eq!(desk.send_all("relay", at(11)).await, 1);
    desk.is_sound().await;
}

#[tokio::test]
async fn once_a_hold_or_a_suppression_is_acknowledged_nothing_it_covers_leaves() {
    let rounds = i64::try_from(crate::disk::size(300, 10_000)).unwrap();
    let mut run = crate::disk::Run::begin("holds against intents", 0);
    run.tests = "ledger::amnesia";
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::with(Ledger::open_exclusive(&config(&folder), at(-7200)).await.unwrap(), rounds).await;
    let everyone: Vec<i64> = (1..=rounds).collect();
    desk.original("aster", "v1", &everyone).await;
    // The other side has connections of its own, as another process has.
    let other = Ledger::open(&config(&folder), at(-1)).await.unwrap();
    let scopes = [
        Scope::Everything,
        Scope::Channel("relay".into()),
        Scope::Release("aster".into()),
        Scope::Destination("paper.example".into()),
    ];
    let mut went = 0;
    for round in 0..rounds {
        let claims = desk.ledger.claim("desk", "relay", at(round), 1).await.unwrap();
        let Some(claim) = claims.first() else { break };
        let scope = scopes[round as usize % 4].clone();
        let address = format!("c{}@paper.example", claim.delivery.0).parse().unwrap();
        let suppress = round % 5 == 4;
        // The race.
        let stopping = async {
            if suppress {
                other.suppress(&address, "asked", "", at(round)).await.map(|_| ())
            } else {
                other.hold(scope.clone(), "a doubt", "ada", at(round)).await.map(|_| ())
            }
        };
        let (first, stopped) = tokio::join!(desk.intent(claim, at(round)), stopping);
        stopped.unwrap();
        if let Intent::Go(attempt) = first {
            went += 1;
            desk.settle(attempt, arrived(), at(round)).await;
        }
        // Acknowledged: whatever is claimed, nothing goes.
        let rest: Vec<_> =
            claims.iter().skip(1).filter(|c| !suppress || c.delivery == claim.delivery).collect();
        for claim in rest.iter().take(3) {
            assert!(matches!(desk.intent(claim, at(round)).await, Intent::Stop(_)), "{scope} round {round}");
        }
        if suppress && !matches!(first, Intent::Go(_)) {
            let log = desk.ledger.log(None, DeliveryId(claim.delivery.0 - 1), 1).await.unwrap();
            assert_eq!((log[0].state, log[0].attempts.len()), (State::Suppressed, 0));
        }
        other.resume(&scope, "ada", at(round)).await.unwrap();
        desk.ledger.return_claims("desk", at(round)).await.unwrap();
    }
    assert!(went > 0, "the intent never won");
    assert!(went < rounds, "the stop never won");
    desk.is_sound().await;
    run.deliveries = usize::try_from(rounds).unwrap();
    run.notes
        .push(format!("{rounds} races of a hold or a suppression against an intent; the intent won {went}."));
    run.end();
}

#[tokio::test]
async fn an_outcome_of_a_lost_connection_does_not_end_the_ledger() {
    let folder = begun().await;
    let desk = open(&folder, 2).await;
    // Somebody else keeps the write lock for longer than anybody waits: the transaction fails, the next goes on.
    let claims = desk.claim(at(3)).await;
    let attempt = desk.go(&claims[0], at(3)).await;
    let refused = desk.ledger.settle(dateline::ledger::AttemptId(999), Outcome::NotSent, at(4)).await;
    assert!(matches!(refused, Err(LedgerError::Refused(_))));
    desk.settle(attempt, arrived(), at(5)).await;
    desk.is_sound().await;
}
