//! A newsroom's desk in front of a ledger: contacts, orders, and a dispatcher in one line.

use std::sync::Arc;

use dateline::contact::{Contact, ContactId};
use dateline::digest::Digest;
use dateline::ledger::{
    AttemptId, Claim, Intent, Issued, Ledger, Order, OrderEdition, Outcome, Reply, Settled, Stop,
};
use dateline::newsroom::ChannelKind;
use dateline::plan::{Action, Group, Planned, Recipients, Source};
use dateline::release::Notice;
use dateline::render::{Asset, Content, Edition, Request};
use jiff::{SignedDuration, Timestamp, ToSpan};

/// Nine o'clock on the day: everything is due then.
pub fn due() -> Timestamp {
    "2026-12-01T08:00:00Z".parse().unwrap()
}

/// `seconds` after nine o'clock.
pub fn at(seconds: i64) -> Timestamp {
    due() + seconds.seconds()
}

pub fn contact(email: &str) -> Contact {
    Contact {
        id: ContactId(0),
        email: email.parse().unwrap(),
        name: Some("Jane Roe".to_owned()),
        language: None,
        timezone: None,
        embargo_ok: false,
        tags: vec![],
        fields: [("kind".to_owned(), vec!["blogger".to_owned()])].into(),
        consent: None,
    }
}

/// One part of an order: audience, channel, what is done, to whom.
pub struct Part(pub &'static str, pub &'static str, pub Action, pub Recipients);

/// The order of a release whose text is `text`, due at nine, expiring a day later.
pub fn order(slug: &str, notice: Notice, text: &str, parts: Vec<Part>) -> Order {
    let name = |part: &str| Digest::of(format!("{slug} {part} {text}").as_bytes());
    let mut editions = Vec::new();
    let mut deliveries = Vec::new();
    for (at, Part(audience, channel, action, recipients)) in parts.into_iter().enumerate() {
        let kind = match channel {
            "relay" => ChannelKind::Smtp,
            "sky" => ChannelKind::Bluesky,
            _ => ChannelKind::Newsroom,
        };
        let group = Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: "en".parse().unwrap(),
            advance: false,
            recipients,
            due: due(),
            action,
            reason: None,
        };
        let follows = matches!(action, Action::Correct | Action::Kill);
        if !matches!(action, Action::None | Action::Blocked) {
            editions.push(OrderEdition {
                group: at,
                kind,
                edition: edition(slug, if follows { notice } else { Notice::Original }, &group, text),
            });
        }
        deliveries.push(group);
    }
    Order {
        planned: Planned {
            slug: slug.to_owned(),
            title: format!("Title of {slug}"),
            notice,
            publish: due(),
            expires: due() + SignedDuration::from_hours(24),
            moved_from: None,
            digest_of: vec![],
            source: Source {
                all: name("all"),
                words: [("en".parse().unwrap(), name("words"))].into(),
                look: name("look"),
                correction: None,
            }
            .into(),
            deliveries,
            left_out: vec![],
            limits: std::collections::BTreeMap::new(),
        },
        editions,
        revision: "0123456789abcdef".to_owned(),
        approved_by: "Ada <ada@halden.example>".to_owned(),
    }
}

fn edition(slug: &str, notice: Notice, group: &Group, text: &str) -> Edition {
    let bytes: Arc<[u8]> = Arc::from(&b"a picture"[..]);
    Edition {
        request: Request {
            slug: slug.to_owned(),
            digest_of: vec![],
            notice,
            audience: group.audience.clone(),
            channel: group.channel.clone(),
            language: group.language.clone(),
            advance: group.advance,
            test: false,
            date: group.due,
        },
        title: format!("Title of {slug}"),
        content: Content::Json(serde_json::json!({ "text": text })),
        assets: vec![Asset {
            name: "front.jpg".to_owned(),
            media_type: "image/jpeg".to_owned(),
            alt: "The front".to_owned(),
            caption: String::new(),
            sha: Digest::of(&bytes),
            bytes,
        }],
    }
}

/// A ledger with contacts 1 to n: `c1@paper.example` …
pub struct Desk {
    pub ledger: Ledger,
}

impl Desk {
    pub async fn with(ledger: Ledger, contacts: i64) -> Desk {
        let list = (1..=contacts).map(|n| contact(&format!("c{n}@paper.example"))).collect();
        ledger.import(list, at(-3600)).await.unwrap();
        Desk { ledger }
    }

    pub async fn issue(&self, order: Order) -> Issued {
        self.ledger.issue(order, at(-60)).await.unwrap()
    }

    /// Issues the original to these contacts by mail.
    pub async fn original(&self, slug: &str, text: &str, contacts: &[i64]) -> Issued {
        self.issue(order(slug, Notice::Original, text, vec![mail(Action::Create, contacts)])).await
    }

    pub async fn claim(&self, now: Timestamp) -> Vec<Claim> {
        self.ledger.claim("desk", "relay", now, 1).await.unwrap()
    }

    pub async fn intent(&self, claim: &Claim, now: Timestamp) -> Intent {
        let sha = Digest::of(b"the request");
        let batch = vec![(claim.delivery, claim.epoch, sha)];
        self.ledger.intent(batch, now).await.unwrap().remove(0)
    }

    pub async fn go(&self, claim: &Claim, now: Timestamp) -> AttemptId {
        match self.intent(claim, now).await {
            Intent::Go(attempt) => attempt,
            Intent::Stop(stop) => panic!("{claim:?}: {stop}"),
        }
    }

    pub async fn stop(&self, claim: &Claim, now: Timestamp) -> Stop {
        match self.intent(claim, now).await {
            Intent::Stop(stop) => stop,
            Intent::Go(attempt) => panic!("{claim:?} was let go as {attempt:?}"),
        }
    }

    pub async fn settle(&self, attempt: AttemptId, outcome: Outcome, now: Timestamp) -> Settled {
        self.ledger.settle(attempt, outcome, now).await.unwrap()
    }

    /// Sends everything that is due on `channel`; returns how many.
    pub async fn send_all(&self, channel: &str, now: Timestamp) -> usize {
        let mut sent = 0;
        loop {
            let claims = self.ledger.claim("desk", channel, now, 500).await.unwrap();
            if claims.is_empty() {
                return sent;
            }
            for claim in claims {
                let attempt = self.go(&claim, now).await;
                self.settle(attempt, arrived(), now).await;
                sent += 1;
            }
        }
    }

    /// `recipient notice state` of every delivery of a release, sorted.
    pub async fn rows(&self, slug: &str) -> Vec<String> {
        let log = self.ledger.log(Some(slug), dateline::ledger::DeliveryId(0), 10_000).await.unwrap();
        let mut rows: Vec<String> = log
            .iter()
            .map(|entry| {
                let name = entry.recipient.to_string();
                let name = name.split('@').next().unwrap_or_default();
                format!("{name} {} {}", entry.notice.as_str(), entry.state)
            })
            .collect();
        rows.sort();
        rows
    }

    pub async fn is_sound(&self) {
        assert_eq!(self.ledger.verify().await.unwrap(), Vec::<String>::new());
    }
}

pub fn mail(action: Action, contacts: &[i64]) -> Part {
    Part("bloggers", "relay", action, to(contacts))
}

pub fn to(contacts: &[i64]) -> Recipients {
    Recipients::Contacts(contacts.iter().copied().map(ContactId).collect())
}

pub fn arrived() -> Outcome {
    Outcome::Sent { remote_id: Some("remote-1".to_owned()), url: None, reply: reply("2.0.0 ok") }
}

pub fn reply(text: &str) -> Reply {
    Reply { code: Some(250), enhanced: None, text: text.to_owned() }
}
