//! What the kernel tells of devices and routes, as plain data.

use std::net::IpAddr;

use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};

use super::Address;

/// A network device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Whether it is up (IFF_UP).
    pub up: bool,
    /// Bytes.
    pub mtu: u32,
    /// `veth`, `dummy`; `None` for `lo` and for hardware.
    pub kind: Option<String>,
    /// The hardware's own address, which nobody can change (IFLA_PERM_ADDRESS, Linux 5.6); most devices of software have none.
    pub permanent: Option<Vec<u8>>,
    /// Its addresses, in the kernel's order.
    pub addresses: Vec<Address>,
}

/// A route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The network; `None` is the default route.
    pub to: Option<Address>,
    /// The gateway.
    pub via: Option<IpAddr>,
    /// The name of the device.
    pub interface: Option<String>,
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

pub(super) fn routes(routes: Vec<Message>, interfaces: &[Interface]) -> Vec<Route> {
    let route = |message| if let Message::NewRoute(route) = message { Some(route) } else { None };
    let routes = routes.into_iter().filter_map(route);
    let main = routes.filter(|route| route.header.table == RouteHeader::RT_TABLE_MAIN);
    main.map(|route| route_of(&route, interfaces)).collect()
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

fn route_of(route: &RouteMessage, interfaces: &[Interface]) -> Route {
    let mut found = Route { to: None, via: None, interface: None };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Destination(to) => {
                found.to = ip_of(to).map(|ip| Address { ip, prefix: route.header.destination_prefix_length });
            }
            RouteAttribute::Gateway(via) => found.via = ip_of(via),
            RouteAttribute::Oif(index) => {
                let device = interfaces.iter().find(|device| device.index == *index);
                found.interface = device.map(|device| device.name.clone());
            }
            _ => {}
        }
    }
    found
}

fn ip_of(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
