//! What a release needs around its text: dateline, boilerplate, press contact, summary, a time.

use crate::release::Status;

use super::manuscript::Part;
use super::{Case, Notes, Situation};

/// The bytes that a finding about something missing points at: the title, or the first line.
fn place(case: &Case<'_>) -> std::ops::Range<usize> {
    case.original().own(Part::Title).map_or(0..3, |title| title.span.clone())
}

/// Whether the desk expects furniture: of a release that can still go out and could be read.
fn expects(case: &Case<'_>) -> bool {
    case.whole && case.status() != Status::Killed
}

pub(super) fn dateline_missing(case: &Case<'_>, notes: &mut Notes) {
    let file = case.original().file;
    // A note with a byline speaks for a person, not from a place.
    if !expects(case)
        || file.front.dateline.is_some()
        || file.front.byline.is_some()
        || opens_with_place(case)
    {
        return;
    }
    notes.add(
        file,
        place(case),
        "the release does not say where it was written".to_owned(),
        "add the place to the front matter, for example `dateline: Gothenburg`",
    );
}

/// `GOTHENBURG, 1 December 2026 — …` as the first words of the text.
fn opens_with_place(case: &Case<'_>) -> bool {
    let first = case.original().pieces.iter().find(|piece| piece.part == Part::Paragraph);
    first.is_some_and(|piece| {
        let opening: String = piece.text.chars().take(80).collect();
        let place = opening.split([',', '(', '—', '–']).next().unwrap_or_default();
        let shouted = place.chars().any(char::is_alphabetic) && !place.chars().any(char::is_lowercase);
        shouted && opening.contains(['—', '–', '-', '/'])
    })
}

pub(super) fn boilerplate_missing(case: &Case<'_>, notes: &mut Notes) {
    let file = case.original().file;
    let named = file.front.boilerplate.as_ref().is_some_and(|keys| !keys.value.is_empty());
    let written = case.original().pieces.iter().any(|piece| {
        piece.part == Part::Heading
            && ["About ", "Om ", "Über ", "À propos"].iter().any(|about| piece.text.starts_with(about))
    });
    if !expects(case) || named || written || file.front.byline.is_some() {
        return;
    }
    let hint = match case.newsroom.boilerplate.keys().next() {
        Some(key) => format!("add `boilerplate: [{key}]` to the front matter"),
        None => "write a paragraph under `boilerplate:` in dateline.yaml and name its key here".to_owned(),
    };
    notes.add(file, place(case), "the release has no paragraph about the organization".to_owned(), hint);
}

pub(super) fn boilerplate_language(case: &Case<'_>, notes: &mut Notes) {
    let Some(keys) = &case.original().file.front.boilerplate else { return };
    for key in &keys.value {
        let Some(languages) = case.newsroom.boilerplate.get(&key.value) else { continue };
        for text in &case.texts {
            if languages.keys().any(|language| language.base() == text.language) {
                continue;
            }
            notes.add(
                case.original().file,
                key.span.clone(),
                format!(
                    "boilerplate `{}` is not written in `{}`, as the release is",
                    key.value, text.language
                ),
                format!("add `{}:` below `boilerplate: {}:` in dateline.yaml", text.language, key.value),
            );
        }
    }
}

pub(super) fn contact_missing(case: &Case<'_>, notes: &mut Notes) {
    let file = case.original().file;
    if !expects(case) || file.front.contacts.as_ref().is_some_and(|keys| !keys.value.is_empty()) {
        return;
    }
    let hint = match case.newsroom.contacts.keys().next() {
        Some(key) => format!("add `contacts: [{key}]` to the front matter"),
        None => "write a person or desk under `contacts:` in dateline.yaml and name the key here".to_owned(),
    };
    notes.add(file, place(case), "the release names nobody whom the press can ask".to_owned(), hint);
}

pub(super) fn summary_missing(case: &Case<'_>, notes: &mut Notes) {
    if !expects(case) {
        return;
    }
    for text in &case.texts {
        if text.own(Part::Summary).is_some_and(|summary| !summary.text.trim().is_empty()) {
            continue;
        }
        let span = text.own(Part::Title).map_or(0..3, |title| title.span.clone());
        notes.add(
            text.file,
            span,
            "there is no summary for previews, feeds and social networks".to_owned(),
            "add `summary:` to the front matter, with one or two sentences",
        );
    }
}

pub(super) fn draft_overdue(situation: &Situation<'_>, notes: &mut Notes) {
    for release in situation.newsroom.releases.values().filter(|release| release.status == Status::Draft) {
        let file = &release.original().file;
        let Some(written) = &file.front.publish else { continue };
        if release.publish.is_some_and(|publish| publish < situation.now) {
            notes.add(
                file,
                written.span.clone(),
                "this time has passed, and the release is still a draft".to_owned(),
                "give it a new `publish:` before it is approved, or take the line out",
            );
        }
    }
}
