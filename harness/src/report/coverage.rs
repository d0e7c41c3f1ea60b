//! How much of the catalogue a run proved.

use super::{Kernel, Outcome, Run};
use crate::catalogue;
use crate::judge::Status;

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
