//! The program's standard input, output and error.

use std::os::fd::{AsFd, OwnedFd};

use crate::step::{Failure, Side, Step};
use sys::{self, Errno, descriptor};

/// Copies with numbers that becoming 0, 1 and 2 in turn cannot overwrite.
pub(crate) fn above_standard(stdio: [OwnedFd; 3]) -> sys::Result<[OwnedFd; 3]> {
    let [input, output, error] = stdio;
    let copy = |fd: OwnedFd| descriptor::copy_above(fd.as_fd(), 3);
    Ok([copy(input)?, copy(output)?, copy(error)?])
}

/// A failure of the standard descriptors.
pub(crate) fn failed(errno: Errno) -> Failure {
    Failure { side: Side::Parent, step: Step::Stdio, index: None, detail: String::new(), errno }
}
