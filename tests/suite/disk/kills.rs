//! Kills in the middle of a migration (guarantee G40): afterwards the ledger is old or new, but whole.
//!
//! `strace` kills the program at the Nth system call of a kind, before it is made.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use dateline::clock::Clock;
use dateline::digest::Digest;
use dateline::ledger::key::{delivery_key, wire_key};
use dateline::ledger::{Ledger, LedgerConfig};
use dateline::newsroom::ChannelKind;
use dateline::plan::Action;
use dateline::release::Notice;
use jiff::Timestamp;
use rusqlite::Connection;

use super::{Dice, Run, can_trace, copy, counts, make, scratch, seed, size, strace, under};
use crate::daemon::room::{command, settings, texts};
use crate::ledger::desk::{mail, order};

/// The migrations, in order: number and text.
pub fn migrations() -> Vec<(i64, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ledger/sqlite/migrations");
    let mut all: Vec<(i64, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name[..4].parse().unwrap(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    all
}

/// What a ledger of the first schema held: 300 deliveries in five states.
const CONTENT: &str = "
    INSERT INTO ledger_meta (one, lineage, address_key, serial, created_at, closed_at)
         VALUES (1, 'an old ledger', zeroblob(32), 7, 0, 0);
    INSERT INTO contact (address, email, domain, embargo_ok, tags, fields, changed_at)
         WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300)
         SELECT CAST(printf('%032d', i) AS BLOB), 'c' || i || '@paper.example', 'paper.example', 0, '[]', '{}', 0 FROM n;
    INSERT INTO issued VALUES (1, 'aster', 1, 'original', 'Aster', '{}', zeroblob(32), 'rev', 'Ada', 0, 9, 0, 1);
    INSERT INTO course VALUES (1, 'aster', 'relay', '');
    INSERT INTO part VALUES (1, 1, 1, 'bloggers', 'relay', 'smtp', 'en', 0, 'original', 0, (SELECT sha FROM edition), 0);
    INSERT INTO block (id, part, channel, first, last, next_due) VALUES (1, 1, 'relay', 1, 300, 0);";
const DELIVERY: &str = "
    INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
         VALUES (?1, 1, 1, ?1, 0, 'scheduled', 0, ?2, ?3)";
const HISTORY: &str = "
    INSERT INTO attempt (id, delivery, no, epoch, owner, intent_at, deadline, request_sha)
         SELECT id, id, 1, 1, 'x', 0, 0, zeroblob(32) FROM delivery WHERE id % 5 > 0;
    UPDATE delivery SET state = 'attempting', attempts = 1, attempt = id WHERE id % 5 > 0;
    INSERT INTO result
         SELECT id, 1, CASE id % 5 WHEN 1 THEN 'sent' WHEN 2 THEN 'failed' ELSE 'unknown' END, 250, NULL, 'words', 0, 0
           FROM attempt;
    UPDATE delivery SET state = CASE id % 5 WHEN 1 THEN 'sent' WHEN 2 THEN 'failed' ELSE 'unknown' END,
                        sent_at = CASE id % 5 WHEN 1 THEN 5 END
     WHERE id % 5 > 0;
    UPDATE delivery SET state = 'parked' WHERE id % 5 = 4;
    INSERT INTO tally SELECT 1, state, count(*) FROM delivery GROUP BY state;
    INSERT INTO suppression VALUES (zeroblob(32), 'asked', '', 0);
    INSERT INTO hold VALUES ('destination', 'radio.example', 'operator', 'a doubt', 'ada', 0);";

/// Makes the ledger as the Dateline with the first `schema` migrations left it.
fn old(state: &Path, schema: usize) {
    make(state);
    let db = Connection::open(state.join("ledger.db")).unwrap();
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
         CREATE TABLE migration (version INTEGER PRIMARY KEY, sha BLOB NOT NULL, applied_at INTEGER NOT NULL) STRICT",
    )
    .unwrap();
    for (at, (version, sql)) in migrations().iter().take(schema).enumerate() {
        db.execute_batch(sql).unwrap();
        let sha = Digest::of(sql.as_bytes());
        db.execute("INSERT INTO migration VALUES (?1, ?2, 0)", (version, sha.0)).unwrap();
        if at == 0 {
            let mut edition =
                order("aster", Notice::Original, "v1", vec![mail(Action::Create, &[1])]).editions.remove(0);
            edition.edition.assets.clear();
            let body = serde_json::to_vec(&edition.edition).unwrap();
            db.execute("INSERT INTO edition VALUES (?1, ?2)", (edition.edition.sha().0, body)).unwrap();
            db.execute_batch(CONTENT).unwrap();
            for contact in 1..=300_i64 {
                let key = delivery_key("an old ledger", "aster", 1, "relay", &contact.to_string());
                let wire_key = wire_key(ChannelKind::Smtp, &key, Timestamp::UNIX_EPOCH);
                db.execute(DELIVERY, (contact, key.0, wire_key)).unwrap();
            }
            db.execute_batch(HISTORY).unwrap();
        }
    }
}

/// The newest migration and every delivery, as they stand.
pub fn content(db: &Path) -> (i64, Vec<String>) {
    let db = Connection::open(db).unwrap();
    let health: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(health, "ok");
    let schema =
        db.query_row("SELECT coalesce(max(version), 0) FROM migration", [], |row| row.get(0)).unwrap();
    let rows = "SELECT id || ' ' || recipient || ' ' || state || ' ' || wire_key || ' ' || coalesce(sent_at, '') || ' '
                       || (SELECT count(*) FROM result WHERE attempt = delivery.attempt)
                  FROM delivery ORDER BY id";
    let mut rows = db.prepare(rows).unwrap();
    let rows = rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (schema, rows)
}

/// A newsroom without releases, whose ledger is that of `state`.
pub fn newsroom(dir: &Path) -> PathBuf {
    std::fs::create_dir_all(dir.join("releases")).unwrap();
    std::fs::write(dir.join("dateline.yaml"), settings(1, "poll: 1h")).unwrap();
    dir.join("state")
}

/// The calls at which a program is killed.
const CALLS: &str = "openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,linkat,copy_file_range,fchmod,chmod,fcntl,\
    mmap,pread64,close";

/// A program as the child of `strace`.
pub type Program<'a> = &'a dyn Fn(Command) -> Command;

/// A call, and which of them.
pub type Place = (String, usize);

/// Where a program may be killed: it is run once to its end.
pub fn places(log: &Path, program: Program<'_>, files: &[PathBuf]) -> Vec<Place> {
    let done = program(tracing(log, CALLS, files)).output().unwrap();
    assert!(matches!(done.status.code(), Some(0 | 1)), "{:?}", texts(&done));
    counts(log).into_iter().flat_map(|(call, n)| (1..=n).map(move |which| (call.clone(), which))).collect()
}

/// Runs the program and kills it there; whether it was.
pub fn kill(log: &Path, program: Program<'_>, files: &[PathBuf], (call, which): &Place) -> bool {
    let mut command = tracing(log, call, files);
    command.args(["-e", &format!("inject={call}:signal=KILL:when={which}")]);
    let status = program(command).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    // strace ends as its child did: by a signal.
    status.code().is_none()
}

fn tracing(log: &Path, calls: &str, files: &[PathBuf]) -> Command {
    let mut command = strace(log);
    command.args(["-e", &format!("trace={calls}")]);
    for file in files {
        command.arg("-P").arg(file);
    }
    command
}

pub fn ledger_files(state: &Path) -> Vec<PathBuf> {
    [
        "",
        "ledger.db",
        "ledger.db.new",
        "ledger.db-wal",
        "ledger.db-shm",
        "ledger.db-journal",
        "ledger.mark",
        "ledger.mark.new",
    ]
    .iter()
    .map(|name| state.join(name))
    .collect()
}

pub async fn is_sound(state: &Path) {
    assert_eq!(verified(state).await, Vec::<String>::new());
}

/// What `verify` says of a ledger.
async fn verified(state: &Path) -> Vec<String> {
    let config = LedgerConfig { folder: state.to_owned(), ..LedgerConfig::default() };
    let ledger = Ledger::open(&config, Clock::system().now()).await.unwrap();
    let said = ledger.verify().await.unwrap();
    ledger.close(Clock::system().now()).await.unwrap();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_is_killed_leaves_the_old_ledger_or_the_new_one() {
    if !can_trace("kills in a migration") {
        return;
    }
    let seed = seed();
    let mut run = Run::begin("kills in a migration", seed);
    let mut dice = Dice(seed);
    let newest = migrations().len();
    let (mut met, mut stayed_old) = (0, 0);
    for schema in 1..newest {
        let folder = scratch();
        let (dir, log) = (folder.path().join("room"), folder.path().join("log"));
        let state = newsroom(&dir);
        let state = dir.canonicalize().unwrap().join(state.file_name().unwrap());
        let kept = folder.path().join("kept");
        old(&kept, schema);
        let before = content(&kept.join("ledger.db"));
        copy(&kept, &state);
        let files = ledger_files(&state);
        let status: Program<'_> = &|strace| under(strace, &dir, &["status"]);
        let mut places = places(&log, status, &files);
        // What is made up here stands in no chain: that is said of every ledger alike.
        let said = verified(&state).await;
        let after = content(&state.join("ledger.db"));
        assert_eq!((after.0 as usize, &after.1), (newest, &before.1));
        assert!(places.len() > 20, "{places:?}");
        while places.len() > size(12, 200) {
            places.remove(dice.below(places.len()));
        }
        for place in &places {
            std::fs::remove_dir_all(&state).unwrap();
            copy(&kept, &state);
            met += usize::from(kill(&log, status, &files, place));
            let found = content(&state.join("ledger.db"));
            assert!(found == before || found == after, "killed at {place:?}: schema {}", found.0);
            stayed_old += usize::from(found.0 == before.0);
            assert_eq!(verified(&state).await, said);
            assert_eq!(content(&state.join("ledger.db")), after, "after {place:?}");
        }
        run.deliveries += before.1.len();
    }
    run.kills = met;
    run.notes.push(format!(
        "From each older schema to {newest}; after {stayed_old} kills the ledger was still the old one."
    ));
    run.end();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ledger_whose_making_is_killed_is_made_by_the_next_start() {
    if !can_trace("kills in the first start") {
        return;
    }
    let seed = seed();
    let mut run = Run::begin("kills in the first start", seed);
    let mut dice = Dice(seed);
    let folder = scratch();
    let (dir, log) = (folder.path().join("room"), folder.path().join("log"));
    newsroom(&dir);
    let state = dir.canonicalize().unwrap().join("state");
    let files = ledger_files(&state);
    let status: Program<'_> = &|strace| under(strace, &dir, &["status"]);
    let mut places = places(&log, status, &files);
    while places.len() > size(12, 200) {
        places.remove(dice.below(places.len()));
    }
    for place in &places {
        std::fs::remove_dir_all(&state).unwrap();
        run.kills += usize::from(kill(&log, status, &files, place));
        is_sound(&state).await;
        assert_eq!(content(&state.join("ledger.db")).0 as usize, migrations().len());
    }
    run.end();
}

#[test]
fn an_old_program_refuses_a_newer_ledger_and_leaves_it_alone() {
    let folder = scratch();
    let dir = folder.path();
    let state = newsroom(dir);
    old(&state, migrations().len());
    let db = state.join("ledger.db");
    Connection::open(&db).unwrap().execute("INSERT INTO migration VALUES (99, zeroblob(32), 0)", []).unwrap();
    let before = content(&db);
    for arguments in [&["status"][..], &["dispatch"], &["hold"]] {
        let done = command(dir, arguments).output().unwrap();
        let (out, error) = texts(&done);
        assert!(!done.status.success(), "{arguments:?}: {out}");
        assert!(
            error.contains("schema 99") && error.contains("use the newer Dateline"),
            "{arguments:?}: {error}"
        );
        assert_eq!(content(&db), before);
    }
}
