//! The network of a container: where it is made, and how its devices get what they need inside.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::action::NetworkStep;
use crate::net::{Address, LOOPBACK, Net, destination};
use crate::spec::{Device, Route, Veth};
use crate::step::Fault;
use sys::{self, Errno, namespace};

/// A network namespace that nobody is in yet.
pub(crate) struct Network {
    file: OwnedFd,
    /// Inside.
    pub(crate) net: Net,
}

impl Network {
    /// Makes it, and comes back.
    pub(crate) fn make() -> sys::Result<Network> {
        namespace::within_new_network(|| Ok(Network { file: namespace::network()?, net: Net::open()? }))?
    }
}

impl AsFd for Network {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Carries out a step for which a socket inside is enough.
pub(crate) fn configure(net: &Net, step: NetworkStep<'_>) -> Result<(), Fault> {
    match step {
        NetworkStep::Loopback => Ok(net.set_link(LOOPBACK, true)?),
        NetworkStep::Link(wanted) => link(net, wanted),
        NetworkStep::Device(wanted) => device(net, wanted),
        NetworkStep::Route(wanted) => route(net, wanted),
    }
}

fn link(net: &Net, link: &Veth) -> Result<(), Fault> {
    let address = link.container_address.as_deref().map(parse).transpose()?;
    let index = net.index(&link.container)?;
    address.map_or(Ok(()), |address| net.add_address(index, address))?;
    if !link.down {
        net.set_link(index, true)?;
    }
    Ok(())
}

fn device(net: &Net, device: &Device) -> Result<(), Fault> {
    let name = device.rename.as_ref().unwrap_or(&device.name);
    let address = device.address.as_deref().map(parse).transpose()?;
    let index = net.index(name)?;
    device.mtu.map_or(Ok(()), |mtu| net.set_mtu(index, mtu))?;
    address.map_or(Ok(()), |address| net.add_address(index, address))?;
    Ok(net.set_link(index, true)?)
}

fn route(net: &Net, route: &Route) -> Result<(), Fault> {
    let via = route.via.parse().map_err(|_| Errno::EINVAL)?;
    let to = destination(&route.to, via).ok_or(Errno::EINVAL)?;
    Ok(net.add_route(to, via)?)
}

/// An address of the specification, which was checked.
pub(crate) fn parse(text: &str) -> Result<Address, Errno> {
    text.parse().map_err(|_| Errno::EINVAL)
}
