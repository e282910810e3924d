//! What everybody is shown at an address: asked for as a reader would, with no credentials.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{CACHE_CONTROL, LOCATION};
use url::Url;

use super::{Client, Lost, Patience, Walls, is_loopback};

/// How often a reader is led on: to `https`, to the name with `www`, to the slash at the end.
const STEPS: usize = 4;

/// The HTML that is shown at `url`, or in one line why there is none: the status, or that nobody answers. Past caches where they let
/// us.
pub async fn shown(url: &Url, within: Duration) -> Result<String, String> {
    let patience = Patience { connect: within, whole: within };
    let mut at = url.clone();
    for _ in 0..STEPS {
        // The operator's own address may be anywhere; where it leads us may not, unless it stays on its host.
        let ours = at.host() == url.host() || (is_loopback(url) && is_loopback(&at));
        let client = Client::guarded(&at, patience, Walls::system(ours))?;
        let request = client.request(Method::GET, at.clone()).header(CACHE_CONTROL, "no-cache");
        let answer = client.send(request).await.map_err(|lost| match lost {
            Lost::Forbidden(why) => format!("it leads to a place that is not looked at: {why}"),
            Lost::Before(why) | Lost::After(why) => why,
        })?;
        match answer.status {
            200 => return Ok(String::from_utf8_lossy(&answer.body).into_owned()),
            301 | 302 | 303 | 307 | 308 => {
                let to = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok());
                let to = to.and_then(|to| at.join(to).ok());
                at = to.ok_or_else(|| format!("{} without an address", answer.status))?;
            }
            status => return Err(format!("{status}")),
        }
    }
    Err("it leads from address to address".to_owned())
}
