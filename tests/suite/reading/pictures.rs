//! The pictures of mails in the documentation.
//!
//! `DATELINE_PICTURES=docs/pictures cargo test --all-features --test suite reading::pictures` takes them anew.

use base64::Engine as _;
use serde_json::json;

use super::super::browser::Tab;
use super::documents::{every_document, root};
use super::judges::{from_disk, show};

/// File, document, width of the screen, height of the picture, colours, and whether pictures are shown.
const PICTURES: [(&str, &str, u32, u32, &str, bool); 8] = [
    ("mail-wide", "mail aster-ev trade-media en original", 720, 900, "light", true),
    ("mail-narrow", "mail aster-ev trade-media en original", 360, 780, "light", true),
    ("mail-dark", "mail aster-ev trade-media en original", 360, 780, "dark", true),
    ("mail-without-pictures", "mail aster-ev trade-media en original", 360, 780, "light", false),
    ("mail-advisory", "mail preview-advisory trade-media en original", 720, 900, "light", true),
    ("mail-round-up", "mail digest enthusiasts en original", 720, 900, "light", true),
    ("mail-arabic", "mail world world ar original", 360, 780, "light", true),
    ("mail-japanese", "mail world world ja original", 360, 780, "light", true),
];

#[test]
fn pictures_are_taken_where_somebody_asks_for_them() {
    let Some(folder) = std::env::var_os("DATELINE_PICTURES") else {
        eprintln!("skipped: DATELINE_PICTURES does not say where the pictures go");
        return;
    };
    let extra =
        ["--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files", "--hide-scrollbars"];
    let mut tab = Tab::open(&extra.map(str::to_owned)).expect("chromium takes them");
    let folder = root().join(folder);
    std::fs::create_dir_all(&folder).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let documents = every_document();
    for (name, wanted, width, height, scheme, images) in PICTURES {
        let document = documents.iter().find(|document| document.name == wanted).expect(wanted);
        let html = if images { from_disk(&document.html) } else { document.html.clone() };
        let path = dir.path().join(format!("{name}.html"));
        std::fs::write(&path, html).unwrap();
        show(&mut tab, width, scheme);
        tab.visit(&format!("file://{}", path.display()));
        tab.until("document.readyState === 'complete'");
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let taken = tab.call("Page.captureScreenshot", &json!({ "format": "png", "clip": clip }));
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(taken["data"].as_str().unwrap()).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }
}
