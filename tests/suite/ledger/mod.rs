//! The ledger's contract, as cases that every backend must pass.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod amnesia;
mod copies;
pub mod desk;
mod doubt;
mod fronts;
mod issuing;
mod leaving;
mod measure;
mod outbox;
mod people;
pub mod postgres;
mod reports;
#[cfg(feature = "postgres")]
mod several;
mod tamper;
mod together;
mod turns;
mod walk;
mod weekly;

use dateline::ledger::{Ledger, LedgerConfig, LedgerError, Outcome, Rescued, Settled, State};
use desk::{Desk, at, mail, order};

use dateline::plan::Action;
use dateline::release::Notice;

/// A new ledger over SQLite, and the folder that goes away with it.
async fn sqlite() -> (tempfile::TempDir, Ledger) {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open_exclusive(&config(&folder), at(-7200)).await.unwrap();
    (folder, ledger)
}

fn config(folder: &tempfile::TempDir) -> LedgerConfig {
    LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() }
}

/// Runs one case on a new ledger of each backend with `contacts` contacts, and looks for contradictions afterwards.
async fn exercise<F: AsyncFn(&Desk)>(contacts: i64, case: F) {
    exercise_on([true, true], contacts, case).await;
}

/// The same on SQLite, on PostgreSQL, or on both.
async fn exercise_on<F: AsyncFn(&Desk)>([lite, server]: [bool; 2], contacts: i64, case: F) {
    if lite {
        let (_folder, ledger) = sqlite().await;
        on(ledger, contacts, &case).await;
    }
    if server && let Some((_folder, ledger)) = postgres::new().await {
        on(ledger, contacts, &case).await;
        postgres::drop_newest().await;
    }
}

async fn on<F: AsyncFn(&Desk)>(ledger: Ledger, contacts: i64, case: &F) {
    let desk = Desk::with(ledger, contacts).await;
    case(&desk).await;
    desk.is_sound().await;
    desk.ledger.close(at(99_999)).await.unwrap();
}

#[tokio::test]
async fn one_process_dispatches_and_others_may_look_and_write() {
    let (folder, ledger) = sqlite().await;
    let locked = Ledger::open_exclusive(&config(&folder), at(0)).await;
    assert!(matches!(locked, Err(LedgerError::Locked(_))), "{:?}", locked.err());

    let other = Ledger::open(&config(&folder), at(0)).await.unwrap();
    assert!(matches!(other.claim("x", "relay", at(0), 1).await, Err(LedgerError::NotExclusive(_))));
    other.import(vec![desk::contact("jane@paper.example")], at(0)).await.unwrap();
    assert_eq!(ledger.counts().await.unwrap().contacts, 1);
    other.close(at(1)).await.unwrap();

    ledger.close(at(1)).await.unwrap();
    assert!(matches!(ledger.holds().await, Err(LedgerError::Closed)));
    assert!(matches!(ledger.claim("x", "relay", at(0), 1).await, Err(LedgerError::Closed)));
    let mark = std::fs::read_to_string(config(&folder).folder.join("ledger.mark")).unwrap();
    assert!(mark.contains("\"lineage\"") && mark.contains("\"attempt\":0"), "{mark}");
    Ledger::open_exclusive(&config(&folder), at(2)).await.unwrap().close(at(3)).await.unwrap();
}

#[tokio::test]
async fn what_was_under_way_at_the_last_end_is_unknown_and_the_rest_goes_on() {
    let (folder, ledger) = sqlite().await;
    let desk = Desk::with(ledger, 2).await;
    desk.original("aster", "v1", &[1, 2]).await;
    let claims = desk.claim(at(0)).await;
    desk.go(&claims[0], at(0)).await;
    desk.ledger.close(at(1)).await.unwrap();

    let desk = Desk { ledger: Ledger::open_exclusive(&config(&folder), at(2)).await.unwrap() };
    assert_eq!(desk.rows("aster").await, ["c1 original unknown", "c2 original scheduled"]);
    assert_eq!(desk.send_all("relay", at(3)).await, 1);
    assert_eq!(desk.ledger.unresolved(dateline::ledger::DeliveryId(0), 10).await.unwrap().len(), 1);
    desk.is_sound().await;
}

#[tokio::test]
async fn whoever_knows_what_became_of_it_says_so_before_it_is_given_up() {
    let (folder, ledger) = sqlite().await;
    let desk = Desk::with(ledger, 4).await;
    desk.original("aster", "v1", &[1, 2, 3, 4]).await;
    let claims = desk.claim(at(0)).await;
    for claim in &claims[..3] {
        desk.go(claim, at(0)).await;
    }
    desk.ledger.close(at(1)).await.unwrap();

    let ledger = Ledger::open_as_left(&config(&folder), at(2)).await.unwrap();
    let left = |n: usize| (claims[n].delivery, claims[n].epoch);
    let tell = async |n: usize, outcome: Outcome| {
        let (delivery, epoch) = left(n);
        ledger.evidence(vec![(delivery, epoch, outcome)], at(2)).await.unwrap().remove(0)
    };
    assert_eq!(tell(0, desk::arrived()).await, Some(Settled { state: State::Sent, late: false }));
    assert_eq!(tell(1, Outcome::NotSent).await, Some(Settled { state: State::Scheduled, late: false }));
    // It was only claimed.
    assert_eq!(tell(3, Outcome::NotSent).await, None);
    assert_eq!(ledger.give_up_left(at(2)).await.unwrap(), Rescued { blocks: 1, unknown: 1 });
    assert_eq!(tell(0, Outcome::NotSent).await, None, "it is known");

    let desk = Desk { ledger };
    let states = ["sent", "scheduled", "unknown", "scheduled"];
    let expected: Vec<String> =
        (1..).zip(states).map(|(n, state)| format!("c{n} original {state}")).collect();
    assert_eq!(desk.rows("aster").await, expected);
    assert_eq!(desk.send_all("relay", at(3)).await, 2);
    desk.is_sound().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ledger"), "a file").unwrap();
    let Err(error) = Ledger::open(&config(&folder), at(0)).await else { panic!("it opened") };
    assert!(error.to_string().contains("/ledger: "), "{error}");
}

#[tokio::test]
async fn addresses_stay_out_of_debug_output() {
    exercise(1, async |desk| {
        desk.original("aster", "v1", &[1]).await;
        desk.ledger.suppress(&"c9@paper.example".parse().unwrap(), "asked", "", at(0)).await.unwrap();
        let claims = desk.claim(at(0)).await;
        let log = desk.ledger.log(None, dateline::ledger::DeliveryId(0), 9).await.unwrap();
        let contacts = desk.ledger.contacts(dateline::contact::ContactId(0), 9).await.unwrap();
        let suppressions = desk.ledger.suppressions().await.unwrap();
        let all = format!("{claims:?} {log:?} {contacts:?} {suppressions:?}");
        assert!(!all.contains("c1@") && all.contains("c…@paper.example"), "{all}");
    })
    .await;
}

#[tokio::test]
async fn the_audit_chain_tells_who_did_what() {
    exercise(1, async |desk| {
        desk.issue(order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1])])).await;
        desk.ledger.hold(dateline::ledger::Scope::Everything, "a doubt", "ada", at(0)).await.unwrap();
        desk.ledger.resume(&dateline::ledger::Scope::Everything, "ada", at(1)).await.unwrap();
        let entries = desk.ledger.audit(0, 10).await.unwrap();
        let told: Vec<String> =
            entries.iter().map(|e| format!("{} {} {} {}", e.seq, e.by, e.action, e.subject)).collect();
        assert_eq!(
            told,
            ["1 Ada <ada@halden.example> issue aster", "2 ada hold everything", "3 ada resume everything"]
        );
        assert!(entries[0].detail.contains("\"created\":1"), "{}", entries[0].detail);
    })
    .await;
}
