//! `dateline demo`: the whole main job on the example newsroom, with nothing to configure.
//!
//! Everything is the real thing: the same load, plan, render, ledger, dispatch and channels as in
//! production, on a clock that is turned from one due time to the next. Only the far ends are stand-ins
//! on loopback: a mail catcher, and a server for each network that cannot run here.

pub mod catcher;
mod far;
mod site;
pub mod standins;
mod story;
mod summary;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{CliError, Ctx, Exit, Format, output};
use crate::clock::Clock;
use crate::contact::{Contact, csv};
use crate::daemon::{self, Options};
use crate::dispatch::{Dispatch, Event};
use crate::ledger::{Ledger, LedgerConfig, State};
use far::FarEnds;
use story::Story;
use summary::Summary;

/// The whole main job on the example newsroom, with nothing to configure
///
/// Replays fourteen months of a car maker's newsroom in seconds: imports contacts, issues each release as it
/// is committed, sends mails into an embedded catcher, writes the newsroom site, posts to networks, corrects one
/// release and kills another. Then it serves the result to look at; `--exit` ends it instead.
///
/// To post to real servers, set DATELINE_DEMO_MASTODON_URL and _TOKEN, or DATELINE_DEMO_BLUESKY_URL, _HANDLE
/// and _PASSWORD.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Print what happened and end
    #[arg(long)]
    exit: bool,

    /// Keep ledger, site and archive in this folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// The form of the summary
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Runs `dateline demo`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let folder = Folder::open(args.out.clone())?;
    ctx.block_on(async {
        let story = Story::new();
        let clock = Clock::fixed(story.ahead.first().map_or(Timestamp::UNIX_EPOCH, |commit| commit.at));
        let far = FarEnds::start(&folder.path, &clock).await?;
        let ledger = Ledger::open_exclusive(
            &LedgerConfig { folder: folder.path.join("state"), ..LedgerConfig::default() },
            clock.now(),
        )
        .await?;
        let replay = Replay::new(ledger.clone(), clock, args.format == Format::Human);
        let (story, events) = replay.run(story, &far).await?;
        let summary = Summary::gather(&ledger, &far, &events, &story).await?;
        match args.format {
            Format::Json => output::print_json(&summary.json())?,
            Format::Human => output::print(&summary.human(!args.exit))?,
        }
        if !args.exit {
            eprintln!("\nLook around; Ctrl-C ends the demo{}.", folder.fate());
            let stop = CancellationToken::new();
            super::signals::stop_on(&stop);
            stop.cancelled().await;
        }
        ledger.close(ctx.clock.now()).await?;
        Ok(if summary.holds() { Exit::Done } else { Exit::Refused })
    })
}

/// Where the demo writes; a temporary folder is removed at the end.
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn open(wanted: Option<PathBuf>) -> Result<Folder, CliError> {
        let temporary = wanted.is_none();
        let path = wanted
            .unwrap_or_else(|| std::env::temp_dir().join(format!("dateline-demo-{}", std::process::id())));
        if path.join("state").exists() {
            return Err(CliError::usage(format!("`{}` holds an earlier demo", path.display()))
                .hint("give another folder, or remove that one"));
        }
        std::fs::create_dir_all(&path)?;
        Ok(Folder { path, temporary })
    }

    fn fate(&self) -> String {
        if self.temporary { String::new() } else { format!("; `{}` stays", self.path.display()) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.temporary {
            // What cannot be removed is in the system's temporary folder and goes with it.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

/// Turns the clock from one thing that happens to the next.
struct Replay {
    ledger: Ledger,
    clock: Clock,
    bar: ProgressBar,
    spoken: bool,
}

impl Replay {
    fn new(ledger: Ledger, clock: Clock, spoken: bool) -> Replay {
        let bar = ProgressBar::new(1);
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos:>4} deliveries  {msg}") {
            bar.set_style(style);
        }
        Replay { ledger, clock, bar, spoken }
    }

    async fn run(self, mut story: Story, far: &FarEnds) -> Result<(Story, Vec<Event>), CliError> {
        let imported = self.ledger.import(contacts()?, self.clock.now()).await?;
        self.say(&format!("{} contacts imported, all invented", imported.new));
        let events = Arc::new(Mutex::new(Vec::new()));
        let observer = {
            let (events, bar) = (Arc::clone(&events), self.bar.clone());
            Arc::new(move |event: Event| {
                bar.inc(1);
                events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
            })
        };
        let routes = far.routes()?;
        let dispatch =
            Dispatch::new(self.ledger.clone(), routes, self.clock.clone(), "demo".to_owned(), observer);
        let stop = CancellationToken::new();
        let (first, commits) = (self.clock.now(), story.ahead.len() as u64);
        self.bar.set_length(commits * 40);
        loop {
            let due = self.ledger.next_due(self.clock.now()).await?.into_iter().map(|(_, at)| at).min();
            let commit = story.ahead.first().map(|commit| commit.at);
            let Some(next) = [due, commit].into_iter().flatten().min() else { break };
            // Time only goes forward; what was due while the clock was turned leaves now.
            self.clock.set(next.max(self.clock.now()));
            let made = story.advance(self.clock.now());
            for commit in &made {
                self.say(&format!("{}  {}", self.day(), commit.subject));
            }
            let newsroom = story.newsroom();
            let options = Options { late: false, moved: false, only: None, by: "the example's editor" };
            let report = daemon::issue(&self.ledger, &newsroom, self.clock.now(), options).await?;
            if let Some(failed) = report.failed.first() {
                return Err(CliError::refused(format!("{}: {}", failed.slug, failed.error)));
            }
            let tally = dispatch.drain(&stop).await?;
            let waits = due.is_some_and(|due| due <= self.clock.now());
            if tally.is_empty() && made.is_empty() && waits {
                return Err(CliError::refused(
                    "something is due and does not leave; `--out DIR` keeps the ledger to look at",
                ));
            }
            self.tell(&events, &tally);
        }
        let last = self.clock.now();
        self.bar.finish_and_clear();
        let days = last.duration_since(first).as_hours() / 24;
        self.say(&format!("{days} days replayed"));
        let events = std::mem::take(&mut *events.lock().unwrap_or_else(PoisonError::into_inner));
        Ok((story, events))
    }

    /// One line for what left at this instant.
    fn tell(&self, events: &Mutex<Vec<Event>>, tally: &BTreeMap<State, u64>) {
        let count: u64 = tally.values().sum();
        if count == 0 {
            return;
        }
        let events = events.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &events[events.len().saturating_sub(usize::try_from(count).unwrap_or(usize::MAX))..];
        let mut parts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for event in last.iter().filter(|event| event.state == State::Sent) {
            *parts.entry((event.slug.as_str(), event.channel.as_str())).or_default() += 1;
        }
        let mut slug_before = "";
        let mut line = String::new();
        for ((slug, channel), count) in parts {
            if slug == slug_before {
                line.push_str(&format!(", {channel} {count}"));
            } else {
                line.push_str(&format!(
                    "{}{slug}: {channel} {count}",
                    if line.is_empty() { "" } else { "; " }
                ));
            }
            slug_before = slug;
        }
        self.bar.set_message(format!("{}  {slug_before}", self.day()));
        self.say(&format!("{}    sent {line}", self.day()));
    }

    fn day(&self) -> String {
        self.clock.now().to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
    }

    fn say(&self, line: &str) {
        if self.spoken {
            self.bar.suspend(|| eprintln!("{line}"));
        }
    }
}

fn contacts() -> Result<Vec<Contact>, CliError> {
    csv::read(story::CONTACTS.as_bytes())
        .map_err(CliError::refused)?
        .map(|row| row.map_err(|problem| CliError::refused(format!("contacts.csv:{problem}"))))
        .collect()
}
