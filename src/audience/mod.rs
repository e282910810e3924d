//! A named group: a rule over contacts, its channels, its times and limits.

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::contact::Contact;
use crate::language::Language;
use crate::yaml::Spanned;

mod grammar;
mod parse;
mod rule;
mod slots;
mod times;

pub use grammar::rule;
pub use parse::{parse, schema};
pub use rule::{Expression, RuleError, Verdict};
pub use slots::{Slots, SlotsError};
pub use times::{Digest, Window, Zone};

/// One file of `audiences/`.
#[derive(Debug, Clone)]
pub struct Audience {
    /// Its key: the file's name without `.yaml`.
    pub key: String,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Keys of the newsroom's channels.
    pub channels: Vec<Spanned<String>>,
    /// Who belongs to it; nothing for an audience that only has public channels.
    pub members: Option<Expression>,
    /// Languages it is written to, most wanted first; empty for all.
    pub languages: Vec<Language>,
    /// How long before the embargo those flagged `embargo_ok` get a copy.
    pub advance: SignedDuration,
    /// When mail may leave.
    pub window: Option<Window>,
    /// The only instants at which mail leaves.
    pub slots: Option<Slots>,
    /// A round-up instead of single mails.
    pub digest: Option<Digest>,
    /// The most mails a recipient gets in seven days.
    pub per_week: Option<u32>,
}

impl Audience {
    /// Whether `contact` belongs to it.
    pub fn admits(&self, contact: &Contact) -> bool {
        self.members.as_ref().is_some_and(|rule| rule.matches(contact))
    }

    /// The earliest instant at or after `ready` at which mail to a reader in `zone` may leave.
    ///
    /// Slots first, then the window: with both, the first slot inside the window.
    /// Returns nothing when no such instant comes within a year.
    pub fn due(
        &self,
        ready: jiff::Timestamp,
        newsroom: &TimeZone,
        recipient: &TimeZone,
    ) -> Option<jiff::Timestamp> {
        times::due(self, ready, newsroom, recipient)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fmt::Write as _;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::contact::ContactId;

    /// The audience that `yaml` describes; a name and a channel are added where they are missing.
    #[track_caller]
    pub fn audience(yaml: &str) -> Audience {
        let mut text = yaml.to_owned();
        for (key, line) in [("name:", "name: Readers"), ("channels:", "channels: [relay]")] {
            if !yaml.lines().any(|line| line.starts_with(key)) {
                let _ = write!(text, "\n{line}");
            }
        }
        let (audience, findings) = parse("audiences/readers.yaml", &text);
        audience.unwrap_or_else(|| panic!("{findings:#?}"))
    }

    /// A contact with these fields: `kind=blogger beat=ev language=sv embargo_ok=yes`; `+` is a space.
    pub fn contact(fields: &str) -> Contact {
        let mut contact = Contact {
            id: ContactId(1),
            email: "jane@paper.example".parse().unwrap(),
            name: Some("Jane Roe".to_owned()),
            language: None,
            timezone: None,
            embargo_ok: false,
            tags: Vec::new(),
            fields: std::collections::BTreeMap::new(),
            consent: None,
        };
        for (field, value) in fields.split_whitespace().map(|pair| pair.split_once('=').unwrap()) {
            let value = value.replace('+', " ");
            match field {
                "id" => contact.id = ContactId(value.parse().unwrap()),
                "language" => contact.language = Some(value.parse().unwrap()),
                "zone" => contact.timezone = Some(value),
                "embargo_ok" => contact.embargo_ok = value == "yes",
                "tag" => contact.tags.push(value),
                field => contact.fields.entry(field.to_owned()).or_default().push(value),
            }
        }
        contact
    }

    #[track_caller]
    fn check(yaml: &str, expected: &Expect) {
        let (audience, findings) = parse("audiences/bloggers.yaml", yaml);
        let mut shown = String::new();
        for finding in &findings {
            let _ = writeln!(shown, "{finding}");
        }
        if let Some(audience) = audience {
            let Audience { key, name, description, channels, members, languages, advance, .. } = &audience;
            let channels: Vec<&str> = channels.iter().map(|channel| channel.value.as_str()).collect();
            let languages: Vec<&str> = languages.iter().map(Language::as_str).collect();
            let _ = writeln!(shown, "{key}: {name} ({description:?}) {channels:?} {languages:?} {advance:#}");
            let _ = writeln!(
                shown,
                "members {}",
                members.as_ref().map_or("nobody".to_owned(), ToString::to_string)
            );
            if let Some(Window { days, from, until, zone }) = &audience.window {
                let days: Vec<i8> = days.iter().map(|day| day.to_monday_one_offset()).collect();
                let zone = match zone {
                    Zone::Named(zone) => zone.iana_name().unwrap_or("?").to_owned(),
                    other => format!("{other:?}"),
                };
                let _ = writeln!(shown, "window {days:?} {from} {until} {zone}");
            }
            if let Some(slots) = &audience.slots {
                let _ = writeln!(shown, "slots {}", slots.describe());
            }
            if let Some(Digest { slots, template }) = &audience.digest {
                let _ = writeln!(shown, "digest {} with {template}", slots.describe());
            }
            if let Some(limit) = audience.per_week {
                let _ = writeln!(shown, "limit {limit}");
            }
        }
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_whole_audience() {
        check(
            "name: Bloggers\ndescription: Independent writers\nchannels: [relay, newsroom]\nmembers:\n  where: kind = blogger and (beat in [ev, family] or region = \"EU\")\nlanguages: [en, sv]\nadvance: 36h\nwindow: { days: Sat-Mon, hours: \"22:00-02:30\", zone: Europe/Stockholm }\nslots: \"0 9,15 * * Mon-Fri\"\ndigest: { cron: \"0 8 * * Mon\" }\nlimits: { per_week: 3 }\n",
            &expect![[r#"
                bloggers: Bloggers (Some("Independent writers")) ["relay", "newsroom"] ["en", "sv"] 36h
                members kind = blogger and (beat in [ev, family] or region = EU)
                window [1, 6, 7] 22:00:00 02:30:00 Europe/Stockholm
                slots at 09:00 and 15:00, Mon to Fri
                digest at 08:00, Mon with digest
                limit 3
            "#]],
        );
    }

    #[test]
    fn findings_point_into_the_text() {
        check(
            "name: Bloggers\nchannels: [relay]\nmembers:\n  where: kind = blogger and beat == ev\nwindow: { days: Mon-Fry, hours: \"08:00-25:00\", zone: Europe/Stokholm }\nslots: \"0 9,25 * * Mon\"\nadvance: 2 days\nlanguages: [en, swedish]\nlimits: { per_week: 0 }\n",
            &expect![[r#"
                audiences/bloggers.yaml:4:35: error[audience-rule]: `==` is no comparison here
                  hint: write one `=`
                audiences/bloggers.yaml:5:21: error[audience-window]: `Fry` is no day of the week
                  hint: write `Mon-Fri` or `Mon, Wed, Sat`
                audiences/bloggers.yaml:5:40: error[audience-window]: `25:00` is no time of day
                  hint: write `"08:00-18:00"`, from 00:00 to 24:00, in quotes
                audiences/bloggers.yaml:5:54: error[audience-window]: `Europe/Stokholm` is no time zone
                  hint: did you mean `Europe/Stockholm`?
                audiences/bloggers.yaml:6:13: error[audience-cron]: `25` is no hour
                  hint: hour: 0 to 23
                audiences/bloggers.yaml:7:10: error[value]: `2 days` is no length of time; write a number and `s`, `m`, `h` or `d`, such as `30s`, `15m`, `48h` or `2d`
                audiences/bloggers.yaml:8:17: error[value]: `swedish` is no language tag; write one such as `en`, `sv` or `pt-BR`
                audiences/bloggers.yaml:9:21: error[audience-limit]: a limit of 0 leaves everybody out
                  hint: write at least 1, or take the limit away
            "#]],
        );
        // A rule that is folded over lines.
        check(
            "name: Bloggers\nchannels: [relay]\nmembers:\n  where: >-\n    kind = blogger\n    and beta ~ ev\n",
            &expect![[r#"
                audiences/bloggers.yaml:6:14: error[audience-rule]: expected `=`, `!=`, `in` or `not in` after `beta`, found `~`
                  hint: a condition looks like `kind = blogger` or `beat in [ev, family]`
            "#]],
        );
        check(
            "description: nothing else\n",
            &expect![[r#"
            audiences/bloggers.yaml:1:1: error[audience-name]: the audience has no name
              hint: add `name:` with the words people know it by
            audiences/bloggers.yaml:1:1: error[audience-channels]: the audience has no channels
              hint: add `channels:` with keys of `dateline.yaml`, such as `[relay, newsroom]`
        "#]],
        );
        check(
            "name: Bloggers\nchannels: [relay]\nwindow: {}\n",
            &expect![[r#"
            audiences/bloggers.yaml:3:9: error[audience-window]: the window names neither days nor hours
              hint: write `window: { days: Mon-Fri, hours: "08:00-18:00", zone: recipient }`
        "#]],
        );
        check(
            "name: Bloggers\nchannels: [relay, relay]\nwindow: { hours: \"09:00-09:00\" }\n",
            &expect![[r#"
            audiences/bloggers.yaml:2:19: warning[audience-channel-twice]: `relay` is named twice
              hint: take one away
            audiences/bloggers.yaml:3:18: error[audience-window]: the window closes when it opens
              hint: the whole day is `"00:00-24:00"`
        "#]],
        );
        check(
            "name: Bloggers\nchannels: [relay]\ndigest: { cron: \"0 8,9 * * Fri\" }\n",
            &expect![[r#"
            audiences/bloggers.yaml:3:17: error[audience-digest]: a round-up leaves at most once a day
              hint: write one minute and one hour: `0 8 * * Mon`
        "#]],
        );
        check(
            "name: Bloggers\nchanels: [relay]\n",
            &expect![[r#"
            audiences/bloggers.yaml:1:1: error[audience-channels]: the audience has no channels
              hint: add `channels:` with keys of `dateline.yaml`, such as `[relay, newsroom]`
            audiences/bloggers.yaml:2:1: error[unknown-key]: there is no key `chanels` here
              hint: did you mean `channels`?
        "#]],
        );
    }

    #[test]
    fn keys_come_from_the_path() {
        for (path, good) in [
            ("audiences/trade-media.yaml", true),
            ("audiences/Trade Media.yaml", false),
            ("audiences/1.yaml", false),
            ("audiences/.yaml", false),
        ] {
            assert_eq!(parse(path, "name: X\nchannels: [relay]\n").0.is_some(), good, "{path}");
        }
    }
}
