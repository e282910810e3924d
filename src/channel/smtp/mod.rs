//! Mail, handed to a relay (RFC 6409), one message to one recipient.
//!
//! What it promises:
//! - the gate is asked when the last of the message leaves but for the final dot, and the dot waits for its answer; if it
//!   refuses, the connection is closed without the dot, and nothing can have been delivered;
//! - a mail counts as taken only by a 2yz to its own dot; a lost answer after the dot is
//!   [`Failure::Unknown`], a lost answer before it is not;
//! - a connection whose exchange was not finished, for whatever reason, is never used again;
//! - over each connection there is at most one mail whose dot has left and has no answer. The envelope of the next one leaves in the same
//!   write as that dot where the server offers PIPELINING, so that a mail costs one round trip; until its own dot it can be taken back;
//! - a message that is not clean ([`super::letter::guard`]) does not reach the socket;
//! - every mail is signed with every key that is configured ([`dkim`]);
//! - no password without TLS, but to this very machine.
//!
//! The layers, from the bottom: [`reply`] (bytes to replies), [`wire`] (time limits), [`session`] (the
//! dialogue), [`route`] (connect, TLS, login), [`pool`], and this file. [`classify`] is the table that says
//! what a reply means.

mod classify;
pub mod dkim;
mod doctor;
mod envelope;
mod letter;
mod pool;
mod reply;
mod route;
mod session;
mod trouble;
mod wire;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::time::Instant;

pub use classify::TABLE_VERSION;
pub use trouble::Timeouts;

use super::config::SmtpConfig;
use super::{Channel, Diagnosis, Examination, Failure, Gate, Mark, Parcel, Receipt, Reply};
use crate::contact::EmailAddress;
use crate::crashpoint;
use crate::digest::Digest;
use dkim::{Key, KeyError, Signer};
use doctor::names::About;
use letter::{Letter, Press, Reports};
use pool::{Lease, Pool, Turn};
use route::Route;
use session::Session;
use trouble::{Phase, Trouble, What};
use wire::WireError;

/// Connections where `limits.connections` says nothing.
const CONNECTIONS: u32 = 4;
/// Mails over one connection where `limits.per_connection` says nothing. Postfix's own client has no
/// number but 300 seconds; large providers close after 100 to 500.
const PER_CONNECTION: u32 = 100;
/// Bytes of the largest mail where `max_size` says nothing: what Gmail takes (November 2026); the relay has its own limit.
const MAX_SIZE: u64 = 25_000_000;
/// Letters that are made ready while the mails before them are on their way to a fast relay, over all connections that this process may
/// use: so many that the ledger answers for them in groups. Those for a fast relay have their intents already, and after a loss of power
/// nobody knows whether they left.
const READY: u32 = 256;
/// The fewest and the most of them for each connection. To a relay that is not fast it is a single one.
const AHEAD: RangeInclusive<u32> = 4..=64;
/// Of letters larger than this none are made ready: no more of them are in memory than there are connections.
const LARGE: usize = 1 << 19;

/// A relay.
pub struct Smtp {
    route: Route,
    pool: Arc<Pool>,
    /// The last letter was a large one.
    large: AtomicBool,
    press: Arc<Press>,
    names: Names,
}

/// What the DNS is asked about.
struct Names {
    from: Option<String>,
    bounce: Option<String>,
    sends_from: Vec<IpAddr>,
    unsubscribe: Option<String>,
}

/// Why a relay cannot be used as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Half a login.
    #[error("{0}; give both or neither")]
    Login(&'static str),
    /// `host` is neither a name nor an address.
    #[error("`host: {0}` is not a host name")]
    Host(String),
    /// `helo` could not stand in a command.
    #[error("`helo` is not a host name")]
    Helo,
    /// `ca_file` cannot be used.
    #[error("`ca_file: {path}` cannot be used: {why}")]
    CaFile {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// The system's certificates cannot be used.
    #[error("TLS is not possible: {0}; install the system's certificates (ca-certificates) or set `ca_file`")]
    Tls(String),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Mails could not be signed as configured.
    #[error("dkim: {0} keys are configured and {1} were given; this is a fault in Dateline")]
    Keys(usize, usize),
    /// `from` names no sender.
    #[error("`from` is no mailbox; write it as `Name <name@host.example>`")]
    From,
}

/// The keys that sign what leaves by `config`.
fn signer(config: &SmtpConfig, secrets: &[SecretString]) -> Result<Option<Signer>, OpenError> {
    if config.dkim.len() != secrets.len() {
        return Err(OpenError::Keys(config.dkim.len(), secrets.len()));
    }
    let mut keys: Vec<Key> = Vec::new();
    for (dkim, secret) in config.dkim.iter().zip(secrets) {
        let domain = match &dkim.domain {
            Some(domain) => domain.clone(),
            None => sender_domain(&config.from).ok_or(OpenError::From)?,
        };
        let key = Key::read(&dkim.selector, &domain, secret)?;
        if keys.iter().any(|other| other.record_name() == key.record_name()) {
            return Err(KeyError::Twice(key.record_name()).into());
        }
        keys.push(key);
    }
    Ok(Signer::new(keys))
}

/// The domain of the sender's mailbox, in ASCII.
fn sender_domain(from: &str) -> Option<String> {
    let mailbox: lettre::message::Mailbox = from.parse().ok()?;
    let address: &str = mailbox.email.as_ref();
    Some(address.parse::<EmailAddress>().ok()?.domain().to_owned())
}

impl Smtp {
    /// Makes ready with the password already resolved. Reads certificates, opens no connection.
    pub fn open(config: &SmtpConfig, password: Option<SecretString>) -> Result<Smtp, OpenError> {
        Smtp::open_signing(config, password, &[])
    }

    /// The same with the private keys of `dkim`, in its order.
    pub fn open_signing(
        config: &SmtpConfig,
        password: Option<SecretString>,
        keys: &[SecretString],
    ) -> Result<Smtp, OpenError> {
        Smtp::open_with(config, password, keys, Timeouts::default())
    }

    /// The same with other time limits.
    fn open_with(
        config: &SmtpConfig,
        password: Option<SecretString>,
        keys: &[SecretString],
        timeouts: Timeouts,
    ) -> Result<Smtp, OpenError> {
        let limits = &config.limits;
        let connections = limits.connections.unwrap_or(CONNECTIONS);
        let signer = signer(config, keys)?;
        Ok(Smtp {
            route: Route::new(config, password, timeouts)?,
            names: Names {
                from: sender_domain(&config.from),
                bounce: config.bounce_domain.clone(),
                sends_from: config.sends_from.clone(),
                unsubscribe: config.unsubscribe_url.clone(),
            },
            press: Arc::new(Press {
                signer,
                max_size: config.max_size.unwrap_or(MAX_SIZE),
                reports: Reports::new(config),
            }),
            pool: Arc::new(Pool::new(connections, limits.per_connection.unwrap_or(PER_CONNECTION))),
            large: AtomicBool::new(false),
        })
    }

    fn about(&self, sends_from: Vec<IpAddr>) -> About<'_> {
        let from = self.names.from.as_deref().unwrap_or_default();
        About {
            from,
            bounce: self.names.bounce.as_deref().unwrap_or(from),
            keys: self.press.signer.as_ref().map(Signer::keys).unwrap_or_default(),
            sends_from,
            unsubscribe: self.names.unsubscribe.as_deref(),
        }
    }

    /// A session whose server has said 354: the one on which the envelope was sent already, an idle one, or a new one.
    async fn begin(&self, turn: &mut Turn, letter: &Letter<'_>) -> Result<Session, Failure> {
        if let Some(session) = turn.begun.take()
            && let Some(begun) = self.go_on(&turn.lease, session, letter).await
        {
            return begun;
        }
        let lease = &turn.lease;
        if let Some(mut session) = lease.idle().await {
            match letter.envelope(&session) {
                Err(trouble) => return Err(refused(lease, session, &trouble).await),
                Ok(envelope) => match session.envelope(&envelope).await {
                    Ok(()) => return Ok(session),
                    // It was gone before we knew. Nothing was asked of the relay, so this is still the
                    // first attempt.
                    Err(trouble) if trouble.is_stale() => {}
                    Err(trouble) => return Err(refused(lease, session, &trouble).await),
                },
            }
        }
        let mut session = match self.route.travel().await {
            Ok(arrival) => arrival.session,
            Err(trouble) => return Err(classify::failure(&trouble)),
        };
        let sent = match letter.envelope(&session) {
            Ok(envelope) => session.envelope(&envelope).await,
            Err(trouble) => Err(trouble),
        };
        match sent {
            Ok(()) => Ok(session),
            Err(trouble) => Err(refused(lease, session, &trouble).await),
        }
    }

    /// Goes on with a session on which the envelope left together with the end of the mail before. Nothing where that did not work out
    /// for a reason that may lie in just that: then the envelope is sent again, by itself.
    async fn go_on(
        &self,
        lease: &Lease,
        mut session: Session,
        letter: &Letter<'_>,
    ) -> Option<Result<Session, Failure>> {
        let envelope = letter.envelope(&session).ok()?;
        let trouble = match session.begun(&envelope).await {
            Ok(()) => return Some(Ok(session)),
            Err(trouble) => trouble,
        };
        // The recipient was refused.
        if trouble.phase == Phase::Rcpt && !trouble.breaks() {
            return Some(Err(refused(lease, session, &trouble).await));
        }
        let passes = match &trouble.what {
            What::Wire(error) => matches!(error, WireError::Closed | WireError::Io(_)),
            What::Refused(reply) => reply.class() == 4,
            _ => false,
        };
        if !passes {
            // A sender that is refused all of a sudden, words that make no sense, silence: so a server answers that does not know how to do
            // this.
            self.pool.stay_plain();
        }
        lease.give_back(session).await;
        None
    }

    /// Takes the letter to the relay, from its turn to the answer.
    async fn carry<F: Future<Output = bool> + Unpin + Send>(
        &self,
        mut turn: Turn,
        letter: &Letter<'_>,
        asked: &mut Asked<F>,
        gate: &dyn Gate,
    ) -> Result<Receipt, Failure> {
        let began = Instant::now();
        gate.mark(Mark::Begun);
        let mut session = self.begin(&mut turn, letter).await?;
        let lease = turn.lease;
        crashpoint!("S3");
        // While the last of the mail is on its way the intent comes to disk.
        let (body, go) = session.body(&letter.message, letter.dots, asked.answer()).await;
        if let Err(trouble) = body {
            return Err(classify::failure(&trouble));
        }
        crashpoint!("S5");
        if go != Some(true) || !gate.pass() {
            // Dropping the session closes the connection, and without the dot the relay forgets the
            // message (RFC 5321 §4.1.1.4).
            return Err(Failure::GateClosed);
        }
        let (next, envelope) = lease.next(&session).unzip();
        let answer = session.dot(envelope.as_ref(), || gate.mark(Mark::Written)).await;
        let result = match &answer {
            Ok(reply) => {
                Ok(Receipt { remote_id: queue_id(&reply.text()), url: None, reply: Reply::from(reply) })
            }
            Err(trouble) => match classify::accepts(trouble) {
                Some(reply) => Ok(Receipt { remote_id: None, url: None, reply }),
                None => Err(classify::failure(trouble)),
            },
        };
        gate.mark(Mark::Answered(&result));
        // Before the next one goes on with the connection.
        if result.is_ok() {
            crashpoint!("S7");
        }
        if matches!(&result, Err(failure) if !matches!(failure, Failure::Unknown { .. })) {
            crashpoint!("S9");
        }
        self.pool.took(began.elapsed());
        // A session that is in the middle of something is closed by this.
        match next {
            Some(next) if session.is_begun() => lease.hand_over(next, session),
            Some(next) => lease.put_back(next),
            None => lease.give_back(session).await,
        }
        result
    }
}

/// Keeps the session if it is still good, and says what the trouble means.
async fn refused(lease: &Lease, session: Session, trouble: &Trouble) -> Failure {
    lease.give_back(session).await;
    classify::failure(trouble)
}

/// The question to the gate, which is asked once, early or late.
enum Asked<F> {
    Asking(F),
    Answered(bool),
}

impl<F: Future<Output = bool> + Unpin> Asked<F> {
    async fn answer(&mut self) -> bool {
        match self {
            Asked::Answered(answer) => *answer,
            Asked::Asking(asking) => {
                let answer = asking.await;
                *self = Asked::Answered(answer);
                answer
            }
        }
    }

    /// Waits for `turn`, and for the answer meanwhile; nothing where that is no.
    async fn beside<T>(&mut self, turn: impl Future<Output = T>) -> Option<T> {
        let mut turn = std::pin::pin!(turn);
        if let Asked::Asking(asking) = self {
            tokio::select! {
                biased;
                answer = asking => *self = Asked::Answered(answer),
                come = &mut turn => return Some(come),
            }
        }
        if matches!(self, Asked::Answered(false)) {
            return None;
        }
        Some(turn.await)
    }
}

#[async_trait]
impl Channel for Smtp {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let letter = Letter::write(&self.press, parcel).await?;
        crashpoint!("S2");
        gate.mark(Mark::Filled);
        self.large.store(letter.message.len() > LARGE, Ordering::Relaxed);
        let mut asked = Asked::Asking(gate.ask());
        // A relay that is faster than the disk would wait for it with every mail.
        let early = self.pool.is_fast();
        let turn = self.pool.turn(letter.cover());
        let turn = if early { asked.beside(turn).await } else { Some(turn.await) };
        let Some(turn) = turn else { return Err(Failure::GateClosed) };
        let result = self.carry(turn, &letter, &mut asked, gate).await;
        if early {
            // However it ended: what was asked is answered, or nobody would know of the intent that came to disk.
            asked.answer().await;
        }
        result
    }

    fn line(&self) -> u32 {
        match (self.large.load(Ordering::Relaxed), self.pool.is_fast()) {
            (true, _) => 0,
            (false, true) => (READY / self.pool.allowed().max(1)).clamp(*AHEAD.start(), *AHEAD.end()),
            (false, false) => 1,
        }
    }

    fn is_fast(&self) -> bool {
        self.pool.is_fast()
    }

    fn limit(&self, connections: u32) -> Option<u32> {
        Some(self.pool.limit(connections))
    }

    fn stamp(&self) -> Option<Digest> {
        self.press.signer.as_ref().map(Signer::stamp)
    }

    fn ahead(&self, parcel: &Parcel) -> Option<Vec<u8>> {
        self.press.ahead(parcel)
    }

    fn public_keys(&self) -> Vec<(String, String)> {
        let keys = self.press.signer.iter().flat_map(Signer::keys);
        keys.map(|key| (key.record_name(), key.record())).collect()
    }

    async fn rest(&self) {
        self.pool.rest().await;
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        doctor::examine(&self.route).await
    }

    async fn examine_names(&self, how: &Examination) -> Vec<Diagnosis> {
        let mut sends_from = self.names.sends_from.clone();
        if sends_from.is_empty() {
            sends_from = doctor::names::seen_outside(doctor::peer(&self.route).await);
        }
        doctor::names::examine(&self.about(sends_from), how).await
    }

    fn records(&self) -> Vec<String> {
        doctor::names::records(&self.about(self.names.sends_from.clone()))
    }
}

/// What the relay calls the mail: `2.0.0 Ok: queued as 4XYZ`, as Postfix and its kin say it.
fn queue_id(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("queued as ")?;
    let id: String = rest.chars().take_while(char::is_ascii_alphanumeric).take(64).collect();
    (!id.is_empty()).then_some(id)
}
