//! What a step may expect, and whether an observation is that.

use std::cmp::Ordering;

use regex::Regex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What must hold of an outcome. Every matcher but `Errno` needs a value: an absent one never satisfies it.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal to this.
    Is(Value),
    /// There is a value, and it is not this.
    Not(Value),
    /// A text has this part; a list has this element (or all of this list's); a table has this key, or all of this
    /// table's entries. An element that is a table may have more keys than asked for.
    Contains(Value),
    /// There is a text, list or table, and it contains nothing of this.
    Lacks(Value),
    /// At least one of these.
    AnyOf(Vec<Matcher>),
    /// All of these.
    AllOf(Vec<Matcher>),
    /// The text has a part that this regular expression describes.
    Matches(Regex),
    /// The number is this or greater; the list has this many elements or more.
    AtLeast(f64),
    /// The number is this or smaller; the list has this many elements or fewer.
    AtMost(f64),
    /// The kernel refused with this errno.
    Errno(String),
    /// Equal to the same part of what an earlier step observed.
    SameAs(String),
    /// Not equal to the same part of what an earlier step observed; both are there.
    DiffersFrom(String),
    /// The part at this JSON pointer satisfies the matcher.
    At(String, Box<Matcher>),
}

/// A matcher that does not hold, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mismatch {
    /// JSON pointer to the part that was looked at; empty for the whole.
    pub at: String,
    /// The matcher as a scenario writes it.
    pub expected: Value,
    /// What was there; `None` if nothing was.
    pub observed: Option<Value>,
}

/// What a matcher looks at.
#[derive(Debug, Clone, Copy)]
pub enum Observed<'a> {
    /// A value.
    Value(&'a Value),
    /// A refusal, and the words that came with it.
    Errno(&'a str, Option<&'a str>),
    /// The JSON pointer leads nowhere.
    Nothing,
}

impl Observed<'_> {
    /// As a report shows it.
    pub fn to_json(self) -> Option<Value> {
        match self {
            Observed::Value(value) => Some(value.clone()),
            Observed::Errno(errno, None) => Some(json!({ "errno": errno })),
            Observed::Errno(errno, Some(words)) => Some(json!({ "errno": errno, "failure": words })),
            Observed::Nothing => None,
        }
    }

    fn value(&self) -> Option<&Value> {
        match self {
            Observed::Value(value) => Some(value),
            _ => None,
        }
    }

    /// What a regular expression is tried on: a text, or the words of a refusal.
    fn words(&self) -> Option<&str> {
        match self {
            Observed::Value(value) => value.as_str(),
            Observed::Errno(_, words) => *words,
            Observed::Nothing => None,
        }
    }
}

/// Gives what an earlier step observed, by the step's name.
pub type Earlier<'a> = &'a dyn Fn(&str) -> Option<Value>;

impl Matcher {
    /// Every part that does not hold; none if the observation satisfies the matcher.
    pub fn mismatches(&self, observed: Observed<'_>, earlier: Earlier<'_>) -> Vec<Mismatch> {
        self.walk("", observed, earlier)
    }

    fn walk(&self, at: &str, observed: Observed<'_>, earlier: Earlier<'_>) -> Vec<Mismatch> {
        match self {
            Matcher::AllOf(all) => all.iter().flat_map(|one| one.walk(at, observed, earlier)).collect(),
            Matcher::At(pointer, inner) => {
                let part = observed.value().and_then(|value| value.pointer(pointer));
                inner.walk(
                    &format!("{at}{pointer}"),
                    part.map_or(Observed::Nothing, Observed::Value),
                    earlier,
                )
            }
            _ if self.holds(at, observed, earlier) => Vec::new(),
            _ => {
                let expected = self.shown(at, earlier);
                vec![Mismatch { at: at.to_owned(), expected, observed: observed.to_json() }]
            }
        }
    }

    fn holds(&self, at: &str, observed: Observed<'_>, earlier: Earlier<'_>) -> bool {
        let then = |step: &str| earlier(step).and_then(|value| value.pointer(at).cloned());
        match (self, observed) {
            (Matcher::AnyOf(any), _) => any.iter().any(|one| one.walk(at, observed, earlier).is_empty()),
            (Matcher::AllOf(_) | Matcher::At(..), _) => self.walk(at, observed, earlier).is_empty(),
            (Matcher::Matches(regex), _) => observed.words().is_some_and(|words| regex.is_match(words)),
            (Matcher::Errno(wanted), Observed::Errno(errno, _)) => wanted == errno,
            (Matcher::Not(unwanted), Observed::Value(value)) => !equal(unwanted, value),
            (Matcher::Is(wanted), Observed::Value(value)) => equal(wanted, value),
            (Matcher::Contains(wanted), Observed::Value(value)) => contains(value, wanted) == Some(true),
            (Matcher::Lacks(unwanted), Observed::Value(value)) => lacks(value, unwanted),
            (Matcher::AtLeast(limit), Observed::Value(value)) => {
                size(value).is_some_and(|size| size.total_cmp(limit) != Ordering::Less)
            }
            (Matcher::AtMost(limit), Observed::Value(value)) => {
                size(value).is_some_and(|size| size.total_cmp(limit) != Ordering::Greater)
            }
            (Matcher::SameAs(step), Observed::Value(value)) => {
                then(step).is_some_and(|then| equal(&then, value))
            }
            (Matcher::DiffersFrom(step), Observed::Value(value)) => {
                then(step).is_some_and(|then| !equal(&then, value))
            }
            (_, Observed::Errno(..) | Observed::Nothing) => false,
            (Matcher::Errno(_), Observed::Value(_)) => false,
        }
    }

    /// As a scenario writes it; what an earlier step observed is added, so that both sides can be seen.
    fn shown(&self, at: &str, earlier: Earlier<'_>) -> Value {
        let mut shown = self.to_json();
        if let (Matcher::SameAs(step) | Matcher::DiffersFrom(step), Value::Object(table)) = (self, &mut shown)
        {
            let then = earlier(step).and_then(|value| value.pointer(at).cloned());
            table.insert("which-is".into(), then.unwrap_or(Value::Null));
        }
        shown
    }

    /// As a scenario writes it.
    pub fn to_json(&self) -> Value {
        let list = |all: &[Matcher]| all.iter().map(Matcher::to_json).collect::<Vec<_>>();
        match self {
            Matcher::Is(value @ Value::Object(_)) => json!({ "is": value }),
            Matcher::Is(value) => value.clone(),
            Matcher::Not(value) => json!({ "not": value }),
            Matcher::Contains(value) => json!({ "contains": value }),
            Matcher::Lacks(value) => json!({ "lacks": value }),
            Matcher::AnyOf(any) => json!({ "any-of": list(any) }),
            Matcher::AllOf(all) => together(list(all)),
            Matcher::Matches(regex) => json!({ "matches": regex.as_str() }),
            Matcher::AtLeast(limit) => json!({ "at-least": number(*limit) }),
            Matcher::AtMost(limit) => json!({ "at-most": number(*limit) }),
            Matcher::Errno(errno) => json!({ "errno": errno }),
            Matcher::SameAs(step) => json!({ "same-as": step }),
            Matcher::DiffersFrom(step) => json!({ "differs-from": step }),
            Matcher::At(pointer, inner) => together(vec![json!({ "at": pointer }), keyed(inner.to_json())]),
        }
    }
}

/// A literal as a matcher table.
fn keyed(shown: Value) -> Value {
    if shown.is_object() { shown } else { json!({ "is": shown }) }
}

/// Several matcher tables as one, where no key comes twice.
fn together(tables: Vec<Value>) -> Value {
    let mut merged = serde_json::Map::new();
    for table in &tables {
        let Value::Object(table) = keyed(table.clone()) else { return tables.into() };
        for (key, value) in table {
            if merged.insert(key, value).is_some() {
                return tables.into();
            }
        }
    }
    merged.into()
}

/// A whole number without a fraction.
fn number(limit: f64) -> Value {
    if limit.fract() == 0.0 && limit.abs() < 2f64.powi(53) { json!(limit as i64) } else { json!(limit) }
}

/// Equal, whatever the numbers' representation.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => a == b,
    }
}

/// `None` if the question makes no sense for such a value.
fn contains(value: &Value, wanted: &Value) -> Option<bool> {
    match (value, wanted) {
        (Value::String(text), Value::String(part)) => Some(text.contains(part.as_str())),
        (Value::Array(list), Value::Array(all)) => Some(all.iter().all(|one| has(list, one))),
        (Value::Array(list), one) => Some(has(list, one)),
        (Value::Object(table), Value::String(key)) => Some(table.contains_key(key)),
        (Value::Object(table), Value::Array(keys)) => {
            Some(keys.iter().all(|key| key.as_str().is_some_and(|key| table.contains_key(key))))
        }
        (Value::Object(_), Value::Object(_)) => Some(covers(value, wanted)),
        _ => None,
    }
}

fn has(list: &[Value], wanted: &Value) -> bool {
    list.iter().any(|element| covers(element, wanted))
}

/// Equal, but a table may have more keys than wanted.
fn covers(value: &Value, wanted: &Value) -> bool {
    match (value, wanted) {
        (Value::Object(value), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| value.get(key).is_some_and(|value| covers(value, wanted)))
        }
        _ => equal(value, wanted),
    }
}

fn lacks(value: &Value, unwanted: &Value) -> bool {
    match unwanted {
        Value::Array(all) => all.iter().all(|one| contains(value, one) == Some(false)),
        one => contains(value, one) == Some(false),
    }
}

fn size(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Array(list) => Some(list.len() as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
