//! From the files of one slug to a release: what they refer to exists, what they share agrees.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;

use super::media;
use super::settings::Settings;
use crate::audience::Audience;
use crate::finding::{Finding, MOST, Severity, nearest};
use crate::language::Language;
use crate::release::{File, FrontMatter, Medium, Parsed, Release, Rule, Status, Text, WallTime, place};
use crate::yaml::Spanned;

/// What releases refer to.
pub(super) struct World<'a> {
    pub settings: &'a Settings,
    pub audiences: &'a BTreeMap<String, Audience>,
    /// Audiences that are there, but have errors.
    pub broken_audiences: &'a BTreeSet<String>,
    pub files: &'a BTreeMap<String, Arc<[u8]>>,
}

/// Puts the files of one slug together; nothing if anything is wrong with them.
pub(super) fn release(world: &World<'_>, files: &[&Parsed]) -> (Option<Release>, Vec<Finding>) {
    let mut findings = Vec::new();
    let mut good = true;
    for parsed in files {
        good &= parsed.1.iter().all(|finding| finding.severity != Severity::Error);
    }
    let originals: Vec<&Arc<File>> =
        files.iter().map(|parsed| &parsed.0).filter(|file| file.translation.is_none()).collect();
    let [original] = originals.as_slice() else {
        for file in files.iter().map(|parsed| &parsed.0) {
            findings.push(alone(file, &originals));
        }
        return (None, findings);
    };
    let clean = |file: &Arc<File>| {
        files.iter().any(|parsed| {
            Arc::ptr_eq(&parsed.0, file) && parsed.1.iter().all(|finding| finding.severity != Severity::Error)
        })
    };
    let mut translations: Vec<&Arc<File>> =
        files.iter().map(|parsed| &parsed.0).filter(|file| file.translation.is_some()).collect();
    translations.sort_by(|a, b| a.translation.cmp(&b.translation));

    let mut first = Desk { world, file: original, findings: Vec::new(), clean: clean(original) };
    let release = first.original();
    findings.append(&mut first.findings);
    let mut texts = vec![Text {
        language: release.1.clone(),
        file: Arc::clone(original),
        title: title(&original.front),
        dateline: original.front.dateline.as_ref().map(|place| place.value.clone()),
        media: original.front.media.clone(),
        attachments: attached(&original.front),
    }];
    for file in translations {
        let mut desk = Desk { world, file, findings: Vec::new(), clean: clean(file) };
        texts.push(desk.translation(original, &texts));
        findings.append(&mut desk.findings);
    }
    good &= findings.iter().all(|finding| finding.severity != Severity::Error);
    let release = Release { texts, ..release.0 };
    (good.then_some(release), findings)
}

/// The names of the files that go with mails.
fn attached(front: &FrontMatter) -> Vec<String> {
    front.attachments.iter().flat_map(|names| &names.value).map(|name| name.value.clone()).collect()
}

/// A file that is not the one original of its slug.
fn alone(file: &File, originals: &[&Arc<File>]) -> Finding {
    match originals.iter().find(|other| other.path != file.path) {
        Some(other) if file.translation.is_none() => {
            let message = format!("the slug `{}` is taken by {}", file.slug, other.path);
            Finding::error(&file.path, &file.text, 0..0, "slug-twice", message)
                .hint("rename one of the two files; a slug names one release, in every year")
        }
        Some(_) => {
            let message = format!("it is not clear which release `{}` this translates", file.slug);
            Finding::error(&file.path, &file.text, 0..0, "slug-twice", message)
                .hint("rename one of the releases with this slug, and this file with it")
        }
        None => {
            let message = format!("there is no release `{}` that this could translate", file.slug);
            let language = file.translation.as_ref().map_or("", Language::as_str);
            let hint = format!("the original is the same file name without `.{language}`");
            Finding::error(&file.path, &file.text, 0..0, "translation-alone", message).hint(hint)
        }
    }
}

fn title(front: &FrontMatter) -> String {
    front.title.as_ref().map(|title| title.value.clone()).unwrap_or_default()
}

type Names = Option<Spanned<Vec<Spanned<String>>>>;

fn names(list: &Names) -> Vec<String> {
    list.iter().flat_map(|list| &list.value).map(|name| name.value.clone()).collect()
}

/// Looks at one file.
struct Desk<'a> {
    world: &'a World<'a>,
    file: &'a Arc<File>,
    findings: Vec<Finding>,
    /// Whether reading the file found no error: only then does a missing key mean a missing key.
    clean: bool,
}

impl Desk<'_> {
    fn error(
        &mut self,
        span: Range<usize>,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if !self.full() {
            self.findings
                .push(Finding::error(&self.file.path, &self.file.text, span, code, message).hint(hint));
        }
    }

    /// Whether the file has as many findings as anybody can read.
    fn full(&self) -> bool {
        self.findings.len() >= MOST
    }

    fn missing(&mut self, span: Range<usize>, code: &'static str, message: impl Into<String>, hint: &str) {
        if self.clean {
            self.error(span, code, message, hint);
        }
    }

    fn top(&self) -> Range<usize> {
        self.file.front_span.start..self.file.front_span.start
    }

    /// Everything but the texts, and the original's language.
    fn original(&mut self) -> (Release, Language) {
        let front = &self.file.front;
        self.both();
        let publish = self.instant(front.publish.as_ref());
        let embargo = self.instant(front.embargo.as_ref());
        let expires = self.instant(front.expires.as_ref());
        let event = self.event();
        self.order(publish, embargo, expires);
        let status = front.status.as_ref().map_or(Status::Draft, |status| status.value);
        self.status(status);
        let World { settings, audiences, broken_audiences, .. } = self.world;
        self.known("audience-unknown", &front.audiences, "`audiences/`", &audiences.keys(), broken_audiences);
        let home = "`contacts` of dateline.yaml";
        self.known("contact-unknown", &front.contacts, home, &settings.contacts.keys(), &settings.broken);
        let home = "`boilerplate` of dateline.yaml";
        self.known(
            "boilerplate-unknown",
            &front.boilerplate,
            home,
            &settings.boilerplate.keys(),
            &settings.broken,
        );
        let language =
            front.language.as_ref().map_or(&self.world.settings.language, |language| &language.value);
        let release = Release {
            slug: self.file.slug.clone(),
            publish,
            embargo: embargo.or(publish),
            expires,
            times: [&front.publish, &front.embargo, &front.expires]
                .map(|time| time.as_ref().map_or(String::new(), |time| time.value.to_string()))
                .join(" "),
            status,
            reason: front.reason.as_ref().map(|reason| reason.value.clone()),
            audiences: names(&front.audiences),
            contacts: names(&front.contacts),
            boilerplate: names(&front.boilerplate),
            tags: names(&front.tags),
            event,
            correction: front.correction.as_ref().map(|correction| correction.value.clone()),
            folder: place(&self.file.path).map(|place| place.folder).unwrap_or_default(),
            texts: Vec::new(),
        };
        (release, language.clone())
    }

    /// What holds for originals and translations alike.
    fn both(&mut self) {
        let front = &self.file.front;
        if front.title.is_none() {
            self.missing(self.top(), "title-missing", "the release has no title", "add a line `title: …`");
        }
        if let Some(language) = &front.language
            && !self.world.settings.languages.contains(&language.value)
        {
            let message = format!("`{}` is none of the newsroom's languages", language.value);
            self.error(language.span.clone(), "language", message, "add it to `languages` in dateline.yaml");
        }
        if let Some(correction) = &front.correction
            && correction.value.note.is_none()
        {
            let message = "the correction does not say what was corrected";
            self.missing(
                correction.span.clone(),
                "correction-note",
                message,
                "add `note:` with a sentence for those who have the old text",
            );
        }
        self.readers();
        self.media();
        self.attachments();
    }

    /// The names in `variants` and in `:::` blocks.
    fn readers(&mut self) {
        let world = self.world;
        let audience =
            |name: &str| world.audiences.contains_key(name) || world.broken_audiences.contains(name);
        let channel =
            |name: &str| world.settings.channels.contains_key(name) || world.settings.broken.contains(name);
        let all = || world.audiences.keys().chain(world.settings.channels.keys()).map(String::as_str);
        let mut unknown: Vec<(Range<usize>, &str)> = Vec::new();
        for key in &self.file.front.variant_keys {
            match key.value.split_once('/') {
                Some((left, right)) if audience(left) && channel(right) => {}
                Some((left, right)) => {
                    let wrong = if audience(left) { right } else { left };
                    unknown.push((key.span.clone(), wrong));
                }
                None if audience(&key.value) || channel(&key.value) => {}
                None => unknown.push((key.span.clone(), &key.value)),
            }
        }
        for block in &self.file.body.blocks {
            let Some(Rule::Only(list) | Rule::Except(list)) = &block.rule else { continue };
            for name in list.iter().filter(|name| !audience(&name.value) && !channel(&name.value)) {
                unknown.push((name.span.clone(), &name.value));
            }
        }
        for (span, name) in unknown.into_iter().take(MOST) {
            let hint = nearest(name, all()).map_or_else(
                || format!("the audiences are {}", list(world.audiences.keys())),
                |near| format!("did you mean `{near}`?"),
            );
            self.error(
                span,
                "reader-unknown",
                format!("`{name:.60}` is neither an audience nor a channel"),
                hint,
            );
        }
    }

    fn media(&mut self) {
        let folder = place(&self.file.path).map(|place| place.folder).unwrap_or_default();
        for medium in &self.file.front.media {
            if self.full() {
                break;
            }
            let span = medium.file.span.clone();
            if let Some(trouble) = media::path_trouble(&medium.file.value) {
                self.error(span, trouble.code, trouble.message, trouble.hint);
                continue;
            }
            let path = format!("{folder}/{}", medium.file.value);
            match self.world.files.get(&path) {
                Some(bytes) => self.troubles(&span, media::content_trouble(&path, bytes)),
                None => self.no_file(span, &folder, &medium.file.value),
            }
        }
    }

    fn attachments(&mut self) {
        let folder = place(&self.file.path).map(|place| place.folder).unwrap_or_default();
        let Some(names) = &self.file.front.attachments else { return };
        let mut bytes_in_all = 0;
        for name in &names.value {
            if self.full() {
                break;
            }
            if let Some(trouble) = media::path_trouble(&name.value) {
                self.error(name.span.clone(), trouble.code, trouble.message, trouble.hint);
                continue;
            }
            let path = format!("{folder}/{}", name.value);
            match self.world.files.get(&path) {
                Some(bytes) => {
                    bytes_in_all += bytes.len();
                    self.troubles(&name.span, media::attachment_trouble(&path, bytes));
                }
                None => self.no_file(name.span.clone(), &folder, &name.value),
            }
        }
        if bytes_in_all > media::ATTACHED {
            let megabytes = |bytes: usize| bytes.div_ceil(1_000_000);
            let (all, most) = (megabytes(bytes_in_all), media::ATTACHED / 1_000_000);
            let message = format!("the attachments have {all} MB together; {most} MB are the most");
            let hint = "name the large ones under `media:`, and the newsroom offers them for download";
            self.error(names.span.clone(), "attachments-size", message, hint);
        }
    }

    fn troubles(&mut self, span: &Range<usize>, troubles: Vec<media::Trouble>) {
        for media::Trouble { severity, code, message, hint } in troubles {
            let (file, text) = (&self.file.path, &self.file.text);
            self.findings.push(Finding::new(file, text, span.clone(), severity, code, message).hint(hint));
        }
    }

    fn no_file(&mut self, span: Range<usize>, folder: &str, name: &str) {
        let beside = self.world.files.range(format!("{folder}/")..);
        let beside = beside.map_while(|(path, _)| path.strip_prefix(folder)?.strip_prefix('/'));
        let path = format!("{folder}/{name}");
        let hint = nearest(name, beside)
            .map_or_else(|| format!("put the file at {path}"), |near| format!("did you mean `{near}`?"));
        self.error(span, "media-missing", format!("there is no file {path}"), hint);
    }

    /// Reports names that nothing has: `home` says where they should be.
    fn known<'w>(
        &mut self,
        code: &'static str,
        named: &Names,
        home: &str,
        known: &(impl Iterator<Item = &'w String> + Clone),
        broken: &BTreeSet<String>,
    ) {
        for name in named.iter().flat_map(|list| &list.value) {
            if self.full() {
                break;
            }
            if broken.contains(&name.value) {
                let message = format!("`{}` has errors of its own in {home}", name.value);
                self.error(name.span.clone(), code, message, "mend it there first");
            } else if !known.clone().any(|key| *key == name.value) {
                let hint = match nearest(&name.value, known.clone().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are {}", list(known.clone())),
                };
                self.error(name.span.clone(), code, format!("there is no `{}` in {home}", name.value), hint);
            }
        }
    }

    fn instant(&mut self, time: Option<&Spanned<WallTime>>) -> Option<Timestamp> {
        let time = time?;
        match time.value.instant(&self.world.settings.timezone) {
            Ok(instant) => Some(instant),
            Err(error) => {
                self.error(time.span.clone(), "time", error.to_string(), error.hint());
                None
            }
        }
    }

    fn event(&mut self) -> Option<(Timestamp, Option<Timestamp>)> {
        let event = self.file.front.event.as_ref()?;
        let starts = self.instant(event.value.starts.as_ref());
        let ends = self.instant(event.value.ends.as_ref());
        if event.value.starts.is_none() {
            let message = "the event does not say when it begins";
            self.missing(
                event.span.clone(),
                "event-start",
                message,
                "add `starts: 2026-12-01T10:00[Europe/Stockholm]`",
            );
        }
        if let (Some(starts), Some(ends), Some(written)) = (starts, ends, &event.value.ends)
            && ends <= starts
        {
            let span = written.span.clone();
            self.error(span, "event-end", "the event ends before it begins", "look at `starts` and `ends`");
        }
        Some((starts?, ends))
    }

    fn order(&mut self, publish: Option<Timestamp>, embargo: Option<Timestamp>, expires: Option<Timestamp>) {
        let front = &self.file.front;
        if let (Some(publish), Some(embargo), Some(written)) = (publish, embargo, &front.embargo)
            && embargo > publish
        {
            let message = "the embargo ends after the release is published";
            self.error(
                written.span.clone(),
                "embargo-after-publish",
                message,
                "make `publish` the same time or later",
            );
        }
        if let (Some(publish), Some(expires), Some(written)) = (publish, expires, &front.expires)
            && expires <= publish
        {
            let message = "the release expires before it is published";
            self.error(
                written.span.clone(),
                "expires-before-publish",
                message,
                "make `expires` later than `publish`",
            );
        }
        if let (None, Some(written)) = (&front.publish, &front.embargo) {
            let message = "there is an embargo, but no time of publication";
            self.missing(
                written.span.clone(),
                "publish-missing",
                message,
                "add a line `publish: …`, the same time or later",
            );
        }
    }

    fn status(&mut self, status: Status) {
        let front = &self.file.front;
        let at = front.status.as_ref().map_or_else(|| self.top(), |status| status.span.clone());
        match status {
            Status::Draft => {}
            Status::Approved => {
                if front.publish.is_none() {
                    let message = "the release is approved, but has no time of publication";
                    self.missing(
                        at.clone(),
                        "publish-missing",
                        message,
                        "add a line such as `publish: 2026-12-01T09:00[Europe/Stockholm]`",
                    );
                }
                if front.audiences.as_ref().is_none_or(|list| list.value.is_empty()) {
                    let message = "the release is approved, but no audience gets it";
                    self.missing(
                        at,
                        "audiences-missing",
                        message,
                        "add a line such as `audiences: [trade-media]`",
                    );
                }
            }
            Status::Held | Status::Killed => {
                if front.reason.is_none() {
                    let word = if status == Status::Held { "held" } else { "killed" };
                    let message = format!("the release is {word}, but does not say why");
                    self.missing(
                        at,
                        "reason-missing",
                        message,
                        "add `reason:` with one sentence that recipients read",
                    );
                }
            }
        }
    }

    fn translation(&mut self, original: &File, texts: &[Text]) -> Text {
        let front = &self.file.front;
        self.both();
        let language = self.file.translation.clone().unwrap_or_else(Language::english);
        if let Some(written) = &front.language
            && written.value != language
        {
            let message = format!("`language` says `{}`, the file's name says `{language}`", written.value);
            self.error(written.span.clone(), "language", message, "make them the same");
        } else if !self.world.settings.languages.contains(&language) {
            let message = format!("`{language}` in the file's name is none of the newsroom's languages");
            self.error(
                self.top(),
                "language",
                message,
                "add it to `languages` in dateline.yaml, or rename the file",
            );
        } else if texts.iter().any(|text| text.language == language) {
            let message = format!("the release is there in `{language}` already");
            self.error(
                self.top(),
                "language",
                message,
                "look at `language` in the original, or remove one file",
            );
        }
        self.same(original);
        let own = &front.media;
        let theirs = &original.front.media;
        let media = if own.is_empty() {
            theirs.clone()
        } else {
            own.iter().map(|medium| filled(medium, theirs)).collect()
        };
        Text {
            language,
            file: Arc::clone(self.file),
            title: title(front),
            dateline: front
                .dateline
                .as_ref()
                .or(original.front.dateline.as_ref())
                .map(|text| text.value.clone()),
            media,
            attachments: attached(if front.attachments.is_some() { front } else { &original.front }),
        }
    }

    /// What a translation takes from the original may be repeated, but not changed.
    fn same(&mut self, original: &File) {
        let (ours, theirs) = (&self.file.front, &original.front);
        let default = &self.world.settings.timezone;
        let time = |own: &Option<Spanned<WallTime>>, other: &Option<Spanned<WallTime>>| {
            let own = own.as_ref()?;
            let instant = |time: &Spanned<WallTime>| time.value.instant(default).ok();
            (instant(own) != other.as_ref().and_then(instant)).then(|| own.span.clone())
        };
        let list = |own: &Names, other: &Names| {
            let own = own.as_ref()?;
            (names(&Some(own.clone())) != names(other)).then(|| own.span.clone())
        };
        let event = |pick: fn(&crate::release::Event) -> &Option<Spanned<WallTime>>| {
            let own = ours.event.as_ref()?;
            let none = None;
            time(pick(&own.value), theirs.event.as_ref().map_or(&none, |event| pick(&event.value)))
        };
        let status = || {
            let own = ours.status.as_ref()?;
            let other = theirs.status.as_ref().map_or(Status::Draft, |status| status.value);
            (own.value != other).then(|| own.span.clone())
        };
        let different = [
            ("publish", time(&ours.publish, &theirs.publish)),
            ("embargo", time(&ours.embargo, &theirs.embargo)),
            ("expires", time(&ours.expires, &theirs.expires)),
            ("status", status()),
            ("audiences", list(&ours.audiences, &theirs.audiences)),
            ("contacts", list(&ours.contacts, &theirs.contacts)),
            ("boilerplate", list(&ours.boilerplate, &theirs.boilerplate)),
            ("tags", list(&ours.tags, &theirs.tags)),
            ("starts", event(|event| &event.starts)),
            ("ends", event(|event| &event.ends)),
        ];
        for (key, span) in different {
            let Some(span) = span else { continue };
            let message = format!("`{key}` differs from the original's, {}", original.path);
            self.error(
                span,
                "translation-differs",
                message,
                "remove the line: a translation takes it from the original",
            );
        }
    }
}

/// A translation's medium, with what it does not say taken from the original's.
fn filled(medium: &Medium, originals: &[Medium]) -> Medium {
    let Some(original) = originals.iter().find(|original| original.file.value == medium.file.value) else {
        return medium.clone();
    };
    let either = |own: &Option<Spanned<String>>, other: &Option<Spanned<String>>| {
        own.clone().or_else(|| other.clone())
    };
    Medium {
        file: medium.file.clone(),
        alt: either(&medium.alt, &original.alt),
        caption: either(&medium.caption, &original.caption),
        credit: either(&medium.credit, &original.credit),
        title: either(&medium.title, &original.title),
        duration: either(&medium.duration, &original.duration),
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}
