//! The name of everything that a release's editions are rendered from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::audience::{Audience, Zone};
use crate::digest::{Digest, DigestError, Fields};
use crate::language::Language;
use crate::newsroom::Newsroom;
use crate::release::{Release, Text};

/// What a release's editions are rendered from, under several names, so that a plan can tell
/// a new text from a new template, and one language from the other.
///
/// The ledger keeps it as one text (`Display`, `FromStr`) and hands it back as it was.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Source {
    /// All of it: equal here means that nothing has to be done.
    pub all: Digest,
    /// What pages look like: their templates, the newsroom's name and colours, standing paragraphs,
    /// tags and everything else in the release's files.
    pub look: Digest,
    /// The correction's note and class; nothing where none is written.
    pub correction: Option<Digest>,
    /// What readers would call the text, by language: a change after sending needs a correction.
    pub words: BTreeMap<Language, Digest>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.all, self.look)?;
        match &self.correction {
            Some(correction) => write!(f, "{correction}")?,
            None => f.write_str("-")?,
        }
        self.words.iter().try_for_each(|(language, words)| write!(f, " {language}={words}"))
    }
}

impl FromStr for Source {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Source, DigestError> {
        let mut parts = text.split(' ');
        let mut next = || parts.next().ok_or(DigestError);
        let (all, look) = (next()?.parse()?, next()?.parse()?);
        let correction = match next()? {
            "-" => None,
            digest => Some(digest.parse()?),
        };
        let word = |part: &str| {
            let (language, words) = part.split_once('=').ok_or(DigestError)?;
            Ok((language.parse().map_err(|_| DigestError)?, words.parse()?))
        };
        Ok(Source { all, look, correction, words: parts.map(word).collect::<Result<_, DigestError>>()? })
    }
}

impl TryFrom<String> for Source {
    type Error = DigestError;

    fn try_from(text: String) -> Result<Source, DigestError> {
        text.parse()
    }
}

impl From<Source> for String {
    fn from(source: Source) -> String {
        source.to_string()
    }
}

/// What the release `slug`'s editions are rendered from; nothing if there is no such release.
pub fn source(newsroom: &Newsroom, slug: &str) -> Option<Source> {
    newsroom.releases.get(slug).map(|release| Sources::new(newsroom).of(release))
}

/// Digests of one newsroom's releases; what they share is digested once.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    newsroom: &'a Newsroom,
    /// Every template but the pages'.
    templates: Digest,
    /// The pages' templates and the newsroom's own looks.
    look: Digest,
    audiences: BTreeMap<&'a str, Digest>,
    /// The newsroom's boilerplate by key, in all languages.
    boilerplate: BTreeMap<&'a str, Fields>,
    /// Media, each digested once.
    files: Mutex<BTreeMap<String, Digest>>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(newsroom: &'a Newsroom) -> Sources<'a> {
        let mut templates = Fields::default();
        let mut look = Fields::default();
        for (path, bytes) in newsroom.files.iter().filter(|(path, _)| path.starts_with("templates/")) {
            let part = if path.starts_with("templates/newsroom/") { &mut look } else { &mut templates };
            part.text(path).digest(&Digest::of(bytes));
        }
        look.text(&newsroom.name).text(&newsroom.organization).text(&newsroom.url);
        look.text(newsroom.timezone.iana_name().unwrap_or("UTC")).text(newsroom.language.as_str());
        look.maybe(newsroom.logo.as_deref());
        for language in &newsroom.languages {
            look.text(language.as_str());
        }
        for (name, color) in &newsroom.colors {
            look.text(name).text(color);
        }
        for channel in newsroom.channels.values() {
            templates.text(&channel.key).text(channel.kind.as_str());
            templates.maybe(channel.language.as_ref().map(Language::as_str));
            templates.text(&channel.characters.map_or(String::new(), |limit| limit.to_string()));
            templates.maybe(channel.from.as_deref()).maybe(channel.reply_to.as_deref());
            templates.maybe(channel.postal_address.as_deref()).maybe(channel.list_id.as_deref());
            templates.maybe(channel.unsubscribe_url.as_deref()).maybe(channel.unsubscribe_mailto.as_deref());
        }
        let audiences =
            newsroom.audiences.iter().map(|(key, audience)| (key.as_str(), definition(audience))).collect();
        let standing = |texts: &BTreeMap<Language, String>| {
            let mut standing = Fields::default();
            for (language, text) in texts {
                standing.text(language.as_str()).words(text);
            }
            standing
        };
        let boilerplate =
            newsroom.boilerplate.iter().map(|(key, texts)| (key.as_str(), standing(texts))).collect();
        Sources {
            newsroom,
            templates: templates.name(),
            look: look.name(),
            audiences,
            boilerplate,
            files: Mutex::default(),
        }
    }

    /// The name of everything that [`Sources::of`] takes from the newsroom, beside the release and its media.
    pub(super) fn shared(&self) -> Digest {
        let mut shared = Fields::default();
        shared.digest(&self.templates).digest(&self.look);
        for (key, definition) in &self.audiences {
            shared.text(key).digest(definition);
        }
        for (key, standing) in &self.boilerplate {
            shared.text(key).digest(&standing.name());
        }
        for (key, contact) in &self.newsroom.contacts {
            shared.text(key).text(&format!("{contact:?}"));
        }
        shared.name()
    }

    /// What `release`'s editions are rendered from.
    pub(super) fn of(&self, release: &Release) -> Source {
        let look = self.look_of(release);
        let mut all = Fields::default();
        all.text(&release.slug).digest(&look).digest(&self.templates);
        // As written: when the rules of a zone change, the release is the same, and its instants are compared.
        all.text(&release.times);
        for audience in &release.audiences {
            all.text(audience);
            if let Some(definition) = self.audiences.get(audience.as_str()) {
                all.digest(definition);
            }
        }
        let mut words = BTreeMap::new();
        for text in &release.texts {
            for medium in &text.media {
                all.digest(&self.file(release, &medium.file.value));
            }
            for name in &text.attachments {
                all.text("attached").digest(&self.file(release, name));
            }
            words.insert(text.language.clone(), self.words_of(release, text));
        }
        let correction = release.correction.as_ref().map(|correction| {
            Fields::default()
                .maybe(correction.note.as_ref().map(|note| note.value.as_str()))
                .text(&format!("{:?}", correction.class))
                .name()
        });
        Source { all: all.name(), look, correction, words }
    }

    /// What a round-up of `audience` is rendered from: `members` in order, without `withdrawn` ones.
    pub(super) fn of_round_up(
        &self,
        slug: &str,
        audience: &Audience,
        languages: &[Language],
        members: &[(&Release, &Source)],
        withdrawn: &[&str],
    ) -> Source {
        let mut all = Fields::default();
        all.text(slug).digest(&definition(audience)).digest(&self.templates);
        let mut corrections = Fields::default();
        for (_, source) in members {
            all.digest(&source.all);
            if let Some(correction) = &source.correction {
                corrections.digest(correction);
            }
        }
        for slug in withdrawn {
            all.text(slug);
            corrections.text(slug);
        }
        let words = languages.iter().map(|language| {
            let mut words = Fields::default();
            for (release, source) in members {
                words.text(&release.slug);
                let read = &release.text(language).language;
                if let Some(digest) = source.words.get(read) {
                    words.digest(digest);
                }
            }
            (language.clone(), words.name())
        });
        let correction = (!corrections.is_empty()).then(|| corrections.name());
        Source { all: all.name(), look: self.look, correction, words: words.collect() }
    }

    fn look_of(&self, release: &Release) -> Digest {
        let mut look = Fields::default();
        look.digest(&self.look);
        // Tags, links to translations: what a page shows beside the words.
        for text in &release.texts {
            look.text(&text.file.path).digest(&text.file.text_name());
        }
        for key in &release.contacts {
            if let Some(contact) = self.newsroom.contacts.get(key) {
                look.text(&contact.name).maybe(contact.title.as_deref()).text(&contact.email);
                look.maybe(contact.phone.as_deref());
            }
        }
        for key in &release.boilerplate {
            if let Some(standing) = self.boilerplate.get(key.as_str()) {
                look.append(standing);
            }
        }
        look.name()
    }

    fn words_of(&self, release: &Release, text: &Text) -> Digest {
        let mut words = Fields::default();
        words.words(&text.title).maybe(text.dateline.as_deref()).digest(&text.file.words_name());
        for medium in &text.media {
            words.text(&medium.file.value).digest(&self.file(release, &medium.file.value));
            for value in [&medium.alt, &medium.caption, &medium.credit, &medium.title, &medium.duration] {
                words.maybe(value.as_ref().map(|value| value.value.as_str()));
            }
        }
        for name in &text.attachments {
            words.text("attached").text(name).digest(&self.file(release, name));
        }
        words.name()
    }

    /// The digest of a file beside a release; one that is not there has the digest of its name.
    fn file(&self, release: &Release, name: &str) -> Digest {
        let path = format!("{}/{name}", release.folder);
        if let Some(known) = self.files.lock().unwrap_or_else(PoisonError::into_inner).get(&path) {
            return *known;
        }
        let digest = self
            .newsroom
            .files
            .get(&path)
            .map_or_else(|| Digest::of(path.as_bytes()), |bytes| Digest::of(bytes));
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path, digest);
        digest
    }
}

/// The digest of what an audience's file says, but for its description.
fn definition(audience: &Audience) -> Digest {
    let mut fields = Fields::default();
    fields.text(&audience.key).text(&audience.name);
    for channel in &audience.channels {
        fields.text(&channel.value);
    }
    fields.text("members").maybe(audience.members.as_ref().map(ToString::to_string).as_deref());
    for language in &audience.languages {
        fields.text(language.as_str());
    }
    fields.text(&audience.advance.as_secs().to_string());
    if let Some(window) = &audience.window {
        let zone = match &window.zone {
            Zone::Recipient => "recipient",
            Zone::Newsroom => "newsroom",
            Zone::Named(zone) => zone.iana_name().unwrap_or("UTC"),
        };
        let days: String = window.days.iter().map(|day| day.to_monday_one_offset().to_string()).collect();
        fields.text("window").text(&days).text(&format!("{}-{}", window.from, window.until)).text(zone);
    }
    fields.maybe(audience.slots.as_ref().map(|slots| slots.pattern.as_str()));
    if let Some(digest) = &audience.digest {
        fields.text("digest").text(&digest.slots.pattern).text(&digest.template);
    }
    fields.text(&audience.per_week.map_or(String::new(), |limit| limit.to_string()));
    fields.name()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_read_back_as_it_was_written() {
        let [all, words, look, note] = ["a", "b", "c", "d"].map(|text| Digest::of(text.as_bytes()));
        let words: BTreeMap<Language, Digest> =
            [("en".parse().unwrap(), words), ("pt-BR".parse().unwrap(), look)].into();
        for (correction, words) in
            [(None, BTreeMap::new()), (None, words.clone()), (Some(note), words.clone())]
        {
            let source = Source { all, look, correction, words };
            assert_eq!(source.to_string().parse(), Ok(source));
        }
        for bad in ["", "a b -", &format!("{all}"), &format!("{all} {all}"), &format!("{all} {all} - en")] {
            assert_eq!(bad.parse::<Source>(), Err(DigestError), "{bad}");
        }
    }
}
