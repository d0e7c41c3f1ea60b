//! The actor's network.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Map, json};
use sys::Errno;
use sys::probe::device;
use sys::probe::icmp::Echo;

use super::{Done, Refusal, done};
use crate::network;
use protocol::operation::{AddAddress, LinkDoor, SetLink};

const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn interfaces() -> Done {
    let mut found = Map::new();
    for device in network::devices()? {
        let mut told = json!({ "up": device.up, "mtu": device.mtu, "addresses": device.addresses });
        if let Some(kind) = device.kind {
            told["kind"] = kind.into();
        }
        found.insert(device.name, told);
    }
    Ok(found.into())
}

pub(super) fn routes() -> Done {
    let routes = network::routes()?.into_iter();
    Ok(routes.map(|it| json!({ "to": it.to, "via": it.via, "interface": it.interface })).collect())
}

/// Between two echo requests.
const PING_INTERVAL: Duration = Duration::from_millis(100);
/// Longer than the link watch sleeps.
const PING_PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn ping(address: &str) -> Done {
    let to: Ipv4Addr = parse(address)?;
    // Requests of one process follow each other: its own number tells its replies from another's.
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let (echo, id) = (Echo::connect(to)?, u16::from_be_bytes([high, low]));
    // A link that just came up drops packets until the kernel's link watch ran, which it does once a second at the most
    // (net/core/link_watch.c): as ping(8) does, ask again.
    let deadline = Instant::now() + PING_PATIENCE;
    loop {
        match echo.exchange(id, PING_INTERVAL) {
            Err(Errno::ETIMEDOUT) if Instant::now() < deadline => {}
            other => return Ok(other.map(|()| json!({ "from": address }))?),
        }
    }
}

pub(super) fn connect(address: &str) -> Done {
    let stream = TcpStream::connect_timeout(&parse(address)?, TIMEOUT)?;
    Ok(json!({ "from": stream.local_addr()? }))
}

pub(super) fn listen(address: &str, kept: &mut Vec<TcpListener>) -> Done {
    let listener = TcpListener::bind(parse::<SocketAddr>(address)?)?;
    let address = listener.local_addr()?;
    kept.push(listener);
    Ok(json!(address))
}

pub(super) fn add_dummy(name: &str) -> Done {
    done(network::add_dummy(name))
}

pub(super) fn remove_link(name: &str) -> Done {
    done(network::remove(name))
}

pub(super) fn set_link(link: &SetLink) -> Done {
    match link.by {
        LinkDoor::Netlink => done(network::set_up(&link.interface, link.up)),
        LinkDoor::Ioctl => done(device::set_up(&link.interface, link.up)),
    }
}

pub(super) fn add_address(address: &AddAddress) -> Done {
    let (ip, prefix) = address.address.split_once('/').unwrap_or((&address.address, ""));
    done(network::add_address(&address.interface, parse(ip)?, parse(prefix)?))
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Refusal::Broken(format!("{text}: {error}")))
}
