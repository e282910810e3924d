//! What `dateline.yaml` says about the daemon's pages for the world.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::Deserialize;

/// What the daemon serves to the world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WebConfig {
    /// Where recipients leave and choose: `127.0.0.1:8026`, behind a reverse proxy that serves `unsubscribe_url`. Nothing
    /// else is served there. Not served where nothing is said.
    #[schemars(with = "Option<String>")]
    pub public: Option<SocketAddr>,
}
