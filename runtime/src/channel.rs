//! What parent and child say to each other while a container is built.
//!
//! ```text
//! parent                              child
//! Go     ──────────▶                  (only by way of an intermediate process) it is known, and may say something
//!        ◀──────────  Ready           its namespaces are made
//! Go     ──────────▶                  (only if a step needs them) ids, cgroup and links are there; its network
//!        ◀──────────  Passed          (only when traced) a step is done …
//! Go     ──────────▶                  … and was looked at
//!        ◀──────────  Executing       the next thing is execve(2)
//!        ◀──────────  end of file     it worked: the channel closes on execve
//!        ◀──────────  Failed          any step, execve too
//! ```
//! An end of file without `Executing` is a child that died on the way, never a success.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use sys::launcher::{Launcher, Try};
use sys::{self, Errno, launcher, socket};

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Ready,
    Go,
    Passed { position: u16 },
    Executing,
    Failed { position: u16, errno: Errno, detail: String },
}

/// One record: tag, length of the text, position in the plan, number, text.
const RECORD: usize = 256;
const HEADER: usize = 8;
/// Where the number is.
const NUMBER: usize = 4;

impl Message {
    fn encode(&self) -> [u8; RECORD] {
        let (tag, position, number, text) = match self {
            Message::Ready => (1, 0, 0, ""),
            Message::Go => (2, 0, 0, ""),
            Message::Passed { position } => (3, *position, 0, ""),
            Message::Executing => (4, 0, 0, ""),
            Message::Failed { position, errno, detail } => (5, *position, *errno as i32, detail.as_str()),
        };
        let mut cut = text.len().min(RECORD - HEADER);
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        let mut record = [0; RECORD];
        record[0] = tag;
        record[1] = u8::try_from(cut).unwrap_or(u8::MAX);
        record[2..4].copy_from_slice(&position.to_ne_bytes());
        record[NUMBER..HEADER].copy_from_slice(&number.to_ne_bytes());
        record[HEADER..HEADER + cut].copy_from_slice(&text.as_bytes()[..cut]);
        record
    }

    fn decode(record: &[u8; RECORD]) -> Option<Message> {
        let position = u16::from_ne_bytes([record[2], record[3]]);
        let number = i32::from_ne_bytes([record[4], record[5], record[6], record[7]]);
        let text = record.get(HEADER..HEADER + usize::from(record[1]))?;
        Some(match record[0] {
            1 => Message::Ready,
            2 => Message::Go,
            3 => Message::Passed { position },
            4 => Message::Executing,
            5 => Message::Failed {
                position,
                errno: Errno::from_raw(number),
                detail: String::from_utf8_lossy(text).into_owned(),
            },
            _ => return None,
        })
    }
}

/// One end of the channel.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

impl Channel {
    /// The parent's end and the child's.
    pub(crate) fn pair() -> sys::Result<(Channel, Channel)> {
        let (parent, child) = socket::pair()?;
        Ok((Channel(parent), Channel(child)))
    }

    pub(crate) fn send(&self, message: &Message) -> sys::Result<()> {
        socket::send(self.0.as_fd(), &message.encode())
    }

    /// The next message; `None` once every process has closed the other end.
    pub(crate) fn receive(&self) -> sys::Result<Option<Message>> {
        let mut record = [0; RECORD];
        let length = socket::receive(self.0.as_fd(), &mut record)?;
        decoded(length, &record)
    }

    /// Waits until there is a message, or none will come, or the file has something to read. Whether it is not only the file.
    pub(crate) fn speaks_before(&self, other: impl AsFd) -> sys::Result<bool> {
        socket::wait_for_either(&self.0, other)
    }

    /// Gives the child leave to go on, and what it is to have: the network that was made for it.
    pub(crate) fn go(&self, network: Option<BorrowedFd<'_>>) -> sys::Result<()> {
        let go = Message::Go.encode();
        match network {
            None => socket::send(self.0.as_fd(), &go),
            Some(network) => socket::send_with(self.0.as_fd(), &go, network),
        }
    }

    /// Makes a launcher that says here, in place of the step at this position, that it could not execute anything.
    pub(crate) fn launcher(&self, position: u16, of: Try<'_>) -> sys::Result<Launcher> {
        let failed = Message::Failed { position, errno: Errno::UnknownErrno, detail: String::new() };
        let report = launcher::Report { to: self.0.as_fd(), record: &failed.encode(), errno_at: NUMBER };
        Launcher::new(of, report)
    }

    /// Waits for the parent's leave to go on, and takes what comes with it. A parent that is gone gives none.
    pub(crate) fn await_go(&self) -> sys::Result<Option<OwnedFd>> {
        let mut record = [0; RECORD];
        let (length, network) = socket::receive_with(self.0.as_fd(), &mut record)?;
        match decoded(length, &record)? {
            Some(Message::Go) => Ok(network),
            Some(_) => Err(Errno::EPROTO),
            None => Err(Errno::EOWNERDEAD),
        }
    }

    /// Whether the other side is gone.
    pub(crate) fn hung_up(&self) -> sys::Result<bool> {
        socket::hung_up(self.0.as_fd())
    }
}

fn decoded(length: usize, record: &[u8; RECORD]) -> sys::Result<Option<Message>> {
    match length {
        0 => Ok(None),
        RECORD => Message::decode(record).map(Some).ok_or(Errno::EPROTO),
        _ => Err(Errno::EPROTO),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_survives_the_way() {
        let (parent, child) = Channel::pair().unwrap();
        let detail = "ä".repeat(200);
        for message in [
            Message::Ready,
            Message::Go,
            Message::Passed { position: 7 },
            Message::Executing,
            Message::Failed { position: 9, errno: Errno::EPERM, detail: "tmpfs on /tmp".into() },
        ] {
            child.send(&message).unwrap();
            assert_eq!(parent.receive().unwrap(), Some(message));
        }
        child.send(&Message::Failed { position: 0, errno: Errno::EIO, detail: detail.clone() }).unwrap();
        let Some(Message::Failed { detail: cut, .. }) = parent.receive().unwrap() else {
            panic!("not Failed")
        };
        assert!(cut.len() > 240 && detail.starts_with(&cut), "cut at a character: {cut}");
    }

    #[test]
    fn a_parent_that_is_gone_gives_no_leave() {
        let (parent, child) = Channel::pair().unwrap();
        assert!(!child.hung_up().unwrap());
        drop(parent);
        assert!(child.hung_up().unwrap());
        assert_eq!(child.await_go().unwrap_err(), Errno::EOWNERDEAD);
    }

    #[test]
    fn leave_comes_with_the_network() {
        let (parent, child) = Channel::pair().unwrap();
        let file = std::fs::File::open("/proc/self/ns/net").unwrap();
        parent.go(None).unwrap();
        parent.go(Some(file.as_fd())).unwrap();
        assert!(child.await_go().unwrap().is_none());
        let network = child.await_go().unwrap().unwrap();
        let inode = |file: &std::fs::File| std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
        let flags = nix::fcntl::fcntl(&network, nix::fcntl::FcntlArg::F_GETFD).unwrap();
        assert_eq!(inode(&network.into()), inode(&file));
        assert_eq!(flags, nix::libc::FD_CLOEXEC, "the program is not to have it");
    }
}
