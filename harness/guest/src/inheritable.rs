//! Descriptors for a runtime to forget: who builds containers has some that execve(2) does not close, as the callers of
//! runtimes do. Rust's standard library opens every file close-on-exec, so without these there would be nothing to leak.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use sys::descriptor;

/// The first after the standard ones, which a runtime that counts wrong leaves open, and one far above: it may close a few
/// low ones, or none but those that it knows.
const NUMBERS: [i32; 3] = [3, 4, HIGH];
/// The one that the host's probe has: what a step there opens gets the numbers from 3 on, as in any program.
pub(super) const HIGH: i32 = 100;

pub(super) struct Inheritable([OwnedFd; NUMBERS.len()]);

impl Inheritable {
    /// Takes the numbers, before anything else does.
    pub(super) fn reserve() -> io::Result<Inheritable> {
        // Itself out of their way.
        let root = descriptor::copy_above(File::open("/")?, NUMBERS[2] + 1)?;
        let [first, second, last] = NUMBERS.map(|number| {
            let copy = descriptor::copy_above(&root, number)?;
            let taken = || io::Error::other(format!("descriptor {number} is in use"));
            if copy.as_raw_fd() == number { Ok(copy) } else { Err(taken()) }
        });
        Ok(Inheritable([first?, second?, last?]))
    }

    /// From now on this process's children inherit them across execve(2).
    pub(super) fn offer(&self) -> io::Result<()> {
        self.0.iter().try_for_each(|fd| Ok(descriptor::set_inheritable(fd.as_raw_fd(), true)?))
    }
}
