//! What a page has open, sent with the news of a save: the page need not ask, and has the new text with the same words
//! that tell it that there is one.
//!
//! A page says in the address of its events what it has open. After a change it gets `editions` with those in view that are
//! others than what was sent last, all at once, so that they are drawn in one frame; then `release` with all that stands
//! around them, `editions` with the rest, and `settled` when everything that is open has been sent. What could not be
//! rendered says why, in place of its document.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::Range;
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
    /// How many are in view.
    seen: usize,
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

/// Editions as they are now.
#[derive(Serialize)]
struct EditionsNews {
    version: u64,
    editions: Vec<EditionNews>,
}

/// An edition as it is now; `at` is its place among those that are open.
#[derive(Serialize)]
struct EditionNews {
    at: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<EditionView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<String>,
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
        let seen = self.open.seen.min(self.open.ways.len());
        let done = match self.editions(&snapshot, 0..seen, false).await {
            Some(()) => self.editions(&snapshot, seen..self.open.ways.len(), true).await,
            None => None,
        };
        // Whatever went wrong in a way that it never should goes wrong again where it is asked for, and is said there.
        let last = match done {
            Some(()) => event("settled", &Settled { version }),
            None => Event::default().event("reset").data("{}"),
        };
        let _ = self.tell.send(Ok(last)).await;
    }

    /// Sends the editions at these places that changed, all at once; and before them, if asked, what stands around them.
    /// Nothing if that went wrong.
    async fn editions(
        self: &Arc<Listener>,
        snapshot: &Arc<Snapshot>,
        places: Range<usize>,
        around: bool,
    ) -> Option<()> {
        let next = Arc::new(AtomicUsize::new(places.start));
        let lanes = LANES.min(places.len());
        let lanes = (0..lanes).map(|_| {
            let (listener, snapshot, next) = (Arc::clone(self), Arc::clone(snapshot), Arc::clone(&next));
            let end = places.end;
            tokio::task::spawn_blocking(move || {
                let mut news = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    // A newer look is on its way to this page, or nobody listens any more.
                    let old = listener.desk.snapshot().version != snapshot.version;
                    if old || at >= end || listener.tell.is_closed() {
                        return news;
                    }
                    news.extend(listener.edition(&snapshot, at));
                }
            })
        });
        let lanes: Vec<_> = lanes.collect();
        if around {
            let (listener, snapshot) = (Arc::clone(self), Arc::clone(snapshot));
            let release = tokio::task::spawn_blocking(move || listener.release(&snapshot)).await.ok()?;
            let _ = self.tell.send(Ok(release)).await;
        }
        let mut editions = Vec::new();
        for lane in lanes {
            editions.extend(lane.await.ok()?);
        }
        if !editions.is_empty() {
            editions.sort_by_key(|news: &EditionNews| news.at);
            let news = EditionsNews { version: snapshot.version, editions };
            let _ = self.tell.send(Ok(event("editions", &news))).await;
        }
        Some(())
    }

    fn release(&self, snapshot: &Snapshot) -> Event {
        let release = view::release(&self.desk, snapshot, &self.open.slug);
        event("release", &ReleaseNews { version: snapshot.version, release })
    }

    /// The edition at a place, if it is another than the one that was sent last.
    fn edition(&self, snapshot: &Snapshot, at: usize) -> Option<EditionNews> {
        let way = self.open.ways.get(at)?;
        let wanted = Wanted { advance: way.advance, ..self.open.wanted.clone() };
        let steps = (self.open.slug.clone(), way.audience.clone(), way.channel.clone(), way.language.clone());
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
        Some(match shown {
            Ok((rendered, html)) => {
                let edition = Some(edition::view(snapshot, &rendered));
                EditionNews { at, edition, html: Some(html), error: None }
            }
            Err(error) => EditionNews { at, edition: None, html: None, error: Some(error) },
        })
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
