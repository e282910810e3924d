//! What the disk may do to the ledger: power loss at any instant, faults of every write and sync, a full disk, and kills
//! in the middle of migration, backup and restore.
//!
//! The real program (or the real ledger in a process of its own) runs under `strace`, which writes down every change of
//! a file and makes system calls fail or kill. Without `strace`, or where it may not trace, these tests say so and are skipped.
//!
//! The short form is part of `cargo test`. The long form is for releases: `RELIABILITY=long cargo test --test suite disk:: --
//! --nocapture`. Each long run writes its figures to `target/reliability/`. `RELIABILITY_SEED` repeats a run.

mod copies;
mod driver;
mod expected;
mod faults;
mod kills;
mod platter;
mod power;
mod start;
mod trace;

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dateline::clock::Clock;

use crate::daemon::room::command;

/// Whether this is the long form.
pub fn long() -> bool {
    std::env::var("RELIABILITY").is_ok_and(|form| form == "long")
}

pub fn size(short: usize, long_form: usize) -> usize {
    if long() { long_form } else { short }
}

/// The seed of this run; told, so that it can be repeated.
pub fn seed() -> u64 {
    let asked = std::env::var("RELIABILITY_SEED").ok().and_then(|seed| seed.parse().ok());
    asked.unwrap_or_else(|| Clock::system().now().as_nanosecond() as u64 % 1_000_000)
}

/// Chance that can be repeated (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// Whether `strace` is there and may trace.
pub fn can_trace(test: &str) -> bool {
    let tried = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let can = tried.is_ok_and(|status| status.success());
    if !can {
        eprintln!("{test}: skipped, `strace` is not installed or may not trace");
    }
    can
}

/// The program in `dir` as the child of `strace`.
pub fn under(mut strace: Command, dir: &Path, arguments: &[&str]) -> Command {
    let program = command(dir, arguments);
    strace.arg(program.get_program()).args(program.get_args()).current_dir(dir).stdin(Stdio::null());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// How often the thread that makes a call most often makes it: what `strace` counts.
pub fn counts(log: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        if let Some((call, _)) = rest.trim_start().split_once('(') {
            *counts.entry((thread, call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), n) in counts {
        let entry = most.entry(call.to_owned()).or_default();
        *entry = n.max(*entry);
    }
    most
}

/// `strace` of whatever is added, with every change of a file in full in `log`.
pub fn strace(log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-xx", "-qq", "-s", "16777216", "-e", "signal=none", "-o"]).arg(log);
    strace
}

/// Where it is quickest to write: what is judged here is what was synced when, not how this machine does it.
pub fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    match tempfile::tempdir_in(memory) {
        Ok(folder) => folder,
        Err(_) => tempfile::tempdir().unwrap(),
    }
}

/// Makes a folder that nobody else can read.
pub fn make(folder: &Path) {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).unwrap();
}

/// Copies a folder and all that is in it.
pub fn copy(from: &Path, to: &Path) {
    make(to);
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The figures of one run, for `docs/reliability.md`.
pub struct Run {
    pub name: &'static str,
    pub database: &'static str,
    /// The tests that are run with it.
    pub tests: &'static str,
    pub seed: u64,
    pub begun: Instant,
    /// Instants at which the power went.
    pub cut_points: usize,
    pub kills: usize,
    pub deliveries: usize,
    /// Mails that the relay took.
    pub taken: usize,
    /// What else should be said.
    pub notes: Vec<String>,
}

impl Run {
    pub fn begin(name: &'static str, seed: u64) -> Run {
        let begun = Instant::now();
        Run {
            name,
            database: "SQLite",
            tests: "disk::",
            seed,
            begun,
            cut_points: 0,
            kills: 0,
            deliveries: 0,
            taken: 0,
            notes: Vec::new(),
        }
    }

    /// Tells the figures of a run in which nothing was wrong, and writes them down where it was the long form; the
    /// file is that of `tests/reliability/report.rs`.
    pub fn end(self) {
        let Run { name, database, tests, seed, begun, cut_points, kills, deliveries, taken, notes } = self;
        let release = if cfg!(debug_assertions) { "" } else { " --release" };
        let seconds = begun.elapsed().as_secs_f64();
        println!(
            "{name}, seed {seed}: {cut_points} cuts, {kills} kills, {deliveries} deliveries, {taken} taken, {seconds:.0} s; {notes:?}"
        );
        if !long() {
            return;
        }
        let git = Command::new("git")
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .args(["describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"])
            .output();
        let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let run = serde_json::json!({
            "name": name, "database": database, "seed": seed, "seconds": seconds,
            "command": format!("RELIABILITY=long cargo test{release} --all-features --test suite {tests}"),
            "started": Clock::system().now().strftime("%Y-%m-%d %H:%M").to_string(),
            "commit": commit.unwrap_or_default(),
            "build": if cfg!(debug_assertions) { "debug" } else { "release" },
            "cores": std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            "daemons": 1, "kills": kills, "cut_points": cut_points,
            "verdict": { "deliveries": deliveries, "taken": taken },
            "notes": notes,
        });
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../reliability");
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}-{}.json", database.to_lowercase(), name.replace([' ', '/'], "-")));
        std::fs::write(file, format!("{run:#}\n")).unwrap();
    }
}
