//! Reads `audiences/KEY.yaml`.

use jiff::SignedDuration;
use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::grammar;
use super::slots::{Slots, SlotsError};
use super::times::{Digest, Window, Zone};
use crate::audience::Audience;
use crate::finding::{Finding, Severity, nearest};
use crate::language::Language;
use crate::yaml::{self, Period, Spanned};

/// An audience: who gets what, by which channels, when.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Audience")]
pub(super) struct File {
    /// Its name for people.
    name: Option<Spanned<String>>,
    /// What it is for.
    #[serde(default)]
    description: Option<String>,
    /// Keys of the channels in `dateline.yaml`, such as `[relay, newsroom]`.
    channels: Option<Spanned<Vec<Spanned<String>>>>,
    /// Who belongs to it; an audience of public channels alone needs none.
    #[serde(default)]
    members: Option<Members>,
    /// Languages it is written to, most wanted first; all where nothing is said.
    #[serde(default)]
    languages: Vec<Spanned<Language>>,
    /// How long before the embargo those flagged `embargo_ok` get a copy: `48h`, `2d`, `90m`.
    #[serde(default)]
    advance: Option<Spanned<Period>>,
    /// When mail may leave.
    #[serde(default)]
    window: Option<Spanned<WindowKeys>>,
    /// Cron pattern of five fields in the newsroom's zone: the only times at which mail leaves.
    #[serde(default)]
    slots: Option<Spanned<String>>,
    /// A round-up instead of single mails.
    #[serde(default)]
    digest: Option<DigestKeys>,
    /// What a recipient can bear.
    #[serde(default)]
    limits: Option<Limits>,
}

/// Who belongs to an audience.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Members {
    /// A rule over contacts: `kind = blogger and (beat in [ev, family] or region = "EU")`.
    #[serde(rename = "where")]
    rule: Spanned<String>,
}

/// Hours of some weekdays.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct WindowKeys {
    /// `Mon-Fri`, `Mon, Wed`; every day where nothing is said.
    #[serde(default)]
    days: Option<Spanned<String>>,
    /// `08:00-18:00`; the whole day where nothing is said.
    #[serde(default)]
    hours: Option<Spanned<String>>,
    /// Whose clock counts: `recipient` (the default), `newsroom`, or an IANA zone.
    #[serde(default)]
    zone: Option<Spanned<String>>,
}

/// A round-up.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct DigestKeys {
    /// Cron pattern of five fields in the newsroom's zone.
    cron: Spanned<String>,
    /// The template that renders it; `digest` where nothing is said.
    #[serde(default)]
    template: Option<String>,
}

/// What a recipient can bear.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
struct Limits {
    /// The most mails in seven days.
    #[serde(default)]
    per_week: Option<Spanned<u32>>,
}

/// The JSON Schema of an audience's file, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}

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

    fn window(&mut self, raw: &Spanned<WindowKeys>) -> Option<Window> {
        let keys = &raw.value;
        if keys.days.is_none() && keys.hours.is_none() {
            self.error(
                raw.span.clone(),
                "audience-window",
                "the window names neither days nor hours".to_owned(),
                "write `window: { days: Mon-Fri, hours: \"08:00-18:00\", zone: recipient }`",
            );
            return None;
        }
        let days = match &keys.days {
            Some(days) => self.days(days),
            None => Some(all_days()),
        };
        let hours = match &keys.hours {
            Some(hours) => self.hours(hours),
            None => Some((Time::midnight(), Time::midnight())),
        };
        let zone = match &keys.zone {
            Some(zone) => self.zone(zone),
            None => Some(Zone::Recipient),
        };
        let (from, until) = hours?;
        Some(Window { days: days?, from, until, zone: zone? })
    }

    fn days(&mut self, raw: &Spanned<String>) -> Option<Vec<Weekday>> {
        let mut days = Vec::new();
        let mut at = 0;
        for part in raw.value.split(',') {
            let ends: Vec<&str> = part.splitn(2, '-').collect();
            let mut offset = at;
            let mut found = Vec::new();
            for end in &ends {
                let Some(day) = weekday(end.trim()) else {
                    let span = self.within(raw, offset + end.len() - end.trim_start().len());
                    let message = match end.trim() {
                        "" => "a day is missing here".to_owned(),
                        end => format!("`{end}` is no day of the week"),
                    };
                    self.error(span, "audience-window", message, "write `Mon-Fri` or `Mon, Wed, Sat`");
                    return None;
                };
                found.push(day);
                offset += end.len() + 1;
            }
            match found.as_slice() {
                [from, to] => {
                    days.extend(from.cycle_forward().take(7).take_while(|day| *day != *to).chain([*to]));
                }
                found => days.extend_from_slice(found),
            }
            at += part.len() + 1;
        }
        days.sort_by_key(|day| day.to_monday_zero_offset());
        days.dedup();
        Some(days)
    }

    fn hours(&mut self, raw: &Spanned<String>) -> Option<(Time, Time)> {
        let hint = "write `\"08:00-18:00\"`, from 00:00 to 24:00, in quotes";
        let Some((from, until)) = raw.value.split_once('-') else {
            let span = raw.span.clone();
            self.error(span, "audience-window", format!("`{}` names no two times", raw.value), hint);
            return None;
        };
        let mut times = Vec::new();
        for (text, at, last) in [(from, 0, false), (until, from.len() + 1, true)] {
            let Some(time) = clock(text.trim(), last) else {
                let span = self.within(raw, at + text.len() - text.trim_start().len());
                self.error(span, "audience-window", format!("`{}` is no time of day", text.trim()), hint);
                return None;
            };
            times.push(time);
        }
        let &[opens, closes] = times.as_slice() else { return None };
        if opens == closes && until.trim() != "24:00" {
            self.error(
                raw.span.clone(),
                "audience-window",
                "the window closes when it opens".to_owned(),
                "the whole day is `\"00:00-24:00\"`",
            );
            return None;
        }
        Some((opens, closes))
    }

    fn zone(&mut self, raw: &Spanned<String>) -> Option<Zone> {
        match raw.value.as_str() {
            "recipient" => return Some(Zone::Recipient),
            "newsroom" => return Some(Zone::Newsroom),
            name => {
                if let Ok(zone) = TimeZone::get(name) {
                    return Some(Zone::Named(zone));
                }
            }
        }
        self.error(
            raw.span.clone(),
            "audience-window",
            format!("`{}` is no time zone", raw.value),
            &match zone_like(&raw.value) {
                Some(name) => format!("did you mean `{name}`?"),
                None => "write `recipient`, `newsroom`, or a name such as `Europe/Stockholm`".to_owned(),
            },
        );
        None
    }
}

/// The zone whose name is nearest to a misspelt one.
fn zone_like(name: &str) -> Option<String> {
    let known: Vec<String> = jiff::tz::db().available().map(|zone| zone.as_str().to_owned()).collect();
    let words = ["recipient", "newsroom"].into_iter().chain(known.iter().map(String::as_str));
    nearest(name, words).map(str::to_owned)
}

fn all_days() -> Vec<Weekday> {
    Weekday::Monday.cycle_forward().take(7).collect()
}

fn weekday(text: &str) -> Option<Weekday> {
    let name = text.to_ascii_lowercase();
    if name.len() < 3 {
        return None;
    }
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = names.iter().position(|day| *day == name || day.get(..3) == Some(&name))?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

/// `08:00`; with `last` also `24:00`, which is the next midnight.
fn clock(text: &str, last: bool) -> Option<Time> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| -> Option<i8> {
        ((1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| text.parse().ok())
            .flatten()
    };
    let (hour, minute) = (number(hour)?, Some(minute).filter(|text| text.len() == 2).and_then(number)?);
    if last && (hour, minute) == (24, 0) {
        return Some(Time::midnight());
    }
    Time::new(hour, minute, 0, 0).ok()
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
