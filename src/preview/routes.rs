//! What can be asked for: two tables, of GET alone.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::answers;
use super::desk::Desk;
use super::guard::{Admission, Door, Refusal};

/// The paths of a door; with GET (and so HEAD) alone.
fn table(door: Door) -> Router<Arc<Desk>> {
    match door {
        Door::Desk => Router::new()
            .route("/", show(|| page("index.html")))
            .route("/icon.svg", show(|| page("icon.svg")))
            .route("/logo", show(answers::logo))
            .route("/app/{file}", show(answers::own_file))
            .route("/api/events", show(answers::events))
            .route("/api/newsroom", show(answers::newsroom))
            .route("/api/findings", show(answers::general))
            .route("/api/contacts", show(answers::contacts))
            .route("/api/release/{slug}", show(answers::release))
            .route("/api/plan/{slug}", show(answers::plan))
            .route("/api/person/{slug}", show(answers::person))
            .route("/api/issued/{slug}", show(answers::issued))
            .route("/api/edition/{slug}/{audience}/{channel}/{language}", show(answers::edition))
            .route("/api/compare/{slug}/{audience}/{channel}/{language}", show(answers::compared)),
        Door::Stage => Router::new()
            .route("/frame", show(|| page("frame.html")))
            .route("/frame.js", show(|| page("frame.js")))
            .route("/merge.js", show(|| page("merge.js")))
            .route("/edition/{slug}/{audience}/{channel}/{language}/", show(answers::shown))
            .route("/edition/{slug}/{audience}/{channel}/{language}/file/{asset}", show(answers::asset)),
    }
}

/// A file of our own, always the same.
fn page(name: &'static str) -> std::future::Ready<Response> {
    std::future::ready(answers::own(name))
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
            "default-src 'none'; script-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors {}; require-trusted-types-for 'script'; trusted-types 'none'",
            desk.guard.origin(Door::Desk)
        ),
    }
}

/// What a rendered mail or page may do: show its own pictures and styles. No scripts, no forms, no
/// other addresses, in no frame but ours.
pub fn content_policy(desk: &Desk) -> String {
    format!(
        "default-src 'none'; img-src 'self' data:; media-src 'self' data:; style-src 'unsafe-inline'; \
         font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors {}; \
         sandbox allow-same-origin",
        desk.guard.origin(Door::Desk)
    )
}

/// A picture opened by itself runs nothing either.
pub const ASSET_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox";

pub fn set_policy(response: &mut Response, policy: &str) {
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
