//! The example newsroom as history: which files its repository held at which instant.
//!
//! The newsroom at the root of the repository is how it stands today: one release corrected, one
//! killed. `before/` has those files as they were first published, so that the demo can replay
//! how they came to be so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rust_embed::RustEmbed;

use crate::newsroom::Newsroom;
use crate::release;

#[derive(RustEmbed)]
#[folder = "releases/"]
#[prefix = "releases/"]
struct Releases;

#[derive(RustEmbed)]
#[folder = "audiences/"]
#[prefix = "audiences/"]
struct Audiences;

#[derive(RustEmbed)]
#[folder = "templates/"]
#[prefix = "templates/"]
struct Templates;

#[derive(RustEmbed)]
#[folder = "src/cli/demo/before/"]
struct Before;

/// The contact book that the demo imports: invented people on reserved domains.
pub const CONTACTS: &str = include_str!("contacts.csv");

/// How long before its time a release is committed.
const AHEAD: SignedDuration = SignedDuration::from_hours(72);
/// How long after its time a wrong release is corrected or killed.
const LATER: SignedDuration = SignedDuration::from_hours(3);

type Files = BTreeMap<String, Arc<[u8]>>;

/// Something that happens in the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// When.
    pub at: Timestamp,
    /// The release.
    pub slug: String,
    /// What the commit says.
    pub subject: String,
}

/// The history of the example newsroom.
pub struct Story {
    today: Files,
    before: Files,
    /// Commits that are still to come, soonest first.
    pub ahead: Vec<Commit>,
    committed: BTreeSet<String>,
    settled: BTreeSet<String>,
}

fn files<E: RustEmbed>() -> Files {
    E::iter().filter_map(|path| Some((path.to_string(), Arc::from(E::get(&path)?.data.as_ref())))).collect()
}

impl Story {
    /// The whole history; nothing is committed yet.
    pub fn new() -> Story {
        let mut today = files::<Releases>();
        today.extend(files::<Audiences>());
        today.extend(files::<Templates>());
        today.insert(
            "dateline.yaml".to_owned(),
            Arc::from(include_bytes!("../../../dateline.yaml").as_slice()),
        );
        let before = files::<Before>();
        let newsroom = Newsroom::build(None, today.clone());
        let mut ahead = Vec::new();
        for release in newsroom.releases.values() {
            let Some(publish) = release.publish else { continue };
            let title = &release.original().title;
            let commit = |at, subject| Commit { at, slug: release.slug.clone(), subject };
            ahead.push(commit(publish - AHEAD, format!("approve: {title}")));
            let changed = before.keys().any(|path| slug(path).as_deref() == Some(&release.slug));
            if changed {
                ahead.push(commit(publish + LATER, format!("{}: {title}", release.notice().as_str())));
            }
        }
        ahead.sort_by(|a, b| (a.at, &a.slug).cmp(&(b.at, &b.slug)));
        Story { today, before, ahead, committed: BTreeSet::new(), settled: BTreeSet::new() }
    }

    /// Makes every commit up to `now`, and returns them.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Commit> {
        let count = self.ahead.iter().take_while(|commit| commit.at <= now).count();
        let made: Vec<Commit> = self.ahead.drain(..count).collect();
        for commit in &made {
            // The second commit to a release is the one that corrects or kills it.
            if !self.committed.insert(commit.slug.clone()) {
                self.settled.insert(commit.slug.clone());
            }
        }
        made
    }

    /// The newsroom as it stands after the commits made so far.
    pub fn newsroom(&self) -> Newsroom {
        let mut files = Files::new();
        for (path, bytes) in &self.today {
            match slug(path) {
                Some(slug) if !self.committed.contains(&slug) => {}
                Some(slug) if !self.settled.contains(&slug) => {
                    let bytes = self.before.get(path).unwrap_or(bytes);
                    files.insert(path.clone(), Arc::clone(bytes));
                }
                _ => {
                    files.insert(path.clone(), Arc::clone(bytes));
                }
            }
        }
        let revision = format!("demo-{}-{}", self.committed.len(), self.settled.len());
        Newsroom::build(Some(revision), files)
    }
}

/// The slug of a release's Markdown file.
fn slug(path: &str) -> Option<String> {
    release::place(path).map(|place| place.slug)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_newsroom_has_no_errors_at_any_time_of_its_history() {
        let mut story = Story::new();
        assert!(story.ahead.len() >= 14, "twelve releases, one correction, one kill: {:#?}", story.ahead);
        while let Some(next) = story.ahead.first() {
            let at = next.at;
            story.advance(at);
            let newsroom = story.newsroom();
            assert!(newsroom.findings.is_empty(), "at {at}: {:#?}", newsroom.findings);
        }
        let story = Story::new();
        assert!(story.newsroom().releases.is_empty(), "nothing is there before the first commit");
    }
}
