//! Where a dialogue stopped, and on what.

use std::time::Duration;

use super::reply::SmtpReply;
use super::wire::WireError;

/// The steps of a dialogue, in order.
///
/// [`Phase::Dot`] is the line: before it nothing can have been delivered, whatever went wrong; from
/// it on everything may have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Looking the host up and connecting.
    Connect,
    /// The TLS handshake, implicit or after STARTTLS.
    Tls,
    /// The server's first words.
    Greeting,
    /// EHLO.
    Ehlo,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Rcpt,
    /// DATA, up to its 354.
    Data,
    /// The message, up to its last line.
    Body,
    /// The final dot, and all that follows.
    Dot,
    /// RSET.
    Reset,
}

impl Phase {
    /// What the phase is called in reports.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Connect => "connecting",
            Phase::Tls => "TLS handshake",
            Phase::Greeting => "greeting",
            Phase::Ehlo => "EHLO",
            Phase::StartTls => "STARTTLS",
            Phase::Auth => "AUTH",
            Phase::Mail => "MAIL",
            Phase::Rcpt => "RCPT",
            Phase::Data => "DATA",
            Phase::Body => "message",
            Phase::Dot => "final dot",
            Phase::Reset => "RSET",
        }
    }
}

/// Why a step did not do what it should.
#[derive(Debug)]
pub struct Trouble {
    /// Which step.
    pub phase: Phase,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug)]
pub enum What {
    /// The server said no, for now (4yz) or for good (5yz).
    Refused(SmtpReply),
    /// The server's reply makes no sense here: `354` to RCPT, `250` to DATA.
    OutOfPlace(SmtpReply),
    /// There was no reply.
    Wire(WireError),
    /// The server's certificate, or its name, is not to be trusted.
    Certificate(String),
    /// Our configuration and the server's offers do not fit together.
    Misfit(String),
    /// The address needs what the server does not have (SMTPUTF8).
    Unsupported(String),
}

impl Trouble {
    /// The wire failed in `phase`.
    pub fn wire(phase: Phase, error: WireError) -> Trouble {
        Trouble { phase, what: What::Wire(error) }
    }

    /// Configuration and offers do not fit in `phase`.
    pub fn misfit(phase: Phase, text: impl Into<String>) -> Trouble {
        Trouble { phase, what: What::Misfit(text.into()) }
    }

    /// Whether the connection can be used no more. After 421 the server hangs up (RFC 5321 §3.8).
    pub fn breaks(&self) -> bool {
        match &self.what {
            What::Refused(reply) => reply.code == 421,
            What::Unsupported(_) => false,
            _ => true,
        }
    }

    /// Whether a connection that had been idle turned out to be gone: the one trouble after which
    /// a fresh connection is not a second attempt, because nothing was asked of the server yet.
    pub fn is_stale(&self) -> bool {
        self.phase == Phase::Mail
            && match &self.what {
                What::Refused(reply) => reply.code == 421,
                What::Wire(WireError::Closed | WireError::Unasked) => true,
                _ => false,
            }
    }
}

/// How long each step may take (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// Connecting to one address, and the TLS handshake. Not in the RFC.
    pub connect: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// EHLO, STARTTLS, AUTH, MAIL, RCPT, RSET.
    pub command: Duration,
    /// DATA, up to its 354.
    pub data: Duration,
    /// One block of the message.
    pub block: Duration,
    /// The reply to the final dot.
    pub dot: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        let seconds = Duration::from_secs;
        Timeouts {
            connect: seconds(30),
            greeting: seconds(300),
            command: seconds(300),
            data: seconds(120),
            block: seconds(180),
            dot: seconds(600),
        }
    }
}
