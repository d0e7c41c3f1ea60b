//! Addresses as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

/// An address with the length of its network's prefix: `192.168.47.11/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// IPv4 or IPv6.
    pub ip: IpAddr,
    /// Bits.
    pub prefix: u8,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address with its prefix length, such as 192.168.47.11/24")]
pub struct NotAnAddress(pub String);

impl FromStr for Address {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (ip, prefix) = text.split_once('/')?;
            let (ip, prefix): (IpAddr, u8) = (ip.parse().ok()?, prefix.parse().ok()?);
            let most = if ip.is_ipv4() { 32 } else { 128 };
            (prefix <= most).then_some(Address { ip, prefix })
        };
        parse().ok_or_else(|| NotAnAddress(text.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

/// Where a route leads: `default`, which is 0.0.0.0/0, or a network. `None` for a text that is neither.
pub fn destination(text: &str) -> Option<Address> {
    match text {
        "default" => Some(Address { ip: Ipv4Addr::UNSPECIFIED.into(), prefix: 0 }),
        other => other.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written_alike() {
        for text in ["192.168.47.11/24", "10.0.0.1/32", "fd00::1/64"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["192.168.47.11", "192.168.47.256/24", "10.0.0.1/33", "fd00::1/129", "x/1", "", "1.2.3.4/-1"]
        {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
