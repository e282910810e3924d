//! The real ledger at work in a process of its own, which says before each change what it will ask for, and after it what
//! was promised.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use dateline::ledger::{
    AttemptId, Claim, Decision, DeliveryId, Intent, Ledger, LedgerConfig, Outcome, Scope, State,
};
use dateline::plan::Action;
use dateline::release::Notice;
use serde::{Deserialize, Serialize};

use super::Dice;
use crate::ledger::desk::{Desk, arrived, at, contact, mail, order, reply};

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    Open {
        lineage: String,
    },
    Import {
        people: u64,
    },
    /// An original to so many.
    Issue {
        release: String,
        deliveries: u64,
    },
    /// A correction or a kill.
    Notice {
        release: String,
    },
    Intent {
        delivery: i64,
        attempt: i64,
    },
    /// `again`: the destination did not take it.
    Settle {
        delivery: i64,
        attempt: i64,
        outcome: String,
    },
    Resolve {
        delivery: i64,
        outcome: String,
    },
    Hold {
        channel: String,
    },
    Resume {
        channel: String,
    },
    Suppress {
        email: String,
    },
    Close,
}

/// What the driver writes: first without, then with what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    pub done: bool,
    pub what: What,
}

#[derive(Clone)]
struct Say(Arc<Mutex<File>>);

impl Say {
    fn line(&self, done: bool, what: What) {
        let mut text = serde_json::to_string(&Line { done, what }).unwrap();
        text.push('\n');
        self.0.lock().unwrap().write_all(text.as_bytes()).unwrap();
    }
}

const NAME: &str = "disk::driver::the_ledger_at_work";
const FOLDER: &str = "DISK_DRIVER_FOLDER";

/// The driver: adds itself to `command`, which may be `strace`.
pub fn command(mut command: Command, folder: &Path, acks: &Path, seed: u64, contacts: usize) -> Command {
    command
        .arg(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env("DISK_DRIVER_ACKS", acks)
        .env("DISK_DRIVER_SEED", seed.to_string())
        .env("DISK_DRIVER_CONTACTS", contacts.to_string());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
#[ignore = "the test of power loss starts it as a process of its own"]
async fn the_ledger_at_work() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let acks = OpenOptions::new().create(true).append(true).open(variable("DISK_DRIVER_ACKS")).unwrap();
    let seed = variable("DISK_DRIVER_SEED").parse().unwrap();
    let contacts = variable("DISK_DRIVER_CONTACTS").parse().unwrap();
    work(PathBuf::from(folder), Say(Arc::new(Mutex::new(acks))), seed, contacts).await;
}

/// The name of the ledger, which it has for ever.
pub fn lineage(folder: &Path) -> Option<String> {
    let db = rusqlite::Connection::open(folder.join("ledger.db")).ok()?;
    db.query_row("SELECT lineage FROM ledger_meta", [], |row| row.get(0)).ok()
}

async fn open(folder: &Path, say: &Say, seconds: i64) -> Desk {
    say.line(false, What::Open { lineage: String::new() });
    let config = LedgerConfig { folder: folder.to_owned(), ..LedgerConfig::default() };
    let ledger = Ledger::open_exclusive(&config, at(seconds)).await.unwrap();
    say.line(true, What::Open { lineage: lineage(folder).unwrap() });
    Desk { ledger }
}

async fn work(folder: PathBuf, say: Say, seed: u64, contacts: i64) {
    let mut dice = Dice(seed);
    let mut desk = open(&folder, &say, -7200).await;
    for part in (1..=contacts).collect::<Vec<_>>().chunks(contacts as usize / 3 + 1) {
        let what = What::Import { people: *part.last().unwrap() as u64 };
        say.line(false, what.clone());
        let people = part.iter().map(|n| contact(&format!("c{n}@paper.example"))).collect();
        desk.ledger.import(people, at(-3600)).await.unwrap();
        say.line(true, what);
    }
    let everybody: Vec<i64> = (1..=contacts).collect();
    for release in ["aster", "lux", "terra"] {
        let what = What::Issue { release: release.to_owned(), deliveries: contacts as u64 };
        say.line(false, what.clone());
        desk.original(release, "v1", &everybody).await;
        say.line(true, what);
    }
    for round in 0..10 {
        let now = 40 * round;
        match round {
            2 => notice(&desk, &say, "aster", Notice::Correction, Action::Correct).await,
            4 => {
                let what = What::Hold { channel: "relay".to_owned() };
                say.line(false, what.clone());
                desk.ledger
                    .hold(Scope::Channel("relay".to_owned()), "a doubt", "ada", at(now))
                    .await
                    .unwrap();
                say.line(true, what);
            }
            5 => {
                let what = What::Resume { channel: "relay".to_owned() };
                say.line(false, what.clone());
                desk.ledger.resume(&Scope::Channel("relay".to_owned()), "ada", at(now)).await.unwrap();
                say.line(true, what);
            }
            6 => notice(&desk, &say, "lux", Notice::Kill, Action::Kill).await,
            3 | 7 => {
                say.line(false, What::Close);
                desk.ledger.close(at(now)).await.unwrap();
                say.line(true, What::Close);
                desk = open(&folder, &say, now).await;
            }
            _ => {
                let email = format!("c{}@paper.example", 1 + dice.below(contacts as usize));
                say.line(false, What::Suppress { email: email.clone() });
                desk.ledger.suppress(&email.parse().unwrap(), "asked", "", at(now)).await.unwrap();
                say.line(true, What::Suppress { email });
            }
        }
        dispatch(&desk, &say, now, &mut dice).await;
        resolve(&desk, &say, now, &mut dice).await;
        checkpoint(&folder);
    }
    // Two rounds in three end without a clean end: only the driver's last open ledger was not closed.
    if dice.one_in(3) {
        say.line(false, What::Close);
        desk.ledger.close(at(999)).await.unwrap();
        say.line(true, What::Close);
    }
}

async fn notice(desk: &Desk, say: &Say, release: &str, notice: Notice, action: Action) {
    let what = What::Notice { release: release.to_owned() };
    say.line(false, what.clone());
    desk.issue(order(release, notice, "v2", vec![mail(action, &[])])).await;
    say.line(true, what);
}

/// Moves the write-ahead log into the database, so that it begins anew with the next write.
fn checkpoint(folder: &Path) {
    let db = rusqlite::Connection::open(folder.join("ledger.db")).unwrap();
    db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).unwrap();
}

/// Six connections, each with one delivery under way at a time.
async fn dispatch(desk: &Desk, say: &Say, now: i64, dice: &mut Dice) {
    let mut queue = Vec::new();
    loop {
        let claims = desk.ledger.claim("desk", "relay", at(now), 500).await.unwrap();
        if claims.is_empty() {
            break;
        }
        queue.extend(claims);
    }
    let queue = Arc::new(Mutex::new(queue));
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (queue, say) = (Arc::clone(&queue), say.clone());
        let (desk, mut dice) = (Desk { ledger: desk.ledger.clone() }, Dice(dice.next()));
        connections.spawn(async move {
            loop {
                let Some(claim) = queue.lock().unwrap().pop() else { return };
                attempt(&desk, &say, &claim, now, &mut dice).await;
            }
        });
    }
    while let Some(done) = connections.join_next().await {
        done.unwrap();
    }
}

async fn attempt(desk: &Desk, say: &Say, claim: &Claim, now: i64, dice: &mut Dice) {
    let delivery = claim.delivery.0;
    say.line(false, What::Intent { delivery, attempt: 0 });
    let Intent::Go(attempt) = desk.intent(claim, at(now)).await else { return };
    say.line(true, What::Intent { delivery, attempt: attempt.0 });
    let (word, outcome) = match dice.below(20) {
        0..12 => ("sent", arrived()),
        12..15 => ("later", Outcome::Later { due: at(now + 30), reply: reply("later") }),
        15 => ("failed", Outcome::Failed { reply: reply("no"), suppress: dice.one_in(2) }),
        16 | 17 => ("unknown", Outcome::Unknown { reply: reply("silence") }),
        _ => ("not-sent", Outcome::NotSent),
    };
    settle(desk, say, delivery, attempt, word, outcome, now).await;
}

async fn settle(
    desk: &Desk,
    say: &Say,
    delivery: i64,
    attempt: AttemptId,
    word: &str,
    outcome: Outcome,
    now: i64,
) {
    let what = What::Settle { delivery, attempt: attempt.0, outcome: word.to_owned() };
    say.line(false, what.clone());
    desk.settle(attempt, outcome, at(now)).await;
    say.line(true, what);
}

/// Decides half of what is unknown: by late evidence, or as a person would.
async fn resolve(desk: &Desk, say: &Say, now: i64, dice: &mut Dice) {
    for entry in desk.ledger.unresolved(DeliveryId(0), 1_000).await.unwrap() {
        let delivery = entry.delivery.0;
        if entry.state != State::Unknown || dice.one_in(2) {
            continue;
        }
        let attempt = entry.attempts.last().unwrap().attempt;
        let (word, decision) = match dice.below(3) {
            0 => {
                settle(desk, say, delivery, attempt, "sent", arrived(), now).await;
                continue;
            }
            1 => ("again", Decision::Resend),
            _ => ("sent", Decision::Sent),
        };
        let what = What::Resolve { delivery, outcome: word.to_owned() };
        say.line(false, what.clone());
        desk.ledger.resolve(entry.delivery, decision, "ada", reply("asked"), at(now)).await.unwrap();
        say.line(true, what);
    }
}
