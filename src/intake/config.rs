//! What `dateline.yaml` says about `intake`, one struct per kind of source. [`crate::config`] reads `kind` first and then the
//! rest with the struct below.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::secret::SecretRef;

/// What comes back, and from where it is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IntakeConfig {
    /// The sources without errors, by name.
    pub sources: BTreeMap<String, SourceConfig>,
    /// Everything else.
    pub general: GeneralConfig,
}

/// What holds for all sources.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GeneralConfig {
    /// Whether answers by people are forwarded to the contacts of the release that they answer.
    pub forward_answers: bool,
    /// Whose complaints by mail are believed; nobody's where nothing is said.
    pub complaints: Option<ComplaintsConfig>,
}

impl Default for GeneralConfig {
    fn default() -> GeneralConfig {
        GeneralConfig { forward_answers: true, complaints: None }
    }
}

/// Whose complaints by mail (RFC 5965) are believed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComplaintsConfig {
    /// The name under which your own mail server writes `Authentication-Results`: `mx.halden.example`. It must take such
    /// fields out of what comes in.
    pub server: String,
    /// The domains that sign the reports: `fbl.example`.
    pub domains: Vec<String>,
}

/// What kind of source it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// A mailbox on a mail server.
    Imap,
    /// A folder into which a mail server on this machine delivers.
    Maildir,
    /// Amazon SES, through SNS.
    Ses,
    /// Postmark.
    Postmark,
    /// Mailgun.
    Mailgun,
    /// SendGrid.
    Sendgrid,
}

impl SourceKind {
    /// The word in `dateline.yaml`.
    pub fn as_str(self) -> &'static str {
        match self {
            SourceKind::Imap => "imap",
            SourceKind::Maildir => "maildir",
            SourceKind::Ses => "ses",
            SourceKind::Postmark => "postmark",
            SourceKind::Mailgun => "mailgun",
            SourceKind::Sendgrid => "sendgrid",
        }
    }
}

/// One source's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceConfig {
    /// `kind: imap`
    Imap(ImapConfig),
    /// `kind: maildir`
    Maildir(MaildirConfig),
    /// `kind: ses`
    Ses(SesConfig),
    /// `kind: postmark`
    Postmark(PostmarkConfig),
    /// `kind: mailgun`
    Mailgun(MailgunConfig),
    /// `kind: sendgrid`
    Sendgrid(SendgridConfig),
}

impl SourceConfig {
    /// What kind it is.
    pub fn kind(&self) -> SourceKind {
        match self {
            SourceConfig::Imap(_) => SourceKind::Imap,
            SourceConfig::Maildir(_) => SourceKind::Maildir,
            SourceConfig::Ses(_) => SourceKind::Ses,
            SourceConfig::Postmark(_) => SourceKind::Postmark,
            SourceConfig::Mailgun(_) => SourceKind::Mailgun,
            SourceConfig::Sendgrid(_) => SourceKind::Sendgrid,
        }
    }

    /// The secret that it needs, with the key that names it.
    pub fn secret(&self) -> Option<(&'static str, &SecretRef)> {
        match self {
            SourceConfig::Imap(config) => Some(("password", &config.password)),
            SourceConfig::Postmark(config) => Some(("password", &config.password)),
            SourceConfig::Mailgun(config) => Some(("signing_key", &config.signing_key)),
            SourceConfig::Maildir(_) | SourceConfig::Ses(_) | SourceConfig::Sendgrid(_) => None,
        }
    }
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MailboxTls {
    /// TLS from the first byte (RFC 8314).
    #[default]
    Implicit,
    /// Plain at first, then STARTTLS, without which nobody logs in.
    Starttls,
    /// None: only for a server on the same machine.
    None,
}

/// A mailbox on a mail server (RFC 3501, RFC 9051).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImapConfig {
    /// The server's host name.
    pub host: String,
    /// Its port; 993 for `implicit`, 143 otherwise, where nothing is said.
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: MailboxTls,
    /// The name to log in with.
    pub username: String,
    /// The password to log in with.
    pub password: SecretRef,
    /// A file of certificates (PEM) to trust instead of the system's; relative to the newsroom.
    pub ca_file: Option<String>,
    /// The folder that is read.
    #[serde(default = "inbox")]
    pub folder: String,
    /// The folder that mails are moved to once they are taken in; where nothing is said they are only marked as read.
    pub move_to: Option<String>,
}

fn inbox() -> String {
    "INBOX".to_owned()
}

impl ImapConfig {
    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            MailboxTls::Implicit => 993,
            MailboxTls::Starttls | MailboxTls::None => 143,
        })
    }
}

/// A Maildir: `new`, `cur` and `tmp` in a folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MaildirConfig {
    /// The folder; relative to the newsroom.
    pub dir: String,
}

/// Amazon SES: event or feedback notifications through Amazon SNS to `/intake/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SesConfig {
    /// The topics that are listened to; every other is refused.
    pub topics: Vec<String>,
    /// Whether a subscription of these topics is confirmed by itself. Set it while you subscribe, then take it away.
    #[serde(default)]
    pub confirm: bool,
}

/// Postmark: webhooks to `/intake/NAME`, which Postmark does not sign; a name and a password stand in their address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostmarkConfig {
    /// The name in the webhook's address.
    pub username: String,
    /// The password in the webhook's address.
    pub password: SecretRef,
}

/// Mailgun: webhooks to `/intake/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MailgunConfig {
    /// The account's HTTP webhook signing key.
    pub signing_key: SecretRef,
}

/// SendGrid: signed event webhooks to `/intake/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SendgridConfig {
    /// The public key that SendGrid shows for the webhook: base64, no secret.
    pub public_key: String,
}
