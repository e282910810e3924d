//! What an import would change of a contact, field by field.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Contact;

/// A field that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// Its values in the book; nothing where it has none.
    pub before: String,
    /// Its values in the file.
    pub after: String,
}

impl Contact {
    /// What differs between the contact book's `self` and `new`, in the order of the columns; the address only where it
    /// is written otherwise.
    pub fn differences(&self, new: &Contact) -> Vec<Difference> {
        let text = |contact: &Contact, field: &str| match field {
            "email" => contact.email.to_string(),
            "consent" => contact.consent.as_ref().map(ToString::to_string).unwrap_or_default(),
            field => contact.values(field).join(";"),
        };
        let known = ["email", "name", "language", "timezone", "tags", "embargo_ok", "consent"];
        let others: BTreeSet<&str> =
            self.fields.keys().chain(new.fields.keys()).map(String::as_str).collect();
        let all = known.into_iter().chain(others);
        let both = all.map(|field| (field, text(self, field), text(new, field)));
        both.filter(|(_, before, after)| before != after)
            .map(|(field, before, after)| Difference { field: field.to_owned(), before, after })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::audience::tests::contact;

    #[test]
    fn each_field_that_differs_is_named_once() {
        let old = contact("kind=blogger beat=ev beat=family language=sv tag=a");
        let mut new = contact("kind=blogger beat=ev language=en outlet=Paper embargo_ok=yes tag=a");
        new.email = "Jane@paper.example".parse().unwrap();
        let found: Vec<String> = old
            .differences(&new)
            .iter()
            .map(|change| format!("{}: {} > {}", change.field, change.before, change.after))
            .collect();
        assert_eq!(
            found,
            [
                "email: jane@paper.example > Jane@paper.example",
                "language: sv > en",
                "embargo_ok: no > yes",
                "beat: ev;family > ev",
                "outlet:  > Paper"
            ]
        );
        assert_eq!(old.differences(&old), []);
    }
}
