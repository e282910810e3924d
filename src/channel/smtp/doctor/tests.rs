//! What the doctor says, over a name server of the tests' own.

use std::collections::HashMap;
use std::net::SocketAddr;

use expect_test::{Expect, expect};
use secrecy::SecretString;
use tokio::net::UdpSocket;

use super::dns::tests::{name, reply, text};
use super::names::{self, About};
use super::resolver::Resolver;
use crate::channel::smtp::dkim::Key;
use crate::channel::smtp::dkim::tests::{ED25519_KEY, RSA};
use crate::channel::{Examination, OldKey};

/// A name server that knows some records, and that there is nothing else.
pub struct Zone {
    at: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Zone {
    /// Serves these: name, type, value.
    pub async fn start(records: &[(&str, &str, &str)]) -> Zone {
        let mut known: HashMap<(Vec<u8>, u16), Vec<Vec<u8>>> = HashMap::new();
        for (owner, kind, value) in records {
            let (kind, data) = match *kind {
                "A" => (1, value.parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec()),
                "PTR" => (12, name(value)),
                "MX" => (15, [&[0, u8::from(!value.is_empty())][..], &name(value)].concat()),
                "TXT" => (16, text(value)),
                other => panic!("{other}"),
            };
            known.entry((name(owner), kind)).or_default().push(data);
        }
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            let mut buffer = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let question = &buffer[..length];
                let (asked, kind) = question[12..length - 11].split_at(length - 11 - 12 - 4);
                let owner = String::from_utf8_lossy(asked).to_string();
                let labels: String = labels(asked);
                let found = known.get(&(asked.to_vec(), u16::from_be_bytes([kind[0], kind[1]])));
                let answers: Vec<(&str, u16, Vec<u8>)> = found
                    .into_iter()
                    .flatten()
                    .map(|data| (labels.as_str(), u16::from_be_bytes([kind[0], kind[1]]), data.clone()))
                    .collect();
                let flags = if answers.is_empty() { 3 } else { 0 };
                assert!(!owner.is_empty());
                socket.send_to(&reply(question, flags, &answers), from).await.unwrap();
            }
        });
        Zone { at, serving }
    }

    /// Asks it.
    pub fn resolver(&self) -> Resolver {
        Resolver::new(Some(self.at))
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn labels(wire: &[u8]) -> String {
    let (mut at, mut labels) = (0, Vec::new());
    while wire[at] > 0 {
        let end = at + 1 + usize::from(wire[at]);
        labels.push(String::from_utf8_lossy(&wire[at + 1..end]).into_owned());
        at = end;
    }
    labels.join(".")
}

/// What is said of a newsroom that signs with RSA and Ed25519 and sends from 198.51.100.7.
async fn check(records: &[(&str, &str, &str)], expected: Expect) {
    let zone = Zone::start(records).await;
    let keys: Vec<Key> = [("2026a", RSA), ("2026e", ED25519_KEY)]
        .map(|(selector, key)| Key::read(selector, "news.halden.example", &SecretString::from(key)).unwrap())
        .into();
    let about = About {
        from: "news.halden.example",
        bounce: "news.halden.example",
        keys: &keys,
        sends_from: vec!["198.51.100.7".parse().unwrap()],
        unsubscribe: Some("http://news.halden.example/u"),
    };
    let old = |name: &str, day: &str| OldKey {
        name: format!("{name}._domainkey.news.halden.example"),
        record: format!("v=DKIM1; k=rsa; p={name}"),
        last_at: format!("2026-12-{day}T08:00:00Z").parse().unwrap(),
    };
    let how = Examination {
        resolver: Some(zone.at),
        old_keys: vec![old("2025a", "19"), old("2025b", "01")],
        now: "2026-12-20T08:00:00Z".parse().unwrap(),
    };
    let mut seen = String::new();
    for found in names::examine(&about, &how).await {
        seen.push_str(&format!("{} {}: {}", if found.good { "ok " } else { "BAD" }, found.what, found.seen));
        if let Some(hint) = found.hint {
            seen.push_str(&format!(" | {hint}"));
        }
        seen.push('\n');
    }
    expected.assert_eq(&seen);
}

#[tokio::test]
async fn a_sender_of_whom_nothing_is_published() {
    check(&[], expect![[r#"
        BAD DKIM 2026a._domainkey.news.halden.example: nothing is published | publish: 2026a._domainkey.news.halden.example. TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAt3a8Bmv6CuSSwMMAoKypcSjdEehi2nwSdcumyCqWSUy2EEo162n9g7n+kNw+rprWJNKM2kDZTdQMWxRWDczl0oouCS0+PpVLxnLoCKUQc1c54tlRd785wYxEaZY6/WTpeKnjMcM51DkZ1IKuoOW95FMB3llYHTueKq5tC7Frw/MN0/NMCJ3kr5arZQ/mHHPsq" "n/OYvINm3rKKKqLWzTZoZ56PEPy1gYGy8T5MAi4gYeTQf2Paa5SPx4IXxL2UZr7xuBiGbQ+qAgXukJ8yuEfUAMOgWZGATZJhtUI2Nw+gwgJVowjCAqoBe0LHpHdaakEEe/2AhFjdMFUrs3kDLSr0QIDAQAB"
        BAD DKIM 2026e._domainkey.news.halden.example: nothing is published | publish: 2026e._domainkey.news.halden.example. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
        BAD DKIM 2025a._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-19T08:00:00Z, and mails on their way cannot be verified any more | publish it again until 2026-12-26T08:00:00Z: 2025a._domainkey.news.halden.example. TXT "v=DKIM1; k=rsa; p=2025a"
        ok  DKIM 2025b._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-01T08:00:00Z; its record is gone, as it may be
        BAD SPF news.halden.example: nothing is published | publish one record such as news.halden.example. TXT "v=spf1 ip4:198.51.100.7 -all"
        BAD DMARC news.halden.example: nothing is published | publish: _dmarc.news.halden.example. TXT "v=DMARC1; p=none; rua=mailto:postmaster@news.halden.example"
        BAD PTR 198.51.100.7: the address has no name | ask whoever gave you the address for a name, and give that name this address
        BAD MX news.halden.example: neither MX nor address | bounces and complaints come there: publish an MX record that leads to the mailbox Dateline reads
        BAD List-Unsubscribe: http://news.halden.example/u is not https | RFC 8058 wants https; Gmail and Yahoo want RFC 8058
    "#]]).await;
}

#[tokio::test]
async fn a_sender_in_good_order() {
    let rsa = Key::read("x", "x.example", &SecretString::from(RSA)).unwrap().record();
    let ed25519 = Key::read("x", "x.example", &SecretString::from(ED25519_KEY)).unwrap().record();
    check(
        &[
            ("2026a._domainkey.news.halden.example", "TXT", &rsa),
            ("2026e._domainkey.news.halden.example", "TXT", &ed25519),
            ("2025a._domainkey.news.halden.example", "TXT", "v=DKIM1; p=2025a"),
            ("2025b._domainkey.news.halden.example", "TXT", "v=DKIM1; p=2025b"),
            ("news.halden.example", "TXT", "v=spf1 ip4:198.51.100.7 -all"),
            ("news.halden.example", "TXT", "something-verification=1"),
            ("_dmarc.halden.example", "TXT", "v=DMARC1; p=reject"),
            ("7.100.51.198.in-addr.arpa", "PTR", "relay.halden.example"),
            ("relay.halden.example", "A", "198.51.100.7"),
            ("news.halden.example", "MX", "relay.halden.example"),
        ],
        expect![[r#"
            ok  DKIM 2026a._domainkey.news.halden.example: published, and it is ours (rsa-sha256)
            ok  DKIM 2026e._domainkey.news.halden.example: published, and it is ours (ed25519-sha256)
            ok  DKIM 2025a._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-19T08:00:00Z; leave its record until 2026-12-26T08:00:00Z
            ok  DKIM 2025b._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-01T08:00:00Z; its record may go now
            ok  SPF news.halden.example: 198.51.100.7 may send
            ok  DMARC news.halden.example: p=reject, from halden.example
            ok  PTR 198.51.100.7: relay.halden.example, which has this address
            ok  MX news.halden.example: relay.halden.example
            BAD List-Unsubscribe: http://news.halden.example/u is not https | RFC 8058 wants https; Gmail and Yahoo want RFC 8058
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_sender_in_bad_order() {
    let rsa = Key::read("x", "x.example", &SecretString::from(RSA)).unwrap().record();
    check(
        &[
            ("2026a._domainkey.news.halden.example", "TXT", &format!("{rsa}; t=y")),
            ("2026e._domainkey.news.halden.example", "TXT", &rsa),
            ("news.halden.example", "TXT", "v=spf1 ip4:198.51.100.8 ~all"),
            ("_dmarc.halden.example", "TXT", "v=DMARC1; p=reject; pct=50"),
            ("7.100.51.198.in-addr.arpa", "PTR", "pool-7.isp.example"),
            ("pool-7.isp.example", "A", "198.51.100.8"),
            ("news.halden.example", "MX", ""),
        ],
        expect![[r#"
            BAD DKIM 2026a._domainkey.news.halden.example: `t=y` says that the domain only tries DKIM out | publish: 2026a._domainkey.news.halden.example. TXT "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAt3a8Bmv6CuSSwMMAoKypcSjdEehi2nwSdcumyCqWSUy2EEo162n9g7n+kNw+rprWJNKM2kDZTdQMWxRWDczl0oouCS0+PpVLxnLoCKUQc1c54tlRd785wYxEaZY6/WTpeKnjMcM51DkZ1IKuoOW95FMB3llYHTueKq5tC7Frw/MN0/NMCJ3kr5arZQ/mHHPsq" "n/OYvINm3rKKKqLWzTZoZ56PEPy1gYGy8T5MAi4gYeTQf2Paa5SPx4IXxL2UZr7xuBiGbQ+qAgXukJ8yuEfUAMOgWZGATZJhtUI2Nw+gwgJVowjCAqoBe0LHpHdaakEEe/2AhFjdMFUrs3kDLSr0QIDAQAB"
            BAD DKIM 2026e._domainkey.news.halden.example: `k=` names another kind of key | publish: 2026e._domainkey.news.halden.example. TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
            BAD DKIM 2025a._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-19T08:00:00Z, and mails on their way cannot be verified any more | publish it again until 2026-12-26T08:00:00Z: 2025a._domainkey.news.halden.example. TXT "v=DKIM1; k=rsa; p=2025a"
            ok  DKIM 2025b._domainkey.news.halden.example (not used any more): mails were signed with it until 2026-12-01T08:00:00Z; its record is gone, as it may be
            BAD SPF news.halden.example: 198.51.100.7 gets `softfail` | publish one record such as news.halden.example. TXT "v=spf1 ip4:198.51.100.7 -all"
            ok  DMARC news.halden.example: p=reject, from halden.example
            BAD DMARC news.halden.example: `pct=50` means nothing any more (RFC 9989 has no `pct`) | take it out; `t=y` says that a policy is only tried out
            BAD PTR 198.51.100.7: pool-7.isp.example does not have this address | ask whoever gave you the address for a name, and give that name this address
            BAD MX news.halden.example: the domain says that it takes no mail (null MX) | bounces and complaints come there: publish an MX record that leads to the mailbox Dateline reads
            BAD List-Unsubscribe: http://news.halden.example/u is not https | RFC 8058 wants https; Gmail and Yahoo want RFC 8058
        "#]],
    )
    .await;
}
