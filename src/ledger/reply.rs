//! What is kept of an outcome, and of the other side's words.

use super::{Outcome, Reply};

/// The word under which an outcome is kept, and the other side's words.
pub(super) fn words(outcome: &Outcome) -> (&'static str, &Reply) {
    const NOTHING: &Reply = &Reply { code: None, enhanced: None, text: String::new() };
    match outcome {
        Outcome::Sent { reply, .. } => ("sent", reply),
        Outcome::Later { reply, .. } => ("later", reply),
        Outcome::Failed { reply, .. } => ("failed", reply),
        Outcome::Unknown { reply } => ("unknown", reply),
        Outcome::NotSent => ("not-sent", NOTHING),
    }
}
