//! Whether a domain lets an address send for it (SPF, RFC 7208), as far as `dateline doctor` needs it: macros are not expanded.

use std::net::IpAddr;
use std::pin::Pin;

use super::dns::{Kind, Record};
use super::resolver::{Resolver, Trouble};

/// What the domain says about the address (RFC 7208 §2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It may send.
    Pass,
    /// It may not, or the domain does not say: `fail`, `softfail`, `neutral`.
    NotPass(&'static str),
    /// The domain has no record.
    None,
    /// The record is wrong, and receivers treat it as if there were none.
    Wrong(String),
    /// It depends on what only a receiver knows.
    CannotTell(String),
    /// The name servers do not say.
    Trouble(String),
}

/// RFC 7208 §4.6.4.
const MOST_LOOKUPS: u32 = 10;

/// Asks what `domain` says about `address`.
pub async fn check(resolver: &Resolver, domain: &str, address: IpAddr) -> Verdict {
    let mut lookups = 0;
    match host(resolver, domain, address, &mut lookups).await {
        Ok(verdict) => verdict,
        Err(trouble) => Verdict::Trouble(trouble.to_string()),
    }
}

/// The one SPF record of a domain; several are an error (RFC 7208 §4.5).
async fn record(resolver: &Resolver, domain: &str) -> Result<Result<String, Verdict>, Trouble> {
    let mut texts = resolver.texts(domain).await?;
    texts.retain(|text| {
        let text = text.to_ascii_lowercase();
        text == "v=spf1" || text.starts_with("v=spf1 ")
    });
    Ok(match (texts.pop(), texts.is_empty()) {
        (None, _) => Err(Verdict::None),
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(Verdict::Wrong(format!("{domain} has more than one SPF record"))),
    })
}

type Checking<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Trouble>> + Send + 'a>>;

fn host<'a>(resolver: &'a Resolver, domain: &'a str, address: IpAddr, lookups: &'a mut u32) -> Checking<'a> {
    Box::pin(async move {
        let record = match record(resolver, domain).await? {
            Ok(record) => record,
            Err(verdict) => return Ok(verdict),
        };
        let mut redirect = None;
        for term in record.split_ascii_whitespace().skip(1) {
            let term = term.to_ascii_lowercase();
            if let Some(to) = term.strip_prefix("redirect=") {
                redirect = Some(to.to_owned());
                continue;
            }
            let (result, mechanism) = match term.split_at_checked(1) {
                Some(("+", rest)) => (Verdict::Pass, rest),
                Some(("-", rest)) => (Verdict::NotPass("fail"), rest),
                Some(("~", rest)) => (Verdict::NotPass("softfail"), rest),
                Some(("?", rest)) => (Verdict::NotPass("neutral"), rest),
                _ => (Verdict::Pass, term.as_str()),
            };
            let name_end = mechanism.find([':', '/', '=']).unwrap_or(mechanism.len());
            let (name, rest) = mechanism.split_at(name_end);
            if rest.starts_with('=') {
                continue; // an unknown modifier (RFC 7208 §6)
            }
            if mechanism.contains('%') || name == "ptr" {
                return Ok(Verdict::CannotTell(format!("`{mechanism}` depends on the mail")));
            }
            if matches!(name, "a" | "mx" | "include" | "exists") {
                *lookups += 1;
                if *lookups > MOST_LOOKUPS {
                    let text = format!("{domain} needs more than {MOST_LOOKUPS} look-ups");
                    return Ok(Verdict::Wrong(text));
                }
            }
            let (target, lengths) = parts(rest, domain);
            let matched = match name {
                "all" => true,
                "ip4" | "ip6" => match rest.strip_prefix(':').and_then(|text| network(text, address)) {
                    Some(matched) => matched,
                    None => return Ok(Verdict::Wrong(format!("`{mechanism}` names no network"))),
                },
                "a" => within(&resolver.addresses(target).await?, address, lengths),
                "exists" => !resolver.ask(target, Kind::A).await?.is_empty(),
                "mx" => {
                    let mut matched = false;
                    for record in resolver.ask(target, Kind::Mx).await?.iter().take(10) {
                        let Record::Mx(_, host) = record else { continue };
                        matched |=
                            !host.is_empty() && within(&resolver.addresses(host).await?, address, lengths);
                    }
                    matched
                }
                "include" => match host(resolver, target, address, lookups).await? {
                    Verdict::Pass => true,
                    Verdict::NotPass(_) => false,
                    Verdict::None => {
                        return Ok(Verdict::Wrong(format!("{target} has no SPF record to include")));
                    }
                    other => return Ok(other),
                },
                _ => return Ok(Verdict::Wrong(format!("`{mechanism}` is no mechanism"))),
            };
            if matched {
                return Ok(result);
            }
        }
        let Some(to) = redirect else { return Ok(Verdict::NotPass("neutral")) };
        *lookups += 1;
        if *lookups > MOST_LOOKUPS {
            return Ok(Verdict::Wrong(format!("{domain} needs more than {MOST_LOOKUPS} look-ups")));
        }
        match host(resolver, &to, address, lookups).await? {
            Verdict::None => Ok(Verdict::Wrong(format!("{to} has no SPF record to redirect to"))),
            other => Ok(other),
        }
    })
}

/// `:domain/24//64`, each part optional.
fn parts<'a>(rest: &'a str, domain: &'a str) -> (&'a str, (u8, u8)) {
    let (target, lengths) = rest.split_once('/').unwrap_or((rest, ""));
    let target = target.strip_prefix(':').unwrap_or(domain);
    let (four, six) = match lengths.split_once('/') {
        Some((four, six)) => (four, six.trim_start_matches('/')),
        None => (lengths, ""),
    };
    (target, (four.parse().unwrap_or(32), six.parse().unwrap_or(128)))
}

fn within(addresses: &[IpAddr], address: IpAddr, (four, six): (u8, u8)) -> bool {
    addresses.iter().any(|known| same(*known, address, if address.is_ipv4() { four } else { six }))
}

/// Whether `address` is in the network that `text` names; nothing where it names none.
fn network(text: &str, address: IpAddr) -> Option<bool> {
    let (base, length) = text.split_once('/').unwrap_or((text, ""));
    let base: IpAddr = base.parse().ok()?;
    let most = if base.is_ipv4() { 32 } else { 128 };
    let length =
        if length.is_empty() { most } else { length.parse().ok().filter(|length| *length <= most)? };
    Some(same(base, address, length))
}

/// Whether the first `length` bits are equal.
fn same(one: IpAddr, other: IpAddr, length: u8) -> bool {
    let shifted =
        |bits: u128, width: u32| bits.checked_shr(width.saturating_sub(u32::from(length))).unwrap_or(0);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            shifted(one.to_bits().into(), 32) == shifted(other.to_bits().into(), 32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => shifted(one.to_bits(), 128) == shifted(other.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Zone;
    use super::*;

    #[tokio::test]
    async fn verdicts() {
        let zone = Zone::start(&[
            ("a.example", "TXT", "v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all"),
            ("b.example", "TXT", "v=spf1 include:a.example ~all"),
            ("c.example", "TXT", "v=spf1 redirect=a.example"),
            ("d.example", "TXT", "v=spf1 a mx:m.example ?all"),
            ("d.example", "A", "198.51.100.7"),
            ("m.example", "MX", "mx.m.example"),
            ("mx.m.example", "A", "198.51.100.9"),
            ("e.example", "TXT", "v=spf1 -all"),
            ("e.example", "TXT", "v=spf1 +all"),
            ("f.example", "TXT", "v=spf1 include:nothing.example -all"),
            ("g.example", "TXT", "v=spf1 include:g.example -all"),
            ("h.example", "TXT", "v=spf1 exists:%{i}.x.example -all"),
            ("i.example", "TXT", "v=spf1 ip4:192.0.2.0/33 -all"),
            ("j.example", "TXT", "v=spf10 -all"),
            ("k.example", "TXT", "v=spf1 a/24 exp=x.example -all"),
            ("k.example", "A", "198.51.100.1"),
            ("l.example", "TXT", "V=SPF1 IP4:192.0.2.25 -ALL"),
        ])
        .await;
        for (domain, address, expected) in [
            ("a.example", "192.0.2.25", Verdict::Pass),
            ("a.example", "192.0.3.25", Verdict::NotPass("fail")),
            ("a.example", "2001:db8:1::1", Verdict::Pass),
            ("a.example", "2001:db9::1", Verdict::NotPass("fail")),
            ("b.example", "192.0.2.25", Verdict::Pass),
            ("b.example", "192.0.3.25", Verdict::NotPass("softfail")),
            ("c.example", "192.0.2.25", Verdict::Pass),
            ("d.example", "198.51.100.7", Verdict::Pass),
            ("d.example", "198.51.100.9", Verdict::Pass),
            ("d.example", "198.51.100.8", Verdict::NotPass("neutral")),
            ("e.example", "192.0.2.25", Verdict::Wrong("e.example has more than one SPF record".into())),
            (
                "f.example",
                "192.0.2.25",
                Verdict::Wrong("nothing.example has no SPF record to include".into()),
            ),
            ("g.example", "192.0.2.25", Verdict::Wrong("g.example needs more than 10 look-ups".into())),
            (
                "h.example",
                "192.0.2.25",
                Verdict::CannotTell("`exists:%{i}.x.example` depends on the mail".into()),
            ),
            ("i.example", "192.0.2.25", Verdict::Wrong("`ip4:192.0.2.0/33` names no network".into())),
            ("j.example", "192.0.2.25", Verdict::None),
            ("k.example", "198.51.100.200", Verdict::Pass),
            ("l.example", "192.0.2.25", Verdict::Pass),
        ] {
            let verdict = check(&zone.resolver(), domain, address.parse().unwrap()).await;
            assert_eq!(verdict, expected, "{domain} {address}");
        }
    }
}
