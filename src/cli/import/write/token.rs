//! HTML as the sanitiser writes it, taken apart into text and tags.

/// A piece of HTML.
pub enum Token<'a> {
    /// Text, with its entities.
    Text(&'a str),
    /// What stands between `<` and `>`.
    Tag(&'a str),
}

/// The sanitiser's HTML, taken apart: it escapes every `<` and `>` that is not a tag's own.
pub fn tokens(html: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = html;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        if let Some(after) = rest.strip_prefix('<') {
            // An attribute's value may hold a `>`.
            let mut quoted = false;
            let end = after.find(|c| {
                quoted ^= c == '"';
                c == '>' && !quoted
            });
            let end = end.unwrap_or(after.len());
            let tag = &after[..end];
            rest = after.get(end + 1..).unwrap_or_default();
            return Some(Token::Tag(tag));
        }
        let end = rest.find('<').unwrap_or(rest.len());
        let (text, after) = rest.split_at(end);
        rest = after;
        Some(Token::Text(text))
    })
}

/// The value of a tag's attribute, as the sanitiser writes it.
pub fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let end = tag[start..].find('"')?;
    Some(unescape(&tag[start..start + end]))
}

/// The entities that the sanitiser writes.
pub fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
