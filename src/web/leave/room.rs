//! What the pages say of the newsroom.

use std::collections::BTreeMap;

use crate::language::Language;
use crate::newsroom::Newsroom;

/// The newsroom, as recipients see it. Nothing of it is secret, and no release is in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// Who writes.
    pub organization: String,
    /// Its pages.
    pub url: String,
    /// The language of recipients of whom nothing is known.
    pub language: Language,
    /// The languages it writes.
    pub languages: Vec<Language>,
    /// What recipients may pick from, with the names by language.
    pub topics: BTreeMap<String, BTreeMap<Language, String>>,
    /// Its lists by key.
    pub audiences: BTreeMap<String, Listed>,
    /// Whom one may ask.
    pub contact: Option<String>,
    /// Where one may write to.
    pub postal_address: Option<String>,
}

/// A list, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who is on it.
    pub rule: Option<String>,
    /// The fields that the rule asks for.
    pub fields: Vec<String>,
}

impl Room {
    /// What recipients see of `newsroom`.
    pub fn of(newsroom: &Newsroom) -> Room {
        let audiences = newsroom.audiences.iter().map(|(key, audience)| {
            let rule = audience.members.as_ref();
            let listed = Listed {
                name: audience.name.clone(),
                description: audience.description.clone(),
                rule: rule.map(ToString::to_string),
                fields: rule
                    .map(|rule| rule.fields().into_iter().map(str::to_owned).collect())
                    .unwrap_or_default(),
            };
            (key.clone(), listed)
        });
        let mut mails = newsroom.channels.values().filter(|channel| channel.unsubscribe_url.is_some());
        Room {
            organization: newsroom.organization.clone(),
            url: newsroom.url.clone(),
            language: newsroom.language.clone(),
            languages: newsroom.languages.clone(),
            topics: newsroom.topics.clone(),
            audiences: audiences.collect(),
            contact: newsroom.contacts.values().next().map(|contact| contact.email.clone()),
            postal_address: mails.find_map(|channel| channel.postal_address.clone()),
        }
    }

    /// A topic's name in `language`, else in the newsroom's, else in any.
    pub fn topic(&self, key: &str, language: &Language) -> String {
        let names = self.topics.get(key);
        let name = names.and_then(|names| {
            let base = names.iter().find(|(known, _)| known.base() == language.base()).map(|(_, name)| name);
            names
                .get(language)
                .or(base)
                .or_else(|| names.get(&self.language))
                .or_else(|| names.values().next())
        });
        name.cloned().unwrap_or_else(|| key.to_owned())
    }
}
