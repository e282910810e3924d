//! Named places at which a test lets the process end at once, as by SIGKILL: nothing is flushed, nothing is told.
//!
//! `crashpoint!("S5")` is nothing at all unless Dateline was built with the feature `crashpoints`. With it, [`arm`] chooses one
//! place and the passing at which it ends the process: `S5` the first, `S5:17` the seventeenth; `S5:17:stop` stops it instead, as by SIGSTOP,
//! until somebody sends SIGCONT. Only [`crate::config`] reads the wish from the environment (`DATELINE_CRASH`).
//!
//! [`POINTS`] is the one list; tests go through it.

/// A named place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// What has happened when it is passed.
    pub after: &'static str,
}

const fn point(name: &'static str, after: &'static str) -> Point {
    Point { name, after }
}

/// Every place. S: mail. P, K, F: requests whose key is ours, is remembered there for a while, does not exist.
pub const POINTS: &[Point] = &[
    point("S0", "the order is written, but not committed"),
    point("S1", "deliveries are claimed"),
    point("S2", "the mail's bytes are made"),
    point("S3", "the relay has taken the envelope and waits for the mail"),
    point("S4", "the mail is with the relay but for its dot; the intent may not be durable yet"),
    point("S5", "the intent is durable, the dot not written"),
    point("S6", "the dot is written, the relay has not answered"),
    point("S7", "the relay has taken the mail, the result is not durable"),
    point("S8", "the result is durable"),
    point("S9", "the relay has refused the mail after its dot, the result is not durable"),
    point("S11", "a report is on record, its mail is not marked as read"),
    point("P1", "the key is stored and the intent durable, nothing is sent"),
    point("K1", "the key is stored and the intent durable, nothing is sent"),
    point("F1", "the intent is durable, nothing is sent"),
    point("P3", "the request has arrived, its answer is not looked at"),
    point("K2", "the request has arrived, its answer is not looked at"),
    point("F2", "the request has arrived, its answer is not looked at"),
    point("P4", "the destination has taken it, the result is not durable"),
    point("K4", "the destination has taken it, the result is not durable"),
];

/// Passes a named place; nothing without the feature `crashpoints`.
#[macro_export]
macro_rules! crashpoint {
    ($name:literal) => {{
        #[cfg(feature = "crashpoints")]
        $crate::crashpoint::pass($name);
    }};
}

#[cfg(feature = "crashpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::POINTS;

    /// What happens at the place.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum End {
        Kill,
        Stop,
    }

    #[derive(Debug)]
    pub(super) struct Armed {
        pub(super) name: &'static str,
        pub(super) left: AtomicU64,
        pub(super) end: End,
    }

    static ARMED: OnceLock<Armed> = OnceLock::new();

    pub(super) fn read(wish: &str) -> Result<Armed, String> {
        let mut parts = wish.split(':');
        let name = parts.next().unwrap_or_default();
        let Some(point) = POINTS.iter().find(|point| point.name == name) else {
            let all: Vec<&str> = POINTS.iter().map(|point| point.name).collect();
            return Err(format!("there is no crash point `{name}`; there are {}", all.join(", ")));
        };
        let passing = match parts.next() {
            None => 1,
            Some(text) => text
                .parse()
                .ok()
                .filter(|passing| *passing > 0)
                .ok_or_else(|| format!("`{text}` is no passing; write a number from 1"))?,
        };
        let end = match (parts.next(), parts.next()) {
            (None, _) => End::Kill,
            (Some("stop"), None) => End::Stop,
            _ => return Err(format!("`{wish}` is not NAME, NAME:PASSING or NAME:PASSING:stop")),
        };
        Ok(Armed { name: point.name, left: AtomicU64::new(passing), end })
    }

    /// Chooses where the process ends; once, at its start.
    pub fn arm(wish: &str) -> Result<(), String> {
        ARMED.set(read(wish)?).map_err(|armed| format!("a crash point is armed already, not {}", armed.name))
    }

    /// Passes `name`.
    pub fn pass(name: &str) {
        let Some(armed) = ARMED.get().filter(|armed| armed.name == name) else { return };
        if armed.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return;
        }
        end(armed.end);
    }

    fn end(end: End) {
        let signal = match end {
            End::Kill => rustix::process::Signal::KILL,
            End::Stop => rustix::process::Signal::STOP,
        };
        let sent = rustix::process::kill_process(rustix::process::getpid(), signal);
        if end == End::Kill || sent.is_err() {
            std::process::abort();
        }
        // Another thread may have taken the signal: this one goes no further before all of them stand.
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}

#[cfg(feature = "crashpoints")]
pub use armed::{arm, pass};

#[cfg(all(test, feature = "crashpoints"))]
mod tests {
    use std::collections::BTreeSet;

    #[track_caller]
    fn check(wish: &str, expected: &str) {
        let seen = match super::armed::read(wish) {
            Ok(armed) => format!("{} {:?} {:?}", armed.name, armed.left, armed.end),
            Err(why) => why.split(';').next().unwrap_or_default().to_owned(),
        };
        assert_eq!(seen, expected, "{wish}");
    }

    #[test]
    fn a_wish_names_a_place_and_a_passing() {
        check("S5", "S5 1 Kill");
        check("S5:17", "S5 17 Kill");
        check("K4:2:stop", "K4 2 Stop");
        check("S5:0", "`0` is no passing");
        check("S5:x", "`x` is no passing");
        check("S5:1:halt", "`S5:1:halt` is not NAME, NAME:PASSING or NAME:PASSING:stop");
        check("S99", "there is no crash point `S99`");
        check("", "there is no crash point ``");
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<&str> = super::POINTS.iter().map(|point| point.name).collect();
        assert_eq!(names.len(), super::POINTS.len());
    }
}
