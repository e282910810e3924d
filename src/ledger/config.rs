//! Where the ledger is.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::LedgerError;
use crate::secret::SecretRef;

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LedgerConfig {
    /// The daemon's own folder, relative to the newsroom: `ledger.mark`, and without `postgres` also the ledger itself
    /// (`ledger.db`, `ledger.lock`). Created with mode 0700. It must be on a local disk.
    pub folder: PathBuf,
    /// Allows the ledger's file on a disk of the network or of FUSE, whose locks and syncs nobody can vouch for: two daemons
    /// may then send everything twice, and a loss of power may take back what was sent. Without it such a folder is refused.
    pub allow_network_disk: bool,
    /// The PostgreSQL server that holds the ledger of several daemons; without it the ledger is a file in `folder`.
    pub postgres: Option<PostgresConfig>,
}

impl Default for LedgerConfig {
    fn default() -> LedgerConfig {
        LedgerConfig { folder: PathBuf::from(".dateline"), allow_network_disk: false, postgres: None }
    }
}

/// The PostgreSQL server that holds the ledger of several daemons.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresConfig {
    /// Its address with the password, a secret: `postgres://dateline:…@db.halden.example/dateline`. Over a network the
    /// connection is always TLS with a certificate that is checked; this machine and sockets may go without.
    pub url: SecretRef,
    /// A file of certificates (PEM) to trust instead of the system's; relative to the newsroom.
    pub ca_file: Option<PathBuf>,
    /// What `url` refers to, once `config` has fetched it.
    #[serde(skip)]
    pub address: Address,
    /// Whose clock rules leases.
    #[serde(skip)]
    pub leases: LeaseClock,
}

/// A server's address with its password. `Debug` shows neither, and two of them are never told apart.
#[derive(Clone, Default)]
pub struct Address(Option<SecretString>);

impl Address {
    /// The address `url`.
    pub fn new(url: SecretString) -> Address {
        Address(Some(url))
    }

    /// The address in the clear; an error where nobody fetched it.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only a connection needs it"))]
    pub(super) fn expose(&self) -> Result<&str, LedgerError> {
        match &self.0 {
            Some(url) => Ok(url.expose_secret()),
            None => {
                Err(LedgerError::Refused("the address of the PostgreSQL server was not fetched".to_owned()))
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "[hidden]" } else { "none" })
    }
}

impl PartialEq for Address {
    fn eq(&self, _: &Address) -> bool {
        true
    }
}

impl Eq for Address {}

/// Whose clock rules leases in a ledger on PostgreSQL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LeaseClock {
    /// The server's, the one clock that all daemons share.
    #[default]
    Server,
    /// The caller's `now`, for tests that make their own time. Never with two daemons.
    Caller,
}
