//! Against a server that follows the published contract; `tests/suite/wordpress.rs` has the real one.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::channel::adapter;
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::channel::suite::{SHORT, shown};
use crate::channel::{Previous, Secrets};
use crate::newsroom::ChannelKind;
use crate::render::{Content, Entry, Look, Standing};

const PAGE: &str = "https://news.halden.example/2026/aster-ev/";

fn page() -> Page {
    Page {
        path: "2026/aster-ev/".to_owned(),
        html: String::new(),
        entry: Entry {
            slug: "aster-ev".to_owned(),
            language: "en".parse().unwrap(),
            url: PAGE.to_owned(),
            title: "Aster EV goes 620 km".to_owned(),
            kicker: None,
            summary: "A family car.".to_owned(),
            content_html: format!("<p>It goes.</p><img src=\"{PAGE}in%20text.jpg\" alt=\"x\">"),
            tags: vec![],
            published: "2026-12-01T08:00:00Z".parse().unwrap(),
            updated: "2026-12-01T08:00:00Z".parse().unwrap(),
            image: None,
            audio: None,
            withdrawn: false,
            notice: None,
        },
        text: String::new(),
        look: Look {
            name: "Halden Newsroom".to_owned(),
            organization: "Halden Motors".to_owned(),
            url: "https://news.halden.example".to_owned(),
            language: "en".parse().unwrap(),
            timezone: "Europe/Stockholm".to_owned(),
            logo: None,
            accent: "#b5431f".to_owned(),
            ink: "#0e2230".to_owned(),
            paper: "#faf6ee".to_owned(),
        },
    }
}

fn original() -> Parcel {
    let drawing =
        crate::render::Asset { media_type: "image/svg+xml".to_owned(), ..picture("map.svg", b"<svg>") };
    let pictures = vec![picture("front.jpg", b"FRONT"), picture("in text.jpg", b"TEXT"), drawing];
    parcel(Content::Page(page()), pictures)
}

fn about(notice: Notice, words: &str) -> Parcel {
    let mut page = page();
    page.entry.notice = Some(Standing {
        label: "Note".to_owned(),
        day: "2 December 2026".to_owned(),
        words: words.to_owned(),
    });
    if notice == Notice::Kill {
        page.entry.withdrawn = true;
        page.entry.content_html = format!("<p>{words}</p>");
    }
    let previous = Previous { remote_id: Some("7".to_owned()), wire_key: original().wire_key };
    let mut parcel = Parcel {
        notice,
        previous: Some(previous),
        ..parcel(Content::Page(page), vec![picture("front.jpg", b"FRONT")])
    };
    parcel.wire_key = format!("{}b", &parcel.wire_key[..63]);
    parcel
}

/// A blog with one post, as far as this adapter looks at it.
#[derive(Default)]
struct Blog {
    posts: Vec<Value>,
    media: Vec<Value>,
}

impl Blog {
    fn act(&mut self, asked: &Asked) -> Act {
        let url: Url = format!("http://x{}", asked.path).parse().unwrap();
        let of =
            |key: &str| url.query_pairs().find(|(name, _)| name == key).map(|(_, value)| value.into_owned());
        let route = of("rest_route").unwrap();
        let steps: Vec<&str> = route.split('/').collect();
        match (asked.method.as_str(), steps.as_slice()) {
            ("GET", ["", "wp", "v2", "posts"]) => {
                let marker = of("search").unwrap();
                let found = self
                    .posts
                    .iter()
                    .filter(|post| post["content"]["raw"].as_str().unwrap().contains(&marker));
                Act::json(200, &json!(found.collect::<Vec<_>>()))
            }
            ("GET", ["", "wp", "v2", "posts", id]) => {
                self.post(id).map_or(gone(), |post| Act::json(200, post))
            }
            ("POST", ["", "wp", "v2", "posts"]) => {
                let post = written(7 + self.posts.len(), &asked.json());
                self.posts.push(post.clone());
                Act::json(201, &post)
            }
            ("POST", ["", "wp", "v2", "posts", id]) => match self.post(id) {
                None => gone(),
                Some(post) => {
                    *post = written(id.parse().unwrap(), &asked.json());
                    Act::json(200, post)
                }
            },
            ("GET", ["", "wp", "v2", "media"]) => Act::json(200, &json!(self.media)),
            ("POST", ["", "wp", "v2", "media"]) => {
                let body = String::from_utf8_lossy(&asked.body).into_owned();
                let slug = body.split("name=\"slug\"\r\n\r\n").nth(1).unwrap().split("\r\n").next().unwrap();
                let id = 20 + self.media.len();
                let medium =
                    json!({"id": id, "slug": slug, "source_url": format!("https://blog.example/{id}.jpg")});
                self.media.push(medium.clone());
                Act::json(201, &medium)
            }
            ("DELETE", ["", "wp", "v2", "media", id]) => {
                self.media.retain(|medium| medium["id"].as_u64() != id.parse().ok());
                Act::json(200, &json!({}))
            }
            _ => Act::json(404, &json!({"code": "rest_no_route", "message": "No route"})),
        }
    }

    fn post(&mut self, id: &str) -> Option<&mut Value> {
        self.posts.iter_mut().find(|post| post["id"].as_u64() == id.parse().ok())
    }
}

fn written(id: usize, body: &Value) -> Value {
    json!({"id": id, "status": body["status"], "link": format!("https://blog.example/2026/{id}/"),
           "title": body["title"], "content": {"raw": body["content"]}, "featured_media": body["featured_media"]})
}

fn gone() -> Act {
    Act::json(404, &json!({"code": "rest_post_invalid_id", "message": "Invalid post ID."}))
}

struct Bench {
    server: Scripted,
    blog: Arc<Mutex<Blog>>,
    channel: Box<dyn Channel>,
}

/// A blog, and what `spoil` makes of its answers, which it has acted on by then.
async fn bench(spoil: impl Fn(&Asked, usize, Act) -> Act + Send + Sync + 'static) -> Bench {
    let blog = Arc::new(Mutex::new(Blog::default()));
    let server = {
        let blog = Arc::clone(&blog);
        Scripted::start(move |asked, number| spoil(asked, number, blog.lock().unwrap().act(asked))).await
    };
    let config =
        json!({"url": server.url.as_str(), "username": "press", "password": {"env": "P"}, "categories": [3]});
    let config = ChannelConfig::from_json(ChannelKind::Wordpress, config);
    let secrets = Secrets::none().with("password", "geheim geheim");
    let setup = adapter::Setup { root: std::path::Path::new("."), secrets: &secrets, patience: SHORT };
    let channel = adapter::open(&config, &setup).unwrap();
    Bench { server, blog, channel }
}

impl Bench {
    async fn outcome(&self, parcel: &Parcel) -> String {
        let shown = shown(&self.channel.deliver(parcel, &Counting::open()).await);
        assert!(!shown.contains("geheim"), "{shown}");
        shown
    }

    fn raw(&self) -> String {
        self.blog.lock().unwrap().posts[0]["content"]["raw"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn a_post_appears_whole() {
    let bench = bench(|_, _, act| act).await;
    assert_eq!(bench.outcome(&original()).await, "sent 7");
    let asked = bench.server.asked();
    let steps: Vec<(String, Option<String>)> = asked
        .iter()
        .map(|asked| {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            (asked.path.rsplit("%2F").next().unwrap().to_owned(), body["status"].as_str().map(str::to_owned))
        })
        .collect();
    let step = |route: &str, status: Option<&str>| (route.to_owned(), status.map(str::to_owned));
    let expected =
        [step("posts", Some("draft")), step("media", None), step("media", None), step("7", Some("publish"))];
    assert_eq!(steps, expected);
    assert_eq!((&asked[0].json()["slug"], &asked[0].json()["categories"]), (&json!("aster-ev"), &json!([3])));
    let raw = bench.raw();
    assert!(raw.contains("src=\"https://blog.example/21.jpg\"") && !raw.contains(PAGE), "{raw}");
    assert!(raw.contains(&post::marker(&original().wire_key)), "{raw}");
    assert_eq!(bench.blog.lock().unwrap().posts[0]["featured_media"], 20);
    let upload = String::from_utf8_lossy(&asked[1].body).into_owned();
    assert!(
        upload.contains("The Aster EV on a coast road") && !upload.contains("filename=\"front"),
        "{upload}"
    );
}

/// After the answer number `lost` became `act`, one more attempt ends with one post and no picture twice.
async fn survives(lost: usize, act: Act) {
    let bench = bench(move |_, number, done| if number == lost { act.clone() } else { done }).await;
    let first = bench.outcome(&original()).await;
    assert!(first.starts_with("outcome unknown") || first.starts_with("later"), "{lost}: {first}");
    let again = Parcel { attempt: 2, ..original() };
    match bench.channel.probe(&again).await {
        Probe::Arrived(receipt) => assert_eq!((lost, receipt.remote_id.as_deref()), (3, Some("7"))),
        seen => assert_eq!(seen, Probe::Absent, "{lost}"),
    }
    assert_eq!(bench.outcome(&again).await, "sent 7", "{lost}");
    let blog = bench.blog.lock().unwrap();
    assert_eq!((blog.posts.len(), blog.media.len()), (1, 2), "{lost}");
    assert_eq!(blog.posts[0]["status"], "publish");
}

#[tokio::test]
async fn whatever_answer_is_lost_there_is_one_post() {
    for lost in 0..4 {
        for act in [Act::Close, Act::Hang, Act::text(500, ""), Act::text(200, "?")] {
            survives(lost, act).await;
        }
    }
}

#[tokio::test]
async fn two_posts_with_one_key_are_a_persons_to_judge() {
    let bench = bench(|_, _, act| act).await;
    bench.outcome(&original()).await;
    {
        let mut blog = bench.blog.lock().unwrap();
        let mut copy = blog.posts[0].clone();
        copy["id"] = json!(8);
        blog.posts.push(copy);
    }
    let again = Parcel { attempt: 2, ..original() };
    assert_eq!(bench.channel.probe(&again).await, Probe::CannotTell);
    assert!(bench.outcome(&again).await.starts_with("outcome unknown: two posts"));
}

#[tokio::test]
async fn a_correction_stands_on_top_and_what_is_withdrawn_is_gone() {
    let bench = bench(|_, _, act| act).await;
    bench.outcome(&original()).await;
    assert_eq!(bench.outcome(&about(Notice::Correction, "It goes 610 km.")).await, "sent 7");
    let raw = bench.raw();
    assert!(
        raw.contains("<strong>Note, 2 December 2026.</strong> It goes 610 km.</p>\n<p>It goes.</p>"),
        "{raw}"
    );
    assert_eq!(bench.blog.lock().unwrap().media.len(), 2);
    assert_eq!(bench.outcome(&about(Notice::Kill, "It was wrong.")).await, "sent 7");
    let raw = bench.raw();
    assert!(raw.contains("It was wrong.") && !raw.contains("It goes."), "{raw}");
    let blog = bench.blog.lock().unwrap();
    assert_eq!((blog.posts.len(), blog.media.len()), (1, 0));
    assert_eq!(blog.posts[0]["title"], "Note: Aster EV goes 620 km");
}

#[tokio::test]
async fn what_is_not_known_by_its_id_is_found_by_its_key() {
    let bench = bench(|_, _, act| act).await;
    bench.outcome(&original()).await;
    let mut correction = about(Notice::Correction, "It goes 610 km.");
    correction.previous.as_mut().unwrap().remote_id = None;
    assert_eq!(bench.outcome(&correction).await, "sent 7");
    // Deleted by somebody: a correction is published anew, a kill has nothing left to do.
    bench.blog.lock().unwrap().posts.clear();
    let kill = about(Notice::Kill, "It was wrong.");
    assert_eq!(bench.outcome(&kill).await, "sent -");
    assert_eq!(
        bench.outcome(&Parcel { previous: None, ..kill }).await,
        "refused: it is not known what was published"
    );
    assert_eq!(bench.outcome(&correction).await, "sent 7");
}

#[tokio::test]
async fn each_refusal_has_its_meaning() {
    let error =
        |status, code: &str| Act::json(status, &json!({"code": code, "message": "geheim geheim is wrong"}));
    for (act, expected) in [
        (error(401, "incorrect_password"), "the channel refuses us: 401"),
        (error(403, "rest_cannot_create"), "the channel refuses us: 403"),
        (error(400, "rest_forbidden_context"), "the channel refuses us: 400"),
        (error(404, "rest_no_route"), "the channel refuses us: 404"),
        (Act::text(404, "<html>"), "the channel refuses us: 404"),
        (error(400, "rest_invalid_param"), "refused: 400"),
        (error(429, "slow"), "later: 429"),
        (Act::text(301, "").with("location", "http://127.0.0.1:1/"), "the channel refuses us"),
        (error(503, "maintenance"), "outcome unknown"),
    ] {
        let bench = bench(move |_, _, _| act.clone()).await;
        let got = bench.outcome(&original()).await;
        assert!(got.starts_with(expected), "{got} is not {expected}");
    }
    // An account that may not publish makes a post that waits for an editor.
    let pending = |_: &Asked, number, act| {
        if number == 3 { Act::json(200, &json!({"id": 7, "status": "pending", "link": ""})) } else { act }
    };
    let got = bench(pending).await.outcome(&original()).await;
    assert!(got.starts_with("the channel refuses us: the post 7 is `pending`"), "{got}");
}

#[tokio::test]
async fn a_closed_gate_sends_nothing() {
    for parcel in [original(), about(Notice::Correction, "x"), about(Notice::Kill, "x")] {
        let bench = bench(|_, _, act| act).await;
        let outcome = bench.channel.deliver(&parcel, &Counting::closed()).await;
        assert_eq!(outcome, Err(Failure::GateClosed));
        assert!(bench.server.asked().is_empty());
    }
}
