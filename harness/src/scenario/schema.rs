//! The JSON schema of scenario files: what an editor completes, and marks as wrong while it is typed. What takes more than one
//! value to tell (a container that nobody looks at, a step that refers to a later one), the loader tells.

use std::collections::BTreeMap;

use protocol::operation::Operation;
use protocol::plan::Need;
use runtime::spec::Spec;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::{Value, json};

use super::check::RESERVED;
use super::expect::MATCHERS;
use super::words::{ERRNOS, SIGNALS};
use crate::catalogue;

/// A scenario of nsproof: what is built, what is done, and what is expected. scenarios/README.md describes the language.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "only described: the loader reads files so that it can tell the place of a mistake"
)]
struct File {
    /// What holds, in one plain sentence.
    #[schemars(regex(pattern = r"^[^\n]*\S[^\n]*$"))]
    about: String,
    /// The properties of the catalogue that it proves.
    #[serde(default)]
    #[schemars(schema_with = "properties")]
    covers: Vec<String>,
    /// What must be there, else the scenario is skipped. The namespaces of its containers and steps are understood.
    #[serde(default)]
    needs: Vec<Need>,
    /// The longest time that it may take, 20 s if nothing is said: `"500ms"`, `"5s"`, `"2m"`.
    #[schemars(regex(pattern = r"^0*[1-9][0-9]*(ms|s|m)$"))]
    deadline: Option<String>,
    /// The containers, by name, in the order in which they are built.
    #[serde(default)]
    #[schemars(schema_with = "containers")]
    container: BTreeMap<String, Spec>,
    /// What is done, in order.
    #[schemars(length(min = 1))]
    step: Vec<Step>,
}

/// One step.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "as above")]
struct Step {
    /// What later steps and reports call it.
    name: Option<String>,
    /// Who acts: `"host"`, or a container's name.
    r#in: String,
    /// `"exec"`: by a fresh process that joined the container.
    #[serde(default)]
    #[schemars(schema_with = "exec")]
    via: Option<String>,
    /// What is done: a word, or a table with one key.
    r#do: Operation,
    /// What must come of it; success, whatever the value, if nothing is said.
    #[serde(default)]
    #[schemars(schema_with = "expectation")]
    expect: Option<Value>,
}

fn properties(_: &mut SchemaGenerator) -> Schema {
    let ids: Vec<Value> = catalogue::all()
        .iter()
        .map(|property| json!({ "const": property.id, "description": property.text }))
        .collect();
    json_schema!({ "type": "array", "uniqueItems": true, "items": { "oneOf": ids } })
}

fn containers(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": super::parse::CONTAINERS,
        "propertyNames": { "pattern": "^[a-z0-9-]*[a-z-][a-z0-9-]*$", "not": { "enum": RESERVED } },
        "additionalProperties": generator.subschema_for::<Spec>(),
    })
}

fn exec(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "const": "exec" })
}

/// A literal, a table of matchers, or a list of such tables. A list with anything else in it is a literal.
fn expectation(generator: &mut SchemaGenerator) -> Schema {
    let matcher = generator.subschema_for::<Matcher>();
    json_schema!({ "anyOf": [
        { "type": ["boolean", "number", "string"] },
        matcher,
        { "type": "array", "minItems": 1, "items": matcher },
        { "type": "array", "maxItems": 0 },
        { "type": "array", "contains": { "not": { "type": "object" } } },
    ] })
}

/// The table of matchers.
struct Matcher;

impl JsonSchema for Matcher {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Matcher".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words: serde_json::Map<_, _> =
            MATCHERS.iter().map(|word| ((*word).to_owned(), matcher(generator, word))).collect();
        let some: Vec<Value> =
            MATCHERS.iter().filter(|word| **word != "at").map(|word| json!({ "required": [word] })).collect();
        json_schema!({
            "type": "object",
            "description": "What must hold of the value, all of it. A table itself is expected by `is`.",
            "properties": words,
            "additionalProperties": false,
            "anyOf": some,
        })
    }
}

fn matcher(generator: &mut SchemaGenerator, word: &str) -> Value {
    let not_empty = json!({ "not": { "enum": ["", [], {}] } });
    let (words, mut schema) = match word {
        "is" => ("Equal to this.", json!({})),
        "not" => ("There is a value, and it is not this.", json!({})),
        "contains" => {
            ("The text has this part, the list this element, the table this key or these entries.", not_empty)
        }
        "lacks" => ("There is a text, list or table, and nothing of this is in it.", not_empty),
        "any-of" => {
            let one = expectation(generator);
            ("One of these.", json!({ "type": "array", "minItems": 1, "items": one }))
        }
        "matches" => {
            ("The text has a part that this regular expression describes.", json!({ "type": "string" }))
        }
        "at-least" => {
            ("The number, or the length of the list, is this or more.", json!({ "type": "number" }))
        }
        "at-most" => ("The number, or the length of the list, is this or less.", json!({ "type": "number" })),
        "errno" => ("The kernel refuses with this errno.", json!({ "enum": ERRNOS })),
        "same-as" => ("Equal to what the earlier step of this name saw.", json!({ "type": "string" })),
        "differs-from" => ("Other than what the earlier step of this name saw.", json!({ "type": "string" })),
        "at" => {
            let pointer = json!({ "type": "string", "pattern": "^/([^~]|~[01])*$" });
            ("The part that is looked at, by a JSON pointer: `/lo/up`.", pointer)
        }
        other => unreachable!("the matcher `{other}` has no schema"),
    };
    schema["description"] = words.into();
    schema
}

/// Returns the schema of scenario files. JSON Schema draft 7, which editors of TOML understand.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<File>().to_value();
    schema["title"] = "A scenario of nsproof".into();
    forget_null(&mut schema);
    let capabilities: Vec<String> = runtime::caps::names().iter().map(|name| format!("CAP_{name}")).collect();
    let (ipv4, ipv6) = (json!({ "format": "ipv4" }), json!({ "format": "ipv6" }));
    narrow(&mut schema, "Kill", "signal", json!({ "enum": SIGNALS }));
    narrow(&mut schema, "Install", "mode", json!({ "pattern": "^0*[0-7]{1,4}$" }));
    narrow(&mut schema, "Syscall", "args", json!({ "maxItems": 6 }));
    for (place, name) in [("AddAddress", "interface"), ("SetLink", "interface")] {
        narrow(&mut schema, place, name, json!({ "pattern": INTERFACE }));
    }
    for operation in schema["definitions"]["Operation"]["oneOf"].as_array_mut().into_iter().flatten() {
        let Some(properties) = operation.get_mut("properties").and_then(Value::as_object_mut) else {
            continue;
        };
        for (word, argument) in properties {
            match word.as_str() {
                "exercise" => argument["enum"] = json!(capabilities),
                "ping" => argument["anyOf"] = json!([ipv4, ipv6]),
                "add-dummy" | "remove-link" => argument["pattern"] = INTERFACE.into(),
                _ => {}
            }
        }
    }
    schema
}

/// An interface's name. IFNAMSIZ less the terminator.
const INTERFACE: &str = "^[^/ :]{1,15}$";

/// TOML has no null: what may be left out is simply not written.
fn forget_null(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            for words in ["type", "anyOf"] {
                let Some(Value::Array(list)) = fields.get_mut(words) else { continue };
                list.retain(|one| *one != json!("null") && *one != json!({ "type": "null" }));
            }
            fields.values_mut().for_each(forget_null);
        }
        Value::Array(list) => list.iter_mut().for_each(forget_null),
        _ => {}
    }
}

/// Says more of a field of a definition than its type does.
fn narrow(schema: &mut Value, definition: &str, field: &str, more: Value) {
    let place = &mut schema["definitions"][definition]["properties"][field];
    let (Some(place), Value::Object(more)) = (place.as_object_mut(), more) else {
        unreachable!("{definition} has no field `{field}`");
    };
    place.extend(more);
}
