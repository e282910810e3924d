//! Dateline: GitOps for press releases.
//!
//! ```text
//!  git                    pure                                    durable               outside
//! +------+   +-----------+  +-------+  +------+  +--------+   +--------+  +----------+  +---------+
//! | load |-> | newsroom  |->| check |  | plan |->| render |-> | ledger |->| dispatch |->| channel |-> world
//! +------+   +-----------+  +-------+  +------+  +--------+   +--------+  +----------+  +---------+
//!                 |             |          ^          |            ^  ^         |             |
//!                 |             v          |          v            |  +- settle-+<- Receipt --+
//!                 |          findings     now      preview       intake <--------- reports ---+
//!    edges:  cli (all of it)   preview (left half only)   daemon (ties the halves together)
//! ```
//!
//! The modules below stand in reading order; a module imports only what stands
//! above it here. `ARCHITECTURE.md` has the table and the invariants.

pub mod clock;
pub mod crashpoint;
pub mod digest;
pub mod finding;

pub mod audience;
pub mod contact;
pub mod language;
pub mod release;
pub mod secret;
pub mod token;
pub mod yaml;

pub mod newsroom;

pub mod check;
pub mod load;
pub mod plan;
pub mod render;

pub mod channel;
pub mod ledger;

pub mod dispatch;
pub mod intake;
pub mod web;

pub mod daemon;
pub mod preview;

pub mod config;

pub mod cli;

/// A desk reads and writes texts of a moment: with the system's allocator a fifth of its time went into asking for memory and giving it back.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;
