//! How soon a save is seen in the browser: a newsroom of 1,000 releases, a real preview, a real Chromium.
//!
//! `cargo bench --bench preview` saves one release again and again, with an edition of it open large, and then with all its
//! cards; it tells how long it took from the save until the browser had drawn the new text. Chromium must be installed.

#![allow(
    clippy::unwrap_used,
    clippy::duration_suboptimal_units,
    clippy::cast_precision_loss,
    dead_code,
    reason = "it is like a test, and ends where one would"
)]

#[path = "../tests/suite/browser.rs"]
mod browser;

use std::path::Path;

use browser::Tab;
use dateline::clock::Clock;
use dateline::preview::{Options, Preview};
use tokio_util::sync::CancellationToken;

const RELEASES: usize = 1000;
const SAVES: usize = 200;

/// What the page does about a save: notes when the frame, or the first card, shows it.
const WATCH: &str = "
window.seen = new Map();
const note = (version) => requestAnimationFrame(() => { if (!window.seen.has(version)) window.seen.set(version, Date.now()); });
new MutationObserver(() => note('large' + document.body.dataset.shown)).observe(document.body, { attributes: true, attributeFilter: ['data-shown'] });
new MutationObserver((changes) => { for (const { target } of changes) if (target.dataset.way === 'bloggers/relay/en') note('grid' + target.dataset.shown); }).observe(document.getElementById('view'), { subtree: true, attributes: true, attributeFilter: ['data-shown'] });
";

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

fn main() {
    // `cargo test` runs benchmarks without this word.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
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
    let Some(mut tab) = Tab::open(&[]) else { return };
    for (name, hash, ready) in [
        ("large", "#/release-500/bloggers/relay/en", "document.body.dataset.shown !== undefined"),
        (
            "grid",
            "#/release-500",
            "document.querySelector('[data-way=\"bloggers/relay/en\"]')?.dataset.shown !== undefined",
        ),
    ] {
        tab.visit(&format!("{address}{hash}"));
        tab.until(ready);
        tab.evaluate(&format!("location.hash = '{hash}'"));
        tab.until(ready);
        tab.evaluate(WATCH);
        let mut times = Vec::new();
        let mut version = tab.evaluate("performance.now() && fetch('/api/newsroom').then((answer) => answer.json()).then((newsroom) => newsroom.version)").as_u64().unwrap();
        for at in 0..SAVES {
            let text = release(500, &format!("Release 500, for the {at}th time"));
            let began = Clock::system().now().as_millisecond() as f64;
            std::fs::write(folder.join("release-500.md"), text).unwrap();
            version += 1;
            tab.until(&format!("window.seen.has('{name}{version}')"));
            let seen = tab.evaluate(&format!("window.seen.get('{name}{version}')")).as_f64().unwrap();
            times.push(seen - began);
        }
        times.sort_by(f64::total_cmp);
        let at = |share: usize| times[(times.len() * share / 100).min(times.len() - 1)];
        println!(
            "{name}: save to seen, {RELEASES} releases, {SAVES} saves: p50 {:.0} ms, p95 {:.0} ms, p99 {:.0} ms, most {:.0} ms",
            at(50),
            at(95),
            at(99),
            at(100)
        );
    }
    stop.cancel();
    server.join().unwrap();
}
