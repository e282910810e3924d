//! Issuing: what an order writes, and what it never writes twice.

use std::task::Poll;

use dateline::ledger::{Issued, Outcome, Scope, State, Stop};
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;

use super::desk::{Part, arrived, at, due, mail, order, reply, to};
use super::exercise;

fn correction(text: &str) -> dateline::ledger::Order {
    order("aster", Notice::Correction, text, vec![mail(Action::Correct, &[])])
}

#[tokio::test]
async fn the_same_order_twice_changes_nothing() {
    exercise(3, async |desk| {
        let parts = || {
            vec![
                mail(Action::Create, &[1, 2, 3]),
                Part("bloggers", "site", Action::Create, Recipients::Account),
                Part("trade", "relay", Action::Blocked, to(&[1])),
            ]
        };
        let first = desk.issue(order("aster", Notice::Original, "v1", parts())).await;
        assert_eq!(first, Issued { created: 4, ..Issued::default() });
        let before = desk.ledger.log(None, dateline::ledger::DeliveryId(0), 99).await.unwrap();
        assert_eq!(desk.issue(order("aster", Notice::Original, "v1", parts())).await, Issued::default());
        assert_eq!(desk.ledger.log(None, dateline::ledger::DeliveryId(0), 99).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn nobody_gets_a_release_twice_on_a_channel() {
    exercise(3, async |desk| {
        // In two audiences of one order, and again in a later order of the same release.
        let parts = vec![mail(Action::Create, &[1, 2]), Part("trade", "relay", Action::Create, to(&[2, 3]))];
        let issued = desk.issue(order("aster", Notice::Original, "v1", parts)).await;
        assert_eq!((issued.created, issued.already), (3, 1));
        let later = desk.original("aster", "v2", &[1, 2, 3]).await;
        assert_eq!((later.created, later.already), (0, 3));
        assert_eq!(desk.send_all("relay", at(0)).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_new_text_replaces_what_waits_even_when_it_is_claimed() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
        let update = order("aster", Notice::Original, "v2", vec![mail(Action::Update, &[1, 2, 3])]);
        let issued = desk.issue(update).await;
        assert_eq!((issued.superseded, issued.created, issued.already), (2, 2, 1));
        assert_eq!(desk.stop(&claims[1], at(1)).await, Stop::State(State::Superseded));
        assert_eq!(desk.send_all("relay", at(2)).await, 2);
        assert_eq!(
            desk.rows("aster").await,
            [
                "c1 original sent",
                "c2 original sent",
                "c2 original superseded",
                "c3 original sent",
                "c3 original superseded",
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn what_was_under_way_and_did_not_leave_leaves_with_the_newest_text() {
    exercise(4, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3, 4]).await;
        let claims = desk.claim(at(0)).await;
        let mut tries = Vec::new();
        for claim in &claims {
            tries.push(desk.go(claim, at(0)).await);
        }
        let lost = Outcome::Unknown { reply: reply("silence") };
        desk.settle(tries[3], lost, at(1)).await;
        let update = order("aster", Notice::Original, "v2", vec![mail(Action::Update, &[1, 2, 3, 4])]);
        assert_eq!(desk.issue(update).await.already, 4);

        desk.settle(tries[0], arrived(), at(2)).await;
        let later = Outcome::Later { due: at(60), reply: reply("busy") };
        assert_eq!(desk.settle(tries[1], later, at(2)).await.state, State::Superseded);
        assert_eq!(desk.settle(tries[2], Outcome::NotSent, at(2)).await.state, State::Superseded);
        let (resend, by, evidence) = (dateline::ledger::Decision::Resend, "ada", reply("asked them"));
        let decided = desk.ledger.resolve(claims[3].delivery, resend, by, evidence, at(3)).await.unwrap();
        assert_eq!(decided, State::Superseded);
        let again = desk.ledger.claim("desk", "relay", at(4), 9).await.unwrap();
        let newest: Vec<_> = again.iter().map(|claim| claim.edition).collect();
        assert_eq!(newest.len(), 3);
        assert!(newest.iter().all(|edition| *edition == newest[0] && *edition != claims[0].edition));
        desk.ledger.return_claims("desk", at(4)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_was_under_way_and_did_not_leave_never_leaves_after_a_kill() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        desk.issue(order("aster", Notice::Kill, "v1", vec![mail(Action::Kill, &[])])).await;
        assert_eq!(desk.settle(attempt, Outcome::NotSent, at(1)).await.state, State::Cancelled);
        assert_eq!(desk.send_all("relay", at(2)).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_correction_reaches_exactly_those_who_have_the_wrong_text() {
    exercise(7, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6]).await;
        let claims = desk.claim(at(0)).await;
        // 1, 2 and 3 have it; 4 refused it; 5 is under way; 6 waits; 7 was never meant.
        let mut attempts = Vec::new();
        for claim in &claims[..5] {
            attempts.push(desk.go(claim, at(0)).await);
        }
        for attempt in &attempts[..3] {
            desk.settle(*attempt, arrived(), at(0)).await;
        }
        desk.settle(attempts[3], Outcome::Failed { reply: reply("no"), suppress: false }, at(0)).await;
        desk.ledger.suppress(&"c3@paper.example".parse().unwrap(), "asked", "", at(0)).await.unwrap();

        let issued = desk.issue(correction("v2")).await;
        let expected = Issued { superseded: 1, notices: 2, suppressed: 1, open: 1, ..Issued::default() };
        assert_eq!(issued, expected);
        assert_eq!(desk.issue(correction("v2")).await, Issued::default());

        // 5 turns out to have it: the correction follows by itself.
        desk.settle(attempts[4], arrived(), at(1)).await;
        assert_eq!(desk.stop(&claims[5], at(1)).await, Stop::State(State::Superseded));
        let notices = desk.claim(at(2)).await;
        assert_eq!(notices.len(), 2);
        let first = notices[0].previous.clone().unwrap();
        assert_eq!(
            (first.remote_id.as_deref(), first.wire_key.as_str()),
            (Some("remote-1"), claims[0].wire_key.as_str())
        );
        assert_eq!(notices[0].notice, Notice::Correction);
        assert_ne!(notices[0].wire_key, claims[0].wire_key);
        desk.ledger.return_claims("desk", at(2)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(3)).await, 3);
        assert_eq!(
            desk.rows("aster").await,
            [
                "c1 correction sent",
                "c1 original sent",
                "c2 correction sent",
                "c2 original sent",
                "c3 original sent",
                "c4 original failed",
                "c5 correction sent",
                "c5 original sent",
                "c6 original superseded",
            ]
        );

        // The next correction refers to the one before it.
        let second = desk.issue(correction("v3")).await;
        assert_eq!((second.notices, second.suppressed), (3, 1));
        let again = desk.claim(at(4)).await;
        let previous = again[0].previous.clone().unwrap();
        assert_eq!(previous.wire_key, notices[0].wire_key);
        desk.ledger.return_claims("desk", at(4)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_kill_stops_what_waits_and_follows_what_left() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
        let kill = || order("aster", Notice::Kill, "v1", vec![mail(Action::Kill, &[])]);
        let issued = desk.issue(kill()).await;
        assert_eq!((issued.cancelled, issued.notices), (1, 1));
        assert_eq!(desk.stop(&claims[1], at(1)).await, Stop::State(State::Cancelled));
        assert_eq!(desk.issue(kill()).await, Issued::default());
        assert_eq!(desk.send_all("relay", at(2)).await, 1);
        assert_eq!(desk.rows("aster").await, ["c1 kill sent", "c1 original sent", "c2 original cancelled"]);
    })
    .await;
}

#[tokio::test]
async fn a_held_release_sends_its_hold_notice_and_nothing_else_until_it_is_approved_again() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        assert_eq!(desk.send_all("relay", at(0)).await, 1);
        let hold = order("aster", Notice::Hold, "v1", vec![mail(Action::Kill, &[])]);
        assert_eq!(desk.issue(hold).await.notices, 1);
        let scope = Scope::Release("aster".to_owned());
        assert_eq!(desk.ledger.holds().await.unwrap()[0].scope, scope);

        // An operator's hold on the release stops even the notice.
        desk.ledger.hold(scope.clone(), "wait", "ada", at(1)).await.unwrap();
        assert_eq!(desk.claim(at(2)).await, []);
        assert!(desk.ledger.next_due(at(2)).await.unwrap().is_empty());
        desk.ledger.resume(&scope, "ada", at(3)).await.unwrap();
        assert_eq!(desk.send_all("relay", at(4)).await, 1);

        let again = order(
            "aster",
            Notice::Correction,
            "v2",
            vec![mail(Action::Correct, &[]), Part("trade", "relay", Action::Create, to(&[1, 2]))],
        );
        let issued = desk.issue(again).await;
        assert_eq!((issued.notices, issued.created, issued.already), (1, 1, 1));
        assert_eq!(desk.ledger.holds().await.unwrap(), []);
        assert_eq!(desk.send_all("relay", at(5)).await, 2);
    })
    .await;
}

#[tokio::test]
async fn an_account_has_one_delivery_and_its_corrections_know_it() {
    exercise(0, async |desk| {
        let site = |action| Part("bloggers", "site", action, Recipients::Account);
        let sky = |action| Part("bloggers", "sky", action, Recipients::Account);
        let parts = vec![site(Action::Create), sky(Action::Create)];
        assert_eq!(desk.issue(order("aster", Notice::Original, "v1", parts)).await.created, 2);
        let claim = desk.ledger.claim("desk", "sky", at(0), 1).await.unwrap().remove(0);
        assert_eq!(claim.wire_key.len(), 13);
        assert_eq!(claim.recipient, dateline::ledger::Party::Account);
        let attempt = desk.go(&claim, at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
        assert_eq!(desk.send_all("site", at(0)).await, 1);
        let parts = vec![
            Part("bloggers", "site", Action::Correct, Recipients::Receivers(1)),
            Part("bloggers", "sky", Action::Correct, Recipients::Receivers(1)),
        ];
        assert_eq!(desk.issue(order("aster", Notice::Correction, "v2", parts)).await.notices, 2);
        let notice = desk.ledger.claim("desk", "sky", at(1), 1).await.unwrap().remove(0);
        assert_eq!(notice.previous.unwrap().wire_key, claim.wire_key);
        desk.ledger.return_claims("desk", at(1)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn planning_is_told_what_the_ledger_holds() {
    exercise(3, async |desk| {
        let first = order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1, 2, 3])]);
        let source = (*first.planned.source).clone();
        desk.issue(first).await;
        let claims = desk.claim(at(0)).await;
        let attempt = desk.go(&claims[0], at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
        desk.go(&claims[1], at(0)).await;
        let held = desk.ledger.held(true, at(1)).await.unwrap();
        let release = &held.releases["aster"];
        assert_eq!((release.notice, &release.source), (Notice::Original, &Some(source)));
        let group = &release.groups[0];
        assert_eq!((group.waiting, group.open, group.sent, group.ended), (1, 1, 1, 0));
        assert_eq!(
            (group.audience.as_str(), group.channel.as_str(), group.due),
            ("bloggers", "relay", due())
        );
        assert_eq!(held.recent.into_iter().collect::<Vec<_>>(), [(dateline::contact::ContactId(1), 1)]);
    })
    .await;
}

#[tokio::test]
async fn an_edition_comes_back_as_it_was_frozen() {
    exercise(1, async |desk| {
        let order = order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1])]);
        let edition = order.editions[0].edition.clone();
        desk.issue(order).await;
        let claim = desk.claim(at(0)).await.remove(0);
        assert_eq!(claim.edition, edition.sha());
        assert_eq!(*desk.ledger.edition(claim.edition).await.unwrap(), edition);
        desk.ledger.return_claims("desk", at(0)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_order_that_contradicts_itself_is_refused_whole() {
    exercise(1, async |desk| {
        let mut without = order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1])]);
        without.editions.clear();
        let mut foreign = order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1])]);
        foreign.editions[0].edition.request.slug = "other".to_owned();
        for (order, expected) in [(without, "has no edition"), (foreign, "is of other on relay")] {
            let error = desk.ledger.issue(order, at(0)).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert_eq!(desk.rows("aster").await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_long_list_is_claimable_only_when_all_of_it_is_there() {
    exercise(0, async |desk| {
        let contacts = (0..51_000).map(|n| super::desk::contact(&format!("n{n}@paper.example"))).collect();
        desk.ledger.import(contacts, at(-100)).await.unwrap();
        let list: Vec<i64> = (1..=51_000).collect();
        let order = || order("aster", Notice::Original, "v1", vec![mail(Action::Create, &list)]);
        {
            // The process ends when some of the pieces are written.
            let mut issuing = Box::pin(desk.ledger.issue(order(), at(-60)));
            loop {
                let polled =
                    std::future::poll_fn(|context| Poll::Ready(issuing.as_mut().poll(context))).await;
                assert!(polled.is_pending(), "it was not interrupted");
                let counts = desk.ledger.counts().await.unwrap();
                if counts.deliveries.values().sum::<u64>() > 0 {
                    break;
                }
            }
        }
        assert_eq!(desk.claim(at(0)).await, []);
        assert_eq!(desk.ledger.held(false, at(0)).await.unwrap().releases["aster"].source, None);
        let issued = desk.issue(order()).await;
        assert_eq!(issued.created + issued.already, 51_000);
        let status = desk.ledger.status(Some("aster")).await.unwrap();
        assert_eq!(status.releases[0].states[&State::Scheduled], 51_000);
        assert_eq!(desk.claim(at(0)).await.len(), 1_000);
        desk.ledger.return_claims("desk", at(0)).await.unwrap();
    })
    .await;
}
