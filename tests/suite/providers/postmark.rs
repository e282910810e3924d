//! What stands for Postmark: its API as its reference describes it, on loopback. It is not Postmark.
//!
//! postmarkapp.com/developer/api/email-api, messages-api, overview#error-codes

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::server::{Answer, Fault, Request, Server};

pub const TOKEN: &str = "7c5b3a1e-room-room-room-0123456789ab";

#[derive(Clone)]
pub struct Postmark {
    pub server: Server,
    taken: Arc<Mutex<Vec<Value>>>,
    /// Addresses that it knows as dead.
    pub inactive: Arc<Mutex<Vec<&'static str>>>,
}

impl Postmark {
    pub async fn start(faults: &[Fault]) -> Postmark {
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let inactive: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let (kept, dead) = (Arc::clone(&taken), Arc::clone(&inactive));
        let server = Server::start(faults, move |request| {
            answer(request, &mut kept.lock().unwrap(), &dead.lock().unwrap())
        })
        .await;
        Postmark { server, taken, inactive }
    }

    /// The requests that it took, with their `MessageID`.
    pub fn taken(&self) -> Vec<Value> {
        self.taken.lock().unwrap().clone()
    }

    /// To whom, sorted.
    pub fn recipients(&self) -> Vec<String> {
        let mut all: Vec<String> =
            self.taken().iter().map(|mail| mail["To"].as_str().unwrap().to_owned()).collect();
        all.sort();
        all
    }
}

fn error(status: u16, code: u32, words: &str) -> Answer {
    (status, json!({ "ErrorCode": code, "Message": words }))
}

fn answer(request: &Request, taken: &mut Vec<Value>, inactive: &[&str]) -> Answer {
    if request.headers.get("x-postmark-server-token").map(String::as_str) != Some(TOKEN) {
        return error(401, 10, "No Account or Server API tokens were supplied, or they are not valid.");
    }
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    match (request.method.as_str(), path) {
        ("POST", "/email") => match mail(&request.body) {
            Ok(mut mail) => {
                let to = mail["To"].as_str().unwrap().to_owned();
                if inactive.iter().any(|address| to.contains(address)) {
                    return error(
                        422,
                        406,
                        "You tried to send to a recipient that has been marked as inactive.",
                    );
                }
                let id = format!("b7bc2f4a-e38e-4336-af7d-{:012x}", taken.len());
                mail["MessageID"] = json!(id);
                taken.push(mail);
                (
                    200,
                    json!({
                        "To": to, "SubmittedAt": "2026-12-01T03:00:01.0000000-05:00", "MessageID": id,
                        "ErrorCode": 0, "Message": "OK",
                    }),
                )
            }
            Err((code, why)) => error(422, code, &why),
        },
        ("GET", "/messages/outbound") => search(query, taken),
        _ => error(404, 0, "no such page"),
    }
}

fn mail(body: &[u8]) -> Result<Value, (u32, String)> {
    let body: Value = serde_json::from_slice(body).map_err(|error| (402, error.to_string()))?;
    let known = [
        "From",
        "To",
        "ReplyTo",
        "Subject",
        "TextBody",
        "HtmlBody",
        "Headers",
        "Attachments",
        "MessageStream",
        "Tag",
        "Metadata",
        "TrackOpens",
        "TrackLinks",
    ];
    if let Some(strange) = body.as_object().unwrap().keys().find(|key| !known.contains(&key.as_str())) {
        return Err((403, format!("unknown member {strange}")));
    }
    if !body["From"].as_str().unwrap_or_default().contains("<press@halden.example>") {
        return Err((400, "The 'From' address you supplied is not a Sender Signature.".to_owned()));
    }
    if body["MessageStream"] != "broadcast" {
        return Err((1235, "The stream does not exist on this server.".to_owned()));
    }
    if body["TextBody"].as_str().is_none_or(str::is_empty)
        || body["HtmlBody"].as_str().is_none_or(str::is_empty)
    {
        return Err((300, "Provide either email TextBody or HtmlBody or both.".to_owned()));
    }
    // "Metadata: names of at most 20 characters, values of at most 80."
    for (name, value) in body["Metadata"].as_object().unwrap() {
        if name.len() > 20 || value.as_str().unwrap().len() > 80 {
            return Err((300, format!("metadata {name} is too long")));
        }
    }
    Ok(body)
}

fn search(query: &str, taken: &[Value]) -> Answer {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .map(|(a, b)| (a.into_owned(), b.into_owned()))
        .collect();
    for needed in ["count", "offset"] {
        if !pairs.iter().any(|(name, _)| name == needed) {
            return error(422, 701, "count and offset are required");
        }
    }
    let fits = |mail: &&Value| {
        pairs.iter().all(|(name, value)| match name.strip_prefix("metadata_") {
            Some(name) => mail["Metadata"][name] == json!(value),
            None => name != "messagestream" || mail["MessageStream"] == json!(value),
        })
    };
    let found: Vec<Value> = taken
        .iter()
        .filter(fits)
        .map(|mail| json!({"MessageID": mail["MessageID"], "Status": "Sent", "Metadata": mail["Metadata"]}))
        .collect();
    (200, json!({ "TotalCount": found.len(), "Messages": found }))
}
