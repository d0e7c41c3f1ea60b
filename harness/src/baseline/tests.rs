use super::*;
use crate::judge::Verdict;
use crate::report::{Kernel, Outcome};
use protocol::plan::Need;

const KNOWN: [&str; 4] = ["distro", "debian-5.10", "debian-6.1", "debian-6.12"];
const SCENARIOS: [&str; 3] = ["caps/immutable", "caps/kept", "uts/hostname"];

fn read(text: &str) -> Result<Baseline, String> {
    let known = Known { kernels: KNOWN.to_vec(), scenarios: SCENARIOS.to_vec() };
    parse("baseline.toml", text, &known).map_err(|problems| Diagnostics::from(problems).to_string())
}

/// What is expected of each scenario on a kernel, where all are skipped.
fn expected(text: &str, kernel: &str) -> Vec<Option<Status>> {
    let one = "about = \"It is.\"\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";
    let scenarios = SCENARIOS.map(|name| crate::scenario::parse(name, "x.toml", one).unwrap());
    let skipped = |scenario| {
        let verdict = Verdict::skipped(scenario, &Need::Module("veth".into()), "not here");
        Outcome::new(kernel, "nsrun", scenario, verdict, 1)
    };
    let results = scenarios.iter().map(skipped).collect();
    let mut run = Run::new(String::new(), vec![Kernel::unused(kernel, "")], &scenarios, results);
    read(text).unwrap().apply(&mut run);
    run.results.into_iter().map(|result| Some(result.baseline?.status)).collect()
}

const TEXT: &str = r#"
[[fail]]
kernel = "*"
scenario = "caps/kept"
reason = "a bug"

[[skip]]
kernel = "debian-6*"
scenario = "caps/*"
reason = "not there"

[[skip]]
kernel = "./bzImage"
scenario = "uts/hostname"
reason = "my own kernel"
"#;

#[test]
fn entries_fit_by_kernel_and_scenario() {
    let (fail, skip) = (Some(Status::Fail), Some(Status::Skip));
    assert_eq!(expected(TEXT, "debian-5.10"), [None, fail, None]);
    // Of two entries for one result the one that came true is told.
    assert_eq!(expected(TEXT, "debian-6.1"), [skip, skip, None]);
    assert_eq!(expected(TEXT, "./bzImage"), [None, fail, skip]);
    assert_eq!(expected("", "debian-6.1"), [None; 3]);
}

#[test]
fn an_entry_is_known_by_its_place() {
    assert_eq!(read(TEXT).unwrap().entries[1].expected.place, "baseline.toml:7");
}

#[test]
fn mistakes_are_told_with_their_place_and_the_way_out() {
    let text = r#"
[[skp]]
kernel = "*"

[[skip]]
kernel = "debain-5.10"
scenario = "caps/imutable"
reason = " "
since = "today"

[[fail]]
kernel = ["*"]
scenario = "net/*"

[skip]
"#;
    insta::assert_snapshot!(read(&text.replace("\n[skip]\n", "")).unwrap_err());
    insta::assert_snapshot!("not_toml", read(text).unwrap_err());
    let missing = Baseline::load(
        Path::new("/nonexistent/baseline.toml"),
        &Known { kernels: vec![], scenarios: vec![] },
    );
    let told = missing.unwrap_err().to_string();
    assert!(told.contains("cannot read the baseline /nonexistent/baseline.toml: No such file"), "{told}");
}

#[test]
fn a_pattern_that_is_far_too_long_is_told() {
    let long = "x".repeat(500_000);
    let told =
        read(&format!("[[skip]]\nkernel = \"*\"\nscenario = \"{long}*\"\nreason = \"x\"\n")).unwrap_err();
    assert!(told.contains("this is no scenario") && told.len() < 20_000, "{} bytes", told.len());
}
