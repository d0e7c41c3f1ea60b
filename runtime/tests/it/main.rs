//! `nsrun` on the kernel of this machine: one binary, so that it is linked once.
#![allow(clippy::unwrap_used, reason = "in a test a panic is the message, in its helpers too")]

mod common;
mod confinement;
mod giving_up;
mod hostile;
mod lifecycle;
mod mounts;
mod namespaces;
mod network;
mod own_program;
mod refusals;
mod terminal;
