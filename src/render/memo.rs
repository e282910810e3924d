//! Results that are kept because the same text is rendered for many readers.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// So many results are kept at least, and twice as many at the most.
const KEPT: usize = 128;

/// Results by what they were made from, or a name of it.
pub(super) struct Memo<K, T: ?Sized>(Mutex<Shelves<K, T>>);

/// What was asked for lately, and what was asked for before that: when the first is full, the second is dropped.
struct Shelves<K, T: ?Sized> {
    new: HashMap<K, Arc<T>>,
    old: HashMap<K, Arc<T>>,
}

impl<K: Eq + Hash, T: ?Sized> Default for Memo<K, T> {
    fn default() -> Memo<K, T> {
        Memo::new()
    }
}

impl<K: Eq + Hash, T: ?Sized> Memo<K, T> {
    pub(super) fn new() -> Memo<K, T> {
        Memo(Mutex::new(Shelves { new: HashMap::new(), old: HashMap::new() }))
    }

    /// The result for `key`, made now if it is not kept.
    pub(super) fn get<Q, E>(&self, key: &Q, make: impl FnOnce() -> Result<Arc<T>, E>) -> Result<Arc<T>, E>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        if let Some(known) = self.find(key) {
            return Ok(known);
        }
        // Not under the lock: two threads may make the same, and the same comes out.
        let result = make()?;
        self.put(key.to_owned(), Arc::clone(&result));
        Ok(result)
    }

    /// The result for `key`, if it is kept.
    pub(super) fn find<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<Arc<T>>
    where
        K: Borrow<Q>,
    {
        self.shelves().find(key)
    }

    /// Keeps `result` for `key`.
    pub(super) fn put(&self, key: K, result: Arc<T>) {
        self.shelves().put(key, result);
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves<K, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash, T: ?Sized> Shelves<K, T> {
    fn find<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<Arc<T>>
    where
        K: Borrow<Q>,
    {
        if let Some(known) = self.new.get(key) {
            return Some(Arc::clone(known));
        }
        let (key, known) = self.old.remove_entry(key)?;
        self.put(key, Arc::clone(&known));
        Some(known)
    }

    fn put(&mut self, key: K, value: Arc<T>) {
        if self.new.len() >= KEPT {
            self.old = std::mem::take(&mut self.new);
        }
        self.new.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_kept_and_the_rest_is_dropped() {
        let memo: Memo<usize, usize> = Memo::new();
        let made = std::cell::Cell::new(0);
        let ask = |key: usize| {
            let make = || {
                made.set(made.get() + 1);
                Ok::<_, ()>(Arc::new(key * 2))
            };
            assert_eq!(memo.get(&key, make), Ok(Arc::new(key * 2)));
        };
        for key in 0..KEPT * 5 {
            ask(key);
            ask(0);
        }
        assert_eq!(made.get(), KEPT * 5);
        let shelves = memo.0.lock().unwrap();
        assert!(shelves.new.len() + shelves.old.len() <= 2 * KEPT);
        drop(shelves);
        ask(1);
        assert_eq!(made.get(), KEPT * 5 + 1);
    }
}
