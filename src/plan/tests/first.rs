//! Who gets a release for the first time, and when.

use super::*;

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
