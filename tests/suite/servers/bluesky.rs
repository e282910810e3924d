//! An account on a real PDS of Bluesky (`tests/endpoints/pds.sh`).

use async_trait::async_trait;
use dateline::clock::Clock;
use jiff::SignedDuration;
use serde_json::Value;

use super::{ALT, Bench, Server, holds, word};
use crate::networks::{given, png};

struct Pds {
    url: String,
    handle: String,
}

impl Pds {
    fn given() -> Option<Pds> {
        let [url, handle, _] = given(["PDS_URL", "PDS_HANDLE", "PDS_PASSWORD"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Pds { url, handle })
    }

    async fn ask(&self, method: &str, query: &[(&str, &str)]) -> reqwest::Response {
        let mut url: url::Url = format!("{}/xrpc/com.atproto.{method}", self.url).parse().unwrap();
        url.query_pairs_mut().extend_pairs(query);
        reqwest::get(url).await.unwrap()
    }

    /// The account's newest posts that hold `word`, newest first.
    async fn records(&self, word: &str) -> Vec<Value> {
        let query = [("repo", self.handle.as_str()), ("collection", "app.bsky.feed.post"), ("limit", "100")];
        let answer: Value = self.ask("repo.listRecords", &query).await.json().await.unwrap();
        let mut records = answer["records"].as_array().unwrap().clone();
        records.retain(|record| record["value"].to_string().contains(word));
        records
    }
}

#[async_trait]
impl Server for Pds {
    // A session, the picture, the record.
    const WRITES: usize = 3;

    fn url(&self) -> &str {
        &self.url
    }

    fn channel(&self, url: &str) -> String {
        format!(
            "kind: bluesky, server: \"{url}\", handle: {}, password: {{ env: DATELINE_TEST_PDS_PASSWORD }}",
            self.handle
        )
    }

    async fn things(&self, word: &str) -> Vec<String> {
        self.records(word).await.iter().map(Value::to_string).collect()
    }
}

holds!(Pds);

/// By the commands alone, as a newsroom does it: posted with its picture, answered with a correction, deleted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commits_post_correct_and_delete() {
    let Some(pds) = Pds::given() else { return };
    let (bench, word) = (Bench::new(&pds), word("life"));
    bench.release(&word, Clock::system().now() - SignedDuration::from_secs(2));
    tokio::task::block_in_place(|| bench.room.run(&["dispatch"], 0));
    let record = pds.records(&word).await.remove(0);
    let value = &record["value"];
    let text = value["text"].as_str().unwrap();
    let (facet, image) = (&value["facets"][0], &value["embed"]["images"][0]);
    let (start, end) =
        (facet["index"]["byteStart"].as_u64().unwrap(), facet["index"]["byteEnd"].as_u64().unwrap());
    let linked = &text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
    assert!(facet["features"][0]["uri"].as_str().unwrap().contains(linked.trim_end_matches('…')), "{value}");
    assert_eq!(image["alt"], ALT);
    assert_eq!(value["langs"], serde_json::json!(["en"]));
    // What was uploaded is what is served.
    let did = record["uri"].as_str().unwrap().split('/').nth(2).unwrap();
    let cid = image["image"]["ref"]["$link"].as_str().unwrap();
    let blob = pds.ask("sync.getBlob", &[("did", did), ("cid", cid)]).await.bytes().await.unwrap();
    assert_eq!(&blob[..], &png()[..]);

    bench.change(
        &word,
        "status: approved\n",
        "status: approved\ncorrection: { note: It goes 610 km not 620, class: material }\n",
    );
    let records = pds.records(&word).await;
    assert_eq!(records.len(), 2, "{records:#?}");
    let answer = records.iter().find(|one| one["uri"] != record["uri"]).unwrap();
    assert_eq!(answer["value"]["reply"]["parent"]["uri"], record["uri"]);
    assert_eq!(answer["value"]["reply"]["parent"]["cid"], record["cid"], "the original is as it was");
    assert!(answer["value"]["text"].as_str().unwrap().contains("It goes 610 km not 620"), "{answer}");

    bench.change(&word, "status: approved\n", "status: killed\nreason: It is not true\n");
    assert_eq!(pds.records(&word).await, Vec::<Value>::new());
    assert_eq!(bench.room.states().await, "3 sent");
}
