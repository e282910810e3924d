//! The same cases over PostgreSQL, each in a schema of its own, where `tests/endpoints/postgres.sh` started a server.

use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use dateline::ledger::{Address, LeaseClock, Ledger, LedgerConfig, PostgresConfig};
use dateline::secret::SecretRef;
use secrecy::SecretString;

use super::desk::at;

/// The server that the environment names; nothing where there is none, or where this program cannot speak to it.
pub fn server() -> Option<String> {
    static SAID: Once = Once::new();
    let url = std::env::var("DATELINE_TEST_POSTGRES").ok();
    let able = cfg!(feature = "postgres");
    if url.is_none() || !able {
        let why = if able {
            "`eval \"$(tests/endpoints/postgres.sh start DIR)\"` starts one"
        } else {
            "built without the feature `postgres`"
        };
        SAID.call_once(|| eprintln!("skipped: PostgreSQL ({why})"));
    }
    url.filter(|_| able)
}

thread_local! {
    static NEWEST: std::cell::RefCell<String> = const { std::cell::RefCell::new(String::new()) };
}

/// The schema that this test made last.
#[cfg(feature = "postgres")]
pub fn newest_schema() -> String {
    NEWEST.with_borrow(Clone::clone)
}

/// A schema that nobody else uses, and the settings of a ledger in it.
pub async fn schema(folder: &std::path::Path, leases: LeaseClock) -> Option<LedgerConfig> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = server()?;
    let name = format!("case_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    execute(&url, &format!("CREATE SCHEMA {name}")).await;
    NEWEST.set(name.clone());
    let url = format!("{url}?options=-csearch_path%3D{name}&application_name={name}");
    Some(LedgerConfig {
        folder: folder.join("ledger"),
        allow_network_disk: false,
        postgres: Some(PostgresConfig {
            url: SecretRef::Env("DATELINE_TEST_POSTGRES".to_owned()),
            ca_file: None,
            address: Address::new(SecretString::from(url)),
            leases,
        }),
    })
}

/// The schema that this test made last, over TLS with a certificate that `ca` must have signed; without one, that the system trusts.
#[cfg(feature = "postgres")]
pub fn with_tls(config: &LedgerConfig, ca: Option<std::path::PathBuf>) -> Option<LedgerConfig> {
    let (url, name) = (server()?, newest_schema());
    let url = format!("{url}?sslmode=require&options=-csearch_path%3D{name}&application_name={name}_tls");
    let mut config = config.clone();
    let postgres = config.postgres.as_mut()?;
    (postgres.ca_file, postgres.address) = (ca, Address::new(SecretString::from(url)));
    Some(config)
}

/// A new ledger whose leases follow the test's own time, and the folder that goes away with it.
pub async fn new() -> Option<(tempfile::TempDir, Ledger)> {
    let folder = tempfile::tempdir().unwrap();
    let config = schema(folder.path(), LeaseClock::Caller).await?;
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    Some((folder, ledger))
}

/// Drops the schema that this test made last: thousands of them would be a burden.
pub async fn drop_newest() {
    let Some(url) = server() else { return };
    let name = NEWEST.with_borrow(Clone::clone);
    execute(&url, &format!("SET client_min_messages = error; DROP SCHEMA {name} CASCADE")).await;
}

#[cfg(feature = "postgres")]
pub async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    connection.await.unwrap().unwrap();
}

#[cfg(not(feature = "postgres"))]
#[expect(clippy::unused_async, reason = "with the feature it waits")]
pub async fn execute(_url: &str, _sql: &str) {}
