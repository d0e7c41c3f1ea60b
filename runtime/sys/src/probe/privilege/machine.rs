//! Actions on the machine itself, all without an effect on it.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::kmod;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
use nix::unistd;

use super::super::super::{Errno, Result, errno_of};
use super::allowed_if;

/// CAP_SYS_MODULE: `may_init_module` checks it, before it finds that the module is none.
pub fn load_garbage() -> Result<()> {
    allowed_if(Errno::ENOEXEC, kmod::init_module(b"garbage", c""))
}

/// CAP_SYS_RAWIO: `ksys_ioperm` lets only it have an I/O port. The POST port, which nothing reads.
#[cfg(target_arch = "x86_64")]
pub fn have_io_port() -> Result<()> {
    // SAFETY: numbers are passed, no pointer; nothing in this program touches a port.
    Errno::result(unsafe { libc::syscall(libc::SYS_ioperm, 0x80, 1, 1) }).map(drop)
}

/// CAP_SYS_RAWIO: no action is known for this architecture that needs no device.
#[cfg(not(target_arch = "x86_64"))]
pub fn have_io_port() -> Result<()> {
    Err(Errno::ENOSYS)
}

/// CAP_SYS_PACCT: acct(2) checks it. Accounting, which is off, is switched off.
pub fn stop_accounting() -> Result<()> {
    // SAFETY: acct(2) takes no pointer for "off".
    Errno::result(unsafe { libc::acct(std::ptr::null()) }).map(drop)
}

/// CAP_SYS_BOOT: reboot(2) checks it before the magic numbers, which are wrong.
pub fn reboot_wrongly() -> Result<()> {
    // SAFETY: numbers are passed, no pointer; with a wrong magic number the call does nothing.
    let refused = Errno::result(unsafe { libc::syscall(libc::SYS_reboot, 0, 0, 0, 0) });
    allowed_if(Errno::EINVAL, refused.map(drop))
}

/// CAP_SYS_TIME: `timekeeping_validate_timex` checks it. The length of a tick is set to what it is.
pub fn adjust_clock() -> Result<()> {
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut timex: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel reads and writes the one structure.
    Errno::result(unsafe { libc::adjtimex(&raw mut timex) })?;
    timex.modes = libc::ADJ_TICK;
    // SAFETY: the kernel reads and writes the one structure.
    Errno::result(unsafe { libc::adjtimex(&raw mut timex) }).map(drop)
}

/// CAP_SYS_TTY_CONFIG: vhangup(2) checks it. A process in a new session has no terminal to hang up.
pub fn hang_up() -> Result<()> {
    unistd::setsid()?;
    // SAFETY: the call takes nothing.
    Errno::result(unsafe { libc::vhangup() }).map(drop)
}

/// CAP_SYSLOG (or, with a warning once in the kernel log, CAP_SYS_ADMIN): `check_syslog_permissions`. Only a size is asked
/// for.
pub fn ask_log_size() -> Result<()> {
    const SIZE_UNREAD: libc::c_int = 9;
    // SAFETY: this request takes no buffer.
    Errno::result(unsafe { libc::klogctl(SIZE_UNREAD, std::ptr::null_mut(), 0) }).map(drop)
}

/// CAP_WAKE_ALARM: timerfd_create(2) checks it for a clock that wakes the machine.
pub fn make_alarm() -> Result<()> {
    // SAFETY: numbers are passed, no pointer.
    let timer = unsafe { libc::timerfd_create(libc::CLOCK_BOOTTIME_ALARM, libc::TFD_CLOEXEC) };
    own(timer.into()).map(drop)
}

/// CAP_BLOCK_SUSPEND: `ep_take_care_of_epollwakeup` clears EPOLLWAKEUP without a word if it is missing; that is told as
/// `EPERM`, after a look into `/proc/self/fdinfo`. `ENOSYS` for a kernel that cannot be suspended.
pub fn block_suspend() -> Result<()> {
    if !std::path::Path::new("/sys/power/wakeup_count").exists() {
        return Err(Errno::ENOSYS);
    }
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let (end, _other) = unistd::pipe()?;
    epoll.add(&end, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLWAKEUP, 0))?;
    let kept = format!("/proc/self/fdinfo/{}", epoll.0.as_raw_fd());
    let kept = std::fs::read_to_string(kept).map_err(|error: io::Error| errno_of(&error))?;
    if watches_for(&kept, EpollFlags::EPOLLWAKEUP) { Ok(()) } else { Err(Errno::EPERM) }
}

/// Whether a line `tfd: 5 events: 20000019 data: …` has the flag. proc_pid_fdinfo(5)
fn watches_for(fdinfo: &str, flag: EpollFlags) -> bool {
    let masks = fdinfo.lines().filter_map(|line| {
        let (_, mask) = line.split_once("events:")?;
        i32::from_str_radix(mask.split_whitespace().next()?, 16).ok()
    });
    masks.into_iter().any(|mask| mask & flag.bits() != 0)
}

/// CAP_PERFMON (or CAP_SYS_ADMIN): `perf_allow_cpu` lets only it count the events of all processes, unless
/// `kernel.perf_event_paranoid` is below 1. The event is a dummy.
pub fn count_events() -> Result<()> {
    /// `struct perf_event_attr`, PERF_ATTR_SIZE_VER0.
    const SIZE: u32 = 64;
    const SOFTWARE: u32 = 1;
    const DUMMY: u32 = 9;
    let mut attributes = [0u32; SIZE as usize / 4];
    attributes[..3].copy_from_slice(&[SOFTWARE, SIZE, DUMMY]);
    let (every_process, first_cpu, no_group, flags) = (-1, 0, -1, 0);
    // SAFETY: the kernel reads the `SIZE` bytes of which the structure tells.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes.as_ptr(),
            every_process,
            first_cpu,
            no_group,
            flags,
        )
    };
    own(fd).map(drop)
}

/// CAP_BPF (or CAP_SYS_ADMIN): bpf(2) checks it for a map of this kind, whatever `kernel.unprivileged_bpf_disabled` is.
pub fn make_bpf_map() -> Result<()> {
    const MAP_CREATE: libc::c_int = 0;
    const LRU_HASH: u32 = 9;
    /// Kind, bytes of a key and of a value, entries, and no flags.
    static MAP: [u32; 5] = [LRU_HASH, 4, 4, 1, 0];
    // SAFETY: the kernel reads as many bytes as are told.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, MAP_CREATE, &raw const MAP, std::mem::size_of_val(&MAP)) };
    own(fd).map(drop)
}

fn own(fd: i64) -> Result<File> {
    let fd = i32::try_from(Errno::result(fd)?).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel just made this descriptor and nothing else knows it.
    Ok(File::from(unsafe { OwnedFd::from_raw_fd(fd) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_is_in_hexadecimal() {
        let fdinfo = "pos:\t0\nflags:\t02000002\ntfd:        5 events: 20000019 data: 0  pos:0\n";
        assert!(watches_for(fdinfo, EpollFlags::EPOLLWAKEUP));
        assert!(!watches_for("tfd: 5 events: 19 data: 20000000\n", EpollFlags::EPOLLWAKEUP));
    }
}
