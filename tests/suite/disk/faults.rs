//! Faults of every write and every sync in turn, a full disk, a read-only one (guarantee G20): no mail leaves without an attempt
//! on the disk, nothing is lost, the error says what to do, and afterwards it goes on by itself.
//!
//! `strace` counts system calls by thread, so call N fails in the thread that opens the ledger and, if that goes on, in the one
//! that writes. The relay is outside the program under test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dateline::cli::demo::catcher::Catcher;
use dateline::clock::Clock;
use dateline::ledger::{DeliveryId, Ledger, LedgerConfig, State};
use jiff::SignedDuration;

use super::platter::{Luck, Platter, Play};
use super::trace::{self, CALLS, Did};
use super::{Dice, Run, can_trace, copy, counts, long, scratch, seed, size, strace, under};
use crate::daemon::room::{Room, command, relay, texts, until};

/// Five journalists, the site and the archive.
const DELIVERIES: usize = 7;
const MAILS: usize = 5;

/// A newsroom with a release that is due, and the relay outside.
struct Scene {
    room: Room,
    relay: Catcher,
    dir: tempfile::TempDir,
}

impl Scene {
    async fn new() -> Scene {
        let clock = Clock::system();
        let relay = relay(&clock).await;
        let room = Room::new(relay.smtp_port());
        room.people(&["cy@paper.example", "di@radio.example"]);
        room.release("aster", clock.now() - SignedDuration::from_secs(2), "", "Words.");
        room.run(&["issue", "--late"], 0);
        Scene { room, relay, dir: scratch() }
    }

    /// A newsroom of its own for one run, at the same place every time: the traces name it.
    fn copy(&self) -> PathBuf {
        let to = self.dir.path().join("room");
        let _ = std::fs::remove_dir_all(&to);
        copy(self.room.dir(), &to);
        to.canonicalize().unwrap()
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }
}

/// What fails.
#[derive(Debug, Clone)]
struct Fault {
    call: &'static str,
    error: &'static str,
    when: usize,
    /// Every later call fails as well, until the process ends.
    stays: bool,
    /// Only calls on the ledger's files; else on all files, and what is sent is recorded too.
    ledger_only: bool,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let more = if self.stays { " and all later" } else { "" };
        write!(f, "{} {}{more}: {}", self.call, self.when, self.error)
    }
}

/// The calls that are made to fail, how, and whether on the ledger's files alone.
const FAULTS: &[(&str, &[&str], bool)] = &[
    ("pwrite64", &["EIO", "ENOSPC"], false),
    ("fdatasync", &["EIO", "ENOSPC"], false),
    ("fsync", &["EIO", "ENOSPC"], false),
    ("ftruncate", &["EIO", "ENOSPC"], false),
    ("openat", &["EIO", "ENOSPC"], true),
    ("write", &["EIO", "ENOSPC"], true),
    ("rename", &["EIO"], true),
    ("unlink", &["EIO"], true),
    ("mmap", &["ENOMEM"], true),
    ("pread64", &["EIO"], true),
];

fn ledger_files(state: &Path) -> Vec<PathBuf> {
    let names = [
        "",
        "ledger.db",
        "ledger.db-wal",
        "ledger.db-shm",
        "ledger.db-journal",
        "ledger.lock",
        "ledger.mark",
        "ledger.mark.new",
    ];
    names.iter().map(|name| if name.is_empty() { state.to_owned() } else { state.join(name) }).collect()
}

/// `dateline dispatch` in `dir` under strace; with a fault or, to count, without.
fn dispatch(dir: &Path, log: &Path, calls: &str, ledger_only: bool, fault: Option<&Fault>) -> Output {
    let mut strace = strace(log);
    strace.args(["-e", &format!("trace={calls}")]);
    if ledger_only {
        for file in ledger_files(&dir.join("state")) {
            strace.arg("-P").arg(file);
        }
    }
    if let Some(Fault { call, error, when, stays, .. }) = fault {
        let more = if *stays { "+" } else { "" };
        strace.args(["-e", &format!("inject={call}:error={error}:when={when}{more}")]);
    }
    under(strace, dir, &["dispatch"]).output().unwrap()
}

async fn open(dir: &Path) -> Ledger {
    Ledger::open(
        &LedgerConfig { folder: dir.join("state"), ..LedgerConfig::default() },
        Clock::system().now(),
    )
    .await
    .unwrap()
}

/// The relay's mails from the `from`th on, by Message-ID.
fn mails(relay: &Catcher, from: usize) -> BTreeMap<String, usize> {
    let mut mails = BTreeMap::new();
    for mail in &relay.mails()[from..] {
        let text = String::from_utf8_lossy(&mail.message).into_owned();
        let at = text.to_ascii_lowercase().find("\nmessage-id:").unwrap();
        let id = text[at..].split_once('<').and_then(|(_, id)| id.split_once(['@', '>'])).unwrap().0;
        *mails.entry(id.to_owned()).or_default() += 1;
    }
    mails
}

/// What one run came to.
#[derive(Debug, Default)]
struct Came {
    wrong: Vec<String>,
    states: BTreeMap<State, usize>,
    dots: usize,
    stopped: bool,
}

/// Whether an error tells what to do.
fn helps(text: &str) -> bool {
    ["make room", "check that", "start again", "mend the disk", "try again", "hint:"]
        .iter()
        .any(|words| text.contains(words))
}

/// Judges the ledger against the relay: nothing lost, nothing doubled, nothing sent that is not known.
async fn judge(dir: &Path, relay: &Catcher, from: usize, came: &mut Came) {
    let ledger = open(dir).await;
    came.wrong.extend(ledger.verify().await.unwrap());
    let log = ledger.log(None, DeliveryId(0), 1_000).await.unwrap();
    ledger.close(Clock::system().now()).await.unwrap();
    if log.len() != DELIVERIES {
        came.wrong.push(format!("{} deliveries of {DELIVERIES}", log.len()));
    }
    let mails = mails(relay, from);
    let mut known = BTreeSet::new();
    for entry in &log {
        *came.states.entry(entry.state).or_default() += 1;
        if entry.channel != "relay" {
            continue;
        }
        known.insert(entry.message_id.clone());
        let copies = mails.get(&entry.message_id).copied().unwrap_or(0);
        let fits = match entry.state {
            State::Sent => copies == 1,
            State::Unknown | State::Parked => copies <= 1,
            State::Scheduled => copies == 0,
            _ => false,
        };
        if !fits {
            came.wrong.push(format!(
                "delivery {} is {}, and there are {copies} copies",
                entry.delivery.0, entry.state
            ));
        }
    }
    if let Some(stray) = mails.keys().find(|id| !known.contains(*id)) {
        came.wrong.push(format!("a mail that the ledger does not know: {stray}"));
    }
}

/// Each dot that was written, and whether as many attempts were durable as dots had left.
fn judge_dots(dir: &Path, before: Platter, log: &Path, came: &mut Came) {
    let (events, _) = trace::read(log, dir, Path::new("/nowhere"));
    let mut play = Play::new(before, &events);
    for event in &events {
        let Did::Send { data } = &event.did else { continue };
        if data.as_slice() != b".\r\n" && !data.ends_with(b"\r\n.\r\n") {
            continue;
        }
        came.dots += 1;
        play.until(event.began);
        let after = scratch();
        play.platter.restart(Luck::None, &mut Dice(1), after.path());
        let db = rusqlite::Connection::open(after.path().join("ledger.db")).unwrap();
        let attempts = "SELECT count(*) FROM attempt AS a JOIN delivery AS d ON d.id = a.delivery
                          JOIN block AS b ON b.id = d.block WHERE b.channel = 'relay'";
        let durable: i64 = db.query_row(attempts, [], |row| row.get(0)).unwrap_or(0);
        if durable < came.dots as i64 {
            came.wrong.push(format!("dot {} left with {durable} durable attempts", came.dots));
        }
    }
}

/// One run with a fault, one without, and what both came to.
async fn suffer(scene: &Scene, fault: &Fault) -> Came {
    let (dir, log, from) = (scene.copy(), scene.log(), scene.relay.mails().len());
    let state = dir.join("state");
    let before = Platter::load(&state);
    let calls = if fault.ledger_only { fault.call } else { CALLS };
    let first = tokio::task::block_in_place(|| dispatch(&dir, &log, calls, fault.ledger_only, Some(fault)));
    let (out, error) = texts(&first);
    let mut came = Came { stopped: first.status.code() == Some(3), ..Came::default() };
    match first.status.code() {
        Some(0 | 1) => {}
        Some(3) if helps(&error) => {}
        other => came.wrong.push(format!("ended with {other:?}: {out}{error}")),
    }
    if error.contains("panicked") {
        came.wrong.push(error);
    }
    if !fault.ledger_only {
        judge_dots(&state, before, &log, &mut came);
    }
    // The fault is gone.
    let second = tokio::task::block_in_place(|| command(&dir, &["dispatch"]).output().unwrap());
    if !matches!(second.status.code(), Some(0 | 1)) {
        came.wrong.push(format!(
            "the next start ended with {:?}: {:?}",
            second.status.code(),
            texts(&second)
        ));
    }
    judge(&dir, &scene.relay, from, &mut came).await;
    came
}

/// Every position of every call that is made in one run.
fn all_faults(scene: &Scene) -> Vec<Fault> {
    let mut all = Vec::new();
    for ledger_only in [false, true] {
        let calls: Vec<&str> =
            FAULTS.iter().filter(|(.., only)| *only == ledger_only).map(|(call, ..)| *call).collect();
        let dir = scene.copy();
        let done = dispatch(&dir, &scene.log(), &calls.join(","), ledger_only, None);
        assert!(done.status.success(), "{:?}", texts(&done));
        let counts = counts(&scene.log());
        for (call, errors, only) in FAULTS.iter().filter(|(.., only)| *only == ledger_only) {
            for when in 1..=counts.get(*call).copied().unwrap_or(0) {
                for error in *errors {
                    for stays in [false, true] {
                        all.push(Fault { call, error, when, stays, ledger_only: *only });
                    }
                }
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_write_and_every_sync_may_fail() {
    if !can_trace("I/O faults") {
        return;
    }
    let seed = seed();
    let mut run = Run::begin("I/O faults", seed);
    let scene = Scene::new().await;
    let all = all_faults(&scene);
    let mut dice = Dice(seed);
    let mut some: Vec<&Fault> = all.iter().collect();
    while some.len() > size(16, usize::MAX) {
        some.remove(dice.below(some.len()));
    }
    let (mut wrong, mut totals, mut dots, mut stopped) = (Vec::new(), BTreeMap::<State, usize>::new(), 0, 0);
    for fault in &some {
        let came = suffer(&scene, fault).await;
        wrong.extend(came.wrong.into_iter().map(|what| format!("{fault}: {what}")));
        dots += came.dots;
        stopped += usize::from(came.stopped);
        for (state, n) in came.states {
            *totals.entry(state).or_default() += n;
        }
    }
    assert!(wrong.is_empty(), "RELIABILITY_SEED={seed}, {} of {} runs: {wrong:#?}", wrong.len(), some.len());
    assert!(stopped > 0 && dots > 0, "no fault was ever met: {stopped} {dots}");
    run.deliveries = some.len() * DELIVERIES;
    run.taken = scene.relay.mails().len();
    run.notes.push(format!(
        "{} faults of {} possible ones (each call of each thread on the ledger's files, once and for good); {stopped} runs stopped with an \
         error, {dots} dots were compared with the durable attempts; after the next start: {totals:?}.",
        some.len(),
        all.len(),
    ));
    run.end();
}

/// Mounts a small file system in memory over a folder, for as long as it lives.
struct Mount(PathBuf);

impl Mount {
    /// Nothing where it is not allowed.
    fn new(folder: &Path) -> Option<Mount> {
        let mounted = mount(&["-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs"], folder);
        mounted.then(|| Mount(folder.to_owned()))
    }
}

fn mount(arguments: &[&str], folder: &Path) -> bool {
    let done = Command::new("mount").args(arguments).arg(folder).stderr(Stdio::null()).status();
    done.is_ok_and(|status| status.success())
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Fills a file system until `free` bytes are left.
fn fill(folder: &Path, free: usize) {
    use std::io::Write as _;
    let path = folder.join("filler");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut len = 0;
    while file.write_all(&[7; 4096]).is_ok() {
        len += 4096;
    }
    file.set_len(len - free as u64).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_or_read_only_disk_stops_it_before_the_dot() {
    let mut run = Run::begin("full disk", 0);
    let scene = Scene::new().await;
    let dir = scene.copy();
    let state = dir.join("state");
    let kept = scene.dir.path().join("kept");
    copy(&state, &kept);
    let step = size(32, 4) * 1024;
    let (mut runs, mut stopped) = (0, 0);
    let mut wrong = Vec::new();
    // From no room at all until there is enough for everything.
    for free in (0..).step_by(step) {
        let Some(_mount) = Mount::new(&state) else {
            eprintln!("a full disk: skipped, mounting needs root");
            return;
        };
        copy(&kept, &state);
        fill(&state, free);
        let from = scene.relay.mails().len();
        let first = tokio::task::block_in_place(|| command(&dir, &["dispatch"]).output().unwrap());
        let (out, error) = texts(&first);
        let mut came = Came::default();
        match first.status.code() {
            Some(3) if helps(&error) => stopped += 1,
            Some(0 | 1) => {}
            other => came.wrong.push(format!("ended with {other:?}: {out}{error}")),
        }
        runs += 1;
        let enough = first.status.code() == Some(0);
        if free == 0 {
            assert_eq!(scene.relay.mails().len(), from, "a mail left although nothing can be written");
            assert!(error.contains("full"), "{error}");
        }
        std::fs::remove_file(state.join("filler")).unwrap();
        let second = tokio::task::block_in_place(|| command(&dir, &["dispatch"]).output().unwrap());
        if !matches!(second.status.code(), Some(0 | 1)) {
            came.wrong.push(format!(
                "the next start ended with {:?}: {:?}",
                second.status.code(),
                texts(&second)
            ));
        }
        judge(&dir, &scene.relay, from, &mut came).await;
        wrong.extend(came.wrong.into_iter().map(|what| format!("{free} bytes free: {what}")));
        if enough {
            break;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(stopped > 0);

    let _mount = Mount::new(&state).unwrap();
    copy(&kept, &state);
    assert!(mount(&["-o", "remount,ro"], &state));
    let from = scene.relay.mails().len();
    let first = command(&dir, &["dispatch"]).output().unwrap();
    assert_eq!(first.status.code(), Some(3), "{:?}", texts(&first));
    assert!(texts(&first).1.contains("writable"), "{:?}", texts(&first));
    assert_eq!(scene.relay.mails().len(), from);
    assert!(mount(&["-o", "remount,rw"], &state));
    assert_eq!(command(&dir, &["dispatch"]).output().unwrap().status.code(), Some(0));
    assert_eq!(scene.relay.mails().len(), from + MAILS);
    run.deliveries = (runs + 1) * DELIVERIES;
    run.taken = scene.relay.mails().len();
    run.notes.push(format!(
        "{runs} disks with ever more room, of which {stopped} were too full; one was read-only."
    ));
    run.end();
}

/// A daemon that meets a fault goes on by itself when it is gone. Long form only: leases that it lost run out after a minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_resumes_alone_after_a_fault() {
    if !long() || !can_trace("a daemon and a fault") {
        return;
    }
    let mut run = Run::begin("daemon after a fault", 0);
    // The Nth sync of a thread; the start has five. In the claim, among intents, among results.
    let positions = [6, 7, 8, 9, 10, 11];
    let mut daemons = tokio::task::JoinSet::new();
    for when in positions {
        daemons.spawn(daemon(when));
    }
    let mut wrong = Vec::new();
    while let Some(done) = daemons.join_next().await {
        wrong.extend(done.unwrap());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    run.deliveries = positions.len() * DELIVERIES;
    run.notes.push(format!(
        "{} daemons met one failed sync each and finished without a restart.",
        positions.len()
    ));
    run.end();
}

/// A program under strace, which ends with this.
struct Traced(std::process::Child);

impl Traced {
    /// strace keeps signals to itself; its one child is the program.
    fn signal(&self, name: &str) {
        let strace = self.0.id();
        let children = std::fs::read_to_string(format!("/proc/{strace}/task/{strace}/children"));
        if let Ok(child) = children {
            let _ = Command::new("kill").args([&format!("-{name}"), child.trim()]).status();
        }
    }
}

impl Drop for Traced {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            self.signal("KILL");
            let _ = self.0.wait();
        }
    }
}

async fn daemon(when: usize) -> Vec<String> {
    let scene = Scene::new().await;
    let dir = scene.copy();
    let mut strace = strace(&scene.log());
    strace.args(["-e", "trace=fdatasync", "-e", &format!("inject=fdatasync:error=EIO:when={when}")]);
    for file in ledger_files(&dir.join("state")) {
        strace.arg("-P").arg(file);
    }
    let mut command = under(strace, &dir, &["daemon", "--listen", "127.0.0.1:0"]);
    let out = std::fs::File::create(scene.dir.path().join("err")).unwrap();
    let mut traced = Traced(command.stdout(Stdio::null()).stderr(out).spawn().unwrap());
    let said = || std::fs::read_to_string(scene.dir.path().join("err")).unwrap();
    let begun = std::time::Instant::now();
    let mut came = Came::default();
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let ledger = open(&dir).await;
        let log = ledger.log(None, DeliveryId(0), 1_000).await.unwrap();
        ledger.close(Clock::system().now()).await.unwrap();
        let open = log.iter().filter(|e| matches!(e.state, State::Scheduled | State::Attempting)).count();
        if open == 0 && log.len() == DELIVERIES {
            break;
        }
        if begun.elapsed().as_secs() > 150 {
            came.wrong.push(format!("{open} deliveries are still open after 150 s"));
            break;
        }
        if let Some(status) = traced.0.try_wait().unwrap() {
            came.wrong.push(format!("the daemon ended with {status}"));
            break;
        }
    }
    let met = std::fs::read_to_string(scene.log()).unwrap().contains("(INJECTED)");
    traced.signal("TERM");
    let ended = until("its end", || traced.0.try_wait().unwrap()).await;
    if !ended.success() && came.wrong.is_empty() {
        came.wrong.push(format!("it ended with {ended}"));
    }
    judge(&dir, &scene.relay, 0, &mut came).await;
    if !met {
        came.wrong.push("the fault was never met".to_owned());
    } else if !helps(&said()) {
        came.wrong.push("no error told what to do".to_owned());
    }
    came.wrong.iter().map(|what| format!("sync {when}: {what}; {}", said())).collect()
}
