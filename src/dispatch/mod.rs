//! Claim, ask the gate, deliver, settle: until nothing is due.
//!
//! Dispatch is the only module that sees both the ledger and the channels. It never renders a
//! template: the ledger holds the frozen edition, and a recipient's slots are filled from the claim.
//! What becomes of an attempt is decided in [`decide`], when to try again in [`retry`], what becomes of one that nobody
//! knows of in [`doubt`]. [`breadcrumb`] and [`recover`] make a death of the process cost as little as can be.
//!
//! Each channel flows by itself ([`flow`]), within its limits and those of each provider, which all daemons of a ledger keep
//! together ([`budget`]). A destination that is busy or refuses us ([`health`]) keeps nobody else waiting. To a relay that is faster than
//! the disk mails leave in rounds ([`carry`]).
//!
//! While nothing is due, what takes long is made ahead ([`ahead`]).
//!
//! At each due time the newsroom site and blogs go first: mails and posts link to its pages, and a
//! link-preview crawler that comes too early remembers a page that is not there. What links to a page waits until the page is
//! seen from outside ([`front`]).

mod ahead;
mod answer;
mod attempt;
mod breadcrumb;
mod budget;
mod carry;
mod decide;
mod doubt;
mod flow;
mod front;
mod gate;
mod hand;
mod health;
mod look;
mod recover;
mod retry;
mod shape;
mod shift;
#[cfg(test)]
mod simulation;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use answer::Forwarding;
pub use attempt::parcel;
pub use look::{Looked, look};

use crate::channel::Channel;
use crate::channel::config::{Limits, OnUnknown};
use crate::clock::Clock;
use crate::ledger::{Ledger, LedgerError, State};
use crate::newsroom::{ChannelKind, Form};
use crate::release::Notice;
use breadcrumb::Breadcrumbs;
use flow::Flow;
use front::Fronts;
use shape::Shape;
use shift::Shift;

pub use doubt::{DispatchConfig, SHORTEST_QUARANTINE};
pub use front::{GateConfig, Mails, Then};
pub use recover::Recovered;

/// How often it is looked whether something is known of what nobody knew.
const DOUBT_EVERY: Duration = Duration::from_secs(10);

/// One configured way out.
pub struct Route {
    /// The adapter.
    pub channel: Box<dyn Channel>,
    /// What it is.
    pub kind: ChannelKind,
    /// How fast it may be used.
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    pub on_unknown: OnUnknown,
}

/// What was done, for people and metrics. Addresses are masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The release.
    pub slug: String,
    /// What it is.
    pub notice: Notice,
    /// The channel.
    pub channel: String,
    /// Whom it is for, masked.
    pub recipient: String,
    /// The delivery's state now.
    pub state: State,
    /// The other side's words, or why nothing left.
    pub words: String,
    /// Where people can see it.
    pub url: Option<String>,
}

/// Is told of everything that dispatch does.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// How often each state was reached.
pub type Tally = BTreeMap<State, u64>;

/// Sends what is due. Clones share their routes and counts.
#[derive(Clone)]
pub struct Dispatch(Arc<Inner>);

struct Inner {
    ledger: Ledger,
    routes: BTreeMap<String, Route>,
    shapes: BTreeMap<String, Arc<Mutex<Shape>>>,
    clock: Clock,
    owner: String,
    observer: Observer,
    begun: OnceLock<(Breadcrumbs, SignedDuration)>,
    open: Mutex<Vec<recover::Open>>,
    /// What links to these pages waits for them; set with `begun`.
    fronts: OnceLock<Fronts>,
    /// How many drains are at work: work ahead makes room.
    sending: AtomicUsize,
    keys_noted: Mutex<Option<Timestamp>>,
}

impl Inner {
    /// How long it is tried to find out what nobody knows.
    fn quarantine(&self) -> SignedDuration {
        self.begun.get().map_or(SHORTEST_QUARANTINE, |(_, quarantine)| *quarantine)
    }
}

impl Dispatch {
    /// Sends from `ledger` over `routes` (by channel key), as `owner`.
    pub fn new(
        ledger: Ledger,
        routes: BTreeMap<String, Route>,
        clock: Clock,
        owner: String,
        observer: Observer,
    ) -> Dispatch {
        let shape = |(key, route): (&String, &Route)| {
            let shape = Shape::new(key, &route.limits, flow::connections(route));
            (key.clone(), Arc::new(Mutex::new(shape)))
        };
        let shapes = routes.iter().map(shape).collect();
        let (begun, fronts, open) = (OnceLock::new(), OnceLock::new(), Mutex::default());
        let (sending, keys_noted) = (AtomicUsize::new(0), Mutex::default());
        Dispatch(Arc::new(Inner {
            ledger,
            routes,
            shapes,
            clock,
            owner,
            observer,
            begun,
            open,
            fronts,
            sending,
            keys_noted,
        }))
    }

    /// Tells the ledger what became of what the process before left under way, as far as the breadcrumbs in `file` prove it, gives up
    /// the rest ([`Ledger::give_up_left`]), and leaves breadcrumbs there from now on. Once, before anything is sent. Without it a death
    /// of the process leaves everything unknown that was under way.
    pub async fn begin(&self, file: &Path, config: &DispatchConfig) -> Result<Recovered, LedgerError> {
        let (crumbs, recovered) = recover::begin(&self.0, file).await?;
        // Set already: then the first file is the one that is written.
        let _ = self.0.begun.set((crumbs, config.quarantine.0));
        let kinds = self.0.routes.iter().map(|(key, route)| (key.clone(), route.kind)).collect();
        let _ = self.0.fronts.set(Fronts::new(&config.gate, &kinds));
        Ok(recovered)
    }

    /// Sends until nothing is due that may leave, or until `stop`: then no new attempt begins, and those
    /// under way are finished.
    pub async fn drain(&self, stop: &CancellationToken) -> Result<Tally, LedgerError> {
        let inner = &self.0;
        let _sending = Sending::begin(inner);
        inner.ledger.rescue(inner.clock.now()).await?;
        ahead::note_keys(inner).await?;
        let mut total = Tally::new();
        loop {
            let shift = Arc::new(Shift::new(stop));
            let ended = round(inner, &shift).await;
            let tally = shift.tally();
            let idle = tally.is_empty();
            for (state, count) in tally {
                *total.entry(state).or_default() += count;
            }
            ended?;
            if idle || stop.is_cancelled() {
                inner.ledger.return_claims(&inner.owner, inner.clock.now()).await?;
                return Ok(total);
            }
        }
    }
}

/// That a drain is at work; ends with it.
struct Sending<'a>(&'a Inner);

impl Sending<'_> {
    fn begin(inner: &Inner) -> Sending<'_> {
        inner.sending.fetch_add(1, Ordering::Relaxed);
        Sending(inner)
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.0.sending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Lets every channel flow until none has anything left to do.
async fn round(inner: &Arc<Inner>, shift: &Arc<Shift>) -> Result<(), LedgerError> {
    look_back(inner, shift).await?;
    let (sites, others): (Vec<_>, Vec<_>) =
        inner.routes.iter().partition(|(_, route)| route.kind.form() == Form::Page);
    let mut ended = Ok(());
    for channels in [sites, others] {
        let mut flows = JoinSet::new();
        for (key, _) in channels {
            flows.spawn(Flow::new(Arc::clone(inner), Arc::clone(shift), key.clone()).run());
        }
        let mut doubts = tokio::time::interval_at(Instant::now() + DOUBT_EVERY, DOUBT_EVERY);
        loop {
            tokio::select! {
                // The others are seen to their ends: an attempt that is cut off in the middle is one that nobody knows of.
                done = flows.join_next() => match done {
                    None => break,
                    Some(done) => ended = ended.and(joined(done)),
                },
                _ = doubts.tick() => {
                    if let Err(error) = look_back(inner, shift).await {
                        shift.halt.cancel();
                        ended = ended.and(Err(error));
                    }
                }
            }
        }
    }
    ended
}

/// Records what could not be recorded when it happened, and looks after what nobody knows.
async fn look_back(inner: &Inner, shift: &Shift) -> Result<(), LedgerError> {
    recover::settle_open(inner).await?;
    for (state, count) in doubt::look(inner, &HashSet::new()).await? {
        shift.count(state, count);
    }
    Ok(())
}

/// What a channel's work came to. Where it broke off the others go on; what it had in hand is free when the drain ends.
fn joined(done: Result<Result<(), LedgerError>, tokio::task::JoinError>) -> Result<(), LedgerError> {
    done.unwrap_or_else(|panic| {
        tracing::error!(%panic, "a channel's work broke off; this is a fault in Dateline");
        Ok(())
    })
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
