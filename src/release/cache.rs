//! What was made of files is kept, so that a second look costs next to nothing.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::finding::Finding;
use crate::release::{File, Release, in_parallel, parse};

/// One parsed file, with what is wrong with it.
pub type Parsed = Arc<(Arc<File>, Vec<Finding>)>;

/// What the last look at a newsroom made of its files: what did not change is not made again.
///
/// It holds what the last look asked for, so it never outgrows one newsroom. Nothing is found by a
/// digest: what is kept is taken only where the bytes it was made from are the same.
#[derive(Debug, Default, Clone)]
pub struct Cache {
    /// Parsed files in the order of their paths; their own text says what they were parsed from.
    files: Vec<Parsed>,
    /// The files that are no releases, among which the releases below were put together.
    beside: BTreeMap<String, Arc<[u8]>>,
    /// Releases, or what is wrong with them, in the order of their slugs.
    whole: Vec<Arc<Whole>>,
}

/// The files of one slug, put together.
#[derive(Debug)]
pub(crate) struct Whole {
    /// What it was made from: at least one file.
    pub files: Vec<Parsed>,
    /// What came of it.
    pub release: Option<Arc<Release>>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// So many files are parsed at once; then their bytes are let go, for the parsed file has its text.
const BLOCK: usize = 2_048;

impl Cache {
    /// Parses every file that is not known by its path and content, on all processors; the order is kept.
    pub fn parse_all(&mut self, files: impl IntoIterator<Item = (String, Arc<[u8]>)>) -> Vec<Parsed> {
        let mut files = files.into_iter();
        let mut parsed: Vec<Parsed> = Vec::with_capacity(files.size_hint().0);
        loop {
            let block: Vec<(String, Arc<[u8]>)> = files.by_ref().take(BLOCK).collect();
            if block.is_empty() {
                break;
            }
            let before = parsed.len();
            parsed.extend(in_parallel(block.iter().enumerate(), |(at, (path, bytes))| {
                let known = find(&self.files, before + at, |known| known.0.path.as_str().cmp(path));
                let known = known.filter(|known| known.0.text.as_bytes() == &**bytes);
                known.cloned().unwrap_or_else(|| Arc::new(parse_bytes(path, bytes)))
            }));
        }
        // What is not UTF-8 has another text than its bytes, and could be taken for a file that has
        // this text.
        let encoded = |parsed: &&Parsed| parsed.1.iter().all(|finding| finding.code != ENCODING);
        self.files = parsed.iter().filter(encoded).cloned().collect();
        if !self.files.is_sorted_by(|a, b| a.0.path <= b.0.path) {
            self.files.sort_by(|a, b| a.0.path.cmp(&b.0.path));
        }
        parsed
    }

    /// Begins to put releases together among the files `beside`: while one of those is another, no
    /// release is the same.
    pub(crate) fn among(&mut self, beside: &BTreeMap<String, Arc<[u8]>>) {
        if self.beside != *beside {
            self.beside.clone_from(beside);
            self.whole.clear();
        }
    }

    /// What became of `files` before, among the same other files; it may stand at place `at`.
    pub(crate) fn whole(&self, at: usize, files: &[&Parsed]) -> Option<Arc<Whole>> {
        let slug = files.first()?.0.slug.as_str();
        let known = find(&self.whole, at, |whole| whole.slug().cmp(slug))?;
        let same = known.files.len() == files.len()
            && known.files.iter().zip(files).all(|(known, file)| Arc::ptr_eq(known, file));
        same.then(|| Arc::clone(known))
    }

    /// Keeps what was put together, in the order of slugs, and nothing else.
    pub(crate) fn keep(&mut self, whole: Vec<Arc<Whole>>) {
        self.whole = whole;
    }
}

impl Whole {
    fn slug(&self) -> &str {
        self.files.first().map_or("", |file| &file.0.slug)
    }
}

/// The one of `kept`, which are in order, that is equal by `compare`. Where little changed it stands at place `at`.
pub(crate) fn find<T>(kept: &[T], at: usize, compare: impl Fn(&T) -> Ordering) -> Option<&T> {
    kept.get(at).filter(|kept| compare(kept) == Ordering::Equal).or_else(|| {
        let place = kept.binary_search_by(&compare).ok()?;
        kept.get(place)
    })
}

/// What `map` has of each of `keys`, which are in order: both are walked through once.
pub(crate) fn beside<'m, 'k, V>(
    map: &'m BTreeMap<String, V>,
    keys: impl Iterator<Item = &'k str>,
) -> Vec<Option<&'m V>> {
    let mut entries = map.iter().peekable();
    let found = keys.map(|key| {
        while entries.next_if(|(known, _)| known.as_str() < key).is_some() {}
        entries.peek().filter(|(known, _)| known.as_str() == key).map(|(_, value)| *value)
    });
    found.collect()
}

/// The code of the finding about a file that is not UTF-8.
const ENCODING: &str = "encoding";

fn parse_bytes(path: &str, bytes: &[u8]) -> (Arc<File>, Vec<Finding>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => {
            let (file, findings) = parse(path, text);
            (Arc::new(file), findings)
        }
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            // The replaced text is there to be shown; only that it is no UTF-8 is worth saying.
            let (file, _) = parse(path, text.get(..text.floor_char_boundary(4096)).unwrap_or_default());
            let at = error.valid_up_to();
            let finding = Finding::error(path, &text, at..at, ENCODING, "this is not UTF-8 text");
            (Arc::new(file), vec![finding.hint("save the file as UTF-8 in your editor")])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_beside_keys_is_found_in_one_walk() {
        let map: BTreeMap<String, usize> =
            ["b", "d", "e", "h"].into_iter().enumerate().map(|(at, key)| (key.to_owned(), at)).collect();
        for keys in ["", "abcdefghi", "b", "h", "bdeh", "aacc", "bbdd"] {
            let keys: Vec<String> = keys.chars().map(String::from).collect();
            let expected: Vec<Option<&usize>> = keys.iter().map(|key| map.get(key)).collect();
            assert_eq!(beside(&map, keys.iter().map(String::as_str)), expected, "{keys:?}");
        }
    }
}
