//! The scenario language, its operations, evidence, judging and reports.
#![forbid(unsafe_code)]

pub mod event;
pub mod guest;
pub mod operation;
pub mod plan;

#[cfg(feature = "host")]
pub mod baseline;
#[cfg(feature = "host")]
pub mod bench;
#[cfg(feature = "host")]
pub mod bisect;
#[cfg(feature = "host")]
pub mod catalogue;
#[cfg(feature = "host")]
pub mod compare;
#[cfg(feature = "host")]
pub mod diagnostic;
#[cfg(feature = "host")]
pub mod evidence;
#[cfg(feature = "host")]
pub mod explain;
#[cfg(feature = "host")]
mod input;
#[cfg(feature = "host")]
pub mod judge;
#[cfg(feature = "host")]
pub mod matcher;
#[cfg(feature = "host")]
pub mod merge;
#[cfg(feature = "host")]
mod options;
#[cfg(feature = "host")]
pub mod output;
#[cfg(feature = "host")]
pub mod progress;
#[cfg(feature = "host")]
pub mod report;
#[cfg(feature = "host")]
pub mod repro;
#[cfg(feature = "host")]
pub mod run;
#[cfg(feature = "host")]
pub mod scenario;
#[cfg(feature = "host")]
pub mod selftest;
#[cfg(feature = "host")]
pub mod shard;
