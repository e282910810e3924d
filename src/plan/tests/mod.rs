//! Text in, text out: a newsroom, a contact book and a small ledger, and what is planned.

mod again;
mod first;
mod others;
mod stops;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use expect_test::{Expect, expect};
use jiff::Timestamp;

use super::*;
use crate::audience::tests::contact;
use crate::contact::Contact;
use crate::newsroom::Newsroom;

const SETTINGS: &str = "\
name: Halden Motors Newsroom
organization: Halden Motors
url: https://news.halden.example
timezone: Europe/Stockholm
language: en
languages: [en, sv]
channels:
  relay:
    kind: smtp
    host: relay.halden.example
    from: \"Press <press@news.halden.example>\"
    reply_to: press@halden.example
    postal_address: \"Box 1961, 400 00 Göteborg\"
    list_id: press.news.halden.example
    unsubscribe_url: https://news.halden.example/unsubscribe
    unsubscribe_mailto: unsubscribe@news.halden.example
  site:
    kind: newsroom
    dir: site
  mastodon:
    kind: mastodon
    server: https://social.halden.example
    token: { env: HALDEN_MASTODON_TOKEN }
    language: en
  archive:
    kind: file
    dir: archive
  x:
    kind: x
    client_id: client
    refresh_token: { env: HALDEN_X_TOKEN }
    tokens: x.tokens
  tube:
    kind: youtube
    client_id: client
    client_secret: { env: HALDEN_TUBE_SECRET }
    refresh_token: { env: HALDEN_TUBE_TOKEN }
policy: { late_after: 1h, expires_after: 24h }
";

/// A newsroom, its contacts, its ledger and its clock.
struct World {
    files: BTreeMap<String, Arc<[u8]>>,
    contacts: Vec<Contact>,
    held: Held,
    now: Timestamp,
    late: bool,
    moved: bool,
}

impl World {
    /// Stands at 08:00 in Stockholm on Tuesday, 1 December 2026, with `press`, `fans` and `web`.
    fn new() -> World {
        let mut world = World {
            files: BTreeMap::new(),
            contacts: Vec::new(),
            held: Held::default(),
            now: "2026-12-01T07:00:00Z".parse().unwrap(),
            late: false,
            moved: false,
        };
        world.file("dateline.yaml", SETTINGS);
        world.audience("press", "channels: [relay]\nmembers: { where: kind = press }\nadvance: 0h");
        world.audience("fans", "channels: [relay]\nmembers: { where: kind = fan }");
        world.audience("web", "channels: [site, mastodon]");
        world
    }

    fn file(&mut self, path: &str, text: &str) -> &mut World {
        self.files.insert(path.to_owned(), Arc::from(text.as_bytes()));
        self
    }

    fn audience(&mut self, key: &str, yaml: &str) -> &mut World {
        self.file(&format!("audiences/{key}.yaml"), &format!("name: The {key}\n{yaml}\n"))
    }

    /// A release that is approved and published at 09:00 on 1 December, unless `front` says otherwise.
    fn release(&mut self, slug: &str, front: &str, body: &str) -> &mut World {
        self.release_file(&format!("releases/2026/{slug}.md"), front, body)
    }

    fn release_file(&mut self, path: &str, front: &str, body: &str) -> &mut World {
        let mut text = format!("---\n{front}\n");
        for line in [
            "title: Aster EV goes 620 km",
            "publish: 2026-12-01T09:00[Europe/Stockholm]",
            "status: approved",
            "audiences: [press, fans, web]",
        ] {
            let key = line.split_once(':').unwrap().0;
            let said = front.lines().any(|line| line.starts_with(&format!("{key}:")));
            // A translation takes everything but its title from the original.
            let translated = path.matches('.').count() > 1 && key != "title";
            if !said && !translated {
                let _ = writeln!(text, "{line}");
            }
        }
        let _ = write!(text, "---\n{body}\n");
        self.file(path, &text)
    }

    /// Contacts, one a line: `1 kind=press language=sv`.
    fn contacts(&mut self, lines: &str) -> &mut World {
        self.contacts = lines
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| contact(&format!("id={}", line.trim())))
            .collect();
        self
    }

    fn at(&mut self, now: &str) -> &mut World {
        self.now = now.parse().unwrap();
        self
    }

    #[track_caller]
    fn newsroom(&self) -> Newsroom {
        let newsroom = Newsroom::build(None, self.files.clone());
        let errors =
            newsroom.findings.iter().filter(|finding| finding.severity == crate::finding::Severity::Error);
        let errors: Vec<String> = errors.map(ToString::to_string).collect();
        assert!(errors.is_empty(), "{}", errors.join("\n"));
        newsroom
    }

    #[track_caller]
    fn plan(&self) -> Plan {
        let newsroom = self.newsroom();
        let mut planner = Planner::new(&newsroom, &self.held, self.now).late(self.late).moved(self.moved);
        self.contacts.iter().for_each(|contact| planner.contact(contact));
        planner.finish()
    }

    #[track_caller]
    fn check(&mut self, expected: &Expect) -> &mut World {
        expected.assert_eq(&shown(&self.plan()));
        self
    }

    /// A ledger as small as can be: takes the plan in.
    #[track_caller]
    fn issue(&mut self) -> &mut World {
        for planned in self.plan().releases.into_iter().filter(|planned| planned.writes()) {
            let held = self.held.releases.entry(planned.slug.clone()).or_default();
            for group in &planned.deliveries {
                let same = |held: &&mut HeldGroup| {
                    held.audience == group.audience
                        && held.channel == group.channel
                        && held.language == group.language
                        && held.advance == group.advance
                };
                let told = matches!(group.recipients, Recipients::Receivers(_));
                if told && group.action.writes() {
                    held.notice = planned.notice;
                    continue;
                }
                if matches!(group.recipients, Recipients::Open(_)) {
                    continue;
                }
                if group.action == Action::Update || group.action == Action::Kill {
                    for held in held.groups.iter_mut().filter(same) {
                        held.ended += held.waiting;
                        held.waiting = 0;
                    }
                    let superseded = |held: &HeldGroup| held.sent + held.open == 0;
                    held.groups.retain(|held| {
                        group.action == Action::Kill
                            || !superseded(held)
                            || (&held.audience, &held.channel, &held.language, held.advance)
                                != (&group.audience, &group.channel, &group.language, group.advance)
                    });
                }
                if matches!(group.action, Action::Create | Action::Update) {
                    held.groups.push(HeldGroup {
                        audience: group.audience.clone(),
                        channel: group.channel.clone(),
                        language: group.language.clone(),
                        advance: group.advance,
                        due: group.due,
                        waiting: group.recipients.count(),
                        open: 0,
                        sent: 0,
                        ended: 0,
                        crowd: match &group.recipients {
                            Recipients::Contacts(list) => Some(Crowd::of(list)),
                            _ => None,
                        },
                    });
                }
            }
            held.source = Some((*planned.source).clone());
            held.publish = Some(planned.publish);
        }
        self
    }

    /// Everything that is due arrives.
    fn send(&mut self) -> &mut World {
        for group in self.held.releases.values_mut().flat_map(|release| &mut release.groups) {
            if group.due <= self.now {
                group.sent += std::mem::take(&mut group.waiting);
            }
        }
        self
    }
}

fn shown(plan: &Plan) -> String {
    let mut text = String::new();
    for planned in &plan.releases {
        let _ = write!(text, "{} {}", planned.slug, planned.notice.as_str());
        if let Some(from) = planned.moved_from {
            let _ = write!(text, " moved from {from}");
        }
        if !planned.digest_of.is_empty() {
            let _ = write!(text, " of {}", planned.digest_of.join(", "));
        }
        text.push('\n');
        for group in &planned.deliveries {
            let Group { audience, channel, language, recipients, due, action, reason, .. } = group;
            let advance = if group.advance { " ahead" } else { "" };
            let to = match recipients {
                Recipients::Contacts(list) => {
                    format!("to {}", list.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(","))
                }
                Recipients::Account => "account".to_owned(),
                Recipients::Receivers(count) => format!("{count} receivers"),
                Recipients::Open(count) => format!("{count} open"),
                Recipients::Number(count) => format!("{count} counted"),
            };
            let due = due.strftime("%m-%dT%H:%M");
            let reason = reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
            let _ = writeln!(
                text,
                "  {audience}/{channel} {language}{advance} {to} {due} {}{reason}",
                action.as_str()
            );
        }
        for out in &planned.left_out {
            let ids: Vec<String> = out.contacts.iter().map(|id| id.0.to_string()).collect();
            let _ = writeln!(text, "  not {} as {}: {}", ids.join(","), out.audience, out.reason);
        }
    }
    text
}

const THREE: &str = "1 kind=press\n2 kind=press language=sv\n3 kind=fan\n4 kind=other";
