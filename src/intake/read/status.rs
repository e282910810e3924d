//! What a refusal means, from its codes and its words. Pure; the table is [`TEXTS`] and [`CODES`].
//!
//! Three rules: words of a block list or a filter stand above every code, because some hide a block behind "no such
//! user"; a code of the standard (RFC 3463) stands above words of a mailbox; and what is only *tried for too long* is
//! never held against the mailbox. Codes and texts as read in November 2026.

use crate::ledger::Class;

/// An enhanced status code (RFC 3463).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// 2, 4 or 5.
    pub class: u16,
    /// What it is about: 1 the address, 2 the mailbox, 7 policy …
    pub subject: u16,
    /// The detail.
    pub detail: u16,
}

impl Status {
    /// The first code in a text that is not part of a longer number, such as an address.
    pub fn find(text: &str) -> Option<Status> {
        let bytes = text.as_bytes();
        (0..bytes.len()).find_map(|at| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let alone = before.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b".-".contains(byte));
            if alone { Status::at(bytes.get(at..)?) } else { None }
        })
    }

    fn at(bytes: &[u8]) -> Option<Status> {
        let class = match bytes.first()? {
            digit @ (b'2' | b'4' | b'5') => u16::from(digit - b'0'),
            _ => return None,
        };
        let rest = bytes.get(1..)?.strip_prefix(b".")?;
        let (subject, rest) = number(rest)?;
        let (detail, rest) = number(rest.strip_prefix(b".")?)?;
        let longer = match rest.first() {
            Some(b'.') => rest.get(1).is_some_and(u8::is_ascii_digit),
            Some(byte) => byte.is_ascii_alphanumeric(),
            None => false,
        };
        (!longer).then_some(Status { class, subject, detail })
    }

    /// Whether it says no more than its first digit.
    pub fn is_vague(self) -> bool {
        self.detail == 0
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

/// One to three digits.
fn number(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=3).contains(&digits) {
        return None;
    }
    let (number, rest) = bytes.split_at(digits);
    Some((std::str::from_utf8(number).ok()?.parse().ok()?, rest))
}

/// The first reply code of SMTP in a text: three digits alone, 4 or 5 first.
pub fn smtp_code(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    bytes.windows(3).enumerate().find_map(|(at, code)| {
        let digit =
            |at: usize, from: u8, to: u8| code.get(at).is_some_and(|digit| (from..=to).contains(digit));
        let alone = |byte: Option<&u8>| {
            byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && !b".:/@-_".contains(byte))
        };
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(at + 3);
        // `550-5.1.1`: the line goes on.
        let fits = digit(0, b'4', b'5') && digit(1, b'0', b'7') && digit(2, b'0', b'9');
        let ends = alone(after) || after == Some(&b'-');
        (fits && (alone(before) || matches!(before, Some(b':' | b'-'))) && ends)
            .then(|| std::str::from_utf8(code).ok()?.parse().ok())
            .flatten()
    })
}

/// What is known of a refusal for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The code in a field of its own.
    pub status: Option<Status>,
    /// The words, with whatever codes are in them.
    pub words: String,
}

impl Refusal {
    /// The code that says the most.
    pub fn enhanced(&self) -> Option<Status> {
        let said = Status::find(&self.words);
        match (self.status, said) {
            (Some(status), Some(said))
                if status.is_vague() && !said.is_vague() && said.class == status.class =>
            {
                Some(said)
            }
            (Some(status), _) => Some(status),
            (None, said) => said,
        }
    }

    /// What it means; nothing where neither codes nor words say anything.
    pub fn class(&self) -> Option<Class> {
        let text = plain(&self.words);
        let status = self.enhanced();
        let code = smtp_code(&self.words);
        if POLICY.iter().any(|part| text.contains(part)) {
            return Some(Class::Policy);
        }
        if let Some(class) = status.and_then(by_status) {
            return Some(class);
        }
        if let Some((class, _)) = TEXTS.iter().find(|(_, parts)| parts.iter().any(|part| text.contains(part)))
        {
            return Some(*class);
        }
        match (status.map(|status| status.class), code) {
            // A report of a failure with a code for "later": nobody tries any more.
            (Some(4), _) | (None, Some(400..=499)) => Some(Class::Expired),
            (Some(_), _) | (None, Some(_)) => Some(Class::Refused),
            (None, None) => None,
        }
    }
}

/// Codes that say all that there is to know.
fn by_status(status: Status) -> Option<Class> {
    CODES
        .iter()
        .find(|(class, subject, detail, _)| {
            [(class, status.class), (subject, status.subject), (detail, status.detail)]
                .iter()
                .all(|(wanted, found)| **wanted == ANY || **wanted == *found)
        })
        .map(|(.., class)| *class)
}

const ANY: u16 = u16::MAX;

/// Read from top to bottom; codes that are not here leave it to the words.
const CODES: &[(u16, u16, u16, Class)] = &[
    // RFC 3463 §3.3; a full mailbox is full for now or for good.
    (ANY, 2, 2, Class::MailboxFull),
    // Queues end with a code for "later" (RFC 3464 §2.3.4), or with 5.4.7.
    (4, 1, ANY, Class::Expired),
    (4, 3, ANY, Class::Expired),
    (4, 4, ANY, Class::Expired),
    (4, 7, ANY, Class::Expired),
    (5, 4, 7, Class::Expired),
    // The address: no such mailbox, moved; null MX (RFC 7505), which Exchange Online uses for no such recipient.
    (5, 1, 1, Class::NoMailbox),
    (5, 1, 6, Class::NoMailbox),
    (5, 1, 10, Class::NoMailbox),
    (5, 2, 1, Class::NoMailbox),
    // The mailbox has another owner (RFC 7293).
    (5, 7, 13, Class::NoMailbox),
    (5, 7, 17, Class::NoMailbox),
    // The domain, or the address's form; Exchange Online's 5.4.310 for a domain that is not in the DNS.
    (5, 1, 2, Class::NoDomain),
    (5, 1, 3, Class::NoDomain),
    (5, 4, 4, Class::NoDomain),
    (5, 4, 310, Class::NoDomain),
    // Our sender.
    (5, 1, 7, Class::Policy),
    (5, 1, 8, Class::Policy),
    // Exchange's 5.7.12x and 5.7.13x are the recipient's own rules.
    (5, 7, 118, Class::Refused),
    (5, 7, 120, Class::Refused),
    (5, 7, 121, Class::Refused),
    (5, 7, 122, Class::Refused),
    (5, 7, 123, Class::Refused),
    (5, 7, 124, Class::Refused),
    (5, 7, 129, Class::Refused),
    (5, 7, 133, Class::Refused),
    (5, 7, 134, Class::Refused),
    (5, 7, 2, Class::Refused),
    // Authentication and reputation: Gmail's 5.7.25 to 5.7.40, Microsoft's 5.7.509, 5.7.515, 5.7.6xx, 5.7.7xx.
    (5, 7, 20, Class::Policy),
    (5, 7, 21, Class::Policy),
    (5, 7, 22, Class::Policy),
    (5, 7, 23, Class::Policy),
    (5, 7, 24, Class::Policy),
    (5, 7, 25, Class::Policy),
    (5, 7, 26, Class::Policy),
    (5, 7, 27, Class::Policy),
    (5, 7, 28, Class::Policy),
    (5, 7, 29, Class::Policy),
    (5, 7, 30, Class::Policy),
    (5, 7, 40, Class::Policy),
    (5, 7, 60, Class::Policy),
    (5, 7, 64, Class::Policy),
    (5, 7, 509, Class::Policy),
    (5, 7, 515, Class::Policy),
    // Size and form.
    (5, 2, 3, Class::Refused),
    (5, 3, 4, Class::Refused),
    (5, 6, ANY, Class::Refused),
];

/// Words of block lists and filters, in lower case.
const POLICY: &[&str] = &[
    "block list",
    "blocklist",
    "block-list",
    "blacklist",
    "black list",
    "denylist",
    "blocked using",
    "listed at",
    "spamhaus",
    "spamcop",
    "sorbs",
    "uceprotect",
    "senderscore",
    "sender score",
    "[bl2",
    "[bl0",
    "[tss",
    "(s3",
    "spam",
    "reputation",
    "unsolicited",
    "bulk mail",
    "banned",
    "virus",
    "malware",
    "phish",
    "dmarc",
    "dkim",
    "spf fail",
    "spf check",
    "spf:",
    "unauthenticated",
    "reverse dns",
    "ptr record",
    "rdns",
    "poor karma",
    "message content",
    "content rejected",
    "rate limit",
    "anti-virus policy",
    "administrative prohibition",
    "violat",
];

/// Words about a mailbox or a domain, in lower case; the first group that fits decides.
const TEXTS: &[(Class, &[&str])] = &[
    (
        Class::MailboxFull,
        &[
            "mailbox full",
            "mailbox is full",
            "mailbox for user is full",
            "mail box full",
            "over quota",
            "overquota",
            "over-quota",
            "quota exceeded",
            "exceeded quota",
            "exceeded his/her quota",
            "disk quota",
            "exceeded storage",
            "exceeds allowed message count",
            "mailbox size limit",
            "mailbox exceeds",
            "out of storage space",
            "storage quota",
            "postfach voll",
            "postfach ist voll",
            "postfach des empf\u{e4}ngers ist voll",
            "speicherplatz",
            "bo\u{ee}te aux lettres pleine",
            "bo\u{ee}te pleine",
            "quota d\u{e9}pass\u{e9}",
            "brevl\u{e5}dan \u{e4}r full",
            "postl\u{e5}dan \u{e4}r full",
            "buz\u{f3}n lleno",
            "casella piena",
            "\u{5bb9}\u{91cf}",
        ],
    ),
    (
        Class::NoDomain,
        &[
            "host not found",
            "domain not found",
            "unknown host",
            "host unknown",
            "host or domain name not found",
            "name or service not known",
            "couldn't find any host",
            "domain does not exist",
            "no such domain",
            "unrouteable",
            "unroutable",
            "nxdomain",
            "no mx record",
            "not a valid domain",
            "badly formatted",
            "bad address syntax",
            "invalid domain",
            "dns error",
        ],
    ),
    (
        Class::NoMailbox,
        &[
            "user unknown",
            "unknown user",
            "unknown recipient",
            "recipient unknown",
            "unknown address",
            "address unknown",
            "unknown mailbox",
            "no such user",
            "no such recipient",
            "no such mailbox",
            "no such person",
            "nosuchuser",
            "no mailbox",
            "does not exist",
            "doesn't exist",
            "doesn't have a",
            "not exist",
            "mailbox unavailable",
            "mailbox not found",
            "mailbox not available",
            "user not found",
            "recipient not found",
            "recipnotfound",
            "address not found",
            "wasn't found",
            "couldn't be found",
            "could not be found",
            "cannot be found",
            "invalid recipient",
            "invalid mailbox",
            "invalid address",
            "recipient address rejected: access denied",
            "not listed in",
            "account has been disabled",
            "account is disabled",
            "account has been suspended",
            "mailbox disabled",
            "mailbox is disabled",
            "mailbox is inactive",
            "address no longer",
            "no longer valid",
            "no longer employed",
            "no longer works",
            "not our customer",
            "unbekannt",
            "nicht gefunden",
            "existiert nicht",
            "n'existe pas",
            "inconnu",
            "introuvable",
            "finns inte",
            "hittades inte",
            "no existe",
            "non esiste",
            "\u{5b58}\u{5728}\u{3057}",
            "\u{898b}\u{3064}\u{304b}",
            "\u{4e0d}\u{660e}",
        ],
    ),
    (
        Class::Expired,
        &[
            "message expired",
            "delivery time expired",
            "retry timeout exceeded",
            "retry time not reached",
            "queue too long",
            "too long in the queue",
            "time in queue",
            "message timed out",
            "connection timed out",
            "connection refused",
            "unable to deliver for",
            "zeit\u{fc}berschreitung",
        ],
    ),
];

/// The words in lower case, without the addresses in them: what somebody is called says nothing.
fn plain(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for word in words.split_whitespace().filter(|word| !word.contains('@')) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&word.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: &str, words: &str, expected: Option<Class>) {
        let refusal = Refusal { status: Status::find(status), words: words.to_owned() };
        assert_eq!(refusal.class(), expected, "{status:?} {words:?}");
    }

    #[test]
    fn codes_and_words_decide_in_their_order() {
        use Class::*;
        for (status, words, expected) in [
            ("5.1.1", "", Some(NoMailbox)),
            ("5.1.1 (bad destination mailbox address)", "", Some(NoMailbox)),
            ("5.0.0", "smtp; 550 5.1.1 <jane@paper.example>: user unknown", Some(NoMailbox)),
            ("5.0.0", "smtp; 550 No such user here", Some(NoMailbox)),
            ("5.5.0", "smtp;550 Requested action not taken: mailbox unavailable", Some(NoMailbox)),
            ("5.2.2", "smtp; 552 5.2.2 over quota", Some(MailboxFull)),
            ("4.2.2", "452 4.2.2 mailbox full", Some(MailboxFull)),
            ("", "452 The email account that you tried to reach is over quota", Some(MailboxFull)),
            ("5.1.2", "", Some(NoDomain)),
            ("5.4.4", "Host or domain name not found", Some(NoDomain)),
            ("5.7.1", "550 5.7.1 Message blocked using Spamhaus", Some(Policy)),
            ("5.1.1", "550 5.1.1 rejected, your IP is on our block list", Some(Policy)),
            ("5.7.26", "", Some(Policy)),
            ("5.7.515", "Access denied, sending domain does not meet the required level", Some(Policy)),
            ("5.7.1", "Recipient address rejected: user unknown", Some(NoMailbox)),
            ("5.7.1", "relaying denied", Some(Refused)),
            ("5.7.13", "", Some(NoMailbox)),
            ("4.4.7", "delivery time expired", Some(Expired)),
            ("4.4.1", "connect to mx.paper.example[192.0.2.1]:25: Connection timed out", Some(Expired)),
            ("4.7.1", "greylisted", Some(Expired)),
            ("4.0.0", "mailbox is full", Some(MailboxFull)),
            ("4.0.0", "", Some(Expired)),
            ("5.3.4", "too big", Some(Refused)),
            ("5.6.7", "", Some(Refused)),
            ("5.9.999", "", Some(Refused)),
            ("", "554 nope", Some(Refused)),
            ("", "", None),
            ("", "nobody knows", None),
            ("", "Empf\u{e4}nger unbekannt", Some(NoMailbox)),
            // What somebody is called says nothing.
            ("5.1.1", "550 5.1.1 <anti.spam@paper.example> unknown", Some(NoMailbox)),
        ] {
            check(status, words, expected);
        }
    }

    #[test]
    fn a_code_is_no_part_of_a_longer_number() {
        for (text, expected) in [
            ("550 5.1.1 x", Some("5.1.1")),
            ("#5.1.1", Some("5.1.1")),
            ("(#5.7.1)", Some("5.7.1")),
            ("550-5.7.26 x", None),
            ("5.1.1.10", None),
            ("15.1.1", None),
            ("5.1.1000", None),
            ("mx5.1.1", None),
            ("5.1.1.", Some("5.1.1")),
            ("3.1.1", None),
            ("5.1", None),
        ] {
            assert_eq!(Status::find(text).map(|status| status.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn reply_codes_stand_alone() {
        for (text, expected) in [
            ("said: 550 no", Some(550)),
            ("550-no", Some(550)),
            ("smtp;550 5.1.1", Some(550)),
            ("port 5500", None),
            ("580 x", None),
            ("10.0.0.550", None),
            ("554", Some(554)),
            ("id 550@x", None),
        ] {
            assert_eq!(smtp_code(text), expected, "{text}");
        }
    }
}
