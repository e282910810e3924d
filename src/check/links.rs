//! Links, pictures and HTML in the text.

use std::ops::Range;

use crate::finding::shown;
use crate::language::Language;
use crate::release::{File, join, place};

use super::manuscript::Reference;
use super::{Case, Notes};

/// What an address is, before anything is looked up.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    /// `https://…`, `mailto:…`, `tel:…`
    Outside,
    /// Something that runs, or reads the reader's machine.
    Unsafe(String),
    /// A scheme that readers' programs do not know.
    Unknown(String),
    /// `//host/path`
    NoScheme,
    /// `/path`, from the root of the newsroom's site, without query and fragment.
    Absolute(String),
    /// `#place` in this text.
    Within,
    /// A path from the release's folder, without query and fragment.
    Relative(String),
}

fn address(target: &str) -> Address {
    // Browsers ignore white space and control characters in a scheme; so must we.
    let bare: String = target.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
    let scheme = bare.split(['/', '?', '#']).next().and_then(|first| first.split_once(':'));
    if let Some((scheme, _)) = scheme
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
    {
        let scheme = scheme.to_ascii_lowercase();
        return match scheme.as_str() {
            "http" | "https" | "mailto" | "tel" => Address::Outside,
            "javascript" | "vbscript" | "data" | "file" | "blob" | "about" | "view-source" | "filesystem" => {
                Address::Unsafe(scheme)
            }
            _ => Address::Unknown(scheme),
        };
    }
    if bare.starts_with("//") || bare.starts_with("\\\\") {
        return Address::NoScheme;
    }
    let path = target.split(['?', '#']).next().unwrap_or_default().trim();
    match path {
        "" => Address::Within,
        path if path.starts_with('/') => Address::Absolute(decoded(path)),
        path => Address::Relative(decoded(path)),
    }
}

/// `path` with its percent escapes undone, where they are UTF-8.
fn decoded(path: &str) -> String {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let escape = (first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escape.unwrap_or(first));
        rest = if escape.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| path.to_owned())
}

/// The folders that relative addresses in `file` start from.
fn folders<'c>(case: &'c Case<'_>, file: &'c File) -> [&'c str; 2] {
    [file.path.rsplit_once('/').map_or("", |(folder, _)| folder), &case.folder]
}

/// Whether `path` is among the pictures and recordings that readers of `file` get.
fn is_medium(case: &Case<'_>, file: &File, path: &str) -> bool {
    let media =
        if file.front.media.is_empty() { &case.original().file.front.media } else { &file.front.media };
    folders(case, file).iter().filter_map(|folder| join(folder, path)).any(|full| {
        media.iter().any(|medium| join(&case.folder, &medium.file.value).as_deref() == Some(&full))
    })
}

/// Whether a relative link leads to a release or a medium of this one.
fn leads(case: &Case<'_>, file: &File, path: &str) -> bool {
    let is_release = |full: &str| {
        let names = [full.to_owned(), format!("{full}.md"), format!("{full}/index.md")];
        let known = |name: &String| {
            let release = place(name).and_then(|place| case.newsroom.releases.get(&place.slug));
            release.is_some_and(|release| release.texts.iter().any(|text| text.file.path == *name))
        };
        // A release with errors is in no table, but it is there.
        names.iter().any(|name| known(name) || case.newsroom.source(name).is_some())
    };
    is_medium(case, file, path)
        || folders(case, file).iter().filter_map(|folder| join(folder, path)).any(|full| is_release(&full))
}

/// Whether the newsroom's site has a page or file at `/path`.
fn on_site(case: &Case<'_>, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != "index.html").collect();
    let is_section = |part: &&str| {
        part.bytes().all(|byte| byte.is_ascii_digit()) || part.parse::<Language>().is_ok() || *part == "tags"
    };
    match parts.as_slice() {
        [] | ["atom.xml" | "rss.xml" | "feed.json" | "sitemap.xml"] => true,
        [.., last] => {
            parts.contains(&"tags")
                || parts.iter().all(is_section)
                || case.newsroom.releases.contains_key(*last)
                // One with errors is in no table, but it is there.
                || case.newsroom.sources.iter().any(|file| file.slug == *last)
        }
    }
}

fn links<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (&'c File, &'c Reference)> {
    case.texts.iter().flat_map(|text| text.links.iter().map(move |link| (text.file, link)))
}

fn images<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (&'c File, &'c Reference)> {
    case.texts.iter().flat_map(|text| text.images.iter().map(move |image| (text.file, image)))
}

/// The address in the source, for the caret: the part of a reference that is not its words.
fn target_span(file: &File, reference: &Reference) -> Range<usize> {
    let source = file.text.get(reference.span.clone()).unwrap_or_default();
    match source.rfind(&reference.target) {
        Some(at) if !reference.target.is_empty() => {
            reference.span.start + at..reference.span.start + at + reference.target.len()
        }
        _ => reference.span.clone(),
    }
}

pub(super) fn link_unsafe(case: &Case<'_>, notes: &mut Notes) {
    for (file, link) in links(case) {
        if let Address::Unsafe(scheme) = address(&link.target) {
            notes.add(
                file,
                target_span(file, link),
                format!("a `{scheme}:` link would act on the reader's machine; it is left out"),
                "link to an https:// address, or take the link out and keep its words",
            );
        }
    }
}

pub(super) fn link_dead(case: &Case<'_>, notes: &mut Notes) {
    for (file, link) in links(case) {
        let (message, hint) = match address(&link.target) {
            Address::Relative(path) if !leads(case, file, &path) => (
                format!(
                    "`{}` is no release, and no file under `media:`; the link is left out",
                    shown(&link.target)
                ),
                "correct the path, add the file to `media:`, or write the full address with https://",
            ),
            Address::Absolute(path) if !on_site(case, &path) => (
                format!("the newsroom's site has no page `{}`", shown(&link.target)),
                "correct the path, or write the full address with https://",
            ),
            Address::NoScheme => (
                format!("`{}` names no scheme, and mail programs cannot follow it", shown(&link.target)),
                "put `https:` in front of it",
            ),
            Address::Unknown(scheme) => (
                format!("readers' programs do not follow `{scheme}:` links; it is left out"),
                "link to an https:// or mailto: address",
            ),
            _ => continue,
        };
        notes.add(file, target_span(file, link), message, hint);
    }
}

pub(super) fn image_missing(case: &Case<'_>, notes: &mut Notes) {
    for (file, image) in images(case) {
        let (Address::Relative(path) | Address::Absolute(path)) = address(&image.target) else { continue };
        if !path.starts_with('/') && is_medium(case, file, &path) {
            continue;
        }
        let there = folders(case, file)
            .iter()
            .filter_map(|folder| join(folder, &path))
            .any(|full| case.newsroom.files.contains_key(&full));
        let (message, hint) = if there && !path.starts_with('/') {
            (
                format!("the picture `{}` is not under `media:`; it is not shown", shown(&image.target)),
                "add it to `media:` in the front matter, with `alt:` and `credit:`",
            )
        } else {
            (
                format!("there is no picture `{}` beside the release; it is not shown", shown(&image.target)),
                "put the file beside the release and add it to `media:`, or correct its name (capitals count)",
            )
        };
        notes.add(file, target_span(file, image), message, hint);
    }
}

pub(super) fn image_remote(case: &Case<'_>, notes: &mut Notes) {
    for (file, image) in images(case) {
        let from = match address(&image.target) {
            Address::Outside | Address::NoScheme => "another site",
            Address::Unsafe(_) | Address::Unknown(_) => "outside the newsroom",
            _ => continue,
        };
        notes.add(
            file,
            target_span(file, image),
            format!("the picture comes from {from}; it is not shown"),
            "put the file beside the release and name it here; remote pictures vanish, and tell their host who reads",
        );
    }
}

pub(super) fn raw_html(case: &Case<'_>, notes: &mut Notes) {
    for text in &case.texts {
        let mut blocks: Vec<Range<usize>> = Vec::new();
        for span in &text.html {
            match blocks.last_mut() {
                Some(last) if last.end == span.start => last.end = span.end,
                _ => blocks.push(span.clone()),
            }
        }
        for span in blocks {
            let source = text.file.text.get(span.clone()).unwrap_or_default().trim_end();
            // A comment is meant to be left out; a closing tag was told with its opening one.
            if (source.starts_with("<!--") && source.ends_with("-->")) || source.starts_with("</") {
                continue;
            }
            let end = source.find('\n').unwrap_or(source.len());
            notes.add(
                text.file,
                span.start..span.start + end,
                format!("the HTML `{}` is left out; only its words stay", shown(&source[..end])),
                "write it as Markdown: **bold**, *italic*, [words](address), tables with |",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        let relative = |path: &str| Address::Relative(path.to_owned());
        let dangerous = |scheme: &str| Address::Unsafe(scheme.to_owned());
        for (target, expected) in [
            ("https://halden.example", Address::Outside),
            ("MAILTO:press@halden.example", Address::Outside),
            ("JavaScript:alert(1)", dangerous("javascript")),
            (" java\tscript:alert(1)", dangerous("javascript")),
            ("\u{1}javascript:x", dangerous("javascript")),
            ("data:text/html,x", dangerous("data")),
            ("file:///etc/passwd", dangerous("file")),
            ("ftp://x", Address::Unknown("ftp".to_owned())),
            ("//host/x", Address::NoScheme),
            ("\\\\host\\x", Address::NoScheme),
            ("/aster-ev/", Address::Absolute("/aster-ev/".to_owned())),
            ("#facts", Address::Within),
            ("", Address::Within),
            ("aster.jpg?x#y", relative("aster.jpg")),
            ("a%20b.jpg", relative("a b.jpg")),
            ("a%zz.jpg", relative("a%zz.jpg")),
            ("a/b:c", relative("a/b:c")),
        ] {
            assert_eq!(address(target), expected, "{target:?}");
        }
    }

    #[test]
    fn paths_stay_in_the_newsroom() {
        for (folder, path, expected) in [
            ("releases/2026", "a.jpg", Some("releases/2026/a.jpg")),
            ("releases/2026/a", "../b/./c.jpg", Some("releases/2026/b/c.jpg")),
            ("releases", "../../x", None),
        ] {
            assert_eq!(join(folder, path).as_deref(), expected, "{folder} {path}");
        }
    }
}
