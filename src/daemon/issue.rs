//! From a newsroom to deliveries in the ledger: plan, render, freeze. `dateline plan`, `dateline issue`
//! and the daemon all come through here, so that what is shown is what is done.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{desk, moved};
use crate::ledger::{Issued, Ledger, LedgerError, Order, OrderEdition};
use crate::newsroom::Newsroom;
use crate::plan::{Group, Plan, Planned, Planner, Recipients};
use crate::render::{Edition, RenderError, Renderer, Request};

/// How to issue.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Also what is first seen long after its time.
    pub late: bool,
    /// Moves what was issued for another instant than its words mean now, because the rules of a time zone changed.
    pub moved: bool,
    /// Only this release.
    pub only: Option<&'a str>,
    /// Who approved it.
    pub by: &'a str,
}

/// What was issued.
#[derive(Debug)]
pub struct Report {
    /// The plan that was carried out.
    pub plan: Plan,
    /// By release, what changed in the ledger; releases that stayed as they were are not here.
    pub issued: Vec<(String, Issued)>,
    /// Releases that have errors or could not be rendered; nothing of them was issued, the others were.
    pub failed: Vec<Failed>,
    /// Releases that wait for a person because the rules of a time zone changed, in one sentence each.
    pub moved: Vec<String>,
}

/// A release of which nothing was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The release.
    pub slug: String,
    /// Where the mistake is; fit for logs, without a word of the text.
    pub place: String,
    /// `file:line:column: message`; the message may quote the text.
    pub error: String,
}

/// Plans against what the ledger holds now. Releases with errors are blocked, and the plan says so.
pub async fn plan(
    ledger: &Ledger,
    newsroom: &Newsroom,
    now: Timestamp,
    late: bool,
) -> Result<Plan, LedgerError> {
    Ok(checked(ledger, newsroom, now, (late, false)).await?.0)
}

async fn checked(
    ledger: &Ledger,
    newsroom: &Newsroom,
    now: Timestamp,
    (late, moved): (bool, bool),
) -> Result<(Plan, Vec<Failed>), LedgerError> {
    let limited = newsroom.audiences.values().any(|audience| audience.per_week.is_some());
    let held = ledger.held(limited, now).await?;
    let mut planner = Planner::new(newsroom, &held, now).late(late).moved(moved);
    if planner.wants_contacts() {
        ledger
            .each_contact(|contact| {
                planner.contact(&contact);
                Ok::<_, LedgerError>(())
            })
            .await?;
    }
    let mut plan = planner.finish();
    let mut failed = desk::broken(newsroom);
    failed.extend(desk::block(newsroom, &mut plan));
    Ok((plan, failed))
}

/// Plans, renders and freezes. The same newsroom again changes nothing.
pub async fn issue(
    ledger: &Ledger,
    newsroom: &Newsroom,
    now: Timestamp,
    options: Options<'_>,
) -> Result<Report, LedgerError> {
    let (plan, mut failed) = checked(ledger, newsroom, now, (options.late, options.moved)).await?;
    failed.retain(|failed| options.only.is_none_or(|only| only == failed.slug));
    let renderer = Renderer::new(newsroom);
    let mut issued = Vec::new();
    for planned in &plan.releases {
        if options.only.is_some_and(|only| only != planned.slug) || !planned.writes() {
            continue;
        }
        let editions = match editions(newsroom, &renderer, planned) {
            Ok(editions) => editions,
            Err(error) => {
                let place = match &error {
                    RenderError::Template { file, line, column, .. } => format!("{file}:{line}:{column}"),
                    RenderError::Unknown(_) | RenderError::Content(_) => "while it was rendered".to_owned(),
                };
                failed.push(Failed { slug: planned.slug.clone(), place, error: error.to_string() });
                continue;
            }
        };
        let order = Order {
            planned: Planned::clone(planned),
            editions,
            revision: newsroom.revision.clone().unwrap_or_else(|| "work tree".to_owned()),
            approved_by: options.by.to_owned(),
        };
        let done = ledger.issue(order, now).await?;
        if done != Issued::default() {
            issued.push((planned.slug.clone(), done));
        }
    }
    let moved = moved::hold(ledger, &plan, now, options).await?;
    Ok(Report { plan, issued, failed, moved })
}

/// Renders one edition for each part that is to be delivered; equal requests are rendered once.
fn editions(
    newsroom: &Newsroom,
    renderer: &Renderer<'_>,
    planned: &Planned,
) -> Result<Vec<OrderEdition>, RenderError> {
    let mut rendered: BTreeMap<Request, Edition> = BTreeMap::new();
    let mut editions = Vec::new();
    for (index, group) in planned.deliveries.iter().enumerate() {
        if !group.action.writes() || matches!(group.recipients, Recipients::Number(_)) {
            continue;
        }
        let Some(facts) = newsroom.channels.get(&group.channel) else { continue };
        let request = request(planned, group);
        let edition = match rendered.get(&request) {
            Some(edition) => edition.clone(),
            None => {
                let edition = renderer.edition(&request)?;
                rendered.insert(request, edition.clone());
                edition
            }
        };
        editions.push(OrderEdition { group: index, kind: facts.kind, edition });
    }
    Ok(editions)
}

/// The edition that a part of a plan needs.
pub fn request(planned: &Planned, group: &Group) -> Request {
    Request {
        slug: planned.slug.clone(),
        digest_of: planned.digest_of.clone(),
        notice: planned.notice_of(group),
        audience: group.audience.clone(),
        channel: group.channel.clone(),
        language: group.language.clone(),
        // Who had a copy ahead is told of a correction like everybody else once the release is public.
        advance: group.advance && group.due < planned.publish,
        test: false,
        date: group.due,
    }
}
