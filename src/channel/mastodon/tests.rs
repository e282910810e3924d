use std::sync::Arc;

use super::*;
use crate::channel::Previous;
use crate::channel::scripted::{Act, Asked, Counting, Scripted, parcel, picture};
use crate::render::Content;

const URL: &str = "https://news.halden.example/2026/aster-ev/";

fn thread(texts: &[&str]) -> Parcel {
    let posts =
        texts.iter().map(|text| Post { text: (*text).to_owned(), facets: vec![], images: vec![] }).collect();
    parcel(Content::Social(Social { posts, url: URL.to_owned() }), vec![])
}

fn with_picture() -> Parcel {
    let post = Post { text: "Look".to_owned(), facets: vec![], images: vec![0] };
    let social = Social { posts: vec![post], url: URL.to_owned() };
    parcel(Content::Social(social), vec![picture("aster.jpg", b"JPEG")])
}

fn again(mut parcel: Parcel, minutes: i64) -> Parcel {
    parcel.attempt = 2;
    parcel.now = parcel.due + SignedDuration::from_mins(minutes);
    parcel
}

fn about(mut parcel: Parcel, notice: Notice, ids: &str) -> Parcel {
    parcel.notice = notice;
    parcel.previous = Some(Previous { remote_id: Some(ids.to_owned()), wire_key: "w".to_owned() });
    parcel
}

fn status(id: &str, content: &str) -> serde_json::Value {
    json!({"id": id, "url": format!("https://social.example/@h/{id}"), "content": content, "created_at": "2026-12-01T08:00:01.000Z"})
}

struct Bench {
    server: Scripted,
    mastodon: Mastodon,
}

async fn bench(script: impl Fn(&Asked, usize) -> Act + Send + Sync + 'static) -> Bench {
    let server = Scripted::start(script).await;
    let config = json!({"server": server.url.as_str(), "token": {"env": "T"}, "visibility": "unlisted"});
    let patience = Patience { connect: Duration::from_millis(300), whole: Duration::from_millis(400) };
    let mastodon =
        Mastodon::with(&serde_json::from_value(config).unwrap(), &"t0ken".into(), patience).unwrap();
    Bench { server, mastodon }
}

async fn outcome(bench: &Bench, parcel: &Parcel) -> String {
    match bench.mastodon.deliver(parcel, &Counting::open()).await {
        Ok(receipt) => format!("sent {}", receipt.remote_id.unwrap()),
        Err(failure) => failure.to_string(),
    }
}

/// What one attempt at one status comes to if the server does `act`.
async fn check(act: Act, expected: &str) {
    let bench = bench(move |_, _| act.clone()).await;
    let got = outcome(&bench, &thread(&["It goes 620 km"])).await;
    assert!(got.starts_with(expected), "{got} is not {expected}");
    assert_eq!(bench.server.lines(), ["POST /api/v1/statuses"], "{expected}");
}

#[tokio::test]
async fn each_answer_has_its_meaning() {
    check(Act::json(200, &status("7", "")), "sent 7").await;
    check(Act::json(200, &json!({"id": 7})), "outcome unknown").await;
    check(Act::json(200, &json!({"id": "../x"})), "outcome unknown").await;
    check(Act::text(201, ""), "outcome unknown").await;
    check(Act::text(200, "<html>"), "outcome unknown").await;
    check(Act::Flood, "outcome unknown").await;
    check(Act::Close, "outcome unknown").await;
    check(Act::Hang, "outcome unknown").await;
    check(Act::text(500, ""), "outcome unknown").await;
    check(Act::text(503, ""), "outcome unknown").await;
    check(Act::json(401, &json!({"error": "The access token was revoked"})), "the channel refuses us").await;
    check(Act::text(403, ""), "the channel refuses us").await;
    check(Act::text(404, ""), "the channel refuses us").await;
    check(Act::text(302, "").with("location", "http://127.0.0.1:1/"), "the channel refuses us").await;
    check(Act::json(422, &json!({"error": "Validation failed: Text can't be blank"})), "refused: 422").await;
    check(
        Act::json(422, &json!({"error": "Cannot attach files that have not finished processing. Try again in a moment!"})),
        "later: 422",
    )
    .await;
    check(Act::text(429, "slow").with("x-ratelimit-reset", "2026-12-01T08:05:00.000Z"), "later: 429").await;
    check(Act::text(400, "t0ken is bad"), "refused: 400 [hidden] is bad").await;
}

#[tokio::test]
async fn the_reset_time_is_kept() {
    let bench = bench(|_, _| Act::text(429, "").with("x-ratelimit-reset", "2026-12-01T08:05:00.000Z")).await;
    let failure = bench.mastodon.deliver(&thread(&["x"]), &Counting::open()).await.unwrap_err();
    let Failure::Later { retry_after, .. } = failure else { panic!("{failure}") };
    assert_eq!(retry_after, Some(Duration::from_mins(5)));
}

#[tokio::test]
async fn a_thread_is_a_chain_of_replies_with_a_key_each() {
    let bench = bench(|_, number| Act::json(200, &status(&format!("{}", number + 1), ""))).await;
    assert_eq!(outcome(&bench, &thread(&["one", "two", "three"])).await, "sent 1,2,3");
    let asked = bench.server.asked();
    let answers: Vec<_> = asked.iter().map(|asked| asked.json()["in_reply_to_id"].clone()).collect();
    assert_eq!(answers, [json!(null), json!("1"), json!("2")]);
    assert_eq!(
        (asked[0].json()["visibility"].clone(), asked[0].json()["language"].clone()),
        (json!("unlisted"), json!("en"))
    );
    assert_eq!(asked[0].headers["authorization"], "Bearer t0ken");
    let keys: std::collections::BTreeSet<_> =
        asked.iter().map(|asked| asked.headers["idempotency-key"].clone()).collect();
    assert_eq!(keys.len(), 3);
}

#[tokio::test]
async fn a_repeat_posts_only_what_is_not_there_and_with_the_same_key() {
    let bench = bench(|asked, number| match asked.line().as_str() {
        "POST /api/v1/statuses" if number == 0 => Act::json(200, &status("1", "")),
        "POST /api/v1/statuses" if number == 1 => Act::Close,
        "POST /api/v1/statuses" => Act::json(200, &status("2", "")),
        "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
        "GET /api/v1/accounts/9/statuses?limit=40&exclude_reblogs=true" => {
            Act::json(200, &json!([status("1", "<p>one</p>")]))
        }
        _ => Act::json(200, &json!([])),
    })
    .await;
    let parcel = thread(&["one", "two"]);
    assert!(outcome(&bench, &parcel).await.starts_with("outcome unknown"));
    assert_eq!(bench.mastodon.probe(&parcel).await, Probe::Absent);
    assert_eq!(outcome(&bench, &again(parcel, 5)).await, "sent 1,2");
    let posts: Vec<Asked> = bench.server.asked().into_iter().filter(|asked| asked.method == "POST").collect();
    assert_eq!(posts.len(), 3);
    assert_eq!(posts[1].headers["idempotency-key"], posts[2].headers["idempotency-key"]);
    assert_eq!(posts[1].body, posts[2].body);
}

/// What the second attempt does, `minutes` after the first, if these statuses stand there.
async fn second(minutes: i64, page: serde_json::Value, expected: &str) {
    let bench = bench(move |asked, _| match asked.line().as_str() {
        "POST /api/v1/statuses" => Act::json(200, &status("new", "")),
        "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
        line if line.contains("max_id") => Act::json(200, &json!([])),
        line if line.ends_with("/source") => Act::text(404, ""),
        _ => Act::json(200, &page),
    })
    .await;
    let parcel = again(thread(&[&format!("It goes 620 km {URL}")]), minutes);
    let got = outcome(&bench, &parcel).await;
    assert!(got.starts_with(expected), "after {minutes} minutes: {got} is not {expected}");
}

#[tokio::test]
async fn after_the_keys_life_only_what_is_surely_absent_is_posted() {
    let ours = status("old", &format!("<p>It goes 620 km <a href=\"{URL}\">{URL}</a></p>"));
    let doubtful = status("old", &format!("<p>@somebody It goes <a href=\"{URL}\">…</a></p>"));
    for minutes in [5, 44, 45, 300] {
        second(minutes, json!([ours]), "sent old").await;
        second(minutes, json!([]), "sent new").await;
        second(minutes, json!([status("other", "<p>Good morning</p>")]), "sent new").await;
    }
    second(44, json!([doubtful]), "sent new").await;
    second(45, json!([doubtful]), "outcome unknown").await;
    let mut earlier = ours;
    earlier["created_at"] = json!("2026-11-30T08:00:00Z");
    second(300, json!([earlier]), "sent new").await;
}

#[tokio::test]
async fn the_key_changes_when_the_first_one_is_forgotten() {
    let parcel = thread(&["x"]);
    let sha = parcel.edition.sha();
    assert_eq!(key(&parcel, sha, 0, false), key(&again(parcel.clone(), 5), sha, 0, false));
    assert_ne!(key(&parcel, sha, 0, false), key(&parcel, sha, 0, true));
    assert_ne!(key(&parcel, sha, 0, false), key(&parcel, sha, 1, false));
    let mut other = parcel.clone();
    let mut edition = (*other.edition).clone();
    edition.title = "Corrected".to_owned();
    other.edition = Arc::new(edition);
    assert_ne!(key(&parcel, sha, 0, false), key(&other, other.edition.sha(), 0, false));
}

#[tokio::test]
async fn a_source_settles_what_the_html_does_not() {
    let bench = bench(move |asked, _| match asked.line().as_str() {
        "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
        "GET /api/v1/statuses/5/source" => {
            Act::json(200, &json!({"id": "5", "text": format!("@b@c.example {URL}")}))
        }
        line if line.contains("max_id") => Act::json(200, &json!([])),
        _ => Act::json(200, &json!([status("5", &format!("<p>@b <a href=\"{URL}\">…</a></p>"))])),
    })
    .await;
    let Probe::Arrived(receipt) = bench.mastodon.probe(&thread(&[&format!("@b@c.example {URL}")])).await
    else {
        panic!("not found")
    };
    assert_eq!(receipt.remote_id.as_deref(), Some("5"));
}

#[tokio::test]
async fn a_look_that_fails_says_nothing() {
    for act in [Act::Close, Act::text(500, ""), Act::text(200, "?"), Act::text(401, "")] {
        let bench = bench(move |_, _| act.clone()).await;
        assert_eq!(bench.mastodon.probe(&thread(&["x"])).await, Probe::CannotTell);
    }
}

#[tokio::test]
async fn a_picture_is_waited_for_a_little_and_not_uploaded_twice() {
    let bench = bench(|asked, number| match asked.line().as_str() {
        "POST /api/v2/media" => Act::json(202, &json!({"id": "m1", "url": null})),
        "GET /api/v1/media/m1" if number <= 4 => Act::json(206, &json!({"id": "m1"})),
        "GET /api/v1/media/m1" => Act::json(200, &json!({"id": "m1"})),
        "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
        "POST /api/v1/statuses" => Act::json(200, &status("1", "")),
        _ => Act::json(200, &json!([])),
    })
    .await;
    assert!(outcome(&bench, &with_picture()).await.starts_with("later: aster.jpg is still being processed"));
    assert_eq!(outcome(&bench, &again(with_picture(), 1)).await, "sent 1");
    let lines = bench.server.lines();
    assert_eq!(lines.iter().filter(|line| *line == "POST /api/v2/media").count(), 1);
    let upload = &bench.server.asked()[0];
    assert!(String::from_utf8_lossy(&upload.body).contains("The Aster EV on a coast road"));
    assert_eq!(bench.server.asked().last().unwrap().json()["media_ids"], json!(["m1"]));
}

#[tokio::test]
async fn a_picture_that_fails_leaves_nothing_behind() {
    for (act, expected) in [
        (Act::Close, "later"),
        (Act::text(500, ""), "later"),
        (Act::text(413, ""), "refused"),
        (Act::text(200, "{}"), "later"),
    ] {
        let bench = bench(move |_, _| act.clone()).await;
        let got = outcome(&bench, &with_picture()).await;
        assert!(got.starts_with(expected), "{got}");
        assert_eq!(bench.server.lines(), ["POST /api/v2/media"]);
    }
}

#[tokio::test]
async fn a_correction_edits_what_stands_there() {
    let bench = bench(|asked, _| match asked.line().as_str() {
        "PUT /api/v1/statuses/1" | "PUT /api/v1/statuses/2" => Act::json(200, &status(&asked.path[17..], "")),
        _ => Act::json(200, &status("3", "")),
    })
    .await;
    let parcel = about(thread(&["one, corrected"]), Notice::Correction, "1,2");
    assert_eq!(outcome(&bench, &parcel).await, "sent 1");
    assert_eq!(bench.server.lines(), ["PUT /api/v1/statuses/1", "DELETE /api/v1/statuses/2"]);
    let parcel = about(thread(&["one", "two", "three"]), Notice::Correction, "1,2");
    assert_eq!(outcome(&bench, &parcel).await, "sent 1,2,3");
    assert_eq!(
        bench.server.lines()[2..],
        ["PUT /api/v1/statuses/1", "PUT /api/v1/statuses/2", "POST /api/v1/statuses"]
    );
}

#[tokio::test]
async fn what_cannot_be_edited_is_replied_to_and_what_is_gone_is_posted_anew() {
    for (stands, answers) in [(true, json!("1")), (false, json!(null))] {
        let bench = bench(move |asked, _| match asked.line().as_str() {
            "GET /api/v1/statuses/1" if stands => Act::json(200, &status("1", "")),
            "PUT /api/v1/statuses/1" | "GET /api/v1/statuses/1" => Act::text(404, ""),
            _ => Act::json(200, &status("2", "")),
        })
        .await;
        assert_eq!(outcome(&bench, &about(thread(&["x"]), Notice::Correction, "1")).await, "sent 2");
        assert_eq!(bench.server.asked().last().unwrap().json()["in_reply_to_id"], answers);
    }
}

#[tokio::test]
async fn a_kill_deletes_and_what_is_gone_is_gone() {
    let bench =
        bench(|asked, _| if asked.path.ends_with('2') { Act::text(404, "") } else { Act::text(200, "{}") })
            .await;
    assert_eq!(outcome(&bench, &about(thread(&["x"]), Notice::Kill, "1,2")).await, "sent 1,2");
    assert_eq!(
        bench.server.lines(),
        ["DELETE /api/v1/statuses/2", "GET /api/v1/statuses/2", "DELETE /api/v1/statuses/1"]
    );
    assert!(outcome(&bench, &about(thread(&["x"]), Notice::Kill, "")).await.starts_with("refused"));
    // An id that is none reaches no address.
    assert!(
        outcome(&bench, &about(thread(&["x"]), Notice::Kill, "../../accounts")).await.starts_with("refused")
    );
    let lost = self::bench(|_, _| Act::Close).await;
    assert!(outcome(&lost, &about(thread(&["x"]), Notice::Kill, "1")).await.starts_with("later"));
}

#[tokio::test]
async fn a_server_that_does_not_delete_is_not_believed() {
    for answer in [404, 405, 501] {
        let bench = bench(move |asked, _| match asked.method.as_str() {
            "DELETE" => Act::text(answer, ""),
            _ => Act::json(200, &status("1", "x")),
        })
        .await;
        let got = outcome(&bench, &about(thread(&["x"]), Notice::Kill, "1")).await;
        assert!(got.starts_with("refused: the server does not delete"), "{got}");
    }
}

/// What a look for a post comes to if the server shows `count` other statuses, whatever it is asked.
async fn without_pages(count: usize, expected: &Probe) {
    let page: Vec<_> = (0..count).map(|id| status(&format!("other{id}"), "<p>Good morning</p>")).collect();
    let bench = bench(move |asked, _| match asked.line().as_str() {
        "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
        _ => Act::json(200, &json!(page)),
    })
    .await;
    assert_eq!(&bench.mastodon.probe(&thread(&["x"])).await, expected, "{count}");
    assert!(bench.server.lines().len() <= 3, "{:?}", bench.server.lines());
}

#[tokio::test]
async fn a_server_without_pages_may_hide_what_is_older() {
    without_pages(0, &Probe::Absent).await;
    without_pages(1, &Probe::Absent).await;
    without_pages(19, &Probe::Absent).await;
    without_pages(20, &Probe::CannotTell).await;
    without_pages(50, &Probe::CannotTell).await;
}

#[tokio::test]
async fn a_status_whose_signs_were_taken_for_formatting_is_known_by_its_source() {
    for (source, found) in [(json!({"text": "It goes *far*"}), true), (json!({"text": "It goes far"}), false)]
    {
        let bench = bench(move |asked, _| match asked.line().as_str() {
            "GET /api/v1/accounts/verify_credentials" => Act::json(200, &json!({"id": "9"})),
            "GET /api/v1/statuses/5/source" => Act::json(200, &source),
            line if line.contains("max_id") => Act::json(200, &json!([])),
            _ => Act::json(200, &json!([status("5", "<p>It goes <i>far</i></p>")])),
        })
        .await;
        let seen = bench.mastodon.probe(&thread(&["It goes *far*"])).await;
        assert_eq!(matches!(seen, Probe::Arrived(_)), found, "{seen:?}");
    }
}

#[tokio::test]
async fn a_pictures_id_may_be_a_files_name() {
    for (id, expected) in [("1a.png", "sent 1"), ("../1a", "later"), (".png", "later"), ("a/b", "later")] {
        let bench = bench(move |asked, _| match asked.line().as_str() {
            "POST /api/v2/media" => Act::json(200, &json!({"id": id})),
            _ => Act::json(200, &status("1", "")),
        })
        .await;
        let got = outcome(&bench, &with_picture()).await;
        assert!(got.starts_with(expected), "{id}: {got}");
    }
}

#[tokio::test]
async fn a_hold_is_a_reply() {
    let bench = bench(|_, _| Act::json(200, &status("2", ""))).await;
    assert_eq!(outcome(&bench, &about(thread(&["Please do not use"]), Notice::Hold, "1")).await, "sent 1,2");
    assert_eq!(bench.server.asked()[0].json()["in_reply_to_id"], "1");
}

#[tokio::test]
async fn a_closed_gate_sends_nothing() {
    for notice in [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill] {
        let bench = bench(|_, _| Act::text(200, "")).await;
        let gate = Counting::closed();
        let failure = bench.mastodon.deliver(&about(thread(&["x"]), notice, "1"), &gate).await.unwrap_err();
        assert_eq!((failure, gate.count()), (Failure::GateClosed, 1), "{notice:?}");
        assert!(bench.server.asked().is_empty(), "{notice:?}");
    }
}

#[tokio::test]
async fn the_servers_own_limit_is_read() {
    let bench = bench(|asked, _| match asked.path.as_str() {
        "/api/v2/instance" => {
            Act::json(200, &json!({"configuration": {"statuses": {"max_characters": 5000}}}))
        }
        _ => Act::json(200, &json!({"id": "9", "acct": "halden"})),
    })
    .await;
    let seen = bench.mastodon.examine().await;
    assert_eq!((seen[0].seen.as_str(), seen[1].seen.as_str()), ("@halden", "5000 characters"));
    assert!(seen[1].hint.as_deref().unwrap().contains("characters: 5000"));
}
