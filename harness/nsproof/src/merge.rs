//! `nsproof merge`: the reports of a fleet as one.

use std::path::{Path, PathBuf};

use harness::merge::{Part, merge, stand_in};
use harness::report::{Format, read};

use vm::text::Shown;

use crate::exit::{Done, usage};
use crate::matrix::Matrix;
use crate::output::print_as_it_is;
use crate::report::{Target, apart, exit, tell};

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// JSON reports: the shards of a run, the kernels of a fleet, or both.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What `matrix` printed: the scenarios of a job that gave no report are a miss.
    #[arg(long, value_name = "JSON", value_parser = jobs)]
    matrix: Option<Matrix>,
    /// Write the whole in this format; FORMAT as for `vm-test`. Without it, JSON is printed.
    #[arg(long = "report", value_name = "FORMAT=PATH")]
    reports: Vec<Target>,
    /// A skipped scenario is a failure.
    #[arg(long)]
    deny_skips: bool,
}

fn jobs(text: &str) -> Result<Matrix, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("{error}; give what `{} matrix` printed, which is one line", vm::program::name())
    })
}

pub(crate) fn run(args: &Args) -> Done {
    apart(&args.reports)?;
    let mut parts = args.files.iter().map(|file| part(file)).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    if let Some(matrix) = &args.matrix {
        stand_in(&mut parts, &matrix.include).map_err(usage)?;
    }
    let run = merge(&parts).map_err(usage)?;
    if args.reports.is_empty() {
        print_as_it_is(&Format::Json.render(&run))?;
    } else {
        tell(&run, &args.reports)?;
    }
    Ok(exit(&run, args.deny_skips))
}

fn part(file: &Path) -> Result<Part, String> {
    let run = read(file).map_err(|error| error.to_string())?;
    Ok(Part { file: Shown(file).to_string(), run })
}
