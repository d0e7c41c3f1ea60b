//! Addresses as people write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An address with the length of its network's prefix: `192.168.47.11/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Address {
    /// IPv4 or IPv6.
    pub(crate) ip: IpAddr,
    /// Bits.
    pub(crate) prefix: u8,
}

/// Why a text is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an address with its prefix length, such as 192.168.47.11/24")]
pub(crate) struct NotAnAddress(pub String);

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

/// Where a route leads by way of a gateway: to a network, or everywhere, which is `default`. `None` for a text that is neither,
/// and for a network of the other family than the gateway's.
pub(crate) fn destination(text: &str, via: IpAddr) -> Option<Address> {
    let everywhere = match via {
        IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    match text {
        "default" => Some(Address { ip: everywhere, prefix: 0 }),
        other => other.parse().ok().filter(|to: &Address| to.ip.is_ipv4() == via.is_ipv4()),
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
    fn a_route_leads_to_its_gateways_family() {
        let (v4, v6): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap());
        assert_eq!(destination("default", v4).unwrap().to_string(), "0.0.0.0/0");
        assert_eq!(destination("default", v6).unwrap().to_string(), "::/0");
        assert_eq!(destination("10.0.0.0/8", v4).unwrap().to_string(), "10.0.0.0/8");
        assert_eq!((destination("10.0.0.0/8", v6), destination("all", v4)), (None, None));
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
