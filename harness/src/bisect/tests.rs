use super::*;
use crate::judge::judge;
use crate::report::{Again, Kernel};
use protocol::evidence::Evidence;

/// A run of scenarios named `a`, `b` …, each with how it ended and, after a slash, how again: `pass`, `fail/pass`, and
/// `pass/miss@kvm` if that was lost on KVM.
fn run(isolation: &str, ended: &[&str]) -> Run {
    let text = "about = \"A.\"\ncovers = []\n[[step]]\nin = \"host\"\ndo = \"hostname\"\n";
    let names = ["a", "b", "c"];
    let scenarios: Vec<_> =
        names.iter().map(|name| crate::scenario::parse(name, "a.toml", text).unwrap()).collect();
    let results = scenarios.iter().zip(ended).map(|(scenario, ended)| {
        let (first, again) = ended.split_once('/').map_or((*ended, None), |(a, b)| (a, Some(b)));
        let verdict = judge(scenario, &Evidence::default());
        let mut outcome = Outcome::new("k", "nsrun", scenario, verdict, 1);
        outcome.status = status(first);
        outcome.reason = Some("why".into());
        outcome.again = again.map(|again| {
            let (word, accel) = again.split_once('@').map_or((again, None), |(a, b)| (a, Some(b.into())));
            Again { status: status(word), reason: None, accel }
        });
        outcome
    });
    let kernel = Kernel { isolation: isolation.into(), ..Kernel::unused("k", "") };
    Run::new(String::new(), vec![kernel], &scenarios, results.collect())
}

fn status(word: &str) -> Status {
    Status::ALL.into_iter().find(|status| status.word() == word).unwrap()
}

/// Runs divided by `|`.
fn shared(ended: &str) -> Answer {
    let runs = ended.split('|').map(|run_of| run("shared", &run_of.split_whitespace().collect::<Vec<_>>()));
    answer(&runs.collect::<Vec<_>>())
}

#[test]
fn only_passes_are_good() {
    assert_eq!(shared("pass pass | pass pass"), Answer::Good);
    assert_eq!(shared(""), Answer::CannotTell("no scenario was run".into()));
    assert_eq!(answer(&[]), Answer::CannotTell("no scenario was run".into()));
}

#[rstest::rstest]
#[case("pass fail/fail", &["b"])]
#[case("fail/fail fail/fail", &["a", "b"])]
// Whatever else was lost: a broken property is known.
#[case("miss/miss fail/fail skip", &["b"])]
// In two of three runs, or in a cold boot after a loss and in the next run.
#[case("fail/pass | pass | fail/pass", &["a"])]
#[case("miss/fail | fail/pass", &["a"])]
fn what_failed_twice_is_bad(#[case] ended: &str, #[case] broken: &[&str]) {
    assert_eq!(shared(ended), Answer::Bad(broken.iter().map(ToString::to_string).collect()));
}

#[test]
fn a_cold_boot_needs_no_second_look() {
    assert_eq!(answer(&[run("boot", &["pass", "fail"])]), Answer::Bad(vec!["b".into()]));
    assert!(matches!(answer(&[run("boot", &["miss"])]), Answer::CannotTell(_)));
    // What was looked at twice is believed as anywhere else.
    assert!(matches!(answer(&[run("boot", &["fail/pass"])]), Answer::CannotTell(_)));
}

#[rstest::rstest]
#[case("fail/pass", "a: fail, but pass again in a cold boot: run it more often (--repeat)")]
#[case("fail/miss", "a: fail, but miss again in a cold boot: run it more often (--repeat)")]
#[case("fail/pass pass | pass fail/pass", "a: fail, but pass again in a cold boot")]
#[case("pass/miss@kvm pass", "a: pass, but miss before that on KVM: run it with --accel tcg")]
#[case("fail/miss@kvm pass", "a: fail, but miss before that on KVM: run it with --accel tcg")]
#[case("pass skip", "b: skip: why; leave it out of the scenarios to watch")]
#[case("error/error pass", "a: error: why")]
#[case("miss/fail pass", "a: miss: why")]
#[case("miss/pass pass | pass pass", "a: miss: why")]
fn anything_else_is_not_told(#[case] ended: &str, #[case] reason: &str) {
    let Answer::CannotTell(said) = shared(ended) else { panic!("{:?}", shared(ended)) };
    assert!(said.starts_with(reason), "{said}");
}
