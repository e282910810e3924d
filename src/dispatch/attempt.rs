//! One attempt at one delivery: from claim to answer, and from answer to record. The next may leave between the two.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use jiff::SignedDuration;
use tokio::time::Interval;
use tokio_util::sync::CancellationToken;

use super::breadcrumb::{Breadcrumbs, Slot};
use super::decide::{self, Tried, Trouble};
use super::gate::{self, Answer, LedgerGate};
use super::recover::Open;
use super::shift::Shift;
use super::{Event, Inner, Route, front, lock};
use crate::channel::{Failure, Gate as _, Mark, Parcel, Previous, Probe, Receipt, Recipient, Reply};
use crate::clock::Clock;
use crate::contact::without_addresses;
use crate::crashpoint;
use crate::ledger::{AttemptId, Claim, Crash, Ledger, LedgerError, Outcome, Party, Settled, State, Stop};
use crate::newsroom::ChannelKind;
use crate::render::Edition;
use crate::token::Purpose;

/// An attempt that is over, and not on record yet.
pub struct Ended {
    /// Under which claim it was made.
    pub claim: Claim,
    /// The destination took it.
    pub sent: bool,
    /// The destination said what it thinks of the recipient.
    pub spoke: bool,
    /// The other side's words, masked.
    pub words: String,
    /// What else must be stopped.
    pub trouble: Option<Trouble>,
    url: Option<String>,
    parcel: Parcel,
    slot: Option<Slot>,
    answer: Answer,
    outcome: Option<Outcome>,
    broken: bool,
    unknown: bool,
}

/// A delivery whose turn it is, and what it takes to try it.
pub struct Errand {
    /// Under which claim.
    pub claim: Claim,
    /// The frozen edition.
    pub edition: Arc<Edition>,
    /// What was made ahead.
    pub ahead: Option<Arc<[u8]>>,
    /// Where it is noted how far it is.
    pub slot: Option<Slot>,
    /// The intent that the ledger gave ahead, and from when on it is too late to leave under it.
    pub intent: Option<(AttemptId, SignedDuration)>,
}

impl Errand {
    /// What it takes to try `claim`. `made`: its channel makes things ahead.
    pub async fn of(
        inner: &Inner,
        shift: &Shift,
        desk: &Desk<'_>,
        claim: Claim,
        made: bool,
    ) -> Result<Errand, LedgerError> {
        let edition = shift.edition(&inner.ledger, claim.edition).await?;
        let edition = front::dressed(inner, &claim.slug, edition);
        let ahead = if made { shift.ahead.of(&inner.ledger, claim.delivery).await? } else { None };
        let slot = desk.crumbs.map(Breadcrumbs::slot);
        Ok(Errand { claim, edition, ahead, slot, intent: None })
    }
}

/// What all attempts of a process share.
pub struct Desk<'a> {
    /// The record.
    pub ledger: &'a Ledger,
    /// The time.
    pub clock: &'a Clock,
    /// Where it is noted how far each is; nothing where a death of the process need not be survived well.
    pub crumbs: Option<&'a Breadcrumbs>,
    /// Results that the ledger could not take yet.
    pub open: &'a Mutex<Vec<Open>>,
}

/// Makes one attempt. `alone`: nothing else of this channel is under way. After `stop` a mail that has no intent yet is given up, and
/// goes back to waiting. With every `pulse` it is looked whether one that has its intent is too late to leave.
///
/// A panic of the adapter is caught, and put down to the delivery. What became of it is to be [`record`]ed; until then its breadcrumb
/// stays.
pub async fn attempt(
    desk: &Desk<'_>,
    route: &Route,
    errand: Errand,
    alone: bool,
    (line, stop): (&CancellationToken, &CancellationToken),
    pulse: &mut Interval,
) -> Ended {
    let Desk { ledger, clock, .. } = *desk;
    let Errand { claim, edition, ahead, slot, intent } = errand;
    let parcel = Parcel { ahead, ..parcel(ledger, &claim, edition, clock) };
    let gate = LedgerGate::new(ledger, clock, &claim, slot.as_ref(), intent, alone);
    // What does not wait for a connection has begun, and is seen to its end.
    let never = CancellationToken::new();
    let (line, stop) = if route.kind == ChannelKind::Smtp { (line, stop) } else { (&never, &never) };
    let result = tokio::select! {
        biased;
        result = caught(route.channel.deliver(&parcel, &gate)) => result,
        () = gate.given_up(line, stop, pulse) => Ok(Err(Failure::GateClosed)),
    };
    let passed = gate.passed();
    let result = match result {
        Ok(Err(Failure::Broken { reply })) if passed => Err(Failure::Unknown { reply }),
        Ok(result) => result,
        Err(reply) if passed => Err(Failure::Unknown { reply }),
        Err(reply) => Err(Failure::Broken { reply }),
    };
    gate.mark(Mark::Answered(&result));
    if result.is_ok() && route.kind != ChannelKind::Smtp {
        crashpoint!("P4");
        crashpoint!("K4");
    }

    let words = match &result {
        Ok(receipt) => receipt.reply.to_string(),
        Err(failure) => failure.to_string(),
    };
    let url = result.as_ref().ok().and_then(|receipt| receipt.url.clone());
    let unknown = matches!(result, Err(Failure::Unknown { .. }));
    let broken = matches!(result, Err(Failure::Broken { .. }));
    let decision = decide::decide(
        result,
        Tried { key: &claim.key, put_off: claim.put_off, expires: claim.expires, now: clock.now() },
    );
    let outcome = decision.outcome.filter(|_| !broken);
    let answer = gate.answer();
    drop(gate);
    Ended {
        sent: matches!(outcome, Some(Outcome::Sent { .. })),
        spoke: matches!(outcome, Some(Outcome::Failed { .. })),
        words: without_addresses(&words).into_owned(),
        trouble: decision.stop,
        claim,
        url,
        parcel,
        slot,
        answer,
        outcome,
        broken,
        unknown,
    }
}

impl Ended {
    /// One that was not begun, because the ledger said no when it was asked ahead.
    pub fn stopped(desk: &Desk<'_>, errand: Errand, stop: Stop) -> Ended {
        let Errand { claim, edition, slot, .. } = errand;
        Ended {
            sent: false,
            spoke: false,
            words: String::new(),
            trouble: None,
            url: None,
            parcel: parcel(desk.ledger, &claim, edition, desk.clock),
            claim,
            slot,
            answer: Answer::Stop(stop),
            outcome: None,
            broken: false,
            unknown: false,
        }
    }

    /// Whether its record is a result alone, as nearly always.
    pub fn is_plain(&self) -> bool {
        matches!(self.answer, Answer::Go(_)) && !self.broken && !self.unknown
    }

    fn event(self, channel: &str, state: State) -> Event {
        Event {
            recipient: recipient(&self.claim),
            slug: self.claim.slug,
            notice: self.claim.notice,
            channel: channel.to_owned(),
            state,
            words: self.words,
            url: self.url,
        }
    }
}

/// Puts on record, at once, what became of attempts that are all [plain](Ended::is_plain); for errors see [`record`].
pub async fn record_all(
    desk: &Desk<'_>,
    channel: &str,
    all: Vec<Box<Ended>>,
) -> Result<Vec<Event>, LedgerError> {
    let results = all.iter().filter_map(|ended| match ended.answer {
        Answer::Go(attempt) => Some((attempt, ended.outcome.clone().unwrap_or(Outcome::NotSent))),
        _ => None,
    });
    let results = results.collect();
    match desk.ledger.settle_all(results, desk.clock.now()).await {
        Ok(settled) => {
            crashpoint!("S8");
            // Their breadcrumbs go only now.
            let event = |(mut ended, settled): (Box<Ended>, Settled)| {
                if let (State::Sent, Some(slot)) = (settled.state, &mut ended.slot) {
                    slot.is_on_record();
                }
                ended.event(channel, settled.state)
            };
            Ok(all.into_iter().zip(settled).map(event).collect())
        }
        Err(error) => {
            keep(desk, all);
            Err(error)
        }
    }
}

/// Keeps what is known of attempts that are all [plain](Ended::is_plain), for when the ledger can take it.
pub fn keep(desk: &Desk<'_>, all: Vec<Box<Ended>>) {
    lock(desk.open).extend(all.into_iter().map(|ended| Open {
        claim: ended.claim,
        outcome: ended.outcome.unwrap_or(Outcome::NotSent),
        slot: ended.slot,
    }));
}

/// Puts on record what became of an attempt.
///
/// An error is the ledger's: nothing may be sent while it cannot record. What is known of the attempt is kept in [`Desk::open`]
/// until it can.
pub async fn record(
    desk: &Desk<'_>,
    route: &Route,
    channel: &str,
    ended: Ended,
) -> Result<Event, LedgerError> {
    let Desk { ledger, clock, .. } = *desk;
    let Ended { claim, mut words, mut url, parcel, slot, answer, outcome, .. } = ended;
    let attempt = if let Answer::Go(attempt) = answer { Some(attempt) } else { None };
    let settled = match (answer, outcome) {
        (Answer::Failed(error), _) => {
            // It may be on disk all the same, but it never left.
            lock(desk.open).push(Open { claim, outcome: Outcome::NotSent, slot });
            return Err(error);
        }
        (Answer::Go(attempt), outcome) => {
            let outcome = outcome.unwrap_or(Outcome::NotSent);
            let settled = ledger.settle(attempt, outcome.clone(), clock.now()).await;
            match settled {
                Ok(settled) => Ok(settled.state),
                Err(error) => {
                    lock(desk.open).push(Open { claim, outcome, slot });
                    return Err(error);
                }
            }
        }
        (Answer::Stop(stop), _) => Err(stop),
        (Answer::NotAsked, Some(outcome)) => {
            // Refused or out of reach before the point of no return: the try is recorded all the same.
            let question = (claim.delivery, claim.epoch, gate::request(&claim));
            let settled = ledger.settle_early(question, outcome, clock.now()).await?;
            settled.map(|settled| settled.state)
        }
        (Answer::NotAsked, None) => {
            ledger.hand_back(vec![(claim.delivery, claim.epoch)], None, clock.now()).await?;
            Ok(State::Scheduled)
        }
    };
    crashpoint!("S8");
    let mut state = match settled {
        Ok(state) => state,
        Err(stop) => {
            words = stop.to_string();
            match stop {
                Stop::State(state) => state,
                Stop::Enough => State::Cancelled,
                _ => State::Scheduled,
            }
        }
    };
    if ended.broken && state == State::Scheduled {
        state = blame(ledger, clock, &claim).await?;
    }
    if ended.unknown
        && state == State::Unknown
        && let Some(attempt) = attempt
        && let Ok(Probe::Arrived(receipt)) = caught(route.channel.probe(&parcel)).await
    {
        url.clone_from(&receipt.url);
        words = without_addresses(&format!("no answer, but it is there: {}", receipt.reply)).into_owned();
        state = ledger.settle(attempt, arrived(receipt), clock.now()).await?.state;
    }
    // Only now nobody needs it any more.
    drop(slot);
    Ok(Event {
        slug: claim.slug.clone(),
        notice: claim.notice,
        channel: channel.to_owned(),
        recipient: recipient(&claim),
        state,
        words,
        url,
    })
}

/// Puts a panic or a hang down to the delivery; the second puts it into quarantine.
async fn blame(ledger: &Ledger, clock: &Clock, claim: &Claim) -> Result<State, LedgerError> {
    let crash =
        Crash { delivery: claim.delivery, epoch: claim.epoch, guilt: crate::ledger::QUARANTINE_AT / 2 };
    let quarantined = ledger.crashed(vec![crash], clock.now()).await?;
    Ok(if quarantined.is_empty() { State::Scheduled } else { State::Quarantined })
}

/// Runs `work`, and makes words of a panic.
pub async fn caught<T>(work: impl Future<Output = T>) -> Result<T, Reply> {
    let mut work = std::pin::pin!(work);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(_) => Poll::Ready(Err(Reply::note(
                "the attempt broke off; this is a fault in Dateline, see its log",
            ))),
        }
    })
    .await
}

/// What a look at the destination found, as the outcome of the attempt.
pub fn arrived(receipt: Receipt) -> Outcome {
    Outcome::Sent { remote_id: receipt.remote_id, url: receipt.url, reply: decide::words(receipt.reply) }
}

/// Whom a claim is for, masked.
pub fn recipient(claim: &Claim) -> String {
    match &claim.recipient {
        Party::Contact { email, .. } => email.masked(),
        Party::Account => "account".to_owned(),
    }
}

/// The mail domain that a claim goes to.
pub fn domain(claim: &Claim) -> Option<String> {
    match &claim.recipient {
        Party::Contact { email, .. } => Some(email.domain().to_owned()),
        Party::Account => None,
    }
}

/// Everything an adapter needs for an attempt under `claim`.
pub fn parcel(ledger: &Ledger, claim: &Claim, edition: Arc<Edition>, clock: &Clock) -> Parcel {
    Parcel {
        key: claim.key,
        wire_key: claim.wire_key.clone(),
        edition,
        notice: claim.notice,
        recipient: match &claim.recipient {
            Party::Contact { email, name, .. } => {
                let token = ledger.token(Purpose::Unsubscribe, claim.delivery, &claim.key).to_string();
                let bounce = ledger.token(Purpose::Bounce, claim.delivery, &claim.key).to_string();
                Recipient::Mailbox { email: email.clone(), name: name.clone(), token, bounce: Some(bounce) }
            }
            Party::Account => Recipient::Account,
        },
        due: claim.due,
        now: clock.now(),
        attempt: claim.attempt_no,
        ahead: None,
        previous: claim.previous.as_ref().map(|previous| Previous {
            remote_id: previous.remote_id.clone(),
            wire_key: previous.wire_key.clone(),
        }),
    }
}
