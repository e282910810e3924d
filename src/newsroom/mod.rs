//! Everything that git holds, from (path, bytes) pairs. No IO.
//!
//! [`Newsroom::build`] never fails: a broken release is left out and reported, and touches no other.
//! What stands in `dateline.yaml` or in an audience concerns many: while `dateline.yaml` has an
//! error there are no releases, while an audience has one there are none for it.

mod assemble;
mod kind;
mod limit;
mod media;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::audience::{self, Audience};
use crate::finding::{Finding, Severity, nearest};
use crate::language::Language;
use crate::release::{Cache, File, Images, Parsed, Release, Whole, in_parallel, is_release};

pub(crate) use kind::kinds;
pub use kind::{ChannelKind, Form};
pub use limit::PostLimit;
pub use settings::schema;

/// A newsroom at one revision.
#[derive(Debug, Clone)]
pub struct Newsroom {
    /// The commit it was read from; nothing for a work tree.
    pub revision: Option<String>,
    /// Its name.
    pub name: String,
    /// Who speaks.
    pub organization: String,
    /// Where its pages are, without a trailing slash.
    pub url: String,
    /// The zone of times that name none.
    pub timezone: TimeZone,
    /// The language of releases that name none.
    pub language: Language,
    /// The languages it writes.
    pub languages: Vec<Language>,
    /// Path of the logo.
    pub logo: Option<String>,
    /// Colours for templates: `accent`, `ink`, `paper`.
    pub colors: BTreeMap<String, String>,
    /// Whom the press may ask, by key.
    pub contacts: BTreeMap<String, PressContact>,
    /// Standing paragraphs by key and language.
    pub boilerplate: BTreeMap<String, BTreeMap<Language, String>>,
    /// Tags that recipients may pick from, with their names by language.
    pub topics: BTreeMap<String, BTreeMap<Language, String>>,
    /// The channels, by key. What only delivery needs (hosts, secrets) is [`crate::config`]'s.
    pub channels: BTreeMap<String, ChannelFacts>,
    /// What is allowed.
    pub policy: Policy,
    /// The audiences, by key.
    pub audiences: BTreeMap<String, Audience>,
    /// The releases without errors, by slug. One that a [`Cache`] kept from an earlier look is the same
    /// [`Arc`], and then nothing that it was made from has changed.
    pub releases: BTreeMap<String, Arc<Release>>,
    /// Every Markdown file, also those with errors.
    pub sources: Vec<Arc<File>>,
    /// Templates and media: path -> content.
    pub files: BTreeMap<String, Arc<[u8]>>,
    /// The text of `dateline.yaml`.
    pub config_text: Arc<str>,
    /// What is structurally wrong.
    pub findings: Vec<Finding>,
}

/// Somebody whom the press may ask.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PressContact {
    /// The name.
    pub name: String,
    /// The role.
    pub title: Option<String>,
    /// The address.
    pub email: String,
    /// The telephone number.
    pub phone: Option<String>,
}

/// What planning and rendering need to know of a channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelFacts {
    /// Its key.
    pub key: String,
    /// What it is.
    pub kind: ChannelKind,
    /// The one language it speaks; nothing for every language of the audience.
    pub language: Option<Language>,
    /// The most characters of a social text, where the server has its own limit.
    pub characters: Option<u32>,
    /// Mail: whether it carries its pictures.
    pub images: Images,
    /// Mail: the `From` mailbox.
    pub from: Option<String>,
    /// Mail: where answers go.
    pub reply_to: Option<String>,
    /// Mail: the sender's postal address, which the law wants in every mail.
    pub postal_address: Option<String>,
    /// Mail: `List-Id`, stable for ever (RFC 2919).
    pub list_id: Option<String>,
    /// Mail: base of the one-click unsubscribe address (RFC 8058).
    pub unsubscribe_url: Option<String>,
    /// Mail: the mailbox that takes unsubscribe requests.
    pub unsubscribe_mailto: Option<String>,
}

/// What is allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// A release that is first seen this long after its time is not sent by itself.
    pub late_after: jiff::SignedDuration,
    /// A release is not sent any more this long after its time.
    pub expires_after: jiff::SignedDuration,
}

impl Newsroom {
    /// Puts a newsroom together. Never fails: what is wrong is in `findings`, and a release
    /// with errors is not in `releases`.
    ///
    /// `files` are all files below the newsroom that [`wanted`] asks for, with `/` in their paths.
    pub fn build(revision: Option<String>, files: BTreeMap<String, Arc<[u8]>>) -> Newsroom {
        Newsroom::build_with(revision, files, &mut Cache::default())
    }

    /// Like [`Newsroom::build`], but makes only what `cache` does not hold from the last look.
    pub fn build_with(
        revision: Option<String>,
        mut files: BTreeMap<String, Arc<[u8]>>,
        cache: &mut Cache,
    ) -> Newsroom {
        let mut findings = Vec::new();
        files.retain(|path, _| {
            let trouble = path_trouble(path);
            findings.extend(
                trouble
                    .map(|message| Finding::error(path, "", 0..0, "path", message).hint("rename the file")),
            );
            trouble.is_none()
        });
        let config_text = text_of(&files, settings::FILE, &mut findings);
        let (settings, more) = match &config_text {
            Some(text) => settings::read(text),
            None => (None, Vec::new()),
        };
        let mut usable = config_text.is_some() && !settings::stops(&more);
        findings.extend(more);
        if !files.contains_key(settings::FILE) {
            let finding =
                Finding::error(settings::FILE, "", 0..0, "missing-file", "there is no dateline.yaml");
            findings.push(finding.hint("`dateline init` writes one"));
        }
        let (audiences, broken_audiences) = audiences(&files, settings.as_ref(), &mut findings);

        let (markdown, files): (Vec<_>, Vec<_>) = files.into_iter().partition(|(path, _)| is_release(path));
        let files: BTreeMap<String, Arc<[u8]>> = files.into_iter().collect();
        let parsed = cache.parse_all(markdown);
        let sources: Vec<Arc<File>> = parsed.iter().map(|parsed| Arc::clone(&parsed.0)).collect();
        for parsed in &parsed {
            findings.extend(parsed.1.iter().cloned());
        }
        let mut releases: BTreeMap<String, Arc<Release>> = BTreeMap::new();
        if let Some(settings) = &settings {
            let logo = settings.logo.as_ref();
            let troubles = logo.map(|logo| (logo, logo_troubles(&files, &logo.value))).into_iter();
            for (logo, troubles) in troubles {
                for trouble in troubles {
                    usable &= trouble.severity != Severity::Error;
                    let text = config_text.as_deref().unwrap_or_default();
                    let media::Trouble { severity, code, message, hint } = trouble;
                    let finding =
                        Finding::new(settings::FILE, text, logo.span.clone(), severity, code, message);
                    findings.push(finding.hint(hint));
                }
            }
            let mut by_slug: Vec<&Parsed> = parsed.iter().collect();
            by_slug.sort_by(|a, b| a.0.slug.cmp(&b.0.slug));
            let slugs: Vec<&[&Parsed]> = by_slug.chunk_by(|a, b| a.0.slug == b.0.slug).collect();
            let world = assemble::World {
                settings,
                audiences: &audiences,
                broken_audiences: &broken_audiences,
                files: &files,
            };
            cache.among(&files);
            let whole = in_parallel(slugs.iter().enumerate(), |(at, files)| {
                cache.whole(at, files).unwrap_or_else(|| {
                    let (release, findings) = assemble::release(&world, files);
                    let files = files.iter().copied().cloned().collect();
                    Arc::new(Whole { files, release: release.map(Arc::new), findings })
                })
            });
            let named = |release: &Arc<Release>| (release.slug.clone(), Arc::clone(release));
            releases = whole.iter().filter_map(|whole| whole.release.as_ref().map(named)).collect();
            findings.extend(whole.iter().flat_map(|whole| whole.findings.iter().cloned()));
            cache.keep(whole);
        }
        if !usable {
            releases.clear();
        }
        findings.sort_by(|a, b| (&a.file, a.span.start, a.code).cmp(&(&b.file, b.span.start, b.code)));
        let settings = settings.unwrap_or_default();
        Newsroom {
            revision,
            name: settings.name,
            organization: settings.organization,
            url: settings.url,
            timezone: settings.timezone,
            language: settings.language,
            languages: settings.languages,
            logo: settings.logo.map(|logo| logo.value),
            colors: settings.colors,
            contacts: settings.contacts,
            boilerplate: settings.boilerplate,
            topics: settings.topics,
            channels: settings.channels,
            policy: settings.policy,
            audiences,
            releases,
            sources,
            files,
            config_text: config_text.unwrap_or_else(|| Arc::from("")),
            findings,
        }
    }

    /// The Markdown file at `path`, also one with errors.
    pub fn source(&self, path: &str) -> Option<&File> {
        let at = self.sources.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.sources.get(at).map(|file| &**file)
    }

    /// The text of a file that findings point into: a release, an audience, `dateline.yaml`, a template.
    pub fn text(&self, path: &str) -> Option<&str> {
        if let Some(file) = self.source(path) {
            return Some(&file.text);
        }
        self.files.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            late_after: jiff::SignedDuration::from_hours(1),
            expires_after: jiff::SignedDuration::from_hours(24),
        }
    }
}

/// Reads `audiences/`: those without errors, and the keys of those with.
fn audiences(
    files: &BTreeMap<String, Arc<[u8]>>,
    settings: Option<&settings::Settings>,
    findings: &mut Vec<Finding>,
) -> (BTreeMap<String, Audience>, BTreeSet<String>) {
    let mut good = BTreeMap::new();
    let mut broken = BTreeSet::new();
    for path in files.keys().filter(|path| path.starts_with("audiences/")) {
        let name = path.strip_prefix("audiences/").unwrap_or(path);
        let Some(key) = name.strip_suffix(".yaml") else {
            if name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("yml")) {
                let finding =
                    Finding::error(path, "", 0..0, "audience-name", "an audience's file ends with `.yaml`");
                findings.push(finding.hint("rename it"));
            }
            continue;
        };
        let Some(text) = text_of(files, path, findings) else {
            broken.insert(key.to_owned());
            continue;
        };
        if key.contains('/') {
            let message = "audiences stand in `audiences/` itself, not in folders below it";
            findings.push(Finding::error(path, &text, 0..0, "audience-name", message).hint("move it up"));
            continue;
        }
        let (audience, more) = audience::parse(path, &text);
        findings.extend(more);
        let before = findings.len();
        if let (Some(audience), Some(settings)) = (&audience, settings) {
            findings.extend(unknown_channels(audience, settings, path, &text));
        }
        match audience {
            Some(audience) if findings.len() == before => drop(good.insert(key.to_owned(), audience)),
            _ => drop(broken.insert(key.to_owned())),
        }
    }
    (good, broken)
}

fn unknown_channels(
    audience: &Audience,
    settings: &settings::Settings,
    path: &str,
    text: &str,
) -> Vec<Finding> {
    let unknown = audience.channels.iter().filter(|channel| !settings.channels.contains_key(&channel.value));
    let findings = unknown.map(|channel| {
        let (message, hint) = if settings.broken.contains(&channel.value) {
            (
                format!("the channel `{}` has errors of its own", channel.value),
                "mend it in dateline.yaml".to_owned(),
            )
        } else {
            let near = nearest(&channel.value, settings.channels.keys().map(String::as_str));
            let hint = near.map_or_else(
                || "the channels stand in dateline.yaml".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            (format!("there is no channel `{}`", channel.value), hint)
        };
        Finding::error(path, text, channel.span.clone(), "channel-unknown", message).hint(hint)
    });
    findings.collect()
}

fn text_of(files: &BTreeMap<String, Arc<[u8]>>, path: &str, findings: &mut Vec<Finding>) -> Option<Arc<str>> {
    let bytes = files.get(path)?;
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Some(Arc::from(text));
    }
    let finding = Finding::error(path, "", 0..0, "encoding", "this is not UTF-8 text");
    findings.push(finding.hint("save the file as UTF-8 in your editor"));
    None
}

fn logo_troubles(files: &BTreeMap<String, Arc<[u8]>>, logo: &str) -> Vec<media::Trouble> {
    match (media::path_trouble(logo), files.get(logo)) {
        (Some(trouble), _) => vec![trouble],
        (None, Some(bytes)) => media::content_trouble(logo, bytes),
        (None, None) => vec![media::Trouble {
            severity: Severity::Error,
            code: "media-missing",
            message: format!("there is no file {logo}"),
            hint: "put the logo below `templates/`",
        }],
    }
}

/// Why a path cannot be handled on every system.
fn path_trouble(path: &str) -> Option<&'static str> {
    let odd = |byte: u8| !(b' '..0x7f).contains(&byte) || byte == b'\\';
    if path.len() > 400 {
        Some("the path has more than 400 bytes")
    } else if path.bytes().any(odd) && path.chars().any(|c| c.is_control() || c == '\\') {
        Some("the path holds a control character or a backslash")
    } else if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Some("the path has an empty part, `.` or `..`")
    } else {
        None
    }
}

/// Whether a newsroom has any use for the file at `path`.
pub fn wanted(path: &str) -> bool {
    path == "dateline.yaml"
        || ["releases/", "audiences/", "templates/"].iter().any(|root| path.starts_with(root))
}

#[cfg(test)]
mod tests;
