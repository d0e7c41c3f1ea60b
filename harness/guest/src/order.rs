//! What the runner asks of a probe, and what it answers.

use std::path::PathBuf;

use protocol::event::Outcome;
use protocol::operation::Operation;
use serde::{Deserialize, Serialize};

/// What to do.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Random, new for every order.
    pub(super) nonce: u64,
    pub(super) operation: Operation,
    /// For an operation that needs one.
    pub(super) other_user: Option<OtherUser>,
}

/// A process of another user in the same container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OtherUser {
    /// As the probe numbers it.
    pub(super) pid: i32,
    /// A file of its own, if it could make one.
    pub(super) file: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    /// Of the order that it answers.
    pub(super) nonce: u64,
    pub(super) outcome: Outcome,
    /// Microseconds that it took.
    pub(super) us: u64,
}
