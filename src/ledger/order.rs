//! What is handed to the ledger to be frozen, and what it says to it.

use crate::newsroom::ChannelKind;
use crate::plan::Planned;
use crate::render::Edition;

/// One release of a plan, with the editions of its parts, to be issued.
#[derive(Debug, Clone)]
pub struct Order {
    /// The planned release. Parts with the action `none` or `blocked` are left alone.
    pub planned: Planned,
    /// One edition for each part that is to be delivered.
    pub editions: Vec<OrderEdition>,
    /// The commit.
    pub revision: String,
    /// Who approved it: the commit's author, or who gave the command.
    pub approved_by: String,
}

/// The edition of one part of a plan.
#[derive(Debug, Clone)]
pub struct OrderEdition {
    /// Index into `planned.deliveries`.
    pub group: usize,
    /// The kind of the part's channel; it decides the form of the wire key.
    pub kind: ChannelKind,
    /// What is frozen.
    pub edition: Edition,
}

/// What issuing did. All zero where the same order was issued before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Issued {
    /// New deliveries.
    pub created: u64,
    /// Waiting deliveries that a newer text replaced.
    pub superseded: u64,
    /// Waiting deliveries that were withdrawn.
    pub cancelled: u64,
    /// Notices for recipients who have an older text.
    pub notices: u64,
    /// Recipients of an older text who get no notice because their address is suppressed or erased.
    pub suppressed: u64,
    /// Recipients left out because they have this release on this channel already.
    pub already: u64,
    /// Older deliveries whose outcome is open; their notice follows by itself if they turn out to be sent.
    pub open: u64,
}
