//! Lines of plain text: how wide they are, and where they may break.
//!
//! Most scripts break at spaces. Chinese and Japanese have none: there a line breaks between two characters,
//! but never in front of a closing sign or behind an opening one (JIS X 4051; W3C, Requirements for Japanese
//! Text Layout 3.1.7). Their characters are twice as wide as a letter (Unicode Standard Annex 11).

/// The most columns of a line, where words allow it.
pub(in crate::render) const WIDTH: usize = 72;

/// How many columns `text` takes where every letter is one wide.
pub(in crate::render) fn breadth(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.chars().map(width).sum() }
}

fn width(c: char) -> usize {
    if c < '\u{300}' {
        return 1;
    }
    match u32::from(c) {
        // Marks that stand on the letter before them, and signs without a width.
        0x0300..=0x036f
        | 0x0591..=0x05bd
        | 0x064b..=0x0652
        | 0x200b..=0x200f
        | 0x2066..=0x2069
        | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe4f
        | 0xff01..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// Whether `c` is of a script that has no spaces between words, or a sign of its punctuation.
pub(super) fn ideographic(c: char) -> bool {
    matches!(u32::from(c),
        0x2e80..=0x312f | 0x3190..=0x4dbf | 0x4e00..=0xa4cf | 0xf900..=0xfaff | 0xfe30..=0xfe4f
        | 0xff01..=0xff60 | 0x20000..=0x3fffd)
}

/// Whether a line may end between two characters that stand next to each other.
fn may_part(before: char, after: char) -> bool {
    const NOT_FIRST: &str = "、。，．・：；！？）］｝〕〉》」』】〙〗”’…‥ー々ゝゞヽヾぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ%％℃°,.:;!?)]}";
    const NOT_LAST: &str = "（［｛〔〈《「『【〘〖“‘([{¥￥$＄€£№";
    (ideographic(before) || ideographic(after)) && !NOT_FIRST.contains(after) && !NOT_LAST.contains(before)
}

/// Breaks `text` into lines of at most `most` columns; `\n` always breaks. What nothing may part stands alone.
pub(in crate::render) fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    each_line(text, most, &mut String::new(), |line| lines.push(line.to_owned()));
    lines
}

/// Gives `take` each line that [`wrap`] would make of `text`, written into `line`, whose room is used again.
pub(super) fn each_line(text: &str, most: usize, line: &mut String, mut take: impl FnMut(&str)) {
    for paragraph in text.trim().lines() {
        line.clear();
        let mut length = 0;
        let mut rest = paragraph;
        while !rest.is_empty() {
            // Not `split_whitespace`: a no-break space holds.
            let end = rest.bytes().position(|byte| matches!(byte, b' ' | b'\t' | b'\r'));
            let (word, more) = rest.split_at(end.unwrap_or(rest.len()));
            rest = more.get(1..).unwrap_or_default();
            let mut gap = usize::from(length > 0);
            for piece in pieces(word) {
                let wide = breadth(piece);
                if length > 0 && length + gap + wide > most {
                    take(line);
                    line.clear();
                    (length, gap) = (0, 0);
                }
                if gap > 0 {
                    line.push(' ');
                }
                line.push_str(piece);
                length += gap + wide;
                gap = 0;
            }
        }
        take(line);
    }
}

/// The stretches of a word that stay together.
fn pieces(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        // Most words are of letters that no script without spaces has: those begin at U+2E80, and with E2 in UTF-8.
        if rest.bytes().all(|byte| byte < 0xe2) {
            return Some(std::mem::take(&mut rest));
        }
        let mut last = None;
        let end = rest
            .char_indices()
            .find(|(_, c)| last.replace(*c).is_some_and(|before| may_part(before, *c)))
            .map_or(rest.len(), |(at, _)| at);
        let (piece, more) = rest.split_at(end);
        rest = more;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, most: usize, expected: &[&str]) {
        let lines = wrap(text, most);
        assert_eq!(lines, expected);
        assert!(lines.iter().all(|line| breadth(line) <= most.max(24)), "{lines:?}");
    }

    #[test]
    fn lines_break_where_the_script_lets_them() {
        check("one two three", 7, &["one two", "three"]);
        check("a\u{a0}b c", 3, &["a\u{a0}b", "c"]);
        check("unbreakable", 4, &["unbreakable"]);
        check("一行目\n二行目", 24, &["一行目", "二行目"]);
        // Never a full stop at the beginning of a line, nor an opening bracket at its end.
        check("航続距離は長い。次の文", 14, &["航続距離は長", "い。次の文"]);
        check("これは「試験」です", 8, &["これは", "「試験」", "です"]);
        check("充電1回で620kmを走る", 10, &["充電1回で", "620kmを走", "る"]);
        // Korean has spaces, and keeps its words.
        check("한 번 충전으로 주행", 10, &["한 번", "충전으로", "주행"]);
        check("שלום לכולם היום", 10, &["שלום לכולם", "היום"]);
    }

    #[test]
    fn columns_are_those_of_a_terminal() {
        for (text, expected) in
            [("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("한국", 4), ("🚗", 2), ("", 0)]
        {
            assert_eq!(breadth(text), expected, "{text}");
        }
    }
}
