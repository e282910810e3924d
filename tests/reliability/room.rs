//! A generated newsroom in a git repository of its own, with a contact book and everything due at once.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use dateline::clock::Clock;
use jiff::ToSpan as _;

/// What is generated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Mails in all, spread evenly over the releases.
    pub mails: u64,
    /// Releases; each has its own audience, and tells the webhook.
    pub releases: u64,
    /// Connections to the relay.
    pub connections: u64,
    /// What the relay's settings get beside, one line of YAML each.
    pub relay: Vec<String>,
    /// Connection string of the PostgreSQL that holds the ledger; nothing for SQLite in `state`.
    pub postgres: Option<String>,
    /// Daemons; each has its own clone of the repository.
    pub daemons: usize,
}

impl Plan {
    /// Deliveries in all.
    pub fn deliveries(&self) -> u64 {
        self.mails + self.releases
    }
}

pub struct Room {
    pub dir: PathBuf,
    removed: bool,
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.removed {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

impl Room {
    /// Makes the newsroom in `dir`, which is `removed` in the end or not.
    pub fn make(plan: &Plan, smtp: SocketAddr, http: SocketAddr, dir: &Path, removed: bool) -> Room {
        let room = Room { dir: dir.to_owned(), removed };
        room.write("dateline.yaml", &settings(plan, smtp, http));
        room.write("audiences/public.yaml", "name: Public\nchannels: [hook]\n");
        let group = |release: u64| {
            let edge = |release| plan.mails * release / plan.releases;
            edge(release)..edge(release + 1)
        };
        let mut book = "email,name,kind\n".to_owned();
        for release in 0..plan.releases {
            for n in group(release) {
                // Many domains, so that no limit of one of them is what is measured.
                writeln!(book, "reader-{n}@desk-{}.example,Reader {n},group{release}", n % 997).unwrap();
            }
            room.write(
                &format!("audiences/group{release}.yaml"),
                &format!(
                    "name: Group {release}\nchannels: [relay]\nmembers:\n  where: kind = \"group{release}\"\n"
                ),
            );
        }
        room.write("book.csv", &book);
        room.write(".gitignore", "/state/\n/ledger.url\n/daemon-*/\n/book.csv\n/*.log\n/*.jsonl\n");
        room.address(plan, 0);
        let book = room.dir.join("book.csv").display().to_string();
        let why = ["--basis", "consent", "--source", "form", "--date", "2026-01-02"];
        room.run(&[&["contacts", "import", &book][..], &why].concat());
        // Now there is a ledger: what became public before it was made would be held.
        let publish = Clock::system().now() + 1.second();
        for release in 0..plan.releases {
            room.write(&format!("releases/2026/aster-{release}.md"), &text(release, publish));
        }
        room.git(&["init", "--quiet", "--initial-branch=main"]);
        room.git(&["add", "--all"]);
        room.git(&["commit", "--quiet", "--message", "a newsroom"]);
        for daemon in 1..plan.daemons {
            room.git(&["clone", "--quiet", ".", &format!("daemon-{daemon}")]);
            room.address(plan, daemon);
        }
        room
    }

    /// Writes where the ledger is, for one daemon.
    fn address(&self, plan: &Plan, daemon: usize) {
        if let Some(url) = &plan.postgres {
            let path = self.of(daemon).join("ledger.url");
            std::fs::write(&path, url).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    /// The folder of one daemon.
    pub fn of(&self, daemon: usize) -> PathBuf {
        if daemon == 0 { self.dir.clone() } else { self.dir.join(format!("daemon-{daemon}")) }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let output = Command::new("git")
            .current_dir(&self.dir)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .args(["-c", "user.name=Desk", "-c", "user.email=desk@halden.example"])
            .args(["-c", "commit.gpgSign=false"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The program, in this newsroom.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
        command
            .current_dir(&self.dir)
            .env_remove("DATELINE_NEWSROOM")
            .env_remove("DATELINE_CRASH")
            .env("DATELINE_LOG", "warn")
            .env("HOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .args(arguments);
        command
    }

    /// Runs a command that must succeed.
    pub fn run(&self, arguments: &[&str]) -> Output {
        let output = self.command(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}{}", String::from_utf8_lossy(&output.stdout));
        output
    }
}

fn settings(plan: &Plan, smtp: SocketAddr, http: SocketAddr) -> String {
    let more: String = plan.relay.iter().map(|line| format!("    {line}\n")).collect();
    let ledger = match plan.postgres {
        Some(_) => "{ folder: state, postgres: { url: { file: ledger.url } } }",
        None => "{ folder: state }",
    };
    format!(
        "name: Halden Motors Newsroom\n\
         organization: Halden Motors\n\
         url: https://news.halden.example\n\
         timezone: Europe/Stockholm\n\
         language: en\n\
         contacts:\n  press: {{ name: Astrid Wennerlöf, email: press@halden.example }}\n\
         boilerplate:\n  halden: {{ en: Halden Motors builds cars. }}\n\
         channels:\n\
         \x20 relay:\n    kind: smtp\n    host: {}\n    port: {}\n    tls: none\n\
         \x20   from: Halden Motors Press <press@halden.example>\n\
         \x20   postal_address: \"Box 1961, Göteborg\"\n\
         \x20   limits: {{ connections: {} }}\n{more}\
         \x20 hook: {{ kind: webhook, url: \"http://{http}/hook\", secret: {{ env: HOOK_SECRET }}, allow_private: true }}\n\
         policy: {{ late_after: 1d, expires_after: 2d }}\n\
         ledger: {ledger}\n\
         git: {{ branch: main, poll: 1h }}\n",
        smtp.ip(),
        smtp.port(),
        plan.connections,
    )
}

fn text(release: u64, publish: jiff::Timestamp) -> String {
    format!(
        "---\ntitle: Aster number {release} goes 620 km on one charge\nsummary: Orders open today.\n\
         dateline: Gothenburg\npublish: {}[UTC]\nstatus: approved\naudiences: [group{release}, public]\n\
         contacts: [press]\nboilerplate: [halden]\n---\nThe car left the plant in Lysekil today.\n",
        publish.strftime("%Y-%m-%dT%H:%M:%S"),
    )
}
