//! A real site that speaks Micropub (`tests/endpoints/micropub.sh`).

use async_trait::async_trait;
use dateline::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use super::{ALT, Bench, Server, holds, word};
use crate::daemon::room::{command, texts};
use crate::networks::given;

struct Micropub {
    url: String,
}

impl Micropub {
    fn given() -> Option<Micropub> {
        let [url, _, _] = given(["MICROPUB_URL", "MICROPUB_TOKEN", "MICROPUB_OTHER"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Micropub { url })
    }

    async fn page(&self, url: &str) -> (u16, String) {
        let answer = reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    /// The address and properties of each post with this word.
    async fn posts(&self, word: &str) -> Vec<(String, Value)> {
        let all: Value = reqwest::get(format!("{}/state", self.url)).await.unwrap().json().await.unwrap();
        let of = |(path, post): (&String, &Value)| (format!("{}{path}", self.url), post.clone());
        let mut posts: Vec<(String, Value)> = all.as_object().unwrap().iter().map(of).collect();
        posts.retain(|(_, post)| post["name"][0].as_str().is_some_and(|name| name.contains(word)));
        posts
    }
}

#[async_trait]
impl Server for Micropub {
    // The picture, the post, and the post once more: this site knows no photos with descriptions.
    const WRITES: usize = 3;

    fn url(&self) -> &str {
        &self.url
    }

    fn channel(&self, url: &str) -> String {
        format!(
            "kind: micropub, endpoint: \"{url}/indieweb/micropub/\", token: {{ env: DATELINE_TEST_MICROPUB_TOKEN }}"
        )
    }

    async fn things(&self, word: &str) -> Vec<String> {
        self.posts(word).await.into_iter().map(|(url, post)| format!("{url} {post}")).collect()
    }
}

holds!(Micropub);

/// By the commands alone, as a newsroom does it: published, corrected, withdrawn.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_publish_correct_and_withdraw() {
    let Some(site) = Micropub::given() else { return };
    let (bench, word) = (Bench::new(&site), word("life"));
    bench.pictured(&word);
    let first = format!("First words, {word}.");
    let (url, _) = site.posts(&word).await.remove(0);
    assert_eq!(url, format!("{}/{word}/", site.url));
    let (status, html) = site.page(&url).await;
    assert!(status == 200 && html.contains(&first) && html.contains(&format!("alt=\"{ALT}\"")), "{html}");
    assert!(!html.contains("front.png") && !html.contains("inside.png"), "names can be guessed: {html}");
    let pictures: Vec<&str> =
        html.split("src=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(pictures.len(), 2, "{html}");
    for picture in pictures {
        assert_eq!(site.page(picture).await.0, 200, "{picture}");
    }

    bench.change(
        &word,
        "status: approved\n",
        "status: approved\ncorrection: { note: It goes 610 km not 620, class: material }\n",
    );
    let (_, html) = site.page(&url).await;
    assert!(html.contains("<strong>Correction, ") && html.contains("It goes 610 km not 620"), "{html}");
    assert!(html.contains(&first), "{html}");

    bench.change(&word, "status: approved\n", "status: killed\nreason: It is not true\n");
    let (status, html) = site.page(&url).await;
    assert!(status == 200 && html.contains("Withdrawn: ") && html.contains("It is not true"), "{html}");
    assert!(!html.contains(&first) && !html.contains("<img"), "{html}");
    assert_eq!(site.posts(&word).await.len(), 1);
    assert_eq!(bench.room.states().await, "3 sent");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_may_not_publish_is_told_so_and_nobody_fails() {
    let Some(site) = Micropub::given() else { return };
    for token in ["wrong", &given(["MICROPUB_OTHER"]).unwrap()[0]] {
        let (bench, word, now) = (Bench::new(&site), word("no"), Clock::system().now());
        bench.release(&word, now - SignedDuration::from_secs(2));
        let output = command(bench.room.dir(), &["dispatch"])
            .env("DATELINE_TEST_MICROPUB_TOKEN", token)
            .output()
            .unwrap();
        let (out, error) = texts(&output);
        assert!(!format!("{out}{error}").contains(token), "{out}{error}");
        assert_eq!(bench.room.states().await, "1 scheduled", "{out}{error}");
        let (out, error) = bench.room.run(&["status"], 0);
        assert!(format!("{out}{error}").contains("dateline resume --channel there"), "{out}{error}");
        bench.room.run(&["resume", "--channel", "there"], 0);
        let later = [now + SignedDuration::from_secs(90)];
        assert_eq!(bench.drain(site.url(), 1, &later, &word).await, ["sent"]);
        assert_eq!(site.posts(&word).await.len(), 1);
    }
}
