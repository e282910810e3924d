//! What every chat holds to. The servers follow the vendors' published contracts, and none of them is the vendor's own.

use serde_json::{Value, json};
use url::Url;

use super::{SHORT, shown as outcome_shown};
use crate::channel::adapter::{self, Setup};
use crate::channel::config::ChannelConfig;
use crate::channel::scripted::{Act, Counting, Scripted, parcel, picture};
use crate::channel::{Channel, Failure, Parcel, Previous, Probe, Receipt, Secrets};
use crate::newsroom::ChannelKind;
use crate::release::Notice;
use crate::render::{Chat, Content};

/// Where the release is.
pub const URL: &str = "https://news.halden.example/2026/aster-ev/";

/// One chat.
pub struct Room {
    /// Its kind.
    pub kind: ChannelKind,
    /// Its keys, with a server at this address.
    pub config: fn(&Url) -> Value,
    /// The name of its secret, and the secret: what comes after the server's address, if it begins with `/`.
    pub secret: (&'static str, &'static str),
    /// The answer to a message that was taken.
    pub taken: fn() -> Act,
    /// What the message is called from then on; `-` for nothing.
    pub id: &'static str,
    /// Whether every 2xx means that it was taken.
    pub trusting: bool,
}

const HOOK: (&str, &str) = ("webhook", "/services/geheim-token");

pub const MATTERMOST: Room = Room {
    kind: ChannelKind::Mattermost,
    config: |_| json!({ "webhook": { "env": "H" } }),
    secret: HOOK,
    taken: || Act::text(200, "ok"),
    id: "-",
    trusting: false,
};

pub const TEAMS: Room = Room {
    kind: ChannelKind::Teams,
    config: |_| json!({ "webhook": { "env": "H" } }),
    secret: ("webhook", "/workflows/1?sig=geheim-token"),
    taken: || Act::text(202, ""),
    id: "-",
    trusting: true,
};

pub const DISCORD: Room = Room {
    kind: ChannelKind::Discord,
    config: |_| json!({ "webhook": { "env": "H" } }),
    secret: HOOK,
    taken: || Act::json(200, &json!({ "id": "1310000000000000002", "channel_id": "7" })),
    id: "1310000000000000002",
    trusting: false,
};

pub const SLACK: Room = Room {
    kind: ChannelKind::Slack,
    config: |_| json!({ "webhook": { "env": "H" } }),
    secret: HOOK,
    taken: || Act::text(200, "ok"),
    id: "-",
    trusting: false,
};

pub const SLACK_BOT: Room = Room {
    kind: ChannelKind::Slack,
    config: |url| json!({ "token": { "env": "T" }, "room": "C024BE91L", "endpoint": format!("{url}api") }),
    secret: ("token", "geheim-token"),
    taken: || Act::json(200, &json!({ "ok": true, "channel": "C024BE91L", "ts": "1796112001.000200" })),
    id: "1796112001.000200",
    trusting: false,
};

pub const TELEGRAM: Room = Room {
    kind: ChannelKind::Telegram,
    config: |url| json!({ "token": { "env": "T" }, "room": "@haldenmotors", "endpoint": url.as_str() }),
    secret: ("token", "7:geheim-token"),
    taken: || {
        let chat = json!({ "id": -100, "username": "haldenmotors" });
        Act::json(200, &json!({ "ok": true, "result": { "message_id": 12, "chat": chat } }))
    },
    id: "12",
    trusting: false,
};

pub const MATRIX: Room = Room {
    kind: ChannelKind::Matrix,
    config: |url| json!({ "token": { "env": "T" }, "room": "!news:halden.example", "server": url.as_str() }),
    secret: ("token", "geheim-token"),
    taken: || Act::json(200, &json!({ "event_id": "$event" })),
    id: "$event",
    trusting: false,
};

#[tokio::test]
async fn matrix_holds_to_it() {
    MATRIX.holds().await;
}

#[tokio::test]
async fn telegram_holds_to_it() {
    TELEGRAM.holds().await;
}

#[tokio::test]
async fn mattermost_holds_to_it() {
    MATTERMOST.holds().await;
}

#[tokio::test]
async fn teams_holds_to_it() {
    TEAMS.holds().await;
}

#[tokio::test]
async fn discord_holds_to_it() {
    DISCORD.holds().await;
}

#[tokio::test]
async fn slack_holds_to_it() {
    SLACK.holds().await;
    SLACK_BOT.holds().await;
}

/// A message with this headline and text.
pub fn chat(title: &str, text: &str) -> Chat {
    Chat {
        label: None,
        title: title.to_owned(),
        text: text.to_owned(),
        note: None,
        url: URL.to_owned(),
        picture: None,
        more: "Read more".to_owned(),
        organization: "Halden Motors".to_owned(),
        accent: "#b5431f".to_owned(),
        test: false,
    }
}

/// A message without a picture.
pub fn message() -> Parcel {
    parcel(Content::Chat(chat("It goes 620 km", "A family car.")), vec![])
}

/// A message with one.
pub fn with_picture() -> Parcel {
    let chat = Chat { picture: Some(format!("{URL}aster.jpg")), ..chat("It goes 620 km", "A family car.") };
    parcel(Content::Chat(chat), vec![picture("aster.jpg", b"JPEG")])
}

/// The same about what the destination calls `id`.
pub fn follow(parcel: Parcel, notice: Notice, id: &str) -> Parcel {
    let previous = Previous { remote_id: Some(id.to_owned()), wire_key: "earlier".to_owned() };
    Parcel { notice, previous: Some(previous), ..parcel }
}

/// The outcome in one line.
pub fn shown(outcome: &Result<Receipt, Failure>) -> String {
    outcome_shown(outcome)
}

impl Room {
    /// The adapter, speaking to this address.
    pub fn open(&self, url: &Url) -> Box<dyn Channel> {
        let (name, secret) = self.secret;
        let secret = match secret.strip_prefix('/') {
            Some(path) => format!("{url}{path}"),
            None => secret.to_owned(),
        };
        let secrets = Secrets::none().with(name, secret);
        let config = ChannelConfig::from_json(self.kind, (self.config)(url));
        assert!(config.settings().troubles().is_empty());
        let setup = Setup { root: std::path::Path::new("."), secrets: &secrets, patience: SHORT };
        adapter::open(&config, &setup).unwrap()
    }

    /// What one attempt comes to if the server does `act`, which it is asked for exactly once.
    async fn check(&self, act: Act, expected: &str) {
        let server = Scripted::start(move |_, _| act.clone()).await;
        let gate = Counting::open();
        let outcome = self.open(&server.url).deliver(&message(), &gate).await;
        assert_eq!((server.asked().len(), gate.count()), (1, 1), "{outcome:?}");
        let shown = shown(&outcome);
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.starts_with(expected), "{:?}: {shown}\nis not: {expected}", self.kind);
    }

    /// The whole suite.
    pub async fn holds(&self) {
        self.answers_have_their_meaning().await;
        self.asks_before_it_speaks().await;
        self.says_the_same_again().await;
        self.notices_stand_alone_where_nothing_is_known().await;
        self.a_look_posts_nothing().await;
    }

    async fn answers_have_their_meaning(&self) {
        self.check((self.taken)(), &format!("sent {}", self.id)).await;
        for act in [
            Act::Close,
            Act::Hang,
            Act::text(500, ""),
            Act::text(502, "<html>"),
            Act::text(503, "geheim-token"),
            Act::Raw(b"HTTP/1.1 2".to_vec()),
            Act::Raw(b"\0\xff\xfe garbage\r\n\r\n".to_vec()),
        ] {
            self.check(act, "outcome unknown").await;
        }
        if !self.trusting {
            for act in [
                Act::Flood,
                Act::text(200, ""),
                Act::text(200, "<html>Welcome to our network</html>"),
                Act::text(200, "{}"),
                Act::text(200, "[]"),
            ] {
                self.check(act, "outcome unknown").await;
            }
        }
        self.check(Act::text(400, "geheim-token"), "refused: 400").await;
        for status in [401, 403] {
            self.check(Act::text(status, "geheim-token"), "the channel refuses us").await;
        }
        let elsewhere = Scripted::start(|_, _| Act::text(200, "ok")).await;
        self.check(Act::text(307, "").with("location", elsewhere.url.as_str()), "the channel refuses us")
            .await;
        assert!(elsewhere.asked().is_empty());
        let server = Scripted::start(|_, _| Act::text(429, "slow down").with("retry-after", "77")).await;
        let failure = self.open(&server.url).deliver(&message(), &Counting::open()).await.unwrap_err();
        let Failure::Later { retry_after, .. } = failure else { panic!("{failure}") };
        assert_eq!(retry_after.map(|wait| wait.as_secs()), Some(77));
    }

    async fn asks_before_it_speaks(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        for notice in [Notice::Original, Notice::Correction, Notice::Hold, Notice::Kill] {
            for parcel in [Parcel { notice, ..message() }, follow(with_picture(), notice, self.id)] {
                let gate = Counting::closed();
                let outcome = self.open(&server.url).deliver(&parcel, &gate).await;
                assert_eq!((outcome, gate.count()), (Err(Failure::GateClosed), 1), "{notice:?}");
            }
        }
        assert!(server.asked().is_empty());
        let json = parcel(Content::Json(json!({})), vec![]);
        let outcome = self.open(&server.url).deliver(&json, &Counting::open()).await;
        assert!(matches!(outcome, Err(Failure::Refused { .. })), "{outcome:?}");
        // Nobody there: it did not leave.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        drop(listener);
        let outcome = self.open(&nobody).deliver(&message(), &Counting::open()).await;
        assert!(matches!(outcome, Err(Failure::Later { .. })), "{outcome:?}");
    }

    async fn says_the_same_again(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        let channel = self.open(&server.url);
        let first = message();
        let again =
            Parcel { attempt: 2, now: first.now + jiff::SignedDuration::from_mins(20), ..first.clone() };
        for parcel in [&first, &again] {
            channel.deliver(parcel, &Counting::open()).await.unwrap();
        }
        let asked = server.asked();
        assert_eq!(asked[0].body, asked[1].body);
        assert_eq!(asked[0].path, asked[1].path);
    }

    async fn notices_stand_alone_where_nothing_is_known(&self) {
        let taken = self.taken;
        let server = Scripted::start(move |_, _| taken()).await;
        for notice in [Notice::Correction, Notice::Hold, Notice::Kill] {
            // An id that is none reaches no address.
            for parcel in [Parcel { notice, ..message() }, follow(message(), notice, "../../evil")] {
                self.open(&server.url).deliver(&parcel, &Counting::open()).await.unwrap();
            }
        }
        assert_eq!(server.asked().len(), 6);
        assert!(server.lines().iter().all(|line| !line.contains("evil")), "{:?}", server.lines());
    }

    async fn a_look_posts_nothing(&self) {
        for act in [Act::Close, Act::text(401, "geheim-token"), Act::text(200, "{}"), Act::text(500, "")] {
            let server = Scripted::start(move |_, _| act.clone()).await;
            let channel = self.open(&server.url);
            let seen = channel.examine().await;
            assert!(!seen.is_empty() && !format!("{seen:?}").contains("geheim"), "{seen:?}");
            assert_eq!(channel.probe(&message()).await, Probe::CannotTell);
            let looks = |asked: &crate::channel::scripted::Asked| {
                asked.method == "GET" || asked.path.contains("/get")
            };
            assert!(server.asked().iter().all(looks), "{:?}", server.lines());
        }
    }
}
