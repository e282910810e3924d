//! The daemon's HTTP, on loopback: health, metrics, and a nudge to look at git.
//!
//! Nothing here shows a title, a text or an address, so that a scrape before an embargo leaks nothing.

mod metrics;

use std::net::SocketAddr;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Counts, Ledger, State as Delivery};

/// How the daemon is, for load balancers and people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether it follows git and can write its ledger.
    pub ready: bool,
    /// The commit that was last issued from.
    pub revision: Option<String>,
    /// When git was last looked at.
    pub looked_at: Option<Timestamp>,
    /// What stands in the way, in one sentence each; nothing secret, no titles.
    pub problems: Vec<String>,
    /// Commits that were not issued from since the start.
    pub refused_commits: u64,
}

/// What the routes need.
#[derive(Clone)]
pub struct Web {
    /// The record; read only.
    pub ledger: Ledger,
    /// How the daemon is.
    pub health: watch::Receiver<Health>,
    /// Wakes the daemon to look at git.
    pub nudge: mpsc::Sender<()>,
}

/// Listens at `address`.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Serves until `stop`.
pub async fn serve(listener: TcpListener, web: Web, stop: CancellationToken) -> std::io::Result<()> {
    axum::serve(listener, router(web)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(web: Web) -> Router {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/nudge", post(nudge))
        .with_state(web)
}

async fn ready(State(web): State<Web>) -> impl IntoResponse {
    let mut health = web.health.borrow().clone();
    match web.ledger.counts().await {
        Ok(counts) => health.problems.extend(alarms(&counts)),
        Err(error) => {
            tracing::error!(%error, "the ledger does not say what needs a person");
            health.problems.push("the ledger cannot be read".to_owned());
        }
    }
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health))
}

/// What needs a person, in one sentence for each state; read at each question, so it is true at once.
fn alarms(counts: &Counts) -> Vec<String> {
    [
        (Delivery::Unknown, "left without an answer and are still being looked at"),
        (Delivery::Parked, "left without an answer, and nobody knows whether they arrived"),
        (Delivery::Quarantined, "were broken off at twice and are left alone"),
    ]
    .into_iter()
    .filter_map(|(state, what)| {
        let of = counts.deliveries.iter().filter(|((_, found), _)| *found == state);
        let n: u64 = of.map(|(_, n)| n).sum();
        (n > 0).then(|| format!("{n} {state}: deliveries that {what}; `dateline resolve` decides"))
    })
    .collect()
}

async fn metrics(State(web): State<Web>) -> Result<impl IntoResponse, StatusCode> {
    let counts = web.ledger.counts().await.map_err(|error| {
        tracing::error!(%error, "metrics cannot be read from the ledger");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    let mut health = web.health.borrow().clone();
    health.problems.extend(alarms(&counts));
    let text = metrics::encode(&counts, &health).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

/// A nudge only makes the daemon look earlier than it would. A browser cannot give one:
/// whatever says where it comes from is refused.
async fn nudge(State(web): State<Web>, headers: HeaderMap) -> StatusCode {
    if headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site") {
        return StatusCode::FORBIDDEN;
    }
    // A full inbox means that it is awake already.
    let _ = web.nudge.try_send(());
    StatusCode::ACCEPTED
}
