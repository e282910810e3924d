//! Telling our own statuses from others, by what they say. Pure.

use jiff::{SignedDuration, Timestamp};

use super::api::Status;
use crate::render::Social;

/// How far the server's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// Which posts stand there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The status of each post, in order.
    pub posts: Vec<Option<Status>>,
    /// Whether everything was seen that could be one of them.
    pub complete: bool,
}

/// A look through the account's statuses, newest first.
pub struct Search<'a> {
    social: &'a Social,
    since: Timestamp,
    posts: Vec<Option<Status>>,
    over: bool,
    doubt: bool,
}

impl<'a> Search<'a> {
    pub fn new(social: &'a Social, due: Timestamp) -> Search<'a> {
        let since = due.checked_sub(SKEW).unwrap_or(due);
        Search { social, since, posts: vec![None; social.posts.len()], over: false, doubt: false }
    }

    /// Takes in one status. Gives it back if only its source can tell whether it is ours.
    pub fn see(&mut self, status: Status) -> Option<Status> {
        if status.created_at.is_some_and(|time| time < self.since) {
            // Pinned statuses do not come first here, so everything after this one is older.
            self.over = true;
            return None;
        }
        if self.take(&status, &plain(&status.content)) {
            return None;
        }
        let links = self.social.posts.iter().any(|post| post.text.contains(&self.social.url))
            && [escaped(&self.social.url), self.social.url.clone()]
                .iter()
                .any(|url| status.content.contains(url));
        // Some servers take signs for formatting: `*` is gone, the words stay.
        let words = words(&plain(&status.content));
        (links || self.social.posts.iter().any(|post| self::words(&post.text) == words)).then_some(status)
    }

    /// Takes in a status that was doubtful, now that its source is known or cannot be had.
    pub fn settle(&mut self, status: &Status, source: Option<&str>) {
        match source {
            Some(text) => {
                self.take(status, text);
            }
            None => self.doubt = true,
        }
    }

    fn take(&mut self, status: &Status, text: &str) -> bool {
        let at = self.social.posts.iter().position(|post| same(text, &post.text));
        match at.and_then(|at| self.posts.get_mut(at)) {
            Some(place) => {
                // Newest first, so the last one seen is the first one posted.
                *place = Some(status.clone());
                true
            }
            None => false,
        }
    }

    /// Whether what follows is too old.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What was found; `all` says whether the statuses were seen to their end.
    pub fn found(self, all: bool) -> Found {
        Found { complete: all && !self.doubt, posts: self.posts }
    }
}

/// Whether two texts are the same but for white space.
pub fn same(one: &str, other: &str) -> bool {
    let dense = |text: &str| -> String { text.chars().filter(|c| !c.is_whitespace()).collect() };
    dense(one) == dense(other)
}

/// The letters and digits of a text.
fn words(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// An address as it stands in HTML.
fn escaped(url: &str) -> String {
    url.replace('&', "&amp;")
}

/// The words in a status's HTML.
pub fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('<') && !rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
            // No tag (HTML, 13.2.5.6): a server that leaves `1 < 2` as it is.
            text.push('<');
            rest = &rest[1..];
        } else if rest.starts_with('<') {
            text.push(' ');
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        } else {
            let (word, after) = match rest.find(';').filter(|end| *end <= 10) {
                Some(end) => (entity(&rest[1..end]), &rest[end + 1..]),
                None => (None, rest),
            };
            if let Some(c) = word {
                text.push(c);
                rest = after;
            } else {
                text.push('&');
                rest = &rest[1..];
            }
        }
    }
    text.push_str(rest);
    text
}

fn entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_by_its_words() {
        fn check(html: &str, text: &str, expected: bool) {
            assert_eq!(same(&plain(html), text), expected, "{html}");
        }
        check("<p>It goes 620 km.</p>", "It goes 620 km.", true);
        check("<p>It goes<br />620 km.</p><p>Now.</p>", "It goes\n620 km.\n\nNow.", true);
        check("<p>R&amp;D &lt;3 &#39;x&#x27; &quot;y&quot;</p>", "R&D <3 'x' \"y\"", true);
        check(
            "<p>See <a href=\"https://a.example/x\"><span class=\"invisible\">https://</span><span>a.example/x</span></a></p>",
            "See https://a.example/x",
            true,
        );
        check("<p>It goes 610 km.</p>", "It goes 620 km.", false);
        check("<p>unclosed <b", "unclosed", true);
        check("1 < 2 <3 times<br>Now<", "1 < 2 <3 times\nNow<", true);
        check("a & b &unknown; c", "a & b &unknown; c", true);
        check("&#xffffffff;", "", false);
    }
}
