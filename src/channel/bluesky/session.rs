//! Logging in, staying logged in, and speaking XRPC (atproto.com/specs/xrpc).
//!
//! A server allows few log-ins (30 in five minutes), so one session serves all deliveries and is
//! renewed when the server says that it is over. An old refresh token is kept until the new one is
//! there; if an answer is lost, the next delivery renews again or logs in.

use std::sync::Arc;

use jiff::Timestamp;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use url::Url;

use crate::channel::http::{Answer, Client, Lost, Patience, below};
use crate::channel::{Diagnosis, Failure, Reply};

/// Who we are on the server.
pub struct Session {
    /// The account.
    pub did: String,
    /// Its name.
    pub handle: String,
    access: SecretString,
    refresh: SecretString,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tokens {
    did: String,
    handle: String,
    access_jwt: String,
    refresh_jwt: String,
    active: Option<bool>,
}

/// The server, seen by one account.
pub struct Xrpc {
    /// How it is spoken to.
    pub client: Client,
    /// Where it is.
    pub server: Url,
    handle: String,
    password: SecretString,
    session: Mutex<Option<Arc<Session>>>,
}

/// The name of the error in an answer.
pub fn error(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap_or_default();
    body["error"].as_str().unwrap_or_default().to_owned()
}

/// Whether an answer says that the session is over: nothing was done.
fn is_over(answer: &Answer) -> bool {
    answer.status == 401
        || (answer.status == 400 && matches!(error(answer).as_str(), "ExpiredToken" | "InvalidToken"))
}

impl Xrpc {
    pub fn new(
        server: Url,
        handle: String,
        password: SecretString,
        patience: Patience,
    ) -> Result<Xrpc, String> {
        let client = Client::trusted(&server, patience)?;
        client.hide(password.expose_secret());
        Ok(Xrpc { client, server, handle, password, session: Mutex::new(None) })
    }

    /// The address of a method.
    pub fn url(&self, method: &str) -> Url {
        below(&self.server, &format!("/xrpc/{method}"))
    }

    /// The session there is, or a new one.
    pub async fn session(&self, now: Timestamp) -> Result<Arc<Session>, Failure> {
        let mut session = self.session.lock().await;
        if let Some(session) = &*session {
            return Ok(Arc::clone(session));
        }
        let new = self.create(now).await?;
        *session = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Sends a request in the session; once more if the session was over, which is known to have
    /// done nothing. What `Err` says concerns the session, never the request.
    pub async fn call(
        &self,
        now: Timestamp,
        request: impl Fn(&Session) -> RequestBuilder,
    ) -> Result<(Arc<Session>, Result<Answer, Lost>), Failure> {
        let session = self.session(now).await?;
        let answer = self.client.send(request(&session).bearer_auth(session.access.expose_secret())).await;
        if !matches!(&answer, Ok(answer) if is_over(answer)) {
            return Ok((session, answer));
        }
        let session = self.renew(&session, now).await?;
        let answer = self.client.send(request(&session).bearer_auth(session.access.expose_secret())).await;
        if let Ok(answer) = &answer
            && is_over(answer)
        {
            return Err(Failure::HoldChannel { reply: answer.reply() });
        }
        Ok((session, answer))
    }

    async fn create(&self, now: Timestamp) -> Result<Arc<Session>, Failure> {
        let body = json!({ "identifier": self.handle, "password": self.password.expose_secret() });
        let url = self.url("com.atproto.server.createSession");
        let answer = self.client.send(self.client.request(Method::POST, url).json(&body)).await;
        let answer = answer.map_err(Lost::repeatable)?;
        if answer.good() {
            return self.take(&answer);
        }
        match answer.status {
            // Wrong name or password, a second factor, or an address that is no PDS.
            400 | 404 => Err(Failure::HoldChannel { reply: answer.reply() }),
            _ => Err(answer.repeatable(now)),
        }
    }

    /// Replaces `old`, unless somebody else has done so meanwhile.
    async fn renew(&self, old: &Session, now: Timestamp) -> Result<Arc<Session>, Failure> {
        let mut session = self.session.lock().await;
        if let Some(current) = &*session
            && current.access.expose_secret() != old.access.expose_secret()
        {
            return Ok(Arc::clone(current));
        }
        let url = self.url("com.atproto.server.refreshSession");
        let request = self.client.request(Method::POST, url).bearer_auth(old.refresh.expose_secret());
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        let new = match answer.status {
            200..=299 => self.take(&answer)?,
            // Used up or revoked: the password decides.
            400 | 401 => {
                *session = None;
                self.create(now).await?
            }
            _ => return Err(answer.repeatable(now)),
        };
        *session = Some(Arc::clone(&new));
        Ok(new)
    }

    fn take(&self, answer: &Answer) -> Result<Arc<Session>, Failure> {
        // What cannot be read may hold tokens, so the reason is not told in the parser's words.
        let tokens: Tokens = answer.json().map_err(|_| Failure::Later {
            reply: Reply::note("the answer to the log-in cannot be read"),
            retry_after: None,
        })?;
        self.client.hide(&tokens.access_jwt);
        self.client.hide(&tokens.refresh_jwt);
        if !tokens.did.starts_with("did:") || tokens.active == Some(false) {
            let reply = Reply::note(format!("the account {} is not active there", self.handle));
            return Err(Failure::HoldChannel { reply });
        }
        Ok(Arc::new(Session {
            did: tokens.did,
            handle: tokens.handle,
            access: tokens.access_jwt.into(),
            refresh: tokens.refresh_jwt.into(),
        }))
    }

    /// Whether the account can be logged in to, and its name leads to it.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let session = match self.session(Timestamp::UNIX_EPOCH).await {
            Ok(session) => session,
            Err(failure) => {
                return vec![Diagnosis {
                    what: "bluesky: account".to_owned(),
                    good: false,
                    seen: failure.to_string(),
                    hint: Some("look at the channel's `server`, `handle` and app password".to_owned()),
                }];
            }
        };
        let account = Diagnosis {
            what: "bluesky: account".to_owned(),
            good: true,
            seen: format!("@{} is {}", session.handle, session.did),
            hint: None,
        };
        let mut url = self.url("com.atproto.identity.resolveHandle");
        url.query_pairs_mut().append_pair("handle", &session.handle);
        let found = match self.client.send(self.client.request(Method::GET, url)).await {
            Ok(answer) if answer.good() => {
                let body: Value = answer.json().unwrap_or_default();
                body["did"].as_str().unwrap_or("nobody").to_owned()
            }
            Ok(answer) => answer.reply().to_string(),
            Err(lost) => lost.repeatable().to_string(),
        };
        let good = found == session.did;
        let hint = (!good).then(|| {
            format!(
                "the handle must lead to {}: look at its `_atproto` TXT record or /.well-known/atproto-did",
                session.did
            )
        });
        let seen = format!("@{} leads to {found}", session.handle);
        vec![account, Diagnosis { what: "bluesky: handle".to_owned(), good, seen, hint }]
    }
}
