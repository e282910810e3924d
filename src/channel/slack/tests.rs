use serde_json::{Value, json};

use super::message::body;
use super::*;
use crate::channel::scripted::{Act, Asked, Counting, Scripted};
use crate::channel::suite::room::{self, chat, follow, message, shown, with_picture};
use crate::release::Notice;

const OLD: &str = "1796112000.000100";

async fn bot(script: impl Fn(&Asked) -> Act + Send + Sync + 'static) -> (Scripted, Box<dyn Channel>) {
    let server = Scripted::start(move |asked, _| script(asked)).await;
    let channel = room::SLACK_BOT.open(&server.url);
    (server, channel)
}

fn error(name: &str) -> Act {
    Act::json(200, &json!({ "ok": false, "error": name }))
}

#[tokio::test]
async fn each_error_has_its_meaning() {
    for (name, expected) in [
        ("not_in_channel", "the channel refuses us: 200 not_in_channel"),
        ("token_revoked", "the channel refuses us"),
        ("is_archived", "the channel refuses us"),
        ("something_new", "the channel refuses us"),
        ("ratelimited", "later: 200 ratelimited"),
        ("fatal_error", "outcome unknown"),
        ("internal_error", "outcome unknown"),
        ("", "outcome unknown"),
        ("msg_too_long", "refused: 200 msg_too_long"),
        ("invalid_blocks", "refused"),
    ] {
        let (_, channel) = bot(move |_| error(name)).await;
        let outcome = shown(&channel.deliver(&message(), &Counting::open()).await);
        assert!(outcome.starts_with(expected), "{name}: {outcome}");
    }
}

#[tokio::test]
async fn a_picture_that_cannot_be_fetched_costs_two_attempts_and_not_the_message() {
    for (channel, refusal) in
        [(&room::SLACK_BOT, error("invalid_blocks")), (&room::SLACK, Act::text(400, "invalid_blocks"))]
    {
        let taken = channel.taken;
        let server = Scripted::start(move |asked, _| {
            if String::from_utf8_lossy(&asked.body).contains("image_url") { refusal.clone() } else { taken() }
        })
        .await;
        let slack = channel.open(&server.url);
        for (attempt, expected) in [(1, "later"), (2, "later"), (3, "sent")] {
            let parcel = Parcel { attempt, ..with_picture() };
            let outcome = shown(&slack.deliver(&parcel, &Counting::open()).await);
            assert!(outcome.starts_with(expected), "{attempt}: {outcome}");
        }
    }
}

#[tokio::test]
async fn a_bot_edits_what_stands_there_and_answers_to_what_is_held() {
    for (notice, update, methods) in [
        (Notice::Correction, Act::json(200, &json!({"ok": true, "ts": OLD})), "chat.update"),
        (Notice::Kill, Act::json(200, &json!({"ok": true, "ts": OLD})), "chat.update"),
        (Notice::Hold, error("never asked"), "chat.postMessage"),
        (Notice::Correction, error("message_not_found"), "chat.update chat.postMessage"),
        (Notice::Correction, error("edit_window_closed"), "chat.update chat.postMessage"),
    ] {
        let (server, channel) =
            bot(
                move |asked| {
                    if asked.path.ends_with("chat.update") {
                        update.clone()
                    } else {
                        (room::SLACK_BOT.taken)()
                    }
                },
            )
            .await;
        channel.deliver(&follow(message(), notice, OLD), &Counting::open()).await.unwrap();
        let asked = server.asked();
        let seen: Vec<&str> = asked.iter().filter_map(|asked| asked.path.rsplit('/').next()).collect();
        assert_eq!(seen.join(" "), methods, "{notice:?}");
        let last = asked.last().unwrap().json();
        assert_eq!(last["metadata"]["event_payload"]["delivery"], message().wire_key);
        if notice == Notice::Hold {
            assert_eq!((&last["thread_ts"], &last["reply_broadcast"]), (&json!(OLD), &json!(true)));
        }
    }
    for act in [Act::Close, Act::text(500, ""), error("fatal_error")] {
        let (_, channel) = bot(move |_| act.clone()).await;
        let outcome = channel.deliver(&follow(message(), Notice::Kill, OLD), &Counting::open()).await;
        assert!(matches!(outcome, Err(Failure::Later { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_is_found_by_its_metadata() {
    let ours = json!({"event_type": "dateline_delivery", "event_payload": {"delivery": message().wire_key}});
    let other = json!({"event_type": "dateline_delivery", "event_payload": {"delivery": "another"}});
    let page = |metadata: &Value, cursor: &str| {
        Act::json(
            200,
            &json!({"ok": true, "messages": [{"ts": OLD, "text": "x"}, {"ts": OLD, "metadata": metadata}],
                    "response_metadata": {"next_cursor": cursor}}),
        )
    };
    let found = Probe::Arrived(Receipt {
        remote_id: Some(OLD.to_owned()),
        url: None,
        reply: crate::channel::Reply::note("found in the channel"),
    });
    for (first, second, expected) in [
        (page(&ours, ""), Act::Close, found.clone()),
        (page(&other, "more"), page(&ours, ""), found),
        (page(&other, ""), Act::Close, Probe::Absent),
        (page(&other, "more"), page(&other, ""), Probe::Absent),
        (page(&other, "more"), Act::Close, Probe::CannotTell),
        (page(&other, "more"), page(&other, "more"), Probe::CannotTell),
        (error("missing_scope"), Act::Close, Probe::CannotTell),
        (Act::text(200, "?"), Act::Close, Probe::CannotTell),
    ] {
        let (_, channel) =
            bot(move |asked| if asked.path.contains("cursor=more") { second.clone() } else { first.clone() })
                .await;
        assert_eq!(channel.probe(&message()).await, expected);
    }
}

#[test]
fn a_message_calls_nobody_and_keeps_lengths() {
    let body = body(&chat(&"ä".repeat(300), "<!channel> R&D <https://evil.example|click>"), None);
    let blocks = body["blocks"].as_array().unwrap();
    assert_eq!(blocks[0]["text"]["text"].as_str().unwrap().chars().count(), 150);
    assert_eq!(blocks[1]["text"]["text"], "&lt;!channel&gt; R&amp;D &lt;https://evil.example|click&gt;");
    assert_eq!(blocks[2]["text"]["text"], format!("<{}|Read more>", room::URL));
    assert!(!body["text"].as_str().unwrap().contains("<!"));
}

#[test]
fn settings_name_one_way() {
    use crate::channel::config::Settings as _;
    for (keys, expected) in [
        (json!({"webhook": {"env": "H"}}), ""),
        (json!({"token": {"env": "T"}, "room": "C024BE91L"}), ""),
        (json!({"token": {"env": "T"}, "room": "#news"}), "room"),
        (json!({"token": {"env": "T"}}), "token"),
        (json!({}), "kind"),
        (json!({"webhook": {"env": "H"}, "token": {"env": "T"}, "room": "C024BE91L"}), "kind"),
    ] {
        let config: SlackConfig = serde_json::from_value(keys.clone()).unwrap();
        let found = config.troubles();
        assert_eq!(found.first().map_or("", |trouble| trouble.0), expected, "{keys}");
    }
}
