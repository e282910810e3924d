//! What git may look like: rewritten, broken, bare, elsewhere.

use dateline::clock::Clock;

use super::inside::Inside;
use super::room::{Room, at, git, mails_with, nine, relay, release, settings};

#[tokio::test(flavor = "multi_thread")]
async fn rewritten_history_is_refused_until_it_is_accepted() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let first = room.release("aster", nine(), "", "Aster.");
    let daemon = Inside::start(&room, &clock).await;
    room.write("releases/2026/lux.md", &release(nine(), "", "Lux."));
    room.git(&["add", "--all"]);
    room.git(&["commit", "--quiet", "--amend", "--message", "rewritten"]);
    let rewritten = room.head();
    let health = daemon.look_at(at(-50)).await;
    assert!(health.ready && health.refused_commits == 1, "{health:?}");
    assert!(health.problems[0].contains(&format!("--accept {rewritten}")), "{health:?}");
    assert_eq!(health.revision, Some(first.clone()));
    // Said for as long as it stands, counted once.
    let health = daemon.look_at(at(-40)).await;
    assert_eq!((health.refused_commits, health.problems.len()), (1, 1));
    daemon.reach(&room, nine(), "5 sent").await;
    assert_eq!((mails_with(&relay, "Aster.").len(), mails_with(&relay, "Lux.").len()), (3, 0));
    // The branch goes back to what is followed: nothing is wrong any more.
    room.git(&["reset", "--quiet", "--hard", &first]);
    assert_eq!(daemon.look_at(at(10)).await.problems, Vec::<String>::new());
    room.git(&["reset", "--quiet", "--hard", &rewritten]);
    assert_eq!(daemon.look_at(at(20)).await.refused_commits, 2);
    daemon.end().await;

    // A new start does not forget, also where git has thrown the old commit away.
    room.git(&["reflog", "expire", "--expire=now", "--all"]);
    room.git(&["gc", "--quiet", "--prune=now"]);
    clock.set(at(30));
    let daemon = Inside::start(&room, &clock).await;
    assert_eq!(daemon.look_at(at(40)).await.problems.len(), 1);
    assert_eq!(room.states().await, "5 sent");
    daemon.end().await;

    let daemon = Inside::accepting(&room, &clock, Some(&rewritten)).await;
    assert_eq!(daemon.health.borrow().problems, Vec::<String>::new());
    daemon.reach(&room, at(50), "10 sent").await;
    assert_eq!((mails_with(&relay, "Aster.").len(), mails_with(&relay, "Lux.").len()), (3, 3));
    daemon.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_commit_with_a_broken_newsroom_nothing_is_issued_and_the_earlier_goes_on() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let good = room.release("aster", nine(), "", "Aster.");
    let daemon = Inside::start(&room, &clock).await;
    let yaml = room.read("dateline.yaml");
    room.write("dateline.yaml", &yaml.replace("Europe/Stockholm", "Europe/Stokholm"));
    room.release("lux", nine(), "", "Lux.");
    let health = daemon.look_at(at(-30)).await;
    assert!(health.problems[0].contains("dateline.yaml:4:11"), "{health:?}");
    assert_eq!((health.ready, health.revision), (true, Some(good)));
    daemon.reach(&room, nine(), "5 sent").await;
    assert_eq!((mails_with(&relay, "Aster.").len(), mails_with(&relay, "Lux.").len()), (3, 0));
    room.write("dateline.yaml", &yaml);
    room.commit("mended");
    assert_eq!(daemon.look_at(at(10)).await.problems, Vec::<String>::new());
    daemon.reach(&room, at(11), "10 sent").await;
    assert_eq!(mails_with(&relay, "Lux.").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_with_errors_stops_itself_alone() {
    for (slug, text) in [
        // It cannot be read, and a desk's error.
        ("broken", "---\ntitle: Broken\nembargoo: tomorrow\nstatus: approved\n---\nText.\n".to_owned()),
        ("broken", release(nine(), "", "The price is [TBC].")),
    ] {
        let clock = Clock::fixed(at(-60));
        let relay = relay(&clock).await;
        let room = Room::new(relay.smtp_port());
        room.write("releases/2026/broken.md", &text);
        room.release("aster", nine(), "", "Aster.");
        let daemon = Inside::start(&room, &clock).await;
        let problems = daemon.health.borrow().problems.clone();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&format!("{slug} is not issued: releases/2026/broken.md:")));
        daemon.reach(&room, nine(), "5 sent").await;
        assert_eq!(mails_with(&relay, "Aster.").len(), 3);
        assert_eq!(relay.mails().len(), 3);
        room.write("releases/2026/broken.md", &release(nine(), "", "The price is 41,900 euros."));
        room.commit("mended");
        assert_eq!(daemon.look_at(at(30)).await.problems, Vec::<String>::new());
        daemon.reach(&room, at(31), "10 sent").await;
        assert_eq!(mails_with(&relay, "41,900").len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_never_hinders_a_kill_and_leaves_a_round_up() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    room.release("aster", nine(), "", "Words.");
    let daemon = Inside::start(&room, &clock).await;
    daemon.reach(&room, nine(), "5 sent").await;
    let kill = "status: killed\nreason: It is wrong.\n";
    room.release("aster", nine(), kill, "Words [TBC].");
    daemon.look_at(at(60)).await;
    daemon.reach(&room, at(61), "10 sent").await;
    assert_eq!(mails_with(&relay, "It is wrong.").len(), 3);
    daemon.end().await;

    let room = Room::new(relay.smtp_port());
    let before = relay.mails().len();
    room.write(
        "audiences/press.yaml",
        "name: Press\nchannels: [relay]\nmembers:\n  where: kind = journalist\n\
         digest: { cron: \"0 10 * * *\" }\n",
    );
    room.write("releases/2026/lux.md", &release(at(60), "", "Lux."));
    room.write("releases/2026/bad.md", &release(at(60), "", "Bad [TBC].").replace("canary", "faulty"));
    room.commit("two");
    clock.set(at(-60));
    let daemon = Inside::start(&room, &clock).await;
    daemon.look_at(at(3600)).await;
    daemon.reach(&room, at(3660), "5 sent").await;
    assert_eq!(relay.mails().len() - before, 3);
    assert_eq!(mails_with(&relay, "faulty headline"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bare_mirror_and_a_remote_are_followed() {
    for remote in [false, true] {
        let clock = Clock::fixed(at(-60));
        let relay = relay(&clock).await;
        let room = Room::new(relay.smtp_port());
        // The desk's repository is elsewhere; the operator has settings and a mirror.
        let desk = tempfile::tempdir().unwrap();
        git(desk.path(), &["clone", "--quiet", &room.dir().display().to_string(), "work"]);
        let work = desk.path().join("work");
        git(desk.path(), &["clone", "--quiet", "--bare", "work", "mirror.git"]);
        let mirror = desk.path().join("mirror.git");
        let follow = if remote {
            format!("poll: 1h, path: {}, remote: {}", mirror.display(), work.display())
        } else {
            format!("poll: 1h, path: {}", mirror.display())
        };
        room.write("dateline.yaml", &settings(relay.smtp_port(), &follow));
        let daemon = Inside::start(&room, &clock).await;
        let file = work.join("releases/2026/aster.md");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, release(nine(), "", "From elsewhere.")).unwrap();
        git(&work, &["add", "--all"]);
        git(&work, &["commit", "--quiet", "--message", "aster"]);
        let head = git(&work, &["rev-parse", "HEAD"]).trim().to_owned();
        if !remote {
            assert_ne!(daemon.look_at(at(-50)).await.revision.as_deref(), Some(head.as_str()));
            git(&work, &["push", "--quiet", &mirror.display().to_string(), "HEAD:main"]);
        }
        assert_eq!(daemon.look_at(at(-40)).await.revision, Some(head));
        daemon.reach(&room, nine(), "5 sent").await;
        assert_eq!(mails_with(&relay, "From elsewhere.").len(), 3);
        daemon.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remote_out_of_reach_is_said_and_what_is_issued_goes_on() {
    let clock = Clock::fixed(at(-60));
    let relay = relay(&clock).await;
    let room = Room::new(relay.smtp_port());
    let elsewhere = tempfile::tempdir().unwrap();
    git(elsewhere.path(), &["clone", "--quiet", "--bare", &room.dir().display().to_string(), "desk.git"]);
    let desk = elsewhere.path().join("desk.git");
    room.write(
        "dateline.yaml",
        &settings(relay.smtp_port(), &format!("poll: 1h, remote: {}", desk.display())),
    );
    room.release("aster", nine(), "", "Aster.");
    room.git(&["push", "--quiet", &desk.display().to_string(), "main"]);
    let daemon = Inside::start(&room, &clock).await;
    std::fs::rename(&desk, elsewhere.path().join("moved")).unwrap();
    let health = daemon.look_at(at(-30)).await;
    assert!(!health.ready && health.problems[0].contains("fetch"), "{health:?}");
    daemon.reach(&room, nine(), "5 sent").await;
    assert_eq!(mails_with(&relay, "Aster.").len(), 3);
    std::fs::rename(elsewhere.path().join("moved"), &desk).unwrap();
    assert!(daemon.look_at(at(30)).await.ready);
}
