//! Tests of the crate as its callers see it; most of them boot machines on the distribution's own kernel.

mod arguments;
mod confinement;
mod fork_server;
mod guest;
mod kernels;
mod machine;
mod parent;
mod template;
mod vmlinux;
