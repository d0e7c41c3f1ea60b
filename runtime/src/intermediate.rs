//! The process between parent and child when namespaces are joined.
//!
//! setns(2) into a PID namespace takes effect for children only, and one into a user namespace takes away the rights that
//! a new child's other namespaces need: so this process joins, gives birth to the child as a child of its own parent
//! (CLONE_PARENT), and is done.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::action::JoinStep;
use crate::channel::Channel;
use crate::job::Job;
use crate::program::Program;
use crate::spec::{Namespace, Peer};
use crate::step::{About, Fault, Step};
use crate::{child, names};
use sys::process::{Birth, Shared};
use sys::{Errno, file, mount, namespace, process};

/// Joins, gives birth, and ends. The parent finds the child's id in `born`, even if this process is killed right after the birth.
pub(crate) fn run(job: &Job<'_>, channel: Channel, program: Program<'_>, born: &Shared) -> ! {
    if let Err((position, fault)) = enter(job) {
        child::fail(&channel, position, fault);
    }
    match process::clone(&job.born_in(), Some(born)) {
        Ok(Birth::Child) => {
            // The parent reads nothing before it knows whose words these are.
            if channel.await_go().is_err() {
                process::exit(child::NOT_BUILT);
            }
            child::run(job, channel, program)
        }
        Ok(Birth::Parent(_)) => process::exit(0),
        Err(errno) => child::fail(&channel, job.position(Step::Clone), errno.into()),
    }
}

/// A namespace to join, and the position of its step.
type Joinable = (u16, Namespace, OwnedFd);

fn enter(job: &Job<'_>) -> Result<(), (u16, Fault)> {
    // Everything is opened first: `/proc` may be another one afterwards.
    let (mut joinable, mut root): (Vec<Joinable>, _) = (Vec::new(), None);
    for (position, step) in job.joins() {
        let opened = match step {
            JoinStep::Namespace(kind, peer) => {
                open(kind, peer).map(|namespace| joinable.push((position, kind, namespace)))
            }
            JoinStep::Root(leader) => file::handle(Path::new(&format!("/proc/{leader}/root")))
                .map(|directory| root = Some((position, directory)))
                .map_err(Fault::from),
        };
        opened.map_err(|fault| (position, fault))?;
    }
    // Until execve a process of the container could trace this one, and reach what it has open (CVE-2016-9962).
    process::forbid_inspection().map_err(|errno| (job.position(Step::Join), errno.into()))?;
    join_all(joinable)?;
    match root {
        Some((position, root)) => enter_root(&root).map_err(|errno| (position, errno.into())),
        None => Ok(()),
    }
}

fn open(kind: Namespace, peer: &Peer) -> Result<OwnedFd, Fault> {
    let path = names::file_of(peer, kind).ok_or(Errno::EINVAL);
    let path = path.about(|| format!("{kind} of {}", String::from(peer.clone())))?;
    Ok(File::open(&path).about(|| path.display().to_string())?.into())
}

/// A privileged caller may join what the user namespace does not own only before it joins that; an unprivileged one may
/// join what it does own only afterwards.
fn join_all(joinable: Vec<Joinable>) -> Result<(), (u16, Fault)> {
    let (user, others): (Vec<_>, Vec<_>) =
        joinable.into_iter().partition(|(_, kind, _)| *kind == Namespace::User);
    let mut refused = Vec::new();
    for joinable in others {
        match join(&joinable) {
            Err((_, fault)) if fault.errno == Errno::EPERM && !user.is_empty() => refused.push(joinable),
            other => other?,
        }
    }
    user.iter().chain(&refused).try_for_each(join)
}

fn join((position, kind, file): &Joinable) -> Result<(), (u16, Fault)> {
    namespace::join(file.as_fd(), *kind).map_err(|errno| (*position, errno.into()))
}

fn enter_root(root: &OwnedFd) -> Result<(), Errno> {
    file::change_directory_to(root)?;
    mount::chroot(Path::new("."))
}
