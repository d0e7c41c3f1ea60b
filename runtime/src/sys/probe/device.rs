//! A network device's flags, by ioctl. netdevice(7)

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{self, AddressFamily, SockFlag, SockType};

use super::super::{Errno, Result};

/// Brings a device up or down: `ENODEV` if this network namespace has none of that name.
pub fn set_up(name: &str, up: bool) -> Result<()> {
    change_flags(name, |flags| if up { flags | libc::IFF_UP } else { flags & !libc::IFF_UP })
}

/// Reads a device's flags (SIOCGIFFLAGS) and sets what is made of them (SIOCSIFFLAGS).
pub(super) fn change_flags(name: &str, change: impl FnOnce(i32) -> i32) -> Result<()> {
    let socket = socket::socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut request = request(name)?;
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

/// A request about the device of that name, which with its zero has at most IFNAMSIZ bytes.
fn request(name: &str) -> Result<libc::ifreq> {
    // SAFETY: every bit pattern of this structure of integers is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    if name.len() >= request.ifr_name.len() {
        return Err(Errno::ENAMETOOLONG);
    }
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from.cast_signed();
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("sixteen-and-more", Errno::ENAMETOOLONG)]
    #[case("nsproof-none", Errno::ENODEV)]
    fn a_device_that_cannot_be_there_is_refused(#[case] name: &str, #[case] errno: Errno) {
        assert_eq!(set_up(name, true), Err(errno));
    }
}
