//! What email service providers post: each request is believed only if it is signed by the provider (Postmark: if it has the name and the
//! password that were agreed), and each event is taken in once.
//!
//! The verifiers and the readers are pure; only SNS needs the network, for its certificate ([`fetch`]). Whom an event is about
//! is said by a token that we sent along, never by the address in it. A request whose taking in fails is answered with an error,
//! so that the provider posts it again.

pub mod fetch;
mod mailgun;
mod postmark;
mod sendgrid;
mod ses;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use serde_json::Value;

use super::config::SourceConfig;
use super::desk::{Desk, Done};
use super::read::{Reading, Refusal, Status, whom};
use super::source::Board;
use crate::digest::Digest;
use crate::ledger::{Class, Reply};
use crate::token::Token;
use fetch::Fetch;

/// The most bytes of a request.
pub const MOST: usize = 4 * 1024 * 1024;
/// How far a signed time may be from ours.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// The key under which our token travels with a mail.
pub const KEY: &str = "dateline";

/// A request, as far as it matters.
#[derive(Clone, Copy)]
pub struct Post<'a> {
    /// A header's value, by its name in lower case.
    pub header: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    /// The body, [`MOST`] bytes at the most.
    pub body: &'a [u8],
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken in: 200.
    Taken,
    /// Not signed as it should be, or too old: 403.
    Forbidden,
    /// Signed, but it cannot be read: 400.
    Unreadable,
    /// There is no such hook: 404.
    NoSuch,
    /// To be posted again: 503.
    Later,
}

/// What a verified request holds.
#[derive(Debug, PartialEq, Eq)]
enum Events {
    /// Events, each ready to be taken in.
    Some(Vec<Reading>),
    /// A page that must be visited to confirm a subscription.
    Confirm(url::Url),
}

/// Why a request is not believed, or not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Wrong {
    /// Its signature, its time, or its sender.
    Signature(&'static str),
    /// Its form.
    Form(&'static str),
    /// The certificate could not be fetched.
    Later(String),
}

/// One provider's hook, with what verifies it.
enum Hook {
    Ses(ses::Ses),
    Postmark(postmark::Postmark),
    Mailgun(mailgun::Mailgun),
    Sendgrid(sendgrid::Sendgrid),
}

/// All hooks.
pub struct Hooks {
    all: BTreeMap<String, Hook>,
    desk: Desk,
    board: Board,
    fetch: Fetch,
}

impl Hooks {
    /// No hooks yet.
    pub fn new(desk: Desk, board: Board, fetch: Fetch) -> Hooks {
        Hooks { all: BTreeMap::new(), desk, board, fetch }
    }

    /// Adds a source, if it is one that posts.
    pub fn add(
        &mut self,
        name: &str,
        config: &SourceConfig,
        secret: Option<&SecretString>,
    ) -> Result<(), String> {
        let needed = || secret.cloned().ok_or("its secret is not there");
        let hook = match config {
            SourceConfig::Imap(_) | SourceConfig::Maildir(_) => return Ok(()),
            SourceConfig::Ses(config) => Hook::Ses(ses::Ses::new(config)),
            SourceConfig::Postmark(config) => {
                Hook::Postmark(postmark::Postmark::new(&config.username, &needed()?))
            }
            SourceConfig::Mailgun(_) => Hook::Mailgun(mailgun::Mailgun::new(&needed()?)),
            SourceConfig::Sendgrid(config) => Hook::Sendgrid(sendgrid::Sendgrid::new(&config.public_key)?),
        };
        self.board.put(name);
        self.all.insert(name.to_owned(), hook);
        Ok(())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Takes in what was posted to the hook `name`.
    pub async fn post(&self, name: &str, post: Post<'_>) -> Verdict {
        let Some(hook) = self.all.get(name) else { return Verdict::NoSuch };
        if post.body.len() > MOST {
            return Verdict::Unreadable;
        }
        let now = self.desk.clock.now();
        let events = match hook {
            Hook::Ses(ses) => ses.read(post, now, &self.fetch).await,
            Hook::Postmark(postmark) => postmark.read(post).map(Events::Some),
            Hook::Mailgun(mailgun) => mailgun.read(post, now).map(Events::Some),
            Hook::Sendgrid(sendgrid) => sendgrid.read(post, now).map(Events::Some),
        };
        match events {
            Ok(Events::Some(readings)) => self.take_in(name, readings).await,
            Ok(Events::Confirm(url)) => match (self.fetch)(url).await {
                Ok(_) => {
                    tracing::info!(source = name, "a subscription was confirmed; take `confirm` away");
                    Verdict::Taken
                }
                Err(why) => {
                    tracing::warn!(source = name, why, "a subscription could not be confirmed");
                    Verdict::Later
                }
            },
            Err(Wrong::Signature(why)) => {
                tracing::warn!(source = name, why, "a request was refused: it is not the provider's");
                Verdict::Forbidden
            }
            Err(Wrong::Form(why)) => {
                tracing::warn!(source = name, why, "a request of the provider's cannot be read");
                Verdict::Unreadable
            }
            Err(Wrong::Later(why)) => {
                self.board.trouble(name, &why);
                Verdict::Later
            }
        }
    }

    async fn take_in(&self, name: &str, readings: Vec<Reading>) -> Verdict {
        let mut again = false;
        for reading in readings {
            match self.desk.reading(name, reading).await {
                Ok(Done::Yes) => {}
                // The others are on record; posted again they change nothing.
                Ok(Done::NotYet) => again = true,
                Err(error) => {
                    self.board.trouble(name, &error.to_string());
                    return Verdict::Later;
                }
            }
        }
        self.board.well(name, self.desk.clock.now());
        if again { Verdict::Later } else { Verdict::Taken }
    }
}

/// An event as it is taken in. `id` is the provider's name of it.
fn reading(kind: &str, id: &[&str], class: Class, token: Option<Token>, words: Reply) -> Reading {
    let mut fields: Vec<&[u8]> = vec![b"hook", kind.as_bytes()];
    fields.extend(id.iter().map(|id| id.as_bytes()));
    Reading { digest: Digest::of_fields(&fields), class, token, words, written: false, kept: None }
}

/// The text at a path of keys; an empty one is none.
fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    path.iter().try_fold(value, |value, key| value.get(key))?.as_str().filter(|text| !text.is_empty())
}

/// A token that we sent along by itself: the one that bounces have.
fn carried(value: Option<&str>) -> Option<Token> {
    value?.parse().ok()
}

/// The token in the sender of a mail.
fn sender(value: Option<&str>) -> Option<Token> {
    whom::in_addresses(value?)
}

/// What a provider says of a refusal: codes in a field of their own, words beside them.
fn words(status: Option<&str>, words: &str) -> (Refusal, Reply) {
    let clean: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    let refusal = Refusal { status: status.and_then(Status::find), words: clean.clone() };
    let reply = Reply {
        code: super::read::smtp_code(&clean),
        enhanced: refusal.enhanced().map(|status| status.to_string()),
        text: clean,
    };
    (refusal, reply)
}

/// Whether a signed time is ours, give or take.
fn is_fresh(seconds: i64, now: Timestamp) -> bool {
    Timestamp::from_second(seconds).is_ok_and(|at| now.duration_since(at).abs() <= TOLERANCE)
}

/// Whether two secrets are the same, in the same time for all that are as long.
fn same(given: &[u8], expected: &[u8]) -> bool {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, expected);
    let tag = ring::hmac::sign(&key, expected);
    ring::hmac::verify(&key, given, tag.as_ref()).is_ok()
}
