//! Why one contact gets a release, or does not: the plan for them alone, with each rule's answer beside it.

use jiff::Timestamp;

use super::{Held, Plan, Planner, Recipients, Why};
use crate::audience::Verdict;
use crate::contact::Contact;
use crate::language::Language;
use crate::newsroom::Newsroom;
use crate::release::{Release, Status};

/// What a plan that begins anew does about one contact and one release.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Why nothing of the release leaves, whoever asks: a draft, held, killed, expired, late.
    pub stopped: Option<String>,
    /// When it becomes public.
    pub publish: Option<Timestamp>,
    /// The end of the embargo.
    pub embargo: Option<Timestamp>,
    /// After this nothing is sent.
    pub expires: Option<Timestamp>,
    /// The topics that recipients may pick from.
    pub topics: Vec<String>,
    /// The audiences that the release names, in its order: the most specific first.
    pub audiences: Vec<Answer>,
}

/// What one audience says of the contact.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The audience.
    pub audience: String,
    /// Its rule, and what each part of it says; nothing for an audience without members.
    pub rule: Option<Verdict>,
    /// The most mails in seven days.
    pub per_week: Option<u32>,
    /// Whether it gives copies ahead of the embargo to those who may have them.
    pub ahead: bool,
    /// Whether it waits for a window or a slot.
    pub waits: bool,
    /// What comes of it.
    pub outcome: Outcome,
}

/// What comes of an audience's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is not for contacts, or not by mail.
    NoMail,
    /// The contact does not belong to it.
    NotMember,
    /// It gets its releases in a round-up.
    RoundUp,
    /// The contact gets the release through it.
    Gets {
        /// On this channel.
        channel: String,
        /// In this language.
        language: Language,
        /// Then.
        due: Timestamp,
        /// Ahead of the embargo, marked.
        advance: bool,
    },
    /// The contact belongs to it, and is left out.
    LeftOut(Why),
    /// An earlier audience decided already.
    Decided,
}

impl Explanation {
    /// Whether the contact gets the release through any audience, if nothing stops it.
    pub fn gets(&self) -> Option<&Answer> {
        self.audiences.iter().find(|answer| matches!(answer.outcome, Outcome::Gets { .. }))
    }
}

/// Why `contact` gets `release`, or not, as if nothing of it had been issued. What is already in the ledger is the
/// ledger's to tell.
pub fn explain(
    newsroom: &Newsroom,
    held: &Held,
    contact: &Contact,
    release: &Release,
    now: Timestamp,
) -> Explanation {
    let fresh = Held { releases: std::collections::BTreeMap::new(), ..held.clone() };
    // With what is late: when it would leave is part of the answer.
    let mut planner = Planner::new(newsroom, &fresh, now).late(true);
    planner.contact(contact);
    let plan = planner.finish();
    let expires = plan.releases.iter().find(|planned| planned.slug == release.slug).map(|p| p.expires);
    let answers = release.audiences.iter().filter_map(|key| newsroom.audiences.get(key));
    let audiences = answers.map(|audience| {
        let mails = audience
            .channels
            .iter()
            .any(|channel| newsroom.channels.get(&channel.value).is_some_and(|facts| facts.kind.is_mail()));
        let rule = audience.members.as_ref().map(|rule| rule.explain(contact));
        let outcome = if !mails || rule.is_none() {
            Outcome::NoMail
        } else if !audience.admits(contact) {
            Outcome::NotMember
        } else {
            match found(&plan, &release.slug, &audience.key, contact) {
                Outcome::Decided if audience.digest.is_some() => Outcome::RoundUp,
                other => other,
            }
        };
        Answer {
            audience: audience.key.clone(),
            rule,
            per_week: audience.per_week,
            ahead: audience.advance > jiff::SignedDuration::ZERO,
            waits: audience.window.is_some() || audience.slots.is_some(),
            outcome,
        }
    });
    let audiences = audiences.collect();
    Explanation {
        stopped: stopped(newsroom, release, now),
        publish: release.publish,
        embargo: release.embargo.or(release.publish),
        expires,
        topics: super::planner::topics(newsroom, release),
        audiences,
    }
}

fn found(plan: &Plan, slug: &str, audience: &str, contact: &Contact) -> Outcome {
    let Some(planned) = plan.releases.iter().find(|planned| planned.slug == slug) else {
        return Outcome::Decided;
    };
    for group in planned.deliveries.iter().filter(|group| group.audience == audience) {
        if let Recipients::Contacts(list) = &group.recipients
            && list.contains(&contact.id)
        {
            return Outcome::Gets {
                channel: group.channel.clone(),
                language: group.language.clone(),
                due: group.due,
                advance: group.advance,
            };
        }
    }
    let out =
        planned.left_out.iter().find(|out| out.audience == audience && out.contacts.contains(&contact.id));
    out.map_or(Outcome::Decided, |out| Outcome::LeftOut(out.reason.clone()))
}

fn stopped(newsroom: &Newsroom, release: &Release, now: Timestamp) -> Option<String> {
    match release.status {
        Status::Draft => return Some("it is a draft".to_owned()),
        Status::Held => return Some("it is held".to_owned()),
        Status::Killed => return Some("it is killed".to_owned()),
        Status::Approved => {}
    }
    let Some(publish) = release.publish else { return Some("it has no time to be published".to_owned()) };
    if let Some(expires) = release.expires.filter(|expires| *expires <= now) {
        return Some(format!("it expired at {expires}"));
    }
    (now.duration_since(publish) > newsroom.policy.late_after).then(|| {
        "its time is long over; only `dateline issue --late` sends it to anybody who has nothing yet"
            .to_owned()
    })
}

impl Why {
    /// The reason, said of one contact.
    pub fn of_one(&self) -> String {
        match self {
            Why::AlreadyBy(audience) => format!("gets it as {audience}, which the release names first"),
            Why::Suppressed(reason) => format!("must not be contacted: {reason}"),
            Why::Language => "reads none of its languages".to_owned(),
            Why::OtherLanguages => "chose other languages on the preference page".to_owned(),
            Why::OtherTopics => "chose other topics on the preference page".to_owned(),
            Why::Limit(limit) => {
                format!("had {limit} or more mails in seven days, the most that this audience allows")
            }
            Why::NoTime => {
                "the audience's window or slots leave no time before the release expires".to_owned()
            }
        }
    }
}
