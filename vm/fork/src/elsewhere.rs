//! In place of `original` where it knows no registers.

use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use super::Unforkable;
use crate::process::Process;

/// There is none.
pub enum Original {}

impl Original {
    pub fn new(_process: u32, _hatch: (UnixStream, RawFd), _confined: bool) -> Result<Self, Unforkable> {
        Err(Unforkable::Architecture)
    }

    pub fn fork(&mut self, _files: &[(OwnedFd, RawFd)]) -> Result<Process, Unforkable> {
        match *self {}
    }
}
