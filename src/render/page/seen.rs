//! Whether what somebody is shown at a page's address is that page. Pure.
//!
//! Sites lay a page out in their own way: they set other quotation marks, wrap and shorten nothing. So it is words that are compared, letters
//! and digits alone: the headline, each paragraph, and what a notice says. Old words, a page of an error, and a page of somebody else
//! lack at least one of them.

use crate::release::Notice;
use crate::render::Page;

impl Page {
    /// Says what `html`, as the site serves it, lacks of this page; nothing if it is all there. `notice` is what the page is.
    pub fn lacking(&self, html: &str, notice: Notice) -> Option<String> {
        let served = format!(" {} ", words(html).replace('\n', " "));
        let there = |text: &str| served.contains(&format!(" {text} "));
        let block = |text: &str| words(text).replace('\n', " ");
        if !there(&block(&escaped(&self.entry.title))) {
            return Some("its headline".to_owned());
        }
        if let Some(standing) = &self.entry.notice
            && notice == Notice::Correction
            && !there(&block(&escaped(&standing.words)))
        {
            return Some("the note of its correction".to_owned());
        }
        let text = words(&self.entry.content_html);
        let blocks: Vec<&str> = text.split('\n').filter(|block| !block.is_empty()).collect();
        let first = blocks.iter().position(|block| !there(block))?;
        Some(format!("paragraph {} of {}", first + 1, blocks.len()))
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// What stands in the text and does not begin a new one.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr",
];
/// What is no text at all.
const MUTE: &[&str] = &["script", "style", "template"];

/// The words of a piece of HTML, in lower case, with a space between words and a line for each block.
fn words(html: &str) -> String {
    let mut out = String::with_capacity(html.len() / 2);
    let mut rest = html;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => rest = tag(rest, &mut out),
            '&' => rest = entity(rest, &mut out),
            c => {
                letter(c, &mut out);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out.truncate(out.trim_end().len());
    out
}

fn letter(c: char, out: &mut String) {
    match c {
        // Soft hyphens and what joins or parts without being seen.
        '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' => {}
        // WordPress makes `4×4` of `4x4`.
        '×' => out.push('x'),
        c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
        _ => gap(' ', out),
    }
}

fn gap(with: char, out: &mut String) {
    match out.chars().next_back() {
        Some(' ') if with == '\n' => {
            out.pop();
            gap('\n', out);
        }
        None | Some(' ' | '\n') => {}
        Some(_) => out.push(with),
    }
}

/// Takes a tag, a comment, or what is inside of what is no text; returns what follows.
fn tag<'a>(html: &'a str, out: &mut String) -> &'a str {
    let after = |html: &'a str, end: &str| {
        html.find(end).and_then(|at| html.get(at + end.len()..)).unwrap_or_default()
    };
    if html.starts_with("<!--") {
        return after(html, "-->");
    }
    let inside = html.get(1..).unwrap_or_default();
    let name: String = inside
        .trim_start_matches('/')
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_ascii_lowercase();
    if name.is_empty() && !inside.starts_with(['!', '?', '/']) {
        gap(' ', out);
        return inside;
    }
    let rest = behind(inside);
    if name == "br" {
        gap(' ', out);
    } else if !INLINE.contains(&name.as_str()) {
        gap('\n', out);
    }
    if MUTE.contains(&name.as_str()) && !inside.starts_with('/') {
        let end = format!("</{name}");
        let at = rest.to_ascii_lowercase().find(&end);
        return at.and_then(|at| rest.get(at..)).map_or("", |rest| after(rest, ">"));
    }
    rest
}

/// What follows the `>` that ends a tag; one in quotation marks does not.
fn behind(inside: &str) -> &str {
    let mut quote = None;
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (None, '>') => return inside.get(at + 1..).unwrap_or_default(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    ""
}

/// Takes an entity. Named ones stand for signs, but for the letters of Latin-1; their names begin with the letter.
fn entity<'a>(html: &'a str, out: &mut String) -> &'a str {
    let inside = html.get(1..).unwrap_or_default();
    let Some((name, rest)) = inside.split_once(';').filter(|(name, _)| {
        name.len() <= 10 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'#')
    }) else {
        gap(' ', out);
        return inside;
    };
    let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok(),
        None => number.parse().ok(),
    });
    let named = || LETTERS.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    match number.and_then(char::from_u32).or_else(|| named()?.chars().next()) {
        Some(c) => letter(c, out),
        None if matches!(name, "shy" | "zwj" | "zwnj" | "ZeroWidthSpace") => {}
        None => gap(' ', out),
    }
    rest
}

const LETTERS: &str = "Agrave=À Aacute=Á Acirc=Â Atilde=Ã Auml=Ä Aring=Å AElig=Æ Ccedil=Ç Egrave=È Eacute=É Ecirc=Ê Euml=Ë \
    Igrave=Ì Iacute=Í Icirc=Î Iuml=Ï ETH=Ð Ntilde=Ñ Ograve=Ò Oacute=Ó Ocirc=Ô Otilde=Õ Ouml=Ö Oslash=Ø Ugrave=Ù Uacute=Ú Ucirc=Û \
    Uuml=Ü Yacute=Ý THORN=Þ szlig=ß agrave=à aacute=á acirc=â atilde=ã auml=ä aring=å aelig=æ ccedil=ç egrave=è eacute=é ecirc=ê \
    euml=ë igrave=ì iacute=í icirc=î iuml=ï eth=ð ntilde=ñ ograve=ò oacute=ó ocirc=ô otilde=õ ouml=ö oslash=ø ugrave=ù uacute=ú \
    ucirc=û uuml=ü yacute=ý thorn=þ yuml=ÿ OElig=Œ oelig=œ Scaron=Š scaron=š times=× sup2=² sup3=³ frac12=½ micro=µ ordf=ª ordm=º";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Content, Request, edition, sample};

    #[test]
    fn words_are_compared_and_signs_are_not() {
        for (html, expected) in [
            ("<p>It goes 620&nbsp;km.</p>", "it goes 620 km"),
            ("<p>One.</p>\n <ul><li>two</li><li>three</li></ul>", "one\ntwo\nthree"),
            ("<em>Re</em>charge<br>in a<wbr>while", "recharge in awhile"),
            ("&#8220;4&#215;4&#x201d; don&rsquo;t", "4x4 don t"),
            ("G&ouml;teborg &amp; Malm\u{f6} AT&T &c", "göteborg malmö at t c"),
            ("soft\u{ad}ly soft&shy;ly", "softly softly"),
            ("<script>var a = '</p>x';</script>a<style>b{}</style><!-- c -->d", "a\nd"),
            ("<a title=\"a > b\" href='x'>see</a>", "see"),
            ("1 < 2 <", "1 2"),
            ("<p", ""),
            ("<script>", ""),
        ] {
            assert_eq!(words(html), expected, "{html}");
        }
    }

    fn page(front: &str, body: &str, notice: Notice) -> Page {
        let newsroom = sample::release(front, body);
        let request = Request { notice, ..sample::request("r", "site") };
        match edition(&newsroom, &request).unwrap().content {
            Content::Page(page) => page,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn our_own_page_has_all_that_is_asked_of_it() {
        let body = "It goes **620** km & more: \"far\".\n\n- one\n- two\n\n> Said.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        for (front, notice) in [
            ("", Notice::Original),
            ("correction: { note: It goes 610 km <br>, class: material }\n", Notice::Correction),
            ("reason: It was wrong\n", Notice::Hold),
            ("reason: It was wrong\n", Notice::Kill),
        ] {
            let page = page(front, body, notice);
            assert_eq!(page.lacking(&page.html, notice), None, "{notice:?}");
        }
    }

    #[test]
    fn old_words_errors_and_others_pages_are_told_from_it() {
        let body = |km: &str| format!("It goes {km} km.\n\nOrders open on Tuesday.");
        let new = page("", &body("610"), Notice::Original);
        let old = page("", &body("620"), Notice::Original);
        let corrected =
            page("correction: { note: Wrong figure, class: material }\n", &body("610"), Notice::Correction);
        let check = |page: &Page, html: &str, notice: Notice, expected: Option<&str>| {
            assert_eq!(page.lacking(html, notice).as_deref(), expected, "{html}");
        };
        check(&new, &old.html, Notice::Original, Some("paragraph 1 of 2"));
        check(&corrected, &new.html, Notice::Correction, Some("the note of its correction"));
        check(&new, "", Notice::Original, Some("its headline"));
        check(&new, "<h1>502 Bad Gateway</h1>", Notice::Original, Some("its headline"));
        let half = "<title>A title</title><p>It goes 610 km.</p>";
        check(&new, half, Notice::Original, Some("paragraph 2 of 2"));
        let theirs =
            "<h1>A title</h1><div><p>It goes 610&#8239;km.</p><p>Orders open on <b>Tuesday</b>.</p></div>";
        check(&new, theirs, Notice::Original, None);
        let kill = page("reason: It was wrong\n", &body("610"), Notice::Kill);
        check(&kill, &new.html, Notice::Kill, Some("paragraph 1 of 1"));
    }
}
