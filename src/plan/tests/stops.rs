//! Releases that are held, killed or drafts again.

use super::*;

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
