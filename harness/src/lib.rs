//! The scenario language, judging, reports, and a run's orchestration.
//!
//! A scenario:
//! - [`scenario`], [`matcher`], [`diagnostic`]: the language, and what is wrong with a file
//! - [`catalogue`], `options`: what scenarios cover, and what they need of a kernel's configuration
//! - [`explain`]: a scenario as commands of a shell
//!
//! A run:
//! - [`run`], [`isolation`], [`shard`], [`progress`]: scenarios on kernels, in machines
//! - [`judge`]: a verdict, out of a scenario and its evidence
//! - [`report`], [`repro`]: what it came to, and how to see it again
//!
//! What is made of reports:
//! - [`compare`], [`merge`], [`baseline`], [`bisect`]
//!
//! How fast it is and whether its endings are true has crates of its own: `bench`, `selftest`.
//!
//! For all of them: [`inline`] are values as one line of TOML or JSON, [`output`] is all that is printed.
#![forbid(unsafe_code)]

pub mod baseline;
pub mod bisect;
pub mod catalogue;
pub mod compare;
pub mod diagnostic;
pub mod explain;
pub mod inline;
pub mod isolation;
pub mod judge;
pub mod matcher;
pub mod merge;
mod options;
pub mod output;
pub mod progress;
pub mod report;
pub mod repro;
pub mod run;
pub mod scenario;
pub mod shard;
