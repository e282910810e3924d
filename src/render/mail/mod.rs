//! A mail, compiled once: headers, text, HTML and calendar, with slots for what differs by recipient.
//!
//! Everything is ASCII with CRLF, no line is longer than 76 bytes (headers that may not be folded
//! apart) or begins with a dot. The boundary is derived from the content, so the same newsroom
//! gives the same bytes.

mod calendar;
mod encode;
mod fill;
mod html;
mod text;

use base64::Engine as _;
use serde_json::{Value, json};

use super::look::{contrasts, look};
use super::scene::Scene;
use super::templates::Templates;
use super::{Mail, Piece, RenderError, Slot};
use crate::contact::{AddressError, EmailAddress};
use crate::digest::Digest;
use crate::newsroom::ChannelFacts;
use crate::release::Notice;

pub(super) use encode::escape_html;
use html::Fields;
pub(super) use html::Maker;

/// The most characters of a subject; more is nobody's headline.
const SUBJECT: usize = 250;

/// A stretch of a part of the mail, not yet encoded.
enum Part {
    Literal(String),
    Slot(Slot),
}

/// The mail about one release.
pub(super) fn compose(scene: &Scene<'_>, templates: &Templates, maker: &Maker) -> Result<Mail, RenderError> {
    let sender = Sender::new(scene.channel)?;
    let subject = subject(scene, scene.words.subject.unwrap_or(scene.words.title))?;
    let template = templates.choose("email", scene.words.template, &scene.request.audience)?;
    let markdown = if scene.shows_body() { scene.markdown() } else { String::new() };
    let dateline = scene.dateline().filter(|_| scene.shows_body());
    let pictures = !scene.request.advance;
    let events = scene.events(&markdown, dateline.as_deref(), pictures);

    let text = text::letter(scene, &events, sender.can_unsubscribe());
    let mut fields = Fields::new(maker);
    let mut data = common(scene, &mut fields, &subject, &sender);
    data.extend(release_data(scene, &mut fields, &events));
    let html = maker.make(templates, &template, &Value::Object(data), &fields)?;
    let calendar = if scene.request.notice == Notice::Hold { None } else { calendar::calendar(scene) };
    Ok(assemble(scene, sender, subject, &text, &html, calendar))
}

/// A round-up: several releases, each with title, summary and link.
pub(super) fn compose_digest(
    scenes: &[Scene<'_>],
    templates: &Templates,
    maker: &Maker,
) -> Result<Mail, RenderError> {
    let first =
        scenes.first().ok_or_else(|| RenderError::Content("a round-up needs a release".to_owned()))?;
    let sender = Sender::new(first.channel)?;
    let plain = first
        .phrase("digest-subject")
        .replace("{}", &first.newsroom.organization)
        .replace("{date}", &first.day(first.request.date));
    let subject = subject(first, &plain)?;
    let wanted = first.newsroom.audiences.get(&first.request.audience).and_then(|a| a.digest.as_ref());
    let wanted = wanted.map_or("digest", |digest| digest.template.as_str());
    let template = templates.choose("email", Some(wanted), "digest")?;

    let mut letter = text::Letter::default();
    if first.request.test {
        letter.banner(first.phrase("test"), first.phrase("test-note"));
    }
    letter.headline(&plain, '-');
    letter.paragraph(first.phrase("digest-intro"));
    let mut fields = Fields::new(maker);
    let mut items = Vec::new();
    for (at, scene) in scenes.iter().enumerate() {
        let markdown = scene.markdown();
        let summary = scene.summary(&scene.events(&markdown, None, false));
        letter.headline(scene.words.title, '-');
        letter.paragraph(&summary);
        letter.block(&format!("{}: {}", scene.phrase("read-more"), scene.url));
        let lead = scene.media.iter().find(|piece| piece.is_image());
        items.push(json!({
            "title": fields.text(&format!("title{at}"), Some(scene.words.title)),
            "kicker": fields.text(&format!("kicker{at}"), kicker(scene)),
            "summary": fields.text(&format!("summary{at}"), Some(&summary)),
            "url": fields.text(&format!("url{at}"), Some(&scene.url)),
            "published": scene.published.to_string(),
            "image": lead.map(|piece| json!({
                "url": fields.text(&format!("image{at}"), Some(&piece.url)),
                "alt": fields.text(&format!("alt{at}"), Some(piece.alt())),
            })),
        }));
    }
    text::footer(first, &mut letter, sender.can_unsubscribe());
    let mut data = common(first, &mut fields, &subject, &sender);
    data.insert("headline".to_owned(), fields.text("headline", Some(&plain)));
    data.insert("releases".to_owned(), Value::Array(items));
    let html = maker.make(templates, &template, &Value::Object(data), &fields)?;
    Ok(assemble(first, sender, subject, &letter.finish(), &html, None))
}

/// The subject with its marks, in the order in which a reader must see them.
fn subject(scene: &Scene<'_>, words: &str) -> Result<String, RenderError> {
    let mut subject = String::new();
    let mut mark = |words: &str| {
        subject.push_str(words);
        subject.push_str(": ");
    };
    if scene.request.test {
        mark(scene.phrase("test"));
    }
    if scene.request.advance {
        let until = scene.moment(scene.release.embargo.unwrap_or(scene.published));
        mark(&scene.phrase("embargoed").replace("{}", &until));
    }
    if let Some(label) = scene.label() {
        mark(label);
    }
    subject.push_str(words.trim());
    if subject.chars().count() > SUBJECT {
        let file = &scene.text.file.path;
        return Err(RenderError::Content(format!(
            "{file}: the subject is longer than {SUBJECT} characters; give a shorter one with `subject:`"
        )));
    }
    Ok(subject)
}

fn kicker<'a>(scene: &Scene<'a>) -> Option<&'a str> {
    scene.text.file.front.kicker.as_ref().map(|kicker| kicker.value.as_str())
}

type Data = serde_json::Map<String, Value>;

/// What every email template has.
fn common(scene: &Scene<'_>, fields: &mut Fields<'_>, subject: &str, sender: &Sender) -> Data {
    let look = look(scene.newsroom, scene.language());
    let request = scene.request;
    let mut data = Data::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("language", json!(scene.language().as_str()));
    put("direction", json!(if super::phrases::right_to_left(scene.language()) { "rtl" } else { "ltr" }));
    put("audience", json!(request.audience));
    put("notice", json!(request.notice.as_str()));
    put("advance", json!(request.advance));
    put("test", json!(request.test));
    put("sent", json!(request.date.to_string()));
    let until = scene.moment(scene.release.embargo.unwrap_or(scene.published));
    put("embargo", fields.text("embargo", Some(&until)));
    let (accent_dark, on_accent) = contrasts(&look.accent);
    put("accent_dark", json!(accent_dark));
    put("on_accent", json!(on_accent));
    put("accent", json!(look.accent));
    put("ink", json!(look.ink));
    put("paper", json!(look.paper));
    put("subject", fields.text("subject", Some(subject)));
    put("organization", fields.text("organization", Some(&scene.newsroom.organization)));
    put("newsroom", fields.text("newsroom", Some(&scene.newsroom.name)));
    put("newsroom_url", fields.text("newsroomurl", Some(&scene.newsroom.url)));
    put("list", fields.text("list", Some(scene.audience_name())));
    put("recipient", fields.slot("recipient", Slot::NameHtml));
    let unsubscribe = if sender.can_unsubscribe() {
        fields.slot("unsubscribe", Slot::UnsubscribeHtml)
    } else {
        Value::Null
    };
    put("unsubscribe_url", unsubscribe);
    let address = scene.channel.postal_address.as_ref().map(|address| {
        address.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
    });
    put("postal_address", fields.text("postal", address.as_deref()));
    data
}

/// What the template of a single release has besides.
fn release_data(scene: &Scene<'_>, fields: &mut Fields<'_>, events: &[pulldown_cmark::Event<'_>]) -> Data {
    let advance = scene.request.advance;
    let mut data = Data::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    let summary = if scene.shows_body() {
        scene.summary(events)
    } else {
        scene.notice().map(|(_, words)| words).unwrap_or_default()
    };
    put("title", fields.text("title", Some(scene.words.title)));
    put("subtitle", fields.text("subtitle", scene.words.subtitle));
    put("kicker", fields.text("kicker", kicker(scene)));
    put("summary", fields.text("summary", Some(&summary)));
    let byline = scene.text.file.front.byline.as_ref().map(|byline| byline.value.as_str());
    put("byline", fields.text("byline", byline.filter(|_| scene.shows_body())));
    put("published", json!(scene.published.to_string()));
    put("url", if advance { Value::Null } else { fields.text("url", Some(&scene.url)) });
    let (label, words) = scene.notice().map_or((None, None), |(label, words)| (Some(label), Some(words)));
    put("label", fields.text("label", label));
    put("note", fields.text("note", words.as_deref()));
    let body = scene.html(events);

    // Before the embargo nothing of the release is public, so no address of it may be in the mail.
    let shown = !advance && scene.shows_body();
    let lead = scene.media.iter().find(|piece| piece.is_image());
    // Not twice, where the text shows it.
    let lead = lead.filter(|piece| shown && !body.contains(&piece.url));
    put("body", fields.html("body", &body));
    put(
        "image",
        lead.map_or(Value::Null, |piece| {
            json!({
                "url": fields.text("image", Some(&piece.url)),
                "alt": fields.text("imagealt", Some(piece.alt())),
                "caption": fields.text("imagecaption", Some(&piece.caption())),
            })
        }),
    );
    let recording = scene.media.iter().find(|piece| piece.is_audio()).filter(|_| shown);
    put(
        "audio",
        recording.map_or(Value::Null, |piece| {
            let title = piece.medium.title.as_ref().map_or(piece.name.as_str(), |title| title.value.as_str());
            let duration = piece.medium.duration.as_ref().map(|duration| duration.value.as_str());
            json!({
                "url": fields.text("audio", Some(&piece.url)),
                "title": fields.text("audiotitle", Some(title)),
                "duration": fields.text("audioduration", duration),
            })
        }),
    );
    put("more_images", json!(shown && scene.media.iter().filter(|piece| piece.is_image()).count() > 1));

    let mut event = if scene.shows_body() { scene.event() } else { Value::Null };
    if let Some(event) = event.as_object_mut() {
        for key in ["when", "place", "address", "url"] {
            let value = event.get(key).and_then(Value::as_str).map(str::to_owned);
            event.insert(key.to_owned(), fields.text(&format!("event{key}"), value.as_deref()));
        }
    }
    put("event", event);
    let standing: Vec<Value> = scene
        .boilerplate()
        .into_iter()
        .filter(|_| scene.shows_body())
        .enumerate()
        .map(|(at, text)| {
            let html = scene.html(&scene.events(text, None, !advance));
            fields.html(&format!("boilerplate{at}"), &html)
        })
        .collect();
    put("boilerplate", Value::Array(standing));
    let contacts: Vec<Value> = scene
        .contacts()
        .iter()
        .enumerate()
        .map(|(at, contact)| {
            json!({
                "name": fields.text(&format!("contactname{at}"), Some(&contact.name)),
                "title": fields.text(&format!("contacttitle{at}"), contact.title.as_deref()),
                "email": fields.text(&format!("contactemail{at}"), Some(&contact.email)),
                "phone": fields.text(&format!("contactphone{at}"), contact.phone.as_deref()),
            })
        })
        .collect();
    put("contacts", Value::Array(contacts));
    data
}

/// Who sends, as headers and envelope need it.
struct Sender {
    name: Option<String>,
    address: EmailAddress,
    reply_to: Option<(Option<String>, EmailAddress)>,
    list_id: Option<String>,
    unsubscribe_url: Option<String>,
    unsubscribe_mailto: Option<EmailAddress>,
}

impl Sender {
    fn new(channel: &ChannelFacts) -> Result<Sender, RenderError> {
        let key = &channel.key;
        let wrong = |what: &str, why: &str| {
            RenderError::Content(format!("dateline.yaml: channel `{key}`: `{what}` {why}"))
        };
        let parse = |what: &str, text: &str| -> Result<(Option<String>, EmailAddress), RenderError> {
            // A control character in a name makes lettre panic later on: it stops here.
            if text.chars().any(super::scene::forbidden) {
                return Err(wrong(what, "holds a control character; remove it"));
            }
            let mailbox: lettre::message::Mailbox = text
                .parse()
                .map_err(|_| wrong(what, "is no mailbox; write it as `Name <name@host.example>`"))?;
            let address: &str = mailbox.email.as_ref();
            let address = address
                .parse()
                .map_err(|error: AddressError| wrong(what, &format!("cannot be used: {error}")))?;
            Ok((mailbox.name, address))
        };
        let from =
            channel.from.as_deref().ok_or_else(|| wrong("from", "is missing; name the sender's mailbox"))?;
        let (name, address) = parse("from", from)?;
        let reply_to = channel.reply_to.as_deref().map(|text| parse("reply_to", text)).transpose()?;
        let unsubscribe_mailto = channel
            .unsubscribe_mailto
            .as_deref()
            .map(|text| parse("unsubscribe_mailto", text.trim_start_matches("mailto:")))
            .transpose()?
            .map(|(_, address)| address);
        let unsubscribe_url = channel
            .unsubscribe_url
            .as_deref()
            .map(|text| {
                let good = url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
                    && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>,\"".contains(&byte));
                if good { Ok(text.to_owned()) } else { Err(wrong("unsubscribe_url", "is no web address")) }
            })
            .transpose()?;
        let list_id = channel.list_id.clone();
        if list_id.as_ref().is_some_and(|id| !id.chars().all(|c| c.is_ascii_graphic() || c == ' ')) {
            return Err(wrong("list_id", "may hold ASCII alone; write it as `Name <list.host.example>`"));
        }
        Ok(Sender { name, address, reply_to, list_id, unsubscribe_url, unsubscribe_mailto })
    }

    fn can_unsubscribe(&self) -> bool {
        self.unsubscribe_url.is_some() || self.unsubscribe_mailto.is_some()
    }

    /// `"Name" <list.host.example>` (RFC 2919 3); the sender's name where only the list's stands.
    fn list_id(&self) -> Option<String> {
        let id = self.list_id.as_deref()?.trim();
        if id.ends_with('>') {
            return Some(id.to_owned());
        }
        let mut value = Vec::new();
        encode::mailbox(self.name.as_deref(), id, "List-Id: ".len(), &mut value);
        let value = String::from_utf8_lossy(&value).into_owned();
        Some(if value.ends_with('>') { value } else { format!("<{value}>") })
    }
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

fn assemble(
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

#[cfg(test)]
mod tests;
