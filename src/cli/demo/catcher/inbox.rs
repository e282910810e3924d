//! The catcher's web side: the inbox for people, `/api/mails` for scripts.
//!
//! A mail is shown in a frame that may do nothing: no scripts, no forms, no loading but of pictures from
//! the newsroom's site on this machine. Only requests to a loopback name are answered, so that no page of
//! elsewhere can read the inbox through a name of its own (DNS rebinding).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Value, json};

use super::letter::Letter;
use super::look;
use super::{Caught, Store};

/// What the pages need.
pub struct Inbox {
    store: Arc<Store>,
    site: Option<(String, String)>,
}

/// What a reader wants to see.
#[derive(Debug, Default, Clone, Deserialize)]
pub struct Wish {
    /// `html`, `text`, `headers` or `source`.
    #[serde(default, rename = "as")]
    pub form: String,
    /// Only mails with these words in sender, recipient or subject.
    #[serde(default)]
    pub q: String,
    /// `phone` for a narrow frame.
    #[serde(default)]
    pub width: String,
}

/// The routes. All of them only show.
pub fn router(store: Arc<Store>, site: Option<(String, String)>, port: u16) -> Router {
    let inbox = Arc::new(Inbox { store, site });
    Router::new()
        .route("/", get(list))
        .route("/mails/{id}", get(read))
        .route("/mails/{id}/html", get(html))
        .route("/mails/{id}/source", get(source))
        .route("/mails/{id}/files/{number}", get(file))
        .route("/api/count", get(count))
        .route("/api/mails", get(api_list))
        .route("/api/mails/{id}", get(api_read))
        .route("/look.css", get(|| async { typed("text/css; charset=utf-8", look::CSS) }))
        .route("/look.js", get(|| async { typed("text/javascript; charset=utf-8", look::JS) }))
        .layer(middleware::from_fn(move |request: Request, next: Next| guard(port, request, next)))
        .with_state(inbox)
}

/// Answers only what was asked of a loopback name, and sets the headers that every page has.
async fn guard(port: u16, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let known = ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| host == format!("{name}:{port}"));
    if !known {
        return (StatusCode::MISDIRECTED_REQUEST, "this is a mail catcher on its own machine\n")
            .into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn list(State(inbox): State<Arc<Inbox>>, Query(wish): Query<Wish>) -> Response {
    page(look::page(&inbox.matching(&wish.q), inbox.store.mails().len(), None, &wish))
}

async fn read(State(inbox): State<Arc<Inbox>>, Path(id): Path<usize>, Query(wish): Query<Wish>) -> Response {
    let Some(mail) = inbox.store.get(id) else { return missing() };
    let letter = Letter::read(&mail.message);
    page(look::page(&inbox.matching(&wish.q), inbox.store.mails().len(), Some((&mail, &letter)), &wish))
}

async fn html(State(inbox): State<Arc<Inbox>>, Path(id): Path<usize>) -> Response {
    let Some(html) = inbox.store.get(id).and_then(|mail| Letter::read(&mail.message).html) else {
        return missing();
    };
    let (html, images) = match &inbox.site {
        Some((public, local)) if !public.is_empty() => (at_home(&html, public, local), origin(local)),
        _ => (html, String::new()),
    };
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: {images}; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    );
    let mut response = typed("text/html; charset=utf-8", html);
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        response
    } else {
        // Without its policy a mail is not shown.
        missing()
    }
}

/// Sends the pictures and links of the newsroom's public site to the site on this machine.
fn at_home(html: &str, public: &str, local: &str) -> String {
    html.replace(public.trim_end_matches('/'), local.trim_end_matches('/'))
}

/// Scheme, host and port, as a policy names them.
fn origin(address: &str) -> String {
    address.parse::<url::Url>().map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

async fn source(State(inbox): State<Arc<Inbox>>, Path(id): Path<usize>) -> Response {
    match inbox.store.get(id) {
        Some(mail) => download("message/rfc822", &format!("mail-{id}.eml"), mail.message.clone()),
        None => missing(),
    }
}

async fn file(State(inbox): State<Arc<Inbox>>, Path((id, number)): Path<(usize, usize)>) -> Response {
    let found = inbox
        .store
        .get(id)
        .and_then(|mail| Letter::read(&mail.message).files.into_iter().nth(number.checked_sub(1)?));
    match found {
        Some(file) => download(&file.media_type, &file.name, file.bytes),
        None => missing(),
    }
}

async fn count(State(inbox): State<Arc<Inbox>>) -> Response {
    axum::Json(json!({ "count": inbox.store.mails().len() })).into_response()
}

async fn api_list(State(inbox): State<Arc<Inbox>>, Query(wish): Query<Wish>) -> Response {
    let mails: Vec<Value> = inbox.matching(&wish.q).iter().map(|mail| brief(mail)).collect();
    axum::Json(json!({ "count": inbox.store.mails().len(), "mails": mails })).into_response()
}

async fn api_read(State(inbox): State<Arc<Inbox>>, Path(id): Path<usize>) -> Response {
    let Some(mail) = inbox.store.get(id) else { return missing() };
    let letter = Letter::read(&mail.message);
    let files = letter
        .files
        .iter()
        .map(|file| json!({ "name": file.name, "media_type": file.media_type, "bytes": file.bytes.len() }));
    let mut value = brief(&mail);
    value["headers"] = json!(letter.headers);
    value["text"] = json!(letter.text);
    value["html"] = json!(letter.html);
    value["files"] = files.collect();
    axum::Json(value).into_response()
}

fn brief(mail: &Caught) -> Value {
    json!({
        "id": mail.id,
        "at": mail.at,
        "envelope_from": mail.from,
        "envelope_to": mail.to,
        "from": mail.summary.from,
        "to": mail.summary.to,
        "subject": mail.summary.subject,
        "attachments": mail.summary.attachments,
        "bytes": mail.message.len(),
    })
}

impl Inbox {
    /// Mails with all of these words, newest first.
    fn matching(&self, words: &str) -> Vec<Arc<Caught>> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let mails = self.store.mails();
        let has = |mail: &&Arc<Caught>| {
            let summary = &mail.summary;
            let text = format!("{} {} {}", summary.from, summary.to, summary.subject).to_lowercase();
            words.iter().all(|word| text.contains(word))
        };
        mails.iter().rev().filter(has).cloned().collect()
    }
}

fn page(html: String) -> Response {
    typed("text/html; charset=utf-8", html)
}

fn typed(kind: &'static str, body: impl IntoResponse) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn download(kind: &str, name: &str, bytes: Vec<u8>) -> Response {
    let mut headers = HeaderMap::new();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
    let kind = HeaderValue::from_str(kind).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_TYPE, kind);
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{plain}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    (headers, bytes).into_response()
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "there is no such mail\n").into_response()
}
