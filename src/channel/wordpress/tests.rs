//! Against a server that follows the published contract; `tests/suite/wordpress.rs` has the real one.

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::channel::Previous;
use crate::channel::scripted::{Act, Asked};
use crate::channel::suite::site::{self, Bench, Blog, about, original};
use crate::newsroom::ChannelKind;

/// A WordPress, as far as this adapter looks at it.
#[derive(Default)]
struct Site {
    posts: Vec<Value>,
    media: Vec<Value>,
}

impl Blog for Site {
    const KIND: ChannelKind = ChannelKind::Wordpress;
    const KEY: (&'static str, &'static str) = ("password", "geheim geheim");
    const REQUESTS: usize = 4;

    fn config(url: &Url) -> Value {
        json!({"url": url.as_str(), "username": "press", "password": {"env": "P"}, "categories": [3]})
    }

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

    fn shown(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let shown = self.posts.iter().filter(|post| post["status"] == "publish");
        shown.map(|post| (text(&post["title"]), text(&post["content"]["raw"]))).collect()
    }

    fn hidden(&self) -> usize {
        self.posts.len() - self.shown().len()
    }
}

impl Site {
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

async fn bench(spoil: impl Fn(&Asked, usize, Act) -> Act + Send + Sync + 'static) -> Bench<Site> {
    site::bench(spoil).await
}

#[tokio::test]
async fn it_holds_to_what_every_blog_does() {
    site::holds::<Site>().await;
}

#[tokio::test]
async fn a_post_is_a_draft_until_its_pictures_are_there() {
    let bench = bench(|_, _, act| act).await;
    assert_eq!(bench.outcome(&original()).await, "sent 7");
    let asked = bench.server.asked();
    let steps: Vec<String> = asked
        .iter()
        .map(|asked| {
            let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
            let status = body["status"].as_str().unwrap_or_default();
            format!("{} {status}", asked.path.rsplit("%2F").next().unwrap())
        })
        .collect();
    assert_eq!(steps, ["posts draft", "media ", "media ", "7 publish"]);
    assert_eq!((&asked[0].json()["slug"], &asked[0].json()["categories"]), (&json!("aster-ev"), &json!([3])));
    assert_eq!(bench.blog.lock().unwrap().posts[0]["featured_media"], 20);
    assert!(String::from_utf8_lossy(&asked[1].body).contains("The Aster EV on a coast road"));
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
async fn no_picture_is_uploaded_twice_and_a_kill_leaves_none() {
    let bench = bench(|_, number, act| if number == 2 { Act::Close } else { act }).await;
    assert!(bench.outcome(&original()).await.starts_with("later"));
    assert_eq!(bench.outcome(&Parcel { attempt: 2, ..original() }).await, "sent 7");
    assert_eq!(bench.blog.lock().unwrap().media.len(), 2);
    assert_eq!(bench.outcome(&about(Notice::Kill, "It was wrong.", Some("7"))).await, "sent 7");
    assert_eq!(bench.blog.lock().unwrap().media.len(), 0);
}

#[tokio::test]
async fn what_somebody_deleted_is_published_anew_when_it_is_corrected_and_left_when_it_is_killed() {
    let bench = bench(|_, _, act| act).await;
    let previous = Previous { remote_id: Some("99".to_owned()), wire_key: original().wire_key };
    let kill = Parcel { previous: Some(previous.clone()), ..about(Notice::Kill, "It was wrong.", None) };
    assert_eq!(bench.outcome(&kill).await, "sent -");
    let correction = Parcel { previous: Some(previous), ..about(Notice::Correction, "x", None) };
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
        (error(400, "rest_invalid_param"), "refused: 400"),
        (error(503, "maintenance"), "outcome unknown"),
    ] {
        let got = bench(move |_, _, _| act.clone()).await.outcome(&original()).await;
        assert!(got.starts_with(expected), "{got} is not {expected}");
    }
    // An account that may not publish makes a post that waits for an editor.
    let pending = |_: &Asked, number, act| {
        if number == 3 { Act::json(200, &json!({"id": 7, "status": "pending", "link": ""})) } else { act }
    };
    let got = bench(pending).await.outcome(&original()).await;
    assert!(got.starts_with("the channel refuses us: the post 7 is `pending`"), "{got}");
}
