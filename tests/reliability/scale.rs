//! What several daemons on one PostgreSQL deliver, and what each message costs the server.

use std::time::{Duration, Instant};

use crate::life::{Life, free_address};
use crate::report::Run;
use crate::room::{Plan, Room};
use crate::schema;
use crate::witness::Running;

/// Let one, two … daemons share a long list on PostgreSQL: messages a second, and the server's processor time for each
#[derive(clap::Args, Debug, Clone)]
pub struct Args {
    /// Mails in each round
    #[arg(long, default_value_t = 50_000)]
    deliveries: u64,

    /// Daemons of each round, with commas between
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4])]
    daemons: Vec<usize>,

    /// Connections of all daemons together
    #[arg(long, default_value_t = 16)]
    connections: u64,

    /// Connection string of the server
    #[arg(long)]
    postgres: String,

    /// The folder of the server's data, on this machine
    #[arg(long)]
    data: std::path::PathBuf,
}

/// A round in which nothing is sent for so long has failed.
const PATIENCE: Duration = Duration::from_mins(5);

pub fn run(args: &Args) -> Run {
    let began = Instant::now();
    let most = args.daemons.iter().max().copied().unwrap_or(1);
    let mut run = Run::begin(format!("{} deliveries by up to {most} daemons", args.deliveries), 1);
    run.database = "PostgreSQL".to_owned();
    run.connections = args.connections;
    for daemons in &args.daemons {
        let (rate, each) = round(args, *daemons);
        run.notes.push(format!(
            "{daemons} daemon{}: {rate:.0} messages a second, {each:.0} µs of the server's processors for each.",
            if *daemons == 1 { "" } else { "s" }
        ));
        println!("{}", run.notes.last().unwrap());
    }
    run.seconds = began.elapsed().as_secs_f64();
    run
}

/// Messages a second, and microseconds of the server's processors for each.
fn round(args: &Args, daemons: usize) -> (f64, f64) {
    let witness = Running::start(None, "", 1);
    let there = schema::new(&args.postgres);
    let plan = Plan {
        mails: args.deliveries,
        releases: 4,
        connections: args.connections,
        relay: Vec::new(),
        postgres: Some(there.clone()),
        daemons,
    };
    let folder = tempfile::tempdir().unwrap();
    let room = Room::make(&plan, witness.smtp, witness.http, folder.path(), false);
    room.run(&["issue"]);
    let lives: Vec<Life> =
        (0..daemons).map(|daemon| Life::start(&room, daemon, free_address(), None)).collect();
    // From when all are at work until the first may have nothing more to do.
    let (from, until) = (args.deliveries / 10, args.deliveries * 9 / 10);
    let wait = |wanted: u64| {
        let since = Instant::now();
        loop {
            // The witness is asked, because a question to a daemon would be work of the server's.
            let taken = witness.taken();
            if taken >= wanted {
                return (taken, Instant::now(), server_time(&args.data));
            }
            assert!(since.elapsed() < PATIENCE, "only {taken} were taken");
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    let (first, begun, before) = wait(from);
    let (last, ended, after) = wait(until);
    drop(lives);
    schema::remove(&there);
    let n = (last - first).max(1) as f64;
    (n / ended.duration_since(begun).as_secs_f64(), (after - before).as_secs_f64() * 1e6 / n)
}

/// The processor time of a PostgreSQL and all its processes, those that have ended included.
fn server_time(data: &std::path::Path) -> Duration {
    let pids = std::fs::read_to_string(data.join("postmaster.pid")).unwrap();
    let postmaster: u64 = pids.lines().next().unwrap().trim().parse().unwrap();
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(text) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((pid, rest)) = text.split_once(" (") else { continue };
        // Counted from the state, which is the third field.
        let fields: Vec<&str> = rest.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let field = |at: usize| fields.get(at - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
        if pid.parse() == Ok(postmaster) {
            ticks += field(14) + field(15) + field(16) + field(17);
        } else if field(4) == postmaster {
            ticks += field(14) + field(15);
        }
    }
    Duration::from_millis(ticks * 10)
}
