//! The builder of a container.

use std::os::fd::OwnedFd;

use crate::job::Job;
use crate::launch::launch;
use crate::running::Running;
use crate::spec::Spec;
use crate::stdio::{above_standard, failed};
use crate::step::{Failure, Side, Step};
use crate::steps::{steps, with_terminal};
use crate::teardown::Teardown;
use crate::trace::{Trace, Tracer};
use sys::{self, Errno};

/// A container to be. The caller must have one thread.
pub struct Container<'a> {
    spec: &'a Spec,
    program: Option<OwnedFd>,
    stdio: Option<[OwnedFd; 3]>,
    terminal: Option<OwnedFd>,
    trace: Option<&'a mut dyn FnMut(&Trace)>,
    cancel: Option<OwnedFd>,
}

impl<'a> Container<'a> {
    /// A container as specified.
    pub fn new(spec: &'a Spec) -> Self {
        Container { spec, program: None, stdio: None, terminal: None, trace: None, cancel: None }
    }

    /// Executes this open file, with the specification's arguments: it need not exist in the container's root.
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

    /// This terminal, which must be no session's yet, controls the program's session: Ctrl-C there is its signal. It takes a
    /// session of its own ([`Spec::new_session`]), and is not among the standard descriptors unless it is given there too.
    #[must_use]
    pub fn terminal(mut self, terminal: OwnedFd) -> Self {
        self.terminal = Some(terminal);
        self
    }

    /// Calls `trace` after each step. The container's side waits while it looks.
    #[must_use]
    pub fn trace(mut self, trace: &'a mut dyn FnMut(&Trace)) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Gives up when this file has something to read before the program runs.
    #[must_use]
    pub fn cancel(mut self, cancel: OwnedFd) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// Builds the container and starts its program. On failure nothing is left behind.
    ///
    /// # Errors
    /// The step that failed; [`Step::Check`] for a specification that [`Spec::check`] refuses, [`Step::Channel`] with
    /// `ECANCELED` if it was given up.
    pub fn spawn(self) -> Result<Running, Failure> {
        check(self.spec)?;
        let plan = steps(self.spec);
        let job = Job {
            spec: self.spec,
            plan: if self.terminal.is_some() { with_terminal(plan) } else { plan },
            program: self.program,
            stdio: self.stdio.map(above_standard).transpose().map_err(failed)?,
            terminal: self.terminal,
            traced: self.trace.is_some(),
            cancel: self.cancel,
        };
        let mut teardown = Teardown::default();
        let process = launch(&job, Tracer(self.trace), &mut teardown)?;
        Ok(Running::new(process, teardown, self.spec.clone()))
    }
}

fn check(spec: &Spec) -> Result<(), Failure> {
    let Err(problems) = spec.check() else { return Ok(()) };
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Err(Failure {
        side: Side::Parent,
        step: Step::Check,
        index: None,
        detail: problems.join("; "),
        errno: Errno::EINVAL,
    })
}
