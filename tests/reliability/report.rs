//! What a run leaves for the report: one JSON file a run in `target/reliability/`, which `report` merges into
//! `docs/reliability.md`, and keeps the figures in `docs/reliability.json`.
//!
//! A test of another kind joins by writing such a file; every key but `name` and `database` may be missing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dateline::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::checker::Verdict;

/// One run.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// What was done, in a few words.
    pub name: String,
    /// `SQLite` or `PostgreSQL`.
    pub database: String,
    /// How to do it again.
    pub command: String,
    pub seed: u64,
    /// When it began, UTC.
    pub started: String,
    pub seconds: f64,
    pub commit: String,
    /// `release` or `debug`.
    pub build: String,
    pub cores: u64,
    pub daemons: u64,
    pub connections: u64,
    /// Ends by SIGKILL at random moments.
    pub kills: u64,
    /// Crashes at named points.
    pub points: BTreeMap<String, u64>,
    /// Lives in which a point was not reached.
    pub points_missed: BTreeMap<String, u64>,
    /// Ends by SIGTERM.
    pub stops: u64,
    pub slowest_stop_ms: u64,
    /// SIGSTOP and SIGCONT.
    pub freezes: u64,
    /// Restarts of the database and cuts of its connections.
    pub hurts: u64,
    /// Places at which the disk was cut off.
    pub cut_points: u64,
    /// From a daemon's start until it is ready.
    pub ready_ms: u64,
    pub verdict: Verdict,
    /// Whatever else should be said, a sentence each.
    pub notes: Vec<String>,
}

impl Run {
    pub fn begin(name: String, seed: u64) -> Run {
        let release = if cfg!(debug_assertions) { "" } else { "--release " };
        Run {
            name,
            seed,
            command: format!(
                "cargo test {release}--all-features --test reliability -- {}",
                words().join(" ")
            ),
            started: Clock::system().now().strftime("%Y-%m-%d %H:%M").to_string(),
            commit: commit(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            ..Run::default()
        }
    }

    /// Writes the file, says what was found, and whether it was good.
    pub fn end(&self, keep: bool) -> bool {
        println!("{}", self.line());
        for sentence in &self.verdict.broken {
            println!("  BROKEN {sentence}");
        }
        if keep {
            let name: String = format!("{}-{}", self.database, self.name)
                .to_lowercase()
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
                .collect();
            std::fs::create_dir_all(folder()).unwrap();
            let path = folder().join(format!("{name}.json"));
            std::fs::write(&path, serde_json::to_string_pretty(self).unwrap()).unwrap();
        }
        self.verdict.broken.is_empty()
    }

    fn line(&self) -> String {
        let Verdict { deliveries, taken, duplicates, losses, unknown_by_kill, unknown_most, .. } =
            self.verdict;
        let points: u64 = self.points.values().sum();
        let good = if self.verdict.broken.is_empty() { "ok" } else { "BROKEN" };
        format!(
            "{good}: {}, {}, seed {}: {deliveries} deliveries, {taken} taken, {} kills, {points} crash points, {} stops, \
             {duplicates} duplicates, {losses} losses, {unknown_by_kill} unknown by kills (at most {unknown_most} each), \
             {} unknown else, {:?}, {:.0} s",
            self.name,
            self.database,
            self.seed,
            self.kills,
            self.stops,
            self.verdict.unknown_else,
            self.verdict.states,
            self.seconds,
        )
    }
}

impl Verdict {
    /// Joins what another part of the run found.
    pub fn add(&mut self, other: Verdict) {
        let broken = std::mem::take(&mut self.broken);
        *self = other;
        self.broken.splice(0..0, broken);
    }
}

/// How this program was called, without what is this machine's alone: folders, addresses, passwords.
fn words() -> Vec<String> {
    let mut words = Vec::new();
    let mut given = std::env::args().skip(1);
    while let Some(word) = given.next() {
        match word.as_str() {
            "--keep" => {
                given.next();
            }
            "--postgres" | "--hurt" | "--data" => {
                given.next();
                words.extend([word, "…".to_owned()]);
            }
            _ => words.push(word),
        }
    }
    words
}

/// Where the runs' files are.
pub fn folder() -> PathBuf {
    let tmp = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tmp.parent().unwrap_or(tmp).join("reliability")
}

/// The commit that is tested, and whether files differ from it.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
    };
    let changed = if git(&["status", "--porcelain", "--untracked-files=no"]).is_empty() { "" } else { "+" };
    format!("{}{changed}", git(&["rev-parse", "--short=12", "HEAD"]))
}

/// Merge the runs of target/reliability into docs/reliability.json and docs/reliability.md
///
/// A run takes the place of an earlier one of the same name on the same database; the others stay.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write instead
    #[arg(long)]
    out: Option<PathBuf>,
}

pub fn write(args: &Args) {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let figures = docs.join("reliability.json");
    let mut runs: Vec<Run> = serde_json::from_str(&std::fs::read_to_string(&figures).unwrap()).unwrap();
    for entry in std::fs::read_dir(folder()).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read_to_string(&path).unwrap();
            let new: Run =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            runs.retain(|old| (&old.database, &old.name) != (&new.database, &new.name));
            runs.push(new);
        }
    }
    runs.sort_by(|a, b| (&b.database, &a.name).cmp(&(&a.database, &b.name)));
    std::fs::write(&figures, serde_json::to_string_pretty(&runs).unwrap() + "\n").unwrap();
    let out = args.out.clone().unwrap_or_else(|| docs.join("reliability.md"));
    std::fs::write(&out, page(&runs)).unwrap();
    println!("{} runs in {}", runs.len(), out.display());
}

const HEAD: &str = "# Reliability

Written by the test itself (`cargo test --release --test reliability -- report`), from what its long runs left. A daemon sends to a
*witness*, a process outside that writes down every mail and webhook it took before it says so, and is killed while it does. Then
a checker compares the witness's record with the ledger. What is counted:

- *duplicates*: mails that arrived more than once (a webhook may be repeated: its receivers know the id);
- *losses*: deliveries that vanished, that are stuck, or that the ledger calls sent although nobody took them;
- *unknown*: attempts of which nobody can know whether they arrived, because the daemon was killed between the final dot and the
  answer (in brackets the most that one kill left; it can be no more than there are connections), or because the connection broke
  there. They are never sent again unasked.

";

fn page(runs: &[Run]) -> String {
    let mut text = HEAD.to_owned();
    let sum = |of: fn(&Run) -> u64| runs.iter().map(of).sum::<u64>();
    let points = sum(|run| run.points.values().sum());
    let bad: Vec<&Run> = runs.iter().filter(|run| !run.verdict.broken.is_empty()).collect();
    writeln!(
        text,
        "All runs together: {} deliveries, {} mails and webhooks taken, {} kills at random moments, {points} crashes at named points, \
         {} clean stops, {} freezes past the lease, {} blows to the database, {} cuts of the disk. **{} duplicates that nobody had asked \
         for, {} losses.** {}\n",
        sum(|run| run.verdict.deliveries),
        sum(|run| run.verdict.taken),
        sum(|run| run.kills),
        sum(|run| run.stops),
        sum(|run| run.freezes),
        sum(|run| run.hurts),
        sum(|run| run.cut_points),
        sum(|run| run.verdict.duplicates - run.verdict.allowed_duplicates.min(run.verdict.duplicates)),
        sum(|run| run.verdict.losses),
        if bad.is_empty() { "Every promise held in every run.".to_owned() } else { format!("**In {} runs a promise was broken; see below.**", bad.len()) },
    )
    .unwrap();
    text.push_str(
        "| run | database | daemons × connections | deliveries | taken | kills | cuts of the disk | duplicates | losses | unknown by kills | unknown else |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for run in runs {
        let verdict = &run.verdict;
        let duplicates = match verdict.allowed_duplicates {
            0 => verdict.duplicates.to_string(),
            allowed => format!("{} ({allowed} asked for)", verdict.duplicates),
        };
        let kills = run.kills + run.points.values().sum::<u64>();
        let lines = match run.connections {
            0 => String::new(),
            connections => format!("{} × {connections}", run.daemons),
        };
        writeln!(
            text,
            "| {} | {} | {lines} | {} | {} | {kills} | {} | {duplicates} | {} | {} ({}) | {} |",
            run.name,
            run.database,
            verdict.deliveries,
            verdict.taken,
            run.cut_points,
            verdict.losses,
            verdict.unknown_by_kill,
            verdict.unknown_most,
            verdict.unknown_else,
        )
        .unwrap();
    }
    let mut at: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for run in runs {
        for (point, n) in &run.points {
            at.entry(point).or_default().0 += n;
        }
        for (point, n) in &run.points_missed {
            at.entry(point).or_default().1 += n;
        }
    }
    if !at.is_empty() {
        text.push_str("\nCrashes at named points: ");
        let list: Vec<String> = at
            .iter()
            .map(|(point, (hit, missed))| match missed {
                0 => format!("{point} {hit}"),
                missed => format!("{point} {hit} (not reached in {missed} lives)"),
            })
            .collect();
        writeln!(text, "{}.", list.join(", ")).unwrap();
    }
    text.push_str("\n## The runs\n\n");
    for run in runs {
        writeln!(
            text,
            "- **{}**, {}: {} UTC, commit {}, {} build, {} cores, {:.0} s, seed {}. `{}`",
            run.name,
            run.database,
            run.started,
            run.commit,
            run.build,
            run.cores,
            run.seconds,
            run.seed,
            run.command
        )
        .unwrap();
        if run.stops > 0 {
            writeln!(text, "  The slowest of {} clean stops took {} ms.", run.stops, run.slowest_stop_ms)
                .unwrap();
        }
        for note in &run.notes {
            writeln!(text, "  {note}").unwrap();
        }
        for sentence in &run.verdict.broken {
            writeln!(text, "  **Broken: {sentence}.**").unwrap();
        }
    }
    text
}
