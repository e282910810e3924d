//! The adapters against servers that keep state: the stand-ins of the demo, and real servers when
//! they are given (`tests/endpoints/pds.sh`, `tests/endpoints/snac.sh`).

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use dateline::channel::{self, Channel, Failure, Gate, Parcel, Previous, Probe, Recipient};
use dateline::cli::demo::standins::{Shown, StandIns};
use dateline::clock::Clock;
use dateline::digest::Digest;
use dateline::release::Notice;
use dateline::render::{Asset, Content, Edition, Facet, Post, Request, Social};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const URL: &str = "https://news.halden.example/2026/aster-ev/";

pub struct Open(AtomicBool);

#[async_trait]
impl Gate for Open {
    async fn open(&self) -> bool {
        !self.0.swap(true, Ordering::SeqCst)
    }
}

pub fn gate() -> Open {
    Open(AtomicBool::new(false))
}

fn open<T: serde::de::DeserializeOwned>(
    wrap: fn(T) -> channel::config::ChannelConfig,
    config: Value,
    (name, secret): (&'static str, &str),
) -> Box<dyn Channel> {
    let config = wrap(serde_json::from_value(config).unwrap());
    let secrets = channel::Secrets::none().with(name, secret);
    channel::open(&config, std::path::Path::new("."), &secrets).unwrap()
}

fn mastodon(url: &str, token: &str) -> Box<dyn Channel> {
    let config = json!({ "server": url, "token": { "env": "TOKEN" } });
    open(channel::config::ChannelConfig::Mastodon, config, ("token", token))
}

fn bluesky(url: &str, handle: &str, password: &str) -> Box<dyn Channel> {
    let config = json!({ "server": url, "handle": handle, "password": { "env": "PASSWORD" } });
    open(channel::config::ChannelConfig::Bluesky, config, ("password", password))
}

fn webhook(url: &str, secret: &str) -> Box<dyn Channel> {
    let config = json!({ "url": url, "secret": { "env": "SECRET" }, "allow_private": true });
    open(channel::config::ChannelConfig::Webhook, config, ("secret", secret))
}

pub fn png() -> Arc<[u8]> {
    // One red pixel.
    let text =
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
    base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text).unwrap().into()
}

pub fn parcel(name: &str, content: Content, now: Timestamp) -> Parcel {
    let key = Digest::of(name.as_bytes());
    let asset = Asset {
        name: "aster.png".to_owned(),
        media_type: "image/png".to_owned(),
        alt: "The Aster EV".to_owned(),
        caption: String::new(),
        sha: Digest::of(&png()),
        bytes: png(),
    };
    let edition = Edition {
        request: Request {
            slug: "aster-ev".to_owned(),
            digest_of: Vec::new(),
            notice: Notice::Original,
            audience: "public".to_owned(),
            channel: "here".to_owned(),
            language: "en".parse().unwrap(),
            advance: false,
            test: false,
            date: now,
        },
        title: "It goes 620 km".to_owned(),
        content,
        assets: vec![asset],
    };
    Parcel {
        key,
        wire_key: key.to_string(),
        edition: Arc::new(edition),
        notice: Notice::Original,
        recipient: Recipient::Account,
        due: now,
        now,
        attempt: 1,
        previous: None,
        ahead: None,
    }
}

/// A thread of two: a picture, then a link.
fn thread(name: &str, text: &str, now: Timestamp) -> Parcel {
    let link = format!("More: {URL} #ev");
    let facets = vec![
        Facet { start: 6, end: 6 + URL.len(), target: URL.to_owned() },
        Facet { start: link.len() - 3, end: link.len(), target: "#ev".to_owned() },
    ];
    let posts = vec![
        Post { text: text.to_owned(), facets: Vec::new(), images: vec![0] },
        Post { text: link, facets, images: Vec::new() },
    ];
    parcel(name, Content::Social(Social { posts, url: URL.to_owned() }), now)
}

pub fn follow(mut parcel: Parcel, notice: Notice, remote_id: Option<String>) -> Parcel {
    parcel.notice = notice;
    parcel.previous = Some(Previous { remote_id, wire_key: "earlier".to_owned() });
    parcel
}

fn texts(shown: &[Shown]) -> Vec<&str> {
    shown.iter().map(|post| post.text.lines().next().unwrap_or_default()).collect()
}

/// What any network must hold to: one post, however often it is sent; found when looked for;
/// corrected; and gone when killed.
async fn holds(channel: &dyn Channel, now: Timestamp) -> Option<String> {
    let original = thread("original", "It goes 620 km", now);
    assert_eq!(channel.probe(&original).await, Probe::Absent);
    let first = channel.deliver(&original, &gate()).await.unwrap();
    let mut again = original.clone();
    again.attempt = 2;
    again.now = now + jiff::SignedDuration::from_mins(5);
    assert_eq!(channel.deliver(&again, &gate()).await.unwrap().remote_id, first.remote_id);
    let Probe::Arrived(found) = channel.probe(&again).await else { panic!("not found") };
    assert_eq!(found.remote_id, first.remote_id);
    first.remote_id
}

#[tokio::test]
async fn mastodon_takes_edits_and_forgets() {
    let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    let standins = StandIns::start(Clock::fixed(now), None).await.unwrap();
    let channel = mastodon(&standins.mastodon_url(), standins.mastodon_token());
    let id = holds(&*channel, now).await;
    let shown = standins.posts();
    assert_eq!(texts(&shown), ["It goes 620 km", &format!("More: {URL} #ev")]);
    assert_eq!((shown[0].pictures, shown[1].reply, shown[0].edited), (1, true, false));

    let correction = follow(thread("correction", "It goes 610 km", now), Notice::Correction, id.clone());
    assert_eq!(channel.probe(&correction).await, Probe::Absent);
    assert_eq!(channel.deliver(&correction, &gate()).await.unwrap().remote_id, id);
    assert!(matches!(channel.probe(&correction).await, Probe::Arrived(_)));
    let shown = standins.posts();
    assert_eq!((shown.len(), shown[0].text.as_str(), shown[0].edited), (2, "It goes 610 km", true));

    let kill = follow(thread("kill", "Withdrawn", now), Notice::Kill, id);
    assert_eq!(channel.probe(&kill).await, Probe::Absent);
    channel.deliver(&kill, &gate()).await.unwrap();
    assert!(matches!(channel.probe(&kill).await, Probe::Arrived(_)));
    channel.deliver(&kill, &gate()).await.unwrap();
    assert_eq!(standins.posts(), []);

    let refused = mastodon(&standins.mastodon_url(), "wrong").deliver(&kill, &gate()).await.unwrap_err();
    assert!(matches!(refused, Failure::HoldChannel { .. }), "{refused}");
    let long = parcel_of(&"x".repeat(501), now);
    let refused = channel.deliver(&long, &gate()).await.unwrap_err();
    assert!(matches!(refused, Failure::Refused { .. }), "{refused}");
    assert!(channel.examine().await.iter().all(|seen| seen.good));
}

fn parcel_of(text: &str, now: Timestamp) -> Parcel {
    let post = Post { text: text.to_owned(), facets: Vec::new(), images: Vec::new() };
    parcel(text, Content::Social(Social { posts: vec![post], url: URL.to_owned() }), now)
}

/// The course of a release on a PDS, and what is left of it: nothing.
async fn on_a_pds(channel: &dyn Channel, now: Timestamp) -> String {
    let id = holds(channel, now).await;
    let correction = follow(parcel_of("Correction: it goes 610 km", now), Notice::Correction, id.clone());
    let replied = channel.deliver(&correction, &gate()).await.unwrap().remote_id;
    assert!(matches!(channel.probe(&correction).await, Probe::Arrived(_)));
    let long = channel.deliver(&parcel_of(&"x".repeat(301), now), &gate()).await.unwrap_err();
    assert!(matches!(long, Failure::Refused { .. }), "{long}");
    assert!(long.to_string().contains("300"), "{long}");
    channel.deliver(&parcel_of(&"👩‍👩‍👧".repeat(150), now), &gate()).await.unwrap();
    // The answer is remembered together with what it answers.
    let all = replied.unwrap_or_default();
    assert!(all.starts_with(&format!("{},", id.unwrap_or_default())), "{all}");
    let kill = follow(parcel_of("Withdrawn", now), Notice::Kill, Some(all.clone()));
    assert_eq!(channel.probe(&kill).await, Probe::Absent);
    channel.deliver(&kill, &gate()).await.unwrap();
    assert!(matches!(channel.probe(&kill).await, Probe::Arrived(_)));
    channel.deliver(&kill, &gate()).await.unwrap();
    all
}

#[tokio::test]
async fn bluesky_takes_replies_and_forgets() {
    let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    let standins = StandIns::start(Clock::fixed(now), None).await.unwrap();
    let (url, handle) = (standins.bluesky_url(), standins.bluesky_handle());
    let channel = bluesky(&url, handle, standins.bluesky_password());
    assert_eq!(on_a_pds(&*channel, now).await.matches("at://").count(), 3);
    assert_eq!(standins.posts().len(), 1);
    assert!(channel.examine().await.iter().all(|seen| seen.good));

    // Another log-in ends the session; the adapter renews or logs in, and nobody notices.
    let other = bluesky(&url, handle, standins.bluesky_password());
    other.deliver(&parcel_of("two", now), &gate()).await.unwrap();
    channel.deliver(&parcel_of("three", now), &gate()).await.unwrap();
    assert_eq!(standins.posts().len(), 3);

    let refused = bluesky(&url, handle, "wrong").deliver(&parcel_of("x", now), &gate()).await.unwrap_err();
    assert!(matches!(refused, Failure::HoldChannel { .. }), "{refused}");
    assert!(!refused.to_string().contains("wrong"), "{refused}");
}

#[tokio::test]
async fn a_webhook_counts_once_and_only_when_signed() {
    let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    let standins = StandIns::start(Clock::fixed(now), None).await.unwrap();
    let channel = webhook(&standins.webhook_url(), standins.webhook_secret());
    let event =
        parcel("event", Content::Json(json!({ "event": "release.published", "title": "It goes" })), now);
    for _ in 0..3 {
        channel.deliver(&event, &gate()).await.unwrap();
    }
    assert_eq!(texts(&standins.posts()), ["release.published · It goes"]);
    let other = webhook(&standins.webhook_url(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let refused = other.deliver(&event, &gate()).await.unwrap_err();
    assert!(matches!(refused, Failure::HoldChannel { .. }), "{refused}");
    let mut stale = event.clone();
    stale.now = now - jiff::SignedDuration::from_mins(10);
    let refused = channel.deliver(&stale, &gate()).await.unwrap_err();
    assert!(matches!(refused, Failure::Later { .. }), "{refused}");
}

/// The values of `DATELINE_TEST_{name}`, if all are set.
pub fn given<const N: usize>(names: [&str; N]) -> Option<[String; N]> {
    let found: Vec<String> =
        names.iter().filter_map(|name| std::env::var(format!("DATELINE_TEST_{name}")).ok()).collect();
    let found = found.try_into().ok();
    if found.is_none() {
        eprintln!("skipped: {names:?} are not set, each with DATELINE_TEST_ before it");
    }
    found
}

/// Runs against a real PDS when its address and an account are in the environment.
#[tokio::test]
async fn a_real_pds_takes_replies_and_forgets() {
    let Some([url, handle, password]) = given(["PDS_URL", "PDS_HANDLE", "PDS_PASSWORD"]) else { return };
    // Keys come from the time, so each run writes records of its own.
    let channel = bluesky(&url, &handle, &password);
    on_a_pds(&*channel, Clock::system().now()).await;
    let seen = channel.examine().await;
    assert!(seen.iter().all(|seen| seen.good), "{seen:?}");
}

/// Runs against a server of Mastodon's API when its address and a token are in the environment.
#[tokio::test]
async fn a_real_server_of_mastodons_api_takes_edits_and_forgets() {
    let Some([url, token]) = given(["MASTODON_URL", "MASTODON_TOKEN"]) else { return };
    let (channel, now) = (mastodon(&url, &token), Clock::system().now());
    let id = holds(&*channel, now).await;
    let correction = follow(thread("correction", "It goes 610 km", now), Notice::Correction, id);
    // Some servers give an edited status a new id.
    let id = channel.deliver(&correction, &gate()).await.unwrap().remote_id;
    let Probe::Arrived(found) = channel.probe(&correction).await else { panic!("not found") };
    assert_eq!(found.remote_id, id);
    let kill = follow(parcel_of("Withdrawn", now), Notice::Kill, id);
    assert_eq!(channel.probe(&kill).await, Probe::Absent);
    match channel.deliver(&kill, &gate()).await {
        Ok(_) => assert!(matches!(channel.probe(&kill).await, Probe::Arrived(_))),
        // One that cannot delete is not said to have deleted.
        Err(failure) => {
            assert!(failure.to_string().contains("still stands"), "{failure}");
            assert_eq!(channel.probe(&kill).await, Probe::Absent);
        }
    }
    let seen = channel.examine().await;
    assert!(seen.iter().all(|seen| seen.good), "{seen:?}");
}

/// A way to `server` that loses one answer: the `count`th one to a request whose first line begins with
/// `line`. The server has acted by then.
pub async fn losing(server: &str, line: &'static str, count: usize) -> String {
    let server: url::Url = server.parse().unwrap();
    let upstream = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let seen = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut here, _)) = listener.accept().await {
            let (upstream, seen) = (upstream.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut there = TcpStream::connect(upstream).await.unwrap();
                let mut start = vec![0; 16_384];
                let read = here.read(&mut start).await.unwrap();
                there.write_all(&start[..read]).await.unwrap();
                let lost =
                    start.starts_with(line.as_bytes()) && seen.fetch_add(1, Ordering::SeqCst) + 1 == count;
                let (mut from_here, mut to_here) = here.split();
                let (mut from_there, mut to_there) = there.split();
                let answer = async {
                    if lost {
                        // The first byte of the answer: what was asked is done.
                        from_there.read_u8().await.unwrap();
                    } else {
                        let _ = tokio::io::copy(&mut from_there, &mut to_here).await;
                    }
                };
                tokio::select! {
                    () = answer => {}
                    // The rest of the request, which alone ends nothing.
                    () = async {
                        let _ = tokio::io::copy(&mut from_here, &mut to_there).await;
                        std::future::pending::<()>().await;
                    } => {}
                }
            });
        }
    });
    address
}

fn words(lost: usize, now: Timestamp) -> String {
    format!("Answer {lost} is lost at {now}")
}

/// A thread of two that says what no other does.
fn unlike(lost: usize, now: Timestamp) -> Parcel {
    let posts = ["", ", and that is all"].map(|end| Post {
        text: words(lost, now) + end,
        facets: Vec::new(),
        images: Vec::new(),
    });
    parcel(&words(lost, now), Content::Social(Social { posts: posts.into(), url: URL.to_owned() }), now)
}

/// A thread of two goes through a connection that loses the answer to post number `lost`: a look tells what
/// is known, a repeat completes it, and each post is there once.
async fn survives(channel: &dyn Channel, now: Timestamp, lost: usize) -> String {
    let parcel = unlike(lost, now);
    let failure = channel.deliver(&parcel, &gate()).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown { .. }), "{failure}");
    let mut again = parcel;
    again.attempt = 2;
    let found = match channel.probe(&again).await {
        Probe::Arrived(receipt) => receipt.remote_id.unwrap(),
        seen => {
            assert_eq!((seen, lost), (Probe::Absent, 1), "a part of a thread is not the thread");
            channel.deliver(&again, &gate()).await.unwrap().remote_id.unwrap()
        }
    };
    assert_eq!(channel.deliver(&again, &gate()).await.unwrap().remote_id.as_deref(), Some(found.as_str()));
    found
}

const PUT: &str = "POST /xrpc/com.atproto.repo.putRecord";
const STATUS: &str = "POST /api/v1/statuses";

#[tokio::test]
async fn a_lost_answer_makes_no_second_post() {
    let now: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
    for lost in [1, 2] {
        let standins = StandIns::start(Clock::fixed(now), None).await.unwrap();
        let url = losing(&standins.bluesky_url(), PUT, lost).await;
        let channel = bluesky(&url, standins.bluesky_handle(), standins.bluesky_password());
        survives(&*channel, now, lost).await;
        assert_eq!(standins.posts().len(), 2, "{lost}");
        let url = losing(&standins.mastodon_url(), STATUS, lost).await;
        survives(&*mastodon(&url, standins.mastodon_token()), now, lost).await;
        assert_eq!(standins.posts().len(), 4, "{lost}");
    }
}

#[tokio::test]
async fn an_answer_that_a_real_pds_loses_makes_no_second_record() {
    let Some([url, handle, password]) = given(["PDS_URL", "PDS_HANDLE", "PDS_PASSWORD"]) else { return };
    for lost in [1, 2] {
        let now = Clock::system().now();
        survives(&*bluesky(&losing(&url, PUT, lost).await, &handle, &password), now, lost).await;
        assert_eq!(records(&url, &handle, &words(lost, now)).await, 2, "{lost}");
    }
}

/// How many of an account's newest posts have these words.
async fn records(url: &str, handle: &str, words: &str) -> usize {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut url: url::Url = format!("{url}/xrpc/com.atproto.repo.listRecords").parse().unwrap();
    url.query_pairs_mut().extend_pairs([
        ("repo", handle),
        ("collection", "app.bsky.feed.post"),
        ("limit", "100"),
    ]);
    let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    let texts = answer["records"].as_array().unwrap().iter().map(|record| record["value"]["text"].as_str());
    texts.filter(|text| text.is_some_and(|text| text.contains(words))).count()
}

#[tokio::test]
async fn an_answer_that_a_real_server_of_mastodons_api_loses_makes_no_second_status() {
    let Some([url, token]) = given(["MASTODON_URL", "MASTODON_TOKEN"]) else { return };
    for lost in [1, 2] {
        let now = Clock::system().now();
        let found = survives(&*mastodon(&losing(&url, STATUS, lost).await, &token), now, lost).await;
        // The look of another process finds the same two, and the oldest ones at that.
        let Probe::Arrived(seen) = mastodon(&url, &token).probe(&unlike(lost, now)).await else {
            panic!("not found")
        };
        assert_eq!(seen.remote_id.as_deref(), Some(found.as_str()));
    }
}
