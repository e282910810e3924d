//! Parsed files by content, so that a second look costs next to nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::digest::Digest;
use crate::finding::Finding;
use crate::release::{File, parse};

/// One parsed file, with what is wrong with it.
pub type Parsed = Arc<(Arc<File>, Vec<Finding>)>;

/// Parsed files, by the digest of path and content; a file that changed is parsed again.
///
/// It holds what the last [`Cache::parse_all`] asked for, so it never outgrows one newsroom.
#[derive(Debug, Default, Clone)]
pub struct Cache(HashMap<Digest, Parsed>);

/// From how many files on a second thread is worth its start.
const WORTH_A_THREAD: usize = 32;

impl Cache {
    /// Parses every file that is not known by its content, on all processors; the order is kept.
    pub fn parse_all(&mut self, files: &[(String, Arc<[u8]>)]) -> Vec<Parsed> {
        let known = &self.0;
        let parsed: Vec<(Digest, Parsed)> = in_parallel(files, |(path, bytes)| {
            let key = Digest::of_fields(&[path.as_bytes(), bytes]);
            (key, known.get(&key).cloned().unwrap_or_else(|| Arc::new(parse_bytes(path, bytes))))
        });
        self.0 = parsed.iter().cloned().collect();
        parsed.into_iter().map(|(_, parsed)| parsed).collect()
    }
}

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
            let finding = Finding::error(path, &text, at..at, "encoding", "this is not UTF-8 text");
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
