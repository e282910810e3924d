//! Stand-ins for networks that cannot run on this machine: a Mastodon server, a Bluesky PDS and a
//! receiver of signed webhooks.
//!
//! Each speaks as much of the real protocol as Dateline uses, and refuses what the real one
//! refuses: wrong tokens, texts that are too long, keys that are no TIDs, signatures that do not
//! fit. They listen on loopback alone, keep everything in memory, and show it on a web page.

mod atproto;
mod look;
mod mastodon;
mod webhook;

use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::clock::Clock;

/// The account's name on every network.
pub const NAME: &str = "Halden Motors Newsroom";
/// Its handle on the Mastodon server.
pub const ACCOUNT: &str = "newsroom";
/// Its handle on the PDS.
pub const HANDLE: &str = "newsroom.halden.test";

/// The running stand-ins; they stop when this is dropped.
pub struct StandIns {
    addresses: [SocketAddr; 3],
    tasks: [JoinHandle<()>; 3],
    token: String,
    password: String,
    secret: String,
    mastodon: Shared<mastodon::Server>,
    atproto: Shared<atproto::Server>,
    webhook: Shared<webhook::Receiver>,
}

/// One thing that a network shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// `mastodon`, `bluesky` or `webhook`.
    pub network: &'static str,
    /// The text; of a webhook, its event and headline.
    pub text: String,
    /// Where it can be seen.
    pub url: String,
    /// When it was posted.
    pub at: Timestamp,
    /// How many pictures it has.
    pub pictures: usize,
    /// Whether it answers another.
    pub reply: bool,
    /// Whether its text was changed.
    pub edited: bool,
}

/// What requests share.
pub(super) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Shared<T> {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    fn new(value: T) -> Shared<T> {
        Shared(Arc::new(Mutex::new(value)))
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What every stand-in knows.
#[derive(Clone)]
pub(super) struct Place {
    /// The time that posts bear.
    pub clock: Clock,
    /// Its own address, without a slash at its end.
    pub base: String,
    /// Links that begin with the first lead to the second.
    pub site: Option<(String, String)>,
}

impl StandIns {
    /// Starts them on free ports of this machine. Posts bear the time of `clock`. `site` is the
    /// newsroom's public address and where it can be seen on this machine.
    pub async fn start(clock: Clock, site: Option<(String, String)>) -> io::Result<StandIns> {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        }
        let [one, two, three] = <[TcpListener; 3]>::try_from(listeners)
            .map_err(|_| io::Error::other("three listeners are three listeners"))?;
        let addresses = [one.local_addr()?, two.local_addr()?, three.local_addr()?];
        let place = |address: SocketAddr| Place {
            clock: clock.clone(),
            base: format!("http://{address}"),
            site: site.clone(),
        };
        let (token, password) = (random::<16>()?, random::<16>()?);
        let key = bytes::<32>()?;
        let [a, b, c] = addresses;
        let mastodon = Shared::new(mastodon::Server::new(place(a), token.clone()));
        let atproto = Shared::new(atproto::Server::new(place(b), password.clone()));
        let webhook = Shared::new(webhook::Receiver::new(place(c), &key));
        let tasks = [
            serve(one, mastodon::router(mastodon.clone())),
            serve(two, atproto::router(atproto.clone())),
            serve(three, webhook::router(webhook.clone())),
        ];
        let secret =
            format!("whsec_{}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key));
        Ok(StandIns { addresses, tasks, token, password, secret, mastodon, atproto, webhook })
    }

    fn base(&self, at: usize) -> String {
        self.addresses.get(at).map(|address| format!("http://{address}")).unwrap_or_default()
    }

    /// The Mastodon server, and the page that shows it.
    pub fn mastodon_url(&self) -> String {
        self.base(0)
    }

    /// The token of its account.
    pub fn mastodon_token(&self) -> &str {
        &self.token
    }

    /// The PDS, and the page that shows it.
    pub fn bluesky_url(&self) -> String {
        self.base(1)
    }

    /// The handle of its account.
    pub fn bluesky_handle(&self) -> &'static str {
        HANDLE
    }

    /// The account's app password.
    pub fn bluesky_password(&self) -> &str {
        &self.password
    }

    /// Where webhooks are taken; the page that shows them is at the root of the same server.
    pub fn webhook_url(&self) -> String {
        format!("{}/hook", self.base(2))
    }

    /// The secret that signs webhooks.
    pub fn webhook_secret(&self) -> &str {
        &self.secret
    }

    /// Everything that stands there now, oldest first, network by network.
    pub fn posts(&self) -> Vec<Shown> {
        let mut shown = self.mastodon.lock().shown();
        shown.extend(self.atproto.lock().shown());
        shown.extend(self.webhook.lock().shown());
        shown
    }
}

impl Drop for StandIns {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn serve(listener: TcpListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        // It ends with the task.
        let _ = axum::serve(listener, router).await;
    })
}

fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system has no random numbers"))?;
    Ok(bytes)
}

/// `N` random bytes in hexadecimal.
fn random<const N: usize>() -> io::Result<String> {
    Ok(bytes::<N>()?.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
