//! The hosts that vouch for the clock.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use url::Url;

use super::CliError;
use crate::channel::http;
use crate::daemon::ClockConfig;
use crate::daemon::guard::Witnesses;

/// Asks the hosts of `config`, all at once; nothing where there are none.
pub fn of(config: &ClockConfig) -> Result<Option<Witnesses>, CliError> {
    if config.hosts.is_empty() {
        return Ok(None);
    }
    let hosts: Vec<(String, Url)> = config
        .hosts
        .iter()
        .map(|host| match Url::parse(&format!("https://{host}/")) {
            Ok(url) => Ok((host.clone(), url)),
            Err(error) => Err(CliError::usage(format!("`clock.hosts`: `{host}`: {error}"))),
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(Arc::new(move || {
        let mut asked = JoinSet::new();
        for (host, url) in hosts.clone() {
            asked.spawn(async move {
                match http::date(url, Duration::from_secs(5)).await {
                    Ok(at) => Some((host, at)),
                    Err(error) => {
                        tracing::info!(host, error, "a host does not vouch for the clock");
                        None
                    }
                }
            });
        }
        Box::pin(async move { asked.join_all().await.into_iter().flatten().collect() })
    })))
}
