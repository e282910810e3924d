//! Where pages stand, and where the links and pictures of a text lead.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::Scene;
use crate::language::Language;
use crate::newsroom::Newsroom;
use crate::release::{self, Release};

impl Scene<'_> {
    /// Where a link of the text leads that is not [`absolute`]; nothing if nobody may follow it.
    pub(super) fn link(&self, address: &str, public: bool) -> Option<String> {
        let address = address.trim();
        let (path, fragment) = address.split_once('#').unwrap_or((address, ""));
        if path.is_empty() {
            return (!fragment.is_empty()).then(|| self.url.clone());
        }
        if let Some(path) = path.strip_prefix('/') {
            return Some(format!("{}/{path}", self.newsroom.url));
        }
        let here = self.text.file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let target = resolve(here, path)?;
        if let Some(piece) = self.media.iter().find(|piece| piece.path == target) {
            return public.then(|| piece.url.clone());
        }
        // A release's file, with or without its ending.
        let candidates = [target.clone(), format!("{target}.md"), format!("{target}/index.md")];
        let (other, language) = candidates.iter().find_map(|path| {
            let other = self.newsroom.releases.get(&release::place(path)?.slug)?;
            let named = other.texts.iter().find(|text| text.file.path == *path)?;
            // A link to the original leads to the reader's language, one to a translation to that.
            let own = if named.file.translation.is_some() { named } else { other.text(self.language()) };
            Some((other, &own.language))
        })?;
        let path = page_path(self.newsroom, other, language, other.publish?);
        Some(format!("{}/{path}", self.newsroom.url))
    }

    /// The address of a picture in the text, if it is one of the release's own.
    pub(super) fn picture(&self, address: &str) -> Option<String> {
        let here = self.text.file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let targets = [resolve(here, address), resolve(&self.release.folder, address)];
        self.media
            .iter()
            .find(|piece| piece.is_image() && targets.iter().flatten().any(|target| *target == piece.path))
            .map(|piece| piece.url.clone())
    }
}

/// Whether a link may be followed that leads to the same place from everywhere; nothing for one that does not.
pub(super) fn absolute(address: &str) -> Option<bool> {
    let address = address.trim();
    if address.chars().any(char::is_control) {
        return Some(false);
    }
    if let Ok(url) = url::Url::parse(address) {
        return Some(matches!(url.scheme(), "http" | "https" | "mailto" | "tel"));
    }
    address.starts_with("//").then_some(false)
}

/// Path of a page: `2026/aster-ev/`, or `sv/2026/aster-ev/` for other languages than the newsroom's.
pub(super) fn page_path(
    newsroom: &Newsroom,
    release: &Release,
    language: &Language,
    published: Timestamp,
) -> String {
    let year = published.to_zoned(newsroom.timezone.clone()).year();
    let slug = &release.slug;
    if *language == newsroom.language {
        format!("{year}/{slug}/")
    } else {
        format!("{language}/{year}/{slug}/")
    }
}

/// The page of a release in one of its languages.
pub(in crate::render) fn page_url(
    newsroom: &Newsroom,
    release: &Release,
    language: &Language,
    or: Timestamp,
) -> String {
    let published = release.publish.unwrap_or(or);
    format!("{}/{}", newsroom.url, page_path(newsroom, release, language, published))
}

/// A path below `folder`, without `.` and `..`; nothing if it leads outside or is no path.
pub(super) fn resolve(folder: &str, path: &str) -> Option<String> {
    let path = percent_decode(path.split(['?', '#']).next().unwrap_or(path))?;
    if path.is_empty() || path.starts_with('/') || path.contains(['\\', '\0', ':']) {
        return None;
    }
    release::join(folder, &path)
}

fn percent_decode(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_owned());
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// A file name as a step of a URL path.
pub fn path_escape(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        for (folder, path, expected) in [
            ("releases/2026", "a.png", Some("releases/2026/a.png")),
            ("releases/2026", "./b/../a.png", Some("releases/2026/a.png")),
            ("releases/2026", "../2025/a.md#x", Some("releases/2025/a.md")),
            ("releases/2026", "a%20b.png", Some("releases/2026/a b.png")),
            ("releases/2026", "../../../etc/passwd", None),
            ("releases/2026", "/etc/shadow", None),
            ("releases/2026", "C:\\x", None),
            ("releases/2026", "a%00", None),
            ("releases/2026", "a%zz", None),
            ("releases/2026", "", None),
        ] {
            assert_eq!(resolve(folder, path).as_deref(), expected, "{path}");
        }
    }
}
