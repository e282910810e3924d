//! The calls of LinkedIn's API that we use.

use std::time::Duration;

use async_trait::async_trait;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{LinkedinConfig, little};
use crate::channel::adapter::Setup;
use crate::channel::hook::cut;
use crate::channel::http::{self, Answer, Client, Lost, Patience, below, is_loopback};
use crate::channel::oauth::{Login, Renewal};
use crate::channel::timeline::{Account, Draft, Seen, Standing, Uploads, same};
use crate::channel::{Diagnosis, Failure, Parcel, Reply, refused};
use crate::render::{Asset, Post};

/// The most bytes of a picture; LinkedIn counts pixels (36,152,320) and names no other limit that we could count.
const PICTURE: usize = 10_000_000;
/// The most characters of a picture's description (learn.microsoft.com/linkedin/marketing/community-management/shares/images-api).
const ALT: usize = 4_086;
/// The most pages of the author's posts that are looked at, and how many each holds.
const PAGES: usize = 10;
const ON_PAGE: usize = 100;
/// How often a picture that is being processed is asked for, and how long between two times.
const LOOKS: u32 = 4;
const BETWEEN: Duration = Duration::from_millis(500);
/// `dateline doctor` warns so long before something ends.
const WARNED: SignedDuration = SignedDuration::from_hours(60 * 24);
const TOKEN_WARNED: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The API, seen by one author.
pub struct Api {
    client: Client,
    endpoint: Url,
    log_in: Url,
    login: Login,
    application: Option<(String, SecretString)>,
    author: String,
    version: String,
    uploads: Uploads,
    patience: Patience,
}

#[derive(Deserialize)]
struct Element {
    id: String,
    #[serde(default)]
    commentary: String,
    #[serde(rename = "createdAt")]
    created_at: Option<i64>,
    #[serde(rename = "lifecycleState")]
    state: Option<String>,
}

#[derive(Deserialize)]
struct Elements {
    elements: Vec<Element>,
}

/// The day on which a version of the API ends: a year after the month that it is named for; nothing if it is none.
pub fn ends(version: &str) -> Option<Date> {
    if version.len() != 6 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, month) = (version.get(..4)?.parse().ok()?, version.get(4..)?.parse().ok()?);
    Date::new(year, month, 1).ok()?.checked_add(1.year()).ok()
}

impl Api {
    pub fn open(config: &LinkedinConfig, setup: &Setup<'_>) -> Result<Api, String> {
        let address = |text: &str| -> Result<Url, String> {
            text.parse().map_err(|error| format!("`{text}` is no address: {error}"))
        };
        let (endpoint, log_in) = (address(&config.endpoint)?, address(&config.login)?);
        // The log-in is not spoken to over anything less.
        Client::trusted(&log_in, setup.patience)?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let secret = setup.secrets.get("client_secret");
        if let Some(secret) = &secret {
            client.hide(secret.expose_secret());
        }
        let application = config.client_id.clone().zip(secret);
        let login = match (setup.secrets.get("refresh_token"), &application) {
            (Some(refresh), Some((client_id, secret))) => Login::renewed(Renewal {
                endpoint: below(&log_in, "oauth/v2/accessToken"),
                client_id: client_id.clone(),
                client_secret: Some(secret.clone()),
                refresh,
                // LinkedIn gives the same one again until it ends.
                kept: None,
                basic: false,
            }),
            _ => Login::fixed(setup.needed("token")?),
        };
        let (author, version) = (config.author.clone(), config.version.clone());
        let (uploads, patience) = (Uploads::default(), setup.patience);
        Ok(Api { client, endpoint, log_in, login, application, author, version, uploads, patience })
    }

    fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client
            .request(method, url)
            .header("linkedin-version", &self.version)
            .header("x-restli-protocol-version", "2.0.0")
    }

    /// The address of `name`, an identifier with colons, below `path`.
    fn named(&self, path: &str, name: &str) -> Url {
        let mut url = below(&self.endpoint, path);
        if let Ok(mut steps) = url.path_segments_mut() {
            steps.push(name);
        }
        // Rest.li wants the colons of an identifier encoded.
        let path = url.path().replace(':', "%3A");
        url.set_path(&path);
        url
    }

    async fn send(
        &self,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
    ) -> Result<Result<Answer, Lost>, Failure> {
        self.login.send(&self.client, now, request).await
    }

    /// A request that may be repeated at will; nothing where its thing is not there.
    async fn ask(
        &self,
        now: Timestamp,
        request: impl Fn() -> Result<RequestBuilder, Failure>,
    ) -> Result<Option<Answer>, Failure> {
        self.login.ask(&self.client, now, request, refusal).await
    }

    fn standing_of(element: Element) -> Standing {
        let url = Some(page(&element.id));
        Standing { text: little::plain(&element.commentary), id: element.id, url }
    }

    /// Where a picture is put: LinkedIn's own address, and nobody else's, because our token goes with it.
    fn storage(&self, text: &str) -> Result<Url, Failure> {
        let url: Url = text.parse().map_err(|_| Failure::again("the picture's address is none"))?;
        let host = url.host_str().unwrap_or_default();
        let theirs = url.scheme() == "https" && (host == "linkedin.com" || host.ends_with(".linkedin.com"));
        let here = is_loopback(&self.endpoint) && is_loopback(&url) && url.port() == self.endpoint.port();
        if theirs || here {
            return Ok(url);
        }
        Err(Failure::HoldChannel {
            reply: Reply::note("LinkedIn wants the picture on a host that is not its own"),
        })
    }

    async fn send_bytes(&self, asset: &Asset, now: Timestamp) -> Result<String, Failure> {
        if asset.bytes.len() > PICTURE {
            let size = asset.bytes.len();
            return Err(refused(format!("{} has {size} bytes; make it smaller than {PICTURE}", asset.name)));
        }
        let body = json!({ "initializeUploadRequest": { "owner": self.author } });
        let mut url = below(&self.endpoint, "rest/images");
        url.set_query(Some("action=initializeUpload"));
        let request = || Ok(self.request(Method::POST, url.clone()).json(&body));
        let answer = self.ask(now, request).await?.ok_or_else(missing)?;
        let said: Value = answer.json().map_err(Failure::again)?;
        let text = |at: &str| said.pointer(at).and_then(Value::as_str).map(str::to_owned);
        let (Some(address), Some(id)) = (text("/value/uploadUrl"), text("/value/image")) else {
            return Err(Failure::again("the answer names no picture"));
        };
        let storage = self.storage(&address)?;
        let request = || {
            let request = self.client.request(Method::PUT, storage.clone());
            Ok(request.header("content-type", "application/octet-stream").body(asset.bytes.to_vec()))
        };
        self.ask(now, request).await?.ok_or_else(|| Failure::again("LinkedIn has lost the picture"))?;
        Ok(id)
    }

    /// The post that LinkedIn says this one would be a duplicate of, if it says the same.
    async fn duplicate(&self, answer: &Answer, post: &Post, now: Timestamp) -> Option<Standing> {
        let words = String::from_utf8_lossy(&answer.body).into_owned();
        let at = words.find("urn:li:share:").or_else(|| words.find("urn:li:ugcPost:"))?;
        let id: String = words[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == ':').collect();
        let standing = self.standing(is_id(&id).then_some(id.as_str())?, now).await.ok()??;
        same(&standing.text, &post.text).then_some(standing)
    }

    /// The token, when it ends, and how long the version of the API is good.
    pub async fn examine(&self) -> Vec<Diagnosis> {
        let diagnosis = |what: &str, good: bool, seen: String, hint: Option<&str>| Diagnosis {
            what: format!("linkedin: {what}"),
            good,
            seen,
            hint: hint.map(str::to_owned),
        };
        let now = match http::date(self.endpoint.clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(why) => {
                return vec![diagnosis("server", false, why, Some("look at the channel's `endpoint`"))];
            }
        };
        let mut seen = Vec::new();
        seen.push(match self.newest_page(0, now).await {
            Ok(_) => diagnosis("author", true, format!("{} can be looked at", self.author), None),
            Err(failure) => {
                let hint = "look at the channel's `author` and its token's rights (r_organization_social)";
                diagnosis("author", false, failure.to_string(), Some(hint))
            }
        });
        let end = ends(&self.version).and_then(|end| end.to_zoned(jiff::tz::TimeZone::UTC).ok());
        if let Some(end) = end {
            let good = end.timestamp().duration_since(now) > WARNED;
            let hint = (!good).then_some("set a newer `version` on the channel, and try it with a test");
            let words = format!("{} is kept until about {}", self.version, end.date());
            seen.push(diagnosis("version", good, words, hint));
        }
        seen.push(match self.token_ends(now).await {
            Ok(Some(end)) => {
                let good = end.duration_since(now) > TOKEN_WARNED;
                let hint = (!good).then_some("log in again for a new token");
                diagnosis("token", good, format!("ends {}", end.strftime("%Y-%m-%d")), hint)
            }
            Ok(None) => diagnosis(
                "token",
                true,
                "nobody knows when it ends".to_owned(),
                Some("with `client_id` and `client_secret` LinkedIn is asked"),
            ),
            Err(failure) => {
                diagnosis("token", false, failure.to_string(), Some("log in again for a new token"))
            }
        });
        seen
    }

    /// When the token ends (learn.microsoft.com/linkedin/shared/authentication/token-introspection).
    async fn token_ends(&self, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let Some((client_id, secret)) = &self.application else { return Ok(None) };
        let token = self.login.token(&self.client, now, None).await?;
        let form = [
            ("client_id", client_id.as_str()),
            ("client_secret", secret.expose_secret()),
            ("token", token.expose_secret()),
        ];
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.client.request(Method::POST, below(&self.log_in, "oauth/v2/introspectToken"));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
        if !answer.good() {
            return Err(answer.repeatable(now));
        }
        let said: Value = answer.json().map_err(Failure::again)?;
        if said["active"] == json!(false) {
            return Err(Failure::HoldChannel { reply: Reply::note("the token is not good any more") });
        }
        Ok(said["expires_at"].as_i64().and_then(|at| Timestamp::from_second(at).ok()))
    }

    async fn newest_page(&self, start: usize, now: Timestamp) -> Result<Elements, Failure> {
        let mut url = below(&self.endpoint, "rest/posts");
        let author = self.author.replace(':', "%3A");
        url.set_query(Some(&format!(
            "author={author}&q=author&count={ON_PAGE}&start={start}&sortBy=CREATED"
        )));
        let request = || Ok(self.request(Method::GET, url.clone()).header("x-restli-method", "FINDER"));
        let answer = self.ask(now, request).await?.ok_or_else(missing)?;
        answer.json().map_err(Failure::again)
    }
}

#[async_trait]
impl Account for Api {
    fn is_id(&self, id: &str) -> bool {
        is_id(id)
    }

    fn edits(&self) -> bool {
        true
    }

    async fn newest(&self, since: Timestamp, now: Timestamp) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        for page in 0..PAGES {
            let elements = self.newest_page(page * ON_PAGE, now).await?.elements;
            let last = elements.len() < ON_PAGE;
            for element in elements {
                if element.created_at.is_some_and(|at| at < since.as_millisecond()) {
                    // Newest first, so what follows is older.
                    seen.whole = true;
                    return Ok(seen);
                }
                if element.state.as_deref().is_none_or(|state| state == "PUBLISHED") {
                    seen.posts.push(Api::standing_of(element));
                }
            }
            if last {
                seen.whole = true;
                break;
            }
        }
        Ok(seen)
    }

    async fn standing(&self, id: &str, now: Timestamp) -> Result<Option<Standing>, Failure> {
        let request = || Ok(self.request(Method::GET, self.named("rest/posts", id)));
        let Some(answer) = self.ask(now, request).await? else { return Ok(None) };
        answer.json().map(Api::standing_of).map(Some).map_err(Failure::again)
    }

    async fn upload(&self, asset: &Asset, parcel: &Parcel) -> Result<String, Failure> {
        let key = Uploads::key(asset);
        let id = match self.uploads.known(key) {
            Some(id) => id,
            None => self.send_bytes(asset, parcel.now).await?,
        };
        self.uploads.note(key, &id);
        for look in 0..LOOKS {
            if look > 0 {
                tokio::time::sleep(BETWEEN).await;
            }
            let request = || Ok(self.request(Method::GET, self.named("rest/images", &id)));
            let answer = self.ask(parcel.now, request).await.inspect_err(|_| self.uploads.forget(&id))?;
            let said: Value = answer
                .ok_or_else(|| Failure::again("LinkedIn has lost the picture"))?
                .json()
                .map_err(Failure::again)?;
            match said["status"].as_str() {
                Some("AVAILABLE") => return Ok(id),
                Some("PROCESSING_FAILED") => {
                    self.uploads.forget(&id);
                    return Err(refused(format!("LinkedIn cannot process {}", asset.name)));
                }
                _ => {}
            }
        }
        let reply = Reply::note(format!("{} is still being processed there", asset.name));
        Err(Failure::Later { reply, retry_after: Some(Duration::from_secs(10)) })
    }

    async fn create(&self, draft: Draft<'_>, parcel: &Parcel) -> Result<Standing, Failure> {
        if draft.answers.is_some() {
            return Err(refused("LinkedIn knows no threads: shorten the text to 3000 characters"));
        }
        let pictures: Vec<Value> = draft
            .pictures
            .iter()
            .map(|(asset, id)| json!({ "id": id, "altText": cut(&asset.alt, ALT) }))
            .collect();
        let mut body = json!({
            "author": self.author,
            "commentary": little::little(draft.post),
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": false,
        });
        match pictures.as_slice() {
            [] => {}
            [one] => body["content"] = json!({ "media": one }),
            many => body["content"] = json!({ "multiImage": { "images": many } }),
        }
        let url = below(&self.endpoint, "rest/posts");
        let request = || Ok(self.request(Method::POST, url.clone()).json(&body));
        let answer = self.send(parcel.now, request).await?.map_err(Lost::failure)?;
        for (_, id) in draft.pictures {
            self.uploads.forget(id);
        }
        if answer.status == 422 && answer.reply().text.to_lowercase().contains("duplicate") {
            let found = self.duplicate(&answer, draft.post, parcel.now).await;
            return found.ok_or_else(|| Failure::Unknown { reply: answer.reply() });
        }
        if !answer.good() {
            return Err(refusal(&answer, parcel.now));
        }
        // It was taken, so without a name it must be looked up.
        let id = answer.headers.get("x-restli-id").and_then(|id| id.to_str().ok()).filter(|id| is_id(id));
        let id = id.ok_or_else(|| Failure::Unknown { reply: Reply::note("the answer names no post") })?;
        Ok(Standing { id: id.to_owned(), text: draft.post.text.clone(), url: Some(page(id)) })
    }

    async fn edit(&self, id: &str, post: &Post, parcel: &Parcel) -> Result<Option<Standing>, Failure> {
        let body = json!({ "patch": { "$set": { "commentary": little::little(post) } } });
        let request = || {
            let request = self.request(Method::POST, self.named("rest/posts", id));
            Ok(request.header("x-restli-method", "PARTIAL_UPDATE").json(&body))
        };
        let standing = Standing { id: id.to_owned(), text: post.text.clone(), url: Some(page(id)) };
        Ok(self.ask(parcel.now, request).await?.map(|_| standing))
    }

    async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let request = || {
            Ok(self.request(Method::DELETE, self.named("rest/posts", id)).header("x-restli-method", "DELETE"))
        };
        self.ask(now, request).await.map(|_| ())
    }
}

/// Whether `id` can be a post's: `urn:li:share:7…` or `urn:li:ugcPost:7…`.
fn is_id(id: &str) -> bool {
    let number = ["urn:li:share:", "urn:li:ugcPost:"].iter().find_map(|start| id.strip_prefix(start));
    number.is_some_and(|n| !n.is_empty() && n.len() <= 20 && n.bytes().all(|byte| byte.is_ascii_digit()))
}

fn page(id: &str) -> String {
    format!("https://www.linkedin.com/feed/update/{id}/")
}

fn missing() -> Failure {
    Failure::HoldChannel {
        reply: Reply::new(404, None, "LinkedIn's API does not know the channel's `author`"),
    }
}

/// What an answer means that is not 2xx (learn.microsoft.com/linkedin/shared/api-guide/concepts/error-handling). 426 is a version of
/// the API that is not kept any more; 404 is an author that we may not see. Limits are the application's, not one delivery's
/// (concepts/rate-limits).
fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    match answer.status {
        404 => missing(),
        426 => Failure::HoldChannel { reply: answer.reply() },
        429 => Failure::PauseChannel { reply: answer.reply(), retry_after: answer.wait(now) },
        _ => answer.failure(now),
    }
}
