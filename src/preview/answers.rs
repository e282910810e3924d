//! What is answered: our own files, JSON for the page, documents and pictures for the stage.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::wrappers::ReceiverStream;

use super::compare;
use super::desk::Desk;
use super::edition::{self, Asked, Rendered};
use super::person;
use super::planned;
use super::push::{Listener, Open};
use super::records::Issued;
use super::routes::{ASSET_POLICY, content_policy, set_policy};
use super::snapshot::{Snapshot, When};
use super::view;
use super::wanted::{self, Wanted, Way};
use crate::digest::Digest;
use crate::plan::Held;

type Shared = State<Arc<Desk>>;

/// The files of the editors' page, by name.
macro_rules! own_files {
    ($($name:literal),* $(,)?) => {
        /// Where a file stands in the tree, and what was built in.
        const OWN: &[(&str, &str, &str)] =
            &[$(($name, concat!(env!("CARGO_MANIFEST_DIR"), "/src/preview/ui/", $name), include_str!(concat!("ui/", $name)))),*];
    };
}
own_files!(
    "index.html",
    "frame.html",
    "frame.js",
    "icon.svg",
    "app.css",
    "calendar.js",
    "compare.js",
    "dom.js",
    "grid.js",
    "head.js",
    "keys.js",
    "large.js",
    "live.js",
    "main.js",
    "merge.js",
    "moves.js",
    "person.js",
    "rail.js",
    "side.js",
    "stage.js",
    "store.js",
    "words.js",
);

/// A file of our own. While the preview itself is worked on (a debug build) it is read from the tree anew each time.
pub fn own(name: &str) -> Response {
    let Some((name, path, built_in)) = OWN.iter().find(|(known, ..)| *known == name) else {
        return no_such("file");
    };
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    let fresh = if cfg!(debug_assertions) { std::fs::read_to_string(path).ok() } else { None };
    let text = fresh.unwrap_or_else(|| (*built_in).to_owned());
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// The page's styles and modules.
pub async fn own_file(Path(name): Path<String>) -> Response {
    let module = name.rsplit_once('.').is_some_and(|(_, end)| end == "js");
    if module || name == "app.css" { own(&name) } else { no_such("file") }
}

fn json(value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn no_such(what: &str) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("there is no such {what}"))
}

fn problem(status: StatusCode, words: &str) -> Response {
    let mut response = json(&serde_json::json!({ "error": words }));
    *response.status_mut() = status;
    response
}

fn refused(words: &str) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, words)
}

/// Runs what may take milliseconds, or go wrong, beside the threads that serve.
async fn apart(work: impl FnOnce() -> Response + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(work).await {
        Ok(response) => response,
        Err(_) => problem(
            StatusCode::INTERNAL_SERVER_ERROR,
            "this cannot be shown: rendering it failed in a way that it never should; please report it",
        ),
    }
}

/// The whole newsroom.
pub async fn newsroom(State(desk): Shared) -> Response {
    apart(move || json(&view::newsroom(&desk, &desk.snapshot()))).await
}

/// Findings that belong to no release.
pub async fn general(State(desk): Shared) -> Response {
    apart(move || json(&view::general(&desk, &desk.snapshot()))).await
}

/// One release.
pub async fn release(State(desk): Shared, Path(slug): Path<String>) -> Response {
    apart(move || match view::release(&desk, &desk.snapshot(), &slug) {
        Some(view) => json(&view),
        None => no_such("release"),
    })
    .await
}

/// The plan of one release as it would be now.
pub async fn plan(State(desk): Shared, Path(slug): Path<String>) -> Response {
    apart(move || json(&planned::view(&desk, &desk.snapshot(), &slug))).await
}

/// The newsroom's logo, to be shown as a picture.
pub async fn logo(State(desk): Shared) -> Response {
    let snapshot = desk.snapshot();
    let newsroom = &snapshot.newsroom;
    let logo = newsroom.logo.as_ref().and_then(|path| Some((path, newsroom.files.get(path)?)));
    let Some((path, bytes)) = logo else { return no_such("picture") };
    picture(edition::picture_type(path), bytes)
}

/// Words to look for in the contact book.
#[derive(Debug, Deserialize)]
pub struct Words {
    #[serde(default)]
    q: String,
}

/// A contact in a list to choose from.
#[derive(Debug, Serialize)]
struct Found {
    who: String,
    name: String,
    address: String,
    about: String,
}

/// Contacts to choose from.
pub async fn contacts(State(desk): Shared, Query(words): Query<Words>) -> Response {
    const MOST: usize = 30;
    apart(move || {
        let Some(records) = desk.records.as_deref() else {
            return json(&serde_json::json!({ "book": false }));
        };
        match records.find(&words.q, MOST) {
            Err(error) => refused(&error),
            Ok(contacts) => {
                let found: Vec<Found> = contacts
                    .iter()
                    .map(|contact| Found {
                        who: format!("id:{}", contact.id.0),
                        name: contact.name.clone().unwrap_or_else(|| contact.email.masked()),
                        address: contact.email.masked(),
                        about: ["kind", "outlet", "beat", "language"]
                            .iter()
                            .flat_map(|field| contact.values(field))
                            .collect::<Vec<_>>()
                            .join(" · "),
                    })
                    .collect();
                json(&serde_json::json!({ "book": true, "contacts": found }))
            }
        }
    })
    .await
}

/// Who is meant, and until when.
#[derive(Debug, Deserialize)]
pub struct Meant {
    who: String,
    at: Option<Timestamp>,
}

/// A release, and the inbox, as one person has them.
pub async fn person(State(desk): Shared, Path(slug): Path<String>, Query(meant): Query<Meant>) -> Response {
    apart(move || {
        let contact = match person::find(&meant.who, desk.records.as_deref()) {
            Ok(contact) => contact,
            Err(error) => return refused(&error),
        };
        let snapshot = desk.snapshot();
        let now = desk.clock.now();
        let held = match desk.records.as_deref().map(|records| records.held(true)) {
            Some(Err(error)) => return refused(&error),
            Some(Ok(held)) => held,
            None => Held::default(),
        };
        let newsroom =
            snapshot.source(&slug).map_or(Arc::clone(&snapshot.newsroom), |(newsroom, _)| newsroom);
        let release = newsroom.releases.get(&slug);
        let answers = release.map(|release| person::answers(&newsroom, release, &contact, &held, now));
        json(&serde_json::json!({
            "version": snapshot.version,
            "person": person::view(&newsroom, &contact, &held),
            "answers": answers.unwrap_or_default(),
            "inbox": person::inbox(&snapshot.newsroom, &contact, &held, meant.at.unwrap_or(now)),
        }))
    })
    .await
}

/// A part that was issued, to choose from.
#[derive(Debug, Serialize)]
struct IssuedView {
    sha: String,
    #[serde(flatten)]
    at: When,
    notice: &'static str,
    revision: String,
    audience: String,
    channel: String,
    language: String,
    advance: bool,
}

/// What was issued of a release.
pub async fn issued(State(desk): Shared, Path(slug): Path<String>) -> Response {
    apart(move || {
        let found = match desk.records.as_deref().map(|records| records.issued(&slug)) {
            None => return json(&serde_json::json!({ "record": false, "parts": [] })),
            Some(Err(error)) => return refused(&error),
            Some(Ok(found)) => found,
        };
        let zone = desk.snapshot().newsroom.timezone.clone();
        let view = |part: Issued| IssuedView {
            sha: part.edition.to_string(),
            at: When::new(part.at, &zone),
            notice: part.notice.as_str(),
            revision: part.revision.chars().take(10).collect(),
            audience: part.audience,
            channel: part.channel,
            language: part.language.to_string(),
            advance: part.advance,
        };
        let parts: Vec<IssuedView> = found.into_iter().map(view).collect();
        json(&serde_json::json!({ "record": true, "parts": parts }))
    })
    .await
}

/// Renders what was asked for and answers with `then`; what cannot be rendered says why.
async fn with_edition(
    desk: Arc<Desk>,
    way: Way,
    wanted: Wanted,
    then: impl FnOnce(&Snapshot, &Rendered) -> Response + Send + 'static,
) -> Response {
    apart(move || {
        let Some(asked) = wanted.asked(&desk, way) else { return no_such("edition") };
        let snapshot = desk.snapshot();
        match edition::render(&desk, &snapshot, &asked) {
            None => no_such("edition"),
            Some(Err(error)) => refused(&error.to_string()),
            Some(Ok(rendered)) => then(&snapshot, &rendered),
        }
    })
    .await
}

/// Whether the document of an edition is wanted as well.
#[derive(Debug, Deserialize)]
pub struct Whole {
    #[serde(default)]
    document: bool,
}

#[derive(Serialize)]
struct EditionAnswer {
    #[serde(flatten)]
    view: edition::EditionView,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
}

/// What stands around an edition; and its document, to be put in the place of the one that is shown.
pub async fn edition(
    State(desk): Shared,
    Path(way): Path<Way>,
    Query(wanted): Query<Wanted>,
    Query(whole): Query<Whole>,
) -> Response {
    let look = wanted.look();
    with_edition(desk, way, wanted, move |snapshot, rendered| {
        let html = whole.document.then(|| wanted::document(snapshot, rendered, look)).flatten();
        json(&EditionAnswer { view: edition::view(snapshot, rendered), html })
    })
    .await
}

/// An edition as its reader sees it.
pub async fn shown(State(desk): Shared, Path(way): Path<Way>, Query(wanted): Query<Wanted>) -> Response {
    let look = wanted.look();
    let policy = content_policy(&desk);
    with_edition(desk, way, wanted, move |snapshot, rendered| {
        let Some(html) = wanted::document(snapshot, rendered, look) else { return no_such("page") };
        let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
        set_policy(&mut response, &policy);
        response
    })
    .await
}

/// Two editions beside each other.
pub async fn compared(State(desk): Shared, Path(way): Path<Way>, Query(wanted): Query<Wanted>) -> Response {
    apart(move || {
        let Some(asked) = wanted.asked(&desk, way) else { return no_such("edition") };
        match comparison(&desk, &asked, wanted.with.as_deref().unwrap_or_default()) {
            Ok(comparison) => json(&comparison),
            Err(words) => refused(&words),
        }
    })
    .await
}

fn comparison(desk: &Desk, asked: &Asked, with: &str) -> Result<compare::Comparison, String> {
    let snapshot = desk.snapshot();
    let render = |asked: &Asked| match edition::render(desk, &snapshot, asked) {
        None => Err("there is no such edition".to_owned()),
        Some(rendered) => rendered.map_err(|error| error.to_string()),
    };
    let now = render(asked)?;
    let named = |rendered: &Rendered| {
        let request = &rendered.edition.request;
        let audience = rendered.newsroom.audiences.get(&request.audience);
        let audience = audience.map_or(&request.audience, |audience| &audience.name);
        format!("{audience} · {} · {}", request.channel, request.language)
    };
    let (kind, which) = with.split_once(':').unwrap_or((with, ""));
    match kind {
        "way" => {
            let mut steps = which.split('/').map(str::to_owned);
            let (Some(audience), Some(channel), Some(language)) = (steps.next(), steps.next(), steps.next())
            else {
                return Err("say with which audience, channel and language".to_owned());
            };
            let other = render(&Asked { audience, channel, language, advance: false, ..asked.clone() })?;
            let labels = (named(&now), named(&other));
            Ok(compare::compare(&now, &other, labels, false))
        }
        "issued" => {
            let records = desk.records.as_deref().ok_or("there is no record of what was issued here")?;
            let sha: Digest = which.parse().map_err(|_| "this is no name of an edition".to_owned())?;
            let edition = records.edition(sha)?;
            let parts = records.issued(&asked.slug)?;
            let when = parts.iter().find(|part| part.edition == sha).map(|part| {
                let when = When::new(part.at, &snapshot.newsroom.timezone);
                format!("As issued on {}, {} {}", when.day, when.time, when.zone)
            });
            let newsroom = Arc::clone(&now.newsroom);
            let issued = Rendered { edition, newsroom, stale: false, reader: asked.reader.clone() };
            let labels = (when.unwrap_or_else(|| "As issued".to_owned()), "As it is now".to_owned());
            Ok(compare::compare(&issued, &now, labels, true))
        }
        "commit" => {
            let (commit, newsroom) = desk.at_commit(which)?;
            let request = edition::request(&newsroom, asked, desk.clock.now())
                .ok_or_else(|| format!("{} has no such release, or it has errors there", short(&commit)))?;
            let edition = crate::render::edition(&newsroom, &request).map_err(|error| error.to_string())?;
            let reader = asked.reader.clone();
            let then = Rendered { edition: Arc::new(edition), newsroom, stale: false, reader };
            let labels = (format!("At {which} ({})", short(&commit)), "As it is now".to_owned());
            Ok(compare::compare(&then, &now, labels, true))
        }
        _ => Err("say with what: another edition, what was issued, or a commit".to_owned()),
    }
}

fn short(commit: &str) -> &str {
    commit.get(..10).unwrap_or(commit)
}

/// A file that goes with an edition.
pub async fn asset(
    State(desk): Shared,
    Path((slug, audience, channel, language, name)): Path<(String, String, String, String, String)>,
    Query(wanted): Query<Wanted>,
) -> Response {
    with_edition(desk, (slug, audience, channel, language), wanted, move |_, rendered| {
        match edition::asset(rendered, &name) {
            Some((kind, bytes)) => picture(&kind, &bytes),
            None => no_such("file"),
        }
    })
    .await
}

fn picture(kind: &str, bytes: &[u8]) -> Response {
    // Media types come from file names; only what a page may embed is called by its name.
    let embeddable = ["image/", "audio/", "video/"].iter().any(|family| kind.starts_with(family));
    let kind = if embeddable { kind } else { "application/octet-stream" };
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from(bytes.to_vec())).into_response();
    set_policy(&mut response, ASSET_POLICY);
    response
}

/// What a page has open while it listens.
#[derive(Debug, Deserialize)]
pub struct Listening {
    /// An [`Open`] as JSON.
    open: Option<String>,
}

/// News as they come. The first event says where the newsroom stands, so that a page that comes
/// back after a pause knows whether to ask for everything. Who says what is open gets it after each change.
pub async fn events(State(desk): Shared, Query(listening): Query<Listening>) -> Response {
    let open = match listening.open.as_deref().map(serde_json::from_str::<Open>).transpose() {
        Ok(open) => open,
        Err(error) => return refused(&format!("what is open cannot be understood: {error}")),
    };
    let mut news = desk.listen();
    let hello = format!("{{\"version\":{}}}", desk.snapshot().version);
    let (tell, told) = tokio::sync::mpsc::channel::<Result<Event, Infallible>>(32);
    let listener = open.map(|open| Listener::new(Arc::clone(&desk), open, tell.clone()));
    let stop = desk.stop.clone();
    tokio::spawn(async move {
        let mut next = Event::default().event("hello").data(hello);
        while tell.send(Ok(next)).await.is_ok() {
            next = loop {
                let heard = tokio::select! {
                    () = stop.cancelled() => return,
                    () = tell.closed() => return,
                    heard = news.recv() => heard,
                };
                match heard {
                    Ok(change) => {
                        let event = Event::default().event("change").data(&change.text);
                        // Where everything changed, the page asks for everything.
                        let Some(listener) = listener.as_ref().filter(|_| !change.all) else { break event };
                        if tell.send(Ok(event)).await.is_err() {
                            return;
                        }
                        listener.send().await;
                    }
                    Err(RecvError::Lagged(_)) => break Event::default().event("reset").data("{}"),
                    Err(RecvError::Closed) => return,
                }
            };
        }
    });
    Sse::new(ReceiverStream::new(told)).keep_alive(KeepAlive::default()).into_response()
}
