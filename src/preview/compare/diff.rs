//! What differs between two texts: paragraphs first, then the words of those that answer each other. Pure.

use serde::Serialize;

/// So many comparisons are made at most; two texts that are longer and share nothing at their ends count as different.
const MOST: usize = 4_000_000;
/// Two paragraphs that share less than this part of their words have nothing to do with each other.
const KIN: f64 = 0.35;

/// A stretch of words, and whether the other side has it too.
pub type Words = Vec<(String, bool)>;

/// Two paragraphs beside each other. A side that has none is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// Whether both sides say the same.
    pub same: bool,
    /// The first text's paragraph.
    pub left: Words,
    /// The second text's.
    pub right: Words,
}

/// Both texts, paragraph beside paragraph.
pub fn compare(left: &[String], right: &[String]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let (mut from_left, mut from_right) = (0, 0);
    for (at_left, at_right) in common(left, right).into_iter().chain([(left.len(), right.len())]) {
        let gap_left = left.get(from_left..at_left).unwrap_or_default();
        let gap_right = right.get(from_right..at_right).unwrap_or_default();
        pairs.extend(between(gap_left, gap_right));
        if let Some(same) = left.get(at_left) {
            let words = vec![(same.clone(), true)];
            pairs.push(Pair { same: true, left: words.clone(), right: words });
        }
        (from_left, from_right) = (at_left + 1, at_right + 1);
    }
    pairs
}

/// Paragraphs of which none is the same on both sides: those that are akin stand beside each other.
fn between(left: &[String], right: &[String]) -> Vec<Pair> {
    // As many on both sides: they answer each other, one by one.
    if left.len() == right.len() {
        let both = left.iter().zip(right).map(|(left, right)| {
            let (left, right) = if likeness(left, right) >= KIN {
                words(left, right)
            } else {
                (vec![(left.clone(), false)], vec![(right.clone(), false)])
            };
            Pair { same: false, left, right }
        });
        return both.collect();
    }
    let mut pairs = Vec::new();
    let mut rest = right;
    let alone_right =
        |text: &String| Pair { same: false, left: Vec::new(), right: vec![(text.clone(), false)] };
    for text in left {
        let akin = rest.iter().map(|other| likeness(text, other)).enumerate();
        let best = akin.filter(|(_, likeness)| *likeness >= KIN).max_by(|a, b| a.1.total_cmp(&b.1));
        let found = best.and_then(|(at, _)| Some((at, rest.get(at)?)));
        let Some((at, other)) = found else {
            pairs.push(Pair { same: false, left: vec![(text.clone(), false)], right: Vec::new() });
            continue;
        };
        pairs.extend(rest.get(..at).unwrap_or_default().iter().map(alone_right));
        let (left, right) = words(text, other);
        pairs.push(Pair { same: false, left, right });
        rest = rest.get(at + 1..).unwrap_or_default();
    }
    pairs.extend(rest.iter().map(alone_right));
    pairs
}

fn likeness(left: &str, right: &str) -> f64 {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (left.split_whitespace().collect(), right.split_whitespace().collect());
    let shared = common(&left, &right).len();
    #[expect(clippy::cast_precision_loss, reason = "a paragraph has few words")]
    let likeness = 2.0 * shared as f64 / (left.len() + right.len()).max(1) as f64;
    likeness
}

/// Two paragraphs, word by word.
fn words(left: &str, right: &str) -> (Words, Words) {
    let (left, right) = (pieces(left), pieces(right));
    let shared = common(&left, &right);
    let mark = |pieces: &[&str], places: Vec<usize>| {
        let mut marked: Words = Vec::new();
        let mut places = places.into_iter().peekable();
        for (at, piece) in pieces.iter().enumerate() {
            let same = places.next_if_eq(&at).is_some();
            match marked.last_mut() {
                Some((text, kind)) if *kind == same => text.push_str(piece),
                _ => marked.push(((*piece).to_owned(), same)),
            }
        }
        marked
    };
    (
        mark(&left, shared.iter().map(|(at, _)| *at).collect()),
        mark(&right, shared.iter().map(|(_, at)| *at).collect()),
    )
}

/// Words and what stands between them.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    let mut before = None;
    for (at, sign) in text.char_indices() {
        let kind = if sign.is_alphanumeric() {
            0
        } else if sign.is_whitespace() {
            1
        } else {
            2
        };
        // A decimal or thousands sign inside of a figure belongs to it: 41,900 is one word.
        let inside = kind == 2
            && before == Some(0)
            && text
                .get(at + sign.len_utf8()..)
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let kind = if inside { 0 } else { kind };
        if before.is_some_and(|before| before != kind || kind == 2) {
            pieces.push(text.get(start..at).unwrap_or_default());
            start = at;
        }
        before = Some(kind);
    }
    pieces.push(text.get(start..).unwrap_or_default());
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The places of a longest common subsequence, in order.
fn common<T: PartialEq>(left: &[T], right: &[T]) -> Vec<(usize, usize)> {
    let head = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let tail = left.iter().rev().zip(right.iter().rev()).take_while(|(a, b)| a == b).count();
    let tail = tail.min(left.len().min(right.len()) - head);
    let (rows, columns) = (left.len() - head - tail, right.len() - head - tail);
    let mut places: Vec<(usize, usize)> = (0..head).map(|at| (at, at)).collect();
    if rows * columns <= MOST {
        // lengths[row][column]: how long it is for what follows both places.
        let mut lengths = vec![0_u32; (rows + 1) * (columns + 1)];
        let at = |row: usize, column: usize| row * (columns + 1) + column;
        let get = |lengths: &[u32], row, column| lengths.get(at(row, column)).copied().unwrap_or(0);
        for row in (0..rows).rev() {
            for column in (0..columns).rev() {
                let best = if left.get(head + row) == right.get(head + column) {
                    get(&lengths, row + 1, column + 1) + 1
                } else {
                    get(&lengths, row + 1, column).max(get(&lengths, row, column + 1))
                };
                if let Some(length) = lengths.get_mut(at(row, column)) {
                    *length = best;
                }
            }
        }
        let (mut row, mut column) = (0, 0);
        while row < rows && column < columns {
            if left.get(head + row) == right.get(head + column) {
                places.push((head + row, head + column));
                (row, column) = (row + 1, column + 1);
            } else if get(&lengths, row + 1, column) >= get(&lengths, row, column + 1) {
                row += 1;
            } else {
                column += 1;
            }
        }
    }
    places.extend((0..tail).map(|at| (left.len() - tail + at, right.len() - tail + at)));
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `[-…-]` stands on the left alone, `[+…+]` on the right alone; `==` before paragraphs that are the same.
    fn shown(left: &str, right: &str) -> String {
        let paragraphs = |text: &str| -> Vec<String> {
            text.split('|').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let side = |words: &Words, signs: [&str; 2]| -> String {
            words
                .iter()
                .map(
                    |(text, same)| {
                        if *same { text.clone() } else { format!("{}{text}{}", signs[0], signs[1]) }
                    },
                )
                .collect()
        };
        compare(&paragraphs(left), &paragraphs(right))
            .iter()
            .map(|pair| {
                if pair.same {
                    format!("== {}", side(&pair.left, ["", ""]))
                } else {
                    format!("{} <> {}", side(&pair.left, ["[-", "-]"]), side(&pair.right, ["[+", "+]"]))
                }
            })
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn what_differs_is_marked_and_nothing_else() {
        for (left, right, expected) in [
            ("", "", ""),
            ("One.", "One.", "== One."),
            ("One.|Two.", "One.", "== One.\n[-Two.-] <> "),
            ("One.", "Zero.|One.", " <> [+Zero.+]\n== One."),
            (
                "It costs 41,900 euros today.",
                "It costs 42,900 euros today.",
                "It costs [-41,900-] euros today. <> It costs [+42,900+] euros today.",
            ),
            (
                "The car goes far.",
                "The car goes very far.",
                "The car goes far. <> The car goes [+very +]far.",
            ),
            (
                "Nothing in common here",
                "Quite another sentence",
                "[-Nothing in common here-] <> [+Quite another sentence+]",
            ),
            (
                "A.|The old second paragraph.|C.",
                "A.|New.|The second paragraph.|C.",
                "== A.\n <> [+New.+]\nThe [-old -]second paragraph. <> The second paragraph.\n== C.",
            ),
            ("åäö 1", "åäö 2", "åäö [-1-] <> åäö [+2+]"),
        ] {
            assert_eq!(shown(left, right), expected, "{left} against {right}");
        }
    }

    #[test]
    fn a_figure_is_one_word() {
        assert_eq!(
            pieces("620 km, 41,900.50 (x)."),
            ["620", " ", "km", ",", " ", "41,900.50", " ", "(", "x", ")", "."]
        );
    }

    #[test]
    fn texts_that_are_too_long_are_different_in_between() {
        let long = |word: &str| (0..3000).map(|at| format!("{word}{at}")).collect::<Vec<String>>();
        let (left, right) = (long("a"), long("b"));
        assert_eq!(common(&left, &right), []);
        assert_eq!(common(&left, &left).len(), 3000);
    }
}
