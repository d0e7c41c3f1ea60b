//! A scenario that is run to its last step, and left standing for people to look at.

use std::collections::BTreeMap;

use vm::{Ending, Machine};

use super::drive::drive;
use super::tap::Nobody;
use crate::judge::{StepVerdict, judge};
use crate::scenario::Scenario;
use protocol::evidence::Evidence;
use protocol::plan::After;

/// What stands in a machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// What the steps came to.
    pub steps: Vec<StepVerdict>,
    /// PID of each container's PID 1, as the guest numbers it. One that a step stopped is not there any more.
    pub containers: BTreeMap<String, i32>,
}

/// Runs a scenario on a machine that waits for a request; afterwards it waits for the next.
///
/// # Errors
/// How the machine was lost.
pub fn keep(machine: &mut Machine, scenario: &Scenario) -> Result<Kept, Ending> {
    let mut plan = scenario.plan();
    // It ran before: what it needs is there.
    plan.needs.clear();
    let driven = drive(machine, plan, After::Keep, &Nobody);
    if let Some(ending) = driven.ending {
        return Err(ending);
    }
    let evidence = Evidence::collect(&driven.request.key, &driven.lines);
    let steps = judge(scenario, &evidence).steps;
    Ok(Kept { steps, containers: evidence.built })
}
