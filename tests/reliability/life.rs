//! One life of `dateline daemon`, from its start to its end.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use dateline::clock::Clock;
use jiff::Timestamp;

use crate::room::Room;

pub struct Life {
    child: Child,
    pub started: Timestamp,
    pub began: Instant,
    pub address: SocketAddr,
}

/// A port that nobody listens on now.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Life {
    /// Starts a daemon in its folder; `crash` is what its crash points are told.
    pub fn start(room: &Room, daemon: usize, address: SocketAddr, crash: Option<&str>) -> Life {
        let log = OpenOptions::new().create(true).append(true).open(room.dir.join("daemon.log")).unwrap();
        let (began, started) = (Instant::now(), Clock::system().now());
        let mut command = room.command(&["daemon", "--listen", &address.to_string(), "--log", "json"]);
        if let Some(crash) = crash {
            command.env("DATELINE_CRASH", crash);
        }
        let child = command.current_dir(room.of(daemon)).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Life { child, started, began, address }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as an operating system without memory does, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    /// Whether it stands still, after SIGSTOP.
    pub fn is_stopped(&self) -> bool {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        text.rsplit(") ").next().unwrap_or_default().starts_with('T')
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits for its end.
    pub fn wait(&mut self, most: Duration) -> Option<ExitStatus> {
        let since = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            if since.elapsed() > most {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The answer to GET, where it answers with 200.
    pub fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(20))).ok()?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
    }

    /// Deliveries by channel and state, as its metrics tell.
    pub fn metrics(&self) -> Option<BTreeMap<(String, String), u64>> {
        let text = self.get("/metrics")?;
        let deliveries = text.lines().filter_map(|line| {
            let (labels, count) = line.strip_prefix("dateline_deliveries{")?.split_once("} ")?;
            let label = |name: &str| {
                let (_, rest) = labels.split_once(&format!("{name}=\""))?;
                Some(rest.split_once('"')?.0.to_owned())
            };
            Some(((label("channel")?, label("state")?), count.parse().ok()?))
        });
        Some(deliveries.collect())
    }

    /// Its resident memory in KiB: now and at most.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        (of("VmRSS:"), of("VmHWM:"))
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.kill();
    }
}
