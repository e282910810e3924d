//! Reads replies (RFC 5321 §4.2) from bytes, and never trusts them.
//!
//! Accepted: one or many lines, a bare code without text, CRLF or LF, any bytes as text (what is
//! not UTF-8 is replaced). Refused: lines that do not begin with a code from 200 to 599, lines of one
//! reply that disagree, and more than [`CAP`] bytes. A refused reply still tells its first digit,
//! which after the final dot is better than nothing.

use crate::channel;

/// The most bytes a reply may have, and so the most that a line may have.
///
/// RFC 5321 §4.5.3.1.5 allows 512 a line; servers with much to say about policy send more.
pub const CAP: usize = 4096;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    /// The code, from 200 to 599.
    pub code: u16,
    /// The text of each line, without the code.
    pub lines: Vec<String>,
}

/// Why bytes are no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Garbage {
    /// What is wrong.
    pub why: &'static str,
    /// The first digit, where every line so far agrees on it.
    pub digit: Option<u8>,
    /// The bytes as text.
    pub text: String,
}

impl SmtpReply {
    /// The class of the reply: 2, 3, 4 or 5.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The enhanced status code that opens the text, if there is one (RFC 2034, RFC 3463).
    pub fn enhanced(&self) -> Option<&str> {
        enhanced(self.lines.first()?)
    }

    /// The text in one line, without the enhanced codes.
    pub fn text(&self) -> String {
        let bare = |line: &String| match enhanced(line) {
            Some(code) => line[code.len()..].trim_start().to_owned(),
            None => line.clone(),
        };
        self.lines.iter().map(bare).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

impl From<&SmtpReply> for channel::Reply {
    fn from(reply: &SmtpReply) -> channel::Reply {
        channel::Reply::new(reply.code, reply.enhanced().map(str::to_owned), &reply.text())
    }
}

/// The enhanced status code at the start of `line`: class 2, 4 or 5, then two numbers of one to
/// three digits, then a space or the end.
fn enhanced(line: &str) -> Option<&str> {
    let code = line.split(' ').next()?;
    let mut parts = code.split('.');
    let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let good = matches!(parts.next()?, "2" | "4" | "5") && number(parts.next()?) && number(parts.next()?);
    (good && parts.next().is_none()).then_some(code)
}

/// Reads one reply from the start of `input`.
///
/// Returns the reply and how many bytes it took, or nothing while it is incomplete.
pub fn parse(input: &[u8]) -> Result<Option<(SmtpReply, usize)>, Garbage> {
    let mut digit = None;
    let mut agreed: Option<u16> = None;
    let mut lines = Vec::new();
    let mut taken = 0;
    loop {
        let rest = input.get(taken..).unwrap_or_default();
        let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
            return if input.len() >= CAP { Err(garbage("too long", digit, input)) } else { Ok(None) };
        };
        if taken + end >= CAP {
            return Err(garbage("too long", digit, input));
        }
        let line = rest.get(..end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        taken += end + 1;

        let first = line.first().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0');
        digit = if lines.is_empty() { first } else { digit.filter(|_| digit == first) };
        let Some((code, last, text)) = split(line) else {
            return Err(garbage("not a reply", digit, input));
        };
        if agreed.is_some_and(|agreed| agreed != code) {
            return Err(garbage("lines of one reply disagree", digit, input));
        }
        agreed = Some(code);
        lines.push(String::from_utf8_lossy(text).trim_end().to_owned());
        if last {
            return Ok(Some((SmtpReply { code, lines }, taken)));
        }
    }
}

/// Code, whether it is the reply's last line, and text.
fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (code, rest) = line.split_at_checked(3)?;
    let code: u16 = std::str::from_utf8(code).ok().filter(|code| !code.starts_with('+'))?.parse().ok()?;
    if !(200..600).contains(&code) {
        return None;
    }
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

fn garbage(why: &'static str, digit: Option<u8>, input: &[u8]) -> Garbage {
    let head = input.get(..input.len().min(200)).unwrap_or_default();
    Garbage { why, digit, text: String::from_utf8_lossy(head).trim_end().to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `code|line|line +bytes left`, `…` while incomplete, `! why digit` for garbage.
    #[track_caller]
    fn check(input: &[u8], expected: &str) {
        let seen = match parse(input) {
            Ok(Some((reply, taken))) => {
                format!("{}|{} +{}", reply.code, reply.lines.join("|"), input.len() - taken)
            }
            Ok(None) => "…".to_owned(),
            Err(garbage) => format!("! {} {:?}", garbage.why, garbage.digit),
        };
        assert_eq!(seen, expected, "{:?}", String::from_utf8_lossy(input));
    }

    #[test]
    fn replies_are_read() {
        check(b"250 2.0.0 queued\r\n", "250|2.0.0 queued +0");
        check(b"250\r\n", "250| +0");
        check(b"250 \r\n", "250| +0");
        check(b"250 ok\n", "250|ok +0");
        check(b"250-a\r\n250-b\n250 c\r\n354 go\r\n", "250|a|b|c +8");
        check(b"250-\r\n250\r\n", "250|| +0");
        check(b"250 caf\xe9\r\n", "250|caf\u{fffd} +0");
        check("550 用户不存在\r\n".as_bytes(), "550|用户不存在 +0");
        check(b"450 \x1b[31mred\r\n", "450|\u{1b}[31mred +0");
    }

    #[test]
    fn an_incomplete_reply_is_waited_for() {
        for part in [&b""[..], b"2", b"250", b"250 ok", b"250 ok\r", b"250-a\r\n", b"250-a\r\n250 b"] {
            check(part, "…");
        }
    }

    #[test]
    fn garbage_is_refused_and_tells_its_first_digit() {
        check(b"2500 ok\r\n", "! not a reply Some(2)");
        check(b"99 x\r\n", "! not a reply Some(9)");
        check(b"\r\n", "! not a reply None");
        check(b"ok\r\n", "! not a reply None");
        check(b"25\r\n", "! not a reply Some(2)");
        check(b"+50 ok\r\n", "! not a reply None");
        check(b"600 x\r\n", "! not a reply Some(6)");
        check(b"199 x\r\n", "! not a reply Some(1)");
        check(b"250_ok\r\n", "! not a reply Some(2)");
        check(b"HTTP/1.1 400 Bad Request\r\n", "! not a reply None");
        check(b"250-a\r\n251 b\r\n", "! lines of one reply disagree Some(2)");
        check(b"250-a\r\n550 b\r\n", "! lines of one reply disagree None");
        check(b"250-a\r\n\r\n", "! not a reply None");
        check(b"\xff\xfe\xfd\r\n", "! not a reply None");
    }

    #[test]
    fn the_length_is_capped_by_line_and_in_all() {
        let line = |length: usize| [b"250 ".as_slice(), &vec![b'x'; length], b"\r\n"].concat();
        check(&line(CAP - 6), &format!("250|{} +0", "x".repeat(CAP - 6)));
        check(&line(CAP), "! too long None");
        check(&vec![b'2'; CAP], "! too long None");
        check(&b"250-x\r\n".repeat(CAP / 7 + 1), "! too long Some(2)");
    }

    #[test]
    fn every_split_gives_the_same_reply() {
        let whole = b"250-one\r\n250-two\n250 three\r\n";
        for at in 0..whole.len() {
            assert_eq!(parse(&whole[..at]), Ok(None), "{at}");
        }
        check(whole, "250|one|two|three +0");
    }

    #[test]
    fn enhanced_codes_are_recognised() {
        for (line, expected) in [
            ("5.1.1 no such user", Some("5.1.1")),
            ("4.2.2", Some("4.2.2")),
            ("5.999.9 odd", Some("5.999.9")),
            ("5.7.515 Access denied", Some("5.7.515")),
            ("3.1.1 x", None),
            ("5.1 x", None),
            ("5.1.1.1 x", None),
            ("5.1111.1 x", None),
            ("5..1 x", None),
            ("5.1.1: x", None),
            ("192.0.2.1 is blocked", None),
            ("", None),
        ] {
            assert_eq!(enhanced(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_text_is_one_line_without_enhanced_codes() {
        let input = b"550-5.1.1 The mailbox\r\n550-5.1.1 does not\r\n550 5.1.1 exist.\r\n";
        let (reply, _) = parse(input).unwrap().unwrap();
        assert_eq!(channel::Reply::from(&reply).to_string(), "550 5.1.1 The mailbox does not exist.");
    }
}
