//! The rows as a table for people.

use std::fmt::Write;

use super::Row;

/// A line a row, and below them what is not as expected.
pub fn render(rows: &[Row]) -> String {
    let (titles, mut out) = (["fault", "expected"], String::new());
    let width = |title: &str, of: fn(&Row) -> &str| {
        let all = rows.iter().map(of).chain([title]);
        all.map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let (fault, expected) = (width(titles[0], |row| &row.fault), width(titles[1], |row| &row.expected));
    push(&mut out, &format!("       {:fault$}  {:expected$}  came", titles[0], titles[1]));
    for row in rows {
        let came = row.came.lines().map(str::trim).collect::<Vec<_>>().join(" | ");
        push(&mut out, &format!("{:5}  {:fault$}  {:expected$}  {came}", word(row), row.fault, row.expected));
    }
    for row in rows.iter().filter(|row| !row.wrong.is_empty()) {
        push(&mut out, &format!("\n{}: {}", row.fault, row.about));
        row.wrong.iter().for_each(|wrong| push(&mut out, &format!("  {wrong}")));
    }
    let count = |wanted: &str| rows.iter().filter(|row| word(row) == wanted).count();
    let (good, wrong, skipped) = (count(GOOD), count(WRONG), count(SKIPPED));
    push(&mut out, &format!("\n{good} as expected, {wrong} not, {skipped} could not be made here"));
    out
}

const GOOD: &str = "ok";
const WRONG: &str = "WRONG";
const SKIPPED: &str = "skip";

fn word(row: &Row) -> &'static str {
    match row {
        Row { wrong, .. } if !wrong.is_empty() => WRONG,
        Row { skipped: true, .. } => SKIPPED,
        _ => GOOD,
    }
}

fn push(out: &mut String, line: &str) {
    writeln!(out, "{}", line.trim_end()).expect("a String takes every text");
}
