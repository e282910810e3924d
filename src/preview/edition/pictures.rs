//! Where the pictures of a mail or page are while nobody can have them from their public address.

use super::{Rendered, file};

/// Pictures stand under the newsroom's public address once they are published, or in the mail itself; here
/// they are where `address` says for their name.
pub fn local_pictures(rendered: &Rendered, html: &str, address: &dyn Fn(&str) -> String) -> String {
    let known = |name: &str| {
        file(rendered, name).is_some() || rendered.edition.assets.iter().any(|asset| asset.name == name)
    };
    let html = beside(&carried(html, address), known, address);
    moved(&html, &format!("{}/", rendered.newsroom.url), known, address)
}

/// Pictures that a mail carries: `src="cid:NAME"`.
fn carried(html: &str, address: &dyn Fn(&str) -> String) -> String {
    let mut parts = html.split("src=\"cid:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str("src=\"");
        out.push_str(&address(name));
        out.push('"');
        out.push_str(rest);
    }
    out
}

/// Pictures and recordings that stand beside a page: `src="NAME"`.
fn beside(html: &str, known: impl Fn(&str) -> bool, address: &dyn Fn(&str) -> String) -> String {
    let mut parts = html.split(" src=\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str(" src=\"");
        let (step, rest) = part.split_once('"').unwrap_or((part, ""));
        let name = unescape_path(step);
        if known(&name) {
            out.push_str(&address(&name));
        } else {
            out.push_str(step);
        }
        out.push('"');
        out.push_str(rest);
    }
    out
}

fn moved(html: &str, base: &str, known: impl Fn(&str) -> bool, to: &dyn Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(base) {
        let (before, address) = rest.split_at(at);
        let end = address.find(['"', '\'', ')', ' ', '<', '>', '&', ',']).unwrap_or(address.len());
        let (address, after) = address.split_at(end);
        out.push_str(before);
        let name = unescape_path(address.rsplit('/').next().unwrap_or_default());
        let shown =
            ["src=\"", "url(", "url('", "url(\"", "srcset=\""].iter().any(|start| before.ends_with(start));
        if shown && known(&name) {
            out.push_str(&to(&name));
        } else {
            out.push_str(address);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_the_release_are_shown_from_here_and_links_stay() {
        let known = |name: &str| ["a.jpg", "på väg.png"].contains(&name);
        let here = |name: &str| format!("HERE/{name}");
        for (html, expected) in [
            (r#"<img src="https://n.example/2026/x/a.jpg">"#, r#"<img src="HERE/a.jpg">"#),
            (r#"<img src="https://n.example/x/p%C3%A5%20v%C3%A4g.png">"#, r#"<img src="HERE/på väg.png">"#),
            (r#"<a href="https://n.example/x/a.jpg">"#, r#"<a href="https://n.example/x/a.jpg">"#),
            (r#"<img src="https://n.example/x/other.jpg">"#, r#"<img src="https://n.example/x/other.jpg">"#),
            (r#"<img src="https://m.example/x/a.jpg">"#, r#"<img src="https://m.example/x/a.jpg">"#),
        ] {
            assert_eq!(moved(html, "https://n.example/", known, &here), expected);
        }
        assert_eq!(
            beside(r#"<img src="a.jpg"><img src="b.jpg">"#, known, &here),
            r#"<img src="HERE/a.jpg"><img src="b.jpg">"#
        );
        assert_eq!(carried(r#"<img src="cid:p1" alt="cid:x">"#, &here), r#"<img src="HERE/p1" alt="cid:x">"#);
        for (step, expected) in [("a%20b", "a b"), ("100%", "100%"), ("%zz%2", "%zz%2"), ("%C3", "\u{fffd}")]
        {
            assert_eq!(unescape_path(step), expected);
        }
    }
}
