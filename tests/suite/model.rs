//! A model of claim, intent, settle, hold, cancel and rescue (delivery.md 2–5), of which every state is visited: two daemons, two
//! deliveries, crashes at every step, loss of power, pauses past the lease, late results, an operator. A daemon has one connection, and
//! works ahead: it asks for the intent of a second delivery while the dot of the first has no answer, or its result is not on record.
//!
//! The rules are the ledger's. Each can be left out, and then the checker finds the history in which that does harm: so the
//! model is able to fail, and every rule is needed.

use stateright::{Checker as _, HasDiscoveries, Model, Property};

use crate::disk::long;

/// What the ledger and the daemons insist on.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// An intent asks whether the claim is still ours.
    lease: bool,
    /// An intent asks for holds.
    hold: bool,
    /// An intent asks whether the delivery still waits.
    state: bool,
    /// A result counts only for the newest attempt.
    newest: bool,
    /// An attempt whose lease ran out is unknown, not scheduled.
    unknown: bool,
    /// Before the dot, the daemon looks at the attempt's deadline.
    deadline: bool,
    /// After the loss of power no breadcrumb is believed.
    boot: bool,
    /// What is unknown is sent again only when no connection of the attempt can be open any more.
    quarantine: bool,
    /// An attempt that was under way when its process died, with the dot on its way, is unknown.
    gap: bool,
    /// Over a connection no dot leaves before the last one was answered.
    wire: bool,
}

const ALL: Rules = Rules {
    lease: true,
    hold: true,
    state: true,
    newest: true,
    unknown: true,
    deadline: true,
    boot: true,
    quarantine: true,
    gap: true,
    wire: true,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Scheduled,
    Attempting,
    Sent,
    Unknown,
    Cancelled,
}

/// What the ledger knows of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Known {
    Nothing,
    Sent,
    Refused,
    NotSent,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Attempt {
    by: usize,
    known: Known,
    /// Its deadline is over.
    late: bool,
    // What the world has seen.
    dotted: bool,
    accepted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Delivery {
    state: State,
    epoch: u8,
    owner: Option<usize>,
    /// The lease has not run out.
    live: bool,
    attempts: Vec<Attempt>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Claimed,
    /// The intent is durable.
    Intended,
    /// The deadline was looked at; the dot is about to be written.
    Checked,
    Dotted,
    Answered(Known),
}

/// What a daemon is doing; also what its breadcrumb says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Work {
    delivery: usize,
    epoch: u8,
    attempt: usize,
    step: Step,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Daemon {
    up: bool,
    works: Vec<Work>,
    /// What its breadcrumbs say after it died; nothing where they are not believed.
    crumbs: Option<Vec<Work>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct World {
    deliveries: Vec<Delivery>,
    daemons: Vec<Daemon>,
    held: bool,
    crashes: u8,
    /// An intent was let go although a hold or a cancellation had been acknowledged.
    disobeyed: bool,
    /// A dot left for an attempt that had been given up.
    zombie: bool,
    /// A death of a process alone left more than one attempt of which its breadcrumbs prove nothing.
    several: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Claim(usize, usize),
    // A daemon and which of its works.
    Intent(usize, usize),
    Check(usize, usize),
    Dot(usize, usize),
    /// The server's answer, or none: then it may have accepted or not.
    Answer(usize, usize, Known, bool),
    Settle(usize, usize),
    Crash(usize),
    LosePower(usize),
    Restart(usize),
    DeadlinePasses(usize),
    /// A paused daemon does not renew.
    LeaseEnds(usize),
    Rescue(usize),
    SendAgain(usize),
    Hold,
    Cancel(usize),
}

struct Ledger {
    rules: Rules,
    daemons: usize,
    /// How many deliveries a daemon works on at once.
    works: usize,
    deliveries: usize,
    crashes: u8,
    /// How many there are in all, so that there is an end.
    claims: u8,
}

impl Ledger {
    /// Puts a result into the ledger.
    fn settle(&self, delivery: &mut Delivery, attempt: usize, known: Known) {
        let newest = attempt + 1 == delivery.attempts.len();
        let counts = newest && matches!(delivery.state, State::Attempting | State::Unknown);
        let nothing_new = delivery.state == State::Unknown && known == Known::Unknown;
        if (!counts && self.rules.newest) || nothing_new {
            return;
        }
        delivery.attempts[attempt].known = known;
        delivery.state = match known {
            Known::Sent => State::Sent,
            Known::Refused | Known::NotSent => State::Scheduled,
            Known::Unknown | Known::Nothing => State::Unknown,
        };
    }

    fn free(delivery: &mut Delivery, owner: usize, epoch: u8) {
        if delivery.owner == Some(owner) && delivery.epoch == epoch {
            delivery.owner = None;
            delivery.live = false;
        }
    }

    fn intent(&self, world: &mut World, daemon: usize, at: usize) {
        let work = world.daemons[daemon].works[at];
        let held = world.held;
        let delivery = &mut world.deliveries[work.delivery];
        let ours = delivery.epoch == work.epoch && delivery.owner == Some(daemon) && delivery.live;
        let go = (ours || !self.rules.lease)
            && (!held || !self.rules.hold)
            && (delivery.state == State::Scheduled || !self.rules.state);
        if !go {
            Ledger::free(delivery, daemon, work.epoch);
            world.daemons[daemon].works.remove(at);
            return;
        }
        world.disobeyed |= held || delivery.state == State::Cancelled;
        delivery.state = State::Attempting;
        let attempt =
            Attempt { by: daemon, known: Known::Nothing, late: false, dotted: false, accepted: false };
        delivery.attempts.push(attempt);
        let work = Work { attempt: delivery.attempts.len() - 1, step: Step::Intended, ..work };
        world.daemons[daemon].works[at] = work;
    }

    /// The same daemon starts again: what it had claimed is free, and its breadcrumbs say what became of its attempts.
    fn restart(&self, world: &mut World, daemon: usize) {
        let crumbs = world.daemons[daemon].crumbs.take();
        world.daemons[daemon].up = true;
        let open = |crumb: &&Work| matches!(crumb.step, Step::Checked | Step::Dotted);
        world.several |= crumbs.iter().flatten().filter(open).count() > 1;
        for (at, delivery) in world.deliveries.iter_mut().enumerate() {
            if delivery.owner != Some(daemon) {
                continue;
            }
            let newest = delivery.attempts.len().wrapping_sub(1);
            if delivery.state == State::Attempting {
                let of_it = |crumb: &&Work| crumb.delivery == at && crumb.attempt == newest;
                let tried = |crumb: &&Work| crumb.step != Step::Claimed;
                let crumb = crumbs.iter().flatten().filter(tried).find(of_it);
                let known = match crumb.copied() {
                    Some(Work { step: Step::Intended, .. }) => Known::NotSent,
                    Some(Work { step: Step::Answered(known), .. }) => known,
                    Some(_) if !self.rules.gap => Known::NotSent,
                    _ => Known::Unknown,
                };
                self.settle(delivery, newest, known);
            }
            delivery.owner = None;
            delivery.live = false;
        }
    }
}

impl Model for Ledger {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        let delivery =
            Delivery { state: State::Scheduled, epoch: 0, owner: None, live: false, attempts: Vec::new() };
        vec![World {
            deliveries: vec![delivery; self.deliveries],
            daemons: vec![Daemon { up: true, works: Vec::new(), crumbs: None }; self.daemons],
            held: false,
            crashes: 0,
            disobeyed: false,
            zombie: false,
            several: false,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        for (d, daemon) in world.daemons.iter().enumerate() {
            if !daemon.up {
                actions.push(Action::Restart(d));
                continue;
            }
            if daemon.works.len() < self.works {
                for (i, delivery) in world.deliveries.iter().enumerate() {
                    let free = delivery.state == State::Scheduled && delivery.owner.is_none();
                    let claims: u8 = world.deliveries.iter().map(|delivery| delivery.epoch).sum();
                    if free && !world.held && claims < self.claims {
                        actions.push(Action::Claim(d, i));
                    }
                }
            }
            let open = |work: &Work| matches!(work.step, Step::Checked | Step::Dotted);
            let taken = daemon.works.iter().any(open) && self.rules.wire;
            for (w, work) in daemon.works.iter().enumerate() {
                actions.extend(match work.step {
                    Step::Claimed => vec![Action::Intent(d, w)],
                    Step::Intended if taken => vec![],
                    Step::Intended => vec![Action::Check(d, w)],
                    Step::Checked => vec![Action::Dot(d, w)],
                    Step::Dotted => vec![
                        Action::Answer(d, w, Known::Sent, true),
                        Action::Answer(d, w, Known::Refused, false),
                        Action::Answer(d, w, Known::Unknown, true),
                        Action::Answer(d, w, Known::Unknown, false),
                    ],
                    Step::Answered(_) => vec![Action::Settle(d, w)],
                });
            }
            // Without work there is nothing that a crash could break.
            if !daemon.works.is_empty() && world.crashes < self.crashes {
                actions.extend([Action::Crash(d), Action::LosePower(d)]);
            }
        }
        for (i, delivery) in world.deliveries.iter().enumerate() {
            if delivery.state == State::Attempting && delivery.attempts.last().is_some_and(|last| !last.late)
            {
                actions.push(Action::DeadlinePasses(i));
            }
            if delivery.owner.is_some() {
                actions.push(if delivery.live { Action::LeaseEnds(i) } else { Action::Rescue(i) });
            }
            let open = world.daemons.iter().any(|daemon| {
                daemon.works.iter().any(|work| {
                    work.delivery == i
                        && matches!(work.step, Step::Checked | Step::Dotted | Step::Answered(_))
                })
            });
            if delivery.state == State::Unknown && (!open || !self.rules.quarantine) {
                actions.push(Action::SendAgain(i));
            }
            if delivery.state == State::Scheduled {
                actions.push(Action::Cancel(i));
            }
        }
        if !world.held {
            actions.push(Action::Hold);
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        match action {
            Action::Claim(d, i) => {
                let delivery = &mut next.deliveries[i];
                delivery.epoch += 1;
                delivery.owner = Some(d);
                delivery.live = true;
                let work = Work { delivery: i, epoch: delivery.epoch, attempt: 0, step: Step::Claimed };
                next.daemons[d].works.push(work);
            }
            Action::Intent(d, w) => self.intent(&mut next, d, w),
            Action::Check(d, w) => {
                let work = world.daemons[d].works[w];
                let late = world.deliveries[work.delivery].attempts[work.attempt].late;
                let step =
                    if late && self.rules.deadline { Step::Answered(Known::NotSent) } else { Step::Checked };
                next.daemons[d].works[w].step = step;
            }
            Action::Dot(d, w) => {
                let work = world.daemons[d].works[w];
                let delivery = &mut next.deliveries[work.delivery];
                let attempts = delivery.attempts.len();
                let attempt = &mut delivery.attempts[work.attempt];
                attempt.dotted = true;
                next.zombie |= work.attempt + 1 < attempts || matches!(attempt.known, Known::NotSent);
                next.zombie |= delivery.state == State::Scheduled;
                next.daemons[d].works[w].step = Step::Dotted;
            }
            Action::Answer(d, w, known, accepted) => {
                let work = world.daemons[d].works[w];
                next.deliveries[work.delivery].attempts[work.attempt].accepted = accepted;
                next.daemons[d].works[w].step = Step::Answered(known);
            }
            Action::Settle(d, w) => {
                let work = world.daemons[d].works[w];
                let Step::Answered(known) = work.step else { return None };
                let delivery = &mut next.deliveries[work.delivery];
                self.settle(delivery, work.attempt, known);
                Ledger::free(delivery, d, work.epoch);
                next.daemons[d].works.remove(w);
            }
            Action::Crash(d) => {
                next.crashes += 1;
                // The server may take what was on its way after all.
                let crumbs = world.daemons[d].works.clone();
                next.daemons[d] = Daemon { up: false, works: Vec::new(), crumbs: Some(crumbs) };
            }
            Action::LosePower(d) => {
                next.crashes += 1;
                // The file holds what was written back at some time: the oldest is the worst.
                let old = |crumb: &Work| Work { step: Step::Intended, ..*crumb };
                let old = world.daemons[d].works.iter().map(old).collect();
                let crumbs = if self.rules.boot { None } else { Some(old) };
                next.daemons[d] = Daemon { up: false, works: Vec::new(), crumbs };
            }
            Action::Restart(d) => self.restart(&mut next, d),
            Action::DeadlinePasses(i) => next.deliveries[i].attempts.last_mut()?.late = true,
            Action::LeaseEnds(i) => {
                let delivery = &mut next.deliveries[i];
                delivery.live = false;
                // The lease is longer than the time an attempt has to begin.
                if delivery.state == State::Attempting {
                    delivery.attempts.last_mut()?.late = true;
                }
            }
            Action::Rescue(i) => {
                let delivery = &mut next.deliveries[i];
                delivery.owner = None;
                if delivery.state == State::Attempting {
                    let newest = delivery.attempts.len() - 1;
                    let known = if self.rules.unknown { Known::Unknown } else { Known::NotSent };
                    self.settle(delivery, newest, known);
                }
            }
            Action::SendAgain(i) => next.deliveries[i].state = State::Scheduled,
            Action::Hold => next.held = true,
            Action::Cancel(i) => next.deliveries[i].state = State::Cancelled,
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Ledger>> {
        vec![
            Property::always(TWICE, |_, world: &World| {
                world.deliveries.iter().all(|delivery| {
                    let dotted: Vec<&Attempt> = delivery.attempts.iter().filter(|a| a.dotted).collect();
                    dotted.iter().rev().skip(1).all(|earlier| {
                        matches!(earlier.known, Known::Unknown)
                            || (earlier.known == Known::Refused && !earlier.accepted)
                    })
                })
            }),
            Property::always(OBEYS, |_, world: &World| !world.disobeyed),
            Property::always(TRUE, |_, world: &World| {
                world.deliveries.iter().all(|delivery| {
                    delivery.state != State::Sent || delivery.attempts.iter().any(|attempt| attempt.accepted)
                })
            }),
            Property::always(ZOMBIE, |_, world: &World| !world.zombie),
            Property::always(ONE, |_, world: &World| !world.several),
            // Where nothing can happen any more, nothing hangs.
            Property::always(STUCK, |model: &Ledger, world: &World| {
                let hangs = |d: &Delivery| d.state == State::Attempting || d.owner.is_some();
                let mut actions = Vec::new();
                if world.deliveries.iter().any(hangs) {
                    model.actions(world, &mut actions);
                    actions.retain(|action| !matches!(action, Action::Hold));
                    return !actions.is_empty();
                }
                true
            }),
            // The model reaches what it is about.
            Property::sometimes("sent", |_, world: &World| {
                world.deliveries.iter().all(|d| d.state == State::Sent)
            }),
            Property::sometimes("unknown", |_, world: &World| {
                world.deliveries.iter().any(|d| d.state == State::Unknown)
            }),
            Property::sometimes("sent by late evidence, after a pause", |_, world: &World| {
                world
                    .deliveries
                    .iter()
                    .any(|d| d.state == State::Sent && d.attempts.last().is_some_and(|a| a.late))
            }),
        ]
    }
}

const TWICE: &str = "no second dot without an unknown or a refusal before it";
const OBEYS: &str = "after a hold or a cancellation no intent";
const TRUE: &str = "sent means accepted";
const ZOMBIE: &str = "no dot for an attempt that was given up";
const ONE: &str = "a death of the process leaves one attempt open for each connection";
const STUCK: &str = "nothing hangs for ever";

/// Visits every state there is until so many claims and crashes were made.
fn every_state((daemons, works): (usize, usize), deliveries: usize, crashes: u8, claims: u8) {
    let model = Ledger { rules: ALL, daemons, works, deliveries, crashes, claims };
    let checker = model.checker().threads(2).spawn_bfs().join();
    checker.assert_properties();
    let states = checker.unique_state_count();
    println!(
        "{daemons} daemons with {works} works, {deliveries} deliveries, {crashes} crashes, {claims} claims: {states} states"
    );
    assert!(states > 10_000, "{states}");
}

/// `RELIABILITY=long cargo test --release --test suite model::` visits some millions.
#[test]
fn nothing_is_sent_twice_or_lost_whatever_happens_in_whatever_order() {
    every_state((2, 1), 1, 2, 2);
    every_state((2, 1), 2, 0, 2);
    every_state((1, 2), 2, 1, 2);
    if long() {
        every_state((2, 1), 2, 1, 2);
        every_state((2, 1), 1, 2, 3);
        every_state((2, 1), 2, 0, 3);
        every_state((1, 2), 2, 2, 3);
        every_state((2, 2), 1, 2, 3);
        every_state((2, 2), 2, 1, 2);
    }
}

/// Leaves one rule out and sees the harm.
fn check(rules: Rules, harm: &'static str) {
    let (works, deliveries) = if rules.wire { (1, 1) } else { (2, 2) };
    let model = Ledger { rules, daemons: 2, works, deliveries, crashes: 2, claims: 3 };
    let enough = HasDiscoveries::AnyOf([harm].into());
    let checker = model.checker().threads(2).finish_when(enough).spawn_bfs().join();
    let found: Vec<&str> = checker.discoveries().into_keys().collect();
    assert!(found.contains(&harm), "{rules:?}: nothing of `{harm}`, but {found:?}");
}

#[test]
fn every_rule_is_needed() {
    check(Rules { lease: false, ..ALL }, STUCK);
    check(Rules { hold: false, ..ALL }, OBEYS);
    check(Rules { state: false, ..ALL }, OBEYS);
    check(Rules { newest: false, ..ALL }, TWICE);
    check(Rules { unknown: false, ..ALL }, TWICE);
    check(Rules { deadline: false, ..ALL }, ZOMBIE);
    check(Rules { boot: false, ..ALL }, TWICE);
    check(Rules { quarantine: false, ..ALL }, ZOMBIE);
    check(Rules { gap: false, ..ALL }, TWICE);
    check(Rules { wire: false, ..ALL }, ONE);
}
