//! Whose turn it is, and limits that several daemons keep together.

use dateline::ledger::{Claim, LEASE, State, Take, Want};
use dateline::plan::Action;
use dateline::release::Notice;
use jiff::SignedDuration;

use super::desk::{arrived, at, mail, order};
use super::exercise;

/// The releases of claims, in order, without repeats.
fn releases(claims: &[Claim]) -> Vec<&str> {
    let mut slugs: Vec<&str> = claims.iter().map(|claim| claim.slug.as_str()).collect();
    slugs.dedup();
    slugs
}

#[tokio::test]
async fn releases_take_turns_and_a_kill_goes_first() {
    exercise(3_100, async |desk| {
        let ledger = desk.ledger.clone();
        let everybody: Vec<i64> = (1..=3_100).collect();
        desk.original("big", "v1", &everybody).await;
        desk.original("small", "v1", &[1, 2, 3]).await;
        // One block each, before the big one gets its second.
        let first = ledger.claim("desk", "relay", at(1), 1_001).await.unwrap();
        assert_eq!(releases(&first), ["big", "small"]);
        assert_eq!(first.len(), 1_003);
        // Of both there is something in hand: nothing else is there to be claimed.
        assert!(ledger.claim_other("desk", "relay", at(1)).await.unwrap().is_empty());
        // A release that came later does not wait for the rest of the big one.
        desk.original("late", "v1", &[4, 5]).await;
        let other = ledger.claim_other("desk", "relay", at(2)).await.unwrap();
        assert_eq!((releases(&other), other.len()), (vec!["late"], 2));
        // Another daemon has nothing in hand, so it begins with whatever is due first.
        assert_eq!(releases(&ledger.claim_other("desk-2", "relay", at(2)).await.unwrap()), ["big"]);
        // Whoever got the small one is told that it was wrong, before the big one goes on.
        for claim in first.iter().filter(|claim| claim.slug == "small") {
            let attempt = desk.go(claim, at(3)).await;
            desk.settle(attempt, arrived(), at(3)).await;
        }
        let kill = order("small", Notice::Kill, "v2", vec![mail(Action::Kill, &[1, 2, 3])]);
        ledger.issue(kill, at(4)).await.unwrap();
        let next = ledger.claim("desk", "relay", at(4), 1).await.unwrap();
        assert_eq!((releases(&next), next[0].notice, next.len()), (vec!["small"], Notice::Kill, 3));
        let next = ledger.claim("desk", "relay", at(4), 5_000).await.unwrap();
        assert_eq!((releases(&next), next.len()), (vec!["big"], 1_100));
    })
    .await;
}

#[tokio::test]
async fn a_held_release_does_not_stand_in_the_way() {
    exercise(10, async |desk| {
        let ledger = desk.ledger.clone();
        desk.original("first", "v1", &[1, 2]).await;
        desk.original("second", "v1", &[3]).await;
        let scope = dateline::ledger::Scope::Release("first".to_owned());
        ledger.hold(scope.clone(), "wait", "ada", at(0)).await.unwrap();
        assert_eq!(releases(&ledger.claim_other("desk", "relay", at(1)).await.unwrap()), ["second"]);
        ledger.resume(&scope, "ada", at(2)).await.unwrap();
        assert_eq!(releases(&ledger.claim_other("desk", "relay", at(2)).await.unwrap()), ["first"]);
        assert_eq!(desk.rows("first").await.len(), 2);
        assert!(ledger.status(None).await.unwrap().releases.iter().all(|r| r.states[&State::Scheduled] > 0));
    })
    .await;
}

#[tokio::test]
async fn departures_are_taken_once_whoever_asks() {
    exercise(0, async |desk| {
        let ledger = desk.ledger.clone();
        let take = |count| vec![Take { pace: "relay".into(), apart: SignedDuration::from_secs(2), count }];
        assert_eq!(ledger.reserve(take(5), at(0)).await.unwrap(), [at(0)]);
        assert_eq!(ledger.reserve(take(1), at(1)).await.unwrap(), [at(10)]);
        let both = [take(1), vec![Take { pace: "relay gmail".into(), ..take(1).remove(0) }]].concat();
        assert_eq!(ledger.reserve(both, at(1)).await.unwrap(), [at(12), at(1)]);
        // What nobody took is not saved up.
        assert_eq!(ledger.reserve(take(1), at(100)).await.unwrap(), [at(100)]);
    })
    .await;
}

#[tokio::test]
async fn slots_come_back_with_the_lease() {
    exercise(0, async |desk| {
        let ledger = desk.ledger.clone();
        let want = |used, wanted| vec![Want { name: "relay".into(), limit: 4, used, wanted }];
        let ask = |owner: &'static str, used, wanted, seconds| {
            let ledger = ledger.clone();
            async move { ledger.share(owner, want(used, wanted), at(seconds)).await.unwrap()[0] }
        };
        assert_eq!(ask("a", 0, 4, 0).await, 4);
        assert_eq!(ask("b", 0, 4, 1).await, 0, "there are four, and a has them");
        assert_eq!(
            ask("a", 3, 4, 2).await,
            2,
            "a gives up its half, and keeps what it uses until that has ended"
        );
        assert_eq!(ask("b", 0, 4, 3).await, 1);
        assert_eq!(ask("a", 1, 4, 4).await, 2);
        assert_eq!(ask("b", 1, 4, 5).await, 2);
        // a dies; b has all when a's lease is over, not before.
        let over = 4 + LEASE.as_secs();
        assert_eq!(ask("b", 2, 4, over - 1).await, 2);
        assert_eq!(ask("b", 2, 4, over).await, 4);
        assert_eq!(ask("b", 0, 0, over + 1).await, 0);
        assert_eq!(ask("a", 0, 4, over + 1).await, 4);
    })
    .await;
}
