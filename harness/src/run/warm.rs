//! Clones that begin warm, with the code that QEMU translated for one that was used before ([`vm::Zygote`]).
//!
//! ```text
//! template ─▶ a clone ─▶ exercise, judged like any scenario ─▶ zygote ─┬▶ a copy that is asked nothing, as a trial
//!                                                                     ├▶ a copy for each scenario
//! ```
//! The exercise is the same for every run, and must leave nothing behind: each copy begins on a kernel that has made a
//! few containers and has taken them down, and of which nothing can be told by what an oracle sees.

use vm::{Error, Machine, Template, Zygote};

use super::drive::drive;
use super::tap::Nobody;
use crate::evidence::Evidence;
use crate::judge::{Status, judge};
use crate::plan::{After, Plan};
use crate::scenario::{self, Scenario};

/// Why clones begin cold.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cold {
    #[error(transparent)]
    Vm(#[from] Error),
    #[error("the exercise came to {}{}", .0.word(), .1.as_ref().map_or_else(String::new, |why| format!(": {why}")))]
    Exercise(Status, Option<String>),
    #[error("a copy of QEMU does not work")]
    Trial,
}

/// What clones of a template are copied from.
pub(super) fn zygote(template: &Template) -> Result<Zygote, Cold> {
    let mut verdict = None;
    let zygote = template.zygote(|machine| {
        verdict = Some(exercise(machine));
        Ok(())
    })?;
    match verdict {
        Some((Status::Pass, _)) => {}
        Some((status, reason)) => return Err(Cold::Exercise(status, reason)),
        None => unreachable!("a machine is exercised before it is copied"),
    }
    trial(&zygote)?;
    Ok(zygote)
}

fn exercise(machine: &mut Machine) -> (Status, Option<String>) {
    let scenario = scenario();
    let driven = drive(machine, scenario.plan(), After::TakeDown, &Nobody);
    let mut evidence = Evidence::collect(&driven.request.key, &driven.lines);
    if let Some(ending) = driven.ending {
        evidence.lose(ending.to_string());
    }
    let verdict = judge(&scenario, &evidence);
    (verdict.status, verdict.reason)
}

fn scenario() -> Scenario {
    let text = include_str!("exercise.toml");
    scenario::parse("exercise", "exercise.toml", text).expect("a constant scenario is valid")
}

/// Asks a copy for nothing.
fn trial(zygote: &Zygote) -> Result<(), Cold> {
    let nothing = Plan {
        scenario: "trial".into(),
        needs: Vec::new(),
        containers: Vec::new(),
        steps: Vec::new(),
        deadline_ms: 5_000,
    };
    let driven = drive(&mut zygote.start()?, nothing, After::TakeDown, &Nobody);
    if Evidence::collect(&driven.request.key, &driven.lines).ended { Ok(()) } else { Err(Cold::Trial) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exercise_is_a_scenario_that_needs_what_guests_have() {
        let scenario = scenario();
        assert!(scenario.containers.len() > 1 && scenario.steps.len() > 10);
        // Another module would be no part of the guest, and the exercise would be skipped everywhere.
        assert!(scenario.modules().iter().all(|module| *module == "veth"), "{:?}", scenario.modules());
    }
}
