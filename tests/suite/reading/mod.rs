//! Whether everything that people read can be read: by those who see it small, in the dark, without pictures, in
//! their own script, or not at all.
//!
//! `tests/endpoints/pages.sh start DIR` brings the Nu HTML Checker and axe, and says by `DATELINE_TEST_PAGES` where
//! they are; without them, or without Chromium, these tests say that they are skipped.

pub mod documents;
mod enclosures;
pub mod judges;
mod pictures;
mod scripts;

use documents::{Document, every_document, looked_at};
use judges::{Axe, checker};

#[test]
fn every_document_is_valid_html() {
    let Some(folder) = judges::folder() else { return };
    let documents = every_document();
    assert!(documents.len() > 100, "{}", documents.len());
    let complaints = checker(&folder, &documents);
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn nobody_is_shut_out() {
    let Some(folder) = judges::folder() else { return };
    let Some(mut axe) = Axe::open(&folder) else { return };
    let documents: Vec<Document> = every_document().into_iter().filter(looked_at).collect();
    assert!(documents.len() >= 20, "{}", documents.len());
    let complaints: Vec<String> = documents.iter().flat_map(|document| axe.judge(document)).collect();
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}
