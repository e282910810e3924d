//! What the program insists on when it opens the ledger (guarantee G44), seen from outside.

use std::os::unix::fs::PermissionsExt as _;

use rusqlite::Connection;

use super::kills::newsroom;
use super::scratch;
use crate::daemon::room::{command, texts};

/// Bytes 18 and 19 of a database say how it is written: 2 is the write-ahead log (sqlite.org/fileformat2.html §1.3.3).
const WAL: [u8; 2] = [2, 2];

#[test]
fn the_write_ahead_log_is_on_whatever_somebody_did_to_the_file() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
    let folder = scratch();
    let state = newsroom(folder.path());
    let written = || std::fs::read(state.join("ledger.db")).unwrap()[18..20].to_vec();
    for _ in 0..2 {
        let done = command(folder.path(), &["status"]).output().unwrap();
        assert!(done.status.success(), "{:?}", texts(&done));
        assert_eq!(written(), WAL);
        let db = Connection::open(state.join("ledger.db")).unwrap();
        let mode: String = db.query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0)).unwrap();
        assert_eq!(mode, "delete");
        drop(db);
        assert_ne!(written(), WAL);
    }
}

#[test]
fn a_folder_that_others_can_read_is_refused() {
    let folder = scratch();
    let state = newsroom(folder.path());
    assert!(command(folder.path(), &["status"]).output().unwrap().status.success());
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    let done = command(folder.path(), &["status"]).output().unwrap();
    assert!(!done.status.success() && texts(&done).1.contains("chmod 700"), "{:?}", texts(&done));
}

#[test]
fn nothing_of_an_erased_person_is_left_in_any_file() {
    let folder = scratch();
    let state = newsroom(folder.path());
    let book = folder.path().join("book.csv");
    let people: String =
        (0..200).map(|n| format!("canary{n}@paper.example,Canary Roe,journalist\n")).collect();
    std::fs::write(&book, format!("email,name,kind\n{people}")).unwrap();
    let run = |arguments: &[&str]| {
        let done = command(folder.path(), arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {:?}", texts(&done));
    };
    let left = |word: &str| {
        std::fs::read_dir(&state)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let bytes = std::fs::read(path).unwrap();
                bytes.windows(word.len()).any(|some| some == word.as_bytes())
            })
            .count()
    };
    let why = ["--basis", "consent", "--source", "form", "--date", "2026-01-02"];
    run(&[&["contacts", "import", &book.display().to_string()][..], &why].concat());
    assert!(left("canary77@") > 0);
    run(&["contacts", "erase", "canary77@paper.example"]);
    assert_eq!(left("canary77@"), 0, "the address is still on the disk");
    assert!(left("canary78@") > 0);
}
