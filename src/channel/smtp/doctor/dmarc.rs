//! What a domain says about mail that claims to be from it (DMARC, RFC 9989 of May 2026).
//!
//! The organization is found by walking up the tree of names (§4.10); there is no list of public suffixes any more.

use std::collections::BTreeMap;

use super::resolver::{Resolver, Trouble};

/// A record, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The domain, without `_dmarc`.
    pub domain: String,
    tags: BTreeMap<String, String>,
}

/// What the tree says about a domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Walk {
    /// The domain that it belongs to.
    pub organization: String,
    /// The record that counts for it.
    pub record: Option<Found>,
}

impl Found {
    /// A tag's value.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// What is wanted for mail that fails; `domain` is the sender's.
    pub fn policy(&self, domain: &str) -> &str {
        let own = self.tag("p").unwrap_or("none");
        if domain == self.domain { own } else { self.tag("sp").unwrap_or(own) }
    }
}

/// Walks up from `domain`.
pub async fn walk(resolver: &Resolver, domain: &str) -> Result<Walk, Trouble> {
    let labels: Vec<&str> = domain.split('.').collect();
    let mut found = Vec::new();
    let mut from = 0;
    while from < labels.len() {
        let name = labels.get(from..).unwrap_or_default().join(".");
        if let Some(tags) = record(&resolver.texts(&format!("_dmarc.{name}")).await?) {
            let last = match tags.get("psd").map(String::as_str) {
                Some("n") => true,
                Some("y") => from > 0,
                _ => false,
            };
            found.push(Found { domain: name, tags });
            if last {
                break;
            }
        }
        // Eight questions at most (§4.10): long names go on with seven labels.
        from = if from == 0 && labels.len() > 8 { labels.len() - 7 } else { from + 1 };
    }
    let psd = |found: &Found, value: &str| found.tag("psd") == Some(value);
    let organization = match found.last() {
        None => domain.to_owned(),
        Some(top) if psd(top, "n") => top.domain.clone(),
        Some(top) if psd(top, "y") && top.domain != domain => below(domain, &top.domain),
        Some(top) => top.domain.clone(),
    };
    // The domain's own record, else its organization's, else that of the public suffix.
    let record = [Some(domain), Some(organization.as_str()), found.last().map(|found| found.domain.as_str())]
        .into_iter()
        .flatten()
        .find_map(|name| found.iter().find(|found| found.domain == name).cloned());
    Ok(Walk { organization, record })
}

/// The part of `domain` with one label more than `suffix`.
fn below(domain: &str, suffix: &str) -> String {
    let labels = suffix.split('.').count() + 1;
    let all: Vec<&str> = domain.split('.').collect();
    all.get(all.len().saturating_sub(labels)..).unwrap_or_default().join(".")
}

/// The tags of the one record; several are none (§4.7).
fn record(texts: &[String]) -> Option<BTreeMap<String, String>> {
    let mut records = texts.iter().filter_map(|text| {
        let mut tags = super::tags(text);
        let first = tags.first()?;
        (first.0 == "v" && first.1 == "DMARC1").then(|| tags.drain(..).collect::<BTreeMap<_, _>>())
    });
    let one = records.next()?;
    records.next().is_none().then_some(one)
}

#[cfg(test)]
mod tests {
    use super::super::tests::Zone;
    use super::*;

    #[tokio::test]
    async fn the_tree_is_walked() {
        let zone = Zone::start(&[
            ("_dmarc.halden.example", "TXT", "v=DMARC1; p=reject; sp=quarantine"),
            ("_dmarc.news.own.example", "TXT", "v=DMARC1; p=none; psd=n"),
            ("_dmarc.own.example", "TXT", "v=DMARC1; p=reject"),
            ("_dmarc.gov.example", "TXT", "v=DMARC1; p=reject; psd=y"),
            ("_dmarc.two.example", "TXT", "v=DMARC1; p=reject"),
            ("_dmarc.two.example", "TXT", "v=DMARC1; p=none"),
            ("_dmarc.bad.example", "TXT", "p=none; v=DMARC1"),
            ("_dmarc.e.f.g.h.i.long.example", "TXT", "v=DMARC1;p=none;"),
        ])
        .await;
        for (domain, organization, record) in [
            ("halden.example", "halden.example", Some(("halden.example", "reject"))),
            ("news.halden.example", "halden.example", Some(("halden.example", "quarantine"))),
            ("a.news.own.example", "news.own.example", Some(("news.own.example", "none"))),
            ("press.mint.gov.example", "mint.gov.example", Some(("gov.example", "reject"))),
            ("two.example", "two.example", None),
            ("bad.example", "bad.example", None),
            ("nothing.example", "nothing.example", None),
            // Ten labels: the second question has seven.
            (
                "a.b.c.e.f.g.h.i.long.example",
                "e.f.g.h.i.long.example",
                Some(("e.f.g.h.i.long.example", "none")),
            ),
        ] {
            let walk = walk(&zone.resolver(), domain).await.unwrap();
            assert_eq!(walk.organization, organization, "{domain}");
            let found = walk.record.as_ref().map(|found| (found.domain.as_str(), found.policy(domain)));
            assert_eq!(found, record, "{domain}");
        }
    }
}
