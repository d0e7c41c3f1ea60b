//! The process that is forked.

use std::fs;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use nix::unistd::Pid;

use super::Unforkable;
use super::proc::{self, Watched};
use super::seccomp;
use super::tracee::Tracee;
use crate::process::Process;

/// How long it may take until all threads wait. They do so at once, but for what they have begun.
const TIMEOUT: Duration = Duration::from_secs(5);

/// include/uapi/linux/prctl.h
const PR_GET_TID_ADDRESS: c_int = 40;
/// As fork(2) of the C library has it, but that the copy is our own child.
const PROCESS: c_int =
    libc::CLONE_PARENT | libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID | libc::SIGCHLD;
/// As pthread_create(3) of the C library has it.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_CHILD_SETTID
    | libc::CLONE_CHILD_CLEARTID;

/// A process whose threads all wait, for good: nobody asks it for anything any more.
pub struct Original {
    process: Pid,
    /// A socket by which its copies are given files, and the number of its other end there.
    side_channel: (UnixStream, RawFd),
    /// Of the process's descriptors those that count, and what they had counted.
    eventfds: Vec<(RawFd, u32)>,
    /// Those that watch others, and what they watch.
    epolls: Vec<(RawFd, Vec<Watched>)>,
    /// What its copies may not call, if QEMU is confined.
    filter: Option<Vec<u8>>,
    /// Whether a copy was begun that did not become whole.
    is_spoilt: bool,
}

impl Original {
    /// A child of ours. Its copies get all of its memory, also what it keeps from its own children.
    /// If it is `confined`, so that it starts no program, copies may make no other process either.
    pub fn new(process: u32, side_channel: (UnixStream, RawFd), confined: bool) -> Result<Self, Unforkable> {
        let process = Pid::from_raw(process.cast_signed());
        let (mut first, _others) = hold(process)?;
        for range in proc::left_out(&fs::read_to_string(format!("/proc/{process}/smaps"))?) {
            let arguments = [range.start, range.end - range.start, word(libc::MADV_DOFORK)];
            first.call(libc::SYS_madvise, arguments).at("madvise(MADV_DOFORK)")?;
        }
        let (mut eventfds, mut epolls) = (Vec::new(), Vec::new());
        for (fd, what) in proc::descriptors(process)? {
            match what.strip_prefix("anon_inode:") {
                Some("[eventfd]") => eventfds.push((fd, proc::count(process, fd)?)),
                Some("[eventpoll]") => epolls.push((fd, proc::watched(process, fd)?)),
                // It gives the signals of whoever reads it (signalfd(2)). What is no such object is a file, a pipe, or a
                // socket that is replaced, or that nobody uses.
                Some("[signalfd]") | None => {}
                Some(_) => return Err(Unforkable::Descriptor { fd, what }),
            }
        }
        let filter = confined.then(seccomp::without_children).transpose()?;
        Ok(Original { process, side_channel, eventfds, epolls, filter, is_spoilt: false })
    }

    /// A copy, with these files in the place of those that had the numbers. It runs when this returns.
    pub fn fork(&mut self, files: &[(OwnedFd, RawFd)]) -> Result<Process, Unforkable> {
        if self.is_spoilt {
            return Err(Unforkable::HalfCopied);
        }
        self.is_spoilt = true;
        let (mut original, others) = hold(self.process)?;
        let place = number_of(&mut original)?;
        let born = original.call(libc::SYS_clone, [word(PROCESS), 0, 0, place]).at("clone(CLONE_PARENT)")?;
        let mut newborn = Newborn::new(pid(born))?;
        let copy = &mut newborn.first;
        copy.become_like(&original).at("setting registers")?;
        let with_us = [word(libc::PR_SET_PDEATHSIG), word(Signal::SIGKILL as c_int)];
        copy.call(libc::SYS_prctl, with_us).at("prctl(PR_SET_PDEATHSIG)")?;
        self.count_anew(copy).at("eventfd2")?;
        self.give(copy, files).at("recvmsg")?;
        self.watch_anew(copy).at("epoll_ctl")?;
        if let Some(filter) = &self.filter {
            confine(copy, filter).at("seccomp")?;
        }
        for mut other in others {
            newborn.add(&mut other)?;
        }
        self.is_spoilt = false;
        Ok(newborn.release())
    }

    /// Gives a copy eventfds of its own.
    fn count_anew(&self, copy: &mut Tracee) -> nix::Result<()> {
        for &(fd, count) in &self.eventfds {
            let flags = word(libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            let new = copy.call(libc::SYS_eventfd2, [count.into(), flags])?;
            replace(copy, new, fd)?;
        }
        Ok(())
    }

    /// Gives a copy epoll instances of its own, which watch what it has now. One of them may watch another.
    fn watch_anew(&self, copy: &mut Tracee) -> nix::Result<()> {
        for &(fd, _) in &self.epolls {
            let new = copy.call(libc::SYS_epoll_create1, [word(libc::EPOLL_CLOEXEC)])?;
            replace(copy, new, fd)?;
        }
        for (fd, watched) in &self.epolls {
            for file in watched {
                let place = copy.scratch();
                // `struct epoll_event`, which is packed on x86-64.
                copy.write(place, &[&file.events.to_ne_bytes()[..], &file.data.to_ne_bytes()].concat())?;
                let arguments = [descriptor(*fd)?, word(libc::EPOLL_CTL_ADD), descriptor(file.fd)?, place];
                copy.call(libc::SYS_epoll_ctl, arguments)?;
            }
        }
        Ok(())
    }

    /// Gives a copy files of ours.
    fn give(&self, copy: &mut Tracee, files: &[(OwnedFd, RawFd)]) -> nix::Result<()> {
        let ours: Vec<_> = files.iter().map(|(file, _)| file.as_raw_fd()).collect();
        let message = [IoSlice::new(&[0])];
        let rights = [ControlMessage::ScmRights(&ours)];
        sendmsg::<()>(self.side_channel.0.as_raw_fd(), &message, &rights, MsgFlags::empty(), None)?;
        let place = copy.scratch();
        let header = Header::at(place, ours.len());
        copy.write(place, &header.bytes())?;
        copy.call(
            libc::SYS_recvmsg,
            [descriptor(self.side_channel.1)?, place, word(libc::MSG_CMSG_CLOEXEC)],
        )?;
        for (index, (_, wanted)) in (0..).zip(files) {
            let new = u32::from_ne_bytes(copy.read(header.control + Header::RIGHTS + 4 * index)?);
            replace(copy, new.into(), *wanted)?;
        }
        Ok(())
    }
}

/// A copy in the making: killed if it is dropped before it is whole.
struct Newborn {
    is_whole: bool,
    first: Tracee,
    others: Vec<Tracee>,
    /// Waited for last, when nobody holds a thread of it.
    process: Option<Process>,
}

impl Newborn {
    fn new(pid: Pid) -> Result<Self, Unforkable> {
        let process = Process::alone(pid);
        let first = Tracee::born(pid, pid).at("waiting for the copy")?;
        Ok(Newborn { is_whole: false, first, others: Vec::new(), process: Some(process) })
    }

    /// Makes a thread, as another is in the original.
    fn add(&mut self, other: &mut Tracee) -> Result<(), Unforkable> {
        let (stack, variables) = other.stack_and_variables();
        let arguments = [word(THREAD), stack, 0, number_of(other)?, variables];
        let born = self.first.call(libc::SYS_clone, arguments).at("clone(CLONE_THREAD)")?;
        let mut thread = Tracee::born(pid(born), self.first.tid()).at("waiting for a thread")?;
        thread.become_like(other).at("setting registers")?;
        let blocked = proc::blocked(other.tid())?;
        let place = thread.scratch();
        thread.write(place, &blocked.to_ne_bytes()).at("writing memory")?;
        let arguments = [word(libc::SIG_SETMASK), place, 0, 8];
        thread.call(libc::SYS_rt_sigprocmask, arguments).at("rt_sigprocmask")?;
        self.others.push(thread);
        Ok(())
    }

    fn release(mut self) -> Process {
        self.is_whole = true;
        self.process.take().expect("it is taken once")
    }
}

impl Drop for Newborn {
    fn drop(&mut self) {
        if !self.is_whole {
            // Before its threads are let go. It may be dead already.
            let _ = kill(self.first.tid(), Signal::SIGKILL);
            // One that it was making when somebody killed it is traced by us, and nobody has it yet.
            let known =
                |tid: Pid| tid == self.first.tid() || self.others.iter().any(|other| other.tid() == tid);
            let threads = proc::threads(self.first.tid()).unwrap_or_default();
            threads.into_iter().filter(|tid| !known(*tid)).for_each(Tracee::let_go);
        }
    }
}

/// Names what was done.
trait At<T> {
    fn at(self, step: &'static str) -> Result<T, Unforkable>;
}

impl<T> At<T> for nix::Result<T> {
    fn at(self, step: &'static str) -> Result<T, Unforkable> {
        self.map_err(|errno| Unforkable::Step { step, errno })
    }
}

/// All threads of a process, the first one by itself, when each waits.
fn hold(process: Pid) -> Result<(Tracee, Vec<Tracee>), Unforkable> {
    let until = Instant::now() + TIMEOUT;
    loop {
        let threads = proc::threads(process)?.into_iter().map(|tid| Tracee::seize(tid, process));
        let mut held = threads.collect::<nix::Result<Vec<_>>>().at("ptrace(PTRACE_SEIZE)")?;
        if held.iter().all(Tracee::waits) && !held.is_empty() {
            return Ok((held.remove(0), held));
        }
        drop(held);
        if Instant::now() > until {
            return Err(Unforkable::NotWaiting);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Where a thread's number lies in the process's memory: the C library has the kernel clear it when the thread ends.
fn number_of(thread: &mut Tracee) -> Result<u64, Unforkable> {
    let place = thread.scratch();
    thread.call(libc::SYS_prctl, [word(PR_GET_TID_ADDRESS), place]).at("prctl(PR_GET_TID_ADDRESS)")?;
    thread.read(place).map(u64::from_ne_bytes).at("reading memory")
}

/// Forbids a copy for good what a filter has; its other threads, which are made later, inherit that. seccomp(2)
fn confine(copy: &mut Tracee, filter: &[u8]) -> nix::Result<()> {
    // Only who can gain no privileges may be filtered by who has none. QEMU's own filter has seen to that already.
    copy.call(libc::SYS_prctl, [word(libc::PR_SET_NO_NEW_PRIVS), 1, 0, 0, 0])?;
    let place = copy.scratch();
    // `struct sock_fprog`: how many instructions of eight bytes, and where they are.
    let instructions = u64::try_from(filter.len() / 8).map_err(|_| Errno::E2BIG)?;
    let program = place + 16;
    copy.write(place, &[instructions.to_ne_bytes(), program.to_ne_bytes()].concat())?;
    copy.write(program, filter)?;
    copy.call(libc::SYS_seccomp, [libc::SECCOMP_SET_MODE_FILTER.into(), 0, place]).map(drop)
}

/// Puts a new descriptor in the place of an old one.
fn replace(copy: &mut Tracee, new: u64, old: RawFd) -> nix::Result<()> {
    copy.call(libc::SYS_dup3, [new, descriptor(old)?, word(libc::O_CLOEXEC)])?;
    copy.call(libc::SYS_close, [new]).map(drop)
}

/// What recvmsg(2) needs in memory: `struct msghdr`, `struct iovec`, the byte, and room for descriptors (cmsg(3)).
struct Header {
    vector: u64,
    byte: u64,
    control: u64,
    room: u64,
}

impl Header {
    /// Size of `struct cmsghdr`.
    const RIGHTS: u64 = 16;

    fn at(place: u64, descriptors: usize) -> Self {
        let room = Self::RIGHTS + 4 * descriptors as u64;
        Header { vector: place + 64, byte: place + 80, control: place + 96, room: room.next_multiple_of(8) }
    }

    fn bytes(&self) -> Vec<u8> {
        let header = [0, 0, self.vector, 1, self.control, self.room, 0, 0];
        let vector = [self.byte, 1];
        header.into_iter().chain(vector).flat_map(u64::to_ne_bytes).collect()
    }
}

fn word(flags: c_int) -> u64 {
    u64::from(flags.cast_unsigned())
}

fn descriptor(fd: RawFd) -> nix::Result<u64> {
    u64::try_from(fd).map_err(|_| Errno::EBADF)
}

fn pid(number: u64) -> Pid {
    Pid::from_raw(i32::try_from(number).expect("the kernel's numbers of processes are pid_t"))
}

#[cfg(test)]
mod tests;
