//! Requests to the kernel's routing family, and its answers. netlink(7)
//!
//! The kernel carries a request out while it is sent: its answer is there when the call returns, and nothing waits.

use std::cell::Cell;
use std::os::fd::{AsFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;

use sys::{self, Errno, netlink, socket};

/// Bytes of a part of an answer: the most that the kernel puts into one.
pub(super) const PART: usize = 32 * 1024;
/// How often a list is asked for that changes each time while the kernel tells it.
const TRIES: usize = 100;

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
        self.answer().map(drop)
    }

    /// Everything that a request for a list finds, at one moment. `EAGAIN` if it never stood still for so long.
    pub(super) fn list(&self, message: RouteNetlinkMessage) -> sys::Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..TRIES {
            self.send(message.clone(), NLM_F_DUMP)?;
            let answer = self.answer()?;
            if !answer.changed_meanwhile {
                return Ok(answer.found);
            }
        }
        Err(Errno::EAGAIN)
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

    /// The whole answer to the last request.
    fn answer(&self) -> sys::Result<Answer> {
        let mut answer = Answer::default();
        while !self.receive(&mut answer)? {}
        Ok(answer)
    }

    /// Reads what came in one go, and tells whether it was the end of the answer. What is left of an earlier one is passed by.
    fn receive(&self, answer: &mut Answer) -> sys::Result<bool> {
        let mut buffer = vec![0; PART];
        let length = socket::receive(self.socket.as_fd(), &mut buffer)?;
        let mut ended = false;
        for message in messages(&buffer[..length])? {
            if message.header.sequence_number == self.last.get() {
                answer.changed_meanwhile |= message.header.flags & NLM_F_DUMP_INTR != 0;
                ended |= take(message.payload, &mut answer.found)?;
            }
        }
        Ok(ended)
    }
}

/// What the kernel answers to one request.
#[derive(Debug, Default)]
struct Answer {
    found: Vec<RouteNetlinkMessage>,
    /// Whether something was changed between its parts: what moved may be in two of them, or in none.
    changed_meanwhile: bool,
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
    use netlink_packet_route::address::AddressMessage;
    use netlink_packet_route::link::LinkMessage;

    use super::*;
    use crate::net::{Address, LOOPBACK, Net};
    use crate::spec::Namespace;
    use sys::namespace;

    #[rstest::rstest]
    #[case("lo", Ok(crate::net::LOOPBACK))]
    #[case("no-such-device", Err(Errno::ENODEV))]
    #[case("a-name-that-no-device-can-have", Err(Errno::ENODEV))]
    fn a_name_has_an_index(#[case] name: &str, #[case] index: sys::Result<u32>) {
        assert_eq!(Dialogue::open().unwrap().index(name), index);
    }

    fn links() -> RouteNetlinkMessage {
        RouteNetlinkMessage::GetLink(LinkMessage::default())
    }

    /// Has a device changed that is not there: refused whoever asks, with the kernel's own errno.
    fn refusal(dialogue: &Dialogue) -> Errno {
        let mut none = LinkMessage::default();
        none.header.index = i32::MAX as u32;
        dialogue.request(RouteNetlinkMessage::SetLink(none), 0).unwrap_err()
    }

    #[test]
    fn an_answer_belongs_to_its_request() {
        let dialogue = Dialogue::open().unwrap();
        let refused = refusal(&dialogue);
        assert!(matches!(refused, Errno::ENODEV | Errno::EPERM), "{refused}");
        let found = dialogue.list(links()).unwrap();
        let is_loopback = |link: &RouteNetlinkMessage| match link {
            RouteNetlinkMessage::NewLink(link) => link.header.index == LOOPBACK,
            _ => false,
        };
        assert_eq!(found.iter().filter(|link| is_loopback(link)).count(), 1);
    }

    #[test]
    fn an_answer_that_nobody_read_is_not_the_next_ones() {
        let dialogue = Dialogue::open().unwrap();
        dialogue.send(links(), NLM_F_DUMP).unwrap();
        let refused = refusal(&dialogue);
        assert!(matches!(refused, Errno::ENODEV | Errno::EPERM), "{refused}");
    }

    /// A list in several parts, of which the first is made when it is asked for and the next when that one is read.
    #[test]
    fn a_list_that_changes_between_its_parts_is_noticed() {
        let act = || {
            match namespace::unshare(Namespace::Net) {
                Err(Errno::EPERM) => return eprintln!("SKIP: this user cannot make a network namespace"),
                other => other.unwrap(),
            }
            let addresses = || RouteNetlinkMessage::GetAddress(AddressMessage::default());
            let (net, other) = (Net::open().unwrap(), Net::open().unwrap());
            let add = |number: u16| {
                let [high, low] = number.to_be_bytes();
                other.add_address(LOOPBACK, Address { ip: [127, 1, high, low].into(), prefix: 32 }).unwrap();
            };
            (0..1000).for_each(add);
            net.0.send(addresses(), NLM_F_DUMP).unwrap();
            add(1000);
            assert!(net.0.answer().unwrap().changed_meanwhile);
            assert_eq!(net.0.list(addresses()).unwrap().len(), 1001);
        };
        std::thread::spawn(act).join().unwrap();
    }
}
