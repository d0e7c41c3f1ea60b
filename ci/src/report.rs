//! What the commands that end with a report have in common.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use harness::judge::Status;
use harness::report::{Format, Outcome, Run, terminal};

use crate::Exit;
use crate::vm_test::lost;

/// `FORMAT=PATH`
#[derive(Clone)]
pub(crate) struct Target {
    format: Format,
    path: PathBuf,
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (format, path) = text.split_once('=').ok_or("write FORMAT=PATH, for example json=report.json")?;
        Ok(Target { format: format.parse()?, path: path.into() })
    }
}

/// Tells a run to people, and writes its reports.
pub(crate) fn tell(run: &Run, targets: &[Target]) -> Result<(), Exit> {
    print!("{}", terminal::render(run, std::io::stdout().is_terminal()));
    for Target { format, path } in targets {
        if path == Path::new("-") {
            print!("{}", format.render(run));
            continue;
        }
        let written = std::fs::write(path, format.render(run));
        written.map_err(|error| lost(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// A broken property outweighs a lost verdict: it is known. What the baseline expects is neither.
pub(crate) fn exit(run: &Run, deny_skips: bool) -> Exit {
    let any = |holds: &dyn Fn(&Outcome) -> bool| run.results.iter().any(holds);
    let lost = |result: &Outcome| matches!(result.status, Status::Error | Status::Miss);
    if any(&|result| result.is_bad() && !lost(result))
        || (deny_skips && any(&|result| result.status == Status::Skip && !result.is_expected()))
    {
        Exit::Broken
    } else if any(&lost) {
        Exit::Lost
    } else {
        Exit::Passed
    }
}
