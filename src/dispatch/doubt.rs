//! What becomes of a delivery whose outcome nobody knows.
//!
//! The destination is looked at again and again until it says something, or until the quarantine is over: 15 minutes, more than the
//! ten that RFC 5321 4.5.3.2.6 gives a server for its last answer, so that even a connection which somebody keeps
//! open has long ended. Then the channel's rule decides: a person does, or it is sent once more.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::attempt::{arrived, parcel, recipient};
use super::front::{self, GateConfig};
use super::{Event, Inner, Tally};
use crate::channel::config::OnUnknown;
use crate::channel::{Probe, Receipt};
use crate::contact::without_addresses;
use crate::ledger::{Decision, DeliveryId, Doubt, LedgerError, Outcome, Reply, State};
use crate::newsroom::ChannelKind;
use crate::yaml::Period;

/// The shortest quarantine: a server may take ten minutes for its last answer.
pub const SHORTEST_QUARANTINE: SignedDuration = SignedDuration::from_mins(15);
/// A destination that shows nothing is believed after so many looks in a row …
const ABSENT: u32 = 2;
/// … and not before this: what it took may show late.
const SHOWS_AFTER: SignedDuration = SignedDuration::from_secs(60);
/// The same for networks whose own list of posts is all that can be looked at.
const LISTS_SHOW_AFTER: SignedDuration = SignedDuration::from_secs(120);
/// The same for mail: a provider's search runs behind what it takes, and nobody wants a mail twice.
const MAIL_SHOWS_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// Minutes after which it is looked at; then at the end of the quarantine, and every 15 minutes where that goes on.
const LOOKS: [i64; 4] = [1, 2, 5, 10];
/// Looks at one go; the rest waits for the next.
const AT_ONCE: u32 = 50;

/// How what is due is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DispatchConfig {
    /// How long it is tried to find out whether a delivery arrived whose answer was lost, before its channel's `on_unknown`
    /// decides; 15 minutes at least.
    pub quarantine: Period,
    /// What links to a page waits until the page is seen from outside.
    pub gate: GateConfig,
}

impl Default for DispatchConfig {
    fn default() -> DispatchConfig {
        DispatchConfig { quarantine: Period(SHORTEST_QUARANTINE), gate: GateConfig::default() }
    }
}

/// What is done now.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Next {
    /// It arrived.
    Sent(Receipt),
    /// It did not, and is sent.
    Again,
    /// Nobody will know: it is sent once more.
    OnceMore,
    /// Nobody will know: a person decides.
    Park,
    /// It is looked at again then; so often in a row it was not there.
    Look(Timestamp, u32),
}

/// A delivery in doubt, as far as judging needs it.
#[derive(Debug, Clone, Copy)]
struct Case {
    kind: ChannelKind,
    on_unknown: OnUnknown,
    since: Timestamp,
    absent: u32,
    resent: bool,
    quarantine: SignedDuration,
    now: Timestamp,
}

/// From when on a destination is believed that something is not there.
fn shows_after(kind: ChannelKind) -> SignedDuration {
    match kind {
        _ if kind.is_mail() => MAIL_SHOWS_AFTER,
        // Their lists run behind what they take, and without a key of ours nothing else protects from a second post.
        ChannelKind::X
        | ChannelKind::Linkedin
        | ChannelKind::Facebook
        | ChannelKind::Threads
        | ChannelKind::Youtube => LISTS_SHOW_AFTER,
        _ => SHOWS_AFTER,
    }
}

fn judge(probe: Probe, case: Case) -> Next {
    let Case { kind, on_unknown, since, absent, resent, quarantine, now } = case;
    let age = now.duration_since(since);
    let absent = match probe {
        Probe::Arrived(receipt) => return Next::Sent(receipt),
        // Files are ours to look at. A receiver of webhooks drops what it has seen, by contract, so it may get it again at once.
        Probe::Absent
            if matches!(
                kind,
                ChannelKind::Newsroom | ChannelKind::File | ChannelKind::Ninjs | ChannelKind::Webhook
            ) =>
        {
            return Next::Again;
        }
        Probe::Absent if absent + 1 >= ABSENT && age >= shows_after(kind) => return Next::Again,
        Probe::Absent => absent.saturating_add(1),
        Probe::CannotTell => 0,
    };
    if age >= quarantine {
        return match on_unknown {
            OnUnknown::ResendOnce if !resent => Next::OnceMore,
            _ => Next::Park,
        };
    }
    let step = LOOKS.map(SignedDuration::from_mins).into_iter().find(|step| *step > age);
    let step = step.unwrap_or_else(|| age.saturating_add(SignedDuration::from_mins(15))).min(quarantine);
    Next::Look(since.checked_add(step).unwrap_or(Timestamp::MAX), absent)
}

/// Looks at every delivery in doubt whose time has come. `sure`: those that are known to have been taken, if not under which
/// name. Returns the states that were reached.
pub async fn look(inner: &Inner, sure: &HashSet<DeliveryId>) -> Result<Tally, LedgerError> {
    let mut tally = Tally::new();
    for doubt in inner.ledger.doubts(inner.clock.now(), AT_ONCE).await? {
        if let Some(state) = one(inner, &doubt, sure.contains(&doubt.claim.delivery)).await? {
            *tally.entry(state).or_default() += 1;
        }
    }
    Ok(tally)
}

async fn one(inner: &Inner, doubt: &Doubt, sure: bool) -> Result<Option<State>, LedgerError> {
    let ledger = &inner.ledger;
    let claim = &doubt.claim;
    let route = inner.routes.get(&doubt.channel);
    let probe = match route {
        Some(route) if !doubt.erased => {
            let parcel = parcel(ledger, claim, ledger.edition(claim.edition).await?, &inner.clock);
            front::probe(inner, route, &parcel).await
        }
        // Its channel is not configured any more, or the person is erased: there is nobody to ask.
        _ => Probe::CannotTell,
    };
    let now = inner.clock.now();
    let next = if sure && !matches!(probe, Probe::Arrived(_)) {
        Next::Sent(Receipt::default())
    } else {
        let case = Case {
            kind: route.map_or(ChannelKind::Smtp, |route| route.kind),
            // Whoever was erased gets nothing more, and without a channel nothing can be sent.
            on_unknown: match route {
                Some(route) if !doubt.erased => route.on_unknown,
                _ => OnUnknown::Hold,
            },
            since: doubt.since,
            absent: doubt.absent,
            resent: doubt.resent,
            quarantine: inner.quarantine(),
            now,
        };
        judge(probe, case)
    };
    let note = |text: &str| Reply { code: None, enhanced: None, text: text.to_owned() };
    let mut url = None;
    let (settled, words) = match next {
        Next::Look(at, absent) => {
            ledger.look_again(claim.delivery, at, absent).await?;
            return Ok(None);
        }
        Next::Sent(receipt) => {
            url.clone_from(&receipt.url);
            let words = format!("no answer, but it is there: {}", receipt.reply);
            let settled = ledger.settle(doubt.attempt, arrived(receipt), now).await;
            (settled.map(|settled| settled.state), words)
        }
        Next::Again => {
            let settled = ledger.settle(doubt.attempt, Outcome::NotSent, now).await;
            (
                settled.map(|settled| settled.state),
                "no answer, and it is not there: it is sent again".to_owned(),
            )
        }
        Next::OnceMore => {
            let words = "nobody knows whether it arrived: it is sent once more";
            (ledger.send_once_more(claim.delivery, note(words), now).await, words.to_owned())
        }
        Next::Park => {
            let words = "nobody knows whether it arrived; `dateline resolve` decides";
            let decision = Decision::Park;
            (ledger.resolve(claim.delivery, decision, "dispatch", note(words), now).await, words.to_owned())
        }
    };
    let state = match settled {
        Ok(state) => state,
        // Somebody decided it meanwhile.
        Err(LedgerError::Refused(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    (inner.observer)(Event {
        slug: claim.slug.clone(),
        notice: claim.notice,
        channel: doubt.channel.clone(),
        recipient: if doubt.erased { "erased contact".to_owned() } else { recipient(claim) },
        state,
        words: without_addresses(&words).into_owned(),
        url,
    });
    Ok(Some(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: ChannelKind, on_unknown: OnUnknown, looks: &[(i64, Probe)], expected: &str) {
        let since: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let mut seen = Vec::new();
        let mut before = 0;
        for (seconds, probe) in looks {
            let now = since + SignedDuration::from_secs(*seconds);
            let case = Case {
                kind,
                on_unknown,
                since,
                absent: before,
                resent: on_unknown == OnUnknown::ResendOnce && seen.contains(&"once more".to_owned()),
                quarantine: SHORTEST_QUARANTINE,
                now,
            };
            seen.push(match judge(probe.clone(), case) {
                Next::Sent(_) => "sent".to_owned(),
                Next::Again => "again".to_owned(),
                Next::OnceMore => "once more".to_owned(),
                Next::Park => "park".to_owned(),
                Next::Look(at, absent) => {
                    before = absent;
                    format!("look at {}", at.duration_since(since).as_secs())
                }
            });
        }
        assert_eq!(seen.join(", "), expected);
    }

    #[test]
    fn evidence_decides_and_without_it_the_channels_rule() {
        use ChannelKind::{Bluesky, File, Mastodon, Newsroom, Postmark, Ses, Smtp, Webhook};
        use OnUnknown::{Hold, ResendOnce};
        use Probe::{Absent, CannotTell};
        let there = || Probe::Arrived(Receipt::default());
        let nothing = || [0, 60, 120, 300, 600, 900].map(|seconds| (seconds, CannotTell)).to_vec();
        let looks = "look at 60, look at 120, look at 300, look at 600, look at 900";
        check(Smtp, Hold, &nothing(), &format!("{looks}, park"));
        check(Smtp, ResendOnce, &nothing(), &format!("{looks}, once more"));
        let twice = [(900, CannotTell), (900, CannotTell)];
        check(Smtp, ResendOnce, &twice, "once more, park");
        check(Ses, Hold, &nothing(), &format!("{looks}, park"));
        check(Postmark, Hold, &[(0, Absent), (60, there())], "look at 60, sent");
        // A mail is looked for longer: what a provider took it may show late.
        let absent = [0, 60, 120, 300, 600].map(|seconds| (seconds, Absent));
        check(Postmark, Hold, &absent, "look at 60, look at 120, look at 300, look at 600, again");
        check(Postmark, Hold, &[(0, Absent), (900, CannotTell)], "look at 60, park");
        check(Mastodon, Hold, &[(0, there())], "sent");
        check(Mastodon, ResendOnce, &[(99_999, there())], "sent");
        // Not there at once is no proof; not there twice, a minute later, is.
        check(Mastodon, Hold, &[(0, Absent), (60, Absent)], "look at 60, again");
        check(Mastodon, Hold, &[(0, Absent), (30, Absent), (60, Absent)], "look at 60, look at 60, again");
        let twice = [(0, Absent), (60, Absent), (120, Absent)];
        check(ChannelKind::X, Hold, &twice, "look at 60, look at 120, again");
        check(
            Bluesky,
            Hold,
            &[(60, Absent), (120, CannotTell), (300, Absent)],
            "look at 120, look at 300, look at 600",
        );
        check(Bluesky, Hold, &[(899, Absent), (900, CannotTell)], "look at 900, park");
        for kind in [Newsroom, File, Webhook] {
            check(kind, Hold, &[(0, Absent)], "again");
        }
    }

    #[test]
    fn a_longer_quarantine_is_kept() {
        let since: Timestamp = "2026-12-01T08:00:00Z".parse().unwrap();
        let at = |minutes| since + SignedDuration::from_mins(minutes);
        let case = |minutes| Case {
            kind: ChannelKind::Smtp,
            on_unknown: OnUnknown::ResendOnce,
            since,
            absent: 0,
            resent: false,
            quarantine: SignedDuration::from_mins(40),
            now: at(minutes),
        };
        for (minutes, expected) in [
            (15, Next::Look(at(30), 0)),
            (30, Next::Look(at(40), 0)),
            (40, Next::OnceMore),
            (4_000, Next::OnceMore),
        ] {
            assert_eq!(judge(Probe::CannotTell, case(minutes)), expected, "{minutes}");
        }
    }
}
