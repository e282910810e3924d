//! What chats with webhooks share: an address that is its own password, and JSON that is posted to it.
//!
//! Nothing can be looked up there, and nothing protects from a repetition: an attempt whose answer is lost is [`Failure::Unknown`].
//! The rooms are of colleagues, and a message twice is better than none, so the channel's `on_unknown` is `resend_once` unless it
//! says otherwise.

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use unicode_segmentation::UnicodeSegmentation;
use url::Url;

use super::config::OnUnknown;
use super::http::{Answer, Client, Lost, Patience};
use super::{Diagnosis, Failure, Gate, Receipt, Reply};

/// The most characters of a picture's description, the smallest of what chats take (Discord: 1024).
const ALT: usize = 1_000;

/// A webhook of a chat.
pub struct Hook {
    client: Client,
    url: Url,
}

impl Hook {
    /// Takes the address of the webhook, which is never repeated in what is reported. Nothing is sent.
    pub fn open(address: &SecretString, patience: Patience) -> Result<Hook, String> {
        let url: Url = address
            .expose_secret()
            .trim()
            .parse()
            .map_err(|error| format!("the webhook is no address: {error}"))?;
        let client = Client::trusted(&url, patience)?;
        client.hide(url.path());
        url.query().into_iter().for_each(|query| client.hide(query));
        for (_, value) in url.query_pairs().filter(|(_, value)| value.len() > 7) {
            client.hide(&value);
        }
        if let Some(last) =
            url.path_segments().and_then(|mut steps| steps.next_back()).filter(|last| last.len() > 7)
        {
            client.hide(last);
        }
        Ok(Hook { client, url })
    }

    /// The webhook's address, for calls below it.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Begins another request, such as one to edit.
    pub fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url)
    }

    /// Sends what [`Hook::request`] began.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, Lost> {
        self.client.send(request).await
    }

    /// Posts `body`, which makes a message appear; `taken` says whether an answer of 2xx means that it did.
    pub async fn post(
        &self,
        body: &Value,
        gate: &dyn Gate,
        now: Timestamp,
        taken: impl FnOnce(&Answer) -> bool,
    ) -> Result<Receipt, Failure> {
        gate.begin().await?;
        let answer = self
            .send(self.request(Method::POST, self.url.clone()).json(body))
            .await
            .map_err(Lost::failure)?;
        if !answer.good() {
            // A webhook is removed by its owner.
            return Err(answer.of_address(now));
        }
        if taken(&answer) {
            return Ok(Receipt { remote_id: None, url: None, reply: answer.reply() });
        }
        Err(Failure::Unknown { reply: answer.reply() })
    }

    /// Whether somebody answers at the address. Nothing is posted: a webhook can be tried by a message alone.
    pub async fn examine(&self, what: &str) -> Diagnosis {
        let host = self.url.host_str().unwrap_or_default();
        let what = format!("{what}: webhook");
        match self.send(self.request(Method::GET, self.url.clone())).await {
            Ok(answer) if !matches!(answer.status, 401 | 403 | 404 | 410) => {
                Diagnosis { what, good: true, seen: format!("{host} answers"), hint: None }
            }
            // Some answer 404 to whoever does not post.
            Ok(answer) => Diagnosis {
                what,
                good: true,
                seen: format!("{host} answers {} to a look; only a message tells more", answer.status),
                hint: None,
            },
            Err(Lost::Before(why) | Lost::After(why) | Lost::Forbidden(why)) => Diagnosis {
                what,
                good: false,
                seen: format!("{host}: {why}"),
                hint: Some("look at the channel's `webhook` and at this machine's network".to_owned()),
            },
        }
    }
}

/// A failure that comes back as "the picture could not be had".
pub fn without_picture(reply: Reply) -> Failure {
    Failure::Later { reply, retry_after: Some(std::time::Duration::from_secs(10)) }
}

/// The attempts that a picture is tried for; afterwards the message goes without it.
pub const WITH_PICTURE: u32 = 2;

/// What is done about unknown outcomes where nothing else is said.
pub fn resend_once() -> OnUnknown {
    OnUnknown::ResendOnce
}

/// A picture's description, no longer than chats take it.
pub fn alt(text: &str) -> String {
    cut(text, ALT)
}

/// `text`, shortened to `most` characters with an ellipsis, where a reader's character ends. They are counted as chats do, in units
/// of UTF-16 (core.telegram.org/bots/api#messageentity says so; Discord's own library does it).
pub fn cut(text: &str, most: usize) -> String {
    let length = |text: &str| text.encode_utf16().count();
    if length(text) <= most {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut left = most.saturating_sub(1);
    for grapheme in text.graphemes(true) {
        match left.checked_sub(length(grapheme)) {
            Some(rest) => left = rest,
            None => break,
        }
        short.push_str(grapheme);
    }
    short.truncate(short.trim_end().len());
    short.push('…');
    short
}

/// `text` with a backslash before each of `signs`, which would be taken for formatting.
pub fn escaped(text: &str, signs: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if signs.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_where_a_readers_character_ends() {
        for (text, most, expected) in [
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("ab cd", 4, "ab…"),
            ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 22, "👨‍👩‍👧‍👦👨‍👩‍👧‍👦"),
            ("👨‍👩‍👧‍👦👨‍👩‍👧‍👦", 21, "👨‍👩‍👧‍👦…"),
            ("👨‍👩‍👧‍👦", 5, "…"),
        ] {
            assert_eq!(cut(text, most), expected, "{text} {most}");
            assert!(cut(text, most).encode_utf16().count() <= most);
        }
    }
}
