//! One file: where it stands, its front matter, its body.
//!
//! What cannot be read is left out and reported; the rest is used, so that an editor sees every
//! finding of a file in one run.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use super::raw::{Raw, RawVariant};
use super::{body, place};
use crate::finding::{Finding, MOST, shown};
use crate::release::{Body, Correction, Event, File, FrontMatter, Medium, Variant, WallTime};
use crate::yaml::{self, Spanned};

/// The most bytes that one release may have.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The most characters of a headline, a subject, a name.
const LINE: usize = 250;
/// The most characters of a summary, a note, an alternative text.
const PROSE: usize = 2_000;
/// The most pictures and recordings of a release.
const MEDIA: usize = 100;
/// The most characters of a social text, which may become a thread.
const THREAD: usize = 20_000;

/// Parses one file. Never fails: what is wrong is in the findings.
pub fn parse(path: &str, text: &str) -> (File, Vec<Finding>) {
    let mut reader = Reader { path, text, findings: Vec::new() };
    let place = place::place(path);
    if let Some(place) = &place
        && let Some((message, hint)) = place::slug_problem(&place.slug)
    {
        reader.error(0..0, "slug", message, hint);
    }
    let mut file = File {
        path: path.to_owned(),
        text: Arc::from(text),
        slug: place.as_ref().map(|place| place.slug.clone()).unwrap_or_default(),
        translation: place.and_then(|place| place.translation),
        front: FrontMatter::default(),
        front_span: 0..0,
        body: Body::default(),
        memo: crate::release::Memo::default(),
    };
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; a release may have {MAX_BYTES}", text.len());
        reader.error(0..0, "too-large", message, "move tables and long texts into an attachment");
        return (file, reader.findings);
    }
    reader.control_characters();
    let body = match reader.split() {
        Some((front, body)) => {
            let (raw, findings) = yaml::read_all::<Raw>(path, text, front.clone());
            reader.findings.extend(findings);
            file.front = reader.front(raw.unwrap_or_default());
            file.front_span = front;
            body
        }
        None => bom(text)..text.len(),
    };
    let (body, findings) = body::read(path, text, body);
    file.body = body;
    reader.findings.extend(findings);
    reader.findings.sort_by_key(|finding| (finding.span.start, finding.code));
    (file, reader.findings)
}

/// The length of a byte order mark at the start.
fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 }
}

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn error(
        &mut self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if self.findings.len() < MOST {
            self.findings.push(Finding::error(self.path, self.text, span, code, message).hint(hint));
        }
    }

    /// Control characters have no business anywhere in a file; one finding is enough.
    fn control_characters(&mut self) {
        let wrong = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}');
        // Nearly every file has none, and bytes are quicker to look at than characters.
        let suspicious = self.text.bytes().any(|byte| matches!(byte, 0..=8 | 11 | 12 | 14..=31 | 127 | 0xc2));
        if let Some((at, c)) = suspicious.then(|| self.text.char_indices().find(|(_, c)| wrong(*c))).flatten()
        {
            let message = format!("there is the invisible character U+{:04X} here", u32::from(c));
            self.error(at..at + c.len_utf8(), "control-character", message, "remove it");
        }
    }

    /// The bytes of the front matter and of the body.
    fn split(&mut self) -> Option<(Range<usize>, Range<usize>)> {
        let start = bom(self.text);
        let is_edge = |line: &str| line.trim_end() == "---";
        let mut at = start;
        let mut front = None;
        for line in self.text.get(start..).unwrap_or_default().split_inclusive('\n') {
            let next = at + line.len();
            match front {
                None if is_edge(line) => front = Some(next),
                None => break,
                Some(front) if is_edge(line) => return Some((front..at, next..self.text.len())),
                Some(_) => {}
            }
            at = next;
        }
        let hint = "begin the file with a line `---`, the keys (title, publish …), and another line `---`";
        match front {
            Some(end) => {
                self.error(
                    start..end,
                    "front-matter-open",
                    "the front matter is never ended",
                    "end it with a line `---`",
                );
            }
            None => {
                self.error(start..start, "front-matter", "there is no front matter on the first line", hint);
            }
        }
        None
    }

    fn front(&mut self, raw: Raw) -> FrontMatter {
        let event = raw.event.map(|event| Spanned {
            value: Event {
                starts: self.time("starts", event.value.starts),
                ends: self.time("ends", event.value.ends),
                place: self.line("place", event.value.place),
                address: self.prose("address", event.value.address),
                url: self.url("url", event.value.url),
            },
            span: event.span,
        });
        let correction = raw.correction.map(|correction| Spanned {
            value: Correction {
                note: self.prose("note", correction.value.note),
                class: correction.value.class,
            },
            span: correction.span,
        });
        let mut variants = BTreeMap::new();
        let mut variant_keys = Vec::new();
        for (key, variant) in raw.variants.0 {
            variants.insert(key.value.clone(), Box::new(self.variant(variant)));
            variant_keys.push(key);
        }
        if let Some(first_too_many) = raw.media.get(MEDIA) {
            let message = format!("there are {} media; {MEDIA} are the most", raw.media.len());
            self.error(
                first_too_many.file.span.clone(),
                "too-large",
                message,
                "put the rest into an archive elsewhere",
            );
        }
        let media = raw.media.into_iter().take(MEDIA).filter_map(|medium| {
            Some(Medium {
                file: self.line("file", Some(medium.file))?,
                alt: self.prose("alt", medium.alt),
                caption: self.prose("caption", medium.caption),
                credit: self.line("credit", medium.credit),
                title: self.line("title", medium.title),
                duration: self.duration(medium.duration),
            })
        });
        let media = media.collect();
        FrontMatter {
            title: self.line("title", raw.title),
            subtitle: self.line("subtitle", raw.subtitle),
            kicker: self.line("kicker", raw.kicker),
            summary: self.prose("summary", raw.summary),
            subject: self.line("subject", raw.subject),
            social: self.limited("social", raw.social, THREAD),
            dateline: self.line("dateline", raw.dateline),
            publish: self.time("publish", raw.publish),
            embargo: self.time("embargo", raw.embargo),
            expires: self.time("expires", raw.expires),
            status: raw.status,
            reason: self.prose("reason", raw.reason),
            language: raw.language,
            audiences: self.names("audiences", raw.audiences),
            contacts: self.names("contacts", raw.contacts),
            boilerplate: self.names("boilerplate", raw.boilerplate),
            byline: self.line("byline", raw.byline),
            tags: self.names("tags", raw.tags),
            media,
            attachments: self.names("attachments", raw.attachments),
            images: raw.images,
            event,
            correction,
            variants,
            variant_keys,
        }
    }

    fn variant(&mut self, raw: RawVariant) -> Variant {
        Variant {
            title: self.line("title", raw.title),
            subtitle: self.line("subtitle", raw.subtitle),
            summary: self.prose("summary", raw.summary),
            subject: self.line("subject", raw.subject),
            social: self.limited("social", raw.social, THREAD),
            template: self.line("template", raw.template),
        }
    }

    /// A text on one line, as headers and headlines need it.
    fn line(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Spanned<String>> {
        let text = self.limited(key, text, LINE)?;
        if text.value.contains(['\n', '\t']) {
            let message = format!("`{key}` must be one line");
            self.error(text.span, "line-break", message, "use `>-` instead of `|`, or take the break out");
            return None;
        }
        Some(text)
    }

    fn prose(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Spanned<String>> {
        self.limited(key, text, PROSE)
    }

    fn limited(&mut self, key: &str, text: Option<Spanned<String>>, most: usize) -> Option<Spanned<String>> {
        let mut text = text?;
        // What a `>` or `|` block leaves at its end is nobody's intention.
        text.value.truncate(text.value.trim_end().len());
        let count = text.value.chars().count();
        if text.value.trim().is_empty() {
            let message = format!("`{key}` has no text");
            self.error(text.span, "empty-value", message, "write one, or remove the line");
            None
        } else if count > most {
            let message = format!("`{key}` has {count} characters; {most} are the most");
            self.error(text.span, "too-long", message, "shorten it");
            None
        } else if yaml::forbidden(&text.value).is_some() {
            // Reported where the YAML was read.
            None
        } else {
            Some(text)
        }
    }

    fn names(
        &mut self,
        key: &str,
        names: Option<Spanned<Vec<Spanned<String>>>>,
    ) -> Option<Spanned<Vec<Spanned<String>>>> {
        let Spanned { value, span } = names?;
        let mut kept: Vec<Spanned<String>> = Vec::new();
        for name in value {
            let Some(name) = self.line(key, Some(name)) else { continue };
            if kept.iter().any(|earlier| earlier.value == name.value) {
                let message = format!("`{}` is named twice", shown(&name.value));
                self.error(name.span, "named-twice", message, "name it once");
            } else {
                kept.push(name);
            }
        }
        Some(Spanned { value: kept, span })
    }

    fn time(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Spanned<WallTime>> {
        let text = self.line(key, text)?;
        match WallTime::from_str(text.value.trim()) {
            Ok(value) => Some(Spanned { value, span: text.span }),
            Err(error) => {
                self.error(text.span, "time", format!("`{key}`: {error}"), error.hint());
                None
            }
        }
    }

    fn url(&mut self, key: &str, text: Option<Spanned<String>>) -> Option<Spanned<String>> {
        let text = self.line(key, text)?;
        match url::Url::parse(&text.value) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(text),
            _ => {
                let message = format!("`{key}` is no web address");
                self.error(
                    text.span,
                    "url",
                    message,
                    "write it in full, such as `https://halden.example/live`",
                );
                None
            }
        }
    }

    fn duration(&mut self, text: Option<Spanned<String>>) -> Option<Spanned<String>> {
        let text = self.line("duration", text)?;
        let parts: Vec<&str> = text.value.split(':').collect();
        let digits = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        let small = |part: &&str| part.len() == 2 && part.parse::<u8>().is_ok_and(|n| n < 60);
        let good = matches!(parts.as_slice(), [first, rest @ ..]
            if digits(first) && matches!(rest.len(), 1 | 2) && rest.iter().all(small));
        if good {
            return Some(text);
        }
        let message = format!("`{}` is no duration", shown(&text.value));
        self.error(
            text.span,
            "duration",
            message,
            "write minutes and seconds, such as `24:10`, or `1:02:30`",
        );
        None
    }
}
