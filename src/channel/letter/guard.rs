//! The last look at a message before a socket sees it.
//!
//! What fails here is refused and never mended: a message that needs mending is not the one that
//! was approved. The rules close SMTP smuggling (CVE-2023-51764 and its family) and command injection
//! by bare line ends (RUSTSEC-2026-0561), and keep the message free of anything a relay would rewrite. At last the header is read
//! back with another parser, which must find sender, recipient, subject and list headers as they were meant.

use mail_parser::HeaderName;

use crate::contact::EmailAddress;

/// Why a message must not leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The message is empty, or does not end its last line.
    #[error("the message does not end with a line end")]
    Unended,
    /// A CR without LF, or an LF without CR (RFC 5321 §2.3.8).
    #[error("line {0} of the message has a bare CR or LF")]
    BareLineEnd(usize),
    /// RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1.
    #[error("line {0} of the message is longer than 998 bytes")]
    LongLine(usize),
    /// A byte that needs 8BITMIME or SMTPUTF8; editions are ASCII (quoted-printable).
    #[error("the message has bytes that are not ASCII")]
    EightBit,
    /// RFC 5321 §4.5.2.
    #[error("the message has a NUL byte")]
    Nul,
    /// Not a header field: `Name: value`, or a continuation of one.
    #[error("line {0} of the message is not a header field")]
    Header(usize),
    /// A field that RFC 5322 §3.6 allows once.
    #[error("the header `{0}` is there twice")]
    Twice(&'static str),
    /// A field without which a message is not valid, or not ours.
    #[error("the header `{0}` is missing")]
    Missing(&'static str),
    /// Another parser does not read what was meant.
    #[error("the header `{0}` does not read back as what was meant")]
    Misread(&'static str),
}

/// What a reader must find in a message's header.
#[derive(Debug, Clone, Copy)]
pub struct Meant<'a> {
    /// The sender.
    pub from: &'a EmailAddress,
    /// The one recipient.
    pub to: &'a EmailAddress,
    /// The subject, decoded.
    pub subject: &'a str,
    /// Without angle brackets.
    pub message_id: &'a str,
    /// What it corrects or withdraws.
    pub in_reply_to: Option<&'a str>,
    /// What stands in `List-Unsubscribe`, where there is one.
    pub token: &'a str,
}

/// Reads the header with a parser that somebody else wrote, and compares. The body is not read: it holds what the edition holds,
/// which is compared when it is frozen.
pub fn read_back(message: &[u8], meant: &Meant<'_>) -> Result<(), Unfit> {
    let end = memchr::memmem::find(message, b"\r\n\r\n").map_or(message.len(), |at| at + 4);
    let head = message.get(..end).unwrap_or(message);
    let read = mail_parser::MessageParser::new()
        .with_address_headers()
        .with_message_ids()
        .header_text(HeaderName::Subject)
        .header_raw(HeaderName::ListUnsubscribe)
        .header_raw(HeaderName::ListUnsubscribePost)
        .default_header_ignore()
        .parse_headers(head)
        .ok_or(Unfit::Misread("From"))?;
    let only = |address: Option<&mail_parser::Address<'_>>, meant: &EmailAddress| {
        let mut all = address.into_iter().flat_map(mail_parser::Address::iter);
        let one = all.next().and_then(mail_parser::Addr::address);
        // What stands there is compared as it would be sent to.
        one.and_then(|text| text.parse::<EmailAddress>().ok()).as_ref() == Some(meant) && all.next().is_none()
    };
    let raw = |name: HeaderName<'_>| {
        read.header_raw(name).map(|text| text.split_ascii_whitespace().collect::<String>())
    };
    let leave = raw(HeaderName::ListUnsubscribe);
    let post = raw(HeaderName::ListUnsubscribePost);
    for (name, good) in [
        ("From", only(read.from(), meant.from)),
        ("To", only(read.to(), meant.to)),
        (
            "Subject",
            read.subject().unwrap_or_default().split_whitespace().eq(meant.subject.split_whitespace()),
        ),
        ("Message-ID", read.message_id() == Some(meant.message_id)),
        ("In-Reply-To", read.in_reply_to().as_text() == meant.in_reply_to),
        ("References", read.references().as_text() == meant.in_reply_to),
        ("List-Unsubscribe", leave.as_ref().is_none_or(|ways| ways.contains(meant.token))),
        // RFC 8058 §3.1: never without an https address to post to.
        (
            "List-Unsubscribe-Post",
            post.is_none_or(|post| {
                post == "List-Unsubscribe=One-Click" && leave.is_some_and(|ways| ways.contains("<https://"))
            }),
        ),
    ] {
        if !good {
            return Err(Unfit::Misread(name));
        }
    }
    Ok(())
}

/// Header fields that may stand once (RFC 5322 §3.6, RFC 2045, RFC 2369, RFC 2919, RFC 8058).
const ONCE: [&str; 18] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
    "Bcc",
];

/// Header fields that must stand.
const NEEDED: [&str; 5] = ["From", "To", "Subject", "Date", "Message-ID"];

/// What is known of a message that may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// Whether a line begins with a dot, which the wire doubles.
    pub dots: bool,
}

/// Looks at the final bytes, which stay where they are. Every mail pays for this: what can be asked of all bytes at once is not
/// asked of each line.
///
/// `utf8_headers` is for a message that leaves under SMTPUTF8 (RFC 6532): its header may hold UTF-8,
/// its body still may not.
pub fn examine(message: &[u8], utf8_headers: bool) -> Result<Fit, Unfit> {
    let ascii = message.is_ascii();
    let allowed = ascii || (utf8_headers && std::str::from_utf8(message).is_ok());
    if !allowed {
        return Err(Unfit::EightBit);
    }
    if memchr::memchr(0, message).is_some() {
        return Err(Unfit::Nul);
    }
    if message.is_empty() {
        return Err(Unfit::Unended);
    }
    // As many CRs as LFs, and a CR in front of every LF: then none stands alone.
    let count = |byte| memchr::memchr_iter(byte, message).count();
    let strays = count(b'\r') != count(b'\n');
    let mut dots = false;
    let mut fields = Some([false; ONCE.len()]);
    let mut start = 0;
    let mut number = 0;
    for end in memchr::memchr_iter(b'\n', message) {
        let line = message.get(start..end).unwrap_or_default();
        start = end + 1;
        number += 1;
        let bare = line.strip_suffix(b"\r").ok_or(Unfit::BareLineEnd(number))?;
        if strays && bare.contains(&b'\r') {
            return Err(Unfit::BareLineEnd(number));
        }
        if bare.len() > 998 {
            return Err(Unfit::LongLine(number));
        }
        dots |= bare.first() == Some(&b'.');
        if let Some(seen) = &mut fields {
            if bare.is_empty() {
                needed(seen)?;
                fields = None;
                if !ascii && !message.get(start..).is_some_and(<[u8]>::is_ascii) {
                    return Err(Unfit::EightBit);
                }
            } else {
                field(bare, number, seen)?;
            }
        }
    }
    let rest = message.get(start..).unwrap_or_default();
    if !rest.is_empty() {
        return Err(if rest.contains(&b'\r') { Unfit::BareLineEnd(number + 1) } else { Unfit::Unended });
    }
    match fields {
        // A message without a body is valid, with or without the empty line (RFC 5322 §2.1).
        Some(seen) => needed(&seen).map(|()| Fit { dots }),
        None => Ok(Fit { dots }),
    }
}

fn field(line: &[u8], number: usize, seen: &mut [bool; ONCE.len()]) -> Result<(), Unfit> {
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return if number == 1 { Err(Unfit::Header(number)) } else { Ok(()) };
    }
    let colon = memchr::memchr(b':', line).ok_or(Unfit::Header(number))?;
    let name = line.get(..colon).unwrap_or_default();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return Err(Unfit::Header(number));
    }
    for (once, seen) in ONCE.iter().zip(seen) {
        if once.as_bytes().eq_ignore_ascii_case(name) && std::mem::replace(seen, true) {
            return Err(Unfit::Twice(once));
        }
    }
    Ok(())
}

fn needed(seen: &[bool; ONCE.len()]) -> Result<(), Unfit> {
    match ONCE.iter().zip(seen).find(|(name, seen)| NEEDED.contains(name) && !**seen) {
        Some((name, _)) => Err(Unfit::Missing(name)),
        None => Ok(()),
    }
}

/// Doubles the dots that begin lines (RFC 5321 §4.5.2). `message` has passed [`examine`].
pub fn stuff(message: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::with_capacity(message.len() + 64);
    for line in message.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(b".") {
            stuffed.push(b'.');
        }
        stuffed.extend_from_slice(line);
    }
    debug_assert_eq!(unstuff(&stuffed), message, "what the server un-stuffs is what was approved");
    stuffed
}

/// What a server makes of stuffed lines.
fn unstuff(stuffed: &[u8]) -> Vec<u8> {
    stuffed
        .split_inclusive(|&byte| byte == b'\n')
        .flat_map(|line| line.strip_prefix(b".").unwrap_or(line))
        .copied()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "From: <a@b.example>\r\nTo: <c@d.example>\r\nSubject: x\r\n\
                        Date: Tue, 1 Dec 2026 09:00:00 +0000\r\nMessage-ID: <k@b.example>\r\n";

    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "so that the cases read well")]
    fn check(message: &[u8], expected: Result<bool, Unfit>) {
        assert_eq!(
            examine(message, false).map(|fit| fit.dots),
            expected,
            "{}",
            String::from_utf8_lossy(message)
        );
    }

    #[test]
    fn only_clean_messages_leave() {
        let body = |body: &str| [HEAD.as_bytes(), b"\r\n", body.as_bytes()].concat();
        check(&body("Hello\r\n"), Ok(false));
        check(&body(""), Ok(false));
        check(HEAD.as_bytes(), Ok(false));
        check(&body(".hidden\r\n"), Ok(true));
        check(&body("a\r\n.\r\nMAIL FROM:<evil@z.example>\r\n"), Ok(true));
        check(&body("a\n.\nMAIL FROM:<evil@z.example>\r\n"), Err(Unfit::BareLineEnd(7)));
        check(&body("a\r.\r\n"), Err(Unfit::BareLineEnd(7)));
        check(&body("a\r\r\n"), Err(Unfit::BareLineEnd(7)));
        check(&body("a\n\r\n"), Err(Unfit::BareLineEnd(7)));
        check(&body("a\r\nb\nc\rd\r\n"), Err(Unfit::BareLineEnd(8)));
        // As many of both, and still refused.
        check(&body("a\r\nc\rd\r\nb\n"), Err(Unfit::BareLineEnd(9)));
        check(&body("a\r"), Err(Unfit::BareLineEnd(7)));
        check(&body("a"), Err(Unfit::Unended));
        check(b"", Err(Unfit::Unended));
        check(&body("a\0b\r\n"), Err(Unfit::Nul));
        check(&body("caf\u{e9}\r\n"), Err(Unfit::EightBit));
        check(&body(&format!("{}\r\n", "x".repeat(998))), Ok(false));
        check(&body(&format!("{}\r\n", "x".repeat(999))), Err(Unfit::LongLine(7)));
    }

    #[test]
    fn smtputf8_opens_the_header_alone() {
        let head = HEAD.replace("<c@d.example>", "<j\u{f6}rg@d.example>");
        for (message, expected) in [
            (format!("{head}\r\nHello\r\n"), Ok(Fit { dots: false })),
            (format!("{head}\r\ncaf\u{e9}\r\n"), Err(Unfit::EightBit)),
        ] {
            assert_eq!(examine(message.as_bytes(), true), expected, "{message}");
            assert_eq!(examine(message.as_bytes(), false), Err(Unfit::EightBit), "{message}");
        }
    }

    #[test]
    fn headers_are_whole_and_stand_once() {
        let with = |extra: &str| [HEAD, extra, "\r\nHello\r\n"].concat().into_bytes();
        check(&with("X-Note: one\r\n two\r\n"), Ok(false));
        check(&with("from: <evil@z.example>\r\n"), Err(Unfit::Twice("From")));
        check(&with("List-Unsubscribe: <https://a/>\r\nLIST-UNSUBSCRIBE: <https://b/>\r\n"), {
            Err(Unfit::Twice("List-Unsubscribe"))
        });
        check(&with("no colon\r\n"), Err(Unfit::Header(6)));
        check(&with(": empty\r\n"), Err(Unfit::Header(6)));
        check(&with("Sub ject: x\r\n"), Err(Unfit::Header(6)));
        check(b" folded\r\n\r\n", Err(Unfit::Header(1)));
        check(b"\r\nHello\r\n", Err(Unfit::Missing("From")));
        check(HEAD.replace("Message-ID", "X-ID").as_bytes(), Err(Unfit::Missing("Message-ID")));
    }

    #[test]
    fn another_parser_reads_what_was_meant() {
        let [from, to] = ["a@b.example", "j\u{f6}rg@d.example"].map(|text| text.parse().unwrap());
        let meant = Meant {
            from: &from,
            to: &to,
            subject: "Så långt",
            message_id: "k@b.example",
            in_reply_to: Some("old@b.example"),
            token: "t0ken",
        };
        let good = "From: \"P\" <a@b.example>\r\nTo: =?utf-8?Q?J=C3=B6rg?=\r\n <j\u{f6}rg@d.example>\r\n\
                    Subject: =?utf-8?Q?S=C3=A5_?=\r\n =?utf-8?Q?l=C3=A5ngt?=\r\nMessage-ID: <k@b.example>\r\n\
                    In-Reply-To: <old@b.example>\r\nReferences: <old@b.example>\r\n\
                    List-Unsubscribe: <https://b.example/u/t0ken>,\r\n <mailto:u+t0ken@b.example>\r\n\
                    List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n";
        for (old, new, expected) in [
            ("", "", Ok(())),
            ("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n", "", Ok(())),
            ("<a@b.example>", "<a@c.example>", Err("From")),
            ("<a@b.example>", "<a@b.example>, <x@b.example>", Err("From")),
            ("<j\u{f6}rg@d.example>", "<jorg@d.example>", Err("To")),
            ("<j\u{f6}rg@d.example>", "<j\u{f6}rg@d.example>, x@z.example", Err("To")),
            ("=C3=A5ngt", "=C3=A4ngt", Err("Subject")),
            ("<k@b.example>", "<kk@b.example>", Err("Message-ID")),
            ("In-Reply-To: <old@b.example>\r\n", "", Err("In-Reply-To")),
            ("References: <old", "References: <older", Err("References")),
            ("/u/t0ken>,\r\n <mailto:u+t0ken@", "/u/other>,\r\n <mailto:u+other@", Err("List-Unsubscribe")),
            ("https://b", "http://b", Err("List-Unsubscribe-Post")),
            ("=One-Click", "=Two-Click", Err("List-Unsubscribe-Post")),
        ] {
            let message = good.replace(old, new);
            let message = if old.is_empty() { good.to_owned() } else { message };
            assert_eq!(read_back(message.as_bytes(), &meant), expected.map_err(Unfit::Misread), "{new}");
        }
    }

    #[test]
    fn dots_are_doubled_and_come_back() {
        for (message, stuffed) in [
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"),
            (".a\r\n..b\r\n", "..a\r\n...b\r\n"),
            ("a.\r\n", "a.\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuff(message.as_bytes())).unwrap(), stuffed);
            assert_eq!(unstuff(stuffed.as_bytes()), message.as_bytes());
        }
    }
}
