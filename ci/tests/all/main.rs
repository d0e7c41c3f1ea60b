//! The commands, and all that this repository has besides its crates, on real machines. One program: what waits for a machine, and
//! what builds a kernel with every processor, go on side by side.

mod bench;
mod bisect_commits;
mod commands;
mod common;
mod extending;
mod kvm;
mod packages;
mod repro;
mod self_test;
mod soak;
mod tidy;
mod workflows;
