//! Who acts in a scenario: the host's probe, and the containers with theirs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::spec::{Peer, Spec};
use runtime::sys::errno_name;
use runtime::sys::process::Status;
use runtime::{Container, Exec, Failure, Running};
use serde_json::Value;

use super::child::ended;
use super::link::{Link, Lost};
use super::probe::Reply;
use crate::event::Outcome;
use crate::operation::Operation;

/// This program, wherever its file is now.
const PROGRAM: &str = "/proc/self/exe";
/// What it is called with as a probe.
const ARGUMENTS: [&str; 2] = ["guest", "probe"];
/// Between a process's last word and its death.
const PATIENCE: Duration = Duration::from_millis(100);

/// Everyone who acts.
#[derive(Default)]
pub(super) struct Cast {
    host: Option<(Child, Link)>,
    containers: Vec<Member>,
    not_built: BTreeSet<String>,
}

struct Member {
    name: String,
    running: Running,
    link: Link,
}

/// Why a container is not there.
pub(super) enum NotBuilt {
    /// A step of the runtime failed.
    Failure(Box<Failure>),
    /// It was not tried.
    Reason(String),
}

impl NotBuilt {
    /// The runtime's own words.
    pub(super) fn reason(&self) -> String {
        match self {
            NotBuilt::Failure(failure) => failure.to_string(),
            NotBuilt::Reason(reason) => reason.clone(),
        }
    }

    /// As the outcome of a `start` step.
    pub(super) fn outcome(&self) -> Outcome {
        match self {
            NotBuilt::Failure(failure) => Outcome::Errno(errno_name(failure.errno)),
            NotBuilt::Reason(reason) => Outcome::Broken(reason.clone()),
        }
    }
}

impl From<io::Error> for NotBuilt {
    fn from(error: io::Error) -> Self {
        NotBuilt::Reason(error.to_string())
    }
}

impl Cast {
    /// Builds a container with a probe as its program. Its PID.
    pub(super) fn build(&mut self, name: &str, spec: &Spec) -> Result<i32, NotBuilt> {
        let built = self.try_build(name, spec);
        match &built {
            Ok(_) => self.not_built.remove(name),
            Err(_) => self.not_built.insert(name.to_owned()),
        };
        built
    }

    fn try_build(&mut self, name: &str, spec: &Spec) -> Result<i32, NotBuilt> {
        if self.containers.iter().any(|member| member.name == name) {
            return Err(NotBuilt::Reason(format!("`{name}` runs already")));
        }
        let mut spec = spec.clone();
        spec.args = ARGUMENTS.map(str::to_owned).to_vec();
        for peer in spec.join.values_mut() {
            if let Peer::Container(other) = peer {
                *peer = Peer::Pid(self.pid(other).map_err(NotBuilt::Reason)?);
            }
        }
        let (link, stdio) = Link::new()?;
        let container = Container::new(&spec).program(program()?).stdio(stdio);
        let running = container.spawn().map_err(|failure| NotBuilt::Failure(Box::new(failure)))?;
        let pid = running.pid();
        self.containers.push(Member { name: name.to_owned(), running, link });
        Ok(pid)
    }

    /// Whether its building was tried and failed.
    pub(super) fn was_not_built(&self, name: &str) -> bool {
        self.not_built.contains(name)
    }

    /// A container's PID 1, if it lives.
    pub(super) fn pid(&mut self, name: &str) -> Result<i32, String> {
        let member = self.member(name)?;
        match member.running.try_wait() {
            Ok(None) => Ok(member.running.pid()),
            Ok(Some(status)) => Err(format!("`{name}` {}", ended(status))),
            Err(errno) => Err(format!("`{name}` is lost: {}", errno_name(errno))),
        }
    }

    fn member(&mut self, name: &str) -> Result<&mut Member, String> {
        let found = self.containers.iter_mut().find(|member| member.name == name);
        found.ok_or_else(|| format!("`{name}` does not run"))
    }

    /// Has a container's own probe perform an operation.
    pub(super) fn ask(
        &mut self,
        name: &str,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Reply, String> {
        let member = self.member(name)?;
        let status = || member.running.try_wait().ok().flatten();
        member.link.ask(operation, deadline).map_err(|lost| reason(&format!("`{name}`"), &lost, status))
    }

    /// Has a process perform it that joined the container for this one operation.
    pub(super) fn exec(
        &mut self,
        name: &str,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Reply, String> {
        let member = self.member(name)?;
        let (mut link, stdio) = Link::new().map_err(|error| error.to_string())?;
        let program = program().map_err(|error| error.to_string())?;
        let exec = Exec::new(ARGUMENTS).program(program).stdio(stdio);
        let mut joined = member.running.exec(exec).map_err(|failure| failure.to_string())?;
        let who = format!("the process in `{name}`");
        let reply = link.ask(operation, deadline);
        let reply = reply.map_err(|lost| reason(&who, &lost, || joined.try_wait().ok().flatten()))?;
        // The end of its input ends it.
        drop(link);
        joined.wait().map_err(|errno| format!("{who} is lost: {}", errno_name(errno)))?;
        Ok(reply)
    }

    /// Has the host's probe perform it.
    pub(super) fn ask_host(&mut self, operation: &Operation, deadline: Instant) -> Result<Reply, String> {
        if self.host.is_none() {
            self.host = Some(start_host_probe().map_err(|error| format!("no probe on the host: {error}"))?);
        }
        let (child, link) = self.host.as_mut().ok_or("no probe on the host")?;
        let status = || child.try_wait().ok().flatten().map(status_of);
        link.ask(operation, deadline).map_err(|lost| reason("the host's probe", &lost, status))
    }

    /// Stops one container, for a step.
    pub(super) fn stop(&mut self, name: &str) -> Outcome {
        let Some(index) = self.containers.iter().position(|member| member.name == name) else {
            return Outcome::Broken(format!("`{name}` does not run"));
        };
        match self.containers.remove(index).running.stop() {
            Ok(_) => Outcome::Value(Value::Null),
            Err(failure) => Outcome::Broken(failure.to_string()),
        }
    }

    /// Stops everybody, the youngest first. What could not be taken down.
    pub(super) fn take_down(&mut self) -> Vec<String> {
        let mut faults = Vec::new();
        while let Some(member) = self.containers.pop() {
            if let Err(failure) = member.running.stop() {
                faults.push(format!("container {}: {failure}", member.name));
            }
        }
        if let Some((mut child, link)) = self.host.take() {
            drop(link);
            let killed = child.kill().and_then(|()| child.wait());
            faults.extend(killed.err().map(|error| format!("the host's probe: {error}")));
        }
        faults
    }
}

fn program() -> io::Result<OwnedFd> {
    File::open(PROGRAM).map(OwnedFd::from)
}

/// By execve(2): nothing of the runner's memory and descriptors is there for the scenario's operations.
fn start_host_probe() -> io::Result<(Child, Link)> {
    let (link, [input, output, error]) = Link::new()?;
    let child = Command::new(PROGRAM).arg(ARGUMENTS[1]).stdin(input).stdout(output).stderr(error).spawn()?;
    Ok((child, link))
}

fn status_of(status: std::process::ExitStatus) -> Status {
    use std::os::unix::process::ExitStatusExt;
    status.signal().map_or_else(|| Status::Exited(status.code().unwrap_or_default()), Status::Signaled)
}

/// Why a probe gave no reply.
fn reason(who: &str, lost: &Lost, mut status: impl FnMut() -> Option<Status>) -> String {
    match lost {
        Lost::Deadline => format!("{who} gave no reply before the scenario's deadline"),
        Lost::Garbage(error) => format!("{who} gave a reply that is none: {error}"),
        Lost::Ended => {
            let deadline = Instant::now() + PATIENCE;
            while Instant::now() < deadline {
                if let Some(status) = status() {
                    return format!("{who} {}", ended(status));
                }
                sleep(Duration::from_millis(1));
            }
            format!("{who} closed its end and lives on")
        }
    }
}
