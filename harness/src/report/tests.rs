use super::*;
use crate::judge::judge;
use protocol::event::{Oracles, Outcome as Observation};
use protocol::evidence::{Carried, Evidence};
use protocol::plan::Need;

const TEXT: &str = r#"about = "A container's hostname is its own & <nobody's> else."
covers = ["P1", "P140"]
needs = [{ module = "veth" }]

[container.box]
namespaces = ["uts"]

[[step]]
in = "box"
do = "hostname"
expect = "mycontainer"

[[step]]
name = "its namespaces # all | of *them*"
in = "box"
via = "exec"
do = { namespaces = "self" }
expect = [{ at = "/uts", not = 1 }, { at = "/pid", is = 2 }]
"#;

fn scenario(name: &str) -> Scenario {
    crate::scenario::parse(name, &format!("scenarios/{name}.toml"), TEXT).unwrap()
}

fn evidence(name: &str, hostname: Observation) -> Evidence {
    let namespaces = Observation::Value(serde_json::json!({ "uts": 1, "net": [] }));
    let good = Observation::Value(serde_json::json!({ "uts": 7, "pid": 2 }));
    let second = if hostname == Observation::Value("mycontainer".into()) { good } else { namespaces };
    let carried = |outcome, us| Carried { outcome, us };
    Evidence {
        scenario: Some(name.to_owned()),
        built: [("box".to_owned(), 93)].into(),
        steps: [(0, carried(hostname, 1234)), (1, carried(second, 56))].into(),
        oracles: Some(Oracles::default()),
        ended: true,
        ..Evidence::default()
    }
}

/// One of each status.
pub(super) fn run() -> Run {
    let names = ["uts/pass", "uts/fail", "uts/skip", "net/error", "net/miss", "net/left-behind"];
    let scenarios = names.map(scenario);
    let good = || Observation::Value("mycontainer".into());
    let mut left = evidence(names[5], good());
    left.oracles = Some(Oracles {
        kernel_log: vec!["WARNING: CPU: 0 PID: 1 at net/core/dev.c:1 \u{1b}[2J<b>".into()],
        taint: 512,
        left_behind: vec!["interface mybr0".into(), "mount /x (tmpfs)".into()],
        ..Oracles::default()
    });
    let mut lost = evidence(names[4], good());
    lost.steps.remove(&1);
    lost.lose("the kernel panicked: sysrq triggered crash");
    let verdicts = [
        judge(&scenarios[0], &evidence(names[0], good())),
        judge(&scenarios[1], &evidence(names[1], Observation::Errno("EPERM".into()))),
        Verdict::skipped(&scenarios[2], &Need::Module("veth".into()), "CONFIG_VETH is not set"),
        judge(&scenarios[3], &evidence(names[3], Observation::Broken("the probe died".into()))),
        judge(&scenarios[4], &lost),
        judge(&scenarios[5], &left),
    ];
    let pairs = scenarios.iter().zip(verdicts);
    let mut results: Vec<_> =
        pairs.map(|(scenario, verdict)| Outcome::new("distro", "nsproof", scenario, verdict, 12)).collect();
    results[1].repro = Some("target/nsproof/repro/distro/uts/fail".into());
    results[4].console = vec!["Kernel panic - not syncing: sysrq triggered crash".into()];
    let kernel = Kernel {
        name: "distro".into(),
        release: "6.1.0-56-cloud-amd64".into(),
        accel: "tcg".into(),
        accel_reason: "/dev/kvm: the guest hung".into(),
        isolation: "shared".into(),
        boot_ms: Some(1890),
        clone_ms: Some(Percentiles { p50: 75.5, p99: 90.0 }),
        blind: [("kernel log".into(), "cannot tell of warnings: no CONFIG_BUG".into())].into(),
    };
    let mut run = Run::new("2026-11-24T10:00:00Z".into(), vec![kernel], &scenarios, results);
    run.nsproof = "0.0.0".into();
    run
}

#[test]
fn there_is_one_of_each_status() {
    assert_eq!(run().totals, Totals { pass: 1, fail: 2, skip: 1, error: 1, miss: 1 });
}

#[test]
fn terminal() {
    insta::assert_snapshot!(terminal::render(&run(), false));
}

#[test]
fn colours_change_no_word() {
    let coloured = terminal::render(&run(), true);
    let plain = regex::Regex::new("\u{1b}\\[[0-9]+m").unwrap().replace_all(&coloured, "").into_owned();
    assert_ne!(coloured, plain);
    assert_eq!(plain, terminal::render(&run(), false));
}

#[test]
fn ktap() {
    insta::assert_snapshot!(ktap::render(&run()));
}

#[test]
fn junit() {
    insta::assert_snapshot!(junit::render(&run()));
}

#[test]
fn markdown() {
    insta::assert_snapshot!(markdown::render(&run()));
}

/// A failure and a skip that are known, a failure that is so no more, and one that came out as another.
fn run_with_baseline() -> Run {
    let mut run = run();
    run.results.truncate(4);
    let expected = |status, line: usize| Expected {
        status,
        reason: "Linux #1 & <2>".into(),
        place: format!("baseline.toml:{line}"),
    };
    let all = [Status::Fail, Status::Fail, Status::Skip, Status::Skip];
    for (line, (result, status)) in (1..).zip(run.results.iter_mut().zip(all)) {
        result.baseline = Some(expected(status, line));
    }
    run.totals = Totals::of(&run.results);
    run
}

#[test]
fn the_baseline_is_told_in_every_format() {
    let run = run_with_baseline();
    insta::assert_snapshot!("baseline_terminal", terminal::render(&run, false));
    insta::assert_snapshot!("baseline_ktap", ktap::render(&run));
    insta::assert_snapshot!("baseline_junit", junit::render(&run));
    insta::assert_snapshot!("baseline_markdown", markdown::render(&run));
    assert_eq!(read(written(&json::render(&run)).path()).unwrap(), run);
}

#[test]
fn a_job_summary_is_not_larger_than_github_takes() {
    let mut run = run();
    let bad = run.results[1].clone();
    run.results = vec![Outcome { console: vec!["x".repeat(10_000)], ..bad }; 200];
    let text = markdown::render(&run);
    assert!(text.len() < 1 << 20, "{}", text.len());
    assert!(text.contains("more did not pass: see the table."), "{text:.300}");
    assert_eq!(text.matches("| fail |").count(), 200);
    // One that has no room doesn't take it from the next.
    run.results[0].console = vec!["x".repeat(2 << 20)];
    let text = markdown::render(&run);
    assert!(text.len() < 1 << 20, "{}", text.len());
    assert!(text.matches("## fail").count() > 20, "{text:.300}");
    let pass = Outcome { status: Status::Pass, console: Vec::new(), ..run.results[1].clone() };
    run.results = vec![pass; 20_000];
    let text = markdown::render(&run);
    assert!(text.len() < 1 << 20, "{}", text.len());
    assert!(text.ends_with("more: see the JSON report\n\n</details>\n"), "{}", &text[text.len() - 200..]);
}

#[test]
fn a_path_is_typed_as_it_is() {
    let mut run = run();
    run.results[1].repro = Some("a `b` ``c".into());
    let text = markdown::render(&run);
    assert!(text.contains("Once more: ``` cargo xtask repro 'a `b` ``c' ```\n"), "{text}");
}

#[test]
fn github() {
    let mut run = run();
    let mut other = run.kernels[0].clone();
    other.name = "other".into();
    run.kernels.push(other);
    let on_other = |result: &Outcome| Outcome { kernel: "other".into(), ..result.clone() };
    let mut more: Vec<Outcome> = run.results.iter().map(on_other).collect();
    // Another step, and so another failure.
    more[3].steps[0].status = Status::Pass;
    more[3].steps[1].status = Status::Error;
    more[4].again = Some(Again { status: Status::Pass, reason: None, accel: None });
    run.results.extend(more);
    insta::assert_snapshot!(github::render(&run));
}

#[test]
fn github_has_nothing_to_say_of_what_is_good() {
    let mut run = run();
    run.results.retain(|result| matches!(result.status, Status::Pass | Status::Skip));
    assert_eq!(github::render(&run), "");
}

#[test]
fn github_tells_what_kvm_lost() {
    let mut run = run();
    run.results.retain(|result| result.status == Status::Pass);
    run.results[0].again = Some(Again { status: Status::Miss, reason: None, accel: Some("kvm".into()) });
    let text = github::render(&run);
    assert!(text.contains("::pass, and before that on KVM miss\n"), "{text}");
}

#[test]
fn json_and_back() {
    let text = json::render(&run());
    insta::assert_snapshot!(text);
    assert_eq!(read(written(&text).path()).unwrap(), run());
}

/// What is said of a file with this text.
fn refused(text: &str) -> String {
    let file = written(text);
    let name = file.path().display().to_string();
    read(file.path()).unwrap_err().to_string().replace(&name, "report.json")
}

fn written(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_file_that_is_no_report_is_refused_with_its_place_and_the_way_out() {
    let good = json::render(&run());
    let texts = [
        "",
        " \n\n",
        "KTAP version 1\n",
        "[1, 2]",
        "{}",
        "{\"schema\": 7, \"all\": [\"else\"]}",
        &good[..40],
        &good.replace("\"nsproof\"", "\"nsprof\""),
        &good.replacen("\"kernel\": \"distro\"", "\"kernel\": \"other\"", 1),
        &good.replacen("\"scenario\": \"uts/pass\"", "\"scenario\": \"uts/other\"", 1),
        &good.replacen("\"fail\": 2", "\"fail\": 1", 1),
    ];
    insta::assert_snapshot!(texts.map(refused).join("\n"));
    let missing = read(std::path::Path::new("/nonexistent/report.json")).unwrap_err().to_string();
    assert!(
        missing.starts_with("cannot read the report /nonexistent/report.json: No such file"),
        "{missing}"
    );
}

#[rstest::rstest]
#[case::without_steps(|it: &mut Outcome| it.steps.clear(), "has no steps")]
#[case::with_a_failed_step(|it: &mut Outcome| it.steps[0].status = Status::Fail, "has a step that did not pass")]
#[case::that_tainted(|it: &mut Outcome| it.taint = 5, "tainted the kernel")]
#[case::with_a_warning(|it: &mut Outcome| it.kernel_log = vec!["BUG: x".into()], "has faults in the kernel log")]
#[case::that_left_something(|it: &mut Outcome| it.left_behind = vec!["x".into()], "left something behind")]
#[case::that_claims_more(|it: &mut Outcome| it.covers.push("P9".into()), "covers other properties than its scenario")]
fn a_pass_that_is_none_is_refused(#[case] change: fn(&mut Outcome), #[case] told: &str) {
    let mut run = run();
    let pass = run.results.iter_mut().find(|result| result.status == Status::Pass).unwrap();
    change(pass);
    let error = refused(&json::render(&run));
    assert!(error.contains("is called a pass on") && error.contains(told), "{error}");
}

#[test]
fn a_run_of_which_nothing_passed_is_told_and_so_is_what_was_skipped() {
    let mut run = run();
    assert_eq!(nothing_proven(&run), None);
    for (number, result) in run.results.iter_mut().enumerate() {
        result.status = Status::Skip;
        result.reason = Some(if number == 0 { "needs a" } else { "needs b" }.into());
    }
    run.totals = Totals::of(&run.results);
    let all = run.results.len();
    let skips = format!("{all} skipped, which prove nothing: {} of them: needs b", all - 1);
    assert_eq!(skipped(&run), Some(skips.clone()));
    let nothing = format!("nothing was proven: {all} results, none passed");
    let text = terminal::render(&run, false);
    assert!(text.contains(&skips) && text.trim_end().ends_with(&nothing), "{text}");
    assert!(markdown::render(&run).contains(&nothing));
    assert!(
        github::render(&run)
            .starts_with(&format!("::error title={}", nothing.replace(':', "%3A").replace(',', "%2C")))
    );
    run.shard = "1/2".parse().unwrap();
    assert_eq!(nothing_proven(&run), None, "the others may have passed");
}

#[test]
fn a_property_is_proven_only_where_nothing_of_it_is_broken() {
    let mut run = run();
    assert!(coverage(&run).starts_with("properties proven: 0 of 140"), "{}", coverage(&run));
    run.results.retain(|result| matches!(result.status, Status::Pass | Status::Skip));
    assert_eq!(coverage(&run), "properties proven: 2 of 140, 2 of 29 of the classic demo");
    run.kernels.push(Kernel { name: "other".into(), ..run.kernels[0].clone() });
    assert!(coverage(&run).starts_with("properties proven: 0 of 140"), "{}", coverage(&run));
}

#[test]
fn formats_are_known_by_name() {
    assert_eq!("ktap".parse(), Ok(Format::Ktap));
    assert_eq!(Format::named("jsn"), Err("unknown format `jsn`: did you mean `json`?".to_owned()));
}

#[rstest::rstest]
#[case(&[], None)]
#[case(&[7.0], Some((7.0, 7.0)))]
#[case(&[4.0, 1.0, 3.0, 2.0], Some((2.0, 4.0)))]
#[case(&(1..=200).map(f64::from).collect::<Vec<_>>(), Some((100.0, 198.0)))]
fn percentiles_are_of_the_nearest_rank(#[case] values: &[f64], #[case] expected: Option<(f64, f64)>) {
    let found = Percentiles::of(values.iter().copied());
    assert_eq!(found.map(|found| (found.p50, found.p99)), expected);
}

#[test]
fn a_kernel_without_a_machine_is_told_of_in_every_format() {
    let mut run = run();
    let name = run.kernels[0].name.clone();
    run.kernels[0] = Kernel::unused(&name, "apt-get update failed");
    let markdown = "| distro | release unknown | no machine: apt-get update failed | never |";
    assert!(super::markdown::render(&run).contains(markdown), "{}", super::markdown::render(&run));
    let junit = super::junit::render(&run);
    assert!(junit.contains("name=\"distro (release unknown)\""), "{junit}");
    assert!(junit.contains("value=\"no machine: apt-get update failed\""), "{junit}");
    let ktap = super::ktap::render(&run);
    assert!(ktap.contains("# no machine: apt-get update failed"), "{ktap}");
}
