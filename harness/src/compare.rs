//! What changed from one report to another: verdicts first, then facts that differ although both pass.

mod diff;
mod facts;
mod pairs;
mod render;
mod stable;

use crate::judge::Status;
use crate::report::details::{place_of, sides_of_blamed_step};
use crate::report::{Outcome, Run, proven};

pub use facts::{Behaviour, Fact};
pub use render::{markdown, terminal};

/// Two reports, side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What stands on both sides.
    pub pairs: Vec<Pair>,
    /// Kernels and runtimes of the base that the new report does not have.
    pub gone: Vec<String>,
    /// Kernels and runtimes of the new report that the base does not have.
    pub added: Vec<String>,
}

/// A kernel with a runtime, on both sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The side that is compared with.
    pub base: Side,
    /// The other.
    pub new: Side,
    /// Results that differ.
    pub verdicts: Vec<Change>,
    /// Scenarios that did not pass, the same on both sides.
    pub unchanged: usize,
    /// Properties that were proven on the base, and are not any more.
    pub lost_coverage: Vec<String>,
    /// Scenarios without a result on the new side.
    pub gone: Vec<String>,
    /// Scenarios without a result on the base, and how they ended.
    pub added: Vec<(String, Status)>,
    /// Facts that differ although both sides pass.
    pub behaviour: Vec<Behaviour>,
    /// Scenarios whose facts could not be compared: their text is none that this nsproof understands.
    pub not_understood: Vec<String>,
}

/// One side of a pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// The kernel's name.
    pub kernel: String,
    /// `uname -r`.
    pub release: String,
    /// The runtime's name.
    pub runtime: String,
}

/// A result that is another one now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What that means.
    pub kind: Kind,
    /// Whose result.
    pub scenario: String,
    /// Where it is written, as `FILE:LINE`: the step that did not pass, if there is one.
    pub place: String,
    /// Then.
    pub base: Status,
    /// Now.
    pub new: Status,
    /// Why now, or why then if all is well now.
    pub reason: Option<String>,
    /// Of a regression: what was expected and observed, in plain lines.
    pub details: Vec<String>,
}

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Isolation is broken, and that was not known of the base.
    Regression,
    /// There was a verdict, and there is none now.
    LostVerdict,
    /// It is not tried any more.
    NewSkip,
    /// It passes now.
    Fix,
}

impl Kind {
    /// `None` if nothing changed that means anything: one lost verdict is as good as another.
    fn of(base: Status, new: Status) -> Option<Self> {
        let lost = |status| matches!(status, Status::Error | Status::Miss);
        match new {
            _ if base == new || (lost(base) && lost(new)) => None,
            Status::Pass => Some(Kind::Fix),
            Status::Fail => Some(Kind::Regression),
            Status::Skip => Some(Kind::NewSkip),
            Status::Error | Status::Miss => Some(Kind::LostVerdict),
        }
    }
}

impl Comparison {
    /// Whether the new side is worse: something is broken, or a verdict is gone.
    pub fn is_worse(&self) -> bool {
        let worse = |change: &Change| matches!(change.kind, Kind::Regression | Kind::LostVerdict);
        !self.gone.is_empty()
            || self.pairs.iter().any(|pair| !pair.gone.is_empty() || pair.verdicts.iter().any(worse))
    }
}

/// Why there is nothing to compare, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "said by the messages")]
pub enum Error {
    #[error(
        "the reports have no kernel in common: the base has {base}, the new one {new}; choose with FILE#KERNEL"
    )]
    NoCommonKernel { base: String, new: String },
    #[error("the reports have no runtime in common, or one of them has no result at all")]
    NoCommonRuntime,
    #[error("the report has no kernel `{kernel}`: {help}")]
    NoSuchKernel { kernel: String, help: String },
}

/// Compares two reports. Kernels are paired by name; where each report has exactly one they are paired whatever their names,
/// and so are runtimes.
///
/// # Errors
/// Reports that have no kernel or no runtime in common.
pub fn compare(base: &Run, new: &Run) -> Result<Comparison, Error> {
    let (base, new) = (&base.plain(), &new.plain());
    let kernels = pairs::of(&pairs::kernels(base), &pairs::kernels(new));
    if kernels.both.is_empty() {
        let names = |run| pairs::kernels(run).join(", ");
        return Err(Error::NoCommonKernel { base: names(base), new: names(new) });
    }
    let runtimes = pairs::of(&pairs::runtimes(base), &pairs::runtimes(new));
    if runtimes.both.is_empty() {
        return Err(Error::NoCommonRuntime);
    }
    let mut pairs = Vec::new();
    for (base_kernel, new_kernel) in &kernels.both {
        for (base_runtime, new_runtime) in &runtimes.both {
            pairs.push(pair(
                Column::of(base, base_kernel, base_runtime),
                Column::of(new, new_kernel, new_runtime),
            ));
        }
    }
    let told = |kernels: &[&str], runtimes: &[&str]| -> Vec<String> {
        let kernels = kernels.iter().map(|name| format!("kernel {name}"));
        kernels.chain(runtimes.iter().map(|name| format!("runtime {name}"))).collect()
    };
    Ok(Comparison {
        pairs,
        gone: told(&kernels.only_base, &runtimes.only_base),
        added: told(&kernels.only_new, &runtimes.only_new),
    })
}

/// The part of a report that one kernel has.
///
/// # Errors
/// A kernel that is not in the report.
pub fn only(mut run: Run, kernel: &str) -> Result<Run, Error> {
    let names = pairs::kernels(&run);
    if !names.contains(&kernel) {
        let help = crate::diagnostic::suggest(kernel, "kernel", &names);
        return Err(Error::NoSuchKernel { kernel: kernel.to_owned(), help });
    }
    run.kernels.retain(|other| other.name == kernel);
    run.results.retain(|result| result.kernel == kernel);
    Ok(run)
}

/// The results of one kernel with one runtime.
struct Column<'a> {
    run: &'a Run,
    side: Side,
    results: Vec<&'a Outcome>,
}

impl<'a> Column<'a> {
    fn of(run: &'a Run, kernel: &str, runtime: &str) -> Self {
        let release = run.kernels.iter().find(|other| other.name == kernel).map(|kernel| &kernel.release);
        let side = Side {
            kernel: kernel.to_owned(),
            release: release.cloned().unwrap_or_default(),
            runtime: runtime.to_owned(),
        };
        let results =
            run.results.iter().filter(|result| result.kernel == kernel && result.runtime == runtime);
        Column { run, side, results: results.collect() }
    }

    fn find(&self, scenario: &str) -> Option<&'a Outcome> {
        self.results.iter().find(|result| result.scenario == scenario).copied()
    }

    /// Names of those that the other one does not have.
    fn without<'s>(&'s self, other: &'s Column<'a>) -> impl Iterator<Item = &'a Outcome> + 's {
        self.results.iter().copied().filter(|result| other.find(&result.scenario).is_none())
    }
}

fn pair(base: Column<'_>, new: Column<'_>) -> Pair {
    let mut pair = Pair {
        base: base.side.clone(),
        new: new.side.clone(),
        verdicts: Vec::new(),
        unchanged: 0,
        lost_coverage: lost_coverage(&base, &new),
        gone: base.without(&new).map(|result| result.scenario.clone()).collect(),
        added: new.without(&base).map(|result| (result.scenario.clone(), result.status)).collect(),
        behaviour: Vec::new(),
        not_understood: Vec::new(),
    };
    let mut facts = Vec::new();
    for now in &new.results {
        let Some(then) = base.find(&now.scenario) else { continue };
        match Kind::of(then.status, now.status) {
            Some(kind) => pair.verdicts.push(change(kind, &base, &new, then, now)),
            None if now.status != Status::Pass => pair.unchanged += 1,
            None => match facts::of(base.run, new.run, then, now) {
                Some(found) => facts.extend(found),
                None => pair.not_understood.push(now.scenario.clone()),
            },
        }
    }
    pair.behaviour = facts::grouped(facts);
    pair
}

fn change(kind: Kind, base: &Column<'_>, new: &Column<'_>, then: &Outcome, now: &Outcome) -> Change {
    let (run, told) = if kind == Kind::Fix { (base.run, then) } else { (new.run, now) };
    Change {
        kind,
        scenario: now.scenario.clone(),
        place: place_of(run, told),
        base: then.status,
        new: now.status,
        reason: told.reason.clone(),
        details: if kind == Kind::Regression { sides_of_blamed_step(run, told) } else { Vec::new() },
    }
}

fn lost_coverage(base: &Column<'_>, new: &Column<'_>) -> Vec<String> {
    let now = proven(&new.results);
    proven(&base.results).into_iter().filter(|id| !now.contains(id)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
