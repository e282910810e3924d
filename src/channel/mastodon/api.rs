//! The calls of Mastodon's API that we use (docs.joinmastodon.org/methods).

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::find::{self, Found};
use crate::channel::http::{Answer, Client, Lost, Patience, below};
use crate::channel::{Diagnosis, Failure, Parcel, Reply};
use crate::render::{Asset, Social};

/// How many pages of statuses are looked at, at the most.
const PAGES: usize = 10;
/// A page that a server cannot go on from holds everything if it has fewer statuses than this.
const SHORT: usize = 20;

/// The server, seen by one account.
pub struct Api {
    client: Client,
    server: Url,
    token: SecretString,
}

/// A status.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Status {
    /// Its id.
    pub id: String,
    /// Where people see it.
    pub url: Option<String>,
    /// Its text as HTML.
    #[serde(default)]
    pub content: String,
    /// When it was posted.
    pub created_at: Option<Timestamp>,
}

impl Status {
    /// Whether its text is `text`, white space aside.
    pub fn says(&self, text: &str) -> bool {
        find::same(&find::plain(&self.content), text)
    }
}

#[derive(Deserialize)]
struct Medium {
    id: String,
}

#[derive(Deserialize)]
struct Source {
    text: String,
}

#[derive(Deserialize)]
struct Account {
    id: String,
    #[serde(default)]
    acct: String,
}

/// Whether `id` can be one, and stand in an address.
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 100 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Whether `id` can be a picture's: some servers give the name of a file.
fn is_medium_id(id: &str) -> bool {
    !id.starts_with('.') && is_id(&id.replace('.', "_"))
}

impl Api {
    pub fn new(server: Url, token: SecretString, patience: Patience) -> Result<Api, String> {
        let client = Client::trusted(&server, patience)?;
        client.hide(token.expose_secret());
        Ok(Api { client, server, token })
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.at(method, below(&self.server, path))
    }

    fn at(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        self.client.request(method, url).bearer_auth(self.token.expose_secret())
    }

    async fn get(&self, url: Url, now: Timestamp) -> Result<Answer, Failure> {
        let answer = self.client.send(self.at(Method::GET, url)).await.map_err(Lost::repeatable)?;
        if answer.good() || matches!(answer.status, 404 | 410) {
            Ok(answer)
        } else {
            Err(answer.repeatable(now))
        }
    }

    /// Posts a status. `answers` says whether it replies to another.
    pub async fn post(
        &self,
        body: &Value,
        key: &str,
        answers: bool,
        now: Timestamp,
    ) -> Result<Status, Failure> {
        let request =
            self.request(Method::POST, "/api/v1/statuses").header("idempotency-key", key).json(body);
        let answer = self.client.send(request).await.map_err(Lost::failure)?;
        if answer.good() {
            // It was taken, so what cannot be read must be looked up.
            return status(&answer).map_err(|why| Failure::Unknown { reply: Reply::note(why) });
        }
        match answer.status {
            422 => Err(unprocessable(&answer)),
            404 if !answers => Err(Failure::HoldChannel {
                reply: Reply::new(404, None, "there is no Mastodon API at the channel's `server`"),
            }),
            _ => Err(answer.failure(now)),
        }
    }

    /// Edits a status; nothing if the server cannot, or has none of that id. May be repeated.
    pub async fn edit(&self, id: &str, body: &Value, now: Timestamp) -> Result<Option<Status>, Failure> {
        let request = self.request(Method::PUT, &format!("/api/v1/statuses/{id}")).json(body);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 => status(&answer).map(Some).map_err(Failure::again),
            404 | 405 | 501 => Ok(None),
            422 => Err(unprocessable(&answer)),
            _ => Err(answer.repeatable(now)),
        }
    }

    /// Deletes a status; one that is gone is gone. May be repeated.
    ///
    /// A server that knows no DELETE answers 404 as well (snac 2.75), so only one that shows the status no
    /// more is believed.
    pub async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let request = self.request(Method::DELETE, &format!("/api/v1/statuses/{id}"));
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        match answer.status {
            200..=299 => Ok(()),
            404 | 405 | 410 | 501 => match self.status(id, now).await? {
                None => Ok(()),
                Some(_) => Err(super::refused(format!(
                    "the server does not delete (it answers {}) and status {id} still stands: delete it by hand",
                    answer.status
                ))),
            },
            _ => Err(answer.repeatable(now)),
        }
    }

    /// A status, if it stands.
    pub async fn status(&self, id: &str, now: Timestamp) -> Result<Option<Status>, Failure> {
        let answer = self.get(below(&self.server, &format!("/api/v1/statuses/{id}")), now).await?;
        if !answer.good() {
            return Ok(None);
        }
        status(&answer).map(Some).map_err(Failure::again)
    }

    /// Uploads a picture. Gives its id, and whether it can be attached at once. May be repeated:
    /// what no status takes, the server throws away.
    pub async fn upload(&self, asset: &Asset, now: Timestamp) -> Result<(String, bool), Failure> {
        let part = Part::bytes(asset.bytes.to_vec())
            .file_name(asset.name.clone())
            .mime_str(&asset.media_type)
            .map_err(|_| {
                super::refused(format!("{}: `{}` is no media type", asset.name, asset.media_type))
            })?;
        let form = Form::new().part("file", part).text("description", asset.alt.clone());
        let request = self.request(Method::POST, "/api/v2/media").multipart(form);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(answer.repeatable(now));
        }
        match answer.json::<Medium>() {
            Ok(medium) if is_medium_id(&medium.id) => Ok((medium.id, answer.status == 200)),
            Ok(_) => Err(Failure::again("the picture's id is none")),
            Err(why) => Err(Failure::again(why)),
        }
    }

    /// Whether a picture has been processed: 206 says not yet.
    pub async fn is_ready(&self, id: &str, now: Timestamp) -> Result<bool, Failure> {
        let answer = self.get(below(&self.server, &format!("/api/v1/media/{id}")), now).await?;
        match answer.status {
            // Servers without this call have processed everything when they answer.
            200 => Ok(true),
            206 => Ok(false),
            _ => Err(Failure::Later { reply: answer.reply(), retry_after: Some(Duration::from_secs(10)) }),
        }
    }

    async fn account(&self, now: Timestamp) -> Result<Account, Failure> {
        let answer = self.get(below(&self.server, "/api/v1/accounts/verify_credentials"), now).await?;
        let account: Account = answer.json().map_err(Failure::again)?;
        if is_id(&account.id) {
            return Ok(account);
        }
        Err(Failure::again("the account's id is none"))
    }

    /// Which of these posts stand there already, posted when this parcel was due or later.
    pub async fn find(&self, social: &Social, parcel: &Parcel) -> Result<Found, Failure> {
        let account = self.account(parcel.now).await?;
        let mut search = find::Search::new(social, parcel.due);
        let (mut first_before, mut below_id): (Option<String>, Option<String>) = (None, None);
        for _ in 0..PAGES {
            let mut url = below(&self.server, &format!("/api/v1/accounts/{}/statuses", account.id));
            url.query_pairs_mut().append_pair("limit", "40").append_pair("exclude_reblogs", "true");
            if let Some(id) = &below_id {
                url.query_pairs_mut().append_pair("max_id", id);
            }
            let answer = self.get(url, parcel.now).await?;
            let page: Vec<Status> = answer.json().map_err(Failure::again)?;
            let (Some(first), Some(last)) = (page.first(), page.last()) else {
                return Ok(search.found(true));
            };
            if page.len() == 1 && Some(&last.id) == below_id.as_ref() {
                // "Before" includes the status itself here, and nothing is older.
                return Ok(search.found(true));
            }
            if Some(&first.id) == first_before.as_ref() {
                // The server does not page (snac 2.75): nobody knows what is older.
                return Ok(search.found(page.len() < SHORT));
            }
            first_before = Some(first.id.clone());
            let next = is_id(&last.id).then(|| last.id.clone());
            for status in page {
                if let Some(doubtful) = search.see(status) {
                    let text = self.source(&doubtful.id, parcel.now).await?;
                    search.settle(&doubtful, text.as_deref());
                }
            }
            if search.is_over() {
                return Ok(search.found(true));
            }
            if next.is_none() {
                break;
            }
            below_id = next;
        }
        Ok(search.found(false))
    }

    /// The text of a status as it was written.
    async fn source(&self, id: &str, now: Timestamp) -> Result<Option<String>, Failure> {
        if !is_id(id) {
            return Ok(None);
        }
        let answer = self.get(below(&self.server, &format!("/api/v1/statuses/{id}/source")), now).await?;
        Ok(answer.json::<Source>().ok().map(|source| source.text))
    }

    /// What the server says of itself; the older call where there is no newer one.
    async fn instance(&self, now: Timestamp) -> Result<Answer, Failure> {
        let answer = self.get(below(&self.server, "/api/v2/instance"), now).await?;
        if answer.good() {
            return Ok(answer);
        }
        self.get(below(&self.server, "/api/v1/instance"), now).await
    }

    /// The account, and how long a status may be.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let now = Timestamp::UNIX_EPOCH;
        let account = match self.account(now).await {
            Ok(account) => diagnosis("mastodon: account", true, format!("@{}", account.acct), None),
            Err(failure) => {
                let hint =
                    "look at the channel's `server` and `token` (write:statuses, write:media, read:accounts)";
                diagnosis("mastodon: account", false, failure.to_string(), Some(hint))
            }
        };
        let limit = match self.instance(now).await {
            Ok(answer) => {
                let instance: Value = answer.json().unwrap_or_default();
                let most = instance["configuration"]["statuses"]["max_characters"].as_u64().unwrap_or(500);
                let hint = (most != 500).then(|| format!("set `characters: {most}` on the channel"));
                Diagnosis { hint, ..diagnosis("mastodon: length", true, format!("{most} characters"), None) }
            }
            Err(failure) => diagnosis("mastodon: length", false, failure.to_string(), None),
        };
        vec![account, limit]
    }
}

fn diagnosis(what: &str, good: bool, seen: String, hint: Option<&str>) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good, seen, hint: hint.map(str::to_owned) }
}

fn status(answer: &Answer) -> Result<Status, String> {
    let status: Status = answer.json()?;
    if is_id(&status.id) { Ok(status) } else { Err("the id of the status is none".to_owned()) }
}

/// 422 is for good, except that a picture may be "not finished processing".
fn unprocessable(answer: &Answer) -> Failure {
    let reply = answer.reply();
    if reply.text.to_lowercase().contains("processing") {
        return Failure::Later { reply, retry_after: Some(Duration::from_secs(10)) };
    }
    Failure::Refused { reply, suppress: false }
}
