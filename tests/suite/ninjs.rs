//! What agencies fetch, held against the IPTC's own schema by a stranger (`tests/endpoints/ninjs.sh`).

use std::process::Command;

use dateline::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use crate::daemon::room::{Room, texts};
use crate::networks::{given, png};

/// What the judge says of an item.
fn judged(judge: &str, item: &Value) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("item.json");
    std::fs::write(&path, item.to_string()).unwrap();
    let mut words = judge.split(' ');
    let output = Command::new(words.next().unwrap()).args(words).arg(&path).output().unwrap();
    let (out, error) = texts(&output);
    assert_eq!(error, "");
    out
}

#[test]
fn every_version_is_valid_by_the_schema_of_the_iptc() {
    let Some([judge]) = given(["NINJS"]) else { return };
    let room = Room::new(9);
    let channels = "channels:\n  agency: { kind: ninjs, dir: agency }\n";
    room.write("dateline.yaml", &room.read("dateline.yaml").replacen("channels:\n", channels, 1));
    room.write("audiences/public.yaml", "name: Public\nchannels: [agency]\n");
    std::fs::create_dir_all(room.dir().join("releases/2026")).unwrap();
    std::fs::write(room.dir().join("releases/2026/front.png"), png()).unwrap();
    std::fs::write(room.dir().join("releases/2026/film.mp4"), crate::once::FILM).unwrap();
    let media = "subtitle: So far\ntags: [ev, aster]\nmedia:\n  - { file: front.png, alt: The car, caption: Outside, credit: Halden Motors }\n  \
                 - { file: film.mp4, alt: The film, credit: Halden Motors }\n";
    let publish = Clock::system().now() - SignedDuration::from_secs(2);
    let text =
        crate::daemon::room::release(publish, media, "It goes **620 km** & more.\n\n- one\n- two\n\n> Said.");
    let path = "releases/2026/aster.md";
    room.write(path, &text.replacen("[press, public]", "[public]", 1));
    let item = || -> Value { serde_json::from_str(&room.read("agency/aster.en.json")).unwrap() };
    let step = |from: &str, to: &str| {
        room.write(path, &room.read(path).replacen(from, to, 1));
        room.commit(if to.is_empty() { "first" } else { to });
        room.run(&["issue"], 0);
        room.run(&["dispatch"], 0);
        assert_eq!(judged(&judge, &item()), "", "{:#}", item());
        format!("{} {}", item()["version"].as_str().unwrap(), item()["pubStatus"].as_str().unwrap())
    };
    assert_eq!(step("", ""), "1 usable");
    assert_eq!(
        step(
            "status: approved\n",
            "status: approved\ncorrection: { note: It goes 610 km, class: material }\n"
        ),
        "2 usable"
    );
    assert_eq!(step("status: approved\n", "status: held\nreason: We look into it\n"), "3 withheld");
    assert_eq!(
        step("status: held\nreason: We look into it\n", "status: killed\nreason: It is not true\n"),
        "4 canceled"
    );

    // The judge finds what is wrong.
    for (member, value) in
        [("uri", "not an address"), ("pubStatus", "published"), ("versionCreated", "yesterday")]
    {
        let mut wrong = item();
        wrong[member] = value.into();
        assert!(judged(&judge, &wrong).contains(member), "{member}");
    }
    let mut wrong = item();
    wrong["invented"] = "x".into();
    assert!(judged(&judge, &wrong).contains("invented"));
}
