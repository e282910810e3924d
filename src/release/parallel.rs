//! The same work on many things at once.

use std::sync::{Mutex, PoisonError};

/// From how many items on a second thread is worth its start.
const WORTH_A_THREAD: usize = 32;

/// So many turns every thread has: items differ in size, and so do processors that others use as well.
const TURNS: usize = 16;

/// `work` on every item, with as many threads as there are processors; the order is kept.
pub(crate) fn in_parallel<I, R>(items: I, work: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: ExactSizeIterator + Send,
    I::Item: Send,
    R: Send,
{
    let count = items.len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    if threads == 1 || count < WORTH_A_THREAD {
        return items.map(work).collect();
    }
    let turn = count.div_ceil(threads * TURNS);
    let left = Mutex::new((0_usize, items));
    let (work, left) = (&work, &left);
    let mut done: Vec<(usize, Vec<R>)> = std::thread::scope(|scope| {
        let take_turns = || {
            let mut done = Vec::new();
            loop {
                let (at, mine): (usize, Vec<I::Item>) = {
                    let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
                    left.0 += 1;
                    (left.0, left.1.by_ref().take(turn).collect())
                };
                if mine.is_empty() {
                    return done;
                }
                done.push((at, mine.into_iter().map(work).collect::<Vec<R>>()));
            }
        };
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(take_turns)).collect();
        let mut done = take_turns();
        for thread in running {
            match thread.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(at, _)| *at);
    let mut results = Vec::with_capacity(count);
    results.extend(done.into_iter().flat_map(|(_, results)| results));
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept() {
        for count in [0, 1, 31, 32, 33, 1_000, 1_009] {
            let expected: Vec<usize> = (0..count).map(|item| item * 2).collect();
            assert_eq!(in_parallel(0..count, |item| item * 2), expected, "{count}");
            // What is owned moves through, and one slow item holds up nothing but its own.
            let owned: Vec<String> = (0..count).map(|item| item.to_string()).collect();
            let expected = owned.clone();
            assert_eq!(in_parallel(owned.into_iter(), |item| item), expected, "{count}");
        }
    }
}
