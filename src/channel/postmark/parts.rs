//! A finished message, taken apart for Postmark's `POST /email` (postmarkapp.com/developer/api/email-api). Pure.
//!
//! What is taken apart is the message that a relay would get, so whatever a template, an attachment or a header field
//! adds to mail is here as well.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_parser::{Address, MessageParser, MessagePart, MimeHeaders};
use serde_json::{Value, json};

use crate::channel::{Failure, Parcel, Recipient, letter};

/// The piece of metadata that names the delivery. Names have at most 20 characters, values 80.
pub const DELIVERY: &str = "delivery";
/// The most bytes of the text, and of the HTML.
const MOST: usize = 5_000_000;

/// Header fields that Postmark writes itself, from members of the request or of its own accord.
const NOT_PASSED_ON: &[&str] = &[
    "from",
    "to",
    "cc",
    "bcc",
    "subject",
    "reply-to",
    "date",
    "return-path",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "dkim-signature",
];

/// The request's body for `message`, the finished mail of `parcel`.
pub fn body(parcel: &Parcel, message: &[u8], stream: &str) -> Result<Vec<u8>, Failure> {
    let unreadable =
        || crate::channel::refused("the mail cannot be taken apart; this is a fault in Dateline");
    let mail = MessageParser::default().parse(message).ok_or_else(unreadable)?;
    let text = mail.body_text(0).ok_or_else(unreadable)?;
    let html = mail.body_html(0).ok_or_else(unreadable)?;
    letter::fits(text.len().max(html.len()), MOST, "Postmark, for a text or its HTML,")?;

    let mut headers: Vec<Value> = mail
        .headers_raw()
        .filter(|(name, _)| !NOT_PASSED_ON.iter().any(|own| own.eq_ignore_ascii_case(name)))
        .map(|(name, value)| json!({ "Name": name, "Value": unfolded(value) }))
        .collect();
    // postmarkapp.com/support: without it, Postmark writes a Message-ID of its own.
    headers.push(json!({ "Name": "X-PM-KeepID", "Value": "true" }));

    let mut metadata = json!({ DELIVERY: parcel.wire_key });
    if let Recipient::Mailbox { bounce: Some(token), .. } = &parcel.recipient {
        metadata[letter::REPORTED] = json!(token);
    }
    let mut body = json!({
        "From": mail.from().and_then(mailbox).ok_or_else(unreadable)?,
        "To": mail.to().and_then(mailbox).ok_or_else(unreadable)?,
        "Subject": mail.subject().unwrap_or_default(),
        "TextBody": text,
        "HtmlBody": html,
        "Headers": headers,
        "MessageStream": stream,
        "Tag": parcel.edition.request.slug,
        "Metadata": metadata,
        "TrackOpens": false,
        "TrackLinks": "None",
    });
    if let Some(reply_to) = mail.reply_to().and_then(mailbox) {
        body["ReplyTo"] = json!(reply_to);
    }
    let attachments: Vec<Value> = mail.attachments().map(attachment).collect();
    if !attachments.is_empty() {
        body["Attachments"] = json!(attachments);
    }
    Ok(body.to_string().into_bytes())
}

/// The first mailbox, its name in quotation marks: punctuation in a bare one ends it
/// (postmarkapp.com/support/article/1180-what-does-errorcode-300-mean).
fn mailbox(address: &Address<'_>) -> Option<String> {
    let first = address.first()?;
    let email = first.address()?;
    Some(match first.name().filter(|name| !name.is_empty()) {
        Some(name) => format!("\"{}\" <{email}>", name.replace('\\', "\\\\").replace('"', "\\\"")),
        None => email.to_owned(),
    })
}

/// A field's value on one line (RFC 5322 2.2.3).
fn unfolded(value: &str) -> String {
    value.replace("\r\n", "").trim().to_owned()
}

fn attachment(part: &MessagePart<'_>) -> Value {
    let kind = part.content_type().map_or_else(
        || "application/octet-stream".to_owned(),
        |kind| {
            let mut text = match kind.subtype() {
                Some(subtype) => format!("{}/{subtype}", kind.ctype()),
                None => kind.ctype().to_owned(),
            };
            for parameter in kind.attributes().into_iter().flatten().filter(|known| known.name != "name") {
                text.push_str("; ");
                text.push_str(&parameter.name);
                text.push('=');
                text.push_str(&parameter.value);
            }
            text
        },
    );
    let mut attachment = json!({
        "Name": part.attachment_name().unwrap_or("attachment"),
        "Content": STANDARD.encode(part.contents()),
        "ContentType": kind,
    });
    if let Some(id) = part.content_id() {
        attachment["ContentID"] = json!(format!("cid:{}", id.trim_matches(['<', '>'])));
    }
    attachment
}
