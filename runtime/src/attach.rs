//! What the parent does once the child is there: all that needs rights outside of the container.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use crate::cgroup::{self, Group};
use crate::identity;
use crate::launch::Job;
use crate::net::{Address, Net, VethPair};
use crate::running::{Moved, Teardown};
use crate::spec::{Device, Veth};
use crate::step::{Failure, Fault, Step};
use crate::steps::{Phase, Planned};
use crate::sys::Errno;

/// Carries out the parent's steps for the child `pid`, and tells `done` of each.
pub(crate) fn attach(
    job: &Job<'_>,
    pid: i32,
    teardown: &mut Teardown,
    mut done: impl FnMut(&Planned),
) -> Result<(), Failure> {
    if let Some(leader) = job.entry {
        let entered = cgroup::follow(pid, leader);
        let clone = job.only(Step::Clone);
        entered.map_err(|fault| Failure { step: Step::EnterCgroup, ..job.failure(clone, fault) })?;
    }
    for (_, planned) in job.phase(Phase::Attach) {
        perform(job, planned, pid, teardown).map_err(|fault| job.failure(planned, fault))?;
        done(planned);
    }
    Ok(())
}

fn perform(job: &Job<'_>, planned: &Planned, pid: i32, teardown: &mut Teardown) -> Result<(), Fault> {
    let spec = job.spec;
    match planned.step {
        Step::IdMap => identity::write_maps(spec, pid),
        Step::Cgroup => {
            teardown.cgroup = spec.cgroup.as_ref().map(Group::make).transpose()?;
            Ok(())
        }
        Step::EnterCgroup => teardown.cgroup.as_ref().map_or(Ok(()), |group| group.enter(pid)),
        Step::Link => link(&spec.links[planned.position()], pid, teardown),
        Step::Device => device(&spec.devices[planned.position()], pid, teardown),
        _ => Err(Errno::ENOSYS.into()),
    }
}

/// The peer is born inside: at no time can anyone outside take hold of it.
fn link(wanted: &Veth, pid: i32, teardown: &mut Teardown) -> Result<(), Fault> {
    let namespace = network_of(pid)?;
    let net = teardown.net()?;
    let host = net.add_veth(VethPair {
        host: &wanted.host,
        peer: &wanted.container,
        namespace: Some(namespace.as_fd()),
        mtu: wanted.mtu,
        up: !wanted.down,
    })?;
    let address = wanted.host_address.as_deref().map(parse).transpose()?;
    let addressed = address.map_or(Ok(()), |address| net.add_address(host, address));
    teardown.links.push(host);
    Ok(addressed?)
}

fn device(wanted: &Device, pid: i32, teardown: &mut Teardown) -> Result<(), Fault> {
    let namespace = network_of(pid)?;
    let net = teardown.net()?;
    let before = net.interfaces()?.into_iter().find(|device| device.name == wanted.name);
    let before = before.ok_or(Errno::ENODEV)?;
    let inside = wanted.rename.clone().unwrap_or_else(|| wanted.name.clone());
    net.move_link(before.index, &inside, namespace.as_fd())?;
    teardown.devices.push(Moved { inside, before, namespace });
    Ok(())
}

fn network_of(pid: i32) -> Result<OwnedFd, Fault> {
    Ok(File::open(format!("/proc/{pid}/ns/net"))?.into())
}

/// An address of the specification, which was checked.
pub(crate) fn parse(text: &str) -> Result<Address, Errno> {
    text.parse().map_err(|_| Errno::EINVAL)
}

/// Opens the netlink socket of this side when it is first needed.
pub(crate) fn opened(net: &mut Option<Net>) -> Result<&Net, Errno> {
    match net {
        Some(net) => Ok(net),
        None => Ok(net.insert(Net::open()?)),
    }
}
