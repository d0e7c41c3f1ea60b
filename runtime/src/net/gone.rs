//! Word of devices that go. rtnetlink(7), RTNLGRP_LINK

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::dialogue::{PART, messages};
use sys::{self, netlink, socket};

/// Hears of the devices of this network namespace that go.
#[derive(Debug)]
pub(crate) struct Gone(OwnedFd);

impl Gone {
    /// Hears of those that go from now on.
    pub(crate) fn listen() -> sys::Result<Gone> {
        netlink::links().map(Gone)
    }

    /// Waits for the next word, and gives the indices of the devices that it says are gone. `ENOBUFS` if some were missed.
    pub(crate) fn next(&self) -> sys::Result<Vec<u32>> {
        let mut buffer = vec![0; PART];
        let length = socket::receive(self.0.as_fd(), &mut buffer)?;
        Ok(messages(&buffer[..length])?.iter().filter_map(index).collect())
    }
}

impl AsFd for Gone {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn index(message: &NetlinkMessage<RouteNetlinkMessage>) -> Option<u32> {
    match &message.payload {
        // A device that only leaves its bridge is told of too, in that family.
        NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
            if link.header.interface_family == AddressFamily::Unspec =>
        {
            Some(link.header.index)
        }
        _ => None,
    }
}
