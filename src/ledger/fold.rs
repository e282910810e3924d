//! Counts folded into what planning needs, whatever the database.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::State;
use crate::language::Language;
use crate::plan::{Crowd, HeldGroup, HeldRelease};

/// What a part is in a plan: audience, channel, language, ahead of the embargo, due.
pub(super) type Place = (String, String, Language, bool, Timestamp);

/// Counts `n` deliveries of a part that are in `state`; the part was ordered for `crowd`.
pub(super) fn group(
    releases: &mut BTreeMap<String, HeldRelease>,
    release: &str,
    (audience, channel, language, advance, due): Place,
    follows: bool,
    (state, n): (State, i64),
    crowd: Option<Crowd>,
) {
    let Some(held) = releases.get_mut(release) else { return };
    let n = n.cast_unsigned();
    let (waiting, open, sent, ended) = match state {
        State::Scheduled => (n, 0, 0, 0),
        State::Attempting | State::Unknown | State::Parked | State::Quarantined => (0, n, 0, 0),
        // A notice goes to those who are counted by the original.
        State::Sent | State::Complained => (0, 0, if follows { 0 } else { n }, 0),
        State::Failed | State::Bounced | State::Suppressed | State::Cancelled | State::Expired => {
            (0, 0, 0, if follows { 0 } else { n })
        }
        State::Superseded => return,
    };
    let same = |group: &&mut HeldGroup| {
        group.audience == audience
            && group.channel == channel
            && group.language == language
            && group.advance == advance
            && group.due == due
    };
    if let Some(group) = held.groups.iter_mut().find(same) {
        group.waiting += waiting;
        group.open += open;
        group.sent += sent;
        group.ended += ended;
        if waiting > 0 {
            // Two parts that wait side by side have nobody in common.
            group.crowd = match (group.waiting > waiting, group.crowd) {
                (false, _) => crowd,
                (true, other) => other.zip(crowd).map(|(one, other)| one.and(other)),
            };
        }
    } else if waiting + open + sent + ended > 0 {
        let crowd = crowd.filter(|_| waiting > 0);
        held.groups.push(HeldGroup {
            audience,
            channel,
            language,
            advance,
            due,
            waiting,
            open,
            sent,
            ended,
            crowd,
        });
    }
}
