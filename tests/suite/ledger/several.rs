//! Several daemons on one PostgreSQL: what only they can break.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use dateline::digest::Digest;
use dateline::ledger::{
    Cause, DeliveryId, Intent, LeaseClock, Ledger, LedgerConfig, LedgerError, Scope, State,
};
use dateline::plan::Action;
use dateline::release::Notice;
use tokio_postgres::Client;

use super::desk::{Desk, Part, arrived, at, order, to};
use super::postgres;

/// A schema of its own, with an administrator beside it.
struct Place {
    _folder: tempfile::TempDir,
    config: LedgerConfig,
    admin: Client,
    schema: String,
}

async fn place() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let config = postgres::schema(folder.path(), LeaseClock::Server).await?;
    let (admin, connection) =
        tokio_postgres::connect(&postgres::server()?, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    let schema = postgres::newest_schema();
    admin.batch_execute(&format!("SET search_path = {schema}")).await.unwrap();
    Some(Place { _folder: folder, config, admin, schema })
}

impl Place {
    /// One more daemon, in a folder of its own.
    async fn daemon(&self, n: u32) -> Ledger {
        Ledger::open_exclusive(&self.of(n), at(-60)).await.unwrap()
    }

    fn of(&self, n: u32) -> LedgerConfig {
        LedgerConfig { folder: self.config.folder.join(n.to_string()), ..self.config.clone() }
    }

    /// Cuts every connection of the daemons.
    async fn cut(&self) {
        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1";
        self.admin.query(sql, &[&self.schema]).await.unwrap();
    }

    async fn count(&self, sql: &str) -> i64 {
        self.admin.query_one(sql, &[]).await.unwrap().get(0)
    }
}

/// Where nobody set more, a server has a hundred connections; those that are idle stay open, so what is open in the end is the most there was.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_with_much_to_do_at_once_leaves_connections_to_others() {
    let Some(place) = place().await else { return };
    let ledger = place.daemon(1).await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..150 {
        let ledger = ledger.clone();
        asked.spawn(async move { ledger.holds().await });
    }
    while let Some(done) = asked.join_next().await {
        done.unwrap().unwrap();
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = current_schema()";
    let open = place.count(open).await;
    assert!((2..=8).contains(&open), "{open} connections");
}

/// An order whose parts are blocks of their own, as a long list has them.
async fn issue(desk: &Desk, parts: i64, each: i64) {
    const AUDIENCES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let parts = (0..parts)
        .map(|part| {
            let list: Vec<i64> = (1 + part * each..=(part + 1) * each).collect();
            Part(AUDIENCES[usize::try_from(part).unwrap()], "relay", Action::Create, to(&list))
        })
        .collect();
    desk.issue(order("aster", Notice::Original, "v1", parts)).await;
}

#[derive(Default)]
struct World {
    arrived: Mutex<BTreeMap<DeliveryId, u32>>,
    refused: AtomicU64,
    stop: AtomicBool,
}

/// Works as a daemon does: claims, asks, delivers, settles; goes on after every failure.
async fn dispatch(ledger: Ledger, owner: String, world: Arc<World>) {
    let sha = Digest::of(b"the request");
    let mut idle = 0;
    while idle < 3 && !world.stop.load(Ordering::SeqCst) {
        let Ok(claims) = ledger.claim(&owner, "relay", at(0), 20).await else { continue };
        idle = if claims.is_empty() { idle + 1 } else { 0 };
        for some in claims.chunks(7) {
            let batch = some.iter().map(|claim| (claim.delivery, claim.epoch, sha)).collect();
            let Ok(intents) = ledger.intent(batch, at(0)).await else {
                world.refused.fetch_add(some.len() as u64, Ordering::SeqCst);
                continue;
            };
            for (claim, intent) in some.iter().zip(intents) {
                if let Intent::Go(attempt) = intent {
                    *world.arrived.lock().unwrap().entry(claim.delivery).or_default() += 1;
                    ledger.settle(attempt, arrived(), at(1)).await.unwrap();
                }
            }
        }
        while ledger.return_claims(&owner, at(1)).await.is_err() {}
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_daemons_whose_connections_are_cut_lose_nothing_and_send_nothing_twice() {
    let Some(place) = place().await else { return };
    let desk = Desk::with(place.daemon(0).await, 640).await;
    issue(&desk, 8, 80).await;
    let world = Arc::new(World::default());
    let mut daemons = tokio::task::JoinSet::new();
    for n in 1..=4 {
        daemons.spawn(dispatch(place.daemon(n).await, format!("daemon-{n}"), Arc::clone(&world)));
    }
    // A cut after every some that arrived, while there is anything to cut.
    let mut seen = 0;
    let mut cuts = 0;
    while !daemons.is_empty() {
        tokio::select! {
            done = daemons.join_next() => done.unwrap().unwrap(),
            () = tokio::task::yield_now() => {}
        }
        let now = world.arrived.lock().unwrap().len();
        if now >= seen + 60 {
            seen = now;
            cuts += 1;
            place.cut().await;
        }
    }
    assert!(cuts >= 5, "only {cuts} cuts");
    let desk = Desk { ledger: place.daemon(5).await };
    // What a lost commit left under way belongs to nobody any more; its lease ends here.
    place
        .admin
        .batch_execute("UPDATE block SET lease_until = 1 WHERE lease_owner IS NOT NULL")
        .await
        .unwrap();
    desk.ledger.rescue(at(2)).await.unwrap();
    desk.send_all("relay", at(3)).await;
    desk.is_sound().await;
    let arrived = world.arrived.lock().unwrap().clone();
    assert!(arrived.values().all(|n| *n == 1), "{arrived:?}");
    let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9_999).await.unwrap();
    assert_eq!(log.len(), 640);
    let unknown = log.iter().filter(|entry| entry.state == State::Unknown).count() as u64;
    assert!(unknown <= world.refused.load(Ordering::SeqCst), "{unknown} unknown");
    for entry in &log {
        let known = arrived.contains_key(&entry.delivery);
        match entry.state {
            State::Sent => {}
            State::Unknown => assert!(!known, "{:?} arrived and nobody knows", entry.delivery),
            other => panic!("{:?} is {other}", entry.delivery),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_hold_is_acknowledged_no_daemon_writes_an_intent() {
    let Some(place) = place().await else { return };
    let desk = Desk::with(place.daemon(0).await, 640).await;
    issue(&desk, 8, 80).await;
    let world = Arc::new(World::default());
    let mut daemons = tokio::task::JoinSet::new();
    for n in 1..=3 {
        let ledger = place.daemon(n).await;
        let world = Arc::clone(&world);
        daemons.spawn(async move {
            while !world.stop.load(Ordering::SeqCst) {
                let one = World::default();
                dispatch(ledger.clone(), format!("daemon-{n}"), Arc::new(one)).await;
            }
        });
    }
    let scopes = [
        Scope::Everything,
        Scope::Channel("relay".to_owned()),
        Scope::Release("aster".to_owned()),
        Scope::Destination("paper.example".to_owned()),
    ];
    let attempts = "SELECT count(*) FROM attempt";
    for scope in scopes.iter().cycle().take(crate::disk::size(24, 200)) {
        desk.ledger.hold(scope.clone(), "a doubt", "ada", at(0)).await.unwrap();
        let before = place.count(attempts).await;
        for _ in 0..20 {
            tokio::task::yield_now().await;
            assert_eq!(place.count(attempts).await, before, "an intent passed a hold on {scope}");
        }
        desk.ledger.resume(scope, "ada", at(0)).await.unwrap();
        // Some leave before the next hold, unless all that waits was put off.
        for _ in 0..200 {
            if place.count(attempts).await > before {
                break;
            }
        }
    }
    world.stop.store(true, Ordering::SeqCst);
    while let Some(done) = daemons.join_next().await {
        done.unwrap();
    }
    desk.send_all("relay", at(99)).await;
    desk.is_sound().await;
    assert_eq!(place.count(attempts).await, 640);
}

#[tokio::test]
async fn daemons_that_start_together_make_one_ledger() {
    let Some(place) = place().await else { return };
    let (a, b, c) = tokio::join!(place.daemon(1), place.daemon(2), place.daemon(3));
    let desk = Desk::with(a, 1).await;
    assert_eq!(b.counts().await.unwrap().contacts, 1);
    // The same order by each of them is one order.
    let order = || order("aster", Notice::Original, "v1", vec![super::mail(Action::Create, &[1])]);
    let (x, y, z) =
        tokio::join!(desk.ledger.issue(order(), at(0)), b.issue(order(), at(0)), c.issue(order(), at(0)));
    let created: u64 = [x, y, z].into_iter().map(|issued| issued.unwrap().created).sum();
    assert_eq!(created, 1);
    // The server's clock rules leases, whatever a daemon's own clock says.
    assert_eq!(b.claim("b", "relay", at(0), 1).await.unwrap().len(), 1);
    assert_eq!(c.rescue(at(9_999_999)).await.unwrap().blocks, 0);
    assert!(c.server_clock().await.unwrap().is_some());
    b.return_claims("b", at(0)).await.unwrap();
    desk.is_sound().await;
}

#[tokio::test]
async fn a_ledger_that_forgot_is_held_for_all() {
    let Some(place) = place().await else { return };
    let desk = Desk::with(place.daemon(1).await, 2).await;
    desk.original("aster", "v1", &[1, 2]).await;
    assert_eq!(desk.send_all("relay", at(0)).await, 2);
    desk.ledger.close(at(1)).await.unwrap();
    // As a standby that lagged behind: the last attempts are not there.
    let back = "ALTER TABLE attempt DISABLE TRIGGER USER; DELETE FROM attempt WHERE id > 1;
                ALTER TABLE attempt ENABLE TRIGGER USER; SELECT setval('attempt_id', 1);";
    place.admin.batch_execute(back).await.unwrap();
    let desk = Desk { ledger: place.daemon(1).await };
    let holds = desk.ledger.holds().await.unwrap();
    assert!(holds.len() == 1 && holds[0].cause == Cause::Restored, "{holds:?}");
    assert!(holds[0].reason.contains("1 attempts are missing"), "{holds:?}");
    let other = place.daemon(2).await;
    assert_eq!(other.holds().await.unwrap(), holds);
    assert!(
        place.count("SELECT nextval('attempt_id')").await > 2,
        "numbers of lost attempts are not given again"
    );
}

#[tokio::test]
async fn a_newer_or_foreign_schema_is_refused() {
    let Some(place) = place().await else { return };
    place.daemon(1).await.close(at(0)).await.unwrap();
    let known = place.count("SELECT max(version) FROM migration").await;
    place.admin.batch_execute("UPDATE migration SET sha = sha256('') WHERE version = 1").await.unwrap();
    let foreign = Ledger::open(&place.of(1), at(0)).await;
    assert!(matches!(foreign, Err(LedgerError::ForeignMigration(1))), "{:?}", foreign.err());
    place.admin.batch_execute("INSERT INTO migration VALUES (99, sha256(''), 0)").await.unwrap();
    let newer = Ledger::open(&place.of(1), at(0)).await;
    let expected = matches!(newer, Err(LedgerError::NewerSchema { found: 99, known: k }) if k == known);
    assert!(expected, "{:?}", newer.err());
}

#[tokio::test]
async fn the_database_allows_exactly_the_transitions_of_the_code() {
    let Some(place) = place().await else { return };
    let desk = Desk::with(place.daemon(1).await, 1).await;
    desk.original("aster", "v1", &[1]).await;
    let admin = &place.admin;
    for from in State::ALL {
        for to in State::ALL {
            let set = |state: State| {
                let without = matches!(state, State::Cancelled | State::Superseded | State::Expired);
                let sent = matches!(state, State::Sent | State::Bounced | State::Complained);
                format!(
                    "UPDATE delivery SET state = '{state}', seat = {}, sent_at = {}",
                    if without { "NULL" } else { "0" },
                    if sent { "1" } else { "NULL" }
                )
            };
            // Put the delivery into `from` behind the trigger's back, then try the change.
            let begin = format!(
                "BEGIN; SET LOCAL session_replication_role = replica; {}; SET LOCAL session_replication_role = origin",
                set(from)
            );
            admin.batch_execute(&begin).await.unwrap();
            let changed = admin.batch_execute(&set(to)).await.is_ok();
            admin.batch_execute("ROLLBACK").await.unwrap();
            assert_eq!(changed, from.may_become(to), "{from} -> {to}");
        }
    }
}

#[tokio::test]
async fn history_cannot_be_altered() {
    let Some(place) = place().await else { return };
    let desk = Desk::with(place.daemon(1).await, 2).await;
    desk.original("aster", "v1", &[1, 2]).await;
    assert_eq!(desk.send_all("relay", at(0)).await, 2);
    for (sql, expected) in [
        ("UPDATE attempt SET no = 2", "attempts are never changed"),
        ("DELETE FROM attempt", "attempts are never deleted"),
        ("TRUNCATE attempt", "attempts are never deleted"),
        ("UPDATE result SET outcome = 'failed'", "results are never changed"),
        ("DELETE FROM result", "results are never deleted"),
        ("UPDATE audit SET by = 'joe'", "the audit chain is never changed"),
        ("DELETE FROM audit", "the audit chain is never cut"),
        ("UPDATE edition SET body = ''", "an edition is never changed"),
        ("UPDATE delivery SET wire_key = 'v'", "what a delivery is cannot be changed"),
        ("UPDATE delivery SET recipient = 3", "what a delivery is cannot be changed"),
        ("DELETE FROM block", "a block with deliveries is never deleted"),
        ("DELETE FROM delivery", "deliveries are never deleted"),
        ("UPDATE delivery SET state = 'scheduled', sent_at = NULL", "cannot change its state like that"),
        (
            "INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
                  SELECT 77777, block, course, recipient, seat, 'scheduled', due, key, wire_key FROM delivery LIMIT 1",
            "delivery_course_recipient_seat_key",
        ),
        (
            "INSERT INTO delivery (id, block, course, recipient, seat, state, due, key, wire_key)
                  SELECT 77777, block, course, 7, 0, 'attempting', due, key, wire_key FROM delivery LIMIT 1",
            "a delivery begins as scheduled",
        ),
        (
            "INSERT INTO attempt SELECT id + 9, delivery, no, epoch, owner, intent_at, deadline, request_sha FROM attempt",
            "attempt_delivery_epoch_key",
        ),
    ] {
        let error = place.admin.batch_execute(sql).await.unwrap_err();
        let words = error.as_db_error().unwrap().message().to_owned();
        assert!(words.contains(expected), "{sql}: {words}");
    }
}

#[tokio::test]
async fn a_connection_under_tls_is_to_the_server_that_the_certificate_names() {
    let Some(place) = place().await else { return };
    let Ok(folder) = std::env::var("DATELINE_TEST_POSTGRES_CA") else {
        eprintln!("skipped: the server has no certificate");
        return;
    };
    let ca = |name: &str| Some(std::path::Path::new(&folder).join(name));
    let config = postgres::with_tls(&place.of(1), ca("ca.pem")).unwrap();
    let desk = Desk::with(Ledger::open_exclusive(&config, at(-60)).await.unwrap(), 2).await;
    desk.original("aster", "v1", &[1, 2]).await;
    assert_eq!(desk.send_all("relay", at(0)).await, 2);
    desk.is_sound().await;
    let ours = format!(
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
          WHERE application_name = '{}_tls'",
        place.schema
    );
    assert!(place.count(&ours).await > 0);
    assert_eq!(place.count(&format!("{ours} AND NOT ssl")).await, 0, "in the clear");
    desk.ledger.close(at(1)).await.unwrap();

    // Another authority, and the system's, do not vouch for it; nothing is said to a server that nobody vouches for.
    for other in [ca("other.pem"), None] {
        let config = postgres::with_tls(&place.of(2), other.clone()).unwrap();
        let error = Ledger::open_exclusive(&config, at(-60)).await.err().unwrap().to_string();
        assert!(error.to_lowercase().contains("certificate"), "{other:?}: {error}");
    }
}
