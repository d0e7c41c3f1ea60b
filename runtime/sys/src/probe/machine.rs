//! What PID 1 of the virtual machine does to it: modules, clock, randomness, terminals, the end.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::kmod::{self, ModuleInitFlags};
use nix::sys::reboot::{self, RebootMode};
use nix::sys::signal::{self, SigHandler, Signal};
use nix::sys::termios::{self, ControlFlags, FlushArg, SetArg};
use nix::sys::time::TimeSpec;
use nix::sys::utsname;
use nix::time::{ClockId, clock_getres, clock_settime};

use super::super::signal::ignore;
use super::super::{Errno, Result};

/// The names of uname(2).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the words of uname(2)")]
pub struct Names {
    pub release: String,
    pub hostname: String,
    pub domainname: String,
}

/// uname(2)
pub fn names() -> Result<Names> {
    let names = utsname::uname()?;
    Ok(Names {
        release: names.release().to_string_lossy().into_owned(),
        hostname: names.nodename().to_string_lossy().into_owned(),
        domainname: names.domainname().to_string_lossy().into_owned(),
    })
}

/// finit_module(2), without parameters.
pub fn load_module(file: &File) -> Result<()> {
    kmod::finit_module(file, c"", ModuleInitFlags::empty())
}

/// Sets the wall clock, in nanoseconds since 1970. clock_settime(2)
pub fn set_wall_clock(nanoseconds: u64) -> Result<()> {
    const SECOND: u64 = 1_000_000_000;
    let seconds = i64::try_from(nanoseconds / SECOND).map_err(|_| Errno::EOVERFLOW)?;
    let rest = i64::try_from(nanoseconds % SECOND).map_err(|_| Errno::EOVERFLOW)?;
    clock_settime(ClockId::CLOCK_REALTIME, TimeSpec::new(seconds, rest))
}

/// Mixes bytes into the kernel's random pool, counts them as random, and has the generators take them at once: a clone
/// of a machine would else give the same numbers as the next one. random(4)
pub fn add_entropy(random: &File, bytes: &[u8; 32]) -> Result<()> {
    let pool = Pool { bits: 256, bytes: 32, buffer: *bytes };
    // SAFETY: the kernel reads two integers and then `bytes` bytes, which is what the structure holds.
    unsafe { ioctl::add_entropy(random.as_raw_fd(), &raw const pool) }?;
    // SAFETY: the request takes no argument.
    unsafe { ioctl::reseed(random.as_raw_fd()) }.map(drop)
}

/// `struct rand_pool_info` with room for 32 bytes.
#[repr(C)]
struct Pool {
    bits: libc::c_int,
    bytes: libc::c_int,
    buffer: [u8; 32],
}

/// The requests of random(4), which libc does not name.
mod ioctl {
    nix::ioctl_write_ptr_bad!(add_entropy, nix::request_code_write!(b'R', 3, 8), super::Pool);
    nix::ioctl_none!(reseed, b'R', 7);
}

/// Bytes pass through the terminal as they are, both ways, at the highest speed of an 8250. termios(3)
pub fn make_raw(terminal: impl AsFd) -> Result<()> {
    let mut mode = termios::tcgetattr(&terminal)?;
    termios::cfmakeraw(&mut mode);
    // cfsetspeed(3) of libc is bound to a symbol version that a static program does not have.
    let speed = ControlFlags::from_bits_retain(libc::B115200);
    // All of them, and not only what cfmakeraw(3) sets: somebody may have made the port deaf.
    mode.control_flags = ControlFlags::CS8 | ControlFlags::CREAD | ControlFlags::CLOCAL | speed;
    termios::tcsetattr(&terminal, SetArg::TCSANOW, &mode)
}

/// Nobody else can open the terminal (EBUSY), but with CAP_SYS_ADMIN. ioctl_tty(2), TIOCEXCL
pub fn refuse_others(terminal: impl AsFd) -> Result<()> {
    // SAFETY: the request takes no argument.
    let result = unsafe { libc::ioctl(terminal.as_fd().as_raw_fd(), libc::TIOCEXCL) };
    Errno::result(result).map(drop)
}

/// Throws away what came in and was not read. tcflush(3)
pub fn forget_input(terminal: impl AsFd) -> Result<()> {
    termios::tcflush(terminal, FlushArg::TCIFLUSH)
}

/// Children leave no zombies: the kernel reaps them, orphans that this process inherits as PID 1 included. wait(2), NOTES
pub fn reap_children_unseen() -> Result<()> {
    ignore(Signal::SIGCHLD as i32)
}

/// Undoes [`reap_children_unseen`] in a child, which inherits it.
pub fn reap_children_by_hand() -> Result<()> {
    // SAFETY: SIG_DFL runs no code of this process.
    unsafe { signal::signal(Signal::SIGCHLD, SigHandler::SigDfl) }.map(drop)
}

/// Ends the machine: QEMU exits on either. reboot(2)
pub fn power_off() -> Errno {
    match reboot::reboot(RebootMode::RB_POWER_OFF) {
        Err(errno) => errno,
    }
}

/// Restarts the machine; with QEMU's `-no-reboot` that ends it where there is no ACPI to power off. reboot(2)
pub fn restart() -> Errno {
    match reboot::reboot(RebootMode::RB_AUTOBOOT) {
        Err(errno) => errno,
    }
}

/// The kernel's log from its beginning. A read gives one record, and `WouldBlock` after the last. kmsg(4)
pub fn kernel_log() -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(libc::O_NONBLOCK).open("/dev/kmsg")
}

/// The resolution of CLOCK_MONOTONIC. clock_getres(2)
pub fn clock_resolution() -> Result<Duration> {
    let resolution = clock_getres(ClockId::CLOCK_MONOTONIC)?;
    Ok(resolution.into())
}
