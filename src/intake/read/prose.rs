//! Bounces in prose: qmail, old Exim and sendmail, Domino, and whoever never took up RFC 3464.

use super::dsn::Fate;
use super::status::{Refusal, Status};
use crate::intake::mime::{Headers, Part, truncate};
use crate::ledger::Class;

/// As much of the text is looked at; the reason stands at the top.
const MOST: usize = 6_000;

/// What a mail says that a mailer wrote without the form of a report; nothing where no mailer wrote it.
pub fn read(mail: &Part<'_>) -> Option<Fate> {
    let headers = &mail.headers;
    let mut words = mail.words();
    truncate(&mut words, MOST);
    let said = before_the_copy(&words);
    if !by_a_mailer(headers, said) {
        return None;
    }
    let reason = reason(said);
    let refusal = Refusal { status: None, words: reason.clone() };
    let lower = said.to_lowercase();
    let subject = headers.subject().to_lowercase();
    let class = if STILL_TRYING.iter().any(|part| lower.contains(part) || subject.contains(part)) {
        Class::Delayed
    } else {
        let whole = Refusal { status: None, words: said.to_owned() };
        refusal
            .class()
            .or_else(|| whole.class().filter(|class| *class != Class::Refused))
            .unwrap_or(Class::Unclear)
    };
    Some(Fate { class, enhanced: Status::find(&reason).map(|status| status.to_string()), words: reason })
}

/// What the text for people says, where a report says no more than that it failed: Exim's does not repeat the reason.
pub fn explain(mail: &Part<'_>) -> Option<Class> {
    let mut words = mail.words();
    truncate(&mut words, MOST);
    let refusal = Refusal { status: None, words: before_the_copy(&words).to_owned() };
    refusal.class().filter(|class| !matches!(class, Class::Refused | Class::Expired))
}

/// Whether a mailer wrote it: it says so, or nobody could answer it and it speaks of a failure.
fn by_a_mailer(headers: &Headers, said: &str) -> bool {
    if headers.has("x-failed-recipients") {
        return true;
    }
    let from = headers.get("from").unwrap_or_default().to_ascii_lowercase();
    let mailer = ["mailer-daemon", "mailerdaemon", "mail-daemon", "postmaster@", "mail delivery"]
        .iter()
        .any(|name| from.contains(name));
    // RFC 5321 §4.5.5: what must not be answered has no sender.
    let nobody = headers.get("return-path").is_some_and(|path| path.trim() == "<>");
    let subject = headers.subject().to_lowercase();
    let speaks = SUBJECTS.iter().any(|part| subject.contains(part));
    let opens = said.trim_start().to_lowercase();
    let opens = OPENINGS.iter().any(|start| opens.starts_with(start));
    (mailer || nobody) && (speaks || opens) || mailer && Status::find(said).is_some()
}

/// What stands before the copy of our own mail.
fn before_the_copy(words: &str) -> &str {
    let lower = words.to_ascii_lowercase();
    let end = COPIES.iter().filter_map(|mark| lower.find(mark)).min().unwrap_or(words.len());
    words.get(..end).unwrap_or(words)
}

/// The lines around the first that has a code, else the first that names a mailbox's trouble, else the first few.
fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let with_code = lines.iter().position(|line| {
        Status::find(line).is_some() || super::status::smtp_code(line).is_some_and(|_| line.len() > 4)
    });
    let tells = |line: &&str| {
        let refusal = Refusal { status: None, words: (*line).to_owned() };
        refusal.class().is_some()
    };
    let at = with_code.or_else(|| lines.iter().position(tells)).unwrap_or(0);
    let mut reason = lines.get(at..(at + 3).min(lines.len())).unwrap_or_default().join(" ");
    truncate(&mut reason, 500);
    reason
}

/// Words of a warning: the mail is still being tried.
const STILL_TRYING: &[&str] = &[
    "warning message only",
    "you do not need to resend",
    "will keep trying",
    "will be retried",
    "will continue to be attempted",
    "delivery will be attempted",
    "delivery attempts will continue",
    "delivery status notification (delay)",
    "could not be delivered immediately",
    "has not yet been delivered",
    "warning: message still undelivered",
    "message delayed",
    "delivery delayed",
    "noch nicht zugestellt",
    "verz\u{f6}gert",
    "retard\u{e9}",
];

/// Parts of the subjects of bounces, in lower case.
const SUBJECTS: &[&str] = &[
    "undeliver",
    "not delivered",
    "non-deliver",
    "nondeliver",
    "non deliver",
    "delivery status notification",
    "delivery notification",
    "delivery failure",
    "delivery fail",
    "delivery problem",
    "delivery error",
    "delivery report",
    "delivery delayed",
    "failure notice",
    "failed delivery",
    "failed mail",
    "returned mail",
    "returned to sender",
    "mail system error",
    "mail failure",
    "mail error",
    "message status",
    "message delayed",
    "could not be delivered",
    "could not deliver",
    "couldn't be delivered",
    "couldn\u{2019}t be delivered",
    "user unknown",
    "ndn:",
    "unzustellbar",
    "nicht zugestellt",
    "nicht zustellbar",
    "zustellung",
    "non remis",
    "non distribu",
    "\u{e9}chec de la remise",
    "\u{e9}chec de remise",
    "\u{e9}chec de livraison",
    "kunde inte levereras",
    "kan inte levereras",
    "gick inte att leverera",
    "olevererbart",
    "leveransfel",
    "no se puede entregar",
    "no entregado",
    "error en la entrega",
    "mancato recapito",
    "n\u{e3}o entregue",
    "onbestelbaar",
    "\u{914d}\u{4fe1}",
    "\u{914d}\u{9054}",
    "\u{9001}\u{4fe1}\u{3067}\u{304d}",
    "\u{623b}\u{3063}\u{3066}",
    "\u{30a8}\u{30e9}\u{30fc}",
    "\u{9000}\u{4fe1}",
];

/// How the texts of some begin, in lower case.
const OPENINGS: &[&str] = &[
    "hi. this is the",
    "this is the mail system",
    "this message was created automatically by mail delivery software",
    "this is a delivery failure",
    "your message",
    "i'm sorry to have to inform you",
    "we're sorry",
    "sorry",
    "the following address",
    "delivery to the following recipient",
    "delivery has failed",
    "the original message was received",
    "message could not be delivered",
    "unable to deliver",
    "could not deliver",
    "failed to deliver",
    "your mail",
    "your e-mail",
    "unknown user:",
    "a message that you sent",
    "the user(s) account is",
];

/// Where the copy of our mail begins, in lower case.
const COPIES: &[&str] = &[
    "--- below this line is a copy of the message",
    "------ this is a copy of the message",
    "------ this is a copy of your message",
    "----- original message",
    "--- original message",
    "-----original message",
    "----- message header follows",
    "original message headers",
    "original message follows",
    "original headers:",
    "--- the header of the original",
    "--- undelivered message",
    "--- enclosed are the original headers",
    "unsent message below",
    "the full mail you sent is attached",
    "returned message follows",
    "---- header ----",
    "\nmessage-id:",
    "\nlist-unsubscribe:",
    "\nreceived: from",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(mail: &str, expected: &str) {
        let seen = match read(&Part::read(mail.as_bytes())) {
            Some(Fate { class, enhanced, .. }) => format!("{class} {}", enhanced.unwrap_or_default()),
            None => "nothing".to_owned(),
        };
        assert_eq!(seen.trim_end(), expected, "{mail}");
    }

    #[test]
    fn only_mailers_bounce() {
        for (mail, expected) in [
            (
                "From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n<j@p.example>:\nSorry, no mailbox here by that name. (#5.1.1)",
                "no-mailbox 5.1.1",
            ),
            ("Return-Path: <>\nSubject: Undeliverable: x\n\n550 mailbox full", "mailbox-full"),
            ("From: postmaster@x.example\nSubject: hello\n\nHello", "nothing"),
            (
                "From: Jane <jane@p.example>\nSubject: Undeliverable?\n\nWhy was this undeliverable? 550 5.1.1",
                "nothing",
            ),
            (
                "From: Jane <jane@p.example>\nSubject: Re: Aster\n\n550 km would have been fine. 5.1.1",
                "nothing",
            ),
            (
                "From: Mailer-Daemon@x.example\nSubject: Warning: message delayed 4 hours\n\nYou do not need to resend.",
                "delayed",
            ),
            ("From: Mailer-Daemon@x.example\nSubject: Returned mail\n\nSomething went wrong.", "unclear"),
            ("X-Failed-Recipients: j@p.example\n\nUnrouteable address", "no-domain"),
            // What our own mail says is no reason.
            (
                "From: Mailer-Daemon@x.example\nSubject: Returned mail\n\nOops.\n--- Original message follows\n550 5.1.1 user unknown",
                "unclear",
            ),
        ] {
            check(mail, expected);
        }
    }
}
