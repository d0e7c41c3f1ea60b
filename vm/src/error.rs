//! What can go wrong before a machine runs. What ends a running machine is a [`crate::Ending`].

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::Unforkable;
use crate::ending::Ending;
use crate::program;
use crate::text::{Shown, one_line};

/// The result of everything fallible in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure: what about what, and the way out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {doing} {}: {source}", Shown(path))]
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
        "no room left to {doing} {}: free some space, or set NSPROOF_CACHE to a folder on a larger disk",
        Shown(path)
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
    #[error("unknown kernel \"{}\": {known}", one_line(spec))]
    UnknownKernel {
        /// As given.
        spec: String,
        /// What would be known.
        known: String,
    },
    /// A kernel that is no package.
    #[error(
        "{} cannot be locked: only packages can, which are distro, a name of vm/kernels.toml, and apt:PACKAGE[@SUITE]",
        one_line(spec)
    )]
    NotLockable {
        /// As given.
        spec: String,
    },
    /// A lock file that is not as it was written.
    #[error(
        "{}:{line}: {}; restore it, or delete it and lock the kernels anew with `{} kernels lock K`",
        Shown(path),
        one_line(reason),
        program::name()
    )]
    BrokenLock {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A kernel, or what belongs to it, that cannot be used.
    #[error("{}: {}; {}", Shown(path), one_line(reason), one_line(way_out))]
    Unusable {
        /// The file or folder.
        path: PathBuf,
        /// What is the matter with it.
        reason: String,
        /// What to do.
        way_out: String,
    },
    /// What was unpacked into the cache is not what it was, and was deleted.
    #[error(
        "{path}: {reason}; the kernel is deleted from the cache, and fetched anew when it is asked for again"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is the matter with it.
        reason: &'static str,
    },
    /// A machine's process cannot be copied.
    #[error("QEMU cannot be forked: {0}")]
    Unforkable(#[from] Unforkable),
    /// A machine ended, or said nothing, before it was ready.
    #[error("the machine was not ready: {ending}{}", said(ending, console))]
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

/// The console's last lines, or that there are none.
fn said(ending: &Ending, lines: &[String]) -> String {
    match ending {
        // The boot image unpacks itself before it can say anything.
        Ending::Exited(status) if status.success() && lines.is_empty() => {
            "; its kernel printed nothing: is the image whole, and for this machine?".to_owned()
        }
        _ => indented(lines),
    }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {}", one_line(line))).collect()
}

/// `; E: Failed to fetch …`
fn errors_in(said: &str) -> String {
    let errors = said.lines().filter_map(|line| line.trim().strip_prefix("E: "));
    errors.map(|error| format!("; E: {}", before_address(error))).collect()
}

/// What comes before a URL, or the path of a file.
fn before_address(text: &str) -> String {
    match text.find(":/") {
        // Its scheme is its own word, perhaps with a quotation mark.
        Some(colon) => {
            let before = text[..colon].rfind(' ').map_or("", |space| &text[..space]);
            format!("{before} …").trim_start().to_owned()
        }
        None => text.to_owned(),
    }
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

    /// In words that may go to others, in a report or a lock file's trouble. A program's own say where it looked, and which
    /// host that is belongs to nobody else: of them there is only what apt calls an error, up to the first address.
    pub fn for_others(&self) -> String {
        match self {
            Self::Command { program, said } => format!("{program} failed{}", errors_in(said)),
            other => other.to_string(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case::not_there(
        "E: Version '1' for 'linux-image-a' was not found",
        "; E: Version '1' for 'linux-image-a' was not found"
    )]
    #[case::an_address(
        "Err:1 http://host/debian sid InRelease\n  Could not resolve 'host'\n\
         E: Failed to fetch http://host/debian/dists/sid/InRelease  Could not resolve 'host'\n\
         E: Some index files failed to download.",
        "; E: Failed to fetch …; E: Some index files failed to download."
    )]
    #[case::quoted(
        "E: The repository 'http://host/debian sid Release' has no Release file.",
        "; E: The repository …"
    )]
    #[case::nothing_but("E: https://host [IP: 192.0.2.1 443]", "; E: …")]
    #[case::a_proxy("Could not connect to proxy:3128 (192.0.2.1)", "")]
    fn what_others_read_names_no_host(#[case] said: &str, #[case] kept: &str) {
        let error = Error::Command { program: "apt-get update".into(), said: said.into() };
        assert_eq!(error.for_others(), format!("apt-get update failed{kept}"));
        // The terminal is for who has the machine.
        assert!(error.to_string().ends_with(said));
    }
}
