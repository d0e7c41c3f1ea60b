//! What a scenario that did not pass leaves: one directory with all that is known of it, by which it can be run again.
//!
//! ```text
//! a run that did not pass ─▶ write ─▶ directory ─▶ Recording::read ─┬▶ Recording::judge     no machine
//!                                     qemu.sh: by hand              ├▶ Recording::kernel ─▶ run::run   again
//!                                                                   └▶ run::keep            a shell where it ended
//! ```

mod error;
mod read;
mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vm::text::acts;

use crate::report::Outcome;
use protocol::event;
use protocol::plan;

pub use error::Error;
pub use read::{Recording, differences};
pub(crate) use write::{Run, remove, write};

/// The version of the directory's format.
const SCHEMA: u32 = 1;

/// The files of a directory.
mod file {
    pub(super) const README: &str = "README.txt";
    pub(super) const RECORD: &str = "record.json";
    pub(super) const SCENARIO: &str = "scenario.toml";
    pub(super) const REQUEST: &str = "request.json";
    pub(super) const EVENTS: &str = "events.jsonl";
    pub(super) const CONSOLE: &str = "console.txt";
    pub(super) const GUEST: &str = "guest.json";
    pub(super) const QEMU: &str = "qemu.sh";
    pub(super) const ALL: [&str; 8] = [README, RECORD, SCENARIO, REQUEST, EVENTS, CONSOLE, GUEST, QEMU];
}

/// What was run, on what, and what came of it: `record.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    schema: u32,
    /// Version of nsproof.
    pub nsproof: String,
    /// The kernel.
    pub kernel: Kernel,
    /// The first files.
    pub initramfs: Hashed,
    /// SHA-256 of all that the template depended on; `None` if the machine was booted for this scenario alone.
    pub template: Option<String>,
    /// `7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)`
    pub qemu: String,
    /// `kvm` or `tcg`.
    pub accel: String,
    /// `clone`, `boot` or `shared`.
    pub isolation: String,
    /// How the machine was lost, if it was.
    pub lost: Option<String>,
    /// As in the run's report.
    pub outcome: Outcome,
}

/// The kernel of a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kernel {
    /// As it was asked for: `distro`.
    pub name: String,
    /// `uname -r`
    pub release: String,
    /// The package's version, or the banner in the image.
    pub version: String,
    /// The boot image.
    pub image: Hashed,
    /// The folder with its modules.
    pub modules: Option<PathBuf>,
}

/// A file, and what was in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashed {
    /// Where it was.
    pub path: PathBuf,
    /// In hexadecimal.
    pub sha256: String,
}

/// What went to a machine and came from it.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    pub(crate) request: plan::Run,
    /// As they came.
    pub(crate) lines: Vec<String>,
    /// How the machine was lost, if it was.
    pub(crate) lost: Option<String>,
    /// How everyone looked in the end, if that was asked for.
    pub(crate) looks: BTreeMap<String, BTreeMap<String, event::Outcome>>,
    pub(crate) console: String,
}

/// The directory of a scenario on a kernel.
pub(crate) fn place(folder: &Path, kernel: &str, scenario: &str) -> PathBuf {
    // What acts on a terminal is in no name of a folder that one is told to go to.
    let scenario: String = scenario
        .chars()
        .map(|c| {
            if acts(c) {
                c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect()
            } else {
                c.to_string()
            }
        })
        .collect();
    // A kernel may be a path, and is one folder here, and no other kernel's.
    let mut name = String::new();
    for byte in kernel.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_+".contains(&byte) || (byte == b'.' && !name.is_empty()) {
            name.push(byte.into());
        } else {
            name += &format!("%{byte:02X}");
        }
    }
    folder.join(name).join(scenario)
}

#[cfg(test)]
mod tests;
