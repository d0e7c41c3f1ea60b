//! What is to be said of a result that did not pass, in plain lines: what several formats share.

pub(crate) use vm::text::one_line;

use super::{Outcome, Run, Step};
use crate::explain::typed;
use crate::inline::toml;
use crate::judge::Status;

/// Everything that is known: the reason, the second run, the bad steps, the taint, the kernel log, what was left behind, the
/// console.
pub(super) fn of_result(run: &Run, result: &Outcome) -> Vec<String> {
    let mut lines: Vec<String> = result.reason.iter().cloned().chain(of_baseline(result)).collect();
    lines.extend(again(result));
    for step in result.steps.iter().filter(|step| is_bad(step)) {
        lines.extend(of_step(run, result, step));
    }
    if result.taint != 0 {
        lines.push(format!("taint: {:#x}", result.taint));
    }
    let lists = [
        ("kernel log", &result.kernel_log),
        ("left behind", &result.left_behind),
        ("console", &result.console),
    ];
    for (title, list) in lists {
        lines.extend(list.iter().map(|line| format!("{title}: {line}")));
    }
    lines.iter().map(|line| one_line(line)).collect()
}

/// What the baseline has to do with it.
pub(super) fn of_baseline(result: &Outcome) -> Option<String> {
    let expected = result.baseline.as_ref()?;
    let (word, reason) = (expected.status.word(), one_line(&expected.reason));
    Some(match result.status {
        Status::Pass => {
            format!(
                "the baseline expects {word} ({reason}); take the entry out: {}",
                one_line(&expected.place)
            )
        }
        status if status == expected.status => format!("expected: {reason}"),
        _ => format!("the baseline expects {word} ({reason})"),
    })
}

/// What the other run came to: `again in a cold boot, the same: fail: …`.
pub(super) fn again(result: &Outcome) -> Option<String> {
    let again = result.again.as_ref()?;
    let agreed = if again.status == result.status { "the same" } else { "not the same" };
    let reason = again.reason.as_deref().map_or(String::new(), |reason| format!(": {}", one_line(reason)));
    Some(format!("{}, {agreed}: {}{reason}", again.how(), again.status.word()))
}

/// Where the step is written, what it does, and each part that is not as expected.
pub(super) fn of_step(run: &Run, result: &Outcome, step: &Step) -> Vec<String> {
    let place = place(run, result, step);
    let via = if step.exec { " via exec" } else { "" };
    let title = format!(
        "{place}: {} step `{}` (in {}{via}: {})",
        step.status.word(),
        step.name,
        step.actor,
        step.operation
    );
    let mut lines = vec![title];
    for mismatch in &step.mismatches {
        let at = if mismatch.at.is_empty() { String::new() } else { format!(" at {}", mismatch.at) };
        let observed = mismatch.observed.as_ref().map_or_else(|| "nothing".to_owned(), toml);
        lines.push(format!("expected{at}: {}", toml(&mismatch.expected)));
        lines.push(format!("observed{at}: {observed}"));
    }
    if let (true, Some(observed)) = (step.mismatches.is_empty(), &step.observed) {
        lines.push(format!("observed: {}", toml(observed)));
    }
    lines.iter().map(|line| one_line(line)).collect()
}

/// What is typed to run it once more, if it left a directory.
pub(super) fn repro_command(result: &Outcome) -> Option<String> {
    let folder = result.repro.as_ref()?.display().to_string();
    Some(one_line(&format!("{} repro {}", vm::program::name(), typed(&folder))))
}

/// Where a result is written: the step that is to blame, or the file.
pub(crate) fn place_of(run: &Run, result: &Outcome) -> String {
    blamed(result).map_or_else(|| file(run, result).to_owned(), |step| place(run, result, step))
}

/// What the step that is to blame expected, and what it observed.
pub(crate) fn sides_of_blamed_step(run: &Run, result: &Outcome) -> Vec<String> {
    // The title says nothing that the reason does not.
    blamed(result).map_or_else(Vec::new, |step| of_step(run, result, step).split_off(1))
}

/// The step that made a result what it is; none, if an oracle or the machine's end did.
pub(super) fn blamed(result: &Outcome) -> Option<&Step> {
    result.steps.iter().find(|step| is_bad(step) && step.status == result.status)
}

fn file<'a>(run: &'a Run, result: &'a Outcome) -> &'a str {
    run.scenarios.get(&result.scenario).map_or(result.scenario.as_str(), |source| &source.file)
}

/// `scenarios/uts/hostname.toml:12`
pub(crate) fn place(run: &Run, result: &Outcome, step: &Step) -> String {
    format!("{}:{}", file(run, result), step.line)
}

/// Whether something went wrong in it.
pub(super) fn is_bad(step: &Step) -> bool {
    !matches!(step.status, Status::Pass | Status::Skip)
}

/// The scenario's name, with the kernel's where there are several.
pub(super) fn name(run: &Run, result: &Outcome) -> String {
    match run.kernels.len() {
        0 | 1 => result.scenario.clone(),
        _ => format!("{} on {}", result.scenario, result.kernel),
    }
}
