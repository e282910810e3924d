//! The loop: a real daemon sends to the witness and is killed, stopped or frozen at moments that the seed chooses, until
//! everything is settled; then the checker compares.

use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use dateline::clock::Clock;
use dateline::config::Config;
use dateline::ledger::Ledger;
use indicatif::{ProgressBar, ProgressStyle};

use crate::checker;
use crate::dice::Dice;
use crate::evidence::{Evidence, Kill, Policy, Row};
use crate::life::{Life, free_address};
use crate::proxy::{self, Proxy};
use crate::report::Run;
use crate::room::{Plan, Room};
use crate::schema;
use crate::witness::record::{self, Tail};
use crate::witness::{Running, fault::Faults};

/// After this a daemon that was asked to stop has failed (G21).
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// So long nothing may change before the run is given up: the third try comes up to six minutes after the second, and what is
/// unknown is sent again after 15 minutes at the earliest.
const PATIENCE: Duration = Duration::from_mins(8);
const PATIENCE_IN_DOUBT: Duration = Duration::from_mins(20);

/// How lives end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Signal {
    /// SIGKILL: nothing is finished, nothing is said.
    Kill,
    /// SIGTERM: attempts under way are finished, and nothing may be unknown.
    Term,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnUnknown {
    Hold,
    #[value(name = "resend_once")]
    ResendOnce,
}

/// Kill the daemon again and again while it sends, then compare the ledger with the witness
#[derive(clap::Args, Debug, Clone)]
pub struct Args {
    /// Mails in all; each release is also told to a webhook
    #[arg(long, default_value_t = 10_000)]
    pub deliveries: u64,

    /// Releases that the mails are spread over
    #[arg(long, default_value_t = 20)]
    pub releases: u64,

    /// Ends of a daemon at random moments; 0 for a run without
    #[arg(long, default_value_t = 300)]
    pub kills: u64,

    /// How these lives end
    #[arg(long, value_enum, default_value_t = Signal::Kill)]
    pub signal: Signal,

    /// Crash points to die at, with commas between (needs the feature `crashpoints`)
    #[arg(long, value_delimiter = ',')]
    pub points: Vec<String>,

    /// Crashes at each of them
    #[arg(long, default_value_t = 20)]
    pub each: u64,

    /// How often a daemon is frozen
    #[arg(long, default_value_t = 0)]
    pub freezes: u64,

    /// Crash points to freeze at, in turn, with commas between; random moments without
    #[arg(long, value_delimiter = ',', requires = "freezes")]
    pub freeze_at: Vec<String>,

    /// For how many seconds; a lease lasts 60
    #[arg(long, default_value_t = 90)]
    pub frozen_for: u64,

    /// Connections of each daemon
    #[arg(long, default_value_t = 20)]
    pub connections: u64,

    /// Daemons at the same time; more than one needs PostgreSQL
    #[arg(long, default_value_t = 1)]
    pub daemons: usize,

    /// Connection string of a PostgreSQL database, in which the run makes a schema of its own; SQLite without it
    #[arg(long)]
    pub postgres: Option<String>,

    /// A shell command that hurts the database (restarts it, cuts its connections)
    #[arg(long, requires = "postgres")]
    pub hurt: Option<String>,

    /// How often that is run
    #[arg(long, default_value_t = 20)]
    pub hurts: u64,

    /// How often all connections to the database are cut, every other time after five seconds of silence
    #[arg(long, default_value_t = 0, requires = "postgres")]
    pub cuts: u64,

    /// What the witness does wrong; `witness --help` explains
    #[arg(
        long,
        default_value = "dot:delay=0-8@50,taken:delay=0-8@50,dot:drop@0.2,taken:drop@0.2,dot:451@2x1"
    )]
    pub faults: String,

    /// What the relay's channel does about an unknown outcome
    #[arg(long, value_enum, default_value_t = OnUnknown::Hold)]
    pub on_unknown: OnUnknown,

    /// Decides faults and moments
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Keep the newsroom, the logs and the witness's record in this folder, which must be new or empty
    #[arg(long)]
    pub keep: Option<PathBuf>,

    /// The name of this run in the report
    #[arg(long)]
    pub name: Option<String>,
}

impl Default for Args {
    fn default() -> Args {
        use clap::{Args as _, FromArgMatches as _};
        let command = Args::augment_args(clap::Command::new("crash"));
        Args::from_arg_matches(&command.get_matches_from(["crash"])).unwrap()
    }
}

/// Runs the loop.
pub fn run(args: &Args) -> Run {
    assert!(args.daemons == 1 || args.postgres.is_some(), "several daemons need PostgreSQL");
    args.faults.parse::<Faults>().unwrap();
    let began = Instant::now();
    let mut run = Run::begin(args.name.clone().unwrap_or_else(|| args.title()), args.seed);
    run.database = if args.postgres.is_some() { "PostgreSQL" } else { "SQLite" }.to_owned();
    let mut stage = Stage::set(args);
    stage.act(&mut run);
    stage.finish(&mut run);
    run.seconds = began.elapsed().as_secs_f64();
    run
}

impl Args {
    fn title(&self) -> String {
        let mut words = Vec::new();
        match (self.kills, self.signal) {
            (0, _) => {}
            (n, Signal::Kill) => words.push(format!("{n} kills")),
            (n, Signal::Term) => words.push(format!("{n} stops")),
        }
        if !self.points.is_empty() {
            words.push(format!("crash points {}", self.points.join(" ")));
        }
        if self.freezes > 0 {
            words.push(format!("{} freezes of {} s", self.freezes, self.frozen_for));
        }
        if words.is_empty() {
            words.push("no crash".to_owned());
        }
        if self.on_unknown == OnUnknown::ResendOnce {
            words.push("resend_once".to_owned());
        }
        if self.cuts > 0 {
            words.push(format!("{} cuts of the wire", self.cuts));
        }
        if self.daemons > 1 {
            words.push(format!("{} daemons", self.daemons));
        }
        words.join(", ")
    }
}

/// Everything that a run has standing.
struct Stage<'a> {
    args: &'a Args,
    dice: Dice,
    plan: Plan,
    room: Room,
    record: PathBuf,
    tail: Tail,
    lives: Vec<Life>,
    kills: Vec<Kill>,
    ready_after: Duration,
    progress: ProgressBar,
    proxy: Option<Proxy>,
    /// What leads to the ledger, not through the proxy.
    there: Option<String>,
    _witness: Running,
}

impl<'a> Stage<'a> {
    fn set(args: &'a Args) -> Stage<'a> {
        let mut relay = Vec::new();
        if args.on_unknown == OnUnknown::ResendOnce {
            relay.push("on_unknown: resend_once".to_owned());
        }
        let there = args.postgres.as_deref().map(schema::new);
        let proxy = there.as_ref().filter(|_| args.cuts > 0).map(|url| Proxy::to(proxy::server(url)));
        let postgres = there.as_ref().map(|url| proxy.as_ref().map_or(url.clone(), |p| p.instead_of(url)));
        let plan = Plan {
            mails: args.deliveries,
            releases: args.releases.clamp(1, args.deliveries.max(1)),
            connections: args.connections,
            relay,
            postgres,
            daemons: args.daemons,
        };
        if let Some(keep) = &args.keep {
            std::fs::create_dir_all(keep).unwrap();
            assert!(std::fs::read_dir(keep).unwrap().next().is_none(), "{} is not empty", keep.display());
        }
        let folder = args.keep.clone().unwrap_or_else(|| tempfile::tempdir().unwrap().keep());
        let record = folder.join("witness.jsonl");
        let witness = Running::start(Some(&record), &args.faults, args.seed);
        let room = Room::make(&plan, witness.smtp, witness.http, &folder, args.keep.is_none());
        let ends = args.kills + args.points.len() as u64 * args.each + args.freezes;
        let style = "{bar:30} {pos}/{len} {msg} {elapsed}";
        let progress = ProgressBar::new(ends.max(1)).with_style(ProgressStyle::with_template(style).unwrap());
        Stage {
            args,
            dice: Dice::new(args.seed),
            tail: Tail::of(&record),
            plan,
            room,
            record,
            lives: Vec::new(),
            kills: Vec::new(),
            ready_after: Duration::from_millis(1_500),
            progress,
            proxy,
            there,
            _witness: witness,
        }
    }

    fn act(&mut self, run: &mut Run) {
        // The first lives end while they plan and issue.
        for _ in 0..(self.args.kills / 20).min(10) {
            self.lives.push(Life::start(&self.room, 0, free_address(), None));
            let most = u64::try_from(self.ready_after.as_millis()).unwrap_or(u64::MAX);
            std::thread::sleep(Duration::from_millis(self.dice.between(1, most)));
            self.end_life(0, run);
            self.lives.clear();
        }
        self.crash_at_points(run);
        for daemon in 0..self.args.daemons {
            self.lives.push(Life::start(&self.room, daemon, free_address(), None));
        }
        self.wait_until_ready();
        let mut left = self.args.kills - (self.args.kills / 20).min(10);
        let every = (left / (self.args.freezes + 1)).max(1);
        let mut freezes = self.args.freezes;
        let every_hurt = (left / (self.args.hurts + 1)).max(1);
        let every_cut = (left / (self.args.cuts + 1)).max(1);
        let mut cuts = 0;
        while left > 0 || freezes > 0 {
            if freezes > 0 && (left == 0 || left.is_multiple_of(every)) {
                freezes -= 1;
                self.freeze(run);
            }
            if left == 0 {
                continue;
            }
            let victim = usize::try_from(self.dice.between(0, self.args.daemons as u64 - 1)).unwrap();
            self.let_it_send(left);
            self.end_life(victim, run);
            self.lives[victim] = Life::start(&self.room, victim, self.lives[victim].address, None);
            left -= 1;
            if let Some(proxy) = &self.proxy
                && cuts < self.args.cuts
                && left.is_multiple_of(every_cut)
            {
                cuts += 1;
                if cuts % 2 == 0 {
                    proxy.fall_silent(Duration::from_secs(5));
                } else {
                    proxy.cut();
                }
                run.hurts += 1;
            }
            if let Some(hurt) = &self.args.hurt
                && left.is_multiple_of(every_hurt)
            {
                let status = std::process::Command::new("sh").args(["-c", hurt]).status().unwrap();
                assert!(status.success(), "`{hurt}` failed");
                run.hurts += 1;
            }
        }
    }

    /// Waits for the next moment: mostly a number of mails from now, sometimes early in a life.
    fn let_it_send(&mut self, kills_left: u64) {
        self.tail.look();
        self.show();
        if self.args.daemons == 1 && self.dice.hits(10.0) {
            let most = u64::try_from(self.ready_after.as_micros()).unwrap_or(u64::MAX);
            std::thread::sleep(Duration::from_micros(self.dice.between(0, most * 13 / 10)));
            return;
        }
        let left = self.plan.mails.saturating_sub(self.tail.taken);
        let target = self.tail.taken + self.dice.between(1, (2 * left / (kills_left + 1)).max(1));
        // When little is left, what is left may be waiting for its next try.
        let patience = if left < 5 * self.args.connections { 2 } else { 20 };
        self.wait_for(target, Duration::from_secs(patience));
        std::thread::sleep(Duration::from_micros(self.dice.between(0, 4_000)));
    }

    /// Waits until the witness has taken so much, or until it takes nothing more.
    fn wait_for(&mut self, target: u64, patience: Duration) {
        let (mut since, mut seen) = (Instant::now(), self.tail.taken);
        while self.tail.taken < target && since.elapsed() < patience {
            std::thread::sleep(Duration::from_micros(500));
            self.tail.look();
            if self.tail.taken != seen {
                (since, seen) = (Instant::now(), self.tail.taken);
            }
        }
    }

    fn end_life(&mut self, victim: usize, run: &mut Run) {
        let life = &mut self.lives[victim];
        match self.args.signal {
            Signal::Kill => {
                let at = Clock::system().now();
                life.kill();
                self.kills.push(Kill { at, started: life.started, point: None });
                run.kills += 1;
            }
            Signal::Term => stop(life, run),
        }
        self.progress.inc(1);
    }

    /// Dies at each point in turn, at its first to twelfth passing; the next life is the one that recovers.
    fn crash_at_points(&mut self, run: &mut Run) {
        if self.args.points.is_empty() {
            return;
        }
        let address = free_address();
        // In PostgreSQL what the dead one claimed is free only when its lease has run out.
        let reached = Duration::from_secs(if self.args.postgres.is_some() { 90 } else { 30 });
        for point in self.args.points.clone() {
            // Orders, claims and refusals are rare: their later passings would take all mails there are.
            let most = if matches!(point.as_str(), "S0" | "S1" | "S9") { 1 } else { 12 };
            for _ in 0..self.args.each {
                let wish = format!("{point}:{}", self.dice.between(1, most));
                self.lives = vec![Life::start(&self.room, 0, address, Some(&wish))];
                if self.lives[0].wait(reached).is_some() {
                    self.end_here(Some(point.clone()));
                    *run.points.entry(point.clone()).or_default() += 1;
                } else {
                    self.end_here(None);
                    *run.points_missed.entry(point.clone()).or_default() += 1;
                }
                self.tail.look();
                self.show();
                self.progress.inc(1);
            }
        }
        self.lives.clear();
    }

    /// Ends the first daemon's life, if it has not ended at a crash point.
    fn end_here(&mut self, point: Option<String>) {
        let life = &mut self.lives[0];
        life.kill();
        self.kills.push(Kill { at: Clock::system().now(), started: life.started, point });
    }

    /// SIGSTOP past the lease, then SIGCONT (G9): at a random moment, or at the named points in turn.
    fn freeze(&mut self, run: &mut Run) {
        let victim = usize::try_from(self.dice.between(0, self.args.daemons as u64 - 1)).unwrap();
        let turn = usize::try_from(run.freezes).unwrap();
        if let Some(point) = self.args.freeze_at.get(turn % self.args.freeze_at.len().max(1)) {
            let life = &mut self.lives[victim];
            let at = Clock::system().now();
            life.kill();
            self.kills.push(Kill { at, started: life.started, point: None });
            let wish = format!("{point}:{}:stop", self.dice.between(1, 12));
            let address = life.address;
            self.lives[victim] = Life::start(&self.room, victim, address, Some(&wish));
            let since = Instant::now();
            while !self.lives[victim].is_stopped() && since.elapsed() < Duration::from_secs(30) {
                std::thread::sleep(Duration::from_millis(2));
            }
            if !self.lives[victim].is_stopped() {
                *run.points_missed.entry(point.clone()).or_default() += 1;
            }
        } else {
            self.tail.look();
            let target = self.tail.taken + self.dice.between(1, 20);
            self.wait_for(target, Duration::from_secs(20));
        }
        self.lives[victim].signal("STOP");
        std::thread::sleep(Duration::from_secs(self.args.frozen_for));
        self.lives[victim].signal("CONT");
        run.freezes += 1;
        self.progress.inc(1);
    }

    fn wait_until_ready(&mut self) {
        let since = Instant::now();
        loop {
            if self.lives.iter().all(|life| life.get("/readyz").is_some()) {
                let took = self.lives.iter().map(|life| life.began.elapsed()).max().unwrap_or_default();
                self.ready_after = took.min(Duration::from_secs(3));
                return;
            }
            // Without its database a daemon ends at once, and its supervisor starts it again.
            if self.args.hurt.is_some() || self.args.cuts > 0 {
                for daemon in 0..self.lives.len() {
                    if self.lives[daemon].ended().is_some() {
                        let address = self.lives[daemon].address;
                        self.lives[daemon] = Life::start(&self.room, daemon, address, None);
                    }
                }
            } else if let Some(dead) = self.lives.iter_mut().find_map(Life::ended) {
                let log = std::fs::read_to_string(self.room.dir.join("daemon.log")).unwrap_or_default();
                let last: Vec<&str> = log.lines().rev().take(5).collect();
                panic!("the daemon ended by itself with {dead}: {last:#?}");
            }
            assert!(since.elapsed() < Duration::from_mins(2), "the daemon does not become ready");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn show(&self) {
        self.progress.set_message(format!("{} taken", self.tail.taken));
    }

    /// Lets everything be settled, stops, reads the ledger and compares.
    fn finish(mut self, run: &mut Run) {
        self.wait_until_ready();
        run.ready_ms = u64::try_from(self.ready_after.as_millis()).unwrap_or(u64::MAX);
        let finished = self.drain();
        let metrics = self.lives[0].metrics();
        for life in &mut self.lives {
            stop(life, run);
        }
        let rows = rows(&self.room);
        let evidence = Evidence {
            planned: self.plan.deliveries(),
            rows,
            lines: record::read(&self.record),
            kills: std::mem::take(&mut self.kills),
            policy: match self.args.on_unknown {
                OnUnknown::Hold => Policy::Hold,
                OnUnknown::ResendOnce => Policy::ResendOnce,
            },
            connections: self.args.connections,
            daemons: self.args.daemons as u64,
            metrics,
            verify: verify(&self.room),
            finished,
        };
        self.progress.finish_and_clear();
        let mut verdict = checker::check(&evidence);
        if !finished {
            verdict.broken.push(format!("end: nothing changed for {} s", self.patience().as_secs()));
        }
        if self.args.signal == Signal::Term && !self.args.faults.contains("drop") && verdict.unknown_else > 0
        {
            verdict.broken.push(format!("stop: {} unknown after clean stops", verdict.unknown_else));
        }
        // What is broken is left to be looked at.
        if let Some(there) = self.there.as_ref().filter(|_| verdict.broken.is_empty()) {
            schema::remove(there);
        }
        run.verdict.add(verdict);
        run.connections = self.args.connections;
        run.daemons = self.args.daemons as u64;
    }

    fn patience(&self) -> Duration {
        if self.args.on_unknown == OnUnknown::ResendOnce { PATIENCE_IN_DOUBT } else { PATIENCE }
    }

    /// Waits until nothing is scheduled or under way.
    fn drain(&mut self) -> bool {
        let (mut since, mut seen) = (Instant::now(), None);
        loop {
            self.tail.look();
            self.show();
            let metrics = self.lives[0].metrics();
            if let Some(metrics) = &metrics {
                let open = |state: &str| {
                    matches!(state, "scheduled" | "attempting")
                        || (state == "unknown" && self.args.on_unknown == OnUnknown::ResendOnce)
                };
                let left: u64 = metrics.iter().filter(|((_, state), _)| open(state)).map(|(_, n)| n).sum();
                if left == 0 && !metrics.is_empty() {
                    return true;
                }
            }
            if metrics != seen {
                (since, seen) = (Instant::now(), metrics);
            }
            if since.elapsed() > self.patience() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        self.lives.clear();
    }
}

/// SIGTERM, and what it must do (G21).
fn stop(life: &mut Life, run: &mut Run) {
    let since = Instant::now();
    // Before it listens for signals nothing has left, and the kernel's way to end it is as good.
    let listens = TcpStream::connect(life.address).is_ok();
    life.signal("TERM");
    let status = life.wait(STOP_WITHIN + Duration::from_secs(5));
    let took = since.elapsed();
    run.stops += 1;
    run.slowest_stop_ms = run.slowest_stop_ms.max(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    match status {
        Some(status) if !listens && status.signal() == Some(15) => {}
        Some(status) if !status.success() => {
            run.verdict.broken.push(format!("stop: the daemon ended with {status} after SIGTERM"));
        }
        Some(_) if took <= STOP_WITHIN => {}
        _ => run.verdict.broken.push("stop: the daemon needed more than 30 s after SIGTERM".to_owned()),
    }
}

/// The ledger's rows, as anybody can export them.
pub fn rows(room: &Room) -> Vec<Row> {
    let output = room.run(&["log", "--format", "jsonl"]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What the ledger says of itself: the audit chain, the tallies, the database.
pub fn verify(room: &Room) -> Vec<String> {
    let text = std::fs::read_to_string(room.dir.join("dateline.yaml")).unwrap();
    let (config, _) = Config::read(&text);
    let config = config.ledger(&room.dir).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ledger = Ledger::open(&config, Clock::system().now()).await.unwrap();
        let wrong = ledger.verify().await.unwrap();
        ledger.close(Clock::system().now()).await.unwrap();
        wrong
    })
}
