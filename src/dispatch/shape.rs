//! What may leave by one channel now: its limits, those of each provider, and how each destination takes it. Pure.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::budget::{Departure, Pace, Slots};
use super::decide::Trouble;
use super::hand::Place;
use super::health::{Health, Most, THREE};
use super::retry::Scope;
use crate::channel::config::{Limits, Providers};
use crate::ledger::Scope as Held;
use crate::ledger::{Claim, DeliveryId, Hold, LEASE, Party, Take, Want};

/// Destinations that are remembered although nothing is to be said about them.
const REMEMBERED: usize = 20_000;
/// How long an attempt is thought to take where none was seen.
const USUAL: SignedDuration = SignedDuration::from_millis(200);

/// A channel and its destinations.
pub struct Shape {
    channel: String,
    connections: u32,
    /// So many more for each connection are made ready meanwhile, where nothing but the connections keeps them.
    ahead: u32,
    /// How many connections are in use, where that is not how many are under way.
    in_use: Option<u32>,
    providers: Providers,
    /// Departures a minute: as configured, and as they are kept to now.
    per_minute: Option<u32>,
    allowed: Option<u32>,
    pace: Option<Pace>,
    slots: Slots,
    whole: Health,
    /// Destinations that refused us since the channel last took something.
    refusing: BTreeSet<Place>,
    under_way: u32,
    spots: HashMap<Place, Spot>,
    /// Where slots are missing.
    asking: BTreeSet<Place>,
    /// Where departures are, or soon will be.
    departing: BTreeSet<Place>,
}

/// One destination.
struct Spot {
    health: Health,
    under_way: u32,
    pace: Option<Pace>,
    slots: Option<Slots>,
    /// Its domains that are held because it refuses us.
    held: BTreeSet<String>,
    /// Why.
    reason: String,
    takes: SignedDuration,
    /// When the last of those is to come back that were too many to keep in hand.
    tail: Timestamp,
}

/// Whether something may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Now.
    Go,
    /// When an attempt that is on its way has ended.
    Busy,
    /// Then.
    At(Timestamp),
    /// When the ledger has given out more.
    Ask,
    /// Not before then: it is left alone.
    Paused(Timestamp),
    /// Not before an operator says so.
    Held,
}

/// What follows from an attempt for others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// The destination is left alone until then.
    Pause(Timestamp),
    /// The channel is left alone until then.
    PauseAll(Timestamp),
    /// The destination refuses us: its circuit is open.
    Open,
    /// The channel refuses us, or all of its destinations do.
    OpenAll,
}

/// What to ask the ledger for; the place of each, the channel's own being empty.
#[derive(Debug, Clone, Default)]
pub struct Questions {
    /// Departures.
    pub takes: Vec<(Place, Take)>,
    /// Slots.
    pub wants: Vec<(Place, Want)>,
}

/// The channel itself, and its own account.
pub fn nobody() -> Place {
    Place::from("")
}

impl Shape {
    /// The channel `key` with these limits, on at most `connections`.
    pub fn new(key: &str, limits: &Limits, connections: u32) -> Shape {
        Shape {
            channel: key.to_owned(),
            connections,
            ahead: 0,
            in_use: None,
            providers: limits.providers(),
            per_minute: limits.per_minute,
            allowed: limits.per_minute,
            pace: limits.per_minute.map(|per_minute| Pace::new(key, per_minute)),
            slots: Slots::new(key, connections),
            whole: Health::default(),
            refusing: BTreeSet::new(),
            under_way: 0,
            spots: HashMap::new(),
            asking: BTreeSet::new(),
            departing: BTreeSet::new(),
        }
    }

    /// Keeps to the `per_minute` that the destination takes, as it says itself, where that is less than what is configured.
    pub fn allow(&mut self, per_minute: Option<u32>) {
        let most = [self.per_minute, per_minute].into_iter().flatten().min();
        if most != self.allowed {
            self.pace = most.map(|per_minute| Pace::new(&self.channel, per_minute));
            self.allowed = most;
        }
    }

    /// How many connections there may be in all.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// The channel may be handed so many for each connection beyond those on their way; returns how many it is now. Who is being tried
    /// out, or may leave only so often, is not begun before its time.
    pub fn ahead(&mut self, ahead: u32, now: Timestamp) -> u32 {
        let calm = self.pace.is_none() && self.refusing.is_empty() && self.whole.most(now) == Most::All;
        self.ahead = if calm { ahead } else { 0 };
        self.ahead
    }

    /// How many connections may be used now.
    pub fn may_use(&self, now: Timestamp) -> u32 {
        self.slots.may(now)
    }

    /// The channel says how many connections it has.
    pub fn in_use(&mut self, in_use: Option<u32>) {
        self.in_use = in_use;
    }

    /// How many of the channel's slots cannot be given away now.
    fn used(&self) -> u32 {
        self.in_use.unwrap_or(self.under_way)
    }

    /// Nothing is on its way: a flow begins, and there is one at a time.
    pub fn begin_anew(&mut self) {
        self.under_way = 0;
        self.spots.values_mut().for_each(|spot| spot.under_way = 0);
    }

    /// Where a claim goes.
    pub fn place(&self, claim: &Claim) -> Place {
        match &claim.recipient {
            Party::Contact { email, .. } => self.providers.of(email.domain()),
            Party::Account => nobody(),
        }
    }

    /// Until when the channel is left alone.
    pub fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        match self.whole.most(now) {
            Most::After(at) => Some(at),
            _ => None,
        }
    }

    /// Whether the channel can take one more.
    pub fn may_leave(&mut self, now: Timestamp) -> May {
        let refusing = u32::try_from(self.refusing.len()).unwrap_or(u32::MAX);
        let few = match self.whole.most(now) {
            Most::Held => return May::Held,
            Most::After(at) => return May::Paused(at),
            Most::Few(few) => few.min(THREE.saturating_sub(refusing).max(1)),
            Most::All if refusing > 0 => THREE.saturating_sub(refusing).max(1),
            Most::All => u32::MAX,
        };
        if self.slots.may(now) == 0 {
            self.asking.insert(nobody());
            return May::Ask;
        }
        let calm = few == u32::MAX && self.pace.is_none();
        let ahead = if calm { self.ahead } else { 0 };
        let most = self.slots.may(now).saturating_mul(ahead.saturating_add(1));
        if self.under_way >= few.min(most) {
            return May::Busy;
        }
        self.depart(&nobody(), now)
    }

    /// Whether one more may go to `place`, the channel being willing.
    pub fn may_go(&mut self, place: &Place, now: Timestamp) -> May {
        let spot = self.spot(place);
        let under_way = spot.under_way;
        match spot.health.most(now) {
            Most::Held => return May::Held,
            Most::After(at) => return May::Paused(at),
            Most::Few(few) if under_way >= few => return May::Busy,
            Most::Few(_) | Most::All => {}
        }
        match spot.slots.as_ref().map(|slots| slots.may(now)) {
            Some(0) if under_way == 0 => {
                self.asking.insert(Arc::clone(place));
                return May::Ask;
            }
            Some(most) if under_way >= most => return May::Busy,
            _ => {}
        }
        if place.is_empty() { May::Go } else { self.depart(place, now) }
    }

    fn depart(&mut self, place: &Place, now: Timestamp) -> May {
        let pace = if place.is_empty() { self.pace.as_mut() } else { self.spot(place).pace.as_mut() };
        let Some(pace) = pace else { return May::Go };
        let (departure, low) = (pace.look(now), pace.is_low());
        if low {
            self.departing.insert(Arc::clone(place));
        }
        match departure {
            Departure::Now => May::Go,
            Departure::At(at) => May::At(at),
            Departure::Ask => May::Ask,
        }
    }

    /// One begins, both having said that it may.
    pub fn begin(&mut self, place: &Place) {
        self.under_way += 1;
        if let Some(pace) = &mut self.pace {
            pace.take();
        }
        let spot = self.spot(place);
        spot.under_way += 1;
        if let Some(pace) = &mut spot.pace {
            pace.take();
        }
    }

    /// One has ended, after `took`. `sent` and `spoke` say that the destination took it, or said what it thinks of the recipient.
    pub fn end(
        &mut self,
        (place, delivery): (&Place, DeliveryId),
        (sent, spoke): (bool, bool),
        trouble: Option<Trouble>,
        took: SignedDuration,
        now: Timestamp,
    ) -> Effect {
        self.under_way = self.under_way.saturating_sub(1);
        let account = place.is_empty();
        let spot = self.spot(place);
        spot.under_way = spot.under_way.saturating_sub(1);
        spot.takes = (spot.takes * 7 + took) / 8;
        let health = &mut spot.health;
        let pause = match trouble {
            Some(Trouble::Recipient(after)) => {
                let certain = account && after.is_some();
                health.failed(Scope::Destination, place, certain, after, now).map(Effect::Pause)
            }
            Some(Trouble::PauseDestination(after)) => {
                health.failed(Scope::Destination, place, true, after, now).map(Effect::Pause)
            }
            Some(Trouble::PauseChannel(after)) => {
                let Shape { whole, channel, .. } = self;
                whole.failed(Scope::Channel, channel, after.is_some(), after, now).map(Effect::PauseAll)
            }
            Some(Trouble::Destination) => return self.refused(place, delivery, now),
            Some(Trouble::Channel) => {
                self.whole.open();
                return Effect::OpenAll;
            }
            None if sent => {
                health.took(now);
                self.whole.took(now);
                self.refusing.clear();
                None
            }
            None => {
                if spoke {
                    health.spoke(now);
                    self.whole.spoke(now);
                }
                None
            }
        };
        pause.unwrap_or(Effect::Nothing)
    }

    fn refused(&mut self, place: &Place, delivery: DeliveryId, now: Timestamp) -> Effect {
        self.whole.spoke(now);
        self.refusing.insert(Arc::clone(place));
        let opens = self.spot(place).health.refused(delivery);
        if self.refusing.len() >= THREE as usize {
            self.whole.open();
            Effect::OpenAll
        } else if opens {
            Effect::Open
        } else {
            Effect::Nothing
        }
    }

    /// The holds that stand: where one of ours is gone an operator ended it, and one delivery may show whether he was right.
    /// Returns whether that changed anything.
    pub fn held(&mut self, holds: &[Hold]) -> bool {
        let mut changed = false;
        for hold in holds.iter().filter(|hold| hold.by == Hold::BY_DISPATCH) {
            if let Held::Destination(domain) = &hold.scope {
                let place = self.providers.of(domain);
                let spot = self.spot(&place);
                spot.health.open();
                spot.held.insert(domain.clone());
                spot.reason.clone_from(&hold.reason);
            }
        }
        for spot in self.spots.values_mut().filter(|spot| spot.health.is_open()) {
            let stands = |domain: &String| {
                holds.iter().any(|hold| matches!(&hold.scope, Held::Destination(held) if held == domain))
            };
            if !spot.held.iter().any(stands) {
                spot.held.clear();
                spot.health.close();
                changed = true;
            }
        }
        let channel = |hold: &Hold| matches!(&hold.scope, Held::Channel(key) if *key == self.channel);
        if self.whole.is_open() && !holds.iter().any(channel) {
            self.whole.close();
            self.refusing.clear();
            changed = true;
        }
        changed
    }

    /// Notes that a hold is being set on `domain` of `place`; returns whether it is new.
    pub fn hold(&mut self, place: &Place, domain: &str) -> bool {
        self.spot(place).held.insert(domain.to_owned())
    }

    /// What was asked for and is not there yet; with `all`, also what is running out. `waiting` says how many are in hand for a
    /// place.
    pub fn questions(&mut self, all: bool, waiting: impl Fn(&Place) -> usize) -> Questions {
        let mut questions = Questions::default();
        if !all && self.asking.is_empty() && self.departing.is_empty() {
            // As nearly always; there may be thousands of spots to look at.
            return questions;
        }
        let asking = std::mem::take(&mut self.asking);
        let departing = std::mem::take(&mut self.departing);
        let many = |place: &Place, under_way: u32| {
            u32::try_from(waiting(place)).unwrap_or(u32::MAX).saturating_add(under_way)
        };
        let whole = nobody();
        if all || asking.contains(&whole) {
            let wanted = if all { many(&whole, self.under_way) } else { self.connections };
            questions.wants.push((Arc::clone(&whole), self.slots.want(self.used(), wanted)));
        }
        if let (true, Some(pace)) = (departing.contains(&whole), &self.pace) {
            questions.takes.push((whole, pace.want()));
        }
        for (place, spot) in &self.spots {
            let asked = asking.contains(place);
            if let (true, Some(pace)) = (departing.contains(place), &spot.pace) {
                questions.takes.push((Arc::clone(place), pace.want()));
            }
            if let (true, Some(slots)) = (asked || all, &spot.slots) {
                let wanted = if all { many(place, spot.under_way) } else { u32::MAX };
                let want = slots.want(spot.under_way, wanted);
                questions.wants.push((Arc::clone(place), want));
            }
        }
        questions
    }

    /// The ledger's answers, to questions asked at `asked`.
    pub fn answers(&mut self, questions: &Questions, first: &[Timestamp], slots: &[u32], asked: Timestamp) {
        for ((place, take), first) in questions.takes.iter().zip(first) {
            let pace = if place.is_empty() { self.pace.as_mut() } else { self.spot(place).pace.as_mut() };
            if let Some(pace) = pace {
                pace.refill(*first, take.count, asked);
            }
        }
        let until = asked.checked_add(LEASE).unwrap_or(Timestamp::MAX);
        for ((place, _), granted) in questions.wants.iter().zip(slots) {
            if place.is_empty() {
                self.slots.refill(*granted, until);
            } else if let Some(slots) = &mut self.spot(place).slots {
                slots.refill(*granted, until);
            }
        }
    }

    /// Whether an operator must look before anything leaves.
    pub fn is_held(&self) -> bool {
        self.whole.is_open()
    }

    /// Why `place` is held; `words` are those with which its circuit opened.
    pub fn reason(&mut self, place: &Place, words: Option<&str>) -> String {
        let name = if place.is_empty() { self.channel.clone() } else { place.to_string() };
        let spot = self.spot(place);
        if let Some(words) = words {
            spot.reason = format!("{name} refuses us: {words}");
        } else if spot.reason.is_empty() {
            spot.reason = format!("{name} refuses us");
        }
        spot.reason.clone()
    }

    /// Gives back every slot; returns what to tell the ledger, which is nothing where none was given out.
    pub fn give_up(&mut self) -> Vec<Want> {
        let spots = self.spots.values_mut().filter_map(|spot| spot.slots.as_mut());
        let (mut wants, granted) = (Vec::new(), self.slots.was_granted());
        for slots in std::iter::once(&mut self.slots).chain(spots) {
            wants.push(slots.want(0, 0));
            slots.refill(0, Timestamp::MIN);
        }
        if self.spots.len() > REMEMBERED {
            self.spots.retain(|_, spot| spot.under_way > 0 || !spot.health.is_plain());
        }
        if granted { wants } else { Vec::new() }
    }

    /// When the next one comes back that is too many to be kept in hand for a slow `place`, where `kept` are ahead of it;
    /// nothing where the place is not slow.
    pub fn appointment(&mut self, place: &Place, kept: usize, now: Timestamp) -> Option<Timestamp> {
        let connections = self.connections;
        let spot = self.spot(place);
        let few = if spot.health.is_recovering() {
            1
        } else if spot.pace.is_some() || spot.slots.is_some() {
            connections
        } else {
            return None;
        };
        let each = spot.takes / i32::try_from(few.max(1)).unwrap_or(i32::MAX);
        let apart = spot.pace.as_ref().map_or(each, |pace| pace.apart().max(each));
        let ahead = apart.checked_mul(i32::try_from(kept).unwrap_or(i32::MAX))?;
        let then = now.checked_add(ahead).ok()?.max(spot.tail.checked_add(apart).ok()?);
        spot.tail = then;
        Some(then)
    }

    fn spot(&mut self, place: &Place) -> &mut Spot {
        let Shape { spots, providers, channel, .. } = self;
        spots.entry(Arc::clone(place)).or_insert_with(|| {
            let (connections, per_minute) = providers.limits(place);
            let name = format!("{channel} {place}");
            Spot {
                health: Health::default(),
                under_way: 0,
                pace: per_minute.map(|per_minute| Pace::new(&name, per_minute)),
                slots: connections.map(|connections| Slots::new(&name, connections)),
                held: BTreeSet::new(),
                reason: String::new(),
                takes: USUAL,
                tail: Timestamp::MIN,
            }
        })
    }
}
