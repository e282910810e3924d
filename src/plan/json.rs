//! A plan as JSON: what `dateline plan --format json` prints. Stable; keys are only added.

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::{Group, LeftOut, Plan, Planned};

/// The plan as JSON. It holds numbers of contacts, never who they are.
///
/// Each release is written as it is made: ten thousand of them are never held at once.
pub fn json(plan: &Plan) -> impl Serialize {
    // In the order of the names, as in every other document.
    #[derive(Serialize)]
    struct Document<'a> {
        now: String,
        releases: Releases<'a>,
        revision: Option<&'a str>,
    }
    struct Releases<'a>(&'a Plan);
    impl Serialize for Releases<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.0.releases.iter().map(|planned| release(planned)))
        }
    }
    Document { now: plan.now.to_string(), releases: Releases(plan), revision: plan.revision.as_deref() }
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
