//! Where email service providers post: `POST /intake/NAME`. What is behind it is [`crate::intake::hook`]'s.
//!
//! These requests come from outside, through a reverse proxy that keeps TLS, so the `Host` is not looked at; who posts is
//! verified by signature.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use crate::intake::hook::{Hooks, MOST, Post, Verdict};

/// The routes.
pub fn router(hooks: Arc<Hooks>) -> Router {
    Router::new().route("/intake/{name}", post(take)).layer(DefaultBodyLimit::max(MOST)).with_state(hooks)
}

async fn take(
    State(hooks): State<Arc<Hooks>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let verdict = hooks.post(&name, Post { header: &header, body: &body }).await;
    match verdict {
        Verdict::Taken => StatusCode::OK,
        Verdict::Forbidden => StatusCode::FORBIDDEN,
        Verdict::Unreadable => StatusCode::BAD_REQUEST,
        Verdict::NoSuch => StatusCode::NOT_FOUND,
        Verdict::Later => StatusCode::SERVICE_UNAVAILABLE,
    }
}
