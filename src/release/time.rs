//! Times as people write them: a wall clock in a named place.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A wall-clock time, and the zone it names, if it does.
#[derive(Debug, Clone, PartialEq)]
pub struct WallTime {
    /// What the clock on the wall shows.
    pub civil: DateTime,
    /// The zone in brackets, as an IANA name.
    pub zone: Option<TimeZone>,
}

/// Why a time cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The clocks go forward over it.
    #[error("{civil} does not exist in {zone}: the clocks go from {before} to {after} that night")]
    Skipped {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// The last wall-clock time before the gap.
        before: DateTime,
        /// The first one after it.
        after: DateTime,
    },
    /// The clocks go back over it.
    #[error("{civil} happens twice in {zone}: the clocks go back that night")]
    Repeated {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
    },
    /// It cannot be read.
    #[error("{0}")]
    Syntax(String),
}

impl WallTime {
    /// The instant, in the zone it names or else in `default`.
    ///
    /// A time that the clocks skip or repeat is refused, not guessed.
    pub fn instant(&self, default: &TimeZone) -> Result<Timestamp, TimeError> {
        let zone = self.zone.as_ref().unwrap_or(default);
        zone.to_ambiguous_timestamp(self.civil)
            .unambiguous()
            .map_err(|error| TimeError::Syntax(error.to_string()))
    }
}
