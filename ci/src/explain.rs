//! `cargo xtask explain`: a scenario as a numbered shell walk-through.

use harness::explain::explain;
use harness::scenario;

use crate::exit::{Done, Exit, wrong};
use crate::output::print;
use crate::root;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// A scenario file or folder, or a part of a scenario's name.
    #[arg(required = true)]
    scenarios: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Done {
    let scenarios = scenario::load(&root().join("scenarios"), &args.scenarios).map_err(wrong)?;
    let texts: Vec<String> = scenarios.iter().map(explain).collect();
    print(&texts.join("\n"))?;
    Ok(Exit::Passed)
}
