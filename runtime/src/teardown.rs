//! What a container leaves outside of itself, and how it is taken down.

use std::os::fd::{AsFd, OwnedFd};

use crate::cgroup::Group;
use crate::net::{Interface, Net, opened};
use crate::step::{About, Fault};
use crate::unlink::{unlink, unlink_and_leave};
use sys::{self, Errno, namespace};

/// A device that was moved into the container, as it was before.
#[derive(Debug)]
pub(crate) struct Moved {
    /// Its number inside: its name is the container's to change, and to give to another device. A number is given again only
    /// once the device is deleted, which hardware cannot be, or has left, and then its own address is not there.
    pub(crate) index: u32,
    pub(crate) before: Interface,
    /// Keeps the network namespace, and so the device, alive until it is fetched back.
    pub(crate) namespace: OwnedFd,
}

/// What a container leaves outside of itself.
#[derive(Default)]
pub(crate) struct Teardown {
    pub(crate) cgroup: Option<Group>,
    /// Indices of the host's ends of its links.
    pub(crate) links: Vec<u32>,
    pub(crate) devices: Vec<Moved>,
    net: Option<Net>,
    /// Whether the caller ends next, and what nobody sees any more need not be waited for.
    pub(crate) leaving: bool,
}

impl Teardown {
    /// The netlink socket of the parent's side.
    pub(crate) fn net(&mut self) -> sys::Result<&Net> {
        opened(&mut self.net)
    }

    /// Takes everything down, whatever fails on the way; the first fault is told.
    pub(crate) fn run(&mut self) -> Result<(), Fault> {
        let devices: Vec<Moved> = self.devices.drain(..).collect();
        let links: Vec<u32> = self.links.drain(..).collect();
        let cgroup = self.cgroup.take();
        let mut done = Ok(());
        for moved in devices {
            done = done.and(self.bring_back(&moved).about(|| moved.before.name.clone()));
        }
        if !links.is_empty() {
            let end = if self.leaving { unlink_and_leave } else { unlink };
            done = done.and(self.net().map_err(Fault::from).and_then(|net| end(net, &links)));
        }
        done.and(cgroup.map_or(Ok(()), |group| group.remove()))
    }

    fn bring_back(&mut self, moved: &Moved) -> sys::Result<()> {
        let here = namespace::network()?;
        let inside = namespace::within_network(moved.namespace.as_fd(), Net::open)??;
        let before = &moved.before;
        let is_it = |device: &Interface| {
            device.index == moved.index && device.kind == before.kind && device.permanent == before.permanent
        };
        if !inside.interfaces()?.iter().any(is_it) {
            return Err(Errno::ENODEV);
        }
        inside.move_link(moved.index, &before.name, here.as_fd())?;
        let net = self.net()?;
        let index = net.index(&before.name)?;
        net.set_mtu(index, before.mtu)?;
        net.set_link(index, before.up)?;
        for &address in &before.addresses {
            match net.add_address(index, address) {
                // The kernel itself gives a device that comes up its link-local address.
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(())
    }
}

impl Drop for Teardown {
    fn drop(&mut self) {
        // `Running::stop` tells of errors; a drop can only do its best.
        let _ = self.run();
    }
}
