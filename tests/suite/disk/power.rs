//! Power loss (guarantee G43): whatever instant the power goes at, what was promised is there, and nothing is half done.

use std::path::Path;
use std::process::Stdio;

use super::driver::Line;
use super::expected::Expected;
use super::platter::{Luck, Platter, Play};
use super::trace::{CALLS, Did, Event};
use super::{Dice, Run, can_trace, driver, long, scratch, seed, size, strace, trace};

/// A run that was recorded.
struct Recorded {
    events: Vec<Event>,
    lines: usize,
    before: Platter,
    acks: std::path::PathBuf,
    root: std::path::PathBuf,
    _folder: tempfile::TempDir,
}

/// Below a folder that is there; the ledger's own is made, and the one above it.
const LEDGER: &str = "state/ledger";

fn record(seed: u64, contacts: usize) -> Recorded {
    let folder = scratch();
    let (root, log, acks) =
        (folder.path().join("disk"), folder.path().join("log"), folder.path().join("acks"));
    std::fs::create_dir(&root).unwrap();
    let root = root.canonicalize().unwrap();
    let before = Platter::load(&root);
    let mut command = strace(&log);
    command.args(["-e", &format!("trace={CALLS}")]);
    let mut command = driver::command(command, &root.join(LEDGER), &acks, seed, contacts);
    let done = command.stdout(Stdio::null()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let (events, lines) = trace::read(&log, &root, &acks);
    std::fs::remove_file(&log).unwrap();
    Recorded { events, lines, before, acks, root, _folder: folder }
}

/// What came of losing power at some instants.
#[derive(Debug, Default)]
struct Losses {
    cuts: usize,
    promises: u64,
    wrong: Vec<String>,
}

/// Loses power at `cuts` instants. `lies`: the end of the names of files whose syncs do nothing.
async fn lose_power(recorded: &Recorded, cuts: usize, seed: u64, lies: Option<&'static str>) -> Losses {
    let mut dice = Dice(seed);
    // Half of the instants are those directly after a promise, where most can be broken.
    let promises: Vec<usize> = recorded
        .events
        .iter()
        .filter(|event| matches!(&event.did, Did::Write { path, .. } if *path == recorded.acks))
        .map(|event| event.began + 1)
        .collect();
    assert!(promises.len() > 100, "{} promises", promises.len());
    let mut at: Vec<usize> = (0..cuts)
        .map(|_| {
            if dice.one_in(2) { promises[dice.below(promises.len())] } else { dice.below(recorded.lines + 1) }
        })
        .collect();
    at.sort_unstable();
    let mut platter = recorded.before.clone();
    platter.lies = lies;
    let mut play = Play::new(platter, &recorded.events);
    let mut expected = Expected::default();
    let mut heard = 0;
    let mut losses = Losses { cuts, ..Losses::default() };
    for line in at {
        play.until(line);
        while let Some(event) = recorded.events.get(heard).filter(|event| event.began < line) {
            heard += 1;
            if let Did::Write { path, data, .. } = &event.did
                && *path == recorded.acks
            {
                expected.hear(serde_json::from_slice::<Line>(data).unwrap());
            }
        }
        let luck = [Luck::None, Luck::All, Luck::Sectors, Luck::Writes, Luck::Torn][dice.below(5)];
        let after = scratch();
        play.platter.restart(luck, &mut dice, after.path());
        losses.promises += expected.promises;
        let wrong = expected.compare(&after.path().join(LEDGER)).await;
        if let Some(first) = wrong.first() {
            losses.wrong.push(format!("line {line}, {luck:?}: {first} ({} things)", wrong.len()));
        }
    }
    losses
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_promised_survives_the_loss_of_power() {
    if !can_trace("power loss") {
        return;
    }
    let seed = seed();
    let mut figures = Run::begin("power loss", seed);
    let (runs, cuts) = (size(1, 10), size(100, 500));
    let (mut total, mut promises, mut synced) = (0, 0, 0);
    for run in 0..runs {
        let seed = seed + run as u64;
        let recorded = record(seed, size(20, 45));
        synced += recorded.events.iter().filter(|event| matches!(event.did, Did::Sync { .. })).count();
        let losses = lose_power(&recorded, cuts, seed, None).await;
        if !losses.wrong.is_empty() {
            keep(&recorded, seed);
        }
        assert!(losses.wrong.is_empty(), "RELIABILITY_SEED={seed}: {:#?}", losses.wrong);
        total += losses.cuts;
        promises += losses.promises;
        if long() {
            eprintln!("{total} cut points");
        }
    }
    figures.cut_points = total;
    figures.notes.push(format!(
        "{runs} runs with {synced} syncs; at the instants when the power went, {promises} promises had been given in all."
    ));
    figures.end();
}

/// The same test must find what `synchronous=OFF` loses: then nobody waits for the write-ahead log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_does_not_sync_is_found_out() {
    if !can_trace("a disk that lies") {
        return;
    }
    let recorded = record(7, 12);
    let losses = lose_power(&recorded, 40, 7, Some("-wal")).await;
    assert!(losses.wrong.len() > 5, "{:#?}", losses.wrong);
    let words = losses.wrong.join("\n");
    assert!(words.contains("is not there") || words.contains("attempt"), "{words}");
}

/// Leaves what the program did where a person can look at it.
fn keep(recorded: &Recorded, seed: u64) {
    let told: String = recorded
        .events
        .iter()
        .map(|event| {
            let root = recorded.root.to_string_lossy();
            let did = match &event.did {
                Did::Write { path, data, .. } if *path == recorded.acks => {
                    String::from_utf8_lossy(data).into_owned()
                }
                Did::Write { fd, path, at, data } => {
                    format!("write {fd} {} {at:?} {} bytes", path.display(), data.len())
                }
                other => format!("{other:?}"),
            };
            format!("{}-{} {} {}\n", event.began, event.ended, event.ok, did.trim_end().replace(&*root, ""))
        })
        .collect();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("power-loss-{seed}.txt"));
    std::fs::write(&path, told).unwrap();
    eprintln!("what was done stands in {}", path.display());
}
