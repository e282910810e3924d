//! The folder that is imported: its files, and what stands around each.

use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value};

use crate::cli::CliError;

/// What a folder holds.
#[derive(Default)]
pub struct Found {
    /// Markdown files, sorted.
    pub files: Vec<PathBuf>,
    /// Texts that are not read, and why.
    pub skipped: Vec<(PathBuf, &'static str)>,
    /// How many other files there are.
    pub others: usize,
}

/// Everything below `dir`; symbolic links are not followed.
pub fn walk(dir: &Path) -> Result<Found, CliError> {
    let mut found = Found::default();
    walk_into(dir, &mut found)?;
    found.files.sort();
    found.skipped.sort();
    Ok(found)
}

fn walk_into(dir: &Path, found: &mut Found) -> Result<(), CliError> {
    let entries = std::fs::read_dir(dir).map_err(|error| {
        CliError::usage(format!("cannot read `{}`: {error}", dir.display()))
            .hint("give the folder with the Markdown files")
    })?;
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if !name.starts_with('.') && name != "node_modules" {
                walk_into(&path, found)?;
            }
            continue;
        }
        if kind.is_symlink() {
            found.skipped.push((path, "a symbolic link is not followed"));
            continue;
        }
        match name.rsplit_once('.').map_or("", |(_, end)| end) {
            "md" | "markdown" if name.starts_with("_index.") => {
                found.skipped.push((path, "a section of the site, no item"));
            }
            "md" | "markdown" if name.starts_with("readme.") => {
                found.skipped.push((path, "it is about the folder"));
            }
            "md" | "markdown" => found.files.push(path),
            "html" | "htm" | "mdx" | "org" | "adoc" | "rst" | "textile" => {
                found.skipped.push((path, "it is not Markdown"));
            }
            _ if name.starts_with('.') => {}
            _ => found.others += 1,
        }
    }
    Ok(())
}

/// Where the file `source` is: beside the text, below the folder, or below its `static`, `assets` or `public`.
pub fn picture(root: &Path, file: &Path, source: &str) -> Option<PathBuf> {
    let source = source.split(['?', '#']).next().unwrap_or(source).replace("%20", " ");
    if source.is_empty() || source.contains("://") || source.starts_with("//") || source.contains('\0') {
        return None;
    }
    let below = source.trim_start_matches('/');
    let mut places = vec![root.join(below)];
    if let (false, Some(parent)) = (source.starts_with('/'), file.parent()) {
        places.insert(0, parent.join(below));
    }
    let mut bases = vec![root];
    bases.extend([root.parent(), root.parent().and_then(Path::parent)].into_iter().flatten());
    for base in &bases {
        places.extend(["static", "assets", "public"].map(|name| base.join(name).join(below)));
    }
    places.into_iter().filter_map(|place| inside(&place, &bases)).find(|place| {
        let markdown = place.extension().is_some_and(|end| end == "md" || end == "markdown");
        !markdown && std::fs::symlink_metadata(place).is_ok_and(|meta| meta.is_file())
    })
}

/// `path` without `..`, if it stays below the folder or one of its `static`, `assets`, `public`.
fn inside(path: &Path, bases: &[&Path]) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    let root = bases.first()?.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let apart = |base: &Path| ["static", "assets", "public"].map(|name| base.join(name));
    let stays = clean.starts_with(root)
        || bases.iter().flat_map(|base| apart(base)).any(|folder| clean.starts_with(folder));
    stays.then_some(clean)
}

/// The files beside a page bundle's text.
pub fn bundle(file: &Path) -> Vec<PathBuf> {
    let Some(entries) = file.parent().and_then(|parent| std::fs::read_dir(parent).ok()) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| entry.path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            !name.starts_with('.')
                && ![".md", ".markdown", ".json", ".js"].iter().any(|end| name.ends_with(end))
        })
        .collect();
    files.sort();
    files
}

/// What Eleventy's data files say for `file`: `posts/posts.json`, `posts/posts.11tydata.json` of its folder and
/// the folders above, and `NAME.11tydata.json` beside it. The nearest wins; lists are joined.
pub fn directory_data(root: &Path, file: &Path) -> Result<Map<String, Value>, String> {
    let mut data = Map::new();
    let mut folders: Vec<&Path> = file.ancestors().skip(1).take_while(|dir| dir.starts_with(root)).collect();
    folders.reverse();
    let mut names: Vec<PathBuf> = Vec::new();
    for folder in folders {
        if let Some(name) = folder.file_name().map(|name| name.to_string_lossy()) {
            names.extend(["json", "11tydata.json"].map(|end| folder.join(format!("{name}.{end}"))));
        }
    }
    names.push(file.with_extension("11tydata.json"));
    for name in names {
        let Ok(text) = std::fs::read_to_string(&name) else { continue };
        let read = serde_json::from_str(&text)
            .map_err(|error| format!("`{}` cannot be read: {error}", name.display()))?;
        merge(&mut data, read);
    }
    Ok(data)
}

/// Puts `nearer` over `data`.
pub fn merge(data: &mut Map<String, Value>, nearer: Map<String, Value>) {
    for (key, value) in nearer {
        match (data.get_mut(&key), value) {
            (Some(Value::Array(known)), Value::Array(more)) => known.extend(more),
            (Some(known @ Value::String(_)), Value::Array(more)) if key == "tags" => {
                let mut list = vec![known.take()];
                list.extend(more);
                *known = Value::Array(list);
            }
            (_, value) => {
                data.insert(key, value);
            }
        }
    }
}
