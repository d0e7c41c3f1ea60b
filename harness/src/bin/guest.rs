//! PID 1 in the virtual machine.
#![forbid(unsafe_code)]

fn main() {}
