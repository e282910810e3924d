use serde::Deserialize;

use super::*;

/// A type with every shape that our files have.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "printed with Debug")]
struct Page {
    title: Option<Spanned<String>>,
    embargo: Option<Spanned<String>>,
    count: Option<u32>,
    urgent: Option<bool>,
    #[serde(default)]
    tags: Vec<Spanned<String>>,
    colour: Option<Colour>,
    place: Option<Spanned<Place>>,
    #[serde(default)]
    names: Map<Place>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "printed with Debug")]
struct Place {
    town: String,
    street: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Green,
}

/// The findings of `yaml`, one a line: `line:column code: message (hint)`.
fn findings(yaml: &str) -> String {
    let (_, findings) = read_all::<Page>("x.yaml", yaml, 0..yaml.len());
    let lines = findings.iter().map(|finding| {
        let Finding { line, column, code, message, hint, .. } = finding;
        format!("{line}:{column} {code}: {message} ({})", hint.as_deref().unwrap_or("-"))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Holds each text against the start of its findings, and shows all that differ.
#[track_caller]
fn check(table: &[(&str, &str)]) {
    let wrong: Vec<String> = table
        .iter()
        .map(|(yaml, expected)| (yaml, expected, findings(yaml)))
        .filter(|(_, expected, found)| {
            !found.starts_with(*expected) || expected.is_empty() != found.is_empty()
        })
        .map(|(yaml, expected, found)| format!("{yaml:?}\n     got: {found}\nexpected: {expected}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn right_texts_have_no_findings() {
    for yaml in [
        "",
        "# only a comment\n",
        "title: Aster\n",
        "title: 1.10\n",
        "title: NO\n",
        "title: \"~\"\n",
        "title: >-\n  one\n  two\n",
        "count: 3\nurgent: true\ncolour: red\ntags: [a, 'b']\n",
        "tags: []\nplace: {town: Gothenburg}\nnames: {a: {town: Lund}}\n",
        "title: Aster # a remark\n",
        "title: Aster#1\r\ncount: 1\r\n",
    ] {
        check(&[(yaml, "")]);
    }
}

#[test]
fn what_yaml_makes_surprising_is_refused() {
    check(&[
        (
            "title: a\nembagro: x\n",
            "2:1 unknown-key: there is no key `embagro` here (did you mean `embargo`?)",
        ),
        ("title: a\nembargo: 1\nembargo: 2\n", "3:1 duplicate-key: `embargo` is written twice"),
        ("title: a\n\"title\": b\n", "2:1 duplicate-key: `title` is written twice"),
        ("<<: {title: a}\n", "1:1 yaml-merge: merge keys (`<<`) are not allowed"),
        ("title: &t a\n", "1:"),
        ("title: *Bold* words\n", "1:"),
        ("title: !important\n", "1:8 yaml-tag"),
        ("title: !!str a\n", "1:8 yaml-tag"),
        ("title: a\n---\ntitle: b\n", "2:1 yaml-document"),
        ("title: a\n...\ntitle: b\n", "3:1 yaml-document"),
        ("%YAML 1.1\n---\ntitle: a\n", "1:1 yaml-directive"),
        ("urgent: yes\n", "1:9 value: `urgent` must be `true` or `false`"),
        ("urgent: on\n", "1:9 value: `urgent` must be `true` or `false`"),
        ("urgent: \"true\"\n", "1:9 value: `urgent` must be `true` or `false`"),
        ("urgent: True\n", "1:9 value: `urgent` must be `true` or `false`"),
        ("count: 0x10\n", "1:8 value: `count` must be a whole number"),
        ("count: 010\n", "1:8 value: `count` must be a whole number"),
        ("count: 1e3\n", "1:8 value: `count` must be a whole number"),
        ("count: 1e999\n", "1:8 value: `count` must be a whole number"),
        ("count: \"3\"\n", "1:8 value: `count` must be a whole number"),
        ("count: -1\n", "1:8 value: `count` must be a whole number"),
        ("count: 99999999999\n", "1:8 value: `count` must be a whole number"),
        ("count: .inf\n", "1:8 value: `count` must be a whole number"),
        ("tags: no\n", "1:7 value: `tags` must be a list"),
        ("tags: {a: b}\n", "1:7 value: `tags` must be a list"),
        ("title: [a]\n", "1:8 value: `title` must be text"),
        ("title:\n", "1:1 empty-value: `title` has no value"),
        ("title: ~\n", "1:8 empty-value: `title` has no value"),
        ("title: null\n", "1:8 empty-value: `title` has no value"),
        ("title: # later\n", "1:1 empty-value: `title` has no value"),
        ("tags:\n", "1:1 empty-value: `tags` has no value"),
        ("colour: gren\n", "1:9 value: `gren` is none of `red`, `green` (did you mean `green`?)"),
        ("colour: [red]\n", "1:9 value: `colour` must be one of"),
        ("place: {street: a}\n", "1:8 missing-key: `town` is missing"),
        ("place: Gothenburg\n", "1:8 value: `place` must be a group of keys"),
        ("place: {town: [a]}\n", "1:15 value: `town` must be text"),
        ("- a\n- b\n", "1:1 value: this must be a group of keys"),
        ("just text\n", "1:1 value: this must be a group of keys"),
        ("? [a]\n: b\n", "1:3 yaml-key"),
        ("title: Aster #1 of its kind\n", "1:14 comment-in-text: `#1` begins a comment"),
    ]);
}

#[test]
fn broken_yaml_is_explained() {
    check(&[
        ("title: One: two\n", "1:11 yaml-colon"),
        ("title: \"open\ncount: 1\n", "2:1 yaml-quote: a text in quotation marks seems to go on here"),
        ("title: \"a\" b\n", "1:12 yaml-quote: there is more text"),
        ("title: \"C:\\x\"\n", "1:8 yaml-quote"),
        ("title: \"C:\\q\"\n", "1:8 yaml-quote"),
        ("title: \"open", "1:8 yaml-quote: a quotation mark opens here and is never closed"),
        ("tags: [a, b\ntitle: c\n", "2:6 yaml-"),
        ("place:\n\ttown: a\n", "2:2 yaml-tab: there is a tab here"),
        ("title: @home\n", "1:8 yaml-character"),
        ("title: `code`\n", "1:8 yaml-character"),
        ("title: a\n  count: 1\n", "2:8 yaml-colon"),
        ("title: a\njunk\ncount: 1\n", "2:1 yaml-indent"),
    ]);
}

#[test]
fn invisible_characters_are_refused() {
    for yaml in [
        "title: \"Q3\\r\\nBcc: all@evil.test\"\n",
        "title: >-\n  Q3\u{2028}Bcc: x\n",
        "title: >-\n  Q3\u{85}Bcc: x\n",
        "title: \"a\\0b\"\n",
        "title: \"a\\x1b[31mb\"\n",
        "title: \"\\u202Egnp.exe\"\n",
        "title: \u{2067}abc\n",
        "title: \"a\\x7f\"\n",
        "tags: [\"a\\u2029\"]\n",
    ] {
        let found = findings(yaml);
        assert!(found.contains(" control-character: "), "{yaml:?}: {found}");
    }
}

#[test]
fn every_wrong_value_is_found_in_one_run() {
    let yaml = "titel: a\ncount: many\nurgent: yes\ntags: [a, {b: c}, d]\nnames:\n  a: {town: x, zip: 1}\n  b: {street: y}\nplace: {town: Lund}\n";
    let (page, found) = read_all::<Page>("x.yaml", yaml, 0..yaml.len());
    let page = page.unwrap();
    let places: Vec<String> = found.iter().map(|f| format!("{}:{} {}", f.line, f.column, f.code)).collect();
    assert_eq!(
        places,
        ["1:1 unknown-key", "2:8 value", "3:9 value", "4:11 value", "6:16 unknown-key", "7:6 missing-key"],
    );
    assert_eq!(page.tags.iter().map(|tag| tag.value.as_str()).collect::<Vec<_>>(), ["a", "d"]);
    assert_eq!(page.names.0.len(), 1);
    assert_eq!(page.place.unwrap().value.town, "Lund");
}

#[test]
fn spans_are_bytes_of_the_whole_file() {
    let text = "---\ntitle: Åäö\nplace:\n  town: Malmö\ntags:\n  - a\n  - \"b\"\n---\n";
    let (page, found) = read_all::<Page>("x.md", text, 4..text.len() - 4);
    assert_eq!(found, []);
    let page = page.unwrap();
    assert_eq!(&text[page.title.unwrap().span], "Åäö");
    assert_eq!(&text[page.place.unwrap().span], "town: Malmö");
    let tags: Vec<&str> = page.tags.iter().map(|tag| &text[tag.span.clone()]).collect();
    assert_eq!(tags, ["a", "\"b\""]);
    let (_, found) = read_all::<Page>("x.md", "---\nåå: 1\n", 4..11);
    assert_eq!((found[0].line, found[0].column), (2, 1));
}

#[test]
fn bombs_are_refused_at_once() {
    let bomb: String = std::iter::once("a0: &a0 [x]\n".to_owned())
        .chain((1..10).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(","))))
        .collect();
    for (yaml, code) in [
        (bomb, "yaml-alias"),
        ("[".repeat(20_000), "too-large"),
        ("{a: ".repeat(10_000), "too-large"),
        ("- ".repeat(10_000), "too-large"),
        (format!("tags: [{}]", "a,".repeat(20_000)), "too-large"),
        (format!("title: {}", "a".repeat(70_000)), "too-large"),
        (format!("title: \"{}\"", "\\n".repeat(30_000)), ""),
        ("? ".repeat(10_000), "too-large"),
        ("&a ".repeat(10_000), "yaml"),
        ("!!a ".repeat(10_000), "yaml"),
        ("*a: ".repeat(5_000), "yaml"),
        ("x: 'a\n".repeat(8_000), "yaml"),
    ] {
        let found = findings(&yaml);
        assert!(found.contains(code), "{yaml:.40} … {found:.300}");
    }
}
