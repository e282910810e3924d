//! Quarters, half-years and years that an old template left behind.
//!
//! Releases about results compare with last year all the time, so an old year alone says
//! nothing. What speaks against it: the headline and the text disagree, the period ended long
//! before the release, or one date is given with two years.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::dates::same_word;
use super::manuscript::{Manuscript, Part, Piece};
use super::{Case, Notes};

/// A quarter, half-year or year of somebody's accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Period {
    kind: Kind,
    year: i16,
    range: std::ops::Range<usize>,
    /// Whether it stands in a comparison: `compared with the third quarter of 2025`.
    compared: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 1 to 4.
    Quarter(i8),
    /// 1 or 2.
    Half(i8),
    Year,
}

impl Kind {
    /// The last month of it.
    fn ends_in(self) -> i8 {
        match self {
            Kind::Quarter(number) => number * 3,
            Kind::Half(number) => number * 6,
            Kind::Year => 12,
        }
    }
}

/// More than this many months after the end of a period, its results are no news.
const NEWS: i32 = 9;

pub(super) fn stale_period(case: &Case<'_>, notes: &mut Notes) {
    let Some(publish) = case.publish.as_ref().map(jiff::Zoned::date) else { return };
    for text in &case.texts {
        periods_of(text, publish, notes);
        dates_of(text, publish, notes);
        copyright(text, publish, notes);
    }
}

fn periods_of(text: &Manuscript<'_>, publish: Date, notes: &mut Notes) {
    let mut head = Vec::new();
    let mut body = Vec::new();
    for piece in &text.pieces {
        let found = periods(piece, text.language);
        if piece.part.is_head() {
            head.extend(found.into_iter().map(|period| (piece, period)));
        } else {
            body.extend(found.into_iter().map(|period| (piece, period)));
        }
    }
    let Some((lead, newest)) =
        head.iter().filter(|(_, period)| !period.compared).max_by_key(|(piece, period)| {
            // The newest year; of equals, the title's.
            (period.year, piece.part == Part::Title)
        })
    else {
        return;
    };
    let months = |period: &Period| {
        (i32::from(publish.year()) - i32::from(period.year)) * 12
            + i32::from(publish.month() - period.kind.ends_in())
    };
    let shown = |piece: &Piece<'_>, period: &Period| piece.text[period.range.clone()].to_owned();
    if months(newest) > NEWS {
        notes.add(
            text.file,
            lead.locate(newest.range.clone()),
            format!(
                "`{}` ended {} months before the release is published",
                shown(lead, newest),
                months(newest)
            ),
            "is it left over from an older release? Correct the period, or the date of `publish:`",
        );
        return;
    }
    // The head speaks of one period, under two years.
    for (piece, period) in &head {
        if period.kind == newest.kind && period.year < newest.year && !period.compared {
            notes.add(
                text.file,
                piece.locate(period.range.clone()),
                format!(
                    "the {} says `{}`, and the {} `{}`",
                    piece.part.name(),
                    shown(piece, period),
                    lead.part.name(),
                    shown(lead, newest)
                ),
                "is it left over from an older release? Make both the same",
            );
        }
    }
    // The text never speaks of the period in the headline, but of its like in another year.
    let same_kind: Vec<_> = body.iter().filter(|(_, period)| period.kind == newest.kind).collect();
    if !same_kind.iter().any(|(_, period)| period.year == newest.year)
        && let Some((piece, period)) = same_kind.iter().find(|(_, period)| !period.compared)
    {
        notes.add(
            text.file,
            piece.locate(period.range.clone()),
            format!(
                "the text says `{}`, and never `{}`, of which the {} speaks",
                shown(piece, period),
                shown(lead, newest),
                lead.part.name()
            ),
            "is it left over from an older release? If it is a comparison, name both periods",
        );
    }
}

/// The same day with two years, one of them that of the release.
fn dates_of(text: &Manuscript<'_>, publish: Date, notes: &mut Notes) {
    let found: Vec<_> = text
        .pieces
        .iter()
        .flat_map(|piece| piece.dates().iter().map(move |mention| (piece, mention)))
        .filter(|(_, mention)| mention.day.is_some() && mention.year.is_some())
        .collect();
    let by_date: BTreeMap<_, _> =
        found.iter().map(|found| ((found.1.day, found.1.month, found.1.year), found)).collect();
    for (piece, old) in &found {
        let year_after = old.year.map(|year| year + 1).filter(|year| *year >= publish.year());
        let twin = year_after.and_then(|year| by_date.get(&(old.day, old.month, Some(year))));
        let accounts = matches!((old.day, old.month), (Some(30 | 31), 3 | 6 | 9 | 12));
        if let Some((other, new)) = twin
            && !accounts
            && !is_compared(piece, old.range.start)
        {
            notes.add(
                text.file,
                piece.locate(old.range.clone()),
                format!(
                    "`{}` stands here, and `{}` elsewhere in the release",
                    &piece.text[old.range.clone()],
                    &other.text[new.range.clone()]
                ),
                "is the year left over from an older release? Make both the same",
            );
        }
    }
}

/// `© 2025` in a release of 2026.
fn copyright(text: &Manuscript<'_>, publish: Date, notes: &mut Notes) {
    for piece in &text.pieces {
        let Some(sign) = piece.text.find('©') else { continue };
        let Some(index) = piece.tokens.iter().position(|token| token.start > sign) else { continue };
        let token = piece.tokens[index];
        let year = piece.number(index).and_then(|year| i16::try_from(year).ok());
        // `© 1961–2026` is right in 2026.
        let ends = piece.gap(index + 1).trim() != "–" && piece.gap(index + 1).trim() != "-";
        if let Some(year) = year
            && ends
            && token.end - token.start == 4
            && token.start - sign <= 4
            && (1950..publish.year()).contains(&year)
        {
            notes.add(
                text.file,
                piece.locate(token.start..token.end),
                format!("the release is of {}, and this says © {year}", publish.year()),
                "correct the year, unless the picture or text is that old",
            );
        }
    }
}

/// Every period that `piece` names with its year.
fn periods(piece: &Piece<'_>, language: &str) -> Vec<Period> {
    let mut found = Vec::new();
    for index in 0..piece.tokens.len() {
        let Some((kind, last)) = kind_at(piece, index, language) else { continue };
        // `Q3 2025`, `Q3/2025`, `third quarter of 2025`, `drittes Quartal 2025`, and `2025 Q3`.
        let after = last + 1 + usize::from(matches!(piece.word(last + 1), "of" | "de" | "år"));
        let year_at = |index: usize| {
            let year = piece.number(index).filter(|_| piece.word(index).len() == 4)?;
            (1990..2100).contains(&year).then(|| i16::try_from(year).ok()).flatten()
        };
        let near = |index: usize| matches!(piece.gap(index), " " | "/" | "\u{a0}" | ", ");
        let span = if near(after) && year_at(after).is_some() {
            Some((index, after, year_at(after)))
        } else {
            let before = index.checked_sub(1).filter(|_| near(index));
            before.and_then(|before| year_at(before).map(|year| (before, last, Some(year))))
        };
        if let Some((first, last, Some(year))) = span {
            let range = piece.tokens[first].start..piece.tokens[last].end;
            let compared = is_compared(piece, range.start);
            found.push(Period { kind, year, range, compared });
        }
    }
    found
}

const ORDINALS: [&[&str]; 4] = [
    &["first", "första", "erste", "ersten", "erstes", "premier"],
    &["second", "andra", "zweite", "zweiten", "zweites", "deuxième"],
    &["third", "tredje", "dritte", "dritten", "drittes", "troisième"],
    &["fourth", "fjärde", "vierte", "vierten", "viertes", "quatrième"],
];
const QUARTERS: [&str; 6] = ["quarter", "kvartal", "kvartalet", "quartal", "quartals", "trimestre"];
const HALVES: [&str; 6] = ["half", "halvår", "halvåret", "halbjahr", "halbjahres", "semestre"];
const YEARS: [&str; 4] = ["helåret", "bokslutet", "geschäftsjahr", "gesamtjahr"];

/// Whether a period's name may begin with `word`, by its first letter; most words begin with another.
fn may_begin(word: &str) -> bool {
    let first = word.as_bytes().first().map(u8::to_ascii_lowercase);
    matches!(
        first,
        Some(b'a' | b'b' | b'd' | b'e' | b'f' | b'g' | b'h' | b'p' | b'q' | b's' | b't' | b'v' | b'z')
    )
}

/// Whether a year's name in one word may begin as `word` does.
fn may_be_year(word: &str) -> bool {
    matches!(word.as_bytes().first().map(u8::to_ascii_lowercase), Some(b'b' | b'g' | b'h'))
}

/// Whether what follows an ordinal may begin as `word` does.
fn may_be_part(word: &str) -> bool {
    matches!(word.as_bytes().first().map(u8::to_ascii_lowercase), Some(b'h' | b'k' | b'q' | b's' | b't'))
}

/// The kind of period whose name begins with the token at `index`, and its last token.
fn kind_at(piece: &Piece<'_>, index: usize, language: &str) -> Option<(Kind, usize)> {
    let word = piece.word(index);
    if !may_begin(word) {
        return None;
    }
    // `Q3`, `H1`, French `T3`.
    let digit = |index: usize| {
        let number =
            piece.number(index).filter(|_| piece.gap(index).is_empty() && piece.word(index).len() == 1)?;
        i8::try_from(number).ok().filter(|number| (1..=4).contains(number))
    };
    match word {
        "Q" => return Some((Kind::Quarter(digit(index + 1)?), index + 1)),
        "T" if language == "fr" => return Some((Kind::Quarter(digit(index + 1)?), index + 1)),
        "H" => return Some((Kind::Half(digit(index + 1).filter(|half| *half <= 2)?), index + 1)),
        _ => {}
    }
    let same = |index: usize, name: &str| piece.word(index).eq_ignore_ascii_case(name);
    if same(index, "full") && same(index + 1, "year") {
        return Some((Kind::Year, index + 1));
    }
    if same(index, "fiscal") {
        return Some((Kind::Year, index + usize::from(same(index + 1, "year"))));
    }
    if same(index, "annual") && ["results", "accounts"].iter().any(|name| same(index + 1, name)) {
        return Some((Kind::Year, index + 1));
    }
    let is_in = |word: &str, names: &[&str]| names.iter().any(|name| same_word(name, word));
    if may_be_year(word) && is_in(word, &YEARS) {
        return Some((Kind::Year, index));
    }
    let noun = piece.word(index + 1);
    if !may_be_part(noun) {
        return None;
    }
    let at = ORDINALS.iter().position(|words| is_in(word, words))?;
    let number = i8::try_from(at + 1).ok()?;
    if !matches!(piece.gap(index + 1), " " | "-" | "\u{a0}") {
        return None;
    }
    if is_in(noun, &QUARTERS) {
        Some((Kind::Quarter(number), index + 1))
    } else if is_in(noun, &HALVES) && number <= 2 {
        Some((Kind::Half(number), index + 1))
    } else {
        None
    }
}

/// Whether words of comparison, or a bracket, stand shortly before byte `at`.
fn is_compared(piece: &Piece<'_>, at: usize) -> bool {
    const WORDS: [&str; 30] = [
        "compared",
        "comparison",
        "versus",
        "vs",
        "against",
        "than",
        "from",
        "since",
        "over",
        "after",
        "last",
        "previous",
        "earlier",
        "until",
        "jämfört",
        "jämförelse",
        "mot",
        "än",
        "från",
        "sedan",
        "efter",
        "gegenüber",
        "verglichen",
        "als",
        "seit",
        "nach",
        "contre",
        "rapport",
        "depuis",
        "reported",
    ];
    let end = piece.tokens.partition_point(|token| token.start < at);
    let before = &piece.text[..at];
    before.trim_end().ends_with('(')
        || (end.saturating_sub(6)..end)
            .any(|index| WORDS.iter().any(|word| same_word(word, piece.word(index))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_passes_the_look_at_its_first_letter() {
        let both = |name: &str| [name.to_owned(), name.to_uppercase()];
        for name in
            ORDINALS.iter().copied().flatten().copied().chain(["Q", "H", "T", "full", "fiscal", "annual"])
        {
            assert!(both(name).iter().all(|name| may_begin(name)), "{name}");
        }
        for name in YEARS {
            assert!(both(name).iter().all(|name| may_begin(name) && may_be_year(name)), "{name}");
        }
        for name in QUARTERS.iter().chain(&HALVES) {
            assert!(both(name).iter().all(|name| may_be_part(name)), "{name}");
        }
    }
}
