//! The one place that asks the machine for the time.
//!
//! Everything else takes `now` as an argument, or waits on a [`Clock`]. Tests and
//! `dateline demo` run on a clock that moves only when told to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// A source of the current instant, cheap to clone; clones share their time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<Mutex<watch::Sender<Timestamp>>>),
}

impl Clock {
    /// The machine's wall clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `now` until [`Clock::set`] moves it.
    pub fn fixed(now: Timestamp) -> Clock {
        Clock(Source::Manual(Arc::new(Mutex::new(watch::Sender::new(now)))))
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            #[expect(clippy::disallowed_methods, reason = "this is the place")]
            Source::System => Timestamp::now(),
            Source::Manual(time) => *lock(time).borrow(),
        }
    }

    /// Moves a fixed clock; the system's clock is left alone.
    pub fn set(&self, now: Timestamp) {
        if let Source::Manual(time) = &self.0 {
            lock(time).send_replace(now);
        }
    }

    /// Returns once the clock stands at `due` or later.
    ///
    /// The system clock is asked again at least every second, so that a clock
    /// that is stepped, or a machine that slept, is noticed.
    pub async fn sleep_until(&self, due: Timestamp) {
        match &self.0 {
            Source::System => loop {
                let left = due.duration_since(self.now());
                let Ok(left) = Duration::try_from(left) else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            },
            Source::Manual(time) => {
                let mut seen = lock(time).subscribe();
                // The sender lives as long as this clock, so waiting cannot fail.
                let _ = seen.wait_for(|now| *now >= due).await;
            }
        }
    }
}

fn lock(time: &Mutex<watch::Sender<Timestamp>>) -> std::sync::MutexGuard<'_, watch::Sender<Timestamp>> {
    time.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_clock_wakes_its_sleepers_when_it_is_moved() {
        let clock = Clock::fixed("2026-12-01T08:00:00Z".parse().unwrap());
        let due = "2026-12-01T09:00:00Z".parse().unwrap();
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move {
                clock.sleep_until(due).await;
                clock.now()
            }
        });
        clock.set("2026-12-01T08:59:59Z".parse().unwrap());
        clock.set(due);
        assert_eq!(sleeper.await.unwrap(), due);
    }
}
