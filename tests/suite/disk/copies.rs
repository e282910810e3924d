//! Kills in the middle of a backup and of a restore (guarantee G40): the ledger is whole, before or after; a copy is whole or
//! not there; and what was put back is held, whatever the instant.

use std::path::{Path, PathBuf};
use std::process::Command;

use dateline::clock::Clock;
use dateline::ledger::{Ledger, LedgerConfig, LedgerError, Scope};
use jiff::Timestamp;
use rusqlite::Connection;

use super::kills::{Place, Program, content, is_sound, kill, ledger_files, places};
use super::{Dice, Run, can_trace, copy, make, scratch, seed, size};
use crate::ledger::desk::{Desk, arrived, at};

const NAME: &str = "disk::copies::at_work";

/// What a process of its own is to do.
fn program(mut strace: Command, what: &str, folder: &Path, file: &Path) -> Command {
    strace
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--ignored", "--nocapture"])
        .env("DISK_COPY", what)
        .env("DISK_COPY_FOLDER", folder)
        .env("DISK_COPY_FILE", file);
    strace
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "the tests of backup and restore start it as a process of its own"]
async fn at_work() {
    let Ok(what) = std::env::var("DISK_COPY") else { return };
    let path = |name: &str| PathBuf::from(std::env::var(name).unwrap());
    let (folder, file) = (path("DISK_COPY_FOLDER"), path("DISK_COPY_FILE"));
    act(&what, &folder, &file).await;
}

async fn act(what: &str, folder: &Path, file: &Path) {
    let (config, now) = (config(folder), Clock::system().now());
    if what == "backup" {
        let ledger = Ledger::open(&config, now).await.unwrap();
        ledger.backup(file).await.unwrap();
        ledger.close(now).await.unwrap();
    } else {
        unlocked(async || Ledger::restore(&config, file, "ada", now).await).await;
    }
}

/// What `work` gives once nothing holds the ledger's lock: a child that another test starts has its descriptor until it becomes its
/// program, also of a lock that was just given back.
async fn unlocked<T>(work: impl AsyncFn() -> Result<T, LedgerError>) -> T {
    for _ in 0..500 {
        match work().await {
            Err(LedgerError::Locked(_)) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            other => return other.unwrap(),
        }
    }
    panic!("the ledger stays locked");
}

async fn opened(folder: &Path, now: Timestamp) -> Ledger {
    unlocked(async || Ledger::open_exclusive(&config(folder), now).await).await
}

fn config(folder: &Path) -> LedgerConfig {
    LedgerConfig { folder: folder.to_owned(), ..LedgerConfig::default() }
}

/// A ledger that a killed process left, with a write-ahead log that was half moved into the database; and an older copy of it.
async fn scene(folder: &Path) -> (PathBuf, PathBuf) {
    let (state, kept, file) =
        (folder.join("state"), folder.join("kept"), folder.join("copies").join("ledger.copy"));
    make(&folder.join("copies"));
    let ledger = Ledger::open_exclusive(&config(&state), at(-7200)).await.unwrap();
    let desk = Desk::with(ledger, 60).await;
    desk.original("aster", "v1", &(1..=60).collect::<Vec<_>>()).await;
    let claims = desk.claim(at(0)).await;
    for claim in &claims[..20] {
        let attempt = desk.go(claim, at(0)).await;
        desk.settle(attempt, arrived(), at(0)).await;
    }
    desk.ledger.backup(&file).await.unwrap();
    desk.ledger.close(at(1)).await.unwrap();
    let desk = Desk { ledger: opened(&state, at(2)).await };
    assert_eq!(desk.send_all("relay", at(100)).await, 40);
    copy(&state, &kept);
    desk.ledger.close(at(3)).await.unwrap();

    // Every other page of the database is the newer one, as after a kill in the middle of a checkpoint.
    let moved = folder.join("moved");
    copy(&kept, &moved);
    let db = Connection::open(moved.join("ledger.db")).unwrap();
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(db);
    let mut old = std::fs::read(kept.join("ledger.db")).unwrap();
    let new = std::fs::read(moved.join("ledger.db")).unwrap();
    old.resize(new.len(), 0);
    for (at, page) in new.chunks(4096).enumerate().filter(|(at, _)| at % 2 == 1) {
        old[at * 4096..at * 4096 + page.len()].copy_from_slice(page);
    }
    std::fs::write(kept.join("ledger.db"), old).unwrap();
    assert!(std::fs::metadata(kept.join("ledger.db-wal")).unwrap().len() > 10_000);
    (kept, file)
}

/// What a copy holds, which may not be there.
async fn copied(file: &Path, folder: &Path) -> Option<(i64, Vec<String>)> {
    if !file.exists() {
        return None;
    }
    let alone = folder.join("alone");
    let _ = std::fs::remove_dir_all(&alone);
    make(&alone);
    std::fs::copy(file, alone.join("ledger.db")).unwrap();
    is_sound(&alone).await;
    Some(content(&alone.join("ledger.db")))
}

fn some(mut places: Vec<Place>, dice: &mut Dice) -> Vec<Place> {
    assert!(places.len() > 20, "{places:?}");
    while places.len() > size(10, 200) {
        places.remove(dice.below(places.len()));
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_a_whole_copy_or_none() {
    if !can_trace("kills in a backup") {
        return;
    }
    let seed = seed();
    let (mut run, mut dice) = (Run::begin("kills in a backup", seed), Dice(seed));
    let folder = scratch();
    let folder = folder.path().canonicalize().unwrap();
    let (kept, _) = scene(&folder).await;
    let (state, log, file) =
        (folder.join("state"), folder.join("log"), folder.join("copies").join("new.copy"));
    let reset = || {
        let _ = std::fs::remove_dir_all(&state);
        copy(&kept, &state);
        let _ = std::fs::remove_file(&file);
    };
    let mut files = ledger_files(&state);
    files.extend([file.clone(), folder.join("copies"), folder.join("copies").join("new.copy.new")]);
    files.push(folder.join("copies").join("new.copy.new-journal"));
    let backup: Program<'_> = &|strace| program(strace, "backup", &state, &file);
    reset();
    let places = some(places(&log, backup, &files), &mut dice);
    let expected = copied(&file, &folder).await.unwrap();
    let mut absent = 0;
    for place in &places {
        reset();
        run.kills += usize::from(kill(&log, backup, &files, place));
        match copied(&file, &folder).await {
            None => absent += 1,
            Some(found) => assert!(found == expected, "killed at {place:?}"),
        }
        is_sound(&state).await;
        assert!(content(&state.join("ledger.db")) == expected, "killed at {place:?}");
        // What is left over is in nobody's way.
        let _ = std::fs::remove_file(&file);
        act("backup", &state, &file).await;
        assert!(copied(&file, &folder).await.unwrap() == expected, "after a kill at {place:?}");
    }
    run.notes.push(format!("{absent} kills left no copy, the others a whole one."));
    run.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_is_killed_leaves_the_old_ledger_or_the_copy_held() {
    if !can_trace("kills in a restore") {
        return;
    }
    let seed = seed();
    let (mut run, mut dice) = (Run::begin("kills in a restore", seed), Dice(seed));
    let folder = scratch();
    let folder = folder.path().canonicalize().unwrap();
    let (kept, file) = scene(&folder).await;
    let (state, log) = (folder.join("state"), folder.join("log"));
    let reset = || {
        let _ = std::fs::remove_dir_all(&state);
        copy(&kept, &state);
    };
    let mut files = ledger_files(&state);
    files.push(file.clone());
    let restore: Program<'_> = &|strace| program(strace, "restore", &state, &file);
    reset();
    let before = content(&state.join("ledger.db"));
    reset();
    let places = some(places(&log, restore, &files), &mut dice);
    let after = content(&state.join("ledger.db"));
    assert!(before != after && copied(&file, &folder).await.unwrap() == after);
    let bytes = std::fs::read(&file).unwrap();
    let mut stayed = 0;
    for place in &places {
        reset();
        run.kills += usize::from(kill(&log, restore, &files, place));
        let found = content(&state.join("ledger.db"));
        assert!(found == before || found == after, "killed at {place:?}");
        is_sound(&state).await;
        let ledger = opened(&state, Clock::system().now()).await;
        let held = ledger.holds().await.unwrap().iter().any(|hold| hold.scope == Scope::Everything);
        ledger.close(Clock::system().now()).await.unwrap();
        if found == before {
            stayed += 1;
            assert!(!held, "killed at {place:?}: held although nothing was put back");
        } else {
            assert!(held, "killed at {place:?}: what was put back would be sent");
        }
        act("restore", &state, &file).await;
        assert!(content(&state.join("ledger.db")) == after, "after a kill at {place:?}");
        is_sound(&state).await;
        assert!(std::fs::read(&file).unwrap() == bytes, "the copy was changed");
    }
    run.notes.push(format!(
        "After {stayed} kills the ledger was still the old one; after the others it was the copy, and held."
    ));
    run.end();
}
