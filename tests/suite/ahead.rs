//! What channels make ahead: made while nothing is due, handed back when its delivery leaves, made anew when the keys change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use dateline::channel::config::{Limits, OnUnknown};
use dateline::channel::{Channel, Failure, Gate, Parcel, Receipt, Recipient};
use dateline::clock::Clock;
use dateline::digest::Digest;
use dateline::dispatch::{Dispatch, Route};
use dateline::ledger::ahead::Making;
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig};
use dateline::newsroom::ChannelKind;
use tokio_util::sync::CancellationToken;

use crate::ledger::desk::{Desk, at};
use crate::ledger::postgres;

/// Makes ahead the local part and the number of its keys, and remembers with what each parcel came.
#[derive(Default)]
struct Maker {
    keys: AtomicU8,
    poison: AtomicBool,
    came: Mutex<BTreeMap<String, Option<String>>>,
}

struct Shared(Arc<Maker>);

fn name(parcel: &Parcel) -> String {
    match &parcel.recipient {
        Recipient::Mailbox { email, .. } => email.local().to_owned(),
        Recipient::Account => String::new(),
    }
}

#[async_trait]
impl Channel for Shared {
    fn stamp(&self) -> Option<Digest> {
        Some(Digest::of(&[self.0.keys.load(Ordering::SeqCst)]))
    }

    fn ahead(&self, parcel: &Parcel) -> Option<Vec<u8>> {
        assert!(!self.0.poison.load(Ordering::SeqCst), "poison");
        (name(parcel) != "c3")
            .then(|| format!("{} {}", name(parcel), self.0.keys.load(Ordering::SeqCst)).into_bytes())
    }

    fn public_keys(&self) -> Vec<(String, String)> {
        vec![("a._domainkey.h.example".into(), format!("v=DKIM1; p={}", self.0.keys.load(Ordering::SeqCst)))]
    }

    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let ahead = parcel.ahead.as_ref().map(|made| String::from_utf8_lossy(made).into_owned());
        self.0.came.lock().unwrap().insert(name(parcel), ahead);
        if gate.open().await { Ok(Receipt::default()) } else { Err(Failure::GateClosed) }
    }
}

#[tokio::test]
async fn what_was_made_ahead_comes_back_with_its_delivery() {
    let folder = tempfile::tempdir().unwrap();
    let config =
        LedgerConfig { folder: folder.path().join("ledger"), postgres: None, allow_network_disk: false };
    case(Ledger::open_exclusive(&config, at(-7200)).await.unwrap()).await;
    if let Some((_folder, ledger)) = postgres::new().await {
        case(ledger).await;
    }
}

async fn case(ledger: Ledger) {
    let desk = Desk::with(ledger.clone(), 4).await;
    let clock = Clock::fixed(at(-60));
    let maker = Arc::new(Maker::default());
    let route = Route {
        channel: Box::new(Shared(Arc::clone(&maker))),
        kind: ChannelKind::Smtp,
        limits: Limits::default(),
        on_unknown: OnUnknown::Hold,
    };
    let routes = [("relay".to_owned(), route)].into();
    let dispatch = Dispatch::new(ledger.clone(), routes, clock.clone(), "test".to_owned(), Arc::new(|_| {}));
    let stop = CancellationToken::new();

    desk.original("aster", "v1", &[1, 2, 3]).await;
    // Poison costs nothing: nothing is made, and the attempt will know whom to blame.
    maker.poison.store(true, Ordering::SeqCst);
    assert!(dispatch.make_ahead(&stop).await.unwrap());
    maker.poison.store(false, Ordering::SeqCst);
    let first = ledger.made_ahead(DeliveryId(1)).await.unwrap();
    assert!(first.covers(DeliveryId(1)) && first.of(DeliveryId(1)).is_none());
    assert!(!dispatch.make_ahead(&stop).await.unwrap(), "it is done");

    // Other keys: all of it anew.
    maker.keys.store(1, Ordering::SeqCst);
    assert!(dispatch.make_ahead(&stop).await.unwrap());
    assert!(!dispatch.make_ahead(&stop).await.unwrap());
    let making = Making { channel: "relay".into(), stamp: Digest::of(&[1]) };
    assert!(ledger.waiting_ahead(&making, at(-60)).await.unwrap().is_none());
    // A release that comes later has nothing yet, and what is due is left alone.
    desk.original("bravo", "v1", &[4]).await;
    let waiting = ledger.waiting_ahead(&making, at(-60)).await.unwrap().unwrap();
    assert_eq!(waiting.claims.len(), 1);
    assert!(ledger.waiting_ahead(&making, at(0)).await.unwrap().is_none());

    clock.set(at(0));
    dispatch.drain(&stop).await.unwrap();
    let came = std::mem::take(&mut *maker.came.lock().unwrap());
    let expected = [("c1", Some("c1 1")), ("c2", Some("c2 1")), ("c3", None), ("c4", None)];
    let expected: BTreeMap<String, Option<String>> =
        expected.map(|(name, made)| (name.to_owned(), made.map(str::to_owned))).into();
    assert_eq!(came, expected);

    // Nothing waits any more, so nothing is kept; what signed is known, until when.
    assert!(dispatch.make_ahead(&stop).await.unwrap(), "something was forgotten");
    assert!(!dispatch.make_ahead(&stop).await.unwrap());
    assert!(ledger.made_ahead(DeliveryId(1)).await.unwrap().of(DeliveryId(1)).is_none());
    let signed = ledger.signed_with().await.unwrap();
    assert_eq!(signed.len(), 1);
    assert_eq!(
        (signed[0].channel.as_str(), signed[0].record.as_str(), signed[0].last_at),
        ("relay", "v=DKIM1; p=1", at(0))
    );
    desk.is_sound().await;
    ledger.close(at(99_999)).await.unwrap();
}
