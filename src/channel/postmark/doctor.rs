//! What `dateline doctor` asks Postmark: the server and its message stream. Sends nothing.

use serde::Deserialize;

use super::Postmark;
use crate::channel::Diagnosis;
use crate::channel::http::below;
use crate::clock::Clock;

/// postmarkapp.com/developer/api/server-api
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    #[serde(default)]
    name: String,
    /// `Live`, or `Sandbox`, which delivers nothing.
    #[serde(default)]
    delivery_type: String,
}

/// postmarkapp.com/developer/api/message-streams-api
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stream {
    #[serde(default)]
    message_stream_type: String,
    archived_at: Option<String>,
    subscription_management_configuration: Option<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Subscription {
    #[serde(default)]
    unsubscribe_handling_type: String,
}

/// Looks at the server, the stream, and who takes care of unsubscribing.
pub async fn examine(postmark: &Postmark) -> Vec<Diagnosis> {
    let now = Clock::system().now();
    let mut found = Vec::new();
    let server = postmark.get(below(&postmark.endpoint, "/server"), now).await;
    found.push(
        match server.map_err(|failure| failure.to_string()).and_then(|answer| answer.json::<Server>()) {
            Ok(server) if server.delivery_type == "Sandbox" => wrong(
                "postmark: server",
                format!("{} is a sandbox: it delivers nothing", server.name),
                "use the token of a live server",
            ),
            Ok(server) => right("postmark: server", format!("{} takes the token", server.name)),
            Err(why) => {
                wrong("postmark: server", why, "look at `token`: it is the server's, not the account's")
            }
        },
    );
    let path = format!("/message-streams/{}", postmark.stream);
    let stream = postmark.get(below(&postmark.endpoint, &path), now).await;
    match stream.map_err(|failure| failure.to_string()).and_then(|answer| answer.json::<Stream>()) {
        Ok(stream) => found.extend(judge(&postmark.stream, &stream)),
        Err(why) => found.push(wrong(
            "postmark: stream",
            why,
            "look at `stream`: it is the stream's ID, as its settings show it",
        )),
    }
    found
}

/// What a stream says, for people.
fn judge(name: &str, stream: &Stream) -> Vec<Diagnosis> {
    let kind = &stream.message_stream_type;
    let mut found = vec![match (&stream.archived_at, kind.as_str()) {
        (Some(_), _) => wrong(
            "postmark: stream",
            format!("`{name}` is archived"),
            "restore it, or name another as `stream`",
        ),
        (None, "Broadcasts") => right("postmark: stream", format!("`{name}` is for broadcasts")),
        (None, _) => wrong(
            "postmark: stream",
            format!("`{name}` is of the type {kind}"),
            "Postmark wants mail to many in a stream for broadcasts: name one as `stream`",
        ),
    }];
    let handling =
        stream.subscription_management_configuration.as_ref().map(|it| it.unsubscribe_handling_type.as_str());
    match handling {
        Some("Postmark") => found.push(wrong(
            "postmark: unsubscribe",
            "Postmark adds a link and headers of its own, in the place of Dateline's".to_owned(),
            "ask Postmark's support for \"Manage unsubscribes on your own\" and set it on the stream; until then whoever \
             leaves by that link is known to Dateline only when the next mail is refused (error 406)",
        )),
        Some(handling) => {
            found.push(right("postmark: unsubscribe", format!("left to Dateline ({handling})")));
        }
        None => {}
    }
    found
}

fn right(what: &str, seen: String) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good: true, seen, hint: None }
}

fn wrong(what: &str, seen: String, hint: &str) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good: false, seen, hint: Some(hint.to_owned()) }
}
