//! One Linux container, built step by step. Knows nothing of scenarios or QEMU.

pub mod spec;
pub mod sys;
