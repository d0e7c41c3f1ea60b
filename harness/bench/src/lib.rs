//! How fast it is: cold boots, clones, whole runs, and a container next to those of other programs.
//!
//! What is compared is measured in turns, within one run: a busy machine slows both sides, and their ratio holds.
//!
//! - `machines`, `processor`: cold boots and clones, and what they cost the processor
//! - `runs`, `program`: whole runs, and the command as a person types it
//! - `containers`, `stage`: containers on this machine, and what they are built of
//! - `row`, `budget`, `report`, `table`: what was measured, what is allowed, and how it is told

#![forbid(unsafe_code)]

mod budget;
mod containers;
mod machines;
mod processor;
mod program;
mod report;
mod row;
mod runs;
mod stage;
mod table;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

pub use self::budget::Checked;
pub use self::report::Report;
pub use self::row::{Ratio, Row, Unit};
pub use self::table::table;
use harness::progress::Progress;
use harness::run;
use harness::run::testbed::Testbed;
use harness::scenario::Scenario;

/// What to measure, and how often.
#[derive(Debug, Clone)]
pub struct Options {
    /// How scenarios are run: the first kernel, and the jobs that are compared with one.
    pub run: run::Options,
    /// Every scenario, for the full run.
    pub scenarios: Vec<Scenario>,
    /// Rounds, at least 1: in each a cold boot, and several of what is faster.
    pub samples: usize,
    /// What to measure of it all.
    pub parts: Vec<Part>,
    /// `nsrun`.
    pub nsrun: PathBuf,
    /// The command of a run of a few scenarios, as a person types it; nothing is rebuilt when it is measured.
    pub command: Vec<OsString>,
}

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Cold boots and clones.
    Machines,
    /// Runs of scenarios.
    Runs,
    /// Containers on this machine.
    Containers,
}

/// What keeps a measurement from being one.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A machine could not be had.
    #[error(transparent)]
    Vm(#[from] vm::Error),
    /// The time of what does not work is no time.
    #[error("{what}: {said}\n       make it work first; then measure it")]
    Broken {
        /// A scenario, or a command.
        what: String,
        /// How it ended.
        said: String,
    },
}

impl Error {
    fn broken(what: impl ToString, said: impl ToString) -> Self {
        Error::Broken { what: what.to_string(), said: said.to_string() }
    }
}

/// Measures.
///
/// # Errors
/// No machine, or something that does not work. A program to compare with that is not installed is a row that says so.
pub fn run(options: &Options, progress: &Progress) -> Result<Report, Error> {
    use vm::Progress as _;
    let load = load();
    let cache = vm::Cache::open()?;
    let kernel = options.run.kernels.first().map_or("distro", String::as_str);
    let testbed = Testbed::prepare(kernel, &options.scenarios, &options.run, &cache, progress)?;
    let lab = Lab { options, testbed: &testbed, cache: &cache, progress };
    let mut rows = Vec::new();
    for part in &options.parts {
        match part {
            Part::Machines => {
                progress.step("measuring machines");
                machines::measure(&lab, &mut rows)?;
            }
            Part::Runs => {
                progress.step("measuring runs");
                runs::measure(&lab, &mut rows)?;
            }
            Part::Containers => {
                progress.step("measuring containers");
                containers::measure(&options.nsrun, options.samples, &mut rows);
            }
        }
    }
    Ok(Report::new(&lab, load, rows))
}

/// What the measurements share.
struct Lab<'a> {
    options: &'a Options,
    testbed: &'a Testbed,
    cache: &'a vm::Cache,
    progress: &'a Progress,
}

/// The scenario that costs least: one container, two questions.
const TRIVIAL: &str = "uts/domainname";

impl Lab<'_> {
    fn trivial(&self) -> Result<&Scenario, Error> {
        let found = self.options.scenarios.iter().find(|scenario| scenario.name == TRIVIAL);
        found.ok_or_else(|| Error::broken(TRIVIAL, "there is no such scenario"))
    }
}

/// The first line of `/proc/loadavg`; nothing where there is none.
fn load() -> String {
    std::fs::read_to_string(Path::new("/proc/loadavg")).unwrap_or_default().trim().to_owned()
}
