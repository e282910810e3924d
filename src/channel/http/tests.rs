use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::channel::scripted::{Act, Scripted};

fn short() -> Patience {
    Patience { connect: Duration::from_millis(300), whole: Duration::from_millis(400) }
}

async fn get(url: &Url) -> Result<Answer, Lost> {
    let client = Client::trusted(url, short()).unwrap();
    client.hide("s3cret");
    client.send(client.request(reqwest::Method::POST, url.clone()).body("x")).await
}

/// What is known after the server did `act`.
async fn check(act: Act, expected: &str) {
    let server = Scripted::start({
        let act = act.clone();
        move |_, _| act.clone()
    })
    .await;
    let got = match get(&server.url).await {
        Ok(answer) => format!("{} {}", answer.status, answer.words),
        Err(Lost::After(_)) => "after".to_owned(),
        Err(Lost::Before(_)) => "before".to_owned(),
        Err(Lost::Forbidden(_)) => "forbidden".to_owned(),
    };
    let shown: String = got.trim().chars().take(60).collect();
    assert_eq!(shown, expected, "{act:?}");
    assert_eq!(server.asked().len(), 1, "sent once: {act:?}");
}

#[tokio::test]
async fn a_fault_after_the_request_left_is_told_from_an_answer() {
    check(Act::text(200, "ok"), "200 ok").await;
    check(Act::json(422, &serde_json::json!({"error": "no", "message": "too long"})), "422 no: too long")
        .await;
    check(Act::text(500, "the token s3cret is odd"), "500 the token [hidden] is odd").await;
    check(Act::text(301, "").with("location", "http://127.0.0.1:9/"), "301").await;
    check(Act::Close, "after").await;
    check(Act::Hang, "after").await;
    check(Act::Raw(b"garbage\r\n\r\n".to_vec()), "after").await;
    check(Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()), "after").await;
    check(Act::Raw(b"HTTP/1.1 201 C\r\ncontent-length: 900\r\n\r\n{\"id\"".to_vec()), "201 {\"id\"").await;
    check(
        Act::Raw(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc".to_vec()),
        "200 abc",
    )
    .await;
}

#[tokio::test]
async fn an_endless_answer_is_cut() {
    let server = Scripted::start(|_, _| Act::Flood).await;
    let client = Client::trusted(&server.url, Patience::default()).unwrap();
    let answer = client.send(client.request(reqwest::Method::GET, server.url.clone())).await.unwrap();
    assert_eq!(answer.body.len(), BODY_CAP);
}

#[tokio::test]
async fn a_connection_that_never_came_about_is_known_not_to_have_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url = format!("http://{}/s3cret", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let Err(Lost::Before(said)) = get(&url).await else { panic!("not before") };
    assert!(!said.contains("s3cret"), "{said}");
}

#[test]
fn a_credential_travels_over_https_or_not_far() {
    for (url, fine) in [
        ("https://social.example/", true),
        ("http://localhost:3000/", true),
        ("http://127.0.0.1:3000/", true),
        ("http://[::1]:3000/", true),
        ("http://social.example/", false),
        ("http://localhost.social.example/", false),
        ("ftp://localhost/", false),
    ] {
        assert_eq!(Client::trusted(&url.parse().unwrap(), short()).is_ok(), fine, "{url}");
    }
}

/// A name that is public the first time and private ever after.
fn rebinding(asked: Arc<AtomicUsize>, first: &'static str) -> Walls {
    let lookup: Lookup = Arc::new(move |_| {
        let ip = if asked.fetch_add(1, Ordering::SeqCst) == 0 { first } else { "127.0.0.1" };
        let ip: IpAddr = ip.parse().unwrap();
        Box::pin(async move { Ok(vec![ip]) })
    });
    Walls { allow_private: false, lookup }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_refused_before_any_connection() {
    let url: Url = "https://hooks.example/".parse().unwrap();
    for first in ["127.0.0.1", "0.0.0.0", "169.254.169.254", "::ffff:10.0.0.1", "fd00::1"] {
        let client = Client::guarded(&url, short(), rebinding(Arc::default(), first)).unwrap();
        let lost = client.send(client.request(reqwest::Method::POST, url.clone())).await.unwrap_err();
        let Lost::Forbidden(said) = lost else { panic!("{first}: {lost:?}") };
        assert!(said.contains("hooks.example") && said.contains("allow_private"), "{said}");
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url: Url =
        format!("https://hooks.example:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
    drop(listener);
    let mut walls = rebinding(Arc::clone(&asked), "127.0.0.1");
    walls.allow_private = true;
    let client = Client::guarded(&url, short(), walls).unwrap();
    let lost = client.send(client.request(reqwest::Method::POST, url.clone())).await.unwrap_err();
    assert!(matches!(lost, Lost::Before(_)), "{lost:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_path_goes_below_the_base() {
    for (base, path, expected) in [
        ("http://localhost:1", "/api/v1/x", "http://localhost:1/api/v1/x"),
        ("http://localhost:1/", "api/v1/x", "http://localhost:1/api/v1/x"),
        ("http://localhost:1/m/?a=b#c", "/api", "http://localhost:1/m/api"),
    ] {
        assert_eq!(below(&base.parse().unwrap(), path).as_str(), expected);
    }
}
