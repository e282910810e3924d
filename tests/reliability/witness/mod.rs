//! The witness: a process outside Dateline that takes mail and webhooks on loopback, writes down what it took
//! (with fsync) before it says so, and misbehaves as it is told.
//!
//! It knows nothing of the ledger. What it wrote down is the truth that the ledger is compared with.

mod http;
mod smtp;

pub mod fault;
pub mod record;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use fault::Faults;
use record::{Line, Recorder, What};

/// Be the witness: an SMTP server and an HTTP server on loopback, until stdin ends
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write what was taken; nothing is kept without it
    #[arg(long)]
    record: Option<PathBuf>,

    /// What goes wrong: POINT:ACT[=MS[-MS]]@PERCENT[xTIMES], with commas between.
    /// Points: greeting mail rcpt data dot taken request applied. Acts: delay drop garbage silence, or a reply code
    #[arg(long, default_value = "")]
    faults: Faults,

    /// Decides whom it meets
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What the connections share.
pub struct Stand {
    faults: Faults,
    recorder: Recorder,
    /// Mails.
    taken: AtomicU64,
}

/// Serves until stdin ends, so that it never outlives whoever started it.
pub fn run(args: &Args) {
    let stand = Arc::new(Stand {
        faults: args.faults.clone().seeded(args.seed),
        recorder: Recorder::open(args.record.as_deref()),
        taken: AtomicU64::new(0),
    });
    let number = Arc::new(AtomicU64::new(0));
    let smtp = listen(&stand, &number, true, smtp::serve);
    let http = listen(&stand, &number, false, http::serve);
    println!("{smtp} {http}");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

type Serve = fn(&Stand, &TcpStream, u64) -> std::io::Result<()>;

/// Listens; `counted` connections are written down.
fn listen(stand: &Arc<Stand>, number: &Arc<AtomicU64>, counted: bool, serve: Serve) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (stand, number) = (Arc::clone(stand), Arc::clone(number));
    let all = Arc::new(AtomicUsize::new(0));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let connection = number.fetch_add(1, Ordering::SeqCst);
            let (stand, all) = (Arc::clone(&stand), Arc::clone(&all));
            std::thread::spawn(move || {
                let note = |what, open| {
                    if counted {
                        stand.recorder.note(&Line { open, ..Line::new(what, connection) });
                    }
                };
                note(What::Opened, all.fetch_add(1, Ordering::SeqCst) + 1);
                // A client that was killed is an error here and nothing else.
                let _ = stream.set_nodelay(true).and_then(|()| serve(&stand, &stream, connection));
                note(What::Closed, all.fetch_sub(1, Ordering::SeqCst) - 1);
                // Only then: a client that waits for it may open the next one.
                let _ = stream.shutdown(Shutdown::Both);
            });
        }
    });
    address
}

/// A witness that runs as a process of its own; it ends with this value.
pub struct Running {
    child: Child,
    pub smtp: SocketAddr,
    pub http: SocketAddr,
}

impl Running {
    pub fn start(record: Option<&std::path::Path>, faults: &str, seed: u64) -> Running {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("witness").args(["--faults", faults, "--seed", &seed.to_string()]);
        if let Some(record) = record {
            command.arg("--record").arg(record);
        }
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        let (smtp, http) = line.trim().split_once(' ').expect("the witness says where it listens");
        Running { smtp: smtp.parse().unwrap(), http: http.parse().unwrap(), child }
    }

    /// How many mails it took so far.
    pub fn taken(&self) -> u64 {
        let mut stream = TcpStream::connect(self.smtp).unwrap();
        stream.write_all(b"NOOP\r\nQUIT\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        let noop = said.lines().nth(1).and_then(|line| line.strip_prefix("250 2.0.0 "));
        noop.and_then(|count| count.parse().ok()).expect("the witness says how many it took")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
