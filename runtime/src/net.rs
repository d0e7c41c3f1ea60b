//! Network devices, addresses and routes of the network namespace that this thread is in. rtnetlink(7)

mod address;
mod dialogue;
mod facts;
mod gone;

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::route::{
    RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage as Message};

pub(crate) use self::address::{Address, destination};
use self::dialogue::Dialogue;
pub(crate) use self::facts::Interface;
pub(crate) use self::gone::Gone;
use sys::{self, Errno};

/// The index of `lo`: the kernel registers it first in every network namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// What is asked for must not be there yet.
const NEW: u16 = NLM_F_CREATE | NLM_F_EXCL;

/// A netlink socket. It stays with the network namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Net(Dialogue);

/// A veth pair to make. veth(4)
#[derive(Debug, Clone, Copy)]
pub(crate) struct VethPair<'a> {
    /// The end in this network namespace.
    pub(crate) host: &'a str,
    /// The other end.
    pub(crate) peer: &'a str,
    /// The network namespace in which the peer is born; this one for `None`.
    pub(crate) namespace: Option<BorrowedFd<'a>>,
    /// Bytes, of both ends.
    pub(crate) mtu: Option<u32>,
    /// Whether the end in this network namespace is up. The peer cannot be: veth_open() wants both ends.
    pub(crate) up: bool,
}

impl Net {
    /// Opens a socket in the network namespace of this thread.
    pub(crate) fn open() -> sys::Result<Net> {
        Dialogue::open().map(Net)
    }

    /// The index of a device. `ENODEV` if there is none of that name.
    pub(crate) fn index(&self, name: &str) -> sys::Result<u32> {
        self.0.index(name)
    }

    /// Makes a veth pair with one message, and gives the index of the host's end.
    pub(crate) fn add_veth(&self, pair: VethPair<'_>) -> sys::Result<u32> {
        let mut peer = end(pair.peer, pair.mtu);
        if let Some(namespace) = pair.namespace {
            peer.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        }
        let mut host = end(pair.host, pair.mtu);
        set_up(&mut host, pair.up);
        let data = LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer)));
        host.attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth), data]));
        self.0.request(Message::NewLink(host), NEW)?;
        self.index(pair.host)
    }

    /// Brings a device up or down.
    pub(crate) fn set_link(&self, index: u32, up: bool) -> sys::Result<()> {
        let mut link = device(index);
        set_up(&mut link, up);
        self.0.request(Message::SetLink(link), 0)
    }

    /// Sets the largest packet, in bytes.
    pub(crate) fn set_mtu(&self, index: u32, mtu: u32) -> sys::Result<()> {
        let mut link = device(index);
        link.attributes.push(LinkAttribute::Mtu(mtu));
        self.0.request(Message::SetLink(link), 0)
    }

    /// Moves a device into another network namespace, under that name. It loses its addresses and is down there.
    pub(crate) fn move_link(&self, index: u32, name: &str, namespace: BorrowedFd<'_>) -> sys::Result<()> {
        let mut link = device(index);
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::NetNsFd(namespace.as_raw_fd()));
        self.0.request(Message::SetLink(link), 0)
    }

    /// Deletes a device, and with it the other end of a veth pair, before it returns.
    pub(crate) fn delete_link(&self, index: u32) -> sys::Result<()> {
        self.0.request(Message::DelLink(device(index)), 0)
    }

    /// Gives a device an address, without a broadcast address, as ip(8) does.
    pub(crate) fn add_address(&self, index: u32, address: Address) -> sys::Result<()> {
        let mut message = AddressMessage::default();
        message.header.family = family(address.ip);
        message.header.prefix_len = address.prefix;
        message.header.index = index;
        message
            .attributes
            .extend([AddressAttribute::Local(address.ip), AddressAttribute::Address(address.ip)]);
        self.0.request(Message::NewAddress(message), NEW)
    }

    /// Adds a route by way of a gateway.
    pub(crate) fn add_route(&self, to: Address, via: IpAddr) -> sys::Result<()> {
        let mut route = RouteMessage::default();
        route.header.address_family = family(to.ip);
        route.header.destination_prefix_length = to.prefix;
        route.header.table = RouteHeader::RT_TABLE_MAIN;
        route.header.protocol = RouteProtocol::Static;
        route.header.scope = RouteScope::Universe;
        route.header.kind = RouteType::Unicast;
        route.attributes.push(RouteAttribute::Destination(to.ip.into()));
        route.attributes.push(RouteAttribute::Gateway(via.into()));
        self.0.request(Message::NewRoute(route), NEW)
    }

    /// Every device with its addresses.
    pub(crate) fn interfaces(&self) -> sys::Result<Vec<Interface>> {
        let links = self.0.list(Message::GetLink(LinkMessage::default()))?;
        let addresses = self.0.list(Message::GetAddress(AddressMessage::default()))?;
        Ok(facts::interfaces(links, addresses))
    }
}

/// A device that is there already.
fn device(index: u32) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.header.index = index;
    link
}

/// One end of a veth pair to make.
fn end(name: &str, mtu: Option<u32>) -> LinkMessage {
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.to_owned()));
    link.attributes.extend(mtu.map(LinkAttribute::Mtu));
    // veth_newlink() uses one queue unless it is told otherwise. Told of that one, it makes no more than it uses, and need
    // not wait for an RCU grace period until the others are out of use (commit 9d3684c24a52, Linux 5.15).
    link.attributes.extend([LinkAttribute::NumTxQueues(1), LinkAttribute::NumRxQueues(1)]);
    link
}

fn set_up(link: &mut LinkMessage, up: bool) {
    link.header.flags.set(LinkFlags::Up, up);
    link.header.change_mask |= LinkFlags::Up;
}

fn family(ip: IpAddr) -> AddressFamily {
    if ip.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 }
}

/// Opens the netlink socket of this side when it is first needed.
pub(crate) fn opened(net: &mut Option<Net>) -> Result<&Net, Errno> {
    match net {
        Some(net) => Ok(net),
        None => Ok(net.insert(Net::open()?)),
    }
}
