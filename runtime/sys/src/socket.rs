//! A pair of connected sockets that keep the limits of messages. unix(7), SOCK_SEQPACKET.

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    self, AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType,
};

use super::{Errno, Result};

/// Two ends, both closed by execve(2), neither with the number of a standard descriptor.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let (left, right) =
        socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    Ok((above_standard(left)?, above_standard(right)?))
}

fn above_standard(fd: OwnedFd) -> Result<OwnedFd> {
    if fd.as_raw_fd() > 2 { Ok(fd) } else { super::descriptor::copy_above(fd, 3) }
}

/// Sends one message; `EPIPE` (and no SIGPIPE) if the other end is gone.
pub fn send(fd: BorrowedFd<'_>, message: &[u8]) -> Result<()> {
    uninterrupted(|| socket::send(fd.as_raw_fd(), message, MsgFlags::MSG_NOSIGNAL)).map(drop)
}

/// Sends one message and a descriptor. SCM_RIGHTS, unix(7)
pub fn send_with(fd: BorrowedFd<'_>, message: &[u8], file: BorrowedFd<'_>) -> Result<()> {
    let (message, files) = ([IoSlice::new(message)], [file.as_raw_fd()]);
    let rights = [ControlMessage::ScmRights(&files)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    uninterrupted(|| socket::sendmsg::<()>(fd.as_raw_fd(), &message, &rights, flags, None)).map(drop)
}

/// Waits for one message and gives its length; 0 once the other end is gone.
pub fn receive(fd: BorrowedFd<'_>, message: &mut [u8]) -> Result<usize> {
    uninterrupted(|| socket::recv(fd.as_raw_fd(), message, MsgFlags::empty()))
}

/// The same, and the descriptor that came with it. It is closed by execve(2).
pub fn receive_with(fd: BorrowedFd<'_>, message: &mut [u8]) -> Result<(usize, Option<OwnedFd>)> {
    let mut room = nix::cmsg_space!(RawFd);
    uninterrupted(|| {
        let (mut message, flags) = ([IoSliceMut::new(message)], MsgFlags::MSG_CMSG_CLOEXEC);
        let received = socket::recvmsg::<()>(fd.as_raw_fd(), &mut message, Some(&mut room), flags)?;
        let mut files = Vec::new();
        for rights in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(made) = rights {
                // SAFETY: the kernel just made these descriptors and nothing else knows them.
                files.extend(made.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
            }
        }
        Ok((received.bytes, files.pop()))
    })
}

/// Makes a call again that a signal interrupted.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}

/// Whether the other end is gone. Does not wait.
pub fn hung_up(fd: impl AsFd) -> Result<bool> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO)?;
    Ok(fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLHUP)))
}

/// Waits until at least one of two files has something to read, and tells whether the first has.
pub fn wait_for_either(one: impl AsFd, other: impl AsFd) -> Result<bool> {
    let mut fds = [one.as_fd(), other.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    uninterrupted(|| poll(&mut fds, PollTimeout::NONE))?;
    Ok(fds[0].any().unwrap_or_default())
}

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Something to read.
    Read,
    /// Room to write.
    Write,
}

/// Waits until the first file has something to read, or one of those for which it is wished has what is wished, or the time is
/// over, if there is one; which have. One that is at its end, or has an error, has all.
pub fn wait_for_any<const N: usize>(
    first: impl AsFd,
    wishes: [(BorrowedFd<'_>, Wish, bool); N],
    timeout: Option<Duration>,
) -> Result<[bool; N]> {
    let wished = |(fd, wish, _): &(_, Wish, bool)| {
        let flags = if *wish == Wish::Read { PollFlags::POLLIN } else { PollFlags::POLLOUT };
        PollFd::new(*fd, flags)
    };
    let mut fds = vec![PollFd::new(first.as_fd(), PollFlags::POLLIN)];
    fds.extend(wishes.iter().filter(|(_, _, wanted)| *wanted).map(wished));
    let timeout = timeout.map_or(PollTimeout::NONE, |it| it.try_into().unwrap_or(PollTimeout::MAX));
    uninterrupted(|| poll(&mut fds, timeout))?;
    let mut ready = fds[1..].iter().map(|fd| fd.any().unwrap_or_default());
    Ok(wishes.map(|(_, _, wanted)| wanted && ready.next().unwrap_or_default()))
}

/// Waits until at least one of two files has something to read, at most so long, and tells for each whether it has.
pub fn either_within(one: impl AsFd, other: impl AsFd, timeout: Duration) -> Result<(bool, bool)> {
    let deadline = Instant::now() + timeout;
    loop {
        // Whole milliseconds, and rather too long: what comes at the very end is not missed.
        let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
        let mut fds = [one.as_fd(), other.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Err(Errno::EINTR) => continue,
            other => other?,
        };
        return Ok((fds[0].any().unwrap_or_default(), fds[1].any().unwrap_or_default()));
    }
}

/// Waits until a file has something to read, at most so long. Whether it has.
pub fn is_readable_within(fd: impl AsFd, timeout: Duration) -> Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        // Whole milliseconds, and rather too long: what comes at the very end is not missed.
        let left = deadline.saturating_duration_since(Instant::now()).as_millis() + 1;
        let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)) {
            Err(Errno::EINTR) => continue,
            other => return Ok(other? > 0),
        }
    }
}

/// Waits until the file reports an exceptional condition, as `cgroup.events` does when it changes, at most
/// `milliseconds`. Whether it did.
pub fn wait_for_change(fd: impl AsFd, milliseconds: u16) -> Result<bool> {
    let mut fds = [PollFd::new(fd.as_fd(), PollFlags::POLLPRI)];
    Ok(poll(&mut fds, PollTimeout::from(milliseconds))? > 0)
}
