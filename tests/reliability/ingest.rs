//! The same commit issued again and again, several at once, some killed on the way: the rows are the same (G10).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::crash::{rows, verify};
use crate::dice::Dice;
use crate::report::Run;
use crate::room::{Plan, Room};
use crate::witness::Running;

/// Issue the same commit again and again, with kills in between; the rows must stay the same
#[derive(clap::Args, Debug, Clone)]
pub struct Args {
    /// Mails
    #[arg(long, default_value_t = 10_000)]
    pub deliveries: u64,

    /// How often it is issued
    #[arg(long, default_value_t = 1_000)]
    pub times: u64,

    /// Decides who is killed when
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

pub fn run(args: &Args) -> Run {
    let began = Instant::now();
    let mut run = Run::begin(format!("one commit issued {} times", args.times), args.seed);
    run.database = "SQLite".to_owned();
    let witness = Running::start(None, "", args.seed);
    let plan = Plan {
        mails: args.deliveries,
        releases: 8,
        connections: 1,
        relay: Vec::new(),
        postgres: None,
        daemons: 1,
    };
    let folder = tempfile::tempdir().unwrap();
    let room = Room::make(&plan, witness.smtp, witness.http, folder.path(), false);
    let mut dice = Dice::new(args.seed);
    // Long enough to be killed anywhere in it, also when the machine is busy.
    let mut longest = Duration::from_millis(300);
    let mut first: Option<BTreeSet<String>> = None;
    let mut done = 0;
    while done < args.times {
        // Until everything is there, most are killed; afterwards some.
        let together = dice.between(1, 3);
        let mut issues = Vec::new();
        for _ in 0..together {
            let killed = dice.hits(if first.is_none() { 80.0 } else { 20.0 });
            let child = room
                .command(&["issue"])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let most = u64::try_from(longest.as_micros()).unwrap_or(u64::MAX);
            issues.push((
                child,
                Instant::now(),
                killed.then(|| Duration::from_micros(dice.between(0, most))),
            ));
        }
        for (mut child, since, killed) in issues {
            done += 1;
            match killed {
                Some(after) => {
                    std::thread::sleep(after.saturating_sub(since.elapsed()));
                    let _ = child.kill();
                    let _ = child.wait();
                    run.kills += 1;
                }
                None => {
                    let status = child.wait().unwrap();
                    longest = longest.max(since.elapsed()).min(Duration::from_secs(5));
                    if !status.success() {
                        run.verdict.broken.push(format!("ingest: `dateline issue` ended with {status}"));
                    }
                    if first.is_none() {
                        first = Some(keys(&room));
                    }
                }
            }
        }
    }
    room.run(&["issue"]);
    let last = keys(&room);
    if first.is_some_and(|first| first != last) {
        run.verdict.broken.push("ingest: issuing the same commit again changed the rows".to_owned());
    }
    let rows = rows(&room);
    run.verdict.deliveries = plan.deliveries();
    let parties: BTreeSet<_> = rows.iter().map(|row| (&row.release, &row.channel, &row.recipient)).collect();
    if rows.len() as u64 != plan.deliveries() || parties.len() != rows.len() {
        run.verdict.broken.push(format!(
            "ingest: {} rows for {} parties, {} were planned",
            rows.len(),
            parties.len(),
            plan.deliveries()
        ));
    }
    for row in &rows {
        *run.verdict.states.entry(row.state.clone()).or_default() += 1;
    }
    run.verdict.broken.extend(verify(&room));
    run.seconds = began.elapsed().as_secs_f64();
    run
}

/// What identifies the rows: number, party, name on the wire.
fn keys(room: &Room) -> BTreeSet<String> {
    rows(room)
        .iter()
        .map(|row| {
            format!("{} {} {} {} {}", row.delivery, row.release, row.channel, row.recipient, row.message_id)
        })
        .collect()
}
