//! One release of a plan in the making: from what was gathered and what is held to its parts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::change::{Change, Part};
use super::gather::{Counts, Gathered, Gathering, Listed, Shape};
use super::{Action, Group, HeldGroup, HeldRelease, LeftOut, Planned, Recipients};
use crate::contact::ContactId;
use crate::language::Language;
use crate::newsroom::ChannelKind;
use crate::release::Notice;

/// One release in the making.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) planned: Planned,
    pub(super) held: Option<&'a HeldRelease>,
    pub(super) change: Change,
    /// Why nothing new is sent: late, or expired.
    pub(super) forbidden: Option<String>,
    /// The shape of its mail, and what every lane does.
    pub(super) shape: Option<usize>,
    pub(super) lanes: Vec<Vec<Doing>>,
    /// Which of the ledger's groups have been dealt with.
    pub(super) seen: Vec<bool>,
    /// How long a notice may take to arrive.
    pub(super) grace: SignedDuration,
    /// What is to be gathered, where somebody is listed.
    pub(super) gathering: Option<Gathering>,
}

/// What is done about one audience on one mail channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Nobody needs to be listed: it is complete.
    Kept,
    /// Recipients are listed.
    Listed,
    /// It is forbidden; recipients are counted.
    Counted,
}

impl Making<'_> {
    /// Whether neither the time nor the contact book makes a difference, as long as nothing of it is missing in
    /// the ledger: nothing changed, and nothing waits.
    pub(super) fn is_still(&self) -> bool {
        let groups = self.held.map(|held| held.groups.as_slice()).unwrap_or_default();
        self.change == Change::Same
            && self.shape.is_some()
            && self.planned.digest_of.is_empty()
            && self.lanes.iter().flatten().all(|doing| *doing == Doing::Kept)
            && groups.iter().all(|group| group.waiting == 0)
    }

    fn push(&mut self, group: Group) {
        self.planned.deliveries.push(group);
    }

    /// Plans one account, site or folder in one language.
    pub(super) fn account(
        &mut self,
        audience: &str,
        channel: &str,
        kind: ChannelKind,
        language: &Language,
        now: Timestamp,
    ) {
        let page = kind == ChannelKind::Newsroom;
        let sending = !matches!(kind, ChannelKind::Newsroom | ChannelKind::File | ChannelKind::Ninjs);
        let groups = self.held.map(|held| held.groups.as_slice()).unwrap_or_default();
        let part = Part::of(see(groups, &mut self.seen, |group| {
            group.channel == channel && group.language == *language
        }));
        let publish = self.planned.publish;
        let held_due = part.groups.iter().map(|group| group.due).max().unwrap_or(publish);
        let forbids = self.change.forbids(language).map(str::to_owned);
        let forbidden = self.forbidden.clone().filter(|_| sending);
        let account = Recipients::Account;
        let sent = Recipients::Receivers(part.sent);
        let (action, recipients, due, reason) = match &self.change {
            _ if part.is_empty() => match forbids.or(forbidden) {
                Some(reason) => (Action::Blocked, account, publish, Some(reason)),
                None => (Action::Create, account, publish, None),
            },
            Change::Same | Change::New => (Action::None, account, held_due, None),
            Change::Changed { .. } if forbids.is_some() => (Action::Blocked, sent, held_due, forbids),
            Change::Changed { corrected: Some(_), .. } if part.reached() > 0 => {
                (Action::Correct, sent, now, open_words(&part))
            }
            Change::Changed { look, .. } if part.reached() > 0 => {
                if page && *look {
                    (
                        Action::Update,
                        sent,
                        publish,
                        Some("the words are the same, the page is new".to_owned()),
                    )
                } else {
                    (Action::None, sent, held_due, Some("sent; the words are the same".to_owned()))
                }
            }
            Change::Changed { .. } if part.waiting == 0 && forbidden.is_some() => {
                (Action::None, account, held_due, Some("it ended without being sent".to_owned()))
            }
            Change::Changed { .. } => (Action::Update, account, publish, Some(moved(held_due, publish))),
        };
        let paid =
            kind.cost().filter(|_| matches!(action, Action::Create | Action::Update | Action::Correct));
        let reason = match (reason, paid) {
            (Some(reason), Some(paid)) => Some(format!("{reason}; {paid}")),
            (reason, paid) => reason.or_else(|| paid.map(str::to_owned)),
        };
        let ready = action == Action::Correct && part.open > 0;
        let group = |recipients, due, action, reason| Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: language.clone(),
            advance: false,
            recipients,
            due,
            action,
            reason,
        };
        self.push(group(recipients, due, action, reason));
        if ready {
            self.push(group(Recipients::Open(part.open), held_due, Action::Update, Some(ready_words())));
        }
    }

    /// Plans the mails: `gathered` for what was listed, the shape's `counts` for what was counted.
    pub(super) fn mails(&mut self, shape: &Shape<'_>, gathered: Gathered, counts: &Counts, now: Timestamp) {
        let Gathered { mut listed, left_out } = gathered;
        for (index, lane) in shape.lanes.iter().enumerate().filter(|(_, lane)| !lane.rounded_up) {
            for channel in &lane.channels {
                let Some(name) = shape.channels.get(*channel) else { continue };
                let doing = self
                    .lanes
                    .get(index)
                    .and_then(|doing| doing.get(*channel))
                    .copied()
                    .unwrap_or(Doing::Kept);
                let audience = lane.audience.key.as_str();
                if doing == Doing::Counted {
                    self.counted(shape, index, *channel, &listed, counts);
                    continue;
                }
                if doing == Doing::Listed && !listed.keys().any(|key| (key.0, key.1) == (index, *channel)) {
                    let out = left_out.keys().any(|(lane, _)| *lane == index);
                    self.nobody(audience, name, &shape.languages, out);
                }
                for (place, language) in shape.languages.iter().enumerate() {
                    for advance in [true, false] {
                        let to = listed.remove(&(index, *channel, place, advance)).unwrap_or_default();
                        self.mail(audience, name, language, advance, to, doing, now);
                    }
                }
            }
        }
        for ((lane, reason), contacts) in left_out {
            if let Some(lane) = shape.lanes.get(lane) {
                self.planned.left_out.push(LeftOut { audience: lane.audience.key.clone(), reason, contacts });
            }
        }
    }

    /// Says that an audience is empty, where the ledger has nothing of it either.
    fn nobody(&mut self, audience: &str, channel: &str, languages: &[Language], out: bool) {
        let groups = self.held.map(|held| held.groups.as_slice()).unwrap_or_default();
        let held = groups.iter().any(|group| group.audience == audience && group.channel == channel);
        let Some(language) = languages.first().filter(|_| !held) else { return };
        let reason =
            if out { "everybody is left out" } else { "nobody in the contact book belongs to the audience" };
        let due = self.planned.publish;
        self.push(Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: language.clone(),
            advance: false,
            recipients: Recipients::Number(0),
            due,
            action: Action::None,
            reason: Some(reason.to_owned()),
        });
    }

    /// What would be sent, were it not forbidden.
    fn counted(&mut self, shape: &Shape<'_>, lane: usize, channel: usize, listed: &Listed, counts: &Counts) {
        let Some(audience) = shape.lanes.get(lane).map(|lane| lane.audience.key.clone()) else { return };
        let Some(name) = shape.channels.get(channel) else { return };
        for (place, language) in shape.languages.iter().enumerate() {
            let named: u64 = [true, false]
                .iter()
                .filter_map(|advance| listed.get(&(lane, channel, place, *advance)))
                .flat_map(BTreeMap::values)
                .map(|contacts| contacts.len() as u64)
                .sum();
            let counted = counts.get(&(lane, channel, place)).copied().unwrap_or(0);
            let count = if named > 0 { named } else { counted };
            if count > 0 {
                let group = Group {
                    audience: audience.clone(),
                    channel: (*name).to_owned(),
                    language: language.clone(),
                    advance: false,
                    recipients: Recipients::Number(count),
                    due: self.planned.publish,
                    action: Action::Blocked,
                    reason: self.forbidden.clone(),
                };
                self.push(group);
            }
        }
    }

    /// Plans one audience on one mail channel in one language.
    #[expect(clippy::too_many_arguments, reason = "they name one part of a plan")]
    fn mail(
        &mut self,
        audience: &str,
        channel: &str,
        language: &Language,
        advance: bool,
        to: BTreeMap<Timestamp, Vec<ContactId>>,
        doing: Doing,
        now: Timestamp,
    ) {
        let groups = self.held.map(|held| held.groups.as_slice()).unwrap_or_default();
        let part = Part::of(see(groups, &mut self.seen, |group| {
            group.audience == audience
                && group.channel == channel
                && group.language == *language
                && group.advance == advance
        }));
        let group = |recipients, due, action, reason| Group {
            audience: audience.to_owned(),
            channel: channel.to_owned(),
            language: language.clone(),
            advance,
            recipients,
            due,
            action,
            reason,
        };
        let forbids = self.change.forbids(language).map(str::to_owned);
        if part.is_empty() {
            for (due, contacts) in to {
                let action = if forbids.is_some() { Action::Blocked } else { Action::Create };
                let recipients = match action {
                    Action::Blocked => Recipients::Number(contacts.len() as u64),
                    _ => Recipients::Contacts(contacts),
                };
                self.push(group(recipients, due, action, forbids.clone()));
            }
            return;
        }
        match self.change.clone() {
            Change::New | Change::Same => {
                let ahead = part.ahead(now);
                let times: BTreeSet<Timestamp> = to.keys().filter(|due| **due > now).copied().collect();
                let listed: u64 =
                    to.iter().filter(|(due, _)| **due > now).map(|(_, contacts)| contacts.len() as u64).sum();
                let stays = self.planned.moved_from.is_some();
                let same = || part.is_for(&to, now).unwrap_or(listed == ahead && part.times(now) == times);
                let differs = !stays && doing == Doing::Listed && !same();
                for held in &part.groups {
                    let count = Recipients::Number(held.all());
                    if !differs || held.due <= now || held.waiting == 0 {
                        self.push(group(count, held.due, Action::None, None));
                    } else if listed == 0 {
                        let reason = Some("nobody of them is meant any more".to_owned());
                        self.push(group(Recipients::Number(held.waiting), held.due, Action::Kill, reason));
                    }
                }
                if differs {
                    let reason = if listed == ahead && part.times(now) != times {
                        "at other times than at the last issue".to_owned()
                    } else {
                        difference(ahead, listed)
                    };
                    for (due, contacts) in to.into_iter().filter(|(due, _)| *due > now) {
                        self.push(group(
                            Recipients::Contacts(contacts),
                            due,
                            Action::Update,
                            Some(reason.clone()),
                        ));
                    }
                }
            }
            Change::Changed { corrected, released, .. } => {
                let receivers = Recipients::Receivers(part.sent);
                let last = part.groups.iter().map(|group| group.due).max().unwrap_or(now);
                if let Some(reason) = forbids {
                    let all = part.groups.iter().map(|group| group.all()).sum();
                    self.push(group(Recipients::Number(all), last, Action::Blocked, Some(reason)));
                    return;
                }
                if part.reached() > 0 {
                    let sent = match corrected {
                        Some(false) => group(receivers, now, Action::Correct, open_words(&part)),
                        Some(true) => {
                            group(receivers, last, Action::None, Some("minor: nobody is mailed".to_owned()))
                        }
                        None if released => group(
                            receivers,
                            last,
                            Action::None,
                            Some(
                                "released; add a `correction:` to tell those who were asked to wait"
                                    .to_owned(),
                            ),
                        ),
                        None => group(
                            receivers,
                            last,
                            Action::None,
                            Some("sent; the words are the same".to_owned()),
                        ),
                    };
                    self.push(sent);
                }
                let mut written: u64 = 0;
                for (due, contacts) in to {
                    let unsent = part.reached() == 0 || (part.waiting > 0 && !part.finished(due, now));
                    if unsent {
                        written += contacts.len() as u64;
                        let reason = Some(moved(last, due)).filter(|_| part.groups.len() == 1);
                        let reason = reason.unwrap_or_else(|| "replaces what waits".to_owned());
                        let reason = match difference(part.waiting, contacts.len() as u64) {
                            words
                                if part.groups.len() == 1
                                    && part.waiting > 0
                                    && !words.starts_with("other") =>
                            {
                                format!("{reason}, {words}")
                            }
                            _ => reason,
                        };
                        self.push(group(Recipients::Contacts(contacts), due, Action::Update, Some(reason)));
                    }
                }
                // What waits beside what was sent may be the notices of an earlier order.
                let notices = part.reached() > 0
                    && (corrected.is_some() || self.held.is_some_and(|held| held.notice != Notice::Original));
                if written == 0 && part.waiting > 0 && !notices {
                    let reason = Some("nobody of them is meant any more".to_owned());
                    self.push(group(Recipients::Number(part.waiting), last, Action::Kill, reason));
                }
                if corrected.is_some() && part.open > 0 && written == 0 {
                    self.push(group(Recipients::Open(part.open), last, Action::Update, Some(ready_words())));
                }
            }
        }
    }

    /// What the ledger holds for audiences or channels that the release no longer names.
    pub(super) fn leftovers(&mut self, now: Timestamp) {
        let groups = self.held.map(|held| held.groups.as_slice()).unwrap_or_default();
        let seen = std::mem::take(&mut self.seen);
        let left = groups.iter().zip(seen).filter(|(_, seen)| !seen);
        for (held, _) in left {
            let group = |recipients, due, action, reason: &str| Group {
                audience: held.audience.clone(),
                channel: held.channel.clone(),
                language: held.language.clone(),
                advance: held.advance,
                recipients,
                due,
                action,
                reason: Some(reason.to_owned()),
            };
            let mut parts = Vec::new();
            if held.waiting > 0 && self.change != Change::Same {
                parts.push(group(
                    Recipients::Number(held.waiting),
                    held.due,
                    Action::Kill,
                    "the release no longer goes there",
                ));
            }
            if held.sent + held.open > 0 {
                let receivers = Recipients::Receivers(held.sent);
                parts.push(match (&self.change, self.change.forbids(&held.language)) {
                    (_, Some(reason)) => group(receivers, held.due, Action::Blocked, reason),
                    (Change::Changed { corrected: Some(false), .. }, None) => {
                        group(receivers, now, Action::Correct, "they have it, though it no longer goes there")
                    }
                    _ => group(receivers, held.due, Action::None, "the release no longer goes there"),
                });
                if held.open > 0 && parts.last().is_some_and(|group| group.action == Action::Correct) {
                    parts.push(group(Recipients::Open(held.open), held.due, Action::Update, &ready_words()));
                }
            }
            self.planned.deliveries.extend(parts);
        }
    }

    /// The whole, once all parts are there.
    pub(super) fn finish(mut self, now: Timestamp) -> Planned {
        let deliveries = &mut self.planned.deliveries;
        if let Change::Changed { blocked, reason, .. } = &self.change
            && !blocked.is_empty()
        {
            // One language blocks all: half a release would be noted as issued.
            for group in deliveries.iter_mut().filter(|group| group.action.writes()) {
                group.action = Action::Blocked;
                group.recipients = Recipients::Number(group.recipients.count());
                group.reason = Some(reason.clone());
            }
        }
        let corrects = deliveries.iter().any(|group| group.action == Action::Correct);
        if corrects {
            self.planned.notice = Notice::Correction;
        } else if let Some(held) = self.held.filter(|_| self.planned.notice == Notice::Original)
            && matches!(held.notice, Notice::Correction)
        {
            self.planned.notice = Notice::Correction;
        }
        let written =
            |action| matches!(action, Action::Create | Action::Update | Action::Correct | Action::Kill);
        let notices = deliveries.iter().any(|group| {
            written(group.action)
                && matches!(group.recipients, Recipients::Receivers(_) | Recipients::Account)
        });
        if notices && self.planned.expires <= now || corrects {
            let later = now.checked_add(self.grace).unwrap_or(now);
            self.planned.expires = self.planned.expires.max(later);
        }
        self.planned
    }
}

/// Those of the ledger's groups that are `wanted`; they have been dealt with then.
fn see<'a>(
    groups: &'a [HeldGroup],
    seen: &mut [bool],
    wanted: impl Fn(&HeldGroup) -> bool,
) -> impl Iterator<Item = &'a HeldGroup> {
    let both = groups.iter().zip(seen.iter_mut());
    both.filter(move |(group, _)| wanted(group)).map(|(group, seen)| {
        *seen = true;
        group
    })
}

fn open_words(part: &Part<'_>) -> Option<String> {
    (part.open > 0).then(|| format!("{} more if it turns out that they have it", part.open))
}

/// Why there is a newer text for which nobody is listed.
fn ready_words() -> String {
    "instead of the old words, if it turns out that they have nothing".to_owned()
}

fn moved(before: Timestamp, after: Timestamp) -> String {
    if before == after { "replaces what waits".to_owned() } else { format!("moved from {before}") }
}

/// How many more or fewer there are, as far as numbers tell.
fn difference(before: u64, after: u64) -> String {
    match after.cmp(&before) {
        std::cmp::Ordering::Greater => format!("+{} since the last issue", after - before),
        std::cmp::Ordering::Less => format!("−{} since the last issue", before - after),
        std::cmp::Ordering::Equal => "other recipients than at the last issue".to_owned(),
    }
}
