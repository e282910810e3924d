//! What plans have in common while their releases stay as they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{HeldRelease, Planned, Source};
use crate::digest::Digest;
use crate::newsroom::Policy;
use crate::release::Release;

/// What plans have in common while their releases stay as they are: those of the last [`super::Planner::with`].
///
/// A release is known by its [`Arc`]: [`crate::release::Cache`] hands out the same one only while
/// nothing that the release was made from has changed, its media included.
#[derive(Debug, Default)]
pub struct Known {
    /// What all releases share.
    shared: Option<Shared>,
    shelf: Arc<Shelf>,
}

/// The releases of the last plan, by slug.
#[derive(Debug, Default)]
pub(super) struct Shelf(Mutex<Arc<Vec<Kept>>>);

/// One release, as it was planned.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    release: Arc<Release>,
    pub(super) source: Arc<Source>,
    settled: Option<Arc<Settled>>,
}

/// What the ledger had of a release, and what was planned: nothing to do, whatever the time, and whoever is in
/// the contact book.
#[derive(Debug)]
struct Settled {
    held: HeldRelease,
    planned: Arc<Planned>,
}

/// What all releases of a plan share.
pub(super) type Shared = (Digest, Policy);

/// The last plan, to be looked into.
#[derive(Default)]
pub(super) struct Last(Arc<Vec<Kept>>);

impl Known {
    /// What there is from the last plan, if releases share the same.
    pub(super) fn last(&self, shared: &Shared) -> Last {
        if self.shared.as_ref() == Some(shared) { Last(self.shelf.kept().clone()) } else { Last::default() }
    }

    /// Keeps `releases`, which stand in the order of their slugs, and nothing else; gives the place for those
    /// that settle.
    pub(super) fn keep(
        &mut self,
        shared: Shared,
        last: &Last,
        releases: &[&Arc<Release>],
        sources: Vec<Arc<Source>>,
    ) -> Arc<Shelf> {
        self.shared = Some(shared);
        let kept = releases.iter().zip(sources).enumerate().map(|(at, (release, source))| {
            let settled = last.of(at, release).and_then(|kept| kept.settled.clone());
            Kept { release: Arc::clone(release), source, settled }
        });
        *self.shelf.kept() = Arc::new(kept.collect());
        Arc::clone(&self.shelf)
    }
}

impl Shelf {
    fn kept(&self) -> MutexGuard<'_, Arc<Vec<Kept>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was planned for a release of which the ledger has `held`.
    pub(super) fn settle<'h>(&self, settled: impl Iterator<Item = (&'h HeldRelease, &'h Arc<Planned>)>) {
        let mut kept = self.kept();
        let kept = Arc::make_mut(&mut kept);
        for (held, planned) in settled {
            let place = kept.binary_search_by(|kept| kept.release.slug.cmp(&planned.slug));
            if let Some(kept) = place.ok().and_then(|place| kept.get_mut(place)) {
                let settled = Settled { held: held.clone(), planned: Arc::clone(planned) };
                kept.settled = Some(Arc::new(settled));
            }
        }
    }
}

impl Last {
    /// The release, if it is the same still; it may stand at place `at`.
    pub(super) fn of(&self, at: usize, release: &Arc<Release>) -> Option<&Kept> {
        let same = |kept: &&Kept| Arc::ptr_eq(&kept.release, release);
        self.0.get(at).filter(same).or_else(|| {
            let place = self.0.binary_search_by(|kept| kept.release.slug.cmp(&release.slug)).ok()?;
            self.0.get(place).filter(same)
        })
    }
}

impl Kept {
    /// What is planned while the ledger has `held`, if that is settled.
    pub(super) fn settled(&self, held: Option<&HeldRelease>) -> Option<Arc<Planned>> {
        let settled = self.settled.as_ref().filter(|settled| Some(&settled.held) == held)?;
        Some(Arc::clone(&settled.planned))
    }
}
