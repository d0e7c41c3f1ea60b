use super::*;
use crate::judge::{Status, Verdict};
use crate::report::Source;
use protocol::plan::Need;

const TEXT: &str = "about = \"It is.\"\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";
const SCENARIOS: [&str; 3] = ["net/lo", "uts/a", "uts/b"];

/// A report of all scenarios on these kernels, or of the shard's.
fn part(file: &str, kernels: &[&str], shard: &str) -> Part {
    let scenarios = SCENARIOS.map(|name| crate::scenario::parse(name, "x.toml", TEXT).unwrap());
    let shard: Shard = shard.parse().unwrap();
    let pairs = kernels.iter().flat_map(|kernel| scenarios.iter().map(move |scenario| (*kernel, scenario)));
    let results =
        pairs.enumerate().filter(|(position, _)| shard.has(*position)).map(|(_, (kernel, scenario))| {
            let verdict = Verdict::skipped(scenario, &Need::Module("veth".into()), "not here");
            Outcome::new(kernel, "nsrun", scenario, verdict, 1)
        });
    let results = results.collect();
    let kernel = |name: &&str| Kernel {
        release: "6.1.0".into(),
        accel: "tcg".into(),
        boot_ms: Some(shard.index() as u64),
        ..Kernel::unused(name, "")
    };
    let kernels = kernels.iter().map(kernel).collect();
    let run = Run::new(format!("2026-11-24T10:0{}:00Z", shard.index()), kernels, &scenarios, results);
    Part { file: file.into(), run: Run { shard, ..run } }
}

fn told(parts: &[Part]) -> String {
    merge(parts).unwrap_err().to_string()
}

#[test]
fn shards_and_kernels_become_one_report_in_any_order() {
    let whole = merge(&[part("all", &["old", "new"], "1/1")]).unwrap();
    let shards = [part("b", &["old", "new"], "2/2"), part("a", &["old", "new"], "1/2")];
    let merged = merge(&shards).unwrap();
    assert_eq!(merged.results, whole.results);
    assert_eq!((merged.shard, merged.started.as_str()), (Shard::WHOLE, "2026-11-24T10:01:00Z"));
    assert_eq!(merged.kernels[0].boot_ms, Some(2));
    let matrix = [part("a", &["old"], "1/2"), part("b", &["new"], "1/1"), part("c", &["old"], "2/2")];
    assert_eq!(merge(&matrix).unwrap().results, whole.results);
    assert_eq!(merge(&matrix).unwrap().totals.skip, 6);
}

#[test]
fn a_kernel_that_a_shard_had_nothing_for_is_known_from_the_others() {
    let mut shards: Vec<Part> = (1..=4).map(|index| part("x", &["old"], &format!("{index}/4"))).collect();
    shards[3].run.kernels = vec![Kernel::unused("old", "")];
    assert_eq!(merge(&shards).unwrap().kernels[0].release, "6.1.0");
    shards.reverse();
    assert_eq!(merge(&shards).unwrap().kernels[0].accel, "tcg");
}

#[test]
fn what_shards_say_differently_of_a_kernel_is_told_whole_and_each_once() {
    let mut shards: Vec<Part> = (1..=3).map(|index| part("x", &["old"], &format!("{index}/3"))).collect();
    let said = ["no KVM: no /dev/kvm", "no KVM", "no KVM: no /dev/kvm"];
    for (shard, reason) in shards.iter_mut().zip(said) {
        shard.run.kernels[0].accel_reason = reason.into();
    }
    shards[1].run.kernels[0].clone_ms = Some(Percentiles { p50: 3.0, p99: 9.0 });
    shards[2].run.kernels[0].clone_ms = Some(Percentiles { p50: 5.0, p99: 7.0 });
    let merged = &merge(&shards).unwrap().kernels[0];
    assert_eq!(merged.accel_reason, "no KVM: no /dev/kvm, no KVM");
    assert_eq!((merged.accel.as_str(), merged.boot_ms), ("tcg", Some(3)));
    assert_eq!(merged.clone_ms, Some(Percentiles { p50: 5.0, p99: 9.0 }));
}

#[test]
fn shards_that_do_not_add_up_are_refused() {
    let shard = |index, total| part(&format!("{index}.json"), &["old"], &format!("{index}/{total}"));
    assert_eq!(told(&[shard(1, 2)]), "old: shard 2/2 is missing: give its report too");
    assert_eq!(told(&[shard(2, 4)]), "old: shards 1/4, 3/4, 4/4 are missing: give their reports too");
    assert!(told(&[shard(1, 2), shard(1, 2)]).starts_with("old: shard 1/2 is in 1.json and in 1.json"));
    assert!(told(&[shard(1, 2), shard(2, 3)]).contains("1.json is shard 1/2, 2.json is shard 2/3"));
    // The first part of two kernels and the second part of one: both have all their shards, and they are of no one run.
    let mixed = [part("a", &["old", "new"], "1/2"), part("b", &["old"], "2/2"), part("c", &["new"], "2/2")];
    assert!(
        told(&mixed).contains("has a result in a and in c: these are no shards of one run"),
        "{}",
        told(&mixed)
    );
    let mut hole = [shard(1, 2), shard(2, 2)];
    hole[1].run.results.clear();
    assert_eq!(told(&hole), "uts/a on old has no result in any of these reports");
    assert_eq!(told(&[]), "there is no report to merge");
    let mut empty = [shard(1, 2), shard(2, 2)];
    for part in &mut empty {
        part.run.results.clear();
    }
    assert_eq!(told(&empty), "there is no result in any of these reports");
}

#[test]
fn parts_of_different_runs_are_refused() {
    let other = |change: &dyn Fn(&mut Run)| {
        let mut parts = [part("a", &["old"], "1/2"), part("b", &["old"], "2/2")];
        change(&mut parts[1].run);
        told(&parts)
    };
    assert_eq!(
        other(&|run| run.nsproof = "9".into()),
        format!(
            "a was written by nsproof {}, b was written by nsproof 9: run both with the same one",
            env!("CARGO_PKG_VERSION")
        )
    );
    assert!(
        other(&|run| run.kernels[0].release = "6.2".into()).starts_with("old is 6.1.0 in a, and 6.2 in b")
    );
    assert!(
        other(&|run| drop(run.scenarios.remove("uts/b"))).starts_with("a is of the scenario uts/b, b is not")
    );
    let more = Source { file: String::new(), about: String::new(), text: String::new() };
    assert!(
        other(&|run| drop(run.scenarios.insert("z".into(), more.clone())))
            .starts_with("b is of the scenario z, a is not")
    );
    let edited = |run: &mut Run| run.scenarios.get_mut("uts/a").unwrap().text.push('#');
    assert!(other(&edited).starts_with("the scenario uts/a is another one in b than in a"));
}

#[test]
fn a_job_that_gave_no_report_is_a_miss_and_no_other() {
    let job = |kernel: &str, shard: &str| Job {
        kernel: kernel.into(),
        shard: shard.parse().unwrap(),
        name: format!("{kernel} {shard}"),
    };
    let jobs = [job("old", "1/2"), job("old", "2/2"), job("new", "1/2"), job("new", "2/2")];
    let mut parts = vec![part("b", &["old"], "2/2"), part("c", &["new"], "1/2"), part("d", &["new"], "2/2")];
    let there = parts[1..].to_vec();
    stand_in(&mut parts, &jobs[1..]).unwrap();
    assert_eq!(parts.len(), 3);
    stand_in(&mut parts, &jobs).unwrap();
    let merged = merge(&parts).unwrap();
    let lost: Vec<_> = merged.results.iter().filter(|result| result.status == Status::Miss).collect();
    let told: Vec<_> = lost.iter().map(|it| (it.kernel.as_str(), it.scenario.as_str())).collect();
    assert_eq!(told, [("old", "net/lo"), ("old", "uts/b")]);
    assert_eq!(lost[0].reason.as_deref(), Some("the job old 1/2 gave no report"));
    assert_eq!((merged.totals.skip, merged.totals.miss), (4, 2));

    // Both parts of a kernel.
    let mut parts = there;
    stand_in(&mut parts, &jobs).unwrap();
    assert_eq!(merge(&parts).unwrap().totals.miss, 3);
}
