//! Markdown, for a job's summary.

use std::fmt::Write;

use super::{Outcome, Run, coverage, details, nothing_proven, skipped};
use crate::judge::Status;

/// Bytes for the failures; what has no room is in the table only.
const ROOM: usize = 512 << 10;
/// Bytes for all but the last words: GitHub shows no summary of more than 1 MiB.
const MOST: usize = (1 << 20) - 1024;

/// The report.
pub fn render(run: &Run) -> String {
    let mut out = String::new();
    let totals = &run.totals;
    push(&mut out, "# nsproof\n");
    let counts = Status::ALL.map(|status| format!("**{}** {}", totals.get(status), status.word()));
    let skips = skipped(run).map(|words| text(&words));
    let told = [Some(counts.join(", ")), skips, Some(coverage(run)), nothing_proven(run)];
    let told: Vec<String> = told.into_iter().flatten().collect();
    push(&mut out, &format!("{}\n", told.join("  \n")));
    kernels(&mut out, run);
    let mut more = 0;
    for result in run.results.iter().filter(|result| result.is_bad()) {
        let told = broken(run, result);
        if out.len() + told.len() > ROOM {
            more += 1;
        } else {
            out.push_str(&told);
        }
    }
    if more > 0 {
        push(&mut out, &format!("{more} more did not pass: see the table.\n"));
    }
    all(&mut out, run);
    out
}

fn kernels(out: &mut String, run: &Run) {
    push(out, "| kernel | release | accelerator | ready |\n|---|---|---|---|");
    for kernel in &run.kernels {
        let ready = kernel.boot_ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
        push(
            out,
            &format!(
                "| {} | {} | {} | {ready} |",
                cell(&kernel.name),
                cell(kernel.shown_release()),
                cell(&kernel.executed_by())
            ),
        );
    }
    push(out, "");
    for kernel in &run.kernels {
        for blind in kernel.blindness() {
            push(out, &format!("**{}**: {}\n", text(&kernel.name), text(&blind)));
        }
    }
}

fn broken(run: &Run, result: &Outcome) -> String {
    let mut out = String::new();
    push(&mut out, &format!("## {}: {}\n", result.status.word(), text(&details::name(run, result))));
    if let Some(source) = run.scenarios.get(&result.scenario) {
        push(&mut out, &format!("{}\n", text(&source.about)));
    }
    // A fence longer than any that a line could hold.
    push(&mut out, "``````text");
    for line in details::of_result(run, result) {
        push(&mut out, &line);
    }
    push(&mut out, "``````\n");
    if let Some(command) = details::repro_command(result) {
        push(&mut out, &format!("Once more: {}\n", code(&command)));
    }
    out
}

/// A span of code that may hold grave accents: its own are one more than any that follow each other in it.
fn code(text: &str) -> String {
    let runs = text.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or(0) + 1);
    if fence.len() == 1 { format!("`{text}`") } else { format!("{fence} {text} {fence}") }
}

fn all(out: &mut String, run: &Run) {
    push(out, &format!("<details><summary>All {} results</summary>\n", run.results.len()));
    push(out, "| status | scenario | kernel | covers | time | reason |\n|---|---|---|---|---|---|");
    for (number, result) in run.results.iter().enumerate() {
        let row = row(result);
        if out.len() + row.len() > MOST {
            push(out, &format!("\n{} more: see the JSON report", run.results.len() - number));
            break;
        }
        push(out, &row);
    }
    push(out, "\n</details>");
}

fn row(result: &Outcome) -> String {
    let expected = if result.is_expected() { " (expected)" } else { "" };
    let reasons = [result.reason.clone(), details::of_baseline(result)];
    let cells = [
        result.status.word().to_owned() + expected,
        result.scenario.clone(),
        result.kernel.clone(),
        result.covers.join(" "),
        format!("{} ms", result.duration_ms),
        reasons.into_iter().flatten().collect::<Vec<_>>().join("; "),
    ];
    format!("| {} |", cells.map(|words| cell(&words)).join(" | "))
}

/// One cell of a table.
fn cell(words: &str) -> String {
    text(words).replace('|', "\\|")
}

/// Words that stay words: no markup, no line break.
fn text(words: &str) -> String {
    details::one_line(words)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('*', "\\*")
        .replace('_', "\\_")
        .replace('`', "\\`")
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{line}").expect("a String takes every text");
}
