//! How a command ends, and the words in which it ends early.

use std::fmt::Display;

use harness::diagnostic::Diagnostics;
use harness::output::say;

/// The exit codes of the command-line contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything passed.
    Passed = 0,
    /// A property is broken, or a test failed.
    Broken = 1,
    /// The command line or a scenario is wrong.
    Usage = 2,
    /// A verdict is missing, or the machine could not be had.
    Lost = 3,
    /// For `git bisect run`: neither good nor bad.
    CannotTell = 125,
}

/// How a command ended: at its end, or early, for a reason that has been told.
pub type Done = Result<Exit, Exit>;

/// The command line, or a file that it names, is wrong.
pub fn usage(error: impl Display) -> Exit {
    say(format!("error: {error}"));
    Exit::Usage
}

/// Nothing is run of what is written wrong.
pub fn wrong(problems: Diagnostics) -> Exit {
    say(problems);
    Exit::Usage
}

/// What no scenario can be blamed for.
pub fn lost(error: impl Display) -> Exit {
    say(format!("error: {error}"));
    Exit::Lost
}
