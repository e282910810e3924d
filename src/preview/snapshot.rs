//! The newsroom as it stood at one look: what the page lists, and what changed since the look before.
//!
//! Findings and rows are kept while a release stays the same, so a save costs the check of what was
//! saved. A release that is broken keeps the newsroom in which it last was whole, so that its last good rendering can be
//! shown, greyed, beside what is wrong.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::check;
use crate::digest::Digest;
use crate::finding::{self, Finding};
use crate::newsroom::Newsroom;
use crate::release::{self, File, Release, Status};

/// One look.
pub struct Snapshot {
    /// Counts up by one with every look that found a change.
    pub version: u64,
    /// What was read.
    pub newsroom: Arc<Newsroom>,
    /// By slug; what belongs to no release stands under the empty slug.
    pub findings: BTreeMap<String, Vec<Finding>>,
    /// What the list shows, by slug.
    pub rows: BTreeMap<String, Arc<Row>>,
    /// Newsrooms in which releases that are broken now were whole.
    good: BTreeMap<String, Arc<Newsroom>>,
    /// In which version a release's own files, and what all releases share, changed last.
    stamps: BTreeMap<String, u64>,
    base: u64,
    /// In which version a file that is no text changed last, by path.
    media: BTreeMap<String, u64>,
    /// What the findings of releases follow from besides the releases.
    surroundings: Digest,
    /// What `check` said of releases that may come by unchanged, by slug.
    checked: BTreeMap<String, Checked>,
}

/// A release, and what `check` said of it. While the release is the same [`Arc`], nothing that it was made from changed.
type Checked = (Arc<Release>, Arc<[Finding]>);

/// A release in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The release.
    pub slug: String,
    /// Its headline; the path where it has none.
    pub title: String,
    /// Whether it may leave.
    pub status: Status,
    /// When it becomes public.
    pub publish: Option<When>,
    /// Until then no public channel shows it; nothing where that is no other time.
    pub embargo: Option<When>,
    /// Its languages, original first.
    pub languages: Vec<String>,
    /// Its audiences.
    pub audiences: Vec<String>,
    /// Its subjects.
    pub tags: Vec<String>,
    /// Findings that stop it.
    pub errors: usize,
    /// Findings that do not.
    pub warnings: usize,
    /// Whether it cannot be rendered as it stands.
    pub broken: bool,
}

/// An instant for people: on the newsroom's clock, and in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct When {
    /// RFC 3339 in UTC.
    pub utc: String,
    /// `Tue 1 Dec 2026` in the newsroom's zone.
    pub day: String,
    /// `09:00` in the newsroom's zone.
    pub time: String,
    /// `CET`.
    pub zone: String,
}

/// What a look found different; the page asks anew for what it shows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The new look.
    pub version: u64,
    /// Settings, audiences or templates changed: everything may look different.
    pub all: bool,
    /// Releases whose own files changed.
    pub touched: Vec<String>,
    /// Rows that are new or different.
    pub rows: Vec<Row>,
    /// Releases that are gone.
    pub removed: Vec<String>,
    /// Errors and warnings that belong to no release.
    pub general: (usize, usize),
}

impl When {
    /// `instant` for a newsroom in `zone`.
    pub fn new(instant: Timestamp, zone: &TimeZone) -> When {
        let local = instant.to_zoned(zone.clone());
        When {
            utc: instant.to_string(),
            day: local.strftime("%a %-d %b %Y").to_string(),
            time: local.strftime("%H:%M").to_string(),
            zone: local.strftime("%Z").to_string(),
        }
    }
}

impl Snapshot {
    /// The first look.
    pub fn first(newsroom: Newsroom, now: Timestamp) -> Snapshot {
        Snapshot::build(None, newsroom, now)
    }

    /// The next look, and what differs; nothing if nothing does.
    pub fn next(&self, newsroom: Newsroom, now: Timestamp) -> Option<(Snapshot, Change)> {
        let all = surroundings_differ(&self.newsroom, &newsroom);
        let touched = touched(&self.newsroom, &newsroom);
        let mut next = Snapshot::build(Some(self), newsroom, now);
        let version = next.version;
        if all || directory(&self.newsroom) != directory(&next.newsroom) {
            next.base = next.version;
        }
        next.stamps.extend(touched.iter().map(|slug| (slug.clone(), next.version)));
        next.media
            .extend(changed_media(&self.newsroom, &next.newsroom).map(|path| (path.to_owned(), version)));
        let differs = |row: &&Arc<Row>| self.rows.get(&row.slug) != Some(*row);
        let rows: Vec<Row> = next.rows.values().filter(differs).map(|row| Row::clone(row)).collect();
        let removed: Vec<String> =
            self.rows.keys().filter(|slug| !next.rows.contains_key(*slug)).cloned().collect();
        let same = self.findings == next.findings;
        if !all && touched.is_empty() && rows.is_empty() && removed.is_empty() && same {
            return None;
        }
        let general = next.general();
        let change = Change { version: next.version, all, touched, rows, removed, general };
        Some((next, change))
    }

    fn build(before: Option<&Snapshot>, newsroom: Newsroom, now: Timestamp) -> Snapshot {
        let newsroom = Arc::new(newsroom);
        let surroundings = check::surroundings(&newsroom);
        let mut checked = BTreeMap::new();
        let mut findings: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
        let alike = before.filter(|before| before.surroundings == surroundings);
        for (slug, release) in &newsroom.releases {
            let kept = alike.and_then(|before| before.checked.get(slug));
            let kept =
                kept.filter(|(known, _)| Arc::ptr_eq(known, release)).map(|(_, found)| Arc::clone(found));
            let found = kept.unwrap_or_else(|| Arc::from(check::release(&newsroom, release)));
            if !found.is_empty() {
                findings.entry(slug.clone()).or_default().extend(found.iter().cloned());
            }
            checked.insert(slug.clone(), (Arc::clone(release), found));
        }
        let general = newsroom.findings.iter().cloned().chain(check::newsroom_only(&newsroom, now, None));
        for finding in general {
            let slug = release::place(&finding.file).map(|place| place.slug).unwrap_or_default();
            findings.entry(slug).or_default().push(finding);
        }
        for list in findings.values_mut() {
            list.sort_by(|a, b| {
                let key = |f: &Finding| (std::cmp::Reverse(f.severity), f.file.clone(), f.line, f.column);
                key(a).cmp(&key(b))
            });
            list.dedup();
        }
        let rows = rows(&newsroom, &findings, before);
        let good = rows
            .values()
            .filter(|row| row.broken)
            .filter_map(|row| {
                let before = before?;
                let last = before.good.get(&row.slug).or_else(|| {
                    before.newsroom.releases.contains_key(&row.slug).then_some(&before.newsroom)
                })?;
                Some((row.slug.clone(), Arc::clone(last)))
            })
            .collect();
        let version = before.map_or(1, |before| before.version + 1);
        let stamps = before.map(|before| before.stamps.clone()).unwrap_or_default();
        let base = before.map_or(version, |before| before.base);
        let media = before.map(|before| before.media.clone()).unwrap_or_default();
        Snapshot { version, newsroom, findings, rows, good, stamps, base, media, surroundings, checked }
    }

    /// The newsroom to render `slug` from, and whether it is an older one; nothing for a release
    /// that was never whole.
    pub fn source(&self, slug: &str) -> Option<(Arc<Newsroom>, bool)> {
        if self.newsroom.releases.contains_key(slug) {
            return Some((Arc::clone(&self.newsroom), false));
        }
        self.good.get(slug).map(|newsroom| (Arc::clone(newsroom), true))
    }

    /// The version in which anything last changed that the editions of these releases are rendered from.
    pub fn stamp<'a>(&self, slugs: impl IntoIterator<Item = &'a str>) -> u64 {
        let own = slugs.into_iter().filter_map(|slug| self.stamps.get(slug)).max();
        own.copied().unwrap_or(0).max(self.base)
    }

    /// In which version a file that stands beside these releases changed last; 0 if none did since the first look.
    pub fn media_stamp<'a>(&self, slugs: impl IntoIterator<Item = &'a str>) -> u64 {
        let folders = slugs
            .into_iter()
            .filter_map(|slug| Some(self.source(slug)?.0.releases.get(slug)?.folder.clone()));
        let changed = folders.flat_map(|folder| {
            let inside = move |path: &str| {
                path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            self.media.iter().filter(move |(path, _)| inside(path)).map(|(_, version)| *version)
        });
        changed.max().unwrap_or(0)
    }

    /// Errors and warnings that belong to no release.
    pub fn general(&self) -> (usize, usize) {
        self.findings.get("").map_or((0, 0), |list| finding::count(list))
    }
}

/// Whether anything changed that every release may depend on.
fn surroundings_differ(old: &Newsroom, new: &Newsroom) -> bool {
    let shared = |newsroom: &Newsroom| -> Vec<(String, Arc<[u8]>)> {
        newsroom
            .files
            .iter()
            .filter(|(path, _)| !path.starts_with("releases/"))
            .map(|(path, bytes)| (path.clone(), Arc::clone(bytes)))
            .collect()
    };
    old.config_text != new.config_text || audiences(old) != audiences(new) || shared(old) != shared(new)
}

/// What one release's text may say of another: where its page is.
fn directory(newsroom: &Newsroom) -> Vec<(&str, Option<Timestamp>, &str, Vec<&str>)> {
    newsroom
        .releases
        .values()
        .map(|release| {
            let languages = release.texts.iter().map(|text| text.language.as_str()).collect();
            (release.slug.as_str(), release.publish, release.folder.as_str(), languages)
        })
        .collect()
}

fn audiences(newsroom: &Newsroom) -> Vec<String> {
    newsroom.audiences.values().map(|audience| format!("{audience:?}")).collect()
}

/// The files beside releases that are new, gone or other than they were.
fn changed_media<'a>(old: &'a Newsroom, new: &'a Newsroom) -> impl Iterator<Item = &'a str> {
    let same = |side: &Newsroom, path: &String, bytes: &Arc<[u8]>| {
        side.files.get(path).is_some_and(|other| Arc::ptr_eq(other, bytes) || other == bytes)
    };
    let differs = move |(path, bytes): &(&'a String, &'a Arc<[u8]>)| {
        path.starts_with("releases/") && !(same(old, path, bytes) && same(new, path, bytes))
    };
    old.files.iter().chain(&new.files).filter(differs).map(|(path, _)| path.as_str())
}

/// The releases whose texts or media differ.
fn touched(old: &Newsroom, new: &Newsroom) -> Vec<String> {
    let mut slugs = BTreeSet::new();
    // Both stand in the order of their paths, so what did not change stands at the same place or a few further on.
    let (mut was, mut is) = (old.sources.iter().peekable(), new.sources.iter().peekable());
    loop {
        let next = match (was.peek(), is.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(was), Some(is)) => was.path.cmp(&is.path),
        };
        let before = if next == Ordering::Greater { None } else { was.next() };
        let after = if next == Ordering::Less { None } else { is.next() };
        let same = matches!((before, after), (Some(a), Some(b)) if Arc::ptr_eq(a, b) || a.text == b.text);
        if !same {
            slugs.extend(before.into_iter().chain(after).map(|file| file.slug.clone()));
        }
    }
    let folders: BTreeSet<&str> =
        changed_media(old, new).map(|path| path.rsplit_once('/').map_or("", |(folder, _)| folder)).collect();
    if folders.is_empty() {
        return slugs.into_iter().collect();
    }
    for release in old.releases.values().chain(new.releases.values()) {
        if folders.iter().any(|folder| folder.starts_with(release.folder.as_str())) {
            slugs.insert(release.slug.clone());
        }
    }
    slugs.into_iter().collect()
}

fn rows(
    newsroom: &Newsroom,
    findings: &BTreeMap<String, Vec<Finding>>,
    before: Option<&Snapshot>,
) -> BTreeMap<String, Arc<Row>> {
    let before = before.filter(|before| before.newsroom.timezone == newsroom.timezone);
    let mut files: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in &newsroom.sources {
        files.entry(&file.slug).or_default().push(file);
    }
    let mut rows: BTreeMap<String, Arc<Row>> = BTreeMap::new();
    for (slug, files) in files {
        let (errors, warnings) = findings.get(slug).map_or((0, 0), |list| finding::count(list));
        let row = match newsroom.releases.get(slug) {
            Some(release) => {
                let same = |before: &&Snapshot| {
                    before.newsroom.releases.get(slug).is_some_and(|known| Arc::ptr_eq(known, release))
                };
                let kept = before.filter(same).and_then(|before| before.rows.get(slug));
                if let Some(row) = kept.filter(|row| (row.errors, row.warnings) == (errors, warnings)) {
                    rows.insert(slug.to_owned(), Arc::clone(row));
                    continue;
                }
                whole_row(newsroom, release)
            }
            None => broken_row(newsroom, slug, &files),
        };
        rows.insert(slug.to_owned(), Arc::new(Row { errors, warnings, ..row }));
    }
    rows
}

fn whole_row(newsroom: &Newsroom, release: &Release) -> Row {
    Row {
        slug: release.slug.clone(),
        title: release.original().title.clone(),
        status: release.status,
        publish: release.publish.map(|publish| When::new(publish, &newsroom.timezone)),
        embargo: release
            .embargo
            .filter(|embargo| Some(*embargo) != release.publish)
            .map(|embargo| When::new(embargo, &newsroom.timezone)),
        languages: release.texts.iter().map(|text| text.language.to_string()).collect(),
        audiences: release.audiences.clone(),
        tags: release.tags.clone(),
        errors: 0,
        warnings: 0,
        broken: false,
    }
}

/// What could be understood of a release that has errors.
fn broken_row(newsroom: &Newsroom, slug: &str, files: &[&File]) -> Row {
    let original = files.iter().find(|file| file.translation.is_none()).or(files.first());
    let front = original.map(|file| &file.front);
    let title = front.and_then(|front| front.title.as_ref()).map(|title| title.value.clone());
    let publish = front
        .and_then(|front| front.publish.as_ref())
        .and_then(|publish| publish.value.instant(&newsroom.timezone).ok());
    Row {
        slug: slug.to_owned(),
        title: title.unwrap_or_else(|| original.map_or(slug, |file| &file.path).to_owned()),
        status: front.and_then(|front| front.status.as_ref()).map(|status| status.value).unwrap_or_default(),
        publish: publish.map(|publish| When::new(publish, &newsroom.timezone)),
        embargo: None,
        languages: files
            .iter()
            .filter_map(|file| file.translation.as_ref())
            .map(ToString::to_string)
            .collect(),
        audiences: Vec::new(),
        tags: Vec::new(),
        errors: 0,
        warnings: 0,
        broken: true,
    }
}
