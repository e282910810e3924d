//! The preview over real sockets: who is let in, and that nothing but looking is possible.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use dateline::preview::{Options, Preview};
use tokio_util::sync::CancellationToken;

/// A running preview of a newsroom of its own.
pub struct Running {
    /// The newsroom's folder.
    pub dir: tempfile::TempDir,
    /// The printed address.
    pub address: String,
    pub desk: u16,
    pub stage: u16,
    pub cookie: String,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// A release that is whole, with `title` and `body`.
pub fn release(title: &str, body: &str) -> String {
    format!(
        "---\ntitle: {title}\nsummary: One sentence.\ndateline: Gothenburg\n\
         publish: 2031-12-01T09:00[Europe/Stockholm]\nstatus: approved\nlanguage: en\n\
         audiences: [bloggers, public, employees]\ncontacts: [press-office]\nboilerplate: [halden]\n---\n{body}\n"
    )
}

pub fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

impl Running {
    /// Starts one with the example's settings and these releases, by slug.
    pub fn start(releases: &[(&str, String)]) -> Running {
        let dir = tempfile::tempdir().unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        for part in ["dateline.yaml", "audiences", "templates"] {
            copy(&root.join(part), &dir.path().join(part));
        }
        std::fs::create_dir_all(dir.path().join("releases/2031")).unwrap();
        for (slug, text) in releases {
            std::fs::write(dir.path().join(format!("releases/2031/{slug}.md")), text).unwrap();
        }
        let stop = CancellationToken::new();
        let clock = Clock::fixed("2031-11-20T08:00:00Z".parse().unwrap());
        let editor = Some("vscode://file{file}:{line}:{column}".to_owned());
        let options = Options { dir: dir.path().to_owned(), port: 0, clock, records: None, editor };
        let (tell, told) = std::sync::mpsc::channel();
        let token = stop.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .thread_stack_size(8 << 20)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let preview = Preview::open(options, token).await.unwrap();
                assert_eq!(preview.slow, None);
                tell.send(preview.address()).unwrap();
                preview.serve().await.unwrap();
            });
        });
        let address: String = told.recv().unwrap();
        let (origin, token) = address.split_once("/?token=").unwrap();
        let desk: u16 = origin.rsplit(':').next().unwrap().parse().unwrap();
        let cookie = format!("dateline-preview-{desk}={token}");
        let mut running = Running { dir, address, desk, stage: 0, cookie, stop, thread: Some(thread) };
        let newsroom: serde_json::Value = serde_json::from_str(&running.get("/api/newsroom").body).unwrap();
        running.stage = newsroom["stage"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        running
    }

    /// Writes a release.
    pub fn save(&self, slug: &str, text: &str) {
        std::fs::write(self.dir.path().join(format!("releases/2031/{slug}.md")), text).unwrap();
    }

    /// A request that is let in.
    pub fn get(&self, path: &str) -> Answer {
        let headers = format!("Host: 127.0.0.1:{}\r\nCookie: {}\r\n", self.desk, self.cookie);
        ask(self.desk, "GET", path, &headers)
    }

    /// A request to the stage that is let in; its body without the marks of chunks.
    pub fn stage(&self, path: &str) -> Answer {
        let headers = format!("Host: 127.0.0.1:{}\r\nCookie: {}\r\n", self.stage, self.cookie);
        ask(self.stage, "GET", path, &headers)
    }

    /// Ends it, and says how long that took.
    pub fn end(mut self) -> Duration {
        let began = Instant::now();
        self.stop.cancel();
        self.thread.take().unwrap().join().unwrap();
        began.elapsed()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

fn ask(port: u16, method: &str, target: &str, headers: &str) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n").unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

#[test]
fn only_our_own_page_is_answered() {
    let preview = Running::start(&[("secret-car", release("Unannounced car", "Words."))]);
    let (desk, stage) = (preview.desk, preview.stage);
    let own = |port: u16| format!("Host: 127.0.0.1:{port}\r\n");
    let cookie = format!("Cookie: {}\r\n", preview.cookie);
    let old = format!("Cookie: dateline-preview-{desk}=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n");
    let edition = "/edition/secret-car/bloggers/relay/en/";
    let mut asked = 0;
    let mut check = |port: u16, target: &str, headers: &str, status: u16| {
        asked += 1;
        let answer = ask(port, "GET", target, headers);
        assert_eq!(answer.status, status, "{target}\n{headers}{}", answer.head);
        assert!(!answer.head.contains("access-control-"), "{}", answer.head);
        if status != 200 {
            assert!(!answer.body.contains("car"), "{}", answer.body);
        }
    };
    for (port, target) in [
        (desk, "/"),
        (desk, "/api/newsroom"),
        (desk, "/api/release/secret-car"),
        (desk, "/app/main.js"),
        (stage, edition),
        (stage, "/frame"),
    ] {
        let good = own(port) + &cookie;
        check(port, target, &good, 200);
        check(port, target, &own(port), 403);
        check(port, target, &(own(port) + &old), 403);
        for host in ["localhost", "evil.test", "127.0.0.1.evil.test", "[::1]", "127.1"] {
            check(port, target, &format!("Host: {host}:{port}\r\n{cookie}"), 421);
        }
        for origin in ["http://evil.test", "null", "http://localhost:80", "https://127.0.0.1"] {
            check(port, target, &format!("{good}Origin: {origin}\r\n"), 403);
        }
        for (site, mode, dest) in [
            ("cross-site", "cors", "empty"),
            ("cross-site", "no-cors", "script"),
            ("cross-site", "no-cors", "image"),
            ("cross-site", "navigate", "iframe"),
            ("same-site", "cors", "empty"),
            ("same-site", "no-cors", "image"),
            ("none", "no-cors", "image"),
            ("cross-site", "websocket", "websocket"),
        ] {
            let fetch =
                format!("Sec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\nSec-Fetch-Dest: {dest}\r\n");
            check(port, target, &(good.clone() + &fetch), 403);
        }
        let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
        check(port, target, &(good.clone() + upgrade), 403);
    }
    assert!(asked >= 60, "{asked}");
}

#[test]
fn every_answer_forbids_what_it_does_not_need() {
    let preview = Running::start(&[("a", release("A car", "Words."))]);
    let good = |port: u16| format!("Host: 127.0.0.1:{port}\r\nCookie: {}\r\n", preview.cookie);
    for (port, target) in [
        (preview.desk, "/"),
        (preview.desk, "/nothing"),
        (preview.desk, "/api/release/nothing"),
        (preview.stage, "/frame"),
        (preview.stage, "/edition/a/bloggers/relay/en/"),
    ] {
        let head = ask(port, "GET", target, &good(port)).head;
        for wanted in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
            "cross-origin-opener-policy: same-origin",
            "cross-origin-resource-policy: same-origin",
            "content-security-policy: default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors ",
        ] {
            assert!(head.contains(wanted), "{target} lacks {wanted}\n{head}");
        }
    }
    let rendered = ask(preview.stage, "GET", "/edition/a/bloggers/relay/en/", &good(preview.stage));
    assert!(rendered.body.contains("A car"));
    assert!(rendered.head.contains("sandbox allow-same-origin") && !rendered.head.contains("script-src"));
    let greeting = ask(
        preview.desk,
        "GET",
        preview.address.rsplit_once('/').map(|(_, q)| format!("/{q}")).unwrap().as_str(),
        &format!("Host: 127.0.0.1:{}\r\n", preview.desk),
    );
    assert_eq!(greeting.status, 303);
    assert!(greeting.head.contains("httponly; samesite=strict"), "{}", greeting.head);
}

/// The paths that `routes.rs` names.
fn table() -> BTreeSet<&'static str> {
    let source = include_str!("../../src/preview/routes.rs");
    let routes = source.split(".route(").skip(1);
    routes
        .map(|route| {
            let path = route.split('"').nth(1).unwrap();
            assert!(
                route.split_once(',').unwrap().1.trim_start().starts_with("show("),
                "{path} is made otherwise"
            );
            path
        })
        .collect()
}

#[test]
fn no_route_changes_anything() {
    let preview = Running::start(&[("a", release("A car", "Words."))]);
    let table = table();
    assert!(table.len() > 12, "{table:?}");
    for path in table {
        let path =
            path.replace("{slug}", "a").replace("{audience}", "bloggers").replace("{channel}", "relay");
        let path = path.replace("{language}", "en").replace("{asset}", "x.png").replace("{file}", "main.js");
        for port in [preview.desk, preview.stage] {
            let headers =
                format!("Host: 127.0.0.1:{port}\r\nCookie: {}\r\nContent-Length: 0\r\n", preview.cookie);
            for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
                let answer = ask(port, method, &path, &headers);
                assert_eq!(answer.status, 405, "{method} {path}");
            }
        }
    }
}

/// Reads the event stream up to an event of this name and gives its data.
pub struct Events(std::io::BufReader<TcpStream>);

impl Events {
    pub fn of(preview: &Running) -> Events {
        Events::at(preview, "/api/events")
    }

    /// The events of a page that has this open.
    pub fn of_open(preview: &Running, open: &serde_json::Value) -> Events {
        let escaped: String = open.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
        Events::at(preview, &format!("/api/events?open={escaped}"))
    }

    fn at(preview: &Running, path: &str) -> Events {
        let mut stream = TcpStream::connect(("127.0.0.1", preview.desk)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let (port, cookie) = (preview.desk, &preview.cookie);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\n\r\n").unwrap();
        Events(std::io::BufReader::new(stream))
    }

    /// The data of the next event of this name.
    pub fn next(&mut self, name: &str) -> serde_json::Value {
        loop {
            let (event, data) = self.any();
            if event == name {
                return data;
            }
        }
    }

    /// The next event.
    pub fn any(&mut self) -> (String, serde_json::Value) {
        let mut line = String::new();
        let mut event = String::new();
        while std::io::BufRead::read_line(&mut self.0, &mut line).unwrap() > 0 {
            if let Some(found) = line.trim_end().strip_prefix("event: ") {
                event = found.to_owned();
            } else if let Some(data) = line.trim_end().strip_prefix("data: ") {
                return (event, serde_json::from_str(data).unwrap());
            }
            line.clear();
        }
        panic!("the stream ended");
    }
}

#[test]
fn a_save_is_told_and_a_broken_release_keeps_its_last_good_rendering() {
    let preview =
        Running::start(&[("a", release("A car", "Words.")), ("b", release("Another car", "Words."))]);
    let mut events = Events::of(&preview);
    assert_eq!(events.next("hello")["version"], 1);
    preview.save("a", &release("A better car", "Words."));
    let change = events.next("change");
    assert_eq!((&change["touched"], &change["all"]), (&serde_json::json!(["a"]), &false.into()), "{change}");
    assert_eq!(change["rows"][0]["title"], "A better car");

    preview.save("a", &release("Broken", "Words.").replace("publish:", "embargoo: no\npublish:"));
    let change = events.next("change");
    assert_eq!(change["rows"][0]["broken"], true, "{change}");
    let shown: serde_json::Value = serde_json::from_str(&preview.get("/api/release/a").body).unwrap();
    assert_eq!((&shown["stale"], &shown["broken"]), (&true.into(), &true.into()));
    let finding = &shown["findings"][0];
    assert_eq!(finding["severity"], "error", "{finding}");
    let line = finding["excerpt"].as_array().unwrap().iter().find(|line| line[0] == finding["line"]).unwrap();
    assert!(line[1].as_str().unwrap().contains("embargoo"), "{finding}");
    let edition = preview.get("/api/edition/a/bloggers/relay/en").body;
    assert!(edition.contains("A better car"), "{edition}");

    std::fs::remove_file(preview.dir.path().join("releases/2031/b.md")).unwrap();
    assert_eq!(events.next("change")["removed"], serde_json::json!(["b"]));
    // An open stream does not hold the stop up.
    assert!(preview.end() < Duration::from_secs(2));
}

#[test]
fn what_is_open_is_sent_when_it_changed() {
    let preview =
        Running::start(&[("a", release("A car", "Words.")), ("b", release("Another car", "Words."))]);
    let way = |audience: &str, channel: &str| serde_json::json!({ "audience": audience, "channel": channel, "language": "en" });
    let ways = [
        way("bloggers", "relay"),
        way("public", "newsroom"),
        way("public", "mastodon"),
        way("public", "none"),
    ];
    let open = serde_json::json!({ "slug": "a", "ways": ways, "seen": 2, "wanted": { "room": "dark", "who": "name=Ada" } });
    let mut events = Events::of_open(&preview, &open);
    events.next("hello");
    // What came before `settled`, by place, and the release. Those in view come together, and before anything else.
    let after = |events: &mut Events| {
        let mut editions = std::collections::BTreeMap::new();
        let mut release = serde_json::Value::Null;
        loop {
            let (name, data) = events.any();
            match name.as_str() {
                "editions" => {
                    for edition in data["editions"].as_array().unwrap() {
                        let at = edition["at"].as_u64().unwrap();
                        assert_eq!(at < 2, release.is_null(), "{data}");
                        editions.insert(at, edition.clone());
                    }
                }
                "release" => release = data,
                "settled" => return (editions, release, data),
                _ => {}
            }
        }
    };
    preview.save("a", &release("A better car", "Words."));
    let (editions, described, settled) = after(&mut events);
    assert_eq!((&described["version"], &settled["version"]), (&2.into(), &2.into()));
    assert_eq!(described["release"]["title"], "A better car");
    assert_eq!(editions.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(editions[&0]["edition"]["mail"]["subject"], "A better car");
    // The document is the one that the stage would show.
    let shown = preview.stage("/edition/a/bloggers/relay/en/?room=dark&who=name%3DAda").body;
    assert!(shown.contains(editions[&0]["html"].as_str().unwrap()), "{shown}");
    assert!(editions[&3]["error"].as_str().unwrap().contains("none"), "{}", editions[&3]);
    // Only one of them has another text now.
    let variant = "\nvariants:\n  bloggers:\n    subject: For bloggers\n---\nWords.";
    preview.save("a", &release("A better car", "Words.").replace("\n---\nWords.", variant));
    let (editions, _, _) = after(&mut events);
    assert_eq!(editions.keys().copied().collect::<Vec<_>>(), [0]);
    // Another release changes nothing of this one.
    preview.save("b", &release("Another better car", "Words."));
    let (editions, described, settled) = after(&mut events);
    assert!(editions.is_empty(), "{editions:?}");
    assert_eq!((&described["version"], &settled["version"]), (&4.into(), &4.into()));
    // While it is broken the last good text is marked as what it is.
    preview.save("a", &release("Broken", "Words.").replace("publish:", "embargoo: no\npublish:"));
    let (editions, described, _) = after(&mut events);
    assert_eq!(described["release"]["stale"], true);
    assert_eq!(
        (&editions[&0]["edition"]["stale"], &editions[&0]["edition"]["title"]),
        (&true.into(), &"A better car".into())
    );
    std::fs::remove_file(preview.dir.path().join("releases/2031/a.md")).unwrap();
    assert_eq!(after(&mut events).1["release"], serde_json::Value::Null);
    for wrong in ["x", "{}", "{\"slug\":\"a\",\"ways\":[],\"seen\":0,\"more\":1}"] {
        let escaped: String = wrong.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(preview.get(&format!("/api/events?open={escaped}")).status, 422, "{wrong}");
    }
}

#[test]
fn an_edition_comes_with_its_document_where_it_is_wanted() {
    let preview = Running::start(&[("a", release("A car", "Words."))]);
    for (query, stage) in
        [("", "/"), ("&part=text", "/?part=text"), ("&room=dark&images=off", "/?room=dark&images=off")]
    {
        let path = "edition/a/bloggers/relay/en";
        let view = |query: &str| -> serde_json::Value {
            serde_json::from_str(&preview.get(&format!("/api/{path}{query}")).body).unwrap()
        };
        let whole = view(&format!("?document=true{query}"));
        assert_eq!(whole["html"], preview.stage(&format!("/{path}{stage}")).body, "{query}");
        let alone = view(&format!("?document=false{query}"));
        assert_eq!((&alone["html"], &alone["sha"]), (&serde_json::Value::Null, &whole["sha"]), "{query}");
    }
    // A side that it does not have.
    let answer = preview.get("/api/edition/a/public/newsroom/en?document=true&part=headers");
    assert!(answer.status == 200 && !answer.body.contains("\"html\":"), "{}", answer.body);
}

#[test]
fn a_picture_that_changed_has_another_address() {
    let media = "media:\n  - file: car.svg\n    alt: A car\n    credit: Halden\n---\nWords.";
    let text = release("A car", "Words.").replace("---\nWords.", media);
    let preview = Running::start(&[("a", text)]);
    let picture = preview.dir.path().join("releases/2031/car.svg");
    let drawing = |colour: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><rect width=\"9\" height=\"9\" fill=\"{colour}\"/></svg>"
        )
    };
    let mut events = Events::of(&preview);
    events.next("hello");
    std::fs::write(&picture, drawing("red")).unwrap();
    let first = events.next("change")["version"].as_u64().unwrap();
    let page = || preview.stage("/edition/a/public/newsroom/en/").body;
    assert!(page().contains(&format!("file/car.svg?changed={first}\"")), "{}", page());
    std::fs::write(&picture, drawing("blue")).unwrap();
    let second = events.next("change")["version"].as_u64().unwrap();
    assert!(second > first);
    assert!(page().contains(&format!("file/car.svg?changed={second}\"")), "{}", page());
    let shown = preview.stage(&format!("/edition/a/public/newsroom/en/file/car.svg?changed={second}"));
    assert!(shown.body.contains("blue"), "{}", shown.body);
}

#[test]
fn what_cannot_be_shown_says_so() {
    let preview = Running::start(&[("a", release("A car", "Words."))]);
    for (path, status, words) in [
        ("/api/release/none", 404, "no such release"),
        ("/api/edition/none/bloggers/relay/en", 404, "no such edition"),
        ("/api/edition/a/bloggers/none/en", 422, "none"),
        ("/api/edition/a/bloggers/relay/xx-1", 404, "no such edition"),
        ("/api/edition/a/bloggers/none/en?document=true", 422, "none"),
        ("/app/none.js", 404, "no such file"),
        ("/app/index.html", 404, "no such file"),
        ("/api/person/a?who=id:1", 422, "no contact book"),
        ("/api/compare/a/bloggers/relay/en?with=x", 422, "say with what"),
        ("/api/compare/a/bloggers/relay/en?with=issued:1", 422, "no record"),
        ("/api/compare/a/bloggers/relay/en?with=commit:HEAD", 422, "no git repository"),
        ("/nothing", 404, "nothing here"),
    ] {
        let answer = preview.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert!(answer.body.contains(words), "{path}: {}", answer.body);
    }
    for name in ["none.png", "..%2f..%2fdateline.yaml", "a.md"] {
        let answer = preview.stage(&format!("/edition/a/bloggers/relay/en/file/{name}"));
        assert_eq!(answer.status, 404, "{name}: {}", answer.body);
    }
}

#[test]
fn a_bundle_shows_everything_and_its_names_say_nothing() {
    use dateline::preview::export::{Wish, export};
    use std::sync::Arc;

    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let newsroom = Arc::new(dateline::load::work_tree(&root).unwrap());
    let out = tempfile::tempdir().unwrap();
    let slugs = ["aster-ev".to_owned()];
    let wish = |slugs| Wish {
        newsroom: Arc::clone(&newsroom),
        out: out.path(),
        slugs,
        since: None,
        dir: &root,
        pictures: false,
        now: "2026-11-20T08:00:00Z".parse().unwrap(),
    };
    let done = export(&wish(&slugs)).unwrap();
    assert_eq!((done.releases.join(" "), done.pictures), ("aster-ev".to_owned(), 0));
    assert!(done.editions > 10, "{}", done.editions);
    let folder = done.index.parent().unwrap();
    let mut pictures = 0;
    let mut documents = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let known = name == "index.html";
        assert!(known || (name.len() >= 35 && !name.contains("aster")), "{name}");
        if path.extension().is_some_and(|ending| ending == "html") && !known {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                text.contains("EMBARGOED until 1 Dec 2026") && text.contains("script-src 'none'"),
                "{name}"
            );
            assert!(!text.contains("src=\"aster-") && !text.contains("<script>"), "{name}");
            documents += 1;
        } else {
            pictures += 1;
        }
    }
    assert!(documents > 30 && pictures >= 4, "{documents} {pictures}");
    let index = std::fs::read_to_string(&done.index).unwrap();
    assert!(index.contains("Aster EV goes 620 km on one charge") && index.contains("under embargo"));
    // Every link leads to a file.
    for link in index.split(['"']).filter(|link| link.ends_with(".html")) {
        assert!(folder.join(link).exists(), "{link}");
    }
    // Another bundle has other names.
    let again = export(&wish(&slugs)).unwrap();
    let names = |folder: &Path| -> BTreeSet<String> {
        std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let both = names(folder).intersection(&names(again.index.parent().unwrap())).count();
    assert_eq!(both, 1, "only index.html");
    let unknown = ["nothing".to_owned()];
    assert!(export(&wish(&unknown)).is_err_and(|error| error.to_string().contains("no release `nothing`")));
}

#[test]
fn the_record_is_read_and_never_written() {
    use std::io::BufRead;
    use std::process::{Command, Stdio};

    let dir = tempfile::tempdir().unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    for part in ["dateline.yaml", "audiences", "templates"] {
        copy(&root.join(part), &dir.path().join(part));
    }
    std::fs::create_dir_all(dir.path().join("releases/2031")).unwrap();
    std::fs::write(dir.path().join("releases/2031/a.md"), release("A car", "Words.")).unwrap();
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
        command.arg("--newsroom").arg(dir.path());
        command
    };
    let preview = || {
        let mut child = program()
            .args(["preview", "--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut address = String::new();
        std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let (origin, token) = address.trim().split_once("/?token=").unwrap();
        let port: u16 = origin.rsplit(':').next().unwrap().parse().unwrap();
        let headers = format!("Host: 127.0.0.1:{port}\r\nCookie: dateline-preview-{port}={token}\r\n");
        (child, port, headers)
    };
    let get = |port: u16, headers: &str, path: &str| -> serde_json::Value {
        let answer = ask(port, "GET", path, headers);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    };

    // Where there is no ledger none is made.
    let (mut child, port, headers) = preview();
    assert_eq!(get(port, &headers, "/api/contacts?q=x")["book"], false);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!dir.path().join("state").exists());

    for arguments in [vec!["init", "-q"], vec!["add", "-A"], vec!["commit", "-q", "-m", "one"]] {
        let mut git = Command::new("git");
        git.current_dir(dir.path()).args(["-c", "user.name=E", "-c", "user.email=e@halden.example"]);
        assert!(git.args(&arguments).status().unwrap().success(), "{arguments:?}");
    }
    let contacts = root.join("src/cli/demo/contacts.csv");
    let run = |command: &mut Command| assert!(command.output().unwrap().status.success(), "{command:?}");
    run(program().args(["contacts", "import"]).arg(contacts));
    run(program().arg("issue"));
    let ledger = dir.path().join("state/ledger.db");
    let before = std::fs::read(&ledger).unwrap();

    let (mut child, port, headers) = preview();
    let found = get(port, &headers, "/api/contacts?q=blogger");
    let who = found["contacts"][0]["who"].as_str().unwrap().to_owned();
    assert!(found["contacts"][0]["address"].as_str().unwrap().contains('…'), "{found}");
    let person = get(port, &headers, &format!("/api/person/a?who={who}&at=2031-12-03T09:00:00Z"));
    assert_eq!(person["answers"][0]["outcome"], "gets", "{person}");
    assert_eq!(person["inbox"][0]["slug"], "a", "{person}");
    let plan = get(port, &headers, "/api/plan/a");
    assert_eq!(plan["counted"], true);
    assert!(
        plan["groups"].as_array().unwrap().iter().any(|group| group["recipients"].as_u64() > Some(1)),
        "{plan}"
    );
    let issued = get(port, &headers, "/api/issued/a");
    let part = issued["parts"].as_array().unwrap().iter().find(|part| part["channel"] == "relay").unwrap();
    let (audience, language, sha) = (
        part["audience"].as_str().unwrap(),
        part["language"].as_str().unwrap(),
        part["sha"].as_str().unwrap(),
    );
    let compared =
        get(port, &headers, &format!("/api/compare/a/{audience}/relay/{language}?with=issued:{sha}"));
    assert_eq!(
        (compared["differ"].as_u64(), compared["history"].as_bool()),
        (Some(0), Some(true)),
        "{compared}"
    );
    assert!(compared["left"]["label"].as_str().unwrap().starts_with("As issued on "), "{compared}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(std::fs::read(&ledger).unwrap() == before, "the ledger was written");
}
