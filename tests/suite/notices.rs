//! G12, G13: a correction and a kill, as commits, to every kind of channel at once: exactly those who have the wrong version get word of it,
//! where they got it; what had not left of the wrong version never leaves.

use std::collections::BTreeSet;
use std::process::Output;

use dateline::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use crate::daemon::room::{Room, command, mails_with, relay, texts};
use crate::networks::png;
use crate::world::{self, Thing, VENDORS, World};

const OLD: &str = "goes 620 far";
const NEW: &str = "goes 610 far";
const NOTE: &str = "The figure was too high";
const DOUBT: &str = "We look into the figure";
const REASON: &str = "It is not true at all";

struct Newsroom {
    room: Room,
    world: World,
}

impl Newsroom {
    async fn new(port: u16) -> Newsroom {
        let world = World::start().await;
        let room = Room::new(port);
        let channels = format!("channels:\n{}", world::channels(&world.url, world.folder.path()));
        let settings = room.read("dateline.yaml").replacen("channels:\n", &channels, 1);
        room.write(
            "dateline.yaml",
            &settings.replacen("pages: []", "pages: [wordpress, ghost, micropub]", 1),
        );
        let all = format!("newsroom, archive, {}", VENDORS.join(", "));
        room.write("audiences/public.yaml", &format!("name: Public\nchannels: [{all}]\n"));
        std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
        std::fs::write(room.dir().join("releases/2026/front.png"), png()).unwrap();
        std::fs::write(room.dir().join("releases/2026/film.mp4"), crate::once::FILM).unwrap();
        Newsroom { room, world }
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output: Output =
            command(self.room.dir(), arguments).envs(world::variables(&self.world.url)).output().unwrap();
        let (out, error) = texts(&output);
        assert!(output.status.success(), "{arguments:?}\n{out}\n{error}");
        out
    }

    /// The release that all of it is about.
    fn write_release(&self) {
        let publish = Clock::system().now() - SignedDuration::from_secs(2);
        let media = "summary: It SUMMARY.\nmedia:\n  - { file: front.png, alt: The car, credit: Halden Motors }\n  \
             - { file: film.mp4, alt: The film, credit: Halden Motors }\n";
        let body = format!("Body: it {OLD}.");
        let release = crate::daemon::room::release(publish, &media.replace("SUMMARY", OLD), &body);
        self.room.write("releases/2026/aster.md", &release.replacen("summary: The canary summary.\n", "", 1));
    }

    /// Changes the release, commits, and issues what follows from it.
    fn commit(&self, changes: &[(&str, &str)]) {
        let path = "releases/2026/aster.md";
        let mut text = self.room.read(path);
        for (from, to) in changes {
            assert!(text.contains(from), "{text}");
            text = text.replace(from, to);
        }
        self.room.write(path, &text);
        self.room.commit("a change");
        self.run(&["issue"]);
    }

    /// `channel notice state` of each delivery to an account, and `name notice state` of each mail.
    fn rows(&self) -> BTreeSet<String> {
        let row = |line: &str| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| entry[name].as_str().unwrap().to_owned();
            let who = match field("recipient").split_once('@') {
                Some((name, _)) => name.to_owned(),
                None => field("channel"),
            };
            format!("{who} {} {}", field("notice"), field("state"))
        };
        self.run(&["log", "aster", "--format", "jsonl"]).lines().map(row).collect()
    }

    /// What everybody sees of it somewhere, one thing a line.
    fn seen(&self, vendor: &str) -> String {
        // A picture beside a message says nothing.
        // Nor do the pages of a bucket that list it: only its own is looked at.
        let own = |thing: &Thing| vendor != "bucket" || thing.id.ends_with("/aster/index.html");
        let shown = self
            .world
            .shown(vendor)
            .into_iter()
            .filter(|thing| !thing.text.contains("m.image") && own(thing));
        shown.map(|thing| described(&thing)).collect::<Vec<_>>().join(" | ")
    }
}

/// What a thing says, and what became of it.
fn described(thing: &Thing) -> String {
    let text = thing.text.replace("\\u00a0", " ");
    let words = [
        (OLD, "old"),
        (NEW, "new"),
        (NOTE, "note"),
        (REASON, "reason"),
        ("Correction", "C"),
        ("Withdrawn", "W"),
        (DOUBT, "doubt"),
        ("Do not use", "H"),
    ];
    let mut parts: Vec<String> =
        words.iter().filter(|(words, _)| text.contains(words)).map(|(_, name)| (*name).to_owned()).collect();
    parts.extend((thing.edits > 0).then(|| "edited".to_owned()));
    parts.extend(thing.answers.is_some().then(|| "answer".to_owned()));
    parts.join(" ")
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_wrong_version_gets_word_of_it_where_they_got_it_and_nobody_else() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let newsroom = Newsroom::new(relay.smtp_port()).await;
    tokio::task::block_in_place(|| life(&newsroom, &|word| mails_with(&relay, word)));
}

fn life(newsroom: &Newsroom, mails: &dyn Fn(&str) -> Vec<String>) {
    let room = &newsroom.room;
    // All that is not as it should be is told at once.
    let wrong = std::cell::RefCell::new(Vec::new());
    let same = |what: &str, seen: &str, expected: &str| {
        if seen != expected {
            wrong.borrow_mut().push(format!("{what}:\n  {seen}\n  {expected}"));
        }
    };
    newsroom.write_release();
    newsroom.commit(&[]);
    // These wait: the one until it is corrected, the other until it is withdrawn.
    newsroom.run(&["hold", "--channel", "mattermost"]);
    newsroom.run(&["hold", "--channel", "teams"]);
    newsroom.run(&["dispatch"]);

    for vendor in VENDORS {
        let expected = match vendor {
            "mattermost" | "teams" | "websub" => continue,
            _ => "old",
        };
        same(&format!("original, {vendor}"), &newsroom.seen(vendor), expected);
    }
    assert_eq!(mails(OLD), ["ann@paper.example", "bo@radio.example", "canary.person@magazine.example"]);
    let rows = newsroom.rows();
    assert!(
        rows.contains("mattermost original scheduled") && rows.contains("teams original scheduled"),
        "{rows:#?}"
    );

    let status: Value =
        serde_json::from_str(&newsroom.run(&["status", "aster", "--format", "json"])).unwrap();
    let starts = status["starts"].as_array().unwrap();
    assert_eq!(
        starts.len(),
        VENDORS.len() + 1,
        "all but the two that wait, with site, archive and mail: {starts:#?}"
    );
    let place = |channel: &str| starts.iter().position(|start| start["channel"] == channel).unwrap();
    assert!(place("micropub") < place("mastodon") && place("newsroom") < place("relay"), "{starts:#?}");

    // Bo leaves, Cy comes, and it is corrected.
    newsroom.run(&["suppress", "bo@radio.example", "--reason", "asked by telephone"]);
    room.people(&["cy@daily.example"]);
    let correction = format!("status: approved\ncorrection: {{ note: {NOTE}, class: material }}\n");
    newsroom.commit(&[(OLD, NEW), ("status: approved\n", &correction)]);
    let rows = newsroom.rows();
    for stopped in ["mattermost original superseded", "teams original superseded"] {
        assert!(rows.contains(stopped), "the wrong text stops before anything else: {rows:#?}");
    }
    newsroom.run(&["resume", "--channel", "mattermost"]);
    newsroom.run(&["dispatch"]);
    for (vendor, expected) in [
        ("wordpress", "new note C edited"),
        ("ghost", "new note C edited"),
        ("micropub", "new note C edited"),
        ("mastodon", "new note C edited"),
        ("bluesky", "old | new note C answer"),
        ("x", "old | new note C answer"),
        ("linkedin", "new note C edited"),
        ("facebook", "new note C edited"),
        ("threads", "old | new note C answer"),
        ("youtube", "new note C edited"),
        ("bucket", "new note C edited"),
        ("branch", "new note C edited"),
        ("agency", "new note C edited"),
        ("slack", "new note C edited"),
        ("slackhook", "old | new note C"),
        ("mattermost", "new"),
        ("teams", ""),
        ("discord", "new note C edited"),
        ("matrix", "new note C edited"),
        ("telegram", "new note C edited"),
        ("webhook", "old | new note C"),
    ] {
        same(&format!("correction, {vendor}"), &newsroom.seen(vendor), expected);
    }
    assert_eq!(
        mails(NOTE),
        ["ann@paper.example", "canary.person@magazine.example"],
        "not to who left or never had it"
    );
    assert_eq!(
        mails("In-Reply-To: <"),
        ["ann@paper.example", "canary.person@magazine.example"],
        "in the same thread"
    );
    assert_eq!(mails(NEW), mails(NOTE), "nor to Cy, who came later and never had the wrong text");
    let events: Vec<Value> = newsroom
        .world
        .shown("webhook")
        .iter()
        .map(|thing| serde_json::from_str(&thing.text).unwrap())
        .collect();
    assert_eq!(
        (&events[0]["event"], &events[1]["event"]),
        (&"release.published".into(), &"release.corrected".into())
    );
    assert_eq!(events[1]["supersedes"], newsroom.world.shown("webhook")[0].key.as_str());
    let site = room.read("site/2026/aster/index.html");
    assert!(site.contains(NEW) && site.contains(NOTE) && !site.contains(OLD), "{site}");
    let year = Clock::system().now().strftime("%Y").to_string();
    for blog in ["wordpress", "ghost", "micropub"] {
        let text = &newsroom.world.shown(blog)[0].text;
        let note = text.split("<strong>Correction, ").nth(1).unwrap().split("</strong>").next().unwrap();
        assert!(note.contains(&year), "the note has a day: {note}");
    }

    let kill = format!("status: killed\nreason: {REASON}\n");
    newsroom.commit(&[("status: approved\n", &kill)]);
    newsroom.run(&["resume", "--channel", "teams"]);
    newsroom.run(&["dispatch"]);
    for (vendor, expected) in [
        ("wordpress", "reason W edited"),
        ("ghost", "reason W edited"),
        ("micropub", "reason W edited"),
        ("mastodon", ""),
        ("bluesky", ""),
        ("x", ""),
        ("linkedin", ""),
        ("facebook", ""),
        ("threads", ""),
        ("youtube", ""),
        ("bucket", "note reason C W edited"),
        ("branch", "note reason C W edited"),
        ("agency", "reason W edited"),
        ("slack", "reason W edited"),
        ("slackhook", "old | new note C | reason W"),
        ("mattermost", "new | reason W"),
        ("teams", ""),
        ("discord", "reason W edited"),
        ("matrix", "reason W edited"),
        ("telegram", "reason W"),
        ("webhook", "old | new note C | reason W"),
    ] {
        same(&format!("kill, {vendor}"), &newsroom.seen(vendor), expected);
    }
    assert_eq!(wrong.take(), Vec::<String>::new());
    assert_eq!(
        mails(REASON),
        ["ann@paper.example", "canary.person@magazine.example"],
        "to everybody who has any version and can be written to"
    );
    assert_eq!(newsroom.world.things("teams"), [], "what never left is never spoken of");
    let rows = newsroom.rows();
    let unsettled: Vec<&String> =
        rows.iter().filter(|row| !row.ends_with(" sent") && !row.ends_with(" superseded")).collect();
    assert_eq!(unsettled, ["teams original cancelled"], "{rows:#?}");
    newsroom.run(&["ledger", "verify"]);
}

/// Stop using it, while we look: everybody who has it hears that where they got it, and then that it is withdrawn. Nothing of it stays up.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_first_and_then_withdrawn_is_gone_everywhere() {
    let clock = Clock::system();
    let relay = relay(&clock).await;
    let newsroom = Newsroom::new(relay.smtp_port()).await;
    tokio::task::block_in_place(|| held(&newsroom, &|word| mails_with(&relay, word)));
}

fn held(newsroom: &Newsroom, mails: &dyn Fn(&str) -> Vec<String>) {
    let wrong = std::cell::RefCell::new(Vec::new());
    let same = |what: &str, expected: &[(&str, &str)]| {
        assert_eq!(expected.len(), VENDORS.len() - 1, "all but pings");
        for (vendor, expected) in expected {
            let seen = newsroom.seen(vendor);
            if seen != *expected {
                wrong.borrow_mut().push(format!("{what}, {vendor}:\n  {seen}\n  {expected}"));
            }
        }
    };
    newsroom.write_release();
    newsroom.commit(&[]);
    newsroom.run(&["dispatch"]);
    let everybody = ["ann@paper.example", "bo@radio.example", "canary.person@magazine.example"];
    assert_eq!(mails(OLD), everybody);
    newsroom.commit(&[("status: approved\n", &format!("status: held\nreason: {DOUBT}\n"))]);
    newsroom.run(&["dispatch"]);
    same(
        "hold",
        &[
            ("wordpress", "doubt H edited"),
            ("ghost", "doubt H edited"),
            ("micropub", "doubt H edited"),
            ("mastodon", "old | doubt H answer"),
            ("bluesky", "old | doubt H answer"),
            ("x", "old | doubt H answer"),
            ("linkedin", "doubt H edited"),
            ("facebook", "doubt H edited"),
            ("threads", "old | doubt H answer"),
            ("youtube", ""),
            ("bucket", "doubt H edited"),
            ("branch", "doubt H edited"),
            ("agency", "doubt H edited"),
            ("slack", "old | doubt H answer"),
            ("slackhook", "old | doubt H"),
            ("mattermost", "old | doubt H"),
            ("teams", "old | doubt H"),
            ("discord", "old | doubt H"),
            ("matrix", "old | doubt H answer"),
            ("telegram", "old | doubt H answer"),
            ("webhook", "old | doubt H"),
        ],
    );
    newsroom.commit(&[("status: held\n", "status: killed\n"), (DOUBT, REASON)]);
    newsroom.run(&["dispatch"]);
    // What can be looked for is edited or gone; what cannot stands with word of it below.
    same(
        "kill",
        &[
            ("wordpress", "reason W edited"),
            ("ghost", "reason W edited"),
            ("micropub", "reason W edited"),
            ("mastodon", ""),
            ("bluesky", ""),
            ("x", ""),
            ("linkedin", ""),
            ("facebook", ""),
            ("threads", ""),
            ("youtube", ""),
            ("bucket", "reason W edited"),
            ("branch", "reason W edited"),
            ("agency", "reason W edited"),
            ("slack", "reason W edited | doubt H answer"),
            ("slackhook", "old | doubt H | reason W"),
            ("mattermost", "old | doubt H | reason W"),
            ("teams", "old | doubt H | reason W"),
            ("discord", "reason W edited | doubt H"),
            ("matrix", "reason W edited | doubt H answer"),
            ("telegram", "doubt H answer | reason W"),
            ("webhook", "old | doubt H | reason W"),
        ],
    );
    assert_eq!(wrong.take(), Vec::<String>::new());
    assert_eq!(mails(REASON), everybody);
    assert_eq!(mails("In-Reply-To: <").len(), 6, "both in the thread of the original");
    let rows = newsroom.rows();
    let unsettled: Vec<&String> = rows.iter().filter(|row| !row.ends_with(" sent")).collect();
    assert_eq!(unsettled, Vec::<&String>::new(), "{rows:#?}");
    newsroom.run(&["ledger", "verify"]);
}
