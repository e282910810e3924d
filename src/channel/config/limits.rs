//! How fast a channel may be used, and who takes the mail of which domain.
//!
//! Many domains belong to one receiver: what `googlemail.com` thinks of us, `gmail.com` thinks too. So limits, back-off and
//! refusals count by *provider*. [`KNOWN`] has the large ones; every other domain is its own provider.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How fast a channel may be used; what is not said has the channel's own default.
///
/// All daemons of one ledger keep them together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most connections at the same time.
    pub connections: Option<u32>,
    /// The most deliveries in a minute.
    pub per_minute: Option<u32>,
    /// The most deliveries over one connection before a new one is made.
    pub per_connection: Option<u32>,
    /// Limits for the recipients at one provider, by its name: `gmail`, `yahoo`, `microsoft` …, or a mail domain.
    pub providers: BTreeMap<String, ProviderLimits>,
}

/// How fast mail may go to one provider; what is not said is as Dateline has it, or without limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderLimits {
    /// Its mail domains; where nothing is said, those that Dateline knows, or the name itself.
    pub domains: Option<Vec<String>>,
    /// The most deliveries to it at the same time.
    pub connections: Option<u32>,
    /// The most deliveries to it in a minute.
    pub per_minute: Option<u32>,
}

/// A provider that Dateline knows.
struct Known {
    name: &'static str,
    domains: &'static [&'static str],
    connections: Option<u32>,
    per_minute: Option<u32>,
}

/// The large receivers of private mail, as of November 2026.
///
/// None of them publishes how many mails a minute it takes. The numbers are ours and cautious: a relay that hands mail on at
/// once stays far below what has been seen to be deferred (Gmail's 4.7.28, Yahoo's [TSS04], Microsoft's 4.7.650), and a
/// list of 10,000 with a third at one of them is done within minutes.
const KNOWN: &[Known] = &[
    Known {
        name: "gmail",
        domains: &["gmail.com", "googlemail.com"],
        connections: Some(10),
        per_minute: Some(1_200),
    },
    Known {
        name: "yahoo",
        domains: &[
            "yahoo.com",
            "yahoo.co.uk",
            "yahoo.co.in",
            "yahoo.co.id",
            "yahoo.com.ar",
            "yahoo.com.au",
            "yahoo.com.br",
            "yahoo.com.mx",
            "yahoo.com.sg",
            "yahoo.ca",
            "yahoo.de",
            "yahoo.dk",
            "yahoo.es",
            "yahoo.fr",
            "yahoo.gr",
            "yahoo.ie",
            "yahoo.in",
            "yahoo.it",
            "yahoo.no",
            "yahoo.pl",
            "yahoo.ro",
            "yahoo.se",
            "ymail.com",
            "rocketmail.com",
            "myyahoo.com",
            "aol.com",
            "aol.co.uk",
            "aol.de",
            "aol.fr",
            "aim.com",
            "verizon.net",
            "netscape.net",
            "att.net",
            "bellsouth.net",
            "sbcglobal.net",
        ],
        connections: Some(5),
        per_minute: Some(600),
    },
    Known {
        name: "microsoft",
        domains: &[
            "outlook.com",
            "outlook.at",
            "outlook.be",
            "outlook.co.id",
            "outlook.com.ar",
            "outlook.com.au",
            "outlook.com.br",
            "outlook.de",
            "outlook.dk",
            "outlook.es",
            "outlook.fr",
            "outlook.ie",
            "outlook.in",
            "outlook.it",
            "outlook.jp",
            "outlook.pt",
            "outlook.sa",
            "hotmail.com",
            "hotmail.be",
            "hotmail.ca",
            "hotmail.ch",
            "hotmail.co.jp",
            "hotmail.co.nz",
            "hotmail.co.uk",
            "hotmail.com.ar",
            "hotmail.com.au",
            "hotmail.com.br",
            "hotmail.com.tr",
            "hotmail.de",
            "hotmail.dk",
            "hotmail.es",
            "hotmail.fi",
            "hotmail.fr",
            "hotmail.gr",
            "hotmail.it",
            "hotmail.nl",
            "hotmail.no",
            "hotmail.se",
            "live.com",
            "live.at",
            "live.be",
            "live.ca",
            "live.co.uk",
            "live.com.ar",
            "live.com.au",
            "live.com.mx",
            "live.com.pt",
            "live.de",
            "live.dk",
            "live.fi",
            "live.fr",
            "live.ie",
            "live.it",
            "live.nl",
            "live.no",
            "live.se",
            "msn.com",
            "windowslive.com",
            "passport.com",
        ],
        connections: Some(10),
        per_minute: Some(600),
    },
    Known {
        name: "apple",
        domains: &["icloud.com", "me.com", "mac.com"],
        connections: Some(5),
        per_minute: Some(300),
    },
    Known {
        name: "gmx",
        domains: &[
            "gmx.de",
            "gmx.net",
            "gmx.at",
            "gmx.ch",
            "gmx.com",
            "gmx.co.uk",
            "gmx.fr",
            "web.de",
            "mail.com",
        ],
        connections: Some(5),
        per_minute: Some(300),
    },
    Known {
        name: "t-online",
        domains: &["t-online.de", "magenta.de"],
        connections: Some(4),
        per_minute: Some(120),
    },
    Known {
        name: "orange",
        domains: &["orange.fr", "wanadoo.fr"],
        connections: Some(2),
        per_minute: Some(120),
    },
    Known {
        name: "comcast",
        domains: &["comcast.net", "xfinity.com"],
        connections: Some(5),
        per_minute: Some(300),
    },
    Known {
        name: "proton",
        domains: &["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
        connections: Some(5),
        per_minute: Some(300),
    },
    Known {
        name: "mail.ru",
        domains: &["mail.ru", "bk.ru", "inbox.ru", "list.ru"],
        connections: Some(4),
        per_minute: Some(120),
    },
    Known {
        name: "yandex",
        domains: &["yandex.ru", "yandex.com", "ya.ru"],
        connections: Some(4),
        per_minute: Some(120),
    },
    Known {
        name: "fastmail",
        domains: &["fastmail.com", "fastmail.fm"],
        connections: Some(5),
        per_minute: Some(300),
    },
];

/// Who takes the mail of which domain on a channel, and how fast.
#[derive(Debug, Clone, Default)]
pub struct Providers {
    by_domain: HashMap<String, Arc<str>>,
    limits: HashMap<Arc<str>, (Option<u32>, Option<u32>)>,
}

impl Providers {
    /// The provider of a mail domain (lower case): its name, or the domain itself.
    pub fn of(&self, domain: &str) -> Arc<str> {
        self.by_domain.get(domain).map_or_else(|| Arc::from(domain), Arc::clone)
    }

    /// How many deliveries at the same time, and how many a minute, a provider may get.
    pub fn limits(&self, provider: &str) -> (Option<u32>, Option<u32>) {
        self.limits.get(provider).copied().unwrap_or_default()
    }

    /// The domains that belong together with `name`, a provider or a domain; itself where it stands alone.
    pub fn together(&self, name: &str) -> Vec<String> {
        let provider = self.of(name);
        let mut domains: Vec<String> = self
            .by_domain
            .iter()
            .filter(|(_, of)| **of == provider)
            .map(|(domain, _)| domain.clone())
            .collect();
        if domains.is_empty() {
            domains.push(name.to_owned());
        }
        domains.sort();
        domains
    }
}

impl Limits {
    /// Who takes the mail of which domain, as Dateline knows it and as it is configured here.
    pub fn providers(&self) -> Providers {
        let mut all = Providers::default();
        for known in KNOWN {
            all.add(known.name, known.domains.iter().copied(), (known.connections, known.per_minute));
        }
        for (name, own) in &self.providers {
            let (connections, per_minute) = all.limits(name);
            let limits = (own.connections.or(connections), own.per_minute.or(per_minute));
            let known = KNOWN.iter().any(|known| known.name == name);
            match &own.domains {
                Some(domains) => {
                    all.by_domain.retain(|_, of| **of != **name);
                    all.add(name, domains.iter().map(String::as_str), limits);
                }
                None if known => all.add(name, [], limits),
                None => all.add(name, [name.as_str()], limits),
            }
        }
        all
    }

    /// Whether a limit is 0, which would let nothing through.
    pub fn lets_nothing_through(&self) -> bool {
        let own = [self.connections, self.per_minute, self.per_connection];
        let theirs = self.providers.values().flat_map(|provider| [provider.connections, provider.per_minute]);
        own.into_iter().chain(theirs).any(|limit| limit == Some(0))
    }

    /// Names that are neither a provider that Dateline knows nor a mail domain, without `domains`.
    pub fn strangers(&self) -> Vec<&str> {
        let strange = |(name, own): (&'_ String, &ProviderLimits)| {
            own.domains.is_none() && !name.contains('.') && !KNOWN.iter().any(|known| known.name == name)
        };
        self.providers.iter().filter(|entry| strange(*entry)).map(|(name, _)| name.as_str()).collect()
    }
}

impl Providers {
    fn add<'a>(
        &mut self,
        name: &str,
        domains: impl IntoIterator<Item = &'a str>,
        limits: (Option<u32>, Option<u32>),
    ) {
        let name: Arc<str> = Arc::from(name);
        for domain in domains {
            self.by_domain.insert(domain.to_ascii_lowercase(), Arc::clone(&name));
        }
        self.limits.insert(name, limits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(yaml: &str) -> Limits {
        serde_json::from_str(yaml).unwrap()
    }

    #[test]
    fn every_domain_has_one_provider() {
        let mut seen = std::collections::BTreeSet::new();
        for known in KNOWN {
            assert!(!known.domains.is_empty());
            for domain in known.domains {
                assert!(seen.insert(domain), "{domain} stands twice");
                assert_eq!(domain.to_ascii_lowercase(), **domain);
            }
        }
    }

    #[track_caller]
    fn check(limits: &Limits, domain: &str, expected: (&str, Option<u32>, Option<u32>)) {
        let providers = limits.providers();
        let provider = providers.of(domain);
        let (connections, per_minute) = providers.limits(&provider);
        assert_eq!((&*provider, connections, per_minute), expected, "{domain}");
    }

    #[test]
    fn what_is_configured_stands_above_what_is_known() {
        let none = Limits::default();
        check(&none, "googlemail.com", ("gmail", Some(10), Some(1_200)));
        check(&none, "aol.com", ("yahoo", Some(5), Some(600)));
        check(&none, "paper.example", ("paper.example", None, None));
        let own = limits(
            r#"{"providers":{
                "gmail":{"per_minute":60},
                "paper.example":{"connections":2},
                "halden":{"domains":["Halden.example","halden.test"],"per_minute":30},
                "apple":{"domains":["icloud.com"]}}}"#,
        );
        check(&own, "gmail.com", ("gmail", Some(10), Some(60)));
        check(&own, "paper.example", ("paper.example", Some(2), None));
        check(&own, "halden.example", ("halden", None, Some(30)));
        check(&own, "halden.test", ("halden", None, Some(30)));
        check(&own, "icloud.com", ("apple", Some(5), Some(300)));
        check(&own, "me.com", ("me.com", None, None));
        let together = own.providers();
        assert_eq!(together.together("gmail"), ["gmail.com", "googlemail.com"]);
        assert_eq!(together.together("googlemail.com"), ["gmail.com", "googlemail.com"]);
        assert_eq!(together.together("else.example"), ["else.example"]);
    }

    #[test]
    fn limits_that_cannot_be_meant_are_found() {
        assert!(
            !limits(r#"{"connections":1,"providers":{"gmail":{"per_minute":1}}}"#).lets_nothing_through()
        );
        for zero in [r#"{"per_minute":0}"#, r#"{"providers":{"gmail":{"connections":0}}}"#] {
            assert!(limits(zero).lets_nothing_through(), "{zero}");
        }
        let own =
            limits(r#"{"providers":{"gmial":{},"gmail":{},"a.example":{},"x":{"domains":["x.test"]}}}"#);
        assert_eq!(own.strangers(), ["gmial"]);
    }
}
