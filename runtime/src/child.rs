//! The container's own part of its set-up: each step of the plan, one system call or a few.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use crate::action::{ChildStep, Confinement};
use crate::caps::{Sets, in_order, sets, short};
use crate::channel::{Channel, Message};
use crate::job::Job;
use crate::net::{Net, opened};
use crate::network::configure;
use crate::program::Program;
use crate::spec::{Namespace, Resource, Rlimit, Root};
use crate::step::{About, Fault};
use crate::steps::in_user_namespace;
use crate::tree::Tree;
use crate::{dev, init, mounts, root};
use sys::{Errno, capability, credentials, descriptor, file, namespace, process, seccomp, signal, terminal};

/// The code of a process that could not become the program; its parent gets the failure, not the code.
pub(crate) const NOT_BUILT: i32 = 125;

/// Builds the container around this process and becomes its program.
pub(crate) fn run(job: &Job<'_>, channel: Channel, program: Program<'_>) -> ! {
    let mut child =
        Child { job, channel, program, attached: false, network: None, net: None, tree: None, sets: None };
    child.isolate();
    if child.channel.send(&Message::Ready).is_err() {
        process::exit(NOT_BUILT);
    }
    // The modes of files, devices and directories are those that the steps say; the program's own mask is set at the end.
    credentials::set_umask(0);
    child.build();
    process::exit(NOT_BUILT)
}

/// Tells the parent what failed, and ends.
pub(crate) fn fail(channel: &Channel, position: u16, fault: Fault) -> ! {
    let detail = fault.detail.unwrap_or_default();
    // If nobody listens, there is nobody to tell.
    let _ = channel.send(&Message::Failed { position, errno: fault.errno, detail });
    process::exit(NOT_BUILT)
}

struct Child<'j> {
    job: &'j Job<'j>,
    channel: Channel,
    program: Program<'j>,
    /// Whether the parent has done its part.
    attached: bool,
    /// The network that the parent made, until it is entered.
    network: Option<OwnedFd>,
    /// Opened by the first step that needs it, in the network namespace that it then is in.
    net: Option<Net>,
    /// The new root while it is built; without one the caller's.
    tree: Option<Tree>,
    sets: Option<Sets>,
}

impl Child<'_> {
    fn isolate(&mut self) {
        let job = self.job;
        for (position, step) in job.isolation() {
            if let Err(fault) = self.step(step) {
                fail(&self.channel, position, fault);
            }
            self.passed(position);
        }
    }

    fn build(&mut self) {
        let job = self.job;
        for (position, step) in job.building() {
            if job.needs_parent(step) {
                self.await_parent();
            }
            if let Err(fault) = self.step(step) {
                // The parent must not find this process gone while it works on it.
                if job.is_awaited() {
                    self.await_parent();
                }
                fail(&self.channel, position, fault);
            }
            self.passed(position);
        }
    }

    /// Lets a traced step be looked at.
    fn passed(&self, position: u16) {
        if self.job.traced {
            let told = self.channel.send(&Message::Passed { position });
            if told.and_then(|()| self.channel.await_go()).is_err() {
                process::exit(NOT_BUILT);
            }
        }
    }

    /// Waits for the parent's part, once; until then both work at the same time.
    fn await_parent(&mut self) {
        if !self.attached {
            // A parent that does not answer is gone, and so is the reason for this process.
            let Ok(network) = self.channel.await_go() else { process::exit(NOT_BUILT) };
            self.network = network;
            self.attached = true;
        }
    }

    fn step(&mut self, step: ChildStep<'_>) -> Result<(), Fault> {
        let spec = self.job.spec;
        match step {
            ChildStep::ResetSignals => Ok(signal::reset()?),
            ChildStep::Unshare(kind) => Ok(namespace::unshare(kind)?),
            ChildStep::BecomeRoot => Ok(become_root()?),
            ChildStep::DieWithParent => self.die_with_parent(),
            ChildStep::NewSession => Ok(process::new_session()?),
            ChildStep::Terminal => {
                Ok(terminal::take_control(self.job.terminal.as_ref().ok_or(Errno::EPROTO)?)?)
            }
            ChildStep::Hostname(name) => Ok(namespace::set_hostname(name)?),
            ChildStep::Domainname(name) => Ok(namespace::set_domainname(name)?),
            ChildStep::EnterNetwork => {
                let network = self.network.take().ok_or(Errno::EPROTO)?;
                Ok(namespace::join(network.as_fd(), Namespace::Net)?)
            }
            ChildStep::Configure(step) => configure(opened(&mut self.net)?, step),
            ChildStep::Propagation(propagation) => Ok(root::propagate(propagation)?),
            ChildStep::Root(root) => self.new_root(root),
            ChildStep::Skeleton(root, skeleton) => root::fill(root, skeleton),
            ChildStep::Proc => mounts::proc(self.tree()?),
            ChildStep::Sysfs => mounts::sysfs(self.tree()?),
            ChildStep::Dev => dev::make(self.tree()?, spec),
            ChildStep::Mount(mount) => mounts::mount(self.tree()?, mount),
            ChildStep::Sysctl(wanted) => mounts::sysctls(self.tree()?, wanted),
            ChildStep::Mask(paths) => mounts::mask(self.tree()?, paths),
            ChildStep::ReadOnly(paths) => mounts::make_read_only(self.tree()?, paths),
            ChildStep::PivotRoot(root) => root::pivot(self.tree()?, root),
            ChildStep::DetachOldRoot => Ok(root::detach_old()?),
            ChildStep::Chroot => Ok(root::change(self.tree()?)?),
            ChildStep::RootReadOnly => Ok(root::make_read_only()?),
            ChildStep::Confine(step) => self.confine(step),
        }
    }

    fn confine(&mut self, step: Confinement<'_>) -> Result<(), Fault> {
        match step {
            Confinement::Rlimit(limits) => limit(limits),
            Confinement::Bounding => self.bounding(),
            Confinement::Ids => self.ids(),
            Confinement::Capabilities => self.capabilities(),
            Confinement::NoNewPrivileges => Ok(process::no_new_privileges()?),
            Confinement::ForbidTyping => Ok(seccomp::forbid_typing()?),
            Confinement::WorkingDirectory(path) => working_directory(path),
            Confinement::Umask(mask) => {
                credentials::set_umask(mask);
                Ok(())
            }
            Confinement::Stdio => Ok(self.job.stdio.as_ref().map_or(Ok(()), descriptor::set_standard)?),
            Confinement::CloseDescriptors(kept) => close_descriptors(kept),
            Confinement::Init => self.init(),
            Confinement::Execute => Err(self.execute()),
        }
    }

    fn tree(&mut self) -> Result<&Tree, Errno> {
        match &mut self.tree {
            Some(tree) => Ok(tree),
            none => Ok(none.insert(Tree::at(Path::new("/"))?)),
        }
    }

    /// The signal comes when the parent's thread ends; one that ended before the call is noticed by its end of the channel.
    fn die_with_parent(&self) -> Result<(), Fault> {
        process::die_with_parent()?;
        if self.channel.hung_up()? {
            process::exit(NOT_BUILT);
        }
        Ok(())
    }

    fn new_root(&mut self, root: &Root) -> Result<(), Fault> {
        self.tree = Some(root::prepare(self.job.spec, root)?);
        Ok(())
    }

    fn bounding(&mut self) -> Result<(), Fault> {
        let spec = self.job.spec;
        if !(spec.init && in_user_namespace(spec)) {
            // Soon it has no more rights than a process of another container, which could trace it (CVE-2016-9962). An init
            // of a user namespace stays, and an unprivileged caller could not join what it cannot look at.
            process::forbid_inspection()?;
        }
        let sets = sets(&spec.capabilities, spec.uid, &capability::permitted()?);
        for gone in in_order(capability::bounding()?.difference(&sets.bounding)) {
            capability::drop_bounding(gone).about(|| short(gone))?;
        }
        self.sets = Some(sets);
        Ok(())
    }

    /// Groups before the user: afterwards there is no right to set them.
    fn ids(&mut self) -> Result<(), Fault> {
        let spec = self.job.spec;
        match credentials::set_groups(&spec.groups) {
            // A user namespace may forbid it altogether (CVE-2014-8989).
            Err(Errno::EPERM) if in_user_namespace(spec) && spec.groups.is_empty() => {}
            other => other.about(|| "groups".into())?,
        }
        credentials::set_group(spec.gid).about(|| format!("gid {}", spec.gid))?;
        let keeps = |sets: &Sets| !sets.permitted.is_empty() || !sets.inheritable.is_empty();
        if spec.uid != 0 && self.sets.as_ref().is_some_and(keeps) {
            credentials::keep_capabilities()?;
        }
        credentials::set_user(spec.uid).about(|| format!("uid {}", spec.uid))
    }

    fn capabilities(&mut self) -> Result<(), Fault> {
        let Some(sets) = &self.sets else { return Err(Errno::EINVAL.into()) };
        let own = capability::permitted()?;
        let missing: Vec<String> = in_order(sets.permitted.difference(&own)).into_iter().map(short).collect();
        if !missing.is_empty() {
            return Err(Errno::EPERM).about(|| missing.join(" "));
        }
        capability::set(&sets.permitted, &sets.effective, &sets.inheritable)?;
        Ok(capability::set_ambient(&sets.ambient)?)
    }

    fn init(&mut self) -> Result<(), Fault> {
        let spec = self.job.spec;
        // Non-dumpable, its files in /proc belong to the true root: an unprivileged caller could not join it any more.
        let inspectable = in_user_namespace(spec);
        Ok(init::split(spec.namespaces.contains(&Namespace::Pid), inspectable)?)
    }

    /// Returns only if the program could not be executed.
    fn execute(&self) -> Fault {
        let spec = self.job.spec;
        let strings = |texts: Vec<String>| {
            texts.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>().map_err(|_| Errno::EINVAL)
        };
        let env = spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let (args, env) = match (strings(spec.args.clone()), strings(env)) {
            (Ok(args), Ok(env)) => (args, env),
            _ => return Errno::EINVAL.into(),
        };
        if let Err(errno) = self.channel.send(&Message::Executing) {
            return errno.into();
        }
        let errno = match &self.program {
            Program::Open(program) => process::execute_descriptor(*program, &args, &env),
            Program::Launched(launcher) => launcher.execute(&args, &env),
            Program::At(paths) => paths.execute(&args, &env),
        };
        errno.into()
    }
}

/// A namespace without a user 0 is entered with all capabilities too: EINVAL says no more than that.
fn become_root() -> Result<(), Errno> {
    for result in [credentials::set_group(0), credentials::set_user(0)] {
        if !matches!(result, Err(Errno::EINVAL)) {
            result?;
        }
    }
    Ok(())
}

fn limit(limits: &BTreeMap<Resource, Rlimit>) -> Result<(), Fault> {
    for (&kind, limit) in limits {
        credentials::set_limit(kind, limit.soft, limit.hard)
            .about(|| format!("{kind:?} {} {}", limit.soft, limit.hard).to_lowercase())?;
    }
    Ok(())
}

/// chdir(2), and the proof that the directory is below the root (CVE-2024-21626).
fn working_directory(path: &Path) -> Result<(), Fault> {
    file::change_directory(path)?;
    file::working_directory()?;
    Ok(())
}

fn close_descriptors(kept: &BTreeSet<i32>) -> Result<(), Fault> {
    descriptor::close_on_exec_from(3)?;
    for &fd in kept {
        descriptor::set_inheritable(fd, true).about(|| format!("descriptor {fd}"))?;
    }
    Ok(())
}
