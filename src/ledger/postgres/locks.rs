//! The locks that order what several daemons do. They are the database's advisory locks: they end with the transaction or
//! the connection, whatever becomes of the daemon.

use std::fmt::Write as _;

/// What is locked. Always taken in this order, and before any row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lock {
    /// Shared by every intent, so that whoever has it alone knows: what was forbidden before is seen by each later intent.
    Intents,
    /// Alone: a hold, a suppression, an erasure.
    Forbid,
    /// Shared by every transaction in which something turns out to be sent.
    Results,
    /// Alone: an order that follows those who have an older text. It must see each of them, or be seen by their results.
    Follow,
    /// Alone: the end of the audit chain. Taken last.
    Audit,
}

impl Lock {
    /// The first half of its key, so that no other program's locks are met by chance.
    pub(super) fn class(self) -> i32 {
        CLASS
            + match self {
                Lock::Intents | Lock::Forbid => 1,
                Lock::Results | Lock::Follow => 2,
                Lock::Audit => 3,
            }
    }
}

/// Takes two locks that others share, in this order: the classes of both, and the ledger.
pub(super) const TAKE_SHARED: &str =
    "SELECT pg_advisory_xact_lock_shared($1, $3), pg_advisory_xact_lock_shared($2, $3)";

/// The statements that take `locks` in the ledger with this number, until the end of the transaction.
pub(super) fn take(ledger: i32, locks: &[Lock]) -> String {
    let mut locks = locks.to_vec();
    locks.sort_unstable();
    let mut sql = String::new();
    for lock in locks {
        let alone = matches!(lock, Lock::Forbid | Lock::Follow | Lock::Audit);
        let shared = if alone { "" } else { "_shared" };
        let _ = write!(sql, "SELECT pg_advisory_xact_lock{shared}({}, {ledger});", lock.class());
    }
    sql
}

/// Classes of Dateline's locks begin here: "date" in ASCII.
const CLASS: i32 = 0x6461_7465;

/// The key of the lock that migrations hold.
pub(super) const MIGRATE: i32 = CLASS + 10;
/// The class of the locks on one release while it is issued; they last as long as the connection.
pub(super) const RELEASE: i32 = CLASS + 11;
/// The class of the locks on one limit while somebody asks for slots of it.
pub(super) const SHARE: i32 = CLASS + 13;
/// The class of the lock of whoever folds the tally.
pub(super) const FOLD: i32 = CLASS + 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_taken_in_one_order() {
        assert_eq!(
            take(7, &[Lock::Audit, Lock::Intents, Lock::Follow]),
            "SELECT pg_advisory_xact_lock_shared(1684108390, 7);SELECT pg_advisory_xact_lock(1684108391, 7);\
             SELECT pg_advisory_xact_lock(1684108392, 7);"
        );
    }
}
