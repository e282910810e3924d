//! Against a server that follows the published contract, with the extension that lists posts.

use serde_json::{Value, json};
use url::Url;

use super::*;
use crate::channel::scripted::{Act, Asked};
use crate::channel::suite::site::{self, Blog, about, original};
use crate::newsroom::ChannelKind;

/// A site, as far as this adapter looks at it.
#[derive(Default)]
struct Site {
    posts: Vec<Value>,
    host: String,
    pictures: u64,
}

impl Blog for Site {
    const KIND: ChannelKind = ChannelKind::Micropub;
    const KEY: (&'static str, &'static str) = ("token", "geheim-token");
    const REQUESTS: usize = 4;

    fn config(url: &Url) -> Value {
        json!({"endpoint": format!("{url}micropub"), "token": {"env": "T"}})
    }

    fn act(&mut self, asked: &Asked) -> Act {
        self.host.clone_from(&asked.headers["host"]);
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/micropub?q=config") => {
                Act::json(200, &json!({"media-endpoint": format!("http://{}/media", self.host)}))
            }
            ("GET", "/micropub?q=source&limit=50") => Act::json(200, &json!({ "items": self.posts })),
            ("POST", "/media") => {
                self.pictures += 1;
                let url = format!("https://blog.example/{}.jpg", self.pictures);
                Act::text(201, "").with("location", &url)
            }
            ("POST", "/micropub") => self.write(&asked.json()),
            _ => Act::text(404, ""),
        }
    }

    fn shown(&self) -> Vec<(String, String)> {
        let text = |post: &Value, at: &str| post.pointer(at).and_then(Value::as_str).unwrap().to_owned();
        let both = |post| (text(post, "/properties/name/0"), text(post, "/properties/content/0/html"));
        self.posts.iter().map(both).collect()
    }

    fn hidden(&self) -> usize {
        0
    }
}

impl Site {
    fn write(&mut self, body: &Value) -> Act {
        if body["action"] == "update" {
            let url = &body["url"];
            let Some(post) = self.posts.iter_mut().find(|post| post["properties"]["url"][0] == *url) else {
                return Act::json(400, &json!({"error": "invalid_request"}));
            };
            for (name, value) in body["replace"].as_object().unwrap() {
                assert!(value.is_array(), "values of an update are lists: {body}");
                post["properties"][name] = value.clone();
            }
            return Act::text(204, "");
        }
        let url = format!("https://blog.example/{}/", self.posts.len() + 1);
        let mut post = body.clone();
        post["properties"]["url"] = json!([url]);
        self.posts.push(post);
        Act::text(201, "").with("location", &url)
    }
}

#[tokio::test]
async fn it_holds_to_what_every_blog_does() {
    site::holds::<Site>().await;
}

#[tokio::test]
async fn a_picture_has_its_description_and_goes_with_a_kill() {
    let bench = site::bench::<Site>(|_, _, act| act).await;
    bench.outcome(&original()).await;
    let photo = || bench.blog.lock().unwrap().posts[0]["properties"]["photo"].clone();
    assert_eq!(
        photo(),
        json!([{"value": "https://blog.example/1.jpg", "alt": "The Aster EV on a coast road"}])
    );
    bench.outcome(&about(Notice::Kill, "It was wrong.", Some("https://blog.example/1/"))).await;
    assert_eq!(photo(), json!([]));
}

#[tokio::test]
async fn a_site_that_does_not_list_its_posts_says_nothing() {
    for act in [Act::json(200, &json!({})), Act::json(400, &json!({"error": "invalid_request"})), Act::Close]
    {
        let bench = site::bench::<Site>(
            move |asked, _, done| if asked.path.contains("source") { act.clone() } else { done },
        )
        .await;
        bench.outcome(&original()).await;
        assert_eq!(bench.channel.probe(&original()).await, Probe::CannotTell);
    }
}
