//! A request, resolved: the release, the words of this reader, its pictures and addresses.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::markdown::{self, Rules};
use super::memo::Memo;
use super::{Asset, Look, RenderError, Request, phrases};
use crate::digest::Digest;
use crate::finding::nearest;
use crate::language::Language;
use crate::newsroom::{ChannelFacts, Newsroom, PressContact};
use crate::release::{self, Correction, Medium, Notice, Release, Text, Words};

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
    /// Safe HTML that was made before.
    html: &'a Memo<str>,
}

/// A picture or recording of a release.
pub(super) struct Piece<'a> {
    pub medium: &'a Medium,
    /// Path below the newsroom.
    pub path: String,
    /// Name beside the page.
    pub name: String,
    pub media_type: &'static str,
    /// The address once it is public.
    pub url: String,
}

impl Piece<'_> {
    pub fn is_image(&self) -> bool {
        self.media_type.starts_with("image/")
    }

    pub fn is_audio(&self) -> bool {
        self.media_type.starts_with("audio/")
    }

    pub fn alt(&self) -> &str {
        self.medium.alt.as_ref().map_or("", |alt| alt.value.as_str())
    }

    /// Caption and credit in one line.
    pub fn caption(&self) -> String {
        let caption = self.medium.caption.as_ref().map(|text| text.value.trim());
        let credit = self.medium.credit.as_ref().map(|text| text.value.trim());
        match (caption, credit) {
            (Some(caption), Some(credit)) => {
                let stop = if caption.ends_with(['.', '!', '?']) { "" } else { "." };
                format!("{caption}{stop} {credit}")
            }
            (one, other) => one.or(other).unwrap_or_default().to_owned(),
        }
    }
}

impl<'a> Scene<'a> {
    pub fn new(
        newsroom: &'a Newsroom,
        request: &'a Request,
        slug: &str,
        html: &'a Memo<str>,
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
            html,
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

    fn gather_media(&self) -> Vec<Piece<'a>> {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let mut pieces = Vec::new();
        for medium in &self.text.media {
            let Some(path) = resolve(&self.release.folder, &medium.file.value) else { continue };
            let base = path.rsplit('/').next().unwrap_or(&path).to_owned();
            let seen = names.entry(base.clone()).or_default();
            *seen += 1;
            let name = if *seen == 1 { base } else { format!("{seen}-{base}") };
            let url = format!("{}{}", self.url, path_escape(&name));
            pieces.push(Piece { medium, media_type: media_type(&path), path, name, url });
        }
        pieces
    }

    /// The Markdown that this reader gets.
    pub fn markdown(&self) -> String {
        self.text.file.body.markdown(&self.text.file.text, &self.request.audience, &self.request.channel)
    }

    /// The sentence that opens the text: `GOTHENBURG, 1 December 2026`.
    pub fn dateline(&self) -> Option<String> {
        let place = self.text.dateline.as_ref()?;
        Some(format!("{}, {}", place.to_uppercase(), self.day(self.published)))
    }

    /// Reads Markdown of this release; `pictures` says whether their addresses may be shown.
    pub fn events<'m>(
        &self,
        markdown: &'m str,
        dateline: Option<&str>,
        pictures: bool,
    ) -> Vec<pulldown_cmark::Event<'m>> {
        let link = |address: &str| self.link(address, pictures);
        let image = |address: &str| if pictures { self.picture(address) } else { None };
        markdown::events(markdown, &Rules { link: &link, image: &image, dateline })
    }

    /// Safe HTML of what [`Scene::events`] read.
    pub fn html(&self, events: &[pulldown_cmark::Event<'_>]) -> Arc<str> {
        let raw = markdown::raw_html(events);
        let key = Digest::of(raw.as_bytes());
        let Ok(safe) = self.html.get(key, || Ok::<_, Infallible>(markdown::sanitize(&raw)));
        safe
    }

    /// Where a link of the text leads; nothing if nobody may follow it.
    fn link(&self, address: &str, public: bool) -> Option<String> {
        let address = address.trim();
        if address.chars().any(char::is_control) {
            return None;
        }
        if let Ok(url) = url::Url::parse(address) {
            return matches!(url.scheme(), "http" | "https" | "mailto" | "tel").then(|| address.to_owned());
        }
        if address.starts_with("//") {
            return None;
        }
        let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
        if path.is_empty() {
            return (!fragment.is_empty()).then(|| self.url.clone());
        }
        if let Some(path) = path.strip_prefix('/') {
            return Some(format!("{}/{path}", self.newsroom.url));
        }
        let here = self.text.file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let target = resolve(here, path)?;
        if let Some(piece) = self.media.iter().find(|piece| piece.path == target) {
            return public.then(|| piece.url.clone());
        }
        // A release's file, with or without its ending.
        let candidates = [target.clone(), format!("{target}.md"), format!("{target}/index.md")];
        let (other, language) = candidates.iter().find_map(|path| {
            let other = self.newsroom.releases.get(&release::place(path)?.slug)?;
            let named = other.texts.iter().find(|text| text.file.path == *path)?;
            // A link to the original leads to the reader's language, one to a translation to that.
            let own = if named.file.translation.is_some() { named } else { other.text(self.language()) };
            Some((other, &own.language))
        })?;
        let path = page_path(self.newsroom, other, language, other.publish?);
        Some(format!("{}/{path}", self.newsroom.url))
    }

    /// The address of a picture in the text, if it is one of the release's own.
    fn picture(&self, address: &str) -> Option<String> {
        let here = self.text.file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let targets = [resolve(here, address), resolve(&self.release.folder, address)];
        self.media
            .iter()
            .find(|piece| piece.is_image() && targets.iter().flatten().any(|target| *target == piece.path))
            .map(|piece| piece.url.clone())
    }

    /// One or two sentences, from the front matter or the first paragraph.
    pub fn summary(&self, events: &[pulldown_cmark::Event<'_>]) -> String {
        match self.words.summary {
            Some(summary) => summary.trim().to_owned(),
            None => markdown::first_paragraph(events).map(|text| shorten(&text, 240)).unwrap_or_default(),
        }
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

    /// Whether the body is shown: a release that is stopped or withdrawn is not spread further.
    pub fn shows_body(&self) -> bool {
        matches!(self.request.notice, Notice::Original | Notice::Correction)
    }

    /// The label of the notice, and what it tells the reader; nothing for an original.
    pub fn notice(&self) -> Option<(&'static str, String)> {
        let (label, own, standing) = match self.request.notice {
            Notice::Original => return None,
            Notice::Correction => ("correction", self.correction(), "correction-note"),
            Notice::Hold => ("hold", self.reason(), "hold-note"),
            Notice::Kill => ("kill", self.reason(), "kill-note"),
        };
        let mut words = own.map(|own| own.trim().to_owned()).unwrap_or_default();
        if !words.is_empty() {
            if !words.ends_with(['.', '!', '?', '…']) {
                words.push('.');
            }
            words.push(' ');
        }
        words.push_str(self.phrase(standing));
        Some((self.phrase(label), words))
    }

    /// What was corrected, in this language or else in the original's.
    pub fn correction(&self) -> Option<&'a str> {
        let own = self.text.file.front.correction.as_ref().map(|correction| &correction.value);
        let note = |correction: &'a Correction| correction.note.as_ref().map(|note| note.value.trim());
        own.and_then(note).or(self.release.correction.as_ref().and_then(note))
    }

    /// Why it is held or killed, in this language or else in the original's.
    fn reason(&self) -> Option<&'a str> {
        let own = self.text.file.front.reason.as_ref().map(|reason| reason.value.as_str());
        own.or(self.release.reason.as_deref())
    }

    /// What stands in front of a subject or social text.
    pub fn label(&self) -> Option<&'static str> {
        self.notice().map(|(label, _)| label)
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
            "when": phrases::span(self.language(), &self.newsroom.timezone, starts, ends),
            "starts": starts.to_string(),
            "ends": ends.map(|ends| ends.to_string()),
            "place": field(|event| &event.place),
            "address": field(|event| &event.address),
            "url": url,
        })
    }

    /// The event's words in this language, or in the original's.
    fn event_details(&self) -> Option<&'a crate::release::Event> {
        let own = self.text.file.front.event.as_ref();
        own.or(self.release.original().file.front.event.as_ref()).map(|event| &event.value)
    }

    /// The bytes of the release's media.
    pub fn assets(&self) -> Result<Vec<Asset>, RenderError> {
        let mut assets = Vec::new();
        for piece in &self.media {
            let bytes = self.newsroom.files.get(&piece.path).ok_or_else(|| {
                let file = &self.text.file.path;
                RenderError::Content(format!(
                    "{file}: there is no file `{}`; put it beside the release, or remove it from `media`",
                    piece.medium.file.value
                ))
            })?;
            assets.push(Asset {
                name: piece.name.clone(),
                media_type: piece.media_type.to_owned(),
                alt: piece.alt().to_owned(),
                caption: piece.caption(),
                sha: Digest::of(bytes),
                bytes: Arc::clone(bytes),
            });
        }
        Ok(assets)
    }
}

/// Path of a page: `2026/aster-ev/`, or `sv/2026/aster-ev/` for other languages than the newsroom's.
fn page_path(newsroom: &Newsroom, release: &Release, language: &Language, published: Timestamp) -> String {
    let year = published.to_zoned(newsroom.timezone.clone()).year();
    let slug = &release.slug;
    if *language == newsroom.language {
        format!("{year}/{slug}/")
    } else {
        format!("{language}/{year}/{slug}/")
    }
}

/// The page of a release in one of its languages.
pub(super) fn page_url(newsroom: &Newsroom, release: &Release, language: &Language, or: Timestamp) -> String {
    let published = release.publish.unwrap_or(or);
    format!("{}/{}", newsroom.url, page_path(newsroom, release, language, published))
}

/// How the newsroom's site and mails look.
pub(super) fn look(newsroom: &Newsroom, language: &Language) -> Look {
    let color = |key: &str, default: &str| {
        let color = newsroom.colors.get(key).map_or(default, |color| color.trim());
        let digits = color.strip_prefix('#').unwrap_or_default();
        let long: String = match digits.len() {
            6 => digits.to_owned(),
            3 => digits.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => String::new(),
        };
        let good = !long.is_empty() && long.bytes().all(|byte| byte.is_ascii_hexdigit());
        if good { format!("#{}", long.to_lowercase()) } else { default.to_owned() }
    };
    // A large logo would be in every page; its name does the same then.
    let logo = newsroom.logo.as_ref().and_then(|path| {
        use base64::Engine as _;
        let bytes = newsroom.files.get(path).filter(|bytes| bytes.len() <= 32 * 1024)?;
        let media_type = Some(media_type(path)).filter(|kind| kind.starts_with("image/"))?;
        Some(format!("data:{media_type};base64,{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
    });
    Look {
        name: newsroom.name.clone(),
        organization: newsroom.organization.clone(),
        url: newsroom.url.clone(),
        language: language.clone(),
        timezone: newsroom.timezone.iana_name().unwrap_or("UTC").to_owned(),
        logo,
        accent: color("accent", "#0b5d6b"),
        ink: color("ink", "#16191d"),
        paper: color("paper", "#ffffff"),
    }
}

/// The accent colour for dark grounds, and the colour of words on the accent: enough contrast for
/// both (WCAG 2.2 1.4.3).
pub(super) fn contrasts(accent: &str) -> (String, &'static str) {
    let channel = |at: usize| {
        accent.get(at..at + 2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map_or(0, u32::from)
    };
    let [red, green, blue] = [channel(1), channel(3), channel(5)];
    let light = |value: u32| value + (255 - value) * 55 / 100;
    let dark = format!("#{:02x}{:02x}{:02x}", light(red), light(green), light(blue));
    // Relative luminance, with the square in place of the exact curve.
    let luminance = (2126 * red * red + 7152 * green * green + 722 * blue * blue) / (255 * 255);
    (dark, if luminance > 3000 { "#111111" } else { "#ffffff" })
}

/// A path below `folder`, without `.` and `..`; nothing if it leads outside or is no path.
fn resolve(folder: &str, path: &str) -> Option<String> {
    let path = percent_decode(path.split(['?', '#']).next().unwrap_or(path))?;
    if path.is_empty() || path.starts_with('/') || path.contains(['\\', '\0', ':']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn percent_decode(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A file name as a step of a URL path.
pub(super) fn path_escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

/// The media type of a file, by the end of its name.
fn media_type(path: &str) -> &'static str {
    let end = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    match end.as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "pdf" => "application/pdf",
        "zip" => "application/zip",
        "csv" => "text/csv",
        _ => "application/octet-stream",
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
    if let Some(stop) = cut.rfind(['.', '!', '?']).filter(|stop| *stop > end / 2) {
        let after = text[stop + 1..].chars().next();
        if after.is_none_or(char::is_whitespace) {
            return cut[..=stop].to_owned();
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
    fn paths_stay_inside() {
        for (folder, path, expected) in [
            ("releases/2026", "a.png", Some("releases/2026/a.png")),
            ("releases/2026", "./b/../a.png", Some("releases/2026/a.png")),
            ("releases/2026", "../2025/a.md#x", Some("releases/2025/a.md")),
            ("releases/2026", "a%20b.png", Some("releases/2026/a b.png")),
            ("releases/2026", "../../../etc/passwd", None),
            ("releases/2026", "/etc/shadow", None),
            ("releases/2026", "C:\\x", None),
            ("releases/2026", "a%00", None),
            ("releases/2026", "a%zz", None),
            ("releases/2026", "", None),
        ] {
            assert_eq!(resolve(folder, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn summaries_end_with_a_sentence_or_a_word() {
        for (text, expected) in [
            ("Short.", "Short."),
            ("One sentence here. Another one that is too long", "One sentence here."),
            ("No sentence, just words that go on and on", "No sentence, just words…"),
            ("Version 2.5 of the thing that goes on", "Version 2.5 of the thing…"),
        ] {
            assert_eq!(shorten(text, 28), expected);
        }
    }
}
