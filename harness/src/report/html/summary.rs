//! What is seen first: how it ended, the kernels, the properties, and the filters.

use maud::{Markup, html};

use crate::catalogue::{self, Property};
use crate::diagnostic::plural;
use crate::judge::Status;
use crate::report::coverage::{coverage, proven_everywhere};
use crate::report::{Kernel, Outcome, Run};

/// The statuses, those to look at first first.
pub(super) const STATUSES: [Status; 5] =
    [Status::Fail, Status::Miss, Status::Error, Status::Skip, Status::Pass];

/// How it ended, in a sentence, and as one status. What a baseline knows of is no news.
pub(super) fn headline(run: &Run) -> (Status, String) {
    let all = plural(run.results.len(), "result");
    let count = |is: &dyn Fn(&Outcome) -> bool| run.results.iter().filter(|result| is(result)).count();
    let bad = |status| count(&|result| result.status == status && result.is_bad());
    let (broken, lost, fixed) =
        (bad(Status::Fail), bad(Status::Error) + bad(Status::Miss), bad(Status::Pass));
    let passed = run.totals.pass;
    if broken > 0 {
        (Status::Fail, format!("Isolation is broken in {broken} of {all}"))
    } else if lost > 0 {
        (Status::Miss, format!("No verdict in {lost} of {all}"))
    } else if fixed > 0 {
        (Status::Fail, format!("{fixed} of {all} passed where the baseline expects a failure"))
    } else if passed == 0 {
        (Status::Skip, format!("Nothing was proven: {all}, none passed"))
    } else if passed == run.results.len() {
        (Status::Pass, format!("Isolation holds: all of {all} passed"))
    } else {
        let known = count(&|result| result.status == Status::Fail);
        let known = if known > 0 { format!(", {known} failed as known") } else { String::new() };
        let skipped = run.totals.skip;
        (Status::Pass, format!("Isolation holds: {passed} of {all} passed, {skipped} skipped{known}"))
    }
}

pub(super) fn render(run: &Run) -> Markup {
    let totals = &run.totals;
    let (status, headline) = headline(run);
    let proven = proven_everywhere(run);
    html! {
        header class={ "top " (status.word()) } {
            p.brand { "nsproof " (run.nsproof) " · " time { (run.started) } }
            h1 { (headline) }
            (bar(&run.results))
            p.coverage { (coverage(run)) }
        }
        section.kernels aria-label="Kernels" {
            @for kernel in &run.kernels { (card(run, kernel)) }
        }
        details.properties {
            summary { "Properties" small { " one square each; click to see what proves it" } }
            div.squares {
                @for property in catalogue::all() { (square(run, property, &proven)) }
            }
            (legend())
        }
        form.filters role="search" aria-label="Filters" {
            input #text type="search" placeholder="Filter: scenario, property, words" aria-label="Filter by text" autocomplete="off" spellcheck="false";
            div.chips role="group" aria-label="Status" {
                @for status in STATUSES {
                    button.chip.(status.word()) type="button" data-status=(status.word()) aria-pressed="false" {
                        (tile(status)) " " (status.word()) " " b { (totals.get(status)) }
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
    let release = kernel.shown_release();
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
                dt { @if kernel.has_machine() { (kernel.accel) } @else { "no machine" } }
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
                @for blind in kernel.blindness() {
                    dt { "blind" }
                    dd { (blind) }
                }
            }
        }
    }
}

/// How the results that cover a property ended: the word of a status, or `none`. One kernel where nothing passed is enough that
/// it isn't proven.
fn state(run: &Run, id: &str, proven: &[&str]) -> &'static str {
    let covering = run.results.iter().filter(|result| result.covers.iter().any(|covered| covered == id));
    let statuses: Vec<Status> = covering.map(|result| result.status).collect();
    let bad = STATUSES.into_iter().find(|status| *status != Status::Pass && statuses.contains(status));
    match bad {
        _ if proven.contains(&id) => Status::Pass.word(),
        Some(status) => status.word(),
        None if statuses.is_empty() => "none",
        // It passed, but not on every kernel.
        None => Status::Skip.word(),
    }
}

fn square(run: &Run, property: &Property, proven: &[&str]) -> Markup {
    let state = state(run, &property.id, proven);
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
