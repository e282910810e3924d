//! The blocks that a group of intents and results is about, and what is true of all of a block: looked at once for each block.
//!
//! It stays true until the transaction ends. The locks of intents and results are shared by then, so nobody adds a hold or issues
//! a newer order, and the blocks are locked, so nobody takes a lease.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::Result;
use super::holds::unheld;
use super::memory::Home;
use super::session::Tx;
use super::values::At;
use super::writer::Question;
use crate::ledger::Epoch;

/// Locks them as well.
/// 1 blocks, 2 the clock of leases.
pub(super) const LOCK: &str = concat!(
    "
      SELECT b.id, b.part, b.epoch, CASE WHEN b.lease_until > lease_now($2) THEN b.lease_owner END, i.expires,
             i.complete
             AND (p.per_week IS NULL OR p.notice <> 'original')
             AND ",
    unheld!(),
    ",
             NOT EXISTS (SELECT 1 FROM issued AS n WHERE n.release = i.release AND n.seq > i.seq),
             (SELECT forbidden FROM ledger_meta WHERE one = 1)
        FROM block AS b
             JOIN part AS p ON p.id = b.part
             JOIN issued AS i ON i.id = p.issued
       WHERE b.id = ANY($1::bigint[])
    ORDER BY b.id
         FOR NO KEY UPDATE OF b"
);

/// The blocks, by their numbers.
#[derive(Default)]
pub(super) struct Locked(HashMap<i64, Block>);

/// What is true of all of a block.
pub(super) struct Block {
    pub(super) part: i64,
    /// Whose lease it is, if it is not over.
    pub(super) owner: Option<String>,
    epoch: Epoch,
    expires: Timestamp,
    /// Its release is issued, nothing holds it, and its audience has no limit for a week.
    free: bool,
    /// Of its release nothing newer was issued.
    newest: bool,
    forbidden: i64,
}

impl Locked {
    /// Looks at blocks; `now` is what the caller's clock says.
    pub(super) async fn look(tx: &Tx<'_>, blocks: &[i64], now: Timestamp) -> Result<Locked> {
        if blocks.is_empty() {
            return Ok(Locked::default());
        }
        Locked::read(&tx.query(LOCK, &[&blocks, &tx.lease_now(now)?]).await?)
    }

    /// Reads the rows of [`LOCK`].
    pub(super) fn read(rows: &[Row]) -> Result<Locked> {
        let mut blocks = HashMap::with_capacity(rows.len());
        for row in rows {
            let block = Block {
                part: row.try_get(1)?,
                epoch: Epoch(row.try_get(2)?),
                owner: row.try_get(3)?,
                expires: row.try_get::<_, At>(4)?.0,
                free: row.try_get(5)?,
                newest: row.try_get(6)?,
                forbidden: row.try_get(7)?,
            };
            blocks.insert(row.try_get(0)?, block);
        }
        Ok(Locked(blocks))
    }

    /// The block of a delivery about which nothing is left to ask but what its own row and its recipient's say.
    pub(super) fn free(&self, question: &Question) -> Option<&Block> {
        let block = self.0.get(&question.home?.block)?;
        let ours = block.owner.is_some() && block.epoch == question.epoch;
        (ours && block.free && block.expires > question.now).then_some(block)
    }

    /// Whether somebody was forbidden since a delivery was claimed there: its recipient must be looked at.
    pub(super) fn forbids(&self, home: Home) -> bool {
        self.0.get(&home.block).is_none_or(|block| block.forbidden != home.forbidden)
    }

    /// Whether it is known that of the block's release nothing newer was issued.
    pub(super) fn is_newest(&self, block: i64) -> bool {
        self.0.get(&block).is_some_and(|block| block.newest)
    }
}
