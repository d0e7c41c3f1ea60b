//! `nsproof compare`: what changed from one report to another.

use std::path::Path;

use harness::compare::{compare, markdown, only, terminal};
use harness::report::{Run, read};

use crate::exit::{Done, Exit, usage};
use crate::report::{Place, print};

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The JSON report to compare with; `FILE#KERNEL` is one kernel of it.
    base: String,
    /// The JSON report to compare; `FILE#KERNEL` is one kernel of it. It may be the same file.
    new: String,
    /// Write it as Markdown too; PATH may be `-`.
    #[arg(long, value_name = "markdown=PATH", value_parser = markdown_place)]
    report: Option<Place>,
}

fn markdown_place(text: &str) -> Result<Place, String> {
    text.strip_prefix("markdown=").ok_or("write markdown=PATH: there is no other format")?.parse()
}

pub(crate) fn run(args: &Args) -> Done {
    let told = side(&args.base).and_then(|base| {
        let new = side(&args.new)?;
        compare(&base, &new).map_err(|error| error.to_string())
    });
    let comparison = told.map_err(usage)?;
    print(args.report.iter(), |colour| terminal(&comparison, colour))?;
    if let Some(place) = &args.report {
        place.write(&markdown(&comparison))?;
    }
    Ok(if comparison.is_worse() { Exit::Broken } else { Exit::Passed })
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
