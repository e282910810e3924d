use super::*;

const CONFIG: &str = "\
name: Halden Motors Newsroom
organization: Halden Motors
url: https://news.halden.example/
timezone: Europe/Stockholm
language: en
languages: [en, sv]
contacts:
  press-office: {name: Astrid Wennerlöf, email: press@halden.example}
boilerplate:
  halden: {en: Halden Motors builds cars., sv: Halden Motors bygger bilar.}
channels:
  relay: {kind: smtp, host: relay.halden.example, from: Press <press@halden.example>}
  site: {kind: newsroom, dir: site}
";

const BLOGGERS: &str = "name: Bloggers\nchannels: [relay, site]\nmembers: {where: kind = blogger}\n";

const RELEASE: &str = "\
---
title: Aster EV goes 620 km on one charge
publish: 2026-12-01T09:00
status: approved
audiences: [bloggers]
contacts: [press-office]
boilerplate: [halden]
---
Text.
";

/// A newsroom of the files above, changed and added to by `files`.
fn newsroom(files: &[(&str, &[u8])]) -> Newsroom {
    let mut all: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    for (path, text) in [("dateline.yaml", CONFIG), ("audiences/bloggers.yaml", BLOGGERS)] {
        all.insert(path.to_owned(), Arc::from(text.as_bytes()));
    }
    for (path, bytes) in files {
        all.insert((*path).to_owned(), Arc::from(*bytes));
    }
    Newsroom::build(None, all)
}

fn findings(newsroom: &Newsroom) -> Vec<String> {
    let line = |f: &Finding| format!("{}:{}:{} {}", f.file, f.line, f.column, f.code);
    newsroom.findings.iter().map(line).collect()
}

/// The findings of one release after `change`d lines: `(old, new)`.
fn changed(change: &[(&str, &str)]) -> Vec<String> {
    let mut text = RELEASE.to_owned();
    for (old, new) in change {
        assert!(text.contains(old), "{old}");
        text = text.replacen(old, new, 1);
    }
    let newsroom = newsroom(&[("releases/2026/aster-ev.md", text.as_bytes())]);
    let errors = newsroom.findings.iter().any(|finding| finding.severity == Severity::Error);
    assert_eq!(newsroom.releases.is_empty(), errors, "{change:?}");
    newsroom.findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect()
}

#[test]
fn a_right_newsroom_has_no_findings() {
    let newsroom = newsroom(&[("releases/2026/aster-ev.md", RELEASE.as_bytes())]);
    assert_eq!(newsroom.findings, []);
    assert_eq!(newsroom.url, "https://news.halden.example");
    let release = &newsroom.releases["aster-ev"];
    assert_eq!(release.publish, Some("2026-12-01T08:00:00Z".parse().unwrap()));
    assert_eq!(release.embargo, release.publish);
    assert_eq!(release.folder, "releases/2026");
    assert_eq!(newsroom.channels["site"].kind, ChannelKind::Newsroom);
    assert_eq!(newsroom.channels["relay"].from.as_deref(), Some("Press <press@halden.example>"));
    assert_eq!(newsroom.text("releases/2026/aster-ev.md"), Some(RELEASE));
    assert_eq!(newsroom.text("dateline.yaml"), Some(CONFIG));
}

/// Changes to a release, and its findings after them.
type Case = (&'static [(&'static str, &'static str)], &'static [&'static str]);

#[test]
fn what_a_release_refers_to_must_exist() {
    let table: &[Case] = &[
        (&[("[bloggers]", "[blogers]")], &["5:13 audience-unknown"]),
        (&[("[press-office]", "[pres-office]")], &["6:12 contact-unknown"]),
        (&[("[halden]", "[haldn]")], &["7:15 boilerplate-unknown"]),
        (&[("Text.", "::: only blogers\nText.\n:::")], &["9:10 reader-unknown"]),
        (&[("Text.", "::: only site bloggers\nText.\n:::")], &[]),
        (&[("status", "variants: {blogers: {title: x}}\nstatus")], &["4:12 reader-unknown"]),
        (&[("status", "variants: {bloggers/rely: {title: x}}\nstatus")], &["4:12 reader-unknown"]),
        (&[("status", "variants: {site/bloggers: {title: x}}\nstatus")], &["4:12 reader-unknown"]),
        (&[("status", "variants: {bloggers/relay: {title: x}, site: {title: y}}\nstatus")], &[]),
        (&[("status", "language: fi\nstatus")], &["4:11 language"]),
        (&[("status", "media: [{file: a.jpg}]\nstatus")], &["4:16 media-missing"]),
        (&[("status", "media: [{file: ../a.jpg}]\nstatus")], &["4:16 media-path"]),
    ];
    for (change, expected) in table {
        assert_eq!(changed(change), *expected, "{change:?}");
    }
}

#[test]
fn times_and_states_must_make_sense() {
    let table: &[Case] = &[
        (&[("publish: 2026-12-01T09:00\n", "")], &["3:9 publish-missing"]),
        (&[("publish: 2026-12-01T09:00\n", ""), ("approved", "draft")], &[]),
        (&[("audiences: [bloggers]\n", "")], &["4:9 audiences-missing"]),
        (&[("[bloggers]", "[]")], &["4:9 audiences-missing"]),
        (&[("approved", "killed")], &["4:9 reason-missing"]),
        (&[("approved", "held\nreason: We check a figure.")], &[]),
        (&[("title: Aster EV goes 620 km on one charge\n", "")], &["2:1 title-missing"]),
        (&[("status", "embargo: 2026-12-01T09:01\nstatus")], &["4:10 embargo-after-publish"]),
        (&[("status", "embargo: 2026-12-01T08:59\nstatus")], &[]),
        (&[("status", "expires: 2026-12-01T09:00\nstatus")], &["4:10 expires-before-publish"]),
        (&[("2026-12-01T09:00", "2026-03-29T02:30")], &["3:10 time"]),
        (&[("2026-12-01T09:00", "2026-10-25T02:30")], &["3:10 time"]),
        (&[("2026-12-01T09:00", "2026-10-25T02:30+01:00[Europe/Stockholm]")], &[]),
        (&[("2026-12-01T09:00", "tomorrow")], &["3:10 time"]),
        (
            &[("publish: 2026-12-01T09:00", "embargo: 2026-12-01T09:00")],
            &["3:10 publish-missing", "4:9 publish-missing"],
        ),
        (&[("status", "event: {place: Here}\nstatus")], &["4:8 event-start"]),
        (
            &[("status", "event: {starts: \"2026-12-01T10:00\", ends: \"2026-12-01T10:00\"}\nstatus")],
            &["4:43 event-end"],
        ),
        (&[("status", "correction: {class: minor}\nstatus")], &["4:13 correction-note"]),
    ];
    for (change, expected) in table {
        assert_eq!(changed(change), *expected, "{change:?}");
    }
}

#[test]
fn a_broken_release_only_loses_itself() {
    let newsroom = newsroom(&[
        ("releases/good.md", RELEASE.as_bytes()),
        ("releases/bad.md", b"---\ntitle: [\n---\n"),
        ("releases/latin1.md", b"---\ntitle: \xe5\n---\n"),
        ("releases/zero.md", b"---\ntitle: a\n---\n\0"),
        ("releases/empty.md", b""),
    ]);
    assert_eq!(newsroom.releases.keys().collect::<Vec<_>>(), ["good"]);
    assert_eq!(
        findings(&newsroom),
        [
            "releases/bad.md:2:8 yaml-bracket",
            "releases/empty.md:1:1 front-matter",
            "releases/latin1.md:2:8 encoding",
            "releases/zero.md:4:1 control-character",
        ]
    );
    assert_eq!(newsroom.sources.len(), 5);
}

#[test]
fn slugs_name_one_release() {
    let newsroom = newsroom(&[
        ("releases/2025/q3.md", RELEASE.as_bytes()),
        ("releases/2026/q3/index.md", RELEASE.as_bytes()),
        ("releases/2026/q3.sv.md", b"---\ntitle: Q3\n---\n"),
        ("releases/2026/other.md", RELEASE.as_bytes()),
        ("releases/2026/Other.md", RELEASE.as_bytes()),
        ("releases/2026/lone.sv.md", b"---\ntitle: Q3\n---\n"),
    ]);
    assert_eq!(newsroom.releases.keys().collect::<Vec<_>>(), ["other"]);
    assert_eq!(
        findings(&newsroom),
        [
            "releases/2025/q3.md:1:1 slug-twice",
            "releases/2026/Other.md:1:1 slug",
            "releases/2026/lone.sv.md:1:1 translation-alone",
            "releases/2026/q3.sv.md:1:1 slug-twice",
            "releases/2026/q3/index.md:1:1 slug-twice",
        ]
    );
}

#[test]
fn translations_inherit_and_may_not_contradict() {
    let original = RELEASE.replace(
        "status",
        "dateline: Gothenburg\nmedia: [{file: a.png, alt: A car, credit: Halden}]\nstatus",
    );
    let png: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01";
    let with = |swedish: &str| {
        newsroom(&[
            ("releases/x/index.md", original.as_bytes()),
            ("releases/x/index.sv.md", swedish.as_bytes()),
            ("releases/x/a.png", png),
        ])
    };
    let good = with(
        "---\ntitle: Aster\nmedia: [{file: a.png, alt: En bil}]\npublish: 2026-12-01T08:00Z\n---\nText.\n",
    );
    assert_eq!(good.findings, []);
    let release = &good.releases["x"];
    let swedish = release.text(&"sv".parse().unwrap());
    assert_eq!(swedish.title, "Aster");
    assert_eq!(swedish.dateline.as_deref(), Some("Gothenburg"));
    let medium = &swedish.media[0];
    assert_eq!(medium.alt.as_ref().map(|alt| alt.value.as_str()), Some("En bil"));
    assert_eq!(medium.credit.as_ref().map(|credit| credit.value.as_str()), Some("Halden"));
    assert_eq!(release.text(&"fi".parse().unwrap()).title, release.original().title);

    for (front, expected) in [
        ("publish: 2026-12-01T09:01", "translation-differs"),
        ("embargo: 2026-12-01T09:00", "translation-differs"),
        ("status: draft", "translation-differs"),
        ("audiences: []", "translation-differs"),
        ("tags: [ev]", "translation-differs"),
        ("event: {starts: \"2026-12-01T09:00\"}", "translation-differs"),
        ("language: en", "language"),
        ("titel: x", "unknown-key"),
    ] {
        let bad = with(&format!("---\ntitle: Aster\n{front}\n---\n"));
        assert!(bad.releases.is_empty(), "{front}");
        assert_eq!(bad.findings.len(), 1, "{front}: {:?}", bad.findings);
        assert_eq!((bad.findings[0].code, bad.findings[0].line), (expected, 3), "{front}");
    }
    let finnish =
        newsroom(&[("releases/x.md", RELEASE.as_bytes()), ("releases/x.fi.md", b"---\ntitle: A\n---\n")]);
    assert_eq!(findings(&finnish), ["releases/x.fi.md:2:1 language"]);
    let english =
        newsroom(&[("releases/x.md", RELEASE.as_bytes()), ("releases/x.en.md", b"---\ntitle: A\n---\n")]);
    assert_eq!(findings(&english), ["releases/x.en.md:2:1 language"]);
}

#[test]
fn a_broken_audience_takes_its_releases_with_it() {
    for (path, text, expected) in [
        (
            "audiences/bloggers.yaml",
            "name: B\nchannels: [rely]\n",
            "audiences/bloggers.yaml:2:12 channel-unknown",
        ),
        ("audiences/bloggers.yaml", "nam: B\n", "audiences/bloggers.yaml:1:1"),
        ("audiences/bloggers.yaml", "\u{0}", "audiences/bloggers.yaml:1:1"),
    ] {
        let newsroom = newsroom(&[(path, text.as_bytes()), ("releases/x.md", RELEASE.as_bytes())]);
        assert!(newsroom.releases.is_empty() && newsroom.audiences.is_empty());
        let found = findings(&newsroom);
        assert!(found[0].starts_with(expected), "{found:?}");
        assert!(found.contains(&"releases/x.md:5:13 audience-unknown".to_owned()), "{found:?}");
    }
    let yml =
        newsroom(&[("audiences/fans.yml", b"name: F\n"), ("audiences/deep/x.yaml", BLOGGERS.as_bytes())]);
    assert_eq!(
        findings(&yml),
        ["audiences/deep/x.yaml:1:1 audience-name", "audiences/fans.yml:1:1 audience-name"]
    );
}

#[test]
fn dateline_yaml_is_read_strictly() {
    let mut wrong = Vec::new();
    for (old, new, expected) in [
        ("name: Halden Motors Newsroom\n", "", "1:1 missing-key"),
        ("timezone: Europe/Stockholm", "timezone: CET", "4:11 timezone"),
        ("timezone: Europe/Stockholm", "timezone: Europe/Stokholm", "4:11 timezone"),
        ("url: https://news.halden.example/", "url: news.halden.example", "3:6 url"),
        ("url: https://news.halden.example/", "url: javascript:alert(1)", "3:6 url"),
        ("language: en", "langage: en", "5:1 unknown-key"),
        ("languages: [en, sv]", "languages: [en, swedish]", "6:17 value"),
        ("email: press@halden.example}", "email: press}", "8:49 address"),
        ("en: Halden Motors builds cars.", "english: x", "10:12 value"),
        ("kind: smtp", "kind: smpt", "12:17 value"),
        ("kind: newsroom, ", "", "13:9 missing-key"),
        ("Press <press@halden.example>", "Press <press>", "12:57 address"),
        ("dir: site", "dir: site, unsubscribe_url: \"http://x.example\"", "13:54 url"),
        ("channels:", "colors: {accent: red}\nchannels:", "11:18 color"),
        ("channels:", "logo: templates/logo.svg\nchannels:", "11:7 media-missing"),
        ("channels:", "policy: {late_after: 1 hour}\nchannels:", "11:22 value"),
        ("channels:", "policy: {late_after: 2d, expires_after: 1d}\nchannels:", "11:41 policy"),
        ("channels:", "channels: {}\nchannels:", "12:1 duplicate-key"),
    ] {
        assert!(CONFIG.contains(old), "{old}");
        let config = CONFIG.replacen(old, new, 1);
        let newsroom =
            newsroom(&[("dateline.yaml", config.as_bytes()), ("releases/x.md", RELEASE.as_bytes())]);
        assert!(newsroom.releases.is_empty(), "{new}");
        let found: Vec<String> = findings(&newsroom);
        if !found.contains(&format!("dateline.yaml:{expected}")) {
            wrong.push(format!("{new}: {found:?}, expected {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let none = Newsroom::build(None, BTreeMap::new());
    assert_eq!(findings(&none), ["dateline.yaml:1:1 missing-file"]);
}

#[test]
fn hostile_paths_are_not_read() {
    let newsroom = newsroom(&[
        ("releases/../x.md", RELEASE.as_bytes()),
        ("releases/a\\b.md", RELEASE.as_bytes()),
        ("releases/a\n.md", RELEASE.as_bytes()),
        ("releases//x.md", RELEASE.as_bytes()),
    ]);
    assert!(newsroom.releases.is_empty() && newsroom.sources.is_empty());
    assert!(newsroom.findings.iter().all(|finding| finding.code == "path") && newsroom.findings.len() == 4);
}

#[test]
fn a_cache_changes_nothing_but_the_time() {
    let files: BTreeMap<String, Arc<[u8]>> = (0..100)
        .map(|n| (format!("releases/r{n}.md"), Arc::from(RELEASE.as_bytes())))
        .chain([
            ("dateline.yaml".to_owned(), Arc::from(CONFIG.as_bytes())),
            ("audiences/bloggers.yaml".to_owned(), Arc::from(BLOGGERS.as_bytes())),
        ])
        .collect();
    let mut cache = Cache::default();
    let cold = Newsroom::build_with(None, files.clone(), &mut cache);
    let mut edited = files;
    edited.insert("releases/r7.md".to_owned(), Arc::from(RELEASE.replace("Aster", "Astra").as_bytes()));
    let warm = Newsroom::build_with(None, edited.clone(), &mut cache);
    assert_eq!(cold.releases.len(), 100);
    assert_eq!(warm.releases["r7"].original().title, "Astra EV goes 620 km on one charge");
    assert_eq!(warm.releases, Newsroom::build(None, edited).releases);
    assert!(Arc::ptr_eq(&warm.releases["r8"].texts[0].file, &cold.releases["r8"].texts[0].file));
}
