//! Who may import whom, and the absences that ARCHITECTURE.md promises, read from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The bottom: known to everybody, knowing nobody (but `yaml`, which makes findings).
const BOTTOM: &[&str] = &["clock", "crashpoint", "digest", "finding", "language", "secret", "token", "yaml"];

/// A module and what it may import beside the bottom. `cli` may import everything.
const TABLE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("crashpoint", &[]),
    ("digest", &[]),
    ("finding", &["digest"]),
    ("language", &[]),
    ("secret", &[]),
    ("token", &["digest"]),
    ("yaml", &[]),
    ("release", &[]),
    ("contact", &[]),
    ("audience", &["contact"]),
    ("newsroom", &["release", "audience", "contact"]),
    ("check", &["render", "newsroom", "release", "audience", "contact"]),
    ("plan", &["newsroom", "release", "audience", "contact"]),
    ("render", &["newsroom", "release", "audience", "contact"]),
    ("load", &["newsroom", "release"]),
    ("ledger", &["render", "plan", "newsroom", "release", "audience", "contact"]),
    ("channel", &["render", "newsroom", "release", "contact"]),
    ("dispatch", &["ledger", "channel", "render", "plan", "newsroom", "release", "contact"]),
    ("intake", &["ledger", "contact", "release"]),
    ("web", &["ledger", "intake", "newsroom", "audience", "contact", "release"]),
    ("preview", &["load", "check", "plan", "render", "newsroom", "release", "audience", "contact"]),
    (
        "daemon",
        &[
            "load", "check", "plan", "render", "ledger", "dispatch", "intake", "web", "newsroom", "release",
            "audience", "contact",
        ],
    ),
    (
        "config",
        &[
            "channel", "ledger", "dispatch", "intake", "daemon", "web", "newsroom", "release", "audience",
            "contact",
        ],
    ),
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file below `src`: its path there, and its text without tests and comments.
fn modules() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
            let code: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
            (name, code.join("\n"))
        })
        .filter(|(name, _)| !name.split('/').any(|part| part == "tests" || part == "tests.rs"))
        .collect()
}

fn top(name: &str) -> &str {
    name.split('/').next().unwrap_or(name).trim_end_matches(".rs")
}

/// The top modules that `code` names after `crate::`, also in `crate::{a, b}`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let word =
            |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        if let Some(list) = rest.strip_prefix('{') {
            let mut depth = 1;
            let mut item = true;
            for (i, c) in list.char_indices() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 1 => item = true,
                    c if item && !c.is_whitespace() => {
                        found.insert(word(&list[i..]));
                        item = false;
                    }
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
        } else {
            found.insert(word(rest));
        }
    }
    found
}

#[test]
fn a_module_imports_only_what_stands_below_it() {
    let table: BTreeMap<&str, &[&str]> = TABLE.iter().copied().collect();
    let mut wrong = Vec::new();
    for (name, code) in modules() {
        let module = top(&name);
        if matches!(module, "main" | "lib" | "cli") {
            continue;
        }
        let Some(allowed) = table.get(module) else {
            wrong.push(format!("src/{name}: `{module}` is not in the table"));
            continue;
        };
        for import in imports(&code) {
            let fine = import == module
                || allowed.contains(&import.as_str())
                || (BOTTOM.contains(&import.as_str()) && !BOTTOM.contains(&module))
                || (matches!(module, "yaml") && import == "finding");
            if !fine {
                wrong.push(format!("src/{name} imports crate::{import}"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Something that may be named in some places only.
struct Absence {
    what: &'static [&'static str],
    only_in: &'static [&'static str],
}

const ABSENCES: &[Absence] = &[
    Absence { what: &["rusqlite"], only_in: &["ledger/sqlite"] },
    Absence { what: &["tokio_postgres"], only_in: &["ledger/postgres"] },
    Absence {
        what: &["TcpStream", "TcpListener", "UdpSocket", "UnixListener", "reqwest::", "axum::serve"],
        only_in: &["channel/", "intake/", "web/", "preview/", "cli/demo/"],
    },
    Absence { what: &["Timestamp::now(", "Zoned::now(", "SystemTime::now("], only_in: &["clock/"] },
    Absence { what: &["println!", "print!(", "eprint"], only_in: &["cli/"] },
    Absence { what: &["env::var", "env::vars"], only_in: &["config.rs", "config/"] },
];

#[test]
fn what_is_absent_stays_absent() {
    let mut wrong = Vec::new();
    for (name, code) in modules() {
        for Absence { what, only_in } in ABSENCES {
            if only_in.iter().any(|place| name.starts_with(place)) {
                continue;
            }
            for word in what.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("src/{name} names `{word}`; only {only_in:?} may"));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn the_preview_cannot_send() {
    for (name, code) in modules().iter().filter(|(name, _)| top(name) == "preview") {
        for word in ["ledger", "dispatch", "crate::channel", ".post(", ".put(", ".delete(", ".patch("] {
            assert!(!code.contains(word), "src/{name} names `{word}`");
        }
    }
}

#[test]
fn forbidden_crates_are_not_in_the_lock_file() {
    let lock = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock")).unwrap();
    for name in ["serde_yaml", "serde_yml", "openssl-sys", "aws-lc-rs", "aws-lc-sys"] {
        assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is in Cargo.lock");
    }
}

#[test]
fn imports_are_read_from_every_form() {
    for (code, expected) in [
        ("use crate::plan::Plan;", "plan"),
        ("use crate::{ledger::{a, b}, plan};", "ledger plan"),
        ("let x = crate::clock::Clock::system();", "clock"),
        ("pub(crate) fn f() {}", ""),
    ] {
        let found: Vec<String> = imports(code).into_iter().collect();
        assert_eq!(found.join(" "), expected, "{code}");
    }
}
