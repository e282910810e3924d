//! Makes ahead what takes long: while nothing is due, channels sign what waits, and the ledger keeps it.
//!
//! It takes from nobody: it stops between two handfuls when something comes due, nothing waits for it, and what it did not come to is
//! made when it leaves. Nothing that it makes leaves the process or is believed unseen: the channel proves that it still fits.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Dispatch, Inner, attempt, lock};
use crate::ledger::ahead::{Making, Stretch};
use crate::ledger::{DeliveryId, Ledger, LedgerError};

/// Deliveries between two looks whether something came due; with RSA about 30 milliseconds.
const HANDFUL: usize = 32;
/// How long it rests when nothing is left to be made, or something is being sent.
const REST: Duration = Duration::from_secs(2);
/// How often it is noted which keys sign.
const NOTE_EVERY: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
/// Stretches of what was made that are kept at hand, each for about a thousand deliveries.
const AT_HAND: usize = 12;

impl Dispatch {
    /// Works ahead until `stop`, whenever nothing is being sent.
    pub async fn work_ahead(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            let more = match self.make_ahead(stop).await {
                Ok(more) => more,
                Err(error) => {
                    // Sending needs nothing of this, and says itself what is wrong with the ledger.
                    tracing::debug!(%error, "nothing can be made ahead");
                    false
                }
            };
            if !more {
                tokio::select! { () = tokio::time::sleep(REST) => {}, () = stop.cancelled() => {} }
            }
        }
    }

    /// Makes ahead for one block of each channel; returns whether there may be more. What is due is left alone.
    pub async fn make_ahead(&self, stop: &CancellationToken) -> Result<bool, LedgerError> {
        let inner = &self.0;
        let mut more = false;
        for (key, route) in &inner.routes {
            let Some(stamp) = route.channel.stamp() else { continue };
            if stop.is_cancelled() || inner.sending.load(Ordering::Relaxed) > 0 {
                return Ok(false);
            }
            let making = Making { channel: key.clone(), stamp };
            let Some(waiting) = inner.ledger.waiting_ahead(&making, inner.clock.now()).await? else {
                continue;
            };
            let mut made = Vec::with_capacity(waiting.claims.len());
            for claims in waiting.claims.chunks(HANDFUL) {
                let mut parcels = Vec::with_capacity(claims.len());
                for claim in claims {
                    let edition = inner.ledger.edition(claim.edition).await?;
                    let parcel = attempt::parcel(&inner.ledger, claim, edition, &inner.clock);
                    parcels.push((claim.delivery, parcel));
                }
                let (work, key) = (Arc::clone(inner), key.clone());
                let done = tokio::task::spawn_blocking(move || {
                    let Some(route) = work.routes.get(&key) else { return Vec::new() };
                    let ahead = |(delivery, parcel)| Some((delivery, route.channel.ahead(&parcel)?));
                    parcels.into_iter().filter_map(ahead).collect::<Vec<_>>()
                });
                // What panics is left to the attempt, which knows whom to blame.
                made.extend(done.await.unwrap_or_default());
                if stop.is_cancelled() || inner.sending.load(Ordering::Relaxed) > 0 {
                    return Ok(false);
                }
            }
            inner.ledger.keep_ahead(stamp, (waiting.first, waiting.last), made).await?;
            more = true;
        }
        if !more {
            more = inner.ledger.forget_ahead().await? > 0;
        }
        Ok(more)
    }
}

/// Notes with which keys mails are signed now, so that it is known how long an old one must stay published.
pub(super) async fn note_keys(inner: &Inner) -> Result<(), LedgerError> {
    let now = inner.clock.now();
    {
        let mut noted = lock(&inner.keys_noted);
        if noted.is_some_and(|at| now.duration_since(at) < NOTE_EVERY) {
            return Ok(());
        }
        *noted = Some(now);
    }
    for (key, route) in &inner.routes {
        let keys = route.channel.public_keys();
        if !keys.is_empty() {
            inner.ledger.signs_with(key, keys, now).await?;
        }
    }
    Ok(())
}

/// What was made ahead, as far as it is at hand.
#[derive(Default)]
pub(super) struct AtHand(Mutex<BTreeMap<DeliveryId, Stretch>>);

impl AtHand {
    /// What was made for `delivery`.
    pub async fn of(&self, ledger: &Ledger, delivery: DeliveryId) -> Result<Option<Arc<[u8]>>, LedgerError> {
        if let Some(stretch) = self.at_hand(delivery) {
            return Ok(stretch.of(delivery).map(Arc::from));
        }
        let stretch = ledger.made_ahead(delivery).await?;
        let made = stretch.of(delivery).map(Arc::from);
        let mut stretches = lock(&self.0);
        if stretches.len() >= AT_HAND {
            stretches.pop_first();
        }
        stretches.insert(stretch.first, stretch);
        Ok(made)
    }

    fn at_hand(&self, delivery: DeliveryId) -> Option<Stretch> {
        let stretches = lock(&self.0);
        let (_, stretch) = stretches.range(..=delivery).next_back()?;
        stretch.covers(delivery).then(|| stretch.clone())
    }
}
