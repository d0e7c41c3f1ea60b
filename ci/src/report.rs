//! What the commands that end with a report have in common.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use harness::report::{Format, Run, terminal};

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

/// A broken property outweighs a lost verdict: it is known.
pub(crate) fn exit(run: &Run, deny_skips: bool) -> Exit {
    let totals = &run.totals;
    if totals.fail > 0 || (deny_skips && totals.skip > 0) {
        Exit::Broken
    } else if totals.error > 0 || totals.miss > 0 {
        Exit::Lost
    } else {
        Exit::Passed
    }
}
