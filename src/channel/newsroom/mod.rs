//! Our own site: pages, indexes, feeds and sitemaps as files, for any web server.
//!
//! A delivery writes in the order in which links lead: media and press kit, page, indexes, feeds,
//! sitemaps. Nothing is linked before it is there, and each file appears whole or not at all.
//! What the indexes are made from is kept in a private folder below the site, one record a
//! release and language, so that a delivery that broke off is simply done again.
//! Only the indexes that a release touches are written again.
//!
//! The folder may be all (a web server serves it), or the site is sent on from there ([`mirror`]).
//!
//! A withdrawn release keeps its address, where the page says that it is withdrawn; its media and
//! its press kit are removed, and it leaves the indexes, feeds and sitemaps.

mod feeds;
mod index;
mod kit;
mod markup;
mod mirror;
mod site;
mod sitemap;
mod store;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::adapter::Setup;
use super::config::NewsroomConfig;
use super::folder::Trouble;
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};
use crate::render::Content;
use mirror::Mirror;
use site::Site;

/// The newsroom site.
pub struct Newsroom {
    site: Arc<Mutex<Site>>,
    mirror: Option<Mirror>,
}

impl Newsroom {
    /// Opens the site in the folder that `config` names, relative to `root`. Writes nothing yet.
    pub fn open(config: &NewsroomConfig, root: &Path) -> Newsroom {
        let site = Site::new(root.join(&config.dir), config.podcast.as_deref().cloned(), config.hub.clone());
        Newsroom { site: Arc::new(Mutex::new(site)), mirror: None }
    }

    /// The same, with the place that the site is sent on to.
    pub fn with_mirror(config: &NewsroomConfig, setup: &Setup<'_>) -> Result<Newsroom, String> {
        Ok(Newsroom { mirror: Mirror::open(config, setup)?, ..Newsroom::open(config, setup.root) })
    }

    /// Whether all that stands in the folder was sent on.
    async fn is_sent_on(&self) -> Result<bool, Failure> {
        match &self.mirror {
            Some(mirror) => mirror.is_done().await,
            None => Ok(true),
        }
    }

    /// Runs `work` where it may wait for the disk.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Site) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Failure> {
        let site = Arc::clone(&self.site);
        tokio::task::spawn_blocking(move || work(&mut site.lock().unwrap_or_else(PoisonError::into_inner)))
            .await
            // Whatever was written is whole, and writing it again changes nothing.
            .map_err(|_| Failure::Later {
                reply: Reply::note("writing the site broke off"),
                retry_after: None,
            })?
            .map_err(Trouble::failure)
    }
}

#[async_trait]
impl Channel for Newsroom {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let Content::Page(page) = &parcel.edition.content else {
            let reply = Reply::note("the newsroom site takes pages alone");
            return Err(Failure::Refused { reply, suppress: false });
        };
        let receipt = Receipt {
            remote_id: Some(page.path.clone()),
            url: Some(page.entry.url.clone()),
            reply: Reply::note("written"),
        };
        site::admit(page, &parcel.edition.assets).map_err(Trouble::failure)?;
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let (edition, now) = (Arc::clone(&parcel.edition), parcel.now);
        self.with(move |site| site.publish(&edition, now)).await?;
        if let Some(mirror) = &self.mirror {
            mirror.send(now).await?;
        }
        Ok(receipt)
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        let Content::Page(page) = &parcel.edition.content else { return Probe::CannotTell };
        let (edition, url, path) = (Arc::clone(&parcel.edition), page.entry.url.clone(), page.path.clone());
        let done = match self.with(move |site| site.is_done(&edition)).await {
            Ok(true) => self.is_sent_on().await,
            other => other,
        };
        match done {
            Ok(true) => Probe::Arrived(Receipt {
                remote_id: Some(path),
                url: Some(url),
                reply: Reply::note("the page and all that lists it are written"),
            }),
            // A part of it may be there; doing it all again is safe.
            Ok(false) => Probe::Absent,
            Err(_) => Probe::CannotTell,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let seen = self.with(|site| site.try_out()).await;
        let folder = match seen {
            Ok(folder) => {
                Diagnosis { what: "newsroom: folder".to_owned(), good: true, seen: folder, hint: None }
            }
            Err(failure) => Diagnosis {
                what: "newsroom: folder".to_owned(),
                good: false,
                seen: failure.to_string(),
                hint: Some("let Dateline's user write to the channel's `dir`".to_owned()),
            },
        };
        match &self.mirror {
            Some(mirror) => vec![folder, mirror.examine().await],
            None => vec![folder],
        }
    }
}

#[cfg(test)]
mod tests;
