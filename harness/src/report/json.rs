//! JSON: every fact of a run, for programs.

use super::Run;
use crate::inline::escaped;

/// The whole report, indented, with a newline at its end.
pub fn render(run: &Run) -> String {
    escaped(&serde_json::to_string_pretty(run).expect("a report is plain data")) + "\n"
}
