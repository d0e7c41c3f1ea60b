//! A process with a probe in it, seen from the runner: asked, waited for, ended.

use std::ffi::CString;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::spec::Spec;
use runtime::{Container, Exec, Failure, Joined, Running, Step};
use sys::process::{self, Status};
use sys::{Signal, errno_name, signal};

use super::child::ended;
use super::inheritable;
use super::integrity::Integrity;
use super::link::{Link, Lost};
use super::no_reply::{NoReply, NotBuilt};
use super::order::{OtherUser, Reply};
use protocol::event::Outcome;
use protocol::operation::{Operation, WriteFile};

/// What this program is called with as a probe.
const ARGUMENTS: [&str; 2] = ["guest", "probe"];
/// Between a process's last word and its death: on a busy host, with all of the machine's memory to give back.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Between two looks at a process that was killed.
const PAUSE: Duration = Duration::from_micros(200);
/// For a process whose memory is gone to be gone itself.
const GONE: Duration = Duration::from_millis(100);

/// What was seen of a probe's program.
enum Looked {
    /// It is what was executed.
    Intact,
    /// Nothing: the probe has ended.
    Ended,
}
/// For the process of another user to remove its file, when the scenario is over.
const LEAVE: Duration = Duration::from_secs(2);
/// The user and group of that process.
const OTHER_USER: u32 = 1000;
/// Folders in which every user can make a file.
const FOLDERS: [&str; 2] = ["/tmp", "/dev/shm"];

/// A probe that runs.
pub(super) struct ActorProcess {
    /// As it is called in messages.
    who: String,
    process: Process,
    link: Link,
    integrity: Integrity,
    /// A process of another user beside it, once an operation needed one, and what the probe knows of it.
    other_user: Option<(Box<ActorProcess>, OtherUser)>,
}

enum Process {
    Host(HostProcess),
    Container(Box<Running>),
    Joined(Joined),
}

impl ActorProcess {
    /// By execve(2): nothing of the runner's memory and descriptors is there for the scenario's operations.
    pub(super) fn host(integrity: &Integrity) -> io::Result<ActorProcess> {
        host("the host's probe", None, integrity)
    }

    /// A container with a probe as its program.
    pub(super) fn container(
        name: &str,
        spec: &Spec,
        integrity: &Integrity,
    ) -> Result<ActorProcess, NotBuilt> {
        let spec = Spec { args: ARGUMENTS.map(str::to_owned).to_vec(), ..spec.clone() };
        let (link, stdio) = Link::new()?;
        let container = Container::new(&spec).program(integrity.program()?).stdio(stdio);
        let running = container.spawn().map_err(|failure| NotBuilt::Failure(Box::new(failure)))?;
        Ok(acting(&format!("`{name}`"), Process::Container(Box::new(running)), link, integrity))
    }

    /// Another probe in the container of this one, with the credentials of `spec` or the container's own.
    pub(super) fn joined(&mut self, who: &str, spec: Option<&Spec>) -> Result<ActorProcess, NoReply> {
        self.pid()?;
        let Process::Container(running) = &self.process else {
            return Err(NoReply::Broken(format!("{} is no container", self.who)));
        };
        let (link, stdio) = Link::new()?;
        let exec = Exec::new(ARGUMENTS).program(self.integrity.program()?).stdio(stdio);
        let joined = exec.within(running.pid(), spec.unwrap_or(running.spec()));
        let joined = joined.map_err(|failure| not_joined(who, &self.who, &failure))?;
        Ok(acting(&format!("{who} in {}", self.who), Process::Joined(joined), link, &self.integrity))
    }

    /// A fresh probe in the same place.
    pub(super) fn another(&mut self) -> Result<ActorProcess, NoReply> {
        match &self.process {
            Process::Host(_) => Ok(ActorProcess::host(&self.integrity)?),
            Process::Container(_) | Process::Joined(_) => self.joined("another process", None),
        }
    }

    /// Its PID, as the runner has it, while it lives.
    pub(super) fn pid(&mut self) -> Result<i32, NoReply> {
        match self.status()? {
            Some(status) => Err(self.gone(status)),
            None => Ok(self.process.pid()),
        }
    }

    /// Has it perform one operation.
    pub(super) fn ask(&mut self, operation: &Operation, deadline: Instant) -> Result<Reply, NoReply> {
        let other_user = self.other_user_for(operation, deadline)?;
        let reply =
            self.link.ask(operation, other_user, deadline).map_err(|lost| self.reason(lost, deadline))?;
        // After each: it may be ended before the last look, or its program be put back as it was.
        match self.is_intact()? {
            Looked::Intact => Ok(reply),
            Looked::Ended => Err(NoReply::Forged(format!(
                "{} ended with its answer, before it could be seen whether its program was written to",
                self.who
            ))),
        }
    }

    fn other_user_for(
        &mut self,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Option<OtherUser>, NoReply> {
        if !matches!(operation, Operation::Exercise(capability) if super::ops::needs_other_user(capability)) {
            return Ok(None);
        }
        if self.other_user.is_none() {
            let mut other_user = self.start_other_user()?;
            let known = other_user.introduce(deadline)?;
            self.other_user = Some((Box::new(other_user), known));
        }
        Ok(self.other_user.as_ref().map(|(_, known)| known.clone()))
    }

    /// What others may know of it: its PID, and a file that it makes.
    fn introduce(&mut self, deadline: Instant) -> Result<OtherUser, NoReply> {
        let Reply { outcome, .. } = self.ask(&Operation::Process, deadline)?;
        let pid = match &outcome {
            Outcome::Value(process) => process["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()),
            _ => None,
        };
        let pid = pid.ok_or_else(|| NoReply::Broken(format!("{} gave {outcome:?}", self.who)))?;
        for folder in FOLDERS {
            let path = Path::new(folder).join(format!(".other-user-{pid}"));
            let write = Operation::Write(WriteFile { path: path.clone(), text: String::new() });
            if let Outcome::Value(_) = self.ask(&write, deadline)?.outcome {
                return Ok(OtherUser { pid, file: Some(path) });
            }
        }
        Ok(OtherUser { pid, file: None })
    }

    /// Takes away what it made.
    fn leave(mut self, known: OtherUser) -> Result<(), NoReply> {
        let Some(path) = known.file else { return Ok(()) };
        let deadline = Instant::now() + LEAVE;
        match self.ask(&Operation::Remove(path), deadline)?.outcome {
            Outcome::Value(_) => Ok(()),
            other => Err(NoReply::Broken(format!("{} could not remove its file: {other:?}", self.who))),
        }
    }

    fn start_other_user(&mut self) -> Result<ActorProcess, NoReply> {
        let who = format!("a process of user {OTHER_USER}");
        match &self.process {
            Process::Host(_) => Ok(host(&who, Some(OTHER_USER), &self.integrity)?),
            Process::Container(running) => {
                let spec = Spec { uid: OTHER_USER, gid: OTHER_USER, ..running.spec().clone() };
                self.joined(&who, Some(&spec))
            }
            Process::Joined(_) => Err(NoReply::Broken(format!("{} has no {who} beside it", self.who))),
        }
    }

    /// How it ended, if it did; it is reaped then.
    pub(super) fn status(&mut self) -> Result<Option<Status>, NoReply> {
        let status = match &mut self.process {
            Process::Host(process) => process.status().map_err(errno_name),
            Process::Container(running) => running.try_wait().map_err(errno_name),
            Process::Joined(joined) => joined.try_wait().map_err(errno_name),
        };
        status.map_err(|error| NoReply::Broken(format!("{} is lost: {error}", self.who)))
    }

    fn gone(&self, status: Status) -> NoReply {
        NoReply::NoActor(format!("{} {}", self.who, ended(status)))
    }

    /// How it ended, if it does within the timeout.
    fn ended_within(&mut self, timeout: Duration) -> Result<Option<Status>, NoReply> {
        if let Some(status) = self.status()? {
            return Ok(Some(status));
        }
        let waited = process::ends_within(self.process.pid(), timeout);
        waited.map_err(|errno| NoReply::Broken(format!("{} is lost: {}", self.who, errno_name(errno))))?;
        self.status()
    }

    /// Why it gave no reply.
    fn reason(&mut self, lost: Lost, deadline: Instant) -> NoReply {
        match lost {
            Lost::Deadline => {
                NoReply::Broken(format!("{} gave no reply before the scenario's deadline", self.who))
            }
            Lost::Forged(words) => NoReply::Forged(format!("{} sent {words}", self.who)),
            Lost::Ended => match self.ended_within(timeout(deadline)) {
                Ok(Some(status)) => self.gone(status),
                Ok(None) => NoReply::NoActor(format!("{} closed its end and lives on", self.who)),
                Err(lost) => lost,
            },
        }
    }

    /// Whether its program is what was executed.
    fn is_intact(&mut self) -> Result<Looked, NoReply> {
        if !self.integrity.is_at_risk() {
            return Ok(Looked::Intact);
        }
        if self.status()?.is_some() {
            return Ok(Looked::Ended);
        }
        match self.integrity.is_intact(self.process.pid()) {
            Ok(true) => Ok(Looked::Intact),
            // It has no program any more: its memory went while it was looked at.
            Ok(false) if self.ended_within(GONE)?.is_some() => Ok(Looked::Ended),
            Ok(false) => Err(NoReply::Forged(format!(
                "the program of {}, with which it answers, was written to",
                self.who
            ))),
            Err(error) => Err(NoReply::Broken(format!("{}: /proc/PID/smaps: {error}", self.who))),
        }
    }

    /// Ends it, and takes down what it has outside.
    pub(super) fn stop(self) -> Result<(), NoReply> {
        self.stop_beside(|| Ok(()))
    }

    /// The same, and reaps others while a container does not end before they are.
    pub(super) fn stop_beside(
        mut self,
        mut reap: impl FnMut() -> Result<(), NoReply>,
    ) -> Result<(), NoReply> {
        // One that has ended has no more answers to give, and each that it gave was looked at.
        let intact = self.is_intact();
        // The process of another user would keep the container's cgroup and namespaces; dropped, it is killed.
        let left = self.other_user.take().map_or(Ok(()), |(other_user, known)| other_user.leave(known));
        self.link.hang_up();
        if let Process::Container(running) = &self.process {
            // One that is gone is what is wanted, and of any other error stopping tells.
            let _ = running.signal(Signal::SIGKILL);
            let deadline = Instant::now() + TIMEOUT;
            while self.status()?.is_none() && Instant::now() < deadline {
                reap()?;
                sleep(PAUSE);
            }
        }
        let ActorProcess { who, process, link, .. } = self;
        let stopped = match process {
            Process::Host(mut process) => process.end().map_err(errno_name),
            Process::Container(running) => running.stop().map(drop).map_err(|failure| failure.to_string()),
            // The end of its input ends it.
            Process::Joined(mut joined) => joined.wait().map(drop).map_err(errno_name),
        };
        let said = link.surplus().map_err(|lost| match lost {
            Lost::Forged(words) => NoReply::Forged(format!("{who} sent {words}")),
            Lost::Ended | Lost::Deadline => NoReply::Broken(format!("{who} is lost")),
        });
        intact
            .map(drop)
            .and(said)
            .and(left)
            .and(stopped.map_err(|error| NoReply::Broken(format!("{who}: {error}"))))
    }
}

impl Process {
    fn pid(&self) -> i32 {
        match self {
            Process::Host(process) => process.pid,
            Process::Container(running) => running.pid(),
            Process::Joined(joined) => joined.pid(),
        }
    }
}

/// For a process to die that said its last word: the scenario's deadline is no later for it.
fn timeout(deadline: Instant) -> Duration {
    TIMEOUT.min(deadline.saturating_duration_since(Instant::now()))
}

/// A child in the runner's own namespaces. Dropped, it is killed.
struct HostProcess {
    pid: i32,
    /// Once it was reaped, its id may be another's.
    ended: Option<Status>,
}

impl HostProcess {
    fn status(&mut self) -> sys::Result<Option<Status>> {
        if self.ended.is_none() {
            self.ended = process::reap(Some(self.pid))?.map(|(_, status)| status);
        }
        Ok(self.ended)
    }

    fn end(&mut self) -> sys::Result<()> {
        if self.status()?.is_none() {
            signal::kill(self.pid, Signal::SIGKILL)?;
            self.ended = Some(process::wait(self.pid)?);
        }
        Ok(())
    }
}

impl Drop for HostProcess {
    fn drop(&mut self) {
        // `ActorProcess::stop` tells of errors; a drop can only do its best.
        let _ = self.end();
    }
}

fn acting(who: &str, process: Process, link: Link, integrity: &Integrity) -> ActorProcess {
    let integrity = integrity.clone();
    ActorProcess { who: who.to_owned(), process, link, integrity, other_user: None }
}

fn host(who: &str, user: Option<u32>, integrity: &Integrity) -> io::Result<ActorProcess> {
    let (link, stdio) = Link::new()?;
    let args = ARGUMENTS.map(|text| CString::new(text).expect("a literal without a zero"));
    let pid = process::spawn(integrity.program()?.as_fd(), &args, &stdio, &[inheritable::HIGH], user)?;
    Ok(acting(who, Process::Host(HostProcess { pid, ended: None }), link, integrity))
}

fn not_joined(who: &str, container: &str, failure: &Failure) -> NoReply {
    let words = format!("{who} could not join {container}: {failure}");
    match failure.step {
        // What is specified contradicts itself: the kernel was not asked.
        Step::Check => NoReply::Broken(words),
        _ => NoReply::NoActor(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dies_has_until_the_scenarios_deadline() {
        assert_eq!(timeout(Instant::now()), Duration::ZERO);
        assert_eq!(timeout(Instant::now() + Duration::from_secs(3600)), TIMEOUT);
    }
}
