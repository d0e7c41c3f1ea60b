//! The probe: performs operations one after another, in the process that it is.
//!
//! ```text
//! runner                probe
//! Order      ────────▶  (standard input)
//!            ◀────────  Reply (standard output)
//! end        ────────▶  exits
//! ```
//! A reply repeats the order's nonce, which no step can know: what a step writes to the channel by itself answers nothing.

use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use runtime::output;
use sys::probe::task;
use sys::process;

use super::ops::{self, State};
use super::order::{Order, Reply};

/// Serves until standard input ends.
pub fn serve() -> Result<(), Box<dyn Error>> {
    task::set_name(c"probe")?;
    let mut state = State::default();
    for line in io::stdin().lock().lines() {
        let Order { nonce, operation, other_user } = serde_json::from_str(&line?)?;
        state.other_user = other_user;
        let started = Instant::now();
        let outcome = ops::outcome(ops::perform(&operation, &mut state));
        let us = u64::try_from(started.elapsed().as_micros())?;
        let mut line = serde_json::to_vec(&Reply { nonce, outcome, us })?;
        line.push(b'\n');
        let mut output = io::stdout().lock();
        output.write_all(&line)?;
        output.flush()?;
        // As PID 1 it is the parent of the namespace's orphans.
        while process::reap(None)?.is_some() {}
    }
    Ok(())
}

/// Prints who this process is: the program of an `execute` step.
pub fn introduce() -> Result<(), Box<dyn Error>> {
    let known = ops::introduce().map_err(|refusal| format!("{refusal:?}"))?;
    Ok(output::print(&format!("{known}\n"))?)
}

/// The argument with which a program is [`introduce`]d.
pub const WHO: &str = ops::WHO;
