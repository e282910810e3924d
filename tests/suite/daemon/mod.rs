//! The daemon over real git repositories, a real ledger, a relay on loopback, a site and an archive.

mod edits;
mod history;
mod inside;
mod process;
pub mod room;
mod running;
mod trouble;
