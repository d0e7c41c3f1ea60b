//! What the parent does once the child is there: all that needs rights outside of the container.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::action::{ParentStep, Planned};
use crate::cgroup::{self, Group};
use crate::identity;
use crate::job::Job;
use crate::net::{Net, VethPair};
use crate::network::{Network, configure, parse};
use crate::spec::{Device, Veth};
use crate::step::{Failure, Fault, Step};
use crate::teardown::{Moved, Teardown};
use sys::Errno;
use sys::namespace::within_network;

/// What is done from outside, for one child.
pub(crate) struct Outside<'a> {
    job: &'a Job<'a>,
    pid: i32,
    teardown: &'a mut Teardown,
    network: Option<Network>,
}

impl<'a> Outside<'a> {
    pub(crate) fn of(job: &'a Job<'_>, pid: i32, teardown: &'a mut Teardown) -> Self {
        Outside { job, pid, teardown, network: None }
    }

    /// The network that was made for the child to enter.
    pub(crate) fn network(&self) -> Option<BorrowedFd<'_>> {
        self.network.as_ref().map(AsFd::as_fd)
    }

    /// Carries out steps of the parent, and tells `done` of each.
    pub(crate) fn perform<'p>(
        &mut self,
        steps: impl Iterator<Item = (&'p Planned<'p>, ParentStep<'p>)>,
        mut done: impl FnMut(&Planned<'_>),
    ) -> Result<(), Failure> {
        for (planned, step) in steps {
            self.step(step).map_err(|fault| self.job.failure(planned, fault))?;
            done(planned);
        }
        Ok(())
    }

    /// The child joins a process of another cgroup.
    pub(crate) fn enter_cgroup_of(&self, leader: i32) -> Result<(), Failure> {
        let clone = self.job.only(Step::Clone);
        let entered = cgroup::follow(self.pid, leader);
        entered.map_err(|fault| Failure { step: Step::EnterCgroup, ..self.job.failure(clone, fault) })
    }

    fn step(&mut self, step: ParentStep<'_>) -> Result<(), Fault> {
        match step {
            ParentStep::MakeNetwork => {
                self.network = Some(Network::make()?);
                Ok(())
            }
            ParentStep::IdMap => identity::write_maps(self.job.spec, self.pid),
            ParentStep::Cgroup(wanted) => {
                self.teardown.cgroup = Some(Group::make(wanted)?);
                Ok(())
            }
            ParentStep::EnterCgroup(_) => self.teardown.cgroup.as_ref().ok_or(Errno::EPROTO)?.enter(self.pid),
            ParentStep::Link(wanted) => link(wanted, self.inside()?, self.teardown),
            ParentStep::Device(wanted) => device(wanted, self.inside()?, self.teardown),
            ParentStep::Configure(step) => configure(&self.network.as_ref().ok_or(Errno::EPROTO)?.net, step),
        }
    }

    /// The network namespace of the container.
    fn inside(&self) -> Result<OwnedFd, Fault> {
        match &self.network {
            Some(network) => Ok(network.as_fd().try_clone_to_owned()?),
            None => Ok(File::open(format!("/proc/{}/ns/net", self.pid))?.into()),
        }
    }
}

/// The peer is born inside: at no time can anyone outside take hold of it.
fn link(wanted: &Veth, inside: OwnedFd, teardown: &mut Teardown) -> Result<(), Fault> {
    let net = teardown.net()?;
    let host = net.add_veth(VethPair {
        host: &wanted.host,
        peer: &wanted.container,
        namespace: Some(inside.as_fd()),
        mtu: wanted.mtu,
        up: !wanted.down,
    })?;
    let address = wanted.host_address.as_deref().map(parse).transpose()?;
    let addressed = address.map_or(Ok(()), |address| net.add_address(host, address));
    teardown.links.push(host);
    Ok(addressed?)
}

fn device(wanted: &Device, namespace: OwnedFd, teardown: &mut Teardown) -> Result<(), Fault> {
    let net = teardown.net()?;
    let before = net.interfaces()?.into_iter().find(|device| device.name == wanted.name);
    let before = before.ok_or(Errno::ENODEV)?;
    let inside = wanted.rename.clone().unwrap_or_else(|| wanted.name.clone());
    net.move_link(before.index, &inside, namespace.as_fd())?;
    // The program does not run yet: what bears the name is the device.
    let index = match within_network(namespace.as_fd(), || Net::open()?.index(&inside))? {
        // A kernel that moved nothing is told of by what is to be done with the device there.
        Err(Errno::ENODEV) => 0,
        other => other?,
    };
    teardown.devices.push(Moved { index, before, namespace });
    Ok(())
}
