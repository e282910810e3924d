//! What a misspelt word was probably meant to be.

/// The one of `candidates` that `word` was probably meant to be; nothing if none is near.
///
/// Near is a third of the word's letters wrong, missing, added or swapped, but at most three.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let most = (word.len() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| {
            let letters: Vec<char> = candidate.to_lowercase().chars().take(64).collect();
            (distance(&word, &letters), candidate)
        })
        .filter(|(distance, _)| *distance <= most && *distance < word.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many letters are wrong, missing, added or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let width = b.len() + 1;
    let mut before: Vec<usize> = vec![0; width];
    let mut above: Vec<usize> = (0..width).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(width);
        row.push(i + 1);
        for (j, y) in b.iter().enumerate() {
            let mut best = (above[j + 1] + 1).min(row[j] + 1).min(above[j] + usize::from(x != y));
            if i > 0 && j > 0 && a[i - 1] == *y && *x == b[j - 1] {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_no_far_one() {
        let keys = ["embargo", "expires", "publish", "title", "en"];
        for (word, expected) in [
            ("embago", Some("embargo")),
            ("embagro", Some("embargo")),
            ("Embargo", Some("embargo")),
            ("pubish", Some("publish")),
            ("titel", Some("title")),
            ("body", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), expected, "{word:?}");
        }
    }
}
