//! A comparison in words: what is worse comes first.

use std::fmt::Write;

use serde_json::Value;
use vm::text::printable;

use super::{Behaviour, Change, Comparison, Fact, Kind, Pair, Side};
use crate::catalogue;
use crate::diagnostic::plural;
use crate::inline::toml;
use crate::report::details::one_line;
use crate::report::paint::{Paint, shortened};

/// For a terminal, with colours if asked.
pub fn terminal(comparison: &Comparison, colour: bool) -> String {
    let mut out = Page { out: String::new(), paint: Paint(colour) };
    for (number, pair) in comparison.pairs.iter().enumerate() {
        if number > 0 {
            out.line("");
        }
        out.pair(pair);
    }
    out.list("not compared, only in the base", &comparison.gone);
    out.list("not compared, only in the new report", &comparison.added);
    out.out
}

/// For a job's summary.
pub fn markdown(comparison: &Comparison) -> String {
    // A fence longer than any that a line could hold.
    printable(
        &format!("# nsproof: what changed\n\n``````text\n{}``````\n", terminal(comparison, false)),
        false,
    )
}

struct Page {
    out: String,
    paint: Paint,
}

impl Page {
    fn line(&mut self, text: &str) {
        writeln!(self.out, "{}", text.trim_end()).expect("a String takes every text");
    }

    fn title(&mut self, text: &str) {
        let text = self.paint.bold(text);
        self.line("");
        self.line(&text);
    }

    fn list(&mut self, title: &str, lines: &[String]) {
        if !lines.is_empty() {
            self.title(title);
            lines.iter().for_each(|line| self.line(&format!("  {line}")));
        }
    }

    fn pair(&mut self, pair: &Pair) {
        let runtimes = pair.base.runtime != pair.new.runtime;
        self.line(&format!("base  {}", side(&pair.base, runtimes)));
        self.line(&format!("new   {}", side(&pair.new, runtimes)));
        for (kind, title) in [
            (Kind::Regression, "regressions: isolation is broken"),
            (Kind::LostVerdict, "lost verdicts: not known any more"),
            (Kind::NewSkip, "new skips"),
        ] {
            self.verdicts(pair, kind, title);
        }
        let property = |id: &String| {
            let text = catalogue::find(id).map_or("", |property| &property.text);
            format!("{id}  {text}")
        };
        let lost: Vec<String> = pair.lost_coverage.iter().map(property).collect();
        self.list("lost coverage: proven before, and not now", &lost);
        self.list("scenarios that are gone", &pair.gone);
        self.verdicts(pair, Kind::Fix, "passes now");
        let added: Vec<String> =
            pair.added.iter().map(|(name, status)| format!("{:5} {name}", status.word())).collect();
        self.list("new scenarios", &added);
        self.behaviour(&pair.behaviour);
        self.list("facts not compared: this nsproof does not understand the scenario", &pair.not_understood);
        self.line("");
        self.line(&summary(pair));
    }

    fn verdicts(&mut self, pair: &Pair, kind: Kind, title: &str) {
        let changes: Vec<&Change> = pair.verdicts.iter().filter(|change| change.kind == kind).collect();
        if changes.is_empty() {
            return;
        }
        self.title(title);
        for change in changes {
            let new = self.paint.status(change.new, change.new.word());
            self.line(&format!("  {} → {new}  {}", change.base.word(), change.scenario));
            let reason = change.reason.as_deref().map_or(String::new(), one_line);
            let was = if kind == Kind::Fix { "was: " } else { "" };
            self.line(&format!("      {}  {was}{}", self.paint.dim(&change.place), shortened(&reason)));
            change.details.iter().for_each(|line| self.line(&format!("      {}", shortened(line))));
        }
    }

    fn behaviour(&mut self, changes: &[Behaviour]) {
        if changes.is_empty() {
            return;
        }
        self.title("behaviour: both pass, and these facts differ");
        let mut above = String::new();
        for change in changes {
            let fact = &change.fact;
            let heading =
                format!("  {}  {}  {}{}", fact.place, fact.operation, one_line(&fact.step), more(change));
            if heading != above {
                self.line(&heading);
            }
            above = heading;
            let at = if fact.at.is_empty() { String::new() } else { format!("{}  ", fact.at) };
            let values = self.values(fact);
            self.line(&format!("      {at}{values}"));
        }
    }

    fn values(&self, fact: &Fact) -> String {
        let shown = |value: &Value| shortened(&one_line(&toml(value)));
        match (&fact.base, &fact.new) {
            (Some(base), Some(new)) => {
                format!("{} → {}", self.paint.bad(&shown(base)), self.paint.good(&shown(new)))
            }
            (Some(base), None) => self.paint.bad(&format!("- {}", shown(base))),
            (_, new) => self.paint.good(&format!("+ {}", new.as_ref().map_or(String::new(), shown))),
        }
    }
}

/// `(and 11 more times, in 6 more files)`
fn more(change: &Behaviour) -> String {
    match (change.more, change.files) {
        (0, _) => String::new(),
        (more, 0) => format!("  (and {more} more here)"),
        (more, files) => format!("  (and {more} more, in {} too)", plural(files, "other file")),
    }
}

fn side(side: &Side, with_runtime: bool) -> String {
    let runtime = if with_runtime { format!(" with {}", side.runtime) } else { String::new() };
    let release = if side.release.is_empty() { "release unknown" } else { &side.release };
    format!("{}{runtime} ({release})", side.kernel)
}

fn summary(pair: &Pair) -> String {
    let count = |kind| pair.verdicts.iter().filter(|change| change.kind == kind).count();
    let unchanged = match pair.unchanged {
        0 => String::new(),
        count => format!(", {count} as bad as before"),
    };
    let lost = pair.lost_coverage.len();
    format!(
        "{}, {}, {}, {} of coverage lost, {} fixed, {}{unchanged}",
        plural(count(Kind::Regression), "regression"),
        plural(count(Kind::LostVerdict), "lost verdict"),
        plural(count(Kind::NewSkip), "new skip"),
        if lost == 1 { "1 property".to_owned() } else { format!("{lost} properties") },
        count(Kind::Fix),
        plural(pair.behaviour.len(), "change") + " of behaviour",
    )
}
