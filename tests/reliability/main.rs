//! The reliability tests: is anything lost, is anything sent twice, when the daemon is killed?
//!
//! `cargo test --test reliability` runs the short form (a minute). The long form is one command for each loop:
//! `cargo test --release --test reliability -- crash --kills 300 --deliveries 10000`, and so on; `-- --help` lists
//! them, `-- report` writes docs/reliability.md.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::pedantic,
    reason = "a test that cannot go on must fail"
)]

mod checker;
mod crash;
mod dice;
mod evidence;
mod ingest;
mod life;
mod proxy;
mod report;
mod restart;
mod room;
mod scale;
mod schema;
mod witness;

use clap::{Parser, Subcommand};

/// Tests whether Dateline loses anything or sends it twice
#[derive(Parser, Debug)]
#[command(name = "reliability")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Crash(crash::Args),
    Ingest(ingest::Args),
    Restart(restart::Args),
    Scale(scale::Args),
    Witness(witness::Args),
    Report(report::Args),
}

const COMMANDS: [&str; 9] =
    ["crash", "ingest", "restart", "scale", "witness", "report", "help", "--help", "-h"];

fn main() {
    let first = std::env::args().nth(1).unwrap_or_default();
    if COMMANDS.contains(&first.as_str()) {
        let good = match Cli::parse().command {
            Command::Crash(args) => crash::run(&args).end(true),
            Command::Ingest(args) => ingest::run(&args).end(true),
            Command::Restart(args) => restart::run(&args).end(true),
            Command::Scale(args) => scale::run(&args).end(true),
            Command::Witness(args) => {
                witness::run(&args);
                true
            }
            Command::Report(args) => {
                report::write(&args);
                true
            }
        };
        std::process::exit(if good { 0 } else { 1 });
    }
    // `cargo test` hands every test its filters and flags; a listing has nothing of ours to show.
    if std::env::args().any(|word| word == "--list") {
        return;
    }
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let good = short().into_iter().fold(true, |good, (name, test)| {
        if filters.is_empty()
            || filters.iter().any(|filter| format!("reliability::{name}").contains(filter.as_str()))
        {
            test() && good
        } else {
            good
        }
    });
    if !good {
        std::process::exit(1);
    }
}

type Test = fn() -> bool;

/// The short form: every loop once, small.
fn short() -> Vec<(&'static str, Test)> {
    const SLOW: &str = "dot:delay=0-20@50,taken:delay=0-20@50";
    fn loop_of(name: &str, args: crash::Args) -> bool {
        let name = Some(name.to_owned());
        crash::run(&crash::Args { name, faults: SLOW.to_owned(), connections: 4, releases: 4, ..args })
            .end(false)
    }
    vec![
        ("checker", || {
            checker::self_test();
            witness::fault::self_test();
            proxy::self_test();
            println!("ok: the checker finds every doctored record");
            true
        }),
        ("kills", || {
            loop_of("kills", crash::Args { deliveries: 400, kills: 30, seed: 3, ..crash::Args::default() })
        }),
        ("stops", || {
            let signal = crash::Signal::Term;
            loop_of(
                "stops",
                crash::Args { deliveries: 200, kills: 8, signal, seed: 4, ..crash::Args::default() },
            )
        }),
        ("calm", || {
            loop_of("calm", crash::Args { deliveries: 600, kills: 0, seed: 5, ..crash::Args::default() })
        }),
        ("several", || {
            let Some(server) = schema::server() else {
                println!("skipped: several daemons (there is no PostgreSQL)");
                return true;
            };
            let args = crash::Args {
                deliveries: 200,
                kills: 4,
                daemons: 4,
                cuts: 2,
                postgres: Some(server),
                seed: 9,
                ..crash::Args::default()
            };
            loop_of("several", args)
        }),
        ("ingest", || ingest::run(&ingest::Args { deliveries: 300, times: 12, seed: 6 }).end(false)),
    ]
}
