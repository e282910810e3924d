use super::*;
use crate::finding::Severity;

/// The findings of a file as `line:column code`.
fn codes(text: &str) -> Vec<String> {
    let (_, findings) = parse("releases/2026/x.md", text);
    findings.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect()
}

#[track_caller]
fn check(table: &[(&str, &[&str])]) {
    let wrong: Vec<String> = table
        .iter()
        .filter(|(text, expected)| codes(text) != *expected)
        .map(|(text, expected)| format!("{text:.200}\n     got: {:?}\nexpected: {expected:?}", codes(text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_front_matter_is_found() {
    check(&[
        ("---\ntitle: A\n---\nBody\n", &[]),
        ("\u{feff}---\r\ntitle: A\r\n---\r\nBody\r\n", &[]),
        ("---  \ntitle: A\n---\t\nBody", &[]),
        ("---\n---\nBody\n", &[]),
        ("---\ntitle: A\n---", &[]),
        ("", &["1:1 front-matter"]),
        ("Body\n", &["1:1 front-matter"]),
        ("\n---\ntitle: A\n---\n", &["1:1 front-matter"]),
        ("----\ntitle: A\n----\n", &["1:1 front-matter"]),
        ("+++\ntitle = 1\n+++\n", &["1:1 front-matter"]),
        ("---\ntitle: A\nBody\n", &["1:1 front-matter-open"]),
        ("---\ntitle: A\n...\nsubtitle: B\n---\n", &["4:1 yaml-document"]),
    ]);
}

#[test]
fn a_body_begins_after_the_second_line_of_hyphens() {
    let text = "\u{feff}---\r\ntitle: A\r\n---\r\nBody\r\n\r\n---\r\nMore\r\n";
    let (file, _) = parse("releases/2026/x.md", text);
    assert_eq!(&text[file.front_span.clone()], "title: A\r\n");
    assert_eq!(&text[file.body.span.clone()], "Body\r\n\r\n---\r\nMore\r\n");
    assert_eq!(file.front.title.map(|title| text[title.span].to_owned()).as_deref(), Some("A"));
}

#[test]
fn hostile_front_matter_is_refused() {
    let long = format!("---\nsubject: {}\n---\n", "a".repeat(60_000));
    let marks = format!("---\nsubject: a{}\n---\n", "\u{301}".repeat(10_000));
    let huge = format!("---\ntitle: A\n---\n{}", "a".repeat(MAX_BYTES));
    check(&[
        ("---\ntitle: \"Q3\\r\\nBcc: all@evil.test\"\n---\n", &["2:8 control-character"]),
        ("---\ntitle: >-\n  Q3\u{2028}Bcc: all@evil.test\n---\n", &["3:3 control-character"]),
        ("---\ntitle: |\n  Q3\n  Bcc: all@evil.test\n---\n", &["3:3 line-break"]),
        ("---\ntitle: \"Q3\\tBcc\"\n---\n", &["2:8 line-break"]),
        ("---\ntitle: >\n  One\n  line\n---\n", &[]),
        (&long, &["2:10 too-long"]),
        (&marks, &["2:10 too-long"]),
        (&huge, &["1:1 too-large"]),
        ("---\nembargo: 2026-12-01T09:00\nembargo: 2026-12-02T09:00\n---\n", &["3:1 duplicate-key"]),
        ("---\nembagro: 2026-12-01T09:00\n---\n", &["2:1 unknown-key"]),
        ("---\nEmbargo: 2026-12-01T09:00\n---\n", &["2:1 unknown-key"]),
        ("---\nembargo:\n---\n", &["2:1 empty-value"]),
        ("---\nembargo: \"\"\n---\n", &["2:10 empty-value"]),
        ("---\nembargo: ~\n---\n", &["2:10 empty-value"]),
        ("---\nembargo: # later\n---\n", &["2:1 empty-value"]),
        ("---\nembargo: 2026-03-29\n---\n", &["2:10 time"]),
        ("---\naudiences: no\n---\n", &["2:12 value"]),
        ("---\nstatus: yes\n---\n", &["2:9 value"]),
        ("---\nstatus: Approved\n---\n", &["2:9 value"]),
        ("---\nlanguage: NO\n---\n", &["2:11 value"]),
        ("---\naudiences: [a, a]\n---\n", &["2:16 named-twice"]),
        ("---\nmedia: [{alt: x}]\n---\n", &["2:9 missing-key"]),
        ("---\nmedia: [{file: a.mp3, duration: 24}]\n---\n", &["2:33 duration"]),
        ("---\nevent: {url: \"javascript:alert(1)\"}\n---\n", &["2:14 url"]),
        ("---\ncorrection: {class: big}\n---\n", &["2:21 value"]),
        ("---\nvariants: {a: {titel: x}}\n---\n", &["2:16 unknown-key"]),
        ("---\ntitle: A\n---\na\u{0}b\n", &["4:2 control-character"]),
        ("---\ntitle: A\n---\na\u{1b}[2Jb\n", &["4:2 control-character"]),
        ("---\ntitle: A\n---\nhalf a \u{a0} non-breaking space, å\n", &[]),
    ]);
}

#[test]
fn every_finding_of_a_file_comes_in_one_run() {
    let text = "---\ntitel: A\npublish: tomorrow\nstatus: yes\nmedia:\n  - {file: a.jpg, alt: \"\"}\n---\n::: onyl x\n:::\n";
    assert_eq!(
        codes(text),
        ["2:1 unknown-key", "3:10 time", "4:9 value", "6:24 empty-value", "8:1 block-word"]
    );
    let (file, _) = parse("releases/2026/x.md", text);
    assert_eq!(file.front.media.len(), 1);
}

#[test]
fn a_bad_slug_is_an_error_of_the_file() {
    for path in ["releases/Aster.md", "releases/2026/../admin.md", "releases/con.md", "releases/.md"] {
        let (_, findings) = parse(path, "---\ntitle: A\n---\n");
        let slug = findings.iter().any(|f| f.code == "slug" && f.severity == Severity::Error);
        assert_eq!(slug, !path.contains(".."), "{path}: {findings:?}");
    }
}

/// A file that is made of errors costs no more than one that has a few.
#[test]
fn a_file_made_of_errors_ends_soon() {
    for text in [
        format!("---\ntitle: A\n---\n{}", ":::\n".repeat(200_000)),
        format!("---\ntitle: A\n---\n::: only x\n{}", "::: only x\n".repeat(80_000)),
        format!("---\ntitle: A\n---\n::: only {}\n:::\n", "% ".repeat(200_000)),
        format!("---\ntags: [{}]\n---\n", "[],".repeat(9_000)),
        format!("---\n{}---\n", (0..4_000).map(|n| format!("key{n}: 1\n")).collect::<String>()),
        format!("---\n{}---\n", "title: 1\n".repeat(4_000)),
        format!("---\nmedia: [{}]\n---\n", "{file: a.png},".repeat(3_000)),
        format!("---\ntags: [{}]\n---\n", "!a b,".repeat(4_000)),
        format!("---\nvariants: {{{}}}\n---\n", (0..2_000).map(|n| format!("a{n}: 1,")).collect::<String>()),
    ] {
        let (_, findings) = parse("releases/x.md", &text);
        let count = findings.len();
        assert!((1..=3 * crate::finding::MOST).contains(&count), "{text:.60}: {count}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_without_a_panic(text in "(---\n)?([a-z]{1,9}: ?[ -~åé\u{2028}]{0,20}\n|[-:#>|&*!%@`'\"{}\\[\\], \t\r]{0,9}\n|::: (only|except)? ?[a-z ]{0,9}\n|```\n){0,12}(---\n)?[\\PC\n:`]{0,80}") {
        let (file, findings) = parse("releases/x.md", &text);
        for finding in &findings {
            let _ = finding.to_string();
        }
        // The stretches of the body stand in order and on characters.
        let mut end = file.body.span.start;
        for block in &file.body.blocks {
            assert!(block.span.start >= end && text.get(block.span.clone()).is_some());
            end = block.span.end;
        }
        assert!(end <= file.body.span.end);
        let _ = file.body.markdown(&text, "x", "y");
    }

    #[test]
    fn any_text_is_a_time_or_none(text in "([0-9]{4}-[0-9]{2}-[0-9]{2})?[T ]?[0-9:]{0,8}(Z|[+-][0-9:]{0,6})?(\\[[A-Za-z/_]{0,12}\\]?)?\\PC{0,3}") {
        if let Ok(time) = text.parse::<WallTime>() {
            let _ = time.instant(&jiff::tz::TimeZone::UTC).map_err(|error| (error.to_string(), error.hint()));
        }
    }
}
