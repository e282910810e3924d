//! Why somebody is in the contact book at all: the basis in law, where the data came from, and since when.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// The record that makes a mail to somebody lawful, and that is shown to them when they ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consent {
    /// The basis in law.
    pub basis: Basis,
    /// Where the data came from, in words: `press register`, `form on the newsroom site`.
    pub source: String,
    /// Since when: the day of the consent, or on which the data was collected.
    pub date: Date,
}

/// The six bases of GDPR Art. 6(1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// They said yes.
    Consent,
    /// The release is part of what we owe them.
    Contract,
    /// A law obliges us to tell them.
    LegalObligation,
    /// Somebody's life or health depends on it.
    VitalInterests,
    /// A task in the public interest.
    PublicTask,
    /// Our interest, weighed against theirs: a journalist who writes about us.
    LegitimateInterest,
}

/// A text is none of the six bases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no basis in law")]
pub struct BasisError(String);

impl Basis {
    /// All of them, in the order of the law.
    pub const ALL: [Basis; 6] = [
        Basis::Consent,
        Basis::Contract,
        Basis::LegalObligation,
        Basis::VitalInterests,
        Basis::PublicTask,
        Basis::LegitimateInterest,
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Basis::Consent => "consent",
            Basis::Contract => "contract",
            Basis::LegalObligation => "legal-obligation",
            Basis::VitalInterests => "vital-interests",
            Basis::PublicTask => "public-task",
            Basis::LegitimateInterest => "legitimate-interest",
        }
    }
}

impl fmt::Display for Basis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Basis {
    type Err = BasisError;

    /// Reads the word in any case, with spaces, hyphens or underscores, in singular or plural.
    fn from_str(text: &str) -> Result<Basis, BasisError> {
        let plain = |text: &str| -> String {
            let word: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            word.to_lowercase().trim_end_matches('s').to_owned()
        };
        let wanted = plain(text);
        let found = Basis::ALL.into_iter().find(|basis| plain(basis.as_str()) == wanted);
        found.ok_or_else(|| BasisError(text.to_owned()))
    }
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, from {}, {}", self.basis, self.source, self.date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basis_is_read_as_people_write_it() {
        for (text, expected) in [
            ("consent", Some(Basis::Consent)),
            ("Legitimate Interests", Some(Basis::LegitimateInterest)),
            ("legitimate_interest", Some(Basis::LegitimateInterest)),
            ("LEGAL-OBLIGATION", Some(Basis::LegalObligation)),
            ("vital interest", Some(Basis::VitalInterests)),
            ("because", None),
            ("", None),
        ] {
            assert_eq!(text.parse().ok(), expected, "{text}");
        }
        for basis in Basis::ALL {
            assert_eq!(basis.as_str().parse(), Ok(basis));
            assert_eq!(serde_json::to_value(basis).unwrap(), basis.as_str());
        }
    }
}
