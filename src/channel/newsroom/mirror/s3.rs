//! A bucket of Amazon S3, or of another store that speaks its language (docs.aws.amazon.com/AmazonS3/latest/API).
//!
//! Objects are addressed below the endpoint (`ENDPOINT/BUCKET/KEY`), which every store knows. A PUT replaces the whole object, so
//! each may be repeated.

use std::fmt::Write as _;

use jiff::Timestamp;
use reqwest::Method;
use secrecy::ExposeSecret;
use url::Url;

use crate::channel::adapter::Setup;
use crate::channel::config::S3Config;
use crate::channel::http::{self, Answer, Client, Lost, Patience};
use crate::channel::sigv4::{self, Credentials, Signed};
use crate::channel::{Diagnosis, Failure};
use crate::digest::Digest;
use crate::render::media_type;

/// A bucket.
pub struct Bucket {
    client: Client,
    endpoint: Url,
    region: String,
    name: String,
    prefix: String,
    credentials: Credentials,
    patience: Patience,
}

impl Bucket {
    /// Opens it. Nothing is sent.
    pub fn open(config: &S3Config, setup: &Setup<'_>) -> Result<Bucket, String> {
        let endpoint: Url = config
            .endpoint()
            .parse()
            .map_err(|error| format!("the bucket's `region` or `endpoint` is none: {error}"))?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let credentials = Credentials {
            key_id: setup.needed("access_key_id")?,
            secret: setup.needed("secret_access_key")?,
            token: setup.secrets.get("session_token"),
        };
        client.hide(credentials.secret.expose_secret());
        if let Some(token) = &credentials.token {
            client.hide(token.expose_secret());
        }
        let prefix = config.prefix.as_deref().unwrap_or_default().trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        let (region, name) = (config.region.clone(), config.bucket.clone());
        Ok(Bucket { client, endpoint, region, name, prefix, credentials, patience: setup.patience })
    }

    /// Puts a file there.
    pub async fn put(&self, path: &str, bytes: Vec<u8>, now: Timestamp) -> Result<(), Failure> {
        let kind = content_type(path);
        let answer = self.send(Method::PUT, path, Some(&kind), bytes, now).await?;
        if answer.good() { Ok(()) } else { Err(refusal(&answer, now)) }
    }

    /// Removes a file; one that is gone is gone.
    pub async fn remove(&self, path: &str, now: Timestamp) -> Result<(), Failure> {
        let answer = self.send(Method::DELETE, path, None, Vec::new(), now).await?;
        if answer.good() || answer.status == 404 { Ok(()) } else { Err(refusal(&answer, now)) }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        kind: Option<&str>,
        body: Vec<u8>,
        now: Timestamp,
    ) -> Result<Answer, Failure> {
        let base = self.endpoint.path().trim_end_matches('/');
        let path = format!("{base}/{}", encoded(&format!("{}/{}{path}", self.name, self.prefix)));
        let mut url = self.endpoint.clone();
        url.set_path(&path);
        let host = url.host_str().unwrap_or_default();
        let host = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let (date, sha) = (sigv4::date(now), Digest::of(&body).to_string());
        let mut headers =
            vec![("host", host.as_str()), ("x-amz-content-sha256", &sha), ("x-amz-date", &date)];
        let token = self.credentials.token.as_ref().map(ExposeSecret::expose_secret);
        headers.extend(token.map(|token| ("x-amz-security-token", token)));
        headers.extend(kind.map(|kind| ("content-type", kind)));
        headers.sort_unstable();
        let request =
            Signed { method: method.as_str(), path: &path, headers: &headers, body: &body, plain: true };
        let signature = sigv4::authorization(&self.credentials, &self.region, "s3", &request, now);
        let mut request = self.client.request(method, url).header("authorization", signature);
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request = request.header(*name, *value);
        }
        self.client.send(request.body(body)).await.map_err(Lost::repeatable)
    }

    /// Writes an object and removes it.
    pub async fn examine(&self) -> Diagnosis {
        let what = "newsroom: bucket".to_owned();
        let bad = |seen: String, hint: &str| Diagnosis {
            what: "newsroom: bucket".to_owned(),
            good: false,
            seen,
            hint: Some(hint.to_owned()),
        };
        let now = match http::date(self.endpoint.clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(why) => return bad(why, "look at the bucket's `endpoint` and `region`"),
        };
        let tried = match self.put("dateline-doctor.txt", b"It may be removed.\n".to_vec(), now).await {
            Ok(()) => self.remove("dateline-doctor.txt", now).await,
            Err(failure) => Err(failure),
        };
        match tried {
            Ok(()) => {
                Diagnosis { what, good: true, seen: format!("{} can be written to", self.name), hint: None }
            }
            Err(failure) => bad(failure.to_string(), "the key needs s3:PutObject and s3:DeleteObject there"),
        }
    }
}

/// A key in the request line: everything but `/` and what is never encoded (RFC 3986 2.3) in percent form.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
        text
    })
}

/// What a reader's browser is told: a store serves what it was told, and knows no names.
fn content_type(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let kind = match (name, name.rsplit('.').next().unwrap_or_default()) {
        ("atom.xml", _) => "application/atom+xml; charset=utf-8",
        ("rss.xml" | "podcast.xml", _) => "application/rss+xml; charset=utf-8",
        ("feed.json", _) => "application/feed+json; charset=utf-8",
        (_, "html") => "text/html; charset=utf-8",
        (_, "xml") => "application/xml; charset=utf-8",
        (_, "css") => "text/css; charset=utf-8",
        (_, "txt") => "text/plain; charset=utf-8",
        _ => media_type(name),
    };
    kind.to_owned()
}

/// What an answer means that is not 2xx (docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html). Whatever is refused speaks of
/// our key, our rights or our bucket, and no release is at fault; nothing is lost by trying again.
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match answer.status {
        408 | 425 | 429 | 500.. => Failure::Later { reply: answer.reply(), retry_after: answer.wait(now) },
        _ => Failure::HoldChannel { reply: answer.reply() },
    }
}
