//! What the site holds: a record for each release and language, on disk and in memory.
//!
//! Several processes may write one site in turn: a lock file keeps them apart, and a counter says
//! whether somebody else has written since the records were read.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;

use serde::{Deserialize, Serialize};

use crate::channel::folder::{Folder, Trouble};
use crate::digest::Digest;
use crate::language::Language;
use crate::render::Entry;

/// A release in one language, as it stands on the site.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// The page's path below the site, with a slash at its end.
    pub path: String,
    /// What lists show of it. In memory without the body.
    pub entry: Entry,
    /// Files beside the page.
    pub files: Vec<String>,
}

impl Record {
    /// The part of the site that its language has: nothing, or `sv/`.
    pub fn section(&self) -> &str {
        section(&self.path, &self.entry.language)
    }

    /// The year in its address.
    pub fn year(&self) -> String {
        let rest = self.path.strip_prefix(self.section()).unwrap_or(&self.path);
        match rest.split('/').next() {
            Some(year) if year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit()) => {
                year.to_owned()
            }
            _ => self.entry.published.strftime("%Y").to_string(),
        }
    }
}

/// The part of the site that a page in `language` at `path` belongs to.
pub fn section<'a>(path: &'a str, language: &Language) -> &'a str {
    let length = language.as_str().len() + 1;
    match path.get(..length) {
        Some(start) if start.ends_with('/') && start.starts_with(language.as_str()) => start,
        _ => "",
    }
}

/// The name of a release's record.
pub fn id(entry: &Entry) -> Digest {
    Digest::of_fields(&[entry.slug.as_bytes(), entry.language.as_str().as_bytes()])
}

/// The records.
#[derive(Debug)]
pub struct Store {
    folder: Folder,
    records: BTreeMap<Digest, Record>,
    generation: Option<u64>,
}

impl Store {
    /// The records below `site`, which are read when they are needed.
    pub fn new(site: &Folder) -> Store {
        Store { folder: site.private(), records: BTreeMap::new(), generation: None }
    }

    /// Waits until nobody else writes the site. The lock ends with the returned file.
    pub fn lock(&self) -> Result<File, Trouble> {
        let path = self.folder.root().join("lock");
        let locked = (|| {
            fs::create_dir_all(self.folder.root())?;
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock()?;
            Ok(file)
        })();
        locked.map_err(|source: io::Error| Trouble::Disk { path: path.display().to_string(), source })
    }

    /// Reads what others have written. Call with the lock held.
    pub fn refresh(&mut self) -> Result<(), Trouble> {
        let generation = self.read_generation()?;
        if self.generation != Some(generation) {
            self.records = self.read_all()?;
            self.generation = Some(generation);
        }
        Ok(())
    }

    /// All records, as of the last [`Store::refresh`] or [`Store::put`].
    pub fn records(&self) -> &BTreeMap<Digest, Record> {
        &self.records
    }

    /// The whole record, with its body.
    pub fn whole(&self, id: Digest) -> Result<Option<Record>, Trouble> {
        let Some(bytes) = self.folder.read(&file(id))? else { return Ok(None) };
        // A record that cannot be read counts as none: the release is listed again when it is next written.
        Ok(serde_json::from_slice(&bytes).ok())
    }

    /// Replaces a record.
    pub fn put(&mut self, record: Record) -> Result<(), Trouble> {
        let generation = self.read_generation()?.wrapping_add(1);
        // First the counter: if we stop here, others read once too often.
        self.folder.write("generation", generation.to_string().as_bytes())?;
        let id = id(&record.entry);
        let bytes = serde_json::to_vec(&record).map_err(|error| Trouble::Disk {
            path: file(id),
            source: io::Error::new(io::ErrorKind::InvalidData, error),
        })?;
        self.generation = None;
        self.folder.write(&file(id), &bytes)?;
        self.records.insert(id, light(record));
        self.generation = Some(generation);
        Ok(())
    }

    /// The digest of the edition that was written last, with all that lists it.
    pub fn done(&self, id: Digest) -> Result<Option<String>, Trouble> {
        Ok(self.folder.read(&format!("done/{id}"))?.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// Notes that `edition` is written, with all that lists it.
    pub fn set_done(&self, id: Digest, edition: Digest) -> Result<(), Trouble> {
        self.folder.write(&format!("done/{id}"), edition.to_string().as_bytes()).map(|_| ())
    }

    fn read_generation(&self) -> Result<u64, Trouble> {
        let bytes = self.folder.read("generation")?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0))
    }

    fn read_all(&self) -> Result<BTreeMap<Digest, Record>, Trouble> {
        let path = self.folder.root().join("entries");
        let files = match fs::read_dir(&path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(source) => return Err(Trouble::Disk { path: path.display().to_string(), source }),
        };
        let records = files
            .filter_map(|file| fs::read(file.ok()?.path()).ok())
            .filter_map(|bytes| serde_json::from_slice::<Record>(&bytes).ok())
            .map(|record| (id(&record.entry), light(record)))
            .collect();
        Ok(records)
    }
}

fn file(id: Digest) -> String {
    format!("entries/{id}.json")
}

fn light(mut record: Record) -> Record {
    record.entry.content_html = String::new();
    record
}
