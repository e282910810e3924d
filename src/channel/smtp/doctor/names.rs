//! What is published about the sender, and what should be: DKIM, SPF, DMARC, PTR, MX, and the way to leave.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::SignedDuration;

use super::dns::{Kind, Record};
use super::resolver::Resolver;
use super::spf::Verdict;
use super::{dmarc, spf, tags};
use crate::channel::http::is_global;
use crate::channel::smtp::dkim::Key;
use crate::channel::{Diagnosis, Examination, OldKey};

/// How long after its last use a key must stay published: relays try for up to five days (RFC 5321 §4.5.4.1), and what waits in
/// a mailbox that forwards is looked at later still.
const KEEP_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What is to be looked at.
pub struct About<'a> {
    /// The domain of `From`.
    pub from: &'a str,
    /// The domain that bounces go to.
    pub bounce: &'a str,
    /// The keys that sign.
    pub keys: &'a [Key],
    /// The addresses that mails leave from.
    pub sends_from: Vec<IpAddr>,
    /// Base of the one-click address.
    pub unsubscribe: Option<&'a str>,
}

fn say(what: &str, good: bool, seen: impl Into<String>, hint: Option<String>) -> Diagnosis {
    Diagnosis { what: what.to_owned(), good, seen: seen.into(), hint: hint.filter(|_| !good) }
}

/// Looks at everything.
pub async fn examine(about: &About<'_>, how: &Examination) -> Vec<Diagnosis> {
    let resolver = Resolver::new(how.resolver);
    let mut found = Vec::new();
    if about.keys.is_empty() {
        let seen =
            "Dateline signs nothing (no `dkim:`); the relay has to, since Gmail, Yahoo and Microsoft want it";
        found.push(say("DKIM", true, seen, None));
    }
    for key in about.keys {
        found.push(dkim(&resolver, key).await);
    }
    for old in &how.old_keys {
        found.push(retired(&resolver, old, how).await);
    }
    found.push(sender_policy(&resolver, about).await);
    found.extend(policy(&resolver, about).await);
    for address in &about.sends_from {
        found.push(reverse(&resolver, *address).await);
    }
    if about.sends_from.is_empty() {
        let seen = "the relay's own address is not known here; name those it sends from in `sends_from`";
        found.push(say("PTR", true, seen, None));
    }
    found.push(mailbox(&resolver, about.bounce).await);
    if let Some(base) = about.unsubscribe {
        found.push(leave(base).await);
    }
    found
}

/// What is to be published, as lines of a zone file.
pub fn records(about: &About<'_>) -> Vec<String> {
    let mut lines: Vec<String> =
        about.keys.iter().map(|key| zone_line(&key.record_name(), &key.record())).collect();
    lines.push(zone_line(about.bounce, &format!("v=spf1{} -all", allowed(about))));
    let report = format!("v=DMARC1; p=none; rua=mailto:postmaster@{}", about.from);
    lines.push(zone_line(&format!("_dmarc.{}", about.from), &report));
    lines.push(format!("{}. MX 10 YOUR-MAIL-SERVER.", about.bounce));
    lines
}

/// The mechanisms that allow the relay.
fn allowed(about: &About<'_>) -> String {
    let list: String = about
        .sends_from
        .iter()
        .map(|address| match address {
            IpAddr::V4(address) => format!(" ip4:{address}"),
            IpAddr::V6(address) => format!(" ip6:{address}"),
        })
        .collect();
    if list.is_empty() { " include:YOUR-RELAY".to_owned() } else { list }
}

/// `NAME. TXT "…" "…"`, in strings of at most 255 bytes, as zone files have it.
pub fn zone_line(name: &str, text: &str) -> String {
    let parts: Vec<String> = text
        .as_bytes()
        .chunks(255)
        .map(|part| format!("\"{}\"", String::from_utf8_lossy(part).replace('"', "\\\"")))
        .collect();
    format!("{name}. TXT {}", parts.join(" "))
}

async fn dkim(resolver: &Resolver, key: &Key) -> Diagnosis {
    let (name, record) = (key.record_name(), key.record());
    let what = format!("DKIM {name}");
    let publish = || Some(format!("publish: {}", zone_line(&name, &record)));
    let texts = match resolver.texts(&name).await {
        Ok(texts) => texts,
        Err(trouble) => return say(&what, false, trouble.to_string(), None),
    };
    let text = match texts.as_slice() {
        [] => return say(&what, false, "nothing is published", publish()),
        [text] => text,
        _ => return say(&what, false, "several records; receivers may take any of them", publish()),
    };
    let tags: BTreeMap<String, String> = tags(text).into_iter().collect();
    let tag = |name: &str| tags.get(name).map(|value| value.replace(char::is_whitespace, ""));
    let lists = |name: &str, wanted: &str| {
        tag(name).is_none_or(|list| list.split(':').any(|one| one == wanted || one == "*"))
    };
    let kind = if key.algorithm() == "rsa-sha256" { "rsa" } else { "ed25519" };
    let published = BASE64.decode(tag("p").unwrap_or_default()).unwrap_or_default();
    let wrong = if tag("v").is_some_and(|version| version != "DKIM1") {
        Some("`v=` is not DKIM1")
    } else if tag("p").is_some_and(|key| key.is_empty()) {
        Some("the key is revoked (`p=` is empty)")
    } else if tag("k").unwrap_or_else(|| "rsa".to_owned()) != kind {
        Some("`k=` names another kind of key")
    } else if !key.is_published_as(&published) {
        Some("another key is published")
    } else if !lists("h", "sha256") || !lists("s", "email") {
        Some("`h=` or `s=` does not allow mails signed with SHA-256")
    } else if tag("t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y")) {
        Some("`t=y` says that the domain only tries DKIM out")
    } else {
        None
    };
    match wrong {
        Some(wrong) => say(&what, false, wrong, publish()),
        None => say(&what, true, format!("published, and it is ours ({})", key.algorithm()), None),
    }
}

/// A key that signed before: its record stays until nobody can have mails of it on the way.
async fn retired(resolver: &Resolver, old: &OldKey, how: &Examination) -> Diagnosis {
    let what = format!("DKIM {} (not used any more)", old.name);
    let until = old.last_at.checked_add(KEEP_FOR).unwrap_or(how.now);
    let texts = match resolver.texts(&old.name).await {
        Ok(texts) => texts,
        Err(trouble) => return say(&what, false, trouble.to_string(), None),
    };
    let key = |text: &str| {
        tags(text).into_iter().find(|(name, _)| name == "p").map(|(_, key)| key.replace(' ', ""))
    };
    let stands = texts.iter().any(|text| key(text) == key(&old.record));
    let seen = format!("mails were signed with it until {}", old.last_at);
    match (stands, how.now < until) {
        (true, true) => say(&what, true, format!("{seen}; leave its record until {until}"), None),
        (true, false) => say(&what, true, format!("{seen}; its record may go now"), None),
        (false, false) => say(&what, true, format!("{seen}; its record is gone, as it may be"), None),
        (false, true) => {
            let hint = format!("publish it again until {until}: {}", zone_line(&old.name, &old.record));
            say(
                &what,
                false,
                format!("{seen}, and mails on their way cannot be verified any more"),
                Some(hint),
            )
        }
    }
}

async fn sender_policy(resolver: &Resolver, about: &About<'_>) -> Diagnosis {
    let what = format!("SPF {}", about.bounce);
    let record = zone_line(about.bounce, &format!("v=spf1{} -all", allowed(about)));
    let hint = Some(format!("publish one record such as {record}"));
    let nobody = IpAddr::from([192, 0, 2, 1]);
    let addresses = if about.sends_from.is_empty() { vec![nobody] } else { about.sends_from.clone() };
    for address in addresses {
        let seen = match spf::check(resolver, about.bounce, address).await {
            Verdict::Pass => continue,
            // Nobody's address may not send, which is right; that there is a record is all that can be said.
            Verdict::NotPass(_) if about.sends_from.is_empty() => continue,
            Verdict::CannotTell(why) => return say(&what, true, format!("published; {why}"), None),
            Verdict::NotPass(result) => format!("{address} gets `{result}`"),
            Verdict::None => "nothing is published".to_owned(),
            Verdict::Wrong(why) | Verdict::Trouble(why) => why,
        };
        return say(&what, false, seen, hint);
    }
    let seen = if about.sends_from.is_empty() {
        "published; whether it allows the relay is not known here (see `sends_from`)".to_owned()
    } else {
        format!(
            "{} may send",
            about.sends_from.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        )
    };
    say(&what, true, seen, None)
}

async fn policy(resolver: &Resolver, about: &About<'_>) -> Vec<Diagnosis> {
    let what = format!("DMARC {}", about.from);
    let walk = match dmarc::walk(resolver, about.from).await {
        Ok(walk) => walk,
        Err(trouble) => return vec![say(&what, false, trouble.to_string(), None)],
    };
    let name = format!("_dmarc.{}", walk.organization);
    let start = format!("v=DMARC1; p=none; rua=mailto:postmaster@{}", walk.organization);
    let mut found = Vec::new();
    match &walk.record {
        None => {
            let hint = format!("publish: {}", zone_line(&name, &start));
            found.push(say(&what, false, "nothing is published", Some(hint)));
        }
        Some(record) => {
            let policy = record.policy(about.from);
            let sound = matches!(policy, "none" | "quarantine" | "reject");
            let hint = Some("write `p=none`, `p=quarantine` or `p=reject`".to_owned());
            found.push(say(&what, sound, format!("p={policy}, from {}", record.domain), hint));
            if let Some(pct) = record.tag("pct") {
                let hint = "take it out; `t=y` says that a policy is only tried out".to_owned();
                let seen = format!("`pct={pct}` means nothing any more (RFC 9989 has no `pct`)");
                found.push(say(&what, false, seen, Some(hint)));
            }
        }
    }
    for (kind, domain) in about.keys.iter().map(|key| ("DKIM", key.domain())).chain([("SPF", about.bounce)]) {
        let aligned = match dmarc::walk(resolver, domain).await {
            Ok(other) => other.organization == walk.organization,
            Err(trouble) => {
                found.push(say(&what, false, trouble.to_string(), None));
                continue;
            }
        };
        if !aligned {
            let hint = format!("use a domain below {}", walk.organization);
            let seen = format!("{kind} speaks for {domain}, which is another organization than the sender's");
            found.push(say(&what, false, seen, Some(hint)));
        }
    }
    found
}

async fn reverse(resolver: &Resolver, address: IpAddr) -> Diagnosis {
    let what = format!("PTR {address}");
    let hint =
        || Some("ask whoever gave you the address for a name, and give that name this address".to_owned());
    let names = match resolver.names(address).await {
        Ok(names) => names,
        Err(trouble) => return say(&what, false, trouble.to_string(), None),
    };
    for name in &names {
        if resolver.addresses(name).await.is_ok_and(|addresses| addresses.contains(&address)) {
            return say(&what, true, format!("{name}, which has this address"), None);
        }
    }
    match names.first() {
        None => say(&what, false, "the address has no name", hint()),
        Some(name) => say(&what, false, format!("{name} does not have this address"), hint()),
    }
}

/// Whether reports can come back.
async fn mailbox(resolver: &Resolver, domain: &str) -> Diagnosis {
    let what = format!("MX {domain}");
    let hint = Some(
        "bounces and complaints come there: publish an MX record that leads to the mailbox Dateline reads"
            .to_owned(),
    );
    let records = match resolver.ask(domain, Kind::Mx).await {
        Ok(records) => records,
        Err(trouble) => return say(&what, false, trouble.to_string(), None),
    };
    let mut hosts: Vec<(u16, &str)> = Vec::new();
    for record in &records {
        if let Record::Mx(preference, host) = record {
            hosts.push((*preference, host));
        }
    }
    hosts.sort_unstable();
    match hosts.first() {
        // RFC 7505: and receivers refuse mail from a domain that takes none (550 5.7.27).
        Some((_, "")) => say(&what, false, "the domain says that it takes no mail (null MX)", hint),
        Some((_, host)) => match resolver.addresses(host).await {
            Ok(addresses) if addresses.is_empty() => {
                say(&what, false, format!("{host} has no address"), hint)
            }
            Ok(_) => say(&what, true, (*host).to_owned(), None),
            Err(trouble) => say(&what, false, trouble.to_string(), None),
        },
        None => match resolver.addresses(domain).await {
            Ok(addresses) if addresses.is_empty() => say(&what, false, "neither MX nor address", hint),
            Ok(_) => say(&what, true, "no MX; mail goes to the domain's own address", None),
            Err(trouble) => say(&what, false, trouble.to_string(), None),
        },
    }
}

/// Asks the one-click address as a mail program does (RFC 8058 §3.2), with a token that names nobody.
async fn leave(base: &str) -> Diagnosis {
    let what = "List-Unsubscribe";
    if !base.starts_with("https://") {
        let hint = "RFC 8058 wants https; Gmail and Yahoo want RFC 8058".to_owned();
        return say(what, false, format!("{base} is not https"), Some(hint));
    }
    let url = format!("{}/{}", base.trim_end_matches('/'), "a".repeat(26));
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .no_proxy()
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return say(what, false, format!("cannot be asked: {error}"), None),
    };
    let asked = client
        .post(&url)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body("List-Unsubscribe=One-Click");
    match asked.send().await.map(|answer| answer.status()) {
        Ok(status) if status.is_success() => {
            say(what, true, format!("a POST is answered with {}", status.as_u16()), None)
        }
        Ok(status) => {
            let hint = if status.is_redirection() {
                "it must not lead elsewhere: name the last address in `unsubscribe_url`"
            } else {
                "let the reverse proxy hand POSTs of this path to `dateline daemon`, without login and from anywhere"
            };
            say(what, false, format!("a POST is answered with {}", status.as_u16()), Some(hint.to_owned()))
        }
        Err(error) => {
            let hint = "check `unsubscribe_url`, the reverse proxy and its certificate, and that `dateline daemon` runs";
            say(what, false, error.without_url().to_string(), Some(hint.to_owned()))
        }
    }
}

/// The addresses that the world sees, of those at which a relay is reached.
pub fn seen_outside(peer: Option<IpAddr>) -> Vec<IpAddr> {
    peer.into_iter().filter(|address| is_global(*address)).collect()
}
