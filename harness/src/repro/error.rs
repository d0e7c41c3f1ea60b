//! What can be wrong with a directory, or with running it again.

use std::io;
use std::path::PathBuf;

use vm::text::{Shown, one_line};

use crate::diagnostic::Diagnostics;

/// A failure: what about what, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", Shown(path))]
    Io {
        /// A verb: `write`.
        doing: &'static str,
        /// What it was done to.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A link where a folder of this program is to be.
    #[error(
        "{} is a symbolic link, which may lead to what is not nsproof's: remove it, or give another folder (--repro)",
        Shown(path)
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// What the machine booted with cannot be read any more.
    #[error(transparent)]
    Boot(#[from] vm::Error),
    /// A file of the directory is not there.
    #[error(
        "{} is not there: give the directory that a scenario left which did not pass; vm-test names it",
        Shown(path)
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A file of the directory is not what it was.
    #[error(
        "{}: {}; it was changed after nsproof wrote it, or the copy is not whole: run vm-test again",
        Shown(path),
        one_line(what)
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Another nsproof wrote it.
    #[error(
        "{} was written with schema {found}, this nsproof reads {}: use nsproof {}, or run vm-test again",
        Shown(path),
        super::SCHEMA,
        one_line(nsproof)
    )]
    Schema {
        /// The file.
        path: PathBuf,
        /// The schema that it names.
        found: u64,
        /// The version of its writer.
        nsproof: String,
    },
    /// The recorded scenario is none for this nsproof.
    #[error("this nsproof does not read the recorded scenario any more:\n{0}")]
    Scenario(Diagnostics),
    /// The recorded kernel cannot be had.
    #[error(
        "the recorded kernel is not to be had: {}\n       recorded is {}, with SHA-256 {}\n       give it with --kernel PATH, or run the scenario on another: {} vm-test --kernel K {}",
        one_line(why),
        one_line(&format!("{release}, {version}")),
        one_line(sha256),
        vm::program::name(),
        one_line(scenario)
    )]
    Kernel {
        /// What was found in its place.
        why: String,
        /// As `uname -r` tells it.
        release: String,
        /// Of its package.
        version: String,
        /// Of its image.
        sha256: String,
        /// The recorded scenario's file.
        scenario: String,
    },
}

impl Error {
    /// For `map_err`: names the action and the file.
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if doing == "read" => {
                Self::Missing { path }
            }
            _ => Self::Io { doing, path, source },
        }
    }

    pub(super) fn damaged(path: impl Into<PathBuf>, what: impl ToString) -> Self {
        Self::Damaged { path: path.into(), what: what.to_string() }
    }
}
