//! `dateline demo`, and the parts of it that stand on their own.

pub mod catcher;
