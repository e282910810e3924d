//! Watches the clock, so that a wrong one opens no embargo.
//!
//! [`Clock::now`] itself never follows a step. Here the doubt becomes a hold in the ledger ([`Cause::Clock`]): it covers
//! releases that were not yet public when the clock could last be believed, survives a restart, and is shown
//! wherever holds are. It ends when the clock comes back, when a second source vouches for it (the database's
//! server, or the `Date` of two configured hosts), or when an operator does (`dateline resume --clock`).

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::BY;
use crate::clock::{Clock, Reading};
use crate::ledger::{Cause, Ledger, LedgerError};

/// How the clock is checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// Hosts whose HTTPS answers vouch for the clock after it was stepped: two or more, of different owners. Their
    /// `Date` is read; nothing is sent.
    pub hosts: Vec<String>,
    /// Whether releases under embargo wait while the system says that its clock is not synchronised
    /// (`timedatectl`; nothing is concluded where there is none).
    pub ntp: bool,
}

impl Default for ClockConfig {
    fn default() -> ClockConfig {
        ClockConfig { hosts: Vec::new(), ntp: true }
    }
}

/// Asks others for the time: who answered, and what.
pub type Witnesses =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Vec<(String, Timestamp)>> + Send>> + Send + Sync>;

/// How far two clocks may be apart that agree.
const AGREE: SignedDuration = SignedDuration::from_secs(5);
/// So many hosts must agree.
const HOSTS: usize = 2;
/// How often others are asked, in ticks.
const ASK_EVERY: u64 = 10;
/// How often the system is asked about NTP, in ticks.
const NTP_EVERY: u64 = 60;

/// Why the clock is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It was stepped.
    Step,
    /// The database's server says something else.
    Server,
    /// It is not synchronised.
    Ntp,
    /// An earlier process said so.
    Earlier,
}

/// Checks once a second.
pub struct Watch {
    clock: Clock,
    ledger: Ledger,
    memory: PathBuf,
    config: ClockConfig,
    witnesses: Option<Witnesses>,
    ticks: u64,
    standing: Option<Why>,
    /// An operator vouched although these went on.
    accepted: Vec<Why>,
}

/// What the clock was held against, for the next process on this start of the machine.
#[derive(Serialize, Deserialize)]
struct Memory {
    boot_id: String,
    wall: Timestamp,
    /// Nanoseconds of the steady clock.
    steady: i128,
}

/// Where the clock's memory is in the ledger's folder.
pub fn memory(folder: &Path) -> PathBuf {
    folder.join("clock")
}

/// Goes on believing what an earlier process on this start of the machine believed, so that a clock that was stepped in
/// between is found out.
pub fn remember(clock: &Clock, memory: &Path) {
    let Some(boot_id) = clock.boot_id() else { return };
    let known = std::fs::read(memory).ok().and_then(|bytes| serde_json::from_slice::<Memory>(&bytes).ok());
    match known {
        Some(known) if known.boot_id == boot_id => clock.hold_against(Reading {
            wall: known.wall,
            steady: SignedDuration::from_nanos_i128(known.steady),
        }),
        _ => note(clock, memory),
    }
}

/// Writes the memory. Where that fails the next process believes its first look, as on a new start.
fn note(clock: &Clock, memory: &Path) {
    let Some(boot_id) = clock.boot_id() else { return };
    let base = clock.base();
    let known = Memory { boot_id, wall: base.wall, steady: base.steady.as_nanos() };
    let next = memory.with_extension("next");
    let written = serde_json::to_vec(&known)
        .map_err(std::io::Error::from)
        .and_then(|bytes| std::fs::write(&next, bytes))
        .and_then(|()| std::fs::rename(&next, memory));
    if let Err(error) = written {
        tracing::warn!(%error, "what the clock was held against cannot be remembered");
    }
}

impl Watch {
    /// Watches `clock` for what `ledger` holds.
    pub fn new(
        clock: Clock,
        ledger: Ledger,
        folder: &Path,
        config: ClockConfig,
        witnesses: Option<Witnesses>,
    ) -> Watch {
        let memory = memory(folder);
        remember(&clock, &memory);
        let accepted = Vec::new();
        Watch { clock, ledger, memory, config, witnesses, ticks: 0, standing: None, accepted }
    }

    /// Looks once; returns what is wrong, in one sentence.
    pub async fn tick(&mut self) -> Result<Option<String>, LedgerError> {
        let now = self.clock.now();
        let first = self.ticks == 0;
        if let Some((why, since, sentence)) = self.reason().await?
            && self.standing.is_none()
            && !self.accepted.contains(&why)
        {
            if self.ledger.hold_all(Cause::Clock, &sentence, BY, since, now).await? {
                tracing::error!(reason = sentence, "releases that are not public yet wait");
            }
            self.standing = Some(why);
        }
        self.ticks += 1;
        if self.standing.is_none() && !first {
            return Ok(None);
        }
        let hold = self.ledger.holds().await?.into_iter().find(|hold| hold.cause == Cause::Clock);
        let Some(hold) = hold else {
            if let Some(why) = self.standing.take() {
                // Somebody ended it: the clock is right as it is.
                tracing::info!("the clock was vouched for");
                if matches!(why, Why::Server | Why::Ntp) {
                    self.accepted.push(why);
                }
                self.accept();
            }
            return Ok(None);
        };
        let why = *self.standing.get_or_insert(Why::Earlier);
        if let Some(evidence) = self.evidence(why).await? {
            self.ledger.resume_all(Cause::Clock, BY, &evidence, self.clock.now()).await?;
            tracing::info!(evidence, "the clock is believed again");
            self.standing = None;
            if why != Why::Step || self.clock.doubt().is_some() {
                self.accept();
            }
            return Ok(None);
        }
        Ok(Some(format!(
            "releases that were not public at {} wait: {}; look at the clock, then `dateline resume --clock`",
            hold.since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            hold.reason
        )))
    }

    fn accept(&self) {
        self.clock.accept();
        note(&self.clock, &self.memory);
    }

    /// What speaks against the clock now.
    async fn reason(&mut self) -> Result<Option<(Why, Timestamp, String)>, LedgerError> {
        if let Some(doubt) = self.clock.doubt() {
            let (by, way) = if doubt.ahead.is_negative() {
                (doubt.ahead.abs(), "back")
            } else {
                (doubt.ahead, "forward")
            };
            let sentence = format!("the clock was set {way} by {} s", by.as_secs());
            return Ok(Some((Why::Step, doubt.since, sentence)));
        }
        let now = self.clock.now();
        if self.ticks.is_multiple_of(ASK_EVERY)
            && let Some(server) = self.ledger.server_clock().await?
        {
            let apart = self.clock.now().duration_since(server);
            if apart.abs() > AGREE {
                let sentence =
                    format!("this machine's clock and the database's are {} s apart", apart.abs().as_secs());
                return Ok(Some((Why::Server, now.min(server), sentence)));
            }
            self.accepted.retain(|why| *why != Why::Server);
        }
        if self.config.ntp && self.clock.boot_id().is_some() && self.ticks.is_multiple_of(NTP_EVERY) {
            match synchronised().await {
                // It matters to what is under embargo alone.
                Some(false) if self.embargoed(now).await? => {
                    let sentence = "the system says that its clock is not synchronised (timedatectl)";
                    return Ok(Some((Why::Ntp, now, sentence.to_owned())));
                }
                Some(true) => self.accepted.retain(|why| *why != Why::Ntp),
                _ => {}
            }
        }
        Ok(None)
    }

    async fn embargoed(&self, now: Timestamp) -> Result<bool, LedgerError> {
        let held = self.ledger.held(false, now).await?;
        Ok(held.releases.values().flat_map(|release| &release.groups).any(|g| g.waiting > 0 && g.due > now))
    }

    /// What speaks for the clock as it is.
    async fn evidence(&self, why: Why) -> Result<Option<String>, LedgerError> {
        if why == Why::Step && self.clock.doubt().is_none() {
            return Ok(Some("it came back by itself".to_owned()));
        }
        if !self.ticks.is_multiple_of(ASK_EVERY) && self.ticks > 2 {
            return Ok(None);
        }
        if why == Why::Ntp && synchronised().await == Some(true) {
            return Ok(Some("the system says that it is synchronised".to_owned()));
        }
        let agrees = |at: Timestamp| self.clock.reading().wall.duration_since(at).abs() <= AGREE;
        if why != Why::Server
            && let Some(server) = self.ledger.server_clock().await?
            && agrees(server)
        {
            return Ok(Some("the database's server agrees".to_owned()));
        }
        let Some(witnesses) = &self.witnesses else { return Ok(None) };
        let answers = witnesses().await;
        let agree: Vec<&str> =
            answers.iter().filter(|(_, at)| agrees(*at)).map(|(host, _)| host.as_str()).collect();
        // One that says otherwise is enough to go on doubting.
        Ok((agree.len() >= HOSTS && agree.len() == answers.len())
            .then(|| format!("{} agree", agree.join(", "))))
    }
}

/// Whether the system says that its clock is synchronised; nothing where it does not say.
async fn synchronised() -> Option<bool> {
    let mut command = tokio::process::Command::new("timedatectl");
    command
        .args(["show", "--property=NTPSynchronized", "--value"])
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true);
    let said = tokio::time::timeout(Duration::from_secs(3), command.output()).await.ok()?.ok()?;
    match String::from_utf8_lossy(&said.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}
