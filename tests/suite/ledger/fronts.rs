//! What stands on pages, what links to it, and when each channel began.

use dateline::ledger::{Outcome, Scope, State};
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;

use super::desk::{Desk, Part, at, mail, order, reply};
use super::exercise;

fn site(action: Action) -> Part {
    Part("public", "site", action, Recipients::Account)
}

async fn fronts(desk: &Desk, seconds: i64) -> String {
    let pages = ["site".to_owned(), "elsewhere".to_owned()];
    let fronts = desk.ledger.fronts("aster", &pages, at(seconds)).await.unwrap();
    let one = |front: &dateline::ledger::Front| {
        format!("{} {} {}", front.channel, front.state, front.url.as_deref().unwrap_or("-"))
    };
    fronts.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn of_each_page_the_newest_text_that_was_due_counts() {
    exercise(2, async |desk| {
        desk.issue(order(
            "aster",
            Notice::Original,
            "v1",
            vec![mail(Action::Create, &[1, 2]), site(Action::Create)],
        ))
        .await;
        assert_eq!(fronts(desk, -1).await, "", "it is not due");
        assert_eq!(fronts(desk, 0).await, "site scheduled -");
        let claim = desk.ledger.claim("desk", "site", at(0), 9).await.unwrap().remove(0);
        let attempt = desk.go(&claim, at(0)).await;
        let url = Some("https://news.halden.example/aster/".to_owned());
        desk.settle(attempt, Outcome::Sent { remote_id: None, url, reply: reply("ok") }, at(1)).await;
        assert_eq!(fronts(desk, 2).await, "site sent https://news.halden.example/aster/");
        desk.issue(order("aster", Notice::Correction, "v2", vec![site(Action::Correct)])).await;
        assert_eq!(fronts(desk, 3).await, "site scheduled -", "the new text is what is to stand there");
    })
    .await;
}

#[tokio::test]
async fn what_links_to_a_page_is_held_beside_the_release_and_no_intent_asks_for_it() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        let scope = Scope::Links("aster".to_owned());
        assert!(desk.ledger.hold(scope.clone(), "404", "dispatch", at(0)).await.unwrap());
        assert!(!desk.ledger.hold(scope.clone(), "404", "dispatch", at(0)).await.unwrap());
        let holds = desk.ledger.holds().await.unwrap();
        assert_eq!((holds[0].scope.to_string(), holds[0].since), ("links aster".to_owned(), at(0)));
        assert_eq!(desk.send_all("relay", at(1)).await, 1);
        assert!(desk.ledger.resume(&scope, "ada", at(2)).await.unwrap());
        assert_eq!(desk.ledger.holds().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn each_channel_says_when_it_began() {
    exercise(3, async |desk| {
        desk.issue(order(
            "aster",
            Notice::Original,
            "v1",
            vec![mail(Action::Create, &[1, 2, 3]), site(Action::Create)],
        ))
        .await;
        assert_eq!(desk.ledger.starts("aster").await.unwrap(), []);
        assert_eq!(desk.send_all("site", at(1)).await, 1);
        let claims = desk.claim(at(2)).await;
        for (claim, seconds) in claims.iter().zip([2, 3, 4]) {
            let attempt = desk.go(claim, at(seconds)).await;
            desk.settle(attempt, super::desk::arrived(), at(5)).await;
        }
        let said = async || {
            let starts = desk.ledger.starts("aster").await.unwrap();
            let one = |start: &dateline::ledger::Start| {
                format!("{} {}", start.channel, start.first.duration_since(start.due).as_secs())
            };
            starts.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(said().await, "site 1, relay 2");
        desk.issue(order("aster", Notice::Kill, "v1", vec![mail(Action::Kill, &[1, 2, 3])])).await;
        assert_eq!(said().await, "site 1, relay 2", "nothing of the kill was tried");
        assert_eq!(desk.send_all("relay", at(20)).await, 3);
        assert_eq!(said().await, "relay 20");
        assert_eq!(desk.ledger.status(None).await.unwrap().releases[0].states[&State::Sent], 7);
    })
    .await;
}
