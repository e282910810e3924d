//! What is planned of a release that was issued before.

use super::*;

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
