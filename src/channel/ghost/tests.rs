//! Against a server that follows the published contract.

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::channel::scripted::{Act, Asked};
use crate::channel::suite::site::{self, Blog, about, original};
use crate::newsroom::ChannelKind;

const ID: &str = "6748592f4b9b7700010f6564";

/// A Ghost, as far as this adapter looks at it.
#[derive(Default)]
struct Site {
    posts: Vec<Value>,
    changed: u64,
}

impl Blog for Site {
    const KIND: ChannelKind = ChannelKind::Ghost;
    const KEY: (&'static str, &'static str) =
        ("key", "6748592f4b9b7700010f6564:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    const REQUESTS: usize = 4;

    fn config(url: &Url) -> Value {
        json!({"url": url.as_str(), "key": {"env": "K"}})
    }

    fn act(&mut self, asked: &Asked) -> Act {
        if asked.path == "/" {
            return Act::text(200, "").with("date", "Tue, 01 Dec 2026 08:00:00 GMT");
        }
        let url: Url = format!("http://x{}", asked.path).parse().unwrap();
        let filter =
            url.query_pairs().find(|(name, _)| name == "filter").map(|(_, value)| value.into_owned());
        let post = || asked.json()["posts"][0].clone();
        let answer = |status, posts: &[&Value]| Act::json(status, &json!({ "posts": posts }));
        self.changed += 1;
        match (asked.method.as_str(), url.path()) {
            ("GET", "/ghost/api/admin/posts/") => {
                let tag = filter.unwrap_or_default().replace("tag:hash-", "#");
                let with = |post: &&Value| {
                    post["tags"].as_array().unwrap().iter().any(|one| one["name"] == tag.as_str())
                };
                answer(200, &self.posts.iter().filter(with).collect::<Vec<_>>())
            }
            ("POST", "/ghost/api/admin/posts/") => {
                let post = self.stored(&post());
                self.posts.push(post.clone());
                answer(201, &[&post])
            }
            (method, path) if path == format!("/ghost/api/admin/posts/{ID}/") => match self.posts.first() {
                None => Act::json(404, &json!({"errors": [{"type": "NotFoundError"}]})),
                Some(stored) if method == "PUT" && stored["updated_at"] != post()["updated_at"] => {
                    Act::json(409, &json!({"errors": [{"type": "UpdateCollisionError"}]}))
                }
                Some(_) if method == "PUT" => {
                    self.posts[0] = self.stored(&post());
                    answer(200, &[&self.posts[0]])
                }
                Some(stored) => answer(200, &[stored]),
            },
            ("POST", "/ghost/api/admin/images/upload/") => Act::json(
                201,
                &json!({"images": [{"url": format!("https://blog.example/{}.jpg", self.changed)}]}),
            ),
            _ => Act::text(404, ""),
        }
    }

    fn shown(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let shown = self.posts.iter().filter(|post| post["status"] == "published");
        shown.map(|post| (text(&post["title"]), text(&post["html"]))).collect()
    }

    fn hidden(&self) -> usize {
        self.posts.len() - self.shown().len()
    }
}

impl Site {
    fn stored(&self, post: &Value) -> Value {
        let mut post = post.clone();
        post["id"] = json!(ID);
        post["url"] = json!("https://blog.example/aster-ev/");
        post["updated_at"] = json!(format!("2026-12-01T08:00:00.{:03}Z", self.changed));
        post
    }
}

#[tokio::test]
async fn it_holds_to_what_every_blog_does() {
    site::holds::<Site>().await;
}

#[tokio::test]
async fn an_edit_that_meets_another_is_read_again() {
    let bench = site::bench::<Site>(|asked, number, act| {
        if number == 5 && asked.method == "PUT" {
            Act::json(409, &json!({"errors": [{"type": "UpdateCollisionError"}]}))
        } else {
            act
        }
    })
    .await;
    assert_eq!(bench.outcome(&original()).await, format!("sent {ID}"));
    let kill = about(Notice::Kill, "It was wrong.", Some(ID));
    assert!(bench.outcome(&kill).await.starts_with("later: 409"));
    assert_eq!(bench.outcome(&kill).await, format!("sent {ID}"));
    // Ghost is never asked to send mails of its own.
    for asked in bench.server.asked() {
        assert!(!asked.path.contains("newsletter") && !asked.path.contains("email"), "{}", asked.path);
        assert!(!String::from_utf8_lossy(&asked.body).contains("newsletter"));
    }
}

/// A token as the documentation's example makes it: three parts, the site's audience, five minutes.
#[tokio::test]
async fn a_token_is_what_ghost_expects() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let bench = site::bench::<Site>(|_, _, act| act).await;
    bench.outcome(&original()).await;
    let token = bench.server.asked()[0].headers["authorization"].strip_prefix("Ghost ").unwrap().to_owned();
    let parts: Vec<Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], json!({"alg": "HS256", "typ": "JWT", "kid": ID}));
    let due = original().now.as_second();
    assert_eq!(parts[1], json!({"iat": due, "exp": due + 290, "aud": "/admin/"}));
    let key = ring::hmac::Key::new(
        ring::hmac::HMAC_SHA256,
        &[0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]
            .repeat(2),
    );
    let (signed, signature) = token.rsplit_once('.').unwrap();
    ring::hmac::verify(&key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
}
