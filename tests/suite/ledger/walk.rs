//! Random histories: whatever happens in whatever order, nobody gets anything twice, corrections reach exactly the receivers,
//! what was stopped stays stopped, and the ledger never contradicts itself.

use std::collections::{BTreeMap, BTreeSet};

use dateline::ledger::{AttemptId, Claim, DeliveryId, Intent, LogRecipient, Outcome, Party, Scope, State};
use dateline::plan::Action;
use dateline::release::Notice;
use proptest::prelude::*;

use super::desk::{Desk, arrived, at, mail, order, reply};

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
            world.text += 1;
            let all: Vec<i64> = (1..=CONTACTS).collect();
            let text = format!("v{}", world.text);
            desk.issue(order("aster", Notice::Original, &text, vec![mail(Action::Update, &all)])).await;
        }
        Step::Correct => {
            world.text += 1;
            world.corrected = true;
            let text = format!("v{}", world.text);
            desk.issue(order("aster", Notice::Correction, &text, vec![mail(Action::Correct, &[])])).await;
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
    if world.corrected {
        // Who has the first text has exactly one notice of the last correction that came after it, or has left.
        for entry in log.iter().filter(|e| e.notice == Notice::Original && e.state == State::Sent) {
            let LogRecipient::Contact(email) = &entry.recipient else { panic!("an account") };
            let id: i64 = email.local().trim_start_matches('c').parse().unwrap();
            let notices =
                log.iter().filter(|o| o.recipient == entry.recipient && o.notice == Notice::Correction);
            assert!(
                notices.count() > 0 || world.left.contains(&id),
                "{email:?} has the wrong text and no correction"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_keeps_the_promises(steps in prop::collection::vec(step(), 1..70)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            super::exercise(CONTACTS, async |desk| {
                desk.original("aster", "v0", &(1..=CONTACTS).collect::<Vec<_>>()).await;
                let mut world = World::default();
                for step in steps.clone() {
                    take(desk, &mut world, step).await;
                }
                judge(desk, &world).await;
            })
            .await;
        });
    }
}
