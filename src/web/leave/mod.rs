//! Where recipients leave, and choose what they get: one-click unsubscribe (RFC 8058) and a preference page.
//!
//! It listens apart from the operator's routes and is safe to show to the world: it knows nobody but by the token of a
//! mail, changes nothing but for the token's own recipient, and nothing by GET, which link scanners use. It answers
//! under any path whose last part is the token, so a reverse proxy may map `unsubscribe_url` to it as it likes.
//!
//! A POST is answered alike, and after the same time ([`ANSWER_EVERY`]), whether the token is one of ours or not, with neither
//! redirect nor cookie. "Done" is said once the ledger has it on disk: no later intent for the recipient succeeds. Where
//! the ledger cannot, the answer is 503, and mail programs try again.
//!
//! Hostile input costs little: connections and the work behind them are limited, a connection ends after
//! [`door::STAY`], of a body no more than [`form::MOST`] bytes are kept, and a forged token costs one look at an index.

mod door;
mod form;
mod page;
mod room;
mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::contact::Wishes;
use crate::language::Language;
use crate::ledger::{Bearer, Ledger, LedgerError};
use crate::token::Token;
pub use door::Door;
use form::{Form, Wanted};
use page::Page;
pub use room::Room;

/// Answers to POST leave at whole multiples of this after the question: how long the ledger took tells nothing.
const ANSWER_EVERY: Duration = Duration::from_millis(100);
/// POSTs that are worked on at once; others wait.
const AT_ONCE: usize = 32;
/// How long they wait at most.
const WAIT: Duration = Duration::from_secs(10);
/// How a suppression came about, as it stands in the record.
const ONE_CLICK: &str = "one click (RFC 8058)";
const BY_PAGE: &str = "the preference page";

/// What the pages need.
#[derive(Clone)]
pub struct Leave {
    ledger: Ledger,
    room: watch::Receiver<Arc<Room>>,
    clock: Clock,
    turns: Arc<Semaphore>,
}

impl Leave {
    /// Pages over `ledger`; `room` is the newsroom that is followed.
    pub fn new(ledger: Ledger, room: watch::Receiver<Arc<Room>>, clock: Clock) -> Leave {
        Leave { ledger, room, clock, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Serves at `door` until `stop`.
    pub async fn serve(self, door: Door, stop: CancellationToken) -> std::io::Result<()> {
        axum::serve(door, self.router()).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    /// Listens at `address`.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Door> {
        Door::open(address).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
            .route("/{*path}", get(show).post(act))
            .layer(axum::middleware::map_response(guarded))
            .with_state(self)
    }

    fn room(&self) -> Arc<Room> {
        Arc::clone(&self.room.borrow())
    }
}

/// What every answer says of itself. The page runs nothing, loads nothing, is kept by nobody and framed by nobody, and the
/// token goes to no other site.
async fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex, nofollow"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(policy) = HeaderValue::from_str(page::policy()) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// GET: a page with two buttons, the same for every path. It looks at nothing and changes nothing.
async fn show(State(leave): State<Leave>, headers: HeaderMap) -> Html<String> {
    let room = leave.room();
    let language = spoken(&headers, None, &room);
    Html(page::html(&room, &language, &Page::Door))
}

/// POST: does what the form says.
async fn act(State(leave): State<Leave>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let arrived = Instant::now();
    let room = leave.room();
    let form = form::read(body).await;
    let language = spoken(&headers, form.language.as_ref(), &room);
    // As it was sent: a token needs no decoding, and what cannot be decoded is answered like everything else.
    let token = uri.path().rsplit('/').next().and_then(|last| last.parse::<Token>().ok());
    let turn = tokio::time::timeout(WAIT, leave.turns.acquire()).await;
    let answer = match turn {
        Ok(Ok(_turn)) => leave.answer(token, form, &room).await,
        _ => Ok(Page::Busy),
    };
    let page = answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a recipient could not be taken off: the ledger fails");
        Page::Busy
    });
    let busy = matches!(page, Page::Busy);
    let html = page::html(&room, &language, &page);
    let waited = arrived.elapsed().as_millis() / ANSWER_EVERY.as_millis() + 1;
    let steps = u32::try_from(waited).unwrap_or(u32::MAX);
    tokio::time::sleep_until(arrived + ANSWER_EVERY * steps).await;
    if busy {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")], Html(html)).into_response();
    }
    Html(html).into_response()
}

impl Leave {
    async fn answer(&self, token: Option<Token>, form: Form, room: &Room) -> Result<Page, LedgerError> {
        let now = self.clock.now();
        Ok(match form.wanted {
            Wanted::OneClick | Wanted::Leave => {
                let how = if form.wanted == Wanted::OneClick { ONE_CLICK } else { BY_PAGE };
                if let Some(token) = &token {
                    self.ledger.unsubscribe(token, how, now).await?;
                }
                Page::Left
            }
            Wanted::Show => self.preferences(token, false, room).await?,
            Wanted::Save { offered, topics, languages } => {
                let known = match &token {
                    Some(token) => self.ledger.bearer_of(token).await?,
                    None => None,
                };
                if let (Some(token), Some(bearer)) = (&token, known) {
                    let wishes = picked(room, &bearer, &offered, &topics, languages);
                    self.ledger.choose(token, wishes, now).await?;
                }
                self.preferences(token, true, room).await?
            }
            Wanted::Nothing => Page::Door,
        })
    }

    async fn preferences(&self, token: Option<Token>, saved: bool, room: &Room) -> Result<Page, LedgerError> {
        let bearer = match token {
            Some(token) => self.ledger.bearer_of(&token).await?,
            None => None,
        };
        Ok(match bearer {
            Some(bearer) if bearer.contact.is_some() => {
                let audience = room.audiences.get(&bearer.audience).cloned();
                Page::Choices { bearer: Box::new(bearer), audience, saved }
            }
            // Erased, or nobody: there is nothing to show.
            _ => Page::Nobody,
        })
    }
}

/// What a form with these boxes ticked means. What it did not offer stays as it was.
fn picked(
    room: &Room,
    bearer: &Bearer,
    offered: &[String],
    topics: &[String],
    languages: Vec<Language>,
) -> Wishes {
    let mut unwanted = bearer.wishes.unwanted.clone();
    unwanted.retain(|topic| room.topics.contains_key(topic));
    for topic in offered.iter().filter(|topic| room.topics.contains_key(*topic)) {
        if topics.contains(topic) {
            unwanted.remove(topic);
        } else {
            unwanted.insert(topic.clone());
        }
    }
    let mut read: Vec<Language> =
        room.languages.iter().filter(|language| languages.contains(language)).cloned().collect();
    // All of them is no choice, and none of them is what the other button is for.
    if read.len() == room.languages.len() {
        read.clear();
    }
    Wishes { unwanted, languages: read }
}

/// The language of a page: the form's, else the first that the browser asks for and the pages have, else the newsroom's.
fn spoken(headers: &HeaderMap, form: Option<&Language>, room: &Room) -> Language {
    if let Some(language) = form.filter(|language| words::has(language)) {
        return language.clone();
    }
    let wanted =
        headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut ranked: Vec<(u16, Language)> = Vec::new();
    for part in wanted.split(',').take(16) {
        let (tag, rank) = part.split_once(';').unwrap_or((part, "q=1"));
        let rank: f32 = rank.trim().strip_prefix("q=").and_then(|rank| rank.parse().ok()).unwrap_or(0.0);
        // Thousandths are all that a rank can have (RFC 9110 12.4.2).
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 0 and 1000"
        )]
        let rank = (rank.clamp(0.0, 1.0) * 1000.0) as u16;
        if let Ok(language) = tag.trim().parse()
            && rank > 0
        {
            ranked.push((rank, language));
        }
    }
    ranked.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let found = ranked.into_iter().map(|(_, language)| language).find(words::has);
    found.unwrap_or_else(|| room.language.clone())
}

#[cfg(test)]
mod tests;
