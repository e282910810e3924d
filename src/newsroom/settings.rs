//! `dateline.yaml`, as far as planning and rendering need it.
//!
//! What is inside a channel, and `ledger`, `git` and `dispatch`, is judged by [`crate::config`]: here their
//! keys are passed over.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ChannelFacts, ChannelKind, Policy, PressContact};
use crate::contact::EmailAddress;
use crate::finding::{Finding, Severity};
use crate::language::Language;
use crate::release::{Images, zone_named};
use crate::yaml::{Anything, Map, Period, Spanned, Tree};

/// What `dateline.yaml` says.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub name: String,
    pub organization: String,
    pub url: String,
    pub timezone: TimeZone,
    pub language: Language,
    pub languages: Vec<Language>,
    pub logo: Option<Spanned<String>>,
    pub colors: BTreeMap<String, String>,
    pub contacts: BTreeMap<String, PressContact>,
    pub boilerplate: BTreeMap<String, BTreeMap<Language, String>>,
    pub topics: BTreeMap<String, BTreeMap<Language, String>>,
    pub channels: BTreeMap<String, ChannelFacts>,
    /// Keys of contacts, boilerplate and channels that are there, but have errors.
    pub broken: BTreeSet<String>,
    pub policy: Policy,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            name: String::new(),
            organization: String::new(),
            url: String::new(),
            timezone: TimeZone::UTC,
            language: Language::english(),
            languages: vec![Language::english()],
            logo: None,
            colors: BTreeMap::new(),
            contacts: BTreeMap::new(),
            boilerplate: BTreeMap::new(),
            topics: BTreeMap::new(),
            channels: BTreeMap::new(),
            broken: BTreeSet::new(),
            policy: Policy::default(),
        }
    }
}

type Text = Option<Spanned<String>>;

/// The newsroom: its name, its languages, its channels.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Dateline newsroom")]
struct Raw {
    /// The newsroom's name.
    name: Text,
    /// Who speaks: the company.
    organization: Text,
    /// Where its pages are: `https://news.halden.example`.
    url: Text,
    /// The IANA zone of times that name none: `Europe/Stockholm`.
    timezone: Text,
    /// The language of releases that name none.
    language: Option<Spanned<Language>>,
    /// The languages it writes.
    languages: Option<Spanned<Vec<Spanned<Language>>>>,
    /// The logo: a path below `templates/`.
    logo: Text,
    /// Colours for templates: `accent`, `ink`, `paper`, as `"#b5431f"`.
    #[serde(default)]
    colors: Map<Spanned<String>>,
    /// Whom the press may ask, by key.
    #[serde(default)]
    contacts: Map<RawContact>,
    /// Standing paragraphs by key and language.
    #[serde(default)]
    boilerplate: Map<Map<Spanned<String>>>,
    /// Tags that recipients may pick from on their preference page, with their names by language.
    #[serde(default)]
    topics: Map<Map<Spanned<String>>>,
    /// The ways out, by key.
    #[serde(default)]
    channels: Map<Anything>,
    /// Where deliveries are recorded.
    #[expect(dead_code, reason = "read by the configuration")]
    ledger: Option<Anything>,
    /// Which branch the daemon follows.
    #[expect(dead_code, reason = "read by the configuration")]
    git: Option<Anything>,
    /// How what is due is sent.
    #[expect(dead_code, reason = "read by the configuration")]
    dispatch: Option<Anything>,
    /// What the daemon serves to the world.
    #[expect(dead_code, reason = "read by the configuration")]
    web: Option<Anything>,
    /// How the daemon's clock is checked.
    #[expect(dead_code, reason = "read by the configuration")]
    clock: Option<Anything>,
    /// What comes back: bounces, complaints, answers.
    #[expect(dead_code, reason = "read by the configuration")]
    intake: Option<Anything>,
    /// What is allowed.
    #[serde(default)]
    policy: RawPolicy,
}

/// Somebody whom the press may ask.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PressContact")]
struct RawContact {
    /// The name.
    name: Spanned<String>,
    /// The role.
    title: Text,
    /// The e-mail address.
    email: Spanned<String>,
    /// The telephone number, in quotation marks: `"+46 31 390 06 10"`.
    phone: Text,
}

/// What is allowed.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Policy")]
struct RawPolicy {
    /// A release that is first seen this long after its time is not sent by itself; `1h` where nothing is said.
    late_after: Option<Spanned<Period>>,
    /// A release is not sent any more this long after its time; `24h` where nothing is said.
    expires_after: Option<Spanned<Period>>,
}

/// What planning and rendering need of a channel; the rest of its keys is the configuration's.
#[derive(Debug, Deserialize)]
struct RawFacts {
    kind: Spanned<ChannelKind>,
    language: Option<Spanned<Language>>,
    characters: Option<Spanned<u32>>,
    images: Option<Spanned<Images>>,
    from: Text,
    reply_to: Text,
    postal_address: Text,
    list_id: Text,
    unsubscribe_url: Text,
    unsubscribe_mailto: Text,
}

/// The JSON Schema of `dateline.yaml`, with nothing said about channels, ledger, git and dispatch.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Raw).to_value()
}

/// The file's name.
pub(super) const FILE: &str = "dateline.yaml";

/// Reads `dateline.yaml`; nothing where it cannot be used at all.
pub(super) fn read(text: &str) -> (Option<Settings>, Vec<Finding>) {
    let start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let (tree, findings) = Tree::parse(FILE, text, start..text.len());
    let mut reader = Reader { text, findings };
    let Some(tree) = tree else { return (None, reader.findings) };
    let (raw, more) = tree.read::<Raw>(&[]);
    reader.findings.extend(more);
    let settings = raw.map(|raw| reader.settings(&tree, raw));
    reader.findings.sort_by_key(|finding| finding.span.start);
    (settings, reader.findings)
}

struct Reader<'a> {
    text: &'a str,
    findings: Vec<Finding>,
}

impl Reader<'_> {
    fn error(
        &mut self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.findings.push(Finding::error(FILE, self.text, span, code, message).hint(hint));
    }

    fn settings(&mut self, tree: &Tree<'_>, raw: Raw) -> Settings {
        let mut broken = BTreeSet::new();
        let name = self.needed(tree, "name", raw.name);
        let organization = self.needed(tree, "organization", raw.organization);
        let url = self.needed(tree, "url", raw.url);
        let url = url.map(|url| self.url(url)).unwrap_or_default();
        let timezone =
            self.needed(tree, "timezone", raw.timezone).map_or(TimeZone::UTC, |zone| self.zone(&zone));
        let language = raw.language.map_or_else(Language::english, |language| language.value);
        let mut languages = vec![language.clone()];
        for other in raw.languages.into_iter().flat_map(|languages| languages.value) {
            if !languages.contains(&other.value) {
                languages.push(other.value);
            }
        }
        let logo = raw.logo.and_then(|logo| self.line(logo));
        let colors = raw.colors.0.into_iter().filter_map(|(key, color)| self.color(key, color)).collect();
        let mut contacts = BTreeMap::new();
        for (key, contact) in raw.contacts.0 {
            match self.contact(contact).filter(|_| self.key(&key)) {
                Some(contact) => drop(contacts.insert(key.value, contact)),
                None => drop(broken.insert(key.value)),
            }
        }
        let mut boilerplate = BTreeMap::new();
        for (key, texts) in raw.boilerplate.0 {
            match self.boilerplate(&key, texts) {
                Some(texts) => drop(boilerplate.insert(key.value, texts)),
                None => drop(broken.insert(key.value)),
            }
        }
        let mut topics = BTreeMap::new();
        for (key, names) in raw.topics.0 {
            if let Some(names) = self.boilerplate(&key, names) {
                topics.insert(key.value, names);
            }
        }
        let mut channels = BTreeMap::new();
        for (key, _) in raw.channels.0 {
            match self.facts(tree, &key) {
                Some(facts) => drop(channels.insert(key.value, facts)),
                None => drop(broken.insert(key.value)),
            }
        }
        // What could not even be read as an entry is there all the same.
        for group in ["contacts", "boilerplate", "channels"] {
            let read = |key: &str| match group {
                "contacts" => contacts.contains_key(key),
                "boilerplate" => boilerplate.contains_key(key),
                _ => channels.contains_key(key),
            };
            let keys = tree.keys_at(&[group]);
            broken.extend(keys.into_iter().map(|key| key.value).filter(|key| !read(key)));
        }
        let policy = self.policy(raw.policy);
        Settings {
            name: name.map(|text| text.value).unwrap_or_default(),
            organization: organization.map(|text| text.value).unwrap_or_default(),
            url,
            timezone,
            language,
            languages,
            logo,
            colors,
            contacts,
            boilerplate,
            topics,
            channels,
            broken,
            policy,
        }
    }

    /// A text that must be there; that it is wrong is said elsewhere.
    fn needed(&mut self, tree: &Tree<'_>, key: &'static str, text: Text) -> Text {
        if text.is_none() && !tree.has(&[key]) {
            self.error(0..0, "missing-key", format!("`{key}` is missing"), format!("add a line `{key}: …`"));
        }
        text.and_then(|text| self.line(text))
    }

    /// A text on one line.
    fn line(&mut self, mut text: Spanned<String>) -> Text {
        text.value.truncate(text.value.trim_end().len());
        if text.value.is_empty() || text.value.contains(['\n', '\t']) || text.value.chars().count() > 500 {
            let message = "this must be one line of 1 to 500 characters";
            self.error(text.span, "line-break", message, "shorten it, or remove the line");
            return None;
        }
        Some(text)
    }

    fn key(&mut self, key: &Spanned<String>) -> bool {
        let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let fine = (1..=64).contains(&key.value.len()) && key.value.chars().all(good);
        if !fine {
            let message = "a key here has small letters a to z, digits, `-` and `_`";
            self.error(key.span.clone(), "key", message, "rename it");
        }
        fine
    }

    fn url(&mut self, url: Spanned<String>) -> String {
        let parsed = url::Url::parse(&url.value).ok().filter(|parsed| {
            matches!(parsed.scheme(), "http" | "https")
                && parsed.has_host()
                && parsed.query().is_none()
                && parsed.fragment().is_none()
                && parsed.username().is_empty()
        });
        if parsed.is_none() {
            let hint = "write it in full and without `?` and `#`, such as `https://news.halden.example`";
            self.error(url.span, "url", "`url` is no address of a site", hint);
        }
        url.value.trim_end_matches('/').to_owned()
    }

    fn zone(&mut self, zone: &Spanned<String>) -> TimeZone {
        zone_named(&zone.value).unwrap_or_else(|error| {
            self.error(zone.span.clone(), "timezone", format!("`timezone`: {error}"), error.hint());
            TimeZone::UTC
        })
    }

    fn color(&mut self, key: Spanned<String>, color: Spanned<String>) -> Option<(String, String)> {
        let digits = color.value.strip_prefix('#').unwrap_or_default();
        let good = matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !good {
            self.error(
                color.span,
                "color",
                format!("`{}` is no colour", color.value),
                "write it like `\"#b5431f\"`",
            );
            return None;
        }
        self.key(&key).then_some((key.value, color.value))
    }

    fn contact(&mut self, raw: RawContact) -> Option<PressContact> {
        let name = self.line(raw.name);
        let title = raw.title.and_then(|title| self.line(title)).map(|title| title.value);
        let phone = raw.phone.and_then(|phone| self.line(phone)).map(|phone| phone.value);
        let email = self.address(raw.email);
        Some(PressContact { name: name?.value, title, email: email?.value, phone })
    }

    fn address(&mut self, address: Spanned<String>) -> Text {
        match address.value.parse::<EmailAddress>() {
            Ok(_) => Some(address),
            Err(error) => {
                self.error(
                    address.span,
                    "address",
                    error.to_string(),
                    "write it like `press@halden.example`",
                );
                None
            }
        }
    }

    /// `Name <address>`, or an address alone.
    fn mailbox(&mut self, mailbox: Spanned<String>) -> Text {
        let mailbox = self.line(mailbox)?;
        let address = match mailbox.value.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
            Some((_, address)) => address,
            None => mailbox.value.as_str(),
        };
        match address.trim().parse::<EmailAddress>() {
            Ok(_) => Some(mailbox),
            Err(error) => {
                let hint = "write it like `\"Halden Motors Press <press@halden.example>\"`";
                self.error(mailbox.span, "address", error.to_string(), hint);
                None
            }
        }
    }

    fn boilerplate(
        &mut self,
        key: &Spanned<String>,
        texts: Map<Spanned<String>>,
    ) -> Option<BTreeMap<Language, String>> {
        let mut read = BTreeMap::new();
        let mut good = self.key(key);
        for (tag, text) in texts.0 {
            match tag.value.parse::<Language>() {
                Ok(language) if !text.value.trim().is_empty() => {
                    read.insert(language, text.value.trim().to_owned());
                }
                Ok(_) => {
                    self.error(
                        text.span,
                        "empty-value",
                        "this paragraph is empty",
                        "write it, or remove the line",
                    );
                    good = false;
                }
                Err(error) => {
                    self.error(tag.span, "value", error.to_string(), "write `en: >-` and the text below it");
                    good = false;
                }
            }
        }
        if good && read.is_empty() {
            let message = format!("`{}` has no text in any language", key.value);
            self.error(key.span.clone(), "empty-value", message, "write `en: >-` and the text below it");
        }
        (good && !read.is_empty()).then_some(read)
    }

    fn facts(&mut self, tree: &Tree<'_>, key: &Spanned<String>) -> Option<ChannelFacts> {
        let (raw, findings) = tree.pick_at::<RawFacts>(&["channels", &key.value]);
        let mut good = findings.is_empty();
        self.findings.extend(findings);
        good &= self.key(key);
        let raw = raw?;
        let before = self.findings.len();
        let facts = ChannelFacts {
            key: key.value.clone(),
            kind: raw.kind.value,
            language: raw.language.map(|language| language.value),
            characters: raw.characters.map(|characters| characters.value),
            images: raw.images.map(|images| images.value).unwrap_or_default(),
            from: raw.from.and_then(|from| self.mailbox(from)).map(|from| from.value),
            reply_to: raw.reply_to.and_then(|to| self.mailbox(to)).map(|to| to.value),
            postal_address: raw.postal_address.map(|address| address.value.trim().to_owned()),
            list_id: raw.list_id.and_then(|id| self.list_id(id)).map(|id| id.value),
            unsubscribe_url: raw.unsubscribe_url.and_then(|url| self.unsubscribe(url)),
            unsubscribe_mailto: raw.unsubscribe_mailto.and_then(|to| self.address(to)).map(|to| to.value),
        };
        (good && self.findings.len() == before).then_some(facts)
    }

    fn list_id(&mut self, id: Spanned<String>) -> Text {
        let good = id.value.contains('.')
            && id.value.len() <= 200
            && id
                .value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        if good {
            return Some(id);
        }
        let hint = "write a name below your domain, such as `press.halden.example`, and never change it";
        self.error(id.span, "list-id", "`list_id` is no list identifier", hint);
        None
    }

    fn unsubscribe(&mut self, url: Spanned<String>) -> Option<String> {
        let good = url::Url::parse(&url.value).is_ok_and(|parsed| {
            let local = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
            (parsed.scheme() == "https" || (parsed.scheme() == "http" && local)) && parsed.query().is_none()
        });
        if good {
            return Some(url.value.trim_end_matches('/').to_owned());
        }
        let hint = "write `https://…` without `?`; mail programs only follow https (RFC 8058)";
        self.error(url.span, "url", "`unsubscribe_url` is no https address", hint);
        None
    }

    fn policy(&mut self, raw: RawPolicy) -> Policy {
        let standard = Policy::default();
        let late_after = raw.late_after.map_or(standard.late_after, |period| period.value.0);
        let expires_after =
            raw.expires_after.as_ref().map_or(standard.expires_after, |period| period.value.0);
        if let Some(expires) = raw.expires_after
            && expires_after < late_after
        {
            let message = "a release would expire before it is late";
            self.error(expires.span, "policy", message, "make `expires_after` longer than `late_after`");
        }
        Policy { late_after, expires_after }
    }
}

/// Whether something stops every release.
pub(super) fn stops(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}
