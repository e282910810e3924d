//! How long a destination wants to be left alone. Pure.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::HeaderMap;

/// Never wait less: a destination that asks for a pause gets one.
const LEAST: Duration = Duration::from_secs(1);
/// Never wait longer: a mistake over there does not silence a channel for a year.
const MOST: Duration = Duration::from_hours(24);

/// The longest of what the headers ask for, between a second and a day; nothing if none can be read.
///
/// Known are `Retry-After` in both forms (RFC 9110 10.2.3), and `X-RateLimit-Reset`, `X-Rate-Limit-Reset` (X) and
/// `RateLimit-Reset` as an ISO date (Mastodon), as seconds since 1970 (atproto, X), or as seconds from now.
pub fn wait(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let asked = values(headers, "retry-after").filter_map(|text| retry_after(text, now)).max();
    asked.or_else(|| {
        ["x-ratelimit-reset", "x-rate-limit-reset", "ratelimit-reset"]
            .iter()
            .flat_map(|name| values(headers, name))
            .filter_map(|text| reset(text, now))
            .max()
    })
}

fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).map(str::trim)
}

fn retry_after(text: &str, now: Timestamp) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit are a very long time.
        return Some(clamp(text.parse().unwrap_or(u64::MAX)));
    }
    http_date(text).map(|then| until(then, now))
}

fn reset(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(number) = text.parse::<i64>() {
        // Nobody asks for thirty years; everything above is a date.
        return match number {
            ..0 => None,
            0..1_000_000_000 => Some(clamp(number.unsigned_abs())),
            _ => Timestamp::from_second(number).ok().map(|then| until(then, now)),
        };
    }
    text.parse::<Timestamp>().ok().map(|then| until(then, now))
}

/// The three forms of RFC 9110 5.6.7.
fn http_date(text: &str) -> Option<Timestamp> {
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(zoned.timestamp());
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"].iter().find_map(|form| {
        let civil = jiff::fmt::strtime::parse(form, text).ok()?.to_datetime().ok()?;
        civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })
}

fn until(then: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or(LEAST).clamp(LEAST, MOST)
}

fn clamp(seconds: u64) -> Duration {
    Duration::from_secs(seconds).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(headers: &[(&'static str, &str)], expected: Option<u64>) {
        let now = "2026-12-01T08:00:00Z".parse().unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        assert_eq!(wait(&map, now), expected.map(Duration::from_secs), "{headers:?}");
    }

    #[test]
    fn what_is_asked_for_is_kept_within_bounds_and_garbage_is_ignored() {
        check(&[], None);
        check(&[("retry-after", "30")], Some(30));
        check(&[("retry-after", " 30 ")], Some(30));
        check(&[("retry-after", "0")], Some(1));
        check(&[("retry-after", "-1")], None);
        check(&[("retry-after", "1.5")], None);
        check(&[("retry-after", "")], None);
        check(&[("retry-after", "soon")], None);
        check(&[("retry-after", "99999999")], Some(86_400));
        check(&[("retry-after", "99999999999999999999999999")], Some(86_400));
        check(&[("retry-after", "Fri, 31 Dec 1999")], None);
        check(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")], Some(1));
        check(&[("retry-after", "Tue, 01 Dec 2026 08:02:00 GMT")], Some(120));
        check(&[("retry-after", "Tuesday, 01-Dec-26 08:02:00 GMT")], Some(120));
        check(&[("retry-after", "Tue Dec  1 08:02:00 2026")], Some(120));
        check(&[("retry-after", "Wed, 01 Dec 2027 08:02:00 GMT")], Some(86_400));
        check(&[("retry-after", "10"), ("retry-after", "40")], Some(40));
        check(&[("retry-after", "soon"), ("retry-after", "40")], Some(40));
        check(&[("x-ratelimit-reset", "2026-12-01T08:05:00.000000Z")], Some(300));
        check(&[("x-ratelimit-reset", "1796112060")], Some(60));
        check(&[("ratelimit-reset", "1796112060")], Some(60));
        check(&[("x-rate-limit-reset", "1796112060")], Some(60));
        check(&[("ratelimit-reset", "25")], Some(25));
        check(&[("x-ratelimit-reset", "-5")], None);
        check(&[("x-ratelimit-reset", "99999999999999999")], None);
        check(&[("x-ratelimit-reset", "2026-12-01T07:05:00Z")], Some(1));
        check(&[("retry-after", "7"), ("x-ratelimit-reset", "25")], Some(7));
    }
}
