//! What is X's own: tokens that are used once, and posts that cost money.

use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::channel::Probe;
use crate::channel::scripted::{Act, Counting};
use crate::channel::suite::network::{Bench, Network, again, bench, open, thread, x::X};

async fn good() -> Bench<X> {
    bench::<X>(|asked, _, network| network.act(asked)).await
}

fn kept(bench: &Bench<X>) -> Value {
    serde_json::from_slice(&fs::read(bench.dir.path().join("x.tokens")).unwrap()).unwrap()
}

fn log_ins(bench: &Bench<X>) -> usize {
    bench.server.asked().iter().filter(|asked| X::logs_in(asked)).count()
}

#[tokio::test]
async fn new_tokens_are_on_the_disk_before_they_are_used() {
    let kept_then = std::sync::Arc::new(Mutex::new(None::<bool>));
    let dir = std::sync::Arc::new(Mutex::new(std::path::PathBuf::new()));
    let (seen, place) = (std::sync::Arc::clone(&kept_then), std::sync::Arc::clone(&dir));
    let bench = bench::<X>(move |asked, _, network| {
        if !X::logs_in(asked) && seen.lock().unwrap().is_none() {
            let file = fs::read_to_string(place.lock().unwrap().join("x.tokens")).unwrap_or_default();
            *seen.lock().unwrap() =
                Some(file.contains("geheim-access-1") && file.contains("geheim-refresh-1"));
        }
        network.act(asked)
    })
    .await;
    *dir.lock().unwrap() = bench.dir.path().to_owned();
    assert!(bench.outcome(&thread(&["one"])).await.starts_with("sent"));
    assert_eq!(*kept_then.lock().unwrap(), Some(true));
    assert_eq!(kept(&bench)["before"], "geheim-refresh", "the one before stays until the new one has worked");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(bench.dir.path().join("x.tokens")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn another_process_goes_on_with_what_is_kept() {
    let bench = good().await;
    bench.outcome(&thread(&["one"])).await;
    let other = open::<X>(&bench.server.url, bench.dir.path());
    other.deliver(&thread(&["two"]), &Counting::open()).await.unwrap();
    assert_eq!(log_ins(&bench), 1, "the access token is still good");
    // When it has ended, whoever comes first renews it, and the other takes what is there.
    let mut later = thread(&["three"]);
    later.now = later.due + jiff::SignedDuration::from_hours(3);
    other.deliver(&later, &Counting::open()).await.unwrap();
    let mut last = thread(&["four"]);
    last.now = later.now;
    assert!(bench.outcome(&last).await.starts_with("sent"));
    assert_eq!(log_ins(&bench), 2);
    assert_eq!(kept(&bench)["refresh"], "geheim-refresh-2");
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once() {
    let bench = good().await;
    bench.outcome(&thread(&["one"])).await;
    // X has taken the access token back, and the refresh token is still good.
    let spoil = Mutex::new(true);
    let angry = self::bench::<X>(move |asked, _, network| {
        if X::creates(asked) && std::mem::take(&mut *spoil.lock().unwrap()) {
            return X::revoked();
        }
        network.act(asked)
    })
    .await;
    assert!(angry.outcome(&thread(&["one"])).await.starts_with("sent"));
    assert_eq!((log_ins(&angry), angry.posts().len()), (2, 1));
}

#[tokio::test]
async fn a_refresh_token_that_is_used_up_holds_the_channel() {
    let bench = good().await;
    bench.network.lock().unwrap().given = 7;
    let outcome = bench.outcome(&thread(&["one"])).await;
    assert!(outcome.starts_with("the channel refuses us: 400 invalid_request"), "{outcome}");
    assert_eq!(bench.server.lines(), ["POST /2/oauth2/token", "GET /2/users/me"][..1]);
    let seen = bench.channel.examine().await;
    assert!(!seen[0].good);
}

#[tokio::test]
async fn the_answer_to_a_log_in_may_be_lost() {
    let bench = bench::<X>(|asked, number, network| {
        let done = network.act(asked);
        if number == 0 { Act::Close } else { done }
    })
    .await;
    assert!(bench.outcome(&thread(&["one"])).await.starts_with("later"));
    // The server has changed it: nobody has the new one, so somebody must log in again.
    assert!(bench.outcome(&again(&thread(&["one"]))).await.starts_with("the channel refuses us"));
    assert!(bench.posts().is_empty());
}

#[tokio::test]
async fn the_one_before_is_tried_when_the_new_one_never_worked() {
    let bench = good().await;
    let mut tokens = {
        bench.outcome(&thread(&["one"])).await;
        kept(&bench)
    };
    tokens["refresh"] = json!("geheim-never-good");
    tokens["before"] = json!("geheim-refresh-1");
    tokens["expires"] = json!("2026-12-01T00:00:00Z");
    fs::write(bench.dir.path().join("x.tokens"), tokens.to_string()).unwrap();
    let other = open::<X>(&bench.server.url, bench.dir.path());
    other.deliver(&thread(&["two"]), &Counting::open()).await.unwrap();
    assert_eq!(kept(&bench)["refresh"], "geheim-refresh-2");
}

#[tokio::test]
async fn tokens_that_cannot_be_kept_are_not_fetched() {
    let bench = good().await;
    fs::create_dir(bench.dir.path().join("x.tokens")).unwrap();
    let outcome = bench.outcome(&thread(&["one"])).await;
    assert!(outcome.starts_with("the channel refuses us"), "{outcome}");
    assert!(bench.server.asked().is_empty(), "{:?}", bench.server.lines());
    fs::remove_dir(bench.dir.path().join("x.tokens")).unwrap();
    fs::write(bench.dir.path().join("x.tokens"), "geheim").unwrap();
    let outcome = bench.outcome(&thread(&["one"])).await;
    assert!(outcome.contains("cannot be read"), "{outcome}");
    assert!(bench.server.asked().is_empty());
}

#[tokio::test]
async fn what_an_operator_logs_in_anew_replaces_what_is_kept() {
    let bench = good().await;
    let tokens = json!({
        "origin": "another", "access": "a", "expires": "2030-01-01T00:00:00Z", "refresh": "geheim-old",
    });
    fs::write(bench.dir.path().join("x.tokens"), tokens.to_string()).unwrap();
    assert!(bench.outcome(&thread(&["one"])).await.starts_with("sent"));
    assert_eq!(kept(&bench)["refresh"], "geheim-refresh-1");
}

#[tokio::test]
async fn a_duplicate_is_looked_for_and_money_holds_the_channel() {
    let bench = good().await;
    bench.outcome(&thread(&["one"])).await;
    // A first attempt of something else that says the same: X refuses it, and the post that stands there is believed.
    let outcome = bench.outcome(&thread(&["one"])).await;
    assert!(outcome.starts_with("outcome unknown: 403 Forbidden: You are not allowed"), "{outcome}");
    assert!(matches!(bench.channel.probe(&again(&thread(&["one"]))).await, Probe::Arrived(_)));
    for (status, words) in [(402, "CreditsDepleted"), (403, "SpendCapReached")] {
        let bench = self::bench::<X>(move |asked, _, network| {
            if X::creates(asked) { Act::json(status, &json!({ "title": words })) } else { network.act(asked) }
        })
        .await;
        let outcome = bench.outcome(&thread(&["one"])).await;
        assert_eq!(outcome, format!("the channel refuses us: {status} {words}"));
    }
}

#[tokio::test]
async fn a_list_that_does_not_end_proves_nothing() {
    let bench = bench::<X>(|asked, _, network| {
        if asked.path.contains("/tweets?") {
            return Act::json(200, &json!({ "data": [], "meta": { "next_token": "more" } }));
        }
        network.act(asked)
    })
    .await;
    assert_eq!(bench.channel.probe(&again(&thread(&["one"]))).await, Probe::CannotTell);
    assert!(bench.outcome(&again(&thread(&["one"]))).await.starts_with("outcome unknown"));
    assert!(bench.posts().is_empty());
}
