//! One attempt at one delivery, from claim to settled.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::decide::{self, Tried, Trouble};
use super::{Event, Route, lock};
use crate::channel::{Failure, Gate, Parcel, Previous, Probe, Recipient};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::ledger::{AttemptId, Claim, Decision, Intent, Ledger, LedgerError, Outcome, Party, State, Stop};
use crate::render::Edition;

/// What one attempt came to.
pub struct Done {
    /// For the observer.
    pub event: Event,
    /// What else must be stopped.
    pub trouble: Option<Trouble>,
}

/// Makes one attempt and settles it.
///
/// An error is the ledger's: nothing may be sent while it cannot record. If it comes after the parcel
/// left, the attempt stays open in the ledger and is unknown after the next start.
pub async fn attempt(
    ledger: &Ledger,
    clock: &Clock,
    route: &Route,
    channel: &str,
    claim: &Claim,
    edition: Arc<Edition>,
) -> Result<Done, LedgerError> {
    let parcel = parcel(claim, edition, clock);
    let gate = LedgerGate {
        ledger,
        clock,
        claim,
        request: Digest::of_fields(&[&claim.edition.0, claim.wire_key.as_bytes()]),
        answer: Mutex::default(),
    };
    let result = route.channel.deliver(&parcel, &gate).await;
    let mut words = match &result {
        Ok(receipt) => receipt.reply.to_string(),
        Err(failure) => failure.to_string(),
    };
    let mut url = result.as_ref().ok().and_then(|receipt| receipt.url.clone());
    let unknown = matches!(result, Err(Failure::Unknown { .. }));
    let never_asked = matches!(*lock(&gate.answer), Answer::NotAsked);
    let decision = decide::decide(
        result,
        Tried { key: &claim.key, attempt: claim.attempt_no, expires: claim.expires, now: clock.now() },
    );
    if never_asked && decision.outcome.is_some() {
        // Refused or out of reach before the point of no return: the try is recorded all the same.
        gate.open().await;
    }
    let answer = std::mem::take(&mut *lock(&gate.answer));
    let mut state = match (answer, decision.outcome) {
        (Answer::Failed(error), _) => return Err(error),
        (Answer::Go(attempt), outcome) => {
            let outcome = outcome.unwrap_or(Outcome::NotSent);
            ledger.settle(attempt, outcome, clock.now()).await?.state
        }
        (Answer::Stop(stop), _) => {
            words = stop.to_string();
            match stop {
                Stop::State(state) => state,
                _ => State::Scheduled,
            }
        }
        (Answer::NotAsked, _) => {
            ledger.hand_back(vec![(claim.delivery, claim.epoch)], None, clock.now()).await?;
            State::Scheduled
        }
    };
    if unknown
        && state == State::Unknown
        && let Probe::Arrived(receipt) = route.channel.probe(&parcel).await
    {
        url = receipt.url;
        words = format!("no answer, but it is there: {}", receipt.reply);
        let evidence = decide::words(receipt.reply);
        state = ledger.resolve(claim.delivery, Decision::Sent, "probe", evidence, clock.now()).await?;
    }
    let event = Event {
        slug: claim.slug.clone(),
        notice: claim.notice,
        channel: channel.to_owned(),
        recipient: match &claim.recipient {
            Party::Contact { email, .. } => email.masked(),
            Party::Account => "account".to_owned(),
        },
        state,
        words: masked(&words),
        url,
    };
    Ok(Done { event, trouble: decision.stop })
}

/// `words` of the other side without the local parts of the addresses that it repeats: they go into logs.
fn masked(words: &str) -> String {
    let parts = words.split_inclusive(|c: char| c.is_whitespace() || "<>()[]{},;:\"'".contains(c));
    let mut text = String::with_capacity(words.len());
    for part in parts {
        match part.rsplit_once('@') {
            Some((local, domain)) if !local.is_empty() => {
                text.extend(local.chars().take(1));
                text.push('…');
                text.push('@');
                text.push_str(domain);
            }
            _ => text.push_str(part),
        }
    }
    text
}

/// The mail domain that a claim goes to.
pub fn domain(claim: &Claim) -> Option<String> {
    match &claim.recipient {
        Party::Contact { email, .. } => Some(email.domain().to_owned()),
        Party::Account => None,
    }
}

fn parcel(claim: &Claim, edition: Arc<Edition>, clock: &Clock) -> Parcel {
    Parcel {
        key: claim.key,
        wire_key: claim.wire_key.clone(),
        edition,
        notice: claim.notice,
        recipient: match &claim.recipient {
            Party::Contact { email, name, .. } => {
                Recipient::Mailbox { email: email.clone(), name: name.clone(), token: claim.wire_key.clone() }
            }
            Party::Account => Recipient::Account,
        },
        due: claim.due,
        now: clock.now(),
        attempt: claim.attempt_no,
        previous: claim.previous.as_ref().map(|previous| Previous {
            remote_id: previous.remote_id.clone(),
            wire_key: previous.wire_key.clone(),
        }),
    }
}

/// Asks the ledger, once, and remembers what it said.
struct LedgerGate<'a> {
    ledger: &'a Ledger,
    clock: &'a Clock,
    claim: &'a Claim,
    request: Digest,
    answer: Mutex<Answer>,
}

#[derive(Default)]
enum Answer {
    #[default]
    NotAsked,
    Go(AttemptId),
    Stop(Stop),
    Failed(LedgerError),
}

#[async_trait]
impl Gate for LedgerGate<'_> {
    async fn open(&self) -> bool {
        let question = (self.claim.delivery, self.claim.epoch, self.request);
        let answer = match self.ledger.intent(vec![question], self.clock.now()).await {
            Ok(mut answers) => match answers.pop() {
                Some(Intent::Go(attempt)) => Answer::Go(attempt),
                Some(Intent::Stop(stop)) => Answer::Stop(stop),
                None => Answer::Stop(Stop::NoSuch),
            },
            Err(error) => Answer::Failed(error),
        };
        let go = matches!(answer, Answer::Go(_));
        *lock(&self.answer) = answer;
        go
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_other_sides_words_lose_the_addresses_in_them() {
        for (words, expected) in [
            ("250 2.0.0 Ok: queued as 4F3", "250 2.0.0 Ok: queued as 4F3"),
            ("550 5.1.1 <jo.doe@paper.example>: unknown", "550 5.1.1 <j…@paper.example>: unknown"),
            ("rcpt=jo@a.example,anna@b.example", "r…@a.example,a…@b.example"),
            ("jo@a.example", "j…@a.example"),
            ("@here", "@here"),
            ("åsa@press.example", "å…@press.example"),
        ] {
            assert_eq!(super::masked(words), expected);
        }
    }
}
