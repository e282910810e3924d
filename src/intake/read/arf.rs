//! Complaints (RFC 5965): somebody pressed the button.

use super::whom;
use crate::intake::mime::{Headers, Part};
use crate::token::Token;

/// A report of the feedback type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// `abuse`, `fraud`, `not-spam` …
    pub feedback: String,
    /// The delivery that the quoted mail claims to be.
    pub token: Option<Token>,
}

/// Reads a report of the feedback type; nothing where it is none.
pub fn read(report: &Part<'_>) -> Option<Complaint> {
    let part = report.find(&["message/feedback-report"])?;
    let (fields, _) = Headers::read(&part.bytes());
    let feedback = fields.get("feedback-type")?.trim().to_ascii_lowercase();
    // What the reporter says the mail's sender was, then the mail itself.
    let said = fields.get("original-mail-from").and_then(whom::in_addresses);
    let token = said.or_else(|| original(report));
    Some(Complaint { feedback, token })
}

/// The token in the copy of our mail.
pub fn original(report: &Part<'_>) -> Option<Token> {
    let copy = report.find(&[
        "message/rfc822",
        "text/rfc822-headers",
        "message/rfc822-headers",
        "message/global",
        "text/rfc822",
    ])?;
    let bytes = copy.bytes();
    let (headers, _) = Headers::read(bytes.strip_prefix(b"\n").unwrap_or(&bytes));
    whom::quoted(&headers)
}

/// Whether the reporter is who it says it is: the mail server `by` that the operator trusts has found a good DKIM signature
/// of one of `domains` (RFC 8601). Only the topmost fields are that server's own.
pub fn is_from(headers: &Headers, by: &str, domains: &[String]) -> bool {
    let ours = |value: &&str| {
        let id = value.split([';', ' ']).next().unwrap_or_default();
        id.eq_ignore_ascii_case(by)
    };
    headers.all("authentication-results").take_while(ours).any(|value| {
        value.split(';').skip(1).any(|method| {
            let method = method.trim().to_ascii_lowercase();
            let pass = method
                .strip_prefix("dkim=pass")
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
            let signer = method
                .split_whitespace()
                .find_map(|word| word.strip_prefix("header.d=").or_else(|| word.strip_prefix("header.i=@")));
            pass && signer
                .is_some_and(|signer| domains.iter().any(|domain| domain.eq_ignore_ascii_case(signer)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_trusted_server_says_counts() {
        let domains = vec!["fbl.yahoo.example".to_owned()];
        for (fields, expected) in [
            ("Authentication-Results: mx.h.example; dkim=pass header.d=fbl.yahoo.example header.s=x", true),
            (
                "Authentication-Results: mx.h.example 1; spf=pass x; dkim=pass (2048) header.i=@fbl.yahoo.example",
                true,
            ),
            ("Authentication-Results: mx.h.example; dkim=fail header.d=fbl.yahoo.example", false),
            ("Authentication-Results: mx.h.example; dkim=passable header.d=fbl.yahoo.example", false),
            ("Authentication-Results: mx.h.example; dkim=pass header.d=evil.example", false),
            ("Authentication-Results: evil.example; dkim=pass header.d=fbl.yahoo.example", false),
            // Below another server's field stands what the sender wrote himself.
            (
                "Authentication-Results: other; none\nAuthentication-Results: mx.h.example; dkim=pass header.d=fbl.yahoo.example",
                false,
            ),
            ("Subject: x", false),
        ] {
            let (headers, _) = Headers::read(fields.as_bytes());
            assert_eq!(is_from(&headers, "mx.h.example", &domains), expected, "{fields}");
        }
    }
}
