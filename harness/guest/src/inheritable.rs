//! Descriptors for a runtime to forget: who builds containers has some that execve(2) does not close, as the callers of
//! runtimes do. Rust's standard library opens every file close-on-exec, so without these there would be nothing to leak.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use sys::descriptor;

/// The least number of the second one: a runtime may close a few low ones, or none but those that it knows.
const HIGH: i32 = 100;

/// A descriptor with the lowest number that is free, and [`HIGH`], both inherited by what is executed.
pub(super) fn open() -> io::Result<[OwnedFd; 2]> {
    let low = OwnedFd::from(File::open("/")?);
    let high = descriptor::copy_above(&low, HIGH)?;
    for fd in [&low, &high] {
        descriptor::set_inheritable(fd.as_raw_fd(), true)?;
    }
    Ok([low, high])
}
