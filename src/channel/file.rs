//! Editions as files in a folder, for whoever fetches them: agencies, archives, other programs.
//!
//! Each release, language and audience has one place, `SLUG/LANGUAGE/AUDIENCE/`: `edition.json` as
//! the webhook would send it, the text in it as `edition.html` and `edition.txt`, and the media.
//! A correction replaces them, a kill leaves `edition.json` alone, which says that it is withdrawn.
//! `edition.json` is written last, so whoever waits for it finds the rest.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::config::FileConfig;
use super::folder::{Folder, Trouble, plain};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply};
use crate::release::Notice;
use crate::render::{Content, Edition};

const EDITION: &str = "edition.json";
const OURS: [&str; 3] = [EDITION, "edition.html", "edition.txt"];

/// A folder that editions are written to.
pub struct Files {
    folder: Folder,
}

impl Files {
    /// Opens the folder that `config` names, relative to `root`. Writes nothing yet.
    pub fn open(config: &FileConfig, root: &Path) -> Files {
        Files { folder: Folder::new(root.join(&config.dir)) }
    }
}

/// Where an edition stands below the folder.
fn place(edition: &Edition) -> String {
    let request = &edition.request;
    format!("{}/{}/{}", request.slug, request.language, request.audience)
}

fn bytes(edition: &Edition) -> Result<Vec<u8>, Failure> {
    let Content::Json(value) = &edition.content else {
        let reply = Reply::note("files are written from JSON alone");
        return Err(Failure::Refused { reply, suppress: false });
    };
    Ok(format!("{value:#}\n").into_bytes())
}

/// A member of the JSON, at its top or in `data`.
fn member<'a>(edition: &'a Edition, name: &str) -> Option<&'a str> {
    let Content::Json(value) = &edition.content else { return None };
    [value.get(name), value.get("data").and_then(|data| data.get(name))]
        .into_iter()
        .flatten()
        .find_map(|v| v.as_str())
}

fn write(folder: &Folder, edition: &Edition, notice: Notice, json: &[u8]) -> Result<(), Trouble> {
    let place = place(edition);
    let inside = |name: &str| format!("{place}/{name}");
    if let Some(asset) =
        edition.assets.iter().find(|asset| !plain(&asset.name) || OURS.contains(&asset.name.as_str()))
    {
        return Err(Trouble::Name(asset.name.clone()));
    }
    folder.make()?;
    let withdrawn = notice == Notice::Kill;
    let mut names = vec![EDITION.to_owned()];
    if withdrawn {
        folder.write(&inside(EDITION), json)?;
    } else {
        for asset in &edition.assets {
            folder.write(&inside(&asset.name), &asset.bytes)?;
            names.push(asset.name.clone());
        }
        for (name, from) in [("edition.html", "html"), ("edition.txt", "text")] {
            if let Some(text) = member(edition, from) {
                folder.write(&inside(name), text.as_bytes())?;
                names.push(name.to_owned());
            }
        }
        folder.write(&inside(EDITION), json)?;
    }
    for name in folder.names(&place)?.iter().filter(|name| plain(name) && !names.contains(name)) {
        folder.remove(&inside(name))?;
    }
    Ok(())
}

#[async_trait]
impl Channel for Files {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let json = bytes(&parcel.edition)?;
        if !gate.open().await {
            return Err(Failure::GateClosed);
        }
        let (folder, edition, notice) = (self.folder.clone(), Arc::clone(&parcel.edition), parcel.notice);
        let place = place(&edition);
        tokio::task::spawn_blocking(move || write(&folder, &edition, notice, &json))
            .await
            .map_err(|_| Failure::again("writing broke off"))?
            .map_err(Trouble::failure)?;
        Ok(Receipt { remote_id: Some(place), url: None, reply: Reply::note("written") })
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        let (Ok(json), place) = (bytes(&parcel.edition), place(&parcel.edition)) else {
            return Probe::CannotTell;
        };
        match self.folder.read(&format!("{place}/{EDITION}")) {
            Ok(Some(there)) if there == json && parcel.notice != Notice::Kill => Probe::Arrived(Receipt {
                remote_id: Some(place),
                url: None,
                reply: Reply::note("the file is there"),
            }),
            // Writing again changes nothing that is right already.
            Ok(_) => Probe::Absent,
            Err(_) => Probe::CannotTell,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let folder = self.folder.private();
        let tried = self
            .folder
            .make()
            .and_then(|()| folder.write("tried", b"1"))
            .and_then(|_| folder.remove("tried"));
        let (good, seen, hint) = match tried {
            Ok(()) => (true, self.folder.root().display().to_string(), None),
            Err(trouble) => (
                false,
                trouble.to_string(),
                Some("let Dateline's user write to the channel's `dir`".to_owned()),
            ),
        };
        vec![Diagnosis { what: "file: folder".to_owned(), good, seen, hint }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::scripted::{Counting, parcel, picture};

    fn open() -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        let config = serde_json::from_value(serde_json::json!({"dir": "out"})).unwrap();
        let files = Files::open(&config, dir.path());
        (dir, files)
    }

    fn event(text: &str, assets: &[&str]) -> Parcel {
        let content =
            serde_json::json!({"type": "release.published", "data": {"text": text, "html": "<p>x</p>"}});
        parcel(Content::Json(content), assets.iter().map(|name| picture(name, b"JPEG")).collect())
    }

    fn names(files: &Files) -> String {
        let mut names = files.folder.names("aster-ev/en/enthusiasts").unwrap();
        names.sort();
        names.join(" ")
    }

    #[tokio::test]
    async fn an_edition_has_one_place_and_the_newest_stands_there() {
        let (_dir, files) = open();
        let first = event("one", &["a.jpg"]);
        assert_eq!(files.probe(&first).await, Probe::Absent);
        files.deliver(&first, &Counting::open()).await.unwrap();
        assert!(matches!(files.probe(&first).await, Probe::Arrived(_)));
        assert_eq!(names(&files), "a.jpg edition.html edition.json edition.txt");
        let second = event("two", &["b.jpg"]);
        assert_eq!(files.probe(&second).await, Probe::Absent);
        files.deliver(&second, &Counting::open()).await.unwrap();
        assert_eq!(names(&files), "b.jpg edition.html edition.json edition.txt");
        let mut kill = event("withdrawn", &["b.jpg"]);
        kill.notice = Notice::Kill;
        files.deliver(&kill, &Counting::open()).await.unwrap();
        assert_eq!(names(&files), "edition.json");
    }

    #[tokio::test]
    async fn names_lead_nowhere_else() {
        let (dir, files) = open();
        for name in ["../a.jpg", "edition.json", ".htaccess", "a/b"] {
            let failure = files.deliver(&event("x", &[name]), &Counting::open()).await.unwrap_err();
            assert!(matches!(failure, Failure::Refused { .. }), "{name}: {failure}");
        }
        let mut parcel = event("x", &[]);
        let mut edition = (*parcel.edition).clone();
        edition.request.slug = "../../x".to_owned();
        parcel.edition = Arc::new(edition);
        let failure = files.deliver(&parcel, &Counting::open()).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { .. }), "{failure}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[tokio::test]
    async fn a_closed_gate_writes_nothing() {
        let (dir, files) = open();
        let failure = files.deliver(&event("x", &[]), &Counting::closed()).await.unwrap_err();
        assert_eq!(failure, Failure::GateClosed);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
