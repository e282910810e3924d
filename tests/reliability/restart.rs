//! How soon a daemon is ready with a long list waiting, and how much memory it takes (G24, G25).

use std::time::{Duration, Instant};

use dateline::clock::Clock;

use crate::life::{Life, free_address};
use crate::report::Run;
use crate::room::{Plan, Room};
use crate::witness::Running;

/// Kill a daemon that has a long list to send, and see how soon the next one is ready
#[derive(clap::Args, Debug, Clone)]
pub struct Args {
    /// Mails that wait
    #[arg(long, default_value_t = 1_000_000)]
    deliveries: u64,

    /// Restarts
    #[arg(long, default_value_t = 5)]
    kills: u64,

    /// Seconds that each life sends
    #[arg(long, default_value_t = 20)]
    send_for: u64,

    /// Connections
    #[arg(long, default_value_t = 16)]
    connections: u64,
}

/// G25.
const READY_WITHIN: Duration = Duration::from_secs(5);
/// G24, in KiB.
const MEMORY: u64 = 300 * 1024;

pub fn run(args: &Args) -> Run {
    let began = Instant::now();
    let mut run = Run::begin(format!("restart with {} deliveries waiting", args.deliveries), 1);
    run.database = "SQLite".to_owned();
    let witness = Running::start(None, "", 1);
    let plan = Plan {
        mails: args.deliveries,
        releases: 1,
        connections: args.connections,
        relay: Vec::new(),
        postgres: None,
        daemons: 1,
    };
    let folder = tempfile::tempdir().unwrap();
    let room = Room::make(&plan, witness.smtp, witness.http, folder.path(), false);
    let since = Instant::now();
    room.run(&["issue"]);
    run.notes.push(format!("`dateline issue` took {:.1} s.", since.elapsed().as_secs_f64()));
    let address = free_address();
    let (mut slowest, mut memory, mut sent) = (Duration::ZERO, 0, 0);
    for life_no in 0..=args.kills {
        let mut life = Life::start(&room, 0, address, None);
        while life.get("/readyz").is_none() {
            assert!(life.ended().is_none(), "the daemon ended by itself");
            assert!(life.began.elapsed() < Duration::from_mins(5), "the daemon does not become ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        let ready = life.began.elapsed();
        slowest = slowest.max(ready);
        std::thread::sleep(Duration::from_secs(args.send_for));
        let states = life.metrics().unwrap_or_default();
        sent = states.get(&("relay".to_owned(), "sent".to_owned())).copied().unwrap_or(0);
        let (_, most) = life.memory();
        memory = memory.max(most);
        let at = Clock::system().now();
        life.kill();
        run.kills += 1;
        println!(
            "life {life_no} until {at}: ready after {ready:.2?}, {} MiB at most, {sent} sent",
            most / 1024
        );
    }
    run.ready_ms = u64::try_from(slowest.as_millis()).unwrap_or(u64::MAX);
    run.notes.push(format!(
        "Ready at most {:.2} s after a start, {} MiB of memory at most while sending; {sent} were sent meanwhile.",
        slowest.as_secs_f64(),
        memory / 1024
    ));
    if slowest > READY_WITHIN {
        run.verdict.broken.push(format!("restart: ready after {slowest:.1?}, {READY_WITHIN:?} are allowed"));
    }
    if memory > MEMORY {
        run.verdict.broken.push(format!("memory: {} MiB, {} are allowed", memory / 1024, MEMORY / 1024));
    }
    run.seconds = began.elapsed().as_secs_f64();
    run
}
