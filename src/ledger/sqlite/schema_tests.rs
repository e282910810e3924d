use rusqlite::Connection;

use super::*;
use crate::ledger::State;
use crate::ledger::state::ALLOWED;

/// An empty ledger in memory.
fn empty() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    migrate(&mut db, Timestamp::UNIX_EPOCH).unwrap();
    db
}

/// A ledger with one delivery that is scheduled.
fn with_a_delivery() -> Connection {
    let db = empty();
    db.execute_batch(
        "INSERT INTO edition VALUES (x'01', x'02');
         INSERT INTO issued VALUES (1, 'aster', 1, 'original', '', '', x'00', '', '', 0, 9, 0, 1);
         INSERT INTO course VALUES (1, 'aster', 'relay', '');
         INSERT INTO part VALUES (1, 1, 1, 'bloggers', 'relay', 'smtp', 'en', 0, 'original', 0, x'01', 0, NULL, NULL);
         INSERT INTO block (id, part, channel, first, last) VALUES (1, 1, 'relay', 1, 1);
         INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
              VALUES (1, 1, 1, 1, 0, 'scheduled', 0, zeroblob(32), 'w');
         INSERT INTO attempt VALUES (1, 1, 1, 1, 'x', 0, 0, x'00');
         INSERT INTO result VALUES (1, 1, 'sent', NULL, NULL, '', 0, 0);
         INSERT INTO audit VALUES (1, 0, 'ada', 'hold', 'everything', '{}', x'00');",
    )
    .unwrap();
    db
}

#[test]
fn the_database_allows_exactly_the_transitions_of_the_code() {
    let db = with_a_delivery();
    let trigger: String = db
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'delivery_transition'", [], |row| row.get(0))
        .unwrap();
    for from in State::ALL {
        for to in State::ALL {
            // Put the delivery into `from` behind the trigger's back, then try the change.
            db.execute_batch("SAVEPOINT try; DROP TRIGGER delivery_transition;").unwrap();
            let set = "UPDATE delivery SET state = ?1,
                              seat = iif(?1 IN ('cancelled', 'superseded', 'expired'), NULL, 0),
                              sent_at = iif(?1 IN ('sent', 'bounced', 'complained'), 1, NULL)";
            db.execute(set, [from]).unwrap();
            db.execute_batch(&trigger).unwrap();
            let changed = db.execute(set, [to]).is_ok();
            assert_eq!(changed, ALLOWED.contains(&(from, to)), "{from} -> {to}");
            db.execute_batch("ROLLBACK TO try; RELEASE try").unwrap();
        }
    }
}

/// What SQLite opens while it changes a delivery is more work than the change.
#[test]
fn a_mail_makes_no_tables_of_its_own() {
    let db = with_a_delivery();
    for table in ["delivery", "attempt", "result"] {
        let sql: String =
            db.query_row("SELECT sql FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0)).unwrap();
        assert!(!sql.contains("state IN ("), "{sql}");
    }
    for sql in [
        super::super::intent::BEGUN,
        super::super::settle::TAKEN,
        super::super::settle::ADD_FIRST,
        super::super::blocks::END_CLAIMS,
        super::super::writer::GO_ON,
        super::super::writer::TALLY,
    ] {
        let mut statement = db.prepare(&format!("EXPLAIN {sql}")).unwrap();
        let steps: Vec<String> =
            statement.raw_query().mapped(|row| row.get(1)).collect::<rusqlite::Result<_>>().unwrap();
        assert!(steps.len() > 10 && !steps.iter().any(|step| step == "OpenEphemeral"), "{sql}: {steps:?}");
    }
}

#[test]
fn history_cannot_be_altered() {
    let db = with_a_delivery();
    for (sql, expected) in [
        ("UPDATE attempt SET no = 2", "attempts are never changed"),
        ("DELETE FROM attempt", "attempts are never deleted"),
        ("UPDATE result SET outcome = 'failed'", "results are never changed"),
        ("DELETE FROM result", "results are never deleted"),
        ("UPDATE audit SET by = 'joe'", "the audit chain is never changed"),
        ("DELETE FROM audit", "the audit chain is never cut"),
        ("UPDATE edition SET body = x'03'", "an edition is never changed"),
        ("UPDATE delivery SET wire_key = 'v'", "what a delivery is cannot be changed"),
        ("UPDATE delivery SET recipient = 2", "what a delivery is cannot be changed"),
        ("DELETE FROM block", "a block with deliveries is never deleted"),
        ("DELETE FROM delivery", "deliveries are never deleted"),
        ("UPDATE delivery SET state = 'sent'", "cannot change its state like that"),
        ("UPDATE delivery SET state = 'claimed'", "cannot change its state like that"),
        ("UPDATE delivery SET state = 'superseded'", "CHECK constraint failed"),
        (
            "INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
                  VALUES (2, 1, 1, 1, 0, 'scheduled', 0, zeroblob(32), 'w')",
            "UNIQUE constraint failed: delivery.course, delivery.recipient, delivery.seat",
        ),
        (
            "INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
                  VALUES (2, 1, 1, 2, 0, 'attempting', 0, zeroblob(32), 'w')",
            "a delivery begins as scheduled",
        ),
    ] {
        let error = db.execute(sql, []).unwrap_err().to_string();
        assert!(error.contains(expected), "{sql}: {error}");
    }
}

#[test]
fn the_audit_chain_shows_every_alteration() {
    let db = empty();
    let write = |db: &Connection, seq: i64| {
        db.execute("INSERT INTO audit VALUES (?1, 0, 'ada', 'hold', 'x', '{}', zeroblob(32))", [seq])
            .unwrap();
    };
    assert_eq!(
        super::super::audit::first_broken(&db, &mut crate::ledger::told::Told::default()).unwrap(),
        None
    );
    write(&db, 1);
    assert_eq!(
        super::super::audit::first_broken(&db, &mut crate::ledger::told::Told::default()).unwrap(),
        Some(1)
    );
}

#[test]
fn a_newer_or_foreign_schema_is_refused() {
    let mut db = empty();
    migrate(&mut db, Timestamp::UNIX_EPOCH).unwrap();
    db.execute("UPDATE migration SET sha = zeroblob(32)", []).unwrap();
    assert!(matches!(migrate(&mut db, Timestamp::UNIX_EPOCH), Err(LedgerError::ForeignMigration(1))));
    db.execute("INSERT INTO migration VALUES (99, zeroblob(32), 0)", []).unwrap();
    let newer = migrate(&mut db, Timestamp::UNIX_EPOCH);
    assert!(matches!(newer, Err(LedgerError::NewerSchema { found: 99, .. })));
}

/// Statements that look at a whole table on purpose: all of a small one, or one page by number.
const MAY_SCAN: &[&str] = &[
    "DELETE FROM share WHERE TRUE",         // one row per limit
    "WITH RECURSIVE waiting (part)",        // its own rows: one per part that waits, found by the index
    "SELECT seq, hash FROM audit",          // the last by number
    "SELECT s.address, s.reason",           // every suppression is wanted
    "SELECT scope, target, reason",         // every hold
    "SELECT release, notice, source",       // every order
    "SELECT release, notice, title",        // every order
    "SELECT i.release, p.audience",         // every part
    "SELECT i.release, p.channel, t.state", // every part
    "SELECT p.channel, t.state",            // every part
    "SELECT id FROM course",                // every course
    "SELECT DISTINCT channel FROM course",
    "SELECT c.id, s.reason",                 // every suppression
    "SELECT (SELECT count(*) FROM contact)", // counts
    "SELECT part, state, sum(counted)",      // verify reads everything
    "SELECT d.id FROM delivery AS d JOIN block",
    "SELECT d.id\n      FROM delivery AS d JOIN block",
    "SELECT d.id\n      FROM delivery AS d LEFT JOIN block",
    "SELECT d.id\n      FROM delivery AS d\n     WHERE",
    "SELECT b.id, b.part, b.first", // every block, after a restore
    "SELECT sha FROM asset",        // verify reads everything
    "SELECT sha, body FROM edition",
    "SELECT d.id, d.key",
    "SELECT created_at FROM ledger_meta",    // one row
    "SELECT (SELECT count(*) FROM contact)", // once for each suppression of many
    "DELETE FROM source WHERE TRUE",         // one row per source
    "SELECT name, problem, seen_at FROM source",
    "SELECT class, n FROM report_tally",      // one row per class
    "SELECT release FROM issued WHERE title", // every order, for an answer without a token
    "SELECT lineage, ",
    "SELECT 1 FROM ledger_meta",
    "UPDATE ledger_meta",
    "SELECT serial, ",
    "UPDATE sqlite_sequence", // some rows
    "INSERT INTO sqlite_sequence",
    "DELETE FROM ahead",                     // every stretch
    "SELECT channel, name, record, last_at", // some keys
];

#[test]
fn every_statement_has_an_index_that_serves_it() {
    let db = empty();
    let (mut seen, mut slow) = (0, Vec::new());
    // A part that two statements share. Its `w` is read from the index of a week's parts.
    let (_, shared) = include_str!("intent.rs").split_once("() => {\n        \"").unwrap();
    let (shared, _) = shared.split_once("\"\n    };").unwrap();
    for (file, source) in [
        ("ahead", include_str!("ahead.rs")),
        ("amnesia", include_str!("amnesia.rs")),
        ("audit", include_str!("audit.rs")),
        ("blocks", include_str!("blocks.rs")),
        ("claim", include_str!("claim.rs")),
        ("contacts", include_str!("contacts.rs")),
        ("doubt", include_str!("doubt.rs")),
        ("follow", include_str!("follow.rs")),
        ("holds", include_str!("holds.rs")),
        ("intent", include_str!("intent.rs")),
        ("issue", include_str!("issue.rs")),
        ("limits", include_str!("limits.rs")),
        ("log", include_str!("log.rs")),
        ("planning", include_str!("planning.rs")),
        ("reports", include_str!("reports.rs")),
        ("restored", include_str!("restored.rs")),
        ("schema", include_str!("schema.rs")),
        ("settle", include_str!("settle.rs")),
        ("status", include_str!("status.rs")),
        ("verify", include_str!("verify.rs")),
        ("writer", include_str!("writer.rs")),
    ] {
        let source = source.replace("\",\n    mails!(),\n    \"", shared);
        for piece in source.split("\": &str").skip(1).chain(source.split(": &str").skip(1)) {
            let Some((_, after)) = piece.split_once('"') else { continue };
            let Some((sql, _)) = after.split_once('"') else { continue };
            let sql = sql.trim();
            if !["SELECT", "UPDATE", "INSERT", "DELETE", "WITH"].iter().any(|verb| sql.starts_with(verb)) {
                continue;
            }
            seen += 1;
            let mut plan = db
                .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
                .unwrap_or_else(|error| panic!("{file}: {sql}: {error}"));
            let steps: Vec<String> =
                plan.raw_query().mapped(|row| row.get(3)).collect::<rusqlite::Result<_>>().unwrap();
            let scans: Vec<&String> = steps
                .iter()
                .filter(|step| {
                    // `q` is what is asked.
                    let given = step.starts_with("SCAN q VIRTUAL") || step.contains("CONSTANT ROW");
                    step.starts_with("SCAN") && *step != "SCAN w" && !given
                })
                .filter(|step| !step.contains("-ROW VALUES") && !step.contains("hold"))
                .collect();
            // `verify` reads everything: that is what it is for.
            if !scans.is_empty() && file != "verify" && !MAY_SCAN.iter().any(|may| sql.starts_with(may)) {
                slow.push(format!("{file}: {sql}\n{steps:#?}"));
            }
        }
    }
    assert!(slow.is_empty(), "{}", slow.join("\n"));
    assert!(seen > 70, "only {seen} statements were found");
}
