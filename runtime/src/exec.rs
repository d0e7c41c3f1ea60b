//! Another program in a running container.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::action::{Action, JoinStep, Planned};
use crate::job::Job;
use crate::launch::launch;
use crate::names::namespaces;
use crate::process::Process;
use crate::spec::{Namespace, Peer, Spec};
use crate::stdio::{self, above_standard};
use crate::step::{Failure, Side, Step};
use crate::steps::{steps, with_terminal};
use crate::teardown::Teardown;
use crate::trace::Tracer;
use sys::process::Status;
use sys::{self, Signal};

/// A program to run in a container. What is not said is the container's own.
#[derive(Debug, Default)]
pub struct Exec {
    args: Vec<String>,
    cwd: Option<PathBuf>,
    env: Option<BTreeMap<String, String>>,
    program: Option<OwnedFd>,
    stdio: Option<[OwnedFd; 3]>,
    terminal: Option<OwnedFd>,
    cancel: Option<OwnedFd>,
}

impl Exec {
    /// A program and its arguments.
    pub fn new<S: Into<String>>(args: impl IntoIterator<Item = S>) -> Exec {
        Exec { args: args.into_iter().map(Into::into).collect(), ..Exec::default() }
    }

    /// Executes this open file, which need not exist in the container's root.
    #[must_use]
    pub fn program(mut self, program: OwnedFd) -> Self {
        self.program = Some(program);
        self
    }

    /// The program's standard input, output and error; without them it has the caller's.
    #[must_use]
    pub fn stdio(mut self, stdio: [OwnedFd; 3]) -> Self {
        self.stdio = Some(stdio);
        self
    }

    /// This terminal controls the program's session, as [`crate::Container::terminal`] has it.
    #[must_use]
    pub fn terminal(mut self, terminal: OwnedFd) -> Self {
        self.terminal = Some(terminal);
        self
    }

    /// Another working directory.
    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// A file that has something to read once the program is to be given up before it runs: whoever is in the container may
    /// stop what comes in.
    #[must_use]
    pub fn cancel(mut self, cancel: OwnedFd) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Another environment.
    #[must_use]
    pub fn env(mut self, env: BTreeMap<String, String>) -> Self {
        self.env = Some(env);
        self
    }

    /// Runs it where the process `leader` is, with the credentials and limits of `container`.
    ///
    /// # Errors
    /// The step that failed: `join` with `ENOENT` if there is no such process.
    pub fn within(self, leader: i32, container: &Spec) -> Result<Joined, Failure> {
        let spec = self.specify(leader, container)?;
        let plan = plan(&spec, leader);
        let job = Job {
            spec: &spec,
            plan: if self.terminal.is_some() { with_terminal(plan) } else { plan },
            program: self.program,
            stdio: self.stdio.map(above_standard).transpose().map_err(stdio::failed)?,
            terminal: self.terminal,
            traced: false,
            cancel: self.cancel,
        };
        launch(&job, Tracer(None), &mut Teardown::default()).map(Joined)
    }

    /// The container's specification without all that was built once, and with what is joined instead.
    fn specify(&self, leader: i32, container: &Spec) -> Result<Spec, Failure> {
        let failed = |detail: String| {
            move |errno| Failure { side: Side::Parent, step: Step::Join, index: None, detail, errno }
        };
        let theirs = namespaces(Some(leader)).map_err(failed(format!("process {leader}")))?;
        let own = namespaces(None).map_err(failed("own namespaces".into()))?;
        let differs = |kind: &Namespace| theirs.get(kind) != own.get(kind);
        Ok(Spec {
            join: theirs.keys().copied().filter(differs).map(|kind| (kind, Peer::Pid(leader))).collect(),
            args: self.args.clone(),
            env: self.env.clone().unwrap_or_else(|| container.env.clone()),
            cwd: self.cwd.clone().unwrap_or_else(|| container.cwd.clone()),
            uid: container.uid,
            gid: container.gid,
            groups: container.groups.clone(),
            umask: container.umask,
            capabilities: container.capabilities.clone(),
            no_new_privileges: container.no_new_privileges,
            rlimits: container.rlimits.clone(),
            new_session: container.new_session,
            die_with_parent: container.die_with_parent,
            keep_fds: BTreeSet::new(),
            ..Spec::default()
        })
    }
}

/// The steps of joining, and the root directory of the process that is joined: its own one may be a chroot.
fn plan(spec: &Spec, leader: i32) -> Vec<Planned<'_>> {
    let mut plan = steps(spec);
    plan.insert(spec.join.len(), Action::Join(JoinStep::Root(leader)).into());
    plan
}

/// A program that runs in a container beside its first process. Dropped, it is killed.
#[derive(Debug)]
pub struct Joined(Process);

impl Joined {
    /// Its id in the caller's PID namespace.
    pub fn pid(&self) -> i32 {
        self.0.pid()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// `ECHILD` if somebody else reaped it.
    pub fn wait(&mut self) -> sys::Result<Status> {
        self.0.wait()
    }

    /// Its status, if it ended. Does not wait.
    ///
    /// # Errors
    /// `ECHILD` if somebody else reaped it.
    pub fn try_wait(&mut self) -> sys::Result<Option<Status>> {
        self.0.try_wait()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// `ESRCH` if it ended.
    pub fn signal(&self, signal: Signal) -> sys::Result<()> {
        self.signal_number(signal as i32)
    }

    /// The same by the signal's number; 0 only asks.
    ///
    /// # Errors
    /// `ESRCH` if it ended, `EINVAL` for a number that is none.
    pub fn signal_number(&self, signal: i32) -> sys::Result<()> {
        self.0.signal(signal)
    }
}
