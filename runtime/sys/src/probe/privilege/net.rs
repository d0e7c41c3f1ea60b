//! Actions on the network and on the audit system, which talks over it.

use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{self, AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType};

use super::super::super::{Errno, Result, errno_of};
use super::super::device;

/// CAP_NET_BIND_SERVICE: `inet_bind` lets only it have a port below `net.ipv4.ip_unprivileged_port_start`.
pub fn bind_low_port() -> Result<()> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 1023)).map(drop).map_err(|error| errno_of(&error))
}

/// CAP_NET_ADMIN: `dev_ioctl` checks it. `lo` gets the flags that it has.
pub fn set_link_flags() -> Result<()> {
    device::change_flags("lo", |flags| flags)
}

/// CAP_NET_RAW: `inet_create` checks it for a raw socket.
pub fn raw_socket() -> Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socket::socket(AddressFamily::Inet, SockType::Raw, flags, SockProtocol::Icmp).map(drop)
}

/// CAP_AUDIT_WRITE: `audit_netlink_ok` checks it for a message of a program (AUDIT_USER).
pub fn write_to_audit() -> Result<()> {
    const AUDIT_USER: u16 = 1005;
    ask_audit(AUDIT_USER, b"op=nsproof\0\0")
}

/// CAP_AUDIT_CONTROL: `audit_netlink_ok` checks it for AUDIT_GET too, which changes nothing. Outside of the machine's first
/// PID namespace the kernel says `EPERM` whatever the capabilities are.
pub fn ask_for_audit_state() -> Result<()> {
    const AUDIT_GET: u16 = 1000;
    ask_audit(AUDIT_GET, &[])
}

/// CAP_AUDIT_READ: `audit_multicast_bind` checks it for those that listen to the log (AUDIT_NLGRP_READLOG).
pub fn listen_to_audit() -> Result<()> {
    let socket = audit()?;
    socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1))
}

fn audit() -> Result<OwnedFd> {
    let (family, flags) = (AddressFamily::Netlink, SockFlag::SOCK_CLOEXEC);
    socket::socket(family, SockType::Raw, flags, SockProtocol::NetlinkAudit)
}

/// Sends one message, of which the length is a multiple of 4, and reads the kernel's answer to it: an error of 0 for yes.
/// netlink(7)
fn ask_audit(kind: u16, payload: &[u8]) -> Result<()> {
    const HEADER: usize = 16;
    const ERROR: u16 = 2;
    let socket = audit()?;
    let length = u32::try_from(HEADER + payload.len()).map_err(|_| Errno::EMSGSIZE)?;
    let flags = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_ACK).map_err(|_| Errno::EINVAL)?;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend(payload);
    let kernel = NetlinkAddr::new(0, 0);
    socket::sendto(socket.as_raw_fd(), &message, &kernel, MsgFlags::empty())?;
    let mut answer = [0u8; 1024];
    let length = socket::recv(socket.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    let word = |at: usize| answer[..length].get(at..at + 4)?.try_into().ok().map(i32::from_ne_bytes);
    let is_error = answer[4..6] == ERROR.to_ne_bytes();
    match word(HEADER) {
        Some(errno) if is_error && errno != 0 => Err(Errno::from_raw(-errno)),
        Some(_) => Ok(()),
        None => Err(Errno::EBADMSG),
    }
}
