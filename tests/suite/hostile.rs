//! What must be refused clearly, or survived: front matter, Markdown, pictures, contact files.
//!
//! Each case is an input and its whole outcome, seen from outside: which findings, whether the release
//! can be planned, what is rendered. In every case the twelve releases beside it are not touched.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use dateline::check;
use dateline::contact::csv;
use dateline::finding::Severity;
use dateline::render::{Content, Renderer, Request};

use crate::docs::newsroom_with;

const PATH: &str = "releases/2026/hostile.md";
const HEAD: &str = "title: T\nsummary: S\ndateline: Gothenburg\npublish: 2026-12-01T09:00\nstatus: approved\naudiences: [public]\ncontacts: [press-office]\nboilerplate: [halden]\n";

/// The codes of the errors that a release gets, sorted; `planned` if it could be planned all the same.
fn outcome(front: &str, body: &str) -> String {
    let text = format!("---\n{front}---\n{body}\n");
    let started = Instant::now();
    let newsroom = newsroom_with(PATH, &text);
    assert_eq!(
        newsroom.releases.keys().filter(|slug| *slug != "hostile").count(),
        0,
        "only this one is loaded"
    );
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    let findings = check::check(&newsroom, now, None);
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
    let mut codes: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error && finding.file == PATH)
        .map(|finding| finding.code)
        .collect();
    codes.sort_unstable();
    codes.dedup();
    if codes.is_empty() { "planned".to_owned() } else { codes.join(" ") }
}

#[test]
fn front_matter() {
    let mut wrong = Vec::new();
    let mut refused = |case: &str, front: &str, expected: &str| {
        let found = outcome(front, "Text.");
        if found != expected {
            wrong.push(format!("{case}: {found}, not {expected}"));
        }
    };
    let with = |line: &str| format!("{HEAD}{line}\n");
    let title = |value: &str| HEAD.replace("title: T", &format!("title: {value}"));
    refused("a plain release", HEAD, "planned");
    refused("H1 CR LF in a title", &title(r#""Q3\r\nBcc: all@evil.test""#), "control-character");
    refused("H1 a line separator", &title("\"Q3\\u2028x\""), "control-character");
    refused("H1 next line", &title("\"Q3\\u0085x\""), "control-character");
    refused("H1 bidi override", &title("\"Q3\\u202Ex\""), "control-character");
    refused("H1 folded over lines", &title(">-\n  Q3\n  Bcc: all@evil.test"), "planned");
    refused("H3 a subject of 60 KB", &with(&format!("subject: {}", "x".repeat(60_000))), "too-long");
    refused(
        "H3 20 KB of combining marks",
        &with(&format!("subject: a{}", "\u{301}".repeat(10_000))),
        "too-long",
    );
    refused("more than the cap", &with(&format!("subtitle: {}", "x".repeat(70_000))), "too-large");
    let mut laughs = String::from("a0: &a0 [x, x]\n");
    for n in 1..10 {
        let uses = vec![format!("*a{}", n - 1); 9].join(", ");
        writeln!(laughs, "a{n}: &a{n} [{uses}]").unwrap();
    }
    let found = outcome(&with(&laughs), "Text.");
    assert!(found.contains("yaml-alias") && found.contains("yaml-anchor"), "H5: {found}");
    refused("H5 deep", &with(&format!("tags: {}{}", "[".repeat(40), "]".repeat(40))), "too-large");
    refused("H7 a key twice", &with("embargo: 2026-12-01T08:00\nembargo: 2026-12-01T09:00"), "duplicate-key");
    refused("H7 a merge key", &with("<<: {title: B}"), "yaml-merge");
    for path in [
        "../../etc/passwd",
        "/etc/shadow",
        "\"C:\\\\x\"",
        "CON",
        ".git/config",
        "x/../../y",
        "a\\\\b",
        "nul.txt",
    ] {
        let found = outcome(&with(&format!("media:\n  - file: {path}\n    alt: A")), "Text.");
        assert_eq!(found, "media-path", "H9 {path}");
    }
    refused("H9 a NUL", &with("media:\n  - file: \"a\\0b\""), "control-character");
    refused("H11 no", &HEAD.replace("[public]", "no"), "value");
    refused("H11 on", &HEAD.replace("status: approved", "status: on"), "value");
    refused("H11 a number where a text belongs stays the text", &title("0x10"), "planned");
    refused("H11 a date", &title("2026-12-01"), "planned");
    refused("a misspelt embargo", &with("embargoo: 2026-12-01T09:00"), "unknown-key");
    refused("a tag", &title("!!python/object:os.system x"), "yaml-tag");
    refused("a tab", "title:\tT\n\tx: 1\n", "yaml-tab");
    refused("a gap", &HEAD.replace("2026-12-01T09:00", "2026-03-29T02:30"), "time");
    refused("a fold", &HEAD.replace("2026-12-01T09:00", "2026-10-25T02:30"), "time");
    refused("24:00", &HEAD.replace("2026-12-01T09:00", "2026-12-01T24:00"), "time");
    refused("29 February", &HEAD.replace("2026-12-01T09:00", "2026-02-29T09:00"), "time");
    refused(
        "an unknown zone",
        &HEAD.replace("2026-12-01T09:00", "2026-12-01T09:00[Europe/Stokholm]"),
        "time",
    );
    refused("embargo after publish", &with("embargo: 2026-12-02T09:00"), "embargo-after-publish");
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn slugs() {
    for (path, good) in [
        ("releases/2026/fine-slug.md", true),
        ("releases/2026/../admin.md", false),
        ("releases/2026/..md", false),
        ("releases/2026/con.md", false),
        ("releases/2026/аdmin.md", false),
        ("releases/2026/a b.md", false),
        (&format!("releases/2026/{}.md", "x".repeat(300)), false),
    ] {
        let newsroom = newsroom_with(path, &format!("---\n{HEAD}---\nText.\n"));
        assert_eq!(newsroom.releases.len(), usize::from(good), "H13 {path}: {:#?}", newsroom.findings);
        assert_eq!(newsroom.findings.is_empty(), good, "H13 {path} is refused in silence");
    }
}

/// The page and the mail of a release with this body, both parts of it.
fn rendered(body: &str) -> String {
    let head = HEAD.replace("[public]", "[public, bloggers]");
    let newsroom = newsroom_with(PATH, &format!("---\n{head}---\n{body}\n"));
    let renderer = Renderer::new(&newsroom);
    let mut all = String::new();
    for (audience, channel) in [("public", "newsroom"), ("bloggers", "relay")] {
        let edition = renderer
            .edition(&Request {
                slug: "hostile".into(),
                digest_of: Vec::new(),
                notice: dateline::release::Notice::Original,
                audience: audience.into(),
                channel: channel.into(),
                language: "en".parse().unwrap(),
                advance: false,
                test: false,
                date: "2026-12-01T08:00:00Z".parse().unwrap(),
            })
            .unwrap();
        match edition.content {
            Content::Page(page) => all.push_str(&page.html),
            Content::Mail(mail) => {
                let email = "jane@paper.example".parse().unwrap();
                let bytes = mail.fill(&dateline::render::Addressee {
                    email: &email,
                    name: Some("Jane"),
                    message_id: "m@news.halden.example",
                    in_reply_to: None,
                    token: "t",
                });
                let parsed = mail_parser::MessageParser::default().parse(&bytes).unwrap();
                all.push_str(&parsed.body_html(0).unwrap());
            }
            other => panic!("{other:?}"),
        }
    }
    all
}

#[test]
fn markdown_runs_nothing_and_fetches_nothing() {
    for (case, body) in [
        ("H15 script", "<script>evil()</script>"),
        ("H15 onerror", "<img src=x onerror=evil()>"),
        ("H15 svg", "<svg onload=evil()><script>evil()</script></svg>"),
        ("H15 iframe", "<iframe srcdoc='<script>evil()</script>'></iframe>"),
        ("H15 base", "<base href=https://evil.test/>"),
        ("H15 refresh", "<meta http-equiv=refresh content='0;url=https://evil.test/'>"),
        ("H15 form", "<form action=https://evil.test/><input name=x></form>"),
        ("H15 style", "<style>@import 'https://evil.test/x.css';</style>"),
        ("H17 autolink", "<javascript:evil()>"),
        ("H17 reference", "[x][a]\n\n[a]: javascript:evil() \"t\""),
        ("H17 entity", "[x](&#x6A;avascript:evil())"),
        ("H17 data", "[x](data:text/html,<script>evil()</script>)"),
        ("H19 metadata service", "![x](http://169.254.169.254/evil.test)"),
        ("H19 file", "![x](file:///evil.test)"),
        ("H19 no scheme", "![x](//evil.test/p.png)"),
        ("H20 a template", "{{evil.test}} {{{evil.test}}} {{#each evil}}{{/each}} {{> evil}}"),
    ] {
        let html = rendered(body);
        let bad = [
            "<script>evil",
            "onerror=",
            "onload=",
            "<iframe",
            "<base ",
            "http-equiv=\"refresh\"",
            "<form",
            "@import",
            "href=\"javascript:",
            "href=\"data:",
            "src=\"http://169",
            "src=\"file:",
            "src=\"//evil",
        ];
        let lower = html.to_lowercase();
        for bad in bad {
            assert!(!lower.contains(bad), "{case}: `{bad}` is in the rendered text");
        }
    }
    // What looks like a template is text.
    assert!(rendered("Say {{name}} and {{{x}}}.").contains("{{name}}"), "H20: release text is data");
}

#[test]
fn markdown_of_any_depth_and_size_ends_soon() {
    for (case, body) in [
        ("H24 quotes", ">".repeat(50_000)),
        (
            "H24 lists",
            (0..2_000).fold(String::new(), |text, n| format!("{text}{}- x\n", " ".repeat(n % 400))),
        ),
        ("H24 brackets", "[".repeat(50_000)),
        ("H24 emphasis", "*a_ ".repeat(20_000)),
        ("H24 headings", "# h\n\n".repeat(20_000)),
        ("H24 table", format!("|{}\n|{}\n", "a|".repeat(2_000), "-|".repeat(2_000))),
        ("H23 marks", "e\u{301}\u{301}\u{301} 👩‍👩‍👧‍👦 שלום ".repeat(2_000)),
    ] {
        let started = Instant::now();
        rendered(&body);
        assert!(started.elapsed() < Duration::from_secs(30), "{case} took {:?}", started.elapsed());
    }
}

/// How many contacts, and the problems, of a file.
fn contacts(bytes: &[u8]) -> String {
    match csv::read(bytes) {
        Err(problem) => format!("refused at {}", problem.line),
        Ok(rows) => {
            let (mut good, mut bad) = (0, Vec::new());
            for row in rows {
                match row {
                    Ok(_) => good += 1,
                    Err(problem) => bad.push(problem.line.to_string()),
                }
            }
            format!("{good} good, bad at [{}]", bad.join(" "))
        }
    }
}

#[test]
fn contact_files() {
    let utf16: Vec<u8> = "\u{feff}email\na@x.test\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    let wide = format!("email,{}\na@x.test\n", (0..1_000_000).map(|n| format!("f{n},")).collect::<String>());
    let long = format!("email,note\na@x.test,{}\nb@x.test,x\n", "x".repeat(10_000_000));
    for (case, bytes, expected) in [
        ("plain", &b"email,name\na@x.test,A\n"[..], "1 good, bad at []"),
        ("H25 BOM", "\u{feff}email\na@x.test\n".as_bytes(), "1 good, bad at []"),
        ("H25 UTF-16", &utf16, "refused at 1"),
        ("H25 semicolons", b"email;name\na@x.test;A\n", "1 good, bad at []"),
        ("H25 CR alone", b"email,name\ra@x.test,A\rb@x.test,B\r", "2 good, bad at []"),
        ("H25 an open quote", b"email,name\n\"a@x.test,A\nb@x.test,B\n", "0 good, bad at [2]"),
        ("H25 NUL", b"email,name\na@x.test,A\0B\nb@x.test,B\n", "1 good, bad at [2]"),
        ("H25 a million columns", wide.as_bytes(), "refused at 1"),
        ("H25 a field of 10 MB", long.as_bytes(), "1 good, bad at [2]"),
        ("no address column", b"name\nA\n", "refused at 1"),
        ("a column twice", b"email,Email\na@x.test,b@x.test\n", "refused at 1"),
        ("an address with a line break", b"email\n\"a@x.test\r\nBcc: b@x.test\"\n", "0 good, bad at [2]"),
        (
            "H27 one person four times",
            "email\nA@X.test\na@x.test\na@X.TEST.\n".as_bytes(),
            "1 good, bad at [3 4]",
        ),
        ("nothing", b"", "refused at 1"),
    ] {
        assert_eq!(contacts(bytes), expected, "{case}");
    }
}
