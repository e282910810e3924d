//! What the documentation shows is true: every command line parses, every example file has no errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use dateline::finding::Severity;
use dateline::newsroom::Newsroom;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    pages
}

/// The fenced blocks of a page: language, text.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

/// Words as a shell would part them, with `"…"`.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_command_in_the_documentation_parses() {
    let mut seen = 0;
    for page in pages() {
        for (language, text) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            if !matches!(language.as_str(), "sh" | "") {
                continue;
            }
            for line in text.lines() {
                let line = line.split(" #").next().unwrap_or_default().trim();
                let line = line.strip_prefix("$ ").unwrap_or(line);
                let command = line
                    .strip_prefix("cargo run --release -- ")
                    .map(|rest| format!("dateline {rest}"))
                    .unwrap_or(line.to_owned());
                if !command.starts_with("dateline ") {
                    continue;
                }
                if let Err(error) = dateline::cli::Cli::try_parse_from(words(&command)) {
                    panic!("{}: `{line}`: {error}", page.display());
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 15, "only {seen} commands were found; has the form of the documentation changed?");
}

/// The example newsroom with one more file.
pub fn newsroom_with(path: &str, text: &str) -> Newsroom {
    newsroom_of([(path.to_owned(), text.to_owned())])
}

/// The example newsroom with these files.
pub fn newsroom_of(more: impl IntoIterator<Item = (String, String)>) -> Newsroom {
    fn walk(dir: &Path, files: &mut BTreeMap<String, Arc<[u8]>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
                files.insert(name, std::fs::read(&path).unwrap().into());
            }
        }
    }
    let mut files = BTreeMap::new();
    for dir in ["audiences", "templates"] {
        walk(&root().join(dir), &mut files);
    }
    files.insert("dateline.yaml".into(), std::fs::read(root().join("dateline.yaml")).unwrap().into());
    files.extend(more.into_iter().map(|(path, text)| (path, text.as_bytes().into())));
    Newsroom::build(None, files)
}

#[test]
fn every_example_file_in_the_documentation_is_right() {
    let mut seen = 0;
    for page in pages() {
        for (language, text) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            let path = match language.as_str() {
                "markdown" if text.starts_with("---\n") => "releases/2026/example-of-the-docs.md".to_owned(),
                "yaml" if text.starts_with("# audiences/") => {
                    text.lines().next().unwrap().trim_start_matches("# ").to_owned()
                }
                _ => continue,
            };
            let newsroom = newsroom_with(&path, &text);
            let errors: Vec<_> = newsroom
                .findings
                .iter()
                .filter(|finding| finding.severity == Severity::Error && finding.file == path)
                .collect();
            assert!(errors.is_empty(), "{}: {errors:#?}", page.display());
            seen += 1;
        }
    }
    assert!(seen >= 2, "only {seen} example files were found");
}
