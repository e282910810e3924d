//! Pieces of Markdown that are written here: text and addresses, escaped for their place.

/// `text` so that Markdown reads it as these characters and nothing else.
///
/// `opens` says that it stands at the start of a block, where more characters mean something.
pub fn escape(text: &str, opens: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut before: Option<char> = None;
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    for (at, c) in text.char_indices() {
        let after = text[at + c.len_utf8()..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let special = match c {
            '\\' | '`' | '*' | '[' | ']' | '<' | '~' | '|' => true,
            '_' => !(inside(before) && inside(after)),
            '&' => entity(&text[at + 1..]),
            '#' | '+' | '-' | '>' | '=' | ':' => opens && at == 0,
            '.' | ')' => opens && digits > 0 && at == digits,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(c);
        before = Some(c);
    }
    out
}

/// Whether what follows an `&` makes it an entity.
fn entity(rest: &str) -> bool {
    let name = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '#');
    name.is_some_and(|end| end > 0 && rest[end..].starts_with(';'))
}

/// An address as the target of a link or picture.
pub fn target(address: &str) -> String {
    let address: String = address.trim().chars().filter(|c| !c.is_control()).collect();
    let odd = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '\\' | '|');
    if address.is_empty() {
        "<>".to_owned()
    } else if address.contains(odd) {
        let escaped =
            address.replace('\\', "%5C").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C");
        format!("<{escaped}>")
    } else {
        address
    }
}

/// A link's or picture's title, with the space in front of it; nothing if it is empty.
pub fn title(title: &str) -> String {
    let line = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.is_empty() { line } else { format!(" \"{}\"", escape(&line, false).replace('"', "\\\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_where_it_would_mean_something() {
        for (text, opens, expected) in [
            ("AT&T & Co, 5 * 3", false, "AT&T & Co, 5 \\* 3"),
            ("&amp; stays", false, "\\&amp; stays"),
            ("snake_case _x_", false, "snake_case \\_x\\_"),
            ("- no list", true, "\\- no list"),
            ("- no list", false, "- no list"),
            ("12. no list", true, "12\\. no list"),
            ("[a](b) <c>", false, "\\[a\\](b) \\<c>"),
            (":::", true, "\\:::"),
        ] {
            assert_eq!(escape(text, opens), expected, "{text}");
        }
    }

    #[test]
    fn addresses_stay_whole() {
        for (address, expected) in [
            ("a.png", "a.png"),
            ("my pic (1).png", "<my pic (1).png>"),
            ("", "<>"),
            ("a\nb<c>", "<ab%3Cc%3E>"),
        ] {
            assert_eq!(target(address), expected);
        }
    }
}
