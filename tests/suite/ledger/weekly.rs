//! The most mails in seven days: asked again before each mail, over what was really sent.

use dateline::contact::ContactId;
use dateline::ledger::{Claim, Order, Outcome, Party, Stop};
use dateline::plan::Action;
use dateline::release::Notice;
use jiff::ToSpan;

use super::desk::{Desk, arrived, at, mail, order, reply};
use super::exercise;

fn limited(slug: &str, contacts: &[i64], limit: u32) -> Order {
    let mut order = order(slug, Notice::Original, "v1", vec![mail(Action::Create, contacts)]);
    order.planned.limits = [("bloggers".to_owned(), limit)].into();
    order
}

async fn claims(desk: &Desk, now: jiff::Timestamp) -> Vec<Claim> {
    desk.ledger.claim("desk", "relay", now, 1_000).await.unwrap()
}

fn of<'a>(claims: &'a [Claim], slug: &str, contact: i64) -> &'a Claim {
    let to =
        |claim: &&Claim| matches!(&claim.recipient, Party::Contact { id, .. } if *id == ContactId(contact));
    claims.iter().filter(|claim| claim.slug == slug).find(to).unwrap()
}

#[tokio::test]
async fn a_limit_is_kept_over_what_was_really_sent() {
    exercise(3, async |desk| {
        // All are planned and issued while nobody has had anything.
        for slug in ["a", "b", "c"] {
            desk.issue(limited(slug, &[1, 2], 2)).await;
        }
        desk.original("free", "v1", &[1]).await;
        let all = claims(desk, at(0)).await;
        assert_eq!(all.len(), 7);
        let attempt = desk.go(of(&all, "a", 1), at(0)).await;
        desk.settle(attempt, arrived(), at(1)).await;
        // Under way counts: it may arrive.
        desk.go(of(&all, "b", 1), at(2)).await;
        assert_eq!(desk.stop(of(&all, "c", 1), at(3)).await, Stop::Enough);
        assert_eq!(desk.rows("c").await, ["c1 original cancelled", "c2 original scheduled"]);
        // An audience without a limit gets its mail.
        let attempt = desk.go(of(&all, "free", 1), at(4)).await;
        desk.settle(attempt, arrived(), at(5)).await;
        // What was not taken does not count.
        let attempt = desk.go(of(&all, "a", 2), at(6)).await;
        desk.settle(attempt, Outcome::Failed { reply: reply("5.7.1 no"), suppress: false }, at(7)).await;
        for slug in ["b", "c"] {
            let attempt = desk.go(of(&all, slug, 2), at(8)).await;
            desk.settle(attempt, arrived(), at(9)).await;
        }
        // A correction goes to whoever has the text, however much they had.
        let correct = order("a", Notice::Correction, "v2", vec![mail(Action::Correct, &[])]);
        let mut correct = correct;
        correct.planned.deliveries[0].recipients = dateline::plan::Recipients::Receivers(1);
        correct.planned.limits = [("bloggers".to_owned(), 2)].into();
        assert_eq!(desk.issue(correct).await.notices, 1);
        let notices = claims(desk, at(20)).await;
        desk.go(of(&notices, "a", 1), at(20)).await;
        // Seven days later they count no more.
        let mut later = limited("later", &[2, 3], 2);
        let week = at(9) + (7 * 24).hours();
        later.planned.deliveries[0].due = week + 1.second();
        later.planned.expires = week + 24.hours();
        desk.issue(later).await;
        let all = claims(desk, week + 1.second()).await;
        desk.go(of(&all, "later", 2), week + 1.second()).await;
        desk.go(of(&all, "later", 3), week + 1.second()).await;
    })
    .await;
}
