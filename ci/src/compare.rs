//! `cargo xtask compare`: what changed from one report to another.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use harness::compare::{compare, markdown, only, terminal};
use harness::report::{Run, read};

use crate::Exit;
use crate::vm_test::lost;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The JSON report to compare with; `FILE#KERNEL` is one kernel of it.
    base: String,
    /// The JSON report to compare; `FILE#KERNEL` is one kernel of it. It may be the same file.
    new: String,
    /// Write it as Markdown too.
    #[arg(long, value_name = "markdown=PATH", value_parser = markdown_path)]
    report: Option<PathBuf>,
}

fn markdown_path(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("markdown=").filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| "write markdown=PATH: there is no other format".into())
}

pub(crate) fn run(args: &Args) -> Exit {
    let told = side(&args.base).and_then(|base| compare(&base, &side(&args.new)?));
    let comparison = match told {
        Ok(comparison) => comparison,
        Err(error) => {
            eprintln!("error: {error}");
            return Exit::Usage;
        }
    };
    print!("{}", terminal(&comparison, std::io::stdout().is_terminal()));
    if let Some(path) = &args.report
        && let Err(error) = std::fs::write(path, markdown(&comparison))
    {
        return lost(format!("cannot write {}: {error}", path.display()));
    }
    if comparison.is_worse() { Exit::Broken } else { Exit::Passed }
}

/// A file that is there is taken as it is, even with a `#` in its name.
fn side(text: &str) -> Result<Run, String> {
    let (file, kernel) = match text.split_once('#') {
        Some((file, kernel)) if !Path::new(text).exists() => (file, Some(kernel)),
        _ => (text, None),
    };
    let run = read(Path::new(file)).map_err(|error| error.to_string())?;
    match kernel {
        Some(kernel) => only(run, kernel).map_err(|error| format!("{file}: {error}")),
        None => Ok(run),
    }
}
