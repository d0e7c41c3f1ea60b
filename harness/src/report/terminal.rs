//! For people at a terminal: a line a scenario, and for what is broken what was expected beside what was observed.

use std::fmt::Write;

use super::details::{is_bad, of_baseline, one_line, repro_command};
use super::paint::{Paint, shortened};
use super::{Outcome, Run, Step, coverage, nothing_proven, skipped};
use crate::diagnostic::plural;
use crate::inline::toml;
use crate::isolation::Isolation;
use crate::judge::Status;

/// The report; `colour` only for a terminal.
pub fn render(run: &Run, colour: bool) -> String {
    let run = &run.plain();
    let paint = Paint(colour);
    let mut out = String::new();
    let width = run.results.iter().map(|result| result.scenario.chars().count()).max().unwrap_or(0);
    let many = run.kernels.len() > 1;
    for result in &run.results {
        line(&mut out, paint, result, width, many);
    }
    let mut told: Vec<(&str, Option<&str>)> = Vec::new();
    for result in run.results.iter().filter(|result| result.is_bad()) {
        // What kept a kernel from booting is the same for each of its scenarios.
        let why = (result.kernel.as_str(), result.reason.as_deref());
        if !(was_not_begun(result) && told.contains(&why)) {
            details(&mut out, paint, run, result, many);
            told.push(why);
        }
    }
    summary(&mut out, paint, run);
    out
}

/// Whether no machine was asked to carry it out.
fn was_not_begun(result: &Outcome) -> bool {
    result.status == Status::Miss
        && result.duration_ms == 0
        && result.steps.iter().all(|step| step.ms.is_none())
}

fn line(out: &mut String, paint: Paint, result: &Outcome, width: usize, many: bool) {
    let word = paint.status(result.status, &format!("{:5}", result.status.word()));
    let kernel = if many { format!("  {}", result.kernel) } else { String::new() };
    let name = &result.scenario;
    let covers = result.covers.join(" ");
    let tail = match (of_baseline(result), &result.reason) {
        (Some(words), None) => words,
        (Some(words), Some(reason)) => format!("{words}; {}", one_line(reason)),
        (None, Some(reason)) => one_line(reason),
        (None, None) => paint.dim(&covers),
    };
    let text = format!("{word} {name:width$}{kernel}  {:>5} ms  {tail}", result.duration_ms);
    push(out, text.trim_end());
}

fn details(out: &mut String, paint: Paint, run: &Run, result: &Outcome, many: bool) {
    let on = if many { format!(" on {}", result.kernel) } else { String::new() };
    push(out, "");
    let title = format!("{}: {}{on}", result.status.word(), result.scenario);
    push(out, &paint.status(result.status, &paint.bold(&title)));
    let source = run.scenarios.get(&result.scenario);
    if let Some(source) = source {
        push(out, &format!("  {}", source.about));
    }
    if let Some(reason) = &result.reason {
        push(out, &format!("  {}", one_line(reason)));
    }
    if let Some(words) = of_baseline(result) {
        push(out, &format!("  {words}"));
    }
    if let Some(again) = super::details::again(result) {
        push(out, &format!("  {again}"));
    }
    for step in result.steps.iter().filter(|step| is_bad(step)) {
        step_details(out, paint, source, step);
    }
    list(out, "kernel log", &result.kernel_log);
    if result.taint != 0 {
        push(out, &format!("  taint: {:#x}", result.taint));
    }
    list(out, "left behind", &result.left_behind);
    list(out, "console", &result.console);
    if let (Some(folder), Some(command)) = (&result.repro, repro_command(result)) {
        push(out, "");
        push(out, &format!("  all that is known of it: {}", one_line(&folder.display().to_string())));
        push(out, &format!("  once more: {command} [--shell]"));
    }
}

fn step_details(out: &mut String, paint: Paint, source: Option<&super::Source>, step: &Step) {
    push(out, "");
    let via = if step.exec { " via exec" } else { "" };
    push(
        out,
        &format!(
            "  {} step `{}` (in {}{via}: {})",
            step.status.word(),
            step.name,
            step.actor,
            step.operation
        ),
    );
    if let Some(source) = source {
        push(out, &format!("   {} {}:{}", paint.dim("-->"), source.file, step.line));
        snippet(out, paint, &source.text, step.line);
    }
    for mismatch in &step.mismatches {
        let at = if mismatch.at.is_empty() { String::new() } else { format!(" at {}", mismatch.at) };
        let observed = mismatch.observed.as_ref().map_or_else(|| "nothing".to_owned(), toml);
        push(out, &format!("    expected{at}: {}", paint.good(&shortened(&toml(&mismatch.expected)))));
        push(out, &format!("    observed{at}: {}", paint.bad(&shortened(&observed))));
    }
    if let (true, Some(observed)) = (step.mismatches.is_empty(), &step.observed) {
        push(out, &format!("    observed: {}", paint.bad(&shortened(&toml(observed)))));
    }
}

/// The line that is meant, between its neighbours.
fn snippet(out: &mut String, paint: Paint, text: &str, line: usize) {
    let from = line.saturating_sub(3).max(1);
    let gutter = line.to_string().len();
    for (number, content) in (1..=line).zip(text.lines()).skip(from - 1) {
        let mark = if number == line { paint.bad(">") } else { " ".into() };
        let number = paint.dim(&format!("{number:gutter$} |"));
        push(out, &format!("   {mark}{number} {}", one_line(content)));
    }
}

fn list(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    push(out, "");
    push(out, &format!("  {title}:"));
    for line in lines {
        push(out, &format!("    {}", one_line(line)));
    }
}

fn summary(out: &mut String, paint: Paint, run: &Run) {
    let counts = Status::ALL.map(|status| {
        let count = run.totals.get(status);
        let text = format!("{count} {}", status.word());
        if count == 0 { text } else { paint.status(status, &text) }
    });
    push(out, "");
    let expected = match run.results.iter().filter(|result| result.is_expected()).count() {
        0 => String::new(),
        count => format!("; {count} as the baseline expects"),
    };
    push(out, &format!("{}: {}{expected}", plural(run.results.len(), "result"), counts.join(", ")));
    if let Some(words) = skipped(run) {
        push(out, &paint.status(Status::Skip, &words));
    }
    push(out, &coverage(run));
    for kernel in &run.kernels {
        if !kernel.has_machine() {
            push(out, &format!("kernel {}: {}", kernel.name, one_line(&kernel.executed_by())));
            continue;
        }
        // A template that is there already was measured when it was made.
        let template = if kernel.isolation == Isolation::Boot.word() { "" } else { "template " };
        let boot = kernel
            .boot_ms
            .map_or_else(|| "never ready".to_owned(), |ms| format!("{template}ready after {ms} ms"));
        let release = kernel.shown_release();
        push(out, &format!("kernel {}: {release}, {boot}, isolation {}", kernel.name, kernel.isolation));
        push(out, &format!("accelerator {}: {}", kernel.accel, one_line(&kernel.accel_reason)));
        for blind in kernel.blindness() {
            push(out, &paint.bad(&format!("kernel {}: {}", kernel.name, one_line(&blind))));
        }
    }
    if let Some(words) = nothing_proven(run) {
        push(out, &paint.status(Status::Miss, &words));
    }
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a String takes every text");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_scenario_is_shown_as_it_is_written_and_moves_no_cursor() {
        let mut out = String::new();
        snippet(&mut out, Paint(false), "text = \"the kernel's \\\\ ä\" # \u{1b}[2J", 1);
        assert_eq!(out, "   >1 | text = \"the kernel's \\\\ ä\" #  [2J\n");
    }
}
