//! JSON: every fact of a run, for programs.

use super::Run;

/// The whole report, indented, with a newline at its end.
pub fn render(run: &Run) -> String {
    serde_json::to_string_pretty(run).expect("a report is plain data") + "\n"
}
