//! What the flows of one drain have together: who is still at work, what was done, and that the newsroom's site goes first.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::ahead::AtHand;
use super::flow::Flow;
use super::{Inner, Tally, lock};
use crate::digest::Digest;
use crate::ledger::{Ledger, LedgerError, State};
use crate::newsroom::ChannelKind;
use crate::render::Edition;

/// Editions that are kept beside those in use.
const EDITIONS: usize = 8;

/// One drain.
pub struct Shift {
    /// Nothing more is begun: the operator's stop, or ours.
    pub stop: CancellationToken,
    /// Ours: a flow met a ledger that fails.
    pub halt: CancellationToken,
    at_work: watch::Sender<usize>,
    tally: Mutex<Tally>,
    /// What was made ahead.
    pub ahead: AtHand,
    editions: tokio::sync::Mutex<HashMap<Digest, Arc<Edition>>>,
    /// Up to when the newsroom's site has what is due.
    published: tokio::sync::Mutex<Option<Timestamp>>,
}

/// That a flow is at work; ends with it.
pub struct AtWork {
    shift: Arc<Shift>,
    working: bool,
}

impl Shift {
    /// A drain that ends early when `stop` is cancelled.
    pub fn new(stop: &CancellationToken) -> Shift {
        let halt = stop.child_token();
        Shift {
            stop: halt.clone(),
            halt,
            at_work: watch::Sender::new(0),
            tally: Mutex::default(),
            ahead: AtHand::default(),
            editions: tokio::sync::Mutex::default(),
            published: tokio::sync::Mutex::default(),
        }
    }

    /// Notes that a flow begins to work.
    pub fn begin(self: &Arc<Shift>) -> AtWork {
        self.at_work.send_modify(|count| *count += 1);
        AtWork { shift: Arc::clone(self), working: true }
    }

    /// Whether no flow has anything left to do.
    pub fn is_over(&self) -> bool {
        *self.at_work.borrow() == 0
    }

    /// Returns when no flow has anything left to do.
    pub async fn over(&self) {
        // The sender is our own, so waiting cannot fail.
        let _ = self.at_work.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Counts deliveries that have come to a state.
    pub fn count(&self, state: State, count: u64) {
        *lock(&self.tally).entry(state).or_default() += count;
    }

    /// What was done.
    pub fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// A frozen edition, read once while it is in use.
    pub async fn edition(&self, ledger: &Ledger, sha: Digest) -> Result<Arc<Edition>, LedgerError> {
        let mut editions = self.editions.lock().await;
        if let Some(edition) = editions.get(&sha) {
            return Ok(Arc::clone(edition));
        }
        if editions.len() >= EDITIONS {
            editions.retain(|_, edition| Arc::strong_count(edition) > 1);
        }
        let edition = ledger.edition(sha).await?;
        editions.insert(sha, Arc::clone(&edition));
        Ok(edition)
    }

    /// Sees to it that the newsroom's site has everything that is due by now, and returns that instant: what `channel` claims
    /// may be due then, and no later. Mails and posts link to the site's pages, and a link-preview crawler that comes too early
    /// remembers a page that is not there.
    pub fn site_first<'a>(
        self: &'a Arc<Shift>,
        inner: &'a Arc<Inner>,
        channel: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<Timestamp, LedgerError>> + Send + 'a>> {
        Box::pin(async move {
            let sites: Vec<&String> = inner
                .routes
                .iter()
                .filter(|(_, route)| route.kind == ChannelKind::Newsroom)
                .map(|(key, _)| key)
                .collect();
            if sites.is_empty() || sites.iter().any(|site| *site == channel) {
                return Ok(inner.clock.now());
            }
            let mut published = self.published.lock().await;
            let now = inner.clock.now();
            if published.is_some_and(|until| until >= now) {
                return Ok(now);
            }
            let due = inner.ledger.next_due(now).await?;
            let mut flows = JoinSet::new();
            for (site, _) in due.iter().filter(|(key, at)| sites.contains(&key) && *at <= now) {
                flows.spawn(Flow::new(Arc::clone(inner), Arc::clone(self), site.clone()).run());
            }
            while let Some(done) = flows.join_next().await {
                super::joined(done)?;
            }
            *published = Some(now);
            Ok(now)
        })
    }
}

impl AtWork {
    /// Whether the flow has something to do.
    pub fn set(&mut self, working: bool) {
        if working != self.working {
            self.working = working;
            self.shift.at_work.send_modify(|count| *count = if working { *count + 1 } else { *count - 1 });
        }
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.set(false);
    }
}
