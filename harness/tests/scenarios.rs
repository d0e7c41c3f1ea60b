//! The scenarios of the repository, and what their README says of the language.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use harness::catalogue;
use harness::scenario::{self, Scenario};
use protocol::operation::Operation;
use protocol::plan::{Actor, Need};
use runtime::spec::Spec;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace").join("scenarios")
}

fn scenarios() -> Vec<Scenario> {
    scenario::load(&folder(), &[]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn starred() -> impl Iterator<Item = &'static str> {
    catalogue::all().iter().filter(|property| property.starred).map(|property| property.id.as_str())
}

/// Who acts, or is looked at from the host, in a scenario.
fn sides(scenario: &Scenario) -> BTreeSet<String> {
    scenario.steps.iter().map(|step| step.actor.to_string()).collect()
}

#[test]
fn every_scenario_is_valid_and_covers_something() {
    for scenario in scenarios() {
        assert!(!scenario.covers.is_empty(), "{} covers no property", scenario.file);
        assert!(
            scenario.about.ends_with('.'),
            "{}: `about` is a sentence: {}",
            scenario.file,
            scenario.about
        );
        assert!(scenario.name.contains('/'), "{} is in no folder", scenario.file);
    }
}

#[test]
fn every_starred_property_is_covered_by_a_scenario_that_looks_from_two_sides() {
    let scenarios = scenarios();
    for id in starred() {
        let covering: Vec<_> =
            scenarios.iter().filter(|scenario| scenario.covers.iter().any(|covered| covered == id)).collect();
        assert!(!covering.is_empty(), "no scenario covers {id}");
        assert!(covering.iter().any(|scenario| sides(scenario).len() > 1), "{id} is seen from one side only");
    }
}

#[test]
fn the_paired_controls_are_there() {
    let names: BTreeSet<String> = scenarios().into_iter().map(|scenario| scenario.name).collect();
    for control in [
        "uts/shared-without-namespace",
        "ipc/shared-without-namespace",
        "net/lo-down",
        "net/veth-not-ready",
        "mount/chroot-escape",
    ] {
        assert!(names.contains(control), "{control} is missing");
    }
    assert!(names.len() >= 40, "{} scenarios", names.len());
}

#[test]
fn every_capability_that_is_seen_to_fail_is_seen_to_work_too() {
    let mut refused = BTreeSet::new();
    let mut done = BTreeSet::new();
    for scenario in scenarios().iter().filter(|scenario| scenario.name.starts_with("caps/")) {
        for step in &scenario.steps {
            let Operation::Exercise(capability) = &step.operation else { continue };
            let seen = if step.expect.is_some() { &mut refused } else { &mut done };
            seen.insert(capability.clone());
        }
    }
    assert!(refused.len() > 35, "{refused:?}");
    assert_eq!(refused, done);
}

#[test]
fn every_scenario_has_a_walk_through() {
    for scenario in scenarios() {
        let walk = harness::explain::explain(&scenario);
        for step in &scenario.steps {
            let built = matches!(step.operation, Operation::Start(_)) && step.actor == Actor::Host;
            assert!(built || walk.contains(&step.name), "{}: {} is not in\n{walk}", scenario.file, step.name);
        }
    }
}

fn readme() -> String {
    std::fs::read_to_string(folder().join("README.md")).expect("scenarios/README.md")
}

/// The words that serde lists for a type when it is given none of them.
fn words<T: serde::de::DeserializeOwned>(nonsense: serde_json::Value) -> Vec<String> {
    let error = serde_json::from_value::<T>(nonsense).err().expect("nonsense is refused").to_string();
    error.split('`').skip(3).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_readme_names_every_operation_need_and_status() {
    let readme = readme();
    let operations = words::<Operation>("nonsense".into());
    assert!(operations.len() > 40, "{operations:?}");
    for operation in operations {
        let word = [format!("`\"{operation}\"`"), format!("{{ {operation} = ")];
        assert!(word.iter().any(|word| readme.contains(word)), "README.md does not tell of {operation}");
    }
    for need in words::<Need>(serde_json::json!({ "nonsense": "" })) {
        assert!(readme.contains(&format!("`{{ {need} = ")), "README.md does not tell of the need {need}");
    }
    for status in ["pass", "fail", "skip", "error", "miss"] {
        assert!(readme.contains(&format!("| `{status}` |")), "README.md does not tell of {status}");
    }
}

#[test]
fn the_readme_names_fields_that_exist() {
    let fields: BTreeSet<String> = words::<Spec>(serde_json::json!({ "nonsense": 1 })).into_iter().collect();
    let readme = readme();
    let (_, containers) = readme.split_once("## Containers").expect("a section");
    let (table, _) = containers.split_once("\n\nA container is built").expect("a table");
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
    let named: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 20, "{named:?}");
    for field in named {
        assert!(fields.contains(field), "README.md tells of a field `{field}` that does not exist");
    }
}

#[test]
fn the_readmes_examples_are_valid() {
    let readme = readme();
    let (_, rest) = readme.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    assert!(scenario::parse("example", "README.md", example).is_ok(), "{example}");
    let (_, rest) = readme.split_once("## Operations").expect("a section");
    let (tables, _) = rest.split_once("## Needs").expect("its end");
    for line in tables.lines().filter(|line| line.starts_with("| `")) {
        let cell = line.split(" | ").next().unwrap_or_default();
        for operation in cell.split('`').skip(1).step_by(2) {
            let text = format!(
                "about = \"x\"\n[container.box]\n[[step]]\nin = \"host\"\ndo = {{ status = \"box\" }}\n[[step]]\nin = \"host\"\ndo = {operation}\n"
            );
            let problems = scenario::parse("x", "README.md", &text).err();
            assert!(problems.is_none(), "{operation}: {problems:?}");
        }
    }
}
