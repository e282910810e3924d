//! A room on a real Synapse (`tests/endpoints/synapse.sh`).

use std::sync::Arc;

use dateline::channel::config::ChannelConfig;
use dateline::channel::{self, Channel, Failure, Parcel, Probe};
use dateline::clock::Clock;
use dateline::release::Notice;
use dateline::render::{Chat, Content};
use serde_json::{Value, json};

use crate::networks::{follow, gate, given, losing, parcel};

struct Room {
    url: String,
    token: String,
    room: String,
}

impl Room {
    fn given() -> Option<Room> {
        let [url, token, room] = given(["MATRIX_URL", "MATRIX_TOKEN", "MATRIX_ROOM"])?;
        let _ = rustls::crypto::ring::default_provider().install_default();
        Some(Room { url, token, room })
    }

    fn channel(&self, url: &str, token: &str) -> Box<dyn Channel> {
        let config = json!({ "server": url, "token": { "env": "T" }, "room": self.room });
        let config = ChannelConfig::Matrix(serde_json::from_value(config).unwrap());
        let secrets = channel::Secrets::none().with("token", token);
        channel::open(&config, std::path::Path::new("."), &secrets).unwrap()
    }

    /// The events of the room that hold `word`, oldest first, as somebody without edits sees them.
    async fn events(&self, word: &str) -> Vec<Value> {
        let mut url: url::Url = format!("{}/_matrix/client/v3/rooms", self.url).parse().unwrap();
        url.path_segments_mut().unwrap().push(&self.room).push("messages");
        url.set_query(Some("dir=b&limit=100"));
        let answer = reqwest::Client::new().get(url).bearer_auth(&self.token).send().await.unwrap();
        let said: Value = answer.json().await.unwrap();
        let mut found: Vec<Value> = said["chunk"].as_array().unwrap().clone();
        found.retain(|event| event["content"].to_string().contains(word));
        found.reverse();
        found
    }
}

fn message(word: &str, text: &str, pictured: bool) -> Parcel {
    let chat = Chat {
        label: None,
        title: format!("It goes 620 km {word}"),
        text: text.to_owned(),
        note: None,
        url: "https://news.halden.example/2026/aster-ev/".to_owned(),
        picture: None,
        more: "Read more".to_owned(),
        organization: "Halden Motors".to_owned(),
        accent: "#b5431f".to_owned(),
        test: false,
    };
    let mut parcel = parcel(&format!("{word} {text}"), Content::Chat(chat), Clock::system().now());
    let edition = Arc::make_mut(&mut parcel.edition);
    if !pictured {
        edition.assets.clear();
    }
    for asset in &mut edition.assets {
        asset.alt = format!("The Aster EV {word}");
    }
    parcel
}

fn word(what: &str) -> String {
    format!("{what}{}", Clock::system().now().as_nanosecond())
}

#[tokio::test]
async fn a_release_lives_and_dies_in_a_real_room() {
    let Some(room) = Room::given() else { return };
    let channel = room.channel(&room.url, &room.token);
    let seen = channel.examine().await;
    assert!(seen.len() == 2 && seen.iter().all(|seen| seen.good), "{seen:?}");
    let word = word("life");
    let original = message(&word, "A family car.", true);
    assert_eq!(channel.probe(&original).await, Probe::Absent);
    let first = channel.deliver(&original, &gate()).await.unwrap();
    let again = Parcel { attempt: 2, ..original.clone() };
    assert_eq!(
        channel.deliver(&again, &gate()).await.unwrap().remote_id,
        first.remote_id,
        "the server knows the name"
    );
    assert!(matches!(channel.probe(&again).await, Probe::Arrived(_)));
    let events = room.events(&word).await;
    let kinds: Vec<&Value> = events.iter().map(|event| &event["content"]["msgtype"]).collect();
    assert_eq!(kinds, ["m.text", "m.image"]);
    assert_eq!(events[1]["content"]["body"], json!(format!("The Aster EV {word}")));

    let correction =
        follow(message(&word, "It goes 610 km.", true), Notice::Correction, first.remote_id.clone());
    assert_eq!(channel.deliver(&correction, &gate()).await.unwrap().remote_id, first.remote_id);
    let Probe::Arrived(found) = channel.probe(&correction).await else { panic!("not found") };
    assert_eq!(found.remote_id.as_deref(), first.remote_id.as_deref().unwrap().split(',').next());
    let events = room.events(&word).await;
    assert_eq!(events.last().unwrap()["content"]["m.relates_to"]["event_id"], events[0]["event_id"]);

    let kill = follow(message(&word, "", false), Notice::Kill, first.remote_id.clone());
    channel.deliver(&kill, &gate()).await.unwrap();
    channel.deliver(&Parcel { attempt: 2, ..kill }, &gate()).await.unwrap();
    let left: Vec<Value> = room.events(&word).await;
    assert!(left.iter().all(|event| event["content"]["msgtype"] != "m.image"), "{left:#?}");

    let stranger = room.channel(&room.url, "wrong").deliver(&original, &gate()).await.unwrap_err();
    assert!(matches!(stranger, Failure::HoldChannel { .. }), "{stranger}");
}

#[tokio::test]
async fn a_lost_answer_makes_no_second_message_in_a_real_room() {
    let Some(room) = Room::given() else { return };
    let word = word("lost");
    let channel = room.channel(&losing(&room.url, "PUT ", 1).await, &room.token);
    let original = message(&word, "A family car.", false);
    let failure = channel.deliver(&original, &gate()).await.unwrap_err();
    assert!(matches!(failure, Failure::Unknown { .. }), "{failure}");
    let again = Parcel { attempt: 2, ..original };
    let Probe::Arrived(found) = channel.probe(&again).await else { panic!("not found") };
    assert_eq!(channel.deliver(&again, &gate()).await.unwrap().remote_id, found.remote_id);
    assert_eq!(room.events(&word).await.len(), 1);
}
