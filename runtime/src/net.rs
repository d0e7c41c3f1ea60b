//! Network devices, addresses and routes of the network namespace that this thread is in. rtnetlink(7)
//!
//! The only place with an async runtime: a current-thread one, which makes no thread.

mod address;
mod facts;

use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use futures_util::TryStreamExt;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::{Handle, LinkDummy, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

pub use self::address::{Address, NotAnAddress, destination};
pub use self::facts::{Interface, Route};
use crate::sys::{self, Errno};

/// The index of `lo`: the kernel registers it first in every network namespace.
pub const LOOPBACK: u32 = 1;

/// A netlink socket. It stays with the network namespace in which it was opened.
pub struct Net {
    runtime: tokio::runtime::Runtime,
    handle: Handle,
}

/// A veth pair to make. veth(4)
#[derive(Debug, Clone, Copy)]
pub struct VethPair<'a> {
    /// The end in this network namespace.
    pub host: &'a str,
    /// The other end.
    pub peer: &'a str,
    /// The network namespace in which the peer is born; this one for `None`.
    pub namespace: Option<BorrowedFd<'a>>,
    /// Bytes, of both ends.
    pub mtu: Option<u32>,
    /// Whether the end in this network namespace is up. The peer cannot be: veth_open() wants both ends.
    pub up: bool,
}

impl Net {
    /// Opens a socket in the network namespace of this thread.
    pub fn open() -> sys::Result<Net> {
        let io = |error: std::io::Error| sys::errno_of(&error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(io)?;
        let entered = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection().map_err(io)?;
        runtime.spawn(connection);
        drop(entered);
        Ok(Net { runtime, handle })
    }

    /// The index of a device. `ENODEV` if there is none of that name.
    pub fn index(&self, name: &str) -> sys::Result<u32> {
        self.link(name).map(|link| link.header.index)
    }

    /// Makes a veth pair with one message, and gives the index of the host's end.
    pub fn add_veth(&self, pair: VethPair<'_>) -> sys::Result<u32> {
        let mut peer = LinkUnspec::new_with_name(pair.peer);
        let mut host = LinkVeth::new(pair.host, pair.peer);
        if let Some(namespace) = pair.namespace {
            peer = peer.setns_by_fd(namespace.as_raw_fd());
        }
        if let Some(mtu) = pair.mtu {
            (peer, host) = (peer.mtu(mtu), host.mtu(mtu));
        }
        if pair.up {
            host = host.up();
        }
        let message = host.set_info_data(InfoData::Veth(InfoVeth::Peer(peer.build()))).build();
        self.wait(self.handle.link().add(message).execute())?;
        self.index(pair.host)
    }

    /// Makes a dummy device.
    pub fn add_dummy(&self, name: &str) -> sys::Result<()> {
        self.wait(self.handle.link().add(LinkDummy::new(name).build()).execute())
    }

    /// Brings a device up or down.
    pub fn set_link(&self, index: u32, up: bool) -> sys::Result<()> {
        let link = LinkUnspec::new_with_index(index);
        self.change(if up { link.up() } else { link.down() })
    }

    /// Sets the largest packet, in bytes.
    pub fn set_mtu(&self, index: u32, mtu: u32) -> sys::Result<()> {
        self.change(LinkUnspec::new_with_index(index).mtu(mtu))
    }

    /// Moves a device into another network namespace, under that name. It loses its addresses and is down there.
    pub fn move_link(&self, index: u32, name: &str, namespace: BorrowedFd<'_>) -> sys::Result<()> {
        self.change(LinkUnspec::new_with_index(index).name(name).setns_by_fd(namespace.as_raw_fd()))
    }

    /// Deletes a device, and with it the other end of a veth pair, before it returns.
    pub fn delete_link(&self, index: u32) -> sys::Result<()> {
        self.wait(self.handle.link().del(index).execute())
    }

    /// Gives a device an address.
    pub fn add_address(&self, index: u32, address: Address) -> sys::Result<()> {
        let mut request = self.handle.address().add(index, address.ip, address.prefix);
        // ip(8) sets no broadcast address unless it is told to.
        let broadcast = |attribute: &AddressAttribute| matches!(attribute, AddressAttribute::Broadcast(_));
        request.message_mut().attributes.retain(|attribute| !broadcast(attribute));
        self.wait(request.execute())
    }

    /// Adds a route by way of a gateway.
    pub fn add_route(&self, to: Address, via: IpAddr) -> sys::Result<()> {
        let builder = RouteMessageBuilder::<IpAddr>::new();
        let invalid = |_| Errno::EINVAL;
        let builder = builder.destination_prefix(to.ip, to.prefix).map_err(invalid)?;
        let message = builder.gateway(via).map_err(invalid)?.build();
        self.wait(self.handle.route().add(message).execute())
    }

    /// Every device with its addresses.
    pub fn interfaces(&self) -> sys::Result<Vec<Interface>> {
        let links = self.wait(self.handle.link().get().execute().try_collect())?;
        let addresses: Vec<_> = self.wait(self.handle.address().get().execute().try_collect())?;
        Ok(facts::interfaces(links, &addresses))
    }

    /// Every route of the main table, IPv4 first.
    pub fn routes(&self) -> sys::Result<Vec<Route>> {
        let v4 = RouteMessageBuilder::<std::net::Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<std::net::Ipv6Addr>::new().build();
        let mut routes: Vec<_> = self.wait(self.handle.route().get(v4).execute().try_collect())?;
        routes.extend(self.wait(self.handle.route().get(v6).execute().try_collect::<Vec<_>>())?);
        Ok(facts::routes(&routes, &self.interfaces()?))
    }

    fn link(&self, name: &str) -> sys::Result<LinkMessage> {
        let mut found = Box::pin(self.handle.link().get().match_name(name).execute());
        self.wait(found.try_next())?.ok_or(Errno::ENODEV)
    }

    fn change(&self, link: LinkMessageBuilder<LinkUnspec>) -> sys::Result<()> {
        self.wait(self.handle.link().change(link.build()).execute())
    }

    fn wait<T>(&self, work: impl Future<Output = Result<T, rtnetlink::Error>>) -> sys::Result<T> {
        self.runtime.block_on(work).map_err(|error| match error {
            rtnetlink::Error::NetlinkError(message) => Errno::from_raw(-message.raw_code()),
            _ => Errno::EIO,
        })
    }
}

/// Every device of this thread's network namespace, with its addresses.
pub fn interfaces() -> sys::Result<Vec<Interface>> {
    Net::open()?.interfaces()
}

/// Every route of the main table of this thread's network namespace.
pub fn routes() -> sys::Result<Vec<Route>> {
    Net::open()?.routes()
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
