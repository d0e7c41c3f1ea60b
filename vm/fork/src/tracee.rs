//! A thread of another process that is held by ptrace(2).

use std::io::{IoSlice, IoSliceMut};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, c_int, user_fpregs_struct, user_regs_struct};
use nix::sys::ptrace::{self, Options, regset::NT_PRFPREG};
use nix::sys::signal::Signal;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::proc;

/// The instruction that makes a system call.
const SYSCALL: [u8; 2] = [0x0f, 0x05];
/// Calls in which an idle thread waits, and which are made again. The last one is what poll(2) becomes when it was interrupted
/// once.
const WAITS: [i64; 4] = [libc::SYS_futex, libc::SYS_poll, libc::SYS_ppoll, libc::SYS_restart_syscall];
/// Those that are never made again, but tell the program that they were interrupted (signal(7)).
const WAITS_ONCE: [i64; 3] = [libc::SYS_epoll_wait, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2];
/// What a call gives that is to be made again, and that no program ever sees (include/linux/errno.h): ERESTARTSYS and
/// ERESTARTNOHAND with the same arguments, ERESTART_RESTARTBLOCK as the kernel remembers it.
const AGAIN: [i64; 2] = [-512, -514];
const AS_REMEMBERED: i64 = -516;
const INTERRUPTED: i64 = -libc::EINTR as i64;
/// More than a function may use below the stack pointer without moving it (System V ABI for AMD64, 3.2.2).
const RED_ZONE: u64 = 256;
/// Room below that for what a call reads and writes.
const SCRATCH: u64 = 1024;

/// How long a held thread may take for a call, on a host that is overloaded.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Calls take microseconds: so often it is asked for again at once.
const AT_ONCE: u32 = 1000;

/// A thread that is traced. It is let go when this is dropped.
struct Held {
    tid: Pid,
    /// The first of its process: it is waited for by who made the process.
    is_first: bool,
}

/// A thread that stands still. It goes on where it stood when this is dropped.
pub(super) struct Tracee {
    held: Held,
    registers: user_regs_struct,
    floats: user_fpregs_struct,
    /// Calls were made: its registers are not `registers`.
    used: bool,
}

impl Tracee {
    /// Stops a thread of a process. Until it is let go, it dies with this process.
    pub(super) fn seize(tid: Pid, process: Pid) -> nix::Result<Self> {
        let options = Options::PTRACE_O_TRACEFORK | Options::PTRACE_O_TRACECLONE | Options::PTRACE_O_EXITKILL;
        ptrace::seize(tid, options)?;
        let held = Held { tid, is_first: tid == process };
        ptrace::interrupt(tid)?;
        held.stopped()
    }

    /// A thread that a held one made. It has not done anything yet.
    pub(super) fn born(tid: Pid, process: Pid) -> nix::Result<Self> {
        Held { tid, is_first: tid == process }.stopped()
    }

    /// Waits for the end of a thread that was killed, and that is traced since it was born.
    pub(super) fn let_go(tid: Pid) {
        drop(Held { tid, is_first: false });
    }

    pub(super) fn tid(&self) -> Pid {
        self.held.tid
    }

    /// Whether it waits in a call that can be made again, or that it makes again itself.
    pub(super) fn waits(&self) -> bool {
        let call = self.registers.orig_rax.cast_signed();
        let waited = match self.registers.rax.cast_signed() {
            INTERRUPTED => WAITS_ONCE.contains(&call),
            given => (AGAIN.contains(&given) || given == AS_REMEMBERED) && WAITS.contains(&call),
        };
        waited && self.read(self.registers.rip - 2).is_ok_and(|before: [u8; 2]| before == SYSCALL)
    }

    /// The stack, and where the thread's own variables lie.
    pub(super) fn stack_and_variables(&self) -> (u64, u64) {
        (self.registers.rsp, self.registers.fs_base)
    }

    /// Gives it the registers of one that waits, so that it makes that one's call again. One that only the kernel's memory
    /// of the thread can make again is told to have been interrupted by a signal.
    pub(super) fn become_like(&mut self, other: &Tracee) -> nix::Result<()> {
        let mut registers = other.registers;
        if [AS_REMEMBERED, INTERRUPTED].contains(&registers.rax.cast_signed()) {
            registers.rax = INTERRUPTED.cast_unsigned();
        } else {
            registers.rip -= 2;
            registers.rax = registers.orig_rax;
        }
        // No call to make again: all of it is done here.
        registers.orig_rax = u64::MAX;
        ptrace::setregset::<NT_PRFPREG>(self.tid(), other.floats)?;
        ptrace::setregs(self.tid(), registers)?;
        self.registers = registers;
        Ok(())
    }

    /// Makes a call in its name.
    pub(super) fn call<const N: usize>(&mut self, number: i64, arguments: [u64; N]) -> nix::Result<u64> {
        let mut six = [0; 6];
        six[..N].copy_from_slice(&arguments);
        let mut registers = self.registers;
        // Behind the instruction, or before it if the call is to be made again.
        if self.read(registers.rip)? != SYSCALL {
            registers.rip -= 2;
        }
        registers.rax = number.cast_unsigned();
        registers.orig_rax = u64::MAX;
        [registers.rdi, registers.rsi, registers.rdx, registers.r10, registers.r8, registers.r9] = six;
        ptrace::setregs(self.tid(), registers)?;
        self.used = true;
        self.step()?;
        let given = ptrace::getregs(self.tid())?.rax;
        match given.cast_signed() {
            error @ -4095..0 => Err(Errno::from_raw(c_int::try_from(-error).unwrap_or(0))),
            _ => Ok(given),
        }
    }

    fn step(&self) -> nix::Result<()> {
        let mut signal = None;
        loop {
            ptrace::step(self.tid(), signal.take())?;
            match self.held.wait()? {
                WaitStatus::Stopped(_, Signal::SIGTRAP) => return Ok(()),
                // It made a thread or a process, and the call has not come to its end.
                WaitStatus::PtraceEvent(..) => {}
                WaitStatus::Stopped(_, other) => signal = Some(other),
                _ => return Err(Errno::ESRCH),
            }
        }
    }

    /// Memory that nothing uses: below its stack.
    pub(super) fn scratch(&self) -> u64 {
        (self.registers.rsp - RED_ZONE - SCRATCH) & !0xf
    }

    pub(super) fn write(&self, address: u64, bytes: &[u8]) -> nix::Result<()> {
        let there = RemoteIoVec { base: pointer(address)?, len: bytes.len() };
        whole(process_vm_writev(self.tid(), &[IoSlice::new(bytes)], &[there])?, bytes.len())
    }

    pub(super) fn read<const N: usize>(&self, address: u64) -> nix::Result<[u8; N]> {
        let mut bytes = [0; N];
        let there = RemoteIoVec { base: pointer(address)?, len: N };
        whole(process_vm_readv(self.tid(), &mut [IoSliceMut::new(&mut bytes)], &[there])?, N)?;
        Ok(bytes)
    }
}

fn pointer(address: u64) -> nix::Result<usize> {
    usize::try_from(address).map_err(|_| Errno::EFAULT)
}

fn whole(done: usize, asked: usize) -> nix::Result<()> {
    if done == asked { Ok(()) } else { Err(Errno::EFAULT) }
}

impl Held {
    fn stopped(self) -> nix::Result<Tracee> {
        match self.wait()? {
            WaitStatus::PtraceEvent(..) | WaitStatus::Stopped(..) => {}
            _ => return Err(Errno::ESRCH),
        }
        let registers = ptrace::getregs(self.tid)?;
        let floats = ptrace::getregset::<NT_PRFPREG>(self.tid)?;
        Ok(Tracee { held: self, registers, floats, used: false })
    }

    /// What has become of it next.
    fn wait(&self) -> nix::Result<WaitStatus> {
        self.wait_for(|| waitpid(self.tid, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG)))
    }

    /// The first thread of a process that was killed has no end to be waited for before that of all others (ptrace(2), "Death
    /// under ptrace"), but is a zombie.
    fn wait_for(&self, mut look: impl FnMut() -> nix::Result<WaitStatus>) -> nix::Result<WaitStatus> {
        let until = Instant::now() + TIMEOUT;
        let mut looked = 0;
        loop {
            match look()? {
                WaitStatus::StillAlive if looked < AT_ONCE => std::thread::yield_now(),
                WaitStatus::StillAlive if Instant::now() > until => return Err(Errno::ETIMEDOUT),
                WaitStatus::StillAlive if self.is_first && proc::is_zombie(self.tid) => {
                    return Err(Errno::ESRCH);
                }
                WaitStatus::StillAlive => std::thread::sleep(Duration::from_millis(1)),
                other => return Ok(other),
            }
            looked += 1;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if ptrace::detach(self.tid, None).is_ok() || self.is_first {
            return;
        }
        // It was killed. Its process ends for nobody before the end of each of its threads was seen by who traced it.
        let ended = || match waitpid(self.tid, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG))? {
            ended @ (WaitStatus::Exited(..) | WaitStatus::Signaled(..)) => Ok(ended),
            _ => Ok(WaitStatus::StillAlive),
        };
        let _ = self.wait_for(ended);
    }
}

impl Drop for Tracee {
    fn drop(&mut self) {
        if self.used {
            // One that was killed needs none.
            let _ = ptrace::setregs(self.tid(), self.registers);
        }
    }
}
