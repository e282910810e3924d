//! The one place that asks the machine for the time.
//!
//! Everything else takes `now` as an argument, or waits on a [`Clock`]. Tests and
//! `dateline demo` run on a clock that moves only when told to.
//!
//! [`Clock::now`] never follows a wall clock that was stepped: see [`guard`]. So no part of the
//! program can be led past an embargo by it, not even for the moment until somebody notices.

pub mod guard;
mod rules;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

pub use guard::{Doubt, Reading};
pub use rules::zone_rules;

use guard::Guard;

/// A source of the current instant, cheap to clone; clones share their time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    guard: Mutex<Guard>,
    /// What a clock that only tests and the demo move says; nothing for the machine's.
    manual: Option<Manual>,
}

#[derive(Debug)]
struct Manual {
    reading: Mutex<Reading>,
    moved: watch::Sender<()>,
}

impl Clock {
    /// The machine's wall clock, held against its steady one.
    pub fn system() -> Clock {
        Clock(Arc::new(Inner { guard: Mutex::new(Guard::new(machine())), manual: None }))
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it.
    pub fn fixed(now: Timestamp) -> Clock {
        let reading = Reading { wall: now, steady: SignedDuration::ZERO };
        let manual = Manual { reading: Mutex::new(reading), moved: watch::Sender::new(()) };
        Clock(Arc::new(Inner { guard: Mutex::new(Guard::new(reading)), manual: Some(manual) }))
    }

    /// The current instant. While the wall clock is in doubt, the earlier of what it and the steady clock say.
    pub fn now(&self) -> Timestamp {
        let mut guard = lock(&self.0.guard);
        // Read under the lock, so that readings come in their order.
        let reading = self.reading();
        guard.look(reading)
    }

    /// Both clocks, as they are.
    pub fn reading(&self) -> Reading {
        match &self.0.manual {
            None => machine(),
            Some(manual) => *lock(&manual.reading),
        }
    }

    /// The steady clock: it counts also while the machine sleeps, and nobody can set it.
    pub fn steady(&self) -> SignedDuration {
        match &self.0.manual {
            None => steady(),
            Some(manual) => lock(&manual.reading).steady,
        }
    }

    /// Names the start of the machine to which [`Clock::steady`] belongs; nothing of a clock that is not the machine's.
    pub fn boot_id(&self) -> Option<String> {
        if self.0.manual.is_some() { None } else { boot_id() }
    }

    /// Why the wall clock is not believed, if it is not.
    pub fn doubt(&self) -> Option<Doubt> {
        self.now();
        lock(&self.0.guard).doubt()
    }

    /// Somebody vouches for the wall clock as it is now.
    pub fn accept(&self) {
        let mut guard = lock(&self.0.guard);
        guard.accept(self.reading());
        drop(guard);
        self.moved();
    }

    /// What the wall clock is held against, to be remembered beyond this process.
    pub fn base(&self) -> Reading {
        lock(&self.0.guard).base()
    }

    /// Holds the wall clock against what an earlier process believed; `base` must be of the same start of the machine.
    pub fn hold_against(&self, base: Reading) {
        lock(&self.0.guard).hold_against(base);
    }

    /// Lets time go by on a fixed clock, until `now`; the system's clock is left alone.
    pub fn set(&self, now: Timestamp) {
        self.turn(|reading| Reading {
            wall: now,
            steady: reading.steady.saturating_add(now.duration_since(reading.wall)),
        });
    }

    /// Sets a fixed clock wrong (or right): its wall clock shows `now`, no time goes by.
    pub fn step(&self, now: Timestamp) {
        self.turn(|reading| Reading { wall: now, ..reading });
    }

    fn turn(&self, to: impl FnOnce(Reading) -> Reading) {
        if let Some(manual) = &self.0.manual {
            let mut reading = lock(&manual.reading);
            *reading = to(*reading);
        }
        self.moved();
    }

    fn moved(&self) {
        if let Some(manual) = &self.0.manual {
            manual.moved.send_replace(());
        }
    }

    /// Returns once it is `due` or later.
    ///
    /// The system clock is asked again at least every second, so that a clock
    /// that is stepped, or a machine that slept, is noticed.
    pub async fn sleep_until(&self, due: Timestamp) {
        let mut moved = self.0.manual.as_ref().map(|manual| manual.moved.subscribe());
        loop {
            let Ok(left) = Duration::try_from(due.duration_since(self.now())) else { return };
            if left.is_zero() {
                return;
            }
            match &mut moved {
                None => tokio::time::sleep(left.min(Duration::from_secs(1))).await,
                // The sender lives as long as this clock, so waiting cannot fail.
                Some(moved) => drop(moved.changed().await),
            }
        }
    }
}

/// Names this start of the machine (random, from the kernel), where the system tells.
pub fn boot_id() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Asks the machine. The two clocks are read as one: a process that is stopped in between asks again.
fn machine() -> Reading {
    const TOGETHER: SignedDuration = SignedDuration::from_millis(100);
    let mut before = steady();
    loop {
        #[expect(clippy::disallowed_methods, reason = "this is the place")]
        let wall = Timestamp::now();
        let after = steady();
        if after.saturating_sub(before) <= TOGETHER {
            return Reading { wall, steady: after };
        }
        before = after;
    }
}

fn steady() -> SignedDuration {
    #[cfg(target_os = "linux")]
    let id = rustix::time::ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let id = rustix::time::ClockId::Monotonic;
    let now = rustix::time::clock_gettime(id);
    // Nanoseconds of a second always fit.
    SignedDuration::new(now.tv_sec, i32::try_from(now.tv_nsec).unwrap_or(0))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn a_fixed_clock_wakes_its_sleepers_when_it_is_moved() {
        let clock = Clock::fixed(at("2026-12-01T08:00:00Z"));
        let due = at("2026-12-01T09:00:00Z");
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(due).await;
                clock.now()
            }
        });
        clock.set(at("2026-12-01T08:59:59Z"));
        clock.set(due);
        assert_eq!(sleeper.await.unwrap(), due);
    }

    #[tokio::test]
    async fn a_step_wakes_nobody_until_somebody_vouches_for_it() {
        let clock = Clock::fixed(at("2026-12-01T08:00:00Z"));
        let due = at("2026-12-01T09:00:00Z");
        clock.step(at("2026-12-02T08:00:00Z"));
        assert_eq!(clock.now(), at("2026-12-01T08:00:00Z"));
        assert_eq!(clock.doubt().unwrap().ahead, SignedDuration::from_hours(24));
        let mut sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(due).await }
        });
        let early = tokio::time::timeout(Duration::from_millis(20), &mut sleeper).await;
        assert!(early.is_err(), "the step woke it");
        clock.accept();
        sleeper.await.unwrap();
        assert_eq!((clock.now(), clock.doubt()), (at("2026-12-02T08:00:00Z"), None));
    }

    #[test]
    fn the_machines_clocks_go_together() {
        let clock = Clock::system();
        let before = clock.reading();
        std::thread::sleep(Duration::from_millis(20));
        let after = clock.reading();
        assert!(after.steady > before.steady && after.wall > before.wall);
        assert!(after.ahead_since(&before).abs() < SignedDuration::from_secs(1));
        assert_eq!(clock.doubt(), None);
    }
}
