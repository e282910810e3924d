//! Results that are kept because the same text is rendered for many readers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::Digest;

/// The most results that are kept; then all are dropped and it begins again.
const KEPT: usize = 128;

/// Results by the digest of what they were made from.
pub(super) struct Memo<T: ?Sized>(Mutex<HashMap<Digest, Arc<T>>>);

impl<T: ?Sized> Memo<T> {
    pub(super) fn new() -> Memo<T> {
        Memo(Mutex::new(HashMap::new()))
    }

    /// The result for `key`, made now if it is not kept.
    pub(super) fn get<E>(&self, key: Digest, make: impl FnOnce() -> Result<Arc<T>, E>) -> Result<Arc<T>, E> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&key) {
            return Ok(Arc::clone(known));
        }
        // Not under the lock: two threads may make the same, and the same comes out.
        let result = make()?;
        let mut kept = kept();
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(key, Arc::clone(&result));
        Ok(result)
    }
}
