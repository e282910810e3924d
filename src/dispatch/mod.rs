//! Claim, ask the gate, deliver, settle: until nothing is due.
//!
//! Dispatch is the only module that sees both the ledger and the channels. It never renders a
//! template: the ledger holds the frozen edition, and a recipient's slots are filled from the claim.
//! What becomes of an attempt is decided in [`decide`], when to try again in [`retry`], what becomes of one that nobody
//! knows of in [`doubt`]. [`breadcrumb`] and [`recover`] make a death of the process cost as little as can be.
//!
//! At each due time the newsroom site goes first: mails and posts link to its pages, and a
//! link-preview crawler that comes too early remembers a page that is not there.

mod attempt;
mod breadcrumb;
mod decide;
mod doubt;
mod gate;
mod look;
mod rate;
mod recover;
mod retry;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub use look::{Looked, look};

use crate::channel::Channel;
use crate::channel::config::{Limits, OnUnknown};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::ledger::{Claim, DeliveryId, Epoch, Ledger, LedgerError, Scope, State};
use crate::newsroom::ChannelKind;
use crate::release::Notice;
use crate::render::Edition;
use breadcrumb::Breadcrumbs;
use decide::Trouble;
use rate::Rate;

pub use doubt::{DispatchConfig, SHORTEST_QUARANTINE};
pub use recover::Recovered;

/// How often leases are renewed; they last four times as long.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// After this many refusals of us, a destination's other recipients wait.
const REFUSALS: u32 = 3;
/// Deliveries in hand for each connection, so that none idles between claims.
const IN_HAND: u32 = 32;
/// So long one that may be poison is worked on alone; then it shares the channel like any other.
const ALONE: Duration = Duration::from_secs(10);

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
    rates: BTreeMap<String, Mutex<Rate>>,
    refusals: Mutex<HashMap<(String, String), u32>>,
    clock: Clock,
    owner: String,
    observer: Observer,
    begun: OnceLock<(Breadcrumbs, SignedDuration)>,
    open: Mutex<Vec<recover::Open>>,
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
        let rates = routes
            .iter()
            .map(|(key, route)| (key.clone(), Mutex::new(Rate::new(route.limits.per_minute))))
            .collect();
        let refusals = Mutex::default();
        let (begun, open) = (OnceLock::new(), Mutex::default());
        Dispatch(Arc::new(Inner { ledger, routes, rates, refusals, clock, owner, observer, begun, open }))
    }

    /// Tells the ledger what the process before left under way, as far as the breadcrumbs in `file` prove it, and leaves
    /// breadcrumbs there from now on. Without it a death of the process leaves everything unknown that was under way.
    pub async fn begin(&self, file: &Path, config: &DispatchConfig) -> Result<Recovered, LedgerError> {
        let (crumbs, recovered) = recover::begin(&self.0, file).await?;
        // Set already: then the first file is the one that is written.
        let _ = self.0.begun.set((crumbs, config.quarantine.0));
        Ok(recovered)
    }

    /// Sends until nothing is due that may leave, or until `stop`: then no new attempt begins, and those
    /// under way are finished.
    pub async fn drain(&self, stop: &CancellationToken) -> Result<Tally, LedgerError> {
        let inner = &self.0;
        inner.ledger.rescue(inner.clock.now()).await?;
        let mut total = Tally::new();
        loop {
            let (sites, others): (Vec<_>, Vec<_>) =
                inner.routes.iter().partition(|(_, route)| route.kind == ChannelKind::Newsroom);
            recover::settle_open(inner).await?;
            let mut round = doubt::look(inner, &HashSet::new()).await?;
            let mut failed = None;
            for batch in [sites, others] {
                let mut channels = JoinSet::new();
                for (key, _) in batch {
                    channels.spawn(channel_round(Arc::clone(inner), key.clone(), stop.clone()));
                }
                while let Some(done) = channels.join_next().await {
                    match done {
                        Ok(Ok(tally)) => add(&mut round, tally),
                        // The others are seen to their ends: an attempt that is cut off in the middle is one that nobody knows of.
                        Ok(Err(error)) => failed = Some(error),
                        // The other channels go on; what this one had in hand is free again below.
                        Err(panic) => {
                            tracing::error!(%panic, "a channel's work broke off; this is a fault in Dateline");
                        }
                    }
                }
            }
            if let Some(error) = failed {
                return Err(error);
            }
            let idle = round.is_empty();
            add(&mut total, round);
            if idle || stop.is_cancelled() {
                inner.ledger.return_claims(&inner.owner, inner.clock.now()).await?;
                return Ok(total);
            }
        }
    }
}

fn add(total: &mut Tally, more: Tally) {
    for (state, count) in more {
        *total.entry(state).or_default() += count;
    }
}

/// Claims once on one channel and sees every claim to its end.
async fn channel_round(
    inner: Arc<Inner>,
    key: String,
    stop: CancellationToken,
) -> Result<Tally, LedgerError> {
    let Some(route) = inner.routes.get(&key) else { return Ok(Tally::new()) };
    if stop.is_cancelled() {
        return Ok(Tally::new());
    }
    let connections = route.limits.connections.unwrap_or(match route.kind {
        ChannelKind::Smtp => 4,
        _ => 1,
    });
    let claims = inner
        .ledger
        .claim(&inner.owner, &key, inner.clock.now(), connections.saturating_mul(IN_HAND))
        .await?;
    if claims.is_empty() {
        return Ok(Tally::new());
    }
    crate::crashpoint!("S1");
    let (suspects, claims): (Vec<Claim>, Vec<Claim>) = claims.into_iter().partition(|claim| claim.guilt > 0);
    let round = Arc::new(Round {
        channel: key,
        queue: Mutex::new(claims.into()),
        editions: tokio::sync::Mutex::default(),
        tally: Mutex::default(),
        halt: stop.child_token(),
    });
    let mut workers = JoinSet::new();
    let mut failed = None;
    // The process died while it worked on these. They go first, one by one: if it dies again, it is clear of which, and the
    // others are not to blame.
    let mut suspects = VecDeque::from(suspects);
    let mut all_work = false;
    let mut renewal = tokio::time::interval(RENEW_EVERY);
    renewal.tick().await;
    let mut wait = tokio::time::Instant::now();
    loop {
        if !all_work && (workers.is_empty() || wait <= tokio::time::Instant::now()) {
            match suspects.pop_front() {
                Some(suspect) if !round.halt.is_cancelled() => {
                    let (inner, round, alone) = (Arc::clone(&inner), Arc::clone(&round), workers.is_empty());
                    workers.spawn(async move { one(&inner, &round, suspect, alone).await });
                    wait = tokio::time::Instant::now() + ALONE;
                }
                last => {
                    lock(&round.queue).extend(last.into_iter().chain(suspects.drain(..)));
                    for _ in 0..connections.max(1) {
                        workers.spawn(work(Arc::clone(&inner), Arc::clone(&round)));
                    }
                    all_work = true;
                }
            }
        }
        tokio::select! {
            done = workers.join_next() => match done {
                None => break,
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    // The ledger is the ground we stand on: stop the others before their next gate.
                    round.halt.cancel();
                    failed = Some(error);
                }
                Some(Err(panic)) => {
                    tracing::error!(%panic, "an attempt's task broke off; this is a fault in Dateline");
                }
            },
            _ = renewal.tick() => {
                // What is under way goes on to its end, whatever the ledger says.
                if let Err(error) = inner.ledger.renew(&inner.owner, inner.clock.now()).await {
                    round.halt.cancel();
                    failed = Some(error);
                }
            }
            () = tokio::time::sleep_until(wait), if !all_work => {}
        }
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let left: Vec<(DeliveryId, Epoch)> =
        lock(&round.queue).drain(..).map(|claim| (claim.delivery, claim.epoch)).collect();
    if !left.is_empty() {
        inner.ledger.hand_back(left, None, inner.clock.now()).await?;
    }
    Ok(std::mem::take(&mut *lock(&round.tally)))
}

/// The claims of one channel that are being worked on.
struct Round {
    channel: String,
    queue: Mutex<VecDeque<Claim>>,
    editions: tokio::sync::Mutex<HashMap<Digest, Arc<Edition>>>,
    tally: Mutex<Tally>,
    halt: CancellationToken,
}

impl Round {
    async fn edition(&self, ledger: &Ledger, sha: Digest) -> Result<Arc<Edition>, LedgerError> {
        let mut editions = self.editions.lock().await;
        if let Some(edition) = editions.get(&sha) {
            return Ok(Arc::clone(edition));
        }
        let edition = ledger.edition(sha).await?;
        editions.insert(sha, Arc::clone(&edition));
        Ok(edition)
    }
}

/// One worker: takes claims until there are none, or until it is told to halt.
async fn work(inner: Arc<Inner>, round: Arc<Round>) -> Result<(), LedgerError> {
    loop {
        if round.halt.is_cancelled() {
            return Ok(());
        }
        let Some(claim) = lock(&round.queue).pop_front() else { return Ok(()) };
        let departure = inner.rates.get(&round.channel).map(|rate| lock(rate).take(inner.clock.now()));
        if let Some(at) = departure {
            tokio::select! {
                () = inner.clock.sleep_until(at) => {}
                () = round.halt.cancelled() => {
                    lock(&round.queue).push_front(claim);
                    return Ok(());
                }
            }
        }
        one(&inner, &round, claim, false).await?;
    }
}

/// Makes one attempt. `alone`: nothing else of the channel is under way.
async fn one(inner: &Inner, round: &Round, claim: Claim, alone: bool) -> Result<(), LedgerError> {
    let Some(route) = inner.routes.get(&round.channel) else { return Ok(()) };
    let edition = round.edition(&inner.ledger, claim.edition).await?;
    let desk = attempt::Desk {
        ledger: &inner.ledger,
        clock: &inner.clock,
        crumbs: inner.begun.get().map(|(crumbs, _)| crumbs),
        open: &inner.open,
    };
    let done = attempt::attempt(&desk, route, &round.channel, &claim, edition, alone).await?;
    *lock(&round.tally).entry(done.event.state).or_default() += 1;
    if let Some(trouble) = done.trouble {
        halt(inner, round, trouble, &claim, &done.event.words).await?;
    }
    (inner.observer)(done.event);
    Ok(())
}

/// Stops what refuses us. A hold is an operator's to end: `dateline resume`.
async fn halt(
    inner: &Inner,
    round: &Round,
    trouble: Trouble,
    claim: &Claim,
    words: &str,
) -> Result<(), LedgerError> {
    let now = inner.clock.now();
    match trouble {
        Trouble::Channel => {
            round.halt.cancel();
            inner.ledger.hold(Scope::Channel(round.channel.clone()), words, "dispatch", now).await?;
        }
        Trouble::Destination => {
            let Some(domain) = attempt::domain(claim) else {
                return Ok(());
            };
            let refusals = {
                let mut refusals = lock(&inner.refusals);
                let count = refusals.entry((round.channel.clone(), domain.clone())).or_default();
                *count += 1;
                *count
            };
            if refusals >= REFUSALS {
                inner.ledger.hold(Scope::Destination(domain), words, "dispatch", now).await?;
            }
        }
    }
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
