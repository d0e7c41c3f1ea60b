//! What a person sees while a run is under way: one changing line on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use vm::text::one_line;

use crate::output;

/// Says on standard error what takes time; standard output belongs to the report.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// For this process's standard error.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg} ({elapsed})").expect("a constant template"),
            );
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        Progress { bar }
    }

    /// What somebody has to know afterwards, too.
    pub fn warn(&self, what: &str) {
        self.told("warning", what);
    }

    /// What costs verdicts.
    pub fn error(&self, what: &str) {
        self.told("error", what);
    }

    fn told(&self, kind: &str, what: &str) {
        let say = || output::say(format!("{kind}: {what}"));
        match &self.bar {
            Some(bar) => bar.suspend(say),
            None => say(),
        }
    }

    /// What passes too quickly to be worth a line of its own.
    pub fn moment(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(one_line(what));
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl vm::Progress for Progress {
    fn step(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(one_line(what)),
            None => output::say(what),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
