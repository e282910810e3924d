//! A request, resolved: the release, the words of this reader, its pictures and addresses.

mod address;
mod media;
mod notice;
mod prose;

use std::cell::Cell;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::markdown::{self, Rules};
use super::{RenderError, Request, phrases};
use crate::finding::nearest;
use crate::language::Language;
use crate::newsroom::{ChannelFacts, Newsroom, PressContact};
use crate::release::{Images, Release, Text, Words};

use address::page_path;
pub(super) use address::page_url;
pub use address::path_escape;
pub(super) use media::Piece;
pub use media::media_type;
pub(super) use prose::{Prose, Shelf};

/// Everything that the forms of an edition are made from.
pub(super) struct Scene<'a> {
    pub newsroom: &'a Newsroom,
    pub request: &'a Request,
    pub channel: &'a ChannelFacts,
    pub release: &'a Release,
    pub text: &'a Text,
    pub words: Words<'a>,
    /// When it becomes public; a draft without a time has the request's date.
    pub published: Timestamp,
    /// Pictures and recordings, in order.
    pub media: Vec<Piece<'a>>,
    /// Path of its page below the site, with a slash at the end.
    pub path: String,
    /// The address of its page.
    pub url: String,
    /// What was made before.
    shelf: &'a Shelf,
}

impl<'a> Scene<'a> {
    pub fn new(
        newsroom: &'a Newsroom,
        request: &'a Request,
        slug: &str,
        shelf: &'a Shelf,
    ) -> Result<Scene<'a>, RenderError> {
        fn unknown<'k>(what: &str, key: &str, known: impl Iterator<Item = &'k String>) -> RenderError {
            let near = nearest(key, known.map(String::as_str));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            RenderError::Unknown(format!("there is no {what} `{key}`{hint}"))
        }
        let channel = newsroom
            .channels
            .get(&request.channel)
            .ok_or_else(|| unknown("channel", &request.channel, newsroom.channels.keys()))?;
        let release =
            newsroom.releases.get(slug).ok_or_else(|| unknown("release", slug, newsroom.releases.keys()))?;
        let text = release.text(&request.language);
        let published = release.publish.unwrap_or(request.date);
        let path = page_path(newsroom, release, &text.language, published);
        let url = format!("{}/{path}", newsroom.url);
        let mut scene = Scene {
            newsroom,
            request,
            channel,
            release,
            text,
            words: text.words(&request.audience, &request.channel),
            published,
            media: Vec::new(),
            path,
            url,
            shelf,
        };
        scene.media = scene.gather_media();
        scene.refuse_controls()?;
        Ok(scene)
    }

    /// The language of the text, which is what fixed words and dates are written in.
    pub fn language(&self) -> &'a Language {
        &self.text.language
    }

    pub fn phrase(&self, key: &str) -> &'static str {
        phrases::phrase(self.language(), key).unwrap_or_default()
    }

    pub fn day(&self, instant: Timestamp) -> String {
        phrases::date(self.language(), &self.newsroom.timezone, instant)
    }

    pub fn moment(&self, instant: Timestamp) -> String {
        phrases::moment(self.language(), &self.newsroom.timezone, instant)
    }

    /// Headlines and subjects become headers: control characters and characters that turn the
    /// direction of text have no business there.
    fn refuse_controls(&self) -> Result<(), RenderError> {
        let lines = [Some(self.words.title), self.words.subtitle, self.words.subject];
        for line in lines.into_iter().flatten() {
            if let Some(c) = line.trim_end().chars().find(|c| forbidden(*c)) {
                let code = u32::from(c);
                let file = &self.text.file.path;
                return Err(RenderError::Content(format!(
                    "{file}: `{}` holds the control character U+{code:04X}; remove it",
                    line.chars().filter(|c| !forbidden(*c)).take(60).collect::<String>()
                )));
            }
        }
        Ok(())
    }

    /// The Markdown that this reader gets.
    pub fn markdown(&self) -> String {
        self.text.file.body.markdown(&self.text.file.text, &self.request.audience, &self.request.channel)
    }

    /// The sentence that opens the text: `GOTHENBURG, 1 December 2026`.
    pub fn dateline(&self) -> Option<String> {
        let place = self.text.dateline.as_ref()?;
        let comma = phrases::comma(self.language());
        Some(format!("{}{comma}{}", place.to_uppercase(), self.day(self.published)))
    }

    /// Whether a mail carries its pictures.
    pub fn carries_pictures(&self) -> bool {
        let own = self.text.file.front.images.as_ref().or(self.release.original().file.front.images.as_ref());
        let images = own.map_or(self.channel.images, |images| images.value);
        self.channel.kind.is_mail() && images == Images::Inline
    }

    /// Reads Markdown of this release; `pictures` says whether their addresses may be shown. What depends on this
    /// release sets `tied`.
    pub fn events<'m>(
        &self,
        markdown: &'m str,
        dateline: Option<&str>,
        pictures: bool,
        tied: &Cell<bool>,
    ) -> Vec<pulldown_cmark::Event<'m>> {
        let link = |address: &str| match address::absolute(address) {
            Some(followed) => followed.then(|| address.trim().to_owned()),
            None => {
                tied.set(true);
                self.link(address, pictures)
            }
        };
        let shown = pictures || self.carries_pictures();
        let image = |address: &str| {
            tied.set(true);
            if shown { self.picture(address) } else { None }
        };
        markdown::events(markdown, &Rules { link: &link, image: &image, dateline })
    }

    /// The standing paragraphs of this release, as Markdown.
    pub fn boilerplate(&self) -> Vec<&'a str> {
        let wanted = self.language();
        self.release
            .boilerplate
            .iter()
            .filter_map(|key| self.newsroom.boilerplate.get(key))
            .filter_map(|texts| {
                texts
                    .get(wanted)
                    .or_else(|| texts.iter().find(|(l, _)| l.base() == wanted.base()).map(|(_, text)| text))
                    .or_else(|| texts.get(&self.newsroom.language))
                    .or_else(|| texts.values().next())
            })
            .map(String::as_str)
            .collect()
    }

    pub fn contacts(&self) -> Vec<&'a PressContact> {
        self.release.contacts.iter().filter_map(|key| self.newsroom.contacts.get(key)).collect()
    }

    /// The audience's name for people.
    pub fn audience_name(&self) -> &'a str {
        let audience = self.newsroom.audiences.get(&self.request.audience);
        audience.map_or(self.request.audience.as_str(), |audience| audience.name.as_str())
    }

    /// What happens where and when, for templates.
    pub fn event(&self) -> Value {
        let Some((starts, ends)) = self.release.event else { return Value::Null };
        let details = self.event_details();
        let field = |pick: fn(&crate::release::Event) -> &Option<crate::yaml::Spanned<String>>| {
            details.and_then(|event| pick(event).as_ref()).map(|text| text.value.trim().to_owned())
        };
        let url = field(|event| &event.url).filter(|url| {
            url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https" | "mailto"))
        });
        json!({
            "when": phrases::span(self.language(), self.event_zone(), starts, ends),
            "starts": starts.to_string(),
            "ends": ends.map(|ends| ends.to_string()),
            "place": field(|event| &event.place),
            "address": field(|event| &event.address),
            "url": url,
        })
    }

    /// The zone that the event's times name: whoever comes to Tokyo looks at a clock in Tokyo.
    fn event_zone(&self) -> &TimeZone {
        let named = self.event_details().and_then(|event| event.starts.as_ref()?.value.zone.as_ref());
        named.unwrap_or(&self.newsroom.timezone)
    }

    /// The event's words in this language, or in the original's.
    fn event_details(&self) -> Option<&'a crate::release::Event> {
        let own = self.text.file.front.event.as_ref();
        own.or(self.release.original().file.front.event.as_ref()).map(|event| &event.value)
    }
}

/// Control characters, line separators, and characters that turn the direction of text.
pub(super) fn forbidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// At most `limit` characters of `text`, ending with a sentence or a word.
pub(super) fn shorten(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let end = text.char_indices().nth(limit).map_or(text.len(), |(at, _)| at);
    let cut = &text[..end];
    if let Some(stop) = cut.rfind(['.', '!', '?', '。', '！', '？']).filter(|stop| *stop > end / 2) {
        let sign = cut[stop..].chars().next().map_or(1, char::len_utf8);
        let after = text[stop + sign..].chars().next();
        // Where letters are wide, no space follows.
        if sign > 1 || after.is_none_or(char::is_whitespace) {
            return cut[..stop + sign].to_owned();
        }
    }
    let word = cut.rfind(' ').unwrap_or(end);
    format!("{}…", cut[..word].trim_end_matches([',', ';', ':', ' ', '–', '—']))
}

#[cfg(test)]
mod tests {
    use super::super::{edition, sample};
    use super::*;

    #[test]
    fn what_is_not_there_is_named() {
        let newsroom = sample::aster();
        for (slug, channel, expected) in [
            ("aster-eV", "relay", "there is no release `aster-eV`; did you mean `aster-ev`?"),
            ("aster-ev", "rellay", "there is no channel `rellay`; did you mean `relay`?"),
            ("nothing", "relay", "there is no release `nothing`"),
        ] {
            let error = edition(&newsroom, &sample::request(slug, channel)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn summaries_end_with_a_sentence_or_a_word() {
        for (text, expected) in [
            ("Short.", "Short."),
            ("One sentence here. Another one that is too long", "One sentence here."),
            ("No sentence, just words that go on and on", "No sentence, just words…"),
            ("Version 2.5 of the thing that goes on", "Version 2.5 of the thing…"),
            (
                "航続距離は620キロメートルに達します。受注開始は12月8日で、納車は来年3月の予定です。",
                "航続距離は620キロメートルに達します。",
            ),
            (
                "航続距離は620キロメートルに達し、受注開始は12月8日です。",
                "航続距離は620キロメートルに達し、受注開始は12月8日…",
            ),
        ] {
            assert_eq!(shorten(text, 28), expected);
        }
    }
}
