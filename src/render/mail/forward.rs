//! An answer by a person, on its way to the press desk: what it answers, what it says, and the mail itself as it came.

use base64::Engine as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::encode;
use super::sender::Sender;
use crate::contact::EmailAddress;
use crate::newsroom::ChannelFacts;
use crate::render::{Mail, Piece, RenderError, Slot};

/// The most that is quoted of its text.
const MOST_QUOTED: usize = 20_000;
/// A line of the mail that may stand as it is (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 900;

/// An answer by a person.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The release that it answers.
    pub slug: &'a str,
    /// Its title.
    pub title: &'a str,
    /// Who wrote it, as the mail says.
    pub author: &'a str,
    /// Where the desk's own answer goes.
    pub reply_to: Option<&'a EmailAddress>,
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The mail as it came.
    pub original: &'a [u8],
    /// When it came.
    pub at: Timestamp,
    /// The same for every try.
    pub id: &'a str,
}

/// The mail that brings `answer` to the desk, from the sender of `channel`.
///
/// It says that a machine sent it (RFC 3834 §5), so that no machine answers; what comes back of it all the same is told by
/// `X-Dateline-Forwarded`, and goes no further.
pub fn forward(channel: &ChannelFacts, answer: &Answer<'_>) -> Result<Mail, RenderError> {
    let sender = Sender::new(channel)?;
    let subject = encode::one_line(&format!("{} [{}]", answer.subject, answer.title));
    let subject: String = subject.chars().take(240).collect();
    let mut head = Vec::new();
    head.extend_from_slice(b"From: ");
    encode::mailbox(sender.name.as_deref(), &sender.address.to_string(), 6, &mut head);
    head.extend_from_slice(b"\r\nTo: ");
    let mut rest = Vec::new();
    rest.extend_from_slice(b"\r\n");
    if let Some(address) = answer.reply_to {
        rest.extend_from_slice(format!("Reply-To: {address}\r\n").as_bytes());
    }
    encode::text_header("Subject", &subject, &mut rest);
    let date = answer.at.to_zoned(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z").to_string();
    let (id, domain) = (answer.id, sender.address.domain());
    let slug: String = answer.slug.chars().filter(char::is_ascii_graphic).take(200).collect();
    let boundary = format!("=_answer_{id}");
    rest.extend_from_slice(
        format!(
            "Date: {date}\r\nMessage-ID: <{id}@{domain}>\r\nAuto-Submitted: auto-generated\r\n\
             X-Auto-Response-Suppress: All\r\nX-Dateline-Forwarded: {slug}\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed;\r\n boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        .as_bytes(),
    );
    encode::quoted_printable(&text(answer), &mut 0, &mut rest);
    rest.extend_from_slice(format!("\r\n--{boundary}\r\n").as_bytes());
    attach(answer.original, &mut rest);
    rest.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let literal = |bytes: Vec<u8>| Piece::Literal(String::from_utf8_lossy(&bytes).into_owned());
    Ok(Mail {
        subject,
        from: sender.address,
        unsubscribe_url: None,
        unsubscribe_mailto: None,
        pieces: vec![literal(head), Piece::Slot(Slot::To), literal(rest)],
    })
}

fn text(answer: &Answer<'_>) -> String {
    let mut text = format!(
        "{} answered \u{201c}{}\u{201d} ({}).\n",
        encode::one_line(answer.author),
        encode::one_line(answer.title),
        answer.slug
    );
    text.push_str(match answer.reply_to {
        Some(_) => "Answer this mail to answer them. Their mail is attached as it came.\n\n",
        None => "Their mail is attached as it came.\n\n",
    });
    let quoted: String = answer.text.chars().take(MOST_QUOTED).collect();
    for line in quoted.lines() {
        text.push_str("> ");
        text.push_str(&encode::one_line(line));
        text.push('\n');
    }
    text
}

/// The mail as it came: as a mail where it can stand as it is (RFC 2046 §5.2.1 allows no other encoding), else as a file.
fn attach(original: &[u8], out: &mut Vec<u8>) {
    let lines = || original.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let plain = lines().all(|line| {
        line.len() <= LONGEST_LINE && line.iter().all(|byte| *byte == b'\t' || (b' '..=b'~').contains(byte))
    });
    if plain {
        out.extend_from_slice(
            b"Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=\"answer.eml\"\r\n\r\n",
        );
        for line in lines() {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
        return;
    }
    out.extend_from_slice(
        b"Content-Type: application/octet-stream; name=\"answer.eml\"\r\n\
          Content-Disposition: attachment; filename=\"answer.eml\"\r\nContent-Transfer-Encoding: base64\r\n\r\n",
    );
    let encoded = base64::engine::general_purpose::STANDARD.encode(original);
    for line in encoded.as_bytes().chunks(76) {
        out.extend_from_slice(line);
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::newsroom::ChannelKind;
    use crate::render::Addressee;

    fn channel() -> ChannelFacts {
        ChannelFacts {
            key: "relay".to_owned(),
            kind: ChannelKind::Smtp,
            language: None,
            characters: None,
            from: Some("Halden Motors Press <press@news.halden.example>".to_owned()),
            reply_to: None,
            postal_address: None,
            list_id: None,
            unsubscribe_url: None,
            unsubscribe_mailto: None,
            images: crate::release::Images::default(),
        }
    }

    #[track_caller]
    fn check(original: &[u8], author: &str, expected: &[&str]) {
        let reply_to = "ann@paper.example".parse().unwrap();
        let answer = Answer {
            slug: "aster-ev",
            title: "Aster EV goes 620 km on one charge",
            author,
            reply_to: Some(&reply_to),
            subject: "Re: Aster EV \u{e5}ngest",
            text: "Could I drive it?\n.\r\nBcc: x@y.example",
            original,
            at: "2026-12-01T09:00:00Z".parse().unwrap(),
            id: "answer-7",
        };
        let mail = forward(&channel(), &answer).unwrap();
        let to = "desk@halden.example".parse().unwrap();
        let addressee = Addressee { email: &to, name: None, message_id: "x", in_reply_to: None, token: "" };
        let message = mail.fill(&addressee);
        let text = String::from_utf8(message.clone()).unwrap();
        assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 998), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']), "{text:?}");
        let parsed = mail_parser::MessageParser::new().parse(&message).unwrap();
        assert_eq!(parsed.subject(), Some("Re: Aster EV \u{e5}ngest [Aster EV goes 620 km on one charge]"));
        let body = parsed.body_text(0).unwrap();
        for part in expected {
            assert!(text.contains(part) || body.contains(part), "{part} is not in\n{text}\n{body}");
        }
        assert!(parsed.header("Bcc").is_none() && parsed.attachment_count() == 1);
    }

    #[test]
    fn an_answer_reaches_the_desk_with_all_that_it_needs() {
        check(
            b"From: ann@paper.example\nSubject: Re: Aster\n\nCould I drive it?\n",
            "Ann Lind <ann@paper.example>",
            &[
                "Reply-To: ann@paper.example\r\n",
                "Auto-Submitted: auto-generated\r\n",
                "X-Dateline-Forwarded: aster-ev\r\n",
                "Message-ID: <answer-7@news.halden.example>\r\n",
                "> Could I drive it?",
                "(aster-ev)",
                "Content-Type: message/rfc822\r\n",
                "To: desk@halden.example\r\n",
            ],
        );
        check(
            "From: ann@paper.example\n\nCould I drive it, \u{e5}ngest?\n\0".as_bytes(),
            "Ann\r\nBcc: x@y.example",
            &["Content-Type: application/octet-stream", "Content-Transfer-Encoding: base64"],
        );
    }
}
