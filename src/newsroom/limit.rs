//! How much a post may hold, by its network's own counting. Pure.

use super::ChannelKind;
use crate::release::length;

/// How long a post on one channel may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostLimit {
    kind: ChannelKind,
    most: usize,
}

impl PostLimit {
    /// That of a channel of this kind, which may have a limit of its own.
    pub fn of(kind: ChannelKind, own: Option<u32>) -> PostLimit {
        let own = own.map(|most| most.max(50) as usize);
        let most = match kind {
            ChannelKind::Bluesky => length::BLUESKY_GRAPHEMES,
            ChannelKind::X => own.unwrap_or(length::X_LIMIT),
            ChannelKind::Linkedin => length::LINKEDIN_CHARACTERS,
            ChannelKind::Facebook => length::FACEBOOK_CHARACTERS,
            ChannelKind::Threads => length::THREADS_CHARACTERS,
            ChannelKind::Youtube => length::YOUTUBE_BYTES,
            _ => own.unwrap_or(length::MASTODON_CHARACTERS),
        };
        PostLimit { kind, most }
    }

    /// The same with another number, for tests.
    #[cfg(test)]
    #[must_use]
    pub fn at_most(self, most: usize) -> PostLimit {
        PostLimit { most, ..self }
    }

    /// The most that it may count.
    pub fn most(self) -> usize {
        self.most
    }

    /// What `text` counts.
    pub fn length(self, text: &str) -> usize {
        match self.kind {
            ChannelKind::Bluesky => length::graphemes(text),
            ChannelKind::X => length::x_weight(text),
            ChannelKind::Linkedin | ChannelKind::Facebook => text.encode_utf16().count(),
            ChannelKind::Threads => length::threads_length(text),
            ChannelKind::Youtube => text.len(),
            _ => length::mastodon_length(text),
        }
    }

    /// The most bytes, where they are counted as well.
    pub fn bytes(self) -> Option<usize> {
        (self.kind == ChannelKind::Bluesky).then_some(length::BLUESKY_BYTES)
    }

    /// Whether `text` is one post.
    pub fn holds(self, text: &str) -> bool {
        self.bytes().is_none_or(|most| text.len() <= most) && self.length(text) <= self.most
    }

    /// Whether what is longer can be a thread.
    pub fn threads(self) -> bool {
        !matches!(self.kind, ChannelKind::Linkedin | ChannelKind::Facebook | ChannelKind::Youtube)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_network_counts_in_its_own_way() {
        use ChannelKind::{Bluesky, Facebook, Linkedin, Mastodon, Threads, X};
        let link = format!("https://news.halden.example/{}", "a".repeat(100));
        for (kind, own, text, length, most) in [
            (Mastodon, None, link.as_str(), 23, 500),
            (Mastodon, Some(5_000), "日本", 2, 5_000),
            (X, None, link.as_str(), 23, 280),
            (X, Some(25_000), "日本", 4, 25_000),
            (Bluesky, None, "👨‍👩‍👧‍👦", 1, 300),
            (Threads, None, "👍 Åmål", 9, 500),
            (Threads, None, link.as_str(), 128, 500),
            (Linkedin, None, "👍 Åmål", 7, 3_000),
            (ChannelKind::Youtube, None, "Åmål", 6, 5_000),
            (Facebook, Some(50), "Åmål", 4, 63_206),
        ] {
            let limit = PostLimit::of(kind, own);
            assert_eq!((limit.length(text), limit.most()), (length, most), "{kind:?} {text}");
        }
    }

    #[test]
    fn a_limit_is_kept_to_the_last_character() {
        for kind in [ChannelKind::Mastodon, ChannelKind::X, ChannelKind::Threads, ChannelKind::Linkedin] {
            let limit = PostLimit::of(kind, None);
            assert!(limit.holds(&"a".repeat(limit.most())), "{kind:?}");
            assert!(!limit.holds(&"a".repeat(limit.most() + 1)), "{kind:?}");
        }
    }
}
