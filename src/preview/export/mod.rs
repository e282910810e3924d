//! A bundle of files that shows releases as their readers will see them, for a pull request or somebody who runs no preview.
//!
//! Everything is watermarked, runs no scripts and asks for nothing from elsewhere. No name in it says anything, and none
//! can be guessed: the folder's is random (128 bits), and the others are made from the content with a key that is thrown away. So
//! whoever knows a release's slug still cannot find a picture of it. The bundle itself must be kept as secret as the
//! embargo: who can open its first page sees everything.
//!
//! Fails if a file cannot be written. An edition that cannot be rendered is shown as such; a picture that cannot be taken
//! leaves the document without one.

mod camera;
mod sheet;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use ring::rand::SecureRandom as _;

use super::card::{self, Look, Part, Room, watermarked};
use super::commit;
use super::edition::{self, Asked, Reader, Rendered};
use super::view;
use crate::check;
use crate::digest::Digest;
use crate::finding::Finding;
use crate::newsroom::Newsroom;
use crate::plan;
use crate::release::{Release, Status};
use crate::render::Renderer;
use camera::Camera;

/// Releases that became public so long ago still belong to a bundle of what is current.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What to export.
pub struct Wish<'a> {
    /// The newsroom.
    pub newsroom: Arc<Newsroom>,
    /// Where the bundle's folder is made.
    pub out: &'a Path,
    /// These releases; none for those that are to come, and of the last week.
    pub slugs: &'a [String],
    /// Only releases that differ from this commit.
    pub since: Option<&'a str>,
    /// The newsroom's folder, for `since`.
    pub dir: &'a Path,
    /// Whether Chromium may take pictures of all cards.
    pub pictures: bool,
    /// The present.
    pub now: Timestamp,
}

/// What was exported.
pub struct Exported {
    /// The bundle's first page.
    pub index: PathBuf,
    /// The releases in it.
    pub releases: Vec<String>,
    /// How many editions.
    pub editions: usize,
    /// How many pictures were taken.
    pub pictures: usize,
    /// Why there are no pictures, or fewer.
    pub trouble: Option<String>,
}

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file cannot be written.
    #[error("cannot write `{path}`: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The system has no random numbers for names.
    #[error("the system gives no random numbers")]
    Random,
    /// Nothing fits the wish.
    #[error("{0}")]
    Nothing(String),
}

/// A release in the bundle.
struct Shown<'a> {
    release: &'a Release,
    findings: Vec<Finding>,
    cards: Vec<Card>,
}

/// A card in the bundle.
struct Card {
    way: view::Way,
    title: String,
    /// The sides that were written: their names and files.
    sides: Vec<(&'static str, String)>,
    /// The first side's picture.
    picture: Option<String>,
    /// Why there is nothing to see.
    error: Option<String>,
}

/// Writes a bundle.
pub fn export(wish: &Wish<'_>) -> Result<Exported, ExportError> {
    let newsroom = &wish.newsroom;
    let releases = chosen(wish)?;
    let names = Names::new()?;
    let folder = wish.out.join(names.of(b"folder"));
    std::fs::create_dir_all(&folder).map_err(|source| ExportError::Write { path: folder.clone(), source })?;
    let mut writer = Writer { folder: &folder, names: &names, written: BTreeSet::new() };
    let renderer = Renderer::new(newsroom);
    let mut shown = Vec::new();
    for release in releases {
        let mut cards = Vec::new();
        for way in view::ways(newsroom, release) {
            cards.push(card(wish, release, way, &renderer, &mut writer)?);
        }
        shown.push(Shown { release, findings: check::release(newsroom, release), cards });
    }
    let mut trouble = None;
    let mut pictures = 0;
    if wish.pictures {
        match take_all(&folder, &names, &mut shown) {
            Ok(taken) => pictures = taken,
            Err(error) => trouble = Some(error),
        }
    }
    let index = folder.join("index.html");
    write(&index, sheet::document(newsroom, &shown, wish.now).as_bytes())?;
    Ok(Exported {
        index,
        editions: shown.iter().map(|shown| shown.cards.len()).sum(),
        releases: shown.iter().map(|shown| shown.release.slug.clone()).collect(),
        pictures,
        trouble,
    })
}

/// The releases that are meant, by their time.
fn chosen<'a>(wish: &'a Wish<'_>) -> Result<Vec<&'a Release>, ExportError> {
    let newsroom = &wish.newsroom;
    let nothing = |words: String| Err(ExportError::Nothing(words));
    for slug in wish.slugs {
        if !newsroom.releases.contains_key(slug) {
            return nothing(format!(
                "there is no release `{slug}`, or it has errors; `dateline check` says which"
            ));
        }
    }
    let old = match wish.since {
        None => None,
        Some(revision) => {
            let commit = commit::resolve(wish.dir, revision).map_err(ExportError::Nothing)?;
            Some(commit.newsroom().map_err(ExportError::Nothing)?)
        }
    };
    let current = |release: &Release| {
        release.status != Status::Killed
            && release.publish.is_none_or(|publish| wish.now.duration_since(publish) < RECENT)
    };
    let mut releases: Vec<&Release> = newsroom
        .releases
        .values()
        .map(|release| &**release)
        .filter(|release| match (&old, wish.slugs) {
            (_, [_, ..]) => wish.slugs.contains(&release.slug),
            (Some(old), []) => plan::source(old, &release.slug) != plan::source(newsroom, &release.slug),
            (None, []) => current(release),
        })
        .collect();
    releases.sort_by_key(|release| (release.publish, release.slug.clone()));
    if releases.is_empty() {
        return nothing("no release is to come, or is of the last week; name one".to_owned());
    }
    Ok(releases)
}

/// Writes every side of an edition.
fn card(
    wish: &Wish<'_>,
    release: &Release,
    way: view::Way,
    renderer: &Renderer<'_>,
    writer: &mut Writer<'_>,
) -> Result<Card, ExportError> {
    let mut card = Card { title: String::new(), sides: Vec::new(), picture: None, error: None, way };
    let Some(reader) = Reader::anybody() else { return Ok(card) };
    let asked = Asked {
        slug: release.slug.clone(),
        audience: card.way.audience.clone(),
        channel: card.way.channel.clone(),
        language: card.way.language.clone(),
        advance: card.way.advance,
        notice: Some(release.notice().as_str().to_owned()),
        reader: reader.clone(),
    };
    let Some(request) = edition::request(&wish.newsroom, &asked, wish.now) else { return Ok(card) };
    let rendered = match renderer.edition(&request) {
        Ok(edition) => Rendered {
            edition: Arc::new(edition),
            newsroom: Arc::clone(&wish.newsroom),
            stale: false,
            reader,
        },
        Err(error) => {
            card.error = Some(error.to_string());
            return Ok(card);
        }
    };
    card.title.clone_from(&rendered.edition.title);
    let words = sheet::watermark(release, wish.now);
    for (name, part, room) in [
        ("as it is seen", Part::Seen, Room::Light),
        ("in the dark", Part::Seen, Room::Dark),
        ("plain text", Part::Text, Room::Light),
        ("headers", Part::Headers, Room::Light),
        ("feeds", Part::Feed, Room::Light),
    ] {
        let assets = std::cell::RefCell::new(Vec::new());
        let address = |asset: &str| {
            let Some((_, bytes)) = edition::asset(&rendered, asset) else { return String::new() };
            let file = writer.names.file(&bytes, asset);
            assets.borrow_mut().push((file.clone(), bytes));
            file
        };
        let Some(html) = card::document(&rendered, Look { part, room, images: true }, &address) else {
            continue;
        };
        for (file, bytes) in assets.into_inner() {
            writer.once(&file, &bytes)?;
        }
        let html = watermarked(&html, &words);
        let file = writer.names.file(html.as_bytes(), "x.html");
        writer.once(&file, html.as_bytes())?;
        card.sides.push((name, file));
    }
    Ok(card)
}

/// Has Chromium take a picture of every card; how many there are.
fn take_all(folder: &Path, names: &Names, shown: &mut [Shown<'_>]) -> Result<usize, String> {
    let mut camera = Camera::open()?;
    let mut taken = 0;
    for card in shown.iter_mut().flat_map(|shown| &mut shown.cards) {
        let Some((_, file)) = card.sides.first() else { continue };
        let wide = match card.way.kind {
            kind if kind.is_mail() => 640,
            crate::newsroom::ChannelKind::Newsroom => 980,
            _ => 440,
        };
        let png = camera.take(&folder.join(file), wide)?;
        let name = names.file(&png, "x.png");
        let path = folder.join(&name);
        std::fs::write(&path, &png).map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
        card.picture = Some(name);
        taken += 1;
    }
    Ok(taken)
}

/// Names that say nothing and cannot be guessed.
struct Names {
    key: [u8; 32],
}

impl Names {
    fn new() -> Result<Names, ExportError> {
        let mut key = [0; 32];
        ring::rand::SystemRandom::new().fill(&mut key).map_err(|_| ExportError::Random)?;
        Ok(Names { key })
    }

    /// 128 bits of a digest that nobody can make without the key.
    fn of(&self, bytes: &[u8]) -> String {
        let Digest(digest) = Digest::of_fields(&[&self.key, bytes]);
        format!("{:032x}", u128::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()))
    }

    /// The name of a file; of `like` only the ending is kept, if it is a plain one.
    fn file(&self, bytes: &[u8], like: &str) -> String {
        let ending = like.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let ending =
            ending.filter(|ending| ending.len() <= 4 && ending.bytes().all(|b| b.is_ascii_alphanumeric()));
        format!("{}.{}", self.of(bytes), ending.as_deref().unwrap_or("bin"))
    }
}

/// Writes each file once.
struct Writer<'a> {
    folder: &'a Path,
    names: &'a Names,
    written: BTreeSet<String>,
}

impl Writer<'_> {
    fn once(&mut self, file: &str, bytes: &[u8]) -> Result<(), ExportError> {
        if self.written.insert(file.to_owned()) { write(&self.folder.join(file), bytes) } else { Ok(()) }
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    std::fs::write(path, bytes).map_err(|source| ExportError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_nothing_and_differ_every_time() {
        let (one, two) = (Names::new().unwrap(), Names::new().unwrap());
        assert_eq!(one.file(b"x", "aster-front.jpg"), one.file(b"x", "other.JPG"));
        assert_ne!(one.file(b"x", "a.jpg"), two.file(b"x", "a.jpg"));
        assert_ne!(one.file(b"x", "a.jpg"), one.file(b"y", "a.jpg"));
        let name = one.file(b"x", "aster-front.jpg");
        assert!(name.len() == 36 && !name.contains("aster"), "{name}");
        assert!(one.file(b"x", "a.b/c").contains(".bin"));
    }
}
