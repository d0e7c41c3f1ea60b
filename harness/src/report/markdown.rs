//! Markdown, for a job's summary.

use std::fmt::Write;

use super::{Outcome, Run, coverage, details};
use crate::explain::quoted;

/// Bytes after which a failure is told in the table only: GitHub shows no summary of more than 1 MiB.
const ROOM: usize = 512 << 10;

/// The report.
pub fn render(run: &Run) -> String {
    let mut out = String::new();
    let totals = &run.totals;
    push(&mut out, "# nsproof\n");
    let counts = [
        (totals.pass, "pass"),
        (totals.fail, "fail"),
        (totals.skip, "skip"),
        (totals.error, "error"),
        (totals.miss, "miss"),
    ];
    let counts: Vec<String> = counts.iter().map(|(count, word)| format!("**{count}** {word}")).collect();
    push(&mut out, &format!("{}  \n{}\n", counts.join(", "), coverage(run)));
    kernels(&mut out, run);
    let mut bad = run.results.iter().filter(|result| result.is_bad());
    while out.len() < ROOM
        && let Some(result) = bad.next()
    {
        broken(&mut out, run, result);
    }
    match bad.count() {
        0 => {}
        more => push(&mut out, &format!("{more} more did not pass: see the table.\n")),
    }
    all(&mut out, run);
    out
}

fn kernels(out: &mut String, run: &Run) {
    push(out, "| kernel | release | accelerator | ready |\n|---|---|---|---|");
    for kernel in &run.kernels {
        let ready = kernel.boot_ms.map_or_else(|| "never".to_owned(), |ms| format!("{ms} ms"));
        let accel = format!("{}: {}", kernel.accel, kernel.accel_reason);
        push(
            out,
            &format!("| {} | {} | {} | {ready} |", cell(&kernel.name), cell(&kernel.release), cell(&accel)),
        );
    }
    push(out, "");
}

fn broken(out: &mut String, run: &Run, result: &Outcome) {
    push(out, &format!("## {}: {}\n", result.status.word(), text(&details::name(run, result))));
    if let Some(source) = run.scenarios.get(&result.scenario) {
        push(out, &format!("{}\n", text(&source.about)));
    }
    // A fence longer than any that a line could hold.
    push(out, "``````text");
    for line in details::of_result(run, result) {
        push(out, &line);
    }
    push(out, "``````\n");
    if let Some(folder) = &result.repro {
        // The path is one of this project's making: it holds nothing that ends a span of code.
        let folder = details::one_line(&quoted(&folder.display().to_string())).replace('`', "");
        push(out, &format!("Once more: `cargo xtask repro {folder}`\n"));
    }
}

fn all(out: &mut String, run: &Run) {
    push(out, &format!("<details><summary>All {} results</summary>\n", run.results.len()));
    push(out, "| status | scenario | kernel | covers | time | reason |\n|---|---|---|---|---|---|");
    for result in &run.results {
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
        push(out, &format!("| {} |", cells.map(|words| cell(&words)).join(" | ")));
    }
    push(out, "\n</details>");
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
