//! The table of rules, its documentation, and input that nobody foresaw.

use std::collections::BTreeSet;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::check::{Known, RULES, check_with, key, release as check_one, surroundings};
use crate::finding::{Texts, github, human, json, sarif};

#[test]
fn codes_are_unique_and_explained() {
    let codes: BTreeSet<&str> = RULES.iter().map(|rule| rule.about.code).collect();
    assert_eq!(codes.len(), RULES.len());
    for rule in RULES {
        let about = &rule.about;
        assert!(about.code.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'), "{}", about.code);
        assert!(about.summary.ends_with('.') && about.remedy.ends_with('.'), "{}", about.code);
    }
}

#[test]
fn every_rule_is_documented_in_order_with_example_and_remedy() {
    let text = include_str!("../../../docs/checks.md");
    let mut sections = text.split("\n### ").skip(1);
    for rule in RULES {
        let about = &rule.about;
        let section =
            sections.next().unwrap_or_else(|| panic!("docs/checks.md ends before `{}`", about.code));
        let (heading, rest) = section.split_once('\n').unwrap();
        assert_eq!(heading, format!("`{}` ({})", about.code, about.severity.as_str()));
        assert!(rest.contains(about.summary), "{}: the summary differs from the table", about.code);
        assert!(
            rest.contains(&format!("**Instead:** {}", about.remedy)),
            "{}: the remedy differs",
            about.code
        );
        assert!(rest.contains("```"), "{}: there is no example", about.code);
    }
}

#[test]
fn findings_depend_on_nothing_that_the_key_leaves_out() {
    let text = release("title: ASTER EV IS HERE NOW!", "[a](b.md) TODO");
    let before = newsroom(&[("releases/a.md", &text)]);
    let same = newsroom(&[("releases/a.md", &text)]);
    let edited = newsroom(&[("releases/a.md", &text.replace("NOW", "NOT"))]);
    let more = newsroom(&[("releases/a.md", &text), ("releases/b.md", &text)]);
    let of = |newsroom: &Newsroom| key(&surroundings(newsroom), newsroom, &newsroom.releases["a"]);
    assert_eq!(of(&before), of(&same));
    assert_ne!(of(&before), of(&edited));
    assert_ne!(of(&before), of(&more));
    assert_eq!(check_one(&before, &before.releases["a"]), check_one(&same, &same.releases["a"]));
    assert_ne!(check_one(&before, &before.releases["a"]), check_one(&more, &more.releases["a"]));
}

#[test]
fn many_releases_are_checked_as_one_is() {
    let text = release("title: ASTER EV IS HERE NOW!", "[a](b.md) TODO");
    let paths: Vec<String> = (0..100).map(|number| format!("releases/r{number:03}.md")).collect();
    let files: Vec<(&str, &str)> = paths.iter().map(|path| (path.as_str(), text.as_str())).collect();
    let newsroom = newsroom(&files);
    let findings = check(&newsroom, Timestamp::UNIX_EPOCH, None);
    let alone = check_one(&newsroom, &newsroom.releases["r000"]);
    assert_eq!(findings.len(), alone.len() * 100);
    assert!(findings.is_sorted_by_key(|finding| (&finding.file, finding.line, finding.column)));
}

#[test]
fn a_second_look_finds_what_a_first_one_would() {
    let loud = release("title: ASTER EV IS HERE NOW!", "[a](b.md) TODO");
    let broken = loud.replace("title:", "titel:");
    let mut known = Known::default();
    let looks: [&[(&str, &str)]; 5] = [
        &[("releases/a.md", &loud), ("releases/c.md", &loud)],
        &[("releases/a.md", &loud), ("releases/c.md", &loud)],
        &[("releases/a.md", &broken), ("releases/c.md", &loud)],
        &[("releases/a.md", &loud), ("releases/b.md", &loud)],
        &[("releases/b.md", &loud)],
    ];
    for files in looks {
        let newsroom = newsroom(files);
        let again = check_with(&newsroom, Timestamp::UNIX_EPOCH, None, &mut known);
        assert_eq!(again, check(&newsroom, Timestamp::UNIX_EPOCH, None), "{files:?}");
    }
}

fn survives(source: &str) {
    let newsroom = newsroom(&[("releases/a.md", source), ("releases/a.sv.md", source)]);
    let findings = check(&newsroom, Timestamp::UNIX_EPOCH, None);
    let texts: Texts<'_> = crate::check::texts(&newsroom);
    for form in [
        human(&findings, &texts, true),
        json(&findings),
        github(&findings, &texts),
        sarif(&findings, &texts, &[]),
    ] {
        assert!(!form.is_empty() || findings.is_empty());
    }
}

#[test]
fn walls_of_one_sign_are_survived() {
    for sign in [
        "[",
        "](",
        "**",
        "> ",
        "`",
        "|",
        "1 ",
        "1,",
        "A ",
        "Anna Lind ",
        "1 December ",
        "@",
        "é",
        "\u{200d}",
        "token=",
        "<a>",
        ":::\n",
    ] {
        survives(&release("", &sign.repeat(800)));
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_desk(body in any::<String>(), title in "[^\\p{C}\"\\\\]{1,80}") {
        survives(&format!("---\ntitle: \"{title}\"\npublish: 2026-12-01T09:00[Europe/Stockholm]\nstatus: approved\n---\n{body}"));
    }

    #[test]
    fn nor_do_near_facts(words in proptest::collection::vec(prop_oneof![
        Just("1"), Just("December"), Just("2026"), Just(","), Just("."), Just(" "), Just("€"), Just("%"), Just("Q3"), Just("km"),
        Just("Monday"), Just("den"), Just("12:30"), Just("CET"), Just("Anna"), Just("Lindqvist"), Just("million"), Just("-"), Just("å"),
        Just("TK"), Just("["), Just("]"), Just("("), Just("insert"), Just("\n"), Just("©"), Just("password"), Just("="), Just("://"), Just("@"),
    ], 0..60)) {
        survives(&release("", &words.concat()));
    }
}

/// Every file below `at` that a newsroom wants, by its path below `root`.
fn gather(root: &Path, at: &Path, files: &mut BTreeMap<String, Arc<[u8]>>) {
    for entry in std::fs::read_dir(at).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
        if path.is_dir() && ["releases", "audiences", "templates"].iter().any(|dir| name.starts_with(dir)) {
            gather(root, &path, files);
        } else if path.is_file() && crate::newsroom::wanted(&name) {
            files.insert(name, std::fs::read(&path).unwrap().into());
        }
    }
}

#[test]
fn the_example_newsroom_is_clean() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = BTreeMap::new();
    gather(root, root, &mut files);
    let newsroom = Newsroom::build(None, files);
    assert!(newsroom.releases.len() >= 12, "{:?}", newsroom.findings);
    let findings = check(&newsroom, Timestamp::UNIX_EPOCH, None);
    assert_eq!(human(&findings, &crate::check::texts(&newsroom), false), "No findings.\n");
}
