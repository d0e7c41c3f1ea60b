//! Clones that begin warm, with the code that QEMU translated for one that was used before ([`vm::ForkServer`]).
//!
//! ```text
//! template ─▶ a clone ─▶ exercise, judged like any scenario ─▶ fork server ─┬▶ a copy that is asked nothing, as a trial
//!                                                                     ├▶ a copy for each scenario
//! ```
//! The exercise must leave nothing behind: each copy begins on a kernel that has made a container or two and has taken them
//! down, and of which nothing can be told by what an oracle sees. If there is anything, clones begin as they are in the file.

use vm::{Error, ForkServer, Machine, Template};

use super::drive::drive;
use super::tap::Nobody;
use crate::judge::{Status, Verdict, judge};
use crate::scenario::{self, Scenario};
use protocol::evidence::Evidence;
use protocol::plan::{After, Plan};

/// Scenarios for which the large exercise is worth while: it takes 0.3 s longer than the small one, while other jobs wait, and
/// saves each scenario 40 ms.
const MANY: usize = 16;

/// Why clones begin cold.
#[derive(Debug, thiserror::Error)]
pub enum Cold {
    #[error(transparent)]
    Vm(#[from] Error),
    #[error("the exercise came to {}{}", .0.word(), .1.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    Exercise(Status, Option<String>),
    #[error("a copy of QEMU does not work")]
    Trial,
}

/// What clones of a template are copied from, in which so many scenarios are to be run.
pub(super) fn fork_server(template: &Template, scenarios: usize) -> Result<ForkServer, Cold> {
    let fork_server = template.fork_server(|machine| exercise(machine, &scenario(scenarios)))?;
    trial(&fork_server)?;
    Ok(fork_server)
}

fn exercise(machine: &mut Machine, scenario: &Scenario) -> Result<(), Cold> {
    let driven = drive(machine, scenario.plan(), After::TakeDown, &Nobody);
    let mut evidence = Evidence::collect(&driven.request.key, &driven.lines);
    if let Some(ending) = driven.ending {
        evidence.lose(ending.to_string());
    }
    match judge(scenario, &evidence) {
        Verdict { status: Status::Pass, .. } => Ok(()),
        Verdict { status, reason, .. } => Err(Cold::Exercise(status, reason)),
    }
}

fn scenario(scenarios: usize) -> Scenario {
    let (file, text) = if scenarios < MANY {
        ("small.toml", include_str!("exercises/small.toml"))
    } else {
        ("large.toml", include_str!("exercises/large.toml"))
    };
    scenario::parse("exercise", file, text).expect("a constant scenario is valid")
}

/// Asks a copy for nothing.
fn trial(fork_server: &ForkServer) -> Result<(), Cold> {
    let nothing = Plan {
        scenario: "trial".into(),
        needs: Vec::new(),
        containers: Vec::new(),
        steps: Vec::new(),
        deadline_ms: 5_000,
    };
    let driven = drive(&mut fork_server.start()?, nothing, After::TakeDown, &Nobody);
    if Evidence::collect(&driven.request.key, &driven.lines).ended { Ok(()) } else { Err(Cold::Trial) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(1, 1)]
    #[case(MANY, 10)]
    fn an_exercise_is_a_scenario_that_needs_no_more_than_guests_have(
        #[case] scenarios: usize,
        #[case] steps: usize,
    ) {
        let scenario = scenario(scenarios);
        assert!(scenario.steps.len() > steps);
        // Another module would be no part of the guest, and the exercise would be skipped everywhere.
        assert!(scenario.modules().iter().all(|module| *module == "veth"), "{:?}", scenario.modules());
    }
}
