//! What a message looks like: blocks (docs.slack.dev/reference/block-kit/blocks), and a text for notifications. Pure.

use serde_json::{Value, json};

use crate::channel::hook::{self, WITH_PICTURE, cut};
use crate::channel::{Failure, Parcel};
use crate::render::{Asset, Chat};

/// A message without its place. Links are not unfolded: the message says itself what is behind them.
pub fn body(chat: &Chat, picture: Option<&Asset>) -> Value {
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": cut(&chat.headline(), 150), "emoji": false },
    })];
    let section = |text: String| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text, "verbatim": true } });
    // 3,000 characters, of which an escaped one takes up to five.
    blocks.extend(chat.paragraphs().map(|text| section(escaped(&cut(text, 600)))));
    if let (Some(url), Some(asset)) = (&chat.picture, picture) {
        let alt =
            Some(hook::alt(&asset.alt)).filter(|alt| !alt.is_empty()).unwrap_or_else(|| chat.title.clone());
        blocks.push(json!({ "type": "image", "image_url": url, "alt_text": alt }));
    }
    blocks.extend(chat.link().map(|url| section(format!("<{}|{}>", link(url), escaped(&chat.more)))));
    json!({
        "text": escaped(&cut(&chat.plain(), 600)),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// The three signs that mean something (docs.slack.dev/messaging/formatting-message-text#escaping): without them nothing in a
/// release calls anybody or links anywhere. Other formatting cannot be switched off, and does no harm.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn link(url: &str) -> String {
    escaped(url).replace('|', "%7C")
}

/// A message that is refused for its blocks may be refused for a picture that could not be fetched, so it is tried
/// again, and in the end without.
pub fn retried(failure: Failure, parcel: &Parcel) -> Failure {
    match failure {
        Failure::Refused { reply, .. }
            if reply.text.contains("invalid_blocks")
                && parcel.attempt <= WITH_PICTURE
                && !parcel.edition.assets.is_empty() =>
        {
            hook::without_picture(reply)
        }
        other => other,
    }
}
