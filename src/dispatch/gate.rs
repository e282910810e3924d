//! The gate between an adapter and the ledger, for one attempt: asks once, remembers the answer, and leaves breadcrumbs.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use jiff::SignedDuration;
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::breadcrumb::{Crumb, Phase, Slot, Verdict};
use super::lock;
use crate::channel::{Gate, Mark};
use crate::clock::Clock;
use crate::crashpoint;
use crate::digest::Digest;
use crate::ledger::{AttemptId, Claim, Intent, Ledger, LedgerError, START_WITHIN, Stop};

/// What has become too late is noticed at most this much later.
const MOMENT: Duration = Duration::from_millis(100);

/// What [`LedgerGate::given_up`] looks at the clock by.
pub fn pulse() -> Interval {
    let mut pulse = tokio::time::interval_at(Instant::now() + MOMENT, MOMENT);
    pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pulse
}

/// What the ledger said.
#[derive(Default)]
pub enum Answer {
    /// It was not asked.
    #[default]
    NotAsked,
    /// The attempt is durable.
    Go(AttemptId),
    /// It must not leave.
    Stop(Stop),
    /// It could not say.
    Failed(LedgerError),
}

/// The digest of what is sent under `claim`: the frozen edition, and by what the destination knows this delivery.
pub fn request(claim: &Claim) -> Digest {
    Digest::of_fields(&[&claim.edition.0, claim.wire_key.as_bytes()])
}

/// The gate of one attempt.
pub struct LedgerGate<'a> {
    ledger: &'a Ledger,
    clock: &'a Clock,
    claim: &'a Claim,
    slot: Option<&'a Slot>,
    /// The intent was there before anything was made ready.
    granted: bool,
    /// What would only say whom the process dies of is written as well.
    wary: bool,
    state: Mutex<State>,
}

struct State {
    answer: Answer,
    crumb: Crumb,
    /// It has had its turn with the destination.
    begun: bool,
    /// On the clock that counts sleep: after this it must not leave any more.
    deadline: Option<SignedDuration>,
}

impl<'a> LedgerGate<'a> {
    /// A gate that nobody has asked, or, with an intent that the ledger gave ahead and the instant from which it is too late to leave
    /// under it, one that has its answer. The slot says that the bytes are being made, unless it said already that they wait, and that is
    /// enough.
    pub fn new(
        ledger: &'a Ledger,
        clock: &'a Clock,
        claim: &'a Claim,
        slot: Option<&'a Slot>,
        intent: Option<(AttemptId, SignedDuration)>,
        alone: bool,
    ) -> LedgerGate<'a> {
        let crumb = Crumb::new(claim.delivery, claim.epoch, alone);
        let wary = intent.is_none() || slot.is_none_or(Slot::is_wary);
        if let Some(slot) = slot
            && wary
        {
            slot.write(&crumb);
        }
        let (answer, deadline) = match intent {
            Some((attempt, deadline)) => (Answer::Go(attempt), Some(deadline)),
            None => (Answer::NotAsked, None),
        };
        LedgerGate {
            ledger,
            clock,
            claim,
            slot,
            granted: intent.is_some(),
            wary,
            state: Mutex::new(State { answer, crumb, begun: false, deadline }),
        }
    }

    /// What the ledger said; it is taken.
    pub fn answer(&self) -> Answer {
        std::mem::take(&mut lock(&self.state).answer)
    }

    /// Whether the byte that makes it happen may have been written.
    pub fn passed(&self) -> bool {
        lock(&self.state).crumb.phase >= Phase::About
    }

    /// Whether the ledger was asked.
    pub fn asked(&self) -> bool {
        self.granted || lock(&self.state).crumb.phase >= Phase::Asked
    }

    /// Returns when the attempt can be given up: it has an intent that is too old to leave under; or it still stands in the channel's
    /// `line`, which is called off; or the process is to end, and the ledger was not asked for an intent. What passed, or was asked and is
    /// in time, is seen to its end.
    ///
    /// With an intent that was there from the start nothing is waited for but the `pulse` that all attempts of a carrier share: a timer for
    /// each would cost more.
    pub async fn given_up(&self, line: &CancellationToken, stop: &CancellationToken, pulse: &mut Interval) {
        if self.granted {
            while !self.is_late() {
                pulse.tick().await;
            }
            return;
        }
        let patience = async {
            loop {
                tokio::time::sleep(self.patience()).await;
                if self.is_late() {
                    return;
                }
            }
        };
        let stopped = async {
            line.cancelled().await;
            // One more connection would be another try, at a destination that may have had enough of them.
            if lock(&self.state).begun {
                stop.cancelled().await;
            }
            if self.asked() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = patience => {}
            () = stopped => {}
        }
    }

    /// How long the attempt may take until it must have left.
    fn patience(&self) -> Duration {
        let all = Duration::try_from(START_WITHIN).unwrap_or_default();
        let left = lock(&self.state).deadline.map(|deadline| deadline.saturating_sub(self.clock.steady()));
        left.map_or(all, |left| Duration::try_from(left).unwrap_or_default()).clamp(MOMENT, all)
    }

    /// Whether it has an intent under which it can leave no more, and has not left.
    fn is_late(&self) -> bool {
        let state = lock(&self.state);
        let late = state.deadline.is_some_and(|deadline| self.clock.steady() >= deadline);
        late && state.crumb.phase < Phase::About
    }

    /// Writes how far it is; a phase that was reached is never left again. What would prove nothing more than what is written is not
    /// written.
    fn reach(&self, phase: Phase, change: impl FnOnce(&mut Crumb)) -> bool {
        let mut state = lock(&self.state);
        if phase < state.crumb.phase {
            return true;
        }
        let before = state.crumb.clone();
        state.crumb.phase = phase;
        change(&mut state.crumb);
        !state.crumb.says_more(&before, self.wary) || self.slot.is_none_or(|slot| slot.write(&state.crumb))
    }
}

#[async_trait]
impl Gate for LedgerGate<'_> {
    async fn open(&self) -> bool {
        let go = self.ask().await;
        crashpoint!("P1");
        crashpoint!("K1");
        crashpoint!("F1");
        go && self.pass()
    }

    async fn ask(&self) -> bool {
        self.reach(Phase::Asked, |_| {});
        if self.granted {
            return true;
        }
        // Before the question, so that a pause while it is answered counts.
        let deadline = self.clock.steady().saturating_add(START_WITHIN);
        let question = (self.claim.delivery, self.claim.epoch, request(self.claim));
        let answer = match self.ledger.intent(vec![question], self.clock.now()).await {
            Ok(mut answers) => match answers.pop() {
                Some(Intent::Go(attempt)) => Answer::Go(attempt),
                Some(Intent::Stop(stop)) => Answer::Stop(stop),
                None => Answer::Stop(Stop::NoSuch),
            },
            Err(error) => Answer::Failed(error),
        };
        let go = matches!(answer, Answer::Go(_));
        let mut state = lock(&self.state);
        state.answer = answer;
        state.deadline = go.then_some(deadline);
        go
    }

    fn pass(&self) -> bool {
        let in_time = lock(&self.state).deadline.is_some_and(|deadline| self.clock.steady() < deadline);
        // If this cannot be written, a death after the byte would look like one before it.
        in_time && self.reach(Phase::About, |_| {})
    }

    fn mark(&self, mark: Mark<'_>) {
        match mark {
            Mark::Filled => self.reach(Phase::Talking, |_| {}),
            Mark::Begun => {
                lock(&self.state).begun = true;
                true
            }
            Mark::Written => self.reach(Phase::Written, |_| {}),
            // What is said before the byte was written is no answer to it.
            Mark::Answered(_) if !self.passed() => true,
            Mark::Answered(result) => self.reach(Phase::Answered, |crumb| {
                crumb.verdict = Verdict::of(result);
                crumb.code = match result {
                    Ok(receipt) => receipt.reply.code,
                    Err(failure) => failure.reply().and_then(|reply| reply.code),
                };
            }),
        };
    }
}
