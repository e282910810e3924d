//! Progress on a terminal; silence elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

use crate::dispatch::Event;
use crate::ledger::State;

/// Shows deliveries as they happen: a counter on a terminal, and a line for each that needs a look.
#[derive(Clone)]
pub struct Deliveries(ProgressBar);

impl Deliveries {
    /// A counter, if `shown` and stderr is a terminal.
    pub fn new(shown: bool) -> Deliveries {
        let bar = if shown { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        // The template is a constant that a test has seen.
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos} deliveries, {per_sec}  {msg}") {
            bar.set_style(style);
        }
        Deliveries(bar)
    }

    /// Counts one event.
    pub fn show(&self, event: &Event) {
        self.0.inc(1);
        self.0.set_message(format!("{} by {}", event.slug, event.channel));
        if !matches!(event.state, State::Sent | State::Scheduled) {
            let Event { slug, channel, recipient, state, words, .. } = event;
            self.0.suspend(|| eprintln!("{slug} by {channel} to {recipient}: {state}: {words}"));
        }
    }

    /// Takes the counter away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
