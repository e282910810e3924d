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

/// Nothing can be looked for there; and whoever tries again knows that nothing stands there.
#[tokio::test]
async fn a_site_that_does_not_list_its_posts_says_nothing_and_takes_the_next_attempt() {
    let unlisted = [
        Act::json(200, &json!({})),
        Act::json(400, &json!({"error": "invalid_request"})),
        Act::text(501, "not_implemented"),
    ];
    for (act, taken) in unlisted.into_iter().map(|act| (act, true)).chain([(Act::Close, false)]) {
        let bench = site::bench::<Site>(
            move |asked, _, done| if asked.path.contains("source") { act.clone() } else { done },
        )
        .await;
        assert_eq!(bench.channel.probe(&original()).await, Probe::CannotTell);
        let outcome = bench.outcome(&Parcel { attempt: 2, ..original() }).await;
        assert_eq!(outcome.starts_with("sent "), taken, "{outcome}");
    }
}

/// As django-indieweb: what is no address is no photo.
#[tokio::test]
async fn where_photos_have_no_descriptions_the_picture_stands_in_the_text() {
    let bench = site::bench::<Site>(|asked, _, done| {
        let text = String::from_utf8_lossy(&asked.body);
        if text.contains("\"photo\":[{") { Act::text(400, "invalid_request") } else { done }
    })
    .await;
    let outcome = bench.outcome(&original()).await;
    assert!(outcome.starts_with("sent "), "{outcome}");
    let posts = bench.blog.lock().unwrap().posts.clone();
    let post = posts.last().unwrap();
    assert_eq!(post["properties"]["photo"], Value::Null);
    let text = post["properties"]["content"][0]["html"].as_str().unwrap();
    let picture = "<img src=\"https://blog.example/1.jpg\" alt=\"The Aster EV on a coast road\">";
    assert!(text.contains(picture), "{text}");
}

/// RFC 9110 10.2.2 lets `Location` be relative, and django-indieweb lists posts by such addresses.
#[tokio::test]
async fn relative_addresses_are_the_sites() {
    let relative = |act: Act| match act {
        Act::Answer(status, headers, body) => {
            let short = |text: &str| text.replace("https://blog.example", "");
            let headers = headers.into_iter().map(|(name, value)| (name, short(&value))).collect();
            Act::Answer(status, headers, short(&String::from_utf8(body).unwrap()).into_bytes())
        }
        other => other,
    };
    let bench = site::bench::<Site>(move |_, _, act| relative(act)).await;
    let outcome = bench.outcome(&original()).await;
    let expected = format!("{}1/", bench.server.url);
    assert_eq!(outcome, format!("sent {expected}"));
    let Probe::Arrived(found) = bench.channel.probe(&original()).await else { panic!("not found") };
    assert_eq!(found.url, Some(expected));
}

#[tokio::test]
async fn a_recording_that_the_site_does_not_take_is_left_out_and_a_picture_is_not() {
    for (kind, expected) in [("application/pdf", "sent "), ("image/png", "refused: 415")] {
        let bench = site::bench::<Site>(move |asked, _, done| {
            let body = String::from_utf8_lossy(&asked.body);
            if body.contains(kind) { Act::text(415, "invalid_request") } else { done }
        })
        .await;
        let mut parcel = original();
        let mut edition = (*parcel.edition).clone();
        let mut asset = edition.assets[0].clone();
        (asset.name, asset.media_type) = (format!("more.{}", &kind[kind.len() - 3..]), kind.to_owned());
        edition.assets.push(asset);
        parcel.edition = std::sync::Arc::new(edition);
        let outcome = bench.outcome(&parcel).await;
        assert!(outcome.starts_with(expected), "{outcome}");
    }
}
