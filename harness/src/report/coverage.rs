//! How much of the catalogue a run proved.

use super::{Kernel, Outcome, Run};
use crate::catalogue;
use crate::judge::Status;

/// Which properties are proven on every kernel of the run.
pub fn coverage(run: &Run) -> String {
    let on = |kernel: &Kernel| {
        let results: Vec<&Outcome> =
            run.results.iter().filter(|result| result.kernel == kernel.name).collect();
        proven(&results)
    };
    let kernels: Vec<_> = run.kernels.iter().map(on).collect();
    let proven = |property: &&catalogue::Property| {
        !kernels.is_empty() && kernels.iter().all(|proven| proven.contains(&property.id.as_str()))
    };
    let starred = |property: &&catalogue::Property| property.starred;
    let all = catalogue::all();
    format!(
        "properties proven: {} of {}, {} of {} of the classic demo",
        all.iter().filter(proven).count(),
        all.len(),
        all.iter().filter(starred).filter(proven).count(),
        all.iter().filter(starred).count()
    )
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
