//! What the email templates are given.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::look::contrasts;
use super::super::phrases;
use super::super::scene::{Prose, Scene, shorten};
use super::fields::{Data, Datum, Fields};
use super::kicker;
use super::sender::Sender;
use crate::render::Slot;

/// Nothing to see, but a place: behind the words that an inbox shows beside the subject, so that it does not go on
/// with the first words of the text. A joiner, a non-joiner and a space that holds.
const HUSH: &str = "\u{34f}\u{200c}\u{a0}";

/// The most characters that inboxes show beside a subject.
const PREHEADER: usize = 140;

/// The words that an inbox shows beside the subject.
pub(super) fn preheader(words: &str) -> String {
    shorten(words, PREHEADER)
}

/// What every email template has, and what follows from the newsroom and the language alone.
pub(super) fn constants<'a>(scene: &Scene<'a>) -> Data<'a> {
    let look = scene.look();
    let language = scene.language();
    let turned = phrases::right_to_left(language);
    let (accent_dark, on_accent) = contrasts(&look.accent);
    let mut data = Data::default();
    data.words("language", language.as_str());
    data.words("direction", if turned { "rtl" } else { "ltr" });
    data.words("start", if turned { "right" } else { "left" });
    data.words("end", if turned { "left" } else { "right" });
    data.words("font", phrases::typeface(language));
    data.words("headline_font", phrases::headline_typeface(language));
    data.flag("spaced", phrases::spaced_capitals(language));
    data.flag("keep_words", language.base() == "ko");
    data.words("hush", HUSH.repeat(100));
    data.words("accent_dark", accent_dark);
    data.words("on_accent", on_accent);
    data.words("accent", look.accent.clone());
    data.words("ink", look.ink.clone());
    data.words("paper", look.paper.clone());
    data
}

/// What every email template has besides.
pub(super) fn common<'a>(
    scene: &Scene<'a>,
    fields: &mut Fields<'a>,
    subject: &'a str,
    sender: &Sender,
) -> Data<'a> {
    let request = scene.request;
    let mut data = Data::default();
    data.words("audience", &request.audience);
    data.words("notice", request.notice.as_str());
    data.flag("advance", request.advance);
    data.flag("test", request.test);
    data.words("sent", request.date.to_string());
    let until = scene.moment(scene.release.embargo.unwrap_or(scene.published));
    data.put("embargo", fields.text("embargo", Some(until)));
    data.put("subject", fields.text("subject", Some(subject)));
    data.put("organization", fields.text("organization", Some(&scene.newsroom.organization)));
    data.put("newsroom", fields.text("newsroom", Some(&scene.newsroom.name)));
    data.put("newsroom_url", fields.text("newsroomurl", Some(&scene.newsroom.url)));
    data.put("list", fields.text("list", Some(scene.audience_name())));
    data.put("recipient", fields.slot("recipient", Slot::NameHtml));
    let unsubscribe = if sender.can_unsubscribe() {
        fields.slot("unsubscribe", Slot::UnsubscribeHtml)
    } else {
        Datum::Nothing
    };
    data.put("unsubscribe_url", unsubscribe);
    let address = scene.channel.postal_address.as_ref().map(|address| {
        address.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(", ")
    });
    data.put("postal_address", fields.text("postal", address));
    data
}

/// What the template of a single release has besides.
pub(super) fn release_data<'a>(
    scene: &Scene<'a>,
    fields: &mut Fields<'a>,
    body: &Arc<Prose>,
    data: &mut Data<'a>,
) {
    let advance = scene.request.advance;
    let (label, words) = scene.notice().map_or((None, None), |(label, words)| (Some(label), Some(words)));
    let summary: Cow<'a, str> =
        if scene.shows_body() { scene.summary(body) } else { words.clone().unwrap_or_default().into() };
    data.put("title", fields.text("title", Some(scene.words.title)));
    data.put("subtitle", fields.text("subtitle", scene.words.subtitle));
    data.put("kicker", fields.text("kicker", kicker(scene)));
    let beside = if summary.is_empty() { scene.words.subtitle.unwrap_or_default() } else { &summary };
    let beside = preheader(beside);
    data.put("summary", fields.text("summary", Some(summary)));
    data.put("preheader", fields.text("preheader", Some(beside)));
    let byline = scene.text.file.front.byline.as_ref().map(|byline| byline.value.as_str());
    data.put("byline", fields.text("byline", byline.filter(|_| scene.shows_body())));
    data.words("published", scene.published.to_string());
    let url = (!advance).then(|| scene.url.clone());
    data.put("url", fields.text("url", url));
    data.put("label", fields.text("label", label));
    data.put("note", fields.text("note", words));

    // Before the embargo nothing of the release is public, so no address of it may be in the mail.
    let shown = !advance && scene.shows_body();
    let pictured = scene.shows_body() && (shown || scene.carries_pictures());
    let lead = scene.media.iter().find(|piece| piece.is_image());
    // Not twice, where the text shows it.
    let lead = lead.filter(|piece| pictured && !body.html.contains(&piece.url));
    data.put("body", fields.html("body", body));
    let image = lead.map_or(Datum::Nothing, |piece| {
        let mut image = Data::default();
        image.put("url", fields.text("image", Some(piece.url.clone())));
        image.put("alt", fields.text("imagealt", Some(piece.alt())));
        image.put("caption", fields.text("imagecaption", Some(piece.caption())));
        Datum::Group(image)
    });
    data.put("image", image);
    let recording = scene.media.iter().find(|piece| piece.is_audio()).filter(|_| shown);
    let audio = recording.map_or(Datum::Nothing, |piece| {
        let title = piece.medium.title.as_ref().map_or(piece.name.clone(), |title| title.value.clone());
        let duration = piece.medium.duration.as_ref().map(|duration| duration.value.as_str());
        let mut audio = Data::default();
        audio.put("url", fields.text("audio", Some(piece.url.clone())));
        audio.put("title", fields.text("audiotitle", Some(title)));
        audio.put("duration", fields.text("audioduration", duration));
        Datum::Group(audio)
    });
    data.put("audio", audio);
    data.flag("more_images", shown && scene.media.iter().filter(|piece| piece.is_image()).count() > 1);

    let event = if scene.shows_body() { event(scene, fields) } else { Datum::Nothing };
    data.flag("calendar", matches!(event, Datum::Group(_)));
    data.put("event", event);
    let attachments = scene.attachments().into_iter().filter(|_| scene.shows_body()).enumerate();
    let attachments = attachments.map(|(at, file)| {
        let mut attachment = Data::default();
        attachment.put("name", fields.text(format!("attached{at}"), Some(file.name)));
        attachment.put("size", fields.text(format!("attachedsize{at}"), Some(file.size())));
        Datum::Group(attachment)
    });
    data.put("attachments", Datum::List(attachments.collect()));
    let standing = scene.boilerplate().into_iter().filter(|_| scene.shows_body()).enumerate();
    let standing =
        standing.map(|(at, text)| fields.html(format!("boilerplate{at}"), &scene.standing(text, !advance)));
    data.put("boilerplate", Datum::List(standing.collect()));
    let contacts = scene.contacts().into_iter().enumerate().map(|(at, contact)| {
        let mut card = Data::default();
        card.put("name", fields.text(format!("contactname{at}"), Some(&contact.name)));
        card.put("title", fields.text(format!("contacttitle{at}"), contact.title.as_deref()));
        card.put("email", fields.text(format!("contactemail{at}"), Some(&contact.email)));
        card.put("phone", fields.text(format!("contactphone{at}"), contact.phone.as_deref()));
        Datum::Group(card)
    });
    data.put("contacts", Datum::List(contacts.collect()));
}

/// What happens where and when; a template may look at its times.
fn event<'a>(scene: &Scene<'a>, fields: &mut Fields<'a>) -> Datum<'a> {
    let event = scene.event();
    if !event.is_object() {
        return Datum::Nothing;
    }
    let text = |key: &str| event.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
    let mut data = Data::default();
    for (key, name) in
        [("when", "eventwhen"), ("place", "eventplace"), ("address", "eventaddress"), ("url", "eventurl")]
    {
        data.put(key, fields.text(name, text(key)));
    }
    for key in ["starts", "ends"] {
        data.put(key, text(key).map_or(Datum::Nothing, |time| Datum::Words(time.into())));
    }
    Datum::Group(data)
}
