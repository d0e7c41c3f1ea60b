//! How much of the catalogue a run proved.

use std::collections::BTreeMap;

use super::details::one_line;
use super::{Kernel, Outcome, Run};
use crate::catalogue;
use crate::diagnostic::plural;
use crate::judge::Status;
use crate::shard::Shard;

/// How much is proven, in a line.
pub fn coverage(run: &Run) -> String {
    let everywhere = proven_everywhere(run);
    let all = catalogue::all();
    let starred = |id: &&str| all.iter().any(|property| property.starred && property.id == **id);
    format!(
        "properties proven: {} of {}, {} of {} of the classic demo",
        everywhere.len(),
        all.len(),
        everywhere.iter().filter(|id| starred(id)).count(),
        all.iter().filter(|property| property.starred).count()
    )
}

/// Returns what has to be said of a run of which nothing passed: it is not green, whatever it did not find. Of a shard it is
/// not said: what is merged of all of them is the run.
pub fn nothing_proven(run: &Run) -> Option<String> {
    let nothing = run.totals.pass == 0 && !run.results.is_empty() && run.shard == Shard::WHOLE;
    nothing.then(|| format!("nothing was proven: {}, none passed", plural(run.results.len(), "result")))
}

/// Returns how many scenarios were skipped, and why most of them: what was skipped proves nothing.
pub fn skipped(run: &Run) -> Option<String> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for result in run.results.iter().filter(|result| result.status == Status::Skip) {
        *reasons.entry(result.reason.as_deref().unwrap_or("no reason was given")).or_default() += 1;
    }
    // Of several that are as common the first by name, in every run.
    let (reason, most) = reasons.into_iter().rev().max_by_key(|(_, count)| *count)?;
    let all = run.totals.skip;
    let of = match most {
        _ if all == 1 => String::new(),
        _ if most == all => "all of them: ".to_owned(),
        _ => format!("{most} of them: "),
    };
    Some(format!(
        "{all} skipped, which prove{} nothing: {of}{}",
        if all == 1 { "s" } else { "" },
        one_line(reason)
    ))
}

/// The properties that are proven on every kernel of the run.
pub(super) fn proven_everywhere(run: &Run) -> Vec<&'static str> {
    let on = |kernel: &Kernel| {
        let results: Vec<&Outcome> =
            run.results.iter().filter(|result| result.kernel == kernel.name).collect();
        proven(&results)
    };
    let mut kernels = run.kernels.iter().map(on);
    let first = kernels.next().unwrap_or_default();
    kernels.fold(first, |both, next| both.into_iter().filter(|id| next.contains(id)).collect())
}

/// The properties that these results prove: a scenario of theirs passed, and none did anything but pass or skip.
pub(crate) fn proven(results: &[&Outcome]) -> Vec<&'static str> {
    let is_proven = |id: &str| {
        let mut passed = false;
        let mut covering = results.iter().filter(|result| result.covers.iter().any(|covered| covered == id));
        covering.all(|result| {
            passed |= result.status == Status::Pass;
            matches!(result.status, Status::Pass | Status::Skip)
        }) && passed
    };
    catalogue::all().iter().map(|property| property.id.as_str()).filter(|id| is_proven(id)).collect()
}
