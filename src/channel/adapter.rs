//! How adapters are configured and opened, alike for all: what the one list of kinds ([`crate::newsroom::kinds`]) is made into here.

use std::path::Path;

use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;

use super::config::{
    BlueskyConfig, FileConfig, Limits, MastodonConfig, NewsroomConfig, OnUnknown, PostmarkConfig, SecretRef,
    SesConfig, SmtpConfig, WebhookConfig,
};
use super::http::Patience;
use super::{Channel, OpenError, Secrets, bluesky, file, mastodon, newsroom, postmark, ses, smtp, webhook};
use crate::finding::Finding;
use crate::newsroom::{ChannelKind, kinds};
use crate::yaml::Tree;

/// An adapter, as the list of kinds knows it.
pub trait Adapter: Channel + Sized + 'static {
    /// Its keys in `dateline.yaml`.
    type Config: Settings + DeserializeOwned + JsonSchema;

    /// Opens it. Nothing is sent or written.
    fn open(config: &Self::Config, setup: &Setup<'_>) -> Result<Self, String>;
}

/// What adapters are opened with beside their settings.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The folder that relative paths start from.
    pub root: &'a Path,
    /// The values of the secrets that the settings refer to.
    pub secrets: &'a Secrets,
    /// How long things may take.
    pub patience: Patience,
}

impl Setup<'_> {
    /// The secret called `name`, without which the channel cannot be used.
    pub(super) fn needed(&self, name: &str) -> Result<secrecy::SecretString, String> {
        self.secrets.needed(name).map_err(|error| error.to_string())
    }
}

/// What the settings of every channel hold; [`settings`] writes it.
pub trait Settings {
    /// How fast it may be used.
    fn limits(&self) -> &Limits;

    /// What is done when nobody knows whether a delivery arrived.
    fn on_unknown(&self) -> OnUnknown;

    /// The secrets that it needs, each with the key that names it.
    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        Vec::new()
    }

    /// The private keys that it needs, each with its place.
    fn private_keys(&self) -> Vec<(String, &SecretRef)> {
        Vec::new()
    }

    /// The keys that hold the address of a server, with what they say.
    fn addresses(&self) -> Vec<(&'static str, &str)> {
        Vec::new()
    }

    /// What is wrong with it and cannot be seen from its types: the key, the message, what to do.
    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        Vec::new()
    }
}

/// A key that may refer to a secret.
pub(super) trait Refers {
    /// The reference, if there is one.
    fn refers(&self) -> Option<&SecretRef>;
}

impl Refers for SecretRef {
    fn refers(&self) -> Option<&SecretRef> {
        Some(self)
    }
}

impl Refers for Option<SecretRef> {
    fn refers(&self) -> Option<&SecretRef> {
        self.as_ref()
    }
}

/// Writes [`Settings`] for a struct with `limits` and `on_unknown`: `secrets` names its keys that refer to secrets, `addresses`
/// those that hold addresses. What follows stands in the `impl` as it is.
macro_rules! settings {
    ($config:ty, secrets($($secret:ident)*), addresses($($address:ident)*) $(, $($more:item)*)?) => {
        impl $crate::channel::adapter::Settings for $config {
            fn limits(&self) -> &$crate::channel::config::Limits {
                &self.limits
            }

            fn on_unknown(&self) -> $crate::channel::config::OnUnknown {
                self.on_unknown
            }

            fn secrets(&self) -> Vec<(&'static str, &$crate::channel::config::SecretRef)> {
                let all: Vec<Option<(&'static str, &$crate::channel::config::SecretRef)>> = vec![$({
                    use $crate::channel::adapter::Refers as _;
                    self.$secret.refers().map(|secret| (stringify!($secret), secret))
                },)*];
                all.into_iter().flatten().collect()
            }

            fn addresses(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($address), self.$address.as_str()),)*]
            }

            $($($more)*)?
        }
    };
}
pub(super) use settings;

settings!(
    Box<SmtpConfig>,
    secrets(password),
    addresses(),
    fn private_keys(&self) -> Vec<(String, &SecretRef)> {
        self.dkim.iter().map(|dkim| (format!("dkim key `{}`", dkim.selector), &dkim.key)).collect()
    }
);
settings!(SesConfig, secrets(access_key_id secret_access_key session_token), addresses());
settings!(PostmarkConfig, secrets(token), addresses(endpoint));
impl Settings for NewsroomConfig {
    fn limits(&self) -> &Limits {
        &self.limits
    }

    fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        let mut secrets = Vec::new();
        if let Some(s3) = &self.s3 {
            secrets.push(("access_key_id", &s3.access_key_id));
            secrets.push(("secret_access_key", &s3.secret_access_key));
            secrets.extend(s3.session_token.as_ref().map(|token| ("session_token", token)));
        }
        let token = self.git.as_ref().and_then(|git| git.token.as_ref());
        secrets.extend(token.map(|token| ("token", token)));
        secrets
    }

    fn troubles(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let mut troubles = Vec::new();
        if self.s3.is_some() && self.git.is_some() {
            let hint = "write `s3:` or `git:`; another channel can send it to the other";
            troubles.push(("git", "a site is sent on to one place", hint));
        }
        let address =
            |hub: &String| url::Url::parse(hub).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !self.hub.as_ref().is_none_or(address) {
            troubles.push(("hub", "this is no address", "write the hub's: `https://hub.halden.example/`"));
        }
        troubles
    }
}
settings!(FileConfig, secrets(), addresses());
settings!(MastodonConfig, secrets(token), addresses(server));
settings!(BlueskyConfig, secrets(password), addresses(server));
settings!(WebhookConfig, secrets(secret), addresses());

macro_rules! define {
    ($($(#[$doc:meta])* $kind:ident = $word:literal $form:ident $module:ident::$adapter:ident;)*) => {
        /// One channel's settings.
        #[derive(Debug, Clone, PartialEq)]
        pub enum ChannelConfig {
            $($(#[$doc])* $kind(<super::$module::$adapter as Adapter>::Config),)*
        }

        impl ChannelConfig {
            /// What kind of channel it is.
            pub fn kind(&self) -> ChannelKind {
                match self {
                    $(ChannelConfig::$kind(_) => ChannelKind::$kind,)*
                }
            }

            /// What it has in common with all others.
            pub fn settings(&self) -> &dyn Settings {
                match self {
                    $(ChannelConfig::$kind(config) => config,)*
                }
            }

            /// Reads what stands at `path`, the key `kind` aside; what is wrong comes back beside it.
            pub fn read(kind: ChannelKind, tree: &Tree<'_>, path: &[&str]) -> (Option<ChannelConfig>, Vec<Finding>) {
                match kind {
                    $(ChannelKind::$kind => {
                        let (config, findings) = tree.read_at(path, &["kind"]);
                        (config.map(ChannelConfig::$kind), findings)
                    })*
                }
            }

            /// The same from JSON, for tests.
            #[cfg(test)]
            pub fn from_json(kind: ChannelKind, value: serde_json::Value) -> ChannelConfig {
                match kind {
                    $(ChannelKind::$kind => ChannelConfig::$kind(serde_json::from_value(value).unwrap()),)*
                }
            }

            /// The schema of the keys of a kind.
            pub fn schema(kind: ChannelKind, generator: &mut SchemaGenerator) -> serde_json::Value {
                match kind {
                    $(ChannelKind::$kind => {
                        <<super::$module::$adapter as Adapter>::Config as JsonSchema>::json_schema(generator)
                    })*
                }
                .to_value()
            }
        }

        /// As [`super::open`], with other patience than everybody's.
        pub(super) fn open(config: &ChannelConfig, setup: &Setup<'_>) -> Result<Box<dyn Channel>, OpenError> {
            Ok(match config {
                $(ChannelConfig::$kind(config) => Box::new(
                    <super::$module::$adapter as Adapter>::open(config, setup).map_err(OpenError)?,
                ),)*
            })
        }
    };
}

kinds!(define);

impl ChannelConfig {
    /// How fast it may be used.
    pub fn limits(&self) -> &Limits {
        self.settings().limits()
    }

    /// What is done when nobody knows whether a delivery arrived.
    pub fn on_unknown(&self) -> OnUnknown {
        self.settings().on_unknown()
    }

    /// The private keys that it needs, each with its place.
    pub fn private_keys(&self) -> Vec<(String, &SecretRef)> {
        self.settings().private_keys()
    }

    /// The secrets that it needs, each with the key that names it.
    pub fn secrets(&self) -> Vec<(&'static str, &SecretRef)> {
        self.settings().secrets()
    }
}

impl Adapter for smtp::Smtp {
    type Config = Box<SmtpConfig>;

    fn open(config: &Box<SmtpConfig>, setup: &Setup<'_>) -> Result<smtp::Smtp, String> {
        let password = setup.secrets.get("password");
        smtp::Smtp::open_signing(config, password, &setup.secrets.keys).map_err(|error| error.to_string())
    }
}

impl Adapter for ses::Ses {
    type Config = SesConfig;

    fn open(config: &SesConfig, setup: &Setup<'_>) -> Result<ses::Ses, String> {
        ses::Ses::open(config, setup.secrets)
    }
}

impl Adapter for postmark::Postmark {
    type Config = PostmarkConfig;

    fn open(config: &PostmarkConfig, setup: &Setup<'_>) -> Result<postmark::Postmark, String> {
        postmark::Postmark::open(config, &setup.needed("token")?)
    }
}

impl Adapter for newsroom::Newsroom {
    type Config = NewsroomConfig;

    fn open(config: &NewsroomConfig, setup: &Setup<'_>) -> Result<newsroom::Newsroom, String> {
        newsroom::Newsroom::with_mirror(config, setup)
    }
}

impl Adapter for file::Files {
    type Config = FileConfig;

    fn open(config: &FileConfig, setup: &Setup<'_>) -> Result<file::Files, String> {
        Ok(file::Files::open(config, setup.root))
    }
}

impl Adapter for mastodon::Mastodon {
    type Config = MastodonConfig;

    fn open(config: &MastodonConfig, setup: &Setup<'_>) -> Result<mastodon::Mastodon, String> {
        mastodon::Mastodon::open(config, &setup.needed("token")?)
    }
}

impl Adapter for bluesky::Bluesky {
    type Config = BlueskyConfig;

    fn open(config: &BlueskyConfig, setup: &Setup<'_>) -> Result<bluesky::Bluesky, String> {
        bluesky::Bluesky::open(config, &setup.needed("password")?)
    }
}

impl Adapter for webhook::Webhook {
    type Config = WebhookConfig;

    fn open(config: &WebhookConfig, setup: &Setup<'_>) -> Result<webhook::Webhook, String> {
        webhook::Webhook::open(config, &setup.needed("secret")?)
    }
}
