//! The daemon over real git repositories, a real ledger, a relay on loopback, a site and an archive.

mod drill;
mod edits;
mod guarding;
mod history;
pub mod inside;
pub mod process;
pub mod room;
mod running;
mod stopping;
mod trouble;
mod zones;
