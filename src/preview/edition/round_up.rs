//! Audiences that get their releases in a round-up: which one a release will be in, and with what else.

use jiff::Timestamp;

use crate::newsroom::Newsroom;
use crate::release::{Release, Status};

/// The round-up that holds a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoundUp {
    /// `digest/AUDIENCE/DATE`.
    pub slug: String,
    /// What is in it, in order.
    pub releases: Vec<String>,
    /// When it leaves.
    pub due: Timestamp,
}

/// The round-up that `audience` gets `release` in, as if the release were approved; nothing for audiences that get single
/// mails, channels that carry no mail, and releases without a time.
pub fn round_up(newsroom: &Newsroom, release: &Release, audience: &str, channel: &str) -> Option<RoundUp> {
    if !newsroom.channels.get(channel)?.kind.is_mail() {
        return None;
    }
    let slots = &newsroom.audiences.get(audience)?.digest.as_ref()?.slots;
    let zone = &newsroom.timezone;
    let due = slots.at_or_after(release.publish?, zone)?;
    let before = due.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
    let since = slots.at_or_before(before, zone).unwrap_or(Timestamp::MIN);
    let mut inside: Vec<(Timestamp, &str)> = newsroom
        .releases
        .values()
        .filter(|other| other.slug == release.slug || other.status == Status::Approved)
        .filter(|other| other.audiences.iter().any(|key| key == audience))
        .filter_map(|other| Some((other.publish?, other.slug.as_str())))
        .filter(|(publish, _)| *publish > since && *publish <= due)
        .collect();
    inside.sort_unstable();
    Some(RoundUp {
        slug: format!("digest/{audience}/{}", due.to_zoned(zone.clone()).date()),
        releases: inside.into_iter().map(|(_, slug)| slug.to_owned()).collect(),
        due,
    })
}
