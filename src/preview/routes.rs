//! What can be asked for: two tables, of GET alone.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio_stream::wrappers::ReceiverStream;

use super::desk::Desk;
use super::edition::{self, Asked, Rendered};
use super::guard::{Admission, Door, Refusal};
use super::view;

type Shared = State<Arc<Desk>>;

/// The script of the editors' page: one file, in this order.
const APP: &str = concat!(
    include_str!("ui/app/elements.js"),
    include_str!("ui/app/state.js"),
    include_str!("ui/app/rail.js"),
    include_str!("ui/app/ways.js"),
    include_str!("ui/app/sheets.js"),
    include_str!("ui/app/stage.js"),
    include_str!("ui/app/side.js"),
    include_str!("ui/app/moves.js"),
    include_str!("ui/app/keys.js"),
    include_str!("ui/app/live.js"),
);

/// The paths of a door; with GET (and so HEAD) alone.
fn table(door: Door) -> Router<Arc<Desk>> {
    match door {
        Door::Desk => Router::new()
            .route("/", show(|| file("text/html; charset=utf-8", include_str!("ui/index.html"))))
            .route("/app.css", show(|| file("text/css; charset=utf-8", include_str!("ui/app.css"))))
            .route("/app.js", show(|| file("text/javascript; charset=utf-8", APP)))
            .route("/icon.svg", show(|| file("image/svg+xml", include_str!("ui/icon.svg"))))
            .route("/logo", show(logo))
            .route("/api/events", show(events))
            .route("/api/newsroom", show(newsroom))
            .route("/api/findings", show(general))
            .route("/api/release/{slug}", show(release))
            .route("/api/edition/{slug}/{audience}/{channel}/{language}", show(edition))
            .route("/api/edition/{slug}/{audience}/{channel}/{language}/{asset}", show(asset)),
        Door::Stage => Router::new()
            .route("/frame", show(|| file("text/html; charset=utf-8", include_str!("ui/frame.html"))))
            .route("/frame.js", show(|| file("text/javascript; charset=utf-8", include_str!("ui/frame.js"))))
            .route("/frame.css", show(|| file("text/css; charset=utf-8", include_str!("ui/frame.css"))))
            .route("/edition/{slug}/{audience}/{channel}/{language}/", show(rendered))
            .route("/edition/{slug}/{audience}/{channel}/{language}/{asset}", show(asset))
            .route("/edition/{slug}/{audience}/{channel}/{language}/cid/{asset}", show(inline)),
    }
}

/// The only way a route is made.
fn show<H, T>(handler: H) -> axum::routing::MethodRouter<Arc<Desk>, Infallible>
where
    H: Handler<T, Arc<Desk>>,
    T: 'static,
{
    get(handler)
}

/// Everything that is served at one door.
pub fn router(door: Door, desk: Arc<Desk>) -> Router {
    table(door)
        .fallback(|| async { (StatusCode::NOT_FOUND, "There is nothing here.\n") })
        .layer(middleware::from_fn_with_state((door, Arc::clone(&desk)), watch_the_door))
        .with_state(desk)
}

/// Lets in whom [`super::guard`] admits, and gives every answer its headers.
async fn watch_the_door(
    State((door, desk)): State<(Door, Arc<Desk>)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = match desk.guard.admit(door, &parts) {
        Ok(Admission::Enter) => next.run(Request::from_parts(parts, body)).await,
        Ok(Admission::Greet) => greet(&desk, &parts.headers),
        Err(refusal) => {
            let mut response = (refusal.status(), refusal.words()).into_response();
            if refusal == Refusal::Method {
                response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
            response
        }
    };
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if !response.headers().contains_key(header::CONTENT_SECURITY_POLICY) {
        set_policy(&mut response, &base_policy(door, &desk));
    }
    response
}

/// What our own pages may do: load our own files, and frame the stage.
fn base_policy(door: Door, desk: &Desk) -> String {
    match door {
        Door::Desk => format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             frame-src {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
            desk.guard.origin(Door::Stage)
        ),
        Door::Stage => format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; frame-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors {}; require-trusted-types-for 'script'; trusted-types 'none'",
            desk.guard.origin(Door::Desk)
        ),
    }
}

/// What a rendered mail or page may do: show its own pictures and styles. No scripts, no forms, no
/// other addresses, in no frame but ours.
fn content_policy(desk: &Desk) -> String {
    format!(
        "default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline'; \
         font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self' {}; \
         sandbox allow-same-origin",
        desk.guard.origin(Door::Desk)
    )
}

/// A picture opened by itself runs nothing either.
const ASSET_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

fn set_policy(response: &mut Response, policy: &str) {
    if let Ok(value) = HeaderValue::from_str(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
}

/// Sets the cookie and leads on without the token. Who followed a link on a page (a terminal may be
/// one) gets a page instead of a redirect: only then does the next request come from ourselves, and
/// carries a strict cookie.
fn greet(desk: &Desk, headers: &HeaderMap) -> Response {
    let cookie = desk.guard.cookie();
    let elsewhere = headers.get("sec-fetch-site").is_some_and(|site| site != "none");
    if !elsewhere {
        return (StatusCode::SEE_OTHER, [(header::LOCATION, "/"), (header::SET_COOKIE, &cookie)])
            .into_response();
    }
    let page = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Dateline</title>\
                <meta http-equiv=\"refresh\" content=\"0;url=/\">";
    ([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::SET_COOKIE, &cookie)], page)
        .into_response()
}

/// A file of our own.
fn file(kind: &'static str, text: &'static str) -> std::future::Ready<Response> {
    std::future::ready(([(header::CONTENT_TYPE, kind)], text).into_response())
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

async fn newsroom(State(desk): Shared) -> Response {
    apart(move || json(&view::newsroom(&desk, &desk.snapshot()))).await
}

async fn general(State(desk): Shared) -> Response {
    apart(move || json(&view::general(&desk.snapshot()))).await
}

async fn release(State(desk): Shared, Path(slug): Path<String>) -> Response {
    apart(move || match view::release(&desk, &desk.snapshot(), &slug) {
        Some(view) => json(&view),
        None => no_such("release"),
    })
    .await
}

/// The newsroom's logo, to be shown as a picture.
async fn logo(State(desk): Shared) -> Response {
    let snapshot = desk.snapshot();
    let newsroom = &snapshot.newsroom;
    let logo = newsroom.logo.as_ref().and_then(|path| Some((path, newsroom.files.get(path)?)));
    let Some((path, bytes)) = logo else { return no_such("picture") };
    picture(edition::picture_type(path), bytes)
}

/// How an edition is wanted.
#[derive(Debug, Deserialize)]
struct Wanted {
    #[serde(default)]
    advance: bool,
    #[serde(default)]
    dark: bool,
    notice: Option<String>,
}

type Way = (String, String, String, String);

fn asked(way: Way, wanted: &Wanted) -> Asked {
    let (slug, audience, channel, language) = way;
    Asked { slug, audience, channel, language, advance: wanted.advance, notice: wanted.notice.clone() }
}

/// Renders what was asked for and answers with `then`; what cannot be rendered says why.
async fn with_edition(
    desk: Arc<Desk>,
    asked: Asked,
    then: impl FnOnce(&Desk, &Rendered) -> Response + Send + 'static,
) -> Response {
    apart(move || match edition::render(&desk, &desk.snapshot(), &asked) {
        None => no_such("edition"),
        Some(Err(error)) => problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
        Some(Ok(rendered)) => then(&desk, &rendered),
    })
    .await
}

async fn edition(State(desk): Shared, Path(way): Path<Way>, Query(wanted): Query<Wanted>) -> Response {
    with_edition(desk, asked(way, &wanted), |desk, rendered| json(&edition::view(&desk.snapshot(), rendered)))
        .await
}

async fn rendered(State(desk): Shared, Path(way): Path<Way>, Query(wanted): Query<Wanted>) -> Response {
    let dark = wanted.dark;
    with_edition(desk, asked(way, &wanted), move |desk, rendered| {
        let Some(html) = edition::html(rendered, dark) else { return no_such("page") };
        let mut response = ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response();
        set_policy(&mut response, &content_policy(desk));
        response
    })
    .await
}

type AssetWay = (String, String, String, String, String);

async fn asset(State(desk): Shared, Path(way): Path<AssetWay>, Query(wanted): Query<Wanted>) -> Response {
    let (slug, audience, channel, language, name) = way;
    with_edition(desk, asked((slug, audience, channel, language), &wanted), move |_, rendered| {
        match edition::asset(rendered, &name) {
            Some((kind, bytes)) => picture(&kind, &bytes),
            None => no_such("file"),
        }
    })
    .await
}

async fn inline(state: Shared, way: Path<AssetWay>, wanted: Query<Wanted>) -> Response {
    asset(state, way, wanted).await
}

fn picture(kind: &str, bytes: &[u8]) -> Response {
    // Media types come from file names; only what a page may embed is called by its name.
    let embeddable = ["image/", "audio/", "video/"].iter().any(|family| kind.starts_with(family));
    let kind = if embeddable { kind } else { "application/octet-stream" };
    let mut response = ([(header::CONTENT_TYPE, kind)], Body::from(bytes.to_vec())).into_response();
    set_policy(&mut response, ASSET_POLICY);
    response
}

/// News as they come. The first event says where the newsroom stands, so that a page that comes
/// back after a pause knows whether to ask for everything.
async fn events(State(desk): Shared) -> Response {
    let mut news = desk.listen();
    let hello = format!("{{\"version\":{}}}", desk.snapshot().version);
    let (tell, told) = tokio::sync::mpsc::channel::<Result<Event, Infallible>>(4);
    let stop = desk.stop.clone();
    tokio::spawn(async move {
        let mut next = Event::default().event("hello").data(hello);
        while tell.send(Ok(next)).await.is_ok() {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                () = tell.closed() => return,
                heard = news.recv() => heard,
            };
            next = match heard {
                Ok(change) => Event::default().event("change").data(&*change),
                Err(RecvError::Lagged(_)) => Event::default().event("reset").data("{}"),
                Err(RecvError::Closed) => return,
            };
        }
    });
    Sse::new(ReceiverStream::new(told)).keep_alive(KeepAlive::default()).into_response()
}
