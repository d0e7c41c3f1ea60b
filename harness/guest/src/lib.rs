//! The guest's side: PID 1 of the virtual machine, and the probes that act and look.
//!
//! ```text
//! host ══ttyS1══ init (PID 1)     one for a boot: machine, channel, deadline, oracles
//!                  │ fork         Plan ▼  ▲ Event lines
//!                runner           one for a scenario: needs, containers, steps
//!                  ├─ exec ────── probe                      acts as `host`
//!                  ├─ Container ─ probe, PID 1 of a container  acts as that container
//!                  └─ exec ────── probe in a process that joined one (`via = "exec"`), for one step
//!                                 Order ▼  ▲ Reply lines
//! ```
//! - **A scenario cannot speak for the guest.** Only init and the runner know the run's key; probes have descriptors 0–2.
//! - **A probe is one thread with state**: what an operation changes (root, working directory, namespaces, an open socket)
//!   is there for the next step.
//! - **Init outlives everything but the kernel**: it does no more than forward, wait with a deadline, kill and look.
//!
//! - [`init`], `boot`, `world`, `channel`: PID 1
//! - `oracles`: what it looks at after each scenario
//! - `runner`, `needs`, `actors`, `undo`, `inheritable`, `oom`, `skeleton`: one scenario
//! - `network`: devices, addresses and routes, for all of these
//! - `actor`, `link`, `no_reply`, `look`, `integrity`: a probe, seen from the runner
//! - [`probe`], `order`, `ops`, `refusal`, `child`, `parse`: a probe
#![forbid(unsafe_code)]

pub mod init;
pub mod probe;

mod actor;
mod actors;
mod boot;
mod channel;
mod child;
mod inheritable;
mod integrity;
mod link;
mod look;
mod needs;
mod network;
mod no_reply;
mod oom;
mod ops;
mod oracles;
mod order;
mod parse;
mod refusal;
mod runner;
mod skeleton;
mod undo;
mod world;
