//! What recipients do for themselves, by the token of a mail: they leave, they pick, and somebody asks what is held on them.

use dateline::contact::{Consent, ContactId, Wishes};
use dateline::ledger::{DeliveryId, State, Stop};
use dateline::plan::Crowd;
use dateline::token::{Purpose, Token};

use super::desk::{Desk, at, contact};
use super::exercise;

/// The token of a claimed mail.
fn token(desk: &Desk, claim: &dateline::ledger::Claim) -> Token {
    desk.ledger.token(Purpose::Unsubscribe, claim.delivery, &claim.key)
}

#[tokio::test]
async fn whoever_leaves_gets_nothing_more_from_that_moment_on() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let claims = desk.claim(at(0)).await;
        // It is claimed already, as those of a running send are.
        assert!(desk.ledger.unsubscribe(&token(desk, &claims[0]), "one click", at(1)).await.unwrap());
        assert_eq!(desk.stop(&claims[0], at(1)).await, Stop::State(State::Suppressed));
        desk.go(&claims[1], at(1)).await;
        // Again: nothing more, and the same answer.
        assert!(desk.ledger.unsubscribe(&token(desk, &claims[0]), "mail", at(2)).await.unwrap());
        let all = desk.ledger.suppressions().await.unwrap();
        assert_eq!(
            (all.len(), all[0].reason.as_str(), all[0].evidence.as_str()),
            (1, "unsubscribed", "one click")
        );
        let held = desk.ledger.held(false, at(3)).await.unwrap();
        assert_eq!(held.suppressed.into_iter().collect::<Vec<_>>(), [(ContactId(1), "unsubscribed".into())]);
        // A new list does not bring them back, in whatever form it has the address.
        let report = desk.ledger.import(vec![contact("C1@PAPER.example.")], at(4)).await.unwrap();
        assert_eq!(report.suppressed, 1);
        assert_eq!(desk.original("next", "v1", &[1, 2, 3]).await.suppressed, 1);
    })
    .await;
}

#[tokio::test]
async fn a_token_serves_its_own_purpose_and_delivery_alone() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let bounce = desk.ledger.token(Purpose::Bounce, claims[0].delivery, &claims[0].key);
        let other = desk.ledger.token(Purpose::Unsubscribe, claims[1].delivery, &claims[0].key);
        let nobody = desk.ledger.token(Purpose::Unsubscribe, DeliveryId(999), &claims[0].key);
        for forged in [bounce, other, nobody] {
            assert!(!desk.ledger.unsubscribe(&forged, "one click", at(1)).await.unwrap());
            assert!(!desk.ledger.choose(&forged, Wishes::default(), at(1)).await.unwrap());
            assert_eq!(desk.ledger.bearer_of(&forged).await.unwrap(), None);
        }
        assert_eq!(desk.ledger.suppressions().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn what_somebody_picked_stays_with_the_address() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let token = token(desk, &claims[0]);
        let wishes = Wishes { unwanted: ["ev".to_owned()].into(), languages: vec!["sv".parse().unwrap()] };
        assert!(desk.ledger.choose(&token, wishes.clone(), at(1)).await.unwrap());
        let bearer = desk.ledger.bearer_of(&token).await.unwrap().unwrap();
        assert_eq!(
            (bearer.release.as_str(), bearer.audience.as_str(), bearer.channel.as_str()),
            ("aster", "bloggers", "relay")
        );
        assert_eq!(bearer.contact.unwrap().email.to_string(), "c1@paper.example");
        assert_eq!((bearer.wishes, bearer.suppressed), (wishes.clone(), None));
        desk.ledger.import(vec![contact("C1@paper.example")], at(2)).await.unwrap();
        let held = desk.ledger.held(false, at(3)).await.unwrap();
        assert_eq!(held.wishes.into_iter().collect::<Vec<_>>(), [(ContactId(1), wishes)]);
        // Everything again is nothing to remember.
        assert!(desk.ledger.choose(&token, Wishes::default(), at(4)).await.unwrap());
        assert!(desk.ledger.held(false, at(5)).await.unwrap().wishes.is_empty());
    })
    .await;
}

#[tokio::test]
async fn an_erased_person_leaves_no_wish_and_their_token_still_answers() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let before = desk.ledger.held(false, at(-50)).await.unwrap().releases["aster"].groups[0].crowd;
        assert_eq!(before, Some(Crowd::of(&[ContactId(1), ContactId(2), ContactId(3)])));
        let claims = desk.claim(at(0)).await;
        let token = token(desk, &claims[0]);
        let wishes = Wishes { unwanted: ["ev".to_owned()].into(), languages: vec![] };
        desk.ledger.choose(&token, wishes, at(1)).await.unwrap();
        desk.ledger.erase(&"c1@paper.example".parse().unwrap(), "ada", at(2)).await.unwrap();
        let held = desk.ledger.held(false, at(3)).await.unwrap();
        assert!(held.wishes.is_empty());
        // Nobody has to decide on the list because somebody was erased.
        assert_eq!(held.releases["aster"].groups[0].crowd, Some(Crowd::of(&[ContactId(2), ContactId(3)])));
        assert!(desk.ledger.unsubscribe(&token, "one click", at(4)).await.unwrap());
        assert!(desk.ledger.choose(&token, Wishes::default(), at(5)).await.unwrap());
        let bearer = desk.ledger.bearer_of(&token).await.unwrap().unwrap();
        assert_eq!((bearer.contact, bearer.suppressed), (None, None));
        assert_eq!(desk.ledger.suppressions().await.unwrap()[0].reason, "erased");
    })
    .await;
}

#[tokio::test]
async fn everything_that_is_held_on_a_person() {
    exercise(2, async |desk| {
        let consent = Consent {
            basis: "legitimate interests".parse().unwrap(),
            source: "press register".to_owned(),
            date: "2026-03-02".parse().unwrap(),
        };
        let mut jane = contact("c1@paper.example");
        jane.consent = Some(consent.clone());
        desk.ledger.import(vec![jane], at(-3000)).await.unwrap();
        desk.original("aster", "v1", &[1, 2]).await;
        desk.original("later", "v1", &[1]).await;
        assert_eq!(desk.send_all("relay", at(0)).await, 3);
        let log = desk.ledger.log(Some("aster"), DeliveryId(0), 1).await.unwrap();
        let email = "C1@paper.example".parse().unwrap();
        desk.ledger.suppress(&email, "asked by telephone", "ada", at(9)).await.unwrap();
        let dossier = desk.ledger.dossier(&email).await.unwrap();
        assert_eq!(dossier.contact.unwrap().consent, Some(consent));
        assert_eq!(dossier.changed_at, Some(at(-3000)));
        assert_eq!(dossier.deliveries.len(), 2);
        assert_eq!(dossier.deliveries[0], log[0]);
        assert_eq!(dossier.suppression.unwrap().reason, "asked by telephone");
        // Nobody: nothing.
        let nobody = desk.ledger.dossier(&"who@paper.example".parse().unwrap()).await.unwrap();
        assert_eq!((nobody.contact, nobody.deliveries, nobody.suppression), (None, vec![], None));

        let known = desk.ledger.known(vec!["who@paper.example".parse().unwrap(), email]).await.unwrap();
        assert_eq!((known[0].contact.clone(), known[0].suppressed.clone()), (None, None));
        assert_eq!(known[1].contact.as_ref().unwrap().id, ContactId(1));
        assert_eq!(known[1].suppressed.as_deref(), Some("asked by telephone"));
    })
    .await;
}

#[tokio::test]
async fn a_refusal_holds_for_every_form_of_an_address_and_for_no_other() {
    exercise(0, async |desk| {
        for (refused, same, other) in [
            ("åsa@bücher.example", "ÅSA@XN--BCHER-KVA.example.", "asa@bücher.example"),
            ("Jane.Roe@paper.example", "jane.roe@PAPER.EXAMPLE", "janeroe@paper.example"),
            ("bo@radio.example", "BO@radio.example.", "bo+news@radio.example"),
        ] {
            desk.ledger.suppress(&refused.parse().unwrap(), "unsubscribed", "", at(0)).await.unwrap();
            let report = desk.ledger.import(vec![contact(same), contact(other)], at(1)).await.unwrap();
            assert_eq!((report.new, report.suppressed), (2, 1), "{refused}");
        }
    })
    .await;
}
