//! How much of the catalogue a run proved.

use super::Run;
use crate::catalogue;
use crate::judge::Status;

/// Which properties are proven on every kernel of the run: a scenario of theirs passed, and none did anything but pass or skip.
pub fn coverage(run: &Run) -> String {
    let all = catalogue::all();
    let on = |kernel: &str, id: &str| {
        let of_kernel = run.results.iter().filter(|result| result.kernel == kernel);
        let mut statuses = of_kernel.filter(|result| result.covers.iter().any(|covered| covered == id));
        let mut passed = false;
        statuses.all(|result| {
            passed |= result.status == Status::Pass;
            matches!(result.status, Status::Pass | Status::Skip)
        }) && passed
    };
    let proven = |property: &&catalogue::Property| {
        !run.kernels.is_empty() && run.kernels.iter().all(|kernel| on(&kernel.name, &property.id))
    };
    let starred = |property: &&catalogue::Property| property.starred;
    format!(
        "properties proven: {} of {}, {} of {} of the classic demo",
        all.iter().filter(proven).count(),
        all.len(),
        all.iter().filter(starred).filter(proven).count(),
        all.iter().filter(starred).count()
    )
}
