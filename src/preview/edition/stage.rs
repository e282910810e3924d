//! The HTML of a mail or page, made fit for the stage: its pictures from here, its room light or dark.

use super::{Rendered, file, letter};
use crate::render::Content;

/// The HTML of a mail or page for the stage, with its pictures beside it, in a light or dark room.
/// Nothing for posts and JSON.
pub fn html(rendered: &Rendered, dark: bool) -> Option<String> {
    let Rendered { edition, newsroom, .. } = rendered;
    let html = match &edition.content {
        Content::Mail(mail) => {
            let (letter, _) = letter(mail);
            letter.html.replace("\"cid:", "\"cid/")
        }
        Content::Page(page) => page.html.clone(),
        Content::Social(_) | Content::Chat(_) | Content::Json(_) => return None,
    };
    let known = |name: &str| file(rendered, name).is_some();
    let html = local_pictures(&html, &format!("{}/", newsroom.url), known);
    Some(in_light(&html, dark))
}

/// Pictures stand under the newsroom's public address once they are published; here they stand
/// beside the edition.
fn local_pictures(html: &str, base: &str, known: impl Fn(&str) -> bool) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(base) {
        let (before, address) = rest.split_at(at);
        let end = address.find(['"', '\'', ')', ' ', '<', '>', '&', ',']).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        out.push_str(before);
        let name = address.rsplit('/').next().unwrap_or_default();
        let shown =
            ["src=\"", "url(", "url('", "url(\"", "srcset=\""].iter().any(|start| before.ends_with(start));
        out.push_str(if shown && known(&unescape_path(name)) { name } else { address });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A step of a path without its `%XX`.
fn unescape_path(step: &str) -> String {
    let mut bytes = Vec::with_capacity(step.len());
    let mut rest = step.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = (byte == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answers `prefers-color-scheme` for the reader: in style sheets only, so that a text about it
/// stays as it is.
fn in_light(html: &str, dark: bool) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_style_sheets_learn_whether_it_is_dark() {
        let html = "<style>@media (prefers-color-scheme:dark){a{}}@media (prefers-color-scheme: light){b{}}</style>\
                    <p>(prefers-color-scheme: dark)";
        assert_eq!(
            in_light(html, true),
            "<style>@media (min-width: 0){a{}}@media (max-width: 0){b{}}</style><p>(prefers-color-scheme: dark)"
        );
        assert!(in_light(html, false).starts_with("<style>@media (max-width: 0){a{}}@media (min-width: 0)"));
        assert_eq!(in_light("<style>a{", true), "<style>a{");
    }

    #[test]
    fn pictures_of_the_release_are_shown_from_here_and_links_stay() {
        let known = |name: &str| ["a.jpg", "på väg.png"].contains(&name);
        for (html, expected) in [
            (r#"<img src="https://n.example/2026/x/a.jpg">"#, r#"<img src="a.jpg">"#),
            (
                r#"<img src="https://n.example/x/p%C3%A5%20v%C3%A4g.png">"#,
                r#"<img src="p%C3%A5%20v%C3%A4g.png">"#,
            ),
            (r#"<a href="https://n.example/x/a.jpg">"#, r#"<a href="https://n.example/x/a.jpg">"#),
            (r#"<img src="https://n.example/x/other.jpg">"#, r#"<img src="https://n.example/x/other.jpg">"#),
            (r#"<img src="https://m.example/x/a.jpg">"#, r#"<img src="https://m.example/x/a.jpg">"#),
        ] {
            assert_eq!(local_pictures(html, "https://n.example/", known), expected);
        }
        for (step, expected) in [("a%20b", "a b"), ("100%", "100%"), ("%zz%2", "%zz%2"), ("%C3", "\u{fffd}")]
        {
            assert_eq!(unescape_path(step), expected);
        }
    }
}
