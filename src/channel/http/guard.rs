//! Which addresses we speak to when the address is not ours to vouch for.
//!
//! The name is resolved once; if any address behind it is not public, the destination is
//! refused; and the connection goes to the addresses that were looked at, so that a second
//! answer of the name server changes nothing.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// How names become addresses.
pub type Lookup =
    Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>> + Send + Sync>;

/// What a guarded client is kept from.
#[derive(Clone)]
pub struct Walls {
    /// Lets everything through: plain `http`, any port, any address.
    pub allow_private: bool,
    /// How names become addresses.
    pub lookup: Lookup,
}

impl Walls {
    /// The machine's own resolver.
    pub fn system(allow_private: bool) -> Walls {
        let lookup: Lookup = Arc::new(|name| {
            Box::pin(async move {
                Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
            })
        });
        Walls { allow_private, lookup }
    }
}

/// A destination that is refused.
#[derive(Debug)]
pub(super) struct Forbidden(String);

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Forbidden {}

/// Looks at the address as it is written, before any name is resolved.
pub fn admit(url: &Url, allow_private: bool) -> Result<(), String> {
    let shown = shown(url);
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{shown}: an address with a user name or password in it is not used"));
    }
    if !matches!(url.scheme(), "https" | "http") {
        return Err(format!("{shown} is not https"));
    }
    if allow_private {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(format!("{shown} is not https"));
    }
    if !matches!(url.port_or_known_default(), Some(443 | 8443)) {
        return Err(format!("{shown}: only the ports 443 and 8443 are used"));
    }
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err(format!("{shown} names no host")),
    };
    match ip {
        Some(ip) if !is_global(ip) => Err(refusal(&shown, ip)),
        _ => Ok(()),
    }
}

fn refusal(host: &str, ip: IpAddr) -> String {
    format!("{host} is {ip}, which is no public address; set `allow_private` on the channel if that is meant")
}

/// An address without what may be secret in it: scheme, host and port alone.
pub(super) fn shown(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

/// Whether `ip` is an address of the public internet (IANA's special-purpose registries).
///
/// Addresses that carry another one inside (v4-mapped, NAT64, 6to4, Teredo) are not:
/// they would lead around this wall.
pub fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => v4_is_global(ip),
        IpAddr::V6(ip) => v6_is_global(ip),
    }
}

fn v4_is_global(ip: Ipv4Addr) -> bool {
    const CLOSED: &[(Ipv4Addr, u32)] = &[
        (Ipv4Addr::UNSPECIFIED, 8),
        (Ipv4Addr::new(10, 0, 0, 0), 8),
        (Ipv4Addr::new(100, 64, 0, 0), 10),
        (Ipv4Addr::new(127, 0, 0, 0), 8),
        (Ipv4Addr::new(169, 254, 0, 0), 16),
        (Ipv4Addr::new(172, 16, 0, 0), 12),
        (Ipv4Addr::new(192, 0, 0, 0), 24),
        (Ipv4Addr::new(192, 0, 2, 0), 24),
        (Ipv4Addr::new(192, 88, 99, 0), 24),
        (Ipv4Addr::new(192, 168, 0, 0), 16),
        (Ipv4Addr::new(198, 18, 0, 0), 15),
        (Ipv4Addr::new(198, 51, 100, 0), 24),
        (Ipv4Addr::new(203, 0, 113, 0), 24),
        (Ipv4Addr::new(224, 0, 0, 0), 3),
    ];
    !CLOSED.iter().any(|(net, bits)| (u32::from(ip) ^ u32::from(*net)) >> (32 - bits) == 0)
}

fn v6_is_global(ip: Ipv6Addr) -> bool {
    let within = |net: Ipv6Addr, bits: u32| (u128::from(ip) ^ u128::from(net)) >> (128 - bits) == 0;
    // Everything global is in 2000::/3; what is carved out of it follows.
    within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3)
        && !within(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23)
        && !within(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)
        && !within(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16)
        && !within(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20)
}

/// The resolver of a guarded client.
pub(super) struct GuardedDns(Walls);

impl GuardedDns {
    pub(super) fn new(walls: Walls) -> GuardedDns {
        GuardedDns(walls)
    }
}

impl Resolve for GuardedDns {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let looking = (self.0.lookup)(host.clone());
        let allow_private = self.0.allow_private;
        Box::pin(async move {
            let found = looking.await?;
            if !allow_private && let Some(ip) = found.iter().find(|ip| !is_global(**ip)) {
                return Err(Forbidden(refusal(&host, *ip)).into());
            }
            let addresses: Addrs = Box::new(found.into_iter().map(|ip| SocketAddr::new(ip, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_private_address_is_refused() {
        fn check(url: &str, admitted: bool) {
            let url: Url = url.parse().unwrap();
            assert_eq!(admit(&url, false).is_ok(), admitted, "{url}");
        }
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f.1",
            "0x7f000001",
            "0177.0.0.1",
            "017700000001",
            "0.0.0.0",
            "0",
            "10.0.0.1",
            "10.1",
            "167772161",
            "100.64.0.1",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "127.0.0.1.",
            "１２７.0.0.1",
            "127。0。0。1",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::ffff:10.0.0.1]",
            "[::ffff:8.8.8.8]",
            "[::ffff:7f00:1]",
            "[::127.0.0.1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b::8.8.8.8]",
            "[64:ff9b:1::1]",
            "[2002:7f00:1::]",
            "[2001::1]",
            "[2001:db8::1]",
            "[100::1]",
            "[5f00::1]",
        ] {
            check(&format!("https://{host}/hook"), false);
        }
        for host in [
            "8.8.8.8",
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "192.0.1.1",
            "[2606:4700::1111]",
            "hooks.example",
        ] {
            check(&format!("https://{host}/hook"), true);
        }
        check("https://hooks.example:8443/", true);
        check("https://hooks.example:80/", false);
        check("https://hooks.example:22/", false);
        check("http://hooks.example/", false);
        check("ftp://hooks.example/", false);
        check("file:///etc/passwd", false);
        check("gopher://hooks.example/", false);
        check("https://user@hooks.example/", false);
        check("https://:word@hooks.example/", false);
        check("https://hooks.example@127.0.0.1/", false);
        check("https://hooks.example#@127.0.0.1/", true);
    }

    #[test]
    fn a_refusal_does_not_repeat_the_path_or_the_password() {
        let url = "https://u:geheim@127.0.0.1/T0KEN?key=T0KEN".parse().unwrap();
        let said = admit(&url, false).unwrap_err();
        assert!(!said.contains("T0KEN") && !said.contains("geheim"), "{said}");
    }

    #[test]
    fn what_is_allowed_may_be_private_but_must_be_http() {
        assert!(admit(&"http://127.0.0.1:4000/hook".parse().unwrap(), true).is_ok());
        assert!(admit(&"file:///etc/passwd".parse().unwrap(), true).is_err());
    }
}
