//! How long until a kill has reached the last receiver: `cargo bench --bench kill [-- RECIPIENTS]`, else 10,000.
//!
//! The real daemon sends a release of about 30 KiB to a relay that takes everything, a blog, three networks and two rooms (stand-ins that
//! keep what they are told). Then `status: killed` is committed, the daemon is told to look (as a hook of git does), and it is waited until
//! all of them have it. Printed are seconds since the commit: on the receivers' clocks, and as the ledger recorded it.

#[path = "../tests/suite/world/mod.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::pedantic,
    reason = "the tests use all of it, and a stand-in that cannot go on must fail"
)]
mod world;

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use world::World;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Those who have something to withdraw, beside the relay.
const OTHERS: [(&str, &[&str]); 3] = [
    ("blog", &["wordpress"]),
    ("networks", &["mastodon", "bluesky", "telegram"]),
    ("rooms", &["slack", "matrix"]),
];
/// Nothing of this takes so long.
const PATIENCE: Duration = Duration::from_mins(10);

/// Each mail that came: to whom, whether it withdraws, and when.
type Mails = Arc<Mutex<Vec<(String, bool, Timestamp)>>>;

/// A relay that takes everything, as fast as it can.
fn relay(mails: Mails) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            let mails = Arc::clone(&mails);
            std::thread::spawn(move || take(stream, &mails));
        }
    });
    Ok(port)
}

fn take(stream: TcpStream, mails: &Mails) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(128 * 1024, stream);
    let mut said = b"220 relay ESMTP\r\n".to_vec();
    let (mut line, mut to) = (Vec::new(), String::new());
    loop {
        if input.buffer().is_empty() {
            input.get_mut().write_all(&said)?;
            said.clear();
        }
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        match line.get(..4).unwrap_or_default() {
            b"EHLO" => said.extend_from_slice(b"250-relay\r\n250-PIPELINING\r\n250 8BITMIME\r\n"),
            b"RCPT" => {
                String::from_utf8_lossy(&line).trim().clone_into(&mut to);
                said.extend_from_slice(b"250 ok\r\n");
            }
            b"DATA" => {
                said.extend_from_slice(b"354 go\r\n");
                input.get_mut().write_all(&said)?;
                said.clear();
                let mut kills = false;
                loop {
                    line.clear();
                    if input.read_until(b'\n', &mut line)? == 0 {
                        return Ok(());
                    }
                    kills |= line.starts_with(b"Subject: Withdrawn");
                    if line == b".\r\n" {
                        break;
                    }
                }
                let mail = (to.clone(), kills, Clock::system().now());
                mails.lock().unwrap_or_else(PoisonError::into_inner).push(mail);
                said.extend_from_slice(b"250 2.0.0 Ok\r\n");
            }
            b"QUIT" => return input.get_mut().write_all(b"221 bye\r\n"),
            _ => said.extend_from_slice(b"250 ok\r\n"),
        }
    }
}

/// A newsroom and its daemon.
struct Newsroom {
    folder: tempfile::TempDir,
    url: String,
}

impl Newsroom {
    fn new(url: &str, port: u16, recipients: usize) -> Result<Newsroom> {
        let newsroom = Newsroom { folder: tempfile::tempdir()?, url: url.to_owned() };
        let dir = newsroom.folder.path();
        let others: Vec<&str> = OTHERS.iter().flat_map(|(_, vendors)| vendors.iter().copied()).collect();
        let lines: String = world::channels(url, dir)
            .lines()
            .filter(|line| others.iter().any(|vendor| line.starts_with(&format!("  {vendor}:"))))
            .fold(String::new(), |all, line| all + line + "\n");
        std::fs::create_dir_all(dir.join("releases/2026"))?;
        std::fs::create_dir_all(dir.join("audiences"))?;
        let settings = format!(
            "name: Halden Motors Newsroom\norganization: Halden Motors\nurl: https://news.halden.example\n\
             timezone: Europe/Stockholm\nlanguage: en\n\
             contacts:\n  press: {{ name: Astrid Wennerlöf, email: press@halden.example }}\n\
             boilerplate:\n  halden: {{ en: Halden Motors builds cars. }}\nchannels:\n\
             \x20 relay:\n    kind: smtp\n    host: 127.0.0.1\n    port: {port}\n    tls: none\n\
             \x20   from: Halden Motors Press <press@halden.example>\n    postal_address: \"Box 1961, Göteborg\"\n\
             \x20   limits: {{ connections: 16 }}\n{lines}ledger: {{ folder: state }}\ngit: {{ branch: main, poll: 1h }}\n"
        );
        std::fs::write(dir.join("dateline.yaml"), settings)?;
        std::fs::write(
            dir.join("audiences/press.yaml"),
            "name: Press\nchannels: [relay]\nmembers:\n  where: kind = journalist\n",
        )?;
        let public = format!("name: Public\nchannels: [{}]\n", others.join(", "));
        std::fs::write(dir.join("audiences/public.yaml"), public)?;
        std::fs::write(dir.join(".gitignore"), "/state/\n/book.csv\n")?;
        git(dir, &["init", "--quiet", "--initial-branch=main"])?;
        let mut book = "email,name,kind\n".to_owned();
        for n in 0..recipients {
            writeln!(book, "reader{n}@paper{}.example,Jo Roe,journalist", n % 997)?;
        }
        std::fs::write(dir.join("book.csv"), book)?;
        let file = dir.join("book.csv").display().to_string();
        let why = ["--basis", "consent", "--source", "form", "--date", "2026-01-02"];
        newsroom.run(&[&["contacts", "import", &file][..], &why].concat())?;
        Ok(newsroom)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
        command
            .current_dir(self.folder.path())
            .envs(world::variables(&self.url))
            .args(arguments)
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command(arguments).output()?;
        if !output.status.success() {
            return Err(format!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Writes the release and commits it; returns when that was done.
    fn commit(&self, publish: Timestamp, status: &str) -> Result<Timestamp> {
        let paragraph = "It goes 620 kilometres on one charge, which is further than any car of its size, and it costs less. ";
        let release = format!(
            "---\ntitle: Aster EV goes 620 km on one charge\nsummary: A family car.\ndateline: Gothenburg\n\
             publish: {}[Europe/Stockholm]\n{status}audiences: [press, public]\ncontacts: [press]\nboilerplate: [halden]\n---\n{}\n",
            publish.in_tz("Europe/Stockholm")?.strftime("%Y-%m-%dT%H:%M:%S"),
            (paragraph.repeat(4) + "\n\n").repeat(30),
        );
        let dir = self.folder.path();
        std::fs::write(dir.join("releases/2026/aster-ev.md"), release)?;
        git(dir, &["add", "--all"])?;
        git(dir, &["commit", "--quiet", "--message", "aster-ev"])?;
        Ok(Clock::system().now())
    }
}

fn git(dir: &Path, arguments: &[&str]) -> Result<()> {
    let status = Command::new("git")
        .current_dir(dir)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .args(["-c", "user.name=Desk", "-c", "user.email=desk@halden.example", "-c", "commit.gpgSign=false"])
        .args(arguments)
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("git {arguments:?} failed").into()) }
}

/// A daemon that ends with this.
struct Daemon(Child);

impl Daemon {
    fn signal(&self, name: &str) -> Result<()> {
        let status = Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status()?;
        if status.success() { Ok(()) } else { Err("the daemon is gone".into()) }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait(what: &str, done: impl Fn() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !done() {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{what} did not come").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn measure(recipients: usize, world: &World) -> Result<()> {
    let mails: Mails = Mails::default();
    let port = relay(Arc::clone(&mails))?;
    let newsroom = Newsroom::new(&world.url, port, recipients)?;
    let publish = Clock::system().now() - SignedDuration::from_secs(2);
    newsroom.commit(publish, "status: approved\n")?;
    let log = std::fs::File::create(newsroom.folder.path().join("state.log"))?;
    let mut command = newsroom.command(&["daemon", "--listen", "127.0.0.1:0", "--log", "json"]);
    let daemon = Daemon(command.stdout(Stdio::null()).stderr(log).spawn()?);
    let count = |kills: bool| {
        let mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.iter().filter(|(_, kill, _)| *kill == kills).count()
    };
    let asked = || world.asked().into_iter().filter(world::Asked::writes).collect::<Vec<_>>();
    let begun = Instant::now();
    wait("the original", || count(false) >= recipients)?;
    wait("the posts", || {
        OTHERS.iter().all(|(_, vendors)| vendors.iter().all(|vendor| !world.shown(vendor).is_empty()))
    })?;
    println!(
        "original: {recipients} mails, {} others, {:.1} s",
        asked().len(),
        begun.elapsed().as_secs_f64()
    );

    let before = asked().len();
    let committed = newsroom.commit(publish, "status: killed\nreason: It is not true\n")?;
    daemon.signal("HUP")?;
    wait("the kill", || count(true) >= recipients)?;
    let ledger = || -> Result<Vec<(String, Timestamp)>> {
        let text = newsroom.run(&["log", "aster-ev", "--format", "jsonl"])?;
        let mut sent = Vec::new();
        for line in text.lines() {
            let entry: serde_json::Value = serde_json::from_str(line)?;
            if entry["notice"] == "kill"
                && let (Some(channel), Some(at)) = (entry["channel"].as_str(), entry["sent_at"].as_str())
            {
                sent.push((channel.to_owned(), at.parse()?));
            }
        }
        Ok(sent)
    };
    let all = recipients + OTHERS.iter().map(|(_, vendors)| vendors.len()).sum::<usize>();
    let mut recorded = ledger()?;
    let deadline = Instant::now();
    while recorded.len() < all {
        if deadline.elapsed() > PATIENCE {
            return Err(format!("{} of {all} are recorded", recorded.len()).into());
        }
        std::thread::sleep(Duration::from_millis(200));
        recorded = ledger()?;
    }
    let since = |at: Option<Timestamp>| at.map_or(f64::NAN, |at| at.duration_since(committed).as_secs_f64());
    println!("kill: seconds from the commit to the first and the last who were told");
    println!("{:<10} {:>6} {:>14} {:>14} {:>16}", "", "", "first", "last", "last, recorded");
    let line = |name: &str, seen: &[Timestamp], written: &[Timestamp]| {
        let (first, last) = (since(seen.iter().min().copied()), since(seen.iter().max().copied()));
        println!(
            "{name:<10} {:>6} {first:>14.2} {last:>14.2} {:>16.2}",
            written.len(),
            since(written.iter().max().copied())
        );
        last
    };
    let of = |vendors: &[&str]| -> Vec<Timestamp> {
        recorded
            .iter()
            .filter(|(channel, _)| vendors.contains(&channel.as_str()))
            .map(|(_, at)| *at)
            .collect()
    };
    let mut last = 0.0_f64;
    for (name, vendors) in OTHERS {
        let after = asked();
        let mine = after.iter().skip(before).filter(|one| vendors.contains(&one.vendor.as_str()));
        last = last.max(line(name, &mine.map(|one| one.at).collect::<Vec<_>>(), &of(vendors)));
    }
    let mails = mails.lock().unwrap_or_else(PoisonError::into_inner);
    let kills: Vec<&(String, bool, Timestamp)> = mails.iter().filter(|(_, kill, _)| *kill).collect();
    let told: BTreeSet<&str> = kills.iter().map(|(to, _, _)| to.as_str()).collect();
    last = last.max(line("mail", &kills.iter().map(|(_, _, at)| *at).collect::<Vec<_>>(), &of(&["relay"])));
    println!("all of them after {last:.2} s; {} mails to {} recipients", kills.len(), told.len());
    if told.len() != recipients || kills.len() != recipients {
        return Err("not everybody was told once".into());
    }
    daemon.signal("TERM")
}

fn main() -> Result<()> {
    // `cargo test --benches` and `cargo bench` pass flags of their own.
    let recipients = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = runtime.block_on(World::start());
    measure(recipients, &world)
}
