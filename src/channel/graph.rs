//! Meta's Graph API, as Facebook and Threads speak it (developers.facebook.com/docs/graph-api).
//!
//! Errors come with codes of their own, whatever the status: `error.code` and `error.error_subcode` say what they mean
//! (developers.facebook.com/docs/graph-api/guides/error-handling). With the application's secret every call carries its proof
//! (developers.facebook.com/docs/graph-api/guides/secure-requests), so that a stolen token is of no use.

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;

use super::http::{Answer, Client, Lost, Patience, below};
use super::{Diagnosis, Failure};

/// `dateline doctor` warns so long before a token ends.
const WARNED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The API, seen with one token.
pub struct Graph {
    client: Client,
    endpoint: Url,
    token: SecretString,
    /// The application's secret and the proof of our token.
    secret: Option<SecretString>,
    proof: Option<String>,
}

impl Graph {
    /// With the address of the API, its version included.
    pub fn open(
        endpoint: &str,
        token: SecretString,
        secret: Option<SecretString>,
        patience: Patience,
    ) -> Result<Graph, String> {
        let endpoint: Url =
            endpoint.parse().map_err(|error| format!("the channel's `endpoint` is no address: {error}"))?;
        let client = Client::trusted(&endpoint, patience)?;
        client.hide(token.expose_secret());
        let proof = secret.as_ref().map(|secret| {
            client.hide(secret.expose_secret());
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
            let tag = hmac::sign(&key, token.expose_secret().as_bytes());
            tag.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
        });
        if let Some(proof) = &proof {
            client.hide(proof);
        }
        Ok(Graph { client, endpoint, token, secret, proof })
    }

    /// Where the API is.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// Begins a request with these members, in the address; the token goes in a header.
    pub fn request(&self, method: Method, path: &str, members: &[(&str, &str)]) -> RequestBuilder {
        let mut url = below(&self.endpoint, path);
        let proof = self.proof.as_deref().map(|proof| ("appsecret_proof", proof));
        if proof.is_some() || !members.is_empty() {
            url.query_pairs_mut().extend_pairs(members).extend_pairs(proof);
        }
        self.client.request(method, url).bearer_auth(self.token.expose_secret())
    }

    /// Begins a request with these members as a form.
    pub fn form(&self, path: &str, members: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
        let request = self.request(Method::POST, path, &[]);
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    /// A request that makes something happen once.
    pub async fn once(&self, request: RequestBuilder, now: Timestamp) -> Result<Value, Failure> {
        let answer = self.client.send(request).await.map_err(Lost::failure)?;
        if !answer.good() {
            return Err(refusal(&answer, now));
        }
        // It was taken, so what cannot be read must be looked up.
        answer.json().map_err(|why| Failure::Unknown { reply: super::Reply::note(why) })
    }

    /// A request that may be repeated at will; nothing where its thing is not there.
    pub async fn ask(&self, request: RequestBuilder, now: Timestamp) -> Result<Option<Value>, Failure> {
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if answer.good() {
            return answer.json().map(Some).map_err(Failure::again);
        }
        if is_missing(&answer) {
            return Ok(None);
        }
        Err(refusal(&answer, now).repeatable(answer.wait(now)))
    }

    /// When the token ends, as `debug_token` says (developers.facebook.com/docs/graph-api/reference/debug_token).
    pub async fn examine_token(&self, what: &str, application: Option<&str>, now: Timestamp) -> Diagnosis {
        let what = format!("{what}: token");
        let hint = |words: &str| Some(words.to_owned());
        let token = self.token.expose_secret();
        let mut url = below(&self.endpoint, "debug_token");
        url.query_pairs_mut().append_pair("input_token", token);
        let request = self.client.request(Method::GET, url);
        // The application may look at every token of its own; a token may look at itself.
        let request = match (application, &self.secret) {
            (Some(id), Some(secret)) => request.bearer_auth(format!("{id}|{}", secret.expose_secret())),
            _ => request.bearer_auth(token),
        };
        let said = match self.ask(request, now).await {
            Ok(Some(said)) => said,
            Ok(None) => Value::Null,
            Err(failure) => {
                let hint = hint("look at the channel's `token`, and log in again for a new one");
                return Diagnosis { what, good: false, seen: failure.to_string(), hint };
            }
        };
        let data = &said["data"];
        if data["is_valid"] == Value::Bool(false) {
            let hint = hint("log in again for a new token");
            return Diagnosis { what, good: false, seen: "it is not good any more".to_owned(), hint };
        }
        let ends = ["expires_at", "data_access_expires_at"].iter().filter_map(|name| data[*name].as_i64());
        match ends.filter(|at| *at > 0).min().and_then(|at| Timestamp::from_second(at).ok()) {
            Some(end) => {
                let good = end.duration_since(now) > WARNED;
                let hint = (!good).then(|| "log in again for a new token".to_owned());
                Diagnosis { what, good, seen: format!("ends {}", end.strftime("%Y-%m-%d")), hint }
            }
            None => Diagnosis { what, good: true, seen: "it does not end by itself".to_owned(), hint: None },
        }
    }
}

/// Whether `id` can stand in an address: digits, and for a page's posts an underscore.
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

/// The id in an answer.
pub fn id(said: &Value) -> Option<String> {
    said["id"].as_str().filter(|id| is_id(id)).map(str::to_owned)
}

fn codes(answer: &Answer) -> (i64, i64) {
    let said: Value = answer.json().unwrap_or_default();
    let number = |at: &str| said.pointer(at).and_then(Value::as_i64).unwrap_or(0);
    (number("/error/code"), number("/error/error_subcode"))
}

/// Whether an answer says that there is nothing of that id: code 100 with subcode 33, 803, or a bare 404.
fn is_missing(answer: &Answer) -> bool {
    match codes(answer) {
        (100, 33) | (803, _) => true,
        (0, _) => answer.status == 404,
        _ => false,
    }
}

/// What an answer means that is not 2xx, by its code (developers.facebook.com/docs/graph-api/guides/error-handling, and
/// docs/graph-api/overview/rate-limiting for the limits). An answer without a code is judged by its status.
pub fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    let reply = answer.reply();
    match codes(answer) {
        // The application, the account, the page: too many calls. Nothing was done.
        (4 | 17 | 32 | 341 | 613 | 80_000..=80_014, _) => {
            Failure::PauseChannel { reply, retry_after: answer.wait(now) }
        }
        // The token, the rights, an account that is blocked or must show who it is; and a page that we may not see.
        (102 | 190 | 10 | 200..=299 | 368 | 467 | 803, _) | (100, 33) => Failure::HoldChannel { reply },
        // "Duplicate status message": it may be there already. "An unknown error", "service temporarily unavailable": whether it
        // was done is not said.
        (506 | 1 | 2, _) => Failure::Unknown { reply },
        (0, _) => answer.of_address(now),
        _ if answer.status >= 500 => Failure::Unknown { reply },
        _ if answer.status == 429 => Failure::PauseChannel { reply, retry_after: answer.wait(now) },
        _ if matches!(answer.status, 401 | 403) => Failure::HoldChannel { reply },
        _ => Failure::Refused { reply, suppress: false },
    }
}
