//! An edition as JSON, for webhooks and files, and for agencies as [`ninjs`].

use std::borrow::Cow;

use serde_json::{Value, json};

use super::scene::Scene;
use super::{Asset, RenderError, ninjs, page};
use crate::newsroom::ChannelKind;
use crate::release::Notice;

/// The event's name for receivers.
fn event(notice: Notice) -> &'static str {
    match notice {
        Notice::Original => "release.published",
        Notice::Correction => "release.corrected",
        Notice::Hold => "release.held",
        Notice::Kill => "release.retracted",
    }
}

/// The JSON, and for files the media beside it.
pub(super) fn compose(scene: &Scene<'_>) -> Result<(Value, Vec<Asset>), RenderError> {
    if scene.channel.kind == ChannelKind::Ninjs {
        return Ok((ninjs::compose(scene), Vec::new()));
    }
    let request = scene.request;
    let shown = scene.shows_body();
    let body = scene.body(!request.advance);
    let summary = if shown { scene.summary(&body) } else { Cow::Borrowed("") };
    let with_files = shown && scene.channel.kind == ChannelKind::File;
    let assets = if with_files { scene.assets()? } else { Vec::new() };
    let media: Vec<Value> = scene
        .media
        .iter()
        .filter(|_| shown)
        .map(|piece| {
            json!({
                "name": piece.name,
                "type": piece.media_type,
                "alt": piece.alt(),
                "caption": piece.caption(),
                // Not public yet, so nobody gets its address.
                "url": (!request.advance).then_some(&piece.url),
            })
        })
        .collect();
    let front = &scene.text.file.front;
    let value = json!({
        "event": event(request.notice),
        "slug": scene.release.slug,
        "language": scene.language().as_str(),
        "audience": request.audience,
        "notice": {
            "kind": request.notice.as_str(),
            "note": scene.notice().map(|(_, words)| words),
        },
        "title": scene.words.title,
        "subtitle": scene.words.subtitle,
        "kicker": front.kicker.as_ref().map(|kicker| kicker.value.as_str()),
        "byline": front.byline.as_ref().map(|byline| byline.value.as_str()),
        "summary": summary,
        "html": if shown { &*body.html } else { "" },
        "text": page::press_text(scene, &body),
        "url": scene.url,
        "tags": scene.release.tags,
        "media": media,
        "publish": scene.published.to_string(),
        "embargo": scene.release.embargo.unwrap_or(scene.published).to_string(),
        "advance": request.advance,
        "test": request.test,
        "event_details": scene.event(),
        "contacts": scene.contacts(),
    });
    Ok((value, assets))
}
