use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::channel::scripted::{Counting, parcel, picture};
use crate::render::{Asset, Content, Edition, Entry, Look, Page};

fn look() -> Look {
    Look {
        name: "Halden Motors Newsroom".to_owned(),
        organization: "Halden & Söner <Motors>".to_owned(),
        url: "https://news.halden.example".to_owned(),
        language: "en".parse().unwrap(),
        timezone: "Europe/Stockholm".to_owned(),
        logo: None,
        accent: "#b5431f".to_owned(),
        ink: "#0e2230".to_owned(),
        paper: "#faf6ee".to_owned(),
    }
}

fn page(slug: &str, published: &str, tags: &[&str]) -> Page {
    let path = format!("{}/{slug}/", &published[..4]);
    Page {
        html: format!("<!doctype html><title>{slug}</title>"),
        entry: Entry {
            slug: slug.to_owned(),
            language: "en".parse().unwrap(),
            url: format!("https://news.halden.example/{path}"),
            title: format!("{slug} & <more> \"news\""),
            kicker: None,
            summary: format!("About {slug}."),
            content_html: format!("<p>{slug} &amp; ]]> <b>more</b></p>"),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            published: published.parse().unwrap(),
            updated: published.parse().unwrap(),
            image: None,
            audio: None,
            withdrawn: false,
            notice: None,
        },
        path,
        text: format!("{slug}\n"),
        look: look(),
    }
}

fn swedish(mut page: Page) -> Page {
    page.path = format!("sv/{}", page.path);
    page.entry.url = format!("https://news.halden.example/{}", page.path);
    page.entry.language = "sv".parse().unwrap();
    page
}

struct Bench {
    dir: tempfile::TempDir,
    newsroom: Newsroom,
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let config = serde_json::from_value(serde_json::json!({"dir": "site"})).unwrap();
        let newsroom = Newsroom::open(&config, dir.path());
        Bench { dir, newsroom }
    }

    async fn send(&self, page: Page, assets: Vec<Asset>) -> Result<Receipt, Failure> {
        self.newsroom.deliver(&parcel(Content::Page(page), assets), &Counting::open()).await
    }

    fn read(&self, path: &str) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.path().join("site").join(path)).unwrap()).into_owned()
    }

    fn has(&self, path: &str) -> bool {
        self.dir.path().join("site").join(path).exists()
    }

    /// Every public file and its content.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let root = self.dir.path().join("site");
        let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    if path.file_name().unwrap() != ".dateline" {
                        folders.push(path);
                    }
                } else {
                    let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

#[tokio::test]
async fn a_delivery_writes_the_page_and_all_that_lists_it() {
    let bench = Bench::new();
    let mut aster = page("aster-ev", "2026-12-01T08:00:00Z", &["ev", "Aster"]);
    aster.entry.image = Some(("aster.jpg".to_owned(), "The Aster".to_owned()));
    let receipt = bench.send(aster, vec![picture("aster.jpg", b"JPEG")]).await.unwrap();
    assert_eq!(receipt.url.as_deref(), Some("https://news.halden.example/2026/aster-ev/"));
    let names: Vec<String> = bench.files().into_keys().collect();
    expect_test::expect![[r"
        2026/aster-ev/aster.jpg
        2026/aster-ev/index.html
        2026/aster-ev/press-kit.zip
        2026/index.html
        atom.xml
        feed.json
        index.html
        news-sitemap.xml
        robots.txt
        rss.xml
        sitemap.xml
        sitemaps/2026.xml
        tags/aster/index.html
        tags/ev/index.html"]]
    .assert_eq(&names.join("\n"));
    for list in [
        "index.html",
        "2026/index.html",
        "tags/ev/index.html",
        "atom.xml",
        "rss.xml",
        "feed.json",
        "sitemaps/2026.xml",
        "news-sitemap.xml",
    ] {
        assert!(bench.read(list).contains("https://news.halden.example/2026/aster-ev/"), "{list}");
    }
    assert!(bench.read("index.html").contains("1 December 2026"));
}

#[tokio::test]
async fn doing_it_again_changes_nothing_and_the_order_does_not_matter() {
    let pages = || {
        vec![
            page("aster-ev", "2026-12-01T08:00:00Z", &["ev"]),
            page("linnea", "2026-12-01T08:00:00Z", &["ev", "recall"]),
            page("q3", "2025-10-20T06:00:00Z", &["results"]),
            swedish(page("aster-ev", "2026-12-01T08:00:00Z", &["ev"])),
        ]
    };
    let (forth, back) = (Bench::new(), Bench::new());
    for page in pages() {
        forth.send(page.clone(), vec![]).await.unwrap();
        let once = forth.files();
        forth.send(page, vec![]).await.unwrap();
        assert_eq!(forth.files(), once);
    }
    for page in pages().into_iter().rev() {
        back.send(page, vec![]).await.unwrap();
    }
    let (forth, back) = (forth.files(), back.files());
    assert_eq!(forth, back);
}

#[tokio::test]
async fn two_processes_write_one_site_in_turn() {
    let bench = Bench::new();
    let config = serde_json::from_value(serde_json::json!({"dir": "site"})).unwrap();
    let other = Newsroom::open(&config, bench.dir.path());
    bench.send(page("one", "2026-01-01T08:00:00Z", &[]), vec![]).await.unwrap();
    let two = parcel(Content::Page(page("two", "2026-01-02T08:00:00Z", &[])), vec![]);
    other.deliver(&two, &Counting::open()).await.unwrap();
    bench.send(page("three", "2026-01-03T08:00:00Z", &[]), vec![]).await.unwrap();
    let feed = bench.read("atom.xml");
    for slug in ["one", "two", "three"] {
        assert!(feed.contains(&format!("/2026/{slug}/")), "{slug}");
    }
}

#[tokio::test]
async fn a_correction_keeps_its_id_and_moves_its_time() {
    let bench = Bench::new();
    let mut first = page("aster-ev", "2026-12-01T08:00:00Z", &["ev", "range"]);
    let assets = vec![picture("old.jpg", b"OLD"), picture("both.jpg", b"BOTH")];
    bench.send(first.clone(), assets).await.unwrap();
    first.entry.updated = "2026-12-02T10:00:00Z".parse().unwrap();
    first.entry.title = "It goes 610 km".to_owned();
    first.entry.tags = vec!["ev".to_owned()];
    bench.send(first, vec![picture("both.jpg", b"BOTH"), picture("new.jpg", b"NEW")]).await.unwrap();
    let atom = bench.read("atom.xml");
    assert_eq!(atom.matches("<entry>").count(), 1);
    assert!(
        atom.contains("<id>https://news.halden.example/2026/aster-ev/</id>\n<title>It goes 610 km</title>")
    );
    assert!(atom.contains("<updated>2026-12-02T10:00:00Z</updated>"));
    assert!(!bench.has("2026/aster-ev/old.jpg") && bench.has("2026/aster-ev/new.jpg"));
    assert!(!bench.read("tags/range/index.html").contains("610 km"));
}

#[tokio::test]
async fn a_withdrawn_release_leaves_the_lists_and_keeps_its_address() {
    let bench = Bench::new();
    let mut killed = page("aster-ev", "2026-12-01T08:00:00Z", &["ev"]);
    bench.send(page("linnea", "2026-11-30T08:00:00Z", &["ev"]), vec![]).await.unwrap();
    bench.send(killed.clone(), vec![picture("aster.jpg", b"JPEG")]).await.unwrap();
    let original = killed.clone();
    killed.entry.withdrawn = true;
    killed.entry.updated = "2026-12-01T09:00:00Z".parse().unwrap();
    killed.html = "<!doctype html><title>Withdrawn</title>".to_owned();
    bench.send(killed, vec![picture("aster.jpg", b"JPEG")]).await.unwrap();
    assert_eq!(bench.read("2026/aster-ev/index.html"), "<!doctype html><title>Withdrawn</title>");
    assert!(!bench.has("2026/aster-ev/aster.jpg") && !bench.has("2026/aster-ev/press-kit.zip"));
    for (name, bytes) in bench.files() {
        let mentions = String::from_utf8_lossy(&bytes).contains("aster-ev");
        assert!(!mentions, "{name} still mentions it");
    }
    // A late try at the original does not bring it back.
    let failure = bench.send(original, vec![]).await.unwrap_err();
    assert!(matches!(failure, Failure::Refused { .. }), "{failure}");
    assert!(bench.read("2026/aster-ev/index.html").contains("Withdrawn"));
}

#[tokio::test]
async fn feeds_and_sitemaps_are_what_they_claim_to_be() {
    let bench = Bench::new();
    let mut episode = page("episode", "2026-12-01T08:00:00Z", &["pod <cast>", "\u{1}"]);
    episode.entry.audio =
        Some(("episode.ogg".to_owned(), "audio/ogg".to_owned(), 4321, Some("12:30".to_owned())));
    bench.send(episode, vec![]).await.unwrap();
    bench.send(swedish(page("episode", "2026-12-01T08:00:00Z", &[])), vec![]).await.unwrap();
    let xml: Vec<String> = bench.files().into_keys().filter(|name| name.contains(".xml")).collect();
    assert_eq!(xml.len(), 8, "{xml:?}");
    // A parser that is not ours, where there is one.
    let check = "import sys,xml.dom.minidom\nfor name in sys.argv[1:]: xml.dom.minidom.parse(name)";
    let mut python = Command::new("python3");
    python.current_dir(bench.dir.path().join("site")).args(["-c", check]).args(&xml);
    if let Ok(output) = python.output() {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    for name in &xml {
        well_formed(&bench.read(name)).unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
    }
    assert!(well_formed("<a><b></a></b>").is_err() && well_formed("<a>&nbsp;</a>").is_err());

    let feed: serde_json::Value = serde_json::from_str(&bench.read("feed.json")).unwrap();
    assert_eq!(feed["version"], "https://jsonfeed.org/version/1.1");
    assert_eq!(feed["items"][0]["attachments"][0]["size_in_bytes"], 4321);
    assert_eq!(feed["items"][0]["id"], "https://news.halden.example/2026/episode/");
    let rss = bench.read("rss.xml");
    let enclosure = "<enclosure url=\"https://news.halden.example/2026/episode/episode.ogg\" length=\"4321\" type=\"audio/ogg\"/>";
    assert!(rss.contains(enclosure), "{rss}");
    assert!(rss.contains("<pubDate>Tue, 01 Dec 2026 08:00:00 +0000</pubDate>"), "{rss}");
    assert!(bench.read("sv/atom.xml").contains("/sv/2026/episode/"));
    assert!(!bench.read("atom.xml").contains("/sv/2026/episode/"));
}

/// Whether elements nest and only XML's own entities are used.
fn well_formed(xml: &str) -> Result<(), String> {
    let (mut open, mut rest): (Vec<&str>, &str) = (Vec::new(), xml);
    while let Some(at) = rest.find(['<', '&']) {
        if rest[at..].starts_with('&') {
            let end = rest[at..].find(';').ok_or("an & without ;")?;
            let name = &rest[at + 1..at + end];
            if !["amp", "lt", "gt", "quot", "#39"].contains(&name) {
                return Err(format!("&{name};"));
            }
            rest = &rest[at + end..];
            continue;
        }
        let end = rest[at..].find('>').ok_or("a < without >")?;
        let tag = &rest[at + 1..at + end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return Err(format!("</{name}>"));
            }
        } else if !tag.ends_with('/') && !tag.starts_with('?') {
            open.push(tag.split_whitespace().next().unwrap_or_default());
        }
        rest = &rest[at + end..];
    }
    if open.is_empty() { Ok(()) } else { Err(format!("{open:?} stays open")) }
}

#[tokio::test]
async fn names_lead_nowhere_else() {
    for path in [
        "../x/",
        "2026/../../x/",
        "/etc/x/",
        "2026/.git/",
        "2026/x",
        "",
        "/",
        "2026/",
        "tags/ev/",
        "sitemaps/2026/",
        "sv/2026/",
        "2026//x/",
        "2026/con/",
    ] {
        let bench = Bench::new();
        let mut page = page("x", "2026-12-01T08:00:00Z", &[]);
        page.path = path.to_owned();
        if path.starts_with("sv") {
            page.entry.language = "sv".parse().unwrap();
        }
        let failure = bench.send(page, vec![]).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { .. }), "{path}: {failure}");
        assert!(!bench.dir.path().join("site").exists(), "{path}");
    }
    for name in ["../x.jpg", "/etc/passwd", "a/b.jpg", ".htaccess", "index.html", "Press-Kit.zip", "a\0b", ""]
    {
        let bench = Bench::new();
        let page = page("x", "2026-12-01T08:00:00Z", &[]);
        let failure = bench.send(page, vec![picture(name, b"x")]).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { .. }), "{name}: {failure}");
    }
}

#[tokio::test]
async fn a_closed_gate_writes_nothing() {
    let bench = Bench::new();
    let parcel = parcel(Content::Page(page("x", "2026-12-01T08:00:00Z", &[])), vec![]);
    let failure = bench.newsroom.deliver(&parcel, &Counting::closed()).await.unwrap_err();
    assert_eq!(failure, Failure::GateClosed);
    assert!(!bench.dir.path().join("site").exists());
}

#[tokio::test]
async fn a_delivery_that_broke_off_is_absent_until_all_of_it_is_there() {
    let bench = Bench::new();
    let parcel = parcel(Content::Page(page("x", "2026-12-01T08:00:00Z", &["ev"])), vec![]);
    assert_eq!(bench.newsroom.probe(&parcel).await, Probe::Absent);
    // The tags cannot be written: a file stands in their way.
    fs::create_dir_all(bench.dir.path().join("site")).unwrap();
    fs::write(bench.dir.path().join("site/tags"), b"").unwrap();
    let failure = bench.newsroom.deliver(&parcel, &Counting::open()).await.unwrap_err();
    assert!(matches!(failure, Failure::Later { .. }), "{failure}");
    assert!(bench.has("2026/x/index.html"));
    assert_eq!(bench.newsroom.probe(&parcel).await, Probe::Absent);
    fs::remove_file(bench.dir.path().join("site/tags")).unwrap();
    bench.newsroom.deliver(&parcel, &Counting::open()).await.unwrap();
    assert!(matches!(bench.newsroom.probe(&parcel).await, Probe::Arrived(_)));
}

#[tokio::test]
async fn every_recording_is_an_episode_of_the_podcast() {
    let dir = tempfile::tempdir().unwrap();
    let podcast = serde_json::json!({
        "title": "On the road & off it", "description": "Engineers <talk>.", "email": "desk@halden.example",
        "image": "https://news.halden.example/cover.jpg", "category": "Technology",
    });
    let config = serde_json::from_value(serde_json::json!({ "dir": "site", "podcast": podcast })).unwrap();
    let bench = Bench { newsroom: Newsroom::open(&config, dir.path()), dir };
    let spoken = |slug: &str, published: &str| {
        let mut page = page(slug, published, &[]);
        page.entry.audio =
            Some(("talk 1.mp3".to_owned(), "audio/mpeg".to_owned(), 5, Some("24:10".to_owned())));
        page
    };
    bench.send(page("silent", "2026-11-01T08:00:00Z", &[]), vec![]).await.unwrap();
    assert!(!bench.read("podcast.xml").contains("<item>"));
    bench.send(spoken("one", "2026-12-01T08:00:00Z"), vec![]).await.unwrap();
    bench.send(spoken("two", "2026-12-02T08:00:00Z"), vec![]).await.unwrap();
    let xml = bench.read("podcast.xml");
    well_formed(&xml).unwrap();
    assert_eq!(xml.matches("<item>").count(), 2);
    for expected in [
        "<title>On the road &amp; off it</title>",
        "<itunes:explicit>false</itunes:explicit>",
        "<itunes:category text=\"Technology\"/>",
        "<itunes:email>desk@halden.example</itunes:email>",
        "<itunes:image href=\"https://news.halden.example/cover.jpg\"/>",
        "<enclosure url=\"https://news.halden.example/2026/two/talk%201.mp3\" length=\"5\" type=\"audio/mpeg\"/>",
        "<guid isPermaLink=\"true\">https://news.halden.example/2026/one/</guid>",
        "<itunes:duration>24:10</itunes:duration>",
    ] {
        assert!(xml.contains(expected), "{expected} is not in {xml}");
    }
    assert!(xml.find("/2026/two/") < xml.find("/2026/one/"), "the newest first");
    let mut gone = spoken("two", "2026-12-02T08:00:00Z");
    gone.entry.withdrawn = true;
    gone.entry.updated = "2026-12-03T08:00:00Z".parse().unwrap();
    bench.send(gone, vec![]).await.unwrap();
    assert_eq!(bench.read("podcast.xml").matches("<item>").count(), 1);
}

/// w3.org/TR/websub/#discovery: whoever reads a feed learns from it where to subscribe.
#[tokio::test]
async fn feeds_name_the_hub_and_say_nothing_of_one_where_there_is_none() {
    for (hub, expected) in [(Some("https://hub.halden.example/?a=b&c"), 1), (None, 0)] {
        let dir = tempfile::tempdir().unwrap();
        let config = serde_json::from_value(serde_json::json!({ "dir": "site", "hub": hub })).unwrap();
        let bench = Bench { newsroom: Newsroom::open(&config, dir.path()), dir };
        bench.send(page("aster-ev", "2026-12-01T08:00:00Z", &[]), vec![]).await.unwrap();
        for (feed, link) in [
            ("atom.xml", "<link rel=\"hub\" href=\"https://hub.halden.example/?a=b&amp;c\"/>"),
            ("rss.xml", "<atom:link rel=\"hub\" href=\"https://hub.halden.example/?a=b&amp;c\"/>"),
            ("feed.json", "\"url\": \"https://hub.halden.example/?a=b&c\""),
        ] {
            let text = bench.read(feed);
            if !feed.ends_with("json") {
                well_formed(&text).unwrap();
            }
            assert_eq!(
                (text.matches(link).count(), text.matches("hub.halden").count()),
                (expected, expected),
                "{feed}: {text}"
            );
        }
    }
}

#[test]
fn the_press_kit_is_the_same_on_every_day() {
    let page = page("aster-ev", "2026-12-01T08:00:00Z", &[]);
    let assets = [picture("a.jpg", b"JPEG")];
    let kit = kit::archive(&page, &assets).unwrap();
    assert_eq!(kit, kit::archive(&page, &assets).unwrap());
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(kit)).unwrap();
    let names: Vec<String> = zip.file_names().map(|name| name.unwrap().into_owned()).collect();
    assert_eq!(names, ["aster-ev.txt", "captions.txt", "media/a.jpg"]);
    let mut text = String::new();
    std::io::Read::read_to_string(&mut zip.by_name("captions.txt").unwrap(), &mut text).unwrap();
    assert!(text.contains("Photo: Halden Motors"));
}

/// Prints what a delivery costs on a large site: `cargo test --lib large_site -- --ignored --nocapture`.
#[tokio::test]
#[ignore = "measures"]
async fn a_delivery_to_a_large_site() {
    let bench = Bench::new();
    let entries = bench.dir.path().join("site/.dateline/entries");
    fs::create_dir_all(&entries).unwrap();
    for number in 0..10_000 {
        let page =
            page(&format!("release-{number}"), &format!("20{}-01-01T00:00:00Z", 16 + number % 10), &["ev"]);
        let record = store::Record { path: page.path, entry: page.entry, files: vec![] };
        let name = format!("{}.json", store::id(&record.entry));
        fs::write(entries.join(name), serde_json::to_vec(&record).unwrap()).unwrap();
    }
    for slug in ["first", "second", "third"] {
        let edition: Arc<Edition> =
            parcel(Content::Page(page(slug, "2025-12-01T08:00:00Z", &["ev"])), vec![]).edition;
        let started = Instant::now();
        bench
            .newsroom
            .with(move |site| site.publish(&edition, "2025-12-01T08:00:00Z".parse().unwrap()))
            .await
            .unwrap();
        println!("{slug}: {:?}", started.elapsed());
    }
}
