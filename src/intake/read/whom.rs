//! Whom a mail is about: the tokens in the addresses that it came to, and in the copy of ours that it quotes.
//!
//! Nothing else of a mail is asked. A token found here may be anybody's invention: the ledger verifies it.

use crate::intake::mime::Headers;
use crate::token::Token;

/// Where a mail's own address stands, the most trustworthy first: what the last server wrote, then what the sender did.
const ADDRESSED: &[&str] = &[
    "delivered-to",
    "x-original-to",
    "envelope-to",
    "x-envelope-to",
    "x-delivered-to",
    "x-rcpt-to",
    "to",
    "cc",
];

/// The first token in the addresses that a mail came to.
pub fn addressed(headers: &Headers) -> Option<Token> {
    for name in ADDRESSED {
        for value in headers.all(name) {
            if let Some(found) = in_addresses(value) {
                return Some(found);
            }
        }
    }
    // Exim's and Postfix's `for <b+TOKEN@…>`.
    headers.all("received").find_map(|value| in_addresses(value.rsplit_once(" for ")?.1))
}

/// The token in the fields of our own mail, as a report quotes it: its sender, else the ways to unsubscribe.
pub fn quoted(headers: &Headers) -> Option<Token> {
    for name in ["return-path", "x-original-mail-from", "original-mail-from"] {
        if let Some(found) = headers.all(name).find_map(in_addresses) {
            return Some(found);
        }
    }
    headers.all("list-unsubscribe").find_map(|value| in_addresses(value).or_else(|| in_links(value)))
}

/// The token of `b+TOKEN@` or `u+TOKEN@` in a list of addresses. What stands before the `+` says nothing: aliases change it.
pub fn in_addresses(value: &str) -> Option<Token> {
    value.match_indices('@').find_map(|(at, _)| {
        let before = value.get(..at)?;
        let start = before
            .char_indices()
            .rev()
            .find(|(_, c)| !(c.is_ascii_alphanumeric() || "+.-_".contains(*c)))
            .map_or(0, |(at, c)| at + c.len_utf8());
        before.get(start..)?.rsplit_once('+')?.1.parse().ok()
    })
}

/// The last part of an https address: `https://…/u/TOKEN`.
fn in_links(value: &str) -> Option<Token> {
    value
        .split(['<', '>', ',', ' '])
        .filter(|word| word.starts_with("https://"))
        .find_map(|link| link.split(['?', '#']).next()?.rsplit('/').next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "aaaaaaaaagfc6t2y7vpgxyqmum";
    const OTHER: &str = "aaaaaaaaagfc6t2y7vpgxyqmua";

    #[track_caller]
    fn check(fields: &str, expected: &str) {
        let fields = fields.replace("TOKEN", TOKEN).replace("OTHER", OTHER);
        let (headers, _) = Headers::read(fields.as_bytes());
        let said = |found: Option<Token>| match found {
            Some(token) if token.to_string() == TOKEN => "TOKEN",
            Some(_) => "OTHER",
            None => "nobody",
        };
        assert_eq!(
            format!("{}, {}", said(addressed(&headers)), said(quoted(&headers))),
            expected,
            "{fields}"
        );
    }

    #[test]
    fn the_address_that_it_came_to_names_the_delivery() {
        for (fields, expected) in [
            ("To: <b+TOKEN@bounce.example>", "TOKEN, nobody"),
            ("To: B+TOKEN@BOUNCE.EXAMPLE", "TOKEN, nobody"),
            ("To: Press <u+TOKEN@bounce.example>, x@y", "TOKEN, nobody"),
            ("To: b+OTHER@e\nDelivered-To: b+TOKEN@e", "TOKEN, nobody"),
            ("Received: from a by b for <b+TOKEN@e>; date\nTo: x@y", "TOKEN, nobody"),
            ("Delivered-To: bounces+TOKEN@mail.example", "TOKEN, nobody"),
            ("To: b+TOKENx@e", "nobody, nobody"),
            ("To: press@halden.example", "nobody, nobody"),
            ("Return-Path: <b+TOKEN@e>", "nobody, TOKEN"),
            (
                "List-Unsubscribe: <https://u.example/u/TOKEN>, <mailto:u+OTHER@e?subject=unsubscribe>",
                "nobody, OTHER",
            ),
            ("List-Unsubscribe: <https://u.example/u/TOKEN>", "nobody, TOKEN"),
            ("List-Unsubscribe: <http://u.example/u/TOKEN>", "nobody, nobody"),
            ("Subject: b+TOKEN@e", "nobody, nobody"),
            ("", "nobody, nobody"),
        ] {
            check(fields, expected);
        }
    }
}
