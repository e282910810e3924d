//! The page first: what links to a release waits until its page is seen from outside.
//!
//! Whoever follows a link must find the page there, and the crawlers that make preview cards remember what they found at their first look.
//! So a page that a blog has taken is asked for as a reader would, and its words are compared; until they are there, no mail, post,
//! message or ping of that release leaves. Holds and kills wait for nothing.
//!
//! While it waits a hold on the release's links stands in the ledger, for everybody to see; it ends by itself when the page is seen, or
//! by `dateline resume --links`. After [`GateConfig::wait`] the newsroom's own rule decides ([`Then`]).
//!
//! Nothing here is the last word on whether something may leave: that is the ledger's intent.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Deserialize;

use super::attempt::caught;
use super::{Inner, Route, lock};
use crate::channel::{Parcel, Probe, http};
use crate::digest::Digest;
use crate::ledger::{Claim, Front, Hold, LedgerError, Scope, State};
use crate::newsroom::{ChannelKind, Form};
use crate::release::Notice;
use crate::render::{Content, Edition};
use crate::yaml::Period;

/// A page that does not come within this is not there.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);
/// Sooner than this nothing is said about it: blogs take their time.
const QUIET: SignedDuration = SignedDuration::from_secs(5);
/// Between two looks at least, and at most.
const SOONEST: SignedDuration = SignedDuration::from_secs(1);
const LATEST: SignedDuration = SignedDuration::from_secs(60);
/// Releases that are remembered.
const REMEMBERED: usize = 1_000;

/// What links to a page waits until the page is seen from outside.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// The channels whose pages are looked at. Where nothing is said: all blogs and newsroom sites (`wordpress`, `ghost`, `micropub`,
    /// `newsroom`). `[]` while a site's folder is not served at its `url` yet.
    pub pages: Option<Vec<String>>,
    /// How long it is waited for a page that is not there.
    pub wait: Period,
    /// What becomes of what waits when that is over.
    pub then: Then,
    /// What becomes of mails then, where posts and messages leave without the link: a mail keeps its own.
    pub mails: Mails,
}

impl Default for GateConfig {
    fn default() -> GateConfig {
        let wait = Period(SignedDuration::from_mins(10));
        GateConfig { pages: None, wait, then: Then::default(), mails: Mails::default() }
    }
}

/// What becomes of what links to a page that is still not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// Posts and messages leave without the link; mails, which hold the whole text, leave as they are.
    #[default]
    WithoutLink,
    /// Everything leaves as it is.
    Send,
    /// Nothing leaves until the page is seen, or somebody says so: `dateline resume --links`.
    Hold,
}

/// What becomes of mails whose page is not there, where [`Then::WithoutLink`] is the rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mails {
    /// They hold the whole text and leave as they are, with a link to a page that is not there yet.
    #[default]
    Send,
    /// They wait until the page is seen, or somebody says so: `dateline resume --links`.
    Hold,
}

/// What is known of pages.
pub struct Fronts {
    config: GateConfig,
    /// The channels whose pages are looked at.
    channels: Vec<String>,
    cases: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Case>>>>,
    /// Releases that leave without their link.
    bare: Mutex<HashSet<String>>,
}

/// One release.
#[derive(Default)]
struct Case {
    /// Editions that were seen, or are not waited for any more.
    done: HashSet<Digest>,
    /// Since when it is waited for the others.
    since: Option<Timestamp>,
    /// When it is looked again.
    next: Option<Timestamp>,
    /// A hold stands in the ledger that we set.
    held: bool,
}

/// What a look at a release's pages comes to.
#[derive(Debug, PartialEq, Eq)]
enum May {
    Leave,
    Wait(Timestamp),
}

impl Fronts {
    /// Looks at the pages of these channels.
    pub fn new(config: &GateConfig, kinds: &BTreeMap<String, ChannelKind>) -> Fronts {
        let pages = kinds.iter().filter(|(_, kind)| kind.form() == Form::Page);
        let channels = match &config.pages {
            Some(named) => named.clone(),
            None => pages.map(|(key, _)| key.clone()).collect(),
        };
        Fronts { config: config.clone(), channels, cases: Mutex::default(), bare: Mutex::default() }
    }

    /// Whether posts and messages of a release leave without its link.
    pub fn is_bare(&self, slug: &str) -> bool {
        lock(&self.bare).contains(slug)
    }

    fn case(&self, slug: &str) -> Arc<tokio::sync::Mutex<Case>> {
        let mut cases = lock(&self.cases);
        if cases.len() >= REMEMBERED {
            cases.retain(|_, case| Arc::strong_count(case) > 1);
        }
        Arc::clone(cases.entry(slug.to_owned()).or_default())
    }
}

/// Of `claims` on the channel `key`, those that may leave; the others are handed back until it is looked again.
pub async fn admit(inner: &Inner, key: &str, claims: Vec<Claim>) -> Result<Vec<Claim>, LedgerError> {
    let form = inner.routes.get(key).map_or(Form::Page, |route| route.kind.form());
    let looks = |fronts: &&Fronts| form != Form::Page && !fronts.channels.is_empty();
    let Some(fronts) = inner.fronts.get().filter(looks) else {
        return Ok(claims);
    };
    let mut judged: HashMap<String, May> = HashMap::new();
    let mut admitted = Vec::with_capacity(claims.len());
    let mut waiting: BTreeMap<Timestamp, Vec<_>> = BTreeMap::new();
    for claim in claims {
        if matches!(claim.notice, Notice::Hold | Notice::Kill) {
            admitted.push(claim);
            continue;
        }
        let may = match judged.get(&claim.slug) {
            Some(may) => may,
            None => {
                let may = judge(inner, fronts, &claim, form == Form::Mail).await?;
                judged.entry(claim.slug.clone()).or_insert(may)
            }
        };
        match may {
            May::Leave => admitted.push(claim),
            May::Wait(until) => waiting.entry(*until).or_default().push((claim.delivery, claim.epoch)),
        }
    }
    for (until, back) in waiting {
        inner.ledger.hand_back(back, Some(until), inner.clock.now()).await?;
    }
    Ok(admitted)
}

async fn judge(inner: &Inner, fronts: &Fronts, claim: &Claim, mail: bool) -> Result<May, LedgerError> {
    let slug = &claim.slug;
    let case = fronts.case(slug);
    // One look at a time; whoever comes meanwhile takes its result.
    let mut case = case.lock().await;
    let now = inner.clock.now();
    let mut missing = inner.ledger.fronts(slug, &fronts.channels, now).await?;
    // What leaves before the page, such as copies for the press under embargo, does not wait for it.
    missing.retain(|front| front.due <= claim.due && !case.done.contains(&front.edition));
    // Where mails go on waiting for it, what can leave without the link does not.
    if missing.is_empty() || (!mail && fronts.is_bare(slug)) {
        return Ok(May::Leave);
    }
    if let Some(next) = case.next.filter(|next| now < *next) {
        return Ok(May::Wait(next));
    }
    let scope = Scope::Links(slug.clone());
    let standing = inner.ledger.holds().await?.into_iter().find(|hold| hold.scope == scope);
    if case.held && standing.is_none() {
        tracing::info!(release = slug, "not waited for any more: somebody resumed what links to its page");
        return Ok(case.leave(&missing));
    }
    case.held = standing.is_some();
    let mut why = None;
    for front in &missing {
        match look(inner, front).await? {
            None => {
                case.done.insert(front.edition);
            }
            Some(lack) => why = Some(lack),
        }
    }
    let Some(why) = why else {
        lock(&fronts.bare).remove(slug);
        if standing.is_some() {
            inner.ledger.resume(&scope, Hold::BY_DISPATCH, now).await?;
        }
        return Ok(case.leave(&[]));
    };
    let since = standing.map_or(now, |hold| hold.since);
    let since = *case.since.get_or_insert(since.min(now));
    let over = since.checked_add(fronts.config.wait.0).unwrap_or(Timestamp::MAX);
    let waits_on = fronts.config.then == Then::WithoutLink && fronts.config.mails == Mails::Hold;
    if now >= over && waits_on {
        if lock(&fronts.bare).insert(slug.clone()) {
            tracing::error!(
                release = slug,
                why,
                "its page is still not seen: posts and messages leave without the link, mails wait"
            );
        }
        if !mail {
            return Ok(May::Leave);
        }
    } else if now >= over && fronts.config.then != Then::Hold {
        let bare = fronts.config.then == Then::WithoutLink;
        if bare {
            lock(&fronts.bare).insert(slug.clone());
        }
        if case.held {
            inner.ledger.resume(&scope, Hold::BY_DISPATCH, now).await?;
        }
        let how =
            if bare { "posts and messages leave without the link" } else { "everything leaves as it is" };
        tracing::error!(release = slug, why, "its page is still not seen: {how}");
        return Ok(case.leave(&missing));
    }
    let waited = now.duration_since(since);
    if !case.held && waited >= QUIET.min(fronts.config.wait.0) {
        let end = match fronts.config.then {
            Then::WithoutLink if waits_on => {
                format!(
                    "after {over:.0} posts and messages leave without the link, and mails wait until it is seen"
                )
            }
            Then::WithoutLink => format!("after {over:.0} posts and messages leave without the link"),
            Then::Send => format!("after {over:.0} everything leaves as it is"),
            Then::Hold => "what links to it waits until it is seen".to_owned(),
        };
        inner.ledger.hold(scope, &format!("{why}; {end}"), Hold::BY_DISPATCH, now).await?;
        case.held = true;
        tracing::warn!(release = slug, why, "what links to its page waits: {end}");
    }
    let pause = SignedDuration::from_secs(waited.as_secs() / 4).clamp(SOONEST, LATEST);
    let next = now.checked_add(pause).unwrap_or(Timestamp::MAX);
    // Not past the end of the waiting, which is to be noticed in time.
    let next = if now < over { next.min(over) } else { next };
    case.next = Some(next);
    Ok(May::Wait(next))
}

impl Case {
    fn leave(&mut self, missing: &[Front]) -> May {
        self.done.extend(missing.iter().map(|front| front.edition));
        (self.since, self.next, self.held) = (None, None, false);
        May::Leave
    }
}

/// What a page lacks, in words; nothing if everybody is shown it.
async fn look(inner: &Inner, front: &Front) -> Result<Option<String>, LedgerError> {
    let Front { channel, state, .. } = front;
    if *state != State::Sent {
        return Ok(Some(format!("{channel} has not taken the page yet ({state})")));
    }
    let Some(url) = front.url.as_deref().and_then(|url| url.parse().ok()) else {
        // A blog that does not say where the page is cannot be looked at.
        return Ok(None);
    };
    let edition = inner.ledger.edition(front.edition).await?;
    Ok(match http::shown(&url, ANSWERS_WITHIN).await {
        Err(why) => Some(format!("{url} does not show the page: {why}")),
        Ok(html) => match &edition.content {
            Content::Page(page) => {
                page.lacking(&html, edition.request.notice).map(|lack| format!("{url} does not show {lack}"))
            }
            _ => None,
        },
    })
}

/// The edition as it leaves: posts and messages of a release whose page was not seen in time go without the link.
pub fn dressed(inner: &Inner, slug: &str, edition: Arc<Edition>) -> Arc<Edition> {
    let bare = inner.fronts.get().is_some_and(|fronts| fronts.is_bare(slug));
    match &edition.content {
        Content::Social(_) | Content::Chat(_) if bare => Arc::new(edition.without_link()),
        _ => edition,
    }
}

/// Looks whether `parcel` arrived, in either form: which one left is not on record.
pub async fn probe(inner: &Inner, route: &Route, parcel: &Parcel) -> Probe {
    let seen = caught(route.channel.probe(parcel)).await.unwrap_or(Probe::CannotTell);
    let linked = matches!(parcel.edition.content, Content::Social(_) | Content::Chat(_));
    let gated = inner.fronts.get().is_some_and(|fronts| !fronts.channels.is_empty());
    if matches!(seen, Probe::Arrived(_)) || !linked || !gated {
        return seen;
    }
    let bare = Parcel { edition: Arc::new(parcel.edition.without_link()), ..parcel.clone() };
    match caught(route.channel.probe(&bare)).await.unwrap_or(Probe::CannotTell) {
        Probe::Absent => seen,
        other => other,
    }
}
