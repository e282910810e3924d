//! Reaching the server, and what a connection must be before anything is written over it.

use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config, NoTls};

use super::Result;
use super::session::{Said, Session};
use super::tls::Tls;
use crate::ledger::{LeaseClock, LedgerError, PostgresConfig};

/// The oldest server that Dateline is tested with.
const OLDEST: i32 = 130_000;

/// A paused daemon must not keep the others waiting: the server ends its transaction. Statements touch few rows by key, so a
/// plan that was made while the tables were empty must not read all of them later, and joins go the way that is written. So there is one plan
/// for any value, which is made once: to make one costs more than to carry it out.
const SETTINGS: &str = "
    SET timezone = 'UTC';
    SET client_encoding = 'UTF8';
    SET default_transaction_isolation = 'read committed';
    SET lock_timeout = '15s';
    SET statement_timeout = '60s';
    SET idle_in_transaction_session_timeout = '15s';
    SET jit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET join_collapse_limit = 1;
    SET from_collapse_limit = 1";
/// `remote_apply` promises more than `on`; everything else less.
const DURABLE: &str = "SET synchronous_commit = 'on'";
const ASSERT: &str = "
    SELECT current_setting('server_version_num')::integer, current_setting('synchronous_commit'),
           current_setting('fsync'), current_setting('full_page_writes'), current_setting('server_encoding'),
           pg_is_in_recovery(), coalesce(current_schema()::regnamespace::oid::bigint, 0)";

/// The server, and how it is reached.
pub(super) struct Server {
    config: Config,
    tls: Option<Tls>,
    leases: LeaseClock,
}

impl Server {
    /// Reads the address; nothing is reached yet.
    pub(super) fn new(postgres: &PostgresConfig) -> Result<Server> {
        let refused = |words: &str| LedgerError::Refused(format!("`ledger.postgres.url`: {words}"));
        // The parser's own words may repeat parts of the address.
        let mut config: Config = postgres.address.expose()?.parse().map_err(|_| {
            refused(
                "this is no address of a PostgreSQL server; write `postgres://USER:PASSWORD@HOST/DATABASE`",
            )
        })?;
        if config.get_hosts().is_empty() {
            return Err(refused("it names no host"));
        }
        let local =
            config.get_hosts().iter().all(is_local) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
        let wanted = postgres.address.expose()?.contains("sslmode=");
        match config.get_ssl_mode() {
            SslMode::Require => {}
            _ if local && !wanted => {
                config.ssl_mode(SslMode::Disable);
            }
            SslMode::Disable if local => {}
            SslMode::Disable => {
                return Err(refused(
                    "`sslmode=disable` would send the contact book over the network in the clear; take it away",
                ));
            }
            _ => {
                config.ssl_mode(SslMode::Require);
            }
        }
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(Tls::new(postgres.ca_file.as_deref())?),
        };
        if config.get_application_name().is_none() {
            config.application_name("dateline");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(Duration::from_secs(5));
        }
        config
            .keepalives(true)
            .keepalives_idle(Duration::from_secs(15))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3)
            .tcp_user_timeout(Duration::from_secs(30));
        Ok(Server { config, tls, leases: postgres.leases })
    }

    /// Connects, and asserts what the guarantees stand on.
    pub(super) async fn connect(&self) -> Result<Session> {
        let reaching = |error: tokio_postgres::Error| Said::reaching(error);
        let client = match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(reaching)?;
                tokio::spawn(connection);
                client
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(reaching)?;
                tokio::spawn(connection);
                client
            }
        };
        let ready = tokio::time::timeout(Duration::from_secs(10), assert(&client)).await;
        let schema =
            ready.map_err(|_| Said::words("the server took the connection and does not answer"))??;
        Ok(Session::new(client, schema, self.leases))
    }
}

/// Sets the session and looks that it is so; returns the schema's number, which tells this ledger's locks from others'.
async fn assert(client: &Client) -> Result<i32> {
    client.batch_execute(SETTINGS).await?;
    let mut row = client.query_one(ASSERT, &[]).await?;
    if !matches!(row.try_get(1)?, "on" | "remote_apply") {
        client.batch_execute(DURABLE).await?;
        row = client.query_one(ASSERT, &[]).await?;
    }
    let (version, durable): (i32, &str) = (row.try_get(0)?, row.try_get(1)?);
    let (fsync, pages, encoding): (&str, &str, &str) = (row.try_get(2)?, row.try_get(3)?, row.try_get(4)?);
    let refused = |words: String| Err(LedgerError::Refused(format!("the PostgreSQL server {words}")));
    if version < OLDEST {
        return refused(format!("has version {}; Dateline needs 13 or newer", version / 10_000));
    }
    if !matches!(durable, "on" | "remote_apply") {
        return refused(format!(
            "insists on `synchronous_commit = {durable}`; it would forget what it promised"
        ));
    }
    if fsync != "on" || pages != "on" {
        return refused(
            "runs without `fsync` or `full_page_writes`; it would lose the ledger with the power".to_owned(),
        );
    }
    if encoding != "UTF8" {
        return refused(format!("keeps its database in {encoding}; make one with `ENCODING 'UTF8'`"));
    }
    if row.try_get(5)? {
        return refused("is a standby that cannot be written; name the primary".to_owned());
    }
    let schema: i64 = row.try_get(6)?;
    if schema == 0 {
        return refused(
            "gives this user no schema; `GRANT CREATE, USAGE ON SCHEMA public` or make one".to_owned(),
        );
    }
    // The number's bits, as the locks want them.
    Ok(u32::try_from(schema).unwrap_or_default().cast_signed())
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;
    use crate::ledger::Address;
    use crate::secret::SecretRef;

    fn check(url: &str, expected: &str) {
        let postgres = PostgresConfig {
            url: SecretRef::Env("URL".to_owned()),
            ca_file: None,
            address: Address::new(SecretString::from(url.to_owned())),
            leases: LeaseClock::Server,
        };
        let found = match Server::new(&postgres) {
            Ok(server) if server.tls.is_some() => "tls".to_owned(),
            Ok(_) => "plain".to_owned(),
            Err(error) => {
                assert!(!error.to_string().contains("hunter2"), "{error}");
                error.to_string().replace("`ledger.postgres.url`: ", "")
            }
        };
        assert!(found.starts_with(expected), "{url}: {found}");
    }

    #[test]
    fn a_network_is_crossed_with_tls_alone() {
        check("postgres://d:hunter2@db.halden.example/d", "tls");
        check("postgres://d:hunter2@db.halden.example/d?sslmode=prefer", "tls");
        check("postgres://d:hunter2@db.halden.example/d?sslmode=require", "tls");
        check("postgres://d:hunter2@db.halden.example/d?sslmode=disable", "`sslmode=disable` would send");
        check("postgres://d:hunter2@127.0.0.1,db.halden.example/d", "tls");
        check("postgres://d:hunter2@127.0.0.1:5433/d", "plain");
        check("postgres://d:hunter2@[::1]/d", "plain");
        check("postgres://d:hunter2@localhost/d?sslmode=require", "tls");
        check("host=/run/postgresql user=d", "plain");
        check("user=d password=hunter2", "it names no host");
        check("http://hunter2", "this is no address");
    }
}
