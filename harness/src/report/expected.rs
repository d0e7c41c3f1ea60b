//! What a baseline makes of a result.

use serde::{Deserialize, Serialize};

use super::Outcome;
use crate::judge::Status;

/// A result that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `fail` or `skip`.
    pub status: Status,
    /// Why.
    pub reason: String,
    /// `FILE:LINE` of the baseline's entry.
    pub place: String,
}

impl Outcome {
    /// Whether it ended as the baseline says.
    pub fn is_expected(&self) -> bool {
        self.baseline.as_ref().is_some_and(|expected| expected.status == self.status)
    }

    /// Whether somebody has to look at it: it did not pass or skip, and that was not known; or it passes, and a failure was
    /// expected: as long as that stays in the baseline, the next failure would be nobody's surprise.
    pub fn is_bad(&self) -> bool {
        match self.status {
            Status::Pass => self.baseline.as_ref().is_some_and(|expected| expected.status == Status::Fail),
            Status::Skip => false,
            Status::Fail | Status::Error | Status::Miss => !self.is_expected(),
        }
    }
}
