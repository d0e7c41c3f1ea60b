//! ICMP echo. icmp(7), raw(7)

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sockopt::ReceiveTimeout,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::super::{Errno, Result};

const ECHO_REPLY: u8 = 0;
const ECHO_REQUEST: u8 = 8;

/// A socket that sends echo requests to one address.
#[derive(Debug)]
pub struct Echo {
    socket: OwnedFd,
    /// A raw socket hands out the IP header, and the replies to everybody.
    raw: bool,
}

impl Echo {
    /// A raw socket (CAP_NET_RAW), else one of the kind that `net.ipv4.ping_group_range` gates: then the errno is `EACCES`.
    pub fn connect(to: Ipv4Addr) -> Result<Echo> {
        let (socket, raw) = match icmp(SockType::Raw) {
            Err(Errno::EPERM) => (icmp(SockType::Datagram)?, false),
            other => (other?, true),
        };
        // Only a connected raw socket is told that a host is unreachable.
        socket::connect(socket.as_raw_fd(), &SockaddrIn::from(std::net::SocketAddrV4::new(to, 0)))?;
        Ok(Echo { socket, raw })
    }

    /// Sends one request and waits for its reply: `ETIMEDOUT` if none comes.
    pub fn exchange(&self, id: u16, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        socket::send(self.socket.as_raw_fd(), &request(id), MsgFlags::empty())?;
        let mut packet = [0u8; 256];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let microseconds = i64::try_from(left.as_micros()).map_err(|_| Errno::EOVERFLOW)?;
            if microseconds == 0 {
                return Err(Errno::ETIMEDOUT);
            }
            socket::setsockopt(&self.socket, ReceiveTimeout, &TimeVal::microseconds(microseconds))?;
            match socket::recv(self.socket.as_raw_fd(), &mut packet, MsgFlags::empty()) {
                Ok(length) if self.is_reply(&packet[..length], id) => return Ok(()),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
                Err(errno) => return Err(errno),
            }
        }
    }

    fn is_reply(&self, packet: &[u8], id: u16) -> bool {
        if !self.raw {
            // The kernel put its own identifier into the request and delivers only what answers it.
            return packet.first() == Some(&ECHO_REPLY);
        }
        let header = usize::from(packet.first().map_or(0, |byte| byte & 0xf)) * 4;
        packet.get(header..).is_some_and(|message| {
            message.first() == Some(&ECHO_REPLY) && message.get(4..6) == Some(&id.to_be_bytes())
        })
    }
}

fn icmp(kind: SockType) -> Result<OwnedFd> {
    socket::socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp)
}

fn request(id: u16) -> [u8; 8] {
    let [high, low] = id.to_be_bytes();
    let mut message = [ECHO_REQUEST, 0, 0, 0, high, low, 0, 1];
    let sum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&sum);
    message
}

/// The Internet checksum of an even number of bytes. RFC 1071
fn checksum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(u16::try_from(sum).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_with_its_checksum_sums_up_to_nothing() {
        // RFC 1071, section 3: the checksum of the example's words.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&request(0xbeef)), 0);
    }
}
