//! What comes back: taken in once, believed for one delivery, and never more than it says.

use dateline::digest::Digest;
use dateline::ledger::{
    Class, DeliveryId, Forwarded, Kept, Outcome, Reply, Report, Scope, State, Stop, Taken,
};
use jiff::Timestamp;

use super::desk::{Desk, arrived, at, reply};
use super::exercise;

const DAY: i64 = 86_400;

fn report(name: &str, class: Class, delivery: Option<DeliveryId>) -> Report {
    Report {
        digest: Digest::of(name.as_bytes()),
        source: "bounces".to_owned(),
        class,
        delivery,
        words: Reply {
            code: Some(550),
            enhanced: Some("5.1.1".to_owned()),
            text: "<c1@paper.example> unknown".to_owned(),
        },
        kept: None,
    }
}

async fn take(desk: &Desk, name: &str, class: Class, delivery: DeliveryId, now: Timestamp) -> Taken {
    desk.ledger.take_in(report(name, class, Some(delivery)), now).await.unwrap()
}

/// Sends a release to contact 1 and says which delivery that is.
async fn sent(desk: &Desk, slug: &str) -> DeliveryId {
    desk.original(slug, "v1", &[1]).await;
    let claim = desk.claim(at(0)).await.remove(0);
    let attempt = desk.go(&claim, at(0)).await;
    desk.settle(attempt, arrived(), at(0)).await;
    claim.delivery
}

async fn suppressed(desk: &Desk) -> Vec<String> {
    let all = desk.ledger.suppressions().await.unwrap();
    all.iter().map(|s| format!("{} {}", s.email.as_ref().unwrap(), s.reason)).collect()
}

const NOTHING: Taken = Taken::New { became: None, suppressed: false, held: false };

#[tokio::test]
async fn a_dead_mailbox_bounces_once_and_is_suppressed() {
    exercise(2, async |desk| {
        let delivery = sent(desk, "aster").await;
        let taken = take(desk, "a", Class::NoMailbox, delivery, at(60)).await;
        assert_eq!(taken, Taken::New { became: Some(State::Bounced), suppressed: true, held: false });
        assert_eq!(desk.rows("aster").await, ["c1 original bounced"]);
        assert_eq!(suppressed(desk).await, ["c1@paper.example bounced"]);
        // The same again is nothing, and so is another of the same delivery.
        assert_eq!(take(desk, "a", Class::NoMailbox, delivery, at(61)).await, Taken::Before);
        assert_eq!(take(desk, "b", Class::NoMailbox, delivery, at(61)).await, NOTHING);
        assert_eq!(take(desk, "c", Class::Delivered, delivery, at(61)).await, NOTHING);
        // It stands in the log, without the address.
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9).await.unwrap();
        let results = &log[0].attempts[0].results;
        assert_eq!((results.len(), results[1].outcome.as_str(), results[1].late), (2, "bounced", true));
        assert_eq!(results[1].reply.to_string(), "550 5.1.1 <…@paper.example> unknown");
        let counts = desk.ledger.report_counts().await.unwrap();
        let classes: Vec<String> = counts.classes.iter().map(|(class, n)| format!("{n} {class}")).collect();
        assert_eq!(classes, ["2 no-mailbox", "1 delivered"]);
    })
    .await;
}

#[tokio::test]
async fn what_was_unknown_is_decided_by_what_came_back() {
    for (class, state, rows) in [
        (Class::Delivered, State::Sent, "c1 original sent"),
        (Class::Policy, State::Failed, "c1 original failed"),
        (Class::Complaint, State::Sent, "c1 original sent"),
    ] {
        exercise(1, async |desk| {
            desk.original("aster", "v1", &[1]).await;
            let claim = desk.claim(at(0)).await.remove(0);
            let attempt = desk.go(&claim, at(0)).await;
            // While it is being attempted nothing is believed yet.
            assert_eq!(take(desk, "a", class, claim.delivery, at(0)).await, Taken::TooEarly);
            desk.settle(attempt, Outcome::Unknown { reply: reply("gone") }, at(1)).await;
            let taken = take(desk, "a", class, claim.delivery, at(2)).await;
            assert!(matches!(taken, Taken::New { became: Some(found), .. } if found == state), "{taken:?}");
            assert_eq!(desk.rows("aster").await, [rows]);
            assert_eq!(desk.ledger.doubts(at(9_999), 9).await.unwrap(), []);
            // One change for each delivery.
            assert_eq!(take(desk, "b", Class::NoMailbox, claim.delivery, at(3)).await, NOTHING);
        })
        .await;
    }
}

#[tokio::test]
async fn a_report_that_is_too_old_or_about_nothing_sent_changes_nothing() {
    exercise(2, async |desk| {
        let delivery = sent(desk, "aster").await;
        assert_eq!(take(desk, "a", Class::NoMailbox, delivery, at(31 * DAY)).await, NOTHING);
        desk.original("borea", "v1", &[2]).await;
        let claim = desk.ledger.claim("desk", "relay", at(0), 1).await.unwrap().remove(0);
        assert_eq!(take(desk, "b", Class::NoMailbox, claim.delivery, at(1)).await, NOTHING);
        assert_eq!(desk.ledger.take_in(report("c", Class::NoMailbox, None), at(1)).await.unwrap(), NOTHING);
        let nobody = report("d", Class::NoMailbox, Some(DeliveryId(4_711)));
        assert_eq!(desk.ledger.take_in(nobody, at(1)).await.unwrap(), NOTHING);
        assert_eq!(suppressed(desk).await, Vec::<String>::new());
        desk.ledger.return_claims("desk", at(2)).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn each_class_suppresses_after_its_own_number_of_releases() {
    for (class, needed, days) in [
        (Class::NoMailbox, Some(1), 0),
        (Class::NoDomain, Some(2), 0),
        (Class::Unclear, Some(3), 0),
        (Class::MailboxFull, Some(4), 10),
        (Class::Policy, None, 0),
        (Class::Expired, None, 0),
        (Class::Refused, None, 0),
    ] {
        exercise(1, async |desk| {
            for n in 1..=5_i64 {
                let slug = format!("release-{n}");
                let delivery = sent(desk, &slug).await;
                // Reports of one release count once, however many there are.
                let now = at(days * (n - 1) * DAY);
                take(desk, &format!("{slug} a"), class, delivery, now).await;
                take(desk, &format!("{slug} b"), class, delivery, now).await;
                let expected = needed.is_some_and(|needed| n >= needed);
                assert_eq!(!suppressed(desk).await.is_empty(), expected, "{class} after {n}");
                if expected {
                    break;
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_full_mailbox_must_be_full_for_thirty_days() {
    exercise(1, async |desk| {
        for n in 1..=5_i64 {
            let delivery = sent(desk, &format!("release-{n}")).await;
            take(desk, &n.to_string(), Class::MailboxFull, delivery, at(7 * (n - 1) * DAY)).await;
            assert_eq!(suppressed(desk).await, Vec::<String>::new(), "{n}");
        }
        let delivery = sent(desk, "release-6").await;
        let taken = take(desk, "6", Class::MailboxFull, delivery, at(29 * DAY)).await;
        assert!(matches!(taken, Taken::New { suppressed: false, .. }), "{taken:?}");
        let delivery = sent(desk, "release-7").await;
        let taken = take(desk, "7", Class::MailboxFull, delivery, at(30 * DAY)).await;
        assert!(matches!(taken, Taken::New { suppressed: true, .. }), "{taken:?}");
    })
    .await;
}

#[tokio::test]
async fn what_an_operator_allows_again_begins_anew() {
    exercise(1, async |desk| {
        let first = sent(desk, "one").await;
        take(desk, "1", Class::NoDomain, first, at(10)).await;
        let second = sent(desk, "two").await;
        take(desk, "2", Class::NoDomain, second, at(20)).await;
        assert_eq!(suppressed(desk).await.len(), 1);
        desk.ledger.unsuppress(&"c1@paper.example".parse().unwrap(), "ada", at(30)).await.unwrap();
        let third = sent(desk, "three").await;
        take(desk, "3", Class::NoDomain, third, at(40)).await;
        assert_eq!(suppressed(desk).await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test]
async fn a_complaint_is_heard_whenever_it_comes() {
    exercise(1, async |desk| {
        let delivery = sent(desk, "aster").await;
        let taken = take(desk, "a", Class::Complaint, delivery, at(90 * DAY)).await;
        assert_eq!(taken, Taken::New { became: None, suppressed: true, held: false });
        assert_eq!(suppressed(desk).await, ["c1@paper.example complained"]);
        let delivery = sent_to_other(desk).await;
        assert!(delivery.is_none(), "nothing more is sent to the address");
    })
    .await;
}

async fn sent_to_other(desk: &Desk) -> Option<DeliveryId> {
    desk.original("later", "v1", &[1]).await;
    desk.claim(at(0)).await.first().map(|claim| claim.delivery)
}

#[tokio::test]
async fn too_many_suppressions_at_once_hold_the_channel() {
    exercise(60, async |desk| {
        let all: Vec<i64> = (1..=60).collect();
        desk.original("aster", "v1", &all).await;
        desk.original("borea", "v1", &[60]).await;
        let mut deliveries = Vec::new();
        let claims = desk.ledger.claim("desk", "relay", at(0), 60).await.unwrap();
        for claim in claims.iter().filter(|claim| claim.slug == "aster") {
            let attempt = desk.go(claim, at(0)).await;
            desk.settle(attempt, arrived(), at(0)).await;
            deliveries.push(claim.delivery);
        }
        for (n, delivery) in deliveries.iter().take(19).enumerate() {
            let taken = take(desk, &n.to_string(), Class::NoMailbox, *delivery, at(60)).await;
            assert!(matches!(taken, Taken::New { suppressed: true, held: false, .. }), "{n}: {taken:?}");
        }
        let taken = take(desk, "20", Class::NoMailbox, deliveries[19], at(61)).await;
        assert!(matches!(taken, Taken::New { held: true, .. }), "{taken:?}");
        let holds = desk.ledger.holds().await.unwrap();
        assert_eq!(holds.len(), 1);
        assert_eq!((&holds[0].scope, holds[0].by.as_str()), (&Scope::Channel("relay".to_owned()), "intake"));
        let waiting: Vec<_> = claims.iter().filter(|claim| claim.slug == "borea").collect();
        for claim in waiting {
            assert!(matches!(desk.stop(claim, at(62)).await, Stop::Held(_) | Stop::State(_)));
        }
        // An operator who has looked is not asked again at once.
        desk.ledger.resume(&Scope::Channel("relay".to_owned()), "ada", at(63)).await.unwrap();
        let taken = take(desk, "21", Class::NoMailbox, deliveries[20], at(64)).await;
        assert!(matches!(taken, Taken::New { suppressed: true, held: false, .. }), "{taken:?}");
        desk.ledger.return_claims("desk", at(65)).await.unwrap();
    })
    .await;
}

fn answer(name: &str, delivery: Option<DeliveryId>, subject: &str) -> Report {
    let kept = Kept { message: b"From: a@b.example\r\n\r\nHello".to_vec(), subject: subject.to_owned() };
    Report { kept: Some(kept), ..report(name, Class::Reply, delivery) }
}

#[tokio::test]
async fn an_answer_waits_until_the_desk_has_it_and_leaves_once() {
    exercise(1, async |desk| {
        let delivery = sent(desk, "aster").await;
        let ledger = &desk.ledger;
        ledger.take_in(answer("a", Some(delivery), "x"), at(1)).await.unwrap();
        ledger.take_in(answer("b", None, "Title of aster"), at(2)).await.unwrap();
        ledger.take_in(answer("c", None, "Something else"), at(3)).await.unwrap();
        let waiting = ledger.answers(at(10), 9).await.unwrap();
        let told: Vec<String> =
            waiting.iter().map(|w| format!("{} {} {}", w.release, w.title, w.channel)).collect();
        assert_eq!(told, ["aster Title of aster relay", "aster Title of aster relay"]);
        let counts = ledger.report_counts().await.unwrap();
        assert_eq!((counts.replies_waiting, counts.classes[&Class::Unrelated]), (2, 1));
        // One that cannot leave now is tried again.
        assert!(ledger.answer_leaves(waiting[0].id, at(11)).await.unwrap());
        assert!(!ledger.answer_leaves(waiting[0].id, at(11)).await.unwrap(), "for one caller alone");
        ledger.answer_forwarded(waiting[0].id, Forwarded::Later, at(100)).await.unwrap();
        assert_eq!(ledger.answers(at(99), 9).await.unwrap().len(), 1);
        assert_eq!(ledger.answers(at(100), 9).await.unwrap().len(), 2);
        assert!(ledger.answer_leaves(waiting[0].id, at(101)).await.unwrap());
        ledger.answer_forwarded(waiting[0].id, Forwarded::Done, at(101)).await.unwrap();
        // One of which nobody said what became of it never leaves again.
        assert!(ledger.answer_leaves(waiting[1].id, at(102)).await.unwrap());
        assert_eq!(ledger.answers(at(102 + 1_000), 9).await.unwrap(), []);
        assert!(!ledger.answer_leaves(waiting[1].id, at(1_103)).await.unwrap());
        let counts = ledger.report_counts().await.unwrap();
        assert_eq!((counts.replies_waiting, counts.replies_stuck), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn an_erased_persons_answer_is_forgotten() {
    exercise(1, async |desk| {
        let delivery = sent(desk, "aster").await;
        desk.ledger.take_in(answer("a", Some(delivery), "x"), at(1)).await.unwrap();
        desk.ledger.erase(&"c1@paper.example".parse().unwrap(), "ada", at(2)).await.unwrap();
        assert_eq!(desk.ledger.answers(at(10), 9).await.unwrap(), []);
        // And a bounce of hers suppresses nobody anew.
        let taken = take(desk, "b", Class::NoMailbox, delivery, at(3)).await;
        assert_eq!(taken, Taken::New { became: Some(State::Bounced), suppressed: false, held: false });
    })
    .await;
}

#[tokio::test]
async fn how_the_sources_are_is_what_was_noted_last() {
    exercise(0, async |desk| {
        let ledger = &desk.ledger;
        let row =
            |name: &str, problem: Option<&str>| (name.to_owned(), problem.map(str::to_owned), Some(at(1)));
        ledger.note_sources(vec![row("a", None), row("b", Some("no answer"))]).await.unwrap();
        ledger.note_sources(vec![row("b", None), row("c", None)]).await.unwrap();
        let sources = ledger.report_counts().await.unwrap().sources;
        assert_eq!(sources.keys().collect::<Vec<_>>(), ["b", "c"]);
        assert_eq!((&sources["b"].problem, sources["b"].seen_at), (&None, Some(at(1))));
    })
    .await;
}
