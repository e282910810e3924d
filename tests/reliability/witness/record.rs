//! What the witness writes down: one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use dateline::clock::Clock;
use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// It took a mail or a request; on disk before the answer.
    Taken,
    /// It said no after it had seen all of it, or never answered.
    Refused,
    /// Its yes was handed to the operating system.
    Answered,
    /// A connection began.
    Opened,
    /// A connection ended.
    Closed,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub what: What,
    /// Microseconds since 1970.
    pub at: i64,
    pub connection: u64,
    /// Connections that are open now.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub open: usize,
    /// The left part of the Message-ID, or the webhook-id.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// Of the bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha: String,
    /// The recipient of a mail; `webhook` for a request.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub to: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants it so")]
fn is_zero(n: &usize) -> bool {
    *n == 0
}

impl Line {
    pub fn new(what: What, connection: u64) -> Line {
        let at = Clock::system().now().as_microsecond();
        Line { what, at, connection, open: 0, id: String::new(), sha: String::new(), to: String::new() }
    }
}

/// Appends lines; what must be durable shares one fsync with whatever else waits for it.
pub struct Recorder {
    file: Option<File>,
    written: Mutex<u64>,
    synced: Mutex<u64>,
}

impl Recorder {
    pub fn open(path: Option<&Path>) -> Recorder {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).open(path).unwrap());
        Recorder { file, written: Mutex::new(0), synced: Mutex::new(0) }
    }

    /// Whether anything is written down.
    pub fn keeps(&self) -> bool {
        self.file.is_some()
    }

    /// Writes a line; returns up to where the file is written.
    pub fn note(&self, line: &Line) -> u64 {
        let Some(mut file) = self.file.as_ref() else { return 0 };
        let mut text = serde_json::to_vec(line).unwrap();
        text.push(b'\n');
        let mut written = self.written.lock().unwrap();
        file.write_all(&text).unwrap();
        *written += text.len() as u64;
        *written
    }

    /// Writes a line and returns when it is on disk.
    pub fn note_durably(&self, line: &Line) {
        let Some(file) = self.file.as_ref() else { return };
        let here = self.note(line);
        let mut synced = self.synced.lock().unwrap();
        if *synced < here {
            let written = *self.written.lock().unwrap();
            file.sync_data().unwrap();
            *synced = written;
        }
    }
}

/// Everything that was written down. A last line without its end was cut off by a kill of the witness itself.
pub fn read(path: &Path) -> Vec<Line> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Follows the file while it grows, counting.
pub struct Tail {
    file: Option<File>,
    path: std::path::PathBuf,
    rest: Vec<u8>,
    pub taken: u64,
    pub open: usize,
}

impl Tail {
    pub fn of(path: &Path) -> Tail {
        Tail { file: None, path: path.to_owned(), rest: Vec::new(), taken: 0, open: 0 }
    }

    pub fn look(&mut self) {
        use std::io::Read as _;
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        file.read_to_end(&mut self.rest).unwrap();
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return };
        for line in self.rest[..end].split(|byte| *byte == b'\n') {
            let line: Line = serde_json::from_slice(line).unwrap();
            match line.what {
                What::Taken => self.taken += 1,
                What::Opened | What::Closed => self.open = line.open,
                What::Refused | What::Answered => {}
            }
        }
        self.rest.drain(..=end);
    }
}
