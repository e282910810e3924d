//! Asks for a page of Amazon's: a certificate, a confirmation. Https alone, no redirects, no proxies, little bytes, little time.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

/// Fetches a page.
pub type Fetch =
    Arc<dyn Fn(Url) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, String>> + Send>> + Send + Sync>;

/// The most of a page.
const MOST: usize = 64 * 1024;

/// Fetches over the network.
pub fn outside() -> Fetch {
    Arc::new(|url| Box::pin(get(url)))
}

async fn get(url: Url) -> Result<Vec<u8>, String> {
    if url.scheme() != "https" {
        return Err("no https address".to_owned());
    }
    // An error means that a provider is there already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .user_agent(concat!("Dateline/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_proxy()
        .https_only(true)
        .connect_timeout(Duration::from_secs(10))
        .timeout(Duration::from_secs(20))
        .build();
    let words = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.map_err(words)?.get(url).send().await.map_err(words)?;
    if !answer.status().is_success() {
        return Err(format!("answered with {}", answer.status().as_u16()));
    }
    let mut page = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(words)? {
        page.extend_from_slice(&chunk);
        if page.len() > MOST {
            return Err("the page is too long".to_owned());
        }
    }
    Ok(page)
}
