//! An account on a real server of Mastodon's API (`tests/endpoints/snac.sh`).

use async_trait::async_trait;
use dateline::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use super::{ALT, Bench, Server, holds, word};
use crate::networks::given;

struct Mastodon {
    url: String,
    token: String,
}

impl Mastodon {
    fn given() -> Option<Mastodon> {
        let [url, token] = given(["MASTODON_URL", "MASTODON_TOKEN"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Mastodon { url, token })
    }

    async fn ask(&self, path: &str) -> Value {
        let request =
            reqwest::Client::new().get(format!("{}/api/v1/{path}", self.url)).bearer_auth(&self.token);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// The account's newest statuses that hold `word`.
    async fn statuses(&self, word: &str) -> Vec<Value> {
        let me = self.ask("accounts/verify_credentials").await["id"].as_str().unwrap().to_owned();
        let mut statuses =
            self.ask(&format!("accounts/{me}/statuses?limit=40")).await.as_array().unwrap().clone();
        statuses.retain(|status| status["content"].as_str().unwrap().contains(word));
        statuses
    }
}

#[async_trait]
impl Server for Mastodon {
    // The picture, the status.
    const WRITES: usize = 2;

    fn url(&self) -> &str {
        &self.url
    }

    fn channel(&self, url: &str) -> String {
        format!("kind: mastodon, server: \"{url}\", token: {{ env: DATELINE_TEST_MASTODON_TOKEN }}")
    }

    async fn things(&self, word: &str) -> Vec<String> {
        self.statuses(word).await.iter().map(Value::to_string).collect()
    }
}

holds!(Mastodon);

/// By the commands alone, as a newsroom does it: posted with its picture, edited, deleted where the server can delete.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_post_edit_and_delete() {
    let Some(server) = Mastodon::given() else { return };
    let (bench, word) = (Bench::new(&server), word("life"));
    bench.release(&word, Clock::system().now() - SignedDuration::from_secs(2));
    tokio::task::block_in_place(|| bench.room.run(&["dispatch"], 0));
    let status = server.statuses(&word).await.remove(0);
    assert_eq!(status["media_attachments"][0]["description"], ALT, "{status:#}");
    assert!(status["content"].as_str().unwrap().contains("https://news.halden.example/2026/"), "{status:#}");

    bench.change(
        &word,
        "status: approved\n",
        "status: approved\ncorrection: { note: It goes 610 km not 620, class: material }\n",
    );
    let statuses = server.statuses(&word).await;
    assert_eq!(statuses.len(), 1, "{statuses:#?}");
    assert!(statuses[0]["content"].as_str().unwrap().contains("It goes 610 km not 620"), "{statuses:#?}");
    assert_eq!(statuses[0]["media_attachments"][0]["description"], ALT, "{statuses:#?}");

    bench.change(&word, "status: approved\n", "status: killed\nreason: It is not true\n");
    let left = server.statuses(&word).await;
    match bench.room.states().await.as_str() {
        "3 sent" => assert_eq!(left, Vec::<Value>::new()),
        // One that cannot delete is not said to have deleted.
        other => assert!(left.len() == 1 && !other.contains("3 sent"), "{other}: {left:#?}"),
    }
}
