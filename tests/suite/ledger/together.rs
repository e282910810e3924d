//! Questions that are asked together: each is answered as if it had been asked alone.

use dateline::contact::{ContactId, EmailAddress};
use dateline::digest::Digest;
use dateline::ledger::{Claim, DeliveryId, Epoch, Intent, Outcome, Party, Scope, State, Stop};
use dateline::plan::Action;
use dateline::release::Notice;

use super::desk::{Desk, arrived, at, contact, mail, order, reply};
use super::exercise;

fn of(claims: &[Claim], slug: &str, contact: i64) -> (DeliveryId, Epoch) {
    let is = |claim: &&Claim| {
        claim.slug == slug
            && matches!(&claim.recipient, Party::Contact { id, .. } if *id == ContactId(contact))
    };
    claims.iter().find(is).map(|claim| (claim.delivery, claim.epoch)).unwrap()
}

async fn claims(desk: &Desk) -> Vec<Claim> {
    desk.ledger.claim("desk", "relay", at(0), 1_000).await.unwrap()
}

fn shown(intent: &Intent) -> String {
    match intent {
        Intent::Go(_) => "go".to_owned(),
        Intent::Stop(stop) => stop.to_string(),
    }
}

#[tokio::test]
async fn each_question_of_a_group_is_answered_as_if_it_were_asked_alone() {
    for together in [true, false] {
        exercise(9, async |desk| {
            desk.ledger.import(vec![contact("x@held.example")], at(-3600)).await.unwrap();
            desk.original("aster", "v1", &(1..=10).collect::<Vec<_>>()).await;
            desk.original("lupin", "v1", &[1, 2]).await;
            for slug in ["monday", "tuesday"] {
                let mut limited = order(slug, Notice::Original, "v1", vec![mail(Action::Create, &[8, 9])]);
                limited.planned.limits = [("bloggers".to_owned(), 2)].into();
                desk.issue(limited).await;
            }
            let all = claims(desk).await;
            assert_eq!(all.len(), 16);
            let first = all.iter().find(|claim| (claim.delivery, claim.epoch) == of(&all, "aster", 5));
            let under_way = desk.go(first.unwrap(), at(0)).await;
            desk.ledger.suppress(&"c3@paper.example".parse().unwrap(), "asked", "", at(0)).await.unwrap();
            desk.ledger.erase(&"c4@paper.example".parse().unwrap(), "ada", at(0)).await.unwrap();
            for scope in [Scope::Destination("held.example".to_owned()), Scope::Release("lupin".to_owned())] {
                desk.ledger.hold(scope, "a doubt", "ada", at(0)).await.unwrap();
            }
            let later = of(&all, "aster", 6);
            desk.ledger.hand_back(vec![later], Some(at(90)), at(0)).await.unwrap();
            let (seven, epoch) = of(&all, "aster", 7);
            let asked = [
                (of(&all, "aster", 1), "go".to_owned()),
                (of(&all, "aster", 2), "go".to_owned()),
                (of(&all, "aster", 1), Stop::State(State::Attempting).to_string()),
                (of(&all, "aster", 3), Stop::State(State::Suppressed).to_string()),
                (of(&all, "aster", 4), Stop::State(State::Cancelled).to_string()),
                (of(&all, "aster", 5), Stop::State(State::Attempting).to_string()),
                (later, Stop::NotDue.to_string()),
                ((seven, Epoch(epoch.0 + 1)), Stop::Stale.to_string()),
                ((seven, epoch), "go".to_owned()),
                (
                    of(&all, "aster", 10),
                    Stop::Held(Scope::Destination("held.example".to_owned())).to_string(),
                ),
                (of(&all, "lupin", 1), Stop::Held(Scope::Release("lupin".to_owned())).to_string()),
                (of(&all, "aster", 8), "go".to_owned()),
                // Two in seven days: the one above counts, and the first of these.
                (of(&all, "monday", 8), "go".to_owned()),
                (of(&all, "tuesday", 8), Stop::Enough.to_string()),
                (of(&all, "tuesday", 9), "go".to_owned()),
                ((DeliveryId(999), Epoch(1)), Stop::NoSuch.to_string()),
            ];
            let question = |((delivery, epoch), _): &((DeliveryId, Epoch), String)| {
                (*delivery, *epoch, Digest::of(delivery.0.to_string().as_bytes()))
            };
            let questions: Vec<_> = asked.iter().map(question).collect();
            let mut intents = Vec::new();
            for group in questions.chunks(if together { questions.len() } else { 1 }) {
                intents.extend(desk.ledger.intent(group.to_vec(), at(1)).await.unwrap());
            }
            let seen: Vec<String> = intents.iter().map(shown).collect();
            let expected: Vec<String> = asked.iter().map(|(_, expected)| expected.clone()).collect();
            assert_eq!(seen, expected, "together: {together}");
            let mut results = vec![(under_way, arrived())];
            results.extend(intents.iter().filter_map(|intent| match intent {
                Intent::Go(attempt) => Some((*attempt, arrived())),
                Intent::Stop(_) => None,
            }));
            let mut attempts: Vec<_> = results.iter().map(|(attempt, _)| *attempt).collect();
            attempts.sort_unstable();
            attempts.dedup();
            assert_eq!(attempts.len(), 7, "each has its own number");
            desk.is_sound().await;
            let settled = desk.ledger.settle_all(results, at(2)).await.unwrap();
            assert!(settled.iter().all(|settled| settled.state == State::Sent && !settled.late));
            let mut rows = desk.rows("aster").await;
            rows.retain(|row| row.ends_with("sent"));
            assert_eq!(rows.len(), 5);
        })
        .await;
    }
}

/// Whatever forbids a recipient after the claim, by itself: also the answer to a mail that left with the same claim, and in the
/// exchange that reports it.
#[tokio::test]
async fn a_recipient_who_is_forbidden_after_the_claim_gets_nothing() {
    for what in ["suppressed", "erased", "held", "refused", "refused in this exchange"] {
        exercise(3, async |desk| {
            desk.original("aster", "v1", &[1, 2, 3]).await;
            desk.original("lupin", "v1", &[1]).await;
            let all = claims(desk).await;
            let ask = |(delivery, epoch): (DeliveryId, Epoch)| (delivery, epoch, Digest::of(b"request"));
            let first = desk.ledger.intent(vec![ask(of(&all, "aster", 1))], at(0)).await.unwrap();
            let [Intent::Go(first)] = first[..] else { panic!("{first:?}") };
            let email: EmailAddress = "c1@paper.example".parse().unwrap();
            let refused = || Outcome::Failed { reply: reply("5.1.1 no such user"), suppress: true };
            let second = vec![ask(of(&all, "aster", 2)), ask(of(&all, "lupin", 1))];
            let forbid = async {
                match what {
                    "suppressed" => assert!(desk.ledger.suppress(&email, "asked", "", at(1)).await.unwrap()),
                    "erased" => assert!(desk.ledger.erase(&email, "ada", at(1)).await.unwrap()),
                    "held" => {
                        let scope = Scope::Destination("paper.example".to_owned());
                        desk.ledger.hold(scope, "a doubt", "ada", at(1)).await.unwrap();
                    }
                    _ => assert_eq!(desk.settle(first, refused(), at(1)).await.state, State::Failed),
                }
            };
            let intents = if what == "refused in this exchange" {
                tokio::join!(biased; forbid, desk.ledger.intent(second, at(1))).1
            } else {
                forbid.await;
                desk.ledger.intent(second, at(1)).await
            };
            let seen: Vec<String> = intents.unwrap().iter().map(shown).collect();
            let held = Stop::Held(Scope::Destination("paper.example".to_owned())).to_string();
            let expected = match what {
                "held" => [held.clone(), held],
                "erased" => ["go".to_owned(), Stop::State(State::Cancelled).to_string()],
                _ => ["go".to_owned(), Stop::State(State::Suppressed).to_string()],
            };
            assert_eq!(seen, expected, "{what}");
            desk.is_sound().await;
        })
        .await;
    }
}

/// Each attempt is on record with the digest of its own request, in whatever order they were asked.
#[tokio::test]
async fn attempts_of_a_group_keep_their_own_requests() {
    let (folder, ledger) = super::sqlite().await;
    let desk = Desk::with(ledger, 5).await;
    desk.original("aster", "v1", &[1, 2, 3, 4, 5]).await;
    let request = |delivery: DeliveryId| Digest::of(delivery.0.to_string().as_bytes());
    let mut asked: Vec<_> = claims(&desk)
        .await
        .iter()
        .map(|claim| (claim.delivery, claim.epoch, request(claim.delivery)))
        .collect();
    asked.swap(0, 3);
    asked.swap(1, 4);
    let intents = desk.ledger.intent(asked.clone(), at(1)).await.unwrap();
    desk.ledger.close(at(2)).await.unwrap();
    let db = rusqlite::Connection::open(super::config(&folder).folder.join("ledger.db")).unwrap();
    for ((delivery, epoch, sha), intent) in asked.iter().zip(intents) {
        let Intent::Go(attempt) = intent else { panic!("{delivery:?} may not leave: {}", shown(&intent)) };
        let sql = "SELECT delivery, epoch, no, request_sha FROM attempt WHERE id = ?1";
        let row: (i64, i64, i64, Vec<u8>) = db
            .query_row(sql, [attempt.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .unwrap();
        assert_eq!(row, (delivery.0, epoch.0, 1, sha.0.to_vec()));
    }
}
