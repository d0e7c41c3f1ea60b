//! The probe's channel is its standard input and output: put where a raw system call does not reach them by their numbers.

use std::os::fd::{AsFd, OwnedFd};

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd;

use super::super::{Result, descriptor};

/// Above what a step's calls open: the numbers that they give stay 3, 4 …
const ABOVE: u64 = 1000;

/// The standard input and output, out of the way. Their places are taken by the standard error.
#[derive(Debug)]
pub struct Aside {
    input: OwnedFd,
    output: OwnedFd,
}

impl Aside {
    /// Moves both away.
    ///
    /// # Errors
    /// `EMFILE` or `EINVAL` if the process may not have two more descriptors: nothing is moved then.
    pub fn take() -> Result<Aside> {
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        // RLIMIT_NOFILE may be lower than that.
        let (limit, _) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let least = i32::try_from(ABOVE.min(limit.saturating_sub(2))).unwrap_or(3).max(3);
        let aside = Aside {
            input: descriptor::copy_above(stdin.as_fd(), least)?,
            output: descriptor::copy_above(stdout.as_fd(), least)?,
        };
        unistd::dup2_stdin(stderr.as_fd())?;
        unistd::dup2_stdout(stderr.as_fd())?;
        Ok(aside)
    }

    /// Moves them back.
    ///
    /// # Errors
    /// `EBADF` if they were closed meanwhile.
    pub fn put_back(self) -> Result<()> {
        unistd::dup2_stdin(&self.input)?;
        unistd::dup2_stdout(&self.output)
    }
}
