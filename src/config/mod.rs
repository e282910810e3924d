//! What only operators need of `dateline.yaml`: channels with their secrets, ledger, git.
//!
//! Each module owns its struct; here they are composed. Secrets stay where they are until
//! [`Config::secrets`] is asked for them. This is the only module that reads the environment.

mod schema;
mod secret;

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;
use serde::Deserialize;

use crate::channel::Secrets;
use crate::channel::config::{ChannelConfig, Tls};
use crate::contact::EmailAddress;
use crate::daemon::{ClockConfig, GitConfig};
use crate::dispatch::{DispatchConfig, SHORTEST_QUARANTINE};
use crate::finding::Finding;
use crate::intake::config::{GeneralConfig, IntakeConfig, MailboxTls, SourceConfig, SourceKind};
use crate::ledger::{Address, LedgerConfig};
use crate::newsroom::{ChannelKind, Form};
use crate::web::WebConfig;
use crate::yaml::{Spanned, Tree};

pub use schema::schemas;
pub use secret::{SecretError, read as secret};

/// What `dateline.yaml` says about delivery.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Config {
    /// The channels without errors, by key.
    pub channels: BTreeMap<String, ChannelConfig>,
    /// Where deliveries are recorded.
    pub ledger: LedgerConfig,
    /// Which branch is followed.
    pub git: GitConfig,
    /// How what is due is sent.
    pub dispatch: DispatchConfig,
    /// How the clock is checked.
    pub clock: ClockConfig,
    /// What the daemon serves to the world.
    pub web: WebConfig,
    /// From where reports come back.
    pub intake: IntakeConfig,
}

const FILE: &str = "dateline.yaml";

impl Config {
    /// Reads the text of `dateline.yaml`; what is wrong with channels, ledger and git comes back
    /// beside it.
    ///
    /// The rest of the file is [`crate::newsroom`]'s to judge. What concerns both (a file that is no
    /// YAML, a language that is none) may be reported by both in the same words.
    pub fn read(text: &str) -> (Config, Vec<Finding>) {
        let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let (tree, findings) = Tree::parse(FILE, text, start..text.len());
        let mut config = Config::default();
        let Some(tree) = tree else { return (config, findings) };
        let mut reader = Reader { tree: &tree, text, findings: Vec::new() };
        for key in tree.keys_at(&["channels"]) {
            if let Some(channel) = reader.channel(&key.value) {
                config.channels.insert(key.value, channel);
            }
        }
        if let Some(ledger) = reader.read::<LedgerConfig>(&["ledger"], &[]) {
            config.ledger = ledger;
        }
        if let Some(dispatch) = reader.read::<DispatchConfig>(&["dispatch"], &[]) {
            if dispatch.quarantine.0 < SHORTEST_QUARANTINE {
                reader.error(
                    &["dispatch", "quarantine"],
                    "after less than 15 minutes a relay may still be about to answer",
                    "write `15m` or more",
                );
            }
            let page = |key: &String| {
                config.channels.get(key).is_none_or(|channel| channel.kind().form() == Form::Page)
            };
            for key in dispatch.gate.pages.iter().flatten().filter(|key| !page(key)) {
                reader.error(
                    &["dispatch", "gate", "pages"],
                    format!("the channel `{key}` shows no page that could be looked at"),
                    "name blogs and newsroom sites alone",
                );
            }
            config.dispatch = dispatch;
        }
        if let Some(git) = reader.read::<GitConfig>(&["git"], &[]) {
            if git.poll.0 < jiff::SignedDuration::from_secs(1) {
                reader.error(&["git", "poll"], "git is looked at once a second at most", "write `30s` or so");
            }
            config.git = git;
        }
        if let Some(web) = reader.read::<WebConfig>(&["web"], &[]) {
            config.web = web;
        }
        if let Some(clock) = reader.read::<ClockConfig>(&["clock"], &[]) {
            reader.hosts(&clock);
            config.clock = clock;
        }
        if let Some(general) = reader.read::<GeneralConfig>(&["intake"], &["sources"]) {
            config.intake.general = general;
        }
        for key in tree.keys_at(&["intake", "sources"]) {
            if let Some(source) = reader.source(&key.value) {
                config.intake.sources.insert(key.value, source);
            }
        }
        (config, reader.findings)
    }

    /// The ledger's settings, with paths from `dir`, the newsroom, and with the secret that they refer to.
    pub fn ledger(&self, dir: &Path) -> Result<LedgerConfig, SecretError> {
        let mut ledger = self.ledger.clone();
        ledger.folder = dir.join(&ledger.folder);
        if let Some(postgres) = &mut ledger.postgres {
            postgres.address = Address::new(secret::named(&postgres.url, dir, "url of `ledger.postgres`")?);
            postgres.ca_file = postgres.ca_file.as_ref().map(|file| dir.join(file));
        }
        Ok(ledger)
    }

    /// The secrets of the channel `key`; relative paths start from `dir`, the newsroom.
    pub fn secrets(&self, key: &str, dir: &Path) -> Result<Secrets, SecretError> {
        let secrets = self.channels.get(key).map(ChannelConfig::secrets).unwrap_or_default();
        let keys = self.channels.get(key).map(ChannelConfig::private_keys).unwrap_or_default();
        let keys = keys
            .iter()
            .map(|(name, secret)| secret::text(secret, dir, &format!("{name} of `{key}`")))
            .collect::<Result<_, _>>()?;
        secrets.into_iter().try_fold(Secrets::none().with_keys(keys), |known, (name, secret)| {
            Ok(known.with(name, secret::named(secret, dir, &format!("{name} of `{key}`"))?))
        })
    }
}

impl Config {
    /// The secret of the intake's source `name`, if it has one; relative paths start from `dir`, the newsroom.
    pub fn source_secret(&self, name: &str, dir: &Path) -> Result<Option<SecretString>, SecretError> {
        let secret = self.intake.sources.get(name).and_then(SourceConfig::secret);
        secret
            .map(|(key, secret)| secret::named(secret, dir, &format!("{key} of `intake.sources.{name}`")))
            .transpose()
    }
}

struct Reader<'a> {
    tree: &'a Tree<'a>,
    text: &'a str,
    findings: Vec<Finding>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Spanned<ChannelKind>,
}

impl Reader<'_> {
    fn read<T: serde::de::DeserializeOwned>(&mut self, path: &[&str], skip: &[&str]) -> Option<T> {
        let (value, findings) = self.tree.read_at(path, skip);
        let good = findings.is_empty();
        self.findings.extend(findings);
        value.filter(|_| good)
    }

    fn error(&mut self, path: &[&str], message: impl Into<String>, hint: &str) {
        let span = self.tree.span_at(path).unwrap_or(0..0);
        self.findings.push(Finding::error(FILE, self.text, span, "channel-config", message).hint(hint));
    }

    /// One host alone vouches for nothing.
    fn hosts(&mut self, clock: &ClockConfig) {
        let mut known: Vec<&String> = clock.hosts.iter().collect();
        known.sort();
        known.dedup();
        let strange = |host: &&String| {
            host.is_empty() || host.contains(|c: char| c.is_whitespace() || "/@?#[]".contains(c))
        };
        if let Some(host) = clock.hosts.iter().find(strange) {
            let message = format!("`{host}` is no host name");
            self.error(&["clock", "hosts"], message, "write names alone, such as `www.example.com`");
        } else if !known.is_empty() && (known.len() < 2 || known.len() < clock.hosts.len()) {
            let hint = "name two or more, of different owners";
            self.error(&["clock", "hosts"], "one host alone cannot vouch for the clock", hint);
        }
    }

    fn channel(&mut self, key: &str) -> Option<ChannelConfig> {
        let path = ["channels", key];
        // That a kind is missing or unknown is the newsroom's finding.
        let (kind, _) = self.tree.pick_at::<Kind>(&path);
        let before = self.findings.len();
        let (config, findings) = ChannelConfig::read(kind?.kind.value, self.tree, &path);
        let config = config.filter(|_| findings.is_empty());
        self.findings.extend(findings);
        let config = config?;
        self.sense(key, &config);
        (self.findings.len() == before).then_some(config)
    }

    fn source(&mut self, name: &str) -> Option<SourceConfig> {
        #[derive(Deserialize)]
        struct Kind {
            kind: SourceKind,
        }
        let path = ["intake", "sources", name];
        let (kind, findings) = self.tree.pick_at::<Kind>(&path);
        let before = self.findings.len();
        self.findings.extend(findings);
        let skip = ["kind"];
        let plain = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !plain {
            let message = format!("`{name}` cannot name a source");
            self.error(
                &path,
                message,
                "write small letters, digits and `-`: it stands in addresses and in metrics",
            );
        }
        let config = match kind?.kind {
            SourceKind::Imap => self.read(&path, &skip).map(SourceConfig::Imap),
            SourceKind::Maildir => self.read(&path, &skip).map(SourceConfig::Maildir),
            SourceKind::Ses => self.read(&path, &skip).map(SourceConfig::Ses),
            SourceKind::Postmark => self.read(&path, &skip).map(SourceConfig::Postmark),
            SourceKind::Mailgun => self.read(&path, &skip).map(SourceConfig::Mailgun),
            SourceKind::Sendgrid => self.read(&path, &skip).map(SourceConfig::Sendgrid),
        }?;
        match &config {
            SourceConfig::Imap(imap) if imap.tls == MailboxTls::None && !local(&imap.host) => {
                let path = ["intake", "sources", name, "tls"];
                let message = "with `tls: none` the password would cross the network in the clear";
                self.error(&path, message, "use `implicit` or `starttls`");
            }
            SourceConfig::Ses(ses) if ses.topics.is_empty() => {
                let path = ["intake", "sources", name, "topics"];
                self.error(&path, "without a topic nothing is believed", "name the SNS topics by their ARN");
            }
            _ => {}
        }
        (self.findings.len() == before).then_some(config)
    }

    /// What the types alone do not refuse.
    fn sense(&mut self, key: &str, config: &ChannelConfig) {
        let at = |name| ["channels", key, name];
        let limits = config.limits();
        if limits.lets_nothing_through() {
            self.error(
                &at("limits"),
                "a limit of 0 would let nothing through",
                "write 1 or more; `dateline hold` stops a channel",
            );
        }
        for name in limits.strangers() {
            self.error(
                &["channels", key, "limits", "providers", name],
                format!("`{name}` is no provider that Dateline knows"),
                "write a mail domain, or say which `domains` it has",
            );
        }
        for (name, address) in config.settings().addresses() {
            self.server(&at(name), address);
        }
        for (name, message, hint) in config.settings().troubles() {
            self.error(&at(name), message, hint);
        }
        match config {
            ChannelConfig::Smtp(smtp) => {
                if smtp.host.is_empty()
                    || smtp.host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@')
                {
                    self.error(
                        &at("host"),
                        "`host` is no host name",
                        "write the relay's name alone, such as `relay.halden.example`",
                    );
                }
                match (&smtp.username, &smtp.password) {
                    (Some(_), None) => self.error(
                        &at("username"),
                        "there is a `username`, but no `password`",
                        "add `password: {env: NAME}`",
                    ),
                    (None, Some(_)) => self.error(
                        &at("password"),
                        "there is a `password`, but no `username`",
                        "add `username:`",
                    ),
                    _ => {}
                }
                if smtp
                    .bounce_domain
                    .as_ref()
                    .is_some_and(|domain| format!("b@{domain}").parse::<EmailAddress>().is_err())
                {
                    self.error(
                        &at("bounce_domain"),
                        "`bounce_domain` is no mail domain",
                        "write a name of its own below your domain, such as `bounce.halden.example`",
                    );
                }
                let mut known = std::collections::BTreeSet::new();
                for dkim in &smtp.dkim {
                    let place = (&dkim.selector, &dkim.domain);
                    if !known.insert(place) {
                        let message = format!("the selector `{}` stands there twice", dkim.selector);
                        self.error(
                            &at("dkim"),
                            message,
                            "a new key has a new selector, so that both can be published",
                        );
                    }
                }
                if smtp.tls == Tls::None && smtp.password.is_some() && !local(&smtp.host) {
                    let message = "with `tls: none` the password would cross the network in the clear";
                    self.error(&at("tls"), message, "use `starttls` or `implicit`");
                }
            }
            ChannelConfig::Ses(ses) => {
                if ses.region.is_empty()
                    || !ses
                        .region
                        .bytes()
                        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                {
                    self.error(
                        &at("region"),
                        "`region` is no region of AWS",
                        "write its code, such as `eu-north-1`",
                    );
                }
                if let Some(endpoint) = &ses.endpoint {
                    self.server(&at("endpoint"), endpoint);
                }
                if let Some(name) = &ses.configuration_set {
                    self.word(&at("configuration_set"), name, "configuration set");
                }
            }
            ChannelConfig::Postmark(postmark) => {
                self.word(&at("stream"), &postmark.stream, "message stream");
            }
            ChannelConfig::Webhook(webhook) if !webhook.allow_private => {
                self.server(&at("url"), &webhook.url);
            }
            ChannelConfig::Newsroom(newsroom) => self.folder(&at("dir"), &newsroom.dir),
            ChannelConfig::File(file) => self.folder(&at("dir"), &file.dir),
            _ => {}
        }
    }

    /// A name that a provider gives: letters, digits, `-` and `_`.
    fn word(&mut self, path: &[&str], word: &str, what: &str) {
        let good = (1..=64).contains(&word.len())
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !good {
            let message = format!("`{word}` is no name of a {what}");
            self.error(
                path,
                message,
                "write the name as the provider shows it: letters, digits, `-` and `_`",
            );
        }
    }

    fn server(&mut self, path: &[&str], server: &str) {
        let good = url::Url::parse(server).is_ok_and(|url| {
            url.username().is_empty()
                && (url.scheme() == "https" || (url.scheme() == "http" && url.host_str().is_some_and(local)))
        });
        if !good {
            self.error(
                path,
                "this is no https address",
                "write it in full, such as `https://social.halden.example`",
            );
        }
    }

    fn folder(&mut self, path: &[&str], dir: &str) {
        if dir.trim().is_empty()
            || matches!(dir.trim_end_matches('/'), "" | "." | "releases" | "audiences" | "templates" | ".git")
        {
            self.error(
                path,
                "this folder cannot be written to: it holds the newsroom itself",
                "name a folder of its own, such as `site`",
            );
        }
    }
}

/// Whether a host is this machine.
fn local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

/// A real server that the demo is to post to: the values of `DATELINE_DEMO_{network}_{name}`, if all are set.
pub fn demo_server(network: &str, names: &[&str]) -> Option<Vec<String>> {
    names.iter().map(|name| std::env::var(format!("DATELINE_DEMO_{network}_{name}")).ok()).collect()
}

/// What is logged: `DATELINE_LOG`, in the form `info,dateline::dispatch=debug`.
pub fn log_filter() -> Option<String> {
    std::env::var("DATELINE_LOG").ok()
}

/// Where a test wants the process to end: `DATELINE_CRASH`, in the form `S5:17`; see [`crate::crashpoint`].
pub fn crash() -> Option<String> {
    std::env::var("DATELINE_CRASH").ok()
}

/// Whether the user wants no colours (<https://no-color.org>).
pub fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The name of whoever runs this process, for records.
pub fn user() -> String {
    ["USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned())
}

/// The name of this machine, for records.
pub fn host() -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = kernel.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "localhost".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests;
