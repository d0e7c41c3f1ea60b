//! The terminal of the caller. termios(3), tcsetpgrp(3).

use std::os::fd::AsFd;

use nix::unistd;

use super::Result;

/// Whether the descriptor is a terminal.
pub fn is_terminal(fd: impl AsFd) -> bool {
    unistd::isatty(fd).unwrap_or(false)
}

/// Makes the caller's process group the terminal's foreground one. SIGTTOU must be blocked: it stops a background process
/// that tries.
pub fn take_foreground(fd: impl AsFd) -> Result<()> {
    unistd::tcsetpgrp(fd, unistd::getpgrp())
}
