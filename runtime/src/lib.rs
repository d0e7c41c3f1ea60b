//! One Linux container, built step by step. Knows nothing of scenarios or QEMU.
//!
//! [`spec::Spec`] is what a container is; [`explain()`] tells the plan; [`Container::spawn`] carries it out, part of it in
//! the parent (`ParentStep`), the rest in the child (`ChildStep`). `channel.rs` draws how the two talk.
//!
//! What a container is, and what is done for it:
//! - [`spec`], `check`, `problem`: the specification, and what is wrong with it
//! - `step`, `action`, `steps`: the steps by name, what each does, and the plan
//! - `describe`, `help`: their words
//! - `explain`, [`shell`]: the plan as commands of a shell
//! - `trace`: the plan while it is carried out
//!
//! How it is done:
//! - `container`, `exec`: a container, and another program in one
//! - `job`, `stdio`, `launch`, `channel`, `intermediate`: the parent's part, and how it talks with the child
//! - `attach`, `network`, `identity`, [`cgroup`]: what the parent does for the child from outside
//! - `child`: the child's part, with `root`, `tree`, `mounts`, `dev`, `skeleton`, [`caps`], `program`, `init`
//! - `net`, `unlink`, `names`: devices, addresses, routes, and namespaces by inode
//! - `process`, `teardown`, `running`: a container that runs, and its end
//!
//! For people: [`cli`] is `nsrun`, [`output`] what it prints.

#![forbid(unsafe_code)]

mod action;
mod attach;
pub mod caps;
pub mod cgroup;
mod channel;
mod check;
mod child;
pub mod cli;
mod container;
mod describe;
mod dev;
mod exec;
mod explain;
mod help;
mod identity;
mod init;
mod intermediate;
mod job;
mod launch;
mod mounts;
mod names;
mod net;
mod network;
pub mod output;
mod problem;
mod process;
mod program;
mod root;
mod running;
pub mod shell;
mod skeleton;
pub mod spec;
mod stdio;
mod step;
mod steps;
mod teardown;
mod trace;
mod tree;
mod unlink;

pub use self::container::Container;
pub use self::exec::{Exec, Joined};
pub use self::explain::{Explained, explain};
pub use self::names::namespaces;
pub use self::problem::{Problem, Unknown};
pub use self::running::Running;
pub use self::step::{Failure, Side, Step};
pub use self::trace::Trace;
pub use sys::process::Status;
