//! What a ledger must hold after it was opened again, from what its process had said until then.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use dateline::ledger::{DeliveryId, Ledger, LedgerConfig, LogEntry, Scope, State};

use super::driver::{Line, What, lineage};
use crate::ledger::desk::at;

/// Everything that was asked for, and everything that was promised.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    pub promises: u64,
    lineage: Option<String>,
    people: (u64, u64),
    issued: BTreeMap<String, (bool, u64)>,
    notices: BTreeMap<String, bool>,
    deliveries: BTreeMap<i64, Delivery>,
    attempts: BTreeMap<i64, i64>,
    suppressed: BTreeSet<String>,
    held: Option<bool>,
}

#[derive(Debug, Clone, Default)]
struct Delivery {
    /// Intents that were asked for.
    asked: u64,
    /// The attempts that were let go: each may be outside.
    gone: Vec<i64>,
    /// Outcomes by attempt: whether promised, and which.
    outcomes: Vec<(i64, bool, String)>,
    /// Decisions: whether promised, and which.
    decided: Vec<(bool, String)>,
}

impl Expected {
    pub fn hear(&mut self, line: Line) {
        let Line { done, what } = line;
        self.promises += u64::from(done);
        match what {
            What::Open { lineage } if done => self.lineage = Some(lineage),
            What::Open { .. } | What::Close => {}
            What::Import { people } if done => self.people.0 = people,
            What::Import { people } => self.people.1 = people,
            What::Issue { release, deliveries } => {
                self.issued.insert(release, (done, deliveries));
            }
            What::Notice { release } => {
                self.notices.insert(release, done);
            }
            What::Intent { delivery, attempt } => {
                let known = self.deliveries.entry(delivery).or_default();
                if done {
                    known.gone.push(attempt);
                    self.attempts.insert(attempt, delivery);
                } else {
                    known.asked += 1;
                }
            }
            What::Settle { delivery, attempt, outcome } => {
                let known = self.deliveries.entry(delivery).or_default();
                if done && let Some(begun) = known.outcomes.iter_mut().rfind(|(of, ..)| *of == attempt) {
                    begun.1 = true;
                } else {
                    known.outcomes.push((attempt, done, outcome));
                }
            }
            What::Resolve { delivery, outcome } => {
                let known = self.deliveries.entry(delivery).or_default();
                if done && let Some(begun) = known.decided.last_mut() {
                    begun.0 = true;
                } else {
                    known.decided.push((done, outcome));
                }
            }
            // Until a hold or its end is promised, either may be there.
            What::Hold { .. } => self.held = done.then_some(true),
            What::Resume { .. } => self.held = done.then_some(false),
            What::Suppress { email } if done => {
                self.suppressed.insert(email);
            }
            What::Suppress { .. } => {}
        }
    }

    /// Opens the ledger as the next start would, and says what is wrong; then sends what may be sent.
    pub async fn compare(&self, folder: &Path) -> Vec<String> {
        let mut wrong = Vec::new();
        let config = LedgerConfig { folder: folder.to_owned(), ..LedgerConfig::default() };
        let ledger = match Ledger::open_exclusive(&config, at(2_000)).await {
            Ok(ledger) => ledger,
            Err(error) => return vec![format!("it does not open: {error}")],
        };
        match ledger.verify().await {
            Ok(found) => wrong.extend(found),
            Err(error) => wrong.push(format!("it cannot be verified: {error}")),
        }
        if let Some(lineage_then) = &self.lineage
            && lineage(folder).as_ref() != Some(lineage_then)
        {
            wrong.push("it is another ledger".to_owned());
        }
        // A damaged ledger may answer anything, or never.
        if wrong.is_empty()
            && let Err(error) = self.look(&ledger, &mut wrong).await
        {
            wrong.push(error.to_string());
        }
        if let Err(error) = ledger.close(at(9_999)).await {
            wrong.push(format!("it does not close: {error}"));
        }
        wrong
    }

    async fn look(
        &self,
        ledger: &Ledger,
        wrong: &mut Vec<String>,
    ) -> Result<(), dateline::ledger::LedgerError> {
        let counts = ledger.counts().await?;
        if counts.contacts < self.people.0 || counts.contacts > self.people.1 {
            wrong.push(format!("{} contacts, {:?} were imported", counts.contacts, self.people));
        }
        let log = ledger.log(None, DeliveryId(0), 100_000).await?;
        for (release, (promised, deliveries)) in &self.issued {
            let there =
                log.iter().filter(|e| e.release == *release && e.notice.as_str() == "original").count()
                    as u64;
            if !(there == *deliveries || there == 0 && !promised) {
                wrong.push(format!("{release}: {there} of {deliveries} deliveries, promised: {promised}"));
            }
        }
        for (release, promised) in &self.notices {
            let entries: Vec<_> = log.iter().filter(|e| e.release == *release).collect();
            let noticed = entries.iter().any(|e| e.notice.as_str() != "original");
            let untried = |e: &&&LogEntry| e.notice.as_str() == "original" && e.attempts.is_empty();
            let waiting = entries.iter().filter(untried).any(|e| e.state == State::Scheduled);
            let sent = entries.iter().any(|e| e.state == State::Sent && e.notice.as_str() == "original");
            if *promised && (waiting || sent && !noticed) {
                wrong.push(format!(
                    "{release}: its notice was issued, and the wrong text waits or nobody is told"
                ));
            }
        }
        let mut numbers = BTreeSet::new();
        for entry in &log {
            self.delivery(entry, wrong);
            numbers.extend(entry.attempts.iter().map(|attempt| attempt.attempt.0));
        }
        if numbers.last().copied().unwrap_or(0) != numbers.len() as i64 {
            wrong.push(format!("an attempt is missing among {numbers:?}"));
        }
        for attempt in self.attempts.keys().filter(|attempt| !numbers.contains(attempt)) {
            wrong.push(format!("attempt {attempt} was let go and is not there"));
        }
        let suppressions = ledger.suppressions().await?.len();
        if suppressions < self.suppressed.len() {
            wrong.push(format!("{suppressions} suppressions, {} were promised", self.suppressed.len()));
        }
        let scope = Scope::Channel("relay".to_owned());
        let holds = ledger.holds().await?;
        let held = holds.iter().any(|hold| hold.scope == scope);
        if self.held.is_some_and(|expected| expected != held) {
            wrong.push(format!("held: {held}, promised otherwise"));
        }
        if let Some(hold) = holds.iter().find(|hold| hold.scope != scope) {
            wrong.push(format!("nobody asked for this hold: {hold:?}"));
        }
        ledger.resume(&scope, "ada", at(2_000)).await?;
        loop {
            let claims = ledger.claim("next", "relay", at(2_000), 1_000).await?;
            if claims.is_empty() {
                return Ok(());
            }
            for claim in claims {
                if let Some(why) = self.may_be_outside(claim.delivery.0) {
                    wrong.push(format!("delivery {} would be sent again: {why}", claim.delivery.0));
                }
            }
        }
    }

    /// Compares one delivery.
    fn delivery(&self, entry: &LogEntry, wrong: &mut Vec<String>) {
        let id = entry.delivery.0;
        let nothing = Delivery::default();
        let known = self.deliveries.get(&id).unwrap_or(&nothing);
        if entry.attempts.len() as u64 > known.asked {
            wrong.push(format!(
                "delivery {id} has {} attempts, {} were asked for",
                entry.attempts.len(),
                known.asked
            ));
        }
        for (attempt, promised, outcome) in &known.outcomes {
            let results = entry.attempts.iter().find(|a| a.attempt.0 == *attempt).map(|a| &a.results);
            let there = results.is_some_and(|results| results.iter().any(|r| r.outcome == *outcome));
            if *promised && !there {
                wrong
                    .push(format!("delivery {id}: the result `{outcome}` of attempt {attempt} is not there"));
            }
        }
        let newest = known.gone.last().copied();
        let last = known.outcomes.iter().rfind(|(attempt, ..)| Some(*attempt) == newest);
        let decided = known.decided.last();
        let later = entry.attempts.last().map(|attempt| attempt.attempt.0) > newest;
        let fits = match (last, decided) {
            // An intent that was not promised may be there all the same.
            _ if later => entry.state == State::Unknown,
            (_, Some((true, outcome))) if outcome == "sent" => entry.state == State::Sent,
            (Some((_, true, outcome)), _) if outcome == "sent" => entry.state == State::Sent,
            (Some((_, true, outcome)), _) if outcome == "failed" => entry.state == State::Failed,
            (Some((_, true, outcome)), None) if outcome == "unknown" => entry.state == State::Unknown,
            (None, None) if newest.is_some() => entry.state == State::Unknown,
            _ => entry.state != State::Attempting,
        };
        if !fits {
            wrong.push(format!("delivery {id} is {}; known was {known:?}", entry.state));
        }
    }

    /// Why a delivery may be with its recipient, or may not go again.
    fn may_be_outside(&self, delivery: i64) -> Option<String> {
        let known = self.deliveries.get(&delivery)?;
        let newest = known.gone.last()?;
        let back = known.outcomes.iter().any(|(attempt, _, outcome)| {
            attempt == newest && matches!(outcome.as_str(), "later" | "not-sent")
        });
        let again = known.decided.iter().any(|(_, outcome)| outcome == "again");
        (!back && !again).then(|| format!("{known:?}"))
    }
}
