//! Releases as files of ninjs 3.1 in a folder, for news agencies to fetch (iptc.org/standards/ninjs).
//!
//! Each release and language has one file, `SLUG.LANGUAGE.json`, with a `uri` that never changes. A correction replaces it under the
//! next `version`, a hold says `withheld` and a kill `canceled`. Which version was the last is kept beside the files, so that it
//! goes on counting where the agency takes the files away. Writing the same again changes nothing, not even the version.

use std::path::Path;

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::adapter::{Adapter, Setup, settings};
use super::config::{Limits, OnUnknown};
use super::folder::{Folder, Trouble, plain};
use super::{Channel, Diagnosis, Failure, Gate, Parcel, Probe, Receipt, Reply, refused};
use crate::digest::Digest;
use crate::language::Language;
use crate::render::{Content, Edition};

/// A folder for agencies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NinjsConfig {
    /// The folder; relative to the newsroom.
    pub dir: String,
    /// The one language it speaks.
    pub language: Option<Language>,
    /// How fast it may be used.
    #[serde(default)]
    pub limits: Limits,
    /// What is done when nobody knows whether a delivery arrived.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

settings!(NinjsConfig, secrets(), addresses());

/// A folder for agencies.
pub struct Ninjs {
    folder: Folder,
}

/// What was written last under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Last {
    version: u64,
    /// The name of the item without its version.
    item: String,
}

impl Adapter for Ninjs {
    type Config = NinjsConfig;

    fn open(config: &NinjsConfig, setup: &Setup<'_>) -> Result<Ninjs, String> {
        Ok(Ninjs::new(&setup.root.join(&config.dir)))
    }
}

/// The item of an edition.
fn item(edition: &Edition) -> Result<&Value, Failure> {
    match &edition.content {
        Content::Json(value) if value["standard"]["name"] == "ninjs" => Ok(value),
        _ => Err(refused("this folder takes ninjs alone")),
    }
}

fn sha(item: &Value) -> String {
    Digest::of(item.to_string().as_bytes()).to_string()
}

impl Ninjs {
    fn new(root: &Path) -> Ninjs {
        Ninjs { folder: Folder::new(root) }
    }

    /// The file of an edition.
    fn name(edition: &Edition) -> Result<String, Failure> {
        let name = format!("{}.{}.json", edition.request.slug, edition.request.language);
        if plain(&name) { Ok(name) } else { Err(Trouble::Name(name).failure()) }
    }

    /// What was written last: what is noted, or what stands there if that is newer.
    fn last(&self, name: &str) -> Result<Option<Last>, Trouble> {
        let noted = self.folder.private().read(&format!("versions/{name}"))?;
        let noted: Option<Last> = noted.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let there: Option<Value> =
            self.folder.read(name)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let there = there.and_then(|mut item| {
            let version = item.as_object_mut()?.remove("version")?.as_str()?.parse().ok()?;
            Some(Last { version, item: sha(&item) })
        });
        Ok(noted.into_iter().chain(there).max_by_key(|last| last.version))
    }

    fn write(&self, name: &str, item: &Value) -> Result<u64, Trouble> {
        self.folder.make()?;
        let item_sha = sha(item);
        let version = match self.last(name)? {
            Some(last) if last.item == item_sha => last.version,
            Some(last) => last.version.saturating_add(1),
            None => 1,
        };
        let mut whole = item.clone();
        whole["version"] = Value::String(version.to_string());
        // First the note: a file that an agency fetches at once has its number for good.
        let note = serde_json::to_vec(&Last { version, item: item_sha }).unwrap_or_default();
        self.folder.private().write(&format!("versions/{name}"), &note)?;
        self.folder.write(name, format!("{whole:#}\n").as_bytes())?;
        Ok(version)
    }
}

#[async_trait]
impl Channel for Ninjs {
    async fn deliver(&self, parcel: &Parcel, gate: &dyn Gate) -> Result<Receipt, Failure> {
        let (item, name) = (item(&parcel.edition)?.clone(), Ninjs::name(&parcel.edition)?);
        gate.begin().await?;
        let (here, file) = (Ninjs { folder: self.folder.clone() }, name.clone());
        let version = tokio::task::spawn_blocking(move || here.write(&file, &item))
            .await
            .map_err(|_| Failure::again("writing broke off"))?
            .map_err(Trouble::failure)?;
        Ok(Receipt {
            remote_id: Some(name),
            url: None,
            reply: Reply::note(format!("written as version {version}")),
        })
    }

    async fn probe(&self, parcel: &Parcel) -> Probe {
        let (Ok(item), Ok(name)) = (item(&parcel.edition), Ninjs::name(&parcel.edition)) else {
            return Probe::CannotTell;
        };
        match (self.last(&name), self.folder.read(&name)) {
            (Ok(Some(last)), Ok(Some(_))) if last.item == sha(item) => Probe::Arrived(Receipt {
                reply: Reply::note(format!("the file is there as version {}", last.version)),
                remote_id: Some(name),
                url: None,
            }),
            // Writing again changes nothing that is right already.
            (Ok(_), Ok(_)) => Probe::Absent,
            _ => Probe::CannotTell,
        }
    }

    async fn examine(&self) -> Vec<Diagnosis> {
        let private = self.folder.private();
        let tried = self
            .folder
            .make()
            .and_then(|()| private.write("tried", b"1"))
            .and_then(|_| private.remove("tried"));
        let what = "ninjs: folder".to_owned();
        vec![match tried {
            Ok(()) => {
                Diagnosis { what, good: true, seen: self.folder.root().display().to_string(), hint: None }
            }
            Err(trouble) => {
                let hint = Some("let Dateline's user write to the channel's `dir`".to_owned());
                Diagnosis { what, good: false, seen: trouble.to_string(), hint }
            }
        }]
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::channel::scripted::{Counting, parcel};

    fn release(words: &str) -> Parcel {
        let item = json!({
            "standard": { "name": "ninjs" }, "uri": "https://news.halden.example/2026/aster-ev/", "title": words,
        });
        parcel(Content::Json(item), vec![])
    }

    struct Bench {
        dir: tempfile::TempDir,
        ninjs: Ninjs,
    }

    impl Bench {
        fn new() -> Bench {
            let dir = tempfile::tempdir().unwrap();
            Bench { ninjs: Ninjs::new(&dir.path().join("agency")), dir }
        }

        fn file(&self) -> std::path::PathBuf {
            self.dir.path().join("agency/aster-ev.en.json")
        }

        fn version(&self) -> String {
            let item: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
            format!("{} {}", item["version"].as_str().unwrap(), item["title"].as_str().unwrap())
        }

        async fn deliver(&self, words: &str) {
            self.ninjs.deliver(&release(words), &Counting::open()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_correction_has_the_next_version_and_a_repeat_has_the_same() {
        let bench = Bench::new();
        assert_eq!(bench.ninjs.probe(&release("one")).await, Probe::Absent);
        for (words, expected) in
            [("one", "1 one"), ("one", "1 one"), ("two", "2 two"), ("two", "2 two"), ("one", "3 one")]
        {
            bench.deliver(words).await;
            assert_eq!(bench.version(), expected);
            assert!(matches!(bench.ninjs.probe(&release(words)).await, Probe::Arrived(_)));
        }
        assert_eq!(bench.ninjs.probe(&release("two")).await, Probe::Absent);
    }

    #[tokio::test]
    async fn it_goes_on_counting_where_the_agency_takes_the_files_away() {
        let bench = Bench::new();
        bench.deliver("one").await;
        fs::remove_file(bench.file()).unwrap();
        assert_eq!(bench.ninjs.probe(&release("one")).await, Probe::Absent);
        bench.deliver("two").await;
        assert_eq!(bench.version(), "2 two");
        // Without its notes it believes what stands there.
        fs::remove_dir_all(bench.dir.path().join("agency/.dateline")).unwrap();
        bench.deliver("three").await;
        assert_eq!(bench.version(), "3 three");
    }

    #[tokio::test]
    async fn a_death_between_note_and_file_changes_no_version() {
        let bench = Bench::new();
        bench.deliver("one").await;
        let before = fs::read(bench.file()).unwrap();
        bench.deliver("two").await;
        fs::write(bench.file(), before).unwrap();
        bench.deliver("two").await;
        assert_eq!(bench.version(), "2 two");
    }

    #[tokio::test]
    async fn nothing_is_written_elsewhere_or_through_a_closed_gate() {
        let bench = Bench::new();
        let gate = Counting::closed();
        assert_eq!(bench.ninjs.deliver(&release("one"), &gate).await, Err(Failure::GateClosed));
        let mut evil = release("one");
        let mut edition = (*evil.edition).clone();
        edition.request.slug = "../../evil".to_owned();
        evil.edition = Arc::new(edition);
        let failure = bench.ninjs.deliver(&evil, &Counting::open()).await.unwrap_err();
        assert!(matches!(failure, Failure::Refused { .. }), "{failure}");
        let other = parcel(Content::Json(json!({ "event": "release.published" })), vec![]);
        assert!(bench.ninjs.deliver(&other, &Counting::open()).await.is_err());
        assert_eq!(fs::read_dir(bench.dir.path()).unwrap().count(), 0);
        assert!(bench.ninjs.examine().await[0].good);
    }
}
