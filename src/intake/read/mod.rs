//! What a mail says that came back. Pure: bytes in, one [`Reading`] out; never fails.

mod arf;
mod automatic;
mod dsn;
mod prose;
mod status;
pub mod whom;

#[cfg(test)]
mod tests;

use dsn::Fate;

use super::mime::{Headers, Part, truncate};
use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::ledger::{Class, Kept, Reply};
use crate::token::{Purpose, Token};

pub use status::{Refusal, Status, smtp_code};

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Of the mail, whatever its line ends: the same mail has the same in a Maildir and over IMAP.
    pub digest: Digest,
    /// What it says.
    pub class: Class,
    /// The delivery that it claims to be about.
    pub token: Option<Token>,
    /// Whether it is no report, but written to an address: if that was one to unsubscribe, its writer leaves, whatever it says.
    pub written: bool,
    /// The other side's words.
    pub words: Reply,
    /// A mail by a person.
    pub kept: Option<Kept>,
}

/// Who is believed when it reports complaints by mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The mail server whose `Authentication-Results` are its own.
    pub server: Option<String>,
    /// The domains that report complaints.
    pub reporters: Vec<String>,
}

impl Reading {
    /// What it says, once it is known what its token is for: nothing where that is forged.
    pub fn meaning(&self, purpose: Option<Purpose>) -> Class {
        match (purpose, self.class) {
            // Whoever writes to the unsubscribe address wants to leave, whatever he writes.
            (Some(Purpose::Unsubscribe), _) if self.written => Class::Unsubscribe,
            // A report of a failure does not come to that address.
            (Some(Purpose::Unsubscribe), class) if class.is_bounce() || class == Class::Unclear => {
                Class::Unrelated
            }
            // A forged token makes an answer nobody's; one without may be known by its subject.
            (None, Class::Reply) if self.token.is_some() => Class::Unrelated,
            (None, Class::Unsubscribe) => Class::Unrelated,
            (_, class) => class,
        }
    }
}

/// Reads a mail.
pub fn read(mail: &[u8], trust: &Trust) -> Reading {
    let digest = digest(mail);
    let part = Part::read(mail);
    let subject = bare(&part.headers.subject());
    let Judged { class, token, words, written } = judge(&part, trust);
    let kept = (class == Class::Reply).then(|| Kept { message: mail.to_vec(), subject });
    Reading { digest, class, token, written, words, kept }
}

struct Judged {
    class: Class,
    token: Option<Token>,
    words: Reply,
    written: bool,
}

impl Judged {
    fn report(class: Class, token: Option<Token>, words: Reply) -> Judged {
        Judged { class, token, words, written: false }
    }

    fn written(class: Class, token: Option<Token>) -> Judged {
        Judged { class, token, words: Reply::default(), written: true }
    }
}

fn judge(part: &Part<'_>, trust: &Trust) -> Judged {
    let headers = &part.headers;
    let addressed = whom::addressed(headers);
    // Our own mail came back: a loop, or somebody's misplaced copy.
    if headers.has("x-dateline-forwarded") {
        return Judged::report(Class::Automatic, None, Reply::default());
    }
    if let Some(complaint) = arf::read(part) {
        let believed =
            trust.server.as_deref().is_some_and(|server| arf::is_from(headers, server, &trust.reporters));
        let words = Reply { text: format!("feedback: {}", clean(&complaint.feedback)), ..Reply::default() };
        return match complaint.feedback.as_str() {
            // Somebody took it out of the spam folder.
            "not-spam" => Judged::report(Class::Delivered, None, words),
            _ if believed => Judged::report(Class::Complaint, complaint.token, words),
            _ => Judged::report(Class::Unrelated, None, words),
        };
    }
    let kind = headers.parameter("report-type").unwrap_or_default().to_ascii_lowercase();
    if kind == "disposition-notification" || part.find(&["message/disposition-notification"]).is_some() {
        return Judged::report(Class::Automatic, addressed, Reply::default());
    }
    let report = dsn::read(part).map(|fate| match fate.class {
        Class::Refused | Class::Unclear if fate.is_vague() => {
            Fate { class: prose::explain(part).unwrap_or(fate.class), ..fate }
        }
        _ => fate,
    });
    if let Some(fate) = report.or_else(|| prose::read(part)) {
        let words =
            Reply { code: status::smtp_code(&fate.words), enhanced: fate.enhanced, text: clean(&fate.words) };
        return Judged::report(fate.class, addressed, words);
    }
    if automatic::is(headers) {
        return Judged::written(Class::Automatic, addressed);
    }
    let answers = addressed.is_some() || headers.has("in-reply-to") || headers.has("references");
    Judged::written(if answers { Class::Reply } else { Class::Unrelated }, addressed)
}

/// The digest of a mail without its line ends.
fn digest(mail: &[u8]) -> Digest {
    let lines: Vec<u8> = mail.iter().copied().filter(|byte| *byte != b'\r').collect();
    Digest::of(&lines)
}

/// Words that are fit for the record.
fn clean(words: &str) -> String {
    let mut text: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    truncate(&mut text, 500);
    text.trim().to_owned()
}

/// A subject without what mail programs put before it.
fn bare(subject: &str) -> String {
    const MARKS: &[&str] = &[
        "re",
        "aw",
        "sv",
        "vs",
        "antw",
        "fw",
        "fwd",
        "wg",
        "vb",
        "tr",
        "r\u{e9}",
        "rif",
        "odp",
        "\u{8fd4}\u{4fe1}",
    ];
    let mut rest = subject.trim();
    while let Some((mark, after)) = rest.split_once([':', '\u{ff1a}']) {
        let mark = mark.trim().to_lowercase();
        let word = mark.split(['[', '(']).next().unwrap_or_default().trim();
        if !MARKS.contains(&word) {
            break;
        }
        rest = after.trim_start();
    }
    let mut bare = clean(rest);
    truncate(&mut bare, 300);
    bare
}

/// Where an answer to a mail goes; nothing where that is no plain address.
pub fn sender(headers: &Headers) -> Option<EmailAddress> {
    let value = headers.get("reply-to").or(headers.get("from"))?;
    let inside =
        value.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>')).map(|(address, _)| address);
    inside.unwrap_or(value).trim().parse().ok()
}

/// Who wrote a mail, for the press desk.
pub fn author(headers: &Headers) -> String {
    clean(&super::mime::decode_words(headers.get("from").unwrap_or_default()))
}
