//! One privileged action for each capability of capabilities(7), as small as the kernel allows: what it changes ends with the
//! process that did it. Each says which check of the kernel it meets.

pub mod file;
pub mod machine;
pub mod net;
pub mod task;

use super::super::{Errno, Result};

/// The action went past the check and then failed for want of something to act on: it was allowed.
fn allowed_if(errno: Errno, result: Result<()>) -> Result<()> {
    match result {
        Err(found) if found == errno => Ok(()),
        other => other,
    }
}
