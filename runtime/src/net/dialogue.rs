//! Requests to the kernel's routing family, and its answers. netlink(7)
//!
//! The kernel carries a request out while it is sent: its answer is there when the call returns, and nothing waits.

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};

use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;

use crate::sys::{self, Errno, netlink, socket};

/// Bytes that hold an answer: a refusal repeats the request.
const ANSWER: usize = 4096;
/// Bytes of a part of a list: the most that the kernel puts into one.
pub(super) const PART: usize = 32 * 1024;

/// A socket, and the number of the last request on it.
#[derive(Debug)]
pub(super) struct Dialogue {
    socket: OwnedFd,
    last: Cell<u32>,
}

impl Dialogue {
    /// With the network namespace of this thread.
    pub(super) fn open() -> sys::Result<Dialogue> {
        Ok(Dialogue { socket: netlink::routing()?, last: Cell::new(0) })
    }

    /// Has something done. `flags`: NLM_F_CREATE and its like.
    pub(super) fn request(&self, message: RouteNetlinkMessage, flags: u16) -> sys::Result<()> {
        self.send(message, NLM_F_ACK | flags)?;
        self.receive(ANSWER, &mut Vec::new()).map(drop)
    }

    /// Everything that a request for a list finds.
    pub(super) fn list(&self, message: RouteNetlinkMessage) -> sys::Result<Vec<RouteNetlinkMessage>> {
        self.send(message, NLM_F_DUMP)?;
        let mut found = Vec::new();
        while !self.receive(PART, &mut found)? {}
        Ok(found)
    }

    /// The index of a device by its name.
    pub(super) fn index(&self, name: &str) -> sys::Result<u32> {
        netlink::index(self.socket.as_fd(), name)
    }

    fn send(&self, message: RouteNetlinkMessage, flags: u16) -> sys::Result<()> {
        let mut message = NetlinkMessage::from(message);
        self.last.set(self.last.get().wrapping_add(1));
        message.header.sequence_number = self.last.get();
        message.header.flags = NLM_F_REQUEST | flags;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        socket::send(self.socket.as_fd(), &bytes)
    }

    /// Reads what came in one go, and tells whether it was the end of the answer.
    fn receive(&self, room: usize, found: &mut Vec<RouteNetlinkMessage>) -> sys::Result<bool> {
        let mut buffer = vec![0; room];
        let length = socket::receive(self.socket.as_fd(), &mut buffer)?;
        let mut ended = false;
        for message in messages(&buffer[..length])? {
            if message.header.sequence_number == self.last.get() {
                ended |= take(message.payload, found)?;
            }
        }
        Ok(ended)
    }
}

/// The messages that came in one go.
pub(super) fn messages(mut bytes: &[u8]) -> sys::Result<Vec<NetlinkMessage<RouteNetlinkMessage>>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let message = NetlinkMessage::deserialize(bytes).map_err(|_| Errno::EBADMSG)?;
        let length = usize::try_from(message.header.length).map_err(|_| Errno::EBADMSG)?;
        // Each begins at a multiple of 4.
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        found.push(message);
    }
    Ok(found)
}

/// Takes one message of an answer, and tells whether it is the last.
fn take(
    payload: NetlinkPayload<RouteNetlinkMessage>,
    found: &mut Vec<RouteNetlinkMessage>,
) -> sys::Result<bool> {
    let refused = |code: i32| if code == 0 { Ok(true) } else { Err(Errno::from_raw(-code)) };
    match payload {
        NetlinkPayload::InnerMessage(message) => {
            found.push(message);
            Ok(false)
        }
        NetlinkPayload::Error(answer) => refused(answer.raw_code()),
        NetlinkPayload::Done(end) => refused(end.code),
        NetlinkPayload::Overrun(_) => Err(Errno::ENOBUFS),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use netlink_packet_route::link::LinkMessage;

    use super::*;

    #[rstest::rstest]
    #[case("lo", Ok(crate::net::LOOPBACK))]
    #[case("no-such-device", Err(Errno::ENODEV))]
    #[case("a-name-that-no-device-can-have", Err(Errno::ENODEV))]
    fn a_name_has_an_index(#[case] name: &str, #[case] index: sys::Result<u32>) {
        assert_eq!(Dialogue::open().unwrap().index(name), index);
    }

    #[test]
    fn an_answer_belongs_to_its_request() {
        let dialogue = Dialogue::open().unwrap();
        let mut none = LinkMessage::default();
        none.header.index = i32::MAX as u32;
        // Refused, as whoever asks: the kernel's own errno comes back.
        let refused = dialogue.request(RouteNetlinkMessage::SetLink(none), 0).unwrap_err();
        assert!(matches!(refused, Errno::ENODEV | Errno::EPERM), "{refused}");
        let links = dialogue.list(RouteNetlinkMessage::GetLink(LinkMessage::default())).unwrap();
        let is_loopback = |link: &RouteNetlinkMessage| match link {
            RouteNetlinkMessage::NewLink(link) => link.header.index == crate::net::LOOPBACK,
            _ => false,
        };
        assert_eq!(links.iter().filter(|link| is_loopback(link)).count(), 1);
    }
}
