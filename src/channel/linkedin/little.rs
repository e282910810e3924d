//! "little" text: how LinkedIn writes what is more than words
//! (learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format). Pure.

use crate::render::Post;

/// What must be escaped to be a word.
const RESERVED: &str = "|{}@[]()<>#\\*_~";

/// The words of a post, with its tags as tags and nothing else as anything.
pub fn little(post: &Post) -> String {
    let mut out = String::with_capacity(post.text.len() + 16);
    let mut at = 0;
    for facet in post.facets.iter().filter(|facet| facet.target.starts_with('#')) {
        let (Some(before), Some(tag)) =
            (post.text.get(at..facet.start), post.text.get(facet.start + 1..facet.end))
        else {
            continue;
        };
        escape(before, &mut out);
        out.push_str("{hashtag|\\#|");
        escape(tag, &mut out);
        out.push('}');
        at = facet.end;
    }
    escape(post.text.get(at..).unwrap_or_default(), &mut out);
    out
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        if RESERVED.contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

/// The words of a "little" text, as people read them.
pub fn plain(little: &str) -> String {
    let mut out = String::with_capacity(little.len());
    let mut rest = little;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = rest.chars().next();
                out.extend(escaped);
                rest = &rest[escaped.map_or(0, char::len_utf8)..];
            }
            '{' if rest.starts_with("hashtag|") => {
                rest = &rest["hashtag|".len()..];
                // The sign, escaped or not, and a bar that ends it.
                rest = rest.trim_start_matches('\\').trim_start_matches(['#', '＃']).trim_start_matches('\\');
                rest = rest.strip_prefix('|').unwrap_or(rest);
                out.push('#');
            }
            '}' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::Facet;

    #[test]
    fn only_tags_are_more_than_words_and_all_is_read_back() {
        fn check(text: &str, expected: &str) {
            let facets = text
                .match_indices('#')
                .map(|(start, _)| {
                    let end = text[start + 1..].find(' ').map_or(text.len(), |at| start + 1 + at);
                    Facet { start, end, target: text[start..end].to_owned() }
                })
                .collect();
            let post = Post { text: text.to_owned(), facets, images: vec![] };
            assert_eq!(little(&post), expected);
            assert_eq!(plain(expected), text);
        }
        check("It goes 620 km.", "It goes 620 km.");
        check("Aster EV (new) *far* @you", "Aster EV \\(new\\) \\*far\\* \\@you");
        check("Look #AsterEV now", "Look {hashtag|\\#|AsterEV} now");
        check("#a_b", "{hashtag|\\#|a\\_b}");
        check("{x} | [y] <z> ~ \\", "\\{x\\} \\| \\[y\\] \\<z\\> \\~ \\\\");
        check("https://news.halden.example/2026/a_b/", "https://news.halden.example/2026/a\\_b/");
        check("Åmål 👩‍👩‍👧", "Åmål 👩‍👩‍👧");
    }

    #[test]
    fn what_others_write_is_read() {
        for (little, expected) in
            [("{hashtag|#|ev}", "#ev"), ("ends \\", "ends "), ("{hashtag|", "#"), ("a } b", "a  b")]
        {
            assert_eq!(plain(little), expected, "{little}");
        }
    }
}
