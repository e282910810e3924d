//! Not built yet.

pub mod demo;
pub mod plan;
