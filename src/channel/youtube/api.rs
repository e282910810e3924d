//! The calls of YouTube's API that we use.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use super::YoutubeConfig;
use crate::channel::adapter::Setup;
use crate::channel::article::marker;
use crate::channel::hook::cut;
use crate::channel::http::{self, Answer, Client, Lost, Patience, below, is_loopback};
use crate::channel::oauth::{Login, Renewal};
use crate::channel::{Diagnosis, Failure, Parcel, Reply, refused};
use crate::render::Asset;

/// The most characters of a title, and the most bytes of a description (developers.google.com/youtube/v3/docs/videos#snippet).
const TITLE: usize = 100;
const DESCRIPTION: usize = 5_000;
/// The most bytes of a thumbnail (developers.google.com/youtube/v3/docs/thumbnails/set).
const THUMBNAIL: usize = 2_000_000;
/// The most pages of uploads that are looked through; each holds fifty.
const PAGES: usize = 10;
/// How far YouTube's clock may be behind ours.
const SKEW: SignedDuration = SignedDuration::from_mins(10);
/// How long is waited where the day's quota is used up and nobody knows when the day ends.
const QUOTA: Duration = Duration::from_hours(1);

/// The API, seen by one channel.
pub struct Api {
    client: Client,
    endpoint: Url,
    login: Login,
    category: u32,
    made_for_kids: bool,
    patience: Patience,
}

/// Who sees a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Privacy {
    /// Everybody.
    Public,
    /// Its owner.
    Private,
}

/// A video, as far as we look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    pub id: String,
    pub title: String,
    pub description: String,
    pub tags: Vec<String>,
    pub privacy: Privacy,
}

/// What stands below a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    title: String,
    description: String,
    tags: Vec<String>,
}

impl Words {
    /// Of the first post, which is the description.
    pub fn of(parcel: &Parcel) -> Result<Words, Failure> {
        let [post] = parcel.social()?.posts.as_slice() else {
            return Err(refused("a video has one description: shorten the text"));
        };
        // Neither may hold these two signs.
        let plain = |text: &str| text.replace('<', "‹").replace('>', "›");
        let description = plain(&post.text);
        if description.len() > DESCRIPTION {
            let length = description.len();
            return Err(refused(format!(
                "the description has {length} bytes, and YouTube takes {DESCRIPTION}"
            )));
        }
        let mut tags = vec![marker(&parcel.wire_key)];
        let named = post.facets.iter().filter_map(|facet| facet.target.strip_prefix('#'));
        tags.extend(named.map(str::to_owned));
        Ok(Words { title: cut(&plain(&parcel.edition.title), TITLE), description, tags })
    }

    /// Whether they stand below `video`.
    pub fn are_of(&self, video: &Video) -> bool {
        self.title == video.title && self.description.trim() == video.description.trim()
    }
}

/// Whether `id` can be a video's, and stand in an address.
pub fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 20 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// The id in an answer.
pub fn id_of(answer: &Answer) -> Option<String> {
    let said: Value = answer.json().ok()?;
    said["id"].as_str().filter(|id| is_id(id)).map(str::to_owned)
}

fn video(value: &Value) -> Option<Video> {
    let text = |at: &str| value.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let tags = value.pointer("/snippet/tags").and_then(Value::as_array);
    let tags = tags.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let privacy = match text("/status/privacyStatus").as_str() {
        // Who has the address of an unlisted one sees it.
        "public" | "unlisted" => Privacy::Public,
        _ => Privacy::Private,
    };
    let id = value["id"].as_str().filter(|id| is_id(id))?.to_owned();
    Some(Video {
        id,
        title: text("/snippet/title"),
        description: text("/snippet/description"),
        tags,
        privacy,
    })
}

impl Api {
    pub fn open(config: &YoutubeConfig, setup: &Setup<'_>) -> Result<Api, String> {
        let address = |text: &str| -> Result<Url, String> {
            text.parse().map_err(|error| format!("`{text}` is no address: {error}"))
        };
        let (endpoint, log_in) = (address(&config.endpoint)?, address(&config.login)?);
        Client::trusted(&log_in, setup.patience)?;
        let client = Client::trusted(&endpoint, setup.patience)?;
        let login = Login::renewed(Renewal {
            endpoint: below(&log_in, "token"),
            client_id: config.client_id.clone(),
            client_secret: Some(setup.needed("client_secret")?),
            refresh: setup.needed("refresh_token")?,
            // Google gives no new one.
            kept: None,
            basic: false,
        });
        let (category, made_for_kids) = (config.category, config.made_for_kids);
        Ok(Api { client, endpoint, login, category, made_for_kids, patience: setup.patience })
    }

    /// Begins a request.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.client.request(method, url)
    }

    fn at(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = below(&self.endpoint, path);
        url.query_pairs_mut().extend_pairs(query);
        url
    }

    /// Sends a request once, or twice where the token had ended.
    pub async fn send(
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

    async fn get(&self, path: &str, query: &[(&str, &str)], now: Timestamp) -> Result<Value, Failure> {
        let url = self.at(path, query);
        let answer = self.ask(now, || Ok(self.request(Method::GET, url.clone()))).await?;
        answer.map_or(Ok(Value::Null), |answer| answer.json().map_err(Failure::again))
    }

    /// A video, if it is there.
    pub async fn video(&self, id: &str, now: Timestamp) -> Result<Option<Video>, Failure> {
        let said = self.get("youtube/v3/videos", &[("part", "snippet,status"), ("id", id)], now).await?;
        Ok(said.pointer("/items/0").and_then(video))
    }

    /// The videos with this tag that were uploaded since the parcel was due, and whether all uploads were seen.
    pub async fn find(&self, tag: &str, parcel: &Parcel) -> Result<(Vec<Video>, bool), Failure> {
        let now = parcel.now;
        let since = parcel.due.checked_sub(SKEW).unwrap_or(parcel.due);
        let mine = [("part", "contentDetails"), ("mine", "true")];
        let said = self.get("youtube/v3/channels", &mine, now).await?;
        let uploads =
            said.pointer("/items/0/contentDetails/relatedPlaylists/uploads").and_then(Value::as_str);
        let uploads = uploads.ok_or_else(nobody)?;
        let (mut found, mut next) = (Vec::new(), None::<String>);
        for _ in 0..PAGES {
            let mut query =
                vec![("part", "snippet,contentDetails"), ("playlistId", uploads), ("maxResults", "50")];
            query.extend(next.as_deref().map(|next| ("pageToken", next)));
            let page = self.get("youtube/v3/playlistItems", &query, now).await?;
            let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
            let old = |item: &Value| {
                let at = item.pointer("/snippet/publishedAt").and_then(Value::as_str);
                at.and_then(|at| at.parse::<Timestamp>().ok()).is_some_and(|at| at < since)
            };
            let id = |item: &Value| item.pointer("/contentDetails/videoId")?.as_str().map(str::to_owned);
            let ids: Vec<String> = items.iter().filter(|item| !old(item)).filter_map(id).collect();
            if !ids.is_empty() {
                let ids = ids.join(",");
                let said =
                    self.get("youtube/v3/videos", &[("part", "snippet,status"), ("id", &ids)], now).await?;
                let items = said["items"].as_array().map(Vec::as_slice).unwrap_or_default();
                let ours = |video: &Video| video.tags.iter().any(|other| other == tag);
                found.extend(items.iter().filter_map(video).filter(ours));
            }
            next = page["nextPageToken"].as_str().map(str::to_owned);
            // Newest first, so what follows is older.
            if next.is_none() || items.iter().any(old) {
                return Ok((found, true));
            }
        }
        Ok((found, false))
    }

    /// The part of a video that says who sees it.
    fn status(&self, privacy: Privacy) -> Value {
        json!({
            "privacyStatus": if privacy == Privacy::Public { "public" } else { "private" },
            "selfDeclaredMadeForKids": self.made_for_kids,
            "embeddable": true,
        })
    }

    /// Begins the upload of a private video and gives the address that its pieces go to. Nothing is there before the last of them.
    pub async fn begin(&self, words: &Words, video: &Asset, parcel: &Parcel) -> Result<Url, Failure> {
        let query = [("uploadType", "resumable"), ("part", "snippet,status"), ("notifySubscribers", "true")];
        let url = self.at("upload/youtube/v3/videos", &query);
        let mut snippet = self.snippet(words);
        snippet["defaultLanguage"] = json!(parcel.edition.request.language);
        let body = json!({ "snippet": snippet, "status": self.status(Privacy::Private) });
        let request = || {
            Ok(self
                .request(Method::POST, url.clone())
                .header("x-upload-content-type", &video.media_type)
                .header("x-upload-content-length", video.bytes.len())
                .json(&body))
        };
        let answer = self.ask(parcel.now, request).await?.ok_or_else(nobody)?;
        let location = answer.headers.get("location").and_then(|location| location.to_str().ok());
        let session: Url = location
            .and_then(|location| location.parse().ok())
            .ok_or_else(|| Failure::again("the answer names no place for the video"))?;
        let host = session.host_str().unwrap_or_default();
        let theirs =
            session.scheme() == "https" && (host == "googleapis.com" || host.ends_with(".googleapis.com"));
        let here =
            is_loopback(&self.endpoint) && is_loopback(&session) && session.port() == self.endpoint.port();
        if theirs || here {
            // Whoever has it can put a video there.
            session.query().into_iter().for_each(|query| self.client.hide(query));
            return Ok(session);
        }
        Err(Failure::HoldChannel {
            reply: Reply::note("YouTube wants the video on a host that is not its own"),
        })
    }

    fn snippet(&self, words: &Words) -> Value {
        json!({
            "title": words.title, "description": words.description, "tags": words.tags,
            "categoryId": self.category.to_string(),
        })
    }

    /// Gives a video its thumbnail and captions. May be repeated.
    pub async fn dress(&self, id: &str, parcel: &Parcel) -> Result<(), Failure> {
        let (assets, now) = (&parcel.edition.assets, parcel.now);
        let thumb = |asset: &&Asset| {
            ["image/jpeg", "image/png"].contains(&asset.media_type.as_str()) && asset.bytes.len() <= THUMBNAIL
        };
        if let Some(picture) = assets.iter().find(thumb) {
            let url =
                self.at("upload/youtube/v3/thumbnails/set", &[("videoId", id), ("uploadType", "media")]);
            let request = || {
                let request = self.request(Method::POST, url.clone());
                Ok(request.header("content-type", &picture.media_type).body(picture.bytes.to_vec()))
            };
            self.ask(now, request)
                .await?
                .ok_or_else(|| Failure::again("YouTube does not know the video yet"))?;
        }
        let captions: Vec<&Asset> = assets.iter().filter(|asset| asset.media_type == "text/vtt").collect();
        if captions.is_empty() {
            return Ok(());
        }
        let there = self.get("youtube/v3/captions", &[("part", "snippet"), ("videoId", id)], now).await?;
        let there = there["items"].as_array().cloned().unwrap_or_default();
        for file in captions {
            let language = &parcel.edition.request.language;
            let name = file.name.trim_end_matches(".vtt");
            if there.iter().any(|item| item.pointer("/snippet/name").and_then(Value::as_str) == Some(name)) {
                continue;
            }
            let snippet =
                json!({ "snippet": { "videoId": id, "language": language, "name": name, "isDraft": false } });
            let (kind, body) = related(&snippet, file);
            let url =
                self.at("upload/youtube/v3/captions", &[("part", "snippet"), ("uploadType", "multipart")]);
            let request = || {
                let request = self.request(Method::POST, url.clone());
                Ok(request.header("content-type", &kind).body(body.clone()))
            };
            self.ask(now, request)
                .await?
                .ok_or_else(|| Failure::again("YouTube does not know the video yet"))?;
        }
        Ok(())
    }

    /// Says who sees a video. What becomes of a lost answer is unknown, and may be looked at.
    pub async fn show(&self, id: &str, privacy: Privacy, now: Timestamp) -> Result<(), Failure> {
        let body = json!({ "id": id, "status": self.status(privacy) });
        let said = self.update("status", &body, now).await?;
        let wanted = self.status(privacy);
        let got = said.pointer("/status/privacyStatus");
        if got == wanted.get("privacyStatus") {
            return Ok(());
        }
        // An application that Google has not reviewed may upload private videos alone.
        let words = format!(
            "YouTube leaves the video {}: has Google reviewed the application?",
            got.unwrap_or(&Value::Null)
        );
        Err(Failure::HoldChannel { reply: Reply::note(words) })
    }

    /// Replaces title and description, and leaves the tags.
    pub async fn rewrite(&self, video: &Video, words: &Words, now: Timestamp) -> Result<(), Failure> {
        let words = Words { tags: video.tags.clone(), ..words.clone() };
        let body = json!({ "id": video.id, "snippet": self.snippet(&words) });
        self.update("snippet", &body, now).await.map(|_| ())
    }

    async fn update(&self, part: &str, body: &Value, now: Timestamp) -> Result<Value, Failure> {
        let url = self.at("youtube/v3/videos", &[("part", part)]);
        let request = || Ok(self.request(Method::PUT, url.clone()).json(body));
        let answer = self.send(now, request).await?.map_err(Lost::failure)?;
        match answer.status {
            200..=299 => answer.json().map_err(|why| Failure::Unknown { reply: Reply::note(why) }),
            404 => Err(refused("the video is not there any more")),
            _ => Err(refusal(&answer, now)),
        }
    }

    /// Deletes a video; one that is gone is gone. May be repeated.
    pub async fn delete(&self, id: &str, now: Timestamp) -> Result<(), Failure> {
        let url = self.at("youtube/v3/videos", &[("id", id)]);
        self.ask(now, || Ok(self.request(Method::DELETE, url.clone()))).await.map(|_| ())
    }

    /// The channel.
    pub async fn examine(&self) -> Diagnosis {
        let what = "youtube: channel".to_owned();
        let bad = |what: String, seen: String, hint: &str| Diagnosis {
            what,
            good: false,
            seen,
            hint: Some(hint.to_owned()),
        };
        let now = match http::date(self.endpoint.clone(), self.patience.connect).await {
            Ok(now) => now,
            Err(why) => return bad(what, why, "look at the channel's `endpoint`"),
        };
        let query = [("part", "snippet"), ("mine", "true")];
        match self.get("youtube/v3/channels", &query, now).await {
            Ok(said) => match said.pointer("/items/0/snippet/title").and_then(Value::as_str) {
                Some(title) => {
                    let seen =
                        format!("{title}; a release uses about 2,100 of the day's 10,000 units of quota");
                    Diagnosis { what, good: true, seen, hint: None }
                }
                None => bad(what, "the account has no channel".to_owned(), "log in as the channel's owner"),
            },
            Err(failure) => bad(what, failure.to_string(), "log in again for a new `refresh_token`"),
        }
    }
}

/// Two parts in one body (RFC 2387): what it is, and the file.
fn related(snippet: &Value, file: &Asset) -> (String, Vec<u8>) {
    let boundary = format!("dateline-{}", file.sha.short());
    let mut body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{snippet}\r\n--{boundary}\r\nContent-Type: text/vtt\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(&file.bytes);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/related; boundary={boundary}"), body)
}

fn nobody() -> Failure {
    Failure::HoldChannel { reply: Reply::note("the account has no channel on YouTube") }
}

/// What an answer means that is not 2xx (developers.google.com/youtube/v3/docs/errors): 403 is our rights, or a quota.
pub fn refusal(answer: &Answer, now: Timestamp) -> Failure {
    let reply = answer.reply();
    let said: Value = answer.json().unwrap_or_default();
    let reason = said.pointer("/error/errors/0/reason").and_then(Value::as_str).unwrap_or_default();
    match (answer.status, reason) {
        // A day of quota is a day in California.
        (403, "quotaExceeded" | "dailyLimitExceeded") | (400, "uploadLimitExceeded") => {
            Failure::PauseChannel { reply, retry_after: Some(until_midnight(now)) }
        }
        (403, "rateLimitExceeded" | "userRateLimitExceeded") | (429, _) => {
            Failure::PauseChannel { reply, retry_after: answer.wait(now) }
        }
        _ => answer.failure(now),
    }
}

fn until_midnight(now: Timestamp) -> Duration {
    let ends = TimeZone::get("America/Los_Angeles").ok().and_then(|zone| {
        let day = now.to_zoned(zone).tomorrow().ok()?.start_of_day().ok()?;
        Duration::try_from(day.timestamp().duration_since(now)).ok()
    });
    ends.unwrap_or(QUOTA)
}
