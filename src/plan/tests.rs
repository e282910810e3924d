//! Text in, text out: a newsroom, a contact book and a small ledger, and what is planned.

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

#[test]
fn a_new_release() {
    World::new().release("aster", "", "It goes far.").contacts(THREE).check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T08:00 create
          fans/relay en to 3 12-01T08:00 create
          web/mastodon en account 12-01T08:00 create
          web/site en account 12-01T08:00 create
    "#]]);
}

#[test]
fn what_costs_money_says_so_and_videos_alone_go_to_youtube() {
    let mut world = World::new();
    world.audience("web", "channels: [site, x, tube]").release("aster", "audiences: [web]", "It goes far.");
    world.check(&expect![[r#"
        aster original
          web/site en account 12-01T08:00 create
          web/x en account 12-01T08:00 create: X charges about 0.20 USD for the post with the link, and 0.015 USD for each other post
    "#]]);
    world.file("releases/2026/film.mp4", "\0\0\0\u{18}ftypmp42");
    let film = "audiences: [web]\nmedia:\n  - { file: film.mp4, alt: The Aster EV on a road }";
    world.release("aster", film, "It goes far.").check(&expect![[r#"
        aster original
          web/site en account 12-01T08:00 create
          web/tube en account 12-01T08:00 create
          web/x en account 12-01T08:00 create: X charges about 0.20 USD for the post with the link, and 0.015 USD for each other post
    "#]]);
}

#[test]
fn drafts_and_unknown_audiences_are_not_planned() {
    World::new().release("aster", "status: draft", "It goes far.").contacts(THREE).check(&expect![[""]]);
}

#[test]
fn the_first_audience_named_decides() {
    let mut world = World::new();
    world.contacts("1 kind=press kind=fan\n2 kind=fan");
    world.release("aster", "audiences: [fans, press]", "It goes far.").check(&expect![[r#"
        aster original
          fans/relay en to 1,2 12-01T08:00 create
          press/relay en 0 counted 12-01T08:00 none: everybody is left out
          not 1 as press: get it as fans
    "#]]);
    world.release("aster", "audiences: [press, fans]", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en to 1 12-01T08:00 create
          fans/relay en to 2 12-01T08:00 create
          not 1 as fans: get it as press
    "#]]);
}

#[test]
fn languages() {
    let mut world = World::new();
    world.audience("press", "channels: [relay]\nmembers: { where: kind = press }\nlanguages: [sv]");
    world.contacts("1 kind=press\n2 kind=press language=en\n3 kind=fan language=sv\n4 kind=fan language=de");
    world.release("aster", "", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en 0 counted 12-01T08:00 none: everybody is left out
          fans/relay en to 3,4 12-01T08:00 create
          web/mastodon en account 12-01T08:00 create
          web/site en account 12-01T08:00 create
          not 1,2 as press: read none of its languages
    "#]]);
    world.release_file("releases/2026/aster.sv.md", "title: Aster EV går 620 km", "Den går långt.");
    world.check(&expect![[r#"
        aster original
          press/relay sv to 1,2 12-01T08:00 create
          fans/relay en to 4 12-01T08:00 create
          fans/relay sv to 3 12-01T08:00 create
          web/mastodon en account 12-01T08:00 create
          web/site en account 12-01T08:00 create
          web/site sv account 12-01T08:00 create
    "#]]);
}

#[test]
fn windows_by_the_readers_clock() {
    let mut world = World::new();
    world.audience(
        "fans",
        "channels: [relay]\nmembers: { where: kind = fan }\nwindow: { days: Mon-Fri, hours: \"08:00-18:00\", zone: recipient }",
    );
    world.contacts("1 kind=fan\n2 kind=fan zone=America/New_York\n3 kind=fan zone=Asia/Tokyo\n4 kind=fan zone=Nowhere/At_All");
    world.release("aster", "audiences: [fans]\nexpires: 2026-12-01T22:00[Europe/Stockholm]", "Far.");
    world.check(&expect![[r#"
        aster original
          fans/relay en to 1,3,4 12-01T08:00 create
          fans/relay en to 2 12-01T13:00 create
    "#]]);
    // On Friday evening nobody has time before Saturday evening.
    world.release("aster", "audiences: [fans]\npublish: 2026-12-04T19:00[Europe/Stockholm]", "Far.");
    world.check(&expect![[r#"
        aster original
          fans/relay en to 2 12-04T18:00 create
          not 1,3,4 as fans: have no window or slot before it expires
    "#]]);
}

#[test]
fn advance_copies() {
    let mut world = World::new();
    world.audience("press", "channels: [relay, site]\nmembers: { where: kind = press }\nadvance: 48h");
    world.contacts("1 kind=press embargo_ok=yes\n2 kind=press\n3 kind=fan embargo_ok=yes");
    world.release("aster", "publish: 2026-12-08T09:00[Europe/Stockholm]", "It goes far.");
    world.check(&expect![[r#"
        aster original
          press/relay en ahead to 1 12-06T08:00 create
          press/relay en to 2 12-08T08:00 create
          press/site en account 12-08T08:00 create
          fans/relay en to 3 12-08T08:00 create
          web/mastodon en account 12-08T08:00 create
    "#]]);
    // Less than 48 hours before: at once. And once issued, the time stays.
    world.at("2026-12-07T12:00:00Z").check(&expect![[r#"
        aster original
          press/relay en ahead to 1 12-07T12:00 create
          press/relay en to 2 12-08T08:00 create
          press/site en account 12-08T08:00 create
          fans/relay en to 3 12-08T08:00 create
          web/mastodon en account 12-08T08:00 create
    "#]]);
    world.issue().at("2026-12-07T13:00:00Z").send().check(&expect![[r#"
        aster original
          press/relay en ahead 1 counted 12-07T12:00 none
          press/relay en 1 counted 12-08T08:00 none
          press/site en account 12-08T08:00 none
          fans/relay en 1 counted 12-08T08:00 none
          web/mastodon en account 12-08T08:00 none
    "#]]);
    world.at("2026-12-08T08:00:00Z").check(&expect![[r#"
        aster original
          press/relay en ahead 1 counted 12-07T12:00 none
          press/relay en 1 counted 12-08T08:00 none
          press/site en account 12-08T08:00 none
          fans/relay en 1 counted 12-08T08:00 none
          web/mastodon en account 12-08T08:00 none
    "#]]);
    // Nobody who had a copy gets a second one.
    world
        .at("2026-12-08T08:30:00Z")
        .send()
        .contacts("1 kind=press embargo_ok=yes\n2 kind=press\n3 kind=fan\n5 kind=fan");
    world.check(&expect![[r#"
        aster original
          press/relay en ahead 1 counted 12-07T12:00 none
          press/relay en 1 counted 12-08T08:00 none
          press/site en account 12-08T08:00 none
          fans/relay en 1 counted 12-08T08:00 none
          web/mastodon en account 12-08T08:00 none
    "#]]);
}

#[test]
fn limits_and_suppressions() {
    let mut world = World::new();
    world.audience("press", "channels: [relay]\nmembers: { where: kind = press }\nlimits: { per_week: 2 }");
    world.contacts("1 kind=press\n2 kind=press kind=fan\n3 kind=press\n4 kind=fan");
    world.held.recent = [(ContactId(1), 1), (ContactId(2), 2)].into();
    world.held.suppressed = [(ContactId(3), "unsubscribed".to_owned())].into();
    world.release("aster", "audiences: [press, fans]", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en to 1 12-01T08:00 create
          fans/relay en to 4 12-01T08:00 create
          not 3 as press: must not be contacted: unsubscribed
          not 2 as press: had 2 or more mails in seven days
    "#]]);
}

#[test]
fn what_recipients_picked() {
    let mut world = World::new();
    let topics = "topics: { ev: { en: Electric cars }, family: { en: Family cars } }\n";
    world.file("dateline.yaml", &format!("{SETTINGS}{topics}"));
    world.audience("press", "channels: [relay]\nmembers: { where: kind = press }\nlanguages: [en]");
    world.contacts(
        "1 kind=press\n2 kind=press kind=fan\n3 kind=fan language=sv\n4 kind=press\n5 kind=fan\n6 kind=press",
    );
    let wishes = |unwanted: &[&str], languages: &[&str]| Wishes {
        unwanted: unwanted.iter().map(|topic| (*topic).to_owned()).collect(),
        languages: languages.iter().map(|language| language.parse().unwrap()).collect(),
    };
    world.held.wishes = [
        // Wants something else; wants one of the two; reads Swedish, which the press is not sent, but fans are; reads no
        // language that there is.
        (ContactId(1), wishes(&["ev"], &[])),
        (ContactId(2), wishes(&["family"], &["sv"])),
        (ContactId(3), wishes(&[], &["en"])),
        (ContactId(4), wishes(&["ev", "family"], &[])),
        (ContactId(5), wishes(&[], &["fi"])),
    ]
    .into();
    world.release("aster", "audiences: [press, fans]\ntags: [ev, aster]", "It goes far.");
    world.release_file("releases/2026/aster.sv.md", "title: Långt", "Långt.");
    world.release("both", "audiences: [press, fans]\ntags: [ev, family]", "It goes far.");
    world.release("plain", "audiences: [press, fans]\ntags: [aster]", "It goes far.");
    world.check(&expect![[r#"
        aster original
          press/relay en to 6 12-01T08:00 create
          fans/relay en to 3 12-01T08:00 create
          fans/relay sv to 2 12-01T08:00 create
          not 2 as press: chose other languages
          not 1,4 as press: chose other topics
          not 5 as fans: chose other languages
        both original
          press/relay en to 1,6 12-01T08:00 create
          fans/relay en to 3 12-01T08:00 create
          not 2 as press: chose other languages
          not 4 as press: chose other topics
          not 2,5 as fans: chose other languages
        plain original
          press/relay en to 1,4,6 12-01T08:00 create
          fans/relay en to 3 12-01T08:00 create
          not 2 as press: chose other languages
          not 2,5 as fans: chose other languages
    "#]]);
}

#[test]
fn an_exchange_of_one_contact_for_another_is_seen() {
    let mut world = World::new();
    world.contacts("1 kind=press\n2 kind=press\n3 kind=fan").release("aster", "", "It goes far.").issue();
    let same = world.plan();
    assert!(same.releases.iter().all(|planned| !planned.writes()), "{}", shown(&same));
    world.contacts("1 kind=press\n3 kind=fan\n4 kind=press").check(&expect![[r#"
        aster original
          press/relay en to 1,4 12-01T08:00 update: other recipients than at the last issue
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    world.issue();
    let same = world.plan();
    assert!(same.releases.iter().all(|planned| !planned.writes()), "{}", shown(&same));
    // An erased person is no longer in the ledger's crowd: nothing has to be written again.
    for group in &mut world.held.releases.get_mut("aster").unwrap().groups {
        if group.audience == "press" {
            group.crowd = group.crowd.map(|crowd| crowd.without(ContactId(1)));
            group.waiting -= 1;
            group.ended += 1;
        }
    }
    let same = world.contacts("3 kind=fan\n4 kind=press").plan();
    assert!(same.releases.iter().all(|planned| !planned.writes()), "{}", shown(&same));
}

#[test]
fn what_waits_is_replaced() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    world.release("aster", "", "It goes very far.").check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T08:00 update: replaces what waits
          fans/relay en to 3 12-01T08:00 update: replaces what waits
          web/mastodon en account 12-01T08:00 update: replaces what waits
          web/site en account 12-01T08:00 update: replaces what waits
    "#]]);
    world.issue().check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    // Another time, other people.
    world.release("aster", "publish: 2026-12-01T10:00[Europe/Stockholm]", "It goes very far.");
    world.check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T09:00 update: moved from 2026-12-01T08:00:00Z
          fans/relay en to 3 12-01T09:00 update: moved from 2026-12-01T08:00:00Z
          web/mastodon en account 12-01T09:00 update: moved from 2026-12-01T08:00:00Z
          web/site en account 12-01T09:00 update: moved from 2026-12-01T08:00:00Z
    "#]]);
    world.issue().contacts("1 kind=press\n2 kind=press\n5 kind=press\n3 kind=fan").check(&expect![[r#"
        aster original
          press/relay en to 1,2,5 12-01T09:00 update: +1 since the last issue
          fans/relay en 1 counted 12-01T09:00 none
          web/mastodon en account 12-01T09:00 none
          web/site en account 12-01T09:00 none
    "#]]);
    world.issue().contacts("1 kind=press").check(&expect![[r#"
        aster original
          press/relay en to 1 12-01T09:00 update: −2 since the last issue
          fans/relay en 1 counted 12-01T09:00 kill: nobody of them is meant any more
          web/mastodon en account 12-01T09:00 none
          web/site en account 12-01T09:00 none
    "#]]);
}

#[test]
fn what_was_sent_is_corrected_or_blocked() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send().check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    world.release("aster", "", "It goes 610 km.").check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 blocked: 5 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/aster.md
          fans/relay en 1 counted 12-01T08:00 blocked: 5 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/aster.md
          web/mastodon en 1 receivers 12-01T08:00 blocked: 5 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/aster.md
          web/site en 1 receivers 12-01T08:00 blocked: 5 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/aster.md
    "#]]);
    let material = "correction: { note: The range is 610 km. }";
    world.release("aster", material, "It goes 610 km.").check(&expect![[r#"
        aster correction
          press/relay en 2 receivers 12-01T08:10 correct
          fans/relay en 1 receivers 12-01T08:10 correct
          web/mastodon en 1 receivers 12-01T08:10 correct
          web/site en 1 receivers 12-01T08:10 correct
    "#]]);
    world.issue().check(&expect![[r#"
        aster correction
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    // The same note does not carry a second change.
    world.release("aster", material, "It goes 600 km.").check(&expect![[r#"
        aster correction
          press/relay en 2 counted 12-01T08:00 blocked: 5 have the old words, and the correction's note went out already; write in `note:` of releases/2026/aster.md what changed this time
          fans/relay en 1 counted 12-01T08:00 blocked: 5 have the old words, and the correction's note went out already; write in `note:` of releases/2026/aster.md what changed this time
          web/mastodon en 1 receivers 12-01T08:00 blocked: 5 have the old words, and the correction's note went out already; write in `note:` of releases/2026/aster.md what changed this time
          web/site en 1 receivers 12-01T08:00 blocked: 5 have the old words, and the correction's note went out already; write in `note:` of releases/2026/aster.md what changed this time
    "#]]);
    let minor = "correction: { note: A slip., class: minor }";
    world.release("aster", minor, "It goes 600 km.").check(&expect![[r#"
        aster correction
          press/relay en 2 receivers 12-01T08:00 none: minor: nobody is mailed
          fans/relay en 1 receivers 12-01T08:00 none: minor: nobody is mailed
          web/mastodon en 1 receivers 12-01T08:10 correct
          web/site en 1 receivers 12-01T08:10 correct
    "#]]);
}

#[test]
fn part_sent_part_waiting() {
    let mut world = World::new();
    world.audience(
        "fans",
        "channels: [relay]\nmembers: { where: kind = fan }\nwindow: { hours: \"08:00-18:00\", zone: recipient }",
    );
    world.contacts("1 kind=fan\n2 kind=fan zone=America/New_York");
    world.release("aster", "audiences: [fans]", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send().check(&expect![[r#"
        aster original
          fans/relay en 1 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T13:00 none
    "#]]);
    world.release("aster", "audiences: [fans]", "It goes 610 km.").check(&expect![[r#"
        aster original
          fans/relay en 2 counted 12-01T13:00 blocked: 1 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/aster.md
    "#]]);
    world.release("aster", "audiences: [fans]\ncorrection: { note: 610 km. }", "It goes 610 km.");
    world.check(&expect![[r#"
        aster correction
          fans/relay en 1 receivers 12-01T08:10 correct
          fans/relay en to 2 12-01T13:00 update: replaces what waits
    "#]]);
}

#[test]
fn whose_outcome_is_open_gets_the_corrected_text_or_the_correction() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send();
    // One mail to the press and the post are in doubt.
    for group in &mut world.held.releases.get_mut("aster").unwrap().groups {
        if matches!(group.audience.as_str(), "press" | "web") && group.channel != "site" {
            (group.sent, group.open) = (group.sent - 1, 1);
        }
    }
    world
        .release("aster", "correction: { note: The range is 610 km. }", "It goes 610 km.")
        .check(&expect![[r#"
            aster correction
              press/relay en 1 open 12-01T08:00 update: instead of the old words, if it turns out that they have nothing
              web/mastodon en 1 open 12-01T08:00 update: instead of the old words, if it turns out that they have nothing
              press/relay en 1 receivers 12-01T08:10 correct: 1 more if it turns out that they have it
              fans/relay en 1 receivers 12-01T08:10 correct
              web/mastodon en 0 receivers 12-01T08:10 correct: 1 more if it turns out that they have it
              web/site en 1 receivers 12-01T08:10 correct
        "#]]);
    world
        .release("aster", "correction: { note: A slip., class: minor }", "It goes 600 km.")
        .check(&expect![[r#"
            aster correction
              press/relay en 1 open 12-01T08:00 update: instead of the old words, if it turns out that they have nothing
              press/relay en 1 receivers 12-01T08:00 none: minor: nobody is mailed
              fans/relay en 1 receivers 12-01T08:00 none: minor: nobody is mailed
              web/mastodon en 1 open 12-01T08:00 update: instead of the old words, if it turns out that they have nothing
              web/mastodon en 0 receivers 12-01T08:10 correct: 1 more if it turns out that they have it
              web/site en 1 receivers 12-01T08:10 correct
        "#]]);
}

#[test]
fn a_zone_whose_rules_change_moves_nothing_without_being_asked() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    // It was issued when Stockholm was an hour further east.
    let old: Timestamp = "2026-12-01T07:30:00Z".parse().unwrap();
    let held = world.held.releases.get_mut("aster").unwrap();
    held.publish = Some(old);
    held.groups.iter_mut().for_each(|group| group.due = old);
    world.check(&expect![[r#"
        aster original moved from 2026-12-01T07:30:00Z
          press/relay en 2 counted 12-01T07:30 none
          fans/relay en 1 counted 12-01T07:30 none
          web/mastodon en account 12-01T07:30 none
          web/site en account 12-01T07:30 none
    "#]]);
    world.moved = true;
    world.check(&expect![[r#"
        aster original moved from 2026-12-01T07:30:00Z
          press/relay en to 1,2 12-01T08:00 update: moved from 2026-12-01T07:30:00Z
          fans/relay en to 3 12-01T08:00 update: moved from 2026-12-01T07:30:00Z
          web/mastodon en account 12-01T08:00 update: moved from 2026-12-01T07:30:00Z
          web/site en account 12-01T08:00 update: moved from 2026-12-01T07:30:00Z
    "#]]);
    world.issue().check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
}

#[test]
fn a_reader_whose_clock_changes_gets_it_by_the_new_one() {
    let mut world = World::new();
    world.audience(
        "fans",
        "channels: [relay]\nmembers: { where: kind = fan }\nwindow: { hours: \"08:00-18:00\", zone: recipient }",
    );
    world.contacts("1 kind=fan zone=America/New_York");
    world.release("aster", "audiences: [fans]", "It goes far.").issue();
    world.check(&expect![[r#"
        aster original
          fans/relay en 1 counted 12-01T13:00 none
    "#]]);
    world.contacts.clear();
    world.contacts("1 kind=fan zone=America/Chicago").check(&expect![[r#"
        aster original
          fans/relay en to 1 12-01T14:00 update: at other times than at the last issue
    "#]]);
}

#[test]
fn a_template_alone_touches_pages() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send();
    world.file("templates/newsroom/default.hbs", "{{title}}!").check(&expect![[r#"
        aster original
          press/relay en 2 receivers 12-01T08:00 none: sent; the words are the same
          fans/relay en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/mastodon en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/site en 1 receivers 12-01T08:00 update: the words are the same, the page is new
    "#]]);
    world.issue().check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 none
          fans/relay en 1 counted 12-01T08:00 none
          web/mastodon en account 12-01T08:00 none
          web/site en account 12-01T08:00 none
    "#]]);
    // Line breaks are no words.
    world.release("aster", "tags: [ev]", "It goes\nfar.").check(&expect![[r#"
        aster original
          press/relay en 2 receivers 12-01T08:00 none: sent; the words are the same
          fans/relay en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/mastodon en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/site en 1 receivers 12-01T08:00 update: the words are the same, the page is new
    "#]]);
}

#[test]
fn a_translation_that_comes_later_is_new_and_blocks_nothing() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send();
    world.release_file("releases/2026/aster.sv.md", "title: Aster EV går 620 km", "Den går långt.");
    world.check(&expect![[r#"
        aster original
          press/relay en 2 receivers 12-01T08:00 none: sent; the words are the same
          fans/relay en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/mastodon en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/site en 1 receivers 12-01T08:00 update: the words are the same, the page is new
          web/site sv account 12-01T08:00 create
    "#]]);
}

#[test]
fn held_and_killed() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "status: held\nreason: Figures are checked", "It goes far.");
    world.check(&expect![[r#"
        aster original
          press/relay en 0 counted 12-01T08:00 none: held before anything was sent: Figures are checked
          fans/relay en 0 counted 12-01T08:00 none: held before anything was sent: Figures are checked
          web/mastodon en account 12-01T08:00 none: held before anything was sent: Figures are checked
          web/site en account 12-01T08:00 none: held before anything was sent: Figures are checked
    "#]]);
    world.release("aster", "", "It goes far.").issue();
    world.release("aster", "status: held\nreason: Figures are checked", "It goes far.").check(&expect![[
        r#"
        aster hold
          press/relay en 2 counted 12-01T08:00 kill: held: Figures are checked; what waits is withdrawn
          fans/relay en 1 counted 12-01T08:00 kill: held: Figures are checked; what waits is withdrawn
          web/mastodon en 1 counted 12-01T08:00 kill: held: Figures are checked; what waits is withdrawn
          web/site en 1 counted 12-01T08:00 kill: held: Figures are checked; what waits is withdrawn
    "#
    ]]);
    world.issue().release("aster", "", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T08:00 update: replaces what waits
          fans/relay en to 3 12-01T08:00 update: replaces what waits
          web/mastodon en account 12-01T08:00 update: replaces what waits
          web/site en account 12-01T08:00 update: replaces what waits
    "#]]);
    world.issue().at("2026-12-01T08:10:00Z").send();
    world.release("aster", "status: held\nreason: Figures are checked", "It goes far.").check(&expect![[
        r#"
        aster hold
          press/relay en 2 receivers 12-01T08:10 kill: held: Figures are checked
          fans/relay en 1 receivers 12-01T08:10 kill: held: Figures are checked
          web/mastodon en 1 receivers 12-01T08:10 kill: held: Figures are checked
          web/site en 1 receivers 12-01T08:10 kill: held: Figures are checked
    "#
    ]]);
    world.issue().check(&expect![[r#"
        aster hold
          press/relay en 2 counted 12-01T08:00 none: held: Figures are checked
          fans/relay en 1 counted 12-01T08:00 none: held: Figures are checked
          web/mastodon en 1 counted 12-01T08:00 none: held: Figures are checked
          web/site en 1 counted 12-01T08:00 none: held: Figures are checked
    "#]]);
    world.release("aster", "status: killed\nreason: It was wrong", "It goes far.").check(&expect![[r#"
        aster kill
          press/relay en 2 receivers 12-01T08:10 kill: killed: It was wrong
          fans/relay en 1 receivers 12-01T08:10 kill: killed: It was wrong
          web/mastodon en 1 receivers 12-01T08:10 kill: killed: It was wrong
          web/site en 1 receivers 12-01T08:10 kill: killed: It was wrong
    "#]]);
    world.issue().check(&expect![[r#"
        aster kill
          press/relay en 2 counted 12-01T08:00 none: killed: It was wrong
          fans/relay en 1 counted 12-01T08:00 none: killed: It was wrong
          web/mastodon en 1 counted 12-01T08:00 none: killed: It was wrong
          web/site en 1 counted 12-01T08:00 none: killed: It was wrong
    "#]]);
    world.release("aster", "", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 blocked: it was killed, and those who have it were told; write a new release
          fans/relay en 1 counted 12-01T08:00 blocked: it was killed, and those who have it were told; write a new release
          web/mastodon en 1 receivers 12-01T08:00 blocked: it was killed, and those who have it were told; write a new release
          web/site en 1 receivers 12-01T08:00 blocked: it was killed, and those who have it were told; write a new release
    "#]]);
}

#[test]
fn a_stop_is_never_blocked_by_words_that_changed_with_it() {
    for (status, action) in [("held", "kill: held: It was wrong"), ("killed", "kill: killed: It was wrong")] {
        let mut world = World::new();
        world.contacts("1 kind=press");
        world.release("aster", "", "It goes 600 km.").issue().at("2026-12-01T08:00:01Z").send();
        let stop = format!("status: {status}\nreason: It was wrong");
        let planned = shown(&world.release("aster", &stop, "It goes 620 km.").plan());
        assert!(planned.contains(action) && !planned.contains("blocked"), "{planned}");
        // Going on with other words still needs a correction: they are compared with what was sent.
        if status == "held" {
            world.issue();
            let planned = shown(&world.release("aster", "", "It goes 620 km.").plan());
            assert!(planned.contains("have the old words"), "{planned}");
            let planned = shown(&world.release("aster", "", "It goes 600 km.").plan());
            assert!(!planned.contains("blocked"), "{planned}");
        }
    }
}

#[test]
fn a_hold_that_ends() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-01T08:10:00Z").send();
    world.release("aster", "status: held\nreason: Figures are checked", "It goes far.").issue();
    world.release("aster", "", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en 2 receivers 12-01T08:00 none: released; add a `correction:` to tell those who were asked to wait
          fans/relay en 1 receivers 12-01T08:00 none: released; add a `correction:` to tell those who were asked to wait
          web/mastodon en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/site en 1 receivers 12-01T08:00 update: the words are the same, the page is new
    "#]]);
    world.release("aster", "correction: { note: It stands. }", "It goes far.").check(&expect![[r#"
        aster correction
          press/relay en 2 receivers 12-01T08:10 correct
          fans/relay en 1 receivers 12-01T08:10 correct
          web/mastodon en 1 receivers 12-01T08:10 correct
          web/site en 1 receivers 12-01T08:10 correct
    "#]]);
}

#[test]
fn back_to_draft() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.release("aster", "status: draft", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 kill: back to draft; what waits is withdrawn
          fans/relay en 1 counted 12-01T08:00 kill: back to draft; what waits is withdrawn
          web/mastodon en 1 counted 12-01T08:00 kill: back to draft; what waits is withdrawn
          web/site en 1 counted 12-01T08:00 kill: back to draft; what waits is withdrawn
    "#]]);
    world.issue().check(&expect![[""]]);
}

#[test]
fn late_and_expired() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "audiences: [press, fans, web]", "It goes far.");
    world.audience("web", "channels: [site, mastodon, archive]");
    world.at("2026-12-01T08:59:00Z").check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T08:00 create
          fans/relay en to 3 12-01T08:00 create
          web/archive en account 12-01T08:00 create
          web/mastodon en account 12-01T08:00 create
          web/site en account 12-01T08:00 create
    "#]]);
    world.at("2026-12-01T09:30:00Z").check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          fans/relay en 1 counted 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          web/archive en account 12-01T08:00 create
          web/mastodon en account 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          web/site en account 12-01T08:00 create
    "#]]);
    world.issue().check(&expect![[r#"
        aster original
          press/relay en 2 counted 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          fans/relay en 1 counted 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          web/archive en account 12-01T08:00 none
          web/mastodon en account 12-01T08:00 blocked: late: 90 minutes past its time; `dateline issue --late` sends it all the same
          web/site en account 12-01T08:00 none
    "#]]);
    world.late = true;
    world.check(&expect![[r#"
        aster original
          web/archive en account 12-01T08:00 none
          web/mastodon en account 12-01T08:00 create
          web/site en account 12-01T08:00 none
          press/relay en to 1,2 12-01T09:30 create
          fans/relay en to 3 12-01T09:30 create
    "#]]);
    world.release("aster", "expires: 2026-12-01T10:00[Europe/Stockholm]", "It goes far.").check(&expect![[
        r#"
            aster original
              press/relay en 2 counted 12-01T08:00 blocked: expired at 2026-12-01T09:00:00Z
              fans/relay en 1 counted 12-01T08:00 blocked: expired at 2026-12-01T09:00:00Z
              web/archive en account 12-01T08:00 update: replaces what waits
              web/mastodon en account 12-01T08:00 blocked: expired at 2026-12-01T09:00:00Z
              web/site en account 12-01T08:00 update: replaces what waits
        "#
    ]]);
}

#[test]
fn a_new_channel_does_not_send_old_releases() {
    let mut world = World::new();
    world.audience("web", "channels: [site]");
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.at("2026-12-03T08:10:00Z").send();
    world.audience("web", "channels: [site, mastodon]").check(&expect![[r#"
        aster original
          press/relay en 2 receivers 12-01T08:00 none: sent; the words are the same
          fans/relay en 1 receivers 12-01T08:00 none: sent; the words are the same
          web/mastodon en account 12-01T08:00 blocked: late: 2 days past its time; `dateline issue --late` sends it all the same
          web/site en 1 receivers 12-01T08:00 none: sent; the words are the same
    "#]]);
}

#[test]
fn audiences_that_are_taken_away() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.").issue();
    world.release("aster", "audiences: [press]", "It goes far.").check(&expect![[r#"
        aster original
          press/relay en to 1,2 12-01T08:00 update: replaces what waits
          fans/relay en 1 counted 12-01T08:00 kill: the release no longer goes there
          web/mastodon en 1 counted 12-01T08:00 kill: the release no longer goes there
          web/site en 1 counted 12-01T08:00 kill: the release no longer goes there
    "#]]);
    world.at("2026-12-01T08:10:00Z").send();
    world.release("aster", "audiences: [press]\ncorrection: { note: 610. }", "It goes 610.").check(&expect![
        [r#"
            aster correction
              press/relay en 2 receivers 12-01T08:10 correct
              fans/relay en 1 receivers 12-01T08:10 correct: they have it, though it no longer goes there
              web/mastodon en 1 receivers 12-01T08:10 correct: they have it, though it no longer goes there
              web/site en 1 receivers 12-01T08:10 correct: they have it, though it no longer goes there
        "#]
    ]);
}

#[test]
fn round_ups() {
    let mut world = World::new();
    world.audience(
        "fans",
        "channels: [relay, mastodon]\nmembers: { where: kind = fan }\ndigest: { cron: \"0 8 * * Fri\" }\nlanguages: [en, sv]",
    );
    world.contacts("1 kind=press kind=fan\n2 kind=fan language=sv\n3 kind=fan");
    world.release("aster", "audiences: [press, fans]", "It goes far.");
    world.release("early", "audiences: [fans]\npublish: 2026-11-27T07:30[Europe/Stockholm]", "Before.");
    world.release("later", "audiences: [fans]\npublish: 2026-12-04T08:00[Europe/Stockholm]", "On the tick.");
    world.check(&expect![[r#"
        early original
          fans/mastodon en account 11-27T06:30 blocked: late: 4 days past its time; `dateline issue --late` sends it all the same
        aster original
          press/relay en to 1 12-01T08:00 create
          fans/mastodon en account 12-01T08:00 create
          not 1 as fans: get it as press
        digest/fans/2026-12-04 original of aster, later
          fans/relay en to 1,3 12-04T07:00 create
          fans/relay sv to 2 12-04T07:00 create
        later original
          fans/mastodon en account 12-04T07:00 create
    "#]]);
    world.issue().at("2026-12-04T06:00:00Z");
    world.release(
        "later",
        "audiences: [fans]\nstatus: killed\nreason: Wrong\npublish: 2026-12-04T08:00[Europe/Stockholm]",
        "On the tick.",
    );
    world.check(&expect![[r#"
        early original
          fans/mastodon en account 11-27T06:30 blocked: late: 6 days past its time; `dateline issue --late` sends it all the same
        aster original
          press/relay en 1 counted 12-01T08:00 none
          fans/mastodon en account 12-01T08:00 none
        digest/fans/2026-12-04 original of aster
          fans/relay en to 1,3 12-04T07:00 update: replaces what waits
          fans/relay sv to 2 12-04T07:00 update: replaces what waits
        later kill
          fans/mastodon en 1 counted 12-04T07:00 kill: killed: Wrong; what waits is withdrawn
    "#]]);
    world.issue().at("2026-12-04T07:00:00Z").send().at("2026-12-09T07:00:00Z").check(&expect![[r#"
        early original
          fans/mastodon en account 11-27T06:30 blocked: late: 12 days past its time; `dateline issue --late` sends it all the same
        aster original
          press/relay en 1 counted 12-01T08:00 none
          fans/mastodon en account 12-01T08:00 none
        digest/fans/2026-12-04 original of aster
          fans/relay en 2 counted 12-04T07:00 none
          fans/relay sv 1 counted 12-04T07:00 none
        later kill
          fans/mastodon en 1 counted 12-04T07:00 none: killed: Wrong
    "#]]);
    world.release("aster", "audiences: [fans]\ncorrection: { note: 610 km. }", "It goes 610 km.");
    world.check(&expect![[r#"
        early original
          fans/mastodon en account 11-27T06:30 blocked: late: 12 days past its time; `dateline issue --late` sends it all the same
        later kill
          fans/mastodon en 1 counted 12-04T07:00 none: killed: Wrong
        aster correction
          fans/mastodon en 1 receivers 12-09T07:00 correct
          press/relay en 1 receivers 12-09T07:00 correct: they have it, though it no longer goes there
        digest/fans/2026-12-04 correction of aster
          fans/relay en 2 receivers 12-09T07:00 correct
          fans/relay sv 1 receivers 12-09T07:00 correct
    "#]]);
}

#[test]
fn nobody_is_asked_for_where_nothing_is_to_do() {
    let mut world = World::new();
    world.contacts(THREE).release("aster", "", "It goes far.");
    let wants = |world: &World| Planner::new(&world.newsroom(), &world.held, world.now).wants_contacts();
    assert!(wants(&world));
    world.issue();
    assert!(wants(&world));
    world.at("2026-12-01T08:10:00Z").send();
    assert!(!wants(&world));
}

#[test]
fn json_keeps_its_contract() {
    let mut world = World::new();
    world.contacts("1 kind=press\n2 kind=fan kind=press").release("aster", "", "It goes far.");
    let text = serde_json::to_string_pretty(&json(&world.plan())).unwrap();
    expect![[r#"
        {
          "now": "2026-12-01T07:00:00Z",
          "releases": [
            {
              "deliveries": [
                {
                  "action": "create",
                  "advance": false,
                  "audience": "press",
                  "channel": "relay",
                  "due": "2026-12-01T08:00:00Z",
                  "language": "en",
                  "reason": null,
                  "recipients": 2
                },
                {
                  "action": "none",
                  "advance": false,
                  "audience": "fans",
                  "channel": "relay",
                  "due": "2026-12-01T08:00:00Z",
                  "language": "en",
                  "reason": "everybody is left out",
                  "recipients": 0
                },
                {
                  "action": "create",
                  "advance": false,
                  "audience": "web",
                  "channel": "mastodon",
                  "due": "2026-12-01T08:00:00Z",
                  "language": "en",
                  "reason": null,
                  "recipients": 1
                },
                {
                  "action": "create",
                  "advance": false,
                  "audience": "web",
                  "channel": "site",
                  "due": "2026-12-01T08:00:00Z",
                  "language": "en",
                  "reason": null,
                  "recipients": 1
                }
              ],
              "digest_of": [],
              "expires": "2026-12-02T08:00:00Z",
              "left_out": [
                {
                  "audience": "fans",
                  "reason": "get it as press",
                  "recipients": 1
                }
              ],
              "moved_from": null,
              "notice": "original",
              "publish": "2026-12-01T08:00:00Z",
              "slug": "aster",
              "title": "Aster EV goes 620 km"
            }
          ],
          "revision": null
        }"#]]
    .assert_eq(&text);
}
