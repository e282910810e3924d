//! Not built yet.

pub mod demo;
