//! Carries out one scenario: needs, containers, steps, and the taking down of it all.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use runtime::output;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sys::probe::machine;
use sys::{self, Signal, signal};

use super::actors::Actors;
use super::inheritable::Inheritable;
use super::integrity::Integrity;
use super::needs;
use super::no_reply::NoReply;
use super::oom::{OomProtection, OutOfMemory};
use super::order::Reply;
use super::undo::Undo;
use protocol::event::{Event, Outcome};
use protocol::operation::{Operation, Subject};
use protocol::plan::{Actor, After, Plan, Step};

/// How long all that is looked at after the last step may take.
pub(super) const LOOK: Duration = Duration::from_secs(3);

/// A signal of signal(7) that has no name.
const REAL_TIME: i32 = 40;

/// What the runner tells init, a line of JSON each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Told {
    /// For the host.
    Event(Event),
    /// This step begins: if nothing more comes, it was the last.
    Trying(u32),
    /// Something could not be taken down.
    Fault(String),
    /// It cannot go on, for a reason that lies with itself.
    Failed(String),
    /// The steps are done, and everything stays as it is.
    Kept,
    /// The scenario is over and everything was taken down.
    Done,
}

/// Runs the scenario in this process, which has to end with the code that this returns.
pub(super) fn run(
    plan: Plan,
    after: After,
    events: UnixStream,
    memory: OutOfMemory,
    integrity: Integrity,
    inheritable: &Inheritable,
) -> i32 {
    let deadline = Instant::now() + Duration::from_millis(plan.deadline_ms);
    let (actors, undo) = (Actors::new(integrity), Undo::default());
    let mut runner = Runner { plan, after, events, deadline, memory, actors, undo };
    match inheritable.offer().and_then(|()| runner.carry_out()) {
        Ok(()) => 0,
        Err(error) => {
            let reason = format!("the runner failed: {error}");
            output::say(format!("guest: {reason}"));
            // Init sees the end of what it reads, too.
            let _ = runner.tell(&Told::Failed(reason));
            1
        }
    }
}

struct Runner {
    plan: Plan,
    after: After,
    events: UnixStream,
    deadline: Instant,
    memory: OutOfMemory,
    actors: Actors,
    undo: Undo,
}

impl Runner {
    fn carry_out(&mut self) -> io::Result<()> {
        // Init's children leave no zombies, and this is one; the runtime waits for its own.
        machine::reap_children_by_hand()?;
        // As many a caller of a runtime does, by nohup(1) or without meaning to: a container that inherits it is seen to.
        signal::ignore(Signal::SIGUSR2 as i32)?;
        signal::ignore(REAL_TIME)?;
        signal::block(Signal::SIGURG)?;
        let mut protection = OomProtection::new()?;
        if self.needs_are_met()? {
            self.build_containers()?;
            self.perform_steps()?;
            match self.after {
                After::TakeDown => {}
                After::Look => self.look()?,
                After::Keep => self.keep()?,
            }
            protection.under(|| self.take_down())?;
        }
        self.tell(&Told::Done)
    }

    fn tell(&mut self, told: &Told) -> io::Result<()> {
        let mut line = serde_json::to_vec(told)?;
        line.push(b'\n');
        self.events.write_all(&line)
    }

    fn event(&mut self, event: Event) -> io::Result<()> {
        self.tell(&Told::Event(event))
    }

    fn needs_are_met(&mut self) -> io::Result<bool> {
        for need in self.plan.needs.clone() {
            if let Some(reason) = needs::unmet(&need)? {
                self.event(Event::Unmet { need, reason })?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In the file's order, but for those that a step starts.
    fn build_containers(&mut self) -> io::Result<()> {
        let started = |step: &Step| match &step.operation {
            Operation::Start(name) => Some(name.clone()),
            _ => None,
        };
        let later: BTreeSet<String> = self.plan.steps.iter().filter_map(started).collect();
        let names: Vec<String> =
            self.plan.containers.iter().map(|container| container.name.clone()).collect();
        for name in names.into_iter().filter(|name| !later.contains(name)) {
            self.build(&name)?;
        }
        Ok(())
    }

    /// Builds one and tells of it.
    fn build(&mut self, name: &str) -> io::Result<Outcome> {
        let Some(container) = self.plan.containers.iter().find(|container| container.name == name) else {
            return Ok(Outcome::Broken(format!("the scenario has no container `{name}`")));
        };
        match self.actors.build(name, &container.spec) {
            Ok(pid) => {
                self.event(Event::Built { container: name.into(), pid })?;
                Ok(Outcome::Value(json!({ "pid": pid })))
            }
            Err(failure) => {
                let refused = failure.refused();
                self.event(Event::NotBuilt { container: name.into(), failure: failure.reason(), refused })?;
                Ok(failure.outcome())
            }
        }
    }

    fn perform_steps(&mut self) -> io::Result<()> {
        for (index, step) in (0u32..).zip(self.plan.steps.clone()) {
            if let Actor::Container(name) = &step.actor
                && self.actors.was_not_built(name)
            {
                continue;
            }
            self.tell(&Told::Trying(index))?;
            let (outcome, us) = self.perform(step)?;
            self.event(Event::Step { index, outcome, us })?;
        }
        Ok(())
    }

    /// What comes of a step, and the microseconds that it took.
    fn perform(&mut self, step: Step) -> io::Result<(Outcome, u64)> {
        let started = Instant::now();
        let done = match &step.operation {
            Operation::Start(name) => Ok(self.build(name)?),
            Operation::Stop(name) => self.actors.stop(name).map(Outcome::Value),
            _ => match self.hand_over(step) {
                Ok(Reply { outcome, us, .. }) => return Ok((outcome, us)),
                Err(none) => Err(none),
            },
        };
        let outcome = match done {
            Ok(outcome) => outcome,
            Err(none) => self.without_reply(none)?,
        };
        let us = u64::try_from(started.elapsed().as_micros()).map_err(io::Error::other)?;
        Ok((outcome, us))
    }

    fn without_reply(&mut self, none: NoReply) -> io::Result<Outcome> {
        Ok(match none {
            NoReply::Broken(words) => Outcome::Broken(words),
            // A scenario that takes more than there is: what is killed then, no kernel could let live.
            NoReply::NoActor(words) if self.memory.killed()? => {
                Outcome::Broken(format!("{words}: memory ran out"))
            }
            NoReply::NoActor(words) => Outcome::NoActor(words),
            NoReply::Forged(words) => {
                self.event(Event::Lost { reason: words.clone() })?;
                Outcome::Broken(words)
            }
        })
    }

    /// Has the step's actor perform it. An error tells why that was not possible.
    fn hand_over(&mut self, step: Step) -> Result<Reply, NoReply> {
        let Step { actor, exec, mut operation } = step;
        if actor == Actor::Host {
            self.resolve(&mut operation)?;
            self.undo.before(&operation);
        }
        match (&actor, exec) {
            (Actor::Host, _) => self.actors.ask_host(&operation, self.deadline),
            (Actor::Container(name), false) => self.actors.ask(name, &operation, self.deadline),
            (Actor::Container(name), true) => self.actors.exec(name, &operation, self.deadline),
        }
    }

    /// Names of containers become the PIDs that the host's `/proc` has for them.
    fn resolve(&mut self, operation: &mut Operation) -> Result<(), NoReply> {
        match operation {
            Operation::Status(subject) | Operation::Namespaces(subject) => self.resolve_subject(subject),
            Operation::Setns(setns) => self.resolve_subject(&mut setns.of),
            Operation::Kill(kill) => {
                if let Some(name) = kill.container.take() {
                    kill.pid = Some(self.actors.pid(&name)?);
                }
                Ok(())
            }
            // The runner's own: a container has no number before it is started, and none after it is stopped.
            Operation::Start(_) | Operation::Stop(_) => Ok(()),
            other => match other.meaning().container {
                None => Ok(()),
                Some((name, _)) => {
                    Err(NoReply::Broken(format!("`{name}` is named where no container is looked up")))
                }
            },
        }
    }

    fn resolve_subject(&mut self, subject: &mut Subject) -> Result<(), NoReply> {
        if let Subject::Container(name) = subject {
            *subject = if name == "host" { Subject::Init } else { Subject::Pid(self.actors.pid(name)?) };
        }
        Ok(())
    }

    /// Tells how everyone looks.
    fn look(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + LOOK;
        let looks = self.actors.look(deadline);
        looks.into_iter().try_for_each(|(actor, facts)| self.event(Event::Look { actor, facts }))
    }

    /// Stays, and with it all that it built. The end of the machine is its end.
    fn keep(&mut self) -> io::Result<()> {
        self.tell(&Told::Kept)?;
        loop {
            sleep(Duration::from_secs(3600));
        }
    }

    fn take_down(&mut self) -> io::Result<()> {
        for none in self.actors.take_down() {
            match none {
                NoReply::Forged(reason) => self.event(Event::Lost { reason })?,
                NoReply::Broken(fault) | NoReply::NoActor(fault) => self.tell(&Told::Fault(fault))?,
            }
        }
        for (what, errno) in self.undo.all() {
            self.tell(&Told::Fault(format!("{what}: {}", sys::errno_name(errno))))?;
        }
        Ok(())
    }
}
