//! A world of one server: stand-ins for every network, blog and room, kept apart by the first step of their addresses. Each speaks as much
//! of its vendor's published contract as Dateline uses and keeps what it was given; none of them is the vendor's own. Whatever is asked
//! is remembered to the byte, and answers can be spoilt after they were acted on.

mod accounts;
mod blogs;
mod networks;
mod rooms;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What was asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The first step of the address: `mastodon`.
    pub vendor: String,
    pub method: String,
    /// The rest of the address, with its query.
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    /// All of it, as it came.
    pub bytes: Vec<u8>,
    /// When it came.
    pub at: jiff::Timestamp,
}

impl Asked {
    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// A value of its query.
    pub fn query(&self, key: &str) -> Option<String> {
        let url: url::Url = format!("http://x/{}", self.path).parse().ok()?;
        url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned())
    }

    /// The steps of its path, without the query.
    pub fn steps(&self) -> Vec<&str> {
        self.path.split('?').next().unwrap_or_default().trim_matches('/').split('/').collect()
    }

    /// Whether it asks for something to happen; a token that is renewed is nothing that anybody sees.
    pub fn writes(&self) -> bool {
        let renews = ["2/oauth2/token", "token"].contains(&self.path.as_str());
        self.method != "GET" && self.method != "HEAD" && !renews
    }
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

pub fn json(status: u16, value: &Value) -> Answer {
    let headers = vec![("content-type", "application/json".to_owned())];
    Answer { status, headers, body: value.to_string().into_bytes() }
}

pub fn text(status: u16, text: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: text.as_bytes().to_vec() }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    None,
    /// It is done, and the connection breaks.
    Lost,
    /// It is done, and the answer breaks off in its first line.
    Broken,
    /// It is done, and the answer says that something broke.
    Says500,
    /// It is not done, and the answer says that something broke.
    Breaks,
    /// It is done, but only after the one who asked has given up.
    Slow,
}

/// Something that a vendor shows, or showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thing {
    pub id: String,
    /// What its maker called it, where the vendor takes a name.
    pub key: String,
    /// What is to be read: JSON or text as it was given.
    pub text: String,
    /// Whether everybody sees it.
    pub shown: bool,
    /// How often it was changed.
    pub edits: usize,
    /// What it answers.
    pub answers: Option<String>,
}

/// What the vendors keep.
#[derive(Default)]
pub struct State {
    pub things: BTreeMap<String, Vec<Thing>>,
    /// Pictures, by vendor.
    pub media: BTreeMap<String, Vec<Value>>,
    pub next: u64,
    /// Where the world is.
    pub base: String,
}

impl State {
    pub fn of(&mut self, vendor: &str) -> &mut Vec<Thing> {
        self.things.entry(vendor.to_owned()).or_default()
    }

    pub fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Puts something up; what has the same key is there already.
    pub fn add(&mut self, vendor: &str, id: &str, key: &str, text: &str) -> Thing {
        let thing = Thing {
            id: id.to_owned(),
            key: key.to_owned(),
            text: text.to_owned(),
            shown: true,
            edits: 0,
            answers: None,
        };
        let all = self.of(vendor);
        match all.iter().find(|old| !key.is_empty() && old.key == key) {
            Some(old) => old.clone(),
            None => {
                all.push(thing.clone());
                thing
            }
        }
    }

    pub fn edit(&mut self, vendor: &str, id: &str, text: &str) -> Option<Thing> {
        let thing = self.of(vendor).iter_mut().find(|thing| thing.id == id && thing.shown)?;
        thing.edits += usize::from(thing.text != text);
        text.clone_into(&mut thing.text);
        Some(thing.clone())
    }

    pub fn remove(&mut self, vendor: &str, id: &str) -> bool {
        let thing = self.of(vendor).iter_mut().find(|thing| thing.id == id && thing.shown);
        thing.map(|thing| thing.shown = false).is_some()
    }
}

type Spoil = dyn Fn(&Asked, usize) -> Fault + Send + Sync;

struct Inner {
    state: Mutex<State>,
    asked: Mutex<Vec<Asked>>,
    writes: Mutex<BTreeMap<String, usize>>,
    spoil: Mutex<Arc<Spoil>>,
}

/// The world.
#[derive(Clone)]
pub struct World {
    /// Its address, without a slash at the end.
    pub url: String,
    /// Where those are kept that are folders: the site that goes on to a bucket, the one that goes on to a branch, the branch, what
    /// agencies fetch.
    pub folder: Arc<tempfile::TempDir>,
    inner: Arc<Inner>,
}

impl World {
    pub async fn start() -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let state = State { base: url.clone(), next: 1_000, ..State::default() };
        let inner = Inner {
            state: Mutex::new(state),
            asked: Mutex::default(),
            writes: Mutex::default(),
            spoil: Mutex::new(Arc::new(|_: &Asked, _| Fault::None)),
        };
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "--quiet", "--bare", "pages.git"]);
        let world = World { url, folder: Arc::new(folder), inner: Arc::new(inner) };
        let inner = Arc::clone(&world.inner);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&inner)));
            }
        });
        world
    }

    /// From now on requests are spoilt as it says; it is given the number of the vendor's writing request, from 1.
    pub fn spoil(&self, spoil: impl Fn(&Asked, usize) -> Fault + Send + Sync + 'static) {
        self.inner.writes.lock().unwrap().clear();
        *self.inner.spoil.lock().unwrap() = Arc::new(spoil);
    }

    /// Everything that was asked.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap().clone()
    }

    /// Everything that a vendor was given, shown or not.
    pub fn things(&self, vendor: &str) -> Vec<Thing> {
        match vendor {
            "branch" => return self.commits(),
            "agency" => return self.files(),
            _ => {}
        }
        self.inner.state.lock().unwrap().things.get(vendor).cloned().unwrap_or_default()
    }

    /// What everybody sees there.
    pub fn shown(&self, vendor: &str) -> Vec<Thing> {
        self.things(vendor).into_iter().filter(|thing| thing.shown).collect()
    }

    /// Each commit of the branch with the releases that it changed; the last one is what everybody sees.
    fn commits(&self) -> Vec<Thing> {
        let pages = self.folder.path().join("pages.git");
        if !pages.join("refs/heads/pages").exists() {
            return Vec::new();
        }
        let listed = git(&pages, &["rev-list", "--reverse", "pages"]);
        let commits: Vec<&str> = listed.lines().collect();
        let thing = |(at, commit): (usize, &&str)| {
            let changed =
                git(&pages, &["show", "--format=", "--unified=0", commit, "--", "2026/*/index.html"]);
            let lines = changed.lines().filter(|line| line.starts_with('+'));
            let text = lines.collect::<Vec<_>>().join("\n");
            let (key, shown) = (String::new(), at + 1 == commits.len());
            Thing { id: (*commit).to_owned(), key, text, shown, edits: at, answers: None }
        };
        commits.iter().enumerate().map(thing).collect()
    }

    /// What agencies find.
    fn files(&self) -> Vec<Thing> {
        let all = std::fs::read_dir(self.folder.path().join("agency")).into_iter().flatten().flatten();
        let thing = |file: std::fs::DirEntry| {
            let text = std::fs::read_to_string(file.path()).ok()?;
            let item: Value = serde_json::from_str(&text).ok()?;
            let version: usize = item["version"].as_str()?.parse().ok()?;
            let id = file.file_name().into_string().ok()?;
            Some(Thing { id, key: String::new(), text, shown: true, edits: version - 1, answers: None })
        };
        all.filter_map(thing).collect()
    }
}

async fn serve(mut stream: TcpStream, inner: Arc<Inner>) -> Option<()> {
    let asked = read(&mut stream).await?;
    inner.asked.lock().unwrap().push(asked.clone());
    let fault = {
        let mut writes = inner.writes.lock().unwrap();
        let count = writes.entry(asked.vendor.clone()).or_default();
        *count += usize::from(asked.writes());
        let spoil = Arc::clone(&inner.spoil.lock().unwrap());
        if asked.writes() { spoil(&asked, *count) } else { Fault::None }
    };
    let broken = text(500, "something broke");
    if fault == Fault::Slow {
        // Nothing more comes from who asked, but its end.
        let _ = stream.read(&mut [0; 1]).await;
    }
    let done = match fault {
        Fault::Breaks => broken,
        _ => {
            let answer = act(&mut inner.state.lock().unwrap(), &asked);
            match fault {
                Fault::Says500 => broken,
                Fault::Lost | Fault::Slow => return None,
                Fault::Broken => return stream.write_all(b"HTTP/1.1 20").await.ok(),
                _ => answer,
            }
        }
    };
    let mut head =
        format!("HTTP/1.1 {} X\r\nconnection: close\r\ncontent-length: {}\r\n", done.status, done.body.len());
    for (name, value) in done.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&done.body).await.ok()
}

fn act(state: &mut State, asked: &Asked) -> Answer {
    match asked.vendor.as_str() {
        "wordpress" => blogs::wordpress(state, asked),
        "ghost" => blogs::ghost(state, asked),
        "micropub" => blogs::micropub(state, asked),
        "mastodon" => networks::mastodon(state, asked),
        "bluesky" => networks::bluesky(state, asked),
        "x" => accounts::x(state, asked),
        "linkedin" => accounts::linkedin(state, asked),
        "facebook" => accounts::facebook(state, asked),
        "threads" => accounts::threads(state, asked),
        "youtube" => accounts::youtube(state, asked),
        "bucket" => accounts::bucket(state, asked),
        "webhook" => networks::webhook(state, asked),
        "websub" => networks::websub(state, asked),
        // A repository of git's "dumb" protocol, for everybody to read.
        "open.git" if asked.steps() == ["info", "refs"] => {
            text(200, "0123456789012345678901234567890123456789\trefs/heads/main\n")
        }
        "slack" => rooms::slack(state, asked),
        "slackhook" | "mattermost" => rooms::hook(state, asked, 200, "ok"),
        "teams" => rooms::hook(state, asked, 202, ""),
        "discord" => rooms::discord(state, asked),
        "matrix" => rooms::matrix(state, asked),
        "telegram" => rooms::telegram(state, asked),
        _ => text(404, ""),
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let at = dateline::clock::Clock::system().now();
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, address) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let chunked = headers.contains_key("transfer-encoding");
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while bytes.len() < head + 4 + length || (chunked && !bytes.ends_with(b"0\r\n\r\n")) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let address = address.trim_start_matches('/');
    let end = address.find(['/', '?']).unwrap_or(address.len());
    let (vendor, path) = (address[..end].to_owned(), address[end..].trim_start_matches('/').to_owned());
    Some(Asked { vendor, method, path, headers, body: bytes[head + 4..].to_vec(), bytes, at })
}

/// Runs git, and gives what it says.
fn git(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    let command = command
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The channels of a newsroom that speaks to all of the world at `url`, whose folders are in `folder`, as lines of `dateline.yaml`.
pub fn channels(url: &str, folder: &Path) -> String {
    let folder = folder.display();
    let secret = |vendor: &str| format!("{{ env: WORLD_{} }}", vendor.to_ascii_uppercase());
    let mut lines = String::new();
    for (key, settings) in [
        ("wordpress", format!("url: {url}/wordpress, username: press, password: {}", secret("wordpress"))),
        ("ghost", format!("url: {url}/ghost, key: {}", secret("ghost"))),
        ("micropub", format!("endpoint: {url}/micropub/endpoint, token: {}", secret("micropub"))),
        ("mastodon", format!("server: {url}/mastodon, token: {}", secret("mastodon"))),
        ("bluesky", format!("server: {url}/bluesky, handle: halden.test, password: {}", secret("bluesky"))),
        (
            "x",
            format!(
                "client_id: c, client_secret: {0}, refresh_token: {0}, tokens: \"{folder}/x.tokens\", endpoint: {url}/x",
                secret("x")
            ),
        ),
        (
            "linkedin",
            format!(
                "author: \"urn:li:organization:5\", token: {}, endpoint: {url}/linkedin, login: {url}/linkedin, version: \"202610\"",
                secret("linkedin")
            ),
        ),
        ("facebook", format!("page: \"42\", token: {}, endpoint: {url}/facebook/v24.0", secret("facebook"))),
        ("threads", format!("token: {}, endpoint: {url}/threads/v1.0", secret("threads"))),
        (
            "youtube",
            format!(
                "client_id: c, client_secret: {0}, refresh_token: {0}, endpoint: {url}/youtube, login: {url}/youtube",
                secret("youtube")
            ),
        ),
        (
            "bucket",
            format!(
                "dir: \"{folder}/bucket\", s3: {{ bucket: news, region: eu-north-1, endpoint: {url}/bucket, access_key_id: {0}, \
                 secret_access_key: {0} }}",
                secret("bucket")
            ),
        ),
        ("branch", format!("dir: \"{folder}/branch\", git: {{ repository: \"{folder}/pages.git\" }}")),
        ("agency", format!("dir: \"{folder}/agency\"")),
        ("slack", format!("token: {}, room: C024BE91L, endpoint: {url}/slack/api", secret("slack"))),
        ("slackhook", format!("webhook: {}", secret("slackhook"))),
        ("mattermost", format!("webhook: {}", secret("mattermost"))),
        ("teams", format!("webhook: {}", secret("teams"))),
        ("discord", format!("webhook: {}", secret("discord"))),
        (
            "matrix",
            format!("server: {url}/matrix, token: {}, room: \"!news:halden.example\"", secret("matrix")),
        ),
        (
            "telegram",
            format!("token: {}, room: \"@haldenmotors\", endpoint: {url}/telegram", secret("telegram")),
        ),
        ("webhook", format!("url: {url}/webhook/events, secret: {}, allow_private: true", secret("webhook"))),
        ("websub", format!("hub: {url}/websub/, feeds: [\"https://news.halden.example/feed.xml\"]")),
    ] {
        let kind = match key {
            "slackhook" => "slack",
            "bucket" | "branch" => "newsroom",
            "agency" => "ninjs",
            own => own,
        };
        lines.push_str(&format!("  {key}: {{ kind: {kind}, {settings} }}\n"));
    }
    lines
}

/// All of them, in the order of [`channels`].
pub const VENDORS: [&str; 22] = [
    "wordpress",
    "ghost",
    "micropub",
    "mastodon",
    "bluesky",
    "x",
    "linkedin",
    "facebook",
    "threads",
    "youtube",
    "bucket",
    "branch",
    "agency",
    "slack",
    "slackhook",
    "mattermost",
    "teams",
    "discord",
    "matrix",
    "telegram",
    "webhook",
    "websub",
];

/// The secret of a vendor in the world at `url`, for the variable `WORLD_…` and for the adapter.
pub fn secret(url: &str, vendor: &str) -> String {
    match vendor {
        "ghost" => {
            "6748592f4b9b7700010f6564:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
                .to_owned()
        }
        "slackhook" | "mattermost" | "teams" | "discord" => format!("{url}/{vendor}/services/geheim-token"),
        "telegram" => "7:geheim-token".to_owned(),
        "webhook" => "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(),
        _ => "geheim-token".to_owned(),
    }
}

/// The variables of the environment that [`channels`] names.
pub fn variables(url: &str) -> Vec<(String, String)> {
    let of = |vendor: &&str| (format!("WORLD_{}", vendor.to_ascii_uppercase()), secret(url, vendor));
    VENDORS.iter().map(of).collect()
}
