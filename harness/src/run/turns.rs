//! How many machines work at the same time: as many as there are jobs.
//!
//! When a scenario made a network namespace its machine ends with waiting: the kernel frees one some grace periods of RCU after its
//! last user. It says so ([`Event::Settling`]), and another machine works meanwhile, in another worker.

use std::sync::{Condvar, Mutex, PoisonError};

use vm::Machine;

use super::tap::Tap;
use protocol::event::{Envelope, Event};

/// The turns that can be had.
pub(super) struct Turns {
    free: Mutex<usize>,
    given_back: Condvar,
}

/// Leave to work, until it is dropped.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    pub(super) fn new(jobs: usize) -> Self {
        Turns { free: Mutex::new(jobs), given_back: Condvar::new() }
    }

    /// Waits for one.
    pub(super) fn take(&self) -> Turn<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.given_back.wait_while(free, |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn(self)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.given_back.notify_one();
    }
}

/// Gives a turn back when the machine says that it only waits.
pub(super) struct Yielding<'a> {
    turn: Mutex<Option<Turn<'a>>>,
    tap: &'a dyn Tap,
}

impl<'a> Yielding<'a> {
    pub(super) fn new(turn: Turn<'a>, tap: &'a dyn Tap) -> Self {
        Yielding { turn: Mutex::new(Some(turn)), tap }
    }
}

impl Tap for Yielding<'_> {
    fn begins(&self, scenario: &str, machine: &mut Machine) {
        self.tap.begins(scenario, machine);
    }

    fn line(&self, scenario: &str, machine: &mut Machine, line: String) -> Vec<String> {
        // A container that forges it has its machine's turn given to another, and its line in the evidence.
        if is_settling(&line) {
            self.turn.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        self.tap.line(scenario, machine, line)
    }
}

fn is_settling(line: &str) -> bool {
    serde_json::from_str::<Envelope>(line).is_ok_and(|envelope| envelope.event == Event::Settling)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_work_than_there_are_turns() {
        let turns = Turns::new(2);
        let (say, said) = channel();
        thread::scope(|scope| {
            let first = turns.take();
            let _second = turns.take();
            scope.spawn(|| {
                let _third = turns.take();
                say.send("works").unwrap();
            });
            assert!(said.recv_timeout(Duration::from_millis(50)).is_err(), "a third one works");
            drop(first);
            assert_eq!(said.recv_timeout(Duration::from_secs(60)), Ok("works"));
        });
    }

    #[test]
    fn only_what_the_guest_says_of_itself_is_waiting() {
        let line = |event| serde_json::to_string(&Envelope { key: "k".into(), seq: 3, event }).unwrap();
        assert!(is_settling(&line(Event::Settling)));
        assert!(!is_settling(&line(Event::End { steps: 1 })));
        assert!(!is_settling("settling"));
    }
}
