//! What an answer of Postmark means. One table, one line for each error. Pure.
//!
//! postmarkapp.com/developer/api/overview#error-codes lists the codes of a 422, and #response-codes what each status says.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::channel::http::Answer;
use crate::channel::{Failure, Reply};

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    /// Our account, token, sender or stream: nothing more until somebody looks.
    HoldChannel,
    /// Not this mail, or we do not know why: after the third, nothing more to that destination.
    HoldDestination,
    /// Nothing was taken, and the same may be taken later.
    Pause,
    /// Not this recipient.
    Refuse,
    /// Not this recipient, ever: Postmark knows the address as dead, or as of somebody who wants no more.
    Suppress,
}

use Action::{HoldChannel, HoldDestination, Pause, Refuse, Suppress};

/// One rule: the codes from and to, a word of the message in lower case (empty: any), what is done.
type Rule = (u32, u32, &'static str, Action);

/// The first rule that fits counts.
const RULES: &[Rule] = &[
    // Bad or missing API token.
    (10, 10, "", HoldChannel),
    // Maintenance.
    (100, 100, "", Pause),
    // Invalid email request. It names the member that is wrong; only the address of the recipient is a recipient's matter.
    (300, 300, "'to'", Refuse),
    (300, 300, "'from'", HoldChannel),
    (300, 300, "", HoldDestination),
    // Sender signature not found, not confirmed.
    (400, 401, "", HoldChannel),
    // Invalid, incompatible JSON: a fault in Dateline.
    (402, 403, "", HoldChannel),
    // Not allowed to send: no credits left.
    (405, 405, "", HoldChannel),
    // Inactive recipient: a hard bounce, a complaint, or a suppression by hand or by Postmark's own unsubscribe link.
    (406, 406, "", Suppress),
    // JSON required, too many mails at once: faults in Dateline.
    (409, 410, "", HoldChannel),
    // Forbidden attachment type. It is the same for everybody who gets the edition.
    (411, 411, "", HoldChannel),
    // The account is pending, or may not send.
    (412, 413, "", HoldChannel),
    // Rate limit exceeded.
    (429, 429, "", Pause),
    // What a sender's signature, a domain or a server lacks.
    (500, 699, "", HoldChannel),
    // Message streams: not there, archived, of the wrong type.
    (1220, 1250, "", HoldChannel),
];

/// Where Postmark names no time.
const LEAST: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "ErrorCode")]
    code: u32,
    #[serde(rename = "Message", default)]
    words: String,
}

/// What an answer means that does not say that the mail was taken.
pub fn failure(answer: &Answer, now: Timestamp) -> Failure {
    let Ok(said) = answer.json::<Said>() else { return nameless(answer, now) };
    let reply = Reply::new(answer.status, None, &format!("error {}: {}", said.code, answer.reply().text));
    // "In most cases the message is lost during the process": most is not all.
    if answer.status >= 500 && said.code != 100 {
        return Failure::Unknown { reply };
    }
    let words = said.words.to_lowercase();
    let fits = |(from, to, word, _): &&Rule| (*from..=*to).contains(&said.code) && words.contains(word);
    match RULES.iter().find(fits).map(|(_, _, _, action)| *action) {
        Some(HoldChannel) => Failure::HoldChannel { reply },
        Some(Refuse) => Failure::Refused { reply, suppress: false },
        Some(Suppress) => Failure::Refused { reply, suppress: true },
        Some(Pause) => {
            let asked = answer.wait(now).unwrap_or_default();
            Failure::PauseChannel { reply, retry_after: Some(asked.max(LEAST)) }
        }
        Some(HoldDestination) => Failure::HoldDestination { reply },
        None => match answer.status {
            401 | 403 => Failure::HoldChannel { reply },
            408 | 425 | 429 => Failure::PauseChannel { reply, retry_after: answer.wait(now) },
            _ => Failure::HoldDestination { reply },
        },
    }
}

/// An answer that is not Postmark's own: it speaks of the way there, and of no recipient
/// (postmarkapp.com/support/article/getting-a-403-that-doesnt-look-like-a-postmark-error).
fn nameless(answer: &Answer, now: Timestamp) -> Failure {
    match answer.failure(now) {
        Failure::Later { reply, retry_after } => Failure::PauseChannel { reply, retry_after },
        Failure::Refused { reply, .. } => Failure::HoldChannel { reply },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_can_be_reached() {
        for (at, (from, _, word, _)) in RULES.iter().enumerate() {
            let first = RULES
                .iter()
                .position(|(low, high, general, _)| (*low..=*high).contains(from) && word.contains(general));
            assert_eq!(first, Some(at), "{from} {word}");
        }
    }
}
