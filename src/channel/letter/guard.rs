//! The last look at a message before a socket sees it.
//!
//! What fails here is refused and never mended: a message that needs mending is not the one that
//! was approved. The rules close SMTP smuggling (CVE-2023-51764 and its family) and command injection
//! by bare line ends (RUSTSEC-2026-0561), and keep the message free of anything a relay would rewrite.

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

/// Looks at the final bytes. One pass; nothing is copied.
///
/// `utf8_headers` is for a message that leaves under SMTPUTF8 (RFC 6532): its header may hold UTF-8,
/// its body still may not.
pub fn examine(message: &[u8], utf8_headers: bool) -> Result<Fit, Unfit> {
    if !utf8_headers && !message.is_ascii() {
        return Err(Unfit::EightBit);
    }
    let text = std::str::from_utf8(message).map_err(|_| Unfit::EightBit)?;
    if text.contains('\0') {
        return Err(Unfit::Nul);
    }
    if text.is_empty() {
        return Err(Unfit::Unended);
    }
    let mut dots = false;
    let mut fields = Some([false; ONCE.len()]);
    let mut next = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let start = next;
        next += line.len();
        let Some(bare) = line.strip_suffix('\n') else {
            return Err(if line.contains('\r') { Unfit::BareLineEnd(number) } else { Unfit::Unended });
        };
        let bare = bare.strip_suffix('\r').ok_or(Unfit::BareLineEnd(number))?;
        if bare.contains('\r') {
            return Err(Unfit::BareLineEnd(number));
        }
        if bare.len() > 998 {
            return Err(Unfit::LongLine(number));
        }
        dots |= bare.starts_with('.');
        if let Some(seen) = &mut fields {
            if bare.is_empty() {
                needed(seen)?;
                fields = None;
                if !message.get(start..).is_some_and(<[u8]>::is_ascii) {
                    return Err(Unfit::EightBit);
                }
            } else {
                field(bare, number, seen)?;
            }
        }
    }
    match fields {
        // A message without a body is valid, with or without the empty line (RFC 5322 §2.1).
        Some(seen) => needed(&seen).map(|()| Fit { dots }),
        None => Ok(Fit { dots }),
    }
}

fn field(line: &str, number: usize, seen: &mut [bool; ONCE.len()]) -> Result<(), Unfit> {
    if line.starts_with([' ', '\t']) {
        return if number == 1 { Err(Unfit::Header(number)) } else { Ok(()) };
    }
    let (name, _) = line.split_once(':').ok_or(Unfit::Header(number))?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Unfit::Header(number));
    }
    for (once, seen) in ONCE.iter().zip(seen) {
        if once.eq_ignore_ascii_case(name) && std::mem::replace(seen, true) {
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
