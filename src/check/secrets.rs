//! Passwords and keys that somebody pasted into a text.
//!
//! The finding never holds the secret: its message shows the first characters, and the forms of
//! findings that print source lines cover the rest ([`Finding::covered`](crate::finding::Finding)).

use std::ops::Range;

use super::{Case, Notes};

/// What the keys of a service look like: how they begin, how long the rest is, of what.
struct Shape {
    prefix: &'static str,
    least: usize,
    letters: fn(u8) -> bool,
    name: &'static str,
}

fn upper(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}
fn word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
fn url_safe(byte: u8) -> bool {
    word(byte) || byte == b'-'
}
fn dotted(byte: u8) -> bool {
    url_safe(byte) || byte == b'.'
}
fn path(byte: u8) -> bool {
    url_safe(byte) || byte == b'/'
}

#[rustfmt::skip]
const SHAPES: &[Shape] = &[
    Shape { prefix: "AKIA", least: 16, letters: upper, name: "an AWS access key" },
    Shape { prefix: "ASIA", least: 16, letters: upper, name: "an AWS access key" },
    Shape { prefix: "ghp_", least: 30, letters: word, name: "a GitHub token" },
    Shape { prefix: "gho_", least: 30, letters: word, name: "a GitHub token" },
    Shape { prefix: "ghu_", least: 30, letters: word, name: "a GitHub token" },
    Shape { prefix: "ghs_", least: 30, letters: word, name: "a GitHub token" },
    Shape { prefix: "ghr_", least: 30, letters: word, name: "a GitHub token" },
    Shape { prefix: "github_pat_", least: 22, letters: word, name: "a GitHub token" },
    Shape { prefix: "glpat-", least: 20, letters: url_safe, name: "a GitLab token" },
    Shape { prefix: "gldt-", least: 20, letters: url_safe, name: "a GitLab token" },
    Shape { prefix: "xoxa-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "xoxb-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "xoxp-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "xoxr-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "xoxs-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "xapp-", least: 10, letters: url_safe, name: "a Slack token" },
    Shape { prefix: "hooks.slack.com/services/", least: 20, letters: path, name: "a Slack webhook" },
    Shape { prefix: "sk_live_", least: 16, letters: word, name: "a Stripe key" },
    Shape { prefix: "rk_live_", least: 16, letters: word, name: "a Stripe key" },
    Shape { prefix: "AIza", least: 35, letters: url_safe, name: "a Google API key" },
    Shape { prefix: "npm_", least: 36, letters: word, name: "an npm token" },
    Shape { prefix: "SG.", least: 60, letters: dotted, name: "a SendGrid key" },
    Shape { prefix: "eyJ", least: 30, letters: dotted, name: "a JSON Web Token" },
];

/// Anything that looks like a password or key, anywhere in the file.
pub(super) fn secret(case: &Case<'_>, notes: &mut Notes) {
    for manuscript in &case.texts {
        let file = manuscript.file;
        for (span, name) in find(&file.text) {
            let start: String = file.text[span.clone()].chars().take(4).collect();
            notes.add_covered(
                file,
                span,
                format!("this looks like {name} (`{start}…`)"),
                "take it out and have it replaced at once: whoever can read the repository has it now",
            );
        }
    }
}

/// Every secret in `text` with the name of its kind, in one pass over the bytes.
fn find(text: &str) -> Vec<(Range<usize>, &'static str)> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    let mut before = b' ';
    while let Some(&byte) = bytes.get(at) {
        let hit = match byte {
            // Only what begins a word is looked at.
            _ if before.is_ascii_alphanumeric() => None,
            b'A' | b'g' | b'x' | b'h' | b's' | b'r' | b'n' | b'S' | b'e' => {
                known(text, at).or_else(|| assignment(text, at))
            }
            b'-' => private_key(text, at),
            b'p' | b'P' | b't' | b'T' | b'k' | b'K' | b'a' | b'l' | b'L' => assignment(text, at),
            b':' if bytes[at..].starts_with(b"://") => credentials(text, at),
            _ => None,
        };
        at += 1;
        if let Some((span, name)) = hit {
            at = span.end.max(at);
            before = b' ';
            found.push((span, name));
            continue;
        }
        before = byte;
        // Nothing begins in the rest of the word.
        while let Some(letter) =
            bytes.get(at).filter(|next| before.is_ascii_alphanumeric() && next.is_ascii_alphanumeric())
        {
            before = *letter;
            at += 1;
        }
        // The scheme is a word; the colon after it opens the credentials.
        if bytes.get(at) == Some(&b':')
            && before.is_ascii_alphabetic()
            && bytes[at..].starts_with(b"://")
            && let Some((span, name)) = credentials(text, at)
        {
            at = span.end.max(at);
            found.push((span, name));
        }
    }
    found
}

/// No secret is longer; looking further would make a wall of letters slow.
const LONGEST: usize = 4096;

fn run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> usize {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    bytes.iter().position(|byte| !belongs(*byte)).unwrap_or(bytes.len())
}

fn known(text: &str, at: usize) -> Option<(Range<usize>, &'static str)> {
    let rest = &text.as_bytes()[at..];
    // The beginnings of the table above; hardly a word has one.
    if !matches!(
        rest,
        [b'A', b'K' | b'S' | b'I', ..]
            | [b'g', b'h' | b'i' | b'l', ..]
            | [b'x', b'o' | b'a', ..]
            | [b'h', b'o', ..]
            | [b's' | b'r', b'k', ..]
            | [b'n', b'p', ..]
            | [b'S', b'G', ..]
            | [b'e', b'y', ..]
    ) {
        return None;
    }
    let shape = SHAPES.iter().find(|shape| rest.starts_with(shape.prefix.as_bytes()))?;
    let length = run(&rest[shape.prefix.len()..], shape.letters);
    if length < shape.least {
        return None;
    }
    let end = at + shape.prefix.len() + length;
    // A web token is three parts; a word that begins like one is not.
    if shape.prefix == "eyJ" && text[at..end].trim_end_matches('.').matches('.').count() != 2 {
        return None;
    }
    Some((at..end, shape.name))
}

fn private_key(text: &str, at: usize) -> Option<(Range<usize>, &'static str)> {
    let rest = text.get(at..)?.strip_prefix("-----BEGIN ")?;
    let header = rest.split("-----").next().filter(|header| header.len() < 40)?;
    if !header.ends_with("PRIVATE KEY") && !header.ends_with("PRIVATE KEY BLOCK") {
        return None;
    }
    let end = text[at..].find("-----END").map_or(text.len(), |end| at + end);
    Some((at..end, "a private key"))
}

/// `https://name:password@host`
fn credentials(text: &str, at: usize) -> Option<(Range<usize>, &'static str)> {
    let rest = text.get(at + 3..)?;
    let rest = &rest[..rest.floor_char_boundary(512)];
    let authority =
        &rest[..rest.find(|c: char| c.is_whitespace() || "/?#\"'<>)".contains(c)).unwrap_or(rest.len())];
    let (user, _) = authority.rsplit_once('@')?;
    let (name, password) = user.split_once(':')?;
    let start = at + 3 + name.len() + 1;
    (!is_stand_in(password)).then(|| (start..start + password.len(), "a password in an address"))
}

/// Words that announce a secret, and the least that must follow them.
const ANNOUNCED: [(&str, bool); 14] = [
    ("password", true),
    ("passwd", true),
    ("passphrase", true),
    ("pwd", true),
    ("lösenordet", true),
    ("lösenord", true),
    ("token", false),
    ("secret", false),
    ("api key", false),
    ("api_key", false),
    ("api-key", false),
    ("apikey", false),
    ("access key", false),
    ("key", false),
];

/// `password=…`, and a row of random letters close behind `token`, `secret` or `key`.
fn assignment(text: &str, at: usize) -> Option<(Range<usize>, &'static str)> {
    let rest = text.get(at..)?;
    let bytes = rest.as_bytes();
    let start = [bytes.first()?.to_ascii_lowercase(), bytes.get(1)?.to_ascii_lowercase()];
    if !matches!(&start, b"pa" | b"pw" | b"l\xc3" | b"to" | b"se" | b"ap" | b"ac" | b"ke") {
        return None;
    }
    let (word, is_password) = ANNOUNCED.iter().find(|(word, _)| {
        bytes.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()))
    })?;
    let after = rest.get(word.len()..)?;
    let signs = run(after.as_bytes(), |byte| b" \t\"'`".contains(&byte));
    let sign = after.as_bytes().get(signs).copied();
    let assigned = matches!(sign, Some(b'=' | b':'));
    let (start, value) = if assigned {
        let lead = signs + 1 + run(&after.as_bytes()[signs + 1..], |byte| b" \t\"'`=".contains(&byte));
        (lead, value_of(after.get(lead..)?))
    } else if *is_password {
        return None;
    } else {
        // `the token for the test site is 8sK2…`: the first long word that follows closely.
        let near = &after[..after.floor_char_boundary(60)];
        let near = near.split('\n').next().unwrap_or(near);
        let start = near
            .split_inclusive(char::is_whitespace)
            .scan(0, |at, part| {
                let start = *at;
                *at += part.len();
                Some((start, part))
            })
            .find(|(_, part)| part.trim_matches(|c: char| !c.is_ascii_alphanumeric()).len() >= 20)
            .map(|(start, part)| start + run(part.as_bytes(), |byte| !byte.is_ascii_alphanumeric()))?;
        (start, value_of(after.get(start..)?))
    };
    let found = if *is_password && sign == Some(b'=') {
        value.len() >= 4 && !is_stand_in(value)
    } else if *is_password {
        value.len() >= 8 && value.len() < 100 && is_mixed(value) && !is_stand_in(value)
    } else {
        value.len() >= 20 && is_mixed(value) && !is_stand_in(value) && entropy(value) >= 3.5
    };
    let start = at + word.len() + start;
    if let Some(known) = known(text, start) {
        return Some(known);
    }
    let name = if *is_password { "a password" } else { "a secret key" };
    found.then(|| (start..start + value.len(), name))
}

fn value_of(text: &str) -> &str {
    let text = &text[..text.floor_char_boundary(LONGEST)];
    let end = text.find(|c: char| c.is_whitespace() || "\"'`,;<>()[]".contains(c)).unwrap_or(text.len());
    text[..end].trim_end_matches('.')
}

/// `***`, `<password>`, `$PASSWORD`, `{{ password }}`, `xxxx`: what stands for a secret.
fn is_stand_in(value: &str) -> bool {
    let first = value.chars().next();
    let same = first.is_none_or(|first| value.chars().all(|c| c == first));
    let lower = value.to_lowercase();
    same || value.starts_with(['$', '<', '{', '*', '%', '•', '…'])
        || ["password", "secret", "example", "changeme", "your", "lösenord", "hidden", "redacted"]
            .iter()
            .any(|word| lower.starts_with(word))
}

/// Letters and digits, not an address or a path.
fn is_mixed(value: &str) -> bool {
    let has = |test: fn(&u8) -> bool| value.as_bytes().iter().any(test);
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && !value.contains("://") && !value.contains('@')
        || value.contains('!') && has(u8::is_ascii_digit)
}

/// Bits for each byte: prose and slugs stay below 3.5, random letters are above.
fn entropy(value: &str) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in value.bytes() {
        counts[usize::from(byte)] += 1;
    }
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The short cuts before the two tables let every entry of them through.
    #[test]
    fn every_prefix_and_every_word_is_found() {
        for shape in SHAPES {
            let rest =
                if shape.prefix == "eyJ" { format!("{}.b.c", "a".repeat(40)) } else { "A1B2C3D4".repeat(10) };
            let text = format!("{}{rest}", shape.prefix);
            assert_eq!(known(&text, 0).map(|(_, name)| name), Some(shape.name), "{text}");
        }
        for (word, _) in ANNOUNCED {
            for word in [word.to_owned(), word.to_ascii_uppercase()] {
                let text = format!("{word} = 8sK2pQ9xVbN4mL7tR1wZ6yC3");
                assert!(assignment(&text, 0).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn secrets_are_found_and_prose_is_not() {
        // Written in two halves, so that no scanner takes this file for a leak.
        let halves = |left: &str, right: &str| format!("{left}{right}");
        for (text, expected) in [
            (halves("AKIA", "Z7QX3MB2LN5PR4TV"), Some("an AWS access key")),
            (halves("see ghp", "_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"), Some("a GitHub token")),
            (halves("glpat", "-a1B2c3D4e5F6g7H8i9J0"), Some("a GitLab token")),
            (halves("xoxb", "-123456789012-abcdefABCDEF"), Some("a Slack token")),
            (
                halves("https://hooks.slack.com/serv", "ices/T0001/B0001/abcdefghijkl"),
                Some("a Slack webhook"),
            ),
            (halves("-----BEGIN OPENSSH PRIV", "ATE KEY-----\nabc\n-----END"), Some("a private key")),
            (halves("eyJhbGciOiJIUzI1NiJ9.eyJzdWIi", "OiIxMjM0In0.c2lnbmF0dXJl"), Some("a JSON Web Token")),
            ("password=hunter22".to_owned(), Some("a password")),
            ("Password: Sommar2026!".to_owned(), Some("a password")),
            ("Lösenord: vinter9kw".to_owned(), Some("a password")),
            ("https://press:s3cretly@halden.example/kit".to_owned(), Some("a password in an address")),
            (halves("API key: 8sK2pQ9x", "VbN4mL7tR1wZ6yC3"), Some("a secret key")),
            (halves("the token for the site is 8sK2pQ9x", "VbN4mL7tR1wZ6yC3"), Some("a secret key")),
            ("password: required for all visitors".to_owned(), None),
            ("password=****".to_owned(), None),
            ("password={{ env.PASSWORD }}".to_owned(), None),
            ("the key to a good winter car is weight".to_owned(), None),
            ("a token of https://halden.example/news/2026/12/01/aster-ev-620".to_owned(), None),
            ("key: internationalisation-of-the-programme".to_owned(), None),
            ("AKIA is short for something".to_owned(), None),
            ("eyJust a word.".to_owned(), None),
            ("https://halden.example:8080/a@b".to_owned(), None),
            ("press@halden.example".to_owned(), None),
        ] {
            let found: Vec<&str> = find(&text).into_iter().map(|(_, name)| name).collect();
            assert_eq!(found.first().copied(), expected, "{text}");
        }
    }
}
