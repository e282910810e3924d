//! What nobody knows: early ends, evidence, looks, crashes.

use dateline::ledger::{
    AttemptId, Claim, Crash, Decision, DeliveryId, Epoch, Outcome, Reply, Scope, Settled, State, Stop,
};

use super::desk::{Desk, arrived, at, reply};
use super::exercise;

fn refused() -> Outcome {
    Outcome::Failed { reply: reply("5.1.1 no such user"), suppress: true }
}

fn nothing_heard() -> Outcome {
    Outcome::Unknown { reply: reply("connection lost after the dot") }
}

async fn early(desk: &Desk, claim: &Claim, outcome: Outcome) -> Result<Settled, Stop> {
    let question = (claim.delivery, claim.epoch, dateline::digest::Digest::of(b"the request"));
    desk.ledger.settle_early(question, outcome, at(1)).await.unwrap()
}

/// A delivery that is unknown since `at(1)`.
async fn unknown(desk: &Desk) -> (Claim, AttemptId) {
    desk.original("aster", "v1", &[1]).await;
    let claim = desk.claim(at(0)).await.remove(0);
    let attempt = desk.go(&claim, at(0)).await;
    desk.settle(attempt, nothing_heard(), at(1)).await;
    (claim, attempt)
}

#[tokio::test]
async fn a_try_that_ended_early_is_recorded_at_once_with_the_same_questions() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let claims = desk.claim(at(0)).await;
        let settled = early(desk, &claims[0], refused()).await;
        assert_eq!(settled, Ok(Settled { state: State::Failed, late: false }));
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
        assert_eq!((log[0].attempts.len(), log[0].attempts[0].results[0].outcome.as_str()), (1, "failed"));
        assert_eq!(desk.ledger.suppressions().await.unwrap().len(), 1);
        // Asked again, or where something forbids the intent, nothing is written.
        assert_eq!(early(desk, &claims[0], refused()).await, Err(Stop::State(State::Failed)));
        desk.ledger.hold(Scope::Everything, "a doubt", "ada", at(1)).await.unwrap();
        assert_eq!(early(desk, &claims[1], refused()).await, Err(Stop::Held(Scope::Everything)));
        let stale = Claim { epoch: Epoch(claims[2].epoch.0 + 1), ..claims[2].clone() };
        assert_eq!(early(desk, &stale, refused()).await, Err(Stop::Stale));
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
        assert!(log[1].attempts.is_empty() && log[2].attempts.is_empty());
        assert_eq!((log[1].state, log[2].state), (State::Scheduled, State::Scheduled));
        desk.ledger.return_claims("desk", at(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn evidence_decides_the_try_of_its_claim_and_no_other() {
    for (outcome, state, sends) in [
        (arrived(), State::Sent, 0),
        (refused(), State::Failed, 0),
        (Outcome::NotSent, State::Scheduled, 1),
        (Outcome::Later { due: at(120), reply: reply("4.2.1 later") }, State::Scheduled, 1),
    ] {
        exercise(2, async |desk| {
            desk.original("aster", "v1", &[1, 2]).await;
            let claims = desk.claim(at(0)).await;
            desk.go(&claims[0], at(0)).await;
            desk.ledger.rescue(at(60)).await.unwrap();
            let ledger = &desk.ledger;
            let said = async |claim: &Claim, outcome| {
                ledger.evidence(vec![(claim.delivery, claim.epoch, outcome)], at(61)).await.unwrap().remove(0)
            };
            assert_eq!(said(&claims[1], arrived()).await, None, "nothing was tried");
            let other = Claim { epoch: Epoch(claims[0].epoch.0 + 1), ..claims[0].clone() };
            assert_eq!(said(&other, arrived()).await, None, "the try was made under another claim");
            assert_eq!(said(&claims[0], outcome.clone()).await, Some(Settled { state, late: true }));
            assert_eq!(said(&claims[0], arrived()).await, None, "its outcome is known");
            assert_eq!(desk.send_all("relay", at(120)).await, 1 + sends);
            assert_eq!(ledger.doubts(at(99_999), 9).await.unwrap(), []);
        })
        .await;
    }
}

#[tokio::test]
async fn evidence_also_settles_what_nobody_gave_up_yet() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        let claim = desk.claim(at(0)).await.remove(0);
        desk.go(&claim, at(0)).await;
        let said = desk.ledger.evidence(vec![(claim.delivery, claim.epoch, arrived())], at(1)).await.unwrap();
        assert_eq!(said, [Some(Settled { state: State::Sent, late: false })]);
    })
    .await;
}

#[tokio::test]
async fn evidence_of_many_is_taken_at_once_and_each_counts_once() {
    exercise(300, async |desk| {
        desk.original("aster", "v1", &(1..=300).collect::<Vec<_>>()).await;
        let claims = desk.ledger.claim("desk", "relay", at(0), 300).await.unwrap();
        for claim in &claims[..299] {
            desk.go(claim, at(0)).await;
        }
        let mut known: Vec<_> = claims.iter().map(|claim| (claim.delivery, claim.epoch, arrived())).collect();
        known[1].2 = refused();
        known.push((claims[0].delivery, claims[0].epoch, refused()));
        let said = desk.ledger.evidence(known, at(1)).await.unwrap();
        let settled = |state| Some(Settled { state, late: false });
        assert_eq!(said[..2], [settled(State::Sent), settled(State::Failed)]);
        assert!(said[2..299].iter().all(|said| *said == settled(State::Sent)));
        assert_eq!(said[299..], [None, None], "it was only claimed; it is known");
    })
    .await;
}

#[tokio::test]
async fn what_is_unknown_is_looked_at_until_it_is_decided() {
    exercise(1, async |desk| {
        let (claim, attempt) = unknown(desk).await;
        assert_eq!(desk.ledger.doubts(at(60), 9).await.unwrap(), [], "the sender itself has just looked");
        assert_eq!(desk.ledger.next_due(at(2)).await.unwrap(), [("relay".to_owned(), at(61))]);
        let doubts = desk.ledger.doubts(at(61), 9).await.unwrap();
        let [doubt] = doubts.as_slice() else { panic!("{doubts:?}") };
        assert_eq!((doubt.attempt, doubt.channel.as_str(), doubt.since), (attempt, "relay", at(1)));
        assert_eq!((doubt.absent, doubt.resent, doubt.erased), (0, false, false));
        assert_eq!(
            (&doubt.claim.key, &doubt.claim.wire_key, doubt.claim.edition, &doubt.claim.recipient),
            (&claim.key, &claim.wire_key, claim.edition, &claim.recipient)
        );
        assert_eq!((doubt.claim.attempt_no, doubt.claim.due), (1, at(0)));
        assert_eq!(desk.ledger.doubts(at(61), 9).await.unwrap(), [], "somebody is looking");
        desk.ledger.look_again(claim.delivery, at(300), 1).await.unwrap();
        assert_eq!(desk.ledger.doubts(at(299), 9).await.unwrap(), []);
        assert_eq!(desk.ledger.doubts(at(300), 9).await.unwrap()[0].absent, 1);
        // A late answer, or a decision, ends it.
        let late = desk.settle(attempt, arrived(), at(301)).await;
        assert_eq!(late, Settled { state: State::Sent, late: true });
        assert_eq!(desk.ledger.doubts(at(9_999), 9).await.unwrap(), []);
        assert_eq!(desk.ledger.next_due(at(9_999)).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn an_erased_person_is_not_looked_for() {
    exercise(1, async |desk| {
        unknown(desk).await;
        desk.ledger.erase(&"c1@paper.example".parse().unwrap(), "ada", at(2)).await.unwrap();
        assert!(desk.ledger.doubts(at(61), 9).await.unwrap()[0].erased);
    })
    .await;
}

#[tokio::test]
async fn a_rule_sends_once_more_and_never_twice() {
    exercise(1, async |desk| {
        let (claim, _) = unknown(desk).await;
        let again = async |now| desk.ledger.send_once_more(claim.delivery, Reply::default(), now).await;
        assert_eq!(again(at(900)).await.unwrap(), State::Scheduled);
        assert!(again(at(900)).await.is_err(), "it is not unknown now");
        let second = desk.claim(at(901)).await.remove(0);
        assert_eq!((&second.wire_key, second.attempt_no), (&claim.wire_key, 2));
        let attempt = desk.go(&second, at(901)).await;
        desk.settle(attempt, nothing_heard(), at(902)).await;
        assert!(desk.ledger.doubts(at(962), 9).await.unwrap()[0].resent);
        assert_eq!(again(at(1_800)).await.unwrap(), State::Parked);
        assert_eq!(desk.send_all("relay", at(1_801)).await, 0);
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 1).await.unwrap();
        let said: Vec<&str> = log[0]
            .attempts
            .iter()
            .flat_map(|attempt| &attempt.results)
            .map(|result| result.outcome.as_str())
            .collect();
        assert_eq!(said, ["unknown", "sent once more by rule", "unknown", "parked"]);
        // A person still can.
        let decided =
            desk.ledger.resolve(claim.delivery, Decision::Resend, "ada", reply("not there"), at(1_900)).await;
        assert_eq!(decided.unwrap(), State::Scheduled);
        assert_eq!(desk.send_all("relay", at(1_901)).await, 1);
    })
    .await;
}

async fn crash(desk: &Desk, claim: &Claim, guilt: u32) -> bool {
    let crash = Crash { delivery: claim.delivery, epoch: claim.epoch, guilt };
    desk.ledger.crashed(vec![crash], at(60)).await.unwrap() == [claim.delivery]
}

#[tokio::test]
async fn a_delivery_under_which_the_process_died_twice_is_quarantined_and_its_neighbours_go_on() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let first = desk.claim(at(0)).await;
        assert_eq!(first[1].guilt, 0);
        assert!(!crash(desk, &first[1], 5).await);
        assert!(!crash(desk, &first[1], 5).await, "one claim counts once");
        desk.ledger.rescue(at(60)).await.unwrap();
        let second = desk.claim(at(61)).await;
        assert_eq!((second[1].delivery, second[1].guilt), (first[1].delivery, 5));
        assert!(crash(desk, &second[1], 5).await);
        assert_eq!(desk.stop(&second[1], at(61)).await, Stop::State(State::Quarantined));
        desk.ledger.return_claims("desk", at(62)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(63)).await, 2);
        assert_eq!(desk.ledger.status(None).await.unwrap().needs_attention, 1);
        assert!(!crash(desk, &second[0], 99).await, "what is sent is beyond doubt");
        let audit = desk.ledger.audit(0, 99).await.unwrap();
        assert!(audit.iter().any(|entry| entry.action == "quarantine" && entry.subject == "aster"));
    })
    .await;
}

#[tokio::test]
async fn a_try_that_came_to_its_end_forgives() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        let claim = desk.claim(at(0)).await.remove(0);
        assert!(!crash(desk, &claim, 5).await);
        let attempt = desk.go(&claim, at(1)).await;
        desk.settle(attempt, Outcome::Later { due: at(90), reply: reply("4.2.1 later") }, at(2)).await;
        let claim = desk.claim(at(90)).await.remove(0);
        assert_eq!(claim.guilt, 0);
        assert!(!crash(desk, &claim, 5).await);
        desk.ledger.return_claims("desk", at(91)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_person_decides_what_is_quarantined() {
    for (decision, state, sends) in [
        (Decision::Resend, Some(State::Scheduled), 1),
        (Decision::Failed, Some(State::Cancelled), 0),
        (Decision::Sent, None, 0),
    ] {
        exercise(1, async |desk| {
            desk.original("aster", "v1", &[1]).await;
            let claim = desk.claim(at(0)).await.remove(0);
            assert!(crash(desk, &claim, 10).await);
            desk.ledger.return_claims("desk", at(1)).await.unwrap();
            let decided = desk.ledger.resolve(claim.delivery, decision, "ada", reply("mended"), at(2)).await;
            assert_eq!(decided.ok(), state);
            assert_eq!(desk.send_all("relay", at(3)).await, sends);
        })
        .await;
    }
}
