//! How long a text is, by each social network's own counting. Pure.
//!
//! | network | what it counts | limit |
//! | --- | --- | --- |
//! | X | weighted characters, links as 23, an emoji as 2 | [`X_LIMIT`] |
//! | Bluesky | graphemes, and bytes | [`BLUESKY_GRAPHEMES`], [`BLUESKY_BYTES`] |
//! | Threads | characters, an emoji as its bytes | [`THREADS_CHARACTERS`] |
//! | LinkedIn, Facebook | units of UTF-16 | [`LINKEDIN_CHARACTERS`], [`FACEBOOK_CHARACTERS`] |
//! | YouTube | bytes of the description | [`YOUTUBE_BYTES`] |
//! | Mastodon | graphemes, links as 23, `@user@host` as `@user` | [`MASTODON_CHARACTERS`], or the server's own |
//!
//! Texts are counted as they are written. X composes characters (NFC) first, so a text
//! of decomposed letters may be counted as longer than X finds it, never as shorter.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

/// The most that a text on X may weigh (twitter-text 3, `maxWeightedTweetLength`).
pub const X_LIMIT: usize = 280;
/// The most graphemes of a Bluesky post (`app.bsky.feed.post`, `maxGraphemes`).
pub const BLUESKY_GRAPHEMES: usize = 300;
/// The most bytes of a Bluesky post (`app.bsky.feed.post`, `maxLength`).
pub const BLUESKY_BYTES: usize = 3000;
/// The most characters of a Mastodon post where the server says nothing else.
pub const MASTODON_CHARACTERS: usize = 500;
/// The most characters of a post on Threads (developers.facebook.com/docs/threads/overview).
pub const THREADS_CHARACTERS: usize = 500;
/// The most characters of a post on LinkedIn.
pub const LINKEDIN_CHARACTERS: usize = 3_000;
/// The most bytes of a video's description on YouTube (developers.google.com/youtube/v3/docs/videos).
pub const YOUTUBE_BYTES: usize = 5_000;
/// The most characters of a post on a page of Facebook.
pub const FACEBOOK_CHARACTERS: usize = 63_206;
/// What a link counts on X (`transformedURLLength`) and on Mastodon (`characters_reserved_per_url`).
pub const LINK_LENGTH: usize = 23;

/// How many graphemes (what a reader calls characters) `text` has.
pub fn graphemes(text: &str) -> usize {
    if text.is_ascii() && !text.contains('\r') {
        return text.len();
    }
    text.graphemes(true).count()
}

/// What `text` weighs on X, in characters (twitter-text 3, version 3 of its configuration).
///
/// Latin and its neighbours weigh 1, everything else 2, an emoji of any length 2, a link 23.
/// A host without `https://` is a link when it ends in a common domain (`halden.com/aster`).
pub fn x_weight(text: &str) -> usize {
    let mut weight = 0;
    let mut at = 0;
    for link in links(text, true) {
        weight += plain_weight(&text[at..link.start]) + LINK_LENGTH;
        at = link.end;
    }
    weight + plain_weight(&text[at..])
}

fn plain_weight(text: &str) -> usize {
    text.graphemes(true)
        .map(|grapheme| if is_emoji(grapheme) { 2 } else { grapheme.chars().map(character_weight).sum() })
        .sum()
}

/// The ranges that twitter-text's configuration gives the weight 100 of 200.
fn character_weight(character: char) -> usize {
    match u32::from(character) {
        0..=4351 | 8192..=8205 | 8208..=8223 | 8242..=8247 => 1,
        _ => 2,
    }
}

/// Whether a grapheme is an emoji: a pictograph with whatever joins it, a flag, a keycap, or a
/// sign (`©`) that asks for the emoji form.
fn is_emoji(grapheme: &str) -> bool {
    let Some(first) = grapheme.chars().next() else { return false };
    let pictograph =
        matches!(u32::from(first), 0x1F000..=0x1FAFF | 0x2190..=0x2BFF | 0x3030 | 0x303D | 0x3297 | 0x3299);
    pictograph
        || grapheme.contains('\u{20E3}')
        || (grapheme.contains('\u{FE0F}')
            && matches!(first, '#' | '*' | '0'..='9' | '©' | '®' | '‼' | '⁉' | '™' | 'ℹ'))
}

/// How many characters `text` has for Threads: an emoji counts as many as it has bytes
/// (developers.facebook.com/docs/threads/reference/publishing).
pub fn threads_length(text: &str) -> usize {
    text.graphemes(true)
        .map(|grapheme| if is_emoji(grapheme) { grapheme.len() } else { grapheme.chars().count() })
        .sum()
}

/// How many characters `text` has for Mastodon: graphemes, with every `http(s)` link as 23 and
/// without the host of a mention (`StatusLengthValidator`).
pub fn mastodon_length(text: &str) -> usize {
    let mut length = 0;
    let mut at = 0;
    for link in links(text, false) {
        length += mentions_shortened(&text[at..link.start]) + LINK_LENGTH;
        at = link.end;
    }
    length + mentions_shortened(&text[at..])
}

fn mentions_shortened(text: &str) -> usize {
    let mut hosts = 0;
    for (at, _) in text.match_indices('@') {
        let boundary =
            text[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || "/@_".contains(c)));
        let user: usize = word_length(&text[at + 1..], |c| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        let rest = &text[at + 1 + user..];
        if !boundary || user == 0 || !rest.starts_with('@') {
            continue;
        }
        let host = &rest[1..];
        let end = word_length(host, |c| c.is_alphanumeric() || c == '-' || c == '.');
        let host = host[..end].trim_end_matches(['.', '-']);
        if !host.is_empty() {
            hosts += 1 + graphemes(host);
        }
    }
    graphemes(text).saturating_sub(hosts)
}

fn word_length(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The bytes of every link in `text`, in order: `http://` and `https://` addresses, and with
/// `bare` also hosts without them. Punctuation that ends a sentence is no part of a link, and a
/// closing bracket only if the link opened it.
pub fn links(text: &str, bare: bool) -> Vec<Range<usize>> {
    let mut links = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let free =
            text[..at].chars().next_back().is_none_or(|c| !(c.is_alphanumeric() || "@#$_-.".contains(c)));
        let length =
            if free { scheme_link(rest).or_else(|| bare.then(|| bare_link(rest)).flatten()) } else { None };
        match length {
            Some(length) => {
                links.push(at..at + length);
                at += length;
            }
            None => at += rest.chars().next().map_or(1, char::len_utf8),
        }
    }
    links
}

fn scheme_link(text: &str) -> Option<usize> {
    let scheme = ["https://", "http://"].iter().find(|scheme| {
        text.as_bytes().get(..scheme.len()).is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
    })?;
    let rest = &text[scheme.len()..];
    rest.starts_with(char::is_alphanumeric).then(|| scheme.len() + address_length(rest))
}

/// Top-level domains that X takes for a link without `https://`. X knows all of them; those
/// that a newsroom may name are enough, and two letters are a country's.
const DOMAINS: [&str; 14] =
    ["com", "net", "org", "info", "biz", "edu", "gov", "eu", "app", "dev", "news", "blog", "shop", "online"];

fn bare_link(text: &str) -> Option<usize> {
    if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let end = word_length(text, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.');
    let host = text[..end].trim_end_matches(['.', '-']);
    let labels: Vec<&str> = host.split('.').collect();
    let last = labels.last()?.to_ascii_lowercase();
    let path = text[host.len()..].starts_with('/');
    let country = last.len() == 2 && last.bytes().all(|byte| byte.is_ascii_lowercase());
    let known = labels.len() >= 2
        && labels.iter().all(|label| !label.is_empty())
        // A bare `name.se` is taken for a word, `www.name.se` and `name.se/aster` are links.
        && (DOMAINS.contains(&last.as_str()) || (country && (labels.len() >= 3 || path)));
    known.then(|| if path { address_length(text) } else { host.len() })
}

fn address_length(text: &str) -> usize {
    let end = word_length(text, |c| !c.is_whitespace() && !c.is_control() && !"<>\"“”„»«`{}|\\^".contains(c));
    let mut address = &text[..end];
    // Closing brackets that nothing opened; counted once, so that a wall of them stays cheap.
    let spare = |open, close| address.matches(close).count().saturating_sub(address.matches(open).count());
    let mut round = spare('(', ')');
    let mut square = spare('[', ']');
    loop {
        let trimmed = address.trim_end_matches(['.', ',', ';', ':', '!', '?', '\'', '’', '*', '…']);
        let trimmed = if round > 0 && trimmed.ends_with(')') {
            round -= 1;
            &trimmed[..trimmed.len() - 1]
        } else if square > 0 && trimmed.ends_with(']') {
            square -= 1;
            &trimmed[..trimmed.len() - 1]
        } else {
            trimmed
        };
        if trimmed.len() == address.len() {
            return address.len();
        }
        address = trimmed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_weighs_characters_emoji_and_links() {
        for (text, expected) in [
            ("", 0),
            ("Aster EV", 8),
            ("Göteborg – “nu”", 15),
            ("日本", 4),
            ("…", 2),
            ("€", 2),
            ("☀", 2),
            ("👍", 2),
            ("👍🏽", 2),
            ("👨‍👩‍👧‍👦", 2),
            ("🇸🇪", 2),
            ("1️⃣", 2),
            ("©", 1),
            ("©️", 2),
            ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
            ("https://halden.example/a/very/long/path/that/goes/on?and=on", 23),
            ("See https://halden.example/a.", 28),
            ("halden.com", 23),
            ("halden.se", 9),
            ("www.halden.se", 23),
            ("halden.se/aster now", 27),
            ("(https://halden.example/a_(b))", 25),
            ("node.js", 7),
            ("press@halden.com", 16),
            ("xhttps://a", 10),
        ] {
            assert_eq!(x_weight(text), expected, "{text:?}");
        }
    }

    #[test]
    fn mastodon_counts_links_as_23_and_mentions_without_host() {
        for (text, expected) in [
            ("", 0),
            ("åäö", 3),
            ("👨‍👩‍👧‍👦", 1),
            ("https://halden.example/a", 23),
            ("halden.com", 10),
            ("@press@halden.example", 6),
            ("@press@halden.example: hej", 11),
            ("@press@halden.example.", 7),
            ("mail press@halden.example", 25),
            ("hi @a and @b@c.test!", 13),
            ("https://social.test/@a@b.test", 23),
        ] {
            assert_eq!(mastodon_length(text), expected, "{text:?}");
        }
    }

    #[test]
    fn graphemes_are_what_a_reader_counts() {
        for (text, expected) in
            [("abc", 3), ("\r\n", 1), ("e\u{301}", 1), ("👨‍👩‍👧‍👦🇸🇪", 2), ("Z\u{335}\u{321}\u{34f}", 1)]
        {
            assert_eq!(graphemes(text), expected, "{text:?}");
        }
    }

    #[test]
    fn links_end_before_punctuation() {
        for (text, expected) in [
            ("a https://x.test/a, b", vec!["https://x.test/a"]),
            ("[https://x.test/a]", vec!["https://x.test/a"]),
            ("https://x.test/a?b=c!? HTTP://Y.test", vec!["https://x.test/a?b=c", "HTTP://Y.test"]),
            ("“https://x.test/å”", vec!["https://x.test/å"]),
            ("https:// nothing", vec![]),
        ] {
            let found: Vec<&str> = links(text, false).into_iter().map(|range| &text[range]).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
