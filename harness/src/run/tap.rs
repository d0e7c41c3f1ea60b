//! Who may stand between a run and its machines.

use vm::Machine;

/// Sees every machine and every line of a run, and may change both: the self-test makes its faults with it.
pub trait Tap: Sync {
    /// A machine is about to be asked for a scenario.
    fn begins(&self, scenario: &str, machine: &mut Machine);

    /// A line came from the machine; the run gets what is given back in its place.
    fn line(&self, scenario: &str, machine: &mut Machine, line: String) -> Vec<String>;
}

/// Changes nothing.
pub(crate) struct Nobody;

impl Tap for Nobody {
    fn begins(&self, _scenario: &str, _machine: &mut Machine) {}

    fn line(&self, _scenario: &str, _machine: &mut Machine, line: String) -> Vec<String> {
        vec![line]
    }
}
