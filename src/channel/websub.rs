//! A ping to a WebSub hub: the site's feeds have something new (w3.org/TR/websub; the ping itself is PubSubHubbub 0.4's).
//!
//! It says nothing but the addresses of the feeds, and the hub fetches those. WebSub leaves the ping to hub and publisher: some hubs read
//! `hub.url`, some `hub.topic`, so it has both. It may be repeated at will, so nothing is ever
//! unknown. Pages and feeds are written before it goes.

use async_trait::async_trait;
use reqwest::Method;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown};
use super::http::{Client, Lost};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};
use crate::language::Language;

/// A WebSub hub.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebsubConfig {
    /// The hub that the feeds name: `https://hub.halden.example/`.
    pub hub: String,
    /// The addresses of the feeds that it is told of.
    pub feeds: Vec<String>,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived; nothing ever is.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(
    WebsubConfig,
    secrets(),
    addresses(hub),
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let address =
            |feed: &String| Url::parse(feed).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !self.feeds.is_empty() && self.feeds.iter().all(address) {
            return Vec::new();
        }
        vec![(
            "feeds",
            "the hub has to be told which feeds",
            "write their addresses: `[https://news.halden.example/feed.xml]`",
        )]
    }
);

/// A WebSub hub.
pub struct Websub {
    client: Client,
    hub: Url,
    feeds: Vec<String>,
}

impl Adapter for Websub {
    type Config = WebsubConfig;

    fn open(config: &WebsubConfig, setup: &Setup<'_>) -> Result<Websub, String> {
        let hub: Url =
            config.hub.parse().map_err(|error| format!("the channel's `hub` is no address: {error}"))?;
        let client = Client::trusted(&hub, setup.patience)?;
        Ok(Websub { client, hub, feeds: config.feeds.clone() })
    }
}

#[async_trait]
impl Channel for Websub {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        gate.begin().await?;
        for feed in &self.feeds {
            let form = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("hub.mode", "publish")
                .append_pair("hub.url", feed)
                .append_pair("hub.topic", feed)
                .finish();
            let request = self
                .client
                .request(Method::POST, self.hub.clone())
                .header("content-type", "application/x-www-form-urlencoded")
                .body(form);
            let answer = self.client.send(request).await.map_err(Lost::repeatable)?;
            if !answer.good() {
                return Err(answer.repeatable(parcel.now));
            }
        }
        Ok(Receipt { reply: Reply::note("the hub was told"), ..Receipt::default() })
    }

    async fn probe(&self, _: &Parcel) -> Probe {
        // Not known, and it does not matter: the hub only fetches the feeds once more.
        Probe::Absent
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let host = self.hub.host_str().unwrap_or_default();
        let answer = self.client.send(self.client.request(Method::GET, self.hub.clone())).await;
        let (good, seen) = match answer {
            Ok(_) => (true, format!("{host} answers")),
            Err(Lost::Before(why) | Lost::After(why) | Lost::Forbidden(why)) => {
                (false, format!("{host}: {why}"))
            }
        };
        let hint = (!good).then(|| "look at the channel's `hub`".to_owned());
        vec![Diagnosis { what: "websub: hub".to_owned(), good, seen, hint }]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::channel::Secrets;
    use crate::channel::adapter;
    use crate::channel::config::ChannelConfig;
    use crate::channel::scripted::{Act, Counting, Scripted, parcel};
    use crate::channel::suite::SHORT;
    use crate::newsroom::ChannelKind;
    use crate::render::Content;

    async fn check(act: Act, gate: Counting, expected: &str, asked: &[&str]) {
        let server = Scripted::start(move |_, _| act.clone()).await;
        let config = json!({"hub": server.url.as_str(), "feeds": ["https://a.example/feed.xml", "https://a.example/b?c=d&e"]});
        let config = ChannelConfig::from_json(ChannelKind::Websub, config);
        let setup =
            adapter::Setup { root: std::path::Path::new("."), secrets: &Secrets::none(), patience: SHORT };
        let channel = adapter::open(&config, &setup).unwrap();
        let parcel = parcel(Content::Json(json!({"title": "Geheim"})), vec![]);
        let got = match channel.deliver(&parcel, &gate).await {
            Ok(receipt) => receipt.reply.text,
            Err(failure) => failure.to_string(),
        };
        assert!(got.starts_with(expected), "{got} is not {expected}");
        let bodies: Vec<String> =
            server.asked().iter().map(|asked| String::from_utf8(asked.body.clone()).unwrap()).collect();
        assert_eq!(bodies, asked);
    }

    #[tokio::test]
    async fn a_hub_is_told_of_feeds_and_of_nothing_else() {
        let ping = |feed: &str| format!("hub.mode=publish&hub.url={feed}&hub.topic={feed}");
        let first = &*ping("https%3A%2F%2Fa.example%2Ffeed.xml");
        let second = &*ping("https%3A%2F%2Fa.example%2Fb%3Fc%3Dd%26e");
        for status in [200, 202, 204] {
            check(Act::text(status, ""), Counting::open(), "the hub was told", &[first, second]).await;
        }
        check(Act::text(204, ""), Counting::closed(), "not sent", &[]).await;
        for act in [Act::Close, Act::Hang, Act::text(500, ""), Act::text(429, "")] {
            check(act, Counting::open(), "later", &[first]).await;
        }
        check(Act::text(400, "no such topic"), Counting::open(), "refused: 400", &[first]).await;
        check(Act::text(301, ""), Counting::open(), "the channel refuses us", &[first]).await;
    }
}
