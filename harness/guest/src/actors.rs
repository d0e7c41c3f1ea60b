//! Who acts in a scenario: the host's probe, and the containers with theirs.

use std::collections::BTreeSet;
use std::time::Instant;

use runtime::spec::{Peer, Spec};
use serde_json::Value;

use super::actor::ActorProcess;
use super::integrity::Integrity;
use super::look::{self, Facts};
use super::no_reply::{NoReply, NotBuilt};
use super::order::Reply;
use protocol::operation::Operation;
use protocol::plan::Actor;

/// Everyone who acts.
pub(super) struct Actors {
    integrity: Integrity,
    host: Option<ActorProcess>,
    /// In the order of their building.
    containers: Vec<(String, ActorProcess)>,
    not_built: BTreeSet<String>,
}

impl Actors {
    /// Nobody yet.
    pub(super) fn new(integrity: Integrity) -> Actors {
        Actors { integrity, host: None, containers: Vec::new(), not_built: BTreeSet::new() }
    }

    /// Builds a container. The PID of its PID 1.
    pub(super) fn build(&mut self, name: &str, spec: &Spec) -> Result<i32, NotBuilt> {
        let built = self.try_build(name, spec);
        match &built {
            Ok(_) => self.not_built.remove(name),
            Err(_) => self.not_built.insert(name.to_owned()),
        };
        built
    }

    fn try_build(&mut self, name: &str, spec: &Spec) -> Result<i32, NotBuilt> {
        if self.containers.iter().any(|(known, _)| known == name) {
            return Err(NotBuilt::Reason(NoReply::Broken(format!("`{name}` runs already"))));
        }
        let mut spec = spec.clone();
        for peer in spec.join.values_mut() {
            if let Peer::Container(other) = peer {
                *peer = Peer::Pid(self.pid(other).map_err(NotBuilt::Reason)?);
            }
        }
        let mut acting = ActorProcess::container(name, &spec, &self.integrity)?;
        let pid = acting.pid().map_err(NotBuilt::Reason)?;
        self.containers.push((name.to_owned(), acting));
        Ok(pid)
    }

    /// Whether its building was tried and failed.
    pub(super) fn was_not_built(&self, name: &str) -> bool {
        self.not_built.contains(name)
    }

    /// A container's PID 1, while it lives.
    pub(super) fn pid(&mut self, name: &str) -> Result<i32, NoReply> {
        self.container(name)?.pid()
    }

    fn container(&mut self, name: &str) -> Result<&mut ActorProcess, NoReply> {
        let found = self.containers.iter_mut().find(|(known, _)| known == name);
        found.map(|(_, acting)| acting).ok_or_else(|| does_not_run(name))
    }

    /// Has a container's own probe perform an operation.
    pub(super) fn ask(
        &mut self,
        name: &str,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Reply, NoReply> {
        self.container(name)?.ask(operation, deadline)
    }

    /// Has a process perform it that joined the container for this one operation.
    pub(super) fn exec(
        &mut self,
        name: &str,
        operation: &Operation,
        deadline: Instant,
    ) -> Result<Reply, NoReply> {
        let mut joined = self.container(name)?.joined("the process", None)?;
        let reply = joined.ask(operation, deadline)?;
        joined.stop()?;
        Ok(reply)
    }

    /// Has the host's probe perform it.
    pub(super) fn ask_host(&mut self, operation: &Operation, deadline: Instant) -> Result<Reply, NoReply> {
        let host = match self.host.take() {
            Some(host) => host,
            None => ActorProcess::host(&self.integrity)?,
        };
        self.host.insert(host).ask(operation, deadline)
    }

    /// How everybody looks.
    pub(super) fn look(&mut self, deadline: Instant) -> Vec<(Actor, Facts)> {
        let host = match &mut self.host {
            Some(host) => look::at(host, deadline),
            None => look::at_host(&self.integrity, deadline),
        };
        let containers = self.containers.iter_mut();
        let looks =
            containers.map(|(name, acting)| (Actor::Container(name.clone()), look::at(acting, deadline)));
        std::iter::once((Actor::Host, host)).chain(looks).collect()
    }

    /// Stops one container, for a step. Others that joined its PID namespace end with it, and it has not ended before they
    /// are reaped (zap_pid_ns_processes in kernel/pid_namespace.c).
    pub(super) fn stop(&mut self, name: &str) -> Result<Value, NoReply> {
        let index = self.containers.iter().position(|(known, _)| known == name);
        let (_, stopped) = self.containers.remove(index.ok_or_else(|| does_not_run(name))?);
        let reap = || self.containers.iter_mut().try_for_each(|(_, other)| other.status().map(drop));
        stopped.stop_beside(reap).map(|()| Value::Null)
    }

    /// Stops everybody, the youngest container first. What could not be taken down.
    pub(super) fn take_down(&mut self) -> Vec<NoReply> {
        let containers = self.containers.drain(..).rev().map(|(_, acting)| acting);
        containers.chain(self.host.take()).filter_map(|acting| acting.stop().err()).collect()
    }
}

fn does_not_run(name: &str) -> NoReply {
    NoReply::Broken(format!("`{name}` does not run"))
}
