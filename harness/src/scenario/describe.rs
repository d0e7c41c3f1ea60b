//! An operation in a few words, as names and reports show it.

use serde_json::Value;

use protocol::operation::Operation;

/// `ping 192.168.47.11`, `shm create 4711`, `set-link interface lo, up true`.
pub fn describe(operation: &Operation) -> String {
    let json = serde_json::to_value(operation).expect("operations are plain data");
    words(&json)
}

fn words(json: &Value) -> String {
    match json {
        Value::String(word) => word.clone(),
        Value::Array(list) => list.iter().map(words).collect::<Vec<_>>().join(" "),
        Value::Object(table) => {
            let said = table.iter().filter(|(_, value)| !is_empty(value));
            let pairs: Vec<String> = said.map(|(key, value)| format!("{key} {}", words(value))).collect();
            pairs.join(", ")
        }
        other => other.to_string(),
    }
}

/// What a file need not write.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
