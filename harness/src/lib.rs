//! The scenario language, its operations, evidence, judging and reports.
#![forbid(unsafe_code)]

pub mod event;
pub mod operation;
pub mod plan;
