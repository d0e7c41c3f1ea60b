//! Does to machines and their lines what a [`Fault`] says.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sys::{Signal, signal};
use vm::Machine;

use super::fault::{Act, Deed, Fault, Tampering};
use harness::run::Tap;
use protocol::event::{Envelope, Event};

/// Stands between the run and its machines.
pub(super) struct Saboteur {
    acts: BTreeMap<&'static str, Act>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    /// A line that is to come after the next one, by scenario.
    held: BTreeMap<String, String>,
    /// What could not be done, by scenario.
    failures: Vec<(String, String)>,
}

impl Saboteur {
    pub(super) fn new(faults: &[Fault]) -> Self {
        let acts = faults.iter().map(|fault| (fault.name, fault.act)).collect();
        Saboteur { acts, inner: Mutex::default() }
    }

    /// What could not be done in a scenario: its row proves nothing then.
    pub(super) fn failures(&self, scenario: &str) -> Vec<String> {
        let failures = &self.inner().failures;
        failures.iter().filter(|(name, _)| name == scenario).map(|(_, failure)| failure.clone()).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn act(&self, scenario: &str) -> Act {
        self.acts.get(scenario).copied().unwrap_or(Act::Nothing)
    }

    fn perform(&self, deed: Deed, scenario: &str, machine: &mut Machine) {
        let send = |signal| {
            let pid = machine.pid().cast_signed();
            signal::kill(pid, signal).map_err(|errno| errno.to_string())
        };
        let done = match deed {
            Deed::Kill => send(Signal::SIGKILL),
            Deed::Stop => send(Signal::SIGSTOP),
            Deed::Interrupt => machine.interrupt().map_err(|error| error.to_string()),
        };
        if let Err(error) = done {
            self.inner().failures.push((scenario.to_owned(), format!("{deed:?} could not be done: {error}")));
        }
    }

    fn tampered(&self, tampering: Tampering, scenario: &str, line: String) -> Vec<String> {
        match tampering {
            Tampering::Lose => Vec::new(),
            Tampering::Cut => vec![line.chars().take(line.chars().count() / 2).collect()],
            Tampering::Repeat => vec![line.clone(), line],
            Tampering::Delay => {
                self.inner().held.insert(scenario.to_owned(), line);
                Vec::new()
            }
            Tampering::End => vec![ending(&line)],
        }
    }
}

impl Tap for Saboteur {
    fn begins(&self, scenario: &str, machine: &mut Machine) {
        if let Act::Before(deed) = self.act(scenario) {
            self.perform(deed, scenario, machine);
        }
    }

    fn line(&self, scenario: &str, machine: &mut Machine, line: String) -> Vec<String> {
        match (self.act(scenario), step_in(&line)) {
            (Act::After(after, deed), Some(index)) if after == index => {
                self.perform(deed, scenario, machine);
                vec![line]
            }
            (Act::Line(tampering), Some(0)) => self.tampered(tampering, scenario, line),
            _ => {
                let held = self.inner().held.remove(scenario);
                [line].into_iter().chain(held).collect()
            }
        }
    }
}

/// The position of the step whose outcome a line tells.
fn step_in(line: &str) -> Option<u32> {
    match serde_json::from_str(line) {
        Ok(Envelope { event: Event::Step { index, .. }, .. }) => Some(index),
        _ => None,
    }
}

/// The same event as an ending that claims two steps.
fn ending(line: &str) -> String {
    let envelope: Envelope = serde_json::from_str(line).expect("it was found to be a step's event");
    let forged = Envelope { event: Event::End { steps: 2 }, ..envelope };
    serde_json::to_string(&forged).expect("events are plain data")
}
