//! Terminals: the caller's, and pairs of pseudoterminals. termios(3), tcsetpgrp(3), ioctl_tty(2), pty(7).

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::fcntl::OFlag;
use nix::pty::{grantpt, posix_openpt, unlockpt};
use nix::sys::termios::{self, LocalFlags, OutputFlags, SetArg, SpecialCharacterIndices, Termios};
use nix::unistd::{self, Pid};

use super::{Errno, Result, Signal};

/// Flags of open(2) for a terminal that is not to become the controlling one, and that never waits.
pub const ANEW: i32 = libc::O_NOCTTY | libc::O_NONBLOCK;

mod raw {
    nix::ioctl_read_bad!(size, libc::TIOCGWINSZ, libc::winsize);
    nix::ioctl_write_ptr_bad!(set_size, libc::TIOCSWINSZ, libc::winsize);
    nix::ioctl_write_int_bad!(control, libc::TIOCSCTTY);
    nix::ioctl_write_int_bad!(peer, libc::TIOCGPTPEER);
}

/// How a terminal is set: what it echoes, which characters are signals. termios(3)
#[derive(Debug, Clone)]
pub struct Settings(Termios);

impl Settings {
    /// Those of a terminal.
    pub fn of(terminal: impl AsFd) -> Result<Settings> {
        termios::tcgetattr(terminal).map(Settings)
    }

    /// The same with every byte handed on as it is, each way.
    #[must_use]
    pub fn raw(&self) -> Settings {
        let mut raw = self.clone();
        termios::cfmakeraw(&mut raw.0);
        raw
    }

    /// The same with output handed on as it is: another terminal makes a line feed a new line.
    #[must_use]
    pub fn unprocessed(&self) -> Settings {
        let mut settings = self.clone();
        settings.0.output_flags.remove(OutputFlags::OPOST);
        settings
    }

    /// Sets a terminal so. SIGTTOU must be blocked: it stops a background process that tries.
    pub fn apply(&self, terminal: impl AsFd) -> Result<()> {
        termios::tcsetattr(terminal, SetArg::TCSANOW, &self.0)
    }

    /// The signal that a byte of input is, if it is one.
    pub fn signal(&self, byte: u8) -> Option<Signal> {
        let is = |index: SpecialCharacterIndices| self.0.control_chars[index as usize] == byte;
        // _POSIX_VDISABLE: no character is that signal.
        if byte == 0 || !self.0.local_flags.contains(LocalFlags::ISIG) {
            return None;
        }
        let known = [
            (SpecialCharacterIndices::VINTR, Signal::SIGINT),
            (SpecialCharacterIndices::VQUIT, Signal::SIGQUIT),
        ];
        known.into_iter().find(|(index, _)| is(*index)).map(|(_, signal)| signal)
    }
}

/// A pair of pseudoterminals; execve(2) closes both ends.
#[derive(Debug)]
pub struct Pair {
    /// The end of the emulator, which never waits.
    pub master: OwnedFd,
    /// The end of programs: their terminal.
    pub slave: OwnedFd,
}

impl Pair {
    /// Makes one in the caller's own devpts. TIOCGPTPEER, Linux 4.13: no path is needed.
    pub fn open() -> Result<Pair> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags | OFlag::O_NONBLOCK)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        Ok(Pair { slave: peer(&master)?, master: master.into() })
    }

    /// Opens the programs' end anew, after one of them has hung it up: what was open of it then is of no use. vhangup(2)
    pub fn reopen(&mut self) -> Result<()> {
        self.slave = peer(&self.master)?;
        Ok(())
    }
}

fn peer(master: impl AsFd) -> Result<OwnedFd> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    // SAFETY: a number is passed, no pointer.
    let slave: RawFd = unsafe { raw::peer(master.as_fd().as_raw_fd(), flags.bits()) }?;
    // SAFETY: the kernel just made this descriptor and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(slave) })
}

/// Whether the descriptor is a terminal.
pub fn is_terminal(fd: impl AsFd) -> bool {
    unistd::isatty(fd).unwrap_or(false)
}

/// Gives one terminal the size of another; the foreground processes of that one are told by SIGWINCH.
pub fn copy_size(from: impl AsFd, to: impl AsFd) -> Result<()> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes one structure of this type, which outlives the call.
    unsafe { raw::size(from.as_fd().as_raw_fd(), &raw mut size) }?;
    // SAFETY: the kernel reads one structure of this type, which outlives the call.
    unsafe { raw::set_size(to.as_fd().as_raw_fd(), &raw const size) }.map(drop)
}

/// Makes a terminal the controlling one of this session, which has none and whose leader this process is. TIOCSCTTY
pub fn take_control(terminal: impl AsFd) -> Result<()> {
    // SAFETY: a number is passed, no pointer.
    unsafe { raw::control(terminal.as_fd().as_raw_fd(), 0) }.map(drop)
}

/// The terminal's foreground process group, in the caller's PID namespace.
pub fn foreground(terminal: impl AsFd) -> Result<i32> {
    unistd::tcgetpgrp(terminal).map(Pid::as_raw)
}

/// Whether the terminal is the controlling one, and another process group than the caller's its foreground one.
pub fn is_in_background(terminal: impl AsFd) -> bool {
    foreground(terminal).is_ok_and(|group| group != unistd::getpgrp().as_raw())
}

/// Makes the caller's process group the terminal's foreground one. SIGTTOU must be blocked: it stops a background process
/// that tries.
pub fn take_foreground(fd: impl AsFd) -> Result<()> {
    unistd::tcsetpgrp(fd, unistd::getpgrp())
}

/// Reads what is there. `None` if nothing is, or only for others: a background process gets EIO for input.
pub fn read(fd: impl AsFd, buffer: &mut [u8]) -> Result<Option<usize>> {
    match unistd::read(fd, buffer) {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(None),
        other => other.map(Some),
    }
}

/// Writes as much as there is room for.
pub fn write(fd: impl AsFd, bytes: &[u8]) -> Result<usize> {
    match unistd::write(fd, bytes) {
        Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
        other => other,
    }
}
