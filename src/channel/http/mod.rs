//! The one way in which adapters speak HTTP.
//!
//! A [`Client`] follows no redirects (a credential never travels to another host), asks no proxy
//! variables, keeps no cookies, decompresses nothing, bounds every wait and reads at most one
//! megabyte of an answer. It never repeats a request.
//!
//! What it reports is what a ledger needs: an [`Answer`], or [`Lost`], which says whether the
//! request can have left us. Neither carries an address or a token.

mod guard;
mod seen;
mod wait;

use std::collections::VecDeque;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

pub use guard::{Lookup, Walls, admit, is_global};
pub use seen::shown;

use super::{Failure, Reply};
use crate::crashpoint;
use guard::{Forbidden, GuardedDns};

/// The most that is read of an answer, in bytes.
pub const BODY_CAP: usize = 1_000_000;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Name look-up, TCP and TLS together.
    pub connect: Duration,
    /// The whole exchange. Above `connect`, so that a connection that never came about is not
    /// mistaken for an answer that never came.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(10), whole: Duration::from_secs(30) }
    }
}

/// A client for one destination.
pub struct Client {
    inner: reqwest::Client,
    hidden: RwLock<VecDeque<String>>,
}

/// How many secrets are remembered; sessions are renewed, and what is long gone need not be hidden.
const HIDDEN: usize = 16;

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// The destination is one we do not speak to; no connection was made.
    Forbidden(String),
    /// No connection came about: the request cannot have arrived.
    Before(String),
    /// The request may have arrived.
    After(String),
}

impl Lost {
    /// What this means for a request that makes something happen.
    pub fn failure(self) -> Failure {
        match self {
            Lost::Forbidden(why) => Failure::HoldChannel { reply: Reply::note(why) },
            Lost::Before(why) => Failure::again(why),
            Lost::After(why) => Failure::Unknown { reply: Reply::note(why) },
        }
    }

    /// As [`Lost::failure`], for a way out that serves many recipients: that it cannot be reached is no recipient's fault, and
    /// everything waits for it.
    pub fn of_provider(self) -> Failure {
        match self {
            Lost::Before(why) => Failure::PauseChannel { reply: Reply::note(why), retry_after: None },
            other => other.failure(),
        }
    }

    /// What this means for a request that may be repeated at will.
    pub fn repeatable(self) -> Failure {
        match self {
            Lost::After(why) => Lost::Before(why).failure(),
            other => other.failure(),
        }
    }
}

/// What the destination answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or its beginning if it was cut.
    pub body: Vec<u8>,
    words: String,
}

impl Answer {
    /// Whether the status is 2xx.
    pub fn good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; an error says what is wrong with it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("the answer cannot be read: {error}"))
    }

    /// The status and the destination's words.
    pub fn reply(&self) -> Reply {
        Reply::new(self.status, None, &self.words)
    }

    /// How long the destination wants to be left alone.
    pub fn wait(&self, now: Timestamp) -> Option<Duration> {
        wait::wait(&self.headers, now)
    }

    /// What a status that is not 2xx means wherever no rule of the destination says otherwise.
    ///
    /// 408, 425 and 429 say that nothing was done (RFC 9110 15.5.9, RFC 8470 5.2, RFC 6585 4).
    /// 401 and 403 speak of us, and so does a redirect: the address in the configuration is not
    /// the right one. After 5xx nobody knows whether something was done. The rest is refused.
    pub fn failure(&self, now: Timestamp) -> Failure {
        let reply = self.reply();
        match self.status {
            408 | 425 | 429 => Failure::Later { reply, retry_after: self.wait(now) },
            401 | 403 => Failure::HoldChannel { reply },
            300..=399 => Failure::HoldChannel {
                reply: Reply::new(self.status, None, "the server redirects; configure its new address"),
            },
            400..=499 => Failure::Refused { reply, suppress: false },
            _ => Failure::Unknown { reply },
        }
    }

    /// As [`Answer::failure`], where the address itself is configured: that nothing is there (404), or not any more (410), is no
    /// delivery's fault, and nothing more goes there until somebody looks.
    pub fn of_address(&self, now: Timestamp) -> Failure {
        match self.status {
            404 | 410 => Failure::HoldChannel { reply: self.reply() },
            _ => self.failure(now),
        }
    }

    /// As [`Answer::failure`], for a request that may be repeated at will.
    pub fn repeatable(&self, now: Timestamp) -> Failure {
        self.failure(now).repeatable(self.wait(now))
    }
}

impl Client {
    /// A client for `url` as the operator wrote it: any address, because the operator chose it.
    ///
    /// Plain `http` is for loopback alone: everything sent here carries a credential.
    pub fn trusted(url: &Url, patience: Patience) -> Result<Client, String> {
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(url) => {}
            _ => return Err(format!("{} is not https", guard::shown(url))),
        }
        Client::build(url, patience, None)
    }

    /// A client for `url` that nobody vouches for: behind [`Walls`].
    pub fn guarded(url: &Url, patience: Patience, walls: Walls) -> Result<Client, String> {
        admit(url, walls.allow_private)?;
        Client::build(url, patience, Some(GuardedDns::new(walls)))
    }

    fn build(url: &Url, patience: Patience, dns: Option<GuardedDns>) -> Result<Client, String> {
        // An error means that a provider is there already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("Dateline/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .pool_max_idle_per_host(0)
            .http1_only()
            .connect_timeout(patience.connect)
            .timeout(patience.whole);
        if url.scheme() == "http" {
            // Without this, a machine without CA certificates cannot even speak to itself.
            builder = builder.tls_certs_only([]);
        }
        if let Some(dns) = dns {
            builder = builder.dns_resolver(dns);
        }
        let inner = builder.build().map_err(|error| chain(&error.without_url()))?;
        Ok(Client { inner, hidden: RwLock::default() })
    }

    /// Never repeats `secret` in what comes back, even if the destination does.
    pub fn hide(&self, secret: &str) {
        let mut hidden = self.hidden.write().unwrap_or_else(PoisonError::into_inner);
        if !secret.is_empty() && !hidden.iter().any(|known| known == secret) {
            hidden.push_back(secret.to_owned());
            if hidden.len() > HIDDEN {
                hidden.pop_front();
            }
        }
    }

    /// Begins a request.
    pub fn request(&self, method: reqwest::Method, url: Url) -> reqwest::RequestBuilder {
        self.inner.request(method, url)
    }

    /// Sends `request` once and reads the answer.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Result<Answer, Lost> {
        let (client, request) = request.build_split();
        let request = request.map_err(|error| self.lost(error))?;
        let changes_something = request.method() != reqwest::Method::GET;
        let mut response = match client.execute(request).await {
            Ok(response) => response,
            Err(error) => return Err(self.lost(error)),
        };
        if changes_something {
            crashpoint!("P3");
            crashpoint!("K2");
            crashpoint!("F2");
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let mut body = Vec::new();
        // The status was read, so a body that breaks off or never ends loses words alone.
        while body.len() < BODY_CAP {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk[..chunk.len().min(BODY_CAP - body.len())]),
                Ok(None) | Err(_) => break,
            }
        }
        let words = self.cleaned(words(&body));
        Ok(Answer { status, headers, body, words })
    }

    fn lost(&self, error: reqwest::Error) -> Lost {
        let error = error.without_url();
        let text = self.cleaned(chain(&error));
        if let Some(forbidden) = forbidden(&error) {
            Lost::Forbidden(forbidden)
        } else if error.is_connect() || error.is_builder() {
            Lost::Before(text)
        } else {
            Lost::After(text)
        }
    }

    fn cleaned(&self, text: String) -> String {
        let hidden = self.hidden.read().unwrap_or_else(PoisonError::into_inner);
        hidden.iter().fold(text, |text, secret| text.replace(secret.as_str(), "[hidden]"))
    }
}

/// What the clock of the host of `url` says (`Date`, RFC 9110 6.6.1), to the second. Nothing is sent but the question.
pub async fn date(url: Url, within: Duration) -> Result<Timestamp, String> {
    let client = Client::trusted(&url, Patience { connect: within, whole: within })?;
    let answer =
        client.send(client.request(reqwest::Method::HEAD, url)).await.map_err(|lost| match lost {
            Lost::Before(why) | Lost::After(why) => why,
            Lost::Forbidden(_) => "it may not be asked".to_owned(),
        })?;
    let text = answer.headers.get(reqwest::header::DATE).and_then(|value| value.to_str().ok());
    let text = text.ok_or_else(|| "it does not say".to_owned())?;
    jiff::fmt::rfc2822::parse(text).map(|at| at.timestamp()).map_err(|error| error.to_string())
}

/// Whether `url` names this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// `base` with `path` below it, whether or not `base` ends with a slash.
pub fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    let joined = format!("{}/{}", base.path().trim_end_matches('/'), path.trim_start_matches('/'));
    url.set_path(&joined);
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// What the destination says: the usual members of a JSON error, or the text as it is.
fn words(body: &[u8]) -> String {
    if let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(body) {
        let text = |value: Option<&serde_json::Value>| value.and_then(|v| v.as_str()).map(str::to_owned);
        let named = ["error", "message", "Message", "error_description", "description", "title", "detail"];
        // Meta and Google put an object below `error`.
        let inner = object.get("error").and_then(|error| text(error.get("message")));
        let said: Vec<String> = named.iter().filter_map(|key| text(object.get(*key))).chain(inner).collect();
        if !said.is_empty() {
            return said.join(": ");
        }
    }
    String::from_utf8_lossy(body.get(..2000).unwrap_or(body)).trim().to_owned()
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn forbidden(error: &dyn std::error::Error) -> Option<String> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return Some(forbidden.to_string());
        }
        source = cause.source();
    }
    None
}

#[cfg(test)]
mod tests;
