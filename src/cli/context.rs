//! What most commands begin with: the newsroom, its configuration, its ledger, its channels.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{CliError, Ctx};
use crate::channel;
use crate::config::Config;
use crate::dispatch::{Dispatch, Route};
use crate::finding::Severity;
use crate::intake::Intake;
use crate::ledger::{Ledger, LedgerConfig};
use crate::load;
use crate::newsroom::Newsroom;

/// A newsroom's work tree with its configuration.
pub struct Open {
    /// Its folder.
    pub dir: PathBuf,
    /// What the work tree holds.
    pub newsroom: Newsroom,
    /// What `dateline.yaml` says about ledger, channels and git.
    pub config: Config,
}

impl Ctx {
    /// The newsroom's folder.
    pub fn newsroom_dir(&self) -> Result<PathBuf, CliError> {
        match &self.newsroom {
            Some(dir) if dir.join("dateline.yaml").is_file() => Ok(dir.clone()),
            Some(dir) => Err(CliError::usage(format!("`{}` has no dateline.yaml", dir.display()))
                .hint("`dateline init DIR` starts a newsroom")),
            None => Ok(load::find(&std::env::current_dir()?)?),
        }
    }

    /// Opens the newsroom; errors in `dateline.yaml` end the command, errors in releases do not.
    pub fn open(&self) -> Result<Open, CliError> {
        let dir = self.newsroom_dir()?;
        let newsroom = load::work_tree(&dir)?;
        refuse_broken(&newsroom)?;
        let (config, findings) = Config::read(&newsroom.config_text);
        if let Some(finding) = findings.iter().find(|finding| finding.severity == Severity::Error) {
            return Err(CliError::usage(finding));
        }
        Ok(Open { dir, newsroom, config })
    }

    /// Runs asynchronous work to its end.
    pub fn block_on<T>(&self, work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
    }

    /// Who gives the command, for the record.
    pub fn user(&self) -> String {
        crate::config::user()
    }

    /// This process, as the owner of claims.
    pub fn owner(&self) -> String {
        format!("{}:{}", crate::config::host(), std::process::id())
    }
}

/// A newsroom whose own file is broken is not worked with.
pub fn refuse_broken(newsroom: &Newsroom) -> Result<(), CliError> {
    let broken = newsroom
        .findings
        .iter()
        .find(|finding| finding.file == "dateline.yaml" && finding.severity == Severity::Error);
    match broken {
        Some(finding) => Err(CliError::usage(finding)),
        None => Ok(()),
    }
}

impl Open {
    /// The ledger's folder.
    pub fn ledger_folder(&self) -> PathBuf {
        self.dir.join(&self.config.ledger.folder)
    }

    /// Where the ledger is, with what it needs to be reached.
    pub fn ledger_config(&self) -> Result<LedgerConfig, CliError> {
        Ok(self.config.ledger(&self.dir)?)
    }

    /// The ledger, to look at and to decide in; a daemon may run beside.
    pub async fn ledger(&self, ctx: &Ctx) -> Result<Ledger, CliError> {
        Ok(Ledger::open(&self.ledger_config()?, ctx.clock.now()).await?)
    }

    /// The ledger, to send from; one process at a time. [`Open::begin`] must follow.
    pub async fn ledger_for_dispatch(&self, ctx: &Ctx) -> Result<Ledger, CliError> {
        Ok(Ledger::open_as_left(&self.ledger_config()?, ctx.clock.now()).await?)
    }

    /// Settles what the process before left under way, and makes `dispatch` leave breadcrumbs for the next one.
    pub async fn begin(&self, dispatch: &Dispatch) -> Result<(), CliError> {
        dispatch.begin(&self.ledger_folder().join("breadcrumbs"), &self.config.dispatch).await?;
        Ok(())
    }

    /// The git repository: the one `dateline.yaml` names, else the one the newsroom is in.
    pub fn git_dir(&self) -> Result<PathBuf, CliError> {
        Ok(load::git_dir(&self.dir.join(&self.config.git.path))?)
    }

    /// Makes every source of reports ready; opens no connection.
    pub fn intake(&self, ledger: &Ledger, ctx: &Ctx) -> Result<Intake, CliError> {
        let secret =
            |name: &str| self.config.source_secret(name, &self.dir).map_err(|error| error.to_string());
        Intake::open(&self.config.intake, &self.dir, ledger.clone(), ctx.clock.clone(), secret)
            .map_err(CliError::usage)
    }

    /// Opens every channel that is configured. A missing secret ends the command: half of the
    /// channels would mean that some readers get it and others do not.
    pub fn routes(&self) -> Result<BTreeMap<String, Route>, CliError> {
        self.config.channels.keys().map(|key| Ok((key.clone(), self.route(key)?))).collect()
    }

    /// Opens one channel.
    pub fn route(&self, key: &str) -> Result<Route, CliError> {
        let config = self.config.channels.get(key).ok_or_else(|| {
            CliError::usage(format!("there is no channel `{key}`"))
                .hint(format!("there are {}", super::list(self.config.channels.keys())))
        })?;
        let secrets = self.config.secrets(key, &self.dir)?;
        let channel = channel::open(config, &self.dir, &secrets)
            .map_err(|error| CliError::usage(format!("channel `{key}`: {error}")))?;
        Ok(Route {
            channel,
            kind: config.kind(),
            limits: config.limits().clone(),
            on_unknown: config.on_unknown(),
        })
    }
}
