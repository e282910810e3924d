//! Mastodon (docs.joinmastodon.org/methods), a PDS (docs.bsky.app/docs/api), a receiver of signed webhooks (standardwebhooks.com), and a
//! WebSub hub (w3.org/TR/websub).

use serde_json::{Value, json};

use super::{Answer, Asked, State, Thing, json as answer, text};

const DID: &str = "did:plc:halden";

pub fn mastodon(state: &mut State, asked: &Asked) -> Answer {
    let base = state.base.clone();
    let status = |thing: &Thing| {
        let content = format!(
            "<p>{}</p>",
            thing.text.replace('&', "&amp;").replace('<', "&lt;").replace("\n\n", "</p><p>")
        );
        json!({"id": thing.id, "url": format!("{base}/mastodon/@news/{}", thing.id), "content": content,
               "created_at": dateline::clock::Clock::system().now().to_string(), "in_reply_to_id": thing.answers,
               "media_attachments": [], "visibility": "public"})
    };
    let gone = || answer(404, &json!({"error": "Record not found"}));
    let words = || asked.json()["status"].as_str().unwrap_or_default().to_owned();
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("POST", ["api", "v1", "statuses"]) => {
            let id = state.number().to_string();
            let key = asked.headers.get("idempotency-key").cloned().unwrap_or_default();
            let mut thing = state.add("mastodon", &id, &key, &words());
            if let Some(above) = asked.json()["in_reply_to_id"].as_str()
                && let Some(own) = state.of("mastodon").iter_mut().find(|own| own.id == thing.id)
            {
                own.answers = Some(above.to_owned());
                thing = own.clone();
            }
            answer(200, &status(&thing))
        }
        ("PUT", ["api", "v1", "statuses", id]) => {
            state.edit("mastodon", id, &words()).map_or_else(gone, |thing| answer(200, &status(&thing)))
        }
        ("DELETE", ["api", "v1", "statuses", id]) => {
            if state.remove("mastodon", id) {
                answer(200, &json!({"id": id}))
            } else {
                gone()
            }
        }
        ("GET", ["api", "v1", "statuses", id, rest @ ..]) => {
            let found = state.of("mastodon").iter().find(|thing| thing.shown && thing.id == *id);
            match (found, rest) {
                (Some(thing), ["source"]) => {
                    answer(200, &json!({"id": id, "text": thing.text, "spoiler_text": ""}))
                }
                (Some(thing), _) => answer(200, &status(thing)),
                (None, _) => gone(),
            }
        }
        ("GET", ["api", "v1", "accounts", "verify_credentials"]) => {
            answer(200, &json!({"id": "1", "acct": "news"}))
        }
        ("GET", ["api", "v1", "accounts", "1", "statuses"]) => {
            let below: u64 = asked.query("max_id").and_then(|id| id.parse().ok()).unwrap_or(u64::MAX);
            let all = state.of("mastodon").iter().rev();
            let page = all.filter(|thing| thing.shown && thing.id.parse::<u64>().is_ok_and(|id| id < below));
            answer(200, &json!(page.take(40).map(status).collect::<Vec<_>>()))
        }
        ("POST", ["api", "v2", "media"]) => {
            let id = state.number().to_string();
            answer(200, &json!({"id": id, "type": "image", "url": format!("{base}/mastodon/m/{id}")}))
        }
        ("GET", ["api", "v1", "media", id]) => answer(200, &json!({"id": id, "type": "image"})),
        ("GET", ["api", "v2", "instance"]) => answer(
            200,
            &json!({"configuration": {"statuses": {"max_characters": 500, "characters_reserved_per_url": 23}}}),
        ),
        _ => gone(),
    }
}

pub fn bluesky(state: &mut State, asked: &Asked) -> Answer {
    let Some(call) = asked.steps().last().and_then(|call| call.strip_prefix("com.atproto.")) else {
        return text(404, "");
    };
    let uri = |rkey: &str| format!("at://{DID}/app.bsky.feed.post/{rkey}");
    let body = asked.json();
    let rkey = body["rkey"].as_str().unwrap_or_default().to_owned();
    match call {
        "server.createSession" | "server.refreshSession" => answer(
            200,
            &json!({"did": DID, "handle": "halden.test", "accessJwt": "access", "refreshJwt": "refresh"}),
        ),
        "repo.uploadBlob" => answer(
            200,
            &json!({"blob": {"$type": "blob", "ref": {"$link": "bafk"}, "mimeType": "image/png", "size": asked.body.len()}}),
        ),
        // No change where it is equal, as on a PDS.
        "repo.putRecord" => {
            let record = body["record"].to_string();
            if state.add("bluesky", &rkey, &rkey, &record).text != record {
                state.edit("bluesky", &rkey, &record);
            }
            let above = body["record"]["reply"]["parent"]["uri"].as_str().map(str::to_owned);
            if let Some(own) = state.of("bluesky").iter_mut().find(|own| own.id == rkey) {
                own.answers = above;
            }
            answer(200, &json!({"uri": uri(&rkey), "cid": format!("cid-{rkey}")}))
        }
        "repo.deleteRecord" => {
            state.remove("bluesky", &rkey);
            answer(200, &json!({}))
        }
        "repo.getRecord" => {
            let rkey = asked.query("rkey").unwrap_or_default();
            match state.of("bluesky").iter().find(|thing| thing.shown && thing.id == rkey) {
                Some(thing) => {
                    let value: Value = serde_json::from_str(&thing.text).unwrap();
                    answer(200, &json!({"uri": uri(&rkey), "cid": format!("cid-{rkey}"), "value": value}))
                }
                None => {
                    answer(400, &json!({"error": "RecordNotFound", "message": "Could not locate record"}))
                }
            }
        }
        _ => text(404, ""),
    }
}

/// Drops what it has seen, by contract.
pub fn webhook(state: &mut State, asked: &Asked) -> Answer {
    let key = asked.headers.get("webhook-id").cloned().unwrap_or_default();
    let id = state.number().to_string();
    state.add("webhook", &id, &key, &String::from_utf8_lossy(&asked.body));
    text(204, "")
}

/// Each ping is one; the same again does no harm.
pub fn websub(state: &mut State, asked: &Asked) -> Answer {
    let id = state.number().to_string();
    state.add("websub", &id, "", &String::from_utf8_lossy(&asked.body));
    text(204, "")
}
