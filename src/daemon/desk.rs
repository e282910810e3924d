//! What the desk found wrong is not issued: `docs/checks.md` promises it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::issue::Failed;
use crate::check;
use crate::finding::{Finding, Severity};
use crate::newsroom::Newsroom;
use crate::plan::{Action, Plan, Planned, Recipients};
use crate::release::{Release, Status, in_parallel};

/// Releases that cannot even be planned, drafts aside: their files have errors.
pub fn broken(newsroom: &Newsroom) -> Vec<Failed> {
    let mut failed: BTreeMap<&str, Failed> = BTreeMap::new();
    for file in &newsroom.sources {
        let draft = file.front.status.as_ref().is_some_and(|status| status.value == Status::Draft);
        if draft || newsroom.releases.contains_key(&file.slug) {
            continue;
        }
        let error = newsroom
            .findings
            .iter()
            .find(|finding| finding.file == file.path && finding.severity == Severity::Error);
        if let Some(finding) = error {
            failed.entry(&file.slug).or_insert_with(|| note(&file.slug, finding));
        }
    }
    failed.into_values().collect()
}

/// Whether the file of a release says that it must not go out, but has an error, so that it is no release.
/// The wish is clear enough to be followed.
pub fn wants_to_stop(newsroom: &Newsroom, slug: &str) -> bool {
    !newsroom.releases.contains_key(slug)
        && newsroom
            .sources
            .iter()
            .filter(|file| file.slug == slug)
            .any(|file| file.front.status.as_ref().is_some_and(|status| status.value != Status::Approved))
}

/// Blocks every release of `plan` that would write and has an error, and takes such releases out of
/// round-ups; returns them.
///
/// What stops a release (a kill, a hold) is never blocked: a text that is wrong must be stoppable.
pub fn block(newsroom: &Newsroom, plan: &mut Plan) -> Vec<Failed> {
    let desk = Desk::read(newsroom, plan);
    let mut failed = Vec::new();
    for planned in plan.releases.iter_mut().filter(|planned| planned.writes()) {
        let planned = Arc::make_mut(planned);
        let finding = if planned.digest_of.is_empty() {
            desk.error(&planned.slug).cloned()
        } else {
            let before = planned.digest_of.len();
            let mut first = None;
            planned.digest_of.retain(|slug| match desk.error(slug) {
                Some(finding) => {
                    first.get_or_insert_with(|| finding.clone());
                    false
                }
                None => true,
            });
            if planned.digest_of.is_empty() && before > 0 { first } else { None }
        };
        if let Some(finding) = finding {
            let blocked = stop(planned, &format!("{}: {}", place(&finding), finding.message));
            if blocked {
                failed.push(note(&planned.slug, &finding));
            }
        }
    }
    failed
}

/// Blocks what would write anything new; says whether there was something.
fn stop(planned: &mut Planned, reason: &str) -> bool {
    let mut blocked = false;
    for group in &mut planned.deliveries {
        if matches!(group.action, Action::Create | Action::Update | Action::Correct) {
            group.action = Action::Blocked;
            group.reason = Some(reason.to_owned());
            group.recipients = Recipients::Number(group.recipients.count());
            blocked = true;
        }
    }
    blocked
}

fn note(slug: &str, finding: &Finding) -> Failed {
    Failed {
        slug: slug.to_owned(),
        place: format!("{} [{}]", place(finding), finding.code),
        error: format!("{}: {}", place(finding), finding.message),
    }
}

fn place(finding: &Finding) -> String {
    format!("{}:{}:{}", finding.file, finding.line, finding.column)
}

/// What the releases that would write have to say for themselves, each read once.
struct Desk<'a>(BTreeMap<&'a str, Finding>);

impl<'a> Desk<'a> {
    fn read(newsroom: &'a Newsroom, plan: &Plan) -> Desk<'a> {
        let wanted: BTreeSet<&str> = plan
            .releases
            .iter()
            .filter(|planned| planned.writes())
            .flat_map(|planned| std::iter::once(&planned.slug).chain(&planned.digest_of))
            .map(String::as_str)
            .collect();
        let releases: Vec<&'a Release> =
            wanted.iter().filter_map(|slug| newsroom.releases.get(*slug)).map(|release| &**release).collect();
        let found = in_parallel(releases.iter(), |release| check::first_error(newsroom, release));
        let found = releases.iter().zip(found).filter_map(|(release, found)| Some((&*release.slug, found?)));
        Desk(found.collect())
    }

    /// The first error of a release.
    fn error(&self, slug: &str) -> Option<&Finding> {
        self.0.get(slug)
    }
}
