//! Audiences: whether anything reaches them, and who hears first.

use jiff::Timestamp;

use crate::audience::Audience;
use crate::newsroom::Newsroom;
use crate::release::Status;

use super::{Case, Notes, Situation};

/// The file of an audience, and its text where the newsroom still holds it.
fn source<'n>(newsroom: &'n Newsroom, key: &str) -> (String, &'n str) {
    let path = format!("audiences/{key}.yaml");
    let text =
        newsroom.files.get(&path).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
    (path, text)
}

/// The bytes of the line in `text` that begins with `word`.
fn line_of(text: &str, word: &str) -> std::ops::Range<usize> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.trim_start().starts_with(word) {
            let start = at + line.len() - line.trim_start().len();
            return start..at + line.trim_end().len();
        }
        at += line.len();
    }
    0..0
}

pub(super) fn audience_unread(situation: &Situation<'_>, notes: &mut Notes) {
    let newsroom = situation.newsroom;
    for audience in newsroom.audiences.values().filter(|audience| audience.members.is_some()) {
        let mut kinds = audience.channels.iter().filter_map(|channel| newsroom.channels.get(&channel.value));
        if kinds.any(|channel| channel.kind.is_mail()) {
            continue;
        }
        let (path, text) = source(newsroom, &audience.key);
        notes.add_in(
            &path,
            text,
            line_of(text, "channels:"),
            format!("`{}` has members, but no mail channel, so nothing reaches them", audience.key),
            "add a mail channel (`kind: smtp`, `ses` or `postmark`) to `channels:`, or take `members:` out",
        );
    }
}

pub(super) fn audience_empty(situation: &Situation<'_>, notes: &mut Notes) {
    let (newsroom, Some(reach)) = (situation.newsroom, situation.contacts) else { return };
    let live = |audience: &&Audience| {
        newsroom
            .releases
            .values()
            .any(|release| release.status != Status::Killed && release.audiences.contains(&audience.key))
    };
    for audience in newsroom.audiences.values().filter(|audience| audience.members.is_some()).filter(live) {
        if reach.counts.get(&audience.key).copied().unwrap_or_default() > 0 {
            continue;
        }
        let (path, text) = source(newsroom, &audience.key);
        notes.add_in(
            &path,
            text,
            line_of(text, "where:"),
            format!("nobody in the contact book belongs to `{}`", audience.key),
            "look at the rule after `where:`, or import the contacts it is meant for",
        );
    }
}

/// Staff should not read about their own house in the papers.
pub(super) fn employees_late(case: &Case<'_>, notes: &mut Notes) {
    let (Some(publish), Some(audiences)) = (&case.publish, &case.original().file.front.audiences) else {
        return;
    };
    let newsroom = case.newsroom;
    let first =
        |audience: &Audience| -> Option<Timestamp> {
            let ready = publish.timestamp();
            let zone = &newsroom.timezone;
            audience
                .channels
                .iter()
                .filter_map(|channel| newsroom.channels.get(&channel.value))
                .filter_map(|channel| {
                    if channel.kind.is_mail() { audience.due(ready, zone, zone) } else { Some(ready) }
                })
                .min()
        };
    let times: Vec<(&crate::yaml::Spanned<String>, bool, Timestamp)> = audiences
        .value
        .iter()
        .filter_map(|key| {
            let audience = newsroom.audiences.get(&key.value)?;
            Some((key, is_staff(audience), first(audience)?))
        })
        .collect();
    let Some((staff, _, late)) = times.iter().filter(|(_, staff, _)| *staff).min_by_key(|(_, _, due)| *due)
    else {
        return;
    };
    let others = times.iter().filter(|(_, staff, _)| !*staff);
    if let Some((other, _, early)) = others.min_by_key(|(_, _, due)| *due)
        && early < late
    {
        let shown = |at: &Timestamp| {
            at.to_zoned(newsroom.timezone.clone()).strftime("%-d %B %Y at %H:%M").to_string()
        };
        notes.add(
            case.original().file,
            staff.span.clone(),
            format!(
                "`{}` hear of this on {}, after `{}` ({})",
                staff.value,
                shown(late),
                other.value,
                shown(early)
            ),
            "publish at one of the audience's `slots:`, or give it a channel that does not wait",
        );
    }
}

/// Whether an audience is the organization's own people, by its key or name.
fn is_staff(audience: &Audience) -> bool {
    const NAMES: [&str; 9] = [
        "employee",
        "staff",
        "colleague",
        "intern",
        "medarbetare",
        "anställda",
        "personal",
        "mitarbeit",
        "salarié",
    ];
    let belongs = |text: &str| {
        let text = text.to_lowercase();
        text.split(|c: char| !c.is_alphanumeric()).any(|word| {
            NAMES.iter().any(|name| word.starts_with(name))
                && !word.starts_with("internation")
                && !word.starts_with("internet")
                && !word.starts_with("personali")
        })
    };
    belongs(&audience.key) || belongs(&audience.name)
}
