//! Delivery status notifications (RFC 3464): what is said of each recipient, and what that means for the one we wrote to.

use super::status::{Refusal, Status};
use crate::intake::mime::{Headers, Part, text, truncate};
use crate::ledger::Class;

/// Blocks after these are not read.
const MOST_RECIPIENTS: usize = 100;

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fate {
    /// What it means.
    pub class: Class,
    /// The code that says the most.
    pub enhanced: Option<String>,
    /// The other side's words.
    pub words: String,
}

impl Fate {
    /// Whether it says no more than that it failed.
    pub fn is_vague(&self) -> bool {
        let code = self.enhanced.as_deref().and_then(Status::find);
        code.is_none_or(Status::is_vague) && super::status::smtp_code(&self.words).is_none()
    }
}

/// What a notification says of the recipient that we wrote to.
///
/// We write to one mailbox at a time, so several blocks mean that it passed the mail on. Then it did not bounce as long as
/// one of them has it, and otherwise the mildest of what is said counts.
pub fn read(report: &Part<'_>) -> Option<Fate> {
    let part = report.find(&["message/delivery-status", "message/global-delivery-status"])?;
    let fates: Vec<Fate> = blocks(&part.bytes()).iter().filter_map(fate).collect();
    fates.into_iter().min_by_key(|fate| severity(fate.class))
}

/// The mildest first.
fn severity(class: Class) -> usize {
    const ORDER: [Class; 9] = [
        Class::Delivered,
        Class::Delayed,
        Class::Unclear,
        Class::Expired,
        Class::Policy,
        Class::Refused,
        Class::MailboxFull,
        Class::NoDomain,
        Class::NoMailbox,
    ];
    ORDER.iter().position(|known| *known == class).unwrap_or(ORDER.len())
}

/// The groups of fields, parted by empty lines; some mailers leave the lines out, and begin each recipient with its address.
fn blocks(bytes: &[u8]) -> Vec<Headers> {
    let mut blocks = Vec::new();
    let clean = text(bytes).replace("\r\n", "\n");
    for group in clean.split("\n\n") {
        if blocks.len() > MOST_RECIPIENTS {
            break;
        }
        let mut start = 0;
        let mut seen = false;
        let mut at = 0;
        for line in group.split_inclusive('\n') {
            if line.to_ascii_lowercase().starts_with("final-recipient:") {
                if seen {
                    blocks.push(fields(group.get(start..at).unwrap_or_default()));
                    start = at;
                }
                seen = true;
            }
            at += line.len();
        }
        blocks.push(fields(group.get(start..).unwrap_or_default()));
    }
    blocks
}

fn fields(group: &str) -> Headers {
    Headers::read(group.trim_start_matches('\n').as_bytes()).0
}

fn fate(fields: &Headers) -> Option<Fate> {
    let action = fields.get("action").map(first_word);
    let status = fields.get("status").and_then(Status::find);
    if action.is_none() && status.is_none() {
        return None;
    }
    // Without words of its own a status may have them beside it: `5.0.0 (user not found)`.
    let said = fields.get("diagnostic-code").map(without_type).filter(|words| !words.is_empty());
    let mut words = said.unwrap_or_else(|| fields.get("status").unwrap_or_default().to_owned());
    let refusal = Refusal { status, words: words.clone() };
    let action = match (action.as_deref(), refusal.enhanced().map(|status| status.class)) {
        (Some(action @ ("failed" | "delayed" | "delivered" | "relayed" | "expanded")), _) => action,
        // RFC 3464 §2.3.3 has no other; the status says what was meant.
        (_, Some(5)) => "failed",
        (_, Some(4)) => "delayed",
        (_, Some(_)) => "delivered",
        (_, None) => return None,
    };
    let class = match action {
        "delivered" | "relayed" | "expanded" => Class::Delivered,
        "delayed" => Class::Delayed,
        _ => refusal.class().unwrap_or(Class::Unclear),
    };
    let enhanced = refusal.enhanced().map(|status| status.to_string());
    truncate(&mut words, 500);
    Some(Fate { class, enhanced, words })
}

fn first_word(value: &str) -> String {
    value.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default().to_ascii_lowercase()
}

/// `smtp; 550 …` without the type before the words.
fn without_type(value: &str) -> String {
    match value.split_once(';') {
        Some((kind, words)) if kind.trim().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            words.trim().to_owned()
        }
        _ => value.trim().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &str, expected: &str) {
        let mail = format!(
            "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n{status}\n--b--\n"
        );
        let seen = match read(&Part::read(mail.as_bytes())) {
            Some(Fate { class, enhanced, words }) => {
                format!("{class} {} {words}", enhanced.unwrap_or_default())
            }
            None => "nothing".to_owned(),
        };
        assert!(seen.starts_with(expected), "{status}\n{seen}");
    }

    #[test]
    fn the_action_says_whether_it_is_over_and_the_status_why() {
        for (status, expected) in [
            (
                "Reporting-MTA: dns; a\n\nFinal-Recipient: rfc822; x@y\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no",
                "no-mailbox 5.1.1 550 no",
            ),
            ("Action: FAILED (x)\nStatus: 5.2.2", "mailbox-full 5.2.2"),
            ("Action: delayed\nStatus: 4.4.1", "delayed 4.4.1"),
            ("Action: delayed\nStatus: 5.1.1", "delayed 5.1.1"),
            ("Action: delivered\nStatus: 2.0.0", "delivered 2.0.0"),
            ("Action: relayed\nStatus: 2.0.0", "delivered"),
            ("Action: failed\nStatus: 4.4.7", "expired 4.4.7"),
            ("Action: failed", "unclear"),
            ("Status: 5.1.1", "no-mailbox"),
            ("Action: nonsense\nStatus: 4.2.2", "delayed"),
            ("Action: nonsense", "nothing"),
            ("Reporting-MTA: dns; a", "nothing"),
            ("", "nothing"),
        ] {
            check(status, expected);
        }
    }

    #[test]
    fn of_several_recipients_the_mildest_counts() {
        for (status, expected) in [
            (
                "A: b\n\nFinal-Recipient: rfc822;a\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822;b\nAction: delivered\nStatus: 2.0.0",
                "delivered",
            ),
            (
                "A: b\n\nFinal-Recipient: rfc822;a\nAction: failed\nStatus: 5.1.1\n\nFinal-Recipient: rfc822;b\nAction: failed\nStatus: 5.7.26",
                "policy",
            ),
            // Without the empty line.
            (
                "A: b\nFinal-Recipient: rfc822;a\nAction: failed\nStatus: 5.1.1\nFinal-Recipient: rfc822;b\nAction: delayed\nStatus: 4.0.0",
                "delayed",
            ),
        ] {
            check(status, expected);
        }
    }
}
