//! A mail, compiled once: headers, text, HTML and enclosures, with slots for what differs by recipient.
//!
//! Everything is ASCII with CRLF, no line is longer than 76 bytes (headers that may not be folded
//! apart) or begins with a dot. The boundary is derived from the content, so the same newsroom
//! gives the same bytes.

mod calendar;
mod data;
mod enclosures;
mod encode;
mod engraved;
mod fields;
mod fill;
mod forward;
mod html;
mod message;
mod part;
mod sender;
mod size;
mod stylist;
mod text;
mod tidy;

pub use forward::{Answer, forward};

use super::scene::Scene;
use super::templates::Templates;
use super::{Mail, RenderError};

use data::{common, release_data};
use enclosures::Enclosures;
pub(super) use encode::escape_html;
use fields::{Data, Datum, Fields};
pub(super) use html::Maker;
use message::assemble;

/// The most characters of a subject; more is nobody's headline.
const SUBJECT: usize = 250;

/// The mail about one release.
pub(super) fn compose(scene: &Scene<'_>, templates: &Templates, maker: &Maker) -> Result<Mail, RenderError> {
    let sender = maker.sender(scene.channel)?;
    let subject = subject(scene, scene.words.subject.unwrap_or(scene.words.title))?;
    let template = templates.choose("email", scene.words.template, &scene.request.audience)?;
    let body = scene.body(!scene.request.advance);

    let text = text::letter(scene, &body, maker, sender.can_unsubscribe());
    let mut fields = Fields::default();
    let mut data = common(scene, &mut fields, &subject, &sender);
    release_data(scene, &mut fields, &body, &mut data);
    let mut html = maker.make(templates, &template, scene, &data, &fields)?;
    let enclosures = Enclosures::gather(scene, &sender, &mut html)?;
    Ok(assemble(scene, &sender, &subject, &text, &html, &enclosures))
}

/// A round-up: several releases, each with title, summary and link.
pub(super) fn compose_digest(
    scenes: &[Scene<'_>],
    templates: &Templates,
    maker: &Maker,
) -> Result<Mail, RenderError> {
    let first =
        scenes.first().ok_or_else(|| RenderError::Content("a round-up needs a release".to_owned()))?;
    let sender = maker.sender(first.channel)?;
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
    let mut fields = Fields::default();
    let mut items = Vec::new();
    for (at, scene) in scenes.iter().enumerate() {
        let summary = scene.summary_alone();
        letter.headline(scene.words.title, '-');
        letter.paragraph(&summary);
        letter.block(&format!("{}: {}", scene.phrase("read-more"), scene.url));
        let lead = scene.media.iter().find(|piece| piece.is_image());
        let mut item = Data::default();
        item.put("title", fields.text(format!("title{at}"), Some(scene.words.title)));
        item.put("kicker", fields.text(format!("kicker{at}"), kicker(scene)));
        item.put("summary", fields.text(format!("summary{at}"), Some(summary)));
        item.put("url", fields.text(format!("url{at}"), Some(scene.url.clone())));
        item.words("published", scene.published.to_string());
        let image = lead.map_or(Datum::Nothing, |piece| {
            let mut image = Data::default();
            image.put("url", fields.text(format!("image{at}"), Some(piece.url.clone())));
            image.put("alt", fields.text(format!("alt{at}"), Some(piece.alt())));
            Datum::Group(image)
        });
        item.put("image", image);
        items.push(Datum::Group(item));
    }
    text::footer(first, &mut letter, sender.can_unsubscribe());
    let mut data = common(first, &mut fields, &subject, &sender);
    data.put("headline", fields.text("headline", Some(plain.as_str())));
    data.put("releases", Datum::List(items));
    let titles: Vec<&str> = scenes.iter().map(|scene| scene.words.title).collect();
    let preheader = data::preheader(&titles.join(" · "));
    data.put("preheader", fields.text("preheader", Some(preheader)));
    let html = maker.make(templates, &template, first, &data, &fields)?;
    Ok(assemble(first, &sender, &subject, &letter.finish(), &html, &Enclosures::default()))
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

#[cfg(test)]
mod tests;
