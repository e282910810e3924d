use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::table::SETUP;
use super::*;
use crate::channel::smtp::reply::parse;

fn read(line: &str) -> SmtpReply {
    parse(format!("{line}\r\n").as_bytes()).unwrap().unwrap().0
}

/// The class of a failure, as `replies.txt` names it.
fn shown(failure: &Failure) -> &'static str {
    match failure {
        Failure::Later { retry_after: None, .. } => "later",
        Failure::Later { retry_after: Some(_), .. } => "later, after a while",
        Failure::PauseDestination { .. } => "pause destination",
        Failure::PauseChannel { .. } => "pause channel",
        Failure::Refused { suppress: false, .. } => "refused",
        Failure::Refused { suppress: true, .. } => "suppress",
        Failure::HoldDestination { .. } => "hold destination",
        Failure::HoldChannel { .. } => "hold channel",
        Failure::Unknown { .. } => "unknown",
        Failure::Broken { .. } => "broken",
        Failure::GateClosed => "gate closed",
    }
}

/// What a line says, replies, class.
type Said = (&'static str, &'static [(Phase, &'static str)], &'static str);

/// The lines of the design's table (email.md 2.5): what it says, replies to which it applies, what is decided.
///
/// Where it says that a row fails as `policy`, ours waits instead: a fault of ours fails nobody.
const DESIGN: &[Said] = &[
    (
        "421/4xx greeting",
        &[(Phase::Greeting, "421 busy"), (Phase::Greeting, "450 4.7.0 later")],
        "pause channel",
    ),
    (
        "null MX, 521, 556, x.1.10",
        &[
            (Phase::Rcpt, "556 5.1.10 Domain has a null MX record"),
            (Phase::Rcpt, "521 5.3.2 Host does not accept mail"),
            (Phase::Rcpt, "550 5.1.10 Recipient not found by SMTP address lookup"),
        ],
        "suppress",
    ),
    (
        "421 any phase",
        &[
            (Phase::Rcpt, "421 closing"),
            (Phase::Dot, "421 4.3.2 shutting down"),
            (Phase::Mail, "421 4.4.2 idle"),
        ],
        "later",
    ),
    ("4xx to dot", &[(Phase::Dot, "451 4.3.0 try again"), (Phase::Dot, "400 no")], "later"),
    (
        "450 4.2.1, 450/451 4.7.1: five minutes at least",
        &[
            (Phase::Rcpt, "450 4.2.1 The user is receiving mail too quickly"),
            (Phase::Rcpt, "450 4.7.1 Recipient address rejected: Greylisted"),
            (Phase::Rcpt, "451 4.7.1 Please try again later"),
        ],
        "later, after a while",
    ),
    (
        "451 4.3.x, 452 4.3.1",
        &[(Phase::Rcpt, "451 4.3.2 System busy"), (Phase::Dot, "452 4.3.1 Insufficient system storage")],
        "later",
    ),
    (
        "452 4.2.2 / 552 5.2.2",
        &[(Phase::Rcpt, "452 4.2.2 Mailbox full"), (Phase::Rcpt, "552 5.2.2 Mailbox full")],
        "later",
    ),
    ("452 4.5.3", &[(Phase::Rcpt, "452 4.5.3 Too many recipients")], "later"),
    (
        "454 4.7.0, TLS not available",
        &[
            (Phase::StartTls, "454 4.7.0 TLS not available due to local problem"),
            (Phase::Mail, "454 4.7.0 Temporary"),
        ],
        "pause channel",
    ),
    (
        "530/534/535/538 5.7.0/5.7.8/5.7.9",
        &[
            (Phase::Mail, "530 5.7.0 Must issue a STARTTLS command first"),
            (Phase::Auth, "534 5.7.9 Application-specific password required"),
            (Phase::Auth, "535 5.7.8 Authentication credentials invalid"),
            (Phase::Auth, "538 5.7.11 Encryption required for requested authentication mechanism"),
        ],
        "hold channel",
    ),
    (
        "550/551/553 5.1.1, 5.1.6, 5.2.1, 525 5.7.13, 5.7.17",
        &[
            (Phase::Rcpt, "550 5.1.1 User unknown"),
            (Phase::Rcpt, "551 5.1.6 User has moved"),
            (Phase::Rcpt, "553 5.1.1 No such mailbox"),
            (Phase::Dot, "550 5.2.1 Mailbox disabled"),
            (Phase::Rcpt, "525 5.7.13 User account disabled"),
            (Phase::Rcpt, "550 5.7.17 Mailbox owner has changed"),
        ],
        "suppress",
    ),
    (
        "5.1.2, 5.1.3",
        &[(Phase::Rcpt, "550 5.1.2 Host unknown"), (Phase::Rcpt, "553 5.1.3 Bad address syntax")],
        "refused",
    ),
    (
        "5.7.1 policy text, 5.7.26/25/27/28/30, 5.7.509, 5.7.515, [BL..], block list",
        &[
            (Phase::Dot, "554 5.7.1 Message looks like spam"),
            (Phase::Dot, "550 5.7.26 This mail is unauthenticated"),
            (Phase::Dot, "550 5.7.25 The IP address has no PTR record"),
            (Phase::Dot, "550 5.7.27 SPF did not pass"),
            (Phase::Dot, "550 5.7.28 Unusual rate of mail"),
            (Phase::Dot, "550 5.7.30 DKIM did not pass"),
            (Phase::Dot, "550 5.7.509 Access denied, sending domain does not pass DMARC verification"),
            (
                Phase::Dot,
                "550 5.7.515 Access denied, sending domain does not meet the required authentication level",
            ),
            (Phase::Rcpt, "553 5.7.1 [BL21] Connections will not be accepted"),
            (Phase::Rcpt, "550 5.7.1 part of their network is on our block list (S3150)"),
        ],
        "hold destination",
    ),
    (
        "5.7.60, 5.1.7, 5.1.8, 5.7.27 null-MX sender",
        &[
            (Phase::Dot, "550 5.7.60 Client does not have permissions to send as this sender"),
            (Phase::Rcpt, "553 5.1.7 Bad sender's mailbox address syntax"),
            (Phase::Rcpt, "550 5.1.8 Bad sender's system address"),
            (Phase::Rcpt, "550 5.7.27 Sender's domain has a null MX"),
        ],
        "hold channel",
    ),
    (
        "552 5.3.4, 5.2.3",
        &[(Phase::Dot, "552 5.3.4 Message too big"), (Phase::Dot, "552 5.2.3 Message exceeds limit")],
        "hold channel",
    ),
    (
        "5.5.x, 500-504, 555",
        &[
            (Phase::Rcpt, "500 5.5.2 Syntax error"),
            (Phase::Rcpt, "501 5.5.4 Bad argument"),
            (Phase::Mail, "502 5.5.1 Not implemented"),
            (Phase::Data, "503 5.5.1 Bad sequence"),
            (Phase::Rcpt, "504 5.5.4 Parameter not implemented"),
            (Phase::Mail, "555 5.5.4 Unsupported parameter"),
            (Phase::Dot, "554 5.5.0 Protocol error"),
        ],
        "hold destination",
    ),
    (
        "5.6.7, 553 5.6.7",
        &[(Phase::Rcpt, "550 5.6.7 needs SMTPUTF8"), (Phase::Mail, "553 5.6.7 needs SMTPUTF8")],
        "refused",
    ),
    (
        "anything else 4yz",
        &[(Phase::Rcpt, "447 odd"), (Phase::Rcpt, "499 4.9.9 odd"), (Phase::Dot, "432 odd")],
        "later",
    ),
    (
        "anything else 5yz",
        &[(Phase::Rcpt, "550 no"), (Phase::Rcpt, "599 5.9.9 odd"), (Phase::Dot, "554 no")],
        "refused",
    ),
];

#[test]
fn every_line_of_the_design_holds() {
    for (line, replies, expected) in DESIGN {
        for (phase, reply) in *replies {
            assert_eq!(shown(&refused(*phase, &read(reply))), *expected, "{line}: {phase:?} {reply}");
        }
    }
}

/// Replies of many servers in their own forms, ours in wording: `class | phase | reply`, one a line.
const REPLIES: &str = include_str!("replies.txt");

fn replies() -> Vec<(&'static str, Phase, &'static str)> {
    let phase = |name| match name {
        "greeting" => Phase::Greeting,
        "ehlo" => Phase::Ehlo,
        "starttls" => Phase::StartTls,
        "auth" => Phase::Auth,
        "mail" => Phase::Mail,
        "rcpt" => Phase::Rcpt,
        "data" => Phase::Data,
        "dot" => Phase::Dot,
        other => panic!("no such phase: {other}"),
    };
    let lines = REPLIES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.splitn(3, " | ");
            let mut part = || parts.next().unwrap_or_else(|| panic!("{line}")).trim();
            (part(), phase(part()), part())
        })
        .collect()
}

/// As it comes over the wire: `\\n` in the file begins the next line of a reply.
fn wire(text: &str) -> SmtpReply {
    parse(format!("{}\r\n", text.replace("\\n", "\r\n")).as_bytes()).unwrap().unwrap().0
}

#[test]
fn replies_of_many_servers_have_their_class() {
    let all = replies();
    let wrong: Vec<String> = all
        .iter()
        .filter_map(|(class, phase, text)| {
            let found = shown(&refused(*phase, &wire(text)));
            (found != *class).then(|| format!("{found} instead of {class}: {phase:?} {text}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let mut classes = BTreeMap::<_, usize>::new();
    let mut distinct = BTreeSet::new();
    for (class, phase, text) in &all {
        *classes.entry(class).or_default() += 1;
        assert!(distinct.insert((phase, text)), "stands twice: {text}");
    }
    assert!(all.len() >= 400, "only {} replies", all.len());
    assert!(classes.values().all(|count| *count >= 15), "{classes:?}");
}

#[test]
fn a_fault_of_the_sender_fails_and_suppresses_nobody() {
    // Words that say that it is about us, in front of every code that a server may put to them.
    let faults = [
        "dkim did not pass",
        "spf check failed",
        "rejected by dmarc policy",
        "your ip is on the spamhaus block list",
        "low reputation",
        "detected as spam",
        "no reverse dns",
        "rate limit exceeded",
        "relay access denied",
        "tls is required",
    ];
    for words in faults {
        for code in [421, 450, 451, 452, 454, 550, 551, 552, 553, 554, 571] {
            for enhanced in ["", "7.1 ", "7.0 ", "7.26 ", "7.509 "] {
                for phase in [Phase::Mail, Phase::Rcpt, Phase::Data, Phase::Dot] {
                    let enhanced = if enhanced.is_empty() {
                        String::new()
                    } else {
                        format!("{}.{enhanced}", code / 100)
                    };
                    let seen = shown(&refused(phase, &read(&format!("{code} {enhanced}{words}"))));
                    assert!(
                        !["suppress", "refused", "unknown"].contains(&seen),
                        "{phase:?} {code} {enhanced}{words}: {seen}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_line_of_the_table_decides_something() {
    let mut used = BTreeSet::new();
    let design =
        DESIGN.iter().flat_map(|(_, replies, _)| replies.iter().map(|(phase, text)| (*phase, read(text))));
    for (phase, reply) in replies().into_iter().map(|(_, phase, text)| (phase, wire(text))).chain(design) {
        let line = find(phase, &reply).0;
        used.extend(line.and_then(|line| TABLE.iter().position(|other| std::ptr::eq(other, line))));
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
                assert!(!["suppress", "refused", "unknown"].contains(&seen), "{phase:?} {code} {enhanced}");
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
                assert!(
                    seen.starts_with("later") || seen.starts_with("pause"),
                    "{phase:?} {code} {enhanced}: {seen}"
                );
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
