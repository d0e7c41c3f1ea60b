//! What was measured, for people: aligned, a paragraph for each group.

use vm::accel::Accelerator;

use super::report::Report;
use super::row::Row;

/// A report, for people.
pub fn table(report: &Report) -> String {
    let Report { kernel, accel, cpus, load, samples, .. } = report;
    let mut text = format!("Linux {kernel} on {accel}; {cpus} CPUs, load {load}; {samples} rounds\n");
    for rows in report.rows.chunk_by(|one, next| one.group == next.group) {
        text += &group(rows);
    }
    text + &budget(report)
}

fn group(rows: &[Row]) -> String {
    let head = [rows[0].group.clone(), "n".into(), "p50".into(), "p99".into(), "ratio".into(), String::new()];
    let cells = rows.iter().map(cells);
    format!("\n{}", aligned(&std::iter::once(head).chain(cells).collect::<Vec<_>>()))
}

fn cells(row: &Row) -> [String; 6] {
    let unit = row.unit.symbol();
    let number = |value: f64| format!("{value:.1} {unit}");
    let (p50, p99) = row
        .values
        .map_or_else(|| ("-".to_owned(), "-".to_owned()), |values| (number(values.p50), number(values.p99)));
    let ratio = row.ratio.as_ref().map_or_else(String::new, |ratio| format!("{:.2}", ratio.times));
    [format!("  {}", row.name), row.n.to_string(), p50, p99, ratio, row.note.clone().unwrap_or_default()]
}

fn budget(report: &Report) -> String {
    let head = ["budget", "at most", "is", ""].map(str::to_owned);
    let rows = report.budget.iter().map(|checked| {
        let is = checked.is.map_or_else(|| "-".to_owned(), |is| format!("{is:.3}"));
        let verdict = match checked.holds {
            Some(true) => "",
            Some(false) => "EXCEEDED",
            None => "not measured",
        };
        [format!("  {}", checked.name), format!("{:.3}", checked.at_most), is, verdict.to_owned()]
    });
    let table = aligned(&std::iter::once(head).chain(rows).collect::<Vec<_>>());
    let accel = report.accel.as_str();
    let note = if accel == Accelerator::Tcg.name() {
        String::new()
    } else {
        format!("  (on {accel}, machines have no bound: the bounds are TCG's)\n")
    };
    format!("\n{table}{note}")
}

/// The first and the last column to the left, numbers to the right.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let cell = |(column, text): (usize, &String)| match column {
        0 => format!("{text:<width$}", width = widths[0]),
        _ if column == N - 1 => text.clone(),
        _ => format!("{text:>width$}", width = widths[column]),
    };
    let line = |row: &[String; N]| row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ");
    rows.iter().map(|row| format!("{}\n", line(row).trim_end())).collect()
}
