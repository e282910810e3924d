//! Copies of the ledger, and putting one back.

use std::os::unix::fs::PermissionsExt as _;

use dateline::ledger::{Cause, Ledger, LedgerError};

use super::desk::{Desk, at};
use super::{config, sqlite};

#[tokio::test]
async fn a_copy_is_made_while_the_ledger_is_in_use_and_is_the_ledger() {
    let (folder, ledger) = sqlite().await;
    let desk = Desk::with(ledger, 3).await;
    desk.original("aster", "v1", &[1, 2, 3]).await;
    let claims = desk.claim(at(0)).await;
    desk.go(&claims[0], at(0)).await;
    let to = folder.path().join("copy.db");
    let copied = desk.ledger.backup(&to).await.unwrap();
    assert_eq!(copied.attempt, 1);
    assert_eq!(copied.size, std::fs::metadata(&to).unwrap().len());
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o600);
    let again = desk.ledger.backup(&to).await.unwrap_err();
    assert!(again.to_string().contains("is there already"), "{again}");
    let nowhere = desk.ledger.backup(&folder.path().join("no/such.db")).await.unwrap_err();
    assert!(nowhere.to_string().contains("no/such.db"), "{nowhere}");

    // While it is dispatched from, nothing is put in its place.
    let locked = Ledger::restore(&config(&folder), &to, "ada", at(5)).await;
    assert!(matches!(locked, Err(LedgerError::Locked(_))), "{locked:?}");
    desk.ledger.close(at(6)).await.unwrap();
    assert_eq!(Ledger::restore(&config(&folder), &to, "ada", at(7)).await.unwrap(), copied);
    let kept: Vec<String> = std::fs::read_dir(config(&folder).folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("before-"))
        .collect();
    assert_eq!(kept, ["ledger.db.before-20261201T080007Z"]);
    let desk = Desk { ledger: Ledger::open_exclusive(&config(&folder), at(8)).await.unwrap() };
    assert_eq!(desk.ledger.holds().await.unwrap()[0].cause, Cause::Restored);
    // What was under way when the copy was made is unknown, the rest waits.
    assert_eq!(
        desk.rows("aster").await,
        ["c1 original unknown", "c2 original scheduled", "c3 original scheduled"]
    );
    desk.is_sound().await;
}

#[tokio::test]
async fn a_copy_goes_to_a_new_machine_and_is_held_there() {
    let (folder, ledger) = sqlite().await;
    let desk = Desk::with(ledger, 1).await;
    let to = folder.path().join("copy.db");
    desk.ledger.backup(&to).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    Ledger::restore(&config(&elsewhere), &to, "ada", at(7)).await.unwrap();
    let ledger = Ledger::open_exclusive(&config(&elsewhere), at(8)).await.unwrap();
    assert_eq!(ledger.holds().await.unwrap()[0].cause, Cause::Restored);
    assert_eq!(ledger.counts().await.unwrap().contacts, 1);
}

#[tokio::test]
async fn what_is_no_whole_copy_is_refused_and_nothing_changes() {
    let (folder, ledger) = sqlite().await;
    let desk = Desk::with(ledger, 3).await;
    desk.original("aster", "v1", &[1, 2, 3]).await;
    let good = folder.path().join("copy.db");
    desk.ledger.backup(&good).await.unwrap();
    desk.ledger.close(at(1)).await.unwrap();
    let bytes = std::fs::read(&good).unwrap();
    let before = std::fs::read(config(&folder).folder.join("ledger.db")).unwrap();
    let bad = folder.path().join("bad.db");
    let mut cases: Vec<Vec<u8>> = vec![vec![], b"not a database".to_vec(), bytes[..bytes.len() / 2].to_vec()];
    // A byte of the audit chain, found by a word in it.
    let mut tampered = bytes.clone();
    let word = b"\"created\":3";
    let at_word = tampered.windows(word.len()).position(|window| window == word).unwrap();
    tampered[at_word + word.len() - 1] = b'4';
    cases.push(tampered);
    for case in cases {
        std::fs::write(&bad, &case).unwrap();
        let error = Ledger::restore(&config(&folder), &bad, "ada", at(2)).await.unwrap_err();
        assert!(matches!(error, LedgerError::Refused(_)), "{error}");
        assert_eq!(std::fs::read(config(&folder).folder.join("ledger.db")).unwrap(), before);
    }
    let missing = Ledger::restore(&config(&folder), &folder.path().join("none.db"), "ada", at(2)).await;
    assert!(missing.unwrap_err().to_string().contains("none.db"));
    let ledger = Ledger::open_exclusive(&config(&folder), at(3)).await.unwrap();
    assert_eq!(ledger.holds().await.unwrap(), []);
}

#[tokio::test]
async fn migrating_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let done = Ledger::migrate(&config(&folder), at(0)).await.unwrap();
    assert!(done.from == 0 && done.to > 0, "{done:?}");
    let newest = done.to;
    let done = Ledger::migrate(&config(&folder), at(0)).await.unwrap();
    assert_eq!((done.from, done.to), (newest, newest));
}
