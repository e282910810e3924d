//! The questions of `dateline resolve` on a terminal.

use std::io::{self, BufRead};

use jiff::tz::TimeZone;

use crate::cli::log;
use crate::ledger::{Decision, LogEntry, State};

/// What is done with one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is decided.
    Decide(Decision),
    /// It stays as it is.
    Skip,
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// For this one.
    One(Choice),
    /// For this one and all that follow of its release and state.
    All(Choice),
    /// Enough.
    Quit,
}

/// A delivery with what is known of it.
pub fn shown(entry: &LogEntry, number: usize, of: usize, zone: &TimeZone) -> String {
    let meaning = match entry.state {
        State::Unknown => {
            "It left, or may have left, and no answer came. The destination is still being looked at."
        }
        State::Parked => "It left, or may have left, and nothing more can be found out by itself.",
        _ => "It has not left: Dateline broke off at it twice. Sending it again may break it off again.",
    };
    let find = if entry.state == State::Quarantined {
        String::new()
    } else {
        format!("Look for {} in the relay's log, or at the account.\n", entry.message_id)
    };
    let line = log::line(entry, zone);
    format!("\n{number} of {of}: delivery {}\n{line}\n{meaning}\n{find}", entry.delivery.0)
}

fn question(state: State) -> &'static str {
    if state == State::Quarantined {
        "[a]gain, [g]ive up, s[k]ip, [q]uit; in capitals for all of this release: "
    } else {
        "It arrived: [s]ent. It did not: [a]gain, [g]ive up. S[k]ip, [q]uit; in capitals for all of this release: "
    }
}

/// Asks until there is an answer that fits; the end of the input is `quit`.
pub fn answer(
    state: State,
    input: &mut impl BufRead,
    mut print: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<Answer> {
    loop {
        print(question(state))?;
        let mut line = String::new();
        if input.read_line(&mut line)? == 0 {
            print("\n")?;
            return Ok(Answer::Quit);
        }
        if let Some(answer) = read(&line, state) {
            return Ok(answer);
        }
        print("That is none of the answers.\n")?;
    }
}

fn read(line: &str, state: State) -> Option<Answer> {
    let line = line.trim();
    let choice = match line.to_lowercase().as_str() {
        "s" | "sent" if state != State::Quarantined => Choice::Decide(Decision::Sent),
        "a" | "again" | "resend" => Choice::Decide(Decision::Resend),
        "g" | "give up" | "failed" => Choice::Decide(Decision::Failed),
        "k" | "skip" => Choice::Skip,
        "q" | "quit" => return Some(Answer::Quit),
        _ => return None,
    };
    let all = line.chars().any(char::is_uppercase);
    Some(if all { Answer::All(choice) } else { Answer::One(choice) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(state: State, input: &str, expected: Answer, questions: usize) {
        let mut asked = 0;
        let seen = answer(state, &mut input.as_bytes(), |text| {
            asked += usize::from(text.contains("[q]uit"));
            Ok(())
        });
        assert_eq!((seen.unwrap(), asked), (expected, questions), "{input:?}");
    }

    #[test]
    fn answers_are_understood_and_nothing_else_is_taken_for_one() {
        let (sent, again, failed) = (
            Choice::Decide(Decision::Sent),
            Choice::Decide(Decision::Resend),
            Choice::Decide(Decision::Failed),
        );
        check(State::Unknown, "s\n", Answer::One(sent), 1);
        check(State::Parked, " Sent \n", Answer::All(sent), 1);
        check(State::Parked, "S\n", Answer::All(sent), 1);
        check(State::Parked, "a\n", Answer::One(again), 1);
        check(State::Parked, "GIVE UP\n", Answer::All(failed), 1);
        check(State::Parked, "k\n", Answer::One(Choice::Skip), 1);
        check(State::Parked, "q\n", Answer::Quit, 1);
        check(State::Parked, "", Answer::Quit, 1);
        check(State::Parked, "\nyes\nsend\ng\n", Answer::One(failed), 4);
        // What has not left cannot have arrived.
        check(State::Quarantined, "s\nS\na\n", Answer::One(again), 3);
    }
}
