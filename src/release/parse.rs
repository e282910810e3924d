//! One file: where it stands, its front matter, its body.

use std::sync::Arc;

use crate::finding::Finding;
use crate::language::Language;
use crate::release::{Body, File, FrontMatter};

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
pub fn place(path: &str) -> Option<Place> {
    let _ = path;
    None
}

/// Parses one file. Never fails: what is wrong is in the findings.
pub fn parse(path: &str, text: &str) -> (File, Vec<Finding>) {
    let place = place(path);
    let file = File {
        path: path.to_owned(),
        text: Arc::from(text),
        slug: place.as_ref().map(|place| place.slug.clone()).unwrap_or_default(),
        translation: place.and_then(|place| place.translation),
        front: FrontMatter::default(),
        front_span: 0..0,
        body: Body::default(),
    };
    (file, Vec::new())
}
