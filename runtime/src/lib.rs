//! One Linux container, built step by step. Knows nothing of scenarios or QEMU.
//!
//! [`spec::Spec`] is what a container is; [`steps()`] is the plan; [`Container::spawn`] carries it out, part of it in the
//! parent (`steps.rs`' `Attach`), the rest in the child. `channel.rs` draws how the two talk.

mod attach;
pub mod caps;
pub mod cgroup;
mod channel;
mod check;
mod child;
pub mod cli;
mod connect;
mod container;
mod describe;
mod dev;
mod exec;
mod explain;
mod help;
mod identity;
mod init;
mod intermediate;
mod launch;
mod mounts;
mod names;
pub mod net;
pub mod output;
mod program;
mod root;
mod running;
pub mod shell;
mod skeleton;
pub mod spec;
mod step;
mod steps;
pub mod sys;
mod trace;
mod tree;
mod unlink;

pub use self::check::Problem;
pub use self::container::Container;
pub use self::exec::{Exec, Joined};
pub use self::explain::{Explained, explain};
pub use self::names::namespaces;
pub use self::running::Running;
pub use self::step::{Failure, Side, Step};
pub use self::steps::{Phase, Planned, steps};
pub use self::sys::process::Status;
pub use self::trace::Trace;
