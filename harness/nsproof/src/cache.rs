//! `nsproof cache`: what is kept between runs.

use vm::Cache;
use vm::text::Shown;

use crate::exit::{Done, Exit, lost};
use crate::output::print;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Delete all of it; the next run fetches and builds anew.
    Clear,
}

pub(crate) fn run(args: &Args) -> Done {
    let cache = Cache::open().map_err(lost)?;
    match args.action {
        None => print(&list(&cache))?,
        Some(Action::Clear) => cache.clear().map_err(lost)?,
    }
    Ok(Exit::Passed)
}

fn list(cache: &Cache) -> String {
    let mut text = format!("{}\n", Shown(cache.root()));
    let mut sum = 0;
    for part in cache.parts() {
        sum += part.bytes;
        text += &line(part.bytes, part.name, &format!("{} ({})", part.what, part.entries));
    }
    text + &line(sum, "in all", "")
}

fn line(bytes: u64, name: &str, what: &str) -> String {
    format!("{:>8.1} MB  {name:10} {what}", bytes as f64 / 1e6).trim_end().to_owned() + "\n"
}
