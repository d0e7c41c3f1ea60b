//! The matrix: a row a scenario, by folder; a column a kernel (and runtime, if there are several).

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::summary::STATUSES;
use super::{Column, column_of, columns, summary};
use crate::report::{Outcome, Run, details};

/// A row's cells: the results by column, each with its position in the report.
type Cells<'a> = Vec<Option<(usize, &'a Outcome)>>;

pub(super) fn render(run: &Run) -> Markup {
    let columns = columns(run);
    let rows = rows(run, &columns);
    let mut folders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for &name in rows.keys() {
        folders.entry(split(name).0).or_default().push(name);
    }
    html! {
        div.scroll {
            table.matrix.narrow[columns.len() > 6] {
                thead {
                    tr {
                        th.corner scope="col" { "scenario" }
                        @for column in &columns { (head(run, *column, several_runtimes(&columns))) }
                        th.why scope="col" { "why" }
                    }
                }
                @for (folder, names) in &folders {
                    tbody {
                        tr.folder { th colspan=(columns.len() + 2) scope="colgroup" { (folder) "/" } }
                        @for name in names { (row(run, name, &rows[name])) }
                    }
                }
            }
        }
        p #nothing hidden { "No result is like that." }
    }
}

fn rows<'a>(run: &'a Run, columns: &[Column<'a>]) -> BTreeMap<&'a str, Cells<'a>> {
    let mut rows: BTreeMap<&str, Cells<'_>> = BTreeMap::new();
    for (index, result) in run.results.iter().enumerate() {
        let Some(column) = columns.iter().position(|column| *column == column_of(result)) else { continue };
        rows.entry(&result.scenario).or_insert_with(|| vec![None; columns.len()])[column] =
            Some((index, result));
    }
    rows
}

fn several_runtimes(columns: &[Column<'_>]) -> bool {
    columns.iter().any(|column| column.runtime != columns[0].runtime)
}

fn head(run: &Run, column: Column<'_>, with_runtime: bool) -> Markup {
    let kernel = run.kernels.iter().find(|kernel| kernel.name == column.kernel);
    html! {
        th scope="col" data-kernel=(column.kernel) title=[kernel.map(|kernel| &kernel.release)] {
            (column.kernel)
            @if with_runtime { small { (column.runtime) } }
        }
    }
}

fn row(run: &Run, name: &str, cells: &Cells<'_>) -> Markup {
    let about = run.scenarios.get(name).map_or("", |source| &source.about);
    html! {
        tr data-scenario=(name) {
            th scope="row" { (split(name).1) small { (about) } }
            @for cell in cells {
                @match cell {
                    Some((index, result)) => td { (self::cell(*index, result)) },
                    None => td.nothing { "·" },
                }
            }
            td.why { (why(cells)) }
        }
    }
}

/// The reason of the row's worst result.
fn why(cells: &Cells<'_>) -> String {
    let results = || cells.iter().flatten().map(|(_, result)| *result);
    let worst = STATUSES.iter().find_map(|status| results().find(|result| result.status == *status));
    details::one_line(worst.and_then(|result| result.reason.as_deref()).unwrap_or_default())
}

fn cell(index: usize, result: &Outcome) -> Markup {
    let word = result.status.word();
    let label = format!("{} on {}: {word}", result.scenario, result.kernel);
    let title = result.reason.clone().unwrap_or_else(|| format!("{} ms", result.duration_ms));
    let title = details::of_baseline(result).map_or(title.clone(), |words| format!("{title}; {words}"));
    let disagrees = result.disagreement().is_some();
    html! {
        button.cell.(word).disagrees[disagrees].known[result.is_expected()] type="button" data-result=(index) aria-label=(label) title=(title) {
            b { (summary::letter(result.status)) } span { (word) }
        }
    }
}

/// Folder and rest of a scenario's name.
fn split(name: &str) -> (&str, &str) {
    name.split_once('/').unwrap_or((".", name))
}
