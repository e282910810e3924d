//! `dateline import`: other people's files become releases. Nothing is lost; what did not fit is reported.

mod convert;
mod disk;
mod edit;
mod front;
mod html;
mod identity;
mod links;
mod report;
mod shortcode;
mod words;
mod write;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::{CliError, Ctx, Exit, Format};
use crate::load;
use crate::newsroom::Newsroom;
use convert::{Converted, Defaults, Place};
use front::Parts;
use identity::Name;
use links::Around;

/// Turn Markdown with front matter from Hugo, Jekyll, Zola or Eleventy into releases
///
/// Writes `releases/YEAR/SLUG.md` (a folder where there are pictures) and never overwrites a file. Keys,
/// shortcodes and pictures that have no place in a release are kept as comments in its front matter and
/// reported. What is dated in the future becomes a draft.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to read, with everything below it
    dir: PathBuf,

    /// Address that links beginning with `/` are completed with
    #[arg(long, value_name = "URL")]
    site: Option<String>,

    /// Audiences of the imported releases [default: all]
    #[arg(long, value_delimiter = ',')]
    audiences: Vec<String>,

    /// Press contacts of the imported releases [default: the first of dateline.yaml]
    #[arg(long, value_delimiter = ',')]
    contacts: Vec<String>,

    /// Standing paragraphs of the imported releases [default: the first of dateline.yaml]
    #[arg(long, value_delimiter = ',')]
    boilerplate: Vec<String>,

    /// Say what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// The form of the report
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What became of one file.
struct Line {
    from: String,
    outcome: Result<String, String>,
    notes: Vec<String>,
}

/// A file that was read.
struct Source {
    from: String,
    file: PathBuf,
    text: String,
    name: Name,
    /// What the folder says about it.
    data: Map<String, Value>,
}

impl Source {
    fn parts(&self) -> Result<Parts<'_>, String> {
        let mut parts = front::split(&self.text)?;
        let mut data = self.data.clone();
        disk::merge(&mut data, std::mem::take(&mut parts.front));
        parts.front = data;
        Ok(parts)
    }
}

/// Where a file goes: shared by an original and its translations.
#[derive(Clone)]
struct Home {
    place: Place,
    /// In a folder of its own.
    folder: bool,
    /// The slug is another than the file asked for.
    renamed: bool,
}

/// Runs `dateline import`.
pub fn run(ctx: &Ctx, args: &Args) -> Result<Exit, CliError> {
    let dir = ctx.newsroom_dir()?;
    let newsroom = load::work_tree(&dir)?;
    let site = args.site.as_deref().map(|site| site.trim_end_matches('/'));
    if let Some(site) = site.filter(|site| !site.starts_with("https://") && !site.starts_with("http://")) {
        return Err(
            CliError::usage(format!("`{site}` is no address")).hint("write it as https://example.org")
        );
    }
    let defaults = defaults(ctx, args, &newsroom)?;
    let root = std::fs::canonicalize(&args.dir).map_err(|error| {
        CliError::usage(format!("cannot read `{}`: {error}", args.dir.display()))
            .hint("give the folder with the Markdown files")
    })?;
    let found = disk::walk(&root)?;
    let mut lines = Vec::new();
    let sources = read(&root, &found.files, &newsroom, &mut lines);
    let mut import = Import {
        root: &root,
        dir: &dir,
        site,
        newsroom: &newsroom,
        defaults: &defaults,
        sources: &sources,
        homes: BTreeMap::new(),
    };
    import.settle(&mut lines);
    for source in &sources {
        if let Some(home) = import.homes.get(&source.name.key).cloned() {
            lines.push(import.one(source, &home, args.dry_run));
        }
    }
    lines.sort_by(|a, b| a.from.cmp(&b.from));
    report::print(&lines, &found, &root, &defaults, args)?;
    Ok(if lines.iter().all(|line| line.outcome.is_ok()) { Exit::Done } else { Exit::Refused })
}

fn defaults(ctx: &Ctx, args: &Args, newsroom: &Newsroom) -> Result<Defaults, CliError> {
    // The first as people see it: in the order of the file.
    let first = |keys: Vec<&String>| -> Vec<String> {
        let place = |key: &&&String| newsroom.config_text.find(&format!("\n  {key}:")).unwrap_or(usize::MAX);
        keys.iter().min_by_key(place).map(|key| (*key).clone()).into_iter().collect()
    };
    let chosen = |what: &str, given: &[String], known: Vec<&String>, default: Vec<String>| match given
        .iter()
        .find(|key| !known.contains(key))
    {
        Some(key) => Err(CliError::usage(format!("there is no {what} `{key}`"))),
        None => Ok(if given.is_empty() { default } else { given.to_vec() }),
    };
    let audiences: Vec<&String> = newsroom.audiences.keys().collect();
    let contacts: Vec<&String> = newsroom.contacts.keys().collect();
    let boilerplate: Vec<&String> = newsroom.boilerplate.keys().collect();
    let all = audiences.iter().map(|key| (*key).clone()).collect();
    Ok(Defaults {
        audiences: chosen("audience", &args.audiences, audiences, all)?,
        contacts: chosen("press contact", &args.contacts, contacts.clone(), first(contacts))?,
        boilerplate: chosen("boilerplate", &args.boilerplate, boilerplate.clone(), first(boilerplate))?,
        now: ctx.clock.now(),
    })
}

/// Reads the files; what cannot be read becomes a line.
fn read(root: &Path, files: &[PathBuf], newsroom: &Newsroom, lines: &mut Vec<Line>) -> Vec<Source> {
    let from = |file: &Path| file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
    let all: BTreeSet<String> = files.iter().map(|file| from(file)).collect();
    let mut spoken = vec![newsroom.language.clone()];
    spoken.extend(newsroom.languages.iter().cloned());
    let mut sources = Vec::new();
    for file in files {
        let from = from(file);
        let text = std::fs::read(file)
            .map_err(|error| error.to_string())
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned()));
        let read = text.and_then(|text| {
            let data = disk::directory_data(root, file)?;
            front::split(&text)?;
            Ok((text, data))
        });
        match read {
            Ok((text, data)) => {
                let name = identity::name(&from, &all, &spoken);
                sources.push(Source { from, file: file.clone(), text, name, data });
            }
            Err(error) => lines.push(Line { from, outcome: Err(error), notes: Vec::new() }),
        }
    }
    sources
}

struct Import<'a> {
    root: &'a Path,
    dir: &'a Path,
    site: Option<&'a str>,
    newsroom: &'a Newsroom,
    defaults: &'a Defaults,
    sources: &'a [Source],
    /// By the name that a translation shares with its original.
    homes: BTreeMap<String, Home>,
}

impl Import<'_> {
    /// Decides where every file goes, so that they can link to each other.
    fn settle(&mut self, lines: &mut Vec<Line>) {
        let mut taken: BTreeSet<String> = BTreeSet::new();
        let refuse = |source: &Source, error: String| Line {
            from: source.from.clone(),
            outcome: Err(error),
            notes: Vec::new(),
        };
        let mut translations = Vec::new();
        for source in self.sources {
            if source.name.translation {
                translations.push(source);
                continue;
            }
            let place = source
                .parts()
                .and_then(|parts| convert::place(&source.name, &parts.front, self.defaults.now));
            match place {
                Ok(place) => {
                    let wanted = place.slug.clone();
                    let slug = self.free(&place, &taken);
                    taken.insert(slug.clone());
                    let home = Home {
                        renamed: slug != wanted,
                        place: Place { slug, year: place.year },
                        folder: source.name.bundle && !disk::bundle(&source.file).is_empty(),
                    };
                    self.homes.insert(source.name.key.clone(), home);
                }
                Err(error) => lines.push(refuse(source, error)),
            }
        }
        for source in translations {
            if !self.homes.contains_key(&source.name.key) {
                lines.push(refuse(source, "its original was not imported".to_owned()));
            }
        }
        // A release and its translations share a folder as soon as one of them has pictures.
        for source in self.sources {
            let Some(home) = self.homes.get(&source.name.key).cloned() else { continue };
            if self.convert(source, &home, &[]).is_ok_and(|converted| !converted.pictures.is_empty())
                && let Some(home) = self.homes.get_mut(&source.name.key)
            {
                home.folder = true;
            }
        }
    }

    /// The slug, or the slug and something that tells it from another's.
    fn free(&self, place: &Place, taken: &BTreeSet<String>) -> String {
        let elsewhere = |slug: &str| {
            let here = format!("releases/{}/{slug}", place.year);
            self.newsroom.sources.iter().any(|file| {
                file.slug == slug
                    && !file.path.starts_with(&format!("{here}."))
                    && !file.path.starts_with(&format!("{here}/"))
            })
        };
        let slug = &place.slug;
        let mut candidate = slug.clone();
        let mut number = 1;
        while taken.contains(&candidate) || elsewhere(&candidate) {
            candidate = if number == 1 {
                format!("{slug}-{}", place.year)
            } else {
                format!("{slug}-{}-{number}", place.year)
            };
            number += 1;
        }
        candidate
    }

    fn convert(&self, source: &Source, home: &Home, beside: &[String]) -> Result<Converted, String> {
        let parts = source.parts()?;
        let find = |address: &str| disk::picture(self.root, &source.file, address).is_some();
        let page = |target: &str| self.page(source, home, target);
        let around = Around { find: &find, page: &page, site: self.site, beside };
        let mut converted = convert::convert(&source.name, &parts, &home.place, self.defaults, &around);
        if home.renamed {
            let note = format!("another release has its slug; it became `{}`", home.place.slug);
            converted.notes.insert(0, note);
        }
        Ok(converted)
    }

    /// Where the imported file that `target` means is, seen from the release of `source`.
    fn page(&self, source: &Source, home: &Home, target: &str) -> Option<String> {
        let (path, fragment) = target.split_at(target.find(['#', '?']).unwrap_or(target.len()));
        let folder = source.from.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut parts: Vec<&str> = if path.starts_with('/') {
            Vec::new()
        } else {
            folder.split('/').filter(|p| !p.is_empty()).collect()
        };
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let full = parts.join("/");
        let exact = |other: &&Source| {
            other.from == full
                || other.from == format!("{full}.md")
                || other.from == format!("{full}/index.md")
        };
        let last = path.rsplit('/').next().unwrap_or(path);
        let markdown = Path::new(path).extension().is_some_and(|end| end.eq_ignore_ascii_case("md"));
        let named = |other: &&Source| markdown && other.from.rsplit('/').next() == Some(last);
        let other = self.sources.iter().find(exact).or_else(|| {
            let mut named = self.sources.iter().filter(named);
            named.next().filter(|_| named.next().is_none())
        })?;
        let place = &self.homes.get(&other.name.key)?.place;
        let up = if home.folder { "../.." } else { ".." };
        Some(format!("{up}/{}/{}{fragment}", place.year, place.slug))
    }

    fn one(&self, source: &Source, home: &Home, dry_run: bool) -> Line {
        let (outcome, notes) = match self.write(source, home, dry_run) {
            Ok((path, notes)) => (Ok(path), notes),
            Err(error) => (Err(error), Vec::new()),
        };
        Line { from: source.from.clone(), outcome, notes }
    }

    fn write(&self, source: &Source, home: &Home, dry_run: bool) -> Result<(String, Vec<String>), String> {
        let Place { slug, year } = &home.place;
        let language = source.name.language.as_ref().filter(|_| source.name.translation);
        let suffix = language.map(|language| format!(".{language}")).unwrap_or_default();
        let stem = format!("releases/{year}/{slug}");
        let paths = [format!("{stem}{suffix}.md"), format!("{stem}/index{suffix}.md")];
        if let Some(known) = paths.iter().find(|path| self.dir.join(path).exists()) {
            return Err(format!("`{known}` exists already, and nothing is overwritten"));
        }
        let path = paths.into_iter().nth(usize::from(home.folder)).unwrap_or_default();

        let first = self.convert(source, home, &[])?;
        let mut files: Vec<(PathBuf, String)> = Vec::new();
        for picture in &first.pictures {
            let found = disk::picture(self.root, &source.file, &picture.source);
            files.extend(found.map(|found| (found, picture.name.clone())));
        }
        let mut beside = Vec::new();
        if source.name.bundle && !source.name.translation {
            for file in disk::bundle(&source.file) {
                let name = links::name(&file.file_name().unwrap_or_default().to_string_lossy());
                let known = files.iter().any(|(path, known)| *path == file || *known == name);
                if !known {
                    beside.push(name.clone());
                    files.push((file, name));
                }
            }
        }
        let converted = self.convert(source, home, &beside)?;
        if !dry_run {
            let target = self.dir.join(&path);
            let parent = target.parent().unwrap_or(self.dir);
            std::fs::create_dir_all(parent).map_err(|error| error.to_string())?;
            for (found, name) in &files {
                let copy = parent.join(name);
                if !copy.exists() {
                    std::fs::copy(found, copy).map_err(|error| format!("`{}`: {error}", found.display()))?;
                }
            }
            std::fs::write(&target, converted.text).map_err(|error| error.to_string())?;
        }
        Ok((path, converted.notes))
    }
}
