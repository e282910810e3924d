//! Text, HTML and enclosures as one message: headers, boundaries, encodings.

use super::super::scene::Scene;
use super::enclosures::Enclosures;
use super::encode;
use super::engraved::Printer;
use super::part::Part;
use super::sender::Sender;
use crate::contact::EmailAddress;
use crate::digest::Running;
use crate::render::{Mail, Piece, Slot};

pub(super) fn assemble(
    scene: &Scene<'_>,
    sender: &Sender,
    subject: &str,
    text: &[Part],
    html: &[Part],
    enclosures: &Enclosures,
) -> Mail {
    let boundary = boundary(scene, subject, text, html);
    let mut mail = Pieces { pieces: Vec::with_capacity(24), literal: Vec::with_capacity(48 * 1024) };
    headers(scene, sender, subject, &mut mail);
    let alternative = format!("=_alt_{boundary}");
    let mixed = format!("=_mix_{boundary}");
    let related = format!("=_rel_{boundary}");
    if !enclosures.files.is_empty() {
        mail.line(&format!("Content-Type: multipart/mixed;\r\n boundary=\"{mixed}\""));
        mail.line("");
        mail.line(&format!("--{mixed}"));
    }
    mail.line(&format!("Content-Type: multipart/alternative;\r\n boundary=\"{alternative}\""));
    mail.line("");
    mail.line(&format!("--{alternative}"));
    mail.words("plain", text);
    mail.line(&format!("--{alternative}"));
    if enclosures.pictures.is_empty() {
        mail.words("html", html);
    } else {
        // RFC 2387: the first part is the one to show.
        mail.line(&format!(
            "Content-Type: multipart/related; type=\"text/html\";\r\n boundary=\"{related}\""
        ));
        mail.line("");
        mail.line(&format!("--{related}"));
        mail.words("html", html);
        for picture in &enclosures.pictures {
            mail.line(&format!("--{related}"));
            mail.literal.extend_from_slice(picture.text.as_bytes());
        }
        mail.line(&format!("--{related}--"));
    }
    mail.line(&format!("--{alternative}--"));
    if !enclosures.files.is_empty() {
        for file in &enclosures.files {
            mail.line(&format!("--{mixed}"));
            mail.literal.extend_from_slice(file.text.as_bytes());
        }
        mail.line(&format!("--{mixed}--"));
    }
    mail.end_literal();
    Mail {
        subject: subject.to_owned(),
        from: sender.address.clone(),
        unsubscribe_url: sender.unsubscribe_url.clone(),
        unsubscribe_mailto: sender.unsubscribe_mailto.clone(),
        pieces: mail.pieces,
    }
}

/// RFC 5322, RFC 2369, RFC 2919, RFC 8058; the receivers' own wishes are named where they stand.
fn headers(scene: &Scene<'_>, sender: &Sender, subject: &str, mail: &mut Pieces) {
    let mailbox = |header: &str, name: Option<&str>, address: &EmailAddress, mail: &mut Pieces| {
        mail.literal.extend_from_slice(header.as_bytes());
        encode::mailbox(name, &address.to_string(), header.len(), &mut mail.literal);
        mail.literal.extend_from_slice(b"\r\n");
    };
    mailbox("From: ", sender.name.as_deref(), &sender.address, mail);
    mail.literal.extend_from_slice(b"To: ");
    mail.slot(Slot::To);
    mail.line("");
    if let Some((name, address)) = &sender.reply_to {
        mailbox("Reply-To: ", name.as_deref(), address, mail);
    }
    encode::text_header("Subject", subject, &mut mail.literal);
    let date = scene.request.date.to_zoned(scene.newsroom.timezone.clone());
    mail.line(&format!("Date: {}", date.strftime("%a, %d %b %Y %H:%M:%S %z")));
    mail.literal.extend_from_slice(b"Message-ID: <");
    mail.slot(Slot::MessageId);
    mail.line(">");
    mail.slot(Slot::References);
    mail.line(&format!("Content-Language: {}", scene.language()));
    if let Some(id) = sender.list_id() {
        mail.line(&format!("List-Id: {id}"));
    }
    if sender.can_unsubscribe() {
        mail.slot(Slot::ListUnsubscribe);
    }
    // Gmail's feedback loop: at most four fields, and the last one names the sender in 5 to 15 characters
    // (support.google.com/mail/answer/6254652, read November 2026).
    let word = |text: &str, most: usize| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(letter).take(most).collect()
    };
    let request = scene.request;
    mail.line(&format!(
        "Feedback-ID: {}:{}:press:{:->5}",
        word(&request.slug, 20),
        word(&request.audience, 14),
        word(&scene.newsroom.organization, 15)
    ));
    // Neither is a standard: what answers by itself leaves bulk mail alone, and Exchange wants to be told in its own way.
    // No `Auto-Submitted`: people wrote this (RFC 3834 2).
    mail.line("Precedence: bulk");
    mail.line("X-Auto-Response-Suppress: OOF, AutoReply");
    mail.line("MIME-Version: 1.0");
}

/// Equal content, equal boundary. `=_` cannot stand in quoted-printable or base64 (RFC 2045 6.7).
fn boundary(scene: &Scene<'_>, subject: &str, text: &[Part], html: &[Part]) -> String {
    let request = serde_json::to_vec(scene.request).unwrap_or_default();
    let mut fields = Running::default();
    fields.field(std::iter::once(request.as_slice())).field(std::iter::once(subject.as_bytes()));
    for part in text.iter().chain(html) {
        if let Part::Literal(literal) = part {
            fields.field(literal.pieces().map(str::as_bytes));
        }
    }
    fields.name().to_string().chars().take(24).collect()
}

/// Literals and slots of a whole message in the making.
struct Pieces {
    pieces: Vec<Piece>,
    literal: Vec<u8>,
}

impl Pieces {
    fn line(&mut self, line: &str) {
        self.literal.extend_from_slice(line.as_bytes());
        self.literal.extend_from_slice(b"\r\n");
    }

    fn slot(&mut self, slot: Slot) {
        self.end_literal();
        self.pieces.push(Piece::Slot(slot));
    }

    fn end_literal(&mut self) {
        if !self.literal.is_empty() {
            // Everything that is written here is ASCII; a replacement character would fail the guard. The room is
            // used again: what is kept has its own, and no more than it needs.
            let literal = std::str::from_utf8(&self.literal)
                .map_or_else(|_| String::from_utf8_lossy(&self.literal).into_owned(), str::to_owned);
            self.pieces.push(Piece::Literal(literal));
            self.literal.clear();
        }
    }

    /// A text part: its headers and its words.
    fn words(&mut self, kind: &str, parts: &[Part]) {
        self.line(&format!("Content-Type: text/{kind}; charset=utf-8"));
        self.line("Content-Transfer-Encoding: quoted-printable");
        self.line("");
        self.body(parts);
    }

    /// A text part's body in quoted-printable; a slot stands between soft line breaks.
    fn body(&mut self, parts: &[Part]) {
        for part in parts {
            match part {
                // Each begins a line: at the start, or behind a slot.
                Part::Literal(text) => text.print(&mut Printer::new(&mut self.literal)),
                Part::Slot(slot) => {
                    self.literal.extend_from_slice(b"=\r\n");
                    self.slot(*slot);
                }
            }
        }
        self.literal.extend_from_slice(b"\r\n");
    }
}
