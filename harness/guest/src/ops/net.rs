//! The actor's network.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use runtime::net::{Address, Net};
use serde_json::{Map, Value, json};
use sys::Errno;
use sys::probe::device;
use sys::probe::icmp::Echo;

use super::{Done, Refusal, done};
use protocol::operation::{AddAddress, LinkDoor, SetLink};

const TIMEOUT: Duration = Duration::from_secs(1);

pub(super) fn interfaces() -> Done {
    let mut found = Map::new();
    for device in Net::open()?.interfaces()? {
        let addresses: Vec<String> = device.addresses.iter().map(ToString::to_string).collect();
        let mut told = json!({ "up": device.up, "mtu": device.mtu, "addresses": addresses });
        if let Some(kind) = device.kind {
            told["kind"] = kind.into();
        }
        found.insert(device.name, told);
    }
    Ok(found.into())
}

pub(super) fn routes() -> Done {
    let routes = Net::open()?.routes()?.into_iter().map(|route| {
        let to = route.to.map_or_else(|| "default".to_owned(), |to| to.to_string());
        json!({ "to": to, "via": route.via, "interface": route.interface })
    });
    Ok(routes.collect())
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
    done(Net::open()?.add_dummy(name))
}

pub(super) fn remove_link(name: &str) -> Done {
    let net = Net::open()?;
    done(net.delete_link(net.index(name)?))
}

pub(super) fn set_link(link: &SetLink) -> Done {
    match link.by {
        LinkDoor::Netlink => {
            let net = Net::open()?;
            done(net.set_link(net.index(&link.interface)?, link.up))
        }
        LinkDoor::Ioctl => done(device::set_up(&link.interface, link.up)),
    }
}

pub(super) fn add_address(address: &AddAddress) -> Done {
    let net = Net::open()?;
    let new: Address = parse(&address.address)?;
    net.add_address(net.index(&address.interface)?, new)?;
    Ok(Value::Null)
}

fn parse<T: std::str::FromStr>(text: &str) -> Result<T, Refusal>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error| Refusal::Broken(format!("{text}: {error}")))
}
