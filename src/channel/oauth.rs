//! Access tokens that are renewed with a refresh token (OAuth 2.0, RFC 6749 6).
//!
//! Some servers give a new refresh token with each access token and take the old one no more. So what comes is written to a file
//! and to the disk before it is used, by whoever holds the file's lock; the one before stays in it until the new one has worked. What
//! cannot be repaired is an answer that is lost after the server has changed the token: then the channel is held, and somebody
//! logs in again.
//!
//! The file is for us alone (mode 0600). Nothing in it is ever logged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use url::Url;

use super::http::{Answer, Client, Lost};
use super::{Failure, Reply};
use crate::digest::Digest;

/// An access token is renewed this long before it ends.
const EARLY: SignedDuration = SignedDuration::from_secs(90);
/// How long one is good where the server does not say.
const LIFE: i64 = 3_600;

/// How we log in.
pub struct Login {
    source: Source,
    held: Mutex<Option<Tokens>>,
}

enum Source {
    /// One token, as the operator gave it.
    Fixed(SecretString),
    /// A token that is renewed.
    Renewed(Box<Renewal>),
}

/// Where and with what tokens are renewed.
pub struct Renewal {
    /// The server's token endpoint.
    pub endpoint: Url,
    /// The application's id there.
    pub client_id: String,
    /// Its secret, where it has one.
    pub client_secret: Option<SecretString>,
    /// The refresh token that the operator gave.
    pub refresh: SecretString,
    /// Where new refresh tokens are kept; nothing where the server never changes them.
    pub kept: Option<PathBuf>,
    /// Whether the application's secret goes in `Authorization` (RFC 6749 2.3.1) and not in the body.
    pub basic: bool,
}

/// What is kept.
#[derive(Clone, Serialize, Deserialize)]
struct Tokens {
    /// The digest of the operator's refresh token: with another one, what is kept is of no use.
    origin: String,
    access: String,
    /// When the access token ends.
    expires: Timestamp,
    refresh: String,
    /// The refresh token before, until the new one has worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
}

impl Login {
    /// With one token that is never renewed.
    pub fn fixed(token: SecretString) -> Login {
        Login { source: Source::Fixed(token), held: Mutex::default() }
    }

    /// With a token that is renewed.
    pub fn renewed(renewal: Renewal) -> Login {
        Login { source: Source::Renewed(Box::new(renewal)), held: Mutex::default() }
    }

    /// Sends what `request` makes with a token that is good at `now`. If the server does not take the token (401), nothing was done
    /// (RFC 6750 3.1): it is renewed, and the request sent once more.
    pub async fn send(
        &self,
        client: &Client,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
    ) -> Result<Result<Answer, Lost>, Failure> {
        let refused = |answer: &Answer| answer.status == 401;
        let token = self.token(client, now, None).await?;
        let answer = client.send(request()?.bearer_auth(token.expose_secret())).await;
        match &answer {
            Ok(said) if refused(said) => {
                if let Source::Fixed(_) = self.source {
                    return Err(Failure::HoldChannel { reply: said.reply() });
                }
            }
            _ => return Ok(answer),
        }
        let token = self.token(client, now, Some(&token)).await?;
        let answer = client.send(request()?.bearer_auth(token.expose_secret())).await;
        match &answer {
            Ok(said) if refused(said) => Err(Failure::HoldChannel { reply: said.reply() }),
            _ => Ok(answer),
        }
    }

    /// The same for a request that may be repeated at will; nothing where its thing is not there (404). `refusal` says what any other
    /// answer means.
    pub async fn ask(
        &self,
        client: &Client,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
        refusal: fn(&Answer, Timestamp) -> Failure,
    ) -> Result<Option<Answer>, Failure> {
        let answer = self.send(client, now, request).await?.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 => Ok(Some(answer)),
            404 => Ok(None),
            _ => Err(refusal(&answer, now).repeatable(answer.wait(now))),
        }
    }

    /// An access token that is good at `now`, and is not `bad`.
    pub async fn token(
        &self,
        client: &Client,
        now: Timestamp,
        bad: Option<&SecretString>,
    ) -> Result<SecretString, Failure> {
        let renewal = match &self.source {
            Source::Fixed(token) => {
                client.hide(token.expose_secret());
                return Ok(token.clone());
            }
            Source::Renewed(renewal) => renewal,
        };
        let good = |tokens: &Tokens| {
            bad.is_none_or(|bad| bad.expose_secret() != tokens.access)
                && now.checked_add(EARLY).is_ok_and(|soon| soon < tokens.expires)
        };
        let mut held = self.held.lock().await;
        if let Some(tokens) = held.as_ref().filter(|tokens| good(tokens)) {
            return Ok(tokens.access.clone().into());
        }
        // Another process may have renewed it: whoever holds the lock reads, and renews if that is still needed.
        let _lock = renewal.lock().await?;
        let kept = renewal.read()?.or_else(|| held.clone());
        if let Some(tokens) = &kept {
            hide(client, tokens);
        }
        if let Some(tokens) = kept.as_ref().filter(|tokens| good(tokens)) {
            let access = tokens.access.clone().into();
            *held = kept;
            return Ok(access);
        }
        let tokens = renewal.renew(client, kept, now).await?;
        let access = tokens.access.clone().into();
        *held = Some(tokens);
        Ok(access)
    }
}

impl Renewal {
    /// A name for the operator's refresh token that does not tell it.
    fn origin(&self) -> String {
        Digest::of_fields(&[b"dateline refresh token", self.refresh.expose_secret().as_bytes()]).to_string()
    }

    async fn lock(&self) -> Result<Option<File>, Failure> {
        let Some(kept) = self.kept.clone() else { return Ok(None) };
        let locked = tokio::task::spawn_blocking(move || {
            if let Some(folder) = kept.parent() {
                fs::create_dir_all(folder)?;
            }
            let file = private().append(true).open(beside(&kept, "lock"))?;
            file.lock()?;
            Ok::<File, io::Error>(file)
        });
        let locked = locked.await.map_err(|_| Failure::again("waiting for the tokens' file broke off"))?;
        locked.map(Some).map_err(|error| self.disk(&error))
    }

    fn read(&self) -> Result<Option<Tokens>, Failure> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let bytes = match fs::read(kept) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.disk(&error)),
        };
        // What cannot be read may hold tokens, so the parser's words are not repeated.
        let tokens: Tokens = serde_json::from_slice(&bytes).map_err(|_| Failure::HoldChannel {
            reply: Reply::note(format!("{} cannot be read; log in again and remove it", kept.display())),
        })?;
        Ok((tokens.origin == self.origin()).then_some(tokens))
    }

    /// Writes the tokens, and returns when they are on the disk.
    fn keep(&self, tokens: &Tokens) -> Result<(), Failure> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let write = || {
            let temp = beside(kept, "new");
            let mut file = private().truncate(true).write(true).open(&temp)?;
            file.write_all(&serde_json::to_vec_pretty(tokens)?)?;
            file.sync_all()?;
            fs::rename(&temp, kept)?;
            let folder = kept.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(|error| self.disk(&error))
    }

    /// Whether what comes can be kept.
    fn can_keep(&self) -> Result<(), Failure> {
        let Some(kept) = &self.kept else { return Ok(()) };
        let tried = private().truncate(true).write(true).open(beside(kept, "new"));
        tried.and_then(|file| file.sync_all()).map_err(|error| self.disk(&error))
    }

    fn disk(&self, error: &io::Error) -> Failure {
        let path = self.kept.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        Failure::HoldChannel {
            reply: Reply::note(format!("{path}: {error}; new tokens must be kept there, so none is fetched")),
        }
    }

    async fn renew(&self, client: &Client, kept: Option<Tokens>, now: Timestamp) -> Result<Tokens, Failure> {
        // It must be possible to keep what comes before the old one is given away.
        self.can_keep()?;
        let (current, before) = match &kept {
            Some(tokens) => (tokens.refresh.clone(), tokens.before.clone()),
            None => (self.refresh.expose_secret().to_owned(), None),
        };
        let mut answer = self.ask(client, &current).await?;
        // The answer that brought the current one may have been written without ever having been good.
        if let Some(before) = before.filter(|before| matches!(answer.status, 400 | 401) && *before != current)
        {
            answer = self.ask(client, &before).await?;
        }
        if !answer.good() {
            return Err(match answer.status {
                // `invalid_grant`, `invalid_client` (RFC 6749 5.2): revoked, used up, or another application's.
                400 | 401 | 403 => Failure::HoldChannel { reply: answer.reply() },
                _ => answer.repeatable(now),
            });
        }
        let granted: Granted =
            answer.json().map_err(|_| Failure::again("the answer to the log-in cannot be read"))?;
        let life = granted.expires_in.unwrap_or(LIFE).clamp(0, 400 * 86_400);
        let refresh = granted.refresh_token.filter(|token| !token.is_empty());
        let changed = refresh.as_ref().is_some_and(|new| *new != current);
        let tokens = Tokens {
            origin: self.origin(),
            access: granted.access_token,
            expires: now.checked_add(SignedDuration::from_secs(life)).unwrap_or(now),
            refresh: refresh.unwrap_or_else(|| current.clone()),
            before: changed.then_some(current),
        };
        hide(client, &tokens);
        self.keep(&tokens)?;
        Ok(tokens)
    }

    async fn ask(&self, client: &Client, refresh: &str) -> Result<Answer, Failure> {
        client.hide(refresh);
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
        let secret = self.client_secret.as_ref().map(ExposeSecret::expose_secret);
        if let Some(secret) = secret {
            client.hide(secret);
        }
        let mut request = client.request(Method::POST, self.endpoint.clone());
        match secret {
            Some(secret) if self.basic => request = request.basic_auth(&self.client_id, Some(secret)),
            Some(secret) => form.extend([("client_id", self.client_id.as_str()), ("client_secret", secret)]),
            None => form.push(("client_id", self.client_id.as_str())),
        }
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        // No recipient has seen anything: a lost answer is tried again, and a token that is used up by then holds the channel.
        client.send(request).await.map_err(Lost::repeatable)
    }
}

fn hide(client: &Client, tokens: &Tokens) {
    client.hide(&tokens.access);
    client.hide(&tokens.refresh);
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{end}"));
    path.with_file_name(name)
}
