//! Releases that are late, channels and audiences that come and go, round-ups, and the JSON.

use super::*;

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
