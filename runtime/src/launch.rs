//! The parent's part of a birth: the process, what needs rights outside, and the way to the program.

use std::os::fd::BorrowedFd;

use crate::action::{Action, Planned};
use crate::attach::Outside;
use crate::channel::{Channel, Message};
use crate::job::Job;
use crate::process::Process;
use crate::program::Program;
use crate::step::{Failure, Fault, Side, Step};
use crate::teardown::Teardown;
use crate::trace::{Trace, Tracer};
use crate::{child, describe, intermediate};
use sys::process::{Birth, Shared, Status};
use sys::{Errno, descriptor, process};

/// What is told of when there is no way to execute a program.
const LAUNCHER: &str = "the launcher of the program, a file in memory";

/// Starts the job. What has to be taken down later is noted in `teardown` as soon as it exists.
pub(crate) fn launch(
    job: &Job<'_>,
    tracer: Tracer<'_, '_>,
    teardown: &mut Teardown,
) -> Result<Process, Failure> {
    let (channel, birth) = give_birth(job)?;
    let mut parent = Parent { job, channel, tracer };
    let process = match birth {
        Born::Child(child) => {
            parent.tracer.tell(job, job.only(Step::Clone), child.pid());
            child
        }
        Born::Intermediate(first, child) => parent.receive_child(first, &child)?,
    };
    let pid = process.pid();
    let mut outside = Outside::of(job, pid, teardown);
    outside.perform(job.network(), |planned| parent.tracer.tell(job, planned, pid))?;
    let process = parent.meet(process)?;
    job.entry().map_or(Ok(()), |leader| outside.enter_cgroup_of(leader))?;
    outside.perform(job.attachments(), |planned| parent.tracer.tell(job, planned, pid))?;
    if job.is_awaited() {
        parent.go(outside.network());
    }
    parent.follow(process)
}

/// Who was born.
enum Born {
    Child(Process),
    /// A process that joins namespaces and then gives birth to the child, whose id will be there.
    Intermediate(Process, Shared),
}

fn give_birth(job: &Job<'_>) -> Result<(Channel, Born), Failure> {
    let failed = |step, detail: &str, errno| Failure {
        side: Side::Parent,
        step,
        index: None,
        detail: detail.to_owned(),
        errno,
    };
    if !process::has_one_thread() {
        match process::threads() {
            Ok(1) => {}
            Ok(many) => return Err(failed(Step::OneThread, &format!("{many} threads"), Errno::EBUSY)),
            Err(errno) => return Err(failed(Step::OneThread, "/proc/self/task", errno)),
        }
    }
    for &fd in &job.spec.keep_fds {
        descriptor::check_open(fd).map_err(|errno| {
            failed(Step::CloseDescriptors, &format!("descriptor {fd} is to be kept"), errno)
        })?;
    }
    let (parent, child) = Channel::pair().map_err(|errno| failed(Step::Channel, "", errno))?;
    let program = Program::prepare(job, &child).map_err(|errno| failed(Step::Channel, LAUNCHER, errno))?;
    let joins = job.joins().next().is_some();
    let to_be = joins.then(Shared::new).transpose().map_err(|errno| failed(Step::Channel, "", errno))?;
    let namespaces = if joins { Vec::new() } else { job.born_in() };
    match process::clone(&namespaces, None) {
        Err(errno) => Err(job.failure(job.only(Step::Clone), errno.into())),
        Ok(Birth::Parent(pid)) => {
            let born = Process::new(pid);
            Ok((
                parent,
                match to_be {
                    Some(child) => Born::Intermediate(born, child),
                    None => Born::Child(born),
                },
            ))
        }
        Ok(Birth::Child) => {
            // While this copy is open, nobody notices the parent's death.
            drop(parent);
            match to_be {
                Some(to_be) => intermediate::run(job, child, program, &to_be),
                None => child::run(job, child, program),
            }
        }
    }
}

struct Parent<'j, 't, 'f> {
    job: &'j Job<'j>,
    channel: Channel,
    tracer: Tracer<'t, 'f>,
}

impl Parent<'_, '_, '_> {
    /// Waits for the end of the intermediate process, and takes the child from it. One that was killed left none, or one that
    /// nobody can vouch for.
    fn receive_child(&mut self, mut first: Process, born: &Shared) -> Result<Process, Failure> {
        let status = first.wait().map_err(|errno| self.broken(errno))?;
        match born.pid().map(Process::new) {
            Some(child) if status == Status::Exited(0) => {
                let joins = |planned: &&Planned<'_>| matches!(planned.action, Action::Join(_));
                for planned in self.job.plan.iter().filter(joins) {
                    self.tracer.tell(self.job, planned, child.pid());
                }
                self.tracer.tell(self.job, self.job.only(Step::Clone), child.pid());
                self.go(None);
                Ok(child)
            }
            Some(_) => Err(self.lost(&mut first)),
            None => match self.receive(&mut first)? {
                Some(Message::Failed { position, errno, detail }) => {
                    Err(self.failed(position, errno, detail))
                }
                _ => Err(self.lost(&mut first)),
            },
        }
    }

    /// Waits until the child has all its namespaces.
    fn meet(&mut self, mut process: Process) -> Result<Process, Failure> {
        loop {
            match self.receive(&mut process)? {
                Some(Message::Ready) => return Ok(process),
                Some(Message::Passed { position }) => self.passed(position, process.pid()),
                Some(Message::Failed { position, errno, detail }) => {
                    return Err(self.failed(position, errno, detail));
                }
                _ => return Err(self.lost(&mut process)),
            }
        }
    }

    /// Follows the child until its program runs.
    fn follow(&mut self, mut process: Process) -> Result<Process, Failure> {
        let mut executing = false;
        loop {
            match self.receive(&mut process)? {
                Some(Message::Executing) => executing = true,
                Some(Message::Passed { position }) => self.passed(position, process.pid()),
                Some(Message::Failed { position, errno, detail }) => {
                    return Err(self.failed(position, errno, detail));
                }
                None if executing => {
                    self.tracer.tell(self.job, self.job.only(Step::Execute), process.pid());
                    return Ok(process);
                }
                _ => return Err(self.lost(&mut process)),
            }
        }
    }

    fn receive(&self, from: &mut Process) -> Result<Option<Message>, Failure> {
        if let Some(cancel) = &self.job.cancel
            && !self.channel.speaks_before(cancel).map_err(|errno| self.broken(errno))?
        {
            let detail = "given up during set-up".to_owned();
            return Err(Failure { detail, ..self.broken(Errno::ECANCELED) });
        }
        self.channel.receive().map_err(|errno| match errno {
            // It ended before it read what it was sent last.
            Errno::ECONNRESET => self.lost(from),
            _ => self.broken(errno),
        })
    }

    fn passed(&mut self, position: u16, pid: i32) {
        if let Some(planned) = self.job.plan.get(usize::from(position)) {
            self.tracer.tell(self.job, planned, pid);
        }
        self.go(None);
    }

    fn go(&self, network: Option<BorrowedFd<'_>>) {
        // A child that died meanwhile has left its message, which is read next.
        let _ = self.channel.go(network);
    }

    fn failed(&self, position: u16, errno: Errno, detail: String) -> Failure {
        match self.job.plan.get(usize::from(position)) {
            Some(planned) => {
                let detail = (!detail.is_empty()).then_some(detail);
                self.job.failure(planned, Fault { errno, detail })
            }
            None => self.broken(Errno::EPROTO),
        }
    }

    fn broken(&self, errno: Errno) -> Failure {
        Failure { side: Side::Parent, step: Step::Channel, index: None, detail: String::new(), errno }
    }

    /// The child is gone without a word: what the kernel or somebody else did to it.
    fn lost(&self, process: &mut Process) -> Failure {
        let detail = match process.wait() {
            Ok(Status::Signaled(signal)) => format!("killed by signal {signal} during set-up"),
            Ok(Status::Exited(code)) => format!("ended with code {code} during set-up"),
            Err(errno) => format!("lost during set-up, waitpid {errno:?}"),
        };
        Failure { side: Side::Child, step: Step::Channel, index: None, detail, errno: Errno::ECHILD }
    }
}

impl Tracer<'_, '_> {
    fn tell(&mut self, job: &Job<'_>, planned: &Planned<'_>, pid: i32) {
        if let Some(trace) = self.0.as_mut() {
            trace(&Trace {
                side: planned.action.side(),
                step: planned.action.name(),
                index: planned.index,
                detail: describe::detail(job.spec, planned.action),
                // A process that is already gone has none to show.
                namespaces: crate::namespaces(Some(pid)).unwrap_or_default(),
            });
        }
    }
}
