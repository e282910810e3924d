//! What comes back: bounces, complaints, unsubscribe mails, answers by people.
//!
//! [`read`] is pure: a mail's bytes in, what it says out. [`source`] fetches mails, [`hook`] believes what email service
//! providers post, and [`desk`] takes all of it into the ledger, once. It promises:
//!
//! - **Nobody speaks for another.** Whom a report is about is said by a token that was made for one delivery; a forged report can at
//!   most suppress its own holder. No text chooses anything.
//! - **Once.** The same report again changes nothing, whatever source it comes from; what is not on record is not marked as done.
//! - **Sending goes on.** A source that fails is tried again, ever more slowly, and says so in `dateline status` and `/readyz`.
//!
//! It fails in no other way: what cannot be understood is counted and left where it is.

pub mod config;
pub mod desk;
pub mod hook;
pub mod mime;
pub mod read;
mod run;
pub mod source;

pub use run::{Examined, Intake};
