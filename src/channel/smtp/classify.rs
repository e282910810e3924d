//! What a reply means for a delivery: a table, read from top to bottom; the first line that fits decides.
//!
//! Three rules stand above the table and hold for every line of it:
//! - a fault of the sender never suppresses a recipient, so only lines about a mailbox may suppress;
//! - where the enhanced code contradicts the basic code, the basic code is right (RFC 5321 §4.3.2), the
//!   enhanced code is not looked at, and nothing is suppressed;
//! - from the final dot on, what is not a clear answer is [`Failure::Unknown`] and nothing else.

use std::time::Duration;

use super::reply::{Garbage, SmtpReply};
use super::trouble::{Phase, Trouble, What};
use super::wire::WireError;
use crate::channel::{Failure, Reply};

/// The version of the table: raised whenever a line changes. Codes and texts as read in November 2026.
pub const TABLE_VERSION: u32 = 1;

/// What a line decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Another try may succeed, after this many seconds at least where that is not 0.
    Later(u64),
    /// Not for this recipient, but not because of the mailbox.
    Refuse,
    /// Not for this recipient: the mailbox is not there.
    Suppress,
    /// Our commands are not understood: nothing more until somebody looks.
    HoldDestination,
    /// Our credentials, our sender or our configuration: nothing more until somebody looks.
    HoldChannel,
}

use Verdict::{HoldChannel, HoldDestination, Later, Refuse, Suppress};

/// One line: all that is said must fit; what is left empty fits everything.
struct Line {
    phases: &'static [Phase],
    /// Basic codes; a single digit stands for its class.
    codes: &'static [u16],
    /// Enhanced codes; one that ends in a dot stands for all that begin so, `x` for any class.
    enhanced: &'static [&'static str],
    /// Parts of the text, in lower case; one of them must be there.
    texts: &'static [&'static str],
    verdict: Verdict,
}

const ANY: Line = Line { phases: &[], codes: &[], enhanced: &[], texts: &[], verdict: Refuse };

/// Before there is an envelope: nothing that is said here is about a recipient.
const SETUP: &[Phase] =
    &[Phase::Connect, Phase::Tls, Phase::Greeting, Phase::Ehlo, Phase::StartTls, Phase::Auth];
/// Where a server speaks about the recipient.
const MAILBOX: &[Phase] = &[Phase::Rcpt, Phase::Data, Phase::Body, Phase::Dot];

const TABLE: &[Line] = &[
    // The server goes away (RFC 5321 §3.8); in every phase.
    Line { codes: &[421], verdict: Later(0), ..ANY },
    // Setting up. 432: the account needs a new password (RFC 4954 §6).
    Line { phases: SETUP, codes: &[432], verdict: HoldChannel, ..ANY },
    Line { phases: SETUP, codes: &[4], verdict: Later(0), ..ANY },
    Line { phases: SETUP, codes: &[5], verdict: HoldChannel, ..ANY },
    // For now is for now, whatever the words are. 4.7.1 is how greylisting shows itself, 4.2.1 a mailbox
    // that gets too much: five minutes at least.
    Line { codes: &[450], enhanced: &["4.2.1"], verdict: Later(300), ..ANY },
    Line { codes: &[450, 451], enhanced: &["4.7.1"], verdict: Later(300), ..ANY },
    Line { codes: &[4], verdict: Later(0), ..ANY },
    // The address needs SMTPUTF8 (RFC 6531 §3.5).
    Line { codes: &[5], enhanced: &["5.6.7"], verdict: Refuse, ..ANY },
    // Our commands (RFC 5321 §4.2.4, RFC 3463 §3.6).
    Line { codes: &[500, 501, 502, 503, 504, 555], enhanced: &["", "5.5."], verdict: HoldDestination, ..ANY },
    // MAIL speaks about the sender and the session alone.
    Line { phases: &[Phase::Mail], codes: &[5], verdict: HoldChannel, ..ANY },
    // Credentials and TLS (RFC 4954 §6, RFC 3207 §4).
    Line { codes: &[530, 534, 535, 538], verdict: HoldChannel, ..ANY },
    Line { codes: &[5], enhanced: &["5.7.8", "5.7.9"], verdict: HoldChannel, ..ANY },
    // The relay does not take us for one of its own.
    Line {
        codes: &[5],
        texts: &[
            "relay access denied",
            "relaying denied",
            "unable to relay",
            "not permitted to relay",
            "authentication required",
        ],
        verdict: HoldChannel,
        ..ANY
    },
    // Our sender address: not ours, unknown, or of a domain that takes no mail (RFC 7505 §4.2).
    Line {
        codes: &[5],
        texts: &["not owned by user", "sender address rejected", "sendasdenied"],
        enhanced: &["", "5.7."],
        verdict: HoldChannel,
        ..ANY
    },
    Line { codes: &[5], enhanced: &["5.7.27"], texts: &["null mx"], verdict: HoldChannel, ..ANY },
    Line { codes: &[5], enhanced: &["5.7.60", "5.1.7", "5.1.8"], verdict: HoldChannel, ..ANY },
    // The edition is too large (RFC 3463 §3.3, §3.4).
    Line { codes: &[5], enhanced: &["5.3.4", "5.2.3"], verdict: HoldChannel, ..ANY },
    Line { codes: &[552], texts: &["message size", "too large", "too big"], verdict: HoldChannel, ..ANY },
    // Our reputation, our authentication, our text: the recipient has no part in it. The texts are those
    // of block lists, Yahoo's [BL..] and [TSS..], Microsoft's S3xxx.
    Line {
        codes: &[5],
        texts: &[
            "block list",
            "blocklist",
            "blacklist",
            "spamhaus",
            "[bl",
            "[tss",
            "spam",
            "reputation",
            "unsolicited",
            "banned",
        ],
        verdict: Refuse,
        ..ANY
    },
    // Full mailboxes are emptied.
    Line { codes: &[5], enhanced: &["5.2.2"], verdict: Later(0), ..ANY },
    // The mailbox is not there, is closed, or has another owner (RFC 3463 §3.2, RFC 7505 §4.1, RFC 7293 §5.2).
    Line {
        phases: MAILBOX,
        codes: &[550, 551, 553],
        enhanced: &["5.1.1", "5.1.6", "5.2.1"],
        verdict: Suppress,
        ..ANY
    },
    Line {
        phases: MAILBOX,
        codes: &[525, 550, 551, 553],
        enhanced: &["5.7.13", "5.7.17"],
        verdict: Suppress,
        ..ANY
    },
    Line { phases: MAILBOX, codes: &[5], enhanced: &["5.1.10"], verdict: Suppress, ..ANY },
    Line { phases: &[Phase::Rcpt], codes: &[521, 556], verdict: Suppress, ..ANY },
    // A bad domain or a bad address: our list may be wrong.
    Line { codes: &[5], enhanced: &["5.1.2", "5.1.3"], verdict: Refuse, ..ANY },
    // Policy: 5.7.1, Gmail's 5.7.25 to 5.7.30, Microsoft's 5.7.509 and 5.7.515.
    Line { codes: &[5], enhanced: &["5.7."], verdict: Refuse, ..ANY },
    // Our commands, said with another basic code.
    Line { codes: &[5], enhanced: &["5.5."], verdict: HoldDestination, ..ANY },
    Line { codes: &[5], verdict: Refuse, ..ANY },
];

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
    let enhanced = reply.enhanced();
    let contradicts = enhanced.is_some_and(|code| !code.starts_with(&reply.class().to_string()));
    let enhanced = enhanced.filter(|_| !contradicts);
    let text = reply.text().to_lowercase();
    let verdict = TABLE
        .iter()
        .find(|line| line.fits(phase, reply.code, enhanced, &text))
        .map_or(Refuse, |line| line.verdict);
    let reply = Reply::from(reply);
    match verdict {
        Later(seconds) => {
            let retry_after = (seconds > 0).then(|| Duration::from_secs(seconds));
            Failure::Later { reply, retry_after }
        }
        Refuse => Failure::Refused { reply, suppress: false },
        Suppress => Failure::Refused { reply, suppress: !contradicts },
        HoldDestination => Failure::HoldDestination { reply },
        HoldChannel => Failure::HoldChannel { reply },
    }
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

fn later(phase: Phase, text: &str) -> Failure {
    Failure::Later { reply: note(phase, text), retry_after: None }
}

fn note(phase: Phase, text: &str) -> Reply {
    Reply::note(format!("{}: {text}", phase.name()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io;

    use super::*;
    use crate::channel::smtp::reply::parse;

    fn read(line: &str) -> SmtpReply {
        parse(format!("{line}\r\n").as_bytes()).unwrap().unwrap().0
    }

    fn shown(failure: &Failure) -> &'static str {
        match failure {
            Failure::Later { retry_after: None, .. } => "later",
            Failure::Later { retry_after: Some(_), .. } => "later, after a while",
            Failure::Refused { suppress: false, .. } => "refused",
            Failure::Refused { suppress: true, .. } => "suppress",
            Failure::HoldDestination { .. } => "hold destination",
            Failure::HoldChannel { .. } => "hold channel",
            Failure::Unknown { .. } => "unknown",
            Failure::Broken { .. } => "broken",
            Failure::GateClosed => "gate closed",
        }
    }

    /// Real replies, or as the servers' documentation has them: one line at least for each of the table's.
    const REPLIES: &[(Phase, &str, &str)] = &[
        (Phase::Greeting, "421 4.7.0 too many connections", "later"),
        (Phase::Mail, "421 4.4.2 timeout", "later"),
        (Phase::Rcpt, "421 4.3.2 shutting down", "later"),
        (Phase::Dot, "421 4.7.28 unusual rate of mail", "later"),
        (Phase::Auth, "432 4.7.12 a password transition is needed", "hold channel"),
        (Phase::Greeting, "450 try again", "later"),
        (Phase::StartTls, "454 4.7.0 TLS not available due to local problem", "later"),
        (Phase::Auth, "454 4.7.0 Temporary authentication failure", "later"),
        (Phase::Greeting, "554 5.7.1 No SMTP service here", "hold channel"),
        (Phase::Greeting, "521 5.3.2 does not accept mail", "hold channel"),
        (Phase::Ehlo, "550 5.1.1 go away", "hold channel"),
        (Phase::Auth, "535 5.7.8 Error: authentication failed", "hold channel"),
        (Phase::Auth, "534 5.7.9 Application-specific password required", "hold channel"),
        (Phase::Auth, "538 5.7.11 Encryption required", "hold channel"),
        (Phase::Auth, "535", "hold channel"),
        (Phase::Rcpt, "450 4.2.1 receiving mail at too high a rate", "later, after a while"),
        (Phase::Rcpt, "450 4.7.1 Greylisted, try again later", "later, after a while"),
        (Phase::Rcpt, "451 4.7.1 Greylisting in action", "later, after a while"),
        (Phase::Rcpt, "450 4.2.2 over quota", "later"),
        (Phase::Rcpt, "452 4.2.2 mailbox full", "later"),
        (Phase::Rcpt, "452 4.5.3 too many recipients", "later"),
        (Phase::Mail, "452 4.3.1 Insufficient system storage", "later"),
        (Phase::Dot, "451 4.3.0 Error: queue file write error", "later"),
        (Phase::Dot, "451 spam, try later", "later"),
        (Phase::Mail, "454 4.7.0 temporary", "later"),
        (Phase::Rcpt, "550 5.6.7 the address needs SMTPUTF8", "refused"),
        (Phase::Mail, "553 5.6.7 needs SMTPUTF8", "refused"),
        (Phase::Mail, "500 5.5.2 Error: bad syntax", "hold destination"),
        (Phase::Rcpt, "501 5.5.4 bad argument", "hold destination"),
        (Phase::Data, "503 5.5.1 bad sequence", "hold destination"),
        (Phase::Mail, "502 not implemented", "hold destination"),
        (Phase::Mail, "555 5.5.4 Unsupported option: DSN", "hold destination"),
        (Phase::Mail, "550 5.1.1 who are you", "hold channel"),
        (Phase::Mail, "553 5.1.8 Sender address rejected: Domain not found", "hold channel"),
        (Phase::Mail, "552 5.3.4 Message size exceeds fixed limit", "hold channel"),
        (Phase::Mail, "530 5.7.0 Must issue a STARTTLS command first", "hold channel"),
        (Phase::Rcpt, "530 5.7.0 Authentication required", "hold channel"),
        (Phase::Rcpt, "550 5.7.8 credentials", "hold channel"),
        (Phase::Dot, "554 5.7.9 policy", "hold channel"),
        (Phase::Rcpt, "554 5.7.1 <jane@paper.example>: Relay access denied", "hold channel"),
        (Phase::Rcpt, "550 relaying denied", "hold channel"),
        (Phase::Rcpt, "553 5.7.1 Sender address rejected: not owned by user press", "hold channel"),
        (Phase::Rcpt, "550 5.7.27 sender's domain has a null MX", "hold channel"),
        (
            Phase::Dot,
            "550 5.7.60 SMTP; Client does not have permissions to send as this sender",
            "hold channel",
        ),
        (Phase::Rcpt, "553 5.1.7 bad sender", "hold channel"),
        (Phase::Rcpt, "550 5.1.8 bad sender domain", "hold channel"),
        (Phase::Dot, "552 5.3.4 message too big", "hold channel"),
        (Phase::Dot, "552 5.2.3 message length exceeds limit", "hold channel"),
        (Phase::Dot, "552 message size exceeds maximum", "hold channel"),
        (Phase::Rcpt, "553 5.7.1 [BL21] Connections will not be accepted", "refused"),
        (
            Phase::Rcpt,
            "550 5.7.1 Unfortunately, messages weren't sent: part of their network is on our block list (S3150)",
            "refused",
        ),
        (Phase::Rcpt, "550 5.1.1 rejected, see spamhaus", "refused"),
        (Phase::Dot, "554 5.7.1 Spam message rejected", "refused"),
        (Phase::Rcpt, "552 5.2.2 mailbox full", "later"),
        (Phase::Rcpt, "550 5.1.1 <jane@paper.example>: Recipient address rejected: User unknown", "suppress"),
        (Phase::Rcpt, "553 5.1.6 mailbox moved", "suppress"),
        (Phase::Rcpt, "551 5.1.6 user not local", "suppress"),
        (Phase::Dot, "550 5.2.1 The account is disabled", "suppress"),
        (Phase::Rcpt, "525 5.7.13 account disabled", "suppress"),
        (Phase::Rcpt, "550 5.7.17 mailbox owner has changed", "suppress"),
        (Phase::Rcpt, "550 5.1.10 RESOLVER.ADR.RecipientNotFound", "suppress"),
        (Phase::Rcpt, "556 5.1.10 domain has a null MX record", "suppress"),
        (Phase::Rcpt, "521 host does not accept mail", "suppress"),
        (Phase::Rcpt, "550 5.1.2 bad destination system", "refused"),
        (Phase::Rcpt, "553 5.1.3 bad address syntax", "refused"),
        (Phase::Dot, "550 5.7.1 not allowed", "refused"),
        (Phase::Dot, "550 5.7.26 unauthenticated", "refused"),
        (Phase::Dot, "550 5.7.25 no PTR record", "refused"),
        (Phase::Dot, "550 5.7.27 SPF did not pass", "refused"),
        (Phase::Dot, "550 5.7.28 unusual rate", "refused"),
        (Phase::Dot, "550 5.7.30 DKIM did not pass", "refused"),
        (Phase::Dot, "550 5.7.509 Access denied, sending domain does not pass DMARC", "refused"),
        (Phase::Dot, "550 5.7.515 Access denied, sending domain does not meet the required level", "refused"),
        (Phase::Dot, "554 5.5.0 protocol error", "hold destination"),
        (Phase::Data, "554 no valid recipients", "refused"),
        (Phase::Rcpt, "550 no such user", "refused"),
        (Phase::Rcpt, "550", "refused"),
        (Phase::Rcpt, "550 5.999.9 odd", "refused"),
        (Phase::Rcpt, "599 x", "refused"),
        (Phase::Rcpt, "499 x", "later"),
        // The enhanced code contradicts the basic one.
        (Phase::Rcpt, "550 4.2.2 mailbox full", "refused"),
        (Phase::Rcpt, "450 5.1.1 no such user", "later"),
        (Phase::Rcpt, "556 4.1.10 null MX", "refused"),
        (Phase::Rcpt, "550 \u{1b}[31m用户不存在", "refused"),
    ];

    #[test]
    fn each_reply_has_its_verdict() {
        for (phase, line, expected) in REPLIES {
            assert_eq!(shown(&refused(*phase, &read(line))), *expected, "{phase:?} {line}");
        }
    }

    #[test]
    fn each_line_of_the_table_decides_something() {
        let mut used = BTreeSet::new();
        for (phase, line, _) in REPLIES {
            let reply = read(line);
            let class = reply.class().to_string();
            let enhanced = reply.enhanced().filter(|code| code.starts_with(&class));
            let text = reply.text().to_lowercase();
            used.extend(TABLE.iter().position(|line| line.fits(*phase, reply.code, enhanced, &text)));
        }
        let idle: Vec<_> = (0..TABLE.len()).filter(|index| !used.contains(index)).collect();
        assert!(idle.is_empty(), "no reply of the test reaches lines {idle:?} of the table");
    }

    #[test]
    fn before_the_envelope_nothing_is_a_recipients_fault() {
        for phase in [SETUP, &[Phase::Mail]].concat() {
            for code in 400..600 {
                for enhanced in ["", "5.1.1 ", "5.2.1 ", "5.1.10 ", "4.1.1 ", "5.7.1 "] {
                    let seen = shown(&refused(phase, &read(&format!("{code} {enhanced}x"))));
                    assert!(
                        !["suppress", "refused", "unknown"].contains(&seen),
                        "{phase:?} {code} {enhanced}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_reply_that_says_for_now_is_never_for_good() {
        for phase in [Phase::Greeting, Phase::Auth, Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Dot] {
            for code in (400..500).filter(|code| *code != 432) {
                for enhanced in ["", "5.1.1 ", "4.1.1 ", "4.7.1 "] {
                    let seen = shown(&refused(phase, &read(&format!("{code} {enhanced}spam"))));
                    assert!(seen.starts_with("later"), "{phase:?} {code} {enhanced}: {seen}");
                }
            }
        }
    }

    #[test]
    fn only_before_the_dot_is_a_lost_answer_harmless() {
        let garbage = |line: &str| WireError::Garbage(parse(format!("{line}\r\n").as_bytes()).unwrap_err());
        for (error, before, after) in [
            (WireError::Closed, "later", "unknown"),
            (WireError::Silent(Duration::from_secs(1)), "later", "unknown"),
            (WireError::Io(io::Error::other("reset")), "later", "unknown"),
            (WireError::Unasked, "later", "unknown"),
            (garbage("99 x"), "later", "unknown"),
            (garbage(""), "later", "unknown"),
            (garbage("450-a\r\n550 b"), "later", "unknown"),
            (garbage("4500 x"), "later", "later"),
            (garbage("5500 x"), "later", "refused"),
            (garbage("2500 ok"), "later", "unknown"),
        ] {
            let mut trouble = Trouble::wire(Phase::Body, error);
            assert_eq!(shown(&failure(&trouble)), before, "{:?}", trouble.what);
            assert_eq!(accepts(&trouble), None);
            trouble.phase = Phase::Dot;
            assert_eq!(shown(&failure(&trouble)), after, "{:?}", trouble.what);
        }
        let taken = |line: &str| accepts(&Trouble::wire(Phase::Dot, garbage(line))).is_some();
        assert!(taken("2500 ok") && taken("250-a\r\n251 b"));
        assert!(!taken("250-a\r\n550 b") && !taken("99 x") && !taken("5500 x"));
    }
}
