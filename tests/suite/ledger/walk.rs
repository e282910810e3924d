//! Random histories: whatever happens in whatever order, nobody gets anything twice, corrections reach exactly the receivers,
//! what was stopped stays stopped, and the ledger never contradicts itself.

use std::collections::{BTreeMap, BTreeSet};

use dateline::digest::Digest;
use dateline::ledger::{AttemptId, Claim, DeliveryId, Intent, LogRecipient, Outcome, Party, Scope, State};
use dateline::plan::{Action, Recipients};
use dateline::release::Notice;
use proptest::prelude::*;

use super::desk::{Desk, Part, arrived, at, mail, order, reply};
use crate::disk;

const CONTACTS: i64 = 6;

#[derive(Debug, Clone)]
enum Step {
    Claim,
    Intent(usize),
    Settle(usize, u8),
    HandBack(usize),
    Return,
    Wait(i64),
    Rescue,
    Hold,
    Resume,
    Suppress(i64),
    Update,
    Correct,
    Resend(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Claim),
        8 => any::<usize>().prop_map(Step::Intent),
        8 => (any::<usize>(), 0..5_u8).prop_map(|(at, how)| Step::Settle(at, how)),
        1 => any::<usize>().prop_map(Step::HandBack),
        1 => Just(Step::Return),
        2 => (1..90_i64).prop_map(Step::Wait),
        2 => Just(Step::Rescue),
        1 => Just(Step::Hold),
        2 => Just(Step::Resume),
        1 => (1..=CONTACTS).prop_map(Step::Suppress),
        1 => Just(Step::Update),
        2 => Just(Step::Correct),
        1 => any::<usize>().prop_map(Step::Resend),
    ]
}

/// What the outside has seen, and what may not happen any more.
#[derive(Default)]
struct World {
    now: i64,
    text: u32,
    claims: Vec<Claim>,
    open: Vec<(AttemptId, Claim)>,
    /// Contact and edition of every parcel that was accepted.
    arrived: Vec<(i64, String)>,
    left: BTreeSet<i64>,
    held: bool,
    corrected: bool,
    /// The editions that may leave now: the newest text for those who have none, and the newest correction.
    newest: Vec<Digest>,
}

impl World {
    async fn issue(&mut self, desk: &Desk, notice: Notice, parts: Vec<Part>) {
        self.text += 1;
        let order = order("aster", notice, &format!("v{}", self.text), parts);
        self.newest = order.editions.iter().map(|edition| edition.edition.sha()).collect();
        desk.issue(order).await;
    }
}

async fn take(desk: &Desk, world: &mut World, step: Step) {
    let now = at(world.now);
    match step {
        Step::Claim => world.claims.extend(desk.claim(now).await),
        Step::Intent(which) if !world.claims.is_empty() => {
            let claim = world.claims.remove(which % world.claims.len());
            let Party::Contact { id, .. } = claim.recipient else { panic!("an account") };
            if let Intent::Go(attempt) = desk.intent(&claim, now).await {
                assert!(!world.held, "an intent passed a hold");
                assert!(!world.left.contains(&id.0), "an intent passed a suppression");
                assert!(
                    world.newest.is_empty() || world.newest.contains(&claim.edition),
                    "an old text left after a newer one was issued"
                );
                world.open.push((attempt, claim));
            }
        }
        Step::Settle(which, how) if !world.open.is_empty() => {
            let (attempt, claim) = world.open.remove(which % world.open.len());
            let Party::Contact { id, .. } = claim.recipient else { panic!("an account") };
            let outcome = match how {
                0 | 1 => arrived(),
                2 => Outcome::Later { due: at(world.now + 30), reply: reply("later") },
                3 => Outcome::Failed { reply: reply("never"), suppress: false },
                _ => Outcome::NotSent,
            };
            if matches!(outcome, Outcome::Sent { .. }) {
                world.arrived.push((id.0, format!("{} {}", claim.notice.as_str(), claim.wire_key)));
            }
            desk.settle(attempt, outcome, now).await;
        }
        Step::HandBack(which) if !world.claims.is_empty() => {
            let claim = world.claims.remove(which % world.claims.len());
            desk.ledger.hand_back(vec![(claim.delivery, claim.epoch)], None, now).await.unwrap();
        }
        Step::Return => {
            world.claims.clear();
            desk.ledger.return_claims("desk", now).await.unwrap();
        }
        Step::Wait(seconds) => world.now += seconds,
        Step::Rescue => {
            desk.ledger.rescue(now).await.unwrap();
        }
        Step::Hold => {
            desk.ledger.hold(Scope::Channel("relay".into()), "a doubt", "ada", now).await.unwrap();
            world.held = true;
        }
        Step::Resume => {
            desk.ledger.resume(&Scope::Channel("relay".into()), "ada", now).await.unwrap();
            world.held = false;
        }
        Step::Suppress(contact) => {
            let email = format!("c{contact}@paper.example").parse().unwrap();
            desk.ledger.suppress(&email, "asked", "", now).await.unwrap();
            world.left.insert(contact);
        }
        Step::Update if !world.corrected => {
            let all: Vec<i64> = (1..=CONTACTS).collect();
            world.issue(desk, Notice::Original, vec![mail(Action::Update, &all)]).await;
        }
        Step::Correct => {
            world.corrected = true;
            let ready = Part("bloggers", "relay", Action::Update, Recipients::Open(1));
            world.issue(desk, Notice::Correction, vec![mail(Action::Correct, &[]), ready]).await;
        }
        Step::Resend(which) => {
            // Nobody saw it arrive, so sending it again is right.
            let unresolved = desk.ledger.unresolved(DeliveryId(0), 99).await.unwrap();
            let tried: BTreeSet<DeliveryId> = world.open.iter().map(|(_, claim)| claim.delivery).collect();
            let lost: Vec<_> = unresolved.iter().filter(|entry| !tried.contains(&entry.delivery)).collect();
            if !lost.is_empty() {
                let entry = lost[which % lost.len()];
                let decision = dateline::ledger::Decision::Resend;
                desk.ledger.resolve(entry.delivery, decision, "ada", reply("asked"), now).await.unwrap();
            }
        }
        Step::Intent(_) | Step::Settle(..) | Step::HandBack(_) | Step::Update => {}
    }
}

/// What must hold at the end, whatever happened.
async fn judge(desk: &Desk, world: &World) {
    desk.is_sound().await;
    let mut copies: BTreeMap<&(i64, String), u32> = BTreeMap::new();
    for parcel in &world.arrived {
        *copies.entry(parcel).or_default() += 1;
    }
    assert!(copies.values().all(|n| *n == 1), "somebody got the same parcel twice: {copies:?}");
    for contact in 1..=CONTACTS {
        let originals =
            world.arrived.iter().filter(|(id, what)| *id == contact && what.starts_with("original")).count();
        assert!(originals <= 1, "contact {contact} got {originals} originals");
    }

    let log = desk.ledger.log(Some("aster"), DeliveryId(0), 9_999).await.unwrap();
    let sent = log.iter().filter(|entry| entry.state == State::Sent).count();
    assert_eq!(sent, world.arrived.len(), "the ledger and the outside disagree");
    for entry in &log {
        let LogRecipient::Contact(email) = &entry.recipient else { panic!("an account") };
        let had = |other: &&dateline::ledger::LogEntry| {
            other.recipient == entry.recipient
                && other.notice == Notice::Original
                && other.state == State::Sent
        };
        if entry.notice == Notice::Correction {
            assert!(log.iter().any(|other| had(&other)), "{email:?} got a correction of nothing");
        }
    }
    for contact in (1..=CONTACTS).filter(|contact| !world.left.contains(contact)) {
        let seated = log.iter().any(|entry| {
            entry.notice == Notice::Original
                && entry.state != State::Superseded
                && entry.recipient.to_string().starts_with(&format!("c{contact}@"))
        });
        assert!(seated, "contact {contact} was forgotten");
    }
    if world.corrected {
        // Who has an older text has a notice of a correction that came after it, or has left; who has the newest has none.
        for entry in log.iter().filter(|e| e.notice == Notice::Original && e.state == State::Sent) {
            let LogRecipient::Contact(email) = &entry.recipient else { panic!("an account") };
            let id: i64 = email.local().trim_start_matches('c').parse().unwrap();
            let notices = log
                .iter()
                .filter(|o| o.recipient == entry.recipient && o.notice == Notice::Correction)
                .count();
            if world.newest.contains(&entry.edition) {
                assert_eq!(notices, 0, "{email:?} was told to correct the newest text");
            } else {
                assert!(
                    notices > 0 || world.left.contains(&id),
                    "{email:?} has the wrong text and no correction"
                );
            }
        }
    }
}

/// One history on a new ledger of each database.
fn history(steps: &[Step], databases: [bool; 2]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        super::exercise_on(databases, CONTACTS, async |desk| {
            desk.original("aster", "v0", &(1..=CONTACTS).collect::<Vec<_>>()).await;
            let mut world = World::default();
            for step in steps {
                take(desk, &mut world, step.clone()).await;
            }
            judge(desk, &world).await;
        })
        .await;
    });
}

fn histories(cases: u32, databases: [bool; 2]) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    runner
        .run(&prop::collection::vec(step(), 1..70), |steps| {
            history(&steps, databases);
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_history_keeps_the_promises() {
    histories(40, [true, true]);
}

/// The long form, with so many histories as `RELIABILITY_CASES` says: `RELIABILITY=long cargo test --release --all-features --test suite ledger::walk`.
/// `RELIABILITY_DATABASE=SQLite` or `PostgreSQL`: on that alone.
#[test]
fn ten_thousand_histories_keep_the_promises() {
    if !disk::long() {
        return;
    }
    let cases =
        std::env::var("RELIABILITY_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(10_000);
    for (database, databases) in [("SQLite", [true, false]), ("PostgreSQL", [false, true])] {
        let other = std::env::var("RELIABILITY_DATABASE").is_ok_and(|only| only != database);
        if other || (database == "PostgreSQL" && super::postgres::server().is_none()) {
            continue;
        }
        let mut run = disk::Run::begin("random histories", 0);
        (run.database, run.tests) = (database, "ledger::walk");
        histories(cases, databases);
        run.deliveries = cases as usize * usize::try_from(CONTACTS).unwrap();
        run.notes.push(format!(
            "{cases} histories of up to 70 steps each: claims, intents, results, lost leases, holds, suppressions, new texts, corrections, decisions."
        ));
        run.end();
    }
}
