//! How the guest looks at networks and changes them: by other code than the runtime's, which makes them, so that a fault of one
//! cannot hide itself. rtnetlink(7)

mod polled;

use std::net::IpAddr;

use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::packet_route::route::{RouteAddress, RouteAttribute, RouteHeader, RouteMessage};
use rtnetlink::{Error, Handle, LinkDummy, LinkMessageBuilder, LinkUnspec};
use sys::{Errno, Result};

/// How often a list is asked for that is another each time.
const TRIES: usize = 100;

/// A device, as the kernel tells of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) up: bool,
    /// Bytes.
    pub(crate) mtu: u32,
    /// `veth`, `dummy`; `None` for `lo` and for hardware.
    pub(crate) kind: Option<String>,
    /// `127.0.0.1/8`, in the kernel's order.
    pub(crate) addresses: Vec<String>,
}

/// A route of the main table.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Route {
    /// `10.0.0.0/8`, or `default`.
    pub(crate) to: String,
    /// The gateway.
    pub(crate) via: Option<IpAddr>,
    /// The device's name.
    pub(crate) interface: Option<String>,
}

/// Returns every device of this thread's network namespace.
pub(crate) fn devices() -> Result<Vec<Device>> {
    settled(async |net| {
        let links = links(net).await?;
        let addresses: Vec<AddressMessage> = net.address().get().execute().try_collect().await?;
        Ok(links.iter().map(|link| device(link, &addresses)).collect())
    })
}

/// Returns every route of the main table, IPv4 first.
pub(crate) fn routes() -> Result<Vec<Route>> {
    settled(async |net| {
        let links = links(net).await?;
        let mut found = Vec::new();
        for family in [AddressFamily::Inet, AddressFamily::Inet6] {
            let mut wanted = RouteMessage::default();
            wanted.header.address_family = family;
            let routes: Vec<RouteMessage> = net.route().get(wanted).execute().try_collect().await?;
            found.extend(routes);
        }
        found.retain(|route| table(route) == u32::from(RouteHeader::RT_TABLE_MAIN));
        Ok(found.iter().map(|one| route(one, &links)).collect())
    })
}

/// Makes a dummy device.
pub(crate) fn add_dummy(name: &str) -> Result<()> {
    with(async |net| net.link().add(LinkDummy::new(name).build()).execute().await)
}

/// Returns whether the kernel can make devices of this kind: tried, and a device may be there then.
pub(crate) fn makes(kind: &str) -> bool {
    let kind = InfoKind::Other(kind.to_owned());
    let wanted = LinkMessageBuilder::<LinkUnspec>::new_with_info_kind(kind).build();
    let made = with(async |net| match net.link().add(wanted.clone()).execute().await {
        // "Unknown device type" in rtnl_newlink(); one that is known may want more than its kind.
        Err(Error::NetlinkError(refused)) => Ok(Errno::from_raw(-refused.raw_code()) != Errno::EOPNOTSUPP),
        other => other.map(|()| true),
    });
    made == Ok(true)
}

/// Deletes a device, and with it the other end of a veth pair.
pub(crate) fn remove(name: &str) -> Result<()> {
    with(async |net| net.link().del(index(net, name).await?).execute().await)
}

/// Brings a device up or down.
pub(crate) fn set_up(name: &str, up: bool) -> Result<()> {
    with(async |net| {
        let link = LinkUnspec::new_with_index(index(net, name).await?);
        net.link().set(if up { link.up() } else { link.down() }.build()).execute().await
    })
}

/// Gives a device an address, without a broadcast address, as ip(8) does.
pub(crate) fn add_address(name: &str, address: IpAddr, prefix: u8) -> Result<()> {
    with(async |net| {
        let mut add = net.address().add(index(net, name).await?, address, prefix);
        add.message_mut().attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
        add.execute().await
    })
}

/// Has something done in this thread's network namespace, by a socket that is open for as long.
fn with<T>(act: impl AsyncFn(&Handle) -> std::result::Result<T, Error>) -> Result<T> {
    let done = polled::converse(async |handle| act(&handle).await);
    done.map_err(|error| sys::errno_of(&error))?.map_err(|error| match error {
        Error::NetlinkError(refused) => Errno::from_raw(-refused.raw_code()),
        // An answer that is none.
        _ => Errno::EBADMSG,
    })
}

/// Looks until two looks agree: of what changed while the kernel told it, a part may be missing. `EAGAIN` if they never did.
fn settled<T: PartialEq>(look: impl AsyncFn(&Handle) -> std::result::Result<T, Error>) -> Result<T> {
    let mut before = with(&look)?;
    for _ in 0..TRIES {
        let now = with(&look)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
    Err(Errno::EAGAIN)
}

async fn links(net: &Handle) -> std::result::Result<Vec<LinkMessage>, Error> {
    net.link().get().execute().try_collect().await
}

async fn index(net: &Handle, name: &str) -> std::result::Result<u32, Error> {
    let mut found = std::pin::pin!(net.link().get().match_name(name.to_owned()).execute());
    let link = found.try_next().await?.ok_or(Error::RequestFailed)?;
    Ok(link.header.index)
}

fn device(link: &LinkMessage, addresses: &[AddressMessage]) -> Device {
    let (mut name, mut mtu, mut kind) = (String::new(), 0, None);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::IfName(told) => name.clone_from(told),
            LinkAttribute::Mtu(bytes) => mtu = *bytes,
            LinkAttribute::LinkInfo(told) => {
                kind = told.iter().find_map(|info| match info {
                    LinkInfo::Kind(kind) => Some(kind.to_string()),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    let own = addresses.iter().filter(|address| address.header.index == link.header.index);
    let addresses = own.filter_map(address).collect();
    Device { name, up: link.header.flags.contains(LinkFlags::Up), mtu, kind, addresses }
}

/// IFA_LOCAL, which most of IPv6 has not; on a point-to-point device IFA_ADDRESS is the other end's.
fn address(message: &AddressMessage) -> Option<String> {
    let (mut local, mut any) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => any = Some(ip),
            _ => {}
        }
    }
    Some(format!("{}/{}", local.or(any)?, message.header.prefix_len))
}

fn table(route: &RouteMessage) -> u32 {
    let told = route.attributes.iter().find_map(|attribute| match attribute {
        RouteAttribute::Table(table) => Some(*table),
        _ => None,
    });
    told.unwrap_or(route.header.table.into())
}

fn route(message: &RouteMessage, links: &[LinkMessage]) -> Route {
    let mut route = Route { to: "default".to_owned(), via: None, interface: None };
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(to) => {
                let length = message.header.destination_prefix_length;
                route.to = ip(to).map_or_else(|| route.to.clone(), |to| format!("{to}/{length}"));
            }
            RouteAttribute::Gateway(via) => route.via = ip(via),
            RouteAttribute::Oif(index) => {
                let link = links.iter().find(|link| link.header.index == *index);
                route.interface = link.map(|link| device(link, &[]).name);
            }
            _ => {}
        }
    }
    route
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(ip) => Some((*ip).into()),
        RouteAddress::Inet6(ip) => Some((*ip).into()),
        _ => None,
    }
}
