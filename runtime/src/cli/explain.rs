//! `nsrun explain`

use std::io::ErrorKind;

use clap::Args;

use super::flags::Flags;
use super::message::Message;
use crate::output;

/// Print the steps that would build the container.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    flags: Flags,
}

impl Explain {
    pub(super) fn run(self) -> Result<i32, Message> {
        let spec = self.flags.into_spec()?;
        let mut text = String::new();
        for (number, step) in (1..).zip(crate::explain(&spec)) {
            text += &format!("{number:>2}. {}: {}\n", step.step, output::one_line(&step.what));
            if !step.shell.is_empty() {
                text += &format!("      $ {}\n", step.shell);
            }
        }
        match output::print(&text) {
            // Whoever asked has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(0),
            Err(error) => Err(Message::new(
                format!("cannot write to the standard output: {error}"),
                "make room there, or write it elsewhere",
            )),
            Ok(()) => Ok(0),
        }
    }
}
