//! What a delivery does to the site, in order.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::Timestamp;

use super::feeds::{EPISODES, Feed, NEWEST};
use super::index::{ON_START, Section};
use super::markup::tag_slug;
use super::store::{Record, Store, id, section};
use super::{kit, sitemap};
use crate::channel::config::PodcastConfig;
use crate::channel::folder::{Folder, Trouble, plain, relative};
use crate::language::Language;
use crate::render::{Asset, Content, Edition, Look, Page};

/// The name of the press kit beside a page.
const KIT: &str = "press-kit.zip";
/// The name of a page in its directory.
const INDEX: &str = "index.html";

/// The site on disk.
#[derive(Debug)]
pub struct Site {
    folder: Folder,
    store: Store,
    podcast: Option<PodcastConfig>,
    hub: Option<String>,
}

/// Refuses names that would lead out of the page's directory or onto its other files.
pub fn admit(page: &Page, assets: &[Asset]) -> Result<(), Trouble> {
    let wrong = || Trouble::Name(page.path.clone());
    let directory = page.path.strip_suffix('/').ok_or_else(wrong)?;
    relative(directory)?;
    // The site's own pages have the names `2026/`, `tags/…` and `sitemaps/…`; a release is deeper.
    let below = directory.strip_prefix(section(&page.path, &page.entry.language)).unwrap_or(directory);
    if !below.contains('/') || below.starts_with("tags/") || below.starts_with("sitemaps/") {
        return Err(wrong());
    }
    for asset in assets {
        if !plain(&asset.name) || [INDEX, KIT].contains(&asset.name.to_ascii_lowercase().as_str()) {
            return Err(Trouble::Name(asset.name.clone()));
        }
    }
    Ok(())
}

impl Site {
    /// The site in `root`.
    pub fn new(root: PathBuf, podcast: Option<PodcastConfig>, hub: Option<String>) -> Site {
        let folder = Folder::new(root);
        Site { store: Store::new(&folder), folder, podcast, hub }
    }

    /// Whether `edition` was written last, with all that lists it.
    pub fn is_done(&self, edition: &Edition) -> Result<bool, Trouble> {
        let Content::Page(page) = &edition.content else { return Ok(false) };
        Ok(self.store.done(id(&page.entry))?.is_some_and(|done| done == edition.sha().to_string()))
    }

    /// Makes the folder and a file in it; gives the folder's name.
    pub fn try_out(&self) -> Result<String, Trouble> {
        self.folder.make()?;
        let private = self.folder.private();
        private.write("tried", b"1")?;
        private.remove("tried")?;
        Ok(self.folder.root().display().to_string())
    }

    /// Writes an edition and all that lists it. Doing it again changes nothing.
    pub fn publish(&mut self, edition: &Edition, now: Timestamp) -> Result<(), Trouble> {
        let Content::Page(page) = &edition.content else {
            return Err(Trouble::Name(edition.request.slug.clone()));
        };
        admit(page, &edition.assets)?;
        self.folder.make()?;
        let _lock = self.store.lock()?;
        let id = id(&page.entry);
        self.store.refresh()?;
        let old = self.store.records().get(&id).cloned();
        if let Some(old) = old.as_ref().filter(|old| old.entry.updated > page.entry.updated) {
            return Err(Trouble::Newer(format!(
                "{} stands on the site as of {}, which is newer than this edition of {}",
                old.path, old.entry.updated, page.entry.updated
            )));
        }
        let record = self.write_page(page, &edition.assets)?;
        self.store.put(record.clone())?;
        self.write_lists(&page.look, &record, old.as_ref(), now)?;
        if let Some(old) = &old {
            self.clear(old, &record)?;
        }
        self.store.set_done(id, edition.sha())
    }

    /// Media and press kit, then the page that links them; a withdrawn page goes first, because
    /// what it replaces should be gone soonest.
    fn write_page(&self, page: &Page, assets: &[Asset]) -> Result<Record, Trouble> {
        let beside = |name: &str| format!("{}{name}", page.path);
        let mut entry = page.entry.clone();
        let mut files = Vec::new();
        if entry.withdrawn {
            entry.content_html = String::new();
            entry.summary = String::new();
            entry.image = None;
            entry.audio = None;
            self.folder.write(&beside(INDEX), page.html.as_bytes())?;
        } else {
            for asset in assets {
                self.folder.write(&beside(&asset.name), &asset.bytes)?;
                files.push(asset.name.clone());
            }
            let kit = kit::archive(page, assets)
                .map_err(|error| Trouble::Disk { path: beside(KIT), source: std::io::Error::other(error) })?;
            self.folder.write(&beside(KIT), &kit)?;
            files.push(KIT.to_owned());
            self.folder.write(&beside(INDEX), page.html.as_bytes())?;
        }
        Ok(Record { path: page.path.clone(), entry, files })
    }

    /// Takes away what the older edition had and this one has not.
    fn clear(&self, old: &Record, new: &Record) -> Result<(), Trouble> {
        let moved = old.path != new.path;
        for name in old.files.iter().filter(|name| moved || !new.files.contains(name)) {
            self.folder.remove(&format!("{}{name}", old.path))?;
        }
        if moved {
            self.folder.remove(&format!("{}{INDEX}", old.path))?;
        }
        Ok(())
    }

    fn write_lists(
        &self,
        look: &Look,
        record: &Record,
        old: Option<&Record>,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let here = record.section().to_owned();
        let touched: Vec<&Record> = old.into_iter().chain([record]).collect();
        let years: BTreeSet<String> = touched.iter().map(|record| record.year()).collect();
        let tags: BTreeSet<String> =
            touched.iter().flat_map(|record| &record.entry.tags).map(|tag| tag_slug(tag)).collect();

        let records = self.store.records();
        let shown: Vec<&Record> = records.values().filter(|record| !record.entry.withdrawn).collect();
        let all: BTreeMap<String, Language> = records
            .values()
            .map(|record| (record.section().to_owned(), record.entry.language.clone()))
            .collect();
        let mut all: Vec<(String, Language)> = all.into_iter().collect();
        if !all.iter().any(|(section, _)| section.is_empty()) {
            all.insert(0, (String::new(), look.language.clone()));
        }
        let mine = newest_first(&shown, &here);
        let language = record.entry.language.clone();
        let section = Section { look, path: &here, language: &language, all: &all };
        let below = |name: &str| format!("{here}{name}");
        for year in &years {
            let of: Vec<&Record> = mine.iter().copied().filter(|record| record.year() == *year).collect();
            self.folder.write(&below(&format!("{year}/{INDEX}")), section.year(year, &of).as_bytes())?;
        }
        for slug in &tags {
            let of: Vec<&Record> = mine
                .iter()
                .copied()
                .filter(|record| record.entry.tags.iter().any(|tag| tag_slug(tag) == *slug))
                .collect();
            let name = of.iter().chain(&touched).flat_map(|record| &record.entry.tags);
            let name = name.into_iter().find(|tag| tag_slug(tag) == *slug).cloned().unwrap_or_default();
            self.folder.write(&below(&format!("tags/{slug}/{INDEX}")), section.tag(&name, &of).as_bytes())?;
        }
        // Every start page names every language, so a new language is a change to all of them.
        for (path, language) in &all {
            let start = Section { look, path, language, all: &all };
            let theirs = newest_first(&shown, path);
            let newest = theirs.get(..ON_START).unwrap_or(&theirs);
            let years: BTreeSet<String> = theirs.iter().map(|record| record.year()).collect();
            let years: Vec<String> = years.into_iter().rev().collect();
            let tags: BTreeMap<String, String> = theirs
                .iter()
                .flat_map(|record| &record.entry.tags)
                .map(|tag| (tag_slug(tag), tag.clone()))
                .collect();
            let tags: Vec<String> = tags.into_values().collect();
            let html = start.start(newest, &years, &tags);
            self.folder.write(&format!("{path}{INDEX}"), html.as_bytes())?;
        }

        let bodies = mine
            .iter()
            .take(NEWEST)
            .filter_map(|record| self.store.whole(id(&record.entry)).transpose())
            .collect::<Result<Vec<Record>, Trouble>>()?;
        let hub = self.hub.as_deref();
        let feed = Feed { look, section: &here, language: &language, hub, records: &bodies };
        self.folder.write(&below("atom.xml"), feed.atom().as_bytes())?;
        self.folder.write(&below("rss.xml"), feed.rss().as_bytes())?;
        self.folder.write(&below("feed.json"), feed.json().as_bytes())?;
        if let Some(podcast) = &self.podcast {
            // Podcasts are listened to from their beginning, so theirs is a longer list.
            let spoken = mine.iter().filter(|record| record.entry.audio.is_some()).take(EPISODES);
            let spoken: Vec<Record> = spoken.map(|record| (*record).clone()).collect();
            let feed = Feed { look, section: &here, language: &language, hub, records: &spoken };
            self.folder.write(&below("podcast.xml"), feed.podcast(podcast).as_bytes())?;
        }

        for year in &years {
            let of: Vec<&Record> = mine.iter().copied().filter(|record| record.year() == *year).collect();
            self.folder.write(&sitemap::name(&here, year), sitemap::year(&of).as_bytes())?;
        }
        let names: BTreeSet<String> =
            shown.iter().map(|record| sitemap::name(record.section(), &record.year())).collect();
        let index = sitemap::all(look, names.iter().map(String::as_str));
        self.folder.write("sitemap.xml", index.as_bytes())?;
        let news = sitemap::news(look, shown.iter().copied(), now);
        self.folder.write("news-sitemap.xml", news.as_bytes())?;
        self.folder.write("robots.txt", sitemap::robots(look).as_bytes()).map(|_| ())
    }
}

/// The releases of one section, newest first.
fn newest_first<'a>(records: &[&'a Record], section: &str) -> Vec<&'a Record> {
    let mut mine: Vec<&Record> =
        records.iter().copied().filter(|record| record.section() == section).collect();
    mine.sort_by(|a, b| (b.entry.published, &a.path).cmp(&(a.entry.published, &b.path)));
    mine
}
