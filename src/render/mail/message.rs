//! Text, HTML and calendar as one message: headers, boundaries, encodings.

use base64::Engine as _;

use super::super::scene::Scene;
use super::sender::Sender;
use super::{Part, encode};
use crate::contact::EmailAddress;
use crate::digest::Digest;
use crate::release::Notice;
use crate::render::{Mail, Piece, Slot};

pub(super) fn assemble(
    scene: &Scene<'_>,
    sender: Sender,
    subject: String,
    text: &[Part],
    html: &[Part],
    calendar: Option<String>,
) -> Mail {
    let boundary = boundary(scene, &subject, text, html);
    let mut mail = Pieces::default();
    headers(scene, &sender, &subject, &mut mail);
    let alternative = format!("=_alt_{boundary}");
    let mixed = format!("=_mix_{boundary}");
    if calendar.is_some() {
        mail.line(&format!("Content-Type: multipart/mixed;\r\n boundary=\"{mixed}\""));
        mail.line("");
        mail.line(&format!("--{mixed}"));
    }
    mail.line(&format!("Content-Type: multipart/alternative;\r\n boundary=\"{alternative}\""));
    mail.line("");
    for (kind, body) in [("plain", text), ("html", html)] {
        mail.line(&format!("--{alternative}"));
        mail.line(&format!("Content-Type: text/{kind}; charset=utf-8"));
        mail.line("Content-Transfer-Encoding: quoted-printable");
        mail.line("");
        mail.body(body);
    }
    mail.line(&format!("--{alternative}--"));
    if let Some(calendar) = calendar {
        let method = if scene.request.notice == Notice::Kill { "CANCEL" } else { "PUBLISH" };
        mail.line(&format!("--{mixed}"));
        mail.line(&format!(
            "Content-Type: text/calendar; charset=utf-8; method={method};\r\n name=\"event.ics\""
        ));
        mail.line("Content-Disposition: attachment; filename=\"event.ics\"");
        mail.line("Content-Transfer-Encoding: base64");
        mail.line("");
        let encoded = base64::engine::general_purpose::STANDARD.encode(calendar);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, more) = rest.split_at(rest.len().min(76));
            mail.line(line);
            rest = more;
        }
        mail.line(&format!("--{mixed}--"));
    }
    mail.end_literal();
    let Sender { address, unsubscribe_url, unsubscribe_mailto, .. } = sender;
    Mail { subject, from: address, unsubscribe_url, unsubscribe_mailto, pieces: mail.pieces }
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
    // Gmail's feedback loop: four fields, the last one names the sender.
    let word = |text: &str, most: usize| -> String {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(letter).take(most).collect()
    };
    let request = scene.request;
    mail.line(&format!(
        "Feedback-ID: {}:{}:{}:{}",
        word(&request.slug, 20),
        word(&request.audience, 14),
        request.notice.as_str(),
        word(&scene.newsroom.organization, 16)
    ));
    // Exchange: no out-of-office answers. No `Auto-Submitted`: people wrote this (RFC 3834 2).
    mail.line("X-Auto-Response-Suppress: OOF, AutoReply");
    mail.line("MIME-Version: 1.0");
}

/// Equal content, equal boundary. `=_` cannot stand in quoted-printable or base64 (RFC 2045 6.7).
fn boundary(scene: &Scene<'_>, subject: &str, text: &[Part], html: &[Part]) -> String {
    let request = serde_json::to_vec(scene.request).unwrap_or_default();
    let mut fields: Vec<&[u8]> = vec![&request, subject.as_bytes()];
    for part in text.iter().chain(html) {
        if let Part::Literal(literal) = part {
            fields.push(literal.as_bytes());
        }
    }
    Digest::of_fields(&fields).to_string().chars().take(24).collect()
}

/// Literals and slots of a whole message in the making.
#[derive(Default)]
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
        // Everything that is written here is ASCII; a replacement character would fail the guard.
        let literal = std::mem::take(&mut self.literal);
        let literal =
            String::from_utf8(literal).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        if !literal.is_empty() {
            self.pieces.push(Piece::Literal(literal));
        }
    }

    /// A text part's body in quoted-printable; a slot stands between soft line breaks.
    fn body(&mut self, parts: &[Part]) {
        let mut column = 0;
        for part in parts {
            match part {
                Part::Literal(text) => encode::quoted_printable(text, &mut column, &mut self.literal),
                Part::Slot(slot) => {
                    self.literal.extend_from_slice(b"=\r\n");
                    self.slot(*slot);
                    column = 0;
                }
            }
        }
        self.literal.extend_from_slice(b"\r\n");
    }
}
