//! The far ends of the demo: a mail catcher, the newsroom site, and the networks.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use tokio::net::TcpListener;

use super::catcher::{self, Catcher};
use crate::channel;
use crate::channel::config::{ChannelConfig, FileConfig, Limits, NewsroomConfig, OnUnknown, SmtpConfig, Tls};
use crate::cli::CliError;
use crate::clock::Clock;
use crate::dispatch::Route;

/// The newsroom's public address, which the inbox shows as the local site.
const PUBLIC: &str = "https://news.halden.example";
const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What is at the other end of each channel.
pub struct FarEnds {
    /// Takes every mail.
    pub catcher: Catcher,
    folder: PathBuf,
    site: String,
}

impl FarEnds {
    /// Starts them; what the newsroom site writes goes below `folder`.
    pub async fn start(folder: &Path, clock: &Clock) -> Result<FarEnds, CliError> {
        let listener = TcpListener::bind(ANY).await?;
        let site = format!("http://{}", listener.local_addr()?);
        tokio::spawn(super::site::serve(listener, folder.join("site")));
        let options = catcher::Options { login: None, site: Some((PUBLIC.to_owned(), site.clone())) };
        let catcher = Catcher::start(ANY, ANY, clock.clone(), options).await?;
        Ok(FarEnds { catcher, folder: folder.to_owned(), site })
    }

    /// The example newsroom's channels, leading to these ends.
    pub fn routes(&self) -> Result<BTreeMap<String, Route>, CliError> {
        let limits = Limits::default();
        let relay = SmtpConfig {
            host: "127.0.0.1".to_owned(),
            port: Some(self.catcher.smtp_port()),
            tls: Tls::None,
            username: None,
            password: None,
            ca_file: None,
            from: "Halden Motors Press <press@news.halden.example>".to_owned(),
            reply_to: None,
            postal_address: None,
            list_id: None,
            unsubscribe_url: None,
            unsubscribe_mailto: None,
            helo: None,
            language: None,
            limits: Limits { connections: Some(4), ..limits },
            on_unknown: OnUnknown::Hold,
        };
        let newsroom = NewsroomConfig {
            dir: "site".to_owned(),
            url: None,
            language: None,
            limits,
            on_unknown: OnUnknown::Hold,
        };
        let archive =
            FileConfig { dir: "archive".to_owned(), language: None, limits, on_unknown: OnUnknown::Hold };
        let configs: [(&str, ChannelConfig, Option<SecretString>); 3] = [
            ("relay", ChannelConfig::Smtp(relay), None),
            ("newsroom", ChannelConfig::Newsroom(newsroom), None),
            ("archive", ChannelConfig::File(archive), None),
        ];
        let mut routes = BTreeMap::new();
        for (key, config, secret) in configs {
            let channel = channel::open(&config, &self.folder, secret)
                .map_err(|error| CliError::outside(format!("{key}: {error}")))?;
            routes.insert(key.to_owned(), Route { channel, kind: config.kind(), limits: config.limits() });
        }
        Ok(routes)
    }

    /// Where things can be looked at.
    pub fn places(&self) -> Vec<(String, String)> {
        vec![
            ("inbox".to_owned(), self.catcher.url()),
            ("newsroom site".to_owned(), format!("{}/", self.site)),
            ("archive".to_owned(), self.folder.join("archive").display().to_string()),
        ]
    }
}
