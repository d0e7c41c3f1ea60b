//! What of two reports belongs together.

use crate::report::Run;

/// Names of two sides.
pub(super) struct Paired<'a> {
    pub(super) both: Vec<(&'a str, &'a str)>,
    pub(super) only_base: Vec<&'a str>,
    pub(super) only_new: Vec<&'a str>,
}

/// By name; where each side has exactly one, they belong together whatever they are called.
pub(super) fn of<'a>(base: &[&'a str], new: &[&'a str]) -> Paired<'a> {
    if let ([base], [new]) = (base, new) {
        return Paired { both: vec![(base, new)], only_base: Vec::new(), only_new: Vec::new() };
    }
    let without = |these: &[&'a str], others: &[&str]| {
        these.iter().copied().filter(|name| !others.contains(name)).collect::<Vec<_>>()
    };
    let both = base.iter().filter(|name| new.contains(name)).map(|name| (*name, *name));
    Paired { both: both.collect(), only_base: without(base, new), only_new: without(new, base) }
}

pub(super) fn kernels(run: &Run) -> Vec<&str> {
    run.kernels.iter().map(|kernel| kernel.name.as_str()).collect()
}

/// In the order in which they first appear.
pub(super) fn runtimes(run: &Run) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for result in &run.results {
        if !names.contains(&result.runtime.as_str()) {
            names.push(&result.runtime);
        }
    }
    names
}
