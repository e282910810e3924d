//! YouTube, after developers.google.com/youtube/v3: a server of ours that keeps state, and none of Google's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::channel::adapter::{self, Setup};
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::channel::suite::{SHORT, shown};
use crate::channel::{Previous, Secrets};
use crate::newsroom::ChannelKind;
use crate::render::{Asset, Content, Post, Social};

const SIZE: usize = 5_000_000;

#[derive(Default)]
struct Tube {
    sessions: BTreeMap<String, (Value, usize, usize)>,
    videos: BTreeMap<String, (Value, Value, Vec<String>)>,
    next: usize,
}

impl Tube {
    fn act(&mut self, asked: &Asked) -> Act {
        let path = asked.path.split('?').next().unwrap();
        let query: BTreeMap<String, String> =
            asked.path.split_once('?').map_or_else(BTreeMap::new, |(_, query)| {
                url::form_urlencoded::parse(query.as_bytes()).into_owned().collect()
            });
        if path == "/token" {
            let form: BTreeMap<String, String> =
                url::form_urlencoded::parse(&asked.body).into_owned().collect();
            if form["refresh_token"] != "geheim-refresh" || form["client_secret"] != "geheim-client" {
                return Act::json(400, &json!({ "error": "invalid_grant" }));
            }
            return Act::json(200, &json!({ "access_token": "geheim-access", "expires_in": 3599 }));
        }
        if asked.method == "HEAD" {
            return Act::text(200, "").with("date", "Tue, 01 Dec 2026 08:00:00 GMT");
        }
        if asked.headers.get("authorization").is_none_or(|value| value != "Bearer geheim-access") {
            return Act::json(401, &json!({ "error": { "code": 401, "message": "Invalid Credentials" } }));
        }
        let items = |items: Vec<Value>| Act::json(200, &json!({ "items": items }));
        let id = query.get("id").or(query.get("videoId")).cloned().unwrap_or_default();
        match (asked.method.as_str(), path) {
            ("POST", "/upload/youtube/v3/videos") => {
                assert_eq!(asked.json()["status"]["privacyStatus"], "private");
                self.next += 1;
                let session = format!("s{}", self.next);
                let length = asked.headers["x-upload-content-length"].parse().unwrap();
                self.sessions.insert(session.clone(), (asked.json(), 0, length));
                let place = format!("http://{}/upload/here?upload_id={session}", asked.headers["host"]);
                Act::text(200, "").with("location", &place)
            }
            ("PUT", "/upload/here") => {
                let Some((body, at, length)) = self.sessions.get_mut(&query["upload_id"]) else {
                    return Act::text(404, "");
                };
                let range = asked.headers["content-range"].strip_prefix("bytes ").unwrap();
                if let Some((start, _)) = range.split_once('-') {
                    assert_eq!(start.parse::<usize>().unwrap(), *at);
                    *at += asked.body.len();
                }
                if *at < *length {
                    let act = Act::text(308, "");
                    return if *at == 0 { act } else { act.with("range", &format!("bytes=0-{}", *at - 1)) };
                }
                let id = format!("v{}", query["upload_id"]);
                let new = (body["snippet"].clone(), body["status"].clone(), Vec::new());
                self.videos.entry(id.clone()).or_insert(new);
                Act::json(200, &json!({ "id": id }))
            }
            ("POST", "/upload/youtube/v3/thumbnails/set") => {
                assert_eq!(asked.body, b"FRONT");
                self.videos.get_mut(&id).unwrap().2.push("thumbnail".to_owned());
                Act::json(200, &json!({}))
            }
            ("POST", "/upload/youtube/v3/captions") => {
                let body = String::from_utf8(asked.body.clone()).unwrap();
                assert!(body.contains("WEBVTT") && body.contains("\"language\":\"en\""), "{body}");
                let id = self.videos.keys().find(|id| body.contains(&format!("\"{id}\""))).unwrap().clone();
                self.videos.get_mut(&id).unwrap().2.push("captions".to_owned());
                Act::json(200, &json!({ "id": "c" }))
            }
            ("GET", "/youtube/v3/captions") => {
                let there = self.videos[&id].2.iter().filter(|what| *what == "captions");
                items(there.map(|_| json!({ "snippet": { "name": "words" } })).collect())
            }
            ("GET", "/youtube/v3/channels") => items(vec![json!({
                "snippet": { "title": "Halden Motors" }, "contentDetails": { "relatedPlaylists": { "uploads": "UU" } },
            })]),
            ("GET", "/youtube/v3/playlistItems") => items(
                self.videos
                    .keys()
                    .map(|id| json!({ "snippet": { "publishedAt": "2026-12-01T08:00:01Z" }, "contentDetails": { "videoId": id } }))
                    .collect(),
            ),
            ("GET", "/youtube/v3/videos") => items(
                id.split(',')
                    .filter_map(|id| {
                        let (snippet, status, _) = self.videos.get(id)?;
                        Some(json!({ "id": id, "snippet": snippet, "status": status }))
                    })
                    .collect(),
            ),
            ("PUT", "/youtube/v3/videos") => {
                let body = asked.json();
                let Some(video) = self.videos.get_mut(body["id"].as_str().unwrap()) else {
                    return Act::text(404, "");
                };
                if query["part"] == "status" {
                    video.1 = body["status"].clone();
                } else {
                    video.0 = body["snippet"].clone();
                }
                Act::json(200, &json!({ "id": body["id"], "snippet": video.0, "status": video.1 }))
            }
            ("DELETE", "/youtube/v3/videos") => match self.videos.remove(&id) {
                Some(_) => Act::Answer(204, vec![], vec![]),
                None => Act::text(404, ""),
            },
            _ => panic!("{}", asked.line()),
        }
    }

    /// The videos that everybody sees, each with its title and what it was given.
    fn public(&self) -> Vec<String> {
        let shown = self.videos.iter().filter(|(_, (_, status, _))| status["privacyStatus"] == "public");
        shown
            .map(|(id, (snippet, _, given))| format!("{id} {} {}", snippet["title"], given.join(" ")))
            .collect()
    }
}

struct Bench {
    server: Scripted,
    tube: Arc<Mutex<Tube>>,
    channel: Box<dyn Channel>,
}

fn open(server: &Scripted) -> Box<dyn Channel> {
    let url = server.url.as_str();
    let config = json!({
        "client_id": "client", "client_secret": { "env": "S" }, "refresh_token": { "env": "R" }, "endpoint": url, "login": url,
    });
    let config = ChannelConfig::from_json(ChannelKind::Youtube, config);
    let secrets =
        Secrets::none().with("client_secret", "geheim-client").with("refresh_token", "geheim-refresh");
    adapter::open(&config, &Setup { root: Path::new("."), secrets: &secrets, patience: SHORT }).unwrap()
}

async fn bench(spoil: impl Fn(&Asked, usize, &mut Tube) -> Act + Send + Sync + 'static) -> Bench {
    let tube = Arc::new(Mutex::new(Tube::default()));
    let shared = Arc::clone(&tube);
    let server =
        Scripted::start(move |asked, number| spoil(asked, number, &mut shared.lock().unwrap())).await;
    Bench { channel: open(&server), server, tube }
}

impl Bench {
    async fn outcome(&self, parcel: &Parcel) -> String {
        let shown = shown(&self.channel.deliver(parcel, &Counting::open()).await);
        assert!(!shown.contains("geheim") && !shown.contains("upload_id"), "{shown}");
        shown
    }

    fn public(&self) -> Vec<String> {
        self.tube.lock().unwrap().public()
    }
}

fn original() -> Parcel {
    let text = "It goes 620 km. <WLTP> https://news.halden.example/2026/aster-ev/".to_owned();
    let social = Social {
        posts: vec![Post { text, facets: vec![], images: vec![] }],
        url: "https://news.halden.example/2026/aster-ev/".to_owned(),
    };
    let file =
        |name: &str, kind: &str, bytes: &[u8]| Asset { media_type: kind.to_owned(), ..picture(name, bytes) };
    let film: Vec<u8> = (0..SIZE).map(|at| u8::try_from(at % 251).unwrap()).collect();
    let assets = vec![
        file("film.mp4", "video/mp4", &film),
        picture("front.jpg", b"FRONT"),
        file("words.vtt", "text/vtt", b"WEBVTT\n"),
    ];
    parcel(Content::Social(social), assets)
}

fn again(parcel: Parcel) -> Parcel {
    Parcel { attempt: 2, now: parcel.due + jiff::SignedDuration::from_mins(5), ..parcel }
}

fn about(notice: Notice, id: &str) -> Parcel {
    let previous = Previous { remote_id: Some(id.to_owned()), wire_key: "earlier".to_owned() };
    let mut parcel = Parcel { notice, previous: Some(previous), ..original() };
    let mut edition = (*parcel.edition).clone();
    edition.title = "Corrected".to_owned();
    parcel.edition = Arc::new(edition);
    parcel
}

#[tokio::test]
async fn a_video_is_private_until_all_of_it_is_there() {
    let early = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&early);
    let bench = bench(move |asked, _, tube| {
        seen.lock().unwrap().extend(tube.public());
        tube.act(asked)
    })
    .await;
    assert_eq!(bench.outcome(&original()).await, "sent vs1");
    assert!(early.lock().unwrap().is_empty(), "nobody saw it before the last step");
    assert_eq!(bench.public(), ["vs1 \"Aster EV goes 620 km on one charge\" thumbnail captions"]);
    let lines = bench.server.lines();
    assert_eq!(lines.iter().filter(|line| line.starts_with("PUT /upload/here")).count(), 3, "{lines:?}");
    let tube = bench.tube.lock().unwrap();
    let (snippet, _, _) = &tube.videos["vs1"];
    assert!(snippet["description"].as_str().unwrap().starts_with("It goes 620 km. ‹WLTP›"));
    assert!(snippet["tags"][0].as_str().unwrap().starts_with("dl-"));
}

#[tokio::test]
async fn whatever_is_lost_there_is_one_video_in_the_end() {
    let clean = bench(|asked, _, tube| tube.act(asked)).await;
    clean.outcome(&original()).await;
    let count = clean.server.asked().len();
    for lost in 1..count {
        for (act, process_dies) in
            [(Act::Close, false), (Act::text(500, ""), true), (Act::text(200, "?"), true)]
        {
            let spoil = act.clone();
            let bench = bench(move |asked, number, tube| {
                let done = tube.act(asked);
                if number == lost { spoil.clone() } else { done }
            })
            .await;
            let line = clean.server.lines()[lost].clone();
            let first = bench.outcome(&original()).await;
            assert!(!first.starts_with("refused"), "{line}: {first}");
            let other = open(&bench.server);
            let channel = if process_dies { &other } else { &bench.channel };
            let parcel = again(original());
            let mut second = shown(&channel.deliver(&parcel, &Counting::open()).await);
            if second.starts_with("later") {
                second = shown(&channel.deliver(&parcel, &Counting::open()).await);
            }
            assert!(second.starts_with("sent "), "{line} became {act:?}: {first}, then {second}");
            assert_eq!(bench.public().len(), 1, "{line}");
            assert_eq!(
                bench.tube.lock().unwrap().videos.len(),
                1,
                "{line}: no second one, not even a private one"
            );
        }
    }
}

#[tokio::test]
async fn a_look_tells_what_is_public() {
    let bench = bench(|asked, _, tube| tube.act(asked)).await;
    assert_eq!(bench.channel.probe(&original()).await, Probe::Absent);
    bench.outcome(&original()).await;
    assert!(matches!(bench.channel.probe(&original()).await, Probe::Arrived(_)));
    bench.tube.lock().unwrap().videos.get_mut("vs1").unwrap().1["privacyStatus"] = json!("private");
    assert_eq!(bench.channel.probe(&original()).await, Probe::Absent, "a private one is gone on with");
    let copy = bench.tube.lock().unwrap().videos["vs1"].clone();
    bench.tube.lock().unwrap().videos.insert("vs9".to_owned(), copy);
    assert_eq!(bench.channel.probe(&original()).await, Probe::CannotTell, "two with one key");
    assert!(bench.outcome(&again(original())).await.starts_with("outcome unknown"));
}

#[tokio::test]
async fn it_is_corrected_held_and_withdrawn() {
    let bench = bench(|asked, _, tube| tube.act(asked)).await;
    bench.outcome(&original()).await;
    let tag = bench.tube.lock().unwrap().videos["vs1"].0["tags"][0].clone();
    for notice in [Notice::Hold, Notice::Correction, Notice::Kill] {
        let parcel = about(notice, "vs1");
        assert_eq!(bench.channel.probe(&parcel).await, Probe::Absent, "{notice:?}");
        assert_eq!(bench.outcome(&parcel).await, "sent vs1");
        assert!(matches!(bench.channel.probe(&parcel).await, Probe::Arrived(_)), "{notice:?}");
        let expected: &[&str] =
            if notice == Notice::Correction { &["vs1 \"Corrected\" thumbnail captions"] } else { &[] };
        assert_eq!(bench.public(), expected, "{notice:?}");
        if notice == Notice::Correction {
            assert_eq!(bench.tube.lock().unwrap().videos["vs1"].0["tags"][0], tag, "it is found by it");
        }
    }
    assert!(bench.tube.lock().unwrap().videos.is_empty());
    assert_eq!(bench.outcome(&about(Notice::Kill, "vs1")).await, "sent vs1", "what is gone is gone");
    for id in ["", "../../evil"] {
        assert!(bench.outcome(&about(Notice::Kill, id)).await.starts_with("refused: it is not known"));
    }
}

#[tokio::test]
async fn what_takes_too_long_is_published_by_the_next_attempt() {
    struct Late;
    #[async_trait]
    impl Gate for Late {
        async fn open(&self) -> bool {
            true
        }

        fn pass(&self) -> bool {
            false
        }
    }
    let bench = bench(|asked, _, tube| tube.act(asked)).await;
    let outcome = shown(&bench.channel.deliver(&original(), &Late).await);
    assert!(outcome.starts_with("later: it is uploaded, and not public yet"), "{outcome}");
    assert!(bench.public().is_empty());
    assert_eq!(bench.outcome(&again(original())).await, "sent vs1");
    assert_eq!(bench.tube.lock().unwrap().videos.len(), 1);
}

#[tokio::test]
async fn answers_have_their_meaning() {
    let reason = |status: u16, reason: &str| {
        Act::json(
            status,
            &json!({ "error": { "code": status, "message": "No.", "errors": [{ "reason": reason }] } }),
        )
    };
    for (act, expected) in [
        // The day in California ends at 08:00 UTC, and it is 08:00 UTC now.
        (reason(403, "quotaExceeded"), "pause 86400 s: 403 No."),
        (reason(400, "uploadLimitExceeded"), "pause 86400 s: 400 No."),
        (reason(403, "rateLimitExceeded").with("retry-after", "77"), "pause 77 s: 403"),
        (Act::text(429, "").with("retry-after", "77"), "pause 77 s: 429"),
        (reason(403, "forbidden"), "the channel refuses us: 403"),
        (reason(400, "invalidTitle"), "refused: 400"),
        (Act::json(401, &json!({})), "the channel refuses us: 401"),
        (Act::text(503, ""), "later: 503"),
    ] {
        let bench = bench(move |asked, _, tube| {
            if asked.path.starts_with("/upload/youtube/v3/videos") { act.clone() } else { tube.act(asked) }
        })
        .await;
        let outcome = bench.outcome(&original()).await;
        assert!(outcome.starts_with(expected), "{outcome} is not {expected}");
        assert!(bench.tube.lock().unwrap().videos.is_empty());
    }
    let revoked = bench(|asked, _, tube| {
        if asked.path == "/token" {
            Act::json(400, &json!({ "error": "invalid_grant" }))
        } else {
            tube.act(asked)
        }
    })
    .await;
    assert!(revoked.outcome(&original()).await.starts_with("the channel refuses us: 400 invalid_grant"));
    let elsewhere = bench(|asked, _, tube| {
        if asked.path.starts_with("/upload/youtube/v3/videos") {
            Act::text(200, "").with("location", "http://127.0.0.1:1/upload?upload_id=x")
        } else {
            tube.act(asked)
        }
    })
    .await;
    assert!(elsewhere.outcome(&original()).await.starts_with("the channel refuses us"));
    // An application that Google has not reviewed: the video stays private, whatever is asked for.
    let unreviewed = bench(|asked, _, tube| {
        if asked.line().starts_with("PUT /youtube/v3/videos") {
            Act::json(200, &json!({ "id": "vs1", "status": { "privacyStatus": "private" } }))
        } else {
            tube.act(asked)
        }
    })
    .await;
    let outcome = unreviewed.outcome(&original()).await;
    assert!(outcome.contains("has Google reviewed the application?"), "{outcome}");
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_and_a_closed_gate_sends_nothing() {
    let bench = bench(|asked, _, tube| tube.act(asked)).await;
    let without = |kind: &str| {
        let mut parcel = original();
        let mut edition = (*parcel.edition).clone();
        edition.assets.retain(|asset| !asset.media_type.starts_with(kind));
        parcel.edition = Arc::new(edition);
        parcel
    };
    assert_eq!(bench.outcome(&without("video/")).await, "refused: the release has no video");
    let gate = Counting::closed();
    assert_eq!(bench.channel.deliver(&original(), &gate).await, Err(Failure::GateClosed));
    assert!(bench.server.asked().is_empty());
    assert_eq!(bench.outcome(&without("text/")).await, "sent vs1", "captions may be missing");
    let seen = bench.channel.examine().await;
    assert!(seen[0].good && seen[0].seen.starts_with("Halden Motors"), "{seen:?}");
}
