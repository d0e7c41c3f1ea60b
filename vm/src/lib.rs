//! Kernels, initramfs and QEMU. Knows nothing of scenarios.
//!
//! ```text
//! kernel::resolve ─▶ Kernel ─▶ prepare (modules::closure, initramfs::build) ─┐
//!                                               qemu::find ─▶ accel::choose ─┴▶ Machine::boot
//!                                                                             └▶ Template::ensure ─▶ clones
//! ```
//! A [`Machine`] talks in lines: what they mean is its caller's business.
//!
//! - [`kernel`], [`modules`], `module_files`, [`initramfs`], [`userland`], `compression`, `prepare`: what is booted
//! - [`qemu`], [`accel`], `accelerator`: what it is booted by
//! - [`machine`], `ending`: a machine that runs, and how it ends
//! - `template`, `fork_server`, [`fork`]: machines that begin where another one was stopped
//! - [`cache`], `process`, [`text`], `umask`: files, programs and words of this machine
#![forbid(unsafe_code)]

pub mod accel;
mod accelerator;
pub mod cache;
mod compression;
mod ending;
mod error;
mod fork_server;
pub mod initramfs;
pub mod kernel;
pub mod machine;
mod module_files;
pub mod modules;
mod prepare;
mod process;
pub mod program;
pub mod qemu;
mod template;
pub mod text;
mod umask;
pub mod userland;

pub use cache::Cache;
pub use ending::Ending;
pub use error::{Error, Result};
pub use fork::Unforkable;
pub use fork_server::ForkServer;
pub use initramfs::Initramfs;
pub use kernel::Kernel;
pub use machine::{Config, Machine, Phases};
pub use prepare::{Prepared, prepare};
pub use process::Tool;
pub use qemu::Qemu;
pub use template::Template;
pub use umask::keep_others_from_writing;

/// Is told what takes time, before it begins: `fetching linux-image-6.1.0-1-amd64`.
pub trait Progress {
    /// The next step begins.
    fn step(&self, what: &str);
}

/// Progress that nobody watches.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn step(&self, _what: &str) {}
}
