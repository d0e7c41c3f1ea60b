//! One façade for the kernel: the system calls of runtime and guest, and all `unsafe` code of the project.
//!
//! The functions are thin, take typed descriptors and ids, and return the kernel's own [`Errno`].
//!
//! - [`process`], [`signal`]: birth, program, end
//! - [`launcher`], [`memory_file`]: a program that is executed out of memory
//! - [`namespace`], [`credentials`], [`capability`], [`seccomp`]: what a process is in, and what it may do
//! - [`mount`], [`mountinfo`], [`mod@file`], [`descriptor`]: what it reaches
//! - [`input`]: files that others wrote
//! - [`netlink`], [`socket`], [`terminal`]: whom it talks to
//! - [`probe`]: calls that only the guest makes, for the operations of scenarios

pub mod capability;
pub mod credentials;
pub mod descriptor;
pub mod file;
pub mod input;
pub mod launcher;
pub mod memory_file;
pub mod mount;
pub mod mountinfo;
pub mod namespace;
pub mod netlink;
pub mod probe;
pub mod process;
pub mod seccomp;
pub mod signal;
pub mod socket;
pub mod terminal;

pub use nix::errno::Errno;
pub use nix::sys::signal::Signal;

/// What the kernel answered.
pub type Result<T> = std::result::Result<T, Errno>;

/// The errno of a standard library call; `EIO` for one that failed without the kernel.
pub fn errno_of(error: &std::io::Error) -> Errno {
    error.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// The name as the kernel's headers have it: `EPERM`.
pub fn errno_name(errno: Errno) -> String {
    format!("{errno:?}")
}
