use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::expect;

use super::words::{thousands, wrapped};
use crate::contact::ContactId;
use crate::digest::Digest;
use crate::newsroom::Newsroom;
use crate::plan::{Action, Group, LeftOut, Plan, Planned, Recipients, Source, Why};
use crate::release::Notice;

fn plan() -> Plan {
    let group =
        |audience: &str, channel: &str, language: &str, recipients, due: &str, action, reason: &str| Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: language.parse().unwrap(),
            advance: due.starts_with("2026-11"),
            recipients,
            due: due.parse().unwrap(),
            action,
            reason: (!reason.is_empty()).then(|| reason.to_owned()),
        };
    let contacts = |count: i64| Recipients::Contacts((1..=count).map(ContactId).collect());
    let nothing = Digest::of(b"");
    let planned = |slug: &str, title: &str, notice, deliveries, left_out| Planned {
        slug: slug.to_owned(),
        title: title.to_owned(),
        notice,
        publish: "2026-12-01T08:00:00Z".parse().unwrap(),
        expires: "2026-12-02T08:00:00Z".parse().unwrap(),
        moved_from: None,
        digest_of: Vec::new(),
        source: Arc::new(Source { all: nothing, look: nothing, correction: None, words: BTreeMap::new() }),
        deliveries,
        left_out,
        limits: BTreeMap::new(),
    };
    let new = planned(
        "aster-ev",
        "Aster EV goes 620 km on one charge, and this headline is longer than any terminal that people use today",
        Notice::Original,
        vec![
            group("trade-media", "relay", "en", contacts(12), "2026-11-29T08:00:00Z", Action::Create, ""),
            group("trade-media", "relay", "en", contacts(1234), "2026-12-01T08:00:00Z", Action::Create, ""),
            group(
                "trade-media",
                "relay",
                "sv",
                contacts(120),
                "2026-12-01T08:00:00Z",
                Action::Update,
                "+12 since the last issue",
            ),
            group("bloggers", "relay", "en", contacts(7), "2026-12-01T23:30:00Z", Action::Create, ""),
            group(
                "public",
                "newsroom",
                "en",
                Recipients::Account,
                "2026-12-01T08:00:00Z",
                Action::Create,
                "",
            ),
        ],
        vec![
            LeftOut {
                audience: "bloggers".to_owned(),
                reason: Why::AlreadyBy("trade-media".to_owned()),
                contacts: vec![ContactId(1), ContactId(2)],
            },
            LeftOut {
                audience: "bloggers".to_owned(),
                reason: Why::Suppressed("unsubscribed".to_owned()),
                contacts: vec![ContactId(3)],
            },
        ],
    );
    let reason = "1236 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/q3.md";
    let blocked = planned(
        "q3-results",
        "Third quarter",
        Notice::Correction,
        vec![
            group(
                "investors",
                "relay",
                "en",
                Recipients::Number(1235),
                "2026-12-01T06:00:00Z",
                Action::Blocked,
                reason,
            ),
            group(
                "investors",
                "archive",
                "en",
                Recipients::Receivers(1),
                "2026-12-01T06:00:00Z",
                Action::Blocked,
                reason,
            ),
        ],
        Vec::new(),
    );
    let old = planned(
        "old",
        "Long ago",
        Notice::Original,
        vec![group(
            "public",
            "newsroom",
            "en",
            Recipients::Account,
            "2025-12-01T06:00:00Z",
            Action::None,
            "",
        )],
        Vec::new(),
    );
    Plan {
        revision: Some("0123456789abcdef0123".to_owned()),
        now: "2026-12-01T07:00:00Z".parse().unwrap(),
        releases: [new, blocked, old].map(Arc::new).to_vec(),
    }
}

fn newsroom() -> Newsroom {
    let text = "timezone: Europe/Stockholm\n";
    let files = [("dateline.yaml".to_owned(), std::sync::Arc::from(text.as_bytes()))].into();
    Newsroom::build(None, files)
}

fn table(plan: &Plan, newsroom: &Newsroom, width: u16, everything: bool) -> String {
    let mut out = Vec::new();
    super::table::table(&mut out, plan, newsroom, width, everything).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn at_eighty_columns() {
    let text = table(&plan(), &newsroom(), 80, false);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    expect![[r#"
        Plan of 0123456789ab for Tue 1 Dec 2026, 08:00 CET (07:00 UTC)

        aster-ev  Aster EV goes 620 km on one charge, and this headline is longer than …
          audience     channel   in  how many  leaves            UTC           action
          trade-media  relay     en        12  Sun 29 Nov 09:00  08:00Z        create
          (embargoed)
          trade-media  relay     en     1,234  Tue  1 Dec 09:00  08:00Z        create
          trade-media  relay     sv       120  Tue  1 Dec 09:00  08:00Z        update
          bloggers     relay     en         7  Wed  2 Dec 00:30  1 Dec 23:30Z  create
          public       newsroom  en         1  Tue  1 Dec 09:00  08:00Z        create
          * trade-media on relay: +12 since the last issue
          - 2 of bloggers left out: get it as trade-media
          - 1 of bloggers left out: must not be contacted: unsubscribed

        q3-results [correction]  Third quarter
          audience     channel   in  how many  leaves            UTC           action
          investors    relay     en     1,235  Tue  1 Dec 07:00  06:00Z        blocked
          investors    archive   en         1  Tue  1 Dec 07:00  06:00Z        blocked
          * blocked: 1236 have the old words; add `correction:` with a `note:` that says
            what changed to releases/2026/q3.md

        Deliveries: 1,254 new, 120 replaced before they leave, 1,236 blocked, 1 as the
        ledger has them. 3 left out. One release more has nothing to do (`--all` shows
        it).
    "#]]
    .assert_eq(&text);
}

#[test]
fn at_a_hundred_and_twenty_columns_with_everything() {
    let text = table(&plan(), &newsroom(), 120, true);
    assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    expect![[r#"
        Plan of 0123456789ab for Tue 1 Dec 2026, 08:00 CET (07:00 UTC)

        aster-ev  Aster EV goes 620 km on one charge, and this headline is longer than any terminal that people use today
          audience                 channel   in  how many  leaves                 UTC           action
          trade-media (embargoed)  relay     en        12  Sun 29 Nov 09:00       08:00Z        create
          trade-media              relay     en     1,234  Tue  1 Dec 09:00       08:00Z        create
          trade-media              relay     sv       120  Tue  1 Dec 09:00       08:00Z        update
          bloggers                 relay     en         7  Wed  2 Dec 00:30       1 Dec 23:30Z  create
          public                   newsroom  en         1  Tue  1 Dec 09:00       08:00Z        create
          * trade-media on relay: +12 since the last issue
          - 2 of bloggers left out: get it as trade-media
          - 1 of bloggers left out: must not be contacted: unsubscribed

        q3-results [correction]  Third quarter
          audience                 channel   in  how many  leaves                 UTC           action
          investors                relay     en     1,235  Tue  1 Dec 07:00       06:00Z        blocked
          investors                archive   en         1  Tue  1 Dec 07:00       06:00Z        blocked
          * blocked: 1236 have the old words; add `correction:` with a `note:` that says what changed to releases/2026/q3.md

        old  Long ago
          audience                 channel   in  how many  leaves                 UTC           action
          public                   newsroom  en         1  Mon  1 Dec 2025 07:00  06:00Z        none

        Deliveries: 1,254 new, 120 replaced before they leave, 1,236 blocked, 1 as the ledger has them. 3 left out.
    "#]].assert_eq(&text);
}

#[test]
fn numbers_and_lines() {
    for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
        assert_eq!(thousands(number), expected);
    }
    let mut text = String::new();
    wrapped(&mut text, "  - ", "one two three four", 12);
    assert_eq!(text, "  - one two\n    three\n    four\n");
}
