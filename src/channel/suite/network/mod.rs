//! What every network holds to that takes no idempotency key. The servers follow the vendors' published contracts and keep state;
//! none of them is the vendor's own.

mod linkedin;
mod meta;
pub mod x;

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use url::Url;

use super::{SHORT, shown};
use crate::channel::adapter::{self, Setup};
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::channel::{Channel, Failure, Parcel, Previous, Probe, Secrets};
use crate::newsroom::{ChannelKind, PostLimit};
use crate::release::Notice;
use crate::render::{Content, Facet, Post, Social};

/// Where the release is.
const URL: &str = "https://news.halden.example/2026/aster-ev/";

/// A post, as everybody sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub id: String,
    pub text: String,
    /// The post that it answers.
    pub answers: Option<String>,
    /// What its pictures show.
    pub alts: Vec<String>,
}

/// A network that keeps state.
pub trait Network: Default + Send + 'static {
    const KIND: ChannelKind;
    /// Its secrets, each with `geheim` in it.
    const SECRETS: &'static [(&'static str, &'static str)];
    /// Whether a correction edits.
    const EDITS: bool;

    fn config(url: &Url, dir: &Path) -> Value;

    /// Whether a request makes a post appear.
    fn creates(asked: &Asked) -> bool;

    /// Whether a request changes tokens, which cannot be repeated.
    fn logs_in(asked: &Asked) -> bool {
        let _ = asked;
        false
    }

    fn act(&mut self, asked: &Asked) -> Act;

    /// All posts, the oldest first.
    fn posts(&self) -> Vec<Shown>;

    /// What it says to a token that was taken back.
    fn revoked() -> Act;

    /// What it says to somebody who posts too fast, beside `Retry-After: 77`.
    fn too_fast() -> Act;
}

/// A network and the adapter that speaks to it.
pub struct Bench<N> {
    pub server: Scripted,
    pub network: Arc<Mutex<N>>,
    pub channel: Box<dyn Channel>,
    pub dir: tempfile::TempDir,
}

/// A network, and what `spoil` makes of it: it is given the request, its number, and the network, which has not acted yet.
pub async fn bench<N: Network>(
    spoil: impl Fn(&Asked, usize, &mut N) -> Act + Send + Sync + 'static,
) -> Bench<N> {
    let dir = tempfile::tempdir().unwrap();
    let network = Arc::new(Mutex::new(N::default()));
    let server = {
        let network = Arc::clone(&network);
        Scripted::start(move |asked, number| spoil(asked, number, &mut network.lock().unwrap())).await
    };
    let channel = open::<N>(&server.url, dir.path());
    Bench { server, network, channel, dir }
}

/// The adapter, speaking to this address, with its files in this folder.
pub fn open<N: Network>(url: &Url, dir: &Path) -> Box<dyn Channel> {
    let secrets = N::SECRETS.iter().fold(Secrets::none(), |all, (name, value)| all.with(name, *value));
    let config = ChannelConfig::from_json(N::KIND, N::config(url, dir));
    assert!(config.settings().troubles().is_empty(), "{:?}", config.settings().troubles());
    adapter::open(&config, &Setup { root: dir, secrets: &secrets, patience: SHORT }).unwrap()
}

impl<N: Network> Bench<N> {
    /// What one attempt comes to.
    pub async fn outcome(&self, parcel: &Parcel) -> String {
        let shown = shown(&self.channel.deliver(parcel, &Counting::open()).await);
        assert!(!shown.contains("geheim"), "{shown}");
        shown
    }

    pub fn posts(&self) -> Vec<Shown> {
        self.network.lock().unwrap().posts()
    }

    fn creations(&self) -> usize {
        self.server.asked().iter().filter(|asked| N::creates(asked)).count()
    }
}

/// The whole suite, of a network in a module of its own.
macro_rules! holds {
    ($module:ident, $network:ty) => {
        mod $module {
            use super::*;
            use crate::channel::suite::network::holds;

            holds!($network: appears_whole no_answer_is_believed_to_be_no survives_whatever_is_lost
                what_was_never_taken_is_posted_once a_thread_goes_on_where_it_broke_off answers_have_their_meaning
                is_corrected_and_withdrawn a_correction_is_made_once asks_before_it_speaks a_look_posts_nothing);
        }
    };
    ($network:ty: $($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            crate::channel::suite::network::$name::<$network>().await;
        })*
    };
}
use holds;

/// A post with these words, the address of the release, and a tag.
fn post(words: &str) -> Post {
    let text = format!("{words} #AsterEV {URL}");
    let at = |part: &str| Facet {
        start: text.find(part).unwrap(),
        end: text.find(part).unwrap() + part.len(),
        target: part.to_owned(),
    };
    Post { facets: vec![at("#AsterEV"), at(URL)], images: vec![], text: text.clone() }
}

/// A release with two pictures.
pub fn original() -> Parcel {
    let post = Post { images: vec![0, 1], ..post("R&D <now>: it goes 620 km (WLTP) *far* @all") };
    let mut pictures = vec![picture("front.jpg", b"FRONT"), picture("side view.jpg", b"SIDE")];
    pictures[1].alt = "Its side & more".to_owned();
    parcel(Content::Social(Social { posts: vec![post], url: URL.to_owned() }), pictures)
}

/// A release without pictures, of these posts.
pub fn thread(words: &[&str]) -> Parcel {
    let posts = words.iter().map(|words| post(words)).collect();
    parcel(Content::Social(Social { posts, url: URL.to_owned() }), vec![])
}

/// Another attempt, some minutes later.
pub fn again(parcel: &Parcel) -> Parcel {
    Parcel { attempt: 2, now: parcel.due + jiff::SignedDuration::from_mins(5), ..parcel.clone() }
}

/// A notice about what the network calls `ids`.
pub fn about(notice: Notice, words: &str, ids: &str) -> Parcel {
    let previous = Previous { remote_id: Some(ids.to_owned()), wire_key: "earlier".to_owned() };
    let parcel = thread(&[words]);
    let due = parcel.due + jiff::SignedDuration::from_hours(2);
    Parcel { notice, previous: Some(previous), due, now: due, ..parcel }
}

async fn appears_whole<N: Network>() {
    let bench = bench::<N>(|asked, _, network| network.act(asked)).await;
    let receipt = bench.channel.deliver(&original(), &Counting::open()).await.unwrap();
    let posts = bench.posts();
    assert_eq!(posts.len(), 1, "{:?}", bench.server.lines());
    assert_eq!(posts[0].text, format!("R&D <now>: it goes 620 km (WLTP) *far* @all #AsterEV {URL}"));
    assert_eq!(posts[0].alts, ["The Aster EV on a coast road", "Its side & more"]);
    assert_eq!(receipt.remote_id.as_deref(), Some(posts[0].id.as_str()));
    assert!(receipt.url.unwrap().starts_with("https://"));
    // Found again as it was written, whatever the network has made of its links, signs and tags.
    let probe = bench.channel.probe(&again(&original())).await;
    let Probe::Arrived(found) = probe else { panic!("{probe:?}") };
    assert_eq!(found.remote_id.as_deref(), Some(posts[0].id.as_str()));
    let json = parcel(Content::Json(Value::Null), vec![]);
    assert!(bench.outcome(&json).await.starts_with("refused: a social network takes posts alone"));
    let mut missing = original();
    let mut edition = (*missing.edition).clone();
    edition.assets.clear();
    missing.edition = Arc::new(edition);
    assert!(bench.outcome(&missing).await.starts_with("refused: a picture of the post is missing"));
    assert_eq!(bench.posts().len(), 1);
}

/// Answers after which nobody knows anything; one of them repeats a secret.
fn doubtful<N: Network>() -> [Act; 6] {
    [
        Act::Close,
        Act::Hang,
        Act::text(500, ""),
        Act::text(503, N::SECRETS[0].1),
        Act::text(200, "?"),
        Act::Raw(b"HTTP/1.1 2".to_vec()),
    ]
}

/// The post is there, and its answer is lost.
async fn no_answer_is_believed_to_be_no<N: Network>() {
    for act in doubtful::<N>() {
        let spoiled = Mutex::new(false);
        let bench = bench::<N>(move |asked, _, network| {
            let done = network.act(asked);
            let first = N::creates(asked) && !std::mem::replace(&mut *spoiled.lock().unwrap(), true);
            if first { act.clone() } else { done }
        })
        .await;
        let outcome = bench.outcome(&thread(&["one"])).await;
        assert!(outcome.starts_with("outcome unknown"), "{outcome}");
        let id = bench.posts()[0].id.clone();
        let again = again(&thread(&["one"]));
        assert!(matches!(bench.channel.probe(&again).await, Probe::Arrived(_)), "{:?}", bench.server.lines());
        assert_eq!(bench.outcome(&again).await, format!("sent {id}"));
        assert_eq!((bench.posts().len(), bench.creations()), (1, 1));
    }
}

/// Whichever of the answers is lost, after it was applied: in the end there is one post.
async fn survives_whatever_is_lost<N: Network>() {
    let clean = bench::<N>(|asked, _, network| network.act(asked)).await;
    clean.outcome(&original()).await;
    let asked = clean.server.asked();
    for (lost, request) in asked.iter().enumerate().filter(|(_, asked)| !N::logs_in(asked)) {
        for act in [Act::Close, Act::text(500, ""), Act::text(200, "?")] {
            let spoil = act.clone();
            let bench = bench::<N>(move |asked, number, network| {
                let done = network.act(asked);
                if number == lost { spoil.clone() } else { done }
            })
            .await;
            let first = bench.outcome(&original()).await;
            let line = request.line();
            assert!(!first.starts_with("refused"), "{line}: {first}");
            if first.starts_with("sent") {
                assert_eq!(bench.posts().len(), 1, "{line}");
            }
            let second = bench.outcome(&again(&original())).await;
            assert!(second.starts_with("sent "), "{line} became {act:?}: {first}, then {second}");
            assert_eq!(bench.posts().len(), 1, "{line}");
        }
    }
}

/// The server broke before it did anything.
async fn what_was_never_taken_is_posted_once<N: Network>() {
    let spoiled = Mutex::new(false);
    let bench = bench::<N>(move |asked, _, network| {
        let first = N::creates(asked) && !std::mem::replace(&mut *spoiled.lock().unwrap(), true);
        if first { Act::text(500, "") } else { network.act(asked) }
    })
    .await;
    assert!(bench.outcome(&original()).await.starts_with("outcome unknown"));
    let again = again(&original());
    assert_eq!(bench.channel.probe(&again).await, Probe::Absent);
    assert!(bench.outcome(&again).await.starts_with("sent "));
    assert_eq!(bench.posts().len(), 1);
    // A list that cannot be seen proves nothing.
    let blind = self::bench::<N>(|asked, _, network| {
        let look = asked.method == "GET";
        if look { Act::text(503, "") } else { network.act(asked) }
    })
    .await;
    assert_eq!(blind.channel.probe(&again).await, Probe::CannotTell);
    assert!(!blind.outcome(&again).await.starts_with("sent"));
    assert!(blind.posts().is_empty());
}

async fn a_thread_goes_on_where_it_broke_off<N: Network>() {
    if !PostLimit::of(N::KIND, None).threads() {
        let bench = bench::<N>(|asked, _, network| network.act(asked)).await;
        let outcome = bench.outcome(&thread(&["one", "two"])).await;
        assert!(outcome.starts_with("refused"), "{outcome}");
        return;
    }
    for lost in 0..3 {
        let count = Mutex::new(0);
        let bench = bench::<N>(move |asked, _, network| {
            let done = network.act(asked);
            if !N::creates(asked) {
                return done;
            }
            let mut count = count.lock().unwrap();
            *count += 1;
            if *count == lost + 1 { Act::Close } else { done }
        })
        .await;
        let parcel = thread(&["one", "two", "three"]);
        assert!(bench.outcome(&parcel).await.starts_with("outcome unknown"));
        let seen = bench.channel.probe(&again(&parcel)).await;
        assert_eq!(matches!(seen, Probe::Arrived(_)), lost == 2, "{seen:?}");
        let outcome = bench.outcome(&again(&parcel)).await;
        let posts = bench.posts();
        let ids: Vec<&str> = posts.iter().map(|post| post.id.as_str()).collect();
        assert_eq!(outcome, format!("sent {}", ids.join(",")));
        let answers: Vec<Option<&str>> = posts.iter().map(|post| post.answers.as_deref()).collect();
        assert_eq!(answers, [None, Some(ids[0]), Some(ids[1])], "{lost}");
    }
}

async fn answers_have_their_meaning<N: Network>() {
    for (act, expected) in [
        (N::revoked(), "the channel refuses us"),
        (Act::text(403, N::SECRETS[0].1), "the channel refuses us: 403"),
        (Act::text(301, "").with("location", "http://127.0.0.1:1/"), "the channel refuses us"),
        (Act::text(400, N::SECRETS[0].1), "refused: 400"),
    ] {
        let bench = bench::<N>(
            move |asked, _, network| {
                if N::creates(asked) { act.clone() } else { network.act(asked) }
            },
        )
        .await;
        let outcome = bench.outcome(&thread(&["one"])).await;
        assert!(outcome.starts_with(expected), "{outcome} is not {expected}");
        assert!(bench.posts().is_empty());
    }
    let bench = bench::<N>(|asked, _, network| {
        if N::creates(asked) { N::too_fast().with("retry-after", "77") } else { network.act(asked) }
    })
    .await;
    let failure = bench.channel.deliver(&thread(&["one"]), &Counting::open()).await.unwrap_err();
    let Failure::PauseChannel { retry_after, .. } = failure else { panic!("{failure}") };
    assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(77));
    // Nobody there: it did not leave.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let channel = open::<N>(&nobody, bench.dir.path());
    let outcome = channel.deliver(&thread(&["one"]), &Counting::open()).await;
    assert!(matches!(outcome, Err(Failure::Later { .. })), "{outcome:?}");
}

async fn is_corrected_and_withdrawn<N: Network>() {
    let bench = bench::<N>(|asked, _, network| network.act(asked)).await;
    bench.outcome(&thread(&["It goes 620 km"])).await;
    let id = bench.posts()[0].id.clone();
    let correction = about(Notice::Correction, "Correction: it goes 610 km", &id);
    assert_ne!(bench.channel.probe(&correction).await, Probe::CannotTell);
    let sent = bench.outcome(&correction).await;
    let posts = bench.posts();
    let words = format!("Correction: it goes 610 km #AsterEV {URL}");
    if N::EDITS {
        assert_eq!((posts.len(), posts[0].text.as_str()), (1, words.as_str()));
        assert_eq!(sent, format!("sent {id}"));
    } else {
        assert_eq!((posts.len(), posts[1].text.as_str()), (2, words.as_str()));
        assert_eq!(posts[1].answers.as_deref(), Some(id.as_str()));
    }
    // Whatever stands of it is remembered, so that a kill takes away all of it.
    let ids: Vec<String> = posts.iter().map(|post| post.id.clone()).collect();
    assert_eq!(sent, format!("sent {}", ids.join(",")));
    let Probe::Arrived(seen) = bench.channel.probe(&again(&correction)).await else { panic!("not found") };
    assert_eq!(seen.remote_id, Some(ids.join(",")));
    let kill = about(Notice::Kill, "Withdrawn", &ids.join(","));
    assert_eq!(bench.channel.probe(&kill).await, Probe::Absent);
    for attempt in [1, 2] {
        let outcome = bench.outcome(&Parcel { attempt, ..kill.clone() }).await;
        assert_eq!(outcome, format!("sent {}", ids.join(",")));
        assert!(bench.posts().is_empty());
    }
    assert!(matches!(bench.channel.probe(&kill).await, Probe::Arrived(_)));
    // What is gone is not there to be edited or answered: the correction is posted by itself, or refused.
    let unknown = about(Notice::Kill, "Withdrawn", "../../evil");
    assert!(bench.outcome(&unknown).await.starts_with("refused: it is not known what was posted"));
    assert!(bench.server.lines().iter().all(|line| !line.contains("evil")));
    let lost = self::bench::<N>(
        |asked, _, network| {
            if asked.method == "DELETE" { Act::Close } else { network.act(asked) }
        },
    )
    .await;
    assert!(lost.outcome(&kill).await.starts_with("later"), "a deletion may be repeated");
}

async fn a_correction_is_made_once<N: Network>() {
    for notice in [Notice::Correction, Notice::Hold] {
        let lose = Arc::new(Mutex::new(false));
        let losing = Arc::clone(&lose);
        let bench = bench::<N>(move |asked, _, network| {
            let done = network.act(asked);
            let changes = asked.method == "POST" && !N::logs_in(asked);
            if changes && N::creates(asked) != N::EDITS && std::mem::take(&mut *losing.lock().unwrap()) {
                return Act::Close;
            }
            done
        })
        .await;
        bench.outcome(&thread(&["It goes 620 km"])).await;
        let id = bench.posts()[0].id.clone();
        *lose.lock().unwrap() = true;
        let correction = about(notice, "Note: it goes 610 km", &id);
        let first = bench.outcome(&correction).await;
        assert!(first.starts_with("outcome unknown") || first.starts_with("later"), "{first}");
        let second = Parcel { attempt: 2, ..correction };
        assert!(matches!(bench.channel.probe(&second).await, Probe::Arrived(_)), "{notice:?}");
        assert!(bench.outcome(&second).await.starts_with("sent "));
        assert_eq!(bench.posts().len(), if N::EDITS { 1 } else { 2 }, "{notice:?}");
    }
}

async fn asks_before_it_speaks<N: Network>() {
    let bench = bench::<N>(|asked, _, network| network.act(asked)).await;
    for parcel in [
        original(),
        about(Notice::Correction, "x", "7"),
        about(Notice::Hold, "x", "7"),
        about(Notice::Kill, "x", "7"),
    ] {
        let gate = Counting::closed();
        let outcome = bench.channel.deliver(&parcel, &gate).await;
        let refused = matches!(outcome, Err(Failure::Refused { .. }));
        assert!(refused || (outcome == Err(Failure::GateClosed) && gate.count() == 1), "{outcome:?}");
    }
    assert!(bench.server.asked().is_empty(), "{:?}", bench.server.lines());
}

async fn a_look_posts_nothing<N: Network>() {
    for act in [Act::Close, Act::text(401, N::SECRETS[0].1), Act::text(200, "{}"), Act::text(500, "")] {
        let bench = bench::<N>(move |_, _, _| act.clone()).await;
        let seen = bench.channel.examine().await;
        assert!(!seen.iter().all(|seen| seen.good), "{seen:?}");
        assert!(!format!("{seen:?}").contains("geheim"), "{seen:?}");
        assert_eq!(bench.creations(), 0);
    }
    let bench = bench::<N>(|asked, _, network| match asked.method.as_str() {
        "HEAD" => Act::text(200, "").with("date", "Tue, 01 Dec 2026 08:00:00 GMT"),
        _ => network.act(asked),
    })
    .await;
    let seen = bench.channel.examine().await;
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.good), "{seen:?}");
    assert!(bench.posts().is_empty());
}

/// The members of a form.
fn form(asked: &Asked) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(&asked.body).into_owned().collect()
}

/// The path without its query.
fn path(asked: &Asked) -> &str {
    asked.path.split('?').next().unwrap()
}

/// A member of a multipart form, as text.
fn member(asked: &Asked, name: &str) -> String {
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let at = body.find(&format!("name=\"{name}\"")).unwrap();
    let start = at + body[at..].find("\r\n\r\n").unwrap() + 4;
    body[start..start + body[start..].find("\r\n--").unwrap()].to_owned()
}

/// The token that a request carries.
fn bearer(asked: &Asked) -> &str {
    asked.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default()
}
