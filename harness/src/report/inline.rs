//! A value as a scenario file writes it.

use serde_json::Value;

use super::json::escaped;

/// `{ at = "/uts", not = 1 }`
pub(crate) fn toml(value: &Value) -> String {
    match value {
        Value::Object(table) if table.is_empty() => "{}".into(),
        Value::Object(table) => {
            let pairs = table.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => escaped(&other.to_string()),
    }
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let plain = !name.is_empty() && name.chars().all(bare);
    if plain { name.to_owned() } else { escaped(&Value::from(name).to_string()) }
}
