//! What the path of a file says: which release it belongs to, and in which language it is.

use crate::language::Language;

/// What the path of a Markdown file below `releases/` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The release's slug.
    pub slug: String,
    /// The language of a translation.
    pub translation: Option<Language>,
    /// The folder that relative paths start from.
    pub folder: String,
}

/// Reads a path such as `releases/2026/aster-ev.sv.md`; nothing if it is no release.
///
/// The slug is the file's name, or the folder's of an `index.md`, and may still be one that
/// [`slug_problem`] refuses. A `README.md` is no release.
pub fn place(path: &str) -> Option<Place> {
    let inside = path.strip_prefix("releases/")?;
    let stem = inside.strip_suffix(".md")?;
    let (folders, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    if name.eq_ignore_ascii_case("readme") {
        return None;
    }
    let (name, translation) = match name.rsplit_once('.') {
        Some((name, tag)) if tag.parse::<Language>().is_ok() => (name, tag.parse().ok()),
        _ => (name, None),
    };
    let slug = if name == "index" { folders.rsplit('/').next().unwrap_or_default() } else { name };
    let folder = if folders.is_empty() { "releases".to_owned() } else { format!("releases/{folders}") };
    Some(Place { slug: slug.to_owned(), translation, folder })
}

/// Whether [`place`] finds a release at `path`.
pub(crate) fn is_release(path: &str) -> bool {
    let stem = path.strip_prefix("releases/").and_then(|inside| inside.strip_suffix(".md"));
    stem.is_some_and(|stem| !stem.rsplit('/').next().unwrap_or(stem).eq_ignore_ascii_case("readme"))
}

/// `path` from `folder`, with `.` and `..` resolved; nothing if it leaves the newsroom.
pub fn join(folder: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The most letters of a slug: it stands in addresses and file names.
const MAX_SLUG: usize = 80;

/// Why a slug cannot be used, and what to do; nothing if it can.
///
/// Slugs are file names on every system, parts of addresses, and the ledger's name for a release:
/// small ASCII letters, digits and hyphens, so that no two can look alike.
pub(super) fn slug_problem(slug: &str) -> Option<(String, String)> {
    let shown = crate::finding::shown(slug);
    let rename = "rename the file with small letters a to z, digits and hyphens, such as `aster-ev.md`";
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let message = if slug.is_empty() {
        "the file has no name that could become a slug".to_owned()
    } else if let Some(c) = slug.chars().find(|c| !good(*c)) {
        let what = if c.is_control() || c.is_whitespace() {
            format!("U+{:04X}", u32::from(c))
        } else {
            format!("`{c}`")
        };
        format!("the slug `{shown}` holds {what}")
    } else if slug.len() > MAX_SLUG {
        format!("the slug has {} letters; {MAX_SLUG} are the most", slug.len())
    } else if slug.starts_with('-') || slug.ends_with('-') {
        format!("the slug `{shown}` begins or ends with a hyphen")
    } else if reserved(slug) {
        format!("`{shown}` cannot be a file's name on Windows")
    } else {
        return None;
    };
    Some((message, rename.to_owned()))
}

/// Names that Windows keeps for devices, with any extension.
pub(crate) fn reserved(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let numbered = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt"));
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
        || numbered.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_releases_and_translations() {
        for (path, expected) in [
            ("releases/2026/aster-ev.md", Some(("aster-ev", "", "releases/2026"))),
            ("releases/2026/aster-ev.sv.md", Some(("aster-ev", "sv", "releases/2026"))),
            ("releases/2026/aster-ev.pt-BR.md", Some(("aster-ev", "pt-BR", "releases/2026"))),
            ("releases/2026/aster-ev/index.md", Some(("aster-ev", "", "releases/2026/aster-ev"))),
            ("releases/2026/aster-ev/index.sv.md", Some(("aster-ev", "sv", "releases/2026/aster-ev"))),
            ("releases/aster-ev.md", Some(("aster-ev", "", "releases"))),
            ("releases/index.md", Some(("", "", "releases"))),
            ("releases/a.v2.md", Some(("a.v2", "", "releases"))),
            ("releases/.md", Some(("", "", "releases"))),
            ("releases/README.md", None),
            ("releases/2026/photo.jpg", None),
            ("templates/a.md", None),
            ("aster-ev.md", None),
        ] {
            let got = place(path);
            assert_eq!(is_release(path), got.is_some(), "{path}");
            let got = got.as_ref().map(|place| {
                (
                    place.slug.as_str(),
                    place.translation.as_ref().map_or("", Language::as_str),
                    place.folder.as_str(),
                )
            });
            assert_eq!(got, expected, "{path}");
        }
    }

    #[test]
    fn hostile_slugs_are_refused() {
        for slug in ["aster-ev", "q3", "2026", "a", "console", "com10", &"a".repeat(80)] {
            assert_eq!(slug_problem(slug), None, "{slug}");
        }
        for slug in [
            "",
            ".",
            "..",
            "../admin",
            "a/b",
            "a\\b",
            "Aster",
            "aster ev",
            "astér",
            "аster",
            "aster_ev",
            "a.b",
            "-a",
            "a-",
            "con",
            "nul",
            "com1",
            "lpt9",
            "a\0b",
            "a\u{200b}b",
            "ａster",
            "%2e%2e",
            &"a".repeat(300),
        ] {
            assert!(slug_problem(slug).is_some(), "{slug:?}");
        }
    }
}
