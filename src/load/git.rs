//! The files as they stand in a commit, read with the git command from the object database.
//!
//! Whoever can write to the repository must not be able to make git run or fetch anything. So
//! every call names the repository outright, takes no configuration but the repository's own (the
//! operator's, never part of a commit), and overrides what could start a program. Blobs come from
//! `cat-file --batch`, which knows no filters, attributes or links.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Files, LoadError, Measure};
use crate::newsroom::wanted;

/// How long a look into the local repository may take.
const LOCAL: Duration = Duration::from_mins(2);

/// What is set on every call; none of it can be overridden by the repository's configuration.
const PINNED: [&str; 16] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.pager=cat",
    "core.alternateRefsCommand=true",
    "core.warnAmbiguousRefs=false",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.ssh.allow=always",
    "protocol.file.allow=always",
    "protocol.ext.allow=never",
];

/// Variables by which a caller's own git session would lead these calls elsewhere.
const REMOVED: [&str; 22] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_CONFIG",
    "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_PROXY_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_REPLACE_REF_BASE",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_ALLOW_PROTOCOL",
    "GIT_PROTOCOL_FROM_USER",
    "GIT_TRACE",
    "GIT_PAGER",
    "GIT_ASKPASS",
];

fn command(git_dir: &Path) -> Command {
    let mut command = Command::new("git");
    for name in REMOVED {
        command.env_remove(name);
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("LC_ALL", "C")
        .arg(git_dir_argument(git_dir))
        .args(["--no-pager", "--literal-pathspecs"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for setting in PINNED {
        command.args(["-c", setting]);
    }
    // A group of its own, so that it can be ended with all that it started.
    command.process_group(0);
    command
}

fn git_dir_argument(git_dir: &Path) -> std::ffi::OsString {
    let mut argument = std::ffi::OsString::from("--git-dir=");
    argument.push(git_dir);
    argument
}

/// Reads that never fetch what a partial clone left out.
fn local(git_dir: &Path) -> Command {
    let mut command = command(git_dir);
    command.env("GIT_NO_LAZY_FETCH", "1");
    command
}

/// What a git command that came to its end said.
struct Said {
    code: Option<i32>,
    out: Vec<u8>,
    error: String,
}

impl Said {
    fn fail(&self, what: &'static str) -> LoadError {
        let reply =
            if self.error.is_empty() { "failed without a word".to_owned() } else { self.error.clone() };
        LoadError::Git { what, reply }
    }
}

/// Runs `command` to its end, or for as long as `limit`.
fn run(command: Command, what: &'static str, limit: Duration) -> Result<Said, LoadError> {
    run_until(command, what, limit, &|| false)
}

/// The same, or until `stopped` says so.
fn run_until(
    mut command: Command,
    what: &'static str,
    limit: Duration,
    stopped: &dyn Fn() -> bool,
) -> Result<Said, LoadError> {
    /// How often `stopped` is asked.
    const SLICE: Duration = Duration::from_millis(100);
    let mut child = command.spawn().map_err(LoadError::NoGit)?;
    let (sender, finished) = mpsc::channel();
    let error = reader(child.stderr.take(), &sender);
    let out = reader(child.stdout.take(), &sender);
    drop(sender);
    // Both pipes end when git does.
    for _ in 0..2 {
        let mut left = limit;
        while finished.recv_timeout(left.min(SLICE)) == Err(mpsc::RecvTimeoutError::Timeout) {
            left = left.saturating_sub(SLICE);
            let stopped = stopped();
            if stopped || left.is_zero() {
                stop(&mut child);
                return Err(if stopped {
                    LoadError::Stopped(what)
                } else {
                    LoadError::Timeout { what, limit }
                });
            }
        }
    }
    let status = child.wait().map_err(LoadError::NoGit)?;
    let join = |thread: std::thread::JoinHandle<Vec<u8>>| thread.join().unwrap_or_default();
    Ok(Said { code: status.code(), out: join(out), error: words(&join(error)) })
}

fn reader<R: Read + Send + 'static>(
    pipe: Option<R>,
    finished: &mpsc::Sender<()>,
) -> std::thread::JoinHandle<Vec<u8>> {
    let finished = finished.clone();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // A broken pipe shows in the exit status.
            let _ = pipe.take(super::MAX_FILE).read_to_end(&mut bytes);
        }
        let _ = finished.send(());
        bytes
    })
}

/// Ends a child and what it started, such as the ssh of a fetch; what is gone already is as good.
fn stop(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// git's words, fit for a terminal, without the credentials that a URL may hold.
fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(600).collect();
    let masked = clean.split(' ').map(|word| match (word.find("://"), word.find('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://…{}", &word[..scheme], &word[at..]),
        _ => word.to_owned(),
    });
    masked.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The repository that `dir` is in: its `.git` folder, or where its `.git` file leads.
pub fn git_dir(dir: &Path) -> Result<PathBuf, LoadError> {
    let absolute =
        std::path::absolute(dir).map_err(|source| LoadError::Io { path: dir.to_owned(), source })?;
    for folder in absolute.ancestors() {
        let git = folder.join(".git");
        if git.is_dir() {
            return Ok(git);
        }
        if git.is_file() {
            let text = std::fs::read_to_string(&git)
                .map_err(|source| LoadError::Io { path: git.clone(), source })?;
            if let Some(target) = text.trim().strip_prefix("gitdir: ") {
                return Ok(folder.join(target));
            }
        }
        // A bare repository.
        if folder == absolute && folder.join("HEAD").is_file() && folder.join("objects").is_dir() {
            return Ok(folder.to_owned());
        }
    }
    Err(LoadError::NoRepository(dir.to_owned()))
}

/// How long a host may take to say whether it shows a repository to everybody.
const REMOTE: Duration = Duration::from_secs(15);

/// The addresses of the repository's remotes as somebody without an account would try them: by https.
pub(super) fn addresses(git_dir: &Path) -> Result<Vec<String>, LoadError> {
    let mut command = local(git_dir);
    command.args(["config", "--get-regexp", r"^remote\..*\.url$"]);
    let said = run(command, "config", LOCAL)?;
    let text = String::from_utf8_lossy(&said.out).into_owned();
    Ok(text.lines().filter_map(|line| by_https(line.split_once(' ')?.1)).collect())
}

/// `git@host:path` and `ssh://git@host/path` are read at `https://host/path` by whoever has no account.
fn by_https(url: &str) -> Option<String> {
    if url.starts_with("https://") || url.starts_with("http://") {
        let mut url: url::Url = url.parse().ok()?;
        // Nobody else has these.
        url.set_username("").ok()?;
        url.set_password(None).ok()?;
        return Some(url.into());
    }
    let (host, path) = match url.strip_prefix("ssh://") {
        Some(rest) => rest.split_once('/')?,
        None if url.contains("://") => return None,
        None => url.split_once(':').filter(|(host, _)| !host.contains('/') && host.contains('.'))?,
    };
    let host = host.rsplit('@').next()?.split(':').next()?;
    Some(format!("https://{host}/{}", path.trim_start_matches('/')))
}

/// Whether `url` shows its branches to somebody without a password or key.
pub(super) fn shown_to_everybody(git_dir: &Path, url: &str) -> Result<bool, LoadError> {
    let mut command = command(git_dir);
    command
        .env("GIT_ASKPASS", "false")
        .env("SSH_ASKPASS", "false")
        .args(["-c", "credential.helper=", "-c", "protocol.http.allow=always", "-c", "http.extraHeader="])
        .args(["ls-remote", "--heads", "--", url]);
    Ok(run(command, "ls-remote", REMOTE)?.code == Some(0))
}

pub(super) fn resolve(git_dir: &Path, rev: &str) -> Result<String, LoadError> {
    let unknown = || LoadError::Revision(format!("there is no commit `{}` in the repository", shown(rev)));
    if rev.is_empty() || rev.starts_with('-') || rev.chars().any(char::is_control) || rev.len() > 300 {
        return Err(unknown());
    }
    let mut command = local(git_dir);
    command.args(["rev-parse", "--verify", "--quiet", "--end-of-options"]).arg(format!("{rev}^{{commit}}"));
    let said = run(command, "rev-parse", LOCAL)?;
    if !said.error.is_empty() && said.code != Some(0) && said.error.contains("not a git repository") {
        return Err(LoadError::NoRepository(git_dir.to_owned()));
    }
    let name = String::from_utf8_lossy(&said.out).trim().to_owned();
    let good = matches!(name.len(), 40 | 64) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    if said.code == Some(0) && good { Ok(name) } else { Err(unknown()) }
}

pub(super) fn is_ancestor(git_dir: &Path, older: &str, newer: &str) -> Result<bool, LoadError> {
    let (older, newer) = (resolve(git_dir, older)?, resolve(git_dir, newer)?);
    let mut command = local(git_dir);
    command.args(["merge-base", "--is-ancestor", &older, &newer]);
    let said = run(command, "merge-base", LOCAL)?;
    match said.code {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => Err(said.fail("merge-base")),
    }
}

pub(super) fn fetch(
    git_dir: &Path,
    remote: &str,
    branch: &str,
    timeout: Duration,
    stop: &dyn Fn() -> bool,
) -> Result<String, LoadError> {
    let strange = |text: &str| {
        text.is_empty() || text.starts_with('-') || text.len() > 500 || text.chars().any(char::is_control)
    };
    // `ext::…` and its like are programs.
    if strange(remote) || remote.contains("::") {
        return Err(LoadError::Revision("the remote in `git:` is no address of a repository".to_owned()));
    }
    let bad_branch = strange(branch)
        || ["..", "@{", "//"].iter().any(|part| branch.contains(part))
        || branch.contains([' ', ':', '^', '~', '?', '*', '[', '\\'])
        || branch.starts_with('/')
        || branch.ends_with(['/', '.'])
        || branch.rsplit('.').next() == Some("lock");
    if bad_branch {
        return Err(LoadError::Revision(format!("`{}` is no name of a branch", shown(branch))));
    }
    let kept = format!("refs/dateline/{branch}");
    let mut command = command(git_dir);
    command.args([
        "fetch",
        "--quiet",
        "--no-tags",
        "--no-recurse-submodules",
        "--no-auto-maintenance",
        "--no-write-fetch-head",
        "--end-of-options",
        remote,
        &format!("+refs/heads/{branch}:{kept}"),
    ]);
    let said = run_until(command, "fetch", timeout, stop)?;
    if said.code != Some(0) {
        return Err(said.fail("fetch"));
    }
    resolve(git_dir, &kept)
}

/// One file of a commit.
struct Entry {
    path: String,
    blob: String,
    size: u64,
}

pub(super) fn files(git_dir: &Path, rev: &str, below: &str) -> Result<Files, LoadError> {
    let commit = resolve(git_dir, rev)?;
    let below = below.trim_matches('/');
    let prefix = if below.is_empty() { String::new() } else { format!("{below}/") };
    let mut files = Files { revision: Some(commit.clone()), ..Files::default() };
    let entries = list(git_dir, &commit, &prefix, &mut files)?;
    read(git_dir, &entries, &mut files)?;
    Ok(files)
}

fn list(git_dir: &Path, commit: &str, prefix: &str, files: &mut Files) -> Result<Vec<Entry>, LoadError> {
    let mut command = local(git_dir);
    command.args(["ls-tree", "-r", "-z", "-l", "--full-tree", commit, "--"]);
    for root in ["dateline.yaml", "releases", "audiences", "templates"] {
        command.arg(format!("{prefix}{root}"));
    }
    let said = run(command, "ls-tree", LOCAL)?;
    if said.code != Some(0) {
        return Err(said.fail("ls-tree"));
    }
    let mut measure = Measure::default();
    let mut entries = Vec::new();
    for line in said.out.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let strange = || LoadError::Git { what: "ls-tree", reply: "an answer that is no list".to_owned() };
        let tab = line.iter().position(|byte| *byte == b'\t').ok_or_else(strange)?;
        let (head, name) = line.split_at(tab);
        let head = std::str::from_utf8(head).map_err(|_| strange())?;
        let path = String::from_utf8_lossy(name.get(1..).unwrap_or_default());
        let path = path.strip_prefix(prefix).unwrap_or(&path);
        let mut fields = head.split_ascii_whitespace();
        let (Some(mode), Some(_), Some(blob), Some(size)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            return Err(strange());
        };
        if path.split('/').any(|part| part.starts_with('.') && part != "..") {
            continue;
        }
        match mode {
            "120000" => files.link(path),
            "160000" => files.submodule(path),
            "100644" | "100755" | "100664" => {
                let size: u64 = size.parse().map_err(|_| strange())?;
                if std::str::from_utf8(name).is_err() {
                    files.refuse(path, "path", "the name is not UTF-8", "rename the file");
                } else if wanted(path) && files.fits(path, size) {
                    measure.add(size)?;
                    entries.push(Entry { path: path.to_owned(), blob: blob.to_owned(), size });
                }
            }
            _ => files.refuse(path, "path", "this is neither a file nor a folder", "remove it"),
        }
    }
    Ok(entries)
}

fn read(git_dir: &Path, entries: &[Entry], files: &mut Files) -> Result<(), LoadError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut command = local(git_dir);
    command.args(["cat-file", "--batch", "--buffer"]).stdin(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(LoadError::NoGit)?;
    let names: String = entries.iter().flat_map(|entry| [entry.blob.as_str(), "\n"]).collect();
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let result = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A git that ended early shows in what it did not say.
            let _ = stdin.map(|mut stdin| stdin.write_all(names.as_bytes()));
        });
        let broken = |source| LoadError::Git { what: "cat-file", reply: str::to_owned(source) };
        let mut answers = BufReader::with_capacity(1 << 16, stdout.ok_or_else(|| broken("no answer"))?);
        for entry in entries {
            let bytes = blob(&mut answers, entry).map_err(|error| LoadError::Git {
                what: "cat-file",
                reply: format!("{}: {error}; look at the repository with `git fsck`", shown(&entry.path)),
            })?;
            files.files.insert(entry.path.clone(), Arc::from(bytes));
        }
        Ok(())
    });
    stop(&mut child);
    result
}

/// `<name> blob <size>`, a line feed, the bytes, a line feed.
fn blob(answers: &mut impl BufRead, entry: &Entry) -> std::io::Result<Vec<u8>> {
    let mut head = String::new();
    answers.by_ref().take(400).read_line(&mut head)?;
    let expected = format!("{} blob {}\n", entry.blob, entry.size);
    if head != expected {
        return Err(std::io::Error::other(format!("git says `{}`", shown(head.trim()))));
    }
    let size = usize::try_from(entry.size).map_err(std::io::Error::other)?;
    let mut bytes = vec![0; size + 1];
    answers.read_exact(&mut bytes)?;
    bytes.truncate(size);
    Ok(bytes)
}

fn shown(text: &str) -> String {
    text.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
