//! Slack, Discord, Matrix, Telegram, and webhooks that know nothing of what they posted.

use serde_json::{Value, json};

use super::{Answer, Asked, State, json as answer, text};

pub fn hook(state: &mut State, asked: &Asked, status: u16, words: &str) -> Answer {
    if asked.method != "POST" {
        return text(405, "");
    }
    let id = state.number().to_string();
    state.add(&asked.vendor, &id, "", &String::from_utf8_lossy(&asked.body));
    text(status, words)
}

/// docs.slack.dev/reference/methods
pub fn slack(state: &mut State, asked: &Asked) -> Answer {
    let body = asked.json();
    let ok = |ts: &str| answer(200, &json!({"ok": true, "channel": "C024BE91L", "ts": ts}));
    match asked.steps().as_slice() {
        ["api", "chat.postMessage"] => {
            let ts = format!("1796112001.{:06}", state.number());
            state.add("slack", &ts, "", &body.to_string());
            if let Some(thing) = state.of("slack").last_mut() {
                thing.answers = body["thread_ts"].as_str().map(str::to_owned);
            }
            ok(&ts)
        }
        ["api", "chat.update"] => {
            match state.edit("slack", body["ts"].as_str().unwrap_or_default(), &body.to_string()) {
                Some(thing) => ok(&thing.id),
                None => answer(200, &json!({"ok": false, "error": "message_not_found"})),
            }
        }
        ["api", "conversations.history"] => {
            let messages: Vec<Value> = state
                .of("slack")
                .iter()
                .map(|thing| {
                    let body: Value = serde_json::from_str(&thing.text).unwrap_or_default();
                    json!({"ts": thing.id, "metadata": body["metadata"]})
                })
                .collect();
            answer(200, &json!({"ok": true, "messages": messages, "response_metadata": {"next_cursor": ""}}))
        }
        _ => answer(200, &json!({"ok": false, "error": "unknown_method"})),
    }
}

/// discord.com/developers/docs/resources/webhook
pub fn discord(state: &mut State, asked: &Asked) -> Answer {
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("POST", ["services", _]) => {
            let id = format!("13100000000000{}", state.number());
            state.add("discord", &id, "", &body);
            answer(200, &json!({"id": id, "channel_id": "7"}))
        }
        (method, ["services", _, "messages", id]) => {
            let found = match method {
                "PATCH" => state.edit("discord", id, &body),
                _ => state.of("discord").iter().find(|thing| thing.shown && thing.id == *id).cloned(),
            };
            match found {
                Some(thing) => answer(200, &json!({"id": thing.id, "channel_id": "7"})),
                None => answer(404, &json!({"message": "Unknown Message", "code": 10_008})),
            }
        }
        _ => text(404, ""),
    }
}

/// spec.matrix.org/latest/client-server-api
pub fn matrix(state: &mut State, asked: &Asked) -> Answer {
    match (asked.method.as_str(), asked.steps().as_slice()) {
        ("PUT", ["_matrix", "client", "v3", "rooms", _, "send", _, name]) => {
            let id = format!("$event{}", state.number());
            let body = asked.json();
            let thing = state.add("matrix", &id, name, &body.to_string());
            // An edit is an event of its own that changes another.
            if thing.id == id && body["m.relates_to"]["rel_type"] == "m.replace" {
                let old = body["m.relates_to"]["event_id"].as_str().unwrap_or_default().to_owned();
                state.edit("matrix", &old, &body["m.new_content"].to_string());
                if let Some(own) = state.of("matrix").iter_mut().find(|own| own.id == id) {
                    own.shown = false;
                }
            }
            if let Some(above) = body["m.relates_to"]["m.in_reply_to"]["event_id"].as_str()
                && let Some(own) = state.of("matrix").iter_mut().find(|own| own.id == thing.id)
            {
                own.answers = Some(above.to_owned());
            }
            answer(200, &json!({"event_id": thing.id}))
        }
        ("PUT", ["_matrix", "client", "v3", "rooms", _, "redact", event, _]) => {
            state.remove("matrix", &event.replace("%24", "$"));
            answer(200, &json!({"event_id": "$redaction"}))
        }
        ("GET", ["_matrix", "client", "v3", "rooms", _, "messages"]) => {
            let chunk: Vec<Value> = state
                .of("matrix")
                .iter()
                .rev()
                .map(|thing| {
                    let content: Value = serde_json::from_str(&thing.text).unwrap_or_default();
                    json!({"event_id": thing.id, "origin_server_ts": i64::MAX / 2, "content": content})
                })
                .collect();
            answer(200, &json!({ "chunk": chunk }))
        }
        ("POST", ["_matrix", "media", "v3", "upload"]) => {
            answer(200, &json!({"content_uri": format!("mxc://halden.example/{}", state.number())}))
        }
        _ => text(404, ""),
    }
}

/// core.telegram.org/bots/api
pub fn telegram(state: &mut State, asked: &Asked) -> Answer {
    let body = String::from_utf8_lossy(&asked.body).into_owned();
    let id = asked.json()["message_id"].as_u64().unwrap_or_default().to_string();
    let message = |id: &str, photo: bool| {
        let mut message = json!({"message_id": id.parse::<u64>().unwrap_or_default(),
                                 "chat": {"id": -100, "username": "haldenmotors"}});
        if photo {
            message["photo"] = json!([{"file_id": "x"}]);
        }
        answer(200, &json!({"ok": true, "result": message}))
    };
    let gone = || answer(400, &json!({"ok": false, "description": "Bad Request: message to edit not found"}));
    match asked.steps().last().copied().unwrap_or_default() {
        call @ ("sendMessage" | "sendPhoto") => {
            let id = state.number().to_string();
            state.add("telegram", &id, "", &body);
            if let Some(thing) = state.of("telegram").last_mut() {
                let above = asked.json()["reply_parameters"]["message_id"].as_u64();
                thing.answers = above.map(|id| id.to_string());
            }
            message(&id, call == "sendPhoto")
        }
        call @ ("editMessageText" | "editMessageCaption") => state
            .edit("telegram", &id, &body)
            .map_or_else(gone, |thing| message(&thing.id, call == "editMessageCaption")),
        "deleteMessage" if state.remove("telegram", &id) => answer(200, &json!({"ok": true, "result": true})),
        "deleteMessage" => gone(),
        _ => text(404, ""),
    }
}
