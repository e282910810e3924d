//! Records and their keys, as the lexicons want them. Pure.
//!
//! `app.bsky.feed.post`, `app.bsky.richtext.facet`, `app.bsky.embed.images` and `.external`
//! (github.com/bluesky-social/atproto, lexicons/app/bsky).

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::channel::Parcel;
use crate::digest::Digest;
use crate::render::{Asset, Post, Social};

/// Where posts are kept.
pub const COLLECTION: &str = "app.bsky.feed.post";
/// The most pictures of a post.
pub const PICTURES: usize = 4;

const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";

/// The address of one of our records: `at://DID/app.bsky.feed.post/RKEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    /// Whose it is.
    pub did: String,
    /// Its key.
    pub rkey: String,
}

impl Uri {
    /// Reads one; nothing if it is no post's.
    pub fn parse(text: &str) -> Option<Uri> {
        let mut parts = text.strip_prefix("at://")?.split('/');
        let (did, collection, rkey) = (parts.next()?, parts.next()?, parts.next()?);
        let good = did.starts_with("did:") && collection == COLLECTION && parts.next().is_none();
        (good && number(rkey).is_some()).then(|| Uri { did: did.to_owned(), rkey: rkey.to_owned() })
    }
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at://{}/{COLLECTION}/{}", self.did, self.rkey)
    }
}

/// The key of the first post of a delivery: a TID made of the second it is due and of 30 bits of the
/// delivery's key, so that two deliveries of the same second do not meet.
pub fn rkey(key: &Digest, due: Timestamp) -> String {
    let number = u64::from_be_bytes(key.0.first_chunk().copied().unwrap_or_default());
    let micros = u64::try_from(due.as_second()).unwrap_or(0) * 1_000_000
        // Below a second, with room for the rest of a thread.
        + (number >> 32) % 999_000;
    tid(micros << 10 | (number & 0x3ff))
}

/// The keys of the posts of a parcel.
pub fn rkeys(parcel: &Parcel, count: usize) -> Vec<String> {
    let stored = number(&parcel.wire_key);
    let first = stored.or_else(|| number(&rkey(&parcel.key, parcel.due))).unwrap_or(0);
    (0..count as u64).map(|at| tid(first + (at << 10))).collect()
}

fn tid(number: u64) -> String {
    (0..13).rev().map(|place| char::from(ALPHABET[(number >> (place * 5) & 31) as usize])).collect()
}

/// The number in a TID; nothing if it is none.
fn number(tid: &str) -> Option<u64> {
    if tid.len() != 13 {
        return None;
    }
    let number = tid.bytes().try_fold(0u64, |number, byte| {
        let digit = ALPHABET.iter().position(|letter| *letter == byte)? as u64;
        // The 14th and 13th letter together have a bit more than fits; it must not be set.
        (number >> 59 == 0).then_some(number << 5 | digit)
    })?;
    (number >> 63 == 0).then_some(number)
}

/// When a post was made: the same for every attempt, and in order within a thread.
fn created_at(parcel: &Parcel, at: usize) -> String {
    let step = SignedDuration::from_millis(i64::try_from(at).unwrap_or(0));
    let time = parcel.due.checked_add(step).unwrap_or(parcel.due);
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// The record of the post number `at`.
pub fn post(
    post: &Post,
    at: usize,
    embed: Option<Value>,
    reply: Option<&Value>,
    parcel: &Parcel,
) -> Result<Value, String> {
    let mut record = json!({
        "$type": COLLECTION,
        "text": post.text,
        "createdAt": created_at(parcel, at),
        "langs": [parcel.edition.request.language],
    });
    let facets = facets(post)?;
    if !facets.is_empty() {
        record["facets"] = json!(facets);
    }
    if let Some(embed) = embed {
        record["embed"] = embed;
    }
    if let Some(reply) = reply {
        record["reply"] = reply.clone();
    }
    Ok(record)
}

/// Whether `record` is what [`post`] makes of this post.
pub fn is_post(record: &Value, post: &Post, at: usize, parcel: &Parcel) -> bool {
    record["text"] == post.text.as_str() && record["createdAt"] == created_at(parcel, at).as_str()
}

/// Links and tags, by bytes of UTF-8; an error if they would cut a character.
pub fn facets(post: &Post) -> Result<Vec<Value>, String> {
    post.facets
        .iter()
        .map(|facet| {
            if facet.start >= facet.end || post.text.get(facet.start..facet.end).is_none() {
                return Err(format!("a link from byte {} to {} is not in the post", facet.start, facet.end));
            }
            let feature = match facet.target.strip_prefix('#') {
                Some(tag) => json!({ "$type": "app.bsky.richtext.facet#tag", "tag": tag }),
                None => json!({ "$type": "app.bsky.richtext.facet#link", "uri": facet.target }),
            };
            Ok(json!({ "index": { "byteStart": facet.start, "byteEnd": facet.end }, "features": [feature] }))
        })
        .collect()
}

/// Whether a post links the release.
pub fn links(social: &Social, post: &Post) -> bool {
    post.facets.iter().any(|facet| facet.target == social.url)
}

/// The card that shows where the release stands.
pub fn card(social: &Social, title: &str, thumb: Option<Value>) -> Value {
    let host = url::Url::parse(&social.url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let mut external = json!({ "uri": social.url, "title": title, "description": host.unwrap_or_default() });
    if let Some(thumb) = thumb {
        external["thumb"] = thumb;
    }
    json!({ "$type": "app.bsky.embed.external", "external": external })
}

/// Whether a file can stand on a card.
pub fn is_thumb(asset: &Asset, most: usize) -> bool {
    ["image/jpeg", "image/png", "image/webp"].contains(&asset.media_type.as_str())
        && asset.bytes.len() <= most
}

/// A picture of a post.
pub fn image(asset: &Asset, blob: &Value) -> Value {
    let mut image = json!({ "alt": asset.alt, "image": blob });
    if let Some((width, height)) = size(&asset.bytes) {
        image["aspectRatio"] = json!({ "width": width, "height": height });
    }
    image
}

/// Width and height of a PNG or JPEG, without which apps guess and cut.
fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let two = |at: usize| Some(u32::from(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
    let four = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let found = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        (four(16)?, four(20)?)
    } else if bytes.starts_with(b"\xff\xd8") {
        let mut at = 2;
        loop {
            let marker = *bytes.get(at + 1)?;
            // SOF0 to SOF15 hold the size, but for DHT, JPG and DAC (ITU T.81, B.1.1.3).
            if (0xc0..=0xcf).contains(&marker) && ![0xc4, 0xc8, 0xcc].contains(&marker) {
                break (two(at + 7)?, two(at + 5)?);
            }
            at += 2 + two(at + 2)? as usize;
        }
    } else {
        return None;
    };
    (found.0 > 0 && found.1 > 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Facet;

    #[test]
    fn a_key_is_a_tid_and_says_when() {
        let due: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let (one, other) = (rkey(&Digest::of(b"one"), due), rkey(&Digest::of(b"other"), due));
        assert_ne!(one, other);
        for key in [&one, &other] {
            let micros = number(key).unwrap() >> 10;
            assert_eq!(micros / 1_000_000, u64::try_from(due.as_second()).unwrap(), "{key}");
        }
        assert_eq!(rkey(&Digest::of(b"one"), due), one);
        let later = rkey(&Digest::of(b"one"), "2026-12-01T08:00:01Z".parse().unwrap());
        assert!(later > one, "keys sort by time");
    }

    #[test]
    fn only_tids_are_tids() {
        // The examples of atproto.com/specs/tid.
        for good in ["3jzfcijpj2z2a", "7777777777777", "3zzzzzzzzzzzz", "2222222222222"] {
            assert_eq!(number(good).map(tid).as_deref(), Some(good));
        }
        for bad in [
            "3jzfcijpj2z21",
            "0000000000000",
            "3JZFCIJPJ2Z2A",
            "3jzfcijpj2z2aa",
            "222",
            "",
            "zzzzzzzzzzzzz",
            "kjzfcijpj2z2a",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_our_posts_have_addresses() {
        assert!(Uri::parse("at://did:plc:abc/app.bsky.feed.post/3jzfcijpj2z2a").is_some());
        for bad in [
            "at://did:plc:abc/app.bsky.feed.like/3jzfcijpj2z2a",
            "at://h.example/app.bsky.feed.post/3jzfcijpj2z2a",
            "at://did:plc:abc/app.bsky.feed.post/../x",
            "https://bsky.app/",
            "",
            "at://did:plc:abc/app.bsky.feed.post/3jzfcijpj2z2a/x",
        ] {
            assert_eq!(Uri::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn facets_are_counted_in_bytes_and_cut_no_character() {
        let text = "👩‍👩‍👧 Åmål #ev";
        let check = |start: usize, end: usize, good: bool| {
            let facets = vec![Facet { start, end, target: "#ev".to_owned() }];
            let post = Post { text: text.to_owned(), facets, images: vec![] };
            assert_eq!(super::facets(&post).is_ok(), good, "{start}..{end}");
        };
        let at = text.find('#').unwrap();
        check(at, at + 3, true);
        check(at, at + 4, false);
        check(1, 4, false);
        check(3, 3, false);
        check(5, 2, false);
        check(usize::MAX, usize::MAX, false);
    }

    #[test]
    fn the_size_of_a_picture_is_read_or_left_out() {
        let png =
            [b"\x89PNG\r\n\x1a\n".as_slice(), &[0, 0, 0, 13], b"IHDR", &[0, 0, 4, 0, 0, 0, 3, 0]].concat();
        assert_eq!(size(&png), Some((1024, 768)));
        let jpeg = [0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 17, 8, 3, 0, 4, 0];
        assert_eq!(size(&jpeg), Some((1024, 768)));
        for end in 0..jpeg.len() {
            assert_eq!(size(&jpeg[..end]), None);
        }
        assert_eq!(size(b"GIF89a"), None);
        assert_eq!(size(&[0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0]), None);
    }
}
