//! The parts of a mail before they are encoded: text, and slots for what differs by recipient.

use std::ops::Range;
use std::sync::Arc;

use super::engraved::{Engraved, Printer};
use crate::render::Slot;

/// A stretch of a part of the mail, not yet encoded.
pub(super) enum Part {
    Literal(Literal),
    Slot(Slot),
}

/// Text out of pieces, of which many stand in other mails as well.
#[derive(Default)]
pub(super) struct Literal {
    /// What stands in this mail alone.
    loose: String,
    pieces: Vec<Piece>,
}

enum Piece {
    /// These bytes of what is loose.
    Loose(Range<usize>),
    Engraved(Arc<Engraved>),
}

impl Literal {
    pub(super) fn is_empty(&self) -> bool {
        self.loose.is_empty() && self.pieces.is_empty()
    }

    pub(super) fn text(&mut self, text: &str) {
        self.write(|loose| loose.push_str(text));
    }

    /// Appends what `write` appends to a text.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut String)) {
        let start = self.loose.len();
        write(&mut self.loose);
        let end = self.loose.len();
        match self.pieces.last_mut() {
            Some(Piece::Loose(range)) => range.end = end,
            _ if start < end => self.pieces.push(Piece::Loose(start..end)),
            _ => {}
        }
    }

    pub(super) fn engraved(&mut self, engraved: Arc<Engraved>) {
        self.pieces.push(Piece::Engraved(engraved));
    }

    /// Takes the white space away that stands at the end, as far as it is loose.
    pub(super) fn trim_end(&mut self) {
        if let Some(Piece::Loose(range)) = self.pieces.last_mut() {
            let kept = self.loose.get(range.clone()).unwrap_or_default().trim_end().len();
            range.end = range.start + kept;
            self.loose.truncate(range.end);
        }
    }

    /// The text, in pieces.
    pub(super) fn pieces(&self) -> impl Iterator<Item = &str> + Clone {
        self.pieces.iter().map(|piece| match piece {
            Piece::Loose(range) => self.loose.get(range.clone()).unwrap_or_default(),
            Piece::Engraved(engraved) => engraved.text(),
        })
    }

    /// Puts `new` in place of every `old`; says whether there was one.
    pub(super) fn replace(&mut self, old: &str, new: &str) -> bool {
        let whole: String = self.pieces().collect();
        let found = whole.contains(old);
        if found {
            *self = Literal::default();
            self.text(&whole.replace(old, new));
        }
        found
    }

    pub(super) fn print(&self, printer: &mut Printer<'_>) {
        for piece in &self.pieces {
            match piece {
                Piece::Loose(range) => printer.text(self.loose.get(range.clone()).unwrap_or_default()),
                Piece::Engraved(engraved) => printer.engraved(engraved),
            }
        }
        printer.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_one_text() {
        let mut literal = Literal::default();
        assert!(literal.is_empty());
        literal.text("a ");
        literal.text("b");
        literal.engraved(Arc::new(Engraved::new("c\nd ".to_owned())));
        literal.text("");
        literal.text("e \n");
        literal.trim_end();
        let pieces: Vec<&str> = literal.pieces().collect();
        assert_eq!(pieces, ["a b", "c\nd ", "e"]);
        let mut out = Vec::new();
        literal.print(&mut Printer::new(&mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "a bc\r\nd e");
        assert!(!literal.replace("x", "y") && literal.replace("bc", "<>"));
        assert_eq!(literal.pieces().collect::<String>(), "a <>\nd e");
    }
}
