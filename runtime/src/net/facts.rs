//! What the kernel tells of devices, as plain data.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};

use super::Address;

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interface {
    /// Its number.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
    /// Whether it is up (IFF_UP).
    pub(crate) up: bool,
    /// Bytes.
    pub(crate) mtu: u32,
    /// `veth`, `dummy`; `None` for `lo` and for hardware.
    pub(crate) kind: Option<String>,
    /// The hardware's own address, which nobody can change (IFLA_PERM_ADDRESS, Linux 5.6); most devices of software have none.
    pub(crate) permanent: Option<Vec<u8>>,
    /// Its addresses, in the kernel's order.
    pub(crate) addresses: Vec<Address>,
}

pub(super) fn interfaces(links: Vec<Message>, addresses: Vec<Message>) -> Vec<Interface> {
    let link = |message| if let Message::NewLink(link) = message { Some(link) } else { None };
    let address = |message| if let Message::NewAddress(address) = message { Some(address) } else { None };
    let addresses: Vec<AddressMessage> = addresses.into_iter().filter_map(address).collect();
    links
        .into_iter()
        .filter_map(link)
        .map(|link| Interface {
            index: link.header.index,
            name: name_of(&link).unwrap_or_default().to_owned(),
            up: is_up(&link),
            mtu: mtu_of(&link),
            kind: kind_of(&link),
            permanent: link.attributes.iter().find_map(|attribute| match attribute {
                LinkAttribute::PermAddress(bytes) => Some(bytes.clone()),
                _ => None,
            }),
            addresses: addresses
                .iter()
                .filter(|address| address.header.index == link.header.index)
                .filter_map(address_of)
                .collect(),
        })
        .collect()
}

fn is_up(link: &LinkMessage) -> bool {
    link.header.flags.contains(LinkFlags::Up)
}

fn name_of(link: &LinkMessage) -> Option<&str> {
    link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    })
}

fn mtu_of(link: &LinkMessage) -> u32 {
    let mtu = |attribute: &LinkAttribute| match attribute {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    };
    link.attributes.iter().find_map(mtu).unwrap_or_default()
}

fn kind_of(link: &LinkMessage) -> Option<String> {
    let info = link.attributes.iter().find_map(|attribute| match attribute {
        LinkAttribute::LinkInfo(info) => Some(info),
        _ => None,
    })?;
    info.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind.to_string()),
        _ => None,
    })
}

fn address_of(message: &AddressMessage) -> Option<Address> {
    let prefix = message.header.prefix_len;
    let find = |wanted: fn(&AddressAttribute) -> Option<IpAddr>| message.attributes.iter().find_map(wanted);
    // On a point-to-point device IFA_ADDRESS is the other end's; IFA_LOCAL is absent for most of IPv6.
    let local = find(|attribute| match attribute {
        AddressAttribute::Local(ip) => Some(*ip),
        _ => None,
    });
    let any = find(|attribute| match attribute {
        AddressAttribute::Address(ip) => Some(*ip),
        _ => None,
    });
    local.or(any).map(|ip| Address { ip, prefix })
}
