//! One page that needs nothing else: the matrix of scenarios and kernels, and behind each cell everything that is known of it.
//!
//! What is seen at once (summary, kernels, matrix) is written here, and so are the drawings, which need a scenario's containers. A
//! result's details are made by `detail.js` when it is opened, from the report itself, which the page carries as JSON: a page of
//! thousands of results opens at once.

mod drawing;
mod matrix;
mod notes;
mod summary;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::{Map, Value, json};

use super::{Outcome, Run};
use crate::{catalogue, scenario};

const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str =
    concat!(include_str!("html/value.js"), include_str!("html/detail.js"), include_str!("html/page.js"));
/// Nothing is fetched, from nowhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The report.
pub fn render(run: &Run) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (summary::headline(run).1) " – nsproof" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (summary::render(run))
                main { (matrix::render(run)) }
                aside #detail hidden aria-label="One result" tabindex="-1" {}
                section #paper aria-hidden="true" {}
                @for (name, source) in &run.scenarios {
                    template data-drawing=(name) { (drawing(name, &source.text)) }
                }
                script #report type="application/json" { (PreEscaped(data(run))) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A kernel and a runtime: a column of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Column<'a> {
    kernel: &'a str,
    runtime: &'a str,
}

/// Every pair that has results, by the order of the kernels.
fn columns(run: &Run) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for kernel in &run.kernels {
        for result in run.results.iter().filter(|result| result.kernel == kernel.name) {
            let column = column_of(result);
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
    }
    columns
}

fn column_of(result: &Outcome) -> Column<'_> {
    Column { kernel: &result.kernel, runtime: &result.runtime }
}

fn drawing(name: &str, text: &str) -> Markup {
    match scenario::parse(name, name, text) {
        Ok(scenario) => drawing::render(&scenario.containers),
        // A report of another version may hold words that this one does not know.
        Err(_) => html! { p { "This version of nsproof cannot read this scenario, and draws nothing." } },
    }
}

/// The report and the properties that it speaks of, as JSON in which no character can end the element that holds it.
fn data(run: &Run) -> String {
    let ids = run.results.iter().flat_map(|result| &result.covers);
    let known = ids.filter_map(|id| catalogue::find(id));
    let properties: Map<String, Value> =
        known.map(|property| (property.id.clone(), property.text.clone().into())).collect();
    let data = crate::inline::escaped(&json!({ "run": run, "properties": properties }).to_string());
    data.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests;
