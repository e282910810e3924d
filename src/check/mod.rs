//! The newsroom desk: reads every release as a careful colleague would. Never fails.
//!
//! [`check`] gives everything that is worth a look, sorted by file and place; [`release`] gives
//! what concerns one release and depends on nothing but its files and the newsroom's settings
//! and names, so that its result can be kept under [`key`].
//!
//! Each rule is one function and one row of [`RULES`]; `docs/checks.md` explains them all. A rule
//! would rather miss something than cry wolf: who gets false alarms stops reading.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, Zoned};

use crate::digest::{Digest, Fields};
use crate::finding::{Explanation, Finding, Severity, Texts};
use crate::newsroom::Newsroom;
use crate::release::{File, Release, Status, beside, find, in_parallel, place};

mod audiences;
mod clock;
mod dates;
mod facts;
mod furniture;
mod headline;
mod links;
mod mail;
mod manuscript;
mod media;
mod periods;
mod placeholder;
mod secrets;
mod social;

use manuscript::Manuscript;

/// How many contacts each audience has, by the audience's key, as the contact book says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// The number of contacts that belong to it.
    pub counts: BTreeMap<String, u64>,
}

/// One thing that is looked for.
pub struct Rule {
    /// Its name, what it looks for, what to do.
    pub about: Explanation,
    run: Run,
}

enum Run {
    /// On one release with its translations.
    Release(fn(&Case<'_>, &mut Notes)),
    /// On the newsroom as a whole.
    Newsroom(fn(&Situation<'_>, &mut Notes)),
}

const fn on_release(
    code: &'static str,
    severity: Severity,
    summary: &'static str,
    remedy: &'static str,
    run: fn(&Case<'_>, &mut Notes),
) -> Rule {
    Rule { about: Explanation { code, severity, summary, remedy }, run: Run::Release(run) }
}

const fn on_newsroom(
    code: &'static str,
    severity: Severity,
    summary: &'static str,
    remedy: &'static str,
    run: fn(&Situation<'_>, &mut Notes),
) -> Rule {
    Rule { about: Explanation { code, severity, summary, remedy }, run: Run::Newsroom(run) }
}

use Severity::{Error, Warning};

/// Every rule of the desk, in the order of `docs/checks.md`.
#[rustfmt::skip]
pub const RULES: &[Rule] = &[
    on_release("weekday-date", Error, "A weekday does not match its date.", "Look at the calendar and correct the weekday or the date.", clock::weekday_date),
    on_release("zone-season", Warning, "A time zone's abbreviation is of the wrong half of the year.", "Write summer or winter time as the date has it, or name the city instead.", clock::zone_season),
    on_release("stale-period", Warning, "A quarter or year seems left over from an older release.", "Correct the period, or say that it is a comparison.", periods::stale_period),
    on_release("placeholder", Error, "An approved release still holds a placeholder.", "Put in what is missing, or set the status back to draft.", placeholder::placeholder),
    on_release("secret", Error, "Something that looks like a password or key stands in the text.", "Take it out, and have it replaced: git never forgets.", secrets::secret),
    on_release("dateline-missing", Warning, "A release says nowhere where it was written.", "Add `dateline:` with the place.", furniture::dateline_missing),
    on_release("boilerplate-missing", Warning, "A release has no paragraph about the organization.", "Add `boilerplate:` with a key of dateline.yaml.", furniture::boilerplate_missing),
    on_release("boilerplate-language", Warning, "The paragraph about the organization is not written in a language of the release.", "Write it in that language in dateline.yaml.", furniture::boilerplate_language),
    on_release("contact-missing", Warning, "A release names nobody whom the press can ask.", "Add `contacts:` with a key of dateline.yaml.", furniture::contact_missing),
    on_release("summary-missing", Warning, "A release has no summary for previews, feeds and social networks.", "Add `summary:` with one or two sentences.", furniture::summary_missing),
    on_release("title-long", Warning, "A headline has more than 100 characters.", "Shorten it; details fit into the subtitle.", headline::title_long),
    on_release("title-capitals", Warning, "A headline is all capitals.", "Write it as a sentence.", headline::title_capitals),
    on_release("exclamation", Warning, "A headline has an exclamation mark.", "End it without one; editors take it for advertising.", headline::exclamation),
    on_release("subject-long", Warning, "A mail's subject has more than 78 characters, and many programs cut it.", "Put what matters into the first 60 characters.", headline::subject_long),
    on_release("summary-long", Warning, "A summary has more than 250 characters.", "Say it in one or two sentences, the most important first.", mail::summary_long),
    on_release("mail-size", Warning, "A mail is so large that Gmail cuts it.", "Shorten it, or put tables into an attachment.", mail::mail_size),
    on_release("social-long", Warning, "A social text is longer than one post of a network.", "Shorten it, or write a `social:` of its own for that channel.", social::social_long),
    on_release("alt-missing", Warning, "A picture has no words for those who cannot see it.", "Add `alt:` and say what the picture shows.", media::alt_missing),
    on_release("alt-useless", Warning, "A picture's alternative text says nothing about the picture.", "Say what the picture shows, in one sentence.", media::alt_useless),
    on_release("credit-missing", Warning, "Nobody is named as the maker of a picture.", "Add `credit:`; editors cannot print without.", media::credit_missing),
    on_release("image-missing", Warning, "A picture in the text is not among the release's media, and is not shown.", "Put the file beside the release and name it under `media:`.", links::image_missing),
    on_release("image-remote", Error, "A picture is fetched from another site.", "Put the file beside the release; remote pictures leak who reads them, and vanish.", links::image_remote),
    on_release("link-dead", Warning, "A relative link leads to nothing in the newsroom.", "Correct the path, or write the full address with https://.", links::link_dead),
    on_release("link-unsafe", Error, "A link would run a program or open a file on the reader's machine.", "Link to an https:// address.", links::link_unsafe),
    on_release("raw-html", Warning, "HTML in the text is left out when it is rendered.", "Write it as Markdown.", links::raw_html),
    on_release("fact-figure", Warning, "A figure differs between the versions of a release.", "Compare both places and correct the wrong one.", facts::figures_differ),
    on_release("fact-date", Warning, "A date differs between the versions of a release.", "Compare both places and correct the wrong one.", facts::dates_differ),
    on_release("fact-name", Warning, "A name is spelt in two ways.", "Find out the right spelling and use it everywhere.", facts::names_differ),
    on_release("employees-late", Warning, "Employees are told after the press.", "Give the employees' audience a time that is no later, or a channel that does not wait.", audiences::employees_late),
    on_newsroom("draft-overdue", Warning, "The time of a draft has passed.", "Approve it with a new time, or take the time out.", furniture::draft_overdue),
    on_newsroom("mail-heavy", Warning, "Each mail of a release carries more than 3 MB of pictures and files.", "Save pictures smaller, write `images: link`, or offer large files for download.", mail::mail_heavy),
    on_newsroom("audience-unread", Warning, "An audience has members, but no channel that reaches them.", "Add a mail channel to it, or take `members:` out.", audiences::audience_unread),
    on_newsroom("audience-empty", Warning, "An audience of a release matches nobody in the contact book.", "Look at its `where:` rule, or import the contacts it is meant for.", audiences::audience_empty),
];

/// Findings of releases that may come by unchanged: those of the last [`check_with`].
#[derive(Debug, Default, Clone)]
pub struct Known {
    surroundings: Option<Digest>,
    /// In the order of slugs.
    releases: Vec<Arc<Checked>>,
}

/// One release, as it was checked.
#[derive(Debug)]
struct Checked {
    files: Vec<Arc<File>>,
    /// Whether it became a [`Release`].
    whole: bool,
    findings: Vec<Finding>,
}

impl Checked {
    fn slug(&self) -> &str {
        self.files.first().map_or("", |file| &file.slug)
    }

    fn is_of(&self, files: &[&Arc<File>], whole: bool) -> bool {
        let same = |known: &Arc<File>, file: &Arc<File>| {
            Arc::ptr_eq(known, file) || (known.path == file.path && known.text == file.text)
        };
        self.whole == whole
            && self.files.len() == files.len()
            && self.files.iter().zip(files).all(|(known, file)| same(known, file))
    }
}

/// Everything that is worth a look in `newsroom` at `now`, sorted by file and place.
///
/// `contacts` says how many people each audience reaches, where that is known. What
/// [`Newsroom::build`] found is included.
pub fn check(newsroom: &Newsroom, now: Timestamp, contacts: Option<&Reach>) -> Vec<Finding> {
    check_with(newsroom, now, contacts, &mut Known::default())
}

/// Like [`check`], but reads only releases that `known` has not seen in these surroundings.
pub fn check_with(
    newsroom: &Newsroom,
    now: Timestamp,
    contacts: Option<&Reach>,
    known: &mut Known,
) -> Vec<Finding> {
    let mut files: Vec<&Arc<File>> = newsroom.sources.iter().collect();
    files.sort_by(|a, b| a.slug.cmp(&b.slug));
    let cases: Vec<&[&Arc<File>]> = files.chunk_by(|a, b| a.slug == b.slug).collect();
    let surroundings = Some(surroundings(newsroom));
    if known.surroundings != surroundings {
        *known = Known { surroundings, releases: Vec::new() };
    }
    let slugs = cases.iter().map(|files| files.first().map_or("", |file| &*file.slug));
    let whole = beside(&newsroom.releases, slugs);
    let found = in_parallel(cases.iter().zip(whole).enumerate(), |(at, (files, release))| {
        let slug = files.first().map_or("", |file| &file.slug);
        let whole = release.is_some();
        let kept = find(&known.releases, at, |kept| kept.slug().cmp(slug));
        kept.filter(|kept| kept.is_of(files, whole)).cloned().unwrap_or_else(|| {
            let findings = of_files(newsroom, files.iter().map(|file| &***file).collect());
            let files = files.iter().copied().cloned().collect();
            Arc::new(Checked { files, whole, findings })
        })
    });
    let mut findings: Vec<Finding> = found.iter().flat_map(|found| found.findings.iter().cloned()).collect();
    known.releases = found;
    findings.extend(newsroom.findings.iter().cloned());
    findings.extend(newsroom_only(newsroom, now, contacts));
    sort(&mut findings);
    findings
}

/// What concerns `release` alone; depends on nothing that [`key`] does not name.
pub fn release(newsroom: &Newsroom, release: &Release) -> Vec<Finding> {
    let mut findings = of_files(newsroom, release.texts.iter().map(|text| &*text.file).collect());
    sort(&mut findings);
    findings
}

/// The first error among what [`release`] finds: the rules that only warn are not asked.
pub fn first_error(newsroom: &Newsroom, release: &Release) -> Option<Finding> {
    let files = release.texts.iter().map(|text| &*text.file).collect();
    let mut findings = by_rules(newsroom, files, |rule| rule.about.severity == Severity::Error);
    sort(&mut findings);
    findings.into_iter().next()
}

/// What concerns the newsroom as a whole, and what changes with the time and the contact book.
pub fn newsroom_only(newsroom: &Newsroom, now: Timestamp, contacts: Option<&Reach>) -> Vec<Finding> {
    let situation = Situation { newsroom, now, contacts };
    let mut notes = Notes { about: RULES[0].about, findings: Vec::new() };
    for rule in RULES {
        if let Run::Newsroom(run) = rule.run {
            notes.about = rule.about;
            run(&situation, &mut notes);
        }
    }
    notes.findings
}

/// A digest of everything outside a release that its findings depend on: settings, audiences,
/// the names of all files and releases. To be made once, for [`key`].
pub fn surroundings(newsroom: &Newsroom) -> Digest {
    let audiences: Vec<String> =
        newsroom.audiences.values().map(|audience| format!("{audience:?}")).collect();
    let mut fields: Vec<&[u8]> = vec![env!("CARGO_PKG_VERSION").as_bytes(), newsroom.config_text.as_bytes()];
    fields.extend(audiences.iter().map(String::as_bytes));
    fields.extend(newsroom.files.keys().map(String::as_bytes));
    // How large a mail is follows from its template.
    let templates = newsroom.files.range("templates/email/".to_owned()..);
    fields.extend(
        templates.take_while(|(path, _)| path.starts_with("templates/email/")).map(|(_, bytes)| &**bytes),
    );
    fields.extend(newsroom.sources.iter().map(|file| file.path.as_bytes()));
    Digest::of_fields(&fields)
}

/// The name under which the findings of [`release`] can be kept: while it is the same, so are they.
pub fn key(surroundings: &Digest, newsroom: &Newsroom, release: &Release) -> Digest {
    key_of(surroundings, newsroom, release.texts.iter().map(|text| &*text.file))
}

fn key_of<'f>(
    surroundings: &Digest,
    newsroom: &Newsroom,
    files: impl Iterator<Item = &'f File> + Clone,
) -> Digest {
    let mut fields = Fields::default();
    let whole = files.clone().next().is_some_and(|file| newsroom.releases.contains_key(&file.slug));
    fields.digest(surroundings).text(if whole { "whole" } else { "broken" });
    for file in files {
        fields.text(&file.path).digest(&file.text_name());
    }
    fields.name()
}

/// The texts of `newsroom` that findings point into.
pub fn texts(newsroom: &Newsroom) -> Texts<'_> {
    let mut texts: Texts<'_> = newsroom
        .files
        .iter()
        .filter(|(path, _)| matches!(path.rsplit('.').next(), Some("yaml" | "md" | "hbs" | "svg")))
        .filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
        .collect();
    texts.insert("dateline.yaml", &newsroom.config_text);
    texts.extend(newsroom.sources.iter().map(|file| (file.path.as_str(), &*file.text)));
    texts
}

/// One release as its rules see it: the original, then its translations.
struct Case<'a> {
    newsroom: &'a Newsroom,
    texts: Vec<Manuscript<'a>>,
    /// Whether it became a [`Release`]: what is missing in a broken file is no news.
    whole: bool,
    /// When it becomes public, on the clock that it names.
    publish: Option<Zoned>,
    /// When its event begins.
    event: Option<Zoned>,
    /// The folder that relative paths start from.
    folder: String,
}

impl<'a> Case<'a> {
    /// The text that the others are translations of.
    fn original(&self) -> &Manuscript<'a> {
        &self.texts[0]
    }

    fn status(&self) -> Status {
        self.original().file.front.status.as_ref().map_or(Status::Draft, |status| status.value)
    }
}

/// What the rules for a newsroom see.
struct Situation<'a> {
    newsroom: &'a Newsroom,
    now: Timestamp,
    contacts: Option<&'a Reach>,
}

/// The most findings of one rule in one file; who has so many mends them in another way.
const MOST: usize = 50;

/// Where a rule writes down what it found.
struct Notes {
    about: Explanation,
    findings: Vec<Finding>,
}

impl Notes {
    /// Notes `message` about the bytes `span` of `file`.
    fn add(&mut self, file: &File, span: std::ops::Range<usize>, message: String, hint: impl Into<String>) {
        self.add_in(&file.path, &file.text, span, message, hint);
    }

    /// Notes `message` about bytes that must not be shown; all of them are noted, so that no other
    /// finding on the same line shows one.
    fn add_covered(&mut self, file: &File, span: std::ops::Range<usize>, message: String, hint: &str) {
        let Explanation { code, severity, .. } = self.about;
        let mut finding = Finding::new(&file.path, &file.text, span, severity, code, message).hint(hint);
        finding.covered = true;
        self.findings.push(finding);
    }

    /// Notes `message` about the bytes `span` of `text`, the content of `path`.
    fn add_in(
        &mut self,
        path: &str,
        text: &str,
        span: std::ops::Range<usize>,
        message: String,
        hint: impl Into<String>,
    ) {
        let Explanation { code, severity, .. } = self.about;
        let alike =
            self.findings.iter().rev().take_while(|finding| finding.code == code && finding.file == path);
        if alike.count() >= MOST {
            return;
        }
        self.findings.push(Finding::new(path, text, span, severity, code, message).hint(hint));
    }
}

fn of_files(newsroom: &Newsroom, files: Vec<&File>) -> Vec<Finding> {
    by_rules(newsroom, files, |_| true)
}

fn by_rules(newsroom: &Newsroom, mut files: Vec<&File>, asked: impl Fn(&Rule) -> bool) -> Vec<Finding> {
    files.sort_by_key(|file| (file.translation.is_some(), &file.path));
    let Some(first) = files.first().copied() else { return Vec::new() };
    let own = first.front.language.as_ref().map_or(&newsroom.language, |language| &language.value);
    let zoned = |time: Option<&crate::yaml::Spanned<crate::release::WallTime>>| {
        let time = &time?.value;
        let zone = time.zone.as_ref().unwrap_or(&newsroom.timezone);
        Some(time.instant(zone).ok()?.to_zoned(zone.clone()))
    };
    let case = Case {
        newsroom,
        whole: newsroom.releases.contains_key(&first.slug),
        publish: zoned(first.front.publish.as_ref()),
        event: zoned(first.front.event.as_ref().and_then(|event| event.value.starts.as_ref())),
        folder: place(&first.path).map(|place| place.folder).unwrap_or_default(),
        texts: files
            .iter()
            .map(|file| Manuscript::of(file, file.translation.as_ref().unwrap_or(own).base()))
            .collect(),
    };
    let mut notes = Notes { about: RULES[0].about, findings: Vec::new() };
    for rule in RULES.iter().filter(|rule| asked(rule)) {
        if let Run::Release(run) = rule.run {
            notes.about = rule.about;
            run(&case, &mut notes);
        }
    }
    notes.findings
}

/// By file and place; the same finding twice is one.
fn sort(findings: &mut Vec<Finding>) {
    findings.sort_by(|left, right| {
        let place = |finding: &Finding| (finding.line, finding.column, finding.code);
        left.file.cmp(&right.file).then(place(left).cmp(&place(right))).then(left.message.cmp(&right.message))
    });
    findings.dedup();
}

#[cfg(test)]
#[expect(clippy::needless_raw_string_hashes, reason = "expect-test writes them so")]
mod tests;
