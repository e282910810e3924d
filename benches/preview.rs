//! How soon a save is seen in the browser: a newsroom of 1,000 releases, a real preview, a real Chromium.
//!
//! `cargo bench --bench preview` saves one release again and again, written in place and renamed over the old file, with an
//! edition of it open large, and then with all its cards. First without a browser, as a page hears it: until it is told,
//! until the editions in view have come, until the release is described, until everything has come. Then with Chromium, which
//! must be installed: until the editions in view have come to the page, until the last of them stands in its place (noted in
//! the frames themselves, by an observer of their documents), and until it is seen. Seen means: Chromium says in its own
//! trace that the first frame whose making was finished (committed) after that was presented; so it holds the new text, laid out, painted
//! and on the screen. `-- --saves N` saves N times in each way instead of 100.

#![allow(
    clippy::unwrap_used,
    clippy::duration_suboptimal_units,
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    dead_code,
    reason = "it is like a test, and ends where one would"
)]

#[path = "../tests/suite/browser.rs"]
mod browser;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use browser::Tab;
use dateline::clock::Clock;
use dateline::preview::{Options, Preview};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const RELEASES: usize = 1000;

/// What the page says about a save: `next` gives the instants at which a version came and was settled.
const WATCH: &str = "
window.clock = () => performance.timeOrigin + performance.now();
window.inView = () => [...document.querySelectorAll('.card')].filter((card) => { const { top, bottom } = card.getBoundingClientRect(); return bottom > 0 && top < innerHeight; });
window.framesInView = () => (document.querySelector('.large') ? [document.querySelector('.stand')] : inView()).map((box) => box.querySelector('iframe').name);
window.next = (version, cards) => new Promise((ok) => {
  const times = {};
  const large = document.querySelector('.large') !== null;
  const has = (node) => Number(node.dataset.shown) >= version;
  const watch = new MutationObserver(() => {
    if (!times.came && Number(document.body.dataset.told) >= version) times.came = clock();
    if (large ? has(document.body) : cards.every(has)) { times.settled = clock(); watch.disconnect(); ok(times); }
  });
  watch.observe(document.body, { attributes: true, subtree: true, attributeFilter: ['data-told', 'data-shown'] });
});
1";

/// Run beside our own page on the stage, which may look into the frames: marks in the trace when a text was put into one.
const OBSERVE: &str = "(names) => {
  let observed = 0;
  for (let at = 0; at < parent.length; at += 1) {
    try {
      const { name, document: inner } = parent[at];
      if (!names.includes(name)) continue;
      const mark = () => performance.mark(`put ${name}`);
      new MutationObserver(mark).observe(inner, { attributes: true, characterData: true, childList: true, subtree: true });
      observed += 1;
    } catch { /* the desk's own */ }
  }
  return observed;
}";

fn release(at: usize, title: &str) -> String {
    let body =
        "Halden Motors today said what it says every day, with figures such as 620 km and 41,900 euros.\n\n"
            .repeat(24);
    format!(
        "---\ntitle: {title}\nsummary: One sentence about release {at}.\ndateline: Gothenburg\n\
         publish: 2031-{:02}-{:02}T09:00[Europe/Stockholm]\nstatus: approved\nlanguage: en\n\
         audiences: [trade-media, bloggers, employees, public]\ncontacts: [press-office]\nboilerplate: [halden]\n---\n{body}",
        1 + at % 12,
        1 + at % 28,
    )
}

fn copy(from: &Path, to: &Path) {
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

/// How an editor saves.
#[derive(Debug, Clone, Copy)]
enum Way {
    Written,
    Renamed,
}

/// The instant, in milliseconds since 1970, as a page's clock has it.
fn instant() -> f64 {
    Clock::system().now().as_nanosecond() as f64 / 1e6
}

/// Saves the release anew; the instant at which that began.
fn save(folder: &Path, way: Way, title: &str) -> f64 {
    let file = folder.join("release-500.md");
    let text = release(500, title);
    let began = instant();
    match way {
        Way::Written => std::fs::write(file, text).unwrap(),
        Way::Renamed => {
            let new = folder.join(".release-500.md.new");
            std::fs::write(&new, text).unwrap();
            std::fs::rename(new, file).unwrap();
        }
    }
    began
}

/// A person pauses; never for the same time, so that saves come at any moment of a frame.
fn pause(at: usize) {
    std::thread::sleep(Duration::from_millis(500 + (at as u64 * 37) % 97));
}

/// Milliseconds of one step, of all saves.
#[derive(Default)]
struct Step(Vec<f64>);

impl Step {
    fn at(&self, share: usize) -> f64 {
        let mut times = self.0.clone();
        times.sort_by(f64::total_cmp);
        times.get((times.len() * share / 100).min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

fn print(name: &str, way: Way, steps: &[(&str, &Step)]) {
    println!("{name}, {way:?}:");
    for (step, times) in steps {
        println!(
            "  {step:<34} p50 {:>6.1} ms   p95 {:>6.1} ms   p99 {:>6.1} ms   most {:>6.1} ms",
            times.at(50),
            times.at(95),
            times.at(99),
            times.at(100)
        );
    }
}

/// The desk as a page asks it, without a browser.
struct Desk {
    port: String,
    cookie: String,
}

impl Desk {
    fn of(address: &str) -> Desk {
        let (origin, token) = address.split_once("/?token=").unwrap();
        let port = origin.rsplit(':').next().unwrap().to_owned();
        Desk { cookie: format!("dateline-preview-{port}={token}"), port }
    }

    fn ask(&self, path: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(format!("127.0.0.1:{}", self.port)).unwrap();
        let (port, cookie) = (&self.port, &self.cookie);
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        BufReader::new(stream)
    }

    fn json(&self, path: &str) -> Value {
        let mut answer = String::new();
        self.ask(path).read_to_string(&mut answer).unwrap();
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// Saves `saves` times and notes when each kind of event has come.
    fn measure(&self, folder: &Path, way: Way, name: &str, ways: &Value, saves: usize) {
        let open = json!({ "slug": "release-500", "ways": ways, "seen": ways.as_array().unwrap().len(), "wanted": {} }).to_string();
        let escaped: String = open.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let mut events = self.ask(&format!("/api/events?open={escaped}"));
        wait(&mut events, &["hello"]);
        let [mut told, mut edition, mut described, mut all] = [(); 4].map(|()| Step::default());
        for at in 0..saves {
            pause(at);
            let began = save(folder, way, &format!("Release 500, {name} {way:?} {at}"));
            let (mut first, mut release) = (None, None);
            wait(&mut events, &["change"]);
            told.0.push(instant() - began);
            while let came = wait(&mut events, &["editions", "release", "settled"])
                && came != "settled"
            {
                let place = if came == "editions" { &mut first } else { &mut release };
                place.get_or_insert(instant() - began);
            }
            all.0.push(instant() - began);
            edition.0.push(first.unwrap());
            described.0.push(release.unwrap());
        }
        let steps = [
            ("told", &told),
            ("editions in view rendered", &edition),
            ("release described", &described),
            ("all rendered", &all),
        ];
        print(&format!("{name}, without a browser"), way, &steps);
    }
}

/// Reads up to an event of one of these names.
fn wait(events: &mut BufReader<TcpStream>, names: &[&str]) -> String {
    let mut line = Vec::new();
    let mut event = String::new();
    while events.read_until(b'\n', &mut line).unwrap() > 0 {
        if let Some(name) = line.strip_prefix(b"event: ") {
            event.clear();
            event.push_str(String::from_utf8_lossy(name).trim());
        } else if line.starts_with(b"data: ") && names.contains(&event.as_str()) {
            return event;
        }
        line.clear();
    }
    panic!("the stream ended");
}

/// What Chromium noted: when texts were put into frames, and which frames of the screen were made when.
struct Trace {
    /// By the name of the frame, in the order of time; in milliseconds since 1970, as all that follows.
    puts: BTreeMap<String, Vec<f64>>,
    /// When the page had done its part, and when it was presented, in the order of the latter.
    frames: Vec<(f64, f64)>,
}

impl Trace {
    /// Reads the events of a trace in which a mark `clock` was set at the instant `clock`.
    fn read(events: &[Value], clock: f64) -> Trace {
        let at = |event: &Value| event["ts"].as_f64().unwrap() / 1e3;
        let zero = events.iter().find(|event| event["name"] == "clock").unwrap();
        let (page, zero) = (&zero["pid"], at(zero) - clock);
        let mut trace = Trace { puts: BTreeMap::new(), frames: Vec::new() };
        // A frame's steps are told of under its number, between its own beginning and end.
        let mut open: BTreeMap<String, Option<f64>> = BTreeMap::new();
        let mut events: Vec<&Value> = events.iter().filter(|event| event["pid"] == *page).collect();
        events.sort_by(|a, b| at(a).total_cmp(&at(b)));
        for event in events {
            let name = event["name"].as_str().unwrap_or_default();
            let (number, when) = (event["id2"]["local"].to_string(), at(event) - zero);
            if let Some(frame) = name.strip_prefix("put ") {
                trace.puts.entry(frame.to_owned()).or_default().push(when);
            }
            match (name, event["ph"].as_str()) {
                // One that was dropped showed nothing.
                ("PipelineReporter", Some("b")) if event["args"].to_string().contains("STATE_PRESENTED") => {
                    open.insert(number, None);
                }
                ("Commit", Some("b")) => {
                    open.entry(number).and_modify(|committed| *committed = Some(when));
                }
                ("PipelineReporter", Some("e")) => {
                    trace.frames.extend(open.remove(&number).flatten().map(|committed| (committed, when)));
                }
                _ => {}
            }
        }
        trace.frames.sort_by(|a, b| a.1.total_cmp(&b.1));
        trace
    }

    /// When a text was first put into this frame between two instants.
    fn put(&self, frame: &str, from: f64, to: f64) -> Option<f64> {
        self.puts.get(frame)?.iter().copied().find(|at| (from..to).contains(at))
    }

    /// When the first frame was presented that was finished after `put`.
    fn seen(&self, put: f64) -> Option<f64> {
        self.frames.iter().find(|(committed, _)| *committed >= put).map(|(_, presented)| *presented)
    }
}

/// Saves `saves` times and notes when the page has what.
fn browse(tab: &mut Tab, folder: &Path, way: Way, name: &str, saves: usize) {
    let version = |tab: &mut Tab| {
        let script =
            "fetch('/api/newsroom').then((answer) => answer.json()).then((newsroom) => newsroom.version)";
        tab.evaluate(script).as_u64().unwrap()
    };
    let frames = tab.evaluate("framesInView()");
    let names: Vec<&str> = frames.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(tab.within("/frame", &format!("({OBSERVE})({frames})")), names.len());
    tab.trace(&["cc", "benchmark", "blink.user_timing"]);
    let clock =
        tab.evaluate("performance.timeOrigin + performance.mark('clock').startTime").as_f64().unwrap();
    let mut now = version(tab);
    let mut times = Vec::new();
    for at in 0..saves {
        pause(at);
        now += 1;
        tab.evaluate(&format!("window.pending = next({now}, inView()); 1"));
        let title = format!("Release 500, {name} {way:?} for the {at}th time");
        let began = save(folder, way, &title);
        times.push((began, tab.evaluate("pending")));
        if at % 10 == 0 {
            let text = tab.within("/edition/release-500/bloggers/relay/en/", "document.body.innerText");
            assert!(text.as_str().unwrap().contains(&title), "{title} is not what is seen: {text}");
        }
    }
    assert_eq!(now, version(tab), "a save was not noticed, or noticed twice");
    pause(0);
    let trace = Trace::read(&tab.traced(), clock);
    let [mut came, mut put, mut first, mut seen] = [(); 4].map(|()| Step::default());
    for (began, times) in &times {
        let end = times["settled"].as_f64().unwrap() + 1.0;
        let puts: Vec<f64> = names.iter().map(|frame| trace.put(frame, *began, end).unwrap()).collect();
        let last = puts.iter().copied().fold(f64::MIN, f64::max);
        came.0.push(times["came"].as_f64().unwrap() - began);
        put.0.push(last - began);
        first.0.push(trace.seen(puts[0]).unwrap() - began);
        seen.0.push(trace.seen(last).unwrap() - began);
    }
    let mut steps = vec![("come to the page", &came), ("put in its place", &put)];
    if name == "grid" {
        steps.push(("first card seen", &first));
        steps.push(("all cards in view seen", &seen));
    } else {
        steps.push(("seen", &seen));
    }
    print(&format!("{name}, in Chromium ({} in view)", names.len()), way, &steps);
}

fn main() {
    // `cargo test` runs benchmarks without this word.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let saves = std::env::args().skip_while(|argument| argument != "--saves").nth(1);
    let saves = saves.and_then(|saves| saves.parse().ok()).unwrap_or(100);
    let dir = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["dateline.yaml", "audiences", "templates"] {
        copy(&root.join(part), &dir.path().join(part));
    }
    let folder = dir.path().join("releases/2031");
    std::fs::create_dir_all(&folder).unwrap();
    for at in 0..RELEASES {
        std::fs::write(folder.join(format!("release-{at}.md")), release(at, &format!("Release {at}")))
            .unwrap();
    }
    let (tell, told) = std::sync::mpsc::channel();
    let stop = CancellationToken::new();
    let options = Options {
        dir: dir.path().to_owned(),
        port: 0,
        clock: Clock::fixed("2030-12-01T08:00:00Z".parse().unwrap()),
        records: None,
        editor: None,
    };
    let token = stop.clone();
    let server = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_stack_size(8 << 20)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let preview = Preview::open(options, token).await.unwrap();
            tell.send(preview.address()).unwrap();
            preview.serve().await.unwrap();
        });
    });
    let address = told.recv().unwrap();
    let desk = Desk::of(&address);
    let pick = |way: &Value| json!({ "audience": way["audience"], "channel": way["channel"], "language": way["language"], "advance": way["advance"] });
    let all: Vec<Value> =
        desk.json("/api/release/release-500")["editions"].as_array().unwrap().iter().map(pick).collect();
    println!("{RELEASES} releases, {saves} saves in each way, of a release with {} editions", all.len());
    let one = json!([{ "audience": "bloggers", "channel": "relay", "language": "en" }]);
    for way in [Way::Written, Way::Renamed] {
        desk.measure(&folder, way, "large", &one, saves);
        desk.measure(&folder, way, "grid", &json!(all), saves);
    }
    if let Some(mut tab) = Tab::open(&[]) {
        for (name, hash, ready) in [
            ("large", "#/release-500/bloggers/relay/en", "document.body.dataset.shown !== undefined"),
            (
                "grid",
                "#/release-500",
                "document.querySelectorAll('.card').length > 5 && inView().every((card) => card.dataset.shown !== undefined)",
            ),
        ] {
            tab.visit(&format!("{address}{hash}"));
            tab.until("document.readyState === 'complete' && document.getElementById('view') !== null");
            tab.evaluate(&format!("location.hash = '{hash}'; 1"));
            tab.evaluate(WATCH);
            tab.until(ready);
            for way in [Way::Written, Way::Renamed] {
                browse(&mut tab, &folder, way, name, saves);
            }
        }
    }
    stop.cancel();
    server.join().unwrap();
}
