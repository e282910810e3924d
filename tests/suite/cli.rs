//! What scripts build on: exit codes and the keys of JSON.

use std::process::{Command, Output, Stdio};

fn dateline(dir: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dateline"))
        .current_dir(dir)
        .env_remove("DATELINE_NEWSROOM")
        .env_remove("NEWSROOM_SMTP_PASSWORD")
        .stdin(Stdio::null())
        .args(arguments)
        .output()
        .unwrap()
}

#[track_caller]
fn check(dir: &std::path::Path, arguments: &[&str], code: i32, words: &str) -> String {
    let output = dateline(dir, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let all = format!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
    assert!(all.contains(words), "{arguments:?} does not say `{words}`: {all}");
    said
}

#[track_caller]
fn has(value: &serde_json::Value, keys: &[&str]) {
    for key in keys {
        assert!(value.get(key).is_some(), "`{key}` is missing in {value:#}");
    }
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn exit_codes_and_json_are_a_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["status"], 2, "no dateline.yaml");
    check(folder.path(), &["init", "room"], 0, "room");
    check(folder.path(), &["init", "room"], 1, "exists already");
    let room = folder.path().join("room");
    check(&room, &["issue"], 2, "git init");
    check(&room, &["plan", "nope"], 2, "there are hello-world");
    check(&room, &["status", "nope"], 1, "`dateline status` lists");
    check(&room, &["new", "Hello World"], 1, "--slug");
    check(&room, &["new", "東京"], 2, "--slug");
    check(&room, &["hold", "--channel", "nope"], 2, "there are archive, newsroom, relay");
    check(&room, &["resume"], 1, "was not held");
    check(&room, &["resolve", "99", "--as", "sent"], 1, "no delivery 99");
    check(&room, &["dispatch"], 2, "NEWSROOM_SMTP_PASSWORD is not set");
    check(&room, &["check", "--at", "nope"], 2, "");

    let release = std::fs::read_dir(room.join("releases")).unwrap().next().unwrap().unwrap().path();
    let release = release.join("hello-world.md");
    let text = std::fs::read_to_string(&release).unwrap();
    std::fs::write(&release, text.replace("status: draft ", "status: approved ").replace("today", "[TBC]"))
        .unwrap();
    let said = json(&check(&room, &["check", "--format", "json"], 1, ""));
    has(&said, &["findings", "errors", "warnings"]);
    has(&said["findings"][0], &["file", "line", "column", "code", "severity", "message", "hint"]);
    let said = json(&check(&room, &["plan", "--format", "json"], 0, ""));
    let parts = said["releases"][0]["deliveries"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["action"] == "blocked"), "{said:#}");

    std::fs::write(&release, text.replace("status: draft ", "status: approved ")).unwrap();
    let said = json(&check(&room, &["plan", "--format", "json"], 0, ""));
    has(&said, &["revision", "releases"]);
    has(&said["releases"][0], &["slug", "notice", "deliveries"]);
    let part = &said["releases"][0]["deliveries"][0];
    has(part, &["audience", "channel", "language", "recipients", "due", "action", "reason"]);
    assert!(part["due"].as_str().unwrap().ends_with('Z'));
    super::daemon::room::git(&room, &["init", "--quiet", "--initial-branch=main"]);
    super::daemon::room::git(&room, &["add", "--all"]);
    super::daemon::room::git(&room, &["commit", "--quiet", "--message", "room"]);
    check(&room, &["issue"], 0, "hello-world: 2 new");
    let said = json(&check(&room, &["status", "--format", "json"], 0, ""));
    has(&said, &["releases", "holds", "needs_attention"]);
    has(&said["releases"][0], &["slug", "states", "channels"]);
    assert_eq!(said["releases"][0]["states"]["scheduled"], 2);
    let said = check(&room, &["log", "--format", "jsonl"], 0, "");
    assert_eq!(said.lines().count(), 2);
    let keys = "delivery release notice edition audience channel recipient state due attempts remote_id message_id sent_at";
    for line in said.lines() {
        has(&json(line), &keys.split(' ').collect::<Vec<_>>());
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["init", "room"], 0, "room");
    for arguments in [&["status"][..], &["plan", "--format", "json"], &["man"], &["schema"], &["issue"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let code = Command::new(env!("CARGO_BIN_EXE_dateline"))
            .current_dir(folder.path().join("room"))
            .stdout(writer.try_clone().unwrap())
            .stderr(writer)
            .args(arguments)
            .status()
            .unwrap();
        assert!(code.code().is_some_and(|code| code < 4), "{arguments:?}: {code}");
    }
}
