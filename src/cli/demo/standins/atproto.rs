//! As much of an atproto PDS as Dateline uses (docs.bsky.app/docs/api), with the refusals of the real
//! one: records are held against the lexicons, keys must be TIDs, sessions end.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use ring::digest;
use serde::Deserialize;
use serde_json::{Value, json};
use unicode_segmentation::UnicodeSegmentation;

use super::look::{Card, Page, picture};
use super::{HANDLE, NAME, Place, Shared, Shown, random};

const DID: &str = "did:plc:haldenmotorsnewsroom2345";
const POST: &str = "app.bsky.feed.post";
/// The most bytes of a blob that the server takes.
const BLOB: usize = 5_000_000;
/// The most bytes of a picture in a post.
const PICTURE: u64 = 2_000_000;

/// A server with one account.
pub struct Server {
    place: Place,
    password: String,
    /// Access and refresh token; one session at a time.
    session: Option<(String, String)>,
    blobs: BTreeMap<String, (String, Vec<u8>)>,
    records: BTreeMap<String, (String, Value)>,
}

type Refusal = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, error: &str, words: &str) -> Refusal {
    (status, Json(json!({ "error": error, "message": words })))
}

fn invalid(words: impl AsRef<str>) -> Refusal {
    refuse(StatusCode::BAD_REQUEST, "InvalidRequest", words.as_ref())
}

impl Server {
    pub fn new(place: Place, password: String) -> Server {
        let (blobs, records) = (BTreeMap::new(), BTreeMap::new());
        Server { place, password, session: None, blobs, records }
    }

    fn open(&mut self) -> Result<Json<Value>, Refusal> {
        let failed =
            |_| refuse(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "no random numbers");
        let (access, refresh) = (random::<16>().map_err(failed)?, random::<16>().map_err(failed)?);
        self.session = Some((access.clone(), refresh.clone()));
        Ok(Json(
            json!({ "did": DID, "handle": HANDLE, "accessJwt": access, "refreshJwt": refresh, "active": true }),
        ))
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        let Some(given) = bearer(headers) else {
            return Err(refuse(StatusCode::UNAUTHORIZED, "AuthMissing", "Authentication Required"));
        };
        match &self.session {
            Some((access, _)) if access == given => Ok(()),
            _ => Err(refuse(StatusCode::BAD_REQUEST, "ExpiredToken", "Token has expired")),
        }
    }

    fn uri(rkey: &str) -> String {
        format!("at://{DID}/{POST}/{rkey}")
    }

    fn url(&self, rkey: &str) -> String {
        format!("{}/profile/{HANDLE}/post/{rkey}", self.place.base)
    }

    /// What the lexicon of posts says against a record.
    fn examine(&self, record: &Value) -> Result<(), String> {
        if record["$type"] != POST {
            return Err(format!("Invalid $type: expected {POST}"));
        }
        let text = record["text"].as_str().ok_or("Record must have the property \"text\"")?;
        let graphemes = text.graphemes(true).count();
        if graphemes > 300 {
            return Err(format!("Record/text must not be longer than 300 graphemes (got {graphemes})"));
        }
        if text.len() > 3000 {
            return Err("Record/text must not be longer than 3000 characters".to_owned());
        }
        let created = record["createdAt"].as_str().unwrap_or_default();
        if created.parse::<Timestamp>().is_err() || !created.contains('T') {
            return Err("Record/createdAt must be an valid atproto datetime".to_owned());
        }
        for facet in record["facets"].as_array().into_iter().flatten() {
            let (start, end) = (facet["index"]["byteStart"].as_u64(), facet["index"]["byteEnd"].as_u64());
            let range =
                start.zip(end).and_then(|(s, e)| Some(usize::try_from(s).ok()?..usize::try_from(e).ok()?));
            if range.is_none_or(|range| text.get(range).is_none_or(str::is_empty)) {
                return Err("Record/facets: an index is not in the text".to_owned());
            }
        }
        let embed = &record["embed"];
        let images = embed["images"].as_array().map(Vec::as_slice).unwrap_or_default();
        if images.len() > 4 {
            return Err("Record/embed/images must not have more than 4 elements".to_owned());
        }
        for image in images {
            image["alt"].as_str().ok_or("Record/embed/images must have the property \"alt\"")?;
            self.examine_blob(&image["image"])?;
        }
        if let Some(external) = embed.get("external") {
            for name in ["uri", "title", "description"] {
                external[name]
                    .as_str()
                    .ok_or(format!("Record/embed/external must have the property \"{name}\""))?;
            }
            if let Some(thumb) = external.get("thumb") {
                self.examine_blob(thumb)?;
            }
        }
        for end in ["root", "parent"] {
            if let Some(reply) = record.get("reply")
                && !(reply[end]["uri"].is_string() && reply[end]["cid"].is_string())
            {
                return Err(format!("Record/reply/{end} must be a strong reference"));
            }
        }
        Ok(())
    }

    fn examine_blob(&self, blob: &Value) -> Result<(), String> {
        let cid = blob["ref"]["$link"].as_str().unwrap_or_default();
        if !self.blobs.contains_key(cid) {
            return Err(format!("Could not find blob: {cid}"));
        }
        if blob["size"].as_u64().is_none_or(|size| size > PICTURE) {
            return Err(format!("This file is too large. The maximum size is {PICTURE} bytes."));
        }
        Ok(())
    }

    fn time(record: &Value) -> Timestamp {
        record["createdAt"].as_str().and_then(|time| time.parse().ok()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(rkey, (_, record)): (&String, &(String, Value))| Shown {
            network: "bluesky",
            text: record["text"].as_str().unwrap_or_default().to_owned(),
            url: self.url(rkey),
            at: Server::time(record),
            pictures: record["embed"]["images"].as_array().map_or(0, Vec::len),
            reply: record.get("reply").is_some(),
            edited: false,
        };
        self.records.iter().map(shown).collect()
    }

    fn page(&self) -> Response {
        let root = |rkey: &str| {
            let record = &self.records.get(rkey)?.1;
            record["reply"]["root"]["uri"].as_str()?.rsplit('/').next().map(str::to_owned)
        };
        let mut keys: Vec<(String, &String)> =
            self.records.keys().map(|rkey| (root(rkey).unwrap_or_else(|| rkey.clone()), rkey)).collect();
        keys.sort_by(|a, b| (&b.0, a.1).cmp(&(&a.0, b.1)));
        let src = |blob: &Value| blob["ref"]["$link"].as_str().map(|cid| format!("/blob/{cid}"));
        let card = |(_, rkey): (String, &String)| {
            let record = &self.records.get(rkey)?.1;
            let said = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let links = record["facets"].as_array().into_iter().flatten().filter_map(|facet| {
                let at = |name: &str| usize::try_from(facet["index"][name].as_u64()?).ok();
                let feature = &facet["features"][0];
                let target = feature["uri"].as_str().or_else(|| feature["tag"].as_str())?;
                Some((at("byteStart")?, at("byteEnd")?, target.to_owned()))
            });
            let images = record["embed"]["images"].as_array().into_iter().flatten();
            let external = record["embed"].get("external");
            Some(Card {
                anchor: format!("p{rkey}"),
                at: Server::time(record),
                text: said(&record["text"]),
                links: links.collect(),
                pictures: images
                    .filter_map(|image| Some((src(&image["image"])?, said(&image["alt"]))))
                    .collect(),
                preview: external.map(|card| {
                    (
                        said(&card["uri"]),
                        said(&card["title"]),
                        said(&card["description"]),
                        src(&card["thumb"]),
                    )
                }),
                reply: record.get("reply").is_some(),
                mark: None,
            })
        };
        let cards = keys.into_iter().filter_map(card).collect();
        self.place.page(&Page { network: "Bluesky", color: "#0a5fd0", account: (NAME, HANDLE), cards })
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}

/// A content identifier (CIDv1, SHA-256, base32): `codec` is 0x55 for bytes. Records stand in for
/// DAG-CBOR (0x71) by their JSON, which is unique enough here.
fn cid(codec: u8, bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let sha = digest::digest(&digest::SHA256, bytes);
    let all: Vec<u8> = [&[1, codec, 0x12, 0x20], sha.as_ref()].concat();
    let bit = |at: usize| all.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let letters = (0..all.len() * 8).step_by(5).map(|at| {
        let five = (0..5).fold(0, |five, next| five << 1 | bit(at + next));
        char::from(ALPHABET[usize::from(five)])
    });
    std::iter::once('b').chain(letters).collect()
}

/// Whether `rkey` is a TID (atproto.com/specs/tid).
fn is_tid(rkey: &str) -> bool {
    let letter = |byte: u8| b"234567abcdefghijklmnopqrstuvwxyz".contains(&byte);
    rkey.len() == 13 && rkey.bytes().all(letter) && rkey.bytes().next().is_some_and(|first| first < b'k')
}

#[derive(Deserialize)]
struct Login {
    identifier: String,
    password: String,
}

#[derive(Deserialize)]
struct Named {
    repo: String,
    collection: String,
    rkey: String,
    record: Option<Value>,
}

impl Named {
    fn admit(&self) -> Result<(), Refusal> {
        if self.repo != DID && self.repo != HANDLE {
            return Err(invalid(format!("Could not find repo: {}", self.repo)));
        }
        if self.collection != POST {
            return Err(invalid(format!("Lexicon not found: {}", self.collection)));
        }
        if !is_tid(&self.rkey) {
            return Err(invalid("Invalid record key: must be a TID"));
        }
        Ok(())
    }
}

type Shelf = State<Shared<Server>>;

/// The server's addresses.
pub fn router(server: Shared<Server>) -> Router {
    let xrpc = |method: &str| format!("/xrpc/{method}");
    Router::new()
        .route("/", get(async |State(server): Shelf| server.lock().page()))
        .route("/profile/{handle}/post/{rkey}", get(async |State(server): Shelf| server.lock().page()))
        .route("/blob/{cid}", get(show))
        .route(&xrpc("_health"), get(async || Json(json!({ "version": "stand-in" }))))
        .route(&xrpc("com.atproto.server.createSession"), post(create))
        .route(&xrpc("com.atproto.server.refreshSession"), post(refresh))
        .route(&xrpc("com.atproto.identity.resolveHandle"), get(resolve))
        .route(&xrpc("com.atproto.repo.uploadBlob"), post(upload))
        .route(&xrpc("com.atproto.repo.putRecord"), post(put))
        .route(&xrpc("com.atproto.repo.getRecord"), get(read))
        .route(&xrpc("com.atproto.repo.deleteRecord"), post(delete))
        .layer(DefaultBodyLimit::max(BLOB + 1))
        .with_state(server)
}

async fn show(State(server): Shelf, Path(cid): Path<String>) -> Response {
    match server.lock().blobs.get(&cid) {
        Some((media_type, bytes)) => picture(media_type, bytes.clone()),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn create(State(server): Shelf, Json(login): Json<Login>) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    if (login.identifier != HANDLE && login.identifier != DID) || login.password != server.password {
        let words = "Invalid identifier or password";
        return Err(refuse(StatusCode::UNAUTHORIZED, "AuthenticationRequired", words));
    }
    server.open()
}

async fn refresh(State(server): Shelf, headers: HeaderMap) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    let good = server.session.as_ref().is_some_and(|(_, refresh)| Some(refresh.as_str()) == bearer(&headers));
    if good {
        server.open()
    } else {
        Err(refuse(StatusCode::BAD_REQUEST, "ExpiredToken", "Token has been revoked"))
    }
}

async fn resolve(Query(query): Query<BTreeMap<String, String>>) -> Result<Json<Value>, Refusal> {
    if query.get("handle").is_some_and(|handle| handle == HANDLE) {
        return Ok(Json(json!({ "did": DID })));
    }
    Err(invalid("Unable to resolve handle"))
}

async fn upload(State(server): Shelf, headers: HeaderMap, body: Bytes) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    let kind = headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or("*/*").to_owned();
    let cid = cid(0x55, &body);
    server.blobs.insert(cid.clone(), (kind.clone(), body.to_vec()));
    Ok(Json(
        json!({ "blob": { "$type": "blob", "ref": { "$link": cid }, "mimeType": kind, "size": body.len() } }),
    ))
}

async fn put(
    State(server): Shelf,
    headers: HeaderMap,
    Json(named): Json<Named>,
) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    named.admit()?;
    let record = named.record.ok_or_else(|| invalid("Input must have the property \"record\""))?;
    server.examine(&record).map_err(|why| invalid(format!("Invalid {POST} record: {why}")))?;
    let cid = cid(0x71, record.to_string().as_bytes());
    let uri = Server::uri(&named.rkey);
    server.records.insert(named.rkey, (cid.clone(), record));
    Ok(Json(json!({ "uri": uri, "cid": cid, "validationStatus": "valid" })))
}

async fn read(State(server): Shelf, Query(named): Query<Named>) -> Result<Json<Value>, Refusal> {
    named.admit()?;
    if let Some((cid, record)) = server.lock().records.get(&named.rkey) {
        return Ok(Json(json!({ "uri": Server::uri(&named.rkey), "cid": cid, "value": record })));
    }
    let words = format!("Could not locate record: {}", Server::uri(&named.rkey));
    Err(refuse(StatusCode::BAD_REQUEST, "RecordNotFound", &words))
}

async fn delete(
    State(server): Shelf,
    headers: HeaderMap,
    Json(named): Json<Named>,
) -> Result<Json<Value>, Refusal> {
    let mut server = server.lock();
    server.admit(&headers)?;
    named.admit()?;
    server.records.remove(&named.rkey);
    Ok(Json(json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cid_is_what_others_make_of_the_same_bytes() {
        // Made with Python's hashlib and base64.
        assert_eq!(cid(0x55, b""), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
        assert_eq!(cid(0x55, b"hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    }
}
