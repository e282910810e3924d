//! What `dateline doctor` asks a relay: everything up to the first mail, and no mail. And what it asks the DNS about the sender
//! ([`names`]).

mod dmarc;
mod dns;
pub mod names;
mod resolver;
mod spf;

use super::route::{Arrival, Route};
use super::trouble::{Phase, Trouble, What};
use super::wire::WireError;
use crate::channel::{Diagnosis, Reply};

/// The tags of a record, `a=b; c=d`, in their order (RFC 6376 §3.2, RFC 9989 §4.7).
fn tags(text: &str) -> Vec<(String, String)> {
    text.split(';')
        .filter_map(|tag| tag.split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .collect()
}

/// The address at which the relay is reached, where it can be.
pub async fn peer(route: &Route) -> Option<std::net::IpAddr> {
    let arrival = route.travel().await.ok()?;
    let address = arrival.peer.ip();
    arrival.session.quit().await;
    Some(address)
}

/// Connects, protects, greets, logs in, and leaves.
pub async fn examine(route: &Route) -> Vec<Diagnosis> {
    match route.travel().await {
        Ok(arrival) => good(route, arrival).await,
        Err(trouble) => vec![bad(&trouble)],
    }
}

async fn good(route: &Route, Arrival { session, protection, peer }: Arrival) -> Vec<Diagnosis> {
    let fine = |what: &str, seen: String| Diagnosis { what: what.to_owned(), good: true, seen, hint: None };
    let mut found = vec![fine("relay: connection", format!("{peer} answered"))];
    found.push(match protection {
        Some(protection) => fine(
            "relay: TLS",
            format!("{} with {}, the certificate is good", protection.version, protection.suite),
        ),
        None => Diagnosis {
            what: "relay: TLS".to_owned(),
            good: peer.ip().is_loopback(),
            seen: "none".to_owned(),
            hint: (!peer.ip().is_loopback())
                .then(|| "mails travel in the open: set `tls: starttls` or `tls: implicit`".to_owned()),
        },
    });
    if route.logs_in() {
        found.push(fine("relay: login", "the password was taken".to_owned()));
    }
    let offers = session.extensions();
    let size = match offers.size {
        Some(0) | None => "no limit of size said".to_owned(),
        Some(bytes) => format!("mails up to {bytes} bytes"),
    };
    let named = [
        (offers.pipelining, "PIPELINING"),
        (offers.eight_bit_mime, "8BITMIME"),
        (offers.smtputf8, "SMTPUTF8"),
        (offers.dsn, "DSN"),
        (offers.enhanced_status_codes, "ENHANCEDSTATUSCODES"),
    ];
    let named: Vec<&str> = named.iter().filter(|(offered, _)| *offered).map(|(_, name)| *name).collect();
    found.push(fine("relay: offers", format!("{size}; {}", named.join(", "))));
    session.quit().await;
    found
}

fn bad(trouble: &Trouble) -> Diagnosis {
    let seen = match &trouble.what {
        What::Refused(reply) | What::OutOfPlace(reply) => Reply::from(reply).to_string(),
        What::Wire(error) => Reply::note(error.to_string()).to_string(),
        What::Certificate(text) | What::Misfit(text) | What::Unsupported(text) => {
            Reply::note(text).to_string()
        }
    };
    let hint = match (&trouble.what, trouble.phase) {
        (What::Certificate(_), _) => {
            "check `host` against the names in the certificate; for a private authority set `ca_file`"
        }
        (What::Misfit(_), _) => "compare `tls`, `username` and `password` with what the relay offers",
        (What::Wire(WireError::Silent(_)), _) => {
            "check `host`, `port` and the firewall; `tls` may not match the port"
        }
        (_, Phase::Connect) => "check `host` and `port`, and that the relay is running",
        (_, Phase::Tls) => "check `tls`: port 465 wants `implicit`, port 587 wants `starttls`",
        (_, Phase::Auth) => "check `username` and the secret that `password` refers to",
        _ => "ask whoever runs the relay",
    };
    Diagnosis {
        what: format!("relay: {}", trouble.phase.name()),
        good: false,
        seen,
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests;
