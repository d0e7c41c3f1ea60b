//! What host and guest say to each other.
//!
//! - [`plan`]: what the host asks for; it draws the conversation
//! - [`operation`]: what a step may do
//! - [`event`]: what the guest answers, fact by fact
//! - [`evidence`]: the facts of one run, and what was lost of them
#![forbid(unsafe_code)]

pub mod event;
pub mod evidence;
pub mod operation;
pub mod plan;
