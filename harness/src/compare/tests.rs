use serde_json::{Value, json};

use super::*;
use crate::judge::judge;
use crate::report::{Kernel, Outcome, Run};
use crate::scenario::Scenario;
use protocol::event::Outcome as Observation;
use protocol::evidence::{Carried, Evidence};

const TEXT: &str = r#"about = "What a container sees of itself."
covers = ["P1"]

[container.box]
namespaces = ["uts", "pid", "mount"]
proc = true

[[step]]
in = "host"
do = { namespaces = "self" }

[[step]]
name = "the box has its own"
in = "box"
do = { namespaces = "self" }

[[step]]
in = "box"
do = { status = "self" }

[[step]]
in = "box"
do = "mounts"

[[step]]
in = "host"
do = "pids"

[[step]]
in = "box"
do = { syscall = { name = "swapon", args = ["/dev/x", 0] } }
expect = { any-of = [{ errno = "EPERM" }, { errno = "EACCES" }] }

[[step]]
in = "box"
do = { read = "/proc/sys/net/core/somaxconn" }
"#;

fn scenario(name: &str, text: &str) -> Scenario {
    crate::scenario::parse(name, &format!("scenarios/{name}.toml"), text).unwrap()
}

/// What a boot shows whose numbers begin at `from`.
fn observed(from: u64) -> Vec<Value> {
    let mount = |target: &str, size: u64| {
        json!({ "target": target, "type": "devtmpfs", "source": "x", "root": "/", "propagation": ["shared:1"],
                "options": ["rw", "nosuid", format!("size={size}k")] })
    };
    vec![
        json!({ "uts": from, "pid": from + 1 }),
        json!({ "uts": from + 10, "pid": from + 11 }),
        json!({ "Name": "probe", "Pid": 1, "PPid": from + 3, "NSpid": [from + 2, 1], "VmRSS": from, "SigQ": "0/8",
                "nonvoluntary_ctxt_switches": from, "Seccomp": 0 }),
        json!([mount("/", from), mount("/dev", from)]),
        json!((1..from).collect::<Vec<_>>()),
        json!({ "errno": "EPERM" }),
        json!("128\nof the moment"),
    ]
}

fn evidence(scenario: &Scenario, observed: &[Value]) -> Evidence {
    let outcome = |value: &Value| match value.get("errno").and_then(Value::as_str) {
        Some(errno) => Observation::Errno(errno.to_owned()),
        None => Observation::Value(value.clone()),
    };
    let steps = (0..).zip(observed).map(|(index, value)| (index, Carried { outcome: outcome(value), us: 1 }));
    Evidence {
        scenario: Some(scenario.name.clone()),
        built: scenario.containers.iter().map(|container| (container.name.clone(), 93)).collect(),
        steps: steps.collect(),
        oracles: Some(protocol::event::Oracles::default()),
        ended: true,
        ..Evidence::default()
    }
}

/// A run of scenarios that saw this, on one kernel.
fn run_of(kernel: &str, results: &[(&str, Vec<Value>)]) -> Run {
    run_of_text(TEXT, kernel, results)
}

fn run_of_text(text: &str, kernel: &str, results: &[(&str, Vec<Value>)]) -> Run {
    let scenarios: Vec<Scenario> = results.iter().map(|(name, _)| scenario(name, text)).collect();
    let outcome = |(scenario, (_, observed)): (&Scenario, &(&str, Vec<Value>))| {
        Outcome::new(kernel, "nsrun", scenario, judge(scenario, &evidence(scenario, observed)), 1)
    };
    let outcomes = scenarios.iter().zip(results).map(outcome).collect();
    let kernel = Kernel { release: format!("{kernel}.0"), ..Kernel::unused(kernel, "") };
    Run::new("2026-11-24T10:00:00Z".into(), vec![kernel], &scenarios, outcomes)
}

fn behaviour(base: Vec<Value>, new: Vec<Value>) -> Vec<Behaviour> {
    let sides = [base, new].map(|observed| run_of("one", &[("uts/one", observed)]));
    let mut comparison = compare(&sides[0], &sides[1]).unwrap();
    assert!(comparison.pairs[0].verdicts.is_empty() && comparison.pairs[0].not_understood.is_empty());
    comparison.pairs.remove(0).behaviour
}

#[test]
fn two_boots_differ_in_nothing() {
    assert_eq!(behaviour(observed(4000), observed(5300)), []);
}

#[test]
fn facts_that_differ_are_told_each_once() {
    let mut now = observed(5300);
    now[2]["Kthread"] = json!(0);
    now[2].as_object_mut().unwrap().remove("Seccomp");
    now[3][0]["options"].as_array_mut().unwrap().extend([json!("inode64")]);
    now[3][1]["options"].as_array_mut().unwrap().extend([json!("inode64")]);
    now[5] = json!({ "errno": "EACCES" });
    now[6] = json!("4096\nof the moment");
    let base = run_of("old", &[("uts/one", observed(4000)), ("uts/two", observed(4000))]);
    let new = run_of("new", &[("uts/one", now.clone()), ("uts/two", now)]);
    let comparison = compare(&base, &new).unwrap();
    assert!(!comparison.is_worse());
    insta::assert_snapshot!(terminal(&comparison, false));
}

#[test]
fn a_namespace_that_is_another_ones_now_is_told_whatever_its_number() {
    let mut now = observed(5300);
    now[1]["uts"] = now[0]["uts"].clone();
    let found = behaviour(observed(4000), now);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&*found[0].fact.at, &*found[0].fact.step), ("/uts", "the box has its own"));
    let mut then = observed(4000);
    then[1]["uts"] = then[0]["uts"].clone();
    assert_eq!(behaviour(then, observed(5300)).len(), 1);
}

#[test]
fn a_number_that_is_given_again_is_no_change_once_its_owner_may_be_gone() {
    let step = |operation: &str| format!("[[step]]\nin = \"host\"\ndo = {{ {operation} }}\n");
    let look = step("namespaces = \"one\"") + &step("stop = \"one\"") + &step("namespaces = \"two\"");
    let text = format!("about = \"It is.\"\n[container.one]\n[container.two]\n{look}");
    let changes = |text: &str| {
        let run = |second: u64| {
            let observed = vec![json!({ "uts": 7 }), json!(null), json!({ "uts": second })];
            run_of_text(text, "k", &[("uts/one", observed)])
        };
        compare(&run(7), &run(8)).unwrap().pairs[0].behaviour.len()
    };
    assert_eq!(changes(&text), 0);
    assert_eq!(changes(&text.replace("stop = \"one\"", "set-hostname = \"x\"")), 1);
}

#[test]
fn an_edited_scenario_is_compared_where_it_did_the_same() {
    let base = run_of("one", &[("uts/one", observed(4000))]);
    let mut new = run_of("one", &[("uts/one", observed(5300))]);
    new.results[0].steps.remove(0);
    new.results[0].steps[4].observed = Some(json!({ "errno": "EACCES" }));
    assert_eq!(compare(&base, &new).unwrap().pairs[0].behaviour.len(), 1);
    new.results[0].steps[4].operation = "another".into();
    assert_eq!(compare(&base, &new).unwrap().pairs[0].behaviour, []);
}

#[test]
fn what_is_worse_comes_first() {
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut observed = observed(4000);
        change(&mut observed);
        observed
    };
    let good = || observed(4000);
    let broken = || with(&|observed| observed[5] = json!(0));
    let lost = || with(&|observed| observed.truncate(3));
    let base = run_of(
        "old",
        &[
            ("uts/a", good()),
            ("uts/b", good()),
            ("uts/c", broken()),
            ("uts/d", broken()),
            ("uts/gone", good()),
        ],
    );
    let new = run_of(
        "new",
        &[
            ("uts/a", broken()),
            ("uts/b", lost()),
            ("uts/c", good()),
            ("uts/d", broken()),
            ("uts/more", good()),
        ],
    );
    let comparison = compare(&base, &new).unwrap();
    assert!(comparison.is_worse());
    insta::assert_snapshot!(terminal(&comparison, false));
    assert!(!compare(&new, &new).unwrap().is_worse());
}

#[test]
fn a_scenario_or_a_kernel_that_is_gone_is_a_verdict_that_is_lost() {
    let run = |kernel, names: &[&str]| {
        run_of(kernel, &names.iter().map(|name| (*name, observed(4000))).collect::<Vec<_>>())
    };
    let (two, one) = (run("k", &["uts/a", "uts/b"]), run("k", &["uts/a"]));
    assert!(compare(&two, &one).unwrap().is_worse());
    assert!(!compare(&one, &two).unwrap().is_worse());
    assert!(compare(&both(one.clone(), run("l", &["uts/a"])), &one).unwrap().is_worse());
    let told = compare(&one, &run("k", &[])).unwrap_err().to_string();
    assert!(told.contains("no runtime in common"), "{told}");
}

#[rstest::rstest]
#[case(Status::Pass, Status::Fail, Some(Kind::Regression))]
#[case(Status::Skip, Status::Fail, Some(Kind::Regression))]
#[case(Status::Miss, Status::Fail, Some(Kind::Regression))]
#[case(Status::Pass, Status::Miss, Some(Kind::LostVerdict))]
#[case(Status::Fail, Status::Error, Some(Kind::LostVerdict))]
#[case(Status::Error, Status::Miss, None)]
#[case(Status::Pass, Status::Skip, Some(Kind::NewSkip))]
#[case(Status::Miss, Status::Pass, Some(Kind::Fix))]
#[case(Status::Fail, Status::Fail, None)]
fn a_change_means(#[case] base: Status, #[case] new: Status, #[case] kind: Option<Kind>) {
    assert_eq!(Kind::of(base, new), kind);
}

#[rstest::rstest]
#[case("/proc/interrupts", true)]
#[case("/proc/self/status", true)]
#[case("/proc/93/uid_map", false)]
#[case("/proc/1/root/etc/motd", false)]
#[case("/proc/sys/kernel/hostname", false)]
#[case("/proc/sys/kernel/random/uuid", true)]
#[case("/proc/sys/fs/file-nr", true)]
#[case("/sys/fs/cgroup/box/memory.current", true)]
#[case("/sys/fs/cgroup/box/memory.max", false)]
#[case("/etc/motd", false)]
fn some_files_tell_of_the_moment(#[case] path: &str, #[case] live: bool) {
    let read = protocol::operation::Operation::Read(path.into());
    let left = stable::without_noise(&read, false, json!("7"));
    assert_eq!(left.is_null(), live);
}

/// Both runs' kernels in one report.
fn both(mut a: Run, b: Run) -> Run {
    a.kernels.extend(b.kernels);
    a.results.extend(b.results);
    a
}

#[test]
fn kernels_are_paired_by_name_and_single_ones_whatever_their_names() {
    let run = |kernel| run_of(kernel, &[("uts/one", observed(4000))]);
    let sides = |base: &Run, new: &Run| -> Vec<(String, String)> {
        let pairs = compare(base, new).unwrap().pairs.into_iter();
        pairs.map(|pair| (pair.base.kernel, pair.new.kernel)).collect()
    };
    assert_eq!(sides(&run("a"), &run("b")), [("a".into(), "b".into())]);
    let two = both(run("a"), run("b"));
    assert_eq!(sides(&two, &both(run("b"), run("c"))), [("b".into(), "b".into())]);
    assert_eq!(compare(&two, &run("b")).unwrap().gone, ["kernel a"]);
    let told = compare(&two, &run("c")).unwrap_err().to_string();
    assert!(told.contains("the base has a, b, the new one c"), "{told}");
    let (a, b) = (only(two.clone(), "a").unwrap(), only(two.clone(), "b").unwrap());
    assert_eq!(sides(&a, &b), [("a".into(), "b".into())]);
    assert_eq!(
        only(two, "debian").unwrap_err().to_string(),
        "the report has no kernel `debian`: the kernels are: a, b"
    );
}

#[test]
fn markdown_is_the_same_words_in_a_fence() {
    let run = run_of("one", &[("uts/one", observed(4000))]);
    let text = markdown(&compare(&run, &run).unwrap());
    assert!(text.starts_with("# nsproof: what changed\n\n``````text\nbase  one (one.0)\n"), "{text}");
}
