//! A network device's flags, by ioctl. netdevice(7)

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType};

use super::super::{Errno, Result, netlink};

/// Brings a device up or down: `ENODEV` if this network namespace has none of that name.
pub fn set_up(name: &str, up: bool) -> Result<()> {
    change_flags(name, |flags| if up { flags | libc::IFF_UP } else { flags & !libc::IFF_UP })
}

/// Reads a device's flags (SIOCGIFFLAGS) and sets what is made of them (SIOCSIFFLAGS).
pub(super) fn change_flags(name: &str, change: impl FnOnce(i32) -> i32) -> Result<()> {
    let socket = socket::socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = netlink::device_request(name)?;
    // SAFETY: the kernel reads the name and writes the flags of the one structure.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFFLAGS, &raw mut request) })?;
    // SAFETY: the kernel has just written this field of the union.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = change(flags.into()) as libc::c_short;
    send(&socket, &request)
}

fn send(socket: &OwnedFd, request: &libc::ifreq) -> Result<()> {
    let request: *const libc::ifreq = request;
    // SAFETY: the kernel reads the one structure.
    Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, request) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("sixteen-and-more")]
    #[case("nsproof-none")]
    fn a_device_that_is_not_there_is_refused(#[case] name: &str) {
        assert_eq!(set_up(name, true), Err(Errno::ENODEV));
    }
}
