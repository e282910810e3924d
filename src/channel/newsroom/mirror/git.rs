//! A branch of a git repository: each delivery is one commit, and what is public changes with one push.
//!
//! The commit is made on top of what stands on the branch, so files that are not ours (`CNAME`, `.nojekyll`) stay. A push that meets
//! another one is refused by its lease and made again on top of it. After a lost answer the branch shows what became of the push.
//!
//! git runs without the operator's configuration, hooks and prompts. A token travels in its environment, never in its arguments.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::process::Command;

use crate::channel::adapter::Setup;
use crate::channel::config::SiteGitConfig;
use crate::channel::folder::Folder;
use crate::channel::{Diagnosis, Failure, Reply};

/// How long one call may take.
const LIMIT: Duration = Duration::from_mins(2);
/// What is set on every call.
const PINNED: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.autocrlf=false",
    "core.quotePath=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.ext.allow=never",
];

/// What could lead git elsewhere, or make it run something.
const REMOVED: [&str; 12] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG_PARAMETERS",
    "GIT_PROXY_COMMAND",
    "GIT_ASKPASS",
    "GIT_EXTERNAL_DIFF",
    "GIT_TRACE",
];

/// A branch.
pub struct Branch {
    folder: Folder,
    repository: String,
    name: String,
    author: String,
    email: String,
    /// `Authorization: Basic …`
    authorization: Option<SecretString>,
    token: Option<SecretString>,
}

/// What git said.
struct Said {
    good: bool,
    out: String,
    error: String,
}

impl Branch {
    /// Opens it. Nothing is sent.
    pub fn open(config: &SiteGitConfig, folder: &Folder, setup: &Setup<'_>) -> Branch {
        let token = setup.secrets.get("token");
        let authorization = token.as_ref().map(|token| {
            let pair = STANDARD.encode(format!("{}:{}", config.username, token.expose_secret()));
            SecretString::from(format!("Authorization: Basic {pair}"))
        });
        let local = config.repository.starts_with('.') || config.repository.starts_with('/');
        let here = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let repository = if local {
            here(&setup.root.join(&config.repository)).display().to_string()
        } else {
            config.repository.clone()
        };
        Branch {
            // git runs in the folder, so nothing may be relative to where we are.
            folder: Folder::new(here(folder.root())),
            repository,
            name: config.branch.clone(),
            author: config.author.clone(),
            email: config.email.clone(),
            authorization,
            token,
        }
    }

    fn git_dir(&self) -> PathBuf {
        self.folder.private().root().join("site.git")
    }

    /// Runs git; an error is one that could not be run to its end.
    async fn git(&self, arguments: &[&str], now: Timestamp) -> Result<Said, Failure> {
        let mut command = Command::new("git");
        for name in REMOVED {
            command.env_remove(name);
        }
        let date = format!("{} +0000", now.as_second());
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_ATTR_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
            .env("GIT_AUTHOR_NAME", &self.author)
            .env("GIT_AUTHOR_EMAIL", &self.email)
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", &self.author)
            .env("GIT_COMMITTER_EMAIL", &self.email)
            .env("GIT_COMMITTER_DATE", &date)
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if let Some(authorization) = &self.authorization {
            command
                .env("GIT_CONFIG_COUNT", "1")
                .env("GIT_CONFIG_KEY_0", "http.extraHeader")
                .env("GIT_CONFIG_VALUE_0", authorization.expose_secret());
        }
        for setting in PINNED {
            command.args(["-c", setting]);
        }
        command.arg("--git-dir").arg(self.git_dir()).arg("--work-tree").arg(self.folder.root());
        command.current_dir(self.folder.root()).args(arguments);
        let output = tokio::time::timeout(LIMIT, command.output()).await;
        let output = output.map_err(|_| Failure::again("git took too long"))?.map_err(|error| {
            Failure::HoldChannel { reply: Reply::note(format!("git cannot be run: {error}")) }
        })?;
        let text = |bytes: &[u8]| self.masked(String::from_utf8_lossy(bytes).trim());
        Ok(Said { good: output.status.success(), out: text(&output.stdout), error: text(&output.stderr) })
    }

    /// git's words without what is secret in them.
    fn masked(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.token.iter().chain(&self.authorization) {
            text = text.replace(secret.expose_secret(), "[hidden]");
        }
        text
    }

    /// Runs git, which must succeed.
    async fn must(&self, arguments: &[&str], now: Timestamp) -> Result<String, Failure> {
        let said = self.git(arguments, now).await?;
        if said.good { Ok(said.out) } else { Err(refusal(&said.error)) }
    }

    /// The commit that stands on the branch; nothing where there is no such branch yet.
    async fn remote(&self, now: Timestamp) -> Result<Option<String>, Failure> {
        let reference = format!("refs/heads/{}", self.name);
        let listed = self.must(&["ls-remote", "--", &self.repository, &reference], now).await?;
        let commit = listed.split_whitespace().next().filter(|commit| is_commit(commit)).map(str::to_owned);
        if let Some(commit) = &commit {
            let known = self.git(&["cat-file", "-e", &format!("{commit}^{{tree}}")], now).await?.good;
            if !known {
                self.must(&["fetch", "--no-tags", "--depth=1", "--", &self.repository, &reference], now)
                    .await?;
            }
        }
        Ok(commit)
    }

    /// Puts the site on the branch, and takes `gone` away. May be repeated: what stands there already is not pushed again.
    pub async fn push(&self, gone: &[&str], now: Timestamp) -> Result<(), Failure> {
        if !self.git_dir().join("HEAD").exists() {
            self.must(&["init", "--quiet", "--initial-branch=site"], now).await?;
        }
        let remote = self.remote(now).await?;
        match &remote {
            Some(commit) => self.must(&["read-tree", commit], now).await?,
            None => self.must(&["read-tree", "--empty"], now).await?,
        };
        self.must(&["add", "--force", "--ignore-removal", "--", ".", ":(exclude).dateline"], now).await?;
        for some in gone.chunks(100) {
            let mut arguments =
                vec!["--literal-pathspecs", "rm", "--quiet", "--cached", "--ignore-unmatch", "--"];
            arguments.extend(some);
            self.must(&arguments, now).await?;
        }
        let tree = self.must(&["write-tree"], now).await?;
        if let Some(commit) = &remote
            && self.must(&["rev-parse", &format!("{commit}^{{tree}}")], now).await? == tree
        {
            return Ok(());
        }
        let mut arguments = vec!["commit-tree", &tree, "-m", "Publish the newsroom"];
        if let Some(commit) = &remote {
            arguments.extend(["-p", commit.as_str()]);
        }
        let commit = self.must(&arguments, now).await?;
        if !is_commit(&commit) {
            return Err(Failure::again("git names no commit"));
        }
        // The lease: the branch is still what the commit was made on.
        let lease = format!("--force-with-lease=refs/heads/{}:{}", self.name, remote.unwrap_or_default());
        let what = format!("{commit}:refs/heads/{}", self.name);
        self.must(&["push", "--quiet", "--no-verify", &lease, "--", &self.repository, &what], now).await?;
        Ok(())
    }

    /// Whether the repository can be read; whether it may be written to is seen by a push alone.
    pub async fn examine(&self) -> Diagnosis {
        let what = "newsroom: branch".to_owned();
        let made = self.folder.make().is_ok();
        let init = ["init", "--quiet", "--initial-branch=site"];
        let ready = if made {
            self.must(&init, Timestamp::UNIX_EPOCH).await.map(|_| ())
        } else {
            Err(Failure::again("the channel's `dir` cannot be written to"))
        };
        let seen = match ready {
            Ok(()) => self.remote(Timestamp::UNIX_EPOCH).await,
            Err(failure) => Err(failure),
        };
        let (good, seen) = match seen {
            Ok(Some(commit)) => {
                (true, format!("{} is at {}", self.name, commit.get(..12).unwrap_or(&commit)))
            }
            Ok(None) => (true, format!("{} is not there yet; the first delivery makes it", self.name)),
            Err(failure) => (false, failure.to_string()),
        };
        let hint = (!good).then(|| "look at `git:` of the channel, and at the key or token".to_owned());
        Diagnosis { what, good, seen, hint }
    }
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What git's words mean. Credentials, rights and a repository that is not there are ours to mend; all else is tried again.
fn refusal(error: &str) -> Failure {
    let reply = Reply::note(format!("git: {error}"));
    let ours = [
        "Authentication failed",
        "could not read Username",
        "Permission denied",
        "permission denied",
        "not found",
        "does not appear to be a git repository",
        "does not exist",
        "protected branch",
        "The requested URL returned error: 403",
        "Host key verification failed",
    ];
    if ours.iter().any(|words| error.contains(words)) {
        return Failure::HoldChannel { reply };
    }
    Failure::Later { reply, retry_after: None }
}
