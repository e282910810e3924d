//! Addresses in what others say: replies of servers, reports, errors.

use std::borrow::Cow;

/// `text` without the local part of any address in it, also where its `@` is percent-encoded: `<…@paper.example>: user unknown`.
///
/// For logs, which must not have addresses, and for results, which are never changed, so that an address in one could not be erased.
pub fn without_addresses(text: &str) -> Cow<'_, str> {
    if !text.contains('@') && !text.contains(ENCODED) {
        return Cow::Borrowed(text);
    }
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((at, sign)) = next_sign(rest) {
        let before = without_local(&rest[..at]);
        kept.push_str(before);
        if before.len() < at {
            kept.push('…');
        }
        kept.push_str(sign);
        rest = &rest[at + sign.len()..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

const ENCODED: &str = "%40";

fn next_sign(text: &str) -> Option<(usize, &'static str)> {
    let sign = |sign| Some((text.find(sign)?, sign));
    sign("@").into_iter().chain(sign(ENCODED)).min()
}

/// What stands before a local part, which is quoted or whatever an address may have there (RFC 5321 4.1.2, RFC 6531 3.3).
fn without_local(text: &str) -> &str {
    let quoted = text.strip_suffix('"');
    if let Some(start) = quoted.and_then(|quoted| quoted.rfind('"')) {
        return &text[..start];
    }
    let local = |c: char| c.is_alphanumeric() || !c.is_ascii() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    quoted.unwrap_or(text).trim_end_matches(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_words_lose_the_addresses_in_them() {
        for (text, expected) in [
            ("250 2.0.0 Ok: queued as 4F3", "250 2.0.0 Ok: queued as 4F3"),
            ("", ""),
            ("@here", "@here"),
            ("jane@paper.example", "…@paper.example"),
            ("550 5.1.1 <jane.roe@paper.example>: user unknown", "550 5.1.1 <…@paper.example>: user unknown"),
            ("to=jane.roe@a.example, x", "…@a.example, x"),
            ("rcpt:jo@a.example,anna@b.example;eva@c.example", "rcpt:…@a.example,…@b.example;…@c.example"),
            ("jo@a.example/anna@b.example", "…@…@b.example"),
            ("jo@\tanna@", "…@\t…@"),
            ("<\"jo roe\"@a.example> jo\"@b.example", "<…@a.example> …@b.example"),
            ("see https://mail.example/why?to=jo%40a.example&x", "see https:…%40a.example&x"),
            ("(åsa@press.example) 山田@press.example", "(…@press.example) …@press.example"),
        ] {
            assert_eq!(without_addresses(text), expected);
        }
    }
}
