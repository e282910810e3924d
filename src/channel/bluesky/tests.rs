use std::time::Duration;

use super::record::rkey;
use super::*;
use crate::channel::Previous;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::render::Content;
use crate::render::Facet;

const URL: &str = "https://news.halden.example/2026/aster-ev/";
const DID: &str = "did:plc:halden";

fn thread(texts: &[&str]) -> Parcel {
    let posts =
        texts.iter().map(|text| Post { text: (*text).to_owned(), facets: vec![], images: vec![] }).collect();
    parcel(Content::Social(Social { posts, url: URL.to_owned() }), vec![])
}

fn about(mut parcel: Parcel, notice: Notice, uris: &[&str]) -> Parcel {
    parcel.notice = notice;
    parcel.previous = Some(Previous { remote_id: Some(uris.join(",")), wire_key: "w".to_owned() });
    parcel
}

fn uri(rkey: &str) -> String {
    format!("at://{DID}/app.bsky.feed.post/{rkey}")
}

fn login(number: usize) -> Act {
    Act::json(
        200,
        &json!({"did": DID, "handle": "halden.test", "accessJwt": format!("access-{number}"), "refreshJwt": format!("refresh-{number}")}),
    )
}

/// A server that writes whatever it is told; `other` answers first.
fn obliging(asked: &Asked, number: usize, other: impl Fn(&Asked) -> Option<Act>) -> Act {
    if let Some(act) = other(asked) {
        return act;
    }
    match asked.path.split('?').next().unwrap() {
        "/xrpc/com.atproto.server.createSession" | "/xrpc/com.atproto.server.refreshSession" => login(number),
        "/xrpc/com.atproto.repo.uploadBlob" => Act::json(
            200,
            &json!({"blob": {"$type": "blob", "ref": {"$link": "bafk"}, "mimeType": "image/jpeg", "size": 4}}),
        ),
        "/xrpc/com.atproto.repo.putRecord" => {
            let rkey = asked.json()["rkey"].as_str().unwrap().to_owned();
            Act::json(200, &json!({"uri": uri(&rkey), "cid": format!("cid-{number}")}))
        }
        "/xrpc/com.atproto.repo.deleteRecord" => Act::json(200, &json!({})),
        "/xrpc/com.atproto.repo.getRecord" => {
            Act::json(400, &json!({"error": "RecordNotFound", "message": "no"}))
        }
        _ => Act::text(404, ""),
    }
}

struct Bench {
    server: Scripted,
    bluesky: Bluesky,
}

async fn bench(other: impl Fn(&Asked) -> Option<Act> + Send + Sync + 'static) -> Bench {
    let server = Scripted::start(move |asked, number| obliging(asked, number, &other)).await;
    let config = json!({"server": server.url.as_str(), "handle": "@halden.test", "password": {"env": "P"}});
    let patience = Patience { connect: Duration::from_millis(300), whole: Duration::from_millis(400) };
    let bluesky =
        Bluesky::with(&serde_json::from_value(config).unwrap(), &"pa55word".into(), patience).unwrap();
    Bench { server, bluesky }
}

impl Bench {
    async fn outcome(&self, parcel: &Parcel) -> String {
        match self.bluesky.deliver(parcel, &Counting::open()).await {
            Ok(receipt) => format!("sent {}", receipt.remote_id.unwrap()),
            Err(failure) => failure.to_string(),
        }
    }

    fn methods(&self) -> Vec<String> {
        let last =
            |asked: &Asked| asked.path.split('?').next().unwrap().rsplit('.').next().unwrap().to_owned();
        self.server.asked().iter().map(last).collect()
    }

    fn records(&self) -> Vec<serde_json::Value> {
        let asked = self.server.asked();
        asked.iter().filter(|asked| asked.path.ends_with("putRecord")).map(Asked::json).collect()
    }
}

/// What one attempt comes to if the server answers a call of `method` with `act`.
async fn check(method: &'static str, act: Act, expected: &str) {
    let bench = bench(move |asked| asked.path.ends_with(method).then(|| act.clone())).await;
    let mut parcel = thread(&["It goes 620 km"]);
    if method == "uploadBlob" {
        let post = Post { text: "Look".to_owned(), facets: vec![], images: vec![0] };
        let social = Social { posts: vec![post], url: URL.to_owned() };
        parcel = self::parcel(Content::Social(social), vec![picture("aster.jpg", b"JPEG")]);
    }
    let got = bench.outcome(&parcel).await;
    assert!(got.starts_with(expected), "{method}: {got} is not {expected}");
    for secret in ["pa55word", "access-", "refresh-"] {
        assert!(!got.contains(secret), "{got}");
    }
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    let put = "putRecord";
    check(put, Act::Close, "outcome unknown").await;
    check(put, Act::Hang, "outcome unknown").await;
    check(put, Act::Flood, "outcome unknown").await;
    check(put, Act::text(500, ""), "outcome unknown").await;
    check(put, Act::text(502, ""), "outcome unknown").await;
    check(put, Act::text(200, ""), "outcome unknown").await;
    check(put, Act::json(200, &json!({"uri": 7, "cid": null})), "outcome unknown").await;
    check(put, Act::json(200, &json!({"uri": uri("3jzfcijpj2z2a"), "cid": "c"})), "outcome unknown").await;
    check(put, Act::json(400, &json!({"error": "InvalidSwap"})), "outcome unknown").await;
    check(
        put,
        Act::json(
            400,
            &json!({"error": "InvalidRequest", "message": "grapheme too big (maximum 300, got 301)"}),
        ),
        "refused: 400 InvalidRequest: grapheme too big",
    )
    .await;
    check(put, Act::json(403, &json!({"error": "AccountTakedown"})), "the channel refuses us").await;
    check(put, Act::text(429, "").with("ratelimit-reset", "1796112060"), "later").await;
    check(
        put,
        Act::json(400, &json!({"error": "Odd", "message": "access-0 and pa55word"})),
        "refused: 400 Odd: [hidden]",
    )
    .await;
    let upload = "uploadBlob";
    check(upload, Act::Close, "later").await;
    check(upload, Act::text(500, ""), "later").await;
    check(upload, Act::text(200, "{}"), "later").await;
    check(upload, Act::text(413, ""), "refused").await;
    check(upload, Act::text(429, ""), "later").await;
    let login = "createSession";
    check(login, Act::Close, "later").await;
    check(login, Act::text(500, ""), "later").await;
    check(login, Act::text(200, "{\"accessJwt\":\"access-1\"}"), "later").await;
    check(
        login,
        Act::json(
            401,
            &json!({"error": "AuthenticationRequired", "message": "Invalid identifier or password"}),
        ),
        "the channel refuses us",
    )
    .await;
    check(login, Act::text(404, ""), "the channel refuses us").await;
    check(login, Act::text(429, "").with("retry-after", "60"), "later").await;
    check(
        login,
        Act::json(
            200,
            &json!({"did": DID, "handle": "h", "accessJwt": "a", "refreshJwt": "r", "active": false}),
        ),
        "the channel refuses us",
    )
    .await;
}

#[tokio::test]
async fn a_thread_is_a_chain_of_records_under_keys_of_our_own() {
    let bench = bench(|_| None).await;
    let mut parcel = thread(&["one", "two", "three"]);
    parcel.wire_key = rkey(&parcel.key, parcel.due);
    let first = parcel.wire_key.clone();
    let got = bench.outcome(&parcel).await;
    let records = bench.records();
    let keys: Vec<&str> = records.iter().map(|record| record["rkey"].as_str().unwrap()).collect();
    assert_eq!(keys[0], first);
    assert!(keys[0] < keys[1] && keys[1] < keys[2]);
    assert_eq!(got, format!("sent {},{},{}", uri(keys[0]), uri(keys[1]), uri(keys[2])));
    assert_eq!(records[0]["record"]["reply"], json!(null));
    assert_eq!(records[2]["record"]["reply"]["root"]["uri"], json!(uri(keys[0])));
    assert_eq!(records[2]["record"]["reply"]["parent"]["uri"], json!(uri(keys[1])));
    assert_eq!(records[1]["record"]["createdAt"], "2026-12-01T08:00:00.001Z");
    assert_eq!(records[0]["repo"], DID);
}

#[tokio::test]
async fn a_repeat_writes_the_same_record() {
    let bench = bench(|_| None).await;
    let mut parcel = thread(&["one"]);
    bench.outcome(&parcel).await;
    parcel.attempt = 7;
    parcel.now = "2026-12-01T20:00:00Z".parse().unwrap();
    bench.outcome(&parcel).await;
    let records = bench.records();
    assert_eq!(records[0], records[1]);
    assert_eq!(bench.methods(), ["createSession", "putRecord", "putRecord"], "one log-in serves both");
}

#[tokio::test]
async fn links_pictures_and_cards_are_what_the_lexicons_want() {
    let text = format!("👩‍👩‍👧 {URL} #ev");
    let (link, tag) = (text.find("https").unwrap(), text.find('#').unwrap());
    let facets = vec![
        Facet { start: link, end: link + URL.len(), target: URL.to_owned() },
        Facet { start: tag, end: tag + 3, target: "#ev".to_owned() },
    ];
    let post = |images: Vec<usize>| Post { text: text.clone(), facets: facets.clone(), images };
    for images in [vec![], vec![0]] {
        let bench = bench(|_| None).await;
        let content = Content::Social(Social { posts: vec![post(images.clone())], url: URL.to_owned() });
        bench.outcome(&parcel(content, vec![picture("aster.jpg", b"JPEG")])).await;
        let record = bench.records()[0]["record"].clone();
        assert_eq!(record["facets"][0]["index"], json!({"byteStart": 19, "byteEnd": 61}));
        assert_eq!(
            record["facets"][1]["features"][0],
            json!({"$type": "app.bsky.richtext.facet#tag", "tag": "ev"})
        );
        let embed = &record["embed"];
        if images.is_empty() {
            assert_eq!(embed["$type"], "app.bsky.embed.external");
            assert_eq!(
                (&embed["external"]["uri"], &embed["external"]["thumb"]["ref"]["$link"]),
                (&json!(URL), &json!("bafk"))
            );
        } else {
            assert_eq!(embed["images"][0]["alt"], "The Aster EV on a coast road");
        }
    }
}

#[tokio::test]
async fn a_picture_that_is_too_large_is_refused_before_it_is_sent() {
    let bench = bench(|_| None).await;
    let post = Post { text: "Look".to_owned(), facets: vec![], images: vec![0] };
    let content = Content::Social(Social { posts: vec![post], url: URL.to_owned() });
    let got = bench.outcome(&parcel(content, vec![picture("aster.jpg", &vec![0; 2_000_001])])).await;
    assert_eq!(got, "refused: aster.jpg has 2000001 bytes, and Bluesky takes 2000000");
    assert_eq!(bench.methods(), ["createSession"]);
}

#[tokio::test]
async fn a_session_that_is_over_is_renewed_once() {
    let expired = || Act::json(400, &json!({"error": "ExpiredToken", "message": "Token has expired"}));
    let first =
        |asked: &Asked| asked.headers.get("authorization").is_some_and(|token| token == "Bearer access-0");
    let renewed = bench(move |asked| (asked.path.ends_with("putRecord") && first(asked)).then(expired)).await;
    assert!(renewed.outcome(&thread(&["x"])).await.starts_with("sent"));
    assert_eq!(renewed.methods(), ["createSession", "putRecord", "refreshSession", "putRecord"]);
    assert_eq!(renewed.server.asked()[2].headers["authorization"], "Bearer refresh-0");

    // The refresh token is worth nothing any more: log in again.
    let again = bench(move |asked| {
        if asked.path.ends_with("refreshSession") {
            return Some(Act::json(400, &json!({"error": "ExpiredToken"})));
        }
        (asked.path.ends_with("putRecord") && first(asked)).then(expired)
    })
    .await;
    assert!(again.outcome(&thread(&["x"])).await.starts_with("sent"));
    assert_eq!(
        again.methods(),
        ["createSession", "putRecord", "refreshSession", "createSession", "putRecord"]
    );

    // The server never has enough: give up after one renewal.
    let never = bench(move |asked| asked.path.ends_with("putRecord").then(|| Act::text(401, ""))).await;
    assert!(never.outcome(&thread(&["x"])).await.starts_with("the channel refuses us"));
    assert_eq!(never.methods(), ["createSession", "putRecord", "refreshSession", "putRecord"]);

    // The answer to the renewal is lost: the old token is kept and tried again.
    let lost = bench(move |asked| {
        if asked.path.ends_with("refreshSession") {
            return Some(Act::Close);
        }
        (asked.path.ends_with("putRecord") && first(asked)).then(expired)
    })
    .await;
    assert!(lost.outcome(&thread(&["x"])).await.starts_with("later"));
    assert!(lost.outcome(&thread(&["x"])).await.starts_with("later"));
    assert_eq!(lost.server.asked().last().unwrap().headers["authorization"], "Bearer refresh-0");
}

#[tokio::test]
async fn what_stands_under_the_key_says_whether_it_arrived() {
    let parcel = thread(&["It goes 620 km"]);
    let stored = |text: &str, created: &str| json!({"uri": "x", "cid": "c", "value": {"text": text, "createdAt": created}});
    let due = "2026-12-01T08:00:00.000Z";
    let cases = [
        (Act::json(200, &stored("It goes 620 km", due)), "arrived"),
        (Act::json(200, &stored("It goes 610 km", due)), "cannot tell"),
        (Act::json(200, &stored("It goes 620 km", "2026-12-01T09:00:00.000Z")), "cannot tell"),
        (Act::json(400, &json!({"error": "RecordNotFound"})), "absent"),
        (Act::text(404, ""), "absent"),
        (Act::text(500, ""), "cannot tell"),
        (Act::Close, "cannot tell"),
        (Act::text(200, "?"), "cannot tell"),
    ];
    for (act, expected) in cases {
        let bench = bench(move |asked| asked.path.contains("getRecord").then(|| act.clone())).await;
        let got = match bench.bluesky.probe(&parcel).await {
            Probe::Arrived(_) => "arrived",
            Probe::Absent => "absent",
            Probe::CannotTell => "cannot tell",
        };
        assert_eq!(got, expected);
    }
}

#[tokio::test]
async fn a_correction_replies_to_what_stands_there() {
    let old = uri("3jzfcijpj2z2a");
    for (stands, expected) in [
        (json!({"text": "old"}), json!({"uri": old, "cid": "c"})),
        (
            json!({"text": "old", "reply": {"root": {"uri": "at://r", "cid": "r"}}}),
            json!({"uri": "at://r", "cid": "r"}),
        ),
    ] {
        let answer = json!({"uri": old, "cid": "c", "value": stands});
        let bench =
            bench(move |asked| asked.path.contains("getRecord").then(|| Act::json(200, &answer))).await;
        let parcel = about(thread(&["Correction: 610 km"]), Notice::Correction, &[&old]);
        assert!(bench.outcome(&parcel).await.starts_with("sent"));
        let reply = &bench.records()[0]["record"]["reply"];
        assert_eq!((&reply["root"], &reply["parent"]["uri"]), (&expected, &json!(old)));
    }
    // What was deleted by hand has no replies.
    let bench = bench(|_| None).await;
    let parcel = about(thread(&["Correction: 610 km"]), Notice::Correction, &[&old]);
    assert!(bench.outcome(&parcel).await.starts_with("sent"));
    assert_eq!(bench.records()[0]["record"]["reply"], json!(null));
}

#[tokio::test]
async fn a_kill_deletes_our_records_and_nobody_elses() {
    let (one, two) = (uri("3jzfcijpj2z2a"), uri("3jzfcijpj2z2b"));
    let bench = bench(|_| None).await;
    assert_eq!(
        bench.outcome(&about(thread(&["x"]), Notice::Kill, &[&one, &two])).await,
        format!("sent {one},{two}")
    );
    let asked = bench.server.asked();
    assert_eq!(
        (asked[1].json()["rkey"].clone(), asked[2].json()["rkey"].clone()),
        (json!("3jzfcijpj2z2b"), json!("3jzfcijpj2z2a"))
    );
    assert!(matches!(
        bench.bluesky.probe(&about(thread(&["x"]), Notice::Kill, &[&one])).await,
        Probe::Arrived(_)
    ));
    let other = "at://did:plc:other/app.bsky.feed.post/3jzfcijpj2z2a";
    assert!(
        bench
            .outcome(&about(thread(&["x"]), Notice::Kill, &[other]))
            .await
            .starts_with("the channel refuses us")
    );
    assert!(bench.outcome(&about(thread(&["x"]), Notice::Kill, &["at://x"])).await.starts_with("refused"));
}

#[tokio::test]
async fn a_closed_gate_writes_nothing() {
    for notice in [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill] {
        let bench = bench(|_| None).await;
        let gate = Counting::closed();
        let parcel = about(thread(&["x"]), notice, &[&uri("3jzfcijpj2z2a")]);
        let failure = bench.bluesky.deliver(&parcel, &gate).await.unwrap_err();
        assert_eq!((failure, gate.count()), (Failure::GateClosed, 1), "{notice:?}");
        let wrote = bench
            .methods()
            .iter()
            .any(|method| ["putRecord", "deleteRecord", "uploadBlob"].contains(&method.as_str()));
        assert!(!wrote, "{notice:?}");
    }
}

#[tokio::test]
async fn the_handle_must_lead_to_the_account() {
    for (did, good) in [(DID, true), ("did:plc:other", false)] {
        let bench = bench(move |asked| {
            asked.path.contains("resolveHandle").then(|| Act::json(200, &json!({"did": did})))
        })
        .await;
        let seen = bench.bluesky.examine().await;
        assert_eq!((seen[0].good, seen[1].good), (true, good), "{seen:?}");
    }
}
