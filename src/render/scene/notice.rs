//! What a correction, hold or kill tells the reader.

use super::Scene;
use crate::release::{Correction, Notice};
use crate::render::phrases;

impl<'a> Scene<'a> {
    /// Whether the body is shown: a release that is stopped or withdrawn is not spread further.
    pub fn shows_body(&self) -> bool {
        matches!(self.request.notice, Notice::Original | Notice::Correction)
    }

    /// The label of the notice, and what it tells the reader; nothing for an original.
    pub fn notice(&self) -> Option<(&'static str, String)> {
        let (label, own, standing) = match self.request.notice {
            Notice::Original => return None,
            Notice::Correction => ("correction", self.correction(), "correction-note"),
            Notice::Hold => ("hold", self.reason(), "hold-note"),
            Notice::Kill => ("kill", self.reason(), "kill-note"),
        };
        let mut words = own.map(|own| own.trim().to_owned()).unwrap_or_default();
        if !words.is_empty() {
            if !words.ends_with(['.', '!', '?', '…', '。', '！', '？', '؟']) {
                words.push_str(phrases::full_stop(self.language()));
            }
            words.push_str(phrases::sentence_gap(self.language()));
        }
        words.push_str(self.phrase(standing));
        Some((self.phrase(label), words))
    }

    /// What was corrected, in this language or else in the original's.
    pub fn correction(&self) -> Option<&'a str> {
        let own = self.text.file.front.correction.as_ref().map(|correction| &correction.value);
        let note = |correction: &'a Correction| correction.note.as_ref().map(|note| note.value.trim());
        own.and_then(note).or(self.release.correction.as_ref().and_then(note))
    }

    /// Why it is held or killed, in this language or else in the original's.
    fn reason(&self) -> Option<&'a str> {
        let own = self.text.file.front.reason.as_ref().map(|reason| reason.value.as_str());
        own.or(self.release.reason.as_deref())
    }

    /// What stands in front of a subject or social text.
    pub fn label(&self) -> Option<&'static str> {
        self.notice().map(|(label, _)| label)
    }
}
