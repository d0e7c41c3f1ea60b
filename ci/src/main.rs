//! The commands that people and CI run; dispatch only.
#![forbid(unsafe_code)]

fn main() {}
