//! What a page has open, sent with the news of a save: the page need not ask, and has the new text with the same words
//! that tell it that there is one.
//!
//! A page says in the address of its events what it has open. After a change it gets `edition` for each of these
//! editions that is another than what was sent last, `release` with all that stands around them, and `settled` when
//! everything that is open has been sent. What could not be rendered says why, in place of its document.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::sse::Event;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::desk::Desk;
use super::edition::{self, EditionView};
use super::snapshot::Snapshot;
use super::view::{self, ReleaseView};
use super::wanted::{Wanted, document};
use crate::digest::Digest;

/// Where a page's events go.
pub type Tell = Sender<Result<Event, Infallible>>;

/// The most editions that a page may have sent to it; it asks for the others when they come into view.
const MOST: usize = 60;
/// So many are rendered at a time.
const LANES: usize = 2;

/// What a page has open.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    slug: String,
    /// Its editions, those in view first.
    ways: Vec<OpenWay>,
    #[serde(default)]
    wanted: Wanted,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenWay {
    audience: String,
    channel: String,
    language: String,
    #[serde(default)]
    advance: bool,
}

/// An edition as it is now; `at` is its place among those that are open.
#[derive(Serialize)]
struct EditionNews<'a> {
    version: u64,
    at: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<EditionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ReleaseNews {
    version: u64,
    /// Nothing if there is no such release any more.
    release: Option<ReleaseView>,
}

/// One page that listens.
pub struct Listener {
    desk: Arc<Desk>,
    open: Open,
    tell: Tell,
    /// What was sent last, by place.
    sent: Mutex<HashMap<usize, Digest>>,
}

impl Listener {
    /// A page that has `open` open and listens at the other end of `tell`.
    pub fn new(desk: Arc<Desk>, mut open: Open, tell: Tell) -> Arc<Listener> {
        open.ways.truncate(MOST);
        Arc::new(Listener { desk, open, tell, sent: Mutex::default() })
    }

    /// Sends what is open and changed, as of the latest look.
    pub async fn send(self: &Arc<Listener>) {
        let snapshot = self.desk.snapshot();
        let version = snapshot.version;
        // The first edition, which is in view, then what stands around it, then the others.
        let next = Arc::new(AtomicUsize::new(0));
        let lanes: Vec<_> = (0..LANES)
            .map(|_| {
                let (listener, snapshot, next) = (Arc::clone(self), Arc::clone(&snapshot), Arc::clone(&next));
                tokio::task::spawn_blocking(move || {
                    loop {
                        let step = next.fetch_add(1, Ordering::Relaxed);
                        // A newer look is on its way to this page.
                        let old = listener.desk.snapshot().version != snapshot.version;
                        if old || step > listener.open.ways.len() || !listener.step(&snapshot, step) {
                            return;
                        }
                    }
                })
            })
            .collect();
        let mut failed = false;
        for lane in lanes {
            failed |= lane.await.is_err();
        }
        // Whatever went wrong in a way that it never should goes wrong again where it is asked for, and is said there.
        let last = if failed {
            Event::default().event("reset").data("{}")
        } else {
            event("settled", &Settled { version })
        };
        let _ = self.tell.send(Ok(last)).await;
    }

    /// Does one step of the work; `false` when nobody listens any more.
    fn step(&self, snapshot: &Snapshot, step: usize) -> bool {
        let next = match step {
            1 => Some(self.release(snapshot)),
            0 => self.edition(snapshot, 0),
            more => self.edition(snapshot, more - 1),
        };
        next.is_none_or(|next| self.tell.blocking_send(Ok(next)).is_ok())
    }

    fn release(&self, snapshot: &Snapshot) -> Event {
        let release = view::release(&self.desk, snapshot, &self.open.slug);
        event("release", &ReleaseNews { version: snapshot.version, release })
    }

    /// The edition at a place, if it is another than the one that was sent last.
    fn edition(&self, snapshot: &Snapshot, at: usize) -> Option<Event> {
        let way = self.open.ways.get(at)?;
        let wanted = Wanted { advance: way.advance, ..self.open.wanted.clone() };
        let steps = (self.open.slug.clone(), way.audience.clone(), way.channel.clone(), way.language.clone());
        let version = snapshot.version;
        let asked = wanted.asked(&self.desk, steps)?;
        // A way that is gone is gone from the description of the release as well.
        let rendered = edition::render(&self.desk, snapshot, &asked)?;
        let shown = rendered.map_err(|error| error.to_string()).and_then(|rendered| {
            let html = document(snapshot, &rendered, wanted.look()).ok_or("there is no such page")?;
            Ok((rendered, html))
        });
        let key = match &shown {
            Ok((rendered, html)) => {
                let stale = if rendered.stale { b"stale" } else { b"fresh" };
                Digest::of_fields(&[rendered.edition.sha().to_string().as_bytes(), stale, html.as_bytes()])
            }
            Err(error) => Digest::of(error.as_bytes()),
        };
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if sent.insert(at, key) == Some(key) {
            return None;
        }
        drop(sent);
        let news = match &shown {
            Ok((rendered, html)) => {
                let edition = Some(edition::view(snapshot, rendered));
                EditionNews { version, at, edition, html: Some(html), error: None }
            }
            Err(error) => EditionNews { version, at, edition: None, html: None, error: Some(error.clone()) },
        };
        Some(event("edition", &news))
    }
}

#[derive(Serialize)]
struct Settled {
    version: u64,
}

fn event(name: &str, data: &impl Serialize) -> Event {
    // None of these can fail to become JSON.
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
