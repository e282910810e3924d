//! Why a time cannot be used, and what to write instead.

use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Why a time cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// The clocks go forward over it.
    #[error("{} does not exist in {zone}: the clocks go from {} to {} that night", short(.civil), clock(.before), clock(.after))]
    Skipped {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// What the clocks show when they are put forward.
        before: DateTime,
        /// What they show then.
        after: DateTime,
    },
    /// The clocks go back over it.
    #[error("{} happens twice in {zone}: the clocks go back from {} to {} that night", short(.civil), clock(.before), clock(.after))]
    Repeated {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// What the clocks show when they are put back.
        before: DateTime,
        /// What they show then.
        after: DateTime,
        /// The offset of its first time.
        first: Offset,
        /// The offset of its second time.
        second: Offset,
    },
    /// The offset is not the zone's.
    #[error("{zone} is at {} on {}, not at {}", offset_text(*.actual), short(.civil), offset_text(*.written))]
    Offset {
        /// The time.
        civil: DateTime,
        /// The zone.
        zone: String,
        /// The offset as it was written.
        written: Offset,
        /// The zone's.
        actual: Offset,
    },
    /// No zone has that name.
    #[error("there is no time zone `{name}`")]
    Zone {
        /// What was written.
        name: String,
        /// What was probably meant.
        near: Option<String>,
    },
    /// It cannot be read.
    #[error("{message}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// What to write.
        hint: String,
    },
}

impl TimeError {
    /// What to do.
    pub fn hint(&self) -> String {
        match self {
            TimeError::Skipped { civil, after, .. } => {
                format!(
                    "write {} or later, or a time before the change",
                    short(&civil.date().to_datetime(after.time()))
                )
            }
            TimeError::Repeated { civil, zone, first, second, .. } => format!(
                "write `{civil}{}[{zone}]` for the first time or `{civil}{}[{zone}]` for the second, or choose another time",
                offset_text(*first),
                offset_text(*second),
                civil = short(civil)
            ),
            TimeError::Offset { civil, zone, .. } => {
                format!("write `{}[{zone}]`, without the offset", short(civil))
            }
            TimeError::Zone { near: Some(near), .. } => format!("did you mean `{near}`?"),
            TimeError::Zone { .. } => "write the zone of a city, such as `Europe/Stockholm`".to_owned(),
            TimeError::Syntax { hint, .. } => hint.clone(),
        }
    }
}

/// `2026-12-01T09:00`, as people write it.
fn short(civil: &DateTime) -> String {
    civil.strftime(if civil.second() == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

fn clock(civil: &DateTime) -> String {
    civil.strftime("%H:%M").to_string()
}

fn offset_text(offset: Offset) -> String {
    let minutes = offset.seconds() / 60;
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}
