//! Reads a scenario file.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use runtime::spec::Spec;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::check::{self, Container, Draft, RESERVED};
use super::expect::{self, Around};
use super::reader::{Node, Reader};
use super::{Scenario, Step, describe, needs};
use crate::catalogue;
use crate::diagnostic::{Diagnostic, nearest};
use protocol::operation::Operation;
use protocol::plan::{Actor, NamedSpec};

const KEYS: &[&str] = &["about", "covers", "needs", "deadline", "container", "step"];
const STEP_KEYS: &[&str] = &["name", "in", "via", "do", "expect"];
/// A scenario of a second or two, on an emulated and busy machine.
const DEADLINE_MS: u64 = 20_000;
const LONGEST_MS: u64 = 3_600_000;
/// Containers of one scenario: each is looked at beside each.
pub(super) const CONTAINERS: usize = 100;

pub(super) fn scenario(name: &str, mut reader: Reader) -> Result<Scenario, Vec<Diagnostic>> {
    let text = reader.text();
    let Some(document) = reader.document(&text) else { return Err(reader.into_problems()) };
    let table = document.get_ref();
    reader.only(table, KEYS);
    let mut scenario = Scenario {
        name: name.to_owned(),
        file: reader.file().to_owned(),
        about: about(&mut reader, table).unwrap_or_default(),
        covers: covers(&mut reader, table),
        needs: needs::said(&mut reader, table),
        deadline_ms: deadline(&mut reader, table).unwrap_or(DEADLINE_MS),
        containers: Vec::new(),
        steps: Vec::new(),
        text: reader.text(),
    };
    let containers = containers(&mut reader, table);
    let drafts = drafts(&mut reader, table, &containers);
    check::containers(&mut reader, &containers, &drafts);
    check::steps(&mut reader, &containers, &drafts);
    proves(&mut reader, table, &containers);
    scenario.steps = steps(&mut reader, &drafts);
    let problems = reader.into_problems();
    if !problems.is_empty() {
        return Err(problems);
    }
    let named = |container: Container<'_, '_>| NamedSpec { name: container.name, spec: container.spec };
    scenario.containers = containers.into_iter().map(named).collect();
    for need in needs::implied(&scenario.containers, &scenario.steps) {
        if !scenario.needs.contains(&need) {
            scenario.needs.push(need);
        }
    }
    Ok(scenario)
}

fn about(reader: &mut Reader, table: &DeTable<'_>) -> Option<String> {
    let help =
        "say in one plain sentence what holds: about = \"A container's hostname is its own.\"".to_owned();
    let Some(node) = table.get("about") else {
        reader.problem(0..0, "`about` is missing", "a scenario begins with it", help);
        return None;
    };
    let text = reader.text_of(node)?;
    if text.trim().is_empty() || text.contains('\n') {
        reader.problem(node.span(), "`about` is one line of text", "not one line", help);
    }
    Some(text)
}

fn covers(reader: &mut Reader, table: &DeTable<'_>) -> Vec<String> {
    let Some(list) = table.get("covers").and_then(|node| reader.list(node)) else { return Vec::new() };
    let mut ids: Vec<String> = Vec::new();
    let mut listed = HashSet::new();
    for node in list {
        let Some(id) = reader.text_of(node) else { continue };
        if reader.is_full() {
            break;
        }
        if catalogue::find(&id).is_none() {
            reader.problem(
                node.span(),
                format!("unknown property `{id}`"),
                "not in the catalogue",
                property_help(&id),
            );
        } else if !listed.insert(id.clone()) {
            reader.problem(node.span(), format!("the property `{id}` is listed twice"), "here again", None);
        }
        ids.push(id);
    }
    ids
}

/// A property is one of containers: without any, nothing of it can be seen.
fn proves(reader: &mut Reader, table: &DeTable<'_>, containers: &[Container<'_, '_>]) {
    let Some(node) = table.get("covers") else { return };
    let claims = node.get_ref().as_array().is_some_and(|list| !list.is_empty());
    if claims && containers.is_empty() && reader.is_clean() {
        let help = "build the container that has it: [container.box]; or remove `covers`".to_owned();
        reader.problem(node.span(), "a property is claimed, and there is no container", "of what?", help);
    }
}

/// Ids are all alike, so that the nearest is only told with what it is.
fn property_help(id: &str) -> String {
    let ids: Vec<&str> = catalogue::all().iter().map(|property| property.id.as_str()).collect();
    let last = ids.last().copied().unwrap_or_default();
    match nearest(id, &ids).and_then(catalogue::find) {
        Some(near) => format!("did you mean `{}` ({})? The ids go from P1 to {last}", near.id, near.text),
        None => format!("the ids go from P1 to {last}; harness/catalogue.toml lists them"),
    }
}

/// `"500ms"`, `"5s"`, `"2m"`.
fn deadline(reader: &mut Reader, table: &DeTable<'_>) -> Option<u64> {
    let node = table.get("deadline")?;
    let text = reader.text_of(node)?;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = match &text[digits.len()..] {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        _ => None,
    };
    let read = digits.parse::<u64>().ok().zip(unit).map(|(count, unit)| count.saturating_mul(unit));
    match read {
        None | Some(0) => {
            let help = "write a whole number with ms, s or m: \"500ms\", \"5s\"".to_owned();
            reader.problem(node.span(), format!("`{text}` is not a time"), "not a time", help);
        }
        Some(ms) if ms > LONGEST_MS => {
            let help = "a scenario is over in an hour at most: \"60m\"".to_owned();
            reader.problem(node.span(), format!("`{text}` is too long a time"), "more than an hour", help);
        }
        Some(_) => {}
    }
    read
}

fn containers<'n, 'i>(reader: &mut Reader, table: &'n DeTable<'i>) -> Vec<Container<'n, 'i>> {
    let Some(tables) = table.get("container").and_then(|node| reader.table(node)) else { return Vec::new() };
    let mut written: Vec<_> = tables.iter().collect();
    // The parser sorts tables by key: the file's order is that of the spans.
    written.sort_by_key(|(key, _)| key.span().start);
    if written.len() > CONTAINERS {
        let message = format!("{} containers are too many", written.len());
        let help = format!("a scenario has at most {CONTAINERS}: make several scenarios of this one");
        reader.problem(written[0].0.span(), message, "the first of them", help);
        written.truncate(CONTAINERS);
    }
    written.into_iter().map(|(key, node)| container(reader, key, node)).collect()
}

fn container<'n, 'i>(
    reader: &mut Reader,
    key: &Spanned<std::borrow::Cow<'i, str>>,
    node: &'n Node<'i>,
) -> Container<'n, 'i> {
    let name = key.get_ref().to_string();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if RESERVED.contains(&name.as_str()) {
        reader.problem(
            key.span(),
            format!("a container cannot be called `{name}`"),
            "this name has a meaning",
            None,
        );
    } else if name.is_empty() || !name.chars().all(plain) {
        let help = "use small letters, digits and `-`".to_owned();
        reader.problem(key.span(), format!("`{name}` is not a name for a container"), "not a name", help);
    } else if name.chars().all(|c| c.is_ascii_digit()) {
        // In `join` it would be a process's.
        let help = "begin it with a letter".to_owned();
        reader.problem(key.span(), format!("`{name}` is not a name for a container"), "a number", help);
    }
    let (spec, whole) = spec(reader, node);
    Container { name, spec, whole, key: key.span(), node }
}

/// Reads key by key, so that the problems of all keys are told; gives what could be read, and whether that is all.
fn spec(reader: &mut Reader, node: &Node<'_>) -> (Spec, bool) {
    let Some(table) = reader.table(node) else { return (Spec::default(), false) };
    let mut good = DeTable::new();
    for (key, value) in table {
        let pair = (key.clone(), value.clone());
        if reader.typed::<Spec>("container", &as_table(node, DeTable::from_iter([pair.clone()]))).is_some() {
            good.insert(pair.0, pair.1);
        }
    }
    let whole = good.len() == table.len();
    let spec = reader.typed("container", &as_table(node, good));
    (spec.unwrap_or_default(), whole)
}

fn as_table<'i>(node: &Node<'i>, table: DeTable<'i>) -> Node<'i> {
    Spanned::new(node.span(), DeValue::Table(table))
}

/// Steps without their expectations.
fn drafts<'n, 'i>(
    reader: &mut Reader,
    table: &'n DeTable<'i>,
    containers: &[Container<'_, '_>],
) -> Vec<Draft<'n, 'i>> {
    let list = table.get("step").and_then(|node| reader.list(node)).unwrap_or_default();
    if list.is_empty() && table.get("step").is_none_or(|node| node.get_ref().is_array()) {
        let end = reader.text().trim_end().len();
        let help = "add a step: [[step]] with `in`, `do` and `expect`".to_owned();
        reader.problem(end..end, "this scenario has no step", "nothing is done", help);
    }
    let mut drafts: Vec<_> = list.iter().map(|node| draft(reader, node, containers)).collect();
    name_all(reader, &mut drafts);
    drafts
}

fn draft<'n, 'i>(reader: &mut Reader, node: &'n Node<'i>, containers: &[Container<'_, '_>]) -> Draft<'n, 'i> {
    let mut draft = Draft { span: node.span(), ..Draft::default() };
    let Some(table) = reader.table(node) else { return draft };
    reader.only(table, STEP_KEYS);
    for key in ["in", "do"].into_iter().filter(|key| !table.contains_key(*key)) {
        reader.problem(
            node.span(),
            format!("`{key}` is missing"),
            "in this step",
            format!("add `{key} = \"…\"`"),
        );
    }
    draft.name = table.get("name").and_then(|node| Some((reader.text_of(node)?, node.span())));
    draft.actor = table.get("in").and_then(|node| Some((actor(reader, node, containers)?, node.span())));
    draft.exec = table.get("via").is_some_and(|node| via(reader, node));
    draft.operation = table.get("do").and_then(|node| Some((operation(reader, node)?, node)));
    draft.expect = table.get("expect");
    draft
}

fn actor(reader: &mut Reader, node: &Node<'_>, containers: &[Container<'_, '_>]) -> Option<Actor> {
    let word = reader.text_of(node)?;
    if word == "host" {
        return Some(Actor::Host);
    }
    if containers.iter().any(|container| container.name == word) {
        return Some(Actor::Container(word));
    }
    let mut words: Vec<&str> = vec!["host"];
    words.extend(containers.iter().map(|container| container.name.as_str()));
    reader.unknown(node.span(), "actor", &word, &words);
    None
}

fn via(reader: &mut Reader, node: &Node<'_>) -> bool {
    match reader.text_of(node) {
        Some(word) if word == "exec" => true,
        Some(word) => {
            reader.unknown(node.span(), "way", &word, &["exec"]);
            false
        }
        None => false,
    }
}

fn operation(reader: &mut Reader, node: &Node<'_>) -> Option<Operation> {
    let (word, argument) = match node.get_ref() {
        DeValue::String(word) => (&**word, None),
        DeValue::Table(table) if table.len() == 1 => {
            table.iter().next().map(|(key, value)| (&**key.get_ref(), Some(value)))?
        }
        DeValue::Table(table) => {
            let help = "write one operation with its argument: do = { ping = \"192.168.47.11\" }".to_owned();
            reader.problem(node.span(), "a step does one thing", format!("{} keys", table.len()), help);
            return None;
        }
        _ => return reader.typed("do", node),
    };
    // The words that serde knows alone are those that take no argument.
    let alone = serde_json::from_value::<Operation>(word.into());
    match (alone, argument) {
        (Ok(_), Some(argument)) => {
            let help = format!("write do = \"{word}\"");
            reader.problem(argument.span(), format!("`{word}` takes no argument"), "one too many", help);
            None
        }
        (Err(error), None) if error.to_string().contains("newtype variant") => {
            let help = format!("write do = {{ {word} = … }}; scenarios/README.md has an example");
            reader.problem(node.span(), format!("`{word}` needs an argument"), "on what?", help);
            None
        }
        _ => reader.typed("do", node),
    }
}

/// Names what has no name, and tells names that come twice.
fn name_all(reader: &mut Reader, drafts: &mut [Draft<'_, '_>]) {
    let mut taken: HashSet<String> = HashSet::new();
    for draft in drafts.iter() {
        let Some((name, span)) = &draft.name else { continue };
        if !taken.insert(name.clone()) {
            let help = "a step is called by its name: give each its own".to_owned();
            reader.problem(span.clone(), format!("two steps are called `{name}`"), "the second", help);
        }
    }
    // How many steps without a name would have this one.
    let mut alike: HashMap<String, u32> = HashMap::new();
    for draft in drafts.iter_mut().filter(|draft| draft.name.is_none()) {
        let derived = derived(draft);
        let number = alike.entry(derived.clone()).or_default();
        let mut name = derived.clone();
        while *number == 0 || taken.contains(&name) {
            *number += 1;
            if *number > 1 {
                name = format!("{derived} ({number})");
            }
        }
        taken.insert(name.clone());
        draft.name = Some((name, draft.span.clone()));
    }
}

/// `box: hostname`
fn derived(draft: &Draft<'_, '_>) -> String {
    let actor = match &draft.actor {
        Some((Actor::Container(name), _)) => name,
        _ => "host",
    };
    match &draft.operation {
        Some((operation, _)) => format!("{actor}: {}", describe(operation)),
        None => actor.to_owned(),
    }
}

fn steps(reader: &mut Reader, drafts: &[Draft<'_, '_>]) -> Vec<Step> {
    let names: Vec<String> = drafts.iter().map(Draft::name).collect();
    let places = names.iter().enumerate().rev().map(|(index, name)| (name.as_str(), index)).collect();
    let mut steps = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let (Some((actor, _)), Some((operation, node))) = (&draft.actor, &draft.operation) else { continue };
        let around = Around { names: &names, places: &places, index, operation };
        let expect = draft.expect.and_then(|node| expect::read(reader, node, &around));
        let line = |span: &Range<usize>| reader.line(span.start);
        steps.push(Step {
            name: names[index].clone(),
            actor: actor.clone(),
            exec: draft.exec,
            operation: operation.clone(),
            expect,
            line: line(&draft.span),
            expect_line: line(&draft.expect.unwrap_or(node).span()),
        });
    }
    steps
}
