//! Filling a compiled mail's slots. The channel looks at the bytes once more before they leave.

use super::super::{Addressee, Mail, Piece, Slot};
use super::encode::{escape_html, mailbox, one_line, quoted_printable};

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
}

/// A value in a body stands on lines of its own between soft line breaks, so whatever its length,
/// the lines around it keep theirs.
fn body_slot(value: &str, message: &mut Vec<u8>) {
    quoted_printable(value, &mut 0, message);
    message.extend_from_slice(b"=\r\n");
}
