//! What can go wrong before a machine runs. What ends a running machine is a [`crate::Ending`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Ending;

/// The result of everything fallible in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: what about what, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// A verb: `read`.
        doing: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No room left.
    #[error(
        "no room left to {doing} {path}: free some space, or set NSPROOF_CACHE to a folder on a larger disk"
    )]
    NoRoom {
        /// A verb: `write`.
        doing: &'static str,
        /// What did not fit.
        path: PathBuf,
    },
    /// A program is not installed.
    #[error("{program} is not installed; {way_out}")]
    Missing {
        /// Its name.
        program: String,
        /// The command that installs it.
        way_out: String,
    },
    /// A program that was run failed.
    #[error("{program} failed: {said}")]
    Command {
        /// Its command line.
        program: String,
        /// Its own words.
        said: String,
    },
    /// The name of a kernel that means nothing here.
    #[error("unknown kernel \"{spec}\": {known}")]
    UnknownKernel {
        /// As given.
        spec: String,
        /// What would be known.
        known: String,
    },
    /// A kernel, or what belongs to it, that cannot be used.
    #[error("{path}: {reason}; {way_out}")]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What is the matter with it.
        reason: String,
        /// What to do.
        way_out: String,
    },
    /// A machine ended, or said nothing, before it was ready.
    #[error("the machine was not ready: {ending}{}", indented(console))]
    NotReady {
        /// How it ended.
        ending: Ending,
        /// The console's last lines.
        console: Vec<String>,
    },
    /// KVM was asked for and cannot be had.
    #[error("KVM is not usable: {reason}; run with --accel tcg, or --accel auto")]
    Kvm {
        /// Why not.
        reason: String,
    },
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

impl Error {
    /// For `map_err`: names the action and the file.
    pub(crate) fn io(doing: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom { doing, path },
            _ => Self::Io { doing, path, source },
        }
    }

    pub(crate) fn unusable(
        path: impl AsRef<Path>,
        reason: impl fmt::Display,
        way_out: impl fmt::Display,
    ) -> Self {
        Self::Unusable {
            path: path.as_ref().to_path_buf(),
            reason: reason.to_string(),
            way_out: way_out.to_string(),
        }
    }
}
