//! HTML as text: what is escaped, what is left out, whose colours it has.

use std::fmt::Write as _;

/// The look that our own documents share: the reader's colours, and a face that every system has.
const STYLE: &str = include_str!("card.css");

/// `text` for HTML, also inside of quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for sign in text.chars() {
        match sign {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // HTML knows no other control characters.
            '\t' | '\n' => out.push(sign),
            sign if sign.is_control() => out.push(char::REPLACEMENT_CHARACTER),
            sign => out.push(sign),
        }
    }
    out
}

/// One step of an address.
pub fn escape_step(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// A whole document of our own. `body` is HTML already.
pub fn shell(title: &str, language: &str, class: &str, body: &str) -> String {
    let (title, language) = (escape(title), escape(language));
    let title = if title.trim().is_empty() { "Edition".to_owned() } else { title };
    format!(
        "<!doctype html>\n<html lang=\"{language}\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <style>{STYLE}</style></head><body class=\"{class}\">{body}</body></html>\n"
    )
}

/// A whole page of our own with its own look, for files that are opened by themselves.
pub fn in_page(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head>{GUARD}<meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title>\
         <style>{style}</style></head><body>{body}</body></html>\n",
        escape(title)
    )
}

/// What a file that is opened by itself may not do, whatever is in it.
const GUARD: &str = "<meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'; object-src 'none'; \
    base-uri 'none'; form-action 'none'; connect-src 'none'\"><meta name=\"robots\" content=\"noindex\">\
    <meta name=\"referrer\" content=\"no-referrer\">";

/// A document with `words` across it and above it, that may run nothing.
pub fn watermarked(html: &str, words: &str) -> String {
    let drawing = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' width='520' height='300'><text x='0' y='160' \
         transform='rotate(-22 260 150)' font-family='sans-serif' font-size='22' font-weight='700' fill='#8a1c1c' \
         fill-opacity='.13'>{}</text></svg>",
        escape(words)
    );
    let drawing = escape_step(&drawing);
    let html = with_style(
        html,
        &format!(
            "body::after{{content:\"\";position:fixed;inset:0;z-index:2147483646;pointer-events:none;\
             background:url(\"data:image/svg+xml,{drawing}\")}}\
             .dateline-mark{{position:relative;z-index:2147483647;padding:7px 14px;background:#8a1c1c;color:#fff;\
             font:700 13px/1.4 sans-serif;letter-spacing:.03em;text-align:center}}"
        ),
    );
    let html = after(&html, "<head", GUARD);
    after(&html, "<body", &format!("<div class=\"dateline-mark\">{}</div>", escape(words)))
}

/// `html` with `more` behind the first tag that begins like `tag`; at the start, where there is none.
fn after(html: &str, tag: &str, more: &str) -> String {
    let place = html.find(tag).and_then(|at| {
        let rest = html.get(at..)?;
        Some(at + tag_end(rest))
    });
    let (before, rest) = html.split_at(place.unwrap_or(0));
    format!("{before}{more}{rest}")
}

/// The first letters of a name, for those who have no picture.
pub fn initials(name: &str) -> String {
    let words = name.split_whitespace().filter(|word| word.starts_with(char::is_alphabetic));
    let letters: String = words.take(2).filter_map(|word| word.chars().next()).collect();
    if letters.is_empty() { "•".to_owned() } else { letters.to_uppercase() }
}

/// Text in paragraphs, with its links marked.
pub fn paragraphs(text: &str) -> String {
    let mut out = String::new();
    for paragraph in text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        let _ = write!(out, "<p>{}</p>", escape(paragraph));
    }
    out
}

/// Answers `prefers-color-scheme` for the reader: in style sheets only, so that a text about it
/// stays as it is.
pub fn in_room(html: &str, dark: bool) -> String {
    let (yes, no) = if dark { ("dark", "light") } else { ("light", "dark") };
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find("<style") {
        let (before, style) = rest.split_at(at);
        let end = style.find("</style").unwrap_or(style.len());
        let (style, after) = style.split_at(end);
        out.push_str(before);
        let squeezed = style.replace("prefers-color-scheme:dark", "prefers-color-scheme: dark");
        let squeezed = squeezed.replace("prefers-color-scheme:light", "prefers-color-scheme: light");
        out.push_str(
            &squeezed
                .replace(&format!("(prefers-color-scheme: {yes})"), "(min-width: 0)")
                .replace(&format!("(prefers-color-scheme: {no})"), "(max-width: 0)"),
        );
        rest = after;
    }
    out.push_str(rest);
    out
}

/// As a program shows it that turns all colours and asks nobody: what is light gets dark, hues and pictures stay.
pub fn turned(html: &str) -> String {
    with_style(
        html,
        "html{background:#fff!important;filter:invert(.93) hue-rotate(180deg)}\
         img,video,svg image{filter:invert(1) hue-rotate(180deg)}",
    )
}

/// As it is read while pictures are blocked: their words stand in their place.
pub fn without_pictures(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find("<img") {
        let (before, tag) = rest.split_at(at);
        let end = tag_end(tag);
        let (tag, after) = tag.split_at(end);
        out.push_str(before);
        out.push_str(&without_source(tag));
        rest = after;
    }
    out.push_str(rest);
    with_style(
        &out,
        "*{background-image:none!important}\
         img{display:inline-block;min-width:24px;min-height:24px;outline:1px dashed currentColor;outline-offset:-1px;\
         font:13px/1.45 sans-serif;padding:6px;box-sizing:border-box}",
    )
}

/// Where a tag ends: at the first `>` that stands in no quotes.
fn tag_end(tag: &str) -> usize {
    let mut quote = None;
    for (at, sign) in tag.char_indices() {
        match (quote, sign) {
            (None, '"' | '\'') => quote = Some(sign),
            (Some(open), sign) if open == sign => quote = None,
            (None, '>') => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

/// The tag without its `src` and `srcset`.
fn without_source(tag: &str) -> String {
    let mut tag = tag.to_owned();
    for name in [" src=\"", " srcset=\""] {
        while let Some(start) = tag.find(name) {
            let value = start + name.len();
            let end = tag.get(value..).and_then(|rest| rest.find('"')).map_or(tag.len(), |at| value + at + 1);
            tag.replace_range(start..end, "");
        }
    }
    tag
}

/// One more style sheet, at the end of the head (or at the start, where there is none).
pub fn with_style(html: &str, css: &str) -> String {
    let sheet = format!("<style>{css}</style>");
    match html.find("</head>") {
        Some(at) => {
            let (before, after) = html.split_at(at);
            format!("{before}{sheet}{after}")
        }
        None => format!("{sheet}{html}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_style_sheets_learn_whether_it_is_dark() {
        let html = "<style>@media (prefers-color-scheme:dark){a{}}@media (prefers-color-scheme: light){b{}}</style>\
                    <p>(prefers-color-scheme: dark)";
        assert_eq!(
            in_room(html, true),
            "<style>@media (min-width: 0){a{}}@media (max-width: 0){b{}}</style><p>(prefers-color-scheme: dark)"
        );
        assert!(in_room(html, false).starts_with("<style>@media (max-width: 0){a{}}@media (min-width: 0)"));
        assert_eq!(in_room("<style>a{", true), "<style>a{");
    }

    #[test]
    fn blocked_pictures_leave_their_words() {
        for (html, expected) in [
            ("<img src=\"a.jpg\" alt=\"A > B\">x", "<img alt=\"A > B\">x"),
            ("<img alt=\"A\" srcset=\"a 1x\" src=\"b\"/>", "<img alt=\"A\"/>"),
            ("<p>src=\"a\"</p>", "<p>src=\"a\"</p>"),
            ("<img alt=\"unclosed", "<img alt=\"unclosed"),
        ] {
            let shown = without_pictures(html);
            assert!(shown.ends_with(expected), "{html}: {shown}");
        }
    }

    #[test]
    fn a_watermark_is_above_and_across_and_nothing_runs() {
        let page = watermarked(
            "<!doctype html><html><head><title>T</title></head><body class=\"x>y\"><p>",
            "EMBARGOED & <b>",
        );
        assert!(
            page.contains("<head><meta http-equiv=\"Content-Security-Policy\" content=\"script-src 'none'"),
            "{page}"
        );
        assert!(
            page.contains(
                "<body class=\"x>y\"><div class=\"dateline-mark\">EMBARGOED &amp; &lt;b&gt;</div><p>"
            ),
            "{page}"
        );
        assert!(page.contains("data:image/svg+xml,%3Csvg"), "{page}");
    }

    #[test]
    fn nothing_that_is_written_becomes_markup() {
        let page = shell("</title><script>", "en", "post", &paragraphs("<b>a</b>\n\n\u{7}\"'&"));
        assert!(page.contains("<p>&lt;b&gt;a&lt;/b&gt;</p><p>\u{fffd}&quot;&#39;&amp;</p>"), "{page}");
        assert!(!page.contains("<script"), "{page}");
        assert_eq!(initials("Halden Motors AB"), "HM");
        assert_eq!(initials("7 & 8"), "•");
    }
}
