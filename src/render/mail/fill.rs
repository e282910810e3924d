//! Filling a compiled mail's slots, and the last look at its bytes.

use super::super::{Addressee, Mail, Piece, Slot};
use super::encode::{escape_html, mailbox, one_line, quoted_printable};

/// Why a message must not leave as it is. It is held, never mended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// A CR without LF or an LF without CR: the way to smuggle commands (CVE-2023-51764).
    #[error("line ends are not all CRLF")]
    LineEnds,
    /// A NUL.
    #[error("there is a NUL byte")]
    Nul,
    /// RFC 5322 2.1.1.
    #[error("a line is longer than 998 bytes")]
    LongLine,
    /// A byte beyond ASCII; the mail would need 8BITMIME or SMTPUTF8.
    #[error("there are bytes that are not ASCII")]
    NotAscii,
    /// A header that must be there once is missing, doubled or malformed.
    #[error("the header `{0}` is missing, doubled or malformed")]
    Header(&'static str),
}

/// Headers that every one of our mails has exactly once.
const ONCE: [&str; 7] = ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"];
/// Headers that none may have twice (RFC 5322 3.6, RFC 2369, RFC 8058).
const AT_MOST_ONCE: [&str; 7] = [
    "Reply-To",
    "In-Reply-To",
    "References",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Feedback-ID",
];

impl Mail {
    /// The message for one recipient, ready for the wire but for dot-stuffing, which it never needs.
    pub fn fill(&self, addressee: &Addressee<'_>) -> Vec<u8> {
        let mut message = Vec::new();
        self.fill_into(addressee, &mut message);
        message
    }

    /// As [`Mail::fill`], into a buffer that can be used again; what it held is gone.
    pub fn fill_into(&self, addressee: &Addressee<'_>, message: &mut Vec<u8>) {
        message.clear();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(literal) => message.extend_from_slice(literal.as_bytes()),
                Piece::Slot(slot) => self.slot(*slot, addressee, message),
            }
        }
    }

    fn slot(&self, slot: Slot, addressee: &Addressee<'_>, message: &mut Vec<u8>) {
        let token = one_line(addressee.token);
        match slot {
            Slot::To => {
                let name = addressee.name.map(one_line);
                mailbox(name.as_deref(), &addressee.email.to_string(), "To: ".len(), message);
            }
            Slot::MessageId => message.extend_from_slice(one_line(addressee.message_id).as_bytes()),
            Slot::References => {
                if let Some(earlier) = addressee.in_reply_to.map(one_line) {
                    let lines = format!("In-Reply-To: <{earlier}>\r\nReferences: <{earlier}>\r\n");
                    message.extend_from_slice(lines.as_bytes());
                }
            }
            Slot::ListUnsubscribe => {
                message.extend_from_slice(self.list_unsubscribe(&token).as_bytes());
            }
            Slot::NameHtml => body_slot(&escape_html(&Mail::shown_name(addressee)), message),
            Slot::NameText => body_slot(&Mail::shown_name(addressee), message),
            Slot::UnsubscribeHtml => body_slot(&escape_html(&self.unsubscribe_link(&token)), message),
            Slot::UnsubscribeText => body_slot(&self.unsubscribe_link(&token), message),
        }
    }

    /// The name to greet by, else the address.
    fn shown_name(addressee: &Addressee<'_>) -> String {
        match addressee.name.map(one_line).filter(|name| !name.is_empty()) {
            Some(name) => name,
            None => addressee.email.to_string(),
        }
    }

    /// The page where the recipient leaves; the mailbox that does the same where there is none.
    fn unsubscribe_link(&self, token: &str) -> String {
        match &self.unsubscribe_url {
            Some(base) => format!("{}/{token}", base.trim_end_matches('/')),
            None => self.unsubscribe_mailbox(token).unwrap_or_default(),
        }
    }

    fn unsubscribe_mailbox(&self, token: &str) -> Option<String> {
        let mailbox = self.unsubscribe_mailto.as_ref()?;
        Some(format!("mailto:{}+{token}@{}?subject=unsubscribe", mailbox.local(), mailbox.domain()))
    }

    /// RFC 2369 3.2, RFC 8058 3: the one-click header only beside an https address.
    fn list_unsubscribe(&self, token: &str) -> String {
        let web = self.unsubscribe_url.is_some().then(|| self.unsubscribe_link(token));
        let ways: Vec<String> =
            web.iter().chain(&self.unsubscribe_mailbox(token)).map(|way| format!("<{way}>")).collect();
        if ways.is_empty() {
            return String::new();
        }
        let one_click = if web.is_some_and(|url| url.starts_with("https://")) {
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
        } else {
            ""
        };
        format!("List-Unsubscribe: {}\r\n{one_click}", ways.join(",\r\n "))
    }

    /// Looks at the final bytes of a message, just before they leave.
    ///
    /// The body was made from guarded pieces; this is the check that does not trust them.
    pub fn guard(message: &[u8]) -> Result<(), GuardError> {
        // Each of these is one pass that the compiler turns into vector instructions.
        let seen = message.iter().fold(0, |seen, byte| seen | byte);
        if seen >= 0x80 {
            return Err(GuardError::NotAscii);
        }
        if message.iter().map(|byte| usize::from(*byte == 0)).sum::<usize>() > 0 {
            return Err(GuardError::Nul);
        }
        let count = |wanted: u8| message.iter().map(|byte| usize::from(*byte == wanted)).sum::<usize>();
        let pairs: usize = message
            .iter()
            .zip(message.iter().skip(1))
            .map(|(a, b)| usize::from(*a == b'\r') & usize::from(*b == b'\n'))
            .sum();
        if pairs != count(b'\r') || pairs != count(b'\n') {
            return Err(GuardError::LineEnds);
        }
        short_lines(message)?;
        headers(message)
    }
}

/// A value in a body stands on lines of its own between soft line breaks, so whatever its length,
/// the lines around it keep theirs.
fn body_slot(value: &str, message: &mut Vec<u8>) {
    quoted_printable(value, &mut 0, message);
    message.extend_from_slice(b"=\r\n");
}

fn short_lines(message: &[u8]) -> Result<(), GuardError> {
    const LONGEST: usize = 998 + 2;
    let mut start = 0;
    while message.len() - start > LONGEST {
        // The last line end within reach: a jump over a dozen lines at once.
        let reach = &message[start..start + LONGEST];
        let end = reach.iter().rposition(|byte| *byte == b'\n').ok_or(GuardError::LongLine)?;
        start += end + 1;
    }
    let rest = &message[start..];
    let last = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    if rest.len() - last > 998 { Err(GuardError::LongLine) } else { Ok(()) }
}

fn headers(message: &[u8]) -> Result<(), GuardError> {
    let mut once = [0_usize; ONCE.len()];
    let mut at_most_once = [0_usize; AT_MOST_ONCE.len()];
    let mut ended = false;
    for line in message.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            ended = true;
            break;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let colon =
            line.iter().position(|byte| *byte == b':').ok_or(GuardError::Header("without a colon"))?;
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
            return Err(GuardError::Header("with an odd name"));
        }
        for (count, known) in once.iter_mut().zip(ONCE).chain(at_most_once.iter_mut().zip(AT_MOST_ONCE)) {
            *count += usize::from(name.eq_ignore_ascii_case(known.as_bytes()));
        }
    }
    if !ended {
        return Err(GuardError::Header("end"));
    }
    for (count, name) in once.iter().zip(ONCE) {
        if *count != 1 {
            return Err(GuardError::Header(name));
        }
    }
    for (count, name) in at_most_once.iter().zip(AT_MOST_ONCE) {
        if *count > 1 {
            return Err(GuardError::Header(name));
        }
    }
    Ok(())
}
