//! JSON: every fact of a run, for programs.

use super::{Run, SCHEMA};

/// The whole report, indented, with a newline at its end.
pub fn render(run: &Run) -> String {
    serde_json::to_string_pretty(run).expect("a report is plain data") + "\n"
}

/// Reads a report back.
///
/// # Errors
/// A text that is no report, or one of another schema.
pub fn parse(text: &str) -> Result<Run, String> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    match value.get("schema").and_then(serde_json::Value::as_u64) {
        Some(schema) if schema == u64::from(SCHEMA) => {}
        Some(schema) => return Err(format!("the report has schema {schema}, this nsproof reads {SCHEMA}")),
        None => return Err("this is not a report of nsproof: it has no schema".into()),
    }
    serde_json::from_value(value).map_err(|error| format!("a damaged report: {error}"))
}
