//! Pictures: what they show, and whose they are.

use super::{Case, Notes};

/// Whether a file is a picture, by its name.
pub(super) fn is_picture(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    matches!(ending.as_str(), "jpg" | "jpeg" | "png" | "gif" | "webp" | "svg" | "avif")
}

pub(super) fn alt_missing(case: &Case<'_>, notes: &mut Notes) {
    for text in &case.texts {
        for medium in text.file.front.media.iter().filter(|medium| is_picture(&medium.file.value)) {
            if medium.alt.as_ref().is_none_or(|alt| alt.value.trim().is_empty()) {
                notes.add(
                    text.file,
                    medium.file.span.clone(),
                    format!("`{}` has no words for those who cannot see it", medium.file.value),
                    "add `alt:` below it, and say what the picture shows in one sentence",
                );
            }
        }
        for image in text.images.iter().filter(|image| image.words.trim().is_empty()) {
            let name = image.target.rsplit('/').next().unwrap_or_default();
            let media = &case.original().file.front.media;
            let described = |medium: &crate::release::Medium| {
                medium.file.value.rsplit('/').next() == Some(name) && medium.alt.is_some()
            };
            if !media.iter().chain(&text.file.front.media).any(described) {
                notes.add(
                    text.file,
                    image.span.clone(),
                    "the picture has no words for those who cannot see it".to_owned(),
                    "write them in the brackets: `![What the picture shows](…)`",
                );
            }
        }
    }
}

pub(super) fn alt_useless(case: &Case<'_>, notes: &mut Notes) {
    for text in &case.texts {
        let mut look = |words: &str, target: &str, span: std::ops::Range<usize>| {
            if is_useless(words, target) {
                notes.add(
                    text.file,
                    span,
                    format!("`{}` says nothing about what the picture shows", words.trim()),
                    "describe it as you would on the telephone: who or what, where, doing what",
                );
            }
        };
        for medium in text.file.front.media.iter().filter(|medium| is_picture(&medium.file.value)) {
            if let Some(alt) = &medium.alt {
                look(&alt.value, &medium.file.value, alt.span.clone());
            }
        }
        for image in &text.images {
            look(&image.words, &image.target, image.span.clone());
        }
    }
}

/// Whether alternative text is a word for pictures as such, or the file's name.
fn is_useless(words: &str, target: &str) -> bool {
    const EMPTY: [&str; 24] = [
        "image",
        "images",
        "img",
        "picture",
        "pic",
        "photo",
        "photograph",
        "foto",
        "fotografi",
        "bild",
        "bilden",
        "figure",
        "screenshot",
        "illustration",
        "graphic",
        "logo",
        "alt",
        "alt text",
        "untitled",
        "todo",
        "image of",
        "a picture",
        "an image",
        "a photo",
    ];
    let plain = |text: &str| -> String {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).collect::<Vec<_>>().join(" ")
    };
    let words = plain(words.trim());
    let words = words.trim();
    if words.is_empty() {
        return false;
    }
    let bare = words.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' ');
    let file = target.rsplit('/').next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    // A one-word name (`map.png`, alt `map`) may be all there is to say; a file's full name never is.
    let is_name = words == plain(file).trim() || (stem.contains(['-', '_']) && words == plain(stem).trim());
    EMPTY.contains(&bare) || is_name
}

pub(super) fn credit_missing(case: &Case<'_>, notes: &mut Notes) {
    for text in &case.texts {
        for medium in text.file.front.media.iter().filter(|medium| is_picture(&medium.file.value)) {
            if medium.credit.as_ref().is_none_or(|credit| credit.value.trim().is_empty()) {
                notes.add(
                    text.file,
                    medium.file.span.clone(),
                    format!("nobody is named as the maker of `{}`", medium.file.value),
                    "add `credit:` below it, with the photographer or your organization",
                );
            }
        }
    }
}
