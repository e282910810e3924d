//! When mail may leave: windows, cron slots, digests.

use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::audience::Audience;

/// Hours of some weekdays.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// The days.
    pub days: Vec<Weekday>,
    /// From this time of day.
    pub from: Time,
    /// Until before this one.
    pub until: Time,
    /// Whose clock counts.
    pub zone: Zone,
}

/// Whose clock counts.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// The recipient's; the newsroom's where it is not known.
    Recipient,
    /// The newsroom's.
    Newsroom,
    /// A named one.
    Named(TimeZone),
}

/// A five-field cron pattern, read in the newsroom's zone.
#[derive(Debug, Clone)]
pub struct Slots {
    /// The pattern as it was written.
    pub pattern: String,
    /// The pattern, parsed.
    pub cron: croner::Cron,
}

/// A round-up at fixed times.
#[derive(Debug, Clone)]
pub struct Digest {
    /// When it leaves.
    pub slots: Slots,
    /// The template that renders it.
    pub template: String,
}

pub(super) fn due(
    audience: &Audience,
    ready: Timestamp,
    newsroom: &TimeZone,
    recipient: &TimeZone,
) -> Option<Timestamp> {
    let _ = (audience, newsroom, recipient);
    Some(ready)
}
