//! The plan of one release as it would be now: with the contact book and what was issued where there is a record,
//! else without recipients.

use serde::Serialize;

use super::desk::Desk;
use super::snapshot::{Snapshot, When};
use crate::plan::{Action, Held, Planner};

/// The plan of one release.
#[derive(Debug, Serialize)]
pub struct PlanView {
    version: u64,
    /// Whether the contact book was read; without it nobody can be counted.
    counted: bool,
    /// Why the record could not be read.
    trouble: Option<String>,
    groups: Vec<GroupView>,
    left_out: Vec<LeftOutView>,
}

#[derive(Debug, Serialize)]
struct GroupView {
    /// A round-up that holds the release.
    round_up: bool,
    audience: String,
    channel: String,
    language: String,
    advance: bool,
    recipients: u64,
    due: When,
    action: Action,
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct LeftOutView {
    audience: String,
    reason: String,
    contacts: usize,
}

/// Plans the newsroom of `snapshot` and picks one release.
pub fn view(desk: &Desk, snapshot: &Snapshot, slug: &str) -> PlanView {
    let newsroom = &snapshot.newsroom;
    let now = desk.clock.now();
    let mut trouble = None;
    let mut counted = false;
    let limited = newsroom.audiences.values().any(|audience| audience.per_week.is_some());
    let held = match desk.records.as_deref().map(|records| records.held(limited)) {
        Some(Ok(held)) => held,
        Some(Err(error)) => {
            trouble = Some(error);
            Held::default()
        }
        None => Held::default(),
    };
    let mut planner = Planner::with(newsroom, &held, now, &mut desk.known());
    if let Some(records) = desk.records.as_deref().filter(|_| trouble.is_none()) {
        match records.each(&mut |contact| planner.contact(contact)) {
            Ok(()) => counted = true,
            Err(error) => trouble = Some(error),
        }
    }
    let plan = planner.finish();
    let mut view =
        PlanView { version: snapshot.version, counted, trouble, groups: Vec::new(), left_out: Vec::new() };
    let of_release = |planned: &&std::sync::Arc<crate::plan::Planned>| {
        planned.slug == slug || planned.digest_of.iter().any(|inside| inside == slug)
    };
    for planned in plan.releases.iter().filter(of_release) {
        view.groups.extend(planned.deliveries.iter().map(|group| GroupView {
            round_up: planned.slug != slug,
            audience: group.audience.clone(),
            channel: group.channel.clone(),
            language: group.language.to_string(),
            advance: group.advance,
            recipients: group.recipients.count(),
            due: When::new(group.due, &newsroom.timezone),
            action: group.action,
            reason: group.reason.clone(),
        }));
        view.left_out.extend(planned.left_out.iter().map(|out| LeftOutView {
            audience: out.audience.clone(),
            reason: out.reason.to_string(),
            contacts: out.contacts.len(),
        }));
    }
    view
}
