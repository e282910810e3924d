//! Social texts against the limits of the networks they go to.

use std::collections::BTreeSet;

use crate::newsroom::{ChannelFacts, ChannelKind, Form, PostLimit};

use super::manuscript::{Manuscript, Part};
use super::{Case, Notes};

/// A social text that takes more than one post.
pub(super) fn social_long(case: &Case<'_>, notes: &mut Notes) {
    let Some(audiences) = &case.original().file.front.audiences else { return };
    for text in &case.texts {
        let mut told = BTreeSet::new();
        for audience in &audiences.value {
            let Some(facts) = case.newsroom.audiences.get(&audience.value) else { continue };
            for channel in &facts.channels {
                let Some(channel) = case.newsroom.channels.get(&channel.value) else { continue };
                if channel.language.as_ref().is_some_and(|language| language.base() != text.language) {
                    continue;
                }
                let Some(piece) = wording(text, &audience.value, &channel.key) else { continue };
                if let Some((length, limit)) = excess(channel, &with_address(case, text, &piece.text))
                    && told.insert((piece.span.start, &channel.key))
                {
                    notes.add(
                        text.file,
                        piece.span.clone(),
                        format!("with its link, the social text has {length} {limit}"),
                        format!(
                            "shorten it, or write a shorter one under `variants: {}: social:`; else it becomes a thread",
                            channel.key
                        ),
                    );
                }
            }
        }
    }
}

/// The social text that `audience` gets on `channel`, where one is written.
fn wording<'m, 'a>(
    text: &'m Manuscript<'a>,
    audience: &str,
    channel: &str,
) -> Option<&'m super::manuscript::Piece<'a>> {
    let pair = format!("{audience}/{channel}");
    let of = |variant: Option<&str>| {
        text.pieces.iter().find(|piece| piece.part == Part::Social && piece.variant == variant)
    };
    of(Some(&pair)).or_else(|| of(Some(audience))).or_else(|| of(Some(channel))).or_else(|| of(None))
}

/// The text with the release's address below it, as it is posted.
fn with_address(case: &Case<'_>, text: &Manuscript<'_>, social: &str) -> String {
    let base = &case.newsroom.url;
    if !base.is_empty() && social.contains(base.as_str()) {
        return social.trim().to_owned();
    }
    let year = case.publish.as_ref().map_or(2000, jiff::Zoned::year);
    let language = text.file.translation.as_ref().map(|language| format!("{language}/")).unwrap_or_default();
    format!("{}\n\n{base}/{language}{year}/{}/", social.trim(), text.file.slug)
}

/// The length of `text` and what it exceeds on `channel`, in words.
fn excess(channel: &ChannelFacts, text: &str) -> Option<(usize, String)> {
    if channel.kind.form() != Form::Post {
        return None;
    }
    let key = &channel.key;
    let limit = PostLimit::of(channel.kind, channel.characters);
    let (length, most) = (limit.length(text), limit.most());
    if length > most {
        let counts = match channel.kind {
            ChannelKind::Mastodon => "characters as Mastodon counts",
            ChannelKind::X => "characters as X counts",
            ChannelKind::Threads => "characters as Threads counts",
            _ => "characters",
        };
        return Some((length, format!("{counts}; one post on `{key}` takes {most}")));
    }
    let most = limit.bytes().filter(|most| text.len() > *most)?;
    Some((text.len(), format!("bytes; one post on `{key}` takes {most}")))
}
