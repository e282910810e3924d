//! What somebody picked on the preference page: topics they do not want, and languages they read.
//!
//! It belongs to the address, not to the row of an import, so that a new list does not undo what a person said.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::language::Language;

/// What a recipient wants. The default is everything, in whatever language it comes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wishes {
    /// Topics of which nothing is wanted; keys of the newsroom's `topics`. A topic that the newsroom adds later is
    /// wanted until they say otherwise.
    pub unwanted: BTreeSet<String>,
    /// The languages they read; empty for whatever the audience is written to.
    pub languages: Vec<Language>,
}

impl Wishes {
    /// Whether nothing was picked.
    pub fn is_empty(&self) -> bool {
        self.unwanted.is_empty() && self.languages.is_empty()
    }

    /// Whether a release on `topics` is wanted: one that has none is, and one of which any is.
    pub fn want(&self, topics: &[String]) -> bool {
        topics.is_empty() || topics.iter().any(|topic| !self.unwanted.contains(topic))
    }

    /// Whether a text in `language` is read.
    pub fn read(&self, language: &Language) -> bool {
        self.languages.is_empty() || self.languages.iter().any(|known| known.base() == language.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_wanted_while_one_of_its_topics_is() {
        let wishes = Wishes { unwanted: ["ev".to_owned()].into(), languages: Vec::new() };
        for (topics, expected) in
            [("", true), ("ev", false), ("family", true), ("ev family", true), ("ev new", true)]
        {
            let topics: Vec<String> = topics.split_whitespace().map(str::to_owned).collect();
            assert_eq!(wishes.want(&topics), expected, "{topics:?}");
            assert!(Wishes::default().want(&topics));
        }
    }

    #[test]
    fn a_language_is_read_in_all_its_forms() {
        let wishes = Wishes { unwanted: BTreeSet::new(), languages: vec!["pt".parse().unwrap()] };
        for (language, expected) in [("pt", true), ("pt-BR", true), ("en", false)] {
            assert_eq!(wishes.read(&language.parse().unwrap()), expected, "{language}");
        }
        assert!(Wishes::default().read(&Language::english()));
    }
}
