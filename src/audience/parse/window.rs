//! The hours and days at which mail may leave.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use super::Reader;
use super::keys::WindowKeys;
use crate::audience::times::{Window, Zone};
use crate::finding::nearest;
use crate::yaml::Spanned;

impl Reader<'_> {
    pub(super) fn window(&mut self, raw: &Spanned<WindowKeys>) -> Option<Window> {
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
