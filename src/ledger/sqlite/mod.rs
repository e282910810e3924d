//! The ledger over SQLite.

/// A handle.
#[derive(Clone)]
pub struct Sqlite;
