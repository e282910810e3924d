//! An order, checked and made ready to be written; what its rows are, whatever the database.

use std::sync::Arc;

use jiff::Timestamp;

use super::{LedgerError, Order, State};
use crate::digest::Digest;
use crate::language::Language;
use crate::newsroom::ChannelKind;
use crate::plan::{Action, Crowd, Recipients};
use crate::release::Notice;

type Result<T> = std::result::Result<T, LedgerError>;

/// Lists up to this long are written in one transaction.
pub(super) const AT_ONCE: u64 = 50_000;
/// Longer ones in pieces of this many.
pub(super) const PIECE: usize = 10_000;

/// An order, checked and ready to be written.
pub(super) struct Prepared {
    pub(super) order: Order,
    /// The same for the same order.
    pub(super) sha: Digest,
    pub(super) groups: Vec<Group>,
}

/// A group of the plan for which something is written.
pub(super) struct Group {
    pub(super) at: usize,
    pub(super) kind: ChannelKind,
    pub(super) edition: Digest,
    pub(super) body: Vec<u8>,
    pub(super) assets: Vec<(Digest, Arc<[u8]>)>,
    pub(super) notice: Notice,
    pub(super) recipients: Vec<(i64, Option<i64>)>,
    pub(super) account: bool,
    pub(super) follows: bool,
    /// The most mails that a recipient may have in seven days.
    pub(super) per_week: Option<u32>,
    /// Names the recipients, where they are listed.
    pub(super) crowd: Option<Crowd>,
    /// Nobody is listed: it is for those who turn out to have nothing.
    pub(super) ready: bool,
}

/// Deliveries of one order that differ by recipient alone.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub id: i64,
    pub issued: i64,
    pub seq: i64,
    pub release: String,
    pub audience: String,
    pub channel: String,
    pub kind: ChannelKind,
    pub language: Language,
    pub advance: bool,
    /// Goes to those who have an older text.
    pub follows: bool,
    pub edition: Digest,
    pub due: Timestamp,
}

/// A release on a channel: where a recipient has one seat for the original, and one for each notice.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub id: i64,
    /// The language of the account, or nothing for contacts.
    pub account: String,
}

/// What became of recipients who were handed in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Inserted {
    pub created: u64,
    pub already: u64,
    pub suppressed: u64,
}

fn written(group: &crate::plan::Group) -> bool {
    !matches!(group.action, Action::None | Action::Blocked)
}

/// Whether a group of a newer order is for the recipients of `part`.
fn replaces(group: &crate::plan::Group, part: &Part) -> bool {
    // An account has one seat in a language, whichever audience names it.
    (group.audience == part.audience || !part.kind.is_mail())
        && group.channel == part.channel
        && group.language == part.language
        && group.advance == part.advance
}

impl Prepared {
    /// Refuses an order that contradicts itself.
    pub(super) fn check(order: Order) -> Result<Prepared> {
        let planned = &order.planned;
        let mut names: Vec<Vec<u8>> = vec![
            planned.slug.clone().into(),
            planned.notice.as_str().into(),
            planned.source.to_string().into(),
            planned.expires.as_microsecond().to_be_bytes().into(),
        ];
        let mut groups = Vec::new();
        for (at, group) in planned.deliveries.iter().enumerate().filter(|(_, group)| written(group)) {
            // A page that is out already is written again for its receiver: the site.
            let follows = matches!(group.action, Action::Correct | Action::Kill)
                || matches!(group.recipients, Recipients::Receivers(_));
            let (recipients, account) = match &group.recipients {
                _ if follows => (Vec::new(), false),
                Recipients::Contacts(list) => (list.iter().map(|id| (id.0, None)).collect(), false),
                Recipients::Account => (vec![(0, None)], true),
                Recipients::Open(_) => {
                    names.push(b"open".into());
                    (Vec::new(), false)
                }
                _ => (Vec::new(), false),
            };
            names.push(group.audience.clone().into());
            names.push(group.channel.clone().into());
            names.push(group.language.as_str().into());
            names.push(format!("{:?} {} {}", group.action, group.advance, account).into());
            names.push(group.due.as_microsecond().to_be_bytes().into());
            names.push(recipients.iter().flat_map(|(id, _): &(i64, _)| id.to_be_bytes()).collect());
            let Some(given) = order.editions.iter().find(|edition| edition.group == at) else {
                if recipients.is_empty() && group.action == Action::Kill {
                    continue;
                }
                return Err(LedgerError::Refused(format!(
                    "{}: the order has no edition for {} on {}",
                    planned.slug, group.audience, group.channel
                )));
            };
            let request = &given.edition.request;
            if request.test || request.slug != planned.slug || request.channel != group.channel {
                return Err(LedgerError::Refused(format!(
                    "{}: the edition for {} on {} is of {} on {}, or a test",
                    planned.slug, group.audience, group.channel, request.slug, request.channel
                )));
            }
            let edition = given.edition.sha();
            names.push(edition.0.into());
            groups.push(Group {
                at,
                kind: given.kind,
                edition,
                body: serde_json::to_vec(&given.edition)
                    .map_err(|error| LedgerError::Refused(format!("{}: {error}", planned.slug)))?,
                assets: given.edition.assets.iter().map(|a| (a.sha, Arc::clone(&a.bytes))).collect(),
                notice: request.notice,
                per_week: planned.limits.get(&group.audience).copied().filter(|_| !account && !follows),
                crowd: match &group.recipients {
                    Recipients::Contacts(list) if !follows => Some(Crowd::of(list)),
                    _ => None,
                },
                recipients,
                account,
                follows,
                ready: matches!(group.recipients, Recipients::Open(_)),
            });
        }
        let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
        Ok(Prepared { sha: Digest::of_fields(&names), groups, order })
    }

    /// About how many deliveries it makes.
    pub(super) fn size(&self) -> u64 {
        self.order
            .planned
            .deliveries
            .iter()
            .filter(|group| written(group))
            .map(|g| g.recipients.count())
            .sum()
    }

    /// What becomes of the waiting deliveries of an older part.
    pub(super) fn stops(&self, part: &Part) -> Option<State> {
        let planned = &self.order.planned;
        let same = |group: &&crate::plan::Group| replaces(group, part);
        let actions: Vec<Action> = planned.deliveries.iter().filter(same).map(|group| group.action).collect();
        if matches!(planned.notice, Notice::Hold | Notice::Kill) || actions.contains(&Action::Kill) {
            Some(State::Cancelled)
        } else if actions.iter().any(|action| matches!(action, Action::Update | Action::Correct)) {
            Some(State::Superseded)
        } else {
            None
        }
    }

    /// Which of the order's groups takes the place of what waits in an older part, where its recipients are not listed.
    pub(super) fn instead(&self, part: &Part) -> Option<usize> {
        self.groups.iter().position(|group| {
            let of = self.order.planned.deliveries.get(group.at);
            group.ready && !part.follows && of.is_some_and(|of| replaces(of, part))
        })
    }

    /// The part that `group` becomes.
    pub(super) fn part(&self, group: &Group, id: i64, issued: i64, seq: i64) -> Part {
        let planned = &self.order.planned;
        let of = &planned.deliveries[group.at];
        Part {
            id,
            issued,
            seq,
            release: planned.slug.clone(),
            audience: of.audience.clone(),
            channel: of.channel.clone(),
            kind: group.kind,
            language: of.language.clone(),
            advance: of.advance,
            follows: group.follows,
            edition: group.edition,
            due: of.due,
        }
    }
}

impl Group {
    /// Mail goes to contacts; everything else to the channel's own account.
    pub(super) fn to_account(&self) -> bool {
        if self.follows || self.ready { !self.kind.is_mail() } else { self.account }
    }
}
