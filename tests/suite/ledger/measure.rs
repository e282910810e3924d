//! How fast it is: `cargo test --release --test suite ledger::measure -- --ignored --nocapture`.
//! `LEDGER_MEASURE` is the number of recipients, a million where it is not set.

use std::time::Instant;

use dateline::contact::{Contact, ContactId};
use dateline::ledger::Intent;

use super::desk::{Desk, arrived, at, contact};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; run it in release"]
async fn the_speed_of_a_long_list() {
    let size: i64 = std::env::var("LEDGER_MEASURE").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let (_folder, ledger) = super::sqlite().await;
    let desk = Desk { ledger };
    let tell = |what: &str, n: usize, since: Instant| {
        let seconds = since.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = n as f64 / seconds;
        println!("{what}: {n} in {seconds:.2} s, {rate:.0} a second; {}", memory());
    };
    let all = usize::try_from(size).unwrap();

    let since = Instant::now();
    for first in (0..size).step_by(10_000) {
        let some: Vec<Contact> =
            (first..size.min(first + 10_000)).map(|n| contact(&format!("n{n}@paper.example"))).collect();
        desk.ledger.import(some, at(-900)).await.unwrap();
    }
    tell("import", all, since);

    let list: Vec<i64> = (1..=size).collect();
    let since = Instant::now();
    desk.original("aster", "v1", &list).await;
    tell("issue", all, since);

    // Sixteen connections, each with one delivery under way at a time.
    let since = Instant::now();
    let mut sent = 0;
    loop {
        let claims = desk.ledger.claim("desk", "relay", at(0), 4_000).await.unwrap();
        if claims.is_empty() || sent >= 200_000 {
            break;
        }
        sent += claims.len();
        let claims = std::sync::Arc::new(std::sync::Mutex::new(claims));
        let mut connections = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let (claims, ledger) = (std::sync::Arc::clone(&claims), desk.ledger.clone());
            connections.spawn(async move {
                let desk = Desk { ledger };
                loop {
                    let some: Vec<_> = {
                        let mut claims = claims.lock().unwrap();
                        let left = claims.len();
                        claims.drain(left.saturating_sub(32)..).collect()
                    };
                    if some.is_empty() {
                        break;
                    }
                    let sha = dateline::digest::Digest::of(b"the request");
                    let batch = some.iter().map(|claim| (claim.delivery, claim.epoch, sha)).collect();
                    for intent in desk.ledger.intent(batch, at(0)).await.unwrap() {
                        let Intent::Go(attempt) = intent else { panic!("{intent:?}") };
                        desk.settle(attempt, arrived(), at(1)).await;
                    }
                }
            });
        }
        while let Some(done) = connections.join_next().await {
            done.unwrap();
        }
    }
    tell("intent and result", sent, since);
    let since = Instant::now();
    let held = desk.ledger.held(true, at(2)).await.unwrap();
    tell("what planning asks", held.recent.len(), since);
    let page = desk.ledger.contacts(ContactId(0), 5_000).await.unwrap();
    assert_eq!(page.len(), all.min(5_000));
}

/// Resident memory, now and at most.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        status.lines().find(|line| line.starts_with(name)).unwrap_or_default().replace(['\t', ' '], "")
    };
    format!("{} {}", of("VmRSS"), of("VmHWM"))
}
