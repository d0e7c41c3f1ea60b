//! The commands as people and CI call them, on real machines.

mod baseline;
mod bisect;
mod cache;
mod clones;
mod compare;
mod emulator;
mod fleet;
mod forms;
mod hostile;
mod kernels;
mod pipes;
mod vm_test;
