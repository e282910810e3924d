//! The Nu HTML Checker and axe, and what of their words is accepted.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::super::browser::Tab;
use super::documents::{Document, root};

/// What the checker says about mails alone, and why it stays so.
const ACCEPTED: [(&str, &str); 2] = [
    // Outlook on Windows lays out with Word, which takes the space inside and between cells, widths, and where
    // things stand from these attributes alone. The checker warns of them, and counts no error.
    ("attribute on the “table” element is obsolete", "warning"),
    ("attribute on the “td” element is obsolete", "warning"),
];

/// Where the judges are; nothing where they are not installed.
pub fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("DATELINE_TEST_PAGES").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("skipped: DATELINE_TEST_PAGES is not set; `tests/endpoints/pages.sh start DIR` sets it");
    }
    folder
}

/// Errors and warnings of the Nu HTML Checker that are not accepted.
pub fn checker(folder: &Path, documents: &[Document]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-jar"]).arg(folder.join("node_modules/vnu-jar/build/dist/vnu.jar"));
    command.args(["--format", "json", "--exit-zero-always", "--stdout"]);
    for (at, document) in documents.iter().enumerate() {
        let path = dir.path().join(format!("{at}.html"));
        std::fs::write(&path, &document.html).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let mut complaints = Vec::new();
    for message in said["messages"].as_array().unwrap() {
        let words = message["message"].as_str().unwrap_or_default();
        let at = message["url"].as_str().and_then(|url| url.rsplit('/').next()?.strip_suffix(".html"));
        let document = &documents[at.unwrap().parse::<usize>().unwrap()];
        let kind = message["subType"].as_str().or(message["type"].as_str()).unwrap_or_default();
        let accepted = document.mail && ACCEPTED.iter().any(|(part, of)| words.contains(part) && *of == kind);
        if !accepted {
            complaints.push(format!("{}: {kind}: {words}: {}", document.name, message["extract"]));
        }
    }
    complaints
}

/// axe in Chromium.
pub struct Axe {
    tab: Tab,
    script: String,
    dir: tempfile::TempDir,
}

/// How a document is looked at: its name, the screen's width and colours, and whether Outlook turns the colours.
const LOOKS: [(&str, u32, &str, bool); 3] =
    [("narrow", 320, "light", false), ("dark", 360, "dark", false), ("Outlook's dark", 700, "light", true)];

impl Axe {
    /// Opens a browser; nothing where there is none.
    pub fn open(folder: &Path) -> Option<Axe> {
        // Pictures come from the disk, and nothing from anywhere else.
        let tab = Tab::open(&[
            "--host-resolver-rules=MAP * ~NOTFOUND".to_owned(),
            "--allow-file-access-from-files".to_owned(),
        ])?;
        let script = std::fs::read_to_string(folder.join("node_modules/axe-core/axe.min.js")).unwrap();
        Some(Axe { tab, script, dir: tempfile::tempdir().unwrap() })
    }

    /// What axe finds, and what does not fit the width of a small screen.
    pub fn judge(&mut self, document: &Document) -> Vec<String> {
        let path = self.dir.path().join("document.html");
        std::fs::write(&path, from_disk(&document.html)).unwrap();
        let mut complaints = Vec::new();
        // A mail stands inside of a mail program, which has the landmarks of the page.
        let all = if document.mail {
            "{ rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } } }"
        } else {
            "{}"
        };
        for (look, width, scheme, outlook) in LOOKS {
            if outlook && !document.mail {
                continue;
            }
            show(&mut self.tab, width, scheme);
            self.tab.visit(&format!("file://{}?{}", path.display(), look.len()));
            self.tab.until("document.readyState === 'complete'");
            if outlook {
                self.tab.evaluate("document.body.setAttribute('data-ogsc', ''); document.body.setAttribute('data-ogsb', '')");
            }
            self.tab.evaluate(&format!("{};1", self.script));
            // The dark changes colours and nothing else.
            let what = if look == "narrow" { all } else { "{ runOnly: ['color-contrast'] }" };
            let found = self.tab.evaluate(&format!(
                "axe.run(document, {what}).then(found => found.violations.map(it => it.id + ': ' + it.help + ': ' + \
                 it.nodes.map(node => node.html.slice(0, 200) + ' ' + (node.any[0]?.message ?? '')).slice(0, 3).join(' | ')))"
            ));
            let found =
                found.as_array().unwrap_or_else(|| panic!("{}: axe said nothing: {found}", document.name));
            complaints.extend(found.iter().map(|words| format!("{} ({look}): {words}", document.name)));
            let wide = self.tab.evaluate("document.documentElement.scrollWidth").as_u64().unwrap();
            if wide > u64::from(width) {
                complaints
                    .push(format!("{} ({look}): {wide} pixels wide on a screen of {width}", document.name));
            }
        }
        complaints
    }
}

/// Sets the tab's width and colours.
pub fn show(tab: &mut Tab, width: u32, scheme: &str) {
    tab.call(
        "Emulation.setDeviceMetricsOverride",
        &json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 }),
    );
    let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
    tab.call("Emulation.setEmulatedMedia", &feature);
}

/// `html` with the pictures of the example newsroom from the disk.
pub fn from_disk(html: &str) -> String {
    let site = "src=\"https://news.halden.example/";
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(site) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let path = &after[site.len()..after[5..].find('"').unwrap() + 5];
        let file = path.split('/').next_back().unwrap();
        let folder = path.trim_end_matches(file).split('/').rev().nth(1).unwrap();
        let place = ["2026", "2025"].map(|year| root().join("releases").join(year).join(folder).join(file));
        let place = place.into_iter().find(|place| place.exists());
        let place = place.unwrap_or_else(|| root().join("releases/2026/aster-ev").join(file));
        out.push_str(&format!("src=\"file://{}", place.display()));
        rest = &after[site.len() + path.len()..];
    }
    out.push_str(rest);
    out
}
