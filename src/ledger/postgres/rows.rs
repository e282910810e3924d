//! Results and changes of deliveries, gathered and written with one statement each.

use std::collections::HashMap;

use jiff::Timestamp;

use super::session::{Param, Tx};
use super::values::At;
use super::{Result, doubt};
use crate::contact::without_addresses;
use crate::ledger::{LOOK_AFTER, Outcome, Reply, State};

const ADD_RESULTS: &str = "
    INSERT INTO result (attempt, no, outcome, code, enhanced, text, at, late)
         SELECT *
           FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::integer[], $5::text[], $6::text[],
                       $7::bigint[], $8::boolean[])";
const BECOME: &str = "
    UPDATE delivery AS d
       SET state = q.state, due = greatest(d.due, q.due), remote_id = q.remote_id, url = q.url, sent_at = q.sent_at,
           guilt = CASE WHEN q.forgive THEN 0 ELSE d.guilt END
      FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::boolean[])
                AS q (id, state, due, remote_id, url, sent_at, forgive)
     WHERE d.id = q.id";

/// What becomes of a delivery.
struct Change {
    state: State,
    /// Not before this; 0 leaves it as it is.
    due: i64,
    remote_id: Option<String>,
    url: Option<String>,
    sent_at: Option<Timestamp>,
    /// A try came to its end: whatever was put down to the delivery before is forgiven.
    forgive: bool,
}

impl Change {
    fn to(state: State) -> Change {
        Change { state, due: 0, remote_id: None, url: None, sent_at: None, forgive: false }
    }
}

/// Rows to be written, by column.
#[derive(Default)]
pub(super) struct Rows {
    attempts: Vec<i64>,
    numbers: Vec<i32>,
    outcomes: Vec<&'static str>,
    codes: Vec<Option<i32>>,
    enhanced: Vec<Option<String>>,
    texts: Vec<String>,
    times: Vec<At>,
    late: Vec<bool>,
    /// By delivery, so that the last report of a group stands.
    changes: HashMap<i64, Change>,
    /// Deliveries that are unknown from now on: since when, and when to look.
    begun: HashMap<i64, (Timestamp, Timestamp)>,
    /// Deliveries that are not unknown any more.
    ended: Vec<i64>,
}

impl Rows {
    /// One more result of an attempt, its `no`-th.
    pub(super) fn result(
        &mut self,
        attempt: i64,
        no: i64,
        outcome: &'static str,
        reply: &Reply,
        now: Timestamp,
        late: bool,
    ) {
        self.attempts.push(attempt);
        self.numbers.push(i32::try_from(no).unwrap_or(i32::MAX));
        self.outcomes.push(outcome);
        self.codes.push(reply.code.map(i32::from));
        self.enhanced.push(reply.enhanced.clone());
        // PostgreSQL's texts hold no NUL.
        self.texts.push(without_addresses(&reply.text).replace('\0', ""));
        self.times.push(At(now));
        self.late.push(late);
    }

    /// A delivery is unknown since `now`, and is looked at from `look_at` on.
    pub(super) fn unknown(&mut self, delivery: i64, now: Timestamp, look_at: Timestamp) {
        self.changes.insert(delivery, Change::to(State::Unknown));
        self.begun.insert(delivery, (now, look_at));
    }

    /// A delivery is not unknown any more.
    pub(super) fn end(&mut self, delivery: i64) {
        self.begun.remove(&delivery);
        self.ended.push(delivery);
    }

    /// Somebody decided what became of a delivery.
    pub(super) fn decided(&mut self, delivery: i64, state: State, now: Timestamp) {
        let sent_at = (state == State::Sent).then_some(now);
        let forgive = state == State::Scheduled;
        self.changes.insert(delivery, Change { sent_at, forgive, ..Change::to(state) });
    }

    /// A delivery was found where it should have gone.
    pub(super) fn found(
        &mut self,
        delivery: i64,
        remote_id: Option<String>,
        url: Option<String>,
        now: Timestamp,
    ) {
        let change = Change { remote_id, url, sent_at: Some(now), ..Change::to(State::Sent) };
        self.changes.insert(delivery, change);
        self.end(delivery);
    }

    /// Changes a delivery, which was in state `before`; returns its state.
    pub(super) fn apply(&mut self, delivery: i64, before: State, outcome: &Outcome, now: Timestamp) -> State {
        if before == State::Unknown {
            self.end(delivery);
        }
        let change = match outcome {
            Outcome::Sent { remote_id, url, .. } => Change {
                remote_id: remote_id.clone(),
                url: url.clone(),
                sent_at: Some(now),
                ..Change::to(State::Sent)
            },
            Outcome::Later { due, .. } => {
                Change { due: due.as_microsecond(), forgive: true, ..Change::to(State::Scheduled) }
            }
            Outcome::NotSent => Change::to(State::Scheduled),
            Outcome::Failed { .. } => Change::to(State::Failed),
            Outcome::Unknown { .. } => {
                self.unknown(delivery, now, now.checked_add(LOOK_AFTER).unwrap_or(now));
                return State::Unknown;
            }
        };
        let state = change.state;
        self.changes.insert(delivery, change);
        state
    }

    /// Writes them all.
    pub(super) async fn write(self, tx: &Tx<'_>) -> Result<()> {
        if !self.attempts.is_empty() {
            let rows: [Param<'_>; 8] = [
                &self.attempts,
                &self.numbers,
                &self.outcomes,
                &self.codes,
                &self.enhanced,
                &self.texts,
                &self.times,
                &self.late,
            ];
            tx.execute(ADD_RESULTS, &rows).await?;
        }
        let (mut ids, mut states, mut due) = (vec![], vec![], vec![]);
        let (mut remote_ids, mut urls, mut sent, mut forgiven) = (vec![], vec![], vec![], vec![]);
        for (delivery, change) in self.changes {
            ids.push(delivery);
            states.push(change.state);
            due.push(change.due);
            remote_ids.push(change.remote_id);
            urls.push(change.url);
            sent.push(change.sent_at.map(At));
            forgiven.push(change.forgive);
        }
        if !ids.is_empty() {
            let rows: [Param<'_>; 7] = [&ids, &states, &due, &remote_ids, &urls, &sent, &forgiven];
            tx.execute(BECOME, &rows).await?;
        }
        doubt::begin(tx, &self.begun).await?;
        doubt::end(tx, &self.ended).await
    }
}
