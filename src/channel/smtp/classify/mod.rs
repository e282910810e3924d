//! What a reply means for a delivery: the engine of [`table`].
//!
//! Three rules stand above the table and hold for every line of it:
//! - a fault of the sender (authentication, reputation, rate, content, TLS, relaying, our DNS) never fails or suppresses
//!   a recipient: it holds or pauses the destination or the channel. Only lines about a mailbox may suppress;
//! - where the enhanced code contradicts the basic code, the basic code is right (RFC 5321 §4.3.2), the
//!   enhanced code is not looked at, and nothing is suppressed;
//! - from the final dot on, what is not a clear answer is [`Failure::Unknown`] and nothing else.

mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use super::reply::{Garbage, SmtpReply};
use super::trouble::{Phase, Trouble, What};
use super::wire::WireError;
use crate::channel::{Failure, Reply};
use table::{Line, TABLE, Verdict};

pub use table::VERSION as TABLE_VERSION;

/// What `trouble` means for the delivery.
pub fn failure(trouble: &Trouble) -> Failure {
    match &trouble.what {
        What::Refused(reply) => refused(trouble.phase, reply),
        What::OutOfPlace(reply) if trouble.phase >= Phase::Dot => {
            Failure::Unknown { reply: note(trouble.phase, &format!("answered with {}", Reply::from(reply))) }
        }
        What::OutOfPlace(reply) => later(trouble.phase, &format!("answered with {}", Reply::from(reply))),
        What::Wire(WireError::Garbage(garbage)) if trouble.phase >= Phase::Dot => after_dot(garbage),
        What::Wire(error) if trouble.phase >= Phase::Dot => {
            Failure::Unknown { reply: note(trouble.phase, &error.to_string()) }
        }
        What::Wire(error) => later(trouble.phase, &error.to_string()),
        What::Certificate(text) | What::Misfit(text) => {
            Failure::HoldChannel { reply: note(trouble.phase, text) }
        }
        What::Unsupported(text) => {
            let reply = Reply { enhanced: Some("5.6.7".to_owned()), ..note(trouble.phase, text) };
            Failure::Refused { reply, suppress: false }
        }
    }
}

/// Garbage after the dot: RFC 5321 §4.3.2 has clients decide by the first digit, so one that every line
/// agrees on decides here. A 2 is no failure; [`accepts`] looks for it first.
fn after_dot(garbage: &Garbage) -> Failure {
    let reply = note(Phase::Dot, &format!("{}: {}", garbage.why, garbage.text));
    match garbage.digit {
        Some(4) => Failure::Later { reply, retry_after: None },
        Some(5) => Failure::Refused { reply, suppress: false },
        _ => Failure::Unknown { reply },
    }
}

/// What a garbled answer to the final dot says, where its first digit says that the mail was taken.
pub fn accepts(trouble: &Trouble) -> Option<Reply> {
    match (&trouble.what, trouble.phase) {
        (What::Wire(WireError::Garbage(garbage)), Phase::Dot) if garbage.digit == Some(2) => {
            Some(note(Phase::Dot, &format!("taken, but {}: {}", garbage.why, garbage.text)))
        }
        _ => None,
    }
}

fn refused(phase: Phase, reply: &SmtpReply) -> Failure {
    let (line, contradicts) = find(phase, reply);
    let reply = Reply::from(reply);
    let wait = |seconds: u64| (seconds > 0).then(|| Duration::from_secs(seconds));
    match line.map_or(Verdict::Refuse, |line| line.verdict) {
        Verdict::Later(seconds) => Failure::Later { reply, retry_after: wait(seconds) },
        Verdict::Busy(seconds) => Failure::PauseDestination { reply, retry_after: wait(seconds) },
        Verdict::Away(seconds) => Failure::PauseChannel { reply, retry_after: wait(seconds) },
        Verdict::Refuse => Failure::Refused { reply, suppress: false },
        Verdict::Suppress => Failure::Refused { reply, suppress: !contradicts },
        Verdict::HoldDestination => Failure::HoldDestination { reply },
        Verdict::HoldChannel => Failure::HoldChannel { reply },
    }
}

/// The line of the table that decides, and whether the enhanced code contradicts the basic one.
fn find(phase: Phase, reply: &SmtpReply) -> (Option<&'static Line>, bool) {
    let enhanced = reply.enhanced();
    let contradicts = enhanced.is_some_and(|code| !code.starts_with(&reply.class().to_string()));
    let enhanced = enhanced.filter(|_| !contradicts);
    let text = reply.text().to_lowercase();
    (TABLE.iter().find(|line| line.fits(phase, reply.code, enhanced, &text)), contradicts)
}

impl Line {
    fn fits(&self, phase: Phase, code: u16, enhanced: Option<&str>, text: &str) -> bool {
        let code_fits = |wanted: &u16| if *wanted < 10 { code / 100 == *wanted } else { code == *wanted };
        let enhanced_fits = |wanted: &&str| match enhanced {
            None => wanted.is_empty(),
            Some(code) if wanted.ends_with('.') => code.starts_with(*wanted),
            Some(code) => code == *wanted,
        };
        (self.phases.is_empty() || self.phases.contains(&phase))
            && (self.codes.is_empty() || self.codes.iter().any(code_fits))
            && (self.enhanced.is_empty() || self.enhanced.iter().any(enhanced_fits))
            && (self.texts.is_empty() || self.texts.iter().any(|part| text.contains(part)))
    }
}

/// No reply: while setting up this is about the relay, later about one connection.
fn later(phase: Phase, text: &str) -> Failure {
    let reply = note(phase, text);
    if table::SETUP.contains(&phase) {
        Failure::PauseChannel { reply, retry_after: None }
    } else {
        Failure::Later { reply, retry_after: None }
    }
}

fn note(phase: Phase, text: &str) -> Reply {
    Reply::note(format!("{}: {text}", phase.name()))
}
