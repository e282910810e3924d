//! Reads `audiences/KEY.yaml`.

mod keys;
mod window;

use jiff::SignedDuration;

use super::grammar;
use super::slots::{Slots, SlotsError};
use super::times::Digest;
use crate::audience::Audience;
use crate::finding::{Finding, Severity};
use crate::language::Language;
use crate::yaml::{self, Period, Spanned};

use keys::File;
pub use keys::schema;

/// Parses one audience; nothing if it has errors.
pub fn parse(path: &str, text: &str) -> (Option<Audience>, Vec<Finding>) {
    let mut reader = Reader { path, text, findings: Vec::new() };
    let Some(key) = reader.key() else { return (None, reader.findings) };
    let (file, findings) = yaml::read_all::<File>(path, text, 0..text.len());
    reader.findings = findings;
    let audience = file.map(|file| reader.audience(key, file));
    reader.findings.sort_by_key(|finding| finding.span.start);
    let broken = reader.findings.iter().any(|finding| finding.severity == Severity::Error);
    (audience.filter(|_| !broken), reader.findings)
}

/// The longest time before the embargo at which copies are given.
const LONGEST_ADVANCE: SignedDuration = SignedDuration::from_hours(60 * 24);

struct Reader<'a> {
    path: &'a str,
    text: &'a str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn error(&mut self, span: std::ops::Range<usize>, code: &'static str, message: String, hint: &str) {
        self.findings.push(Finding::error(self.path, self.text, span, code, message).hint(hint));
    }

    /// The bytes of the file from byte `at` of `value` to its end.
    fn within(&self, value: &Spanned<String>, at: usize) -> std::ops::Range<usize> {
        let span = value.span.clone();
        let start = locate(self.text, span.clone(), &value.value, at);
        let line = self.text.get(start..span.end).unwrap_or_default();
        let word = line.find(char::is_whitespace).unwrap_or(line.len());
        start..(start + word).max(start)
    }

    fn key(&mut self) -> Option<String> {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        let key = name.strip_suffix(".yaml").unwrap_or(name);
        let good = (1..=64).contains(&key.len())
            && key.starts_with(|c: char| c.is_ascii_lowercase())
            && key.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !good {
            self.error(
                0..0,
                "audience-key",
                format!("`{key}` cannot be an audience's key"),
                "name the file with small letters, digits and `-`, such as `trade-media.yaml`",
            );
            return None;
        }
        Some(key.to_owned())
    }

    fn audience(&mut self, key: String, file: File) -> Audience {
        let name = file.name.map(|name| name.value).filter(|name| !name.trim().is_empty());
        if name.is_none() {
            self.error(
                0..0,
                "audience-name",
                "the audience has no name".to_owned(),
                "add `name:` with the words people know it by",
            );
        }
        let channels = self.channels(file.channels);
        let members = file.members.and_then(|members| {
            grammar::rule(&members.rule.value)
                .map_err(|error| {
                    let span = self.within(&members.rule, error.at);
                    self.error(
                        span,
                        "audience-rule",
                        error.message,
                        error.hint.as_deref().unwrap_or_default(),
                    );
                })
                .ok()
        });
        let mut languages: Vec<Language> = Vec::new();
        for language in file.languages {
            if !languages.contains(&language.value) {
                languages.push(language.value);
            }
        }
        let advance = file.advance.map_or(SignedDuration::ZERO, |advance| self.advance(&advance));
        let window = file.window.and_then(|window| self.window(&window));
        let slots = file.slots.and_then(|slots| self.slots(&slots));
        let digest = file.digest.and_then(|digest| {
            let template = digest.template.unwrap_or_else(|| "digest".to_owned());
            let slots = self.slots(&digest.cron)?;
            if !slots.once_a_day() {
                self.error(
                    digest.cron.span.clone(),
                    "audience-digest",
                    "a round-up leaves at most once a day".to_owned(),
                    "write one minute and one hour: `0 8 * * Mon`",
                );
            }
            Some(Digest { slots, template })
        });
        let per_week = file.limits.and_then(|limits| limits.per_week).and_then(|limit| {
            if limit.value == 0 {
                self.error(
                    limit.span.clone(),
                    "audience-limit",
                    "a limit of 0 leaves everybody out".to_owned(),
                    "write at least 1, or take the limit away",
                );
                return None;
            }
            Some(limit.value)
        });
        let description = file.description.filter(|text| !text.trim().is_empty());
        Audience {
            key,
            name: name.unwrap_or_default(),
            description,
            channels,
            members,
            languages,
            advance,
            window,
            slots,
            digest,
            per_week,
        }
    }

    fn channels(&mut self, channels: Option<Spanned<Vec<Spanned<String>>>>) -> Vec<Spanned<String>> {
        let place = channels.as_ref().map_or(0..0, |channels| channels.span.clone());
        let mut named: Vec<Spanned<String>> = Vec::new();
        for channel in channels.map(|channels| channels.value).unwrap_or_default() {
            let Spanned { value, span } = channel;
            if named.iter().any(|before| before.value == value) {
                self.findings.push(
                    Finding::warning(
                        self.path,
                        self.text,
                        span,
                        "audience-channel-twice",
                        format!("`{value}` is named twice"),
                    )
                    .hint("take one away"),
                );
                continue;
            }
            named.push(Spanned { value, span });
        }
        if named.is_empty() {
            self.error(
                place,
                "audience-channels",
                "the audience has no channels".to_owned(),
                "add `channels:` with keys of `dateline.yaml`, such as `[relay, newsroom]`",
            );
        }
        named
    }

    fn advance(&mut self, advance: &Spanned<Period>) -> SignedDuration {
        if advance.value.0 > LONGEST_ADVANCE {
            self.error(
                advance.span.clone(),
                "audience-advance",
                format!("`{}` is more than 60 days", advance.value),
                "an embargo that long is not kept; write `48h` or `14d`",
            );
        }
        advance.value.0
    }

    fn slots(&mut self, raw: &Spanned<String>) -> Option<Slots> {
        match Slots::parse(&raw.value) {
            Ok(slots) => Some(slots),
            Err(SlotsError { message, hint, at }) => {
                let span = self.within(raw, at);
                self.error(span, "audience-cron", message, &hint);
                None
            }
        }
    }
}

/// The byte of the file at which byte `at` of `value` stands, for a value that was written
/// plain, quoted, or folded over several lines at `span` of `text`.
fn locate(text: &str, span: std::ops::Range<usize>, value: &str, at: usize) -> usize {
    let written = text.get(span.clone()).unwrap_or_default();
    let mut rest = written;
    for wanted in value.get(..at).unwrap_or_default().chars() {
        // What the value does not have are quotes, escapes, fold marks and indentation.
        let same = |c: char| c == wanted || (wanted.is_whitespace() && c.is_whitespace());
        let Some(found) = rest.find(same) else { return span.end };
        rest = rest.get(found..).unwrap_or_default();
        let mut characters = rest.chars();
        characters.next();
        rest = characters.as_str();
        if wanted.is_whitespace() {
            rest = rest.trim_start();
        }
    }
    if at == 0 {
        let first = value.chars().next();
        rest = first.and_then(|first| rest.find(first)).and_then(|found| rest.get(found..)).unwrap_or(rest);
    }
    span.start + written.len() - rest.len()
}
