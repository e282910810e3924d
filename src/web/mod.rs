//! The daemon's HTTP: on loopback health, metrics, and a nudge to look at git; apart from them, for the world, where
//! recipients leave ([`leave`]).
//!
//! Nothing on loopback shows a title, a text or an address, so that a scrape before an embargo leaks nothing.

mod config;
mod leave;
mod metrics;
mod reports;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use config::WebConfig;
pub use leave::{Door, Leave, Room};

use crate::intake::hook::Hooks;
use crate::intake::source::Board;
use crate::ledger::{Counts, Hold, Ledger, LedgerError, State as Delivery};

/// How the daemon is, for load balancers and people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Health {
    /// Whether it follows git and can write its ledger.
    pub ready: bool,
    /// What may leave. A daemon that may send nothing can be ready: it serves, and it will send when it may.
    pub sending: Sending,
    /// The commit that was last issued from.
    pub revision: Option<String>,
    /// When git was last looked at.
    pub looked_at: Option<Timestamp>,
    /// What stands in the way, in one sentence each; nothing secret, no titles.
    pub problems: Vec<String>,
    /// Commits that were not issued from since the start.
    pub refused_commits: u64,
    /// Releases that wait for a person because their time was over when they were first seen, in one sentence each.
    pub late: Vec<String>,
    /// What stands in the way of the whole ledger; part of `problems`.
    #[serde(skip)]
    pub standing: Standing,
}

/// What may leave, as far as the whole ledger goes; holds of a channel or a release are not told here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sending {
    /// What is due.
    #[default]
    Everything,
    /// What was public before the clock could not be believed any more, holds and kills; releases under embargo wait.
    Public,
    /// Nothing: everything is held, or the ledger cannot record it.
    Nothing,
}

/// What stands in the way of the whole ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The ledger may have forgotten what was sent; nothing leaves.
    pub restored: bool,
    /// What holds leave of sending.
    pub sending: Sending,
    /// In one sentence each.
    pub problems: Vec<String>,
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
    /// What email service providers post to.
    pub hooks: Arc<Hooks>,
    /// How the sources of reports are.
    pub board: Board,
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
    let reports = reports::router(Arc::clone(&web.hooks));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/nudge", post(nudge))
        .layer(middleware::from_fn(for_this_machine))
        .with_state(web)
        .merge(reports)
}

/// A page of another site can make a browser ask this address under another name (DNS rebinding); what it says of
/// the newsroom is for this machine alone.
async fn for_this_machine(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let ours = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().is_ok_and(names_this_machine),
        // HTTP/1.0 has no Host, and no browser speaks it.
        (None, _) => request.version() == Version::HTTP_10,
        _ => false,
    };
    if ours { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() }
}

/// Whether a `Host` is a loopback address or `localhost`, with any port: proxies have ports of their own.
fn names_this_machine(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    !host.contains('@')
        && (name.eq_ignore_ascii_case("localhost")
            || bare.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()))
}

/// What needs a person: deliveries, and destinations and channels that refuse us. The daemon itself is well.
async fn person_wanted(ledger: &Ledger) -> Result<Vec<String>, LedgerError> {
    let mut problems = alarms(&ledger.counts().await?);
    let holds = ledger.holds().await?;
    let ours = holds.iter().filter(|hold| hold.by == Hold::BY_DISPATCH);
    problems.extend(ours.map(|hold| format!("{} is held: {}", hold.scope, hold.reason)));
    Ok(problems)
}

async fn ready(State(web): State<Web>) -> impl IntoResponse {
    let mut health = web.health.borrow().clone();
    health.problems.extend(web.board.problems());
    match person_wanted(&web.ledger).await {
        Ok(problems) => health.problems.extend(problems),
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
    let reports = web.ledger.report_counts().await.map_err(|error| {
        tracing::error!(%error, "metrics cannot be read from the ledger");
        StatusCode::INTERNAL_SERVER_ERROR
    })?;
    let text = metrics::encode(&counts, &reports, &web.board.all(), &health)
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
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

#[cfg(test)]
mod tests {
    #[test]
    fn only_this_machine_is_answered() {
        for (host, expected) in [
            ("127.0.0.1:8025", true),
            ("127.0.0.2", true),
            ("localhost:1", true),
            ("LOCALHOST", true),
            ("[::1]:8025", true),
            ("evil.example", false),
            ("evil.example:8025", false),
            ("127.0.0.1.evil.example", false),
            ("localhost.evil.example", false),
            ("evil@127.0.0.1", false),
            ("10.0.0.1:8025", false),
            ("0.0.0.0", false),
            ("[::ffff:127.0.0.1]", false),
            ("", false),
            ("127.0.0.1:x:y", false),
        ] {
            assert_eq!(super::names_this_machine(host), expected, "{host}");
        }
    }
}
