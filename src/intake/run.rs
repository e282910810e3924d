//! All sources at work, beside the daemon's loop: each by itself, so that one that hangs keeps no other waiting, and none keeps
//! the sending waiting.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::config::{IntakeConfig, SourceConfig};
use super::desk::Desk;
use super::hook::Hooks;
use super::hook::fetch::{self, Fetch};
use super::read::Trust;
use super::source::Board;
use super::source::imap::Mailbox;
use super::source::maildir::Maildir;
use crate::clock::Clock;
use crate::ledger::Ledger;

/// How often a Maildir is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often what came too early is handed in again.
const AGAIN_AFTER: Duration = Duration::from_secs(20);
/// After the first failure a source rests this long, then twice as long each time …
const REST: Duration = Duration::from_secs(5);
/// … but no longer than this.
const LONGEST_REST: Duration = Duration::from_mins(10);

/// A source that is fetched from.
enum Source {
    Mailbox(Box<Mailbox>),
    Maildir(Maildir),
}

/// What one source says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// Its name.
    pub name: String,
    /// What was seen, or what is wrong.
    pub seen: Result<String, String>,
}

/// All sources.
pub struct Intake {
    sources: Vec<(String, Source)>,
    hooks: Arc<Hooks>,
    desk: Desk,
    board: Board,
}

impl Intake {
    /// Makes all sources of `config` ready; relative paths start from `root`. No connection is opened. `secret` gives the secret of a
    /// source by its name.
    pub fn open(
        config: &IntakeConfig,
        root: &Path,
        ledger: Ledger,
        clock: Clock,
        secret: impl Fn(&str) -> Result<Option<SecretString>, String>,
    ) -> Result<Intake, String> {
        Intake::open_with(config, root, ledger, clock, secret, fetch::outside())
    }

    /// The same with another way to fetch Amazon's certificates.
    pub fn open_with(
        config: &IntakeConfig,
        root: &Path,
        ledger: Ledger,
        clock: Clock,
        secret: impl Fn(&str) -> Result<Option<SecretString>, String>,
        fetch: Fetch,
    ) -> Result<Intake, String> {
        let trust = config.general.complaints.as_ref().map_or_else(Trust::default, |complaints| Trust {
            server: Some(complaints.server.clone()),
            reporters: complaints.domains.clone(),
        });
        let desk = Desk { ledger, clock, trust, keep: config.general.forward_answers };
        let board = Board::default();
        let mut hooks = Hooks::new(desk.clone(), board.clone(), fetch);
        let mut sources = Vec::new();
        for (name, source) in &config.sources {
            let said = |why: String| format!("intake source `{name}`: {why}");
            let secret = secret(name)?;
            match source {
                SourceConfig::Imap(imap) => {
                    let password = secret.ok_or_else(|| said("its password is not there".to_owned()))?;
                    let mailbox = Mailbox::new(imap, password, root).map_err(said)?;
                    sources.push((name.clone(), Source::Mailbox(Box::new(mailbox))));
                }
                SourceConfig::Maildir(maildir) => {
                    let maildir = Maildir::new(root.join(&maildir.dir));
                    sources.push((name.clone(), Source::Maildir(maildir)));
                }
                hook => hooks.add(name, hook, secret.as_ref()).map_err(said)?,
            }
            board.put(name);
        }
        Ok(Intake { sources, hooks: Arc::new(hooks), desk, board })
    }

    /// What email service providers post to.
    pub fn hooks(&self) -> Arc<Hooks> {
        Arc::clone(&self.hooks)
    }

    /// How the sources are.
    pub fn board(&self) -> Board {
        self.board.clone()
    }

    /// Looks at every source once, for `dateline doctor`. Nothing is taken in, nothing is changed.
    pub async fn examine(&self) -> Vec<Examined> {
        let mut all = Vec::new();
        for (name, source) in &self.sources {
            let seen = match source {
                Source::Mailbox(mailbox) => mailbox.examine().await,
                Source::Maildir(maildir) => maildir.examine(),
            };
            all.push(Examined { name: name.clone(), seen });
        }
        all
    }

    /// Follows every source until `stop`.
    pub fn begin(self, stop: &CancellationToken) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        tasks.spawn(keep(self.desk.clone(), self.board.clone(), stop.clone()));
        for (name, source) in self.sources {
            let (desk, board, stop) = (self.desk.clone(), self.board.clone(), stop.clone());
            tasks.spawn(async move { follow(&name, &source, &desk, &board, &stop).await });
        }
        tasks
    }
}

async fn follow(name: &str, source: &Source, desk: &Desk, board: &Board, stop: &CancellationToken) {
    let mut rest = REST;
    while !stop.is_cancelled() {
        let seen_before = board.seen(name);
        let end = match source {
            Source::Mailbox(mailbox) => {
                mailbox.follow(name, desk, stop, || board.well(name, desk.clock.now())).await
            }
            Source::Maildir(maildir) => watch(name, maildir, desk, board, stop).await,
        };
        let Err(why) = end else { continue };
        if board.seen(name) > seen_before {
            rest = REST;
        }
        board.trouble(name, &why);
        tokio::select! { () = tokio::time::sleep(rest) => {}, () = stop.cancelled() => return }
        rest = (rest * 2).min(LONGEST_REST);
    }
}

async fn watch(
    name: &str,
    maildir: &Maildir,
    desk: &Desk,
    board: &Board,
    stop: &CancellationToken,
) -> Result<(), String> {
    while !stop.is_cancelled() {
        let looked = maildir.look(name, desk).await?;
        board.well(name, desk.clock.now());
        if looked.more && looked.done > 0 {
            continue;
        }
        let pause = if looked.not_yet > 0 { AGAIN_AFTER } else { LOOK_EVERY };
        tokio::select! { () = tokio::time::sleep(pause) => {}, () = stop.cancelled() => {} }
    }
    Ok(())
}

/// Writes how the sources are into the ledger, where `dateline status` sees it.
async fn keep(desk: Desk, board: Board, stop: CancellationToken) {
    let mut written = std::collections::BTreeMap::new();
    let mut at = desk.clock.now();
    loop {
        let all = board.all();
        let now = desk.clock.now();
        let trouble = |all: &std::collections::BTreeMap<String, super::source::Standing>| {
            all.iter().map(|(name, standing)| (name.clone(), standing.problem.clone())).collect::<Vec<_>>()
        };
        if trouble(&all) != trouble(&written) || (all != written && now.duration_since(at).as_secs() >= 60) {
            let rows =
                all.iter().map(|(name, standing)| (name.clone(), standing.problem.clone(), standing.seen_at));
            match desk.ledger.note_sources(rows.collect()).await {
                Ok(()) => (written, at) = (all, now),
                Err(error) => {
                    tracing::warn!(%error, "how the sources of reports are could not be written down");
                }
            }
        }
        tokio::select! { () = tokio::time::sleep(Duration::from_secs(2)) => {}, () = stop.cancelled() => return }
    }
}
