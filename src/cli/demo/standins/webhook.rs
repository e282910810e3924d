//! A receiver of signed webhooks (standardwebhooks.com). What it has seen it does not take twice.

use std::collections::BTreeSet;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::hmac;
use serde_json::{Value, json};

use super::look::{Card, Page, links};
use super::{Place, Shared, Shown};

/// How old a request may be, in seconds; a copy that is older is somebody's replay.
const TOLERANCE: i64 = 5 * 60;

/// The receiver.
pub struct Receiver {
    place: Place,
    key: hmac::Key,
    ids: BTreeSet<String>,
    events: Vec<(Timestamp, Value)>,
}

impl Receiver {
    pub fn new(place: Place, key: &[u8]) -> Receiver {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Receiver { place, key, ids: BTreeSet::new(), events: Vec::new() }
    }

    fn take(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<(), (StatusCode, &'static str)> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
        let now = self.place.clock.now();
        let fresh = time.parse::<i64>().is_ok_and(|time| (now.as_second() - time).abs() <= TOLERANCE);
        if id.is_empty() || !fresh {
            return Err((StatusCode::BAD_REQUEST, "no id, or a timestamp too far from now"));
        }
        let signed = [id.as_bytes(), b".", time.as_bytes(), b".", body].concat();
        let good = header("webhook-signature")
            .split(' ')
            .filter_map(|one| one.strip_prefix("v1,"))
            .any(|one| STANDARD.decode(one).is_ok_and(|tag| hmac::verify(&self.key, &signed, &tag).is_ok()));
        if !good {
            return Err((StatusCode::UNAUTHORIZED, "the signature does not fit"));
        }
        let event = serde_json::from_slice(body).map_err(|_| (StatusCode::BAD_REQUEST, "no JSON"))?;
        if self.ids.insert(id.to_owned()) {
            self.events.push((now, event));
        }
        Ok(())
    }

    pub fn shown(&self) -> Vec<Shown> {
        let shown = |(at, event): &(Timestamp, Value)| Shown {
            network: "webhook",
            text: words(event),
            url: format!("{}/", self.place.base),
            at: *at,
            pictures: 0,
            reply: false,
            edited: false,
        };
        self.events.iter().map(shown).collect()
    }

    fn page(&self) -> Response {
        let card = |(number, (at, event)): (usize, &(Timestamp, Value))| {
            let text = words(event);
            Card {
                anchor: format!("e{number}"),
                at: *at,
                links: links(&text),
                text,
                pictures: Vec::new(),
                preview: None,
                reply: false,
                mark: Some("signature verified"),
            }
        };
        let cards = self.events.iter().enumerate().map(card).rev().collect();
        let account = ("Halden Motors", "hook");
        self.place.page(&Page { network: "Webhook receiver", color: "#0f6b5c", account, cards })
    }
}

/// What people read of an event.
fn words(event: &Value) -> String {
    let said = |name: &str| event[name].as_str().or_else(|| event["data"][name].as_str()).unwrap_or_default();
    let kind = [said("event"), said("type")].into_iter().find(|kind| !kind.is_empty()).unwrap_or_default();
    format!("{kind} · {}\n{}", said("title"), said("url"))
}

/// The receiver's addresses.
pub fn router(receiver: Shared<Receiver>) -> Router {
    type Shelf = State<Shared<Receiver>>;
    Router::new()
        .route("/", get(async |State(receiver): Shelf| receiver.lock().page()))
        .route(
            "/hook",
            post(async |State(receiver): Shelf, headers: HeaderMap, body: Bytes| {
                match receiver.lock().take(&headers, &body) {
                    Ok(()) => (StatusCode::OK, Json(json!({ "taken": true }))),
                    Err((status, words)) => (status, Json(json!({ "error": words }))),
                }
            }),
        )
        .with_state(receiver)
}
