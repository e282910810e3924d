//! The newsroom as it stands in a commit of the repository that its folder is in.

use std::path::Path;

use crate::load::{self, LoadError};
use crate::newsroom::Newsroom;
use crate::release::Cache;

/// The full name of the commit that `revision` stands for, and where to read it from. An error is words for the editor.
pub fn resolve(dir: &Path, revision: &str) -> Result<Commit, String> {
    let root = dir.ancestors().find(|folder| folder.join(".git").exists());
    let root = root.ok_or("the newsroom is in no git repository")?;
    let git_dir = load::git_dir(root).map_err(words)?;
    let name = load::resolve(&git_dir, revision).map_err(words)?;
    let below = dir.strip_prefix(root).ok().and_then(Path::to_str).unwrap_or_default().to_owned();
    Ok(Commit { name, git_dir, below })
}

/// A commit that is there.
pub struct Commit {
    /// Its full name.
    pub name: String,
    git_dir: std::path::PathBuf,
    below: String,
}

impl Commit {
    /// Reads the newsroom.
    pub fn newsroom(&self) -> Result<Newsroom, String> {
        let files = load::commit_files(&self.git_dir, &self.name, &self.below).map_err(words)?;
        Ok(files.newsroom(&mut Cache::default()))
    }
}

fn words(error: LoadError) -> String {
    error.to_string()
}
