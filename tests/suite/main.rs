//! Tests that see the whole crate: house rules, seams, real servers. One binary, one module a subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that cannot go on must fail"
)]

mod ahead;
mod browser;
mod cli;
mod contacts;
#[cfg(feature = "crashpoints")]
mod crash;
mod daemon;
mod disk;
mod dispatch;
mod docs;
mod embargo;
mod example;
mod front;
mod generated;
mod hostile;
mod import;
mod intake;
mod layers;
mod leave;
mod leave_running;
mod ledger;
mod looks;
mod matrix;
mod model;
mod networks;
mod ninjs;
mod notices;
mod once;
mod payloads;
mod preview;
mod preview_chromium;
mod providers;
mod reading;
mod real_bounces;
mod real_mail;
mod servers;
mod shaping;
mod verified;
mod wordpress;
mod words;
mod world;
