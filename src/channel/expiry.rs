//! Until when a token is good, where somebody tells. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Diagnosis;

/// With less left than this a token is to be renewed: two weeks of work are two weeks without anybody at the desk.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is said of a token with so much time left.
pub fn forecast(what: &str, left: SignedDuration, renew: &str) -> Diagnosis {
    let seen = match left.as_hours() {
        _ if left.is_negative() || left.is_zero() => "it has expired".to_owned(),
        hours @ 0..48 => format!("it expires in {hours} hours"),
        hours => format!("it expires in {} days", hours / 24),
    };
    let good = left >= SOON;
    Diagnosis { what: what.to_owned(), good, seen, hint: (!good).then(|| renew.to_owned()) }
}

/// When a token expires that is a JSON Web Token and says so (RFC 7519 4.1.4). It is read, not believed: whoever takes it decides.
pub fn of_jwt(token: &str) -> Option<Timestamp> {
    let mut parts = token.split('.');
    let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    Timestamp::from_second(claims["exp"].as_i64()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_how_long_it_is_good() {
        for (hours, good, expected) in [
            (-1, false, "it has expired"),
            (0, false, "it has expired"),
            (11, false, "it expires in 11 hours"),
            (72, false, "it expires in 3 days"),
            (14 * 24, true, "it expires in 14 days"),
            (2_000, true, "it expires in 83 days"),
        ] {
            let seen = forecast("token", SignedDuration::from_hours(hours), "make a new one");
            assert_eq!((seen.good, seen.seen.as_str()), (good, expected));
            assert_eq!(seen.hint.is_none(), good);
        }
    }

    #[test]
    fn only_a_token_that_tells_is_asked() {
        let jwt = |claims: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
        for (token, expected) in [
            (jwt("{\"exp\":1796112000}"), Some(1_796_112_000)),
            (jwt("{\"me\":\"x\"}"), None),
            (jwt("{\"exp\":\"soon\"}"), None),
            (jwt("{\"exp\":99999999999999999}"), None),
            (jwt("no"), None),
            ("a.b".to_owned(), None),
            ("geheim".to_owned(), None),
            ("a.%%.c".to_owned(), None),
        ] {
            assert_eq!(of_jwt(&token).map(Timestamp::as_second), expected, "{token}");
        }
    }
}
