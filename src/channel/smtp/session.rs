//! One connection's dialogue, step by step.
//!
//! A step either completes, or says where it stopped ([`Trouble`]). A session knows whether its last
//! exchange was finished ([`Session::is_ready`]); one that is dropped, cancelled or refused in the middle
//! never is, so it cannot be used for another mail by mistake.
//!
//! The steps of one mail are [`Session::envelope`], [`Session::body`], [`Session::dot`]. Until the dot
//! nothing can be delivered, and dropping the session is all it takes to give up.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::envelope::Envelope;
use super::reply::SmtpReply;
use super::trouble::{Phase, Timeouts, Trouble, What};
use super::wire::{BLOCK, Stream, Wire};
use crate::channel::letter::guard;
use crate::crashpoint;

/// What the server offers (RFC 5321 §4.1.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The largest message it takes, in bytes; 0 where it does not say (RFC 1870).
    pub size: Option<u64>,
    /// Commands may be sent together (RFC 2920).
    pub pipelining: bool,
    /// RFC 6152.
    pub eight_bit_mime: bool,
    /// RFC 6531.
    pub smtputf8: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 3461.
    pub dsn: bool,
    /// RFC 2034.
    pub enhanced_status_codes: bool,
    /// AUTH PLAIN (RFC 4616).
    pub auth_plain: bool,
    /// AUTH LOGIN (never standardised; some servers have nothing else).
    pub auth_login: bool,
}

impl Extensions {
    /// Reads the reply to EHLO. Its first line is the server's name.
    pub fn parse(reply: &SmtpReply) -> Extensions {
        let mut found = Extensions::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // `AUTH=` is how servers spelt it before RFC 2554.
            let mut words = line.split([' ', '=']);
            match words.next().unwrap_or_default() {
                "SIZE" => found.size = Some(words.next().and_then(|n| n.parse().ok()).unwrap_or(0)),
                "PIPELINING" => found.pipelining = true,
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "STARTTLS" => found.starttls = true,
                "DSN" => found.dsn = true,
                "ENHANCEDSTATUSCODES" => found.enhanced_status_codes = true,
                "AUTH" => {
                    for word in words {
                        found.auth_plain |= word == "PLAIN";
                        found.auth_login |= word == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether the last exchange was finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The server waits for MAIL.
    Ready,
    /// The envelope of the next mail left together with the end of the last one; its replies are still to be read.
    Begun,
    /// In the middle of something; also where a cancelled step stays for ever.
    Busy,
}

/// A greeted connection.
pub struct Session {
    wire: Wire,
    state: State,
    timeouts: Timeouts,
    extensions: Extensions,
    mails: u32,
    idle_since: Instant,
}

impl Session {
    /// Reads the greeting and says EHLO as `name`.
    pub async fn greet(stream: Box<dyn Stream>, name: &str, timeouts: Timeouts) -> Result<Session, Trouble> {
        let mut session = Session::new(stream, timeouts);
        session.expect(Phase::Greeting, 2).await?;
        session.ehlo(name).await?;
        Ok(session)
    }

    /// Says EHLO as `name` on a stream whose greeting came before STARTTLS.
    pub async fn resume(stream: Box<dyn Stream>, name: &str, timeouts: Timeouts) -> Result<Session, Trouble> {
        let mut session = Session::new(stream, timeouts);
        session.ehlo(name).await?;
        Ok(session)
    }

    fn new(stream: Box<dyn Stream>, timeouts: Timeouts) -> Session {
        Session {
            wire: Wire::new(stream),
            state: State::Busy,
            timeouts,
            extensions: Extensions::default(),
            mails: 0,
            idle_since: Instant::now(),
        }
    }

    async fn ehlo(&mut self, name: &str) -> Result<(), Trouble> {
        self.state = State::Busy;
        let reply = self.command(Phase::Ehlo, format!("EHLO {name}\r\n").as_bytes(), 2).await?;
        self.extensions = Extensions::parse(&reply);
        self.finish();
        Ok(())
    }

    /// Asks for TLS, and gives the bare stream for the handshake.
    pub async fn starttls(mut self) -> Result<Box<dyn Stream>, Trouble> {
        if !self.extensions.starttls {
            let text = "the server does not offer STARTTLS; nothing is sent without TLS";
            return Err(Trouble::misfit(Phase::StartTls, text));
        }
        self.command(Phase::StartTls, b"STARTTLS\r\n", 2).await?;
        self.wire.into_stream().map_err(|_| {
            let text = "the server sent plaintext after its reply to STARTTLS; somebody may be tampering";
            Trouble::misfit(Phase::StartTls, text)
        })
    }

    /// Logs in. The caller has made sure that nobody can listen.
    pub async fn auth(&mut self, username: &str, password: &SecretString) -> Result<(), Trouble> {
        self.state = State::Busy;
        if self.extensions.auth_plain {
            let plain = Zeroizing::new(format!("\0{username}\0{}", password.expose_secret()));
            let line = Zeroizing::new(format!("AUTH PLAIN {}\r\n", *encode(plain.as_bytes())));
            self.command(Phase::Auth, line.as_bytes(), 2).await?;
        } else if self.extensions.auth_login {
            self.command(Phase::Auth, b"AUTH LOGIN\r\n", 3).await?;
            self.command(Phase::Auth, format!("{}\r\n", *encode(username.as_bytes())).as_bytes(), 3).await?;
            let line = Zeroizing::new(format!("{}\r\n", *encode(password.expose_secret().as_bytes())));
            self.command(Phase::Auth, line.as_bytes(), 2).await?;
        } else {
            let text = "the server offers neither AUTH PLAIN nor AUTH LOGIN";
            return Err(Trouble::misfit(Phase::Auth, text));
        }
        self.finish();
        Ok(())
    }

    /// Sends the envelope, up to the server's 354.
    ///
    /// With PIPELINING it leaves in one write. Where the server refuses a part the connection is
    /// put back with RSET and stays usable, unless it goes on to ask for the message all the same
    /// (RFC 2920 §3.1): then the session stays busy, so that it is closed and an empty mail cannot be made.
    pub async fn envelope(&mut self, envelope: &Envelope) -> Result<(), Trouble> {
        self.state = State::Busy;
        self.mails += 1;
        self.quiet(Phase::Mail).await?;
        let together = self.extensions.pipelining;
        if together {
            self.send(Phase::Mail, all(envelope).as_bytes()).await?;
        }
        self.follow(envelope, together, None).await
    }

    /// The replies to an envelope that left together with the dot before it ([`Session::dot`]), up to the server's 354.
    pub async fn begun(&mut self, envelope: &Envelope) -> Result<(), Trouble> {
        self.state = State::Busy;
        // One that answered the dot and says nothing to what stood behind it has thrown that away.
        let command = self.timeouts.command;
        self.timeouts.command = command.min(BEGUN);
        let first = self.expect(Phase::Mail, 2).await;
        self.timeouts.command = command;
        self.follow(envelope, true, Some(first)).await
    }

    /// Reads the replies to an envelope, of which the `first` may be there; without `together` each line is sent when the one before it
    /// was answered.
    async fn follow(
        &mut self,
        envelope: &Envelope,
        together: bool,
        mut first: Option<Result<SmtpReply, Trouble>>,
    ) -> Result<(), Trouble> {
        let steps =
            [(Phase::Mail, 2, envelope.mail()), (Phase::Rcpt, 2, envelope.rcpt()), (Phase::Data, 3, DATA)];
        let mut refusal: Option<Trouble> = None;
        let mut broken = false;
        for (phase, class, line) in steps {
            if !together {
                self.quiet(phase).await?;
                self.send(phase, line.as_bytes()).await?;
            }
            let reply = match first.take() {
                Some(first) => first,
                None => self.expect(phase, class).await,
            };
            match reply {
                // A 354 after a refused recipient: the server wants a message for nobody.
                Ok(_) => broken |= refusal.is_some() && phase == Phase::Data,
                Err(trouble) => {
                    broken |= trouble.breaks();
                    refusal.get_or_insert(trouble);
                }
            }
            if broken || (refusal.is_some() && !together) {
                break;
            }
        }
        let Some(refusal) = refusal else {
            return Ok(());
        };
        if !broken {
            self.reset().await;
        }
        Err(refusal)
    }

    /// Sends the message, without the dot that ends it. `dots` says whether lines begin with one.
    ///
    /// `meanwhile` runs beside the last block, and not at all where the message does not come that far. Both are
    /// seen to their ends.
    pub async fn body<T>(
        &mut self,
        message: &[u8],
        dots: bool,
        meanwhile: impl Future<Output = T>,
    ) -> (Result<(), Trouble>, Option<T>) {
        if let Err(trouble) = self.quiet(Phase::Body).await {
            return (Err(self.last_words().await.unwrap_or(trouble)), None);
        }
        let stuffed;
        let bytes = if dots {
            stuffed = guard::stuff(message);
            &stuffed
        } else {
            message
        };
        let (first, last) = bytes.split_at(bytes.len().saturating_sub(1) / BLOCK * BLOCK);
        if !first.is_empty()
            && let Err(trouble) = self.send(Phase::Body, first).await
        {
            return (Err(self.last_words().await.unwrap_or(trouble)), None);
        }
        let sending = async {
            let sent = self.send(Phase::Body, last).await;
            crashpoint!("S4");
            sent
        };
        let (sent, seen) = tokio::join!(biased; sending, meanwhile);
        match sent {
            Ok(()) => (Ok(()), Some(seen)),
            Err(trouble) => (Err(self.last_words().await.unwrap_or(trouble)), Some(seen)),
        }
    }

    /// Ends the message. Only a 2yz that comes after the dot counts, whatever came before it. `written` is told when the dot
    /// is on its way.
    ///
    /// `next` is an envelope that leaves in the same write (RFC 2920 §3.1: the end of a message may be the first of a group of commands).
    /// Where the dot's answer lets the connection go on, [`Session::is_begun`] says so, and [`Session::begun`] must follow.
    pub async fn dot(
        &mut self,
        next: Option<&Envelope>,
        written: impl FnOnce(),
    ) -> Result<SmtpReply, Trouble> {
        if let Err(trouble) = self.quiet(Phase::Body).await {
            return Err(self.last_words().await.unwrap_or(trouble));
        }
        match next {
            None => self.send(Phase::Dot, DOT.as_bytes()).await?,
            Some(envelope) => {
                self.mails += 1;
                self.send(Phase::Dot, format!("{DOT}{}", all(envelope)).as_bytes()).await?;
            }
        }
        written();
        crashpoint!("S6");
        let reply = self.expect(Phase::Dot, 2).await;
        let over = match &reply {
            Ok(_) => true,
            Err(Trouble { what: What::Refused(refusal), .. }) => refusal.class() == 5,
            Err(_) => false,
        };
        match (over, next) {
            (true, None) => self.finish(),
            (true, Some(_)) => self.state = State::Begun,
            (false, _) => {}
        }
        reply
    }

    /// What the server says before it hangs up in the middle of a message: it often gives the reason.
    async fn last_words(&mut self) -> Option<Trouble> {
        let limit = self.timeouts.command.min(Duration::from_secs(2));
        match self.wire.reply(limit).await {
            Ok(reply) if matches!(reply.class(), 4 | 5) => {
                Some(Trouble { phase: Phase::Body, what: What::Refused(reply) })
            }
            _ => None,
        }
    }

    /// Puts the server back to where it waits for MAIL. Where that fails the session stays busy.
    async fn reset(&mut self) {
        if self.command(Phase::Reset, b"RSET\r\n", 2).await.is_ok() {
            self.finish();
        }
    }

    /// Says QUIT, and hangs up when the server has done so (RFC 5321 §4.1.1.10), for which it waits a second: until then the
    /// server counts this connection among ours, and may refuse the next one.
    pub async fn quit(mut self) {
        if self.is_ready() && self.wire.send(b"QUIT\r\n", PATIENCE).await.is_ok() {
            self.wire.ended(PATIENCE).await;
        }
    }

    /// Whether another mail can be sent over this connection.
    pub fn is_ready(&self) -> bool {
        self.state == State::Ready && self.wire.is_drained()
    }

    /// Whether the next mail's envelope is on its way over this connection.
    pub fn is_begun(&self) -> bool {
        self.state == State::Begun
    }

    /// Whether the server still waits for us, as far as one can see without asking.
    pub async fn is_alive(&mut self) -> bool {
        self.is_ready() && self.wire.quiet().await.is_ok()
    }

    /// What the server offers.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// How many envelopes were sent.
    pub fn mails(&self) -> u32 {
        self.mails
    }

    /// When the last exchange was finished.
    pub fn idle_since(&self) -> Instant {
        self.idle_since
    }

    fn finish(&mut self) {
        self.state = State::Ready;
        self.idle_since = Instant::now();
    }

    async fn command(&mut self, phase: Phase, line: &[u8], class: u16) -> Result<SmtpReply, Trouble> {
        self.quiet(phase).await?;
        self.send(phase, line).await?;
        self.expect(phase, class).await
    }

    async fn quiet(&mut self, phase: Phase) -> Result<(), Trouble> {
        self.wire.quiet().await.map_err(|error| Trouble::wire(phase, error))
    }

    async fn send(&mut self, phase: Phase, bytes: &[u8]) -> Result<(), Trouble> {
        let limit = if phase == Phase::Body { self.timeouts.block } else { self.timeouts.command };
        self.wire.send(bytes, limit).await.map_err(|error| Trouble::wire(phase, error))
    }

    async fn expect(&mut self, phase: Phase, class: u16) -> Result<SmtpReply, Trouble> {
        let limit = match phase {
            Phase::Greeting => self.timeouts.greeting,
            Phase::Data => self.timeouts.data,
            Phase::Dot => self.timeouts.dot,
            _ => self.timeouts.command,
        };
        let reply = self.wire.reply(limit).await.map_err(|error| Trouble::wire(phase, error))?;
        match reply.class() {
            found if found == class => Ok(reply),
            4 | 5 => {
                if reply.code == 421 {
                    // The server hangs up (RFC 5321 §3.8); until then it counts this connection among ours.
                    self.wire.ended(PATIENCE.min(limit)).await;
                }
                Err(Trouble { phase, what: What::Refused(reply) })
            }
            _ => Err(Trouble { phase, what: What::OutOfPlace(reply) }),
        }
    }
}

/// So long a server may take for its first reply to what stood behind a dot: others look each recipient up first.
const BEGUN: Duration = Duration::from_mins(1);
/// So long it is waited for a server that is to hang up.
const PATIENCE: Duration = Duration::from_secs(1);
const DATA: &str = "DATA\r\n";
const DOT: &str = ".\r\n";

/// An envelope's lines as one write.
fn all(envelope: &Envelope) -> String {
    [envelope.mail(), envelope.rcpt(), DATA].concat()
}

/// Base64, wiped when it is dropped.
fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(BASE64.encode(bytes))
}
