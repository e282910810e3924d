//! A mail catcher: takes every mail, delivers none, and shows them on a web page.
//!
//! It listens on loopback alone and keeps mails in memory, at most [`MOST_MAILS`] of them and
//! [`MOST_BYTES`] in all; after that it says 452 and keeps what it has. The page loads nothing from
//! elsewhere and runs none of what is in a mail.

mod inbox;
mod letter;
mod look;
mod receive;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::Clock;

/// The most mails that are kept.
pub const MOST_MAILS: usize = 100_000;
/// The most bytes that are kept, and the size that is offered for one mail is a tenth of it.
pub const MOST_BYTES: usize = 256 * 1024 * 1024;

/// How a catcher behaves.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name and password to ask for; without, nobody is asked.
    pub login: Option<(String, String)>,
    /// Addresses that begin with the first are shown as if they began with the second: the newsroom's
    /// public address, and where its site can be seen on this machine.
    pub site: Option<(String, String)>,
}

/// A running catcher; it stops when it is dropped.
pub struct Catcher {
    smtp: SocketAddr,
    web: SocketAddr,
    store: Arc<Store>,
    tasks: [JoinHandle<()>; 2],
}

/// A mail as it came.
#[derive(Debug)]
pub struct Caught {
    /// Its number, from 1.
    pub id: usize,
    /// When it came.
    pub at: Timestamp,
    /// The envelope's sender.
    pub from: String,
    /// The envelope's recipients.
    pub to: Vec<String>,
    /// The message, with its dots taken back.
    pub message: Vec<u8>,
    /// What a list shows of it.
    pub summary: letter::Summary,
}

impl Catcher {
    /// Begins to listen. Port 0 takes any free one. Fails where an address is not of this machine
    /// alone, or is taken.
    pub async fn start(
        smtp: SocketAddr,
        web: SocketAddr,
        clock: Clock,
        options: Options,
    ) -> io::Result<Catcher> {
        if let Some(open) = [smtp, web].iter().find(|address| !address.ip().is_loopback()) {
            let text =
                format!("{open} can be reached from outside; the mail catcher listens on loopback only");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let (mail, pages) = (TcpListener::bind(smtp).await?, TcpListener::bind(web).await?);
        let (smtp, web) = (mail.local_addr()?, pages.local_addr()?);
        let store = Arc::new(Store::default());
        let router = inbox::router(Arc::clone(&store), options.site, web.port());
        let receiver = receive::Receiver { store: Arc::clone(&store), clock, login: options.login };
        let tasks = [
            tokio::spawn(receiver.listen(mail)),
            tokio::spawn(async move {
                // Serving ends with the task; there is nobody to tell.
                let _ = axum::serve(pages, router).await;
            }),
        ];
        Ok(Catcher { smtp, web, store, tasks })
    }

    /// Where mail goes in.
    pub fn smtp_port(&self) -> u16 {
        self.smtp.port()
    }

    /// Where the inbox is.
    pub fn web_port(&self) -> u16 {
        self.web.port()
    }

    /// The inbox's address.
    pub fn url(&self) -> String {
        format!("http://{}/", self.web)
    }

    /// Every mail so far, in the order in which they came.
    pub fn mails(&self) -> Vec<Arc<Caught>> {
        self.store.mails().clone()
    }
}

impl Drop for Catcher {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

#[derive(Default)]
struct Store {
    mails: Mutex<Vec<Arc<Caught>>>,
}

impl Store {
    fn mails(&self) -> MutexGuard<'_, Vec<Arc<Caught>>> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, id: usize) -> Option<Arc<Caught>> {
        self.mails().get(id.checked_sub(1)?).cloned()
    }

    /// Keeps a mail and gives its number, or nothing where there is no room.
    fn keep(&self, at: Timestamp, from: String, to: Vec<String>, message: Vec<u8>) -> Option<usize> {
        let summary = letter::Summary::read(&message);
        let mut mails = self.mails();
        let bytes: usize = mails.last().map_or(0, |last| last.summary.bytes_so_far);
        let bytes = bytes + message.len();
        if mails.len() >= MOST_MAILS || bytes > MOST_BYTES {
            return None;
        }
        let id = mails.len() + 1;
        let summary = letter::Summary { bytes_so_far: bytes, ..summary };
        mails.push(Arc::new(Caught { id, at, from, to, message, summary }));
        Some(id)
    }
}

#[cfg(test)]
mod tests;
