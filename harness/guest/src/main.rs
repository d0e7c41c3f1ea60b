//! The guest: PID 1 of the virtual machine, and the probe in every container.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use guest::{init, probe};

fn main() -> ExitCode {
    let done = match std::env::args().nth(1).as_deref() {
        Some("probe") => probe::serve(),
        Some(probe::WHO) => probe::introduce(),
        Some(init::SEALED) if std::process::id() == 1 => init::run().map(|never| match never {}),
        _ if std::process::id() == 1 => init::seal().map(|never| match never {}),
        _ => Err("this program is the init of a virtual machine: `cargo xtask vm-test` starts it".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            runtime::output::say(format!("guest: {error}"));
            ExitCode::FAILURE
        }
    }
}
