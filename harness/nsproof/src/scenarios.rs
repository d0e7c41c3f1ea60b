//! `nsproof scenarios`: the scenarios as files.

use std::fs;
use std::path::{Path, PathBuf};

use vm::text::Shown;

use crate::exit::{Done, Exit, lost, usage};
use crate::home::Home;

/// Its command line.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write them into a folder, which is made: to be read, changed, and run with `vm-test DIR`.
    Export {
        /// A folder that is not there yet.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

pub(crate) fn run(args: &Args, home: &dyn Home) -> Done {
    let Action::Export { folder } = &args.action;
    let from = home.scenarios().map_err(lost)?;
    if folder.exists() {
        return Err(usage(format!("{} is there already: give a folder that is not", Shown(folder))));
    }
    copy(&from, folder).map_err(|error| lost(format!("cannot write {}: {error}", Shown(folder))))?;
    Ok(Exit::Passed)
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let from = entry?.path();
        let to = to.join(from.file_name().unwrap_or_default());
        if from.is_dir() { copy(&from, &to)? } else { fs::write(&to, fs::read(&from)?)? }
    }
    Ok(())
}
