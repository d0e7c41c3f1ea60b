//! A scenario as a numbered walk-through for a shell: what builds each container, and what looks at it.

mod shell;

pub(crate) use shell::{quoted, typed};

use std::fmt::Write;

use vm::text::one_line;

use crate::catalogue;
use crate::inline::toml;
use crate::scenario::{Scenario, Step};
use protocol::operation::Operation;
use protocol::plan::{Actor, NamedSpec, Need};

/// The walk-through. A prompt tells where a command is typed: `host$`, or in the shell of a container, `box$`.
pub fn explain(scenario: &Scenario) -> String {
    let mut walk = Walk { out: String::new(), number: 0 };
    walk.line(&format!("{}: {}", scenario.name, scenario.about));
    for property in scenario.covers.iter().filter_map(|id| catalogue::find(id)) {
        walk.line(&format!("  proves {}: {}", property.id, property.text));
    }
    // The walk-through makes the namespaces itself.
    for need in scenario.needs.iter().filter(|need| !matches!(need, Need::Namespace(_))) {
        walk.line(&format!("  needs {}", toml(&serde_json::to_value(need).expect("a need is plain data"))));
    }
    let started = |name: &str| {
        scenario.steps.iter().any(|step| matches!(&step.operation, Operation::Start(other) if other == name))
    };
    for container in scenario.containers.iter().filter(|container| !started(&container.name)) {
        walk.build(container);
    }
    let mut looking = false;
    for step in &scenario.steps {
        match (&step.operation, container_of(scenario, step)) {
            (Operation::Start(_), Some(container)) => {
                walk.build(container);
                walk.expectation(step);
                looking = false;
            }
            _ => {
                if !looking {
                    walk.line("\nlook:");
                }
                looking = true;
                walk.step(step);
            }
        }
    }
    walk.out
}

fn container_of<'a>(scenario: &'a Scenario, step: &Step) -> Option<&'a NamedSpec> {
    let name = step.operation.named_container()?;
    scenario.containers.iter().find(|container| container.name == *name)
}

/// The container's variables for `$PID` and `$NET`, and another one's for `$(pidof other)`.
fn named(shell: &str, variable: &str) -> String {
    let mut parts =
        shell.replace("$PID", &format!("${variable}")).replace("$NET", &format!("${variable}_NET"));
    while let Some((before, rest)) = parts.split_once("$(pidof ") {
        let (other, after) = rest.split_once(')').unwrap_or((rest, ""));
        parts = format!("{before}${}{after}", shell::variable(other));
    }
    parts
}

struct Walk {
    out: String,
    number: usize,
}

impl Walk {
    /// One line; an empty one before it if the text begins so.
    fn line(&mut self, text: &str) {
        let line = match text.strip_prefix('\n') {
            Some(line) => format!("\n{}", one_line(line)),
            None => one_line(text),
        };
        writeln!(self.out, "{line}").expect("a String takes every text");
    }

    fn numbered(&mut self, text: &str) {
        self.number += 1;
        self.line(&format!("{:3}. {text}", self.number));
    }

    fn build(&mut self, container: &NamedSpec) {
        let variable = shell::variable(&container.name);
        self.line(&format!("\nbuild {} (${variable} is its first process):", container.name));
        for explained in runtime::explain(&container.spec) {
            self.numbered(&format!("{}: {}", explained.step, explained.what));
            if !explained.shell.is_empty() {
                self.line(&format!("     $ {}", named(&explained.shell, &variable)));
            }
        }
    }

    fn step(&mut self, step: &Step) {
        self.numbered(&step.name);
        let command = shell::command(&step.operation);
        let line = match (&step.actor, step.exec) {
            (Actor::Container(name), true) => {
                let variable = shell::variable(name);
                format!("host$ nsenter --target ${variable} --all {}", shell::one_command(&command))
            }
            (actor, _) => format!("{actor}$ {command}"),
        };
        self.line(&format!("     {line}"));
        self.expectation(step);
    }

    fn expectation(&mut self, step: &Step) {
        if let Some(expect) = &step.expect {
            self.line(&format!("     expect {}", toml(&expect.to_json())));
        }
    }
}

#[cfg(test)]
mod tests {
    const TEXT: &str = include_str!("explain/example.toml");

    #[test]
    fn a_walk_through_builds_and_looks() {
        let scenario = crate::scenario::parse("net/example", "example.toml", TEXT).unwrap();
        insta::assert_snapshot!(super::explain(&scenario));
    }
}
