//! Sockets on which the kernel is asked about the network. netlink(7), rtnetlink(7), netdevice(7).

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use nix::sys::socket::{self, AddressFamily, NetlinkAddr, SockFlag, SockProtocol, SockType};

use super::{Errno, Result};

/// A socket on which the kernel's routing family answers. It stays with the network namespace of this thread.
pub fn routing() -> Result<OwnedFd> {
    let (family, flags) = (AddressFamily::Netlink, SockFlag::SOCK_CLOEXEC);
    socket::socket(family, SockType::Raw, flags, SockProtocol::NetlinkRoute)
}

/// A socket on which the kernel tells of every change of a device of this thread's network namespace. RTMGRP_LINK
pub fn links() -> Result<OwnedFd> {
    let socket = routing()?;
    socket::bind(socket.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_LINK.unsigned_abs()))?;
    Ok(socket)
}

/// The index of a device of the socket's network namespace. `ENODEV` if there is none of that name. SIOCGIFINDEX
///
/// RTM_GETLINK knows it too, but settles what is pending of the device's state first, and waits for an RCU grace period.
pub fn index(socket: BorrowedFd<'_>, name: &str) -> Result<u32> {
    let mut request = device_request(name)?;
    // SAFETY: the kernel reads and writes one `ifreq`, which outlives the call; its name is terminated.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFINDEX, &raw mut request) };
    Errno::result(done)?;
    // SAFETY: the call succeeded, so the kernel filled in this member.
    let index = unsafe { request.ifr_ifru.ifru_ifindex };
    u32::try_from(index).map_err(|_| Errno::ENODEV)
}

/// The network namespace of a socket. SIOCGSKNS, Linux 4.10
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN there.
pub fn namespace(socket: BorrowedFd<'_>) -> Result<OwnedFd> {
    // SAFETY: this request takes no argument.
    let made = Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGSKNS) })?;
    // SAFETY: the kernel just made this descriptor and nothing else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(made) })
}

/// A request about a device, for netdevice(7). `ENODEV` for a name that no device can have: with its terminator it has at
/// most IFNAMSIZ bytes.
pub(super) fn device_request(name: &str) -> Result<libc::ifreq> {
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(Errno::ENODEV);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}
