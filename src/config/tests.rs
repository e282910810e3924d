use secrecy::ExposeSecret;

use super::*;
use crate::channel::config::SecretRef;

const TEXT: &str = "\
name: N
channels:
  relay:
    kind: smtp
    host: relay.halden.example
    username: newsroom
    password: { env: HALDEN_SMTP_PASSWORD }
    from: press@halden.example
    limits: { connections: 4, per_minute: 600 }
  social: { kind: mastodon, server: https://social.halden.example, token: { file: secrets/token } }
  site: { kind: newsroom, dir: site }
ledger: { folder: state }
git: { branch: approved, poll: 1m }
";

#[test]
fn channels_ledger_and_git_are_composed() {
    let (config, findings) = Config::read(TEXT);
    assert_eq!(findings, []);
    assert_eq!(config.channels.keys().collect::<Vec<_>>(), ["relay", "site", "social"]);
    let ChannelConfig::Smtp(relay) = &config.channels["relay"] else { panic!("no relay") };
    assert_eq!((relay.port(), relay.limits.per_minute), (587, Some(600)));
    assert_eq!(config.ledger.folder, std::path::PathBuf::from("state"));
    assert_eq!((config.git.branch.as_str(), config.git.poll.to_string()), ("approved", "1m".to_owned()));
    assert_eq!(Config::read("name: N\n").0, Config::default());
}

#[test]
fn the_ledger_of_several_daemons_is_named_by_reference() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("url");
    std::fs::write(&secret, "postgres://dateline:hunter2@db.halden.example/dateline\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = "name: N\nledger: { folder: state, postgres: { url: { file: url }, ca_file: ca.pem } }\n";
    let (config, findings) = Config::read(text);
    assert_eq!(findings, []);
    let ledger = config.ledger(dir.path()).unwrap();
    let postgres = ledger.postgres.as_ref().unwrap();
    assert_eq!(
        (ledger.folder.clone(), postgres.ca_file.clone()),
        (dir.path().join("state"), Some(dir.path().join("ca.pem")))
    );
    let shown = format!("{ledger:?}");
    assert!(shown.contains("[hidden]") && !shown.contains("hunter2"), "{shown}");

    for (wrong, at) in [
        ("postgres: { url: \"postgres://d:hunter2@db/d\" }", "2:28 value"),
        ("postgres: { ca_file: ca.pem }", "2:21 missing-key"),
        ("postgres: { url: { env: U }, host: db }", "2:40 unknown-key"),
    ] {
        let (_, findings) = Config::read(&format!("name: N\nledger: {{ {wrong} }}\n"));
        let found: Vec<String> =
            findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect();
        assert_eq!(found, [at], "{wrong}");
        assert!(!format!("{findings:?}").contains("hunter2"));
    }
}

#[test]
fn what_is_wrong_is_found_at_its_place() {
    let cases = [
        ("host: relay.halden.example", "hots: relay.halden.example", "5:5 unknown-key"),
        ("    host: relay.halden.example\n", "", "4:5 missing-key"),
        ("{ env: HALDEN_SMTP_PASSWORD }", "hunter2", "7:15 value"),
        ("{ env: HALDEN_SMTP_PASSWORD }", "\"hunter2\"", "7:15 value"),
        ("{ env: HALDEN_SMTP_PASSWORD }", "{ value: hunter2 }", "7:15 value"),
        ("{ env: HALDEN_SMTP_PASSWORD }", "[hunter2]", "7:15 value"),
        ("    password: { env: HALDEN_SMTP_PASSWORD }\n", "", "6:15 channel-config"),
        ("    username: newsroom\n", "    tls: none\n    username: newsroom\n", "6:10 channel-config"),
        ("username: newsroom", "tls: ssl", "6:10 value"),
        ("connections: 4", "connections: 0", "9:13 channel-config"),
        ("connections: 4", "connections: four", "9:28 value"),
        ("connections: 4", "conections: 4", "9:15 unknown-key"),
        ("https://social", "http://social", "10:37 channel-config"),
        ("dir: site", "dir: .", "11:32 channel-config"),
        ("dir: site", "dir: releases/", "11:32 channel-config"),
        ("dir: site", "dir: site, on_unknown: resend", "11:50 value"),
        ("folder: state", "path: state", "12:11 unknown-key"),
        ("poll: 1m", "poll: 0s", "13:32 channel-config"),
        ("poll: 1m", "poll: 1m }\ndispatch: { quarantine: 14m", "14:25 channel-config"),
        ("poll: 1m", "pol: 1m", "13:26 unknown-key"),
    ];
    let mut wrong = Vec::new();
    for (old, new, expected) in cases {
        assert!(TEXT.contains(old), "{old}");
        let (_, findings) = Config::read(&TEXT.replacen(old, new, 1));
        let found: Vec<String> =
            findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect();
        if !found.contains(&expected.to_owned()) {
            wrong.push(format!("{new}: {found:?}, expected {expected}"));
        }
        assert!(!findings.iter().any(|f| f.to_string().contains("hunter2")), "{findings:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[cfg(unix)]
#[test]
fn a_secret_is_fetched_when_it_is_asked_for_and_guarded() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    for (content, mode, expected) in [
        ("sesame\n", 0o600, Ok("sesame")),
        ("sesame\r\n", 0o400, Ok("sesame")),
        ("open sesame", 0o600, Ok("open sesame")),
        ("sesame\n", 0o640, Err("can be read by others (mode 640)")),
        ("sesame\n", 0o604, Err("can be read by others (mode 604)")),
        ("", 0o600, Err("is empty")),
        ("\n", 0o600, Err("is empty")),
        ("one\ntwo\n", 0o600, Err("more than one line")),
        ("a\0b", 0o600, Err("more than one line")),
    ] {
        let _ = std::fs::remove_file(&path);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        match (secret(&SecretRef::File("token".to_owned()), dir.path()), expected) {
            (Ok(secret), Ok(expected)) => assert_eq!(secret.expose_secret(), expected),
            (Err(error), Err(part)) => {
                let error = error.to_string();
                assert!(error.contains(part) && !error.contains("sesame"), "{error}");
            }
            (got, _) => panic!("{content:?} {mode:o}: {got:?}"),
        }
    }
    let (config, _) = Config::read(TEXT);
    let error = config.secrets("social", dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("token of `social`: ") && error.contains("chmod 600"), "{error}");
    let error = config.secrets("relay", dir.path()).unwrap_err().to_string();
    assert!(error.contains("HALDEN_SMTP_PASSWORD is not set"), "{error}");
    assert!(config.secrets("site", dir.path()).is_ok());
}

#[test]
fn schemas_know_the_keys_that_are_read() {
    let schemas: BTreeMap<&str, serde_json::Value> = schemas().into_iter().collect();
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value["properties"].as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let release = &schemas["release"];
    assert!(keys(release).contains(&"embargo".to_owned()), "{release:#}");
    assert_eq!(release["additionalProperties"], false);
    assert!(
        release["properties"]["embargo"]["description"].as_str().is_some_and(|text| text.contains("public"))
    );
    let dateline = &schemas["dateline"];
    assert!(keys(dateline).contains(&"timezone".to_owned()), "{dateline:#}");
    let kinds = &dateline["properties"]["channels"]["additionalProperties"]["oneOf"];
    let names: Vec<&str> = kinds
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|kind| kind["properties"]["kind"]["const"].as_str())
        .collect();
    assert_eq!(names, ChannelKind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    assert!(keys(&schemas["audience"]).contains(&"members".to_owned()));
    for (name, schema) in &schemas {
        let text = schema.to_string();
        for (at, _) in text.match_indices("\"#/$defs/") {
            let target = text[at + 9..].split('"').next().unwrap();
            assert!(schema["$defs"].get(target).is_some(), "{name}: {target}");
        }
    }
}
