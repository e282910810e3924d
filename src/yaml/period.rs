//! Lengths of time as people write them: `30s`, `15m`, `48h`, `2d`.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// A length of time; a day has 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Period(pub SignedDuration);

/// The text is no length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no length of time; write a number and `s`, `m`, `h` or `d`, such as `30s`, `15m`, `48h` or `2d`"
)]
pub struct PeriodError(String);

impl FromStr for Period {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Period, PeriodError> {
        let error = || PeriodError(text.to_owned());
        let unit = match text.as_bytes().last() {
            Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3600,
            Some(b'd') => 86_400,
            _ => return Err(error()),
        };
        let digits = text.get(..text.len() - 1).ok_or_else(error)?;
        // Nine digits of days are more than all of history, and cannot overflow.
        if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        let count: i64 = digits.parse().map_err(|_| error())?;
        Ok(Period(SignedDuration::from_secs(count * unit)))
    }
}

impl TryFrom<String> for Period {
    type Error = PeriodError;

    fn try_from(text: String) -> Result<Period, PeriodError> {
        text.parse()
    }
}

impl From<Period> for String {
    fn from(period: Period) -> String {
        period.to_string()
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => f.write_str("0h"),
            _ if seconds % 86_400 == 0 => write!(f, "{}d", seconds / 86_400),
            _ if seconds % 3600 == 0 => write!(f, "{}h", seconds / 3600),
            _ if seconds % 60 == 0 => write!(f, "{}m", seconds / 60),
            _ => write!(f, "{seconds}s"),
        }
    }
}

impl schemars::JsonSchema for Period {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A length of time: `30s`, `15m`, `48h`, `2d`.",
            "pattern": "^[0-9]{1,9}[smhd]$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_a_unit() {
        for (text, expected) in [
            ("0h", Some("0h")),
            ("30s", Some("30s")),
            ("90m", Some("90m")),
            ("60m", Some("1h")),
            ("48h", Some("2d")),
            ("2d", Some("2d")),
            ("999999999d", Some("999999999d")),
            ("9999999999d", None),
            ("", None),
            ("h", None),
            ("48", None),
            ("-1h", None),
            ("1.5h", None),
            ("1 h", None),
            ("PT1H", None),
            ("1ö", None),
            ("٣h", None),
        ] {
            let read = text.parse::<Period>().ok().map(|period| period.to_string());
            assert_eq!(read.as_deref(), expected, "{text:?}");
        }
    }
}
