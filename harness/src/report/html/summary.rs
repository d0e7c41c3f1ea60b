//! What is seen first: how it ended, the kernels, the properties, and the filters.

use maud::{Markup, html};

use crate::catalogue::{self, Property};
use crate::diagnostic::plural;
use crate::judge::Status;
use crate::report::{Kernel, Outcome, Run, coverage};

/// The statuses, those to look at first first.
pub(super) const STATUSES: [Status; 5] =
    [Status::Fail, Status::Miss, Status::Error, Status::Skip, Status::Pass];

/// How it ended, in a sentence.
pub(super) fn headline(run: &Run) -> String {
    let totals = &run.totals;
    let all = plural(run.results.len(), "result");
    let lost = totals.error + totals.miss;
    if totals.fail > 0 {
        format!("Isolation is broken in {} of {all}", totals.fail)
    } else if lost > 0 {
        format!("No verdict in {lost} of {all}")
    } else if totals.pass == 0 {
        format!("Nothing was proven: {all}, none passed")
    } else if totals.skip > 0 {
        format!("Isolation holds: {} of {all} passed, {} skipped", totals.pass, totals.skip)
    } else {
        format!("Isolation holds: all of {all} passed")
    }
}

pub(super) fn render(run: &Run) -> Markup {
    let totals = &run.totals;
    let worst = STATUSES.into_iter().find(|status| count(&run.results, *status) > 0);
    html! {
        header class={ "top " (worst.map_or("", Status::word)) } {
            p.brand { "nsproof " (run.nsproof) " · " time { (run.started) } }
            h1 { (headline(run)) }
            (bar(&run.results))
            p.coverage { (coverage(run)) }
        }
        section.kernels aria-label="Kernels" {
            @for kernel in &run.kernels { (card(run, kernel)) }
        }
        details.properties {
            summary { "Properties" small { " one square each; click to see what proves it" } }
            div.squares {
                @for property in catalogue::all() { (square(run, property)) }
            }
            (legend())
        }
        form.filters role="search" aria-label="Filters" {
            input #text type="search" placeholder="Filter: scenario, property, words" aria-label="Filter by text" autocomplete="off" spellcheck="false";
            div.chips role="group" aria-label="Status" {
                @for status in STATUSES {
                    button.chip.(status.word()) type="button" data-status=(status.word()) aria-pressed="false" {
                        (tile(status)) " " (status.word()) " " b { (of(totals, status)) }
                    }
                }
            }
            @if run.kernels.len() > 1 {
                div.chips role="group" aria-label="Kernel" {
                    @for kernel in &run.kernels {
                        button.chip type="button" data-kernel=(kernel.name) aria-pressed="false" { (kernel.name) }
                    }
                }
            }
            button.clear type="reset" hidden { "Clear" }
            output #shown {}
        }
    }
}

/// A status as a coloured square with its letter.
pub(super) fn tile(status: Status) -> Markup {
    html! { i.tile.(status.word()) aria-hidden="true" { (letter(status)) } }
}

pub(super) fn letter(status: Status) -> char {
    match status {
        Status::Pass => 'P',
        Status::Fail => 'F',
        Status::Skip => 'S',
        Status::Error => 'E',
        Status::Miss => 'M',
    }
}

fn of(totals: &crate::report::Totals, status: Status) -> usize {
    match status {
        Status::Pass => totals.pass,
        Status::Fail => totals.fail,
        Status::Skip => totals.skip,
        Status::Error => totals.error,
        Status::Miss => totals.miss,
    }
}

fn count<'a>(results: impl IntoIterator<Item = &'a Outcome>, status: Status) -> usize {
    results.into_iter().filter(|result| result.status == status).count()
}

/// The statuses' shares, as a bar.
fn bar<'a>(results: impl IntoIterator<Item = &'a Outcome> + Clone) -> Markup {
    html! {
        div.bar aria-hidden="true" {
            @for status in STATUSES {
                @let number = count(results.clone(), status);
                @if number > 0 { i.(status.word()) style={ "flex-grow:" (number) } {} }
            }
        }
    }
}

fn card(run: &Run, kernel: &Kernel) -> Markup {
    let results = run.results.iter().filter(|result| result.kernel == kernel.name);
    let release = if kernel.release.is_empty() { "release unknown" } else { &kernel.release };
    html! {
        article.kernel {
            h2 { (kernel.name) }
            p.release { (release) }
            (bar(results.clone()))
            dl {
                dt { "results" }
                dd {
                    @for status in STATUSES {
                        @let number = count(results.clone(), status);
                        @if number > 0 { span.count { (tile(status)) " " (number) } " " }
                    }
                }
                dt { @if kernel.accel.is_empty() { "no machine" } @else { (kernel.accel) } }
                dd { (kernel.accel_reason) }
                @if !kernel.isolation.is_empty() {
                    dt { "isolation" }
                    dd { (kernel.isolation) }
                }
                dt { "boot" }
                dd { (kernel.boot_ms.map_or_else(|| "never ready".to_owned(), |ms| format!("{ms} ms"))) }
                @if let Some(clone) = kernel.clone_ms {
                    dt { "clone" }
                    dd { (format!("{:.1} ms, p99 {:.1} ms", clone.p50, clone.p99)) }
                }
            }
        }
    }
}

/// How the results that cover a property ended: the word of a status, or `none`.
fn state(run: &Run, id: &str) -> &'static str {
    let covering = run.results.iter().filter(|result| result.covers.iter().any(|covered| covered == id));
    let statuses: Vec<Status> = covering.map(|result| result.status).collect();
    let worst = STATUSES.into_iter().find(|status| statuses.contains(status));
    worst.map_or("none", Status::word)
}

fn square(run: &Run, property: &Property) -> Markup {
    let state = state(run, &property.id);
    let told = if state == "none" { "not covered by this run" } else { state };
    let words = format!("{} ({told}): {}", property.id, property.text);
    html! {
        button.square.(state).starred[property.starred] type="button" data-property=(property.id) title=(words) aria-label=(words) {
            (property.id.trim_start_matches('P'))
        }
    }
}

fn legend() -> Markup {
    html! {
        p.legend {
            span.square.pass { "1" } " proven "
            span.square.fail { "1" } " broken "
            span.square.miss { "1" } " no verdict "
            span.square.skip { "1" } " skipped "
            span.square.none { "1" } " not covered "
            span.square.none.starred { "1" } " a step of the classic demo"
        }
    }
}
