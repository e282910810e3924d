//! What a foreign file is: its slug, its time, and whose translation it may be.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, Zoned};

use crate::language::Language;

/// The parts of a file's name that say something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// What a translation shares with its original: the path without language and ending.
    pub key: String,
    /// The name without date, language and ending; a page bundle's is its folder's.
    pub stem: String,
    /// The date in it.
    pub date: Option<String>,
    /// The language in it.
    pub language: Option<Language>,
    /// It is a translation of another file.
    pub translation: bool,
    /// The file is `index.md`, and what stands beside it belongs to it.
    pub bundle: bool,
}

/// Reads `path`. A language at its end counts if the newsroom speaks it or an original stands beside it.
pub fn name(path: &str, all: &BTreeSet<String>, spoken: &[Language]) -> Name {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let bare = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let beside = |stem: &str| {
        let start = if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") };
        ["md", "markdown"].iter().any(|end| all.contains(&format!("{start}.{end}")))
    };
    let mut stem = bare;
    let mut language = None;
    let mut translation = false;
    if let Some((short, tag)) = bare.rsplit_once('.')
        && let Ok(tag) = tag.parse::<Language>()
    {
        let default = spoken.first();
        let original = beside(short)
            || default.is_some_and(|first| *first != tag && beside(&format!("{short}.{first}")));
        if original || spoken.contains(&tag) {
            translation = original && (default != Some(&tag) || beside(short));
            stem = short;
            language = Some(tag);
        }
    }
    let key = format!("{folder}/{stem}");
    let bundle = stem == "index";
    let shown =
        if bundle { folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or(stem) } else { stem };
    let (date, rest) = dated(shown);
    Name { key, stem: rest.to_owned(), date, language, translation, bundle }
}

/// `2024-5-1-aster` → (2024-05-01, `aster`).
fn dated(stem: &str) -> (Option<String>, &str) {
    let mut at = 0;
    let mut numbers = Vec::new();
    for part in stem.splitn(4, ['-', '_']).take(3) {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        numbers.push(part[..end].parse::<i16>().unwrap_or(-1));
        at += part.len() + 1;
    }
    let [year, month, day] = numbers[..] else { return (None, stem) };
    let narrow = |number: i16| i8::try_from(number).unwrap_or(-1);
    match Date::new(year, narrow(month), narrow(day)) {
        Ok(date) if (1000..=9999).contains(&year) => {
            let rest = stem.get(at..).unwrap_or_default();
            (Some(date.to_string()), if rest.is_empty() { stem } else { rest })
        }
        _ => (None, stem),
    }
}

/// A time as Dateline writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// For `publish:`.
    pub text: String,
    /// The instant; a wall clock counts as UTC's.
    pub instant: Option<Timestamp>,
    /// The year of its folder.
    pub year: i16,
}

/// A date as people write it.
pub fn moment(text: &str) -> Option<Moment> {
    const WITH_OFFSET: [&str; 6] = [
        "%Y-%m-%d %H:%M:%S %z",
        "%Y-%m-%d %H:%M %z",
        "%Y-%m-%d %H:%M:%S %:z",
        "%Y-%m-%d %H:%M:%S%.f %z",
        "%Y-%m-%d %H:%M:%S%.f %:z",
        "%a, %d %b %Y %H:%M:%S %z",
    ];
    const OF_A_CLOCK: [&str; 3] = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"];
    const OF_A_DAY: [&str; 6] = ["%Y-%m-%d", "%Y/%m/%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y", "%d %b %Y"];
    let text = text.trim();
    let instant = text
        .parse::<Timestamp>()
        .ok()
        .or_else(|| text.parse::<Zoned>().ok().map(|zoned| zoned.timestamp()))
        .or_else(|| WITH_OFFSET.iter().find_map(|form| Timestamp::strptime(form, text).ok()));
    if let Some(instant) = instant {
        let year = instant.to_zoned(jiff::tz::TimeZone::UTC).year();
        return Some(Moment { text: instant.to_string(), instant: Some(instant), year });
    }
    let civil = text
        .parse::<DateTime>()
        .ok()
        .or_else(|| OF_A_CLOCK.iter().find_map(|form| DateTime::strptime(form, text).ok()))
        .or_else(|| {
            let day = OF_A_DAY.iter().find_map(|form| Date::strptime(form, text).ok())?;
            Some(day.to_datetime(jiff::civil::Time::midnight()))
        })?;
    let instant = civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    Some(Moment { text: civil.strftime("%Y-%m-%dT%H:%M:%S").to_string(), instant, year: civil.year() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let spoken: Vec<Language> = ["en", "sv"].iter().map(|tag| tag.parse().unwrap()).collect();
        let all: BTreeSet<String> = ["a/x.md", "a/x.fr.md", "a/y.en.md", "a/y.sv.md", "a/z.sv.md"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        for (path, expected) in [
            ("a/x.md", "a/x x - -"),
            ("a/x.fr.md", "a/x x - fr translation"),
            ("a/y.en.md", "a/y y - en"),
            ("a/y.sv.md", "a/y y - sv translation"),
            ("a/z.sv.md", "a/z z - sv"),
            ("b/node.js.md", "b/node.js node.js - -"),
            ("b/version-1.0.md", "b/version-1.0 version-1.0 - -"),
            ("_posts/2024-5-1-aster.md", "_posts/2024-5-1-aster aster 2024-05-01 -"),
            ("b/2024-05-01-aster/index.md", "b/2024-05-01-aster/index aster 2024-05-01 - bundle"),
            ("b/2024-05-01.md", "b/2024-05-01 2024-05-01 2024-05-01 -"),
            ("b/2024-13-01-x.md", "b/2024-13-01-x 2024-13-01-x - -"),
            ("index.md", "/index index - - bundle"),
        ] {
            let found = name(path, &all, &spoken);
            let language = found.language.map_or("-".to_owned(), |language| language.to_string());
            let mut line =
                format!("{} {} {} {language}", found.key, found.stem, found.date.as_deref().unwrap_or("-"));
            line.push_str(if found.translation { " translation" } else { "" });
            line.push_str(if found.bundle { " bundle" } else { "" });
            assert_eq!(line, expected, "{path}");
        }
    }

    #[test]
    fn dates_of_many_hands() {
        for (text, expected) in [
            ("2025-12-02T00:00:00Z", Some("2025-12-02T00:00:00Z 2025")),
            ("2025-12-02T01:00:00+02:00", Some("2025-12-01T23:00:00Z 2025")),
            ("2025-12-02 08:30:00 +0100", Some("2025-12-02T07:30:00Z 2025")),
            ("2025-12-02 08:30", Some("2025-12-02T08:30:00 2025")),
            ("2019-3-11", Some("2019-03-11T00:00:00 2019")),
            ("May 1, 2024", Some("2024-05-01T00:00:00 2024")),
            ("1 May 2024", Some("2024-05-01T00:00:00 2024")),
            ("soon", None),
            ("", None),
        ] {
            let found = moment(text).map(|moment| format!("{} {}", moment.text, moment.year));
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
