//! What goes between us and QEMU.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver};

use command_fds::FdMapping;

use super::SEND_DEADLINE;
use super::arguments::{Screen, fd};
use super::console::Console;
use super::monitor::Monitor;
use super::wire::{self, Wire};

/// Our ends of a machine's streams.
pub(super) struct Streams {
    pub(super) channel: UnixStream,
    pub(super) monitor: Monitor,
    pub(super) wire: Receiver<Wire>,
    pub(super) open: u8,
    pub(super) console: Console,
}

impl Streams {
    /// With QEMU's ends.
    pub(super) fn new(screen: Screen) -> io::Result<(Self, Vec<FdMapping>)> {
        let (sender, wire) = mpsc::channel();
        let (channel, channel_end) = UnixStream::pair()?;
        channel.set_write_timeout(Some(SEND_DEADLINE))?;
        wire::read_channel(channel.try_clone()?, sender.clone())?;
        let (monitor, monitor_end) = UnixStream::pair()?;
        let mut ends = vec![mapping(channel_end, fd::CHANNEL), mapping(monitor_end, fd::MONITOR)];
        let console = Console::default();
        if screen == Screen::Kept {
            let (stream, end) = UnixStream::pair()?;
            wire::read_console(stream, console.clone(), sender)?;
            // QEMU's own words (a device it lacks, memory it cannot get) go where the guest's console goes.
            ends.push(mapping(end.try_clone()?, fd::ERRORS));
            ends.push(mapping(end, fd::CONSOLE));
        }
        let open = if screen == Screen::Kept { 2 } else { 1 };
        Ok((Streams { channel, monitor: Monitor::new(monitor), wire, open, console }, ends))
    }
}

pub(super) fn mapping(parent: impl Into<OwnedFd>, child_fd: i32) -> FdMapping {
    FdMapping { parent_fd: parent.into(), child_fd }
}
