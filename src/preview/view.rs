//! What the page asks for as JSON: the newsroom, and one release with its findings and times.

use std::collections::BTreeMap;

use serde::Serialize;

use super::card::escape_step;
use super::desk::Desk;
use super::edition;
use super::guard::Door;
use super::snapshot::{Row, Snapshot, When};
use crate::check;
use crate::finding::{self, Finding, Severity, Texts};
use crate::language::Language;
use crate::newsroom::{ChannelFacts, ChannelKind, Newsroom};
use crate::plan::{Group, Planned};
use crate::release::{Notice, Release, Status};

/// The whole newsroom.
#[derive(Debug, Serialize)]
pub struct NewsroomView {
    version: u64,
    name: String,
    organization: String,
    url: String,
    timezone: String,
    colors: BTreeMap<String, String>,
    stage: String,
    has_logo: bool,
    /// The address that opens a line in an editor, with `{line}` and `{column}` for a finding to fill.
    opens: bool,
    /// Whether there is a contact book.
    book: bool,
    /// What time it is here: a clock that was set for a try runs otherwise than the reader's.
    now: String,
    languages: Vec<String>,
    general: (usize, usize),
    releases: Vec<Row>,
}

/// One release.
#[derive(Debug, Serialize)]
pub struct ReleaseView {
    version: u64,
    #[serde(flatten)]
    row: Row,
    /// Rendered from an older text, because it is broken now.
    stale: bool,
    /// Why it is held or killed.
    reason: Option<String>,
    folder: Option<String>,
    times: Vec<Moment>,
    notices: Vec<&'static str>,
    editions: Vec<Way>,
    due: Vec<Due>,
    findings: Vec<FindingView>,
}

/// A named instant.
#[derive(Debug, Serialize)]
pub struct Moment {
    name: &'static str,
    #[serde(flatten)]
    when: When,
}

/// One way an edition goes: what the tabs are made of.
#[derive(Debug, Serialize)]
pub struct Way {
    /// The audience.
    pub audience: String,
    /// Its name for people.
    pub audience_name: String,
    /// The channel.
    pub channel: String,
    /// What that is.
    pub kind: ChannelKind,
    /// The language.
    pub language: String,
    /// A copy before the embargo.
    pub advance: bool,
    /// Whether everybody can see it.
    pub public: bool,
    /// When the round-up leaves that it is in; nothing for what goes by itself.
    pub round_up: Option<When>,
    /// When it leaves, as far as it can be said for everybody.
    pub due: Option<When>,
}

/// Something that will leave.
#[derive(Debug, Serialize)]
pub struct Due {
    audience: String,
    channel: String,
    language: String,
    advance: bool,
    #[serde(flatten)]
    when: When,
    /// What would be done; nothing for what is only computed (a draft, or mail whose recipients
    /// are not known here).
    action: Option<crate::plan::Action>,
    reason: Option<String>,
}

/// A finding with the lines it points at.
#[derive(Debug, Serialize)]
pub struct FindingView {
    file: String,
    line: u32,
    column: u32,
    code: &'static str,
    severity: Severity,
    message: String,
    hint: Option<String>,
    /// The address that opens it in an editor.
    opens: Option<String>,
    /// The line, the one before and the one after: number and text.
    excerpt: Vec<(u32, String)>,
    /// How many characters the caret underlines.
    width: usize,
}

/// The most characters of a source line that are shown.
const LINE: usize = 400;

/// Everything the list needs.
pub fn newsroom(desk: &Desk, snapshot: &Snapshot) -> NewsroomView {
    let newsroom = &snapshot.newsroom;
    NewsroomView {
        version: snapshot.version,
        name: newsroom.name.clone(),
        organization: newsroom.organization.clone(),
        url: newsroom.url.clone(),
        timezone: newsroom.timezone.iana_name().unwrap_or("UTC").to_owned(),
        colors: newsroom.colors.clone(),
        stage: desk.guard.origin(Door::Stage),
        has_logo: newsroom.logo.as_ref().is_some_and(|logo| newsroom.files.contains_key(logo)),
        opens: desk.editor.is_some(),
        book: desk.records.is_some(),
        now: desk.clock.now().to_string(),
        languages: newsroom.languages.iter().map(ToString::to_string).collect(),
        general: snapshot.general(),
        releases: snapshot.rows.values().map(|row| Row::clone(row)).collect(),
    }
}

/// Everything about one release but its editions; nothing if there is no such release. The empty
/// slug gives the findings that belong to no release.
pub fn release(desk: &Desk, snapshot: &Snapshot, slug: &str) -> Option<ReleaseView> {
    let source = snapshot.source(slug);
    let row = Row::clone(snapshot.rows.get(slug)?);
    let findings = found(desk, snapshot, slug);
    let mut view = ReleaseView {
        version: snapshot.version,
        row,
        stale: source.as_ref().is_some_and(|(_, stale)| *stale),
        reason: None,
        folder: None,
        times: Vec::new(),
        notices: Vec::new(),
        editions: Vec::new(),
        due: Vec::new(),
        findings,
    };
    let Some((newsroom, stale)) = source else { return Some(view) };
    let release = newsroom.releases.get(slug)?;
    view.reason.clone_from(&release.reason);
    view.folder = Some(release.folder.clone());
    view.times = times(&newsroom, release);
    view.notices = notices(release).into_iter().map(Notice::as_str).collect();
    let ways = ways(&newsroom, release);
    let plan = (!stale).then(|| desk.plan(&newsroom, release));
    let planned = plan.iter().flat_map(|plan| &plan.releases).find(|planned| planned.slug == slug);
    view.due = due(&newsroom, release, &ways, planned.map(|planned| &**planned));
    view.editions = ways;
    for way in &mut view.editions {
        way.due = leaves(&newsroom, release, way).map(|due| When::new(due, &newsroom.timezone));
    }
    Some(view)
}

/// The findings that belong to no release.
pub fn general(desk: &Desk, snapshot: &Snapshot) -> Vec<FindingView> {
    found(desk, snapshot, "")
}

/// The findings of one release.
fn found(desk: &Desk, snapshot: &Snapshot, slug: &str) -> Vec<FindingView> {
    let Some(list) = snapshot.findings.get(slug).filter(|list| !list.is_empty()) else { return Vec::new() };
    findings(desk, list, &check::texts(&snapshot.newsroom))
}

fn times(newsroom: &Newsroom, release: &Release) -> Vec<Moment> {
    let event = release.event;
    [
        ("publish", release.publish),
        ("embargo", release.embargo.filter(|embargo| Some(*embargo) != release.publish)),
        ("expires", release.expires),
        ("event starts", event.map(|(starts, _)| starts)),
        ("event ends", event.and_then(|(_, ends)| ends)),
    ]
    .into_iter()
    .filter_map(|(name, instant)| Some(Moment { name, when: When::new(instant?, &newsroom.timezone) }))
    .collect()
}

/// The notices that a release has something to say in, newest first.
pub fn notices(release: &Release) -> Vec<Notice> {
    let mut notices = Vec::new();
    match release.status {
        Status::Held => notices.push(Notice::Hold),
        Status::Killed => notices.push(Notice::Kill),
        Status::Draft | Status::Approved => {}
    }
    if release.correction.is_some() {
        notices.push(Notice::Correction);
    }
    notices.push(Notice::Original);
    notices
}

/// Every audience, channel and language that a release is rendered for.
pub fn ways(newsroom: &Newsroom, release: &Release) -> Vec<Way> {
    let mut ways = Vec::new();
    for audience in release.audiences.iter().filter_map(|key| newsroom.audiences.get(key)) {
        for channel in audience.channels.iter().filter_map(|key| newsroom.channels.get(&key.value)) {
            let round_up = edition::round_up(newsroom, release, &audience.key, &channel.key);
            for language in languages(release, channel, &audience.languages) {
                let way = |advance| Way {
                    audience: audience.key.clone(),
                    audience_name: audience.name.clone(),
                    channel: channel.key.clone(),
                    kind: channel.kind,
                    language: language.to_string(),
                    advance,
                    public: channel.kind.is_public(),
                    round_up: round_up.as_ref().map(|round_up| When::new(round_up.due, &newsroom.timezone)),
                    due: None,
                };
                ways.push(way(false));
                if channel.kind.is_mail() && !audience.advance.is_zero() && round_up.is_none() {
                    ways.push(way(true));
                }
            }
        }
    }
    ways
}

/// The languages of a release that a channel speaks and an audience is written to.
fn languages<'a>(release: &'a Release, channel: &ChannelFacts, wanted: &[Language]) -> Vec<&'a Language> {
    let all = || release.texts.iter().map(|text| &text.language);
    if let Some(spoken) = &channel.language {
        return vec![&release.text(spoken).language];
    }
    let fits = |language: &&Language| wanted.iter().any(|want| want.base() == language.base());
    if wanted.is_empty() || channel.kind.is_public() { all().collect() } else { all().filter(fits).collect() }
}

/// When each way leaves: as planned, or as far as it can be said without the contact book.
fn due(newsroom: &Newsroom, release: &Release, ways: &[Way], planned: Option<&Planned>) -> Vec<Due> {
    // Without the contact book mail has no recipients; that says nothing about the release.
    let mail = |group: &&Group| {
        newsroom.channels.get(&group.channel).is_some_and(|channel| channel.kind.is_mail())
            && group.recipients.count() == 0
    };
    let groups: Vec<&Group> =
        planned.iter().flat_map(|planned| &planned.deliveries).filter(|group| !mail(group)).collect();
    let mut due: Vec<(jiff::Timestamp, Due)> = groups
        .iter()
        .map(|group| {
            let line = Due {
                audience: group.audience.clone(),
                channel: group.channel.clone(),
                language: group.language.to_string(),
                advance: group.advance,
                when: When::new(group.due, &newsroom.timezone),
                action: Some(group.action),
                reason: group.reason.clone(),
            };
            (group.due, line)
        })
        .collect();
    for way in ways {
        let known = groups.iter().any(|group| {
            (group.audience.as_str(), group.channel.as_str(), group.language.as_str(), group.advance)
                == (&way.audience, &way.channel, &way.language, way.advance)
        });
        if known {
            continue;
        }
        let Some(instant) = leaves(newsroom, release, way) else { continue };
        let line = Due {
            audience: way.audience.clone(),
            channel: way.channel.clone(),
            language: way.language.clone(),
            advance: way.advance,
            when: When::new(instant, &newsroom.timezone),
            action: None,
            reason: None,
        };
        due.push((instant, line));
    }
    due.sort_by_key(|(instant, _)| *instant);
    due.into_iter().map(|(_, line)| line).collect()
}

/// The earliest instant for one way, for a recipient in the newsroom's zone.
fn leaves(newsroom: &Newsroom, release: &Release, way: &Way) -> Option<jiff::Timestamp> {
    let publish = release.publish?;
    let audience = newsroom.audiences.get(&way.audience)?;
    if !way.kind.is_mail() {
        return Some(publish);
    }
    if let Some(digest) = &audience.digest {
        return digest.slots.at_or_after(publish, &newsroom.timezone);
    }
    let ready = if way.advance {
        release.embargo.unwrap_or(publish).checked_sub(audience.advance).ok()?
    } else {
        publish
    };
    audience.due(ready, &newsroom.timezone, &newsroom.timezone)
}

/// The address that opens a place in the editor that was chosen.
fn opens(desk: &Desk, finding: &Finding) -> Option<String> {
    let path = desk.dir.join(&finding.file);
    let path: String = path.to_str()?.split('/').map(escape_step).collect::<Vec<_>>().join("/");
    Some(
        desk.editor
            .as_ref()?
            .replace("{file}", &path)
            .replace("{line}", &finding.line.to_string())
            .replace("{column}", &finding.column.to_string()),
    )
}

fn findings(desk: &Desk, list: &[Finding], texts: &Texts<'_>) -> Vec<FindingView> {
    list.iter()
        .map(|finding| {
            let text = texts.get(finding.file.as_str()).copied().unwrap_or_default();
            FindingView {
                file: finding.file.clone(),
                line: finding.line,
                column: finding.column,
                code: finding.code,
                severity: finding.severity,
                message: finding.message.clone(),
                hint: finding.hint.clone(),
                opens: opens(desk, finding),
                excerpt: excerpt(text, finding.line),
                width: width(text, finding),
            }
        })
        .collect()
}

fn excerpt(text: &str, line: u32) -> Vec<(u32, String)> {
    let first = line.saturating_sub(1).max(1);
    (first..)
        .zip(text.lines().skip(first as usize - 1))
        .take_while(|(number, _)| *number <= line.saturating_add(1))
        .map(|(number, text)| {
            // One sign for one sign, so that the caret stays where it belongs.
            let safe = |c| if finding::is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c };
            (number, text.chars().take(LINE).map(safe).collect())
        })
        .collect()
}

/// How much of its first line a finding points at.
fn width(text: &str, finding: &Finding) -> usize {
    let pointed = text.get(finding.span.clone()).unwrap_or_default();
    pointed.lines().next().map_or(0, |line| line.chars().take(LINE).count()).max(1)
}
