//! Cases: a release in, the lines of its findings out.

mod facts;
mod house;
mod rules;

use std::collections::BTreeMap;
use std::sync::Arc;

use expect_test::Expect;
use jiff::Timestamp;

use super::{Reach, check};
use crate::newsroom::Newsroom;

const CONFIG: &str = "\
name: Halden Newsroom
organization: Halden Motors
url: https://news.halden.example
timezone: Europe/Stockholm
language: en
languages: [en, sv]
contacts:
  desk: { name: Astrid Wennerlöf, email: press@halden.example }
boilerplate:
  halden: { en: Halden builds cars., sv: Halden bygger bilar. }
  investors: { en: Past results say nothing. }
channels:
  relay: { kind: smtp, host: relay.halden.example, port: 587, tls: starttls, from: \"Halden <press@halden.example>\", postal_address: \"Box 1961, Göteborg\" }
  newsroom: { kind: newsroom, dir: site }
  mastodon: { kind: mastodon, server: \"https://social.halden.example\", token: { env: TOKEN } }
  bluesky: { kind: bluesky, server: \"https://pds.halden.example\", handle: h.halden.example, password: { env: PASSWORD } }
  intranet: { kind: webhook, url: \"https://intranet.halden.example\", secret: { env: SECRET } }
";

const AUDIENCES: [(&str, &str); 3] = [
    ("audiences/trade.yaml", "name: Trade\nchannels: [relay]\nmembers:\n  where: kind = journalist\n"),
    ("audiences/public.yaml", "name: Public\nchannels: [newsroom, mastodon, bluesky]\n"),
    (
        "audiences/employees.yaml",
        "name: Employees\nchannels: [relay]\nmembers:\n  where: kind = employee\nslots: \"0 7,12 * * Mon-Fri\"\n",
    ),
];

/// Front matter that leaves the desk nothing to say.
const FRONT: &str = "\
title: Aster EV goes 620 km on one charge
summary: The Aster EV is here.
dateline: Gothenburg
publish: 2026-12-01T09:00[Europe/Stockholm]
status: approved
audiences: [trade, public]
contacts: [desk]
boilerplate: [halden]
";

/// A newsroom of `files`, with the settings and audiences above unless `files` has its own.
fn newsroom(files: &[(&str, &str)]) -> Newsroom {
    let mut all: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    let own = [("dateline.yaml", CONFIG)];
    for (path, text) in own.iter().chain(&AUDIENCES).chain(files) {
        all.insert((*path).to_owned(), text.as_bytes().into());
    }
    Newsroom::build(None, all)
}

/// A release of [`FRONT`] with the keys of `changes` instead or besides, and `body`.
fn release(changes: &str, body: &str) -> String {
    let key =
        |line: &str| line.split_once(':').map(|(key, _)| key.to_owned()).filter(|key| !key.contains(' '));
    let replaced: Vec<String> = changes.lines().filter_map(key).collect();
    let kept: Vec<&str> =
        FRONT.lines().filter(|line| key(line).is_none_or(|key| !replaced.contains(&key))).collect();
    // `key: ~` takes the key out.
    let added: Vec<&str> = changes.lines().filter(|line| !line.ends_with(": ~")).collect();
    format!("---\n{}\n{}\n---\n{body}\n", kept.join("\n"), added.join("\n")).replace("\n\n---", "\n---")
}

/// The findings in `files`, one line each with its hint below.
#[track_caller]
fn check_files(files: &[(&str, &str)], expected: &Expect) {
    check_with(files, None, expected);
}

#[track_caller]
fn check_with(files: &[(&str, &str)], contacts: Option<&Reach>, expected: &Expect) {
    let now: Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
    let findings = check(&newsroom(files), now, contacts);
    let lines: Vec<String> = findings
        .iter()
        .map(|finding| finding.to_string().replace("releases/", "").replace("\n  hint: ", "\n    "))
        .collect();
    expected.assert_eq(&lines.join("\n"));
}

/// The findings in one release: [`FRONT`] with `changes`, and `body`.
#[track_caller]
fn check_release(changes: &str, body: &str, expected: &Expect) {
    check_files(&[("releases/a.md", &release(changes, body))], expected);
}

/// Checks that nothing is found.
#[track_caller]
fn check_silent(changes: &str, body: &str) {
    check_release(changes, body, &expect_test::expect![""]);
}
