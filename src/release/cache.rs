//! What was made of files is kept, so that a second look costs next to nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::finding::Finding;
use crate::release::{File, Release, parse};

/// One parsed file, with what is wrong with it.
pub type Parsed = Arc<(Arc<File>, Vec<Finding>)>;

/// What the last look at a newsroom made of its files: what did not change is not made again.
///
/// It holds what the last look asked for, so it never outgrows one newsroom. Nothing is found by a
/// digest: what is kept is taken only where the bytes it was made from are the same.
#[derive(Debug, Default, Clone)]
pub struct Cache {
    /// Parsed files by path; their own text says what they were parsed from.
    files: HashMap<String, Parsed>,
    /// The files that are no releases, among which the releases below were put together.
    beside: BTreeMap<String, Arc<[u8]>>,
    /// Releases, or what is wrong with them, by slug.
    whole: HashMap<String, Whole>,
}

/// The files of one slug, put together.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    /// What it was made from.
    pub files: Vec<Parsed>,
    /// What came of it.
    pub release: Option<Arc<Release>>,
    /// What is wrong with it.
    pub findings: Arc<[Finding]>,
}

/// From how many files on a second thread is worth its start.
const WORTH_A_THREAD: usize = 32;

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
            parsed.extend(in_parallel(&block, |(path, bytes)| {
                let known = self.files.get(path).filter(|known| known.0.text.as_bytes() == &**bytes);
                known.cloned().unwrap_or_else(|| Arc::new(parse_bytes(path, bytes)))
            }));
        }
        // What is not UTF-8 has another text than its bytes, and could be taken for a file that has
        // this text.
        let encoded = |parsed: &&Parsed| parsed.1.iter().all(|finding| finding.code != ENCODING);
        self.files =
            parsed.iter().filter(encoded).map(|parsed| (parsed.0.path.clone(), Arc::clone(parsed))).collect();
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

    /// What became of `files` before, among the same other files.
    pub(crate) fn whole(&self, files: &[&Parsed]) -> Option<Whole> {
        let known = self.whole.get(&files.first()?.0.slug)?;
        let same = known.files.len() == files.len()
            && known.files.iter().zip(files).all(|(known, file)| Arc::ptr_eq(known, file));
        same.then(|| known.clone())
    }

    /// Keeps what was put together, and nothing else.
    pub(crate) fn keep(&mut self, whole: Vec<Whole>) {
        let slug = |whole: &Whole| Some(whole.files.first()?.0.slug.clone());
        self.whole = whole.into_iter().filter_map(|whole| Some((slug(&whole)?, whole))).collect();
    }
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

/// `work` on every item, in order, with as many threads as there are processors.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if threads == 1 || items.len() < WORTH_A_THREAD {
        return items.iter().map(work).collect();
    }
    let work = &work;
    std::thread::scope(|scope| {
        let chunks = items.chunks(items.len().div_ceil(threads));
        let running: Vec<_> =
            chunks.map(|chunk| scope.spawn(move || chunk.iter().map(work).collect::<Vec<R>>())).collect();
        let mut results = Vec::with_capacity(items.len());
        for thread in running {
            match thread.join() {
                Ok(chunk) => results.extend(chunk),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}
