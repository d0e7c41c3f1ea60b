//! A file of results that are known: failures and skips, each with its reason, so that a run tells of all others.
//!
//! ```toml
//! [[skip]]
//! kernel   = "debian-5.10"       # a name, or a pattern with `*`
//! scenario = "caps/immutable"    # too
//! reason   = "a tmpfs has no file attributes before Linux 6.0"
//! ```

use std::path::Path;

use regex::Regex;
use toml::de::DeTable;

use crate::diagnostic::{Diagnostic, Diagnostics, nearest};
use crate::judge::Status;
use crate::report::{Expected, Run};
use crate::scenario::reader::{Node, Reader};
use sys::input;

const KEYS: [&str; 3] = ["kernel", "scenario", "reason"];
/// What can be expected. An error or a lost verdict cannot: nothing is known then.
const WORDS: [(&str, Status); 2] = [("fail", Status::Fail), ("skip", Status::Skip)];

/// What is known.
#[derive(Debug, Clone)]
pub struct Baseline {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    kernel: Pattern,
    scenario: Pattern,
    expected: Expected,
}

/// The names that entries may speak of.
#[derive(Debug, Clone)]
pub struct Known<'a> {
    /// Kernels by name. One that holds a `/` or `:` is a path or a package, and may be any.
    pub kernels: Vec<&'a str>,
    /// Every scenario there is, whether it is run or not.
    pub scenarios: Vec<&'a str>,
}

impl Baseline {
    /// Reads a baseline.
    ///
    /// # Errors
    /// Every problem of the file: what is no TOML, an unknown or missing key, an entry for nothing that there is.
    pub fn load(file: &Path, known: &Known<'_>) -> Result<Self, Diagnostics> {
        let text = input::read_text(file, input::TEXT).map_err(|error| {
            let help = "a baseline is a TOML file with [[fail]] and [[skip]] entries, as ci/baseline.toml is";
            vec![Diagnostic::new(format!("cannot read the baseline {}: {error}", file.display()), help)]
        })?;
        parse(&file.display().to_string(), &text, known).map_err(Diagnostics::from)
    }

    /// Notes in every result what was expected of it.
    pub fn apply(&self, run: &mut Run) {
        for result in &mut run.results {
            let fits =
                |entry: &&Entry| entry.kernel.is(&result.kernel) && entry.scenario.is(&result.scenario);
            let entries: Vec<&Entry> = self.entries.iter().filter(fits).collect();
            let come_true = entries.iter().find(|entry| entry.expected.status == result.status);
            result.baseline = come_true.or(entries.first()).map(|entry| entry.expected.clone());
        }
    }
}

fn parse(file: &str, text: &str, known: &Known<'_>) -> Result<Baseline, Vec<Diagnostic>> {
    let mut reader = Reader::new(file, text);
    let mut entries = Vec::new();
    if let Some(document) = reader.document(text) {
        reader.only(document.get_ref(), &WORDS.map(|(word, _)| word));
        for (word, status) in WORDS {
            let list = document.get_ref().get(word).and_then(|node| reader.list(node)).unwrap_or_default();
            entries.extend(list.iter().filter_map(|node| entry(&mut reader, node, status, known)));
        }
    }
    let problems = reader.into_problems();
    if problems.is_empty() { Ok(Baseline { entries }) } else { Err(problems) }
}

fn entry(reader: &mut Reader, node: &Node<'_>, status: Status, known: &Known<'_>) -> Option<Entry> {
    let table = reader.table(node)?;
    reader.only(table, &KEYS);
    let kernel = pattern(reader, node, table, "kernel", &known.kernels);
    let scenario = pattern(reader, node, table, "scenario", &known.scenarios);
    let (reason, span) = value(reader, node, table, "reason")?;
    if reason.trim().is_empty() {
        let help = "say why, for those who wonder whether it is still so".to_owned();
        reader.problem(span, "`reason` is empty", "nothing is said", help);
    }
    let place = format!("{}:{}", reader.file(), reader.line(node.span().start));
    Some(Entry { kernel: kernel?, scenario: scenario?, expected: Expected { status, reason, place } })
}

type Span = std::ops::Range<usize>;

fn value(reader: &mut Reader, node: &Node<'_>, table: &DeTable<'_>, key: &str) -> Option<(String, Span)> {
    match table.get(key) {
        Some(value) => Some((reader.text_of(value)?, value.span())),
        None => {
            let help = format!("add `{key} = \"…\"`");
            reader.problem(node.span(), format!("`{key}` is missing"), "in this entry", help);
            None
        }
    }
}

/// A pattern that fits at least one of the names that there are.
fn pattern(
    reader: &mut Reader,
    node: &Node<'_>,
    table: &DeTable<'_>,
    key: &str,
    names: &[&str],
) -> Option<Pattern> {
    let (text, span) = value(reader, node, table, key)?;
    let Some(pattern) = Pattern::new(&text) else {
        let help = format!("write the {key}'s name, or a pattern with `*` that fits some");
        reader.problem(span, format!("this is no {key}"), "too long", help);
        return None;
    };
    let is_anything = key == "kernel" && text.contains(['/', ':']);
    if !is_anything && !names.iter().any(|name| pattern.is(name)) {
        let help = match nearest(&text, names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write the {key}'s name, or a pattern with `*` that fits some"),
        };
        reader.problem(span, format!("there is no {key} `{text}`"), format!("fits no {key}"), help);
    }
    Some(pattern)
}

/// A name in which `*` stands for any letters.
#[derive(Debug, Clone)]
struct Pattern(Regex);

impl Pattern {
    /// `None` if it is far too long for a name.
    fn new(text: &str) -> Option<Self> {
        let regex = format!("^{}$", regex::escape(text).replace(r"\*", ".*"));
        Regex::new(&regex).ok().map(Pattern)
    }

    fn is(&self, name: &str) -> bool {
        self.0.is_match(name)
    }
}

#[cfg(test)]
mod tests;
