//! A newsroom in a git repository of its own, with people in its contact book.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use dateline::cli::demo::catcher::{Catcher, Options};
use dateline::clock::Clock;
use dateline::ledger::{Ledger, LedgerConfig, State};
use jiff::{Timestamp, ToSpan};

/// Nine o'clock in Stockholm on a working day.
pub fn nine() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

/// `seconds` after nine.
pub fn at(seconds: i64) -> Timestamp {
    nine() + seconds.seconds()
}

/// Waits until `look` gives something; `what` is said if it never does.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// A committed newsroom without releases, whose relay is at `port`, with three journalists in its book.
    pub fn new(port: u16) -> Room {
        let room = Room { folder: tempfile::tempdir().unwrap() };
        room.write("dateline.yaml", &settings(port, "poll: 1h"));
        room.write(
            "audiences/press.yaml",
            "name: Press\nchannels: [relay]\nmembers:\n  where: kind = journalist\n",
        );
        room.write("audiences/public.yaml", "name: Public\nchannels: [newsroom, archive]\n");
        room.write(".gitignore", "/state/\n/site/\n/archive/\n/book.csv\n");
        room.git(&["init", "--quiet", "--initial-branch=main"]);
        room.commit("a newsroom");
        room.people(&["ann@paper.example", "bo@radio.example", "canary.person@magazine.example"]);
        room
    }

    /// Puts journalists into the contact book.
    pub fn people(&self, addresses: &[&str]) {
        let rows: String = addresses.iter().map(|address| format!("{address},Jo Roe,journalist\n")).collect();
        self.write("book.csv", &format!("email,name,kind\n{rows}"));
        let book = self.dir().join("book.csv").display().to_string();
        let why = ["--basis", "consent", "--source", "form", "--date", "2026-01-02"];
        self.run(&[&["contacts", "import", &book][..], &why].concat(), 0);
    }

    pub fn dir(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, text: &str) {
        let path = self.dir().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    pub fn git(&self, arguments: &[&str]) -> String {
        git(self.dir(), arguments)
    }

    /// Commits everything; returns the commit's name.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
        self.head()
    }

    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Writes and commits a release; `more` goes into its front matter, `publish` is an instant.
    pub fn release(&self, slug: &str, publish: Timestamp, more: &str, text: &str) -> String {
        self.write(&format!("releases/2026/{slug}.md"), &release(publish, more, text));
        self.commit(slug)
    }

    /// Runs a command that must end with `code`; returns what it wrote to stdout and stderr.
    pub fn run(&self, arguments: &[&str], code: i32) -> (String, String) {
        let output = dateline(self.dir(), arguments);
        let (out, error) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{error}");
        (out, error)
    }

    /// The ledger, beside whoever else has it open.
    pub async fn ledger(&self) -> Ledger {
        let config = LedgerConfig { folder: self.dir().join("state"), ..LedgerConfig::default() };
        Ledger::open(&config, Clock::system().now()).await.unwrap()
    }

    /// How many deliveries are in each state, as `2 sent, 1 suppressed`.
    pub async fn states(&self) -> String {
        let ledger = self.ledger().await;
        let mut counts = std::collections::BTreeMap::<State, u64>::new();
        for ((_, state), count) in ledger.counts().await.unwrap().deliveries {
            *counts.entry(state).or_default() += count;
        }
        assert_eq!(ledger.verify().await.unwrap(), Vec::<String>::new());
        let parts: Vec<String> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
        parts.join(", ")
    }

    /// The text of a file below the newsroom.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.dir().join(path)).unwrap_or_default()
    }
}

pub fn settings(port: u16, git: &str) -> String {
    format!(
        "name: Halden Motors Newsroom\n\
         organization: Halden Motors\n\
         url: https://news.halden.example\n\
         timezone: Europe/Stockholm\n\
         language: en\n\
         contacts:\n  press: {{ name: Astrid Wennerlöf, email: press@halden.example }}\n\
         boilerplate:\n  halden: {{ en: Halden Motors builds cars. }}\n\
         channels:\n\
         \x20 relay:\n    kind: smtp\n    host: 127.0.0.1\n    port: {port}\n    tls: none\n\
         \x20   username: newsroom\n    password: {{ env: ROOM_PASSWORD }}\n\
         \x20   from: Halden Motors Press <press@halden.example>\n\
         \x20   postal_address: \"Box 1961, Göteborg\"\n\
         \x20 newsroom: {{ kind: newsroom, dir: site }}\n\
         \x20 archive: {{ kind: file, dir: archive }}\n\
         ledger: {{ folder: state }}\n\
         dispatch: {{ gate: {{ pages: [] }} }}\n\
         git: {{ branch: main, {git} }}\n"
    )
}

pub fn release(publish: Timestamp, more: &str, text: &str) -> String {
    let status = if more.contains("status:") { "" } else { "status: approved\n" };
    let zoned = publish.in_tz("Europe/Stockholm").unwrap();
    format!(
        "---\ntitle: The canary headline\nsummary: The canary summary.\ndateline: Gothenburg\n\
         publish: {}[Europe/Stockholm]\n{status}audiences: [press, public]\ncontacts: [press]\n\
         boilerplate: [halden]\n{more}---\n{text}\n",
        zoned.strftime("%Y-%m-%dT%H:%M:%S"),
    )
}

pub fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .args(["-c", "user.name=Desk", "-c", "user.email=desk@halden.example", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .output()
        .unwrap();
    let (out, error) = texts(&output);
    assert!(output.status.success(), "git {arguments:?}\n{out}\n{error}");
    out
}

/// The program, in a newsroom.
pub fn command(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
    command
        .current_dir(dir)
        .env_remove("DATELINE_NEWSROOM")
        .env_remove("DATELINE_LOG")
        .env_remove("DATELINE_CRASH")
        .env("ROOM_HOOK", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        .env("NO_COLOR", "1")
        .env("ROOM_PASSWORD", "rätt lösen")
        .stdin(Stdio::null())
        .args(arguments);
    command
}

pub fn dateline(dir: &Path, arguments: &[&str]) -> Output {
    command(dir, arguments).output().unwrap()
}

pub fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A relay that takes everything from who knows the password.
pub async fn relay(clock: &Clock) -> Catcher {
    let any = "127.0.0.1:0".parse().unwrap();
    let login = Some(("newsroom".to_owned(), "rätt lösen".to_owned()));
    Catcher::start(any, any, clock.clone(), Options { login, site: None }).await.unwrap()
}

/// Each mail's recipient and whether its bytes hold `word`.
pub fn mails_with(relay: &Catcher, word: &str) -> Vec<String> {
    let mut to: Vec<String> = relay
        .mails()
        .iter()
        .filter(|mail| plain(&mail.message).contains(word))
        .flat_map(|mail| mail.to.clone())
        .collect();
    to.sort();
    to
}

/// A mail's bytes as text, without the soft line ends of quoted-printable.
fn plain(message: &[u8]) -> String {
    String::from_utf8_lossy(message).replace("=\r\n", "").replace("\r\n", "\n")
}
