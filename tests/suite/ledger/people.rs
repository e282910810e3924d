//! The contact book: import, suppression, erasure.

use dateline::contact::ContactId;
use dateline::ledger::{DeliveryId, ImportReport, Outcome};
use dateline::token::Purpose;

use super::desk::{at, contact, reply};
use super::exercise;

#[tokio::test]
async fn an_import_says_what_is_new_changed_and_unchanged() {
    exercise(0, async |desk| {
        let import = async |list: &[&str]| {
            let contacts = list.iter().map(|email| contact(email)).collect();
            desk.ledger.import(contacts, at(0)).await.unwrap()
        };
        let report = |new, changed, unchanged| ImportReport { new, changed, unchanged, suppressed: 0 };
        assert_eq!(import(&["jane@paper.example", "joe@paper.example"]).await, report(2, 0, 0));
        assert_eq!(import(&["jane@paper.example", "joe@paper.example"]).await, report(0, 0, 2));
        // Another spelling of the same address is the same person.
        assert_eq!(import(&["Jane@Paper.Example.", "jane@bücher.example"]).await, report(1, 1, 0));
        assert_eq!(import(&["jane@xn--bcher-kva.example"]).await, report(0, 0, 1));

        let mut changed = contact("joe@paper.example");
        changed.name = None;
        changed.tags = vec!["ev".to_owned()];
        assert_eq!(desk.ledger.import(vec![changed.clone()], at(1)).await.unwrap(), report(0, 1, 0));
        let found = desk.ledger.contact_by_email(&"JOE@paper.example".parse().unwrap()).await.unwrap();
        let found = found.unwrap();
        assert_eq!(found, dateline::contact::Contact { id: found.id, ..changed });

        let page = desk.ledger.contacts(ContactId(0), 2).await.unwrap();
        let rest = desk.ledger.contacts(page[1].id, 9).await.unwrap();
        assert_eq!((page.len(), rest.len()), (2, 1));
    })
    .await;
}

#[tokio::test]
async fn a_suppressed_address_stays_suppressed_whatever_comes_back() {
    exercise(1, async |desk| {
        let jane = "jane@paper.example".parse().unwrap();
        assert!(desk.ledger.suppress(&jane, "unsubscribed", "form", at(0)).await.unwrap());
        assert!(!desk.ledger.suppress(&jane, "bounced", "", at(1)).await.unwrap());
        let report = desk.ledger.import(vec![contact("JANE@PAPER.EXAMPLE")], at(2)).await.unwrap();
        assert_eq!((report.new, report.suppressed), (1, 1));
        let all = desk.ledger.suppressions().await.unwrap();
        assert_eq!((all.len(), all[0].reason.as_str()), (1, "unsubscribed"));
        let held = desk.ledger.held(false, at(3)).await.unwrap();
        assert_eq!(held.suppressed.into_iter().collect::<Vec<_>>(), [(ContactId(2), "unsubscribed".into())]);

        let issued = desk.original("aster", "v1", &[1, 2]).await;
        assert_eq!((issued.created, issued.suppressed), (1, 1));
        assert!(desk.ledger.unsuppress(&jane, "ada", at(4)).await.unwrap());
        assert!(!desk.ledger.unsuppress(&jane, "ada", at(4)).await.unwrap());
        assert_eq!(desk.ledger.suppressions().await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn erasing_removes_the_person_and_keeps_the_refusal() {
    exercise(3, async |desk| {
        desk.original("aster", "v1", &[1, 2, 3]).await;
        let first = "C1@paper.example".parse().unwrap();
        assert!(desk.ledger.erase(&first, "ada", at(-30)).await.unwrap());
        assert!(!desk.ledger.erase(&first, "ada", at(-29)).await.unwrap());
        assert_eq!(desk.ledger.contact_by_email(&first).await.unwrap(), None);
        assert_eq!(
            desk.rows("aster").await,
            ["c2 original scheduled", "c3 original scheduled", "erased contact 1 original cancelled"]
        );
        let suppressions = desk.ledger.suppressions().await.unwrap();
        assert_eq!((suppressions[0].email.clone(), suppressions[0].reason.as_str()), (None, "erased"));
        // The same person comes back under a new number, and still gets nothing.
        let report = desk.ledger.import(vec![contact("c1@paper.example")], at(-20)).await.unwrap();
        assert_eq!((report.new, report.suppressed), (1, 1));
        assert_eq!(desk.ledger.contact_by_email(&first).await.unwrap().unwrap().id, ContactId(4));
        assert_eq!(desk.send_all("relay", at(0)).await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_dead_mailbox_is_suppressed_with_the_words_that_prove_it() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        let claim = desk.claim(at(0)).await.remove(0);
        let attempt = desk.go(&claim, at(0)).await;
        let words = reply("5.1.1 <c1@paper.example>: no such user");
        desk.settle(attempt, Outcome::Failed { reply: words, suppress: true }, at(1)).await;
        let suppressions = desk.ledger.suppressions().await.unwrap();
        assert_eq!(suppressions[0].reason, "bounced");
        assert_eq!(suppressions[0].evidence, "5.1.1 <…@paper.example>: no such user");
    })
    .await;
}

#[tokio::test]
async fn a_token_names_its_delivery_for_ever_and_nobody_elses() {
    exercise(2, async |desk| {
        desk.original("aster", "v1", &[1, 2]).await;
        let claims = desk.claim(at(0)).await;
        let token = |at: usize, purpose| desk.ledger.token(purpose, claims[at].delivery, &claims[at].key);
        let mine = token(0, Purpose::Unsubscribe);
        assert_ne!(mine, token(1, Purpose::Unsubscribe));
        assert_ne!(mine, token(0, Purpose::Bounce));
        let bearer =
            async |purpose, text: &str| desk.ledger.bearer(purpose, &text.parse().unwrap()).await.unwrap();
        let text = mine.to_string();
        assert_eq!(bearer(Purpose::Unsubscribe, &text.to_uppercase()).await, Some(claims[0].delivery));
        assert_eq!(bearer(Purpose::Bounce, &text).await, None);
        // The number of another delivery, and of none, under a code that is good elsewhere.
        let other = token(1, Purpose::Unsubscribe).to_string();
        assert_eq!(bearer(Purpose::Unsubscribe, &format!("{}{}", &other[..10], &text[10..])).await, None);
        let none = desk.ledger.token(Purpose::Unsubscribe, DeliveryId(99), &claims[0].key).to_string();
        assert_eq!(bearer(Purpose::Unsubscribe, &none).await, None);

        // The recipient is erased; what he has in his mailbox is understood all the same.
        assert!(desk.ledger.erase(&"c1@paper.example".parse().unwrap(), "ada", at(1)).await.unwrap());
        for claim in &claims {
            let token = desk.ledger.token(Purpose::Unsubscribe, claim.delivery, &claim.key).to_string();
            assert_eq!(bearer(Purpose::Unsubscribe, &token).await, Some(claim.delivery));
        }
    })
    .await;
}
