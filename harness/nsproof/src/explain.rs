//! `nsproof explain`: a scenario as a numbered shell walk-through.

use harness::explain::explain;
use harness::scenario;

use crate::exit::{Done, Exit, lost, wrong};
use crate::home::Home;
use crate::output::print;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A scenario file or folder, or a part of a scenario's name.
    #[arg(required = true)]
    scenarios: Vec<String>,
}

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    let scenarios = scenario::load(&home.scenarios().map_err(lost)?, &args.scenarios).map_err(wrong)?;
    let texts: Vec<String> = scenarios.iter().map(explain).collect();
    print(&texts.join("\n"))?;
    Ok(Exit::Passed)
}
