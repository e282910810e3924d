//! A blog on a real Ghost (`tests/endpoints/ghost.sh`).

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dateline::clock::Clock;
use reqwest::{Client, Method};
use ring::hmac;
use serde_json::{Value, json};

use super::{ALT, Bench, Server, holds, word};
use crate::networks::given;

/// The site, as its administrators see it.
struct Ghost {
    url: String,
    id: String,
    key: hmac::Key,
    http: Client,
}

impl Ghost {
    fn given() -> Option<Ghost> {
        let [url, key] = given(["GHOST_URL", "GHOST_KEY"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (id, secret) = key.split_once(':').unwrap();
        let byte = |at: usize| u8::from_str_radix(&secret[at..at + 2], 16).unwrap();
        let secret: Vec<u8> = (0..secret.len()).step_by(2).map(byte).collect();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        Some(Ghost { url, id: id.to_owned(), key, http: Client::new() })
    }

    /// ghost.org/docs/admin-api/#token-generation
    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let now = Clock::system().now().as_second();
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = part(json!({ "alg": "HS256", "typ": "JWT", "kid": self.id }));
        let signed = format!("{head}.{}", part(json!({ "iat": now, "exp": now + 60, "aud": "/admin/" })));
        let sign = URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        let mut url: url::Url = format!("{}/ghost/api/admin/{path}", self.url).parse().unwrap();
        url.query_pairs_mut().extend_pairs(query);
        let mut request =
            self.http.request(method, url).header("authorization", format!("Ghost {signed}.{sign}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap_or_default())
    }

    async fn posts(&self, word: &str) -> Vec<Value> {
        let filter = format!("title:~'{word}'");
        let query = [("filter", filter.as_str()), ("formats", "html"), ("limit", "50"), ("include", "tags")];
        let (status, found) = self.ask(Method::GET, "posts/", &query, None).await;
        assert_eq!(status, 200, "{found}");
        found["posts"].as_array().unwrap().clone()
    }

    async fn page(&self, url: &str) -> (u16, String) {
        let answer = self.http.get(url).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

#[async_trait]
impl Server for Ghost {
    // A draft, the picture, publishing.
    const WRITES: usize = 3;

    fn url(&self) -> &str {
        &self.url
    }

    fn channel(&self, url: &str) -> String {
        format!("kind: ghost, url: \"{url}\", key: {{ env: DATELINE_TEST_GHOST_KEY }}")
    }

    async fn things(&self, word: &str) -> Vec<String> {
        let shown = |post: &Value| {
            format!(
                "{} with {}",
                post["status"].as_str().unwrap(),
                post["feature_image_alt"].as_str().unwrap_or("nothing")
            )
        };
        self.posts(word).await.iter().map(shown).collect()
    }
}

holds!(Ghost);

/// By the commands alone, as a newsroom does it: published, corrected, withdrawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_publish_correct_and_withdraw() {
    let Some(ghost) = Ghost::given() else { return };
    let (bench, word) = (Bench::new(&ghost), word("life"));
    bench.pictured(&word);
    let first = format!("First words, {word}.");
    assert_eq!(ghost.things(&word).await, [format!("published with {ALT}")]);
    let post = ghost.posts(&word).await.remove(0);
    let url = post["url"].as_str().unwrap().to_owned();
    let (status, html) = ghost.page(&url).await;
    assert!(status == 200 && html.contains(&first), "{html}");
    assert!(html.contains(ALT) && html.contains("alt=\"The seats\""), "{html}");
    assert!(!html.contains("front.png") && !html.contains("inside.png"), "names can be guessed: {html}");
    assert!(!html.contains("#dl-") && !html.contains("/tag/"), "the key is no tag that readers see: {html}");
    // Everybody sees the pictures, and the feed has the post.
    let (_, feed) = ghost.page(&format!("{}/rss/", ghost.url)).await;
    assert!(feed.contains(&word), "{feed}");

    bench.change(
        &word,
        "status: approved\n",
        "status: approved\ncorrection: { note: It goes 610 km not 620, class: material }\n",
    );
    let (_, html) = ghost.page(&url).await;
    assert!(html.contains("<strong>Correction, ") && html.contains("It goes 610 km not 620"), "{html}");
    assert_eq!(ghost.posts(&word).await.len(), 1);

    bench.change(&word, "status: approved\n", "status: killed\nreason: It is not true\n");
    let (status, html) = ghost.page(&url).await;
    assert!(status == 200 && html.contains("Withdrawn: ") && html.contains("It is not true"), "{html}");
    assert!(!html.contains(&first), "{html}");
    // The theme shows other posts below it, so its own pictures are looked for in the post.
    let left = ghost.posts(&word).await;
    assert_eq!((left.len(), &left[0]["feature_image"]), (1, &Value::Null));
    assert!(!left[0]["html"].as_str().unwrap().contains("<img"), "{left:#?}");
    assert_eq!(bench.room.states().await, "3 sent");
}
