//! Everything that can be asked of a [`Ledger`].

use std::sync::Arc;

use jiff::Timestamp;

use super::ahead::{Making, SignedWith, Stretch, Unmade};
#[cfg(feature = "postgres")]
use super::postgres::Postgres;
use super::sqlite::Sqlite;
use super::{
    AttemptId, Backend, Bearer, Cause, Claim, Crash, Decision, DeliveryId, Dossier, Doubt, Epoch, Forwarded,
    Front, Hold, ImportReport, Intent, Issued, Known, Ledger, LedgerConfig, LedgerError, LogEntry, Order,
    Outcome, Reply, Report, ReportCounts, Rescued, Scope, Settled, SourceRow, Start, State, Status, Stop,
    Suppression, Take, Taken, Waiting, Want,
};
use crate::contact::{Contact, ContactId, EmailAddress, Wishes};
use crate::digest::Digest;
use crate::plan::Held;
use crate::render::Edition;
use crate::token::{Purpose, Token, TokenKey};

type Result<T> = std::result::Result<T, LedgerError>;

/// Counts for metrics.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries by channel and state.
    pub deliveries: std::collections::BTreeMap<(String, State), u64>,
    /// Contacts in the book.
    pub contacts: u64,
    /// Addresses that must not be contacted.
    pub suppressions: u64,
    /// Holds that stand.
    pub holds: u64,
}

/// One entry of the audit chain.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AuditEntry {
    /// 1 for the first.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// What: `issue`, `hold`, `suppress` …
    pub action: String,
    /// On what; never an address.
    pub subject: String,
    /// The particulars, JSON.
    pub detail: String,
    /// The digest of this entry and, through the one before it, of all earlier ones.
    pub hash: Digest,
}

/// The reason of a suppression that its recipient asked for.
pub const UNSUBSCRIBED: &str = "unsubscribed";

/// The one place where a backend is chosen.
macro_rules! ask {
    ($ledger:expr, $method:ident($($argument:expr),*)) => {
        match &$ledger.backend {
            Backend::Sqlite(sqlite) => sqlite.$method($($argument),*).await,
            #[cfg(feature = "postgres")]
            Backend::Postgres(postgres) => postgres.$method($($argument),*).await,
        }
    };
}

pub(super) use ask;

/// Opening and closing.
impl Ledger {
    /// Opens the ledger, and makes it where there is none. Other processes may have it open; claims and intents
    /// are refused.
    pub async fn open(config: &LedgerConfig, now: Timestamp) -> Result<Ledger> {
        match &config.postgres {
            None => Ok(Ledger { backend: Backend::Sqlite(Sqlite::open(config, false, now).await?) }),
            #[cfg(feature = "postgres")]
            Some(postgres) => {
                Ok(Ledger { backend: Backend::Postgres(Postgres::open(config, postgres, false, now).await?) })
            }
            #[cfg(not(feature = "postgres"))]
            Some(_) => Err(LedgerError::NoPostgres),
        }
    }

    /// Opens the ledger for dispatch. Deliveries that an earlier process left under way are [`State::Unknown`] afterwards.
    ///
    /// In a file only one process can, and it knows that nobody else is alive. On PostgreSQL several can; what a dead one left
    /// is found out when its lease has ended.
    pub async fn open_exclusive(config: &LedgerConfig, now: Timestamp) -> Result<Ledger> {
        let ledger = Ledger::open_as_left(config, now).await?;
        ledger.give_up_left(now).await?;
        Ok(ledger)
    }

    /// The same, but what an earlier process left under way stays so, for whoever has [`Ledger::evidence`] of what became of it.
    /// [`Ledger::give_up_left`] must follow before anything is claimed.
    pub async fn open_as_left(config: &LedgerConfig, now: Timestamp) -> Result<Ledger> {
        match &config.postgres {
            None => Ok(Ledger { backend: Backend::Sqlite(Sqlite::open(config, true, now).await?) }),
            #[cfg(feature = "postgres")]
            Some(postgres) => {
                Ok(Ledger { backend: Backend::Postgres(Postgres::open(config, postgres, true, now).await?) })
            }
            #[cfg(not(feature = "postgres"))]
            Some(_) => Err(LedgerError::NoPostgres),
        }
    }

    /// Gives up waiting for what an earlier process left under way: it is [`State::Unknown`] now, and what was only claimed may be
    /// claimed again. Not while this process has claims of its own.
    pub async fn give_up_left(&self, now: Timestamp) -> Result<Rescued> {
        let rescued = match &self.backend {
            // The lock says that nobody else is alive who could hold a lease.
            Backend::Sqlite(sqlite) => sqlite.rescue_all(now).await?,
            #[cfg(feature = "postgres")]
            Backend::Postgres(postgres) => postgres.rescue(now).await?,
        };
        if rescued.unknown > 0 {
            tracing::warn!(
                unknown = rescued.unknown,
                "deliveries were under way when the last process ended, and nobody knows what became of them"
            );
        }
        Ok(rescued)
    }

    /// The clock of the database's server, for whoever must know how far his own is from it; nothing where the database has
    /// none of its own. The server's rules leases; the caller's `now` rules when something is due.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, reason = "only a server has to be asked")
    )]
    pub async fn server_clock(&self) -> Result<Option<Timestamp>> {
        match &self.backend {
            Backend::Sqlite(_) => Ok(None),
            #[cfg(feature = "postgres")]
            Backend::Postgres(postgres) => postgres.server_clock().await,
        }
    }

    /// When the ledger was made.
    pub async fn created_at(&self) -> Result<Timestamp> {
        ask!(self, created_at())
    }

    /// The ledger's name, random and for ever: no other ledger has it, and a copy has the same.
    pub fn lineage(&self) -> &str {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.lineage(),
            #[cfg(feature = "postgres")]
            Backend::Postgres(postgres) => postgres.lineage(),
        }
    }

    /// The token that names a delivery to its recipient, for `purpose`; `key` is the delivery's. The same whenever it is asked
    /// for, also after a restore.
    pub fn token(&self, purpose: Purpose, delivery: DeliveryId, key: &Digest) -> Token {
        self.tokens().mint(purpose, delivery.0, key)
    }

    /// The delivery that `token` names, if it is one of ours for `purpose`. A forged one and one that names nothing look alike.
    pub async fn bearer(&self, purpose: Purpose, token: &Token) -> Result<Option<DeliveryId>> {
        let delivery = DeliveryId(token.row());
        let key: Option<Digest> = ask!(self, delivery_key(delivery))?;
        // Verified also where there is no such delivery: how long it takes says nothing about what exists.
        let good = self.tokens().verify(purpose, token, delivery.0, &key.unwrap_or(Digest([0; 32])));
        Ok(key.filter(|_| good).map(|_| delivery))
    }

    fn tokens(&self) -> &TokenKey {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.tokens(),
            #[cfg(feature = "postgres")]
            Backend::Postgres(postgres) => postgres.tokens(),
        }
    }

    /// The recipient whose mail brought `token` leaves: no later intent for them succeeds, on any channel, for any list. `how`
    /// says by what way they left and stands in the record. Returns whether the token is one of ours; saying it again
    /// changes nothing.
    pub async fn unsubscribe(&self, token: &Token, how: &str, now: Timestamp) -> Result<bool> {
        let Some(delivery) = self.bearer(Purpose::Unsubscribe, token).await? else { return Ok(false) };
        self.suppress_recipient(delivery, UNSUBSCRIBED, how, now).await?;
        Ok(true)
    }

    /// Who holds `token`; nothing where it is none of ours.
    pub async fn bearer_of(&self, token: &Token) -> Result<Option<Bearer>> {
        match self.bearer(Purpose::Unsubscribe, token).await? {
            Some(delivery) => ask!(self, bearer_of(delivery)),
            None => Ok(None),
        }
    }

    /// Keeps what the recipient whose mail brought `token` picked; the next plan honours it. Returns whether the token is one
    /// of ours.
    pub async fn choose(&self, token: &Token, wishes: Wishes, now: Timestamp) -> Result<bool> {
        let Some(delivery) = self.bearer(Purpose::Unsubscribe, token).await? else { return Ok(false) };
        ask!(self, choose(delivery, wishes, now))?;
        Ok(true)
    }

    /// Waits for writes that were handed in, notes the clean end, and lets go of the files. Later calls on any clone
    /// fail with [`LedgerError::Closed`].
    pub async fn close(&self, now: Timestamp) -> Result<()> {
        ask!(self, close(now))
    }
}

/// The contact book.
impl Ledger {
    /// Puts contacts into the book; the normalised address says who is who. `id` is ignored. Hand in some
    /// thousands at a time.
    pub async fn import(&self, contacts: Vec<Contact>, now: Timestamp) -> Result<ImportReport> {
        ask!(self, import(contacts, now))
    }

    /// The next `limit` contacts after `after`, by number; begin with `ContactId(0)`.
    pub async fn contacts(&self, after: ContactId, limit: u32) -> Result<Vec<Contact>> {
        ask!(self, contacts(after, limit))
    }

    /// Hands every contact to `see`, by number, two pages at a time: a million are never held in memory. The first error
    /// of `see` ends it.
    pub async fn each_contact<E: From<LedgerError>>(
        &self,
        mut see: impl FnMut(Contact) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        const PAGE: u32 = 5_000;
        let mut page = self.contacts(ContactId(0), PAGE).await?;
        while let Some(last) = page.last() {
            // The next page is read while this one is looked at.
            let (ledger, after) = (self.clone(), last.id);
            let next = tokio::spawn(async move { ledger.contacts(after, PAGE).await });
            page.into_iter().try_for_each(&mut see)?;
            page = next.await.map_err(|_| LedgerError::Closed)??;
        }
        Ok(())
    }

    /// The contact with this address, whatever its case.
    pub async fn contact_by_email(&self, email: &EmailAddress) -> Result<Option<Contact>> {
        ask!(self, contact_by_email(email))
    }

    /// What the book holds of each of these addresses, in their order; nothing is written.
    pub async fn known(&self, addresses: Vec<EmailAddress>) -> Result<Vec<Known>> {
        ask!(self, known(addresses))
    }

    /// Everything that is held on the person with this address.
    pub async fn dossier(&self, email: &EmailAddress) -> Result<Dossier> {
        ask!(self, dossier(email))
    }

    /// Forbids every delivery to the recipient of a delivery, for ever: what [`Ledger::suppress`] is for somebody whose
    /// address need not be known. Returns whether it is new; an erased recipient is suppressed already.
    pub async fn suppress_recipient(
        &self,
        delivery: DeliveryId,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        ask!(self, suppress_recipient(delivery, reason, evidence, now))
    }

    /// Removes a person: the contact goes, waiting deliveries are cancelled, a suppression by keyed digest stays.
    /// Returns whether there was such a contact.
    pub async fn erase(&self, email: &EmailAddress, by: &str, now: Timestamp) -> Result<bool> {
        ask!(self, erase(email, by, now))
    }

    /// Forbids every delivery to an address, for ever, whether it is in the book or not. The first reason stays.
    /// Returns whether it is new.
    pub async fn suppress(
        &self,
        email: &EmailAddress,
        reason: &str,
        evidence: &str,
        now: Timestamp,
    ) -> Result<bool> {
        ask!(self, suppress(email, reason, evidence, now))
    }

    /// Allows an address again. Returns whether it was suppressed.
    pub async fn unsuppress(&self, email: &EmailAddress, by: &str, now: Timestamp) -> Result<bool> {
        ask!(self, unsuppress(email, by, now))
    }

    /// All suppressions, oldest first.
    pub async fn suppressions(&self) -> Result<Vec<Suppression>> {
        ask!(self, suppressions())
    }
}

/// Planning and issuing.
impl Ledger {
    /// What planning needs to know. `recent`: also count the mails of the last seven days by contact.
    pub async fn held(&self, recent: bool, now: Timestamp) -> Result<Held> {
        ask!(self, held(recent, now))
    }

    /// Freezes editions and writes their deliveries. The same order again changes nothing.
    ///
    /// Up to 50,000 recipients in one transaction; longer lists in several, and nothing of them can be claimed
    /// before the last. If that is interrupted, the same order completes it.
    pub async fn issue(&self, order: Order, now: Timestamp) -> Result<Issued> {
        ask!(self, issue(order, now))
    }
}

/// What is made before its time.
impl Ledger {
    /// The next deliveries on a channel, of which the first is due after `now`, for which nothing was made under its stamp.
    pub async fn waiting_ahead(&self, making: &Making, now: Timestamp) -> Result<Option<Unmade>> {
        ask!(self, waiting_ahead(making, now))
    }

    /// Keeps what was made for deliveries of the stretch `(first, last)`, instead of what was kept for it before.
    pub async fn keep_ahead(
        &self,
        stamp: Digest,
        stretch: (DeliveryId, DeliveryId),
        made: Vec<(DeliveryId, Vec<u8>)>,
    ) -> Result<()> {
        ask!(self, keep_ahead(stamp, stretch, made))
    }

    /// What is kept for the stretch that `delivery` is in, or how far around it there is nothing.
    pub async fn made_ahead(&self, delivery: DeliveryId) -> Result<Stretch> {
        ask!(self, made_ahead(delivery))
    }

    /// Drops some of what belongs to deliveries of which none waits any more; returns how many stretches.
    pub async fn forget_ahead(&self) -> Result<u64> {
        ask!(self, forget_ahead())
    }

    /// Notes that a channel signs with these public keys now: where each is published, and what is published there.
    pub async fn signs_with(&self, channel: &str, keys: Vec<(String, String)>, now: Timestamp) -> Result<()> {
        ask!(self, signs_with(channel, keys, now))
    }

    /// All keys that were ever signed with.
    pub async fn signed_with(&self) -> Result<Vec<SignedWith>> {
        ask!(self, signed_with())
    }
}

/// Dispatching. One [`Claim`] ends in exactly one of: an [`Intent::Stop`], a [`Ledger::settle`], a
/// [`Ledger::settle_early`], a [`Ledger::hand_back`].
impl Ledger {
    /// Leases blocks of deliveries that are due on `channel` until there are `limit` deliveries or nothing is left.
    ///
    /// Kills, holds and corrections come first; then releases take turns, whoever has least in hand: a later one does not wait
    /// for the last of a big one. A block is leased as a whole, so the last one may bring up to [`super::BLOCK`] more than `limit`. What is past
    /// its time expires here, what is held is left alone. Renew within [`super::LEASE`].
    pub async fn claim(&self, owner: &str, channel: &str, now: Timestamp, limit: u32) -> Result<Vec<Claim>> {
        ask!(self, claim(owner, channel, now, limit))
    }

    /// As [`Ledger::claim`], but one block alone, of a release of which `owner` has nothing claimed on `channel`: so that a
    /// release that came due, or a kill, does not wait behind the thousands that are in hand.
    pub async fn claim_other(&self, owner: &str, channel: &str, now: Timestamp) -> Result<Vec<Claim>> {
        ask!(self, claim_other(owner, channel, now))
    }

    /// Prolongs all leases of `owner` that have not run out; returns how many blocks it has.
    pub async fn renew(&self, owner: &str, now: Timestamp) -> Result<u64> {
        ask!(self, renew(owner, now))
    }

    /// Gives back claims for which no intent was asked; they may be claimed again at once (behind what else is due), or at
    /// `after` at the earliest.
    pub async fn hand_back(
        &self,
        claims: Vec<(DeliveryId, Epoch)>,
        after: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<()> {
        ask!(self, hand_back(claims, after, now))
    }

    /// Gives back everything that `owner` claimed and has not attempted, for a clean stop. Attempts under way stay its own,
    /// for another lease; returns how many blocks it had.
    pub async fn return_claims(&self, owner: &str, now: Timestamp) -> Result<u64> {
        ask!(self, return_claims(owner, now))
    }

    /// Ends leases that ran out: what was only claimed may be claimed again, what was attempted is [`State::Unknown`].
    pub async fn rescue(&self, now: Timestamp) -> Result<Rescued> {
        ask!(self, rescue(now))
    }

    /// The point of no return: asks, for each delivery, whether this request may leave now, and records that it does.
    /// `request_sha` is the digest of the bytes. Answers stand in the order of the questions.
    pub async fn intent(
        &self,
        batch: Vec<(DeliveryId, Epoch, Digest)>,
        now: Timestamp,
    ) -> Result<Vec<Intent>> {
        ask!(self, intent(batch, now))
    }

    /// Records a try that ended before its point of no return (a refused recipient, a relay out of reach): the intent, with
    /// all that [`Ledger::intent`] asks, and its outcome, in one transaction. Where something forbids the intent nothing is recorded and
    /// the claim has ended, as after [`Intent::Stop`].
    pub async fn settle_early(
        &self,
        claim: (DeliveryId, Epoch, Digest),
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<std::result::Result<Settled, Stop>> {
        ask!(self, settle_early(claim, outcome, now))
    }

    /// Records what became of an attempt.
    pub async fn settle(&self, attempt: AttemptId, outcome: Outcome, now: Timestamp) -> Result<Settled> {
        ask!(self, settle(attempt, outcome, now))
    }

    /// Records what became of several attempts, which have come to their ends at about the same time; the answers stand in their order.
    /// Where it fails some of them may be on record: [`Ledger::evidence`] takes each of them again.
    pub async fn settle_all(
        &self,
        results: Vec<(AttemptId, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Settled>> {
        ask!(self, settle_all(results, now))
    }

    /// Says afterwards what became of the tries that were made under claims: what breadcrumbs show of a process that died. The answers
    /// are in the order of the claims.
    ///
    /// Nothing happens (`None`) where there was no try under that claim, or its outcome is known.
    pub async fn evidence(
        &self,
        known: Vec<(DeliveryId, Epoch, Outcome)>,
        now: Timestamp,
    ) -> Result<Vec<Option<Settled>>> {
        ask!(self, evidence(known, now))
    }

    /// Puts crashes down to the deliveries that were being worked on. Returns those that are quarantined for it; only what is
    /// scheduled is counted.
    pub async fn crashed(&self, crashes: Vec<Crash>, now: Timestamp) -> Result<Vec<DeliveryId>> {
        ask!(self, crashed(crashes, now))
    }

    /// Deliveries that are unknown and whose time to be looked at has come, at most `limit`. Each is put off by
    /// [`super::LOOK_AFTER`], so that nobody else looks meanwhile and none is forgotten if the caller dies.
    pub async fn doubts(&self, now: Timestamp, limit: u32) -> Result<Vec<Doubt>> {
        ask!(self, doubts(now, limit))
    }

    /// A look found nothing that decides: the next one is at `at`. `absent` is how often in a row it was not there.
    pub async fn look_again(&self, delivery: DeliveryId, at: Timestamp, absent: u32) -> Result<()> {
        ask!(self, look_again(delivery, at, absent))
    }

    /// Sends an unknown delivery once more, the same bytes, because its channel's rule says so. Once: if that was done before it
    /// is parked.
    pub async fn send_once_more(
        &self,
        delivery: DeliveryId,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        ask!(self, send_once_more(delivery, evidence, now))
    }

    /// Decides a delivery that is unknown, parked or quarantined.
    pub async fn resolve(
        &self,
        delivery: DeliveryId,
        decision: Decision,
        by: &str,
        evidence: Reply,
        now: Timestamp,
    ) -> Result<State> {
        ask!(self, resolve(delivery, decision, by, evidence, now))
    }

    /// For each channel on which something waits that is not held: when the first of it can be claimed. A channel with a
    /// lease that ran out stands there with `now`: [`Ledger::rescue`] frees it. So does one on which an unknown delivery is to be
    /// looked at, with that instant: [`Ledger::doubts`].
    pub async fn next_due(&self, now: Timestamp) -> Result<Vec<(String, Timestamp)>> {
        ask!(self, next_due(now))
    }

    /// What stands, or is to stand, of `slug` on each of `channels`, in each language: of all that was due there by `now` and was not given
    /// up before it left, the newest.
    pub async fn fronts(&self, slug: &str, channels: &[String], now: Timestamp) -> Result<Vec<Front>> {
        let mut newest: Vec<Front> = Vec::new();
        let rows: Vec<Front> = ask!(self, fronts(slug, channels, now))?;
        for row in rows {
            newest.retain(|front| (&front.channel, &front.language) != (&row.channel, &row.language));
            newest.push(row);
        }
        Ok(newest)
    }

    /// When each channel began with the newest text of `slug` of which anything was tried, in the order in which they began. Copies
    /// that leave before the embargo ends are not among it.
    pub async fn starts(&self, slug: &str) -> Result<Vec<Start>> {
        let mut rows: Vec<(i64, Start)> = ask!(self, starts(slug))?;
        let newest = rows.iter().map(|(seq, _)| *seq).max();
        rows.retain(|(seq, _)| Some(*seq) == newest);
        rows.sort_by_key(|(_, start)| start.first);
        Ok(rows.into_iter().map(|(_, start)| start).collect())
    }

    /// A frozen edition with the bytes of its assets.
    pub async fn edition(&self, sha: Digest) -> Result<Arc<Edition>> {
        ask!(self, edition(sha))
    }
}

/// Limits that all daemons of one ledger keep together; see [`share`](super::share). Both are asked in chunks, never once per
/// delivery.
impl Ledger {
    /// Takes the next departures of each pace; returns the first of each, in the order of `takes`. They are as far from each
    /// other as was asked, and nobody else gets them.
    pub async fn reserve(&self, takes: Vec<Take>, now: Timestamp) -> Result<Vec<Timestamp>> {
        ask!(self, reserve(takes, now))
    }

    /// Says how many slots of each limit `owner` may use, for [`super::LEASE`] from now; asking again prolongs it. Where
    /// that is fewer than it uses, it begins nothing more until what is under way has ended, and asks again soon: others wait for
    /// the rest. All owners together never have more than the limit. Who wants and uses none gives his slots back.
    pub async fn share(&self, owner: &str, wants: Vec<Want>, now: Timestamp) -> Result<Vec<u32>> {
        ask!(self, share(owner, wants, now))
    }
}

/// What comes back.
impl Ledger {
    /// Takes in a report, once, with all that it changes: the delivery's state, the suppression of its address, a hold where
    /// too many come at once. See [`Report`].
    pub async fn take_in(&self, report: Report, now: Timestamp) -> Result<Taken> {
        ask!(self, take_in(report, now))
    }

    /// Notes how the sources of reports are; those that are not named are forgotten.
    pub async fn note_sources(&self, sources: Vec<SourceRow>) -> Result<()> {
        ask!(self, note_sources(sources))
    }

    /// How much came back.
    pub async fn report_counts(&self) -> Result<ReportCounts> {
        ask!(self, report_counts())
    }

    /// Answers by people that wait to be forwarded, oldest first. One that began to leave and of which nobody has said
    /// what became of it within [`super::FORGOTTEN_AFTER`] is [`Forwarded::Unknown`] from now on.
    pub async fn answers(&self, now: Timestamp, limit: u32) -> Result<Vec<Waiting>> {
        let given_up = now.checked_sub(super::FORGOTTEN_AFTER).unwrap_or(now);
        ask!(self, answers(given_up, now, limit))
    }

    /// The point of no return of forwarding: true for one caller alone, once it is on disk.
    pub async fn answer_leaves(&self, id: i64, now: Timestamp) -> Result<bool> {
        ask!(self, answer_leaves(id, now))
    }

    /// Records what became of forwarding an answer; `next` is when to try again, where it is tried again.
    pub async fn answer_forwarded(&self, id: i64, what: Forwarded, next: Timestamp) -> Result<()> {
        ask!(self, answer_forwarded(id, what, next))
    }
}

/// Holds.
impl Ledger {
    /// Stops what `scope` covers. Once this has returned, no intent for it succeeds. Returns whether it is new.
    pub async fn hold(&self, scope: Scope, reason: &str, by: &str, now: Timestamp) -> Result<bool> {
        ask!(self, hold(scope, reason, by, now))
    }

    /// Ends a hold. Returns whether there was one.
    pub async fn resume(&self, scope: &Scope, by: &str, now: Timestamp) -> Result<bool> {
        ask!(self, resume(scope, by, now))
    }

    /// Stops everything for a cause that an ordinary [`Ledger::resume`] does not end: [`Cause::Restored`], or
    /// [`Cause::Clock`], which covers what was not yet public at `since`. Returns whether it is new.
    pub async fn hold_all(
        &self,
        cause: Cause,
        reason: &str,
        by: &str,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool> {
        ask!(self, hold_all(cause, reason, by, since, now))
    }

    /// Ends the hold on everything that has this cause. Returns whether there was one.
    pub async fn resume_all(&self, cause: Cause, by: &str, evidence: &str, now: Timestamp) -> Result<bool> {
        ask!(self, resume_all(cause, by, evidence, now))
    }

    /// The holds that stand.
    pub async fn holds(&self) -> Result<Vec<Hold>> {
        ask!(self, holds())
    }
}

/// Looking.
impl Ledger {
    /// Counts for people, of one release or of all.
    pub async fn status(&self, slug: Option<&str>) -> Result<Status> {
        ask!(self, status(slug))
    }

    /// The next `limit` deliveries after `after`, by number, with their attempts; begin with `DeliveryId(0)`.
    pub async fn log(&self, slug: Option<&str>, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
        ask!(self, log(slug, after, limit))
    }

    /// Deliveries that need a person (unknown, parked, quarantined), by number.
    pub async fn unresolved(&self, after: DeliveryId, limit: u32) -> Result<Vec<LogEntry>> {
        ask!(self, unresolved(after, limit))
    }

    /// Counts for metrics.
    pub async fn counts(&self) -> Result<Counts> {
        ask!(self, counts())
    }

    /// The audit entries after `after`, by number; begin with 0.
    pub async fn audit(&self, after: u64, limit: u32) -> Result<Vec<AuditEntry>> {
        ask!(self, audit(after, limit))
    }

    /// Looks for contradictions: a broken audit chain, counts that differ from the rows, deliveries without block.
    /// Returns one sentence for each.
    pub async fn verify(&self) -> Result<Vec<String>> {
        ask!(self, verify())
    }
}
