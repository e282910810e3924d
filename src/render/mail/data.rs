//! What the email templates are given.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::look::contrasts;
use super::super::phrases;
use super::super::scene::{Prose, Scene, shorten};
use super::html::Fields;
use super::kicker;
use super::sender::Sender;
use crate::render::Slot;

pub(super) type Data = serde_json::Map<String, Value>;

/// Nothing to see, but a place: behind the words that an inbox shows beside the subject, so that it does not go on
/// with the first words of the text. A joiner, a non-joiner and a space that holds.
const HUSH: &str = "\u{34f}\u{200c}\u{a0}";

/// The most characters that inboxes show beside a subject.
const PREHEADER: usize = 140;

/// The words that an inbox shows beside the subject.
pub(super) fn preheader(words: &str) -> String {
    shorten(words, PREHEADER)
}

/// What every email template has.
pub(super) fn common(scene: &Scene<'_>, fields: &mut Fields<'_>, subject: &str, sender: &Sender) -> Data {
    let look = scene.look();
    let request = scene.request;
    let mut data = Data::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    put("language", json!(scene.language().as_str()));
    put("direction", json!(if phrases::right_to_left(scene.language()) { "rtl" } else { "ltr" }));
    let language = scene.language();
    let turned = phrases::right_to_left(language);
    put("start", json!(if turned { "right" } else { "left" }));
    put("end", json!(if turned { "left" } else { "right" }));
    put("font", json!(phrases::typeface(language)));
    put("headline_font", json!(phrases::headline_typeface(language)));
    put("spaced", json!(phrases::spaced_capitals(language)));
    put("keep_words", json!(language.base() == "ko"));
    put("hush", json!(HUSH.repeat(100)));
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
pub(super) fn release_data(scene: &Scene<'_>, fields: &mut Fields<'_>, body: &Arc<Prose>) -> Data {
    let advance = scene.request.advance;
    let mut data = Data::new();
    let mut put = |name: &str, value: Value| data.insert(name.to_owned(), value);
    let summary = if scene.shows_body() {
        scene.summary(body)
    } else {
        scene.notice().map(|(_, words)| words).unwrap_or_default()
    };
    put("title", fields.text("title", Some(scene.words.title)));
    put("subtitle", fields.text("subtitle", scene.words.subtitle));
    put("kicker", fields.text("kicker", kicker(scene)));
    put("summary", fields.text("summary", Some(&summary)));
    let beside = if summary.is_empty() { scene.words.subtitle.unwrap_or_default() } else { &summary };
    put("preheader", fields.text("preheader", Some(&preheader(beside))));
    let byline = scene.text.file.front.byline.as_ref().map(|byline| byline.value.as_str());
    put("byline", fields.text("byline", byline.filter(|_| scene.shows_body())));
    put("published", json!(scene.published.to_string()));
    put("url", if advance { Value::Null } else { fields.text("url", Some(&scene.url)) });
    let (label, words) = scene.notice().map_or((None, None), |(label, words)| (Some(label), Some(words)));
    put("label", fields.text("label", label));
    put("note", fields.text("note", words.as_deref()));

    // Before the embargo nothing of the release is public, so no address of it may be in the mail.
    let shown = !advance && scene.shows_body();
    let pictured = scene.shows_body() && (shown || scene.carries_pictures());
    let lead = scene.media.iter().find(|piece| piece.is_image());
    // Not twice, where the text shows it.
    let lead = lead.filter(|piece| pictured && !body.html.contains(&piece.url));
    put("body", fields.html("body", body));
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
    put("calendar", json!(event.is_object()));
    put("event", event);
    let attachments: Vec<Value> = scene
        .attachments()
        .iter()
        .filter(|_| scene.shows_body())
        .enumerate()
        .map(|(at, file)| {
            json!({
                "name": fields.text(&format!("attached{at}"), Some(file.name)),
                "size": fields.text(&format!("attachedsize{at}"), Some(&file.size())),
            })
        })
        .collect();
    put("attachments", Value::Array(attachments));
    let standing: Vec<Value> = scene
        .boilerplate()
        .into_iter()
        .filter(|_| scene.shows_body())
        .enumerate()
        .map(|(at, text)| fields.html(&format!("boilerplate{at}"), &scene.prose(text, None, !advance)))
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
