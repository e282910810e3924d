//! Every column of every table of a ledger with a past is edited in turn, and every row deleted: what does `verify` not notice?
//!
//! Whoever can write the file can also write the chain anew; this is about edits that leave it alone. What is not noticed is listed,
//! and is nothing that decides whether, when and to whom something leaves, nor who approved it.

use std::collections::BTreeMap;
use std::path::Path;

use dateline::ledger::{Decision, Ledger, LedgerConfig, Outcome, Scope};
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;
use expect_test::{Expect, expect};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::desk::{Desk, Part, arrived, at, mail, order, reply};

/// A past in which every table has rows: sent, failed, later, unknown, decided, suppressed, superseded; a correction, holds.
async fn past(desk: &Desk) {
    desk.original("aster", "v1", &[1, 2, 3, 4, 5, 6]).await;
    let claims = desk.claim(at(0)).await;
    let mut attempts = Vec::new();
    for claim in &claims[..5] {
        attempts.push(desk.go(claim, at(1)).await);
    }
    desk.settle(attempts[0], arrived(), at(2)).await;
    desk.settle(attempts[1], arrived(), at(2)).await;
    desk.settle(attempts[2], Outcome::Failed { reply: reply("no"), suppress: true }, at(2)).await;
    desk.settle(attempts[3], Outcome::Unknown { reply: reply("silence") }, at(2)).await;
    desk.settle(attempts[4], Outcome::Unknown { reply: reply("silence") }, at(2)).await;
    desk.ledger.resolve(claims[3].delivery, Decision::Sent, "ada", reply("asked them"), at(3)).await.unwrap();
    let ready = Part("bloggers", "relay", Action::Update, Recipients::Open(1));
    let site = Part("bloggers", "site", Action::Create, Recipients::Account);
    let parts = vec![mail(Action::Correct, &[]), ready, site];
    desk.issue(order("aster", Notice::Correction, "v2", parts)).await;
    desk.send_all("site", at(4)).await;
    let claims = desk.claim(at(5)).await;
    let attempt = desk.go(&claims[0], at(6)).await;
    desk.settle(attempt, Outcome::Later { due: at(60), reply: reply("busy") }, at(7)).await;
    desk.ledger.suppress(&"c9@paper.example".parse().unwrap(), "asked", "by telephone", at(8)).await.unwrap();
    for scope in [Scope::Channel("relay".to_owned()), Scope::Everything] {
        desk.ledger.hold(scope, "a doubt", "ada", at(9)).await.unwrap();
    }
    desk.ledger.resume(&Scope::Everything, "ada", at(10)).await.unwrap();
    desk.is_sound().await;
}

/// Whether a look at the ledger shows that something is wrong.
async fn noticed(config: &LedgerConfig) -> bool {
    match Ledger::open(config, at(20)).await {
        Err(_) => true,
        Ok(ledger) => {
            let wrong = ledger.verify().await.map_or(true, |wrong| !wrong.is_empty());
            let _ = ledger.close(at(20)).await;
            wrong
        }
    }
}

fn texts(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Another value of the same kind.
fn other(value: &Value) -> Value {
    match value {
        Value::Null => Value::Integer(1),
        Value::Integer(n) => Value::Integer(if *n == 0 { 1 } else { n - 1 }),
        Value::Real(n) => Value::Real(n + 1.0),
        Value::Text(text) => Value::Text(format!("{text}x")),
        Value::Blob(bytes) => Value::Blob(bytes.iter().map(|byte| byte ^ 1).collect()),
    }
}

/// A copy of the ledger whose rules are out of force.
fn lawless(from: &Path, to: &Path) -> Connection {
    crate::disk::copy(from, to);
    let db = Connection::open(to.join("ledger.db")).unwrap();
    for trigger in texts(&db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'") {
        db.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    db.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON").unwrap();
    db
}

#[tokio::test]
async fn what_an_edit_of_the_file_does_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let desk = Desk::with(Ledger::open_exclusive(&config, at(-7200)).await.unwrap(), 6).await;
    past(&desk).await;
    desk.ledger.close(at(11)).await.unwrap();

    let mut unseen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut edits = 0;
    let probe = Connection::open(config.folder.join("ledger.db")).unwrap();
    let tables = texts(
        &probe,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    for table in tables {
        let columns = texts(&probe, &format!("SELECT name FROM pragma_table_info('{table}')"));
        let all: i64 =
            probe.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap();
        for column in columns.iter().map(String::as_str).chain(["(row)"]) {
            let mut ways: Vec<(String, Option<Value>)> = Vec::new();
            if column == "(row)" {
                let first = &columns[0];
                let newest = format!("(SELECT max(\"{first}\") FROM \"{table}\")");
                ways.push((format!("DELETE FROM \"{table}\" WHERE \"{first}\" = {newest}"), None));
            } else {
                let sql = format!("SELECT DISTINCT \"{column}\" FROM \"{table}\" ORDER BY 1 DESC LIMIT 3");
                let mut statement = probe.prepare(&sql).unwrap();
                let values = statement.query_map([], |row| row.get::<_, Value>(0)).unwrap();
                for value in values {
                    ways.push((
                        format!("UPDATE \"{table}\" SET \"{column}\" = ?2 WHERE \"{column}\" IS ?1"),
                        Some(value.unwrap()),
                    ));
                }
            }
            if all == 0 {
                unseen.entry(table.clone()).or_default().push("(empty)".to_owned());
                break;
            }
            for (sql, value) in ways {
                let copy = tempfile::tempdir().unwrap();
                let to = copy.path().join("ledger");
                let db = lawless(&config.folder, &to);
                let done = match &value {
                    Some(value) => db.execute(&sql, [value.clone(), other(value)]),
                    None => db.execute(&sql, []),
                };
                drop(db);
                // What the table itself refuses cannot be written.
                if !done.is_ok_and(|n| n > 0) {
                    continue;
                }
                edits += 1;
                let config = LedgerConfig { folder: to, ..config.clone() };
                let list = unseen.entry(table.clone()).or_default();
                if !noticed(&config).await && !list.contains(&column.to_owned()) {
                    list.push(column.to_owned());
                }
            }
        }
    }
    let mut told = format!("{edits} edits\n");
    for (table, columns) in unseen.iter().filter(|(_, columns)| !columns.is_empty()) {
        told.push_str(&format!("{table}: {}\n", columns.join(", ")));
    }
    check(
        &told,
        &expect![[r#"
            225 edits
            ahead: (empty)
            answer: (empty)
            attempt: epoch, owner, deadline, request_sha
            block: first, next_due, epoch, lease_owner, lease_until, claimed, rescues
            contact: name, language, timezone, embargo_ok, tags, fields, changed_at, consent, (row)
            delivery: due, remote_id, url, guilt, guilt_epoch
            doubt: delivery, since, look_at, absent, resent
            hold: cause
            ledger_meta: one, serial, created_at, closed_at, boot_id
            migration: applied_at
            pace: (empty)
            part: crowd
            report: (empty)
            report_tally: (empty)
            result: code, enhanced, text, at, late
            share: (empty)
            signed_with: (empty)
            source: (empty)
            suppression: evidence
            wish: (empty)
        "#]],
    );
}

fn check(told: &str, expected: &Expect) {
    expected.assert_eq(told);
}
