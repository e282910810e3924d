//! People and desks in the contact book.
//!
//! Contacts are personal data: they live in the ledger, never in git, and their
//! addresses are masked wherever a value is printed for debugging or logging.

mod consent;
pub mod csv;
mod difference;
mod mask;
mod wishes;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::language::Language;

pub use consent::{Basis, BasisError, Consent};
pub use difference::Difference;
pub use mask::without_addresses;
pub use wishes::Wishes;

/// An e-mail address, parsed once (RFC 5321 mailbox, RFC 6531 where the local part is not ASCII).
///
/// The domain is kept in lower-case ASCII (IDNA); the local part as it was written.
/// `Debug` masks it; only `Display` writes it out.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    local: String,
    domain: String,
}

/// Why a text is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address: {0}")]
pub struct AddressError(pub &'static str);

impl EmailAddress {
    /// The part before the `@`, as it was written.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The domain, in lower-case ASCII.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The form under which an address is the same person: all in lower case.
    pub fn normalized(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }

    /// The form for logs: `j…@paper.example`.
    pub fn masked(&self) -> String {
        format!("{}…@{}", self.local.chars().next().unwrap_or('?'), self.domain)
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<EmailAddress, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError("there is no `@`"))?;
        if local.is_empty() || local.len() > 64 {
            return Err(AddressError("the part before the `@` must have 1 to 64 bytes"));
        }
        if local.starts_with('.') || local.ends_with('.') || local.contains("..") {
            return Err(AddressError("a dot is at the start, at the end or doubled before the `@`"));
        }
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
        let word = |c: char| !c.is_ascii() && c.is_alphanumeric();
        if !local.chars().all(|c| atom(c) || word(c)) {
            return Err(AddressError("there is a character before the `@` that needs quoting"));
        }
        let domain = domain.strip_suffix('.').unwrap_or(domain);
        let domain = idna::domain_to_ascii_strict(domain)
            .map_err(|_| AddressError("the domain after the `@` is not a host name"))?;
        if !domain.contains('.') || domain.len() > 253 {
            return Err(AddressError("the domain after the `@` has no dot"));
        }
        Ok(EmailAddress { local: local.to_owned(), domain })
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<EmailAddress, AddressError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> String {
        address.to_string()
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The contact book's number of a contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContactId(pub i64);

/// A person or desk: an address, and what audiences choose by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The contact book's number; 0 before it has one.
    pub id: ContactId,
    /// Where mail goes.
    pub email: EmailAddress,
    /// The name to greet by.
    pub name: Option<String>,
    /// The language to write in; the newsroom's where nothing is said.
    pub language: Option<Language>,
    /// IANA zone name, checked on import; the newsroom's where nothing is said.
    pub timezone: Option<String>,
    /// Whether embargoed releases may be sent ahead.
    pub embargo_ok: bool,
    /// Labels.
    pub tags: Vec<String>,
    /// Every other column of the import, each with one or more values:
    /// `kind`, `beat`, `region`, `outlet` …
    pub fields: BTreeMap<String, Vec<String>>,
    /// Why they are in the book; nothing for those who were imported before it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
}

impl Contact {
    /// The values that an audience's rule sees under `field`.
    ///
    /// `name`, `language`, `timezone`, `tags`, `embargo_ok` (`yes`/`no`), `domain` (of the address), and `basis` and `source`
    /// of the consent are fields like the imported ones; an unknown field has no values.
    pub fn values(&self, field: &str) -> Vec<&str> {
        let mut values = Vec::new();
        self.any(field, |value| {
            values.push(value);
            false
        });
        values
    }

    /// Whether some value of a field is `wanted`. Rules ask this of every contact, so nothing is collected.
    pub fn any<'c>(&'c self, field: &str, mut wanted: impl FnMut(&'c str) -> bool) -> bool {
        match (field, &self.consent) {
            ("name", _) => self.name.as_deref().is_some_and(wanted),
            ("language", _) => self.language.as_ref().map(Language::as_str).is_some_and(wanted),
            ("timezone", _) => self.timezone.as_deref().is_some_and(wanted),
            ("tags", _) => self.tags.iter().any(|tag| wanted(tag)),
            ("embargo_ok", _) => wanted(if self.embargo_ok { "yes" } else { "no" }),
            ("domain", _) => wanted(self.email.domain()),
            ("basis", Some(consent)) => wanted(consent.basis.as_str()),
            ("source", Some(consent)) => wanted(consent.source.as_str()),
            (other, _) => {
                self.fields.get(other).is_some_and(|values| values.iter().any(|value| wanted(value)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_once_and_strictly() {
        for (text, expected) in [
            ("Jane@Paper.Example", Some("Jane@paper.example")),
            ("jane@paper.example.", Some("jane@paper.example")),
            ("jane+press@bücher.example", Some("jane+press@xn--bcher-kva.example")),
            ("jörg@paper.example", Some("jörg@paper.example")),
            ("jane", None),
            ("@paper.example", None),
            ("jane@localhost", None),
            ("jane roe@paper.example", None),
            ("jane\r\nBcc: x@paper.example", None),
            ("jane@paper.example\r\nBcc: x@y.example", None),
            ("\"jane roe\"@paper.example", None),
            ("a@b@c.example", None),
            (".jane@paper.example", None),
            ("jane@paper..example", None),
            ("jane@[127.0.0.1]", None),
            ("", None),
        ] {
            let parsed = text.parse::<EmailAddress>().ok().map(|address| address.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text:?}");
        }
    }

    #[test]
    fn debug_masks_the_address() {
        let address: EmailAddress = "jane@paper.example".parse().unwrap();
        assert_eq!(format!("{address:?}"), "j…@paper.example");
    }
}
