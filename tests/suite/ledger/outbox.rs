//! Claims, intents, results, holds.

use dateline::ledger::{Decision, DeliveryId, Outcome, Scope, Settled, State, Stop};

use super::desk::{arrived, at, reply};
use super::exercise;

fn settled(state: State) -> Settled {
    Settled { state, late: false }
}

#[tokio::test]
async fn a_delivery_leaves_when_it_is_due_and_once() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        assert_eq!(desk.claim(at(-1)).await, []);
        assert_eq!(desk.ledger.next_due(at(-1)).await.unwrap(), [("relay".to_owned(), at(0))]);
        let claims = desk.claim(at(0)).await;
        assert_eq!(claims.len(), 2);
        assert_eq!((claims[0].attempt_no, claims[0].due, claims[0].slug.as_str()), (1, at(0), "aster"));
        assert_eq!(claims[0].previous, None);
        assert_eq!(desk.claim(at(0)).await, [], "a leased block is not claimed again");
        let attempt = desk.go(&claims[0], at(0)).await;
        assert_eq!(desk.stop(&claims[0], at(0)).await, Stop::State(State::Attempting));
        assert_eq!(desk.settle(attempt, arrived(), at(1)).await, settled(State::Sent));
        assert_eq!(desk.stop(&claims[0], at(1)).await, Stop::State(State::Sent));

        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
        assert_eq!(
            (log[0].state, log[0].sent_at, log[0].remote_id.as_deref()),
            (State::Sent, Some(at(1)), Some("remote-1"))
        );
        assert_eq!((log[0].attempts.len(), log[0].attempts[0].results[0].outcome.as_str()), (1, "sent"));
        let json = serde_json::to_value(&log[0]).unwrap();
        for key in [
            "delivery",
            "release",
            "notice",
            "edition",
            "audience",
            "channel",
            "recipient",
            "state",
            "due",
            "attempts",
            "remote_id",
            "message_id",
            "sent_at",
        ] {
            assert!(json.get(key).is_some(), "the log's JSON has no {key}");
        }
        desk.ledger.hand_back(vec![(claims[1].delivery, claims[1].epoch)], None, at(1)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn later_means_later_and_counts_the_try() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        let claim = desk.claim(at(0)).await.remove(0);
        let attempt = desk.go(&claim, at(0)).await;
        let later = Outcome::Later { due: at(300), reply: reply("4.2.1 greylisted") };
        assert_eq!(desk.settle(attempt, later, at(1)).await, settled(State::Scheduled));
        assert_eq!(desk.claim(at(299)).await, []);
        assert_eq!(desk.ledger.next_due(at(1)).await.unwrap(), [("relay".to_owned(), at(300))]);
        let again = desk.claim(at(300)).await.remove(0);
        assert_eq!((again.attempt_no, again.put_off, again.due), (2, 1, at(0)));
        assert_eq!((&again.key, &again.wire_key), (&claim.key, &claim.wire_key));
        assert_eq!(desk.stop(&claim, at(300)).await, Stop::Stale);
        let attempt = desk.go(&again, at(300)).await;
        assert_eq!(desk.settle(attempt, Outcome::NotSent, at(301)).await, settled(State::Scheduled));
        // It never left, so nobody put it off, and the next wait is no longer for it.
        let third = desk.claim(at(301)).await.remove(0);
        assert_eq!((third.attempt_no, third.put_off), (3, 1));
        desk.ledger.hand_back(vec![(third.delivery, third.epoch)], None, at(301)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(301)).await, 1);
    })
    .await;
}

#[tokio::test]
async fn results_that_come_together_are_recorded_each_for_itself() {
    exercise(4, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3, 4]).await;
        let claims = desk.claim(at(0)).await;
        let mut tries = Vec::new();
        for claim in &claims {
            tries.push(desk.go(claim, at(0)).await);
        }
        // One is known already: what comes now is late, and changes nothing.
        desk.settle(tries[3], arrived(), at(1)).await;
        let results = vec![
            (tries[2], Outcome::Failed { reply: reply("5.1.1 no"), suppress: false }),
            (tries[0], arrived()),
            (tries[3], Outcome::NotSent),
            (tries[1], Outcome::Later { due: at(60), reply: reply("4.2.1 later") }),
        ];
        let late = Settled { state: State::Sent, late: true };
        let expected = [settled(State::Failed), settled(State::Sent), late, settled(State::Scheduled)];
        assert_eq!(desk.ledger.settle_all(results, at(2)).await.unwrap(), expected);
        desk.is_sound().await;
        // The last of their claims has ended, so the block is free: what is to be tried again can be.
        let again = desk.claim(at(60)).await;
        assert_eq!((again.len(), again[0].delivery), (1, claims[1].delivery));
        assert_eq!(desk.ledger.settle_all(Vec::new(), at(61)).await.unwrap(), []);
        assert_eq!(desk.send_all("relay", at(61)).await, 0, "it is claimed");
        let attempt = desk.go(&again[0], at(61)).await;
        desk.settle(attempt, arrived(), at(62)).await;
        // A result of nobody's fails, and may keep the others from being recorded with it.
        let nobodys = vec![(dateline::ledger::AttemptId(999), arrived())];
        assert!(desk.ledger.settle_all(nobodys, at(63)).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_hold_that_was_acknowledged_stops_what_is_claimed_already() {
    for scope in [
        Scope::Everything,
        Scope::Channel("relay".to_owned()),
        Scope::Release("aster".to_owned()),
        Scope::Destination("paper.example".to_owned()),
    ] {
        exercise(2, async |desk| {
            desk.original("aster", "v1", &[1, 2]).await;
            let claims = desk.claim(at(0)).await;
            assert!(desk.ledger.hold(scope.clone(), "a doubt", "ada", at(0)).await.unwrap());
            assert!(!desk.ledger.hold(scope.clone(), "a doubt", "ada", at(0)).await.unwrap());
            for claim in &claims {
                assert_eq!(desk.stop(claim, at(1)).await, Stop::Held(scope.clone()));
            }
            assert_eq!(desk.claim(at(2)).await, [], "{scope}");
            assert_eq!(desk.claim(at(3)).await, [], "{scope}");
            assert!(desk.ledger.resume(&scope, "ada", at(4)).await.unwrap());
            assert!(!desk.ledger.resume(&scope, "ada", at(4)).await.unwrap());
            assert_eq!(desk.send_all("relay", at(5)).await, 2, "{scope}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_held_destination_does_not_keep_others_waiting() {
    exercise(1, async |desk| {
        desk.ledger.import(vec![super::desk::contact("x@other.example")], at(-60)).await.unwrap();
        desk.original("aster", "v1", &[1, 2]).await;
        let scope = Scope::Destination("paper.example".to_owned());
        desk.ledger.hold(scope.clone(), "it refuses us", "dispatch", at(0)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(0)).await, 1);
        desk.ledger.resume(&scope, "ada", at(1)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(1)).await, 1);
    })
    .await;
}

#[tokio::test]
async fn somebody_who_leaves_between_claim_and_intent_gets_nothing() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        desk.ledger.suppress(&"c1@paper.example".parse().unwrap(), "asked", "", at(0)).await.unwrap();
        desk.ledger.erase(&"c2@paper.example".parse().unwrap(), "ada", at(0)).await.unwrap();
        assert_eq!(desk.stop(&claims[0], at(1)).await, Stop::State(State::Suppressed));
        assert_eq!(desk.stop(&claims[1], at(1)).await, Stop::State(State::Cancelled));
        assert_eq!(desk.claim(at(2)).await, []);
    })
    .await;
}

#[tokio::test]
async fn nothing_leaves_after_its_time() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(86_370)).await;
        assert_eq!(desk.stop(&claims[0], at(86_400)).await, Stop::State(State::Expired));
        desk.ledger.return_claims("desk", at(86_400)).await.unwrap();
        assert_eq!(desk.claim(at(86_400)).await, []);
        assert_eq!(desk.rows("aster").await, ["c1 original expired", "c2 original expired"]);
    })
    .await;
}

#[tokio::test]
async fn a_lost_lease_frees_what_was_claimed_and_doubts_what_was_tried() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        assert_eq!(desk.ledger.renew("desk", at(50)).await.unwrap(), 1);
        assert_eq!(desk.ledger.rescue(at(109)).await.unwrap().blocks, 0);
        assert_eq!(desk.stop(&claims[1], at(110)).await, Stop::Stale);
        assert_eq!(desk.ledger.next_due(at(110)).await.unwrap(), [("relay".to_owned(), at(110))]);
        let rescued = desk.ledger.rescue(at(110)).await.unwrap();
        assert_eq!((rescued.blocks, rescued.unknown), (1, 1));
        assert_eq!(desk.rows("aster").await, ["c1 original unknown", "c2 original scheduled"]);
        let again = desk.claim(at(111)).await;
        assert_eq!(again.len(), 1, "what is unknown is never claimed");
        assert_eq!(desk.stop(&claims[1], at(111)).await, Stop::Stale);

        // The sleeper wakes up: its answer is evidence.
        let late = desk.settle(attempt, arrived(), at(112)).await;
        assert_eq!(late, Settled { state: State::Sent, late: true });
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 1).await.unwrap();
        let results: Vec<_> =
            log[0].attempts[0].results.iter().map(|r| (r.outcome.as_str(), r.late)).collect();
        assert_eq!(results, [("unknown", false), ("sent", true)]);
        // A second answer to a settled attempt changes nothing but is kept.
        let failed = Outcome::Failed { reply: reply("no"), suppress: false };
        assert_eq!(desk.settle(attempt, failed, at(113)).await, Settled { state: State::Sent, late: true });
        desk.ledger.return_claims("desk", at(113)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_person_decides_what_nobody_knows() {
    for (decision, state, sends) in [
        (Decision::Sent, State::Sent, 0),
        (Decision::Failed, State::Failed, 0),
        (Decision::Park, State::Parked, 0),
        (Decision::Resend, State::Scheduled, 1),
    ] {
        exercise(1, async |desk| {
            desk.original("aster", "v1", &[1]).await;
            let claim = desk.claim(at(0)).await.remove(0);
            let resolve = async |decision| {
                desk.ledger.resolve(claim.delivery, decision, "ada", reply("asked them"), at(9)).await
            };
            assert!(resolve(decision).await.is_err(), "it is not unknown yet");
            let attempt = desk.go(&claim, at(0)).await;
            let unknown = Outcome::Unknown { reply: reply("connection lost after the dot") };
            assert_eq!(desk.settle(attempt, unknown, at(1)).await, settled(State::Unknown));
            assert_eq!(desk.ledger.status(None).await.unwrap().needs_attention, 1);
            assert_eq!(resolve(decision).await.unwrap(), state);
            assert_eq!(desk.send_all("relay", at(10)).await, sends);
        })
        .await;
    }
}

#[tokio::test]
async fn claims_that_are_given_back_can_be_claimed_by_another() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        assert_eq!(desk.ledger.return_claims("desk", at(1)).await.unwrap(), 1);
        // What is under way keeps the block until it is settled.
        assert_eq!(desk.ledger.claim("next", "relay", at(2), 9).await.unwrap(), []);
        desk.settle(attempt, arrived(), at(2)).await;
        let next = desk.ledger.claim("next", "relay", at(2), 9).await.unwrap();
        assert_eq!(next.len(), 2);
        let back = next.iter().map(|claim| (claim.delivery, claim.epoch)).collect();
        desk.ledger.hand_back(back, Some(at(60)), at(2)).await.unwrap();
        assert_eq!(desk.claim(at(59)).await, []);
        assert_eq!(desk.send_all("relay", at(60)).await, 2);
    })
    .await;
}

#[tokio::test]
async fn many_callers_share_transactions_and_each_gets_its_own_answer() {
    exercise(200, async |desk| {
        desk.original("aster", "v1", &(1..=200).collect::<Vec<_>>()).await;
        let claims = desk.claim(at(0)).await;
        let mut tasks = tokio::task::JoinSet::new();
        for claim in claims {
            let ledger = desk.ledger.clone();
            tasks.spawn(async move {
                let desk = super::Desk { ledger };
                // One of two askers for the same delivery is refused.
                let (one, two) = tokio::join!(desk.intent(&claim, at(0)), desk.intent(&claim, at(0)));
                let attempts: Vec<_> = [one, two]
                    .into_iter()
                    .filter_map(|intent| match intent {
                        dateline::ledger::Intent::Go(attempt) => Some(attempt),
                        dateline::ledger::Intent::Stop(_) => None,
                    })
                    .collect();
                assert_eq!(attempts.len(), 1);
                desk.settle(attempts[0], arrived(), at(1)).await;
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let status = desk.ledger.status(Some("aster")).await.unwrap();
        assert_eq!(status.releases[0].states.clone().into_iter().collect::<Vec<_>>(), [(State::Sent, 200)]);
    })
    .await;
}
