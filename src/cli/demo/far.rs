//! The far ends of the demo: a mail catcher, the newsroom site, and the networks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;

use super::catcher::{self, Catcher};
use super::site::{self, Site};
use super::standins::StandIns;
use crate::channel::config::{ChannelConfig, OnUnknown};
use crate::channel::{self, Secrets};
use crate::cli::CliError;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::dispatch::Route;

/// The newsroom's public address, which the inbox shows as the local site.
const PUBLIC: &str = "https://news.halden.example";
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// What is at the other end of each channel.
pub struct FarEnds {
    /// Takes every mail.
    pub catcher: Catcher,
    networks: StandIns,
    folder: PathBuf,
    site: String,
}

impl FarEnds {
    /// Starts them; what the newsroom site writes goes below `folder`.
    pub async fn start(folder: &Path, clock: &Clock) -> Result<FarEnds, CliError> {
        let listener = TcpListener::bind(ANY).await?;
        let here = format!("http://{}", listener.local_addr()?);
        let served = Site { dir: folder.join("site"), addresses: (PUBLIC.to_owned(), here.clone()) };
        tokio::spawn(site::serve(listener, served));
        let shown = Some((PUBLIC.to_owned(), here.clone()));
        let options = catcher::Options { login: None, site: shown.clone() };
        let catcher = Catcher::start(ANY, ANY, clock.clone(), options).await?;
        let networks = StandIns::start(clock.clone(), shown).await?;
        Ok(FarEnds { catcher, networks, folder: folder.to_owned(), site: here })
    }

    /// The example newsroom's channels, leading to these ends: the settings are the newsroom's own, with
    /// other addresses and secrets.
    pub fn routes(&self) -> Result<BTreeMap<String, Route>, CliError> {
        let (config, findings) = Config::read(include_str!("../../../dateline.yaml"));
        if let Some(finding) = findings.first() {
            return Err(CliError::usage(finding));
        }
        let mut routes = BTreeMap::new();
        for (key, mut config) in config.channels {
            let secrets = self.lead_here(&mut config);
            let channel = channel::open(&config, &self.folder, &secrets)
                .map_err(|error| CliError::outside(format!("{key}: {error}")))?;
            routes.insert(
                key,
                Route {
                    channel,
                    kind: config.kind(),
                    limits: config.limits().clone(),
                    on_unknown: OnUnknown::Hold,
                },
            );
        }
        Ok(routes)
    }

    /// Points a channel at its far end and returns the secrets that it takes there.
    fn lead_here(&self, config: &mut ChannelConfig) -> Secrets {
        let (name, secret) = match config {
            ChannelConfig::Smtp(relay) => {
                relay.host = Ipv4Addr::LOCALHOST.to_string();
                relay.port = Some(self.catcher.smtp_port());
                relay.tls = channel::config::Tls::None;
                (relay.username, relay.password) = (None, None);
                // The clock stands still while mails leave, so nothing may wait for it.
                relay.limits.per_minute = None;
                return Secrets::none();
            }
            ChannelConfig::Mastodon(mastodon) => match config::demo_server("MASTODON", &["URL", "TOKEN"]) {
                Some(given) => {
                    mastodon.server.clone_from(&given[0]);
                    ("token", given[1].clone())
                }
                None => {
                    mastodon.server = self.networks.mastodon_url();
                    ("token", self.networks.mastodon_token().to_owned())
                }
            },
            ChannelConfig::Bluesky(bluesky) => {
                match config::demo_server("BLUESKY", &["URL", "HANDLE", "PASSWORD"]) {
                    Some(given) => {
                        bluesky.server.clone_from(&given[0]);
                        bluesky.handle.clone_from(&given[1]);
                        ("password", given[2].clone())
                    }
                    None => {
                        bluesky.server = self.networks.bluesky_url();
                        self.networks.bluesky_handle().clone_into(&mut bluesky.handle);
                        ("password", self.networks.bluesky_password().to_owned())
                    }
                }
            }
            ChannelConfig::Webhook(webhook) => {
                webhook.url = self.networks.webhook_url();
                webhook.allow_private = true;
                ("secret", self.networks.webhook_secret().to_owned())
            }
            // What writes files leads nowhere. Everything else wants a secret, so without a stand-in here it does not open.
            _ => return Secrets::none(),
        };
        Secrets::none().with(name, secret)
    }

    /// Where things can be looked at.
    pub fn places(&self) -> Vec<(String, String)> {
        let given = |network, names: &[&str]| config::demo_server(network, names)?.into_iter().next();
        vec![
            ("inbox".to_owned(), self.catcher.url()),
            ("newsroom site".to_owned(), format!("{}/", self.site)),
            (
                "Mastodon".to_owned(),
                given("MASTODON", &["URL", "TOKEN"]).unwrap_or_else(|| self.networks.mastodon_url()),
            ),
            (
                "Bluesky".to_owned(),
                given("BLUESKY", &["URL", "HANDLE", "PASSWORD"])
                    .unwrap_or_else(|| self.networks.bluesky_url()),
            ),
            ("intranet webhook".to_owned(), self.networks.webhook_url().replace("/hook", "/")),
            ("archive".to_owned(), self.folder.join("archive").display().to_string()),
        ]
    }
}
