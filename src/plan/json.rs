//! A plan as JSON: what `dateline plan --format json` prints. Stable; keys are only added.

use serde_json::{Value, json};

use super::{Group, LeftOut, Plan, Planned};

/// The plan as JSON. It holds numbers of contacts, never who they are.
pub fn json(plan: &Plan) -> Value {
    json!({
        "revision": plan.revision,
        "now": plan.now.to_string(),
        "releases": plan.releases.iter().map(|planned| release(planned)).collect::<Vec<_>>(),
    })
}

fn release(planned: &Planned) -> Value {
    json!({
        "slug": planned.slug,
        "title": planned.title,
        "notice": planned.notice,
        "publish": planned.publish.to_string(),
        "expires": planned.expires.to_string(),
        "moved_from": planned.moved_from.map(|from| from.to_string()),
        "digest_of": planned.digest_of,
        "deliveries": planned.deliveries.iter().map(delivery).collect::<Vec<_>>(),
        "left_out": planned.left_out.iter().map(left_out).collect::<Vec<_>>(),
    })
}

fn delivery(group: &Group) -> Value {
    json!({
        "audience": group.audience,
        "channel": group.channel,
        "language": group.language,
        "advance": group.advance,
        "recipients": group.recipients.count(),
        "due": group.due.to_string(),
        "action": group.action,
        "reason": group.reason,
    })
}

fn left_out(out: &LeftOut) -> Value {
    json!({
        "audience": out.audience,
        "reason": out.reason.to_string(),
        "recipients": out.contacts.len(),
    })
}
