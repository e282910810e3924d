//! Figures as people write them: separators, scale and unit by language, and their likeness.

use std::ops::Range;
use std::sync::LazyLock;

use crate::check::dates::same_word;
use crate::check::manuscript::Piece;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Nothing that is known: `4,180 cars`.
    None,
    /// A unit of measure, currency or time, by its common name.
    Named(&'static str),
}

impl Unit {
    pub fn is_none(self) -> bool {
        self == Unit::None
    }
}

/// A number in a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub value: f64,
    pub unit: Unit,
    /// The digits as they are written, without separators.
    digits: String,
    /// The bytes of the piece, with scale and unit.
    pub range: Range<usize>,
}

impl Figure {
    /// Whether it is a small whole number that languages write out or leave out as they please.
    pub fn is_small(&self) -> bool {
        self.unit.is_none() && self.value < 13.0 && self.value.fract() == 0.0
    }

    /// The same amount; units are not compared, for a language may leave them to the context.
    pub fn is_same(&self, other: &Figure) -> bool {
        self.key() == other.key()
    }

    /// What the same amounts have in common, however they were calculated: about twelve digits.
    pub fn key(&self) -> u64 {
        const NOISE: u32 = 12;
        self.value.to_bits().saturating_add(1 << (NOISE - 1)) >> NOISE
    }

    /// The same digits in another order, or the same number a thousand times over.
    pub fn is_slip_of(&self, other: &Figure) -> bool {
        let ratio = self.value / other.value;
        let thousands = [1e3, 1e6, 1e9].iter().any(|scale| {
            let near = |ratio: f64| (ratio / scale - 1.0).abs() < 1e-9;
            near(ratio) || near(ratio.recip())
        });
        let told_apart = self.digits.len() >= 2 && !self.is_same(other);
        told_apart && (thousands || is_permutation(&self.digits, &other.digits))
    }

    /// One digit differs, of three or more.
    pub fn is_typo_of(&self, other: &Figure) -> bool {
        self.digits.len() >= 3
            && other.digits.len() >= 3
            && !self.is_same(other)
            && edits(&self.digits, &other.digits) == 1
    }

    /// Within a factor of two: what somebody may have meant.
    pub fn is_near(&self, other: &Figure) -> bool {
        let (low, high) = if self.value < other.value { (self, other) } else { (other, self) };
        low.value > 0.0 && high.value / low.value <= 2.0
    }

    /// How far off, as a share.
    pub fn distance(&self, other: &Figure) -> f64 {
        ((self.value - other.value) / other.value.max(f64::MIN_POSITIVE)).abs()
    }
}

/// Whether two texts are the same letters in another order.
pub(super) fn is_permutation(left: &str, right: &str) -> bool {
    if left == right || left.len() != right.len() {
        return false;
    }
    let sorted = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.sort_unstable();
        bytes
    };
    sorted(left) == sorted(right)
}

/// How many letters must be put in, taken out or exchanged to make one text the other
/// (Levenshtein); texts beyond 40 letters count as wholly different.
pub(super) fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    if left.len() > 40 || right.len() > 40 {
        return left.len().max(right.len());
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        for (j, b) in right.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let best = (diagonal + usize::from(a != b)).min(above + 1).min(last + 1);
            diagonal = above;
            if let Some(cell) = row.get_mut(j + 1) {
                *cell = best;
            }
            last = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Words that multiply, in the four languages.
#[rustfmt::skip]
const SCALES: [(&[&str], f64); 4] = [
    (&["thousand", "tusen", "tausend", "mille"], 1e3),
    (&["million", "millions", "miljon", "miljoner", "millionen", "mn", "mln", "mio", "milj"], 1e6),
    (&["billion", "billions", "miljard", "miljarder", "milliarde", "milliarden", "milliard", "milliards", "bn", "mdr", "mrd", "mdkr"], 1e9),
    (&["trillion", "trillions", "biljon", "biljoner", "billionen"], 1e12),
];

#[rustfmt::skip]
const UNITS: [(&[&str], &str); 34] = [
    (&["km", "kilometre", "kilometres", "kilometer", "kilometers", "kilomètre", "kilomètres"], "km"),
    (&["m", "metre", "metres", "meter", "meters", "mètre", "mètres"], "m"),
    (&["cm", "centimetre", "centimetres", "centimeter"], "cm"),
    (&["mm", "millimetre", "millimetres", "millimeter"], "mm"),
    (&["mile", "miles"], "miles"),
    (&["inch", "inches", "tum", "tums", "zoll", "pouces"], "inch"),
    (&["kwh"], "kWh"), (&["mwh"], "MWh"), (&["gwh"], "GWh"), (&["twh"], "TWh"),
    (&["kw"], "kW"), (&["mw"], "MW"), (&["gw"], "GW"),
    (&["hp", "hk", "ps", "ch", "hästkrafter", "horsepower"], "hp"),
    (&["kg", "kilo", "kilos", "kilogram", "kilograms", "kilogramm"], "kg"),
    (&["tonne", "tonnes", "ton", "tons", "tonnen"], "tonnes"),
    (&["litre", "litres", "liter", "liters", "l"], "litres"),
    (&["second", "seconds", "sekund", "sekunder", "sekunden", "seconde", "secondes"], "seconds"),
    (&["minute", "minutes", "minut", "minuter", "minuten", "min"], "minutes"),
    (&["hour", "hours", "timme", "timmar", "stunde", "stunden", "heure", "heures"], "hours"),
    (&["day", "days", "dag", "dagar", "tag", "tage", "tagen", "jour", "jours", "dygn"], "days"),
    (&["week", "weeks", "vecka", "veckor", "woche", "wochen", "semaine", "semaines"], "weeks"),
    (&["month", "months", "månad", "månader", "monat", "monate", "monaten", "mois"], "months"),
    (&["year", "years", "år", "jahr", "jahre", "jahren", "an", "ans"], "years"),
    (&["percent", "procent", "prozent", "percentage", "procentenheter", "prozentpunkte"], "%"),
    (&["sek", "kr", "kronor", "krona", "crowns"], "SEK"),
    (&["nok"], "NOK"), (&["dkk"], "DKK"), (&["chf"], "CHF"),
    (&["eur", "euro", "euros"], "EUR"),
    (&["usd", "dollar", "dollars"], "USD"),
    (&["gbp", "pound", "pounds", "pund"], "GBP"),
    (&["mph"], "mph"),
    (&["degrees", "grader", "grad", "degrés"], "degrees"),
];

/// Numbers that are written out, where they multiply a scale word: `two million`.
#[rustfmt::skip]
const WRITTEN: [(&[&str], f64); 12] = [
    (&["one", "en", "ett", "ein", "eine", "un", "une"], 1.0),
    (&["two", "två", "zwei", "deux"], 2.0), (&["three", "tre", "drei", "trois"], 3.0),
    (&["four", "fyra", "vier", "quatre"], 4.0), (&["five", "fem", "fünf", "cinq"], 5.0),
    (&["six", "sex", "sechs"], 6.0), (&["seven", "sju", "sieben", "sept"], 7.0),
    (&["eight", "åtta", "acht", "huit"], 8.0), (&["nine", "nio", "neun", "neuf"], 9.0),
    (&["ten", "tio", "zehn", "dix"], 10.0), (&["eleven", "elva", "elf", "onze"], 11.0),
    (&["twelve", "tolv", "zwölf", "douze"], 12.0),
];

/// The names of a table with their values, in the order of their first letters.
type Names<T> = LazyLock<Vec<(u8, &'static str, T)>>;

static SCALE_NAMES: Names<f64> = LazyLock::new(|| by_letter(&SCALES));
static UNIT_NAMES: Names<&'static str> = LazyLock::new(|| by_letter(&UNITS));
static WRITTEN_NAMES: Names<f64> = LazyLock::new(|| by_letter(&WRITTEN));

fn by_letter<T: Copy>(table: &[(&'static [&'static str], T)]) -> Vec<(u8, &'static str, T)> {
    let each = |(names, value): &(&'static [&'static str], T)| {
        let value = *value;
        names.iter().map(move |name| (name.as_bytes().first().copied().unwrap_or_default(), *name, value))
    };
    let mut names: Vec<_> = table.iter().flat_map(each).collect();
    names.sort_by_key(|(letter, ..)| *letter);
    names
}

fn lookup<T: Copy>(names: &[(u8, &'static str, T)], word: &str) -> Option<T> {
    let first = *word.as_bytes().first().filter(|_| word.len() <= 16)?;
    // What is no ASCII may have a small letter that is.
    let alike = if first.is_ascii() {
        let first = first.to_ascii_lowercase();
        let from = names.partition_point(|(letter, ..)| *letter < first);
        let length = names.get(from..)?.partition_point(|(letter, ..)| *letter == first);
        names.get(from..from + length)?
    } else {
        names
    };
    alike.iter().find(|(_, name, _)| same_word(name, word)).map(|(.., value)| *value)
}

/// Every figure in `piece`: not dates, times, years, telephone numbers, ordinals, or numbers
/// that are part of a name or an address.
pub(super) fn figures(piece: &Piece<'_>, language: &str) -> Vec<Figure> {
    if !piece.tokens.iter().any(|token| token.number) {
        return Vec::new();
    }
    let dates = piece.dates();
    let mut found = Vec::new();
    let mut index = 0;
    while index < piece.tokens.len() {
        let token = piece.tokens[index];
        if !token.number {
            found.extend(written(piece, index));
            index += 1;
            continue;
        }
        let (number, next) = number(piece, index, language);
        let near = dates.partition_point(|date| date.range.end <= token.start);
        let in_date = dates.get(near).is_some_and(|date| date.range.start < piece.tokens[next - 1].end);
        if let Some((value, digits)) = number
            && !in_date
        {
            found.extend(with_unit(piece, index, next, value, digits));
        }
        index = next;
    }
    found
}

/// `two million`
fn written(piece: &Piece<'_>, index: usize) -> Option<Figure> {
    // Every scale begins with one of these; most words do not.
    if !piece.word(index).starts_with(['t', 'T', 'm', 'M', 'b', 'B']) {
        return None;
    }
    let scale = lookup(&SCALE_NAMES, piece.word(index))?;
    let count = index.checked_sub(1).and_then(|before| lookup(&WRITTEN_NAMES, piece.word(before)))?;
    let token = piece.tokens[index - 1];
    with_unit_at(piece, token.start, index + 1, count * scale, String::new())
}

/// The number that begins with the digits at `index`, its digits, and the token after it. No
/// number, but still the token after it, for what only looks like one.
fn number(piece: &Piece<'_>, index: usize, language: &str) -> (Option<(f64, String)>, usize) {
    let comma_decimal = language != "en";
    let token = piece.tokens[index];
    let before = piece.text[..token.start].chars().next_back();
    let mut next = index + 1;
    let mut whole = piece.word(index).to_owned();
    let mut fraction = String::new();
    // Groups of three: `1,234`, `1 234`, `1.234`, `1'234`.
    let groups = |gap: &str| {
        let wide = matches!(gap, "\u{a0}" | "\u{202f}" | "\u{2009}" | "'" | "’");
        wide || if comma_decimal { matches!(gap, " " | "." | "\n") } else { gap == "," }
    };
    if whole.len() <= 3 {
        while piece.tokens.get(next).is_some_and(|token| token.number)
            && piece.word(next).len() == 3
            && groups(piece.gap(next))
            && !(piece.gap(next) == "." && language == "sv" && whole.len() == 3 && next > index + 1)
        {
            whole.push_str(piece.word(next));
            next += 1;
        }
    }
    let is_digits = |at: usize| piece.tokens.get(at).is_some_and(|token| token.number);
    let decimal = if comma_decimal { "," } else { "." };
    if is_digits(next) && piece.gap(next) == decimal {
        piece.word(next).clone_into(&mut fraction);
        next += 1;
    }
    // What goes on after that is a time, a version, a telephone number, a fraction, a ratio.
    let mut odd = false;
    while is_digits(next)
        && (matches!(piece.gap(next), ":" | "." | "," | "/" | "-")
            || (piece.gap(next) == " " && whole.starts_with('0')))
    {
        odd = true;
        next += 1;
    }
    let phone = before == Some('+');
    if phone {
        while is_digits(next) && piece.gap(next).len() <= 2 {
            next += 1;
        }
    }
    let last = piece.tokens[next - 1];
    let glued = piece.text[last.end..].chars().next().is_some_and(char::is_alphabetic);
    let unit_glued = glued
        && (lookup(&UNIT_NAMES, piece.word(next)).is_some()
            || lookup(&SCALE_NAMES, piece.word(next)).is_some());
    let ordinal = language == "de" && fraction.is_empty() && piece.gap(next) == ". " && whole.len() <= 2;
    let named = before.is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '#' | '.' | ':'))
        || (before == Some('-') && index > 0 && piece.gap(index) == "-" && !piece.tokens[index - 1].number)
        || (glued && !unit_glued);
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    if odd
        || phone
        || named
        || ordinal
        || leading_zero
        || whole.len() > 15
        || in_address(&piece.text, token.start)
    {
        return (None, next);
    }
    let Ok(value) = format!("{whole}.{fraction}0").parse::<f64>() else { return (None, next) };
    let digits = format!("{whole}{fraction}");
    (Some((value, digits)), next)
}

/// Whether byte `at` is in a web or mail address.
fn in_address(text: &str, at: usize) -> bool {
    // A longer word than this is looked at in part, so that one without end stays cheap.
    const FAR: usize = 200;
    let before = text.get(text.ceil_char_boundary(at.saturating_sub(FAR))..at).unwrap_or_default();
    let after = text.get(at..text.floor_char_boundary(at + FAR)).unwrap_or_default();
    let start =
        before.rfind(char::is_whitespace).map_or(at - before.len(), |space| at - before.len() + space);
    let end = after.find(char::is_whitespace).map_or(at + after.len(), |space| at + space);
    let word = text.get(start..end).unwrap_or_default();
    word.contains("://") || word.contains('@') || word.contains("www.")
}

fn with_unit(piece: &Piece<'_>, first: usize, next: usize, value: f64, digits: String) -> Option<Figure> {
    let start = piece.tokens[first].start;
    let year = digits.len() <= 4 && (1900.0..2100.0).contains(&value) && value.fract() == 0.0;
    let figure = with_unit_at(piece, start, next, value, digits)?;
    // A bare four-digit number of our times is a year.
    let plain = next == first + 1 && figure.unit.is_none() && figure.value.to_bits() == value.to_bits();
    (!(year && plain)).then_some(figure)
}

fn with_unit_at(piece: &Piece<'_>, start: usize, next: usize, value: f64, digits: String) -> Option<Figure> {
    let mut value = value;
    let mut unit = Unit::None;
    let mut end = piece.tokens.get(next.checked_sub(1)?)?.end;
    // A sign in front: `€41,900`, `SEK 45.2 billion`.
    let before = piece.text[..start].trim_end();
    let (mut front, mut start) = (None, start);
    for (sign, name) in [
        ("€", "EUR"),
        ("$", "USD"),
        ("£", "GBP"),
        ("SEK", "SEK"),
        ("EUR", "EUR"),
        ("USD", "USD"),
        ("GBP", "GBP"),
        ("NOK", "NOK"),
        ("DKK", "DKK"),
        ("CHF", "CHF"),
    ] {
        if let Some(rest) = before.strip_suffix(sign)
            && !rest.ends_with(char::is_alphabetic)
        {
            front = Some(name);
            start = rest.len();
        }
    }
    let mut at = next;
    let near = |gap: &str| matches!(gap, "" | " " | "\u{a0}" | "\u{202f}" | "-" | "\n");
    if near(piece.gap(at)) {
        // `€45m`: million after a currency, metres otherwise.
        let word = piece.word(at);
        let scale = match word {
            "m" if front.is_some() => Some(1e6),
            "k" if front.is_some() => Some(1e3),
            word => lookup(&SCALE_NAMES, word),
        };
        if let Some(scale) = scale {
            value *= scale;
            end = piece.tokens[at].end;
            at += 1;
        } else if matches!(word, "mkr" | "Mkr" | "MSEK" | "mnkr") {
            value *= 1e6;
            front = Some("SEK");
            end = piece.tokens[at].end;
        } else if word == "MEUR" {
            value *= 1e6;
            front = Some("EUR");
            end = piece.tokens[at].end;
        }
    }
    let gap = piece.gap(at);
    if let Some(name) = front {
        unit = Unit::Named(name);
    } else if gap.trim_start().starts_with('%') {
        unit = Unit::Named("%");
        end += gap.len() - gap.trim_start().len() + 1;
    } else if gap.trim_start().starts_with('€') {
        unit = Unit::Named("EUR");
        end += gap.len() - gap.trim_start().len() + '€'.len_utf8();
    } else if gap.trim_start().starts_with('°') {
        unit = Unit::Named("degrees");
    } else if near(gap) {
        let word = piece.word(at);
        let per_cent = matches!(word, "per" | "pour") && matches!(piece.word(at + 1), "cent");
        // `km/h` is no distance.
        let per_hour = word == "km" && piece.gap(at + 1) == "/" && piece.word(at + 1) == "h";
        if per_cent || per_hour {
            unit = Unit::Named(if per_cent { "%" } else { "km/h" });
            end = piece.tokens[at + 1].end;
        } else if let Some(name) = lookup(&UNIT_NAMES, word) {
            unit = Unit::Named(name);
            end = piece.tokens[at].end;
        }
    }
    Some(Figure { value, unit, digits, range: start..end })
}
