//! Where two observations of the same step differ.

use std::collections::BTreeMap;

use serde_json::Value;

use super::stable::Naming;

/// One part that differs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Difference {
    /// Parts of the JSON pointer; in place of the index of an element stands what it is known by, if it is: `[/dev/shm]`.
    pub(super) at: Vec<String>,
    /// `None` if it is only there now.
    pub(super) base: Option<Value>,
    /// `None` if it is gone.
    pub(super) new: Option<Value>,
}

/// Names that were given by chance, as they were seen on both sides: the same thing has one name on each.
#[derive(Default)]
pub(super) struct Names {
    new_of: BTreeMap<(Naming, String), String>,
    base_of: BTreeMap<(Naming, String), String>,
}

impl Names {
    pub(super) fn forget(&mut self) {
        *self = Names::default();
    }

    /// Whether both sides may speak of the same thing; they do from now on.
    fn agree(&mut self, naming: &Naming, base: &Value, new: &Value) -> bool {
        let (base, new) = (base.to_string(), new.to_string());
        let known =
            |map: &BTreeMap<_, String>, name: &String| map.get(&(naming.clone(), name.clone())).cloned();
        match (known(&self.new_of, &base), known(&self.base_of, &new)) {
            (None, None) => {
                self.new_of.insert((naming.clone(), base.clone()), new.clone());
                self.base_of.insert((naming.clone(), new), base);
                true
            }
            (Some(partner), _) => partner == new,
            (None, Some(_)) => false,
        }
    }
}

/// Walks two observations at once. `naming` tells which parts are names that were given by chance.
pub(super) struct Walk<'a> {
    pub(super) naming: &'a dyn Fn(&[String], &Value) -> Option<Naming>,
    pub(super) names: &'a mut Names,
    pub(super) found: Vec<Difference>,
}

impl Walk<'_> {
    pub(super) fn walk(&mut self, at: &mut Vec<String>, base: &Value, new: &Value) {
        match (base, new) {
            (Value::Object(_), Value::Object(_)) => self.tables(at, base, new),
            (Value::Array(then), Value::Array(now)) => self.lists(at, then, now),
            (Value::String(then), Value::String(now)) if then.contains('\n') || now.contains('\n') => {
                let lines = |text: &str| text.lines().map(Value::from).collect::<Vec<_>>();
                self.bags(at, &lines(then), &lines(now));
            }
            _ => self.leaves(at, base, new),
        }
    }

    fn leaves(&mut self, at: &[String], base: &Value, new: &Value) {
        let agreed = match ((self.naming)(at, base), (self.naming)(at, new)) {
            (Some(naming), Some(_)) => self.names.agree(&naming, base, new),
            _ => base == new,
        };
        if !agreed {
            self.differ(at, Some(base), Some(new));
        }
    }

    fn differ(&mut self, at: &[String], base: Option<&Value>, new: Option<&Value>) {
        self.found.push(Difference { at: at.to_vec(), base: base.cloned(), new: new.cloned() });
    }

    fn tables(&mut self, at: &mut Vec<String>, base: &Value, new: &Value) {
        let keys =
            |value: &Value| value.as_object().into_iter().flat_map(|table| table.keys().cloned()).collect();
        let (then, now): (Vec<String>, Vec<String>) = (keys(base), keys(new));
        for key in then.iter().chain(now.iter().filter(|key| !then.contains(key))) {
            at.push(key.clone());
            match (base.get(key), new.get(key)) {
                (Some(base), Some(new)) => self.walk(at, base, new),
                (base, new) => self.differ(at, base, new),
            }
            at.pop();
        }
    }

    /// Tables are matched by what they are known by, names by their position, and of all else only what came and went.
    fn lists(&mut self, at: &mut Vec<String>, base: &[Value], new: &[Value]) {
        let all = || base.iter().chain(new);
        if all().all(|item| key_of(item).is_some()) {
            return self.keyed(at, base, new);
        }
        let in_place = all().any(|item| item.is_object() || item.is_array()) || self.has_names(at, base);
        if !in_place {
            return self.bags(at, base, new);
        }
        if base.len() != new.len() {
            return self.differ(at, Some(&base.into()), Some(&new.into()));
        }
        for (index, (base, new)) in base.iter().zip(new).enumerate() {
            at.push(index.to_string());
            self.walk(at, base, new);
            at.pop();
        }
    }

    fn has_names(&self, at: &[String], list: &[Value]) -> bool {
        let mut at = at.to_vec();
        at.push("0".into());
        list.iter().any(|item| (self.naming)(&at, item).is_some())
    }

    fn keyed(&mut self, at: &mut Vec<String>, base: &[Value], new: &[Value]) {
        let mut rest: Vec<&Value> = new.iter().collect();
        for item in base {
            at.push(format!("[{}]", key_of(item).unwrap_or_default()));
            match rest.iter().position(|other| key_of(other) == key_of(item)) {
                Some(index) => self.walk(at, item, rest.remove(index)),
                None => self.differ(at, Some(item), None),
            }
            at.pop();
        }
        for item in rest {
            at.push(format!("[{}]", key_of(item).unwrap_or_default()));
            self.differ(at, None, Some(item));
            at.pop();
        }
    }

    /// The order of such a list is no promise of the kernel.
    fn bags(&mut self, at: &[String], base: &[Value], new: &[Value]) {
        let mut came: Vec<&Value> = new.iter().collect();
        let mut went = Vec::new();
        for item in base {
            match came.iter().position(|other| *other == item) {
                Some(index) => drop(came.remove(index)),
                None => went.push(item),
            }
        }
        went.into_iter().for_each(|item| self.differ(at, Some(item), None));
        came.into_iter().for_each(|item| self.differ(at, None, Some(item)));
    }
}

/// What an element of a list is known by: a mount by its target, a route by where it leads.
fn key_of(item: &Value) -> Option<&str> {
    ["target", "to"].iter().find_map(|key| item.get(key)?.as_str())
}
