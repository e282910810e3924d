//! As much of Mastodon's API as Dateline uses (docs.joinmastodon.org/methods).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::look::{Card, Page, esc, links, picture};
use super::{ACCOUNT, NAME, Place, Shared, Shown};

/// The account's id.
const ID: &str = "1";
/// The most characters of a status; an address counts 23.
const MOST: usize = 500;
const LINK: usize = 23;

/// A server with one account.
pub struct Server {
    place: Place,
    token: String,
    statuses: BTreeMap<u64, Status>,
    media: BTreeMap<u64, Medium>,
    keys: BTreeMap<String, u64>,
    next: u64,
}

struct Status {
    text: String,
    at: Timestamp,
    edited: bool,
    answers: Option<u64>,
    media: Vec<u64>,
    visibility: String,
    language: Option<String>,
}

struct Medium {
    media_type: String,
    alt: String,
    bytes: Vec<u8>,
}

#[derive(Deserialize)]
struct Wanted {
    status: Option<String>,
    #[serde(default)]
    media_ids: Vec<String>,
    in_reply_to_id: Option<String>,
    visibility: Option<String>,
    language: Option<String>,
}

#[derive(Deserialize)]
struct Range {
    limit: Option<usize>,
    max_id: Option<u64>,
}

type Refusal = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, words: &str) -> Refusal {
    (status, Json(json!({ "error": words })))
}

impl Server {
    pub fn new(place: Place, token: String) -> Server {
        let (statuses, media, keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Server { place, token, statuses, media, keys, next: 110_000 }
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given.and_then(|value| value.strip_prefix("Bearer ")) == Some(&self.token) {
            return Ok(());
        }
        Err(refuse(StatusCode::UNAUTHORIZED, "The access token is invalid"))
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// What is wrong with a status, or its pictures.
    fn examine(&self, wanted: &Wanted) -> Result<Vec<u64>, Refusal> {
        let wrong = |words: &str| refuse(StatusCode::UNPROCESSABLE_ENTITY, words);
        let text = wanted.status.as_deref().unwrap_or_default();
        if text.trim().is_empty() && wanted.media_ids.is_empty() {
            return Err(wrong("Validation failed: Text can't be blank"));
        }
        let saved: usize = links(text).iter().map(|(start, end, _)| (end - start).saturating_sub(LINK)).sum();
        if text.graphemes(true).count().saturating_sub(saved) > MOST {
            return Err(wrong("Validation failed: Text character limit of 500 exceeded"));
        }
        if wanted.media_ids.len() > 4 {
            return Err(wrong("Cannot attach more than 4 files"));
        }
        wanted
            .media_ids
            .iter()
            .map(|id| id.parse().ok().filter(|id| self.media.contains_key(id)))
            .collect::<Option<Vec<u64>>>()
            .ok_or_else(|| wrong("Media not found"))
    }

    fn json(&self, id: u64) -> Value {
        let Some(status) = self.statuses.get(&id) else { return Value::Null };
        let media: Vec<Value> = status.media.iter().filter_map(|id| Some((id, self.media.get(id)?))).map(|(id, medium)| {
            json!({ "id": id.to_string(), "type": "image", "url": format!("{}/media/{id}", self.place.base), "description": medium.alt })
        }).collect();
        json!({
            "id": id.to_string(),
            "created_at": status.at,
            "edited_at": status.edited.then_some(status.at),
            "in_reply_to_id": status.answers.map(|id| id.to_string()),
            "visibility": status.visibility,
            "language": status.language,
            "url": self.url(id),
            "uri": self.url(id),
            "content": content(&status.text),
            "media_attachments": media,
            "account": { "id": ID, "acct": ACCOUNT, "display_name": NAME },
        })
    }

    fn url(&self, id: u64) -> String {
        format!("{}/@{ACCOUNT}/{id}", self.place.base)
    }

    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(id, status): (&u64, &Status)| Shown {
            network: "mastodon",
            text: status.text.clone(),
            url: self.url(*id),
            at: status.at,
            pictures: status.media.len(),
            reply: status.answers.is_some(),
            edited: status.edited,
        };
        self.statuses.iter().map(shown).collect()
    }

    fn root(&self, id: u64) -> u64 {
        let mut at = id;
        while let Some(above) = self.statuses.get(&at).and_then(|status| status.answers) {
            at = above;
        }
        at
    }

    fn page(&self) -> Response {
        let mut ids: Vec<u64> = self.statuses.keys().copied().collect();
        ids.sort_by_key(|id| (std::cmp::Reverse(self.root(*id)), *id));
        let card = |id: &u64| {
            let status = self.statuses.get(id)?;
            let picture = |id: &u64| Some((format!("/media/{id}"), self.media.get(id)?.alt.clone()));
            Some(Card {
                anchor: format!("s{id}"),
                at: status.at,
                links: links(&status.text),
                text: status.text.clone(),
                pictures: status.media.iter().filter_map(picture).collect(),
                preview: None,
                reply: status.answers.is_some(),
                mark: status.edited.then_some("edited"),
            })
        };
        let cards = ids.iter().filter_map(card).collect();
        let host = self.place.base.trim_start_matches("http://");
        let handle = format!("{ACCOUNT}@{host}");
        self.place.page(&Page { network: "Mastodon", color: "#563acc", account: (NAME, &handle), cards })
    }
}

/// A status's text as the server shows it.
fn content(text: &str) -> String {
    let mut html = String::new();
    let mut from = 0;
    for (start, end, url) in links(text) {
        html.push_str(&esc(&text[from..start]));
        let _ =
            write!(html, "<a href=\"{0}\" rel=\"nofollow noopener\" target=\"_blank\">{0}</a>", esc(&url));
        from = end;
    }
    html.push_str(&esc(&text[from..]));
    format!("<p>{}</p>", html.replace("\n\n", "</p><p>").replace('\n', "<br />"))
}

type Shelf = State<Shared<Server>>;

/// The server's addresses.
pub fn router(server: Shared<Server>) -> Router {
    Router::new()
        .route("/", get(async |State(server): Shelf| server.lock().page()))
        .route("/@newsroom/{id}", get(async |State(server): Shelf| server.lock().page()))
        .route("/media/{id}", get(show))
        .route("/api/v2/instance", get(async || Json(json!({ "configuration": { "statuses": { "max_characters": MOST, "characters_reserved_per_url": LINK, "max_media_attachments": 4 } } }))))
        .route("/api/v2/media", post(upload))
        .route("/api/v1/media/{id}", get(medium))
        .route("/api/v1/statuses", post(create))
        .route("/api/v1/statuses/{id}", get(read).put(edit).delete(delete))
        .route("/api/v1/statuses/{id}/source", get(source))
        .route("/api/v1/accounts/verify_credentials", get(account))
        .route("/api/v1/accounts/{id}/statuses", get(list))
        .layer(DefaultBodyLimit::max(20_000_000))
        .with_state(server)
}

async fn show(State(server): Shelf, Path(id): Path<u64>) -> Response {
    match server.lock().media.get(&id) {
        Some(medium) => picture(&medium.media_type, medium.bytes.clone()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn account(State(server): Shelf, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    server.lock().admit(&headers)?;
    Ok(Json(json!({ "id": ID, "acct": ACCOUNT, "username": ACCOUNT, "display_name": NAME })))
}

async fn upload(State(server): Shelf, headers: HeaderMap, body: Bytes) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parts = kind.split("boundary=").nth(1).map(|boundary| parts(&body, boundary)).unwrap_or_default();
    let wrong = || refuse(StatusCode::UNPROCESSABLE_ENTITY, "Validation failed: File can't be blank");
    let (_, media_type, bytes) = parts.iter().find(|(name, _, _)| name == "file").ok_or_else(wrong)?;
    let alt = parts.iter().find(|(name, _, _)| name == "description").map(|(_, _, text)| text.as_slice());
    let alt = String::from_utf8_lossy(alt.unwrap_or_default()).into_owned();
    let medium = Medium { media_type: media_type.clone(), alt: alt.clone(), bytes: bytes.clone() };
    let id = server.number();
    server.media.insert(id, medium);
    Ok(Json(
        json!({ "id": id.to_string(), "type": "image", "url": format!("{}/media/{id}", server.place.base), "description": alt }),
    ))
}

/// The parts of a form (RFC 7578): name, media type, content.
fn parts(body: &[u8], boundary: &str) -> Vec<(String, String, Vec<u8>)> {
    let line = format!("--{}", boundary.trim_matches('"')).into_bytes();
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what);
    let mut found = Vec::new();
    let mut rest = body;
    while let Some(at) = find(rest, &line) {
        rest = &rest[at + line.len()..];
        let (Some(head), Some(end)) = (find(rest, b"\r\n\r\n"), find(rest, &line)) else { break };
        if head + 4 > end.saturating_sub(2) {
            continue;
        }
        let text = String::from_utf8_lossy(&rest[..head]).into_owned();
        let name = text.split("name=\"").nth(1).and_then(|after| after.split('"').next()).unwrap_or_default();
        let kind = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-type").then(|| value.trim().to_owned())
        });
        found.push((name.to_owned(), kind.unwrap_or_default(), rest[head + 4..end - 2].to_vec()));
    }
    found
}

async fn medium(
    State(server): Shelf,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    let server = server.lock();
    server.admit(&headers)?;
    match server.media.get(&id) {
        Some(medium) => Ok(Json(json!({ "id": id.to_string(), "type": "image", "description": medium.alt }))),
        None => Err(refuse(StatusCode::NOT_FOUND, "Record not found")),
    }
}

async fn create(
    State(server): Shelf,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    if let Some(id) =
        key.as_ref().and_then(|key| server.keys.get(key)).filter(|id| server.statuses.contains_key(id))
    {
        return Ok(Json(server.json(*id)));
    }
    let media = server.examine(&wanted)?;
    let answers = match &wanted.in_reply_to_id {
        None => None,
        Some(id) => Some(
            id.parse()
                .ok()
                .filter(|id| server.statuses.contains_key(id))
                .ok_or_else(|| refuse(StatusCode::NOT_FOUND, "Record not found"))?,
        ),
    };
    let id = server.number();
    let status = Status {
        text: wanted.status.unwrap_or_default(),
        at: server.place.clock.now(),
        edited: false,
        answers,
        media,
        visibility: wanted.visibility.unwrap_or_else(|| "public".to_owned()),
        language: wanted.language,
    };
    server.statuses.insert(id, status);
    if let Some(key) = key {
        server.keys.insert(key, id);
    }
    Ok(Json(server.json(id)))
}

fn known(server: &Server, id: u64) -> Result<(), Refusal> {
    if server.statuses.contains_key(&id) {
        return Ok(());
    }
    Err(refuse(StatusCode::NOT_FOUND, "Record not found"))
}

async fn read(State(server): Shelf, headers: HeaderMap, Path(id): Path<u64>) -> Result<Json<Value>, Refusal> {
    let server = server.lock();
    server.admit(&headers)?;
    known(&server, id)?;
    Ok(Json(server.json(id)))
}

async fn edit(
    State(server): Shelf,
    headers: HeaderMap,
    Path(id): Path<u64>,
    Json(wanted): Json<Wanted>,
) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    known(&server, id)?;
    let media = server.examine(&wanted)?;
    if let Some(status) = server.statuses.get_mut(&id) {
        let text = wanted.status.unwrap_or_default();
        status.edited |= status.text != text;
        status.text = text;
        status.media = media;
    }
    Ok(Json(server.json(id)))
}

async fn delete(
    State(server): Shelf,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    known(&server, id)?;
    let gone = server.json(id);
    server.statuses.remove(&id);
    Ok(Json(gone))
}

async fn source(
    State(server): Shelf,
    headers: HeaderMap,
    Path(id): Path<u64>,
) -> Result<Json<Value>, Refusal> {
    let server = server.lock();
    server.admit(&headers)?;
    known(&server, id)?;
    let text = server.statuses.get(&id).map(|status| status.text.clone());
    Ok(Json(json!({ "id": id.to_string(), "text": text, "spoiler_text": "" })))
}

async fn list(
    State(server): Shelf,
    headers: HeaderMap,
    Path(id): Path<String>,
    Query(range): Query<Range>,
) -> Result<Json<Value>, Refusal> {
    let server = server.lock();
    server.admit(&headers)?;
    if id != ID {
        return Err(refuse(StatusCode::NOT_FOUND, "Record not found"));
    }
    let below = range.max_id.unwrap_or(u64::MAX);
    let limit = range.limit.unwrap_or(20).min(40);
    let page: Vec<Value> =
        server.statuses.range(..below).rev().take(limit).map(|(id, _)| server.json(*id)).collect();
    Ok(Json(json!(page)))
}
