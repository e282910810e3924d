//! Recipients leave while their release is being sent: what they get from the acknowledgement on is nothing.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown};
use dateline::channel::{Channel, Failure, Gate, Parcel, Receipt, Recipient};
use dateline::clock::Clock;
use dateline::dispatch::{Dispatch, Route};
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig, State, key};
use dateline::newsroom::ChannelKind;
use dateline::token::Purpose;
use dateline::web::{Leave, Room};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, at};

/// Takes everything, and remembers when each recipient's mail passed the gate.
struct Taking(Arc<Mutex<HashMap<String, Instant>>>);

#[async_trait]
impl Channel for Taking {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let passed = Instant::now();
        if let Recipient::Mailbox { email, .. } = &parcel.recipient {
            let twice = self.0.lock().unwrap().insert(email.local().to_owned(), passed);
            assert!(twice.is_none(), "{email:?} twice");
        }
        Ok(Receipt::default())
    }
}

/// One click; how long the answer took.
async fn click(address: SocketAddr, token: String) -> (Instant, Duration) {
    let begun = Instant::now();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "POST /u/{token} HTTP/1.1\r\nHost: u.halden.example\r\nConnection: close\r\nContent-Length: 26\r\n\
         Content-Type: application/x-www-form-urlencoded\r\n\r\nList-Unsubscribe=One-Click"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    (Instant::now(), begun.elapsed())
}

/// A release for `recipients` is being sent; `leavers` of those at its end click, many at a time.
async fn they_leave(recipients: i64, leavers: i64) {
    let folder = tempfile::tempdir().unwrap();
    let config = LedgerConfig { folder: folder.path().join("ledger"), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, at(-7200)).await.unwrap();
    let desk = Desk::with(ledger.clone(), recipients).await;
    let everybody: Vec<i64> = (1..=recipients).collect();
    assert_eq!(desk.original("aster", "v1", &everybody).await.created, recipients.unsigned_abs());
    let first = ledger.log(Some("aster"), DeliveryId(0), 1).await.unwrap()[0].delivery.0;

    let clock = Clock::fixed(at(1));
    let passed: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let limits = Limits { connections: Some(16), ..Limits::default() };
    let channel = Box::new(Taking(Arc::clone(&passed)));
    let route = Route { channel, kind: ChannelKind::Smtp, limits, on_unknown: OnUnknown::Hold };
    let routes = [("relay".to_owned(), route)].into();
    let dispatch = Dispatch::new(ledger.clone(), routes, clock.clone(), "bench".into(), Arc::new(|_| ()));
    let (_room, rooms) = watch::channel(Arc::new(Room::default()));
    let door = Leave::bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = door.address().unwrap();
    let stop = CancellationToken::new();
    tokio::spawn(Leave::new(ledger.clone(), rooms, clock).serve(door, stop.clone()));

    let begun = Instant::now();
    let sending = tokio::spawn(async move { dispatch.drain(&CancellationToken::new()).await.unwrap() });
    while passed.lock().unwrap().len() < 100 {
        tokio::task::yield_now().await;
    }
    let lineage = ledger.lineage().to_owned();
    let mut clicks = tokio::task::JoinSet::new();
    let turns = Arc::new(tokio::sync::Semaphore::new(25));
    for contact in (recipients - leavers + 1)..=recipients {
        let key = key::delivery_key(&lineage, "aster", 1, "relay", &contact.to_string());
        let delivery = DeliveryId(first + contact - 1);
        let token = ledger.token(Purpose::Unsubscribe, delivery, &key).to_string();
        let turns = Arc::clone(&turns);
        clicks.spawn(async move {
            let _turn = turns.acquire().await.unwrap();
            (contact, click(address, token).await)
        });
    }
    let acknowledged: HashMap<i64, (Instant, Duration)> = clicks.join_all().await.into_iter().collect();
    let clicked = begun.elapsed();
    let tally = sending.await.unwrap();
    let sent = begun.elapsed();

    let passed = passed.lock().unwrap().clone();
    let mut spared = 0;
    for (contact, (at, _)) in &acknowledged {
        match passed.get(&format!("c{contact}")) {
            // It was being sent already, before it was said that nothing more comes.
            Some(passed) => assert!(passed < at, "contact {contact} got a mail after the answer"),
            None => spared += 1,
        }
    }
    let mut took: Vec<Duration> = acknowledged.values().map(|(_, took)| *took).collect();
    took.sort_unstable();
    let of = |percent: usize| took[(took.len() - 1) * percent / 100];
    println!(
        "{recipients} recipients in {sent:.1?}; {leavers} left in the first {clicked:.1?}: answers {:.0?} in the middle, \
         {:.0?} at 99 %, {:.0?} at most; {spared} of them got nothing; {tally:?}",
        of(50),
        of(99),
        of(100)
    );
    assert!(spared > 0, "the send was over before anybody left");
    let counts = ledger.counts().await.unwrap().deliveries;
    assert_eq!(counts.get(&("relay".to_owned(), State::Suppressed)).copied().unwrap_or(0), spared);
    assert_eq!(passed.len() as u64 + spared, recipients.unsigned_abs());

    // The next release has none of them, however often the list is imported again.
    let again = (1..=recipients).map(|n| crate::ledger::desk::contact(&format!("C{n}@PAPER.example")));
    let report = ledger.import(again.collect(), at(50)).await.unwrap();
    assert_eq!((report.new, report.suppressed), (0, leavers.unsigned_abs()));
    let issued = desk.original("next", "v1", &everybody).await;
    assert_eq!(
        (issued.created, issued.suppressed),
        ((recipients - leavers).unsigned_abs(), leavers.unsigned_abs())
    );
    assert_eq!(ledger.held(false, at(51)).await.unwrap().suppressed.len() as i64, leavers);
    desk.is_sound().await;
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_during_a_send_gets_nothing_from_then_on() {
    they_leave(5_000, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes; the figures of docs/contacts.md"]
async fn a_thousand_leave_while_fifty_thousand_are_sent_to() {
    they_leave(50_000, 1_000).await;
}
