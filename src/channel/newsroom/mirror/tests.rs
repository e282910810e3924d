//! The site in a bucket, on a server of ours that checks every signature and keeps state; and on a branch, with git itself.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::channel::adapter::{self, Setup};
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::channel::sigv4::{self, Credentials, Signed};
use crate::channel::suite::site::page;
use crate::channel::suite::{SHORT, shown};
use crate::channel::{Channel, Parcel, Probe, Secrets};
use crate::newsroom::ChannelKind;
use crate::release::Notice;
use crate::render::Content;

fn open(dir: &Path, config: &Value) -> Box<dyn Channel> {
    let config = ChannelConfig::from_json(ChannelKind::Newsroom, config.clone());
    assert!(config.settings().troubles().is_empty());
    let secrets = Secrets::none()
        .with("access_key_id", "AKIDEXAMPLE")
        .with("secret_access_key", "geheim-key")
        .with("session_token", "geheim-session")
        .with("token", "geheim-token");
    let names: Vec<&str> = config.secrets().iter().map(|(name, _)| *name).collect();
    assert!(!names.is_empty());
    adapter::open(&config, &Setup { root: dir, secrets: &secrets, patience: SHORT }).unwrap()
}

fn release(words: &str) -> Parcel {
    let mut page = page();
    page.html = format!("<!doctype html><title>{words}</title>");
    parcel(Content::Page(page), vec![picture("front view.jpg", b"FRONT")])
}

fn kill() -> Parcel {
    let mut page = page();
    page.html = "<!doctype html><title>Withdrawn</title>".to_owned();
    page.entry.withdrawn = true;
    page.entry.updated = "2026-12-02T08:00:00Z".parse().unwrap();
    Parcel { notice: Notice::Kill, ..parcel(Content::Page(page), vec![]) }
}

async fn outcome(channel: &dyn Channel, parcel: &Parcel) -> String {
    let shown = shown(&channel.deliver(parcel, &Counting::open()).await);
    assert!(!shown.contains("geheim"), "{shown}");
    shown
}

/// A bucket.
#[derive(Default)]
struct Store {
    objects: BTreeMap<String, (Vec<u8>, String)>,
}

impl Store {
    fn act(&mut self, asked: &Asked) -> Act {
        if asked.method == "HEAD" {
            return Act::text(200, "").with("date", "Tue, 01 Dec 2026 08:00:00 GMT");
        }
        // What is signed is what arrived.
        let authorization = &asked.headers["authorization"];
        let names = authorization.split("SignedHeaders=").nth(1).unwrap().split(',').next().unwrap();
        let headers: Vec<(&str, &str)> =
            names.split(';').map(|name| (name, asked.headers[name].as_str())).collect();
        for name in ["host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"] {
            assert!(headers.iter().any(|(signed, _)| *signed == name), "{name}");
        }
        assert_eq!(asked.headers["x-amz-content-sha256"], crate::digest::Digest::of(&asked.body).to_string());
        let credentials =
            Credentials { key_id: "AKIDEXAMPLE".into(), secret: "geheim-key".into(), token: None };
        let request = Signed {
            method: &asked.method,
            path: &asked.path,
            headers: &headers,
            body: &asked.body,
            plain: true,
        };
        let at = "2026-12-01T08:00:00Z".parse().unwrap();
        if *authorization != sigv4::authorization(&credentials, "eu-north-1", "s3", &request, at) {
            return Act::text(403, "<Error><Code>SignatureDoesNotMatch</Code></Error>");
        }
        let key = asked.path.strip_prefix("/press/news/").unwrap().replace("%20", " ");
        match asked.method.as_str() {
            "PUT" => {
                self.objects.insert(key, (asked.body.clone(), asked.headers["content-type"].clone()));
                Act::text(200, "")
            }
            "DELETE" => {
                self.objects.remove(&key);
                Act::Answer(204, vec![], vec![])
            }
            _ => panic!("{}", asked.line()),
        }
    }
}

struct Bench {
    dir: tempfile::TempDir,
    server: Scripted,
    store: Arc<Mutex<Store>>,
    channel: Box<dyn Channel>,
}

async fn bucket(spoil: impl Fn(&Asked, usize, &mut Store) -> Act + Send + Sync + 'static) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Mutex::new(Store::default()));
    let shared = Arc::clone(&store);
    let server =
        Scripted::start(move |asked, number| spoil(asked, number, &mut shared.lock().unwrap())).await;
    let channel = open(dir.path(), &bucket_config(&server.url));
    Bench { dir, server, store, channel }
}

fn bucket_config(url: &url::Url) -> Value {
    json!({
        "dir": "site",
        "s3": {
            "bucket": "press", "prefix": "/news/", "region": "eu-north-1", "endpoint": url.as_str(),
            "access_key_id": { "env": "K" }, "secret_access_key": { "env": "S" }, "session_token": { "env": "T" },
        },
    })
}

impl Bench {
    /// Whether the bucket holds what the folder holds.
    fn is_whole(&self) -> bool {
        let store = self.store.lock().unwrap();
        let same = |(key, (bytes, _)): (&String, &(Vec<u8>, String))| {
            std::fs::read(self.dir.path().join("site").join(key)).is_ok_and(|there| there == *bytes)
        };
        store.objects.iter().all(same) && store.objects.contains_key("2026/aster-ev/index.html")
    }
}

#[tokio::test]
async fn a_bucket_holds_what_the_folder_holds_and_links_lead_nowhere_new() {
    let bench = bucket(|asked, _, store| store.act(asked)).await;
    assert_eq!(outcome(&*bench.channel, &release("one")).await, "sent 2026/aster-ev/");
    assert!(bench.is_whole());
    let lines = bench.server.lines();
    let place =
        |end: &str| lines.iter().position(|line| line.ends_with(end)).unwrap_or_else(|| panic!("{end}"));
    assert!(place("/front%20view.jpg") < place("/2026/aster-ev/index.html"));
    assert!(place("/2026/aster-ev/index.html") < place("/press/news/index.html"));
    assert!(place("/press/news/index.html") < place("/rss.xml") && place("/rss.xml") < place("/sitemap.xml"));
    assert!(lines.iter().all(|line| !line.contains(".dateline")), "{lines:?}");
    let kind = |key: &str| bench.store.lock().unwrap().objects[key].1.clone();
    assert_eq!(kind("2026/aster-ev/index.html"), "text/html; charset=utf-8");
    assert_eq!(
        (kind("atom.xml").as_str(), kind("2026/aster-ev/front view.jpg").as_str()),
        ("application/atom+xml; charset=utf-8", "image/jpeg")
    );
    // Again: nothing is sent, also by another process.
    let before = bench.server.asked().len();
    outcome(&*bench.channel, &release("one")).await;
    outcome(&*open(bench.dir.path(), &bucket_config(&bench.server.url)), &release("one")).await;
    assert_eq!(bench.server.asked().len(), before);
    assert!(matches!(bench.channel.probe(&release("one")).await, Probe::Arrived(_)));
    // What is withdrawn leaves its notice and nothing else.
    assert_eq!(outcome(&*bench.channel, &kill()).await, "sent 2026/aster-ev/");
    assert!(bench.is_whole());
    let keys: Vec<String> = bench.store.lock().unwrap().objects.keys().cloned().collect();
    let inside: Vec<&String> = keys.iter().filter(|key| key.starts_with("2026/aster-ev/")).collect();
    assert_eq!(inside, ["2026/aster-ev/index.html"]);
    let seen = bench.channel.examine().await;
    assert!(seen.len() == 2 && seen.iter().all(|seen| seen.good), "{seen:?}");
}

#[tokio::test]
async fn whatever_is_lost_the_next_attempt_completes_it() {
    let clean = bucket(|asked, _, store| store.act(asked)).await;
    outcome(&*clean.channel, &release("one")).await;
    for lost in 0..clean.server.asked().len() {
        for act in [Act::Close, Act::text(500, ""), Act::text(503, "<Code>SlowDown</Code>")] {
            let spoil = act.clone();
            let bench = bucket(move |asked, number, store| {
                let done = store.act(asked);
                if number == lost { spoil.clone() } else { done }
            })
            .await;
            let first = outcome(&*bench.channel, &release("one")).await;
            assert!(first.starts_with("later"), "{first}");
            assert_eq!(bench.channel.probe(&release("one")).await, Probe::Absent);
            assert_eq!(outcome(&*bench.channel, &release("one")).await, "sent 2026/aster-ev/");
            assert!(bench.is_whole(), "{lost}");
        }
    }
}

/// A way to `server` on which the first requests go on only once [`super::AT_ONCE`] of them are there.
async fn together(server: &Scripted) -> url::Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let upstream = format!("127.0.0.1:{}", server.url.port().unwrap());
    let all = Arc::new(tokio::sync::Barrier::new(super::AT_ONCE));
    tokio::spawn(async move {
        let mut number = 0;
        while let Ok((mut here, _)) = listener.accept().await {
            number += 1;
            let (upstream, all, first) = (upstream.clone(), Arc::clone(&all), number <= super::AT_ONCE);
            tokio::spawn(async move {
                if first {
                    all.wait().await;
                }
                let mut there = tokio::net::TcpStream::connect(upstream).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    url
}

/// Several are on their way at the same time, and nothing begins that links to one of them.
#[tokio::test]
async fn files_go_together_and_what_links_to_them_waits_for_all() {
    let bench = bucket(|asked, _, store| store.act(asked)).await;
    let mut large = release("one");
    let mut edition = (*large.edition).clone();
    edition.assets = (0..20).map(|n| picture(&format!("p{n}.jpg"), b"FRONT")).collect();
    large.edition = Arc::new(edition);
    let channel = open(bench.dir.path(), &bucket_config(&together(&bench.server).await));
    assert_eq!(outcome(&*channel, &large).await, "sent 2026/aster-ev/");
    assert!(bench.is_whole());
    let lines = bench.server.lines();
    let page = lines.iter().position(|line| line.ends_with("/aster-ev/index.html")).unwrap();
    assert_eq!(lines[..page].iter().filter(|line| line.contains(".jpg")).count(), 20, "{lines:#?}");
}

#[tokio::test]
async fn what_a_store_refuses_holds_the_channel() {
    for (status, words) in
        [(403, "geheim-key AccessDenied"), (404, "NoSuchBucket"), (301, "PermanentRedirect")]
    {
        let bench = bucket(move |_, _, _| Act::text(status, words)).await;
        let said = outcome(&*bench.channel, &release("one")).await;
        assert!(said.starts_with(&format!("the channel refuses us: {status}")), "{said}");
        let seen = bench.channel.examine().await;
        assert!(seen.iter().any(|seen| !seen.good) && !format!("{seen:?}").contains("geheim"), "{seen:?}");
    }
    let wrong = bucket(|asked, _, store| {
        let mut asked = asked.clone();
        asked.path.push_str("/other");
        store.act(&asked)
    })
    .await;
    let said = outcome(&*wrong.channel, &release("one")).await;
    assert!(said.starts_with("the channel refuses us: 403"), "another path has another signature: {said}");
}

/// Runs git, and gives what it says.
fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "T").env(format!("GIT_{who}_EMAIL"), "t@halden.example");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn branch(dir: &Path) -> Box<dyn Channel> {
    open(dir, &json!({ "dir": "site", "git": { "repository": "./site.bare", "token": { "env": "T" } } }))
}

fn commits(dir: &Path) -> usize {
    git(&dir.join("site.bare"), &["rev-list", "--count", "pages"]).parse().unwrap()
}

fn files(dir: &Path) -> Vec<String> {
    let listed = git(&dir.join("site.bare"), &["ls-tree", "-r", "--name-only", "pages"]);
    listed.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn each_delivery_is_one_commit_and_what_is_not_ours_stays() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    git(at, &["init", "--quiet", "--bare", "site.bare"]);
    let channel = branch(at);
    assert_eq!(outcome(&*channel, &release("one")).await, "sent 2026/aster-ev/");
    assert_eq!(commits(at), 1);
    let there = files(at);
    assert!(there.contains(&"2026/aster-ev/front view.jpg".to_owned()), "{there:?}");
    assert!(there.iter().all(|path| !path.starts_with('.')), "{there:?}");
    // Again, and by a process that has forgotten everything: nothing is pushed.
    outcome(&*channel, &release("one")).await;
    std::fs::remove_dir_all(at.join("site/.dateline/site.git")).unwrap();
    std::fs::remove_file(at.join("site/.dateline/sent.json")).unwrap();
    assert_eq!(channel.probe(&release("one")).await, Probe::Absent);
    outcome(&*branch(at), &release("one")).await;
    assert_eq!(commits(at), 1);
    assert!(matches!(channel.probe(&release("one")).await, Probe::Arrived(_)));
    // Somebody else writes to the branch: it stays.
    git(at, &["clone", "--quiet", "--branch", "pages", "site.bare", "clone"]);
    std::fs::write(at.join("clone/CNAME"), "news.halden.example\n").unwrap();
    git(&at.join("clone"), &["add", "CNAME"]);
    git(&at.join("clone"), &["commit", "--quiet", "-m", "a name"]);
    git(&at.join("clone"), &["push", "--quiet"]);
    assert_eq!(outcome(&*channel, &kill()).await, "sent 2026/aster-ev/");
    assert_eq!(commits(at), 3);
    let there = files(at);
    assert!(
        there.contains(&"CNAME".to_owned()) && !there.iter().any(|path| path.ends_with("view.jpg")),
        "{there:?}"
    );
    let page = git(&at.join("site.bare"), &["show", "pages:2026/aster-ev/index.html"]);
    assert!(page.contains("Withdrawn"), "{page}");
    let seen = channel.examine().await;
    assert!(seen.iter().all(|seen| seen.good), "{seen:?}");
}

#[tokio::test]
async fn a_repository_that_is_not_there_holds_the_channel() {
    let dir = tempfile::tempdir().unwrap();
    let channel = branch(dir.path());
    let said = outcome(&*channel, &release("one")).await;
    assert!(said.starts_with("the channel refuses us: git: "), "{said}");
    assert!(!channel.examine().await[1].good);
    // Once it is there the same delivery goes through.
    git(dir.path(), &["init", "--quiet", "--bare", "site.bare"]);
    assert_eq!(outcome(&*channel, &release("one")).await, "sent 2026/aster-ev/");
}

#[tokio::test]
async fn a_closed_gate_sends_nothing_on() {
    let bench = bucket(|asked, _, store| store.act(asked)).await;
    bench.channel.deliver(&release("one"), &Counting::closed()).await.unwrap_err();
    assert!(bench.server.asked().is_empty());
}
